//! Access: a key's signed request to read what belongs to it. Sent as
//! `Authorization: Farthing <base64url of 184 bytes>`.
//!
//! ```text
//!   0  tag          16   "farthing/read/1\0"
//!  16  verifier     32   VerifierId
//!  48  key          32   the key that asks (root or spending key)
//!  80  at            8   Unix milliseconds, within two minutes of the verifier's clock
//!  88  target       32   SHA-256("farthing/path/1\0" · method · " " · path and query)
//! 120  signature    64   Ed25519 by that key over bytes 0..120
//! ```
//!
//! It only ever reads, so a repeat within two minutes shows its sender nothing new.

use crate::encoding::{DecodeError, Reader, SIGNATURE_LEN, Writer, split_signed};
use crate::ids::{PublicKey, VerifierId, tagged_hash};
use crate::signing::{Forged, SigningKey, Verified, VerifyingKey};
use crate::time::UnixMillis;

/// The fields of an access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// The verifier that is asked.
    pub verifier: VerifierId,
    /// The key that asks.
    pub key: PublicKey,
    /// When it asks.
    pub at: UnixMillis,
    /// Hash of method and path, from [`Access::target`].
    pub target: [u8; 32],
}

impl Access {
    /// Length of the signed body in bytes.
    pub const BODY_LEN: usize = 120;
    /// Length with its signature.
    pub const SIGNED_LEN: usize = 184;
    /// The domain tag and version.
    pub const TAG: &'static [u8; 16] = b"farthing/read/1\0";

    /// Hash of what is asked for: method in capitals, path with its query as sent.
    #[must_use]
    pub fn target(method: &str, path: &str) -> [u8; 32] {
        tagged_hash(b"farthing/path/1\0", &[method.as_bytes(), b" ", path.as_bytes()])
    }

    /// The body's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::BODY_LEN] {
        let mut writer = Writer::new(Self::TAG);
        writer.put(&self.verifier.0);
        writer.put(&self.key.0);
        writer.put_u64(self.at.0);
        writer.put(&self.target);
        writer.finish()
    }

    /// Reads a body; the exact inverse of [`Access::encode`].
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, Self::BODY_LEN, Self::TAG)?;
        let access = Self {
            verifier: VerifierId(reader.take()),
            key: PublicKey(reader.take()),
            at: UnixMillis(reader.take_u64()),
            target: reader.take(),
        };
        reader.finish();
        Ok(access)
    }

    /// Signs it.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> SignedAccess {
        SignedAccess { access: *self, signature: key.sign(&self.encode()) }
    }
}

/// An access with a signature that nobody has checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedAccess {
    access: Access,
    signature: [u8; SIGNATURE_LEN],
}

impl SignedAccess {
    /// Reads 184 bytes.
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (body, signature) = split_signed::<{ Access::BODY_LEN }>(bytes)?;
        Ok(Self { access: Access::decode(&body)?, signature })
    }

    /// The 184 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Access::SIGNED_LEN] {
        let mut bytes = [0; Access::SIGNED_LEN];
        let (body, signature) = bytes.split_at_mut(Access::BODY_LEN);
        body.copy_from_slice(&self.access.encode());
        signature.copy_from_slice(&self.signature);
        bytes
    }

    /// The fields.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Checks the signature under the key that asks.
    ///
    /// # Errors
    /// [`Forged`] when it does not hold.
    pub fn verify(self) -> Result<Verified<Self>, Forged> {
        VerifyingKey::new(&self.access.key)?.verify(&self.access.encode(), &self.signature)?;
        Ok(Verified::vouch(self))
    }
}
