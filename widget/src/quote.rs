//! What the verifier says about price, payee, ownership and allowance: the only source of what is
//! shown and signed.

use alloc::string::String;

use farthing_shared::{CreatorId, Currency, Micros};

use crate::effect::{Request, Signer};
use crate::fields::Fields;

/// What is for sale, as the page's tag names it. Hostile input: it only selects, never sets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The creator id as text.
    pub creator: String,
    /// The item's name; empty for a donation.
    pub item: String,
    /// The page's origin, as the browser says.
    pub origin: String,
    /// A signed offer, or empty.
    pub offer: String,
    /// The title that the offer binds, or empty.
    pub title: String,
}

impl Wanted {
    /// Reads the fields of a hello or of a hand-shake.
    #[must_use]
    pub fn read(fields: &Fields<'_>) -> Self {
        Self {
            creator: fields.owned("creator"),
            item: fields.owned("item"),
            origin: fields.owned("origin"),
            offer: fields.owned("offer"),
            title: fields.owned("title"),
        }
    }

    /// The same as fields for the other window.
    #[must_use]
    pub fn fields(&self) -> alloc::vec::Vec<(&'static str, String)> {
        [
            ("creator", &self.creator),
            ("item", &self.item),
            ("origin", &self.origin),
            ("offer", &self.offer),
            ("title", &self.title),
        ]
        .map(|(name, value)| (name, value.clone()))
        .into()
    }

    /// Names creator and site in this browser's storage.
    #[must_use]
    pub fn slot(&self) -> String {
        [&*self.creator, " ", &*self.origin].concat()
    }

    /// The request for the quote.
    #[must_use]
    pub fn request(&self, signer: Signer) -> Request {
        let mut path = String::from("/v1/quote");
        let fields = [
            ("?creator=", &self.creator),
            ("&item=", &self.item),
            ("&origin=", &self.origin),
            ("&offer=", &self.offer),
            ("&title=", &self.title),
        ];
        for (name, value) in fields {
            // An offer's title says nothing without the offer.
            let unbound = name == "&title=" && self.offer.is_empty();
            if !value.is_empty() && !unbound {
                path.push_str(name);
                escape(&mut path, value);
            }
        }
        Request { tag: "quote", method: "GET", path, body: String::new(), signer }
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

/// A quote that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Who is paid.
    pub creator: CreatorId,
    /// Its name.
    pub creator_name: String,
    /// The item's title, or its name; empty for a donation.
    pub title: String,
    /// The price; `None` for a donation.
    pub price: Option<Micros>,
    /// The provider's currency.
    pub currency: Currency,
    /// Whether this is demo money.
    pub demo: bool,
    /// What the provider keeps of a payment, in millionths.
    pub fee_ppm: u64,
    /// A cap that fits this creator's prices.
    pub suggested_cap: Micros,
    /// A limit for one claim that fits them.
    pub suggested_claim_max: Micros,
    /// What was paid for the item before.
    pub owned: Option<Owned>,
    /// What the key that asked may spend.
    pub allowance: Option<Limits>,
}

/// An item that the wallet owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// The entry of the first payment.
    pub entry: String,
    /// What was paid.
    pub amount: String,
    /// Opens the item's sealed content.
    pub content_key: String,
}

impl Quote {
    /// Reads the verifier's answer; `None` when something is missing that money depends on.
    #[must_use]
    pub fn read(fields: &Fields<'_>) -> Option<Self> {
        let title = match fields.text("item.title") {
            "" => fields.owned("item.name"),
            title => title.into(),
        };
        let price = fields.micros("price");
        // An item without a price would be paid for as a donation.
        if fields.has("item") != price.is_some() {
            return None;
        }
        Some(Self {
            creator: CreatorId::parse(fields.text("creator.id")).ok()?,
            creator_name: fields.owned("creator.name"),
            title,
            price,
            currency: Currency::parse(fields.text("currency"))?,
            demo: fields.flag("demo"),
            fee_ppm: fields.number("fee_ppm").unwrap_or(0),
            suggested_cap: fields.micros("suggested_cap").unwrap_or_default(),
            suggested_claim_max: fields.micros("suggested_claim_max").unwrap_or_default(),
            owned: fields.has("owned").then(|| Owned {
                entry: fields.owned("owned.entry"),
                amount: fields.owned("owned.amount"),
                content_key: fields.owned("owned.content_key"),
            }),
            allowance: Limits::read(&fields.below("allowance.")),
        })
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
    pub fn read(fields: &Fields<'_>) -> Option<Self> {
        Some(Self {
            key: fields.owned("key"),
            cap: fields.micros("cap")?,
            spent: fields.micros("spent")?,
            per_claim_max: fields.micros("per_claim_max")?,
            expires_at_ms: fields.number("expires_at_ms")?,
            revoked: fields.flag("revoked"),
            serial: fields.number("serial").unwrap_or(0),
            grant: fields.number("grant").unwrap_or(0),
            last_sequence: fields.number("last_sequence").unwrap_or(0),
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
        let wanted = Wanted {
            creator: "cr_x".into(),
            item: "a b/ü&c'".into(),
            origin: "http://a.example:81".into(),
            title: "ignored".into(),
            ..Wanted::default()
        };
        assert_eq!(
            wanted.request(Signer::Nobody).path,
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
        let base = "creator.id\u{1f}cr_BwcHBwcHBwcHBwcHBwcHBw\u{1f}currency\u{1f}EUR\u{1f}item.name\u{1f}x";
        assert_eq!(Quote::read(&Fields::read(base)), None);
        let priced = [base, "\u{1f}price\u{1f}0.05"].concat();
        assert_eq!(Quote::read(&Fields::read(&priced)).map(|q| q.title), Some("x".into()));
    }
}
