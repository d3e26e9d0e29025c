//! What the verifier says about price, payee, ownership and allowance: the only source of what is
//! shown and signed.

use alloc::string::String;

use farthing_shared::{CreatorId, Currency, Micros};

use crate::fields::Fields;
use crate::signer::creator_of;

/// What is for sale, as the page's tag names it: the row that came in. Hostile input: it only
/// selects, it never sets price or payee.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted(String);

impl Wanted {
    /// Takes a row with `creator`, `item` (empty for a donation), `origin` (as the browser says),
    /// and perhaps `offer` and `title`.
    #[must_use]
    pub fn new(row: &str) -> Self {
        Self(row.into())
    }

    /// One of its fields.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        Fields::read(&self.0).text(name)
    }

    /// The path of the request for the quote.
    #[must_use]
    pub fn path(&self) -> String {
        let mut path = String::from("/v1/quote");
        for name in ["creator", "item", "origin", "offer", "title"] {
            let value = self.text(name);
            // A title says nothing without the offer that binds it.
            if !value.is_empty() && (name != "title" || !self.text("offer").is_empty()) {
                path.push(if name == "creator" { '?' } else { '&' });
                path.push_str(name);
                path.push('=');
                escape(&mut path, value);
            }
        }
        path
    }
}

/// Percent-encodes everything but RFC 3986's unreserved characters, so that no browser changes
/// the path after it was signed.
pub fn escape(path: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push('%');
            for half in [byte >> 4, byte & 15] {
                path.push(
                    char::from_digit(u32::from(half), 16).unwrap_or('0').to_ascii_uppercase(),
                );
            }
        }
    }
}

/// A quote that was understood: what money depends on is read once, words when they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    row: String,
    /// Who is paid.
    pub creator: CreatorId,
    /// The price; `None` for a donation.
    pub price: Option<Micros>,
    /// The provider's currency.
    pub currency: Currency,
}

impl Quote {
    /// Reads the verifier's answer; `None` when something is missing that money depends on.
    #[must_use]
    pub fn read(row: &str) -> Option<Self> {
        let fields = Fields::read(row);
        let price = fields.micros("price");
        // An item without a price would be paid for as a donation.
        if fields.has("item") != price.is_some() {
            return None;
        }
        Some(Self {
            creator: creator_of(fields.text("creator.id"))?,
            price,
            currency: Currency::parse(fields.text("currency"))?,
            row: row.into(),
        })
    }

    /// One of its fields.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        Fields::read(&self.row).text(name)
    }

    /// What the item is called; empty for a donation.
    #[must_use]
    pub fn title(&self) -> &str {
        match self.text("item.title") {
            "" => self.text("item.name"),
            title => title,
        }
    }

    /// What the key that asked may spend.
    #[must_use]
    pub fn allowance(&self) -> Option<Limits> {
        Limits::read(Fields::read(&self.row).below("allowance."))
    }
}

/// What an allowance permits, as far as a click needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The spending key it was given to.
    pub key: String,
    /// Most in all.
    pub cap: Micros,
    /// Already spent of it.
    pub spent: Micros,
    /// Most for one claim.
    pub per_claim_max: Micros,
    /// No claim after this.
    pub expires_at_ms: u64,
    /// Withdrawn or replaced.
    pub revoked: bool,
    /// The newest serial that the verifier knows.
    pub serial: u64,
    /// The consent that it belongs to.
    pub grant: u64,
    /// The last number that the verifier saw.
    pub last_sequence: u64,
    /// The wallet's balance.
    pub balance: Micros,
}

/// Why a claim cannot be made as things stand, in the order in which it is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// No allowance, or one that is over.
    Allowance,
    /// More than one claim may take.
    ClaimMax,
    /// More than is left of the cap.
    Cap,
    /// More than the wallet holds.
    Balance,
}

/// A claim signed so close to the end would expire on its way.
const EXPIRY_MARGIN_MS: u64 = 10_000;

impl Limits {
    /// Reads an allowance object.
    #[must_use]
    pub fn read(fields: Fields<'_>) -> Option<Self> {
        Some(Self {
            key: fields.owned("key"),
            cap: fields.micros("cap")?,
            spent: fields.micros("spent")?,
            per_claim_max: fields.micros("per_claim_max")?,
            expires_at_ms: fields.number("expires_at_ms")?,
            revoked: fields.flag("revoked"),
            serial: fields.count("serial"),
            grant: fields.count("grant"),
            last_sequence: fields.count("last_sequence"),
            balance: fields.micros("balance").unwrap_or_default(),
        })
    }

    /// What is missing for a claim of this amount.
    #[must_use]
    pub fn lacks(&self, amount: Micros, now_ms: u64) -> Option<Lack> {
        if self.revoked || now_ms.saturating_add(EXPIRY_MARGIN_MS) >= self.expires_at_ms {
            Some(Lack::Allowance)
        } else if amount > self.per_claim_max {
            Some(Lack::ClaimMax)
        } else if self.spent.plus(amount).is_none_or(|sum| sum > self.cap) {
            Some(Lack::Cap)
        } else if amount > self.balance {
            Some(Lack::Balance)
        } else {
            None
        }
    }

    /// Counts a claim that was accepted, until the verifier is asked again.
    pub fn spend(&mut self, amount: Micros) {
        self.spent = self.spent.plus(amount).unwrap_or(Micros::MAX);
        self.balance = self.balance.minus(amount).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_sent_as_they_are_signed() {
        let wanted = Wanted::new(
            "creator\u{1f}cr_x\u{1f}item\u{1f}a b/ü&c'\u{1f}origin\u{1f}http://a.example:81\u{1f}title\u{1f}ignored",
        );
        assert_eq!(
            wanted.path(),
            "/v1/quote?creator=cr_x&item=a%20b%2F%C3%BC%26c%27&origin=http%3A%2F%2Fa.example%3A81"
        );
    }

    #[test]
    fn what_is_lacking() {
        let micros = |n| Micros::new(n).unwrap();
        let limits = Limits {
            key: String::new(),
            cap: micros(100),
            spent: micros(40),
            per_claim_max: micros(50),
            expires_at_ms: 50_000,
            revoked: false,
            serial: 1,
            grant: 1,
            last_sequence: 0,
            balance: micros(55),
        };
        let rows = [
            (50, 0, limits.clone(), None),
            (51, 0, limits.clone(), Some(Lack::ClaimMax)),
            (50, 40_000, limits.clone(), Some(Lack::Allowance)),
            (50, 0, Limits { revoked: true, ..limits.clone() }, Some(Lack::Allowance)),
            (50, 0, Limits { spent: micros(51), ..limits.clone() }, Some(Lack::Cap)),
            (50, 0, Limits { balance: micros(49), ..limits }, Some(Lack::Balance)),
        ];
        for (amount, now, limits, lack) in rows {
            assert_eq!(limits.lacks(micros(amount), now), lack);
        }
    }

    #[test]
    fn an_item_without_a_price_is_no_quote() {
        let base = "item\u{1f}+\u{1f}creator.id\u{1f}cr_BwcHBwcHBwcHBwcHBwcHBw\u{1f}currency\u{1f}EUR\u{1f}item.name\u{1f}x";
        assert_eq!(Quote::read(base), None);
        let priced = [base, "\u{1f}price\u{1f}0.05"].concat();
        assert_eq!(
            Quote::read(&priced).map(|quote| quote.text("item.name").to_string()),
            Some("x".into())
        );
    }
}
