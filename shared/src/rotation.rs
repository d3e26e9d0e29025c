//! A rotation: a wallet's root key hands the wallet to another one and ends all that it allowed.
//!
//! ```text
//!   0  tag             16   "farthing/rotat/1"
//!  16  verifier        32   VerifierId
//!  48  root            32   the root key that ends
//!  80  next            32   the root key that takes its place
//! 112  at               8   Unix milliseconds, within two minutes of the verifier's clock
//! 120  next_signature  64   Ed25519 by the next key over bytes 0..120
//! 184  signature       64   Ed25519 by the root key over bytes 0..184
//! ```
//!
//! Both keys sign: the old one because the wallet is its own, the next one so that nobody hands a wallet to a
//! key that cannot sign for it. A root key that has ended never opens a wallet again, so one rotation
//! cannot be fed in twice; the date makes one worthless that was signed and got lost on the way.

use crate::encoding::{DecodeError, Reader, SIGNATURE_LEN, Writer, split_signed};
use crate::ids::{PublicKey, VerifierId};
use crate::limits;
use crate::signing::{Forged, SigningKey, Verified, VerifyingKey};
use crate::time::UnixMillis;

/// The fields of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// The verifier that keeps the wallet.
    pub verifier: VerifierId,
    /// The root key that ends.
    pub root: PublicKey,
    /// The root key that takes its place.
    pub next: PublicKey,
    /// When it was signed.
    pub at: UnixMillis,
    /// The next key's word that it can sign.
    pub next_signature: [u8; SIGNATURE_LEN],
}

impl Rotation {
    /// Length of the signed body in bytes.
    pub const BODY_LEN: usize = 184;
    /// Length with its signature.
    pub const SIGNED_LEN: usize = 248;
    /// The domain tag and version.
    pub const TAG: &'static [u8; 16] = b"farthing/rotat/1";
    /// What the next key signs: everything before its signature.
    const NEXT_LEN: usize = 120;

    /// A rotation that the next key has signed.
    #[must_use]
    pub fn to(next: &SigningKey, verifier: VerifierId, root: PublicKey, at: UnixMillis) -> Self {
        let unsigned =
            Self { verifier, root, next: next.public(), at, next_signature: [0; SIGNATURE_LEN] };
        Self { next_signature: next.sign(&unsigned.terms()), ..unsigned }
    }

    /// Whether it was signed neither too long ago nor too far ahead of a time.
    #[must_use]
    pub fn is_live(&self, now: UnixMillis) -> bool {
        self.at <= now.plus_ms(limits::ROTATION_LIFE_MS)
            && now <= self.at.plus_ms(limits::ROTATION_LIFE_MS)
    }

    fn terms(&self) -> [u8; Self::NEXT_LEN] {
        let mut writer = Writer::new(Self::TAG);
        writer.put(&self.verifier.0);
        writer.put(&self.root.0);
        writer.put(&self.next.0);
        writer.put_u64(self.at.0);
        writer.finish()
    }

    /// The body's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::BODY_LEN] {
        let mut bytes = [0; Self::BODY_LEN];
        let (terms, signature) = bytes.split_at_mut(Self::NEXT_LEN);
        terms.copy_from_slice(&self.terms());
        signature.copy_from_slice(&self.next_signature);
        bytes
    }

    /// Reads a body; the exact inverse of [`Rotation::encode`].
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, Self::BODY_LEN, Self::TAG)?;
        let rotation = Self {
            verifier: VerifierId(reader.take()),
            root: PublicKey(reader.take()),
            next: PublicKey(reader.take()),
            at: UnixMillis(reader.take_u64()),
            next_signature: reader.take(),
        };
        reader.finish();
        if rotation.next == rotation.root {
            return Err(DecodeError::Field("next"));
        }
        if i64::try_from(rotation.at.0).is_err() {
            return Err(DecodeError::Field("at"));
        }
        Ok(rotation)
    }

    /// Signs it with the root key that ends.
    #[must_use]
    pub fn sign(&self, root: &SigningKey) -> SignedRotation {
        SignedRotation { rotation: *self, signature: root.sign(&self.encode()) }
    }
}

