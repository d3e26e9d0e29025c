//! Signs a structure from named fields, for tests: a browser test feeds the golden vectors of
//! `shared/vectors` through the Wasm that is shipped and compares bytes.

use alloc::string::String;

use base64ct::{Base64UrlUnpadded, Encoding};
use farthing_shared::{
    Access, Allowance, Backup, BackupName, Budget, Challenge, Claim, ClaimId, CreatorId, Currency,
    ItemHash, Kind, Micros, Offer, Opening, OriginHash, Permission, PublicKey, Reason, Refund,
    Rotation, SigningKey, TitleHash, UnixMillis, VerifierId,
};

use crate::fields::Fields;
use crate::signer::base64;

/// The signed bytes as base64url; `None` when a field is missing or the kind is unknown. The
/// fields have the names of the vectors' `fields` objects.
#[must_use]
#[expect(clippy::too_many_lines, reason = "ten structures, one line a field")]
pub fn sign(kind: &str, fields: Fields<'_>, key: &SigningKey) -> Option<String> {
    let text = |name| fields.text(name);
    let number = |name| fields.number(name);
    let at = |name| fields.number(name).map(UnixMillis);
    let verifier = VerifierId::parse(text("verifier")).ok()?;
    Some(match kind {
        "claim" => {
            let claim = Claim {
                verifier,
                key: PublicKey::parse(text("key")).ok()?,
                sequence: number("sequence")?,
                creator: CreatorId::parse(text("creator")).ok()?,
                item: ItemHash::parse(text("item")).ok()?,
                amount: fields.micros("amount")?,
                currency: Currency::parse(text("currency"))?,
                kind: Kind::from_code(u8::try_from(number("kind")?).ok()?)?,
                origin: OriginHash::parse(text("origin")).ok()?,
                expires_at: at("expires_at")?,
            };
            base64(&claim.sign(key).encode())
        }
        "allowance" => {
            let allowance = Allowance {
                verifier,
                root: PublicKey::parse(text("root")).ok()?,
                key: PublicKey::parse(text("key")).ok()?,
                creator: CreatorId::parse(text("creator")).ok()?,
                origin: OriginHash::parse(text("origin")).ok()?,
                cap: fields.micros("cap")?,
                per_claim_max: fields.micros("per_claim_max")?,
                expires_at: at("expires_at")?,
                serial: number("serial")?,
                grant: number("grant")?,
                device: u32::try_from(number("device")?).ok()?,
                currency: Currency::parse(text("currency"))?,
            };
            base64(&allowance.sign(key).encode())
        }
        "opening" => {
            let challenge = Base64UrlUnpadded::decode_vec(text("challenge")).ok()?;
            let opening = Opening {
                verifier,
                root: PublicKey::parse(text("root")).ok()?,
                challenge: Challenge::decode(&challenge).ok()?,
                solution: number("solution")?,
            };
            base64(&opening.sign(key).encode())
        }
        "offer" => {
            let offer = Offer {
                verifier,
                creator: CreatorId::parse(text("creator")).ok()?,
                key: PublicKey::parse(text("key")).ok()?,
                item: ItemHash::parse(text("item")).ok()?,
                title: TitleHash::parse(text("title")).ok()?,
                price: fields.micros("price")?,
                issued_at: at("issued_at")?,
                expires_at: at("expires_at")?,
                currency: Currency::parse(text("currency"))?,
            };
            base64(&offer.sign(key).encode())
        }
        "access" => {
            let access = Access {
                verifier,
                key: PublicKey::parse(text("key")).ok()?,
                at: at("at")?,
                target: PublicKey::parse(text("target")).ok()?.0,
            };
            base64(&access.sign(key).encode())
        }
        "refund" => {
            let refund = Refund {
                verifier,
                signer: PublicKey::parse(text("signer")).ok()?,
                claim: ClaimId::parse(text("claim")).ok()?,
                entry: number("entry")?,
                asked_at: at("asked_at")?,
                reason: Reason::from_code(u8::try_from(number("reason")?).ok()?)?,
            };
            base64(&refund.sign(key).encode())
        }
        "budget" => {
            let limit =
                |name| fields.micros(name).map(|most| Some(most).filter(|m| *m > Micros::ZERO));
            let budget = Budget {
                verifier,
                root: PublicKey::parse(text("root")).ok()?,
                number: number("number")?,
                set_at: at("set_at")?,
                per_day: limit("per_day")?,
                per_month: limit("per_month")?,
                paused: number("paused")? == 1,
                currency: Currency::parse(text("currency"))?,
            };
            base64(&budget.sign(key).encode())
        }
        "permission" => {
            let permission = Permission {
                verifier,
                root: PublicKey::parse(text("root")).ok()?,
                number: number("number")?,
                set_at: at("set_at")?,
                creator: CreatorId::parse(text("creator")).ok()?,
                per_month: fields.micros("per_month")?,
                currency: Currency::parse(text("currency"))?,
            };
            base64(&permission.sign(key).encode())
        }
        "rotation" => {
            let rotation = Rotation {
                verifier,
                root: PublicKey::parse(text("root")).ok()?,
                next: PublicKey::parse(text("next")).ok()?,
                at: at("at")?,
                next_signature: crate::text64::decode(text("next_signature"))?,
            };
            base64(&rotation.sign(key).encode())
        }
        "backup" => {
            let backup = Backup {
                verifier,
                root: PublicKey::parse(text("root")).ok()?,
                name: BackupName::parse(text("name")).ok()?,
                at: at("at")?,
                sealed: crate::text64::decode(text("sealed"))?,
            };
            base64(&backup.sign(key).encode())
        }
        _ => return None,
    })
}
