//! An allowance: the root key's permission for one spending key on one creator's site.
//!
//! ```text
//!   0  tag            16   "farthing/allow/1"
//!  16  verifier       32   VerifierId
//!  48  root           32   root key of the wallet
//!  80  key            32   spending key that is allowed to sign claims
//! 112  creator        16   CreatorId
//! 128  origin         32   OriginHash of the creator's site
//! 160  cap             8   micros in all, over the life of the grant
//! 168  per_claim_max   8   micros for one claim
//! 176  expires_at      8   Unix milliseconds
//! 184  serial          8   grows with each allowance of this wallet, creator, origin, device
//! 192  grant           8   names the visitor's consent; allowances of one grant share its cap
//! 200  device          4   tells the browsers of one wallet apart
//! 204  currency        3   ISO 4217
//! 207  reserved        1   zero
//! 208  signature      64   Ed25519 by the root key over bytes 0..208
//! ```
//!
//! The newest serial of (wallet, creator, origin, device) is in force and revokes the older ones.
//! With the same `grant`, what was spent before is carried over; a cap of zero revokes.

use crate::amount::{Currency, Micros};
use crate::encoding::{DecodeError, Reader, SIGNATURE_LEN, Writer, split_signed};
use crate::ids::{CreatorId, OriginHash, PublicKey, VerifierId};
use crate::signing::{Forged, SigningKey, Verified, VerifyingKey};
use crate::time::UnixMillis;

/// The fields of an allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// The verifier that honours it.
    pub verifier: VerifierId,
    /// The wallet that pays.
    pub root: PublicKey,
    /// The spending key that may sign claims.
    pub key: PublicKey,
    /// The only creator it may pay.
    pub creator: CreatorId,
    /// The only site it may pay from.
    pub origin: OriginHash,
    /// Most that may be spent in all under this grant.
    pub cap: Micros,
    /// Most that one claim may take.
    pub per_claim_max: Micros,
    /// No claim is accepted after this time.
    pub expires_at: UnixMillis,
    /// Newer serials replace older ones.
    pub serial: u64,
    /// The consent it belongs to.
    pub grant: u64,
    /// The browser it was given in.
    pub device: u32,
    /// Currency of cap and per-claim limit.
    pub currency: Currency,
}

impl Allowance {
    /// Length of the signed body in bytes.
    pub const BODY_LEN: usize = 208;
    /// Length with its signature.
    pub const SIGNED_LEN: usize = 272;
    /// The domain tag and version.
    pub const TAG: &'static [u8; 16] = b"farthing/allow/1";

    /// The body's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::BODY_LEN] {
        let mut writer = Writer::new(Self::TAG);
        writer.put(&self.verifier.0);
        writer.put(&self.root.0);
        writer.put(&self.key.0);
        writer.put(&self.creator.0);
        writer.put(&self.origin.0);
        writer.put_u64(self.cap.get());
        writer.put_u64(self.per_claim_max.get());
        writer.put_u64(self.expires_at.0);
        writer.put_u64(self.serial);
        writer.put_u64(self.grant);
        writer.put(&self.device.to_be_bytes());
        writer.put(&self.currency.bytes());
        writer.put(&[0]);
        writer.finish()
    }

    /// Reads a body; the exact inverse of [`Allowance::encode`].
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, Self::BODY_LEN, Self::TAG)?;
        let allowance = Self {
            verifier: VerifierId(reader.take()),
            root: PublicKey(reader.take()),
            key: PublicKey(reader.take()),
            creator: CreatorId(reader.take()),
            origin: OriginHash(reader.take()),
            cap: reader.take_micros("cap")?,
            per_claim_max: reader.take_micros("per_claim_max")?,
            expires_at: UnixMillis(reader.take_u64()),
            serial: reader.take_u64(),
            grant: reader.take_u64(),
            device: reader.take_u32(),
            currency: reader.take_currency()?,
        };
        reader.take_zeros::<1>()?;
        reader.finish();
        if allowance.serial == 0 || i64::try_from(allowance.serial).is_err() {
            return Err(DecodeError::Field("serial"));
        }
        if i64::try_from(allowance.grant).is_err() {
            return Err(DecodeError::Field("grant"));
        }
        if i64::try_from(allowance.expires_at.0).is_err() {
            return Err(DecodeError::Field("expires_at"));
        }
        if allowance.key == allowance.root {
            return Err(DecodeError::Field("key"));
        }
        Ok(allowance)
    }

    /// Signs it with the wallet's root key.
    #[must_use]
    pub fn sign(&self, root: &SigningKey) -> SignedAllowance {
        SignedAllowance { allowance: *self, signature: root.sign(&self.encode()) }
    }
}

/// An allowance with a signature that nobody has checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedAllowance {
    allowance: Allowance,
    signature: [u8; SIGNATURE_LEN],
}

impl SignedAllowance {
    /// Reads 272 bytes.
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (body, signature) = split_signed::<{ Allowance::BODY_LEN }>(bytes)?;
        Ok(Self { allowance: Allowance::decode(&body)?, signature })
    }

    /// The 272 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Allowance::SIGNED_LEN] {
        let mut bytes = [0; Allowance::SIGNED_LEN];
        let (body, signature) = bytes.split_at_mut(Allowance::BODY_LEN);
        body.copy_from_slice(&self.allowance.encode());
        signature.copy_from_slice(&self.signature);
        bytes
    }

    /// The fields.
    #[must_use]
    pub fn allowance(&self) -> &Allowance {
        &self.allowance
    }

    /// Checks the root key's signature, and that the spending key is one that could ever sign.
    ///
    /// # Errors
    /// [`Forged`] when either does not hold.
    pub fn verify(self) -> Result<Verified<Self>, Forged> {
        VerifyingKey::new(&self.allowance.root)?
            .verify(&self.allowance.encode(), &self.signature)?;
        VerifyingKey::new(&self.allowance.key)?;
        Ok(Verified::vouch(self))
    }
}
