//! Rows of names and values: how events come in from the page.
//!
//! ```text
//! name US value US name US value …          US = 0x1f, which no value holds
//! ```
//!
//! The page flattens a JSON body into `creator.name`, `allowances.0.cap` and so on, leaves nulls out
//! and adds `<name>_ms` beside each time, so that no JSON and no date reader is shipped as Wasm.
//! Rows are looked through where they lie: a map would cost more bytes than it saves time.

use alloc::string::String;

use farthing_shared::Micros;

/// Separates names and values.
pub const UNIT: char = '\u{1f}';

/// The fields of one event or answer, or those below one prefix of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fields<'a> {
    row: &'a str,
    prefix: &'a str,
}

impl<'a> Fields<'a> {
    /// Reads a row; a name without a value is dropped.
    #[must_use]
    pub fn read(row: &'a str) -> Self {
        Self { row, prefix: "" }
    }

    /// The value of a name; empty when it is absent, which no field of ours tells apart. The first
    /// one counts.
    #[must_use]
    pub fn text(&self, name: &str) -> &'a str {
        look_up(self.row, self.prefix, name)
    }

    /// The value as a string of its own.
    #[must_use]
    pub fn owned(&self, name: &str) -> String {
        self.text(name).into()
    }

    /// Whether there is such a field with something in it. The page gives every object of a JSON
    /// body a field of its own, so this answers for those too.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        !self.text(name).is_empty()
    }

    /// A whole number, or `None` when it is absent or something else.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        whole(self.text(name))
    }

    /// A whole number, or zero.
    #[must_use]
    pub fn count(&self, name: &str) -> u64 {
        self.number(name).unwrap_or(0)
    }

    /// An amount, or `None` when it is absent or something else.
    #[must_use]
    pub fn micros(&self, name: &str) -> Option<Micros> {
        Micros::parse(self.text(name)).ok()
    }

    /// Whether the value is `true`.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        self.text(name) == "true"
    }

    /// The fields below `prefix`, which ends in a point. Prefixes do not nest: name the whole one.
    #[must_use]
    pub fn below(&self, prefix: &'a str) -> Self {
        Self { row: self.row, prefix }
    }
}

#[inline(never)]
fn look_up<'a>(row: &'a str, prefix: &str, name: &str) -> &'a str {
    let mut units = row.split(UNIT);
    while let (Some(key), Some(value)) = (units.next(), units.next()) {
        if key.strip_prefix(prefix) == Some(name) {
            return value;
        }
    }
    ""
}

/// Digits as a number. The standard parser brings signs, errors and their texts along.
#[inline(never)]
#[must_use]
pub fn whole(text: &str) -> Option<u64> {
    let mut number = 0_u64;
    for digit in text.bytes() {
        let value = digit.wrapping_sub(b'0');
        if value > 9 {
            return None;
        }
        number = number.checked_mul(10)?.checked_add(u64::from(value))?;
    }
    if text.is_empty() { None } else { Some(number) }
}

/// Digits without the weight of `core::fmt`.
#[inline(never)]
#[must_use]
pub fn decimal(mut number: u64) -> String {
    let mut text = String::new();
    // Few numbers are written, so the front is as good a place to write at as any.
    loop {
        text.insert(0, char::from(b'0' + u8::try_from(number % 10).unwrap_or(0)));
        number /= 10;
        if number == 0 {
            return text;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_the_standard_library_does() {
        for number in [0, 7, 10, 99, 1_700_000_000_000, u64::MAX] {
            assert_eq!(decimal(number), number.to_string());
        }
    }

    #[test]
    fn rows_read_back() {
        let fields =
            Fields::read("a\u{1f}1\u{1f}b.c\u{1f}0.05\u{1f}b\u{1f}+\u{1f}d\u{1f}true\u{1f}odd");
        assert_eq!(fields.number("a"), Some(1));
        assert_eq!(fields.micros("b.c").map(Micros::get), Some(50_000));
        assert_eq!(fields.below("b.").text("c"), "0.05");
        assert!(fields.flag("d") && fields.has("b") && !fields.has("odd") && !fields.has("b."));
        assert_eq!((fields.text("x"), fields.number("d")), ("", None));
        assert!(!Fields::read("").has("a"));
    }

    #[test]
    fn whole_numbers() {
        let rows = [
            ("0", Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1.0", None),
            (" 1", None),
        ];
        for (text, number) in rows {
            assert_eq!(whole(text), number, "{text}");
        }
    }
}
