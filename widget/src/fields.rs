//! Rows of names and values: how events come in from the page.
//!
//! ```text
//! name US value US name US value …          US = 0x1f, which no value holds
//! ```
//!
//! The page flattens a JSON body into `creator.name`, `allowances.0.cap` and so on, leaves nulls out
//! and adds `<name>_ms` beside each time, so that no JSON and no date reader is shipped as Wasm.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use farthing_shared::Micros;

/// Separates names and values.
pub const UNIT: char = '\u{1f}';

/// The fields of one event or answer.
#[derive(Debug, Clone, Default)]
pub struct Fields<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Fields<'a> {
    /// Reads a row; a name without a value is dropped.
    #[must_use]
    pub fn read(text: &'a str) -> Self {
        let mut fields = Vec::new();
        let mut units = text.split(UNIT);
        while let (Some(name), Some(value)) = (units.next(), units.next()) {
            fields.push((name, value));
        }
        Self(fields)
    }

    /// The value of a name; empty when it is absent, which no field of ours tells apart.
    #[must_use]
    pub fn text(&self, name: &str) -> &'a str {
        self.0.iter().find(|(n, _)| *n == name).map_or("", |(_, value)| *value)
    }

    /// The value as a string of its own.
    #[must_use]
    pub fn owned(&self, name: &str) -> String {
        self.text(name).to_string()
    }

    /// Whether there is such a field, or one below it (`allowance` for `allowance.cap`).
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| {
            n.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }

    /// A whole number, or `None` when it is absent or something else.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.text(name).parse().ok()
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

    /// The fields below `prefix`, with the prefix (which ends in a point) taken off.
    #[must_use]
    pub fn below(&self, prefix: &str) -> Self {
        Self(
            self.0
                .iter()
                .filter_map(|(name, value)| name.strip_prefix(prefix).map(|rest| (rest, *value)))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_read_back() {
        let fields = Fields::read("a\u{1f}1\u{1f}b.c\u{1f}0.05\u{1f}d\u{1f}true\u{1f}odd");
        assert_eq!(fields.number("a"), Some(1));
        assert_eq!(fields.micros("b.c").map(Micros::get), Some(50_000));
        assert_eq!(fields.below("b.").text("c"), "0.05");
        assert!(fields.flag("d") && fields.has("b") && !fields.has("odd") && !fields.has("b."));
        assert_eq!((fields.text("x"), fields.number("d")), ("", None));
        assert!(!Fields::read("").has("a"));
    }
}
