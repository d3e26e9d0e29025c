//! Money: whole micros (a millionth of the currency's unit), checked arithmetic only.

use alloc::string::String;
use core::fmt;

/// A non-negative amount in micros: 50,000 micros are 0.05 of the unit.
///
/// Bounded by [`Micros::MAX`] so that every sum of two fits an `i64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Micros(u64);

/// Micros in one unit of the currency.
pub const MICROS_PER_UNIT: u64 = 1_000_000;

impl Micros {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount: 4 · 10¹² units, a quarter of what an `i64` of micros holds.
    pub const MAX: Self = Self(4_000_000_000_000 * 1_000_000 / 2);

    /// An amount of micros, or `None` above [`Micros::MAX`].
    #[must_use]
    pub const fn new(micros: u64) -> Option<Self> {
        if micros <= Self::MAX.0 { Some(Self(micros)) } else { None }
    }

    /// The number of micros.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number of micros as a signed number, for postings.
    #[must_use]
    pub fn signed(self) -> i64 {
        i64::try_from(self.0).expect("Micros::MAX is below i64::MAX")
    }

    /// Sum, or `None` above [`Micros::MAX`].
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).and_then(Self::new)
    }

    /// Difference, or `None` below zero.
    #[must_use]
    pub fn minus(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The share of `parts_per_million` of this amount, rounded down.
    #[must_use]
    pub fn share(self, parts_per_million: u32) -> Self {
        let product = u128::from(self.0).saturating_mul(u128::from(parts_per_million));
        let share = product.checked_div(1_000_000).unwrap_or(0);
        Self(u64::try_from(share).unwrap_or(Self::MAX.0).min(self.0))
    }

    /// Reads a decimal string of the main unit: digits, and at most six more after a point.
    /// One spelling per value is not demanded here (`0.05` and `0.050` are equal amounts), but
    /// signs, exponents, separators and leading zeros such as `007` are refused.
    ///
    /// # Errors
    /// [`BadAmount`] says what is wrong.
    pub fn parse(text: &str) -> Result<Self, BadAmount> {
        // By bytes: the standard library's search for a character is most of what this function
        // would weigh in the browser.
        let point = text.bytes().position(|b| b == b'.');
        let (whole, fraction) = match point.and_then(|at| text.split_at_checked(at)) {
            Some((whole, rest)) => (whole, rest.get(1..).unwrap_or("")),
            None => (text, ""),
        };
        if point.is_some() && (whole.is_empty() || fraction.is_empty()) {
            return Err(BadAmount::NotADecimal);
        }
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return Err(BadAmount::NotADecimal);
        }
        if whole.len() > 1 && whole.starts_with('0') {
            return Err(BadAmount::NotADecimal);
        }
        if fraction.len() > 6 {
            return Err(BadAmount::TooFine);
        }
        let whole: u64 = whole.parse().map_err(|_| BadAmount::TooLarge)?;
        let mut micros = whole.checked_mul(MICROS_PER_UNIT).ok_or(BadAmount::TooLarge)?;
        let mut place = 100_000_u64;
        for digit in fraction.bytes() {
            let value = u64::from(digit.saturating_sub(b'0')).saturating_mul(place);
            micros = micros.checked_add(value).ok_or(BadAmount::TooLarge)?;
            place = place.checked_div(10).unwrap_or(0);
        }
        Self::new(micros).ok_or(BadAmount::TooLarge)
    }

    /// The decimal string of the main unit with at least two digits after the point: `0.05`,
    /// `0.0525`, `12.00`.
    #[must_use]
    pub fn to_decimal(self) -> String {
        alloc::format!("{self}")
    }
}

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0.checked_div(MICROS_PER_UNIT).unwrap_or(0);
        let mut rest = self.0.checked_rem(MICROS_PER_UNIT).unwrap_or(0);
        let mut digits = 6_usize;
        while digits > 2 && rest.checked_rem(10) == Some(0) {
            rest = rest.checked_div(10).unwrap_or(0);
            digits = digits.saturating_sub(1);
        }
        write!(f, "{whole}.{rest:0digits$}")
    }
}

/// Why a text is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadAmount {
    /// Not digits with at most one point between them.
    NotADecimal,
    /// More than six digits after the point.
    TooFine,
    /// Above [`Micros::MAX`].
    TooLarge,
}

impl fmt::Display for BadAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotADecimal => "expected a decimal such as 0.05",
            Self::TooFine => "at most six digits after the point are possible",
            Self::TooLarge => "the amount is too large",
        })
    }
}

impl core::error::Error for BadAmount {}

/// An ISO 4217 code such as `EUR`: three capital letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Reads three capital letters; `None` for everything else.
    #[must_use]
    pub fn new(code: [u8; 3]) -> Option<Self> {
        if code.iter().all(u8::is_ascii_uppercase) { Some(Self(code)) } else { None }
    }

    /// Reads the text form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.as_bytes().try_into().ok().and_then(Self::new)
    }

    /// The three letters.
    #[must_use]
    pub const fn bytes(self) -> [u8; 3] {
        self.0
    }

    /// The three letters as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).expect("three ASCII capitals, checked in new")
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn decimals() {
        let rows = [
            ("0.05", Ok(50_000)),
            ("0.050", Ok(50_000)),
            ("0", Ok(0)),
            ("0.000001", Ok(1)),
            ("12", Ok(12_000_000)),
            ("2000000000000", Ok(Micros::MAX.get())),
            ("2000000000000.000001", Err(BadAmount::TooLarge)),
            ("18446744073709551616", Err(BadAmount::TooLarge)),
            ("99999999999999", Err(BadAmount::TooLarge)),
            ("0.0000001", Err(BadAmount::TooFine)),
            ("", Err(BadAmount::NotADecimal)),
            (".5", Err(BadAmount::NotADecimal)),
            ("5.", Err(BadAmount::NotADecimal)),
            ("-1", Err(BadAmount::NotADecimal)),
            ("+1", Err(BadAmount::NotADecimal)),
            ("1e3", Err(BadAmount::NotADecimal)),
            ("1,5", Err(BadAmount::NotADecimal)),
            ("007", Err(BadAmount::NotADecimal)),
            ("1.2.3", Err(BadAmount::NotADecimal)),
            ("0x10", Err(BadAmount::NotADecimal)),
            ("\u{0661}", Err(BadAmount::NotADecimal)),
        ];
        for (text, expected) in rows {
            assert_eq!(Micros::parse(text).map(Micros::get), expected, "{text}");
        }
    }

    #[test]
    fn printed_amounts_read_back() {
        for (micros, text) in
            [(50_000, "0.05"), (52_500, "0.0525"), (1, "0.000001"), (12_000_000, "12.00")]
        {
            let amount = Micros::new(micros).unwrap();
            assert_eq!(amount.to_string(), text);
            assert_eq!(Micros::parse(text), Ok(amount));
        }
    }

    #[test]
    fn shares_round_down_and_never_exceed() {
        let amount = Micros::new(99).unwrap();
        assert_eq!(amount.share(10_000).get(), 0);
        assert_eq!(amount.share(1_000_000), amount);
        assert_eq!(amount.share(u32::MAX), amount);
        assert_eq!(Micros::MAX.share(500_000).get(), Micros::MAX.get() / 2);
    }
}
