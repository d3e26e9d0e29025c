//! Ed25519 (RFC 8032) with the strict rule, and the evidence that a check was made.
//!
//! Strict means: canonical encodings, no small-order keys or nonces, the cofactorless equation
//! (`verify_strict`). Whatever this accepts, every widespread library accepts too.

use alloc::vec::Vec;
use core::fmt;

use curve25519_dalek::{EdwardsPoint, Scalar};
use ed25519_dalek::{Signer, Verifier};
use sha2::{Digest, Sha512};

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

    /// The strict check of one signature: what `verify_strict` accepts, and nothing else.
    ///
    /// `verify_strict` decompresses the nonce R to see whether it is of small order, which takes a sixth
    /// of its time. The plain check compares R byte by byte with the canonical encoding of the point
    /// that it computes, so an R that passes is canonical, and it is of small order exactly when it
    /// is one of eight strings. The key was looked at when this value was made
    /// (docs/decisions/0016-strict-without-decompressing.md).
    ///
    /// # Errors
    /// [`Forged`] when it does not hold.
    pub fn verify(&self, body: &[u8], signature: &[u8; SIGNATURE_LEN]) -> Result<(), Forged> {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        if SMALL_ORDER.contains(signature.r_bytes()) {
            return Err(Forged);
        }
        self.0.verify(body, &signature).map_err(|_| Forged)
    }
}

/// A signature to be checked together with others.
#[derive(Debug, Clone, Copy)]
pub struct Check<'a> {
    /// Whose signature it should be.
    pub key: &'a VerifyingKey,
    /// What was signed.
    pub body: &'a [u8],
    /// The signature.
    pub signature: &'a [u8; SIGNATURE_LEN],
}

/// The strict check of several signatures: of each exactly what [`VerifyingKey::verify`] says, in less time.
///
/// Nothing is added up: the point s·B − k·A of each signature is computed by itself and compared with its R.
/// Only writing these points out, which asks for a division each, is done for all with one division
/// (docs/decisions/0016-strict-without-decompressing.md).
#[must_use]
pub fn verify_all(checks: &[Check<'_>]) -> Vec<Result<(), Forged>> {
    if let [one] = checks {
        return alloc::vec![one.key.verify(one.body, one.signature)];
    }
    let points: Vec<Option<EdwardsPoint>> = checks.iter().map(Check::point).collect();
    let computed: Vec<EdwardsPoint> = points.iter().copied().flatten().collect();
    let mut written = EdwardsPoint::compress_batch_alloc(&computed).into_iter();
    let mut verdict = |(check, point): (&Check<'_>, &Option<EdwardsPoint>)| {
        let written = point.as_ref().and_then(|_| written.next());
        let nonce = check.nonce();
        let holds = written.is_some_and(|written| written.0 == *nonce);
        if holds && !SMALL_ORDER.contains(nonce) { Ok(()) } else { Err(Forged) }
    };
    checks.iter().zip(&points).map(&mut verdict).collect()
}

impl Check<'_> {
    /// The first half of the signature: R.
    fn nonce(&self) -> &[u8; 32] {
        let (nonce, _) = self.signature.split_first_chunk().expect("a signature is longer");
        nonce
    }

    /// The point that R has to be: s·B − k·A, where k is the hash of R, A and the body (RFC 8032 §5.1.7).
    /// `None` when s is not below the group's order.
    #[expect(clippy::arithmetic_side_effects, reason = "points of a curve have no overflow")]
    fn point(&self) -> Option<EdwardsPoint> {
        let (nonce, scalar) = self.signature.split_first_chunk::<32>()?;
        let scalar: Option<Scalar> = Scalar::from_canonical_bytes(scalar.try_into().ok()?).into();
        let hash = Sha512::new().chain_update(nonce).chain_update(self.key.0.as_bytes());
        let hash = hash.chain_update(self.body).finalize();
        let k = Scalar::from_bytes_mod_order_wide(&hash.into());
        let key = self.key.0.to_edwards();
        Some(EdwardsPoint::vartime_double_scalar_mul_basepoint(&k, &-key, &scalar?))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({})", self.public())
    }
}

/// The canonical encodings of the eight points whose order divides eight.
const SMALL_ORDER: [[u8; 32]; 8] = [
    [
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00,
    ],
    [
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x80,
    ],
    [
        0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x85,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0xfa,
    ],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0x7f,
    ],
];

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

#[cfg(test)]
mod tests {
    use super::*;

    /// There are eight such points in the group, so eight different canonical encodings of them are all.
    #[test]
    fn the_strings_of_small_order_are_all_there_are() {
        for (at, bytes) in SMALL_ORDER.iter().enumerate() {
            let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).unwrap();
            assert!(key.is_weak(), "{bytes:?}");
            let canonical = key.to_edwards().compress().to_bytes();
            assert_eq!(canonical, *bytes, "in its canonical spelling");
            assert!(!SMALL_ORDER[..at].contains(bytes), "no string stands twice");
            assert_eq!(VerifyingKey::new(&PublicKey(*bytes)).err(), Some(Forged));
        }
    }

    /// A signature whose nonce is the neutral element holds under the plain equation (s = k a), so only
    /// the list refuses it.
    #[test]
    fn a_nonce_of_small_order_is_refused_though_the_equation_holds() {
        let seed = [9; 32];
        let public = SigningKey::from_seed(&seed).public();
        let secret = ed25519_dalek::SigningKey::from_bytes(&seed).to_scalar();
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let hash = Sha512::new().chain_update(neutral).chain_update(public.0).chain_update(b"m");
        let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&neutral);
        signature[32..].copy_from_slice((k * secret).as_bytes());
        let dalek = ed25519_dalek::VerifyingKey::from_bytes(&public.0).unwrap();
        let parsed = ed25519_dalek::Signature::from_bytes(&signature);
        assert!(dalek.verify(b"m", &parsed).is_ok() && dalek.verify_strict(b"m", &parsed).is_err());
        let key = VerifyingKey::new(&public).unwrap();
        assert_eq!(key.verify(b"m", &signature), Err(Forged));
        let check = Check { key: &key, body: b"m", signature: &signature };
        assert_eq!(verify_all(&[check, check]), [Err(Forged), Err(Forged)]);
    }
}
