//! A claim: "pay this amount to this creator for this item", signed by a spending key.
//!
//! ```text
//!   0  tag          16   "farthing/claim/1"
//!  16  verifier     32   VerifierId
//!  48  key          32   spending key (Ed25519 public key)
//!  80  sequence      8   grows with each claim of this key, first is 1
//!  88  creator      16   CreatorId
//! 104  item         32   ItemHash; zero for a donation
//! 136  amount        8   micros
//! 144  currency      3   ISO 4217
//! 147  kind          1   1 view, 2 donation
//! 148  origin       32   OriginHash of the page
//! 180  expires_at    8   Unix milliseconds
//! 188  reserved      4   zero
//! 192  signature    64   Ed25519 over bytes 0..192
//! ```
//!
//! The claim id is SHA-256 over bytes 0..192.

use alloc::boxed::Box;
use alloc::vec::Vec;

use sha2::{Digest, Sha256};

use crate::amount::{Currency, Micros};
use crate::encoding::{DecodeError, Reader, SIGNATURE_LEN, Writer, split_signed};
use crate::ids::{ClaimId, CreatorId, ItemHash, OriginHash, PublicKey, VerifierId};
use crate::signing::{self, Check, Forged, SigningKey, Verified, VerifyingKey};
use crate::time::UnixMillis;

/// What is paid for. The number is on the wire and frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Pay once, own the item.
    View,
    /// No item is bought; the amount is the visitor's choice.
    Donation,
}

impl Kind {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::View => 1,
            Self::Donation => 2,
        }
    }

    /// The kind of a number on the wire.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::View),
            2 => Some(Self::Donation),
            _ => None,
        }
    }

    /// The name used in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Donation => "donation",
        }
    }
}

/// The fields of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The verifier that may charge it.
    pub verifier: VerifierId,
    /// The spending key that signs it.
    pub key: PublicKey,
    /// Grows with each claim of the key; at least 1.
    pub sequence: u64,
    /// Who is paid.
    pub creator: CreatorId,
    /// What is bought; [`ItemHash::NONE`] exactly when `kind` is a donation.
    pub item: ItemHash,
    /// How much.
    pub amount: Micros,
    /// In which currency.
    pub currency: Currency,
    /// View or donation.
    pub kind: Kind,
    /// The page it was made on.
    pub origin: OriginHash,
    /// After this time it can never be charged.
    pub expires_at: UnixMillis,
}

impl Claim {
    /// Length of the signed body in bytes.
    pub const BODY_LEN: usize = 192;
    /// Length with its signature.
    pub const SIGNED_LEN: usize = 256;
    /// The domain tag and version.
    pub const TAG: &'static [u8; 16] = b"farthing/claim/1";

    /// The body's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::BODY_LEN] {
        let mut writer = Writer::new(Self::TAG);
        writer.put(&self.verifier.0);
        writer.put(&self.key.0);
        writer.put_u64(self.sequence);
        writer.put(&self.creator.0);
        writer.put(&self.item.0);
        writer.put_u64(self.amount.get());
        writer.put(&self.currency.bytes());
        writer.put(&[self.kind.code()]);
        writer.put(&self.origin.0);
        writer.put_u64(self.expires_at.0);
        writer.put(&[0; 4]);
        writer.finish()
    }

    /// Reads a body; the exact inverse of [`Claim::encode`].
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, Self::BODY_LEN, Self::TAG)?;
        let claim = Self {
            verifier: VerifierId(reader.take()),
            key: PublicKey(reader.take()),
            sequence: reader.take_u64(),
            creator: CreatorId(reader.take()),
            item: ItemHash(reader.take()),
            amount: reader.take_micros("amount")?,
            currency: reader.take_currency()?,
            kind: Kind::from_code(reader.take::<1>()[0]).ok_or(DecodeError::Field("kind"))?,
            origin: OriginHash(reader.take()),
            expires_at: UnixMillis(reader.take_u64()),
        };
        reader.take_zeros::<4>()?;
        reader.finish();
        if claim.sequence == 0 || i64::try_from(claim.sequence).is_err() {
            return Err(DecodeError::Field("sequence"));
        }
        if (claim.item == ItemHash::NONE) != (claim.kind == Kind::Donation) {
            return Err(DecodeError::Field("item"));
        }
        Ok(claim)
    }

    /// SHA-256 of the body: names the claim whatever its signature.
    #[must_use]
    pub fn id(&self) -> ClaimId {
        claim_id(&self.encode())
    }

    /// Signs it. The key must be the one that the claim names.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> SignedClaim {
        let body = self.encode();
        SignedClaim { claim: *self, id: claim_id(&body), signature: key.sign(&body) }
    }
}

fn claim_id(body: &[u8; Claim::BODY_LEN]) -> ClaimId {
    ClaimId(Sha256::digest(body).into())
}

/// A claim with a signature that nobody has checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedClaim {
    claim: Claim,
    id: ClaimId,
    signature: [u8; SIGNATURE_LEN],
}

/// A claim whose signature holds under the spending key it names.
pub type VerifiedClaim = Verified<SignedClaim>;

impl SignedClaim {
    /// Reads 256 bytes.
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (body, signature) = split_signed::<{ Claim::BODY_LEN }>(bytes)?;
        Ok(Self { claim: Claim::decode(&body)?, id: claim_id(&body), signature })
    }

    /// The 256 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Claim::SIGNED_LEN] {
        let mut bytes = [0; Claim::SIGNED_LEN];
        let (body, signature) = bytes.split_at_mut(Claim::BODY_LEN);
        body.copy_from_slice(&self.claim.encode());
        signature.copy_from_slice(&self.signature);
        bytes
    }

    /// The fields.
    #[must_use]
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// The claim id, which does not cover the signature.
    #[must_use]
    pub fn id(&self) -> ClaimId {
        self.id
    }

    /// Checks the signature under `key`, which must be the key that the claim names.
    ///
    /// # Errors
    /// [`Forged`] when the key is another one or the signature does not hold.
    pub fn verify(self, key: &VerifyingKey) -> Result<VerifiedClaim, Forged> {
        if key.public() != self.claim.key {
            return Err(Forged);
        }
        key.verify(&self.claim.encode(), &self.signature)?;
        Ok(Verified::vouch(self))
    }

    /// As [`SignedClaim::verify`] for each of these, in less time. A claim whose signature does not hold is
    /// given back.
    #[must_use]
    pub fn verify_all(claims: Vec<(Self, &VerifyingKey)>) -> Vec<Result<VerifiedClaim, Box<Self>>> {
        let bodies: Vec<_> = claims.iter().map(|(signed, _)| signed.claim.encode()).collect();
        let checks: Vec<Check<'_>> = claims
            .iter()
            .zip(&bodies)
            .map(|((signed, key), body)| Check { key, body, signature: &signed.signature })
            .collect();
        let verdicts = signing::verify_all(&checks);
        let vouch = |((signed, key), verdict): ((Self, &VerifyingKey), Result<(), Forged>)| {
            let holds = verdict.is_ok() && key.public() == signed.claim.key;
            if holds { Ok(Verified::vouch(signed)) } else { Err(Box::new(signed)) }
        };
        claims.into_iter().zip(verdicts).map(vouch).collect()
    }
}
