//! Ed25519 (RFC 8032) with the strict rule, and the evidence that a check was made.
//!
//! Strict means: canonical encodings, no small-order keys or nonces, the cofactorless equation
//! (`verify_strict`). Whatever this accepts, every widespread library accepts too.

use core::fmt;

use ed25519_dalek::Signer;

use crate::encoding::SIGNATURE_LEN;
use crate::ids::PublicKey;

/// A signature that does not belong to the body and key it came with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forged;

impl fmt::Display for Forged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the signature does not belong to this body and key")
    }
}

impl core::error::Error for Forged {}

/// A secret key. Its bytes are wiped when it is dropped.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// The key of this 32-byte seed (RFC 8032 §5.1.5). Randomness is the caller's.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    pub(crate) fn sign(&self, body: &[u8]) -> [u8; SIGNATURE_LEN] {
        self.0.sign(body).to_bytes()
    }

    /// Signs bytes that are not one of this crate's structures: the caller answers for their
    /// domain separation.
    #[must_use]
    pub fn sign_bytes(&self, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        self.sign(message)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(of {})", self.public())
    }
}

/// A public key that was checked and decompressed, so that it can be kept and used often.
#[derive(Clone)]
pub struct VerifyingKey(ed25519_dalek::VerifyingKey);

impl VerifyingKey {
    /// Checks a public key: a canonical point that is not of small order.
    ///
    /// # Errors
    /// [`Forged`], since nothing such a key signs can be trusted.
    pub fn new(key: &PublicKey) -> Result<Self, Forged> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(&key.0).map_err(|_| Forged)?;
        if key.is_weak() { Err(Forged) } else { Ok(Self(key)) }
    }

    /// The bytes of the key.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.to_bytes())
    }

    /// The strict check of one signature.
    ///
    /// # Errors
    /// [`Forged`] when it does not hold.
    pub fn verify(&self, body: &[u8], signature: &[u8; SIGNATURE_LEN]) -> Result<(), Forged> {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.0.verify_strict(body, &signature).map_err(|_| Forged)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({})", self.public())
    }
}

/// Evidence that the signature of `T` was checked under the key it names. Made only here and in
/// the `verify` methods of this crate, so that each place that vouches can be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    pub(crate) fn vouch(value: T) -> Self {
        Self(value)
    }

    /// Takes the checked value out.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> core::ops::Deref for Verified<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}
