//! What the verifier says about price, payee, ownership and allowance: the only source of what is
//! shown and signed.

use alloc::string::String;

use farthing_shared::{CreatorId, Currency, Micros, limits};

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
}

/// What an allowance permits, as far as a click needs to know. Amounts in micros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spending {
    /// Most in all.
    pub cap: u64,
    /// Already spent of it.
    pub spent: u64,
    /// Most for one claim.
    pub per_claim_max: u64,
    /// No claim after this; 0 when it was withdrawn.
    pub expires_at_ms: u64,
    /// What the wallet holds.
    pub balance: u64,
    /// The last number that the verifier saw.
    pub last_sequence: u64,
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

impl Spending {
    /// What is missing for a claim of this amount.
    #[must_use]
    pub fn lacks(&self, amount: u64, now_ms: u64) -> Option<Lack> {
        if now_ms.saturating_add(limits::ALLOWANCE_MARGIN_MS) >= self.expires_at_ms {
            Some(Lack::Allowance)
        } else if amount > self.per_claim_max {
            Some(Lack::ClaimMax)
        } else if self.spent.saturating_add(amount) > self.cap {
            Some(Lack::Cap)
        } else if amount > self.balance {
            Some(Lack::Balance)
        } else {
            None
        }
    }

    /// Counts a claim that was accepted, until the verifier is asked again.
    pub fn spend(&mut self, amount: u64) {
        self.spent = self.spent.saturating_add(amount);
        self.balance = self.balance.saturating_sub(amount);
    }
}

/// An allowance as the verifier describes it.
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
}

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
        })
    }

    /// Whether it covers a claim of this amount. What the wallet holds is another matter: it can
    /// be topped up without asking for consent again.
    #[must_use]
    pub fn covers(&self, amount: Micros, now_ms: u64) -> bool {
        let spending = Spending {
            cap: self.cap.get(),
            spent: self.spent.get(),
            per_claim_max: self.per_claim_max.get(),
            expires_at_ms: if self.revoked { 0 } else { self.expires_at_ms },
            balance: u64::MAX,
            last_sequence: self.last_sequence,
        };
        spending.lacks(amount.get(), now_ms).is_none()
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
        let spending = Spending {
            cap: 100,
            spent: 40,
            per_claim_max: 50,
            expires_at_ms: 50_000,
            balance: 55,
            last_sequence: 0,
        };
        let rows = [
            (50, 0, spending, None),
            (51, 0, spending, Some(Lack::ClaimMax)),
            (50, 40_000, spending, Some(Lack::Allowance)),
            (50, 0, Spending { expires_at_ms: 0, ..spending }, Some(Lack::Allowance)),
            (50, 0, Spending { spent: 51, ..spending }, Some(Lack::Cap)),
            (50, 0, Spending { balance: 49, ..spending }, Some(Lack::Balance)),
            (50, u64::MAX, spending, Some(Lack::Allowance)),
        ];
        for (amount, now, spending, lack) in rows {
            assert_eq!(spending.lacks(amount, now), lack);
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
