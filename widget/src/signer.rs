//! Signing: the only place that turns a seed into a signature. Seeds come from the page for one
//! call and are never kept; `farthing-shared` wipes the key when it is dropped.

use alloc::string::String;

use farthing_shared::limits::CLAIM_LIFE_MS_MAX;
use farthing_shared::{
    Access, Claim, CreatorId, Currency, ItemHash, Kind, Micros, OriginHash, PublicKey, SigningKey,
    UnixMillis, VerifierId,
};

use crate::fields::{UNIT, decimal};
use crate::text64;

/// Claims live a little shorter than they may, so that a clock that is slightly ahead of the
/// verifier's does not make them expire too late.
const CLAIM_LIFE_MS: u64 = CLAIM_LIFE_MS_MAX - 20_000;

/// Everything of a claim but key, number and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draft<'a> {
    /// The verifier that may charge it.
    pub verifier: VerifierId,
    /// Who is paid.
    pub creator: CreatorId,
    /// What is bought; empty for a donation.
    pub item: &'a str,
    /// On which page.
    pub origin: &'a str,
    /// How much.
    pub amount: Micros,
    /// In which currency.
    pub currency: Currency,
}

impl<'a> Draft<'a> {
    /// Reads `creator US item US origin US amount US currency US verifier`.
    #[must_use]
    pub fn read(row: &'a str) -> Option<Self> {
        let mut units = row.split(UNIT);
        Some(Self {
            creator: creator_of(units.next()?)?,
            item: units.next()?,
            origin: units.next()?,
            amount: Micros::parse(units.next()?).ok()?,
            currency: Currency::parse(units.next()?)?,
            verifier: verifier_of(units.next()?)?,
        })
    }

    /// Signs the draft under this number: `id US claim US expires US key`.
    #[must_use]
    pub fn sign(&self, key: &SigningKey, sequence: u64, now_ms: u64) -> String {
        let (item, kind) = match self.item {
            "" => (ItemHash::NONE, Kind::Donation),
            name => (ItemHash::of_checked(&self.creator, name), Kind::View),
        };
        let expires_at = UnixMillis(now_ms).plus_ms(CLAIM_LIFE_MS);
        let signed = Claim {
            verifier: self.verifier,
            key: key.public(),
            sequence,
            creator: self.creator,
            item,
            amount: self.amount,
            currency: self.currency,
            kind,
            origin: OriginHash::of_checked(self.origin),
            expires_at,
        }
        .sign(key);
        let mut out = String::new();
        let expires = decimal(expires_at.0);
        for unit in [&base64(&signed.id().0), &base64(&signed.encode()), &expires] {
            out.push_str(unit);
            out.push(UNIT);
        }
        out.push_str(&public_text(key));
        out
    }
}

/// The `Authorization` header of a signed read of `method US path`.
#[must_use]
pub fn access(key: &SigningKey, verifier: VerifierId, what: &str, now_ms: u64) -> String {
    let (method, path) = what.split_once(UNIT).unwrap_or(("GET", what));
    let target = Access::target(method, path);
    let access = Access { verifier, key: key.public(), at: UnixMillis(now_ms), target };
    ["Farthing ", &base64(&access.sign(key).encode())].concat()
}

/// The text form of every structure: base64url without padding.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    text64::encode(bytes)
}

/// The public half of a key as text.
#[must_use]
pub fn public_text(key: &SigningKey) -> String {
    text64::encode(&key.public().0)
}

/// Reads a verifier id.
#[must_use]
pub fn verifier_of(text: &str) -> Option<VerifierId> {
    text64::decode(text).map(VerifierId)
}

/// Reads a creator id.
#[must_use]
pub fn creator_of(text: &str) -> Option<CreatorId> {
    text64::decode(text.strip_prefix("cr_")?).map(CreatorId)
}

/// Reads a public key.
#[must_use]
pub fn public_of(text: &str) -> Option<PublicKey> {
    text64::decode(text).map(PublicKey)
}

#[cfg(test)]
mod tests {
    use base64ct::{Base64UrlUnpadded, Encoding};
    use farthing_shared::{SignedAccess, SignedClaim, VerifyingKey, item_hash};

    use super::*;

    #[test]
    fn a_signed_draft_is_the_claim_that_was_shown() {
        let key = SigningKey::from_seed(&[1; 32]);
        let creator = CreatorId([7; 16]);
        let mut draft = Draft {
            verifier: VerifierId([9; 32]),
            creator,
            item: "essay",
            origin: "https://blog.example",
            amount: Micros::new(50_000).unwrap(),
            currency: Currency::parse("EUR").unwrap(),
        };
        let text = draft.sign(&key, 3, 1_000);
        let units: Vec<_> = text.split(UNIT).collect();
        let bytes = Base64UrlUnpadded::decode_vec(units[1]).unwrap();
        let signed = SignedClaim::decode(&bytes).unwrap();
        assert_eq!(units[0], signed.id().to_text());
        assert_eq!(units[2..], [decimal(101_000), key.public().to_text()]);
        let claim = *signed.claim();
        assert_eq!((claim.sequence, claim.kind, claim.amount), (3, Kind::View, draft.amount));
        assert_eq!(Ok(claim.item), item_hash(&creator, "essay"));
        assert!(signed.verify(&VerifyingKey::new(&key.public()).unwrap()).is_ok());

        draft.item = "";
        let donation = draft.sign(&key, 4, 0);
        let bytes = Base64UrlUnpadded::decode_vec(donation.split(UNIT).nth(1).unwrap()).unwrap();
        assert_eq!(SignedClaim::decode(&bytes).unwrap().claim().kind, Kind::Donation);
    }

    #[test]
    fn an_access_names_what_it_reads() {
        let key = SigningKey::from_seed(&[2; 32]);
        let header = access(&key, VerifierId([9; 32]), "GET\u{1f}/v1/x?y=1", 5);
        let bytes =
            Base64UrlUnpadded::decode_vec(header.strip_prefix("Farthing ").unwrap()).unwrap();
        let signed = SignedAccess::decode(&bytes).unwrap();
        assert_eq!(signed.access().target, Access::target("GET", "/v1/x?y=1"));
        assert!(signed.verify().is_ok());
    }
}