/// A rotation with signatures that nobody has checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRotation {
    rotation: Rotation,
    signature: [u8; SIGNATURE_LEN],
}

impl SignedRotation {
    /// Reads 248 bytes.
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (body, signature) = split_signed::<{ Rotation::BODY_LEN }>(bytes)?;
        Ok(Self { rotation: Rotation::decode(&body)?, signature })
    }

    /// The 248 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Rotation::SIGNED_LEN] {
        let mut bytes = [0; Rotation::SIGNED_LEN];
        let (body, signature) = bytes.split_at_mut(Rotation::BODY_LEN);
        body.copy_from_slice(&self.rotation.encode());
        signature.copy_from_slice(&self.signature);
        bytes
    }

    /// The fields.
    #[must_use]
    pub fn rotation(&self) -> &Rotation {
        &self.rotation
    }

    /// Checks the signatures of both root keys.
    ///
    /// # Errors
    /// [`Forged`] when one of them does not hold.
    pub fn verify(self) -> Result<Verified<Self>, Forged> {
        let Rotation { root, next, next_signature, .. } = self.rotation;
        VerifyingKey::new(&root)?.verify(&self.rotation.encode(), &self.signature)?;
        VerifyingKey::new(&next)?.verify(&self.rotation.terms(), &next_signature)?;
        Ok(Verified::vouch(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERIFIER: VerifierId = VerifierId([7; 32]);
    const AT: UnixMillis = UnixMillis(1_795_392_000_000);

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed(&[seed; 32])
    }

    #[test]
    fn both_keys_must_have_signed_these_very_keys() {
        let (root, next, other) = (key(1), key(2), key(3));
        let right = Rotation::to(&next, VERIFIER, root.public(), AT);
        assert_eq!(Rotation::decode(&right.encode()), Ok(right));
        assert!(right.sign(&root).verify().is_ok());
        for (name, wrong, signer) in [
            ("signed by another root key", right, &other),
            ("signed by the next key alone", right, &next),
            ("to a key that did not sign", Rotation { next: other.public(), ..right }, &root),
            (
                "the next key signed for another wallet",
                Rotation {
                    root: root.public(),
                    ..Rotation::to(&next, VERIFIER, other.public(), AT)
                },
                &root,
            ),
            ("at another time", Rotation { at: AT.plus_ms(1), ..right }, &root),
            ("for another verifier", Rotation { verifier: VerifierId([8; 32]), ..right }, &root),
        ] {
            assert_eq!(wrong.sign(signer).verify().err(), Some(Forged), "{name}");
        }
    }

    #[test]
    fn a_key_does_not_follow_itself_and_times_have_an_end() {
        let rotation = Rotation::to(&key(1), VERIFIER, key(1).public(), AT);
        assert_eq!(Rotation::decode(&rotation.encode()), Err(DecodeError::Field("next")));
        let late = UnixMillis(u64::MAX);
        let rotation = Rotation::to(&key(2), VERIFIER, key(1).public(), late);
        assert_eq!(Rotation::decode(&rotation.encode()), Err(DecodeError::Field("at")));
    }

    #[test]
    fn it_lives_two_minutes_either_side() {
        let rotation = Rotation::to(&key(2), VERIFIER, key(1).public(), AT);
        for (now, lives) in [
            (AT.0 - limits::ROTATION_LIFE_MS - 1, false),
            (AT.0 - limits::ROTATION_LIFE_MS, true),
            (AT.0 + limits::ROTATION_LIFE_MS, true),
            (AT.0 + limits::ROTATION_LIFE_MS + 1, false),
        ] {
            assert_eq!(rotation.is_live(UnixMillis(now)), lives, "{now}");
        }
    }
}
