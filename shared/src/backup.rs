//! A backup: a wallet's root key, sealed by a passkey, for the verifier to keep.
//!
//! ```text
//!   0  tag          16   "farthing/backp/1"
//!  16  verifier     32   VerifierId
//!  48  root         32   the wallet's root key
//!  80  name         32   under which it is asked for; the passkey alone tells it
//! 112  at            8   Unix milliseconds, within two minutes of the verifier's clock
//! 120  sealed       60   AES-256-GCM: nonce 12, the seed of the root key 32, tag 16
//! 180  reserved      4   zero
//! 184  signature    64   Ed25519 by the root key over bytes 0..184
//! ```
//!
//! Name and sealing key are derived in the browser from a secret that only the passkey gives out (the `prf`
//! extension of WebAuthn). The verifier sees neither the passkey nor the seed, and who asks by name has the
//! passkey or has guessed 256 bits.

use crate::encoding::{DecodeError, Reader, SIGNATURE_LEN, Writer, split_signed};
use crate::ids::{BackupName, PublicKey, VerifierId};
use crate::limits;
use crate::signing::{Forged, SigningKey, Verified, VerifyingKey};
use crate::time::UnixMillis;

/// The fields of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backup {
    /// The verifier that keeps it.
    pub verifier: VerifierId,
    /// The wallet.
    pub root: PublicKey,
    /// Under which it is asked for.
    pub name: BackupName,
    /// When it was signed.
    pub at: UnixMillis,
    /// Nonce, sealed seed and tag.
    pub sealed: [u8; Self::SEALED_LEN],
}

impl Backup {
    /// Length of the sealed seed with nonce and tag.
    pub const SEALED_LEN: usize = 60;
    /// Length of the signed body in bytes.
    pub const BODY_LEN: usize = 184;
    /// Length with its signature.
    pub const SIGNED_LEN: usize = 248;
    /// The domain tag and version.
    pub const TAG: &'static [u8; 16] = b"farthing/backp/1";

    /// Whether it was signed neither too long ago nor too far ahead of a time.
    #[must_use]
    pub fn is_live(&self, now: UnixMillis) -> bool {
        self.at <= now.plus_ms(limits::BACKUP_LIFE_MS)
            && now <= self.at.plus_ms(limits::BACKUP_LIFE_MS)
    }

    /// The body's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::BODY_LEN] {
        let mut writer = Writer::new(Self::TAG);
        writer.put(&self.verifier.0);
        writer.put(&self.root.0);
        writer.put(&self.name.0);
        writer.put_u64(self.at.0);
        writer.put(&self.sealed);
        writer.put(&[0; 4]);
        writer.finish()
    }

    /// Reads a body; the exact inverse of [`Backup::encode`].
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, Self::BODY_LEN, Self::TAG)?;
        let backup = Self {
            verifier: VerifierId(reader.take()),
            root: PublicKey(reader.take()),
            name: BackupName(reader.take()),
            at: UnixMillis(reader.take_u64()),
            sealed: reader.take(),
        };
        reader.take_zeros::<4>()?;
        reader.finish();
        if i64::try_from(backup.at.0).is_err() {
            return Err(DecodeError::Field("at"));
        }
        Ok(backup)
    }

    /// Signs it with the wallet's root key.
    #[must_use]
    pub fn sign(&self, root: &SigningKey) -> SignedBackup {
        SignedBackup { backup: *self, signature: root.sign(&self.encode()) }
    }
}

/// A backup with a signature that nobody has checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBackup {
    backup: Backup,
    signature: [u8; SIGNATURE_LEN],
}

impl SignedBackup {
    /// Reads 248 bytes.
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (body, signature) = split_signed::<{ Backup::BODY_LEN }>(bytes)?;
        Ok(Self { backup: Backup::decode(&body)?, signature })
    }

    /// The 248 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Backup::SIGNED_LEN] {
        let mut bytes = [0; Backup::SIGNED_LEN];
        let (body, signature) = bytes.split_at_mut(Backup::BODY_LEN);
        body.copy_from_slice(&self.backup.encode());
        signature.copy_from_slice(&self.signature);
        bytes
    }

    /// The fields.
    #[must_use]
    pub fn backup(&self) -> &Backup {
        &self.backup
    }

    /// Checks the root key's signature.
    ///
    /// # Errors
    /// [`Forged`] when it does not hold.
    pub fn verify(self) -> Result<Verified<Self>, Forged> {
        VerifyingKey::new(&self.backup.root)?.verify(&self.backup.encode(), &self.signature)?;
        Ok(Verified::vouch(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_back_and_lives_two_minutes_either_side() {
        let root = SigningKey::from_seed(&[1; 32]);
        let at = UnixMillis(1_795_392_000_000);
        let sealed = core::array::from_fn(|place| u8::try_from(place).unwrap_or(0));
        let verifier = VerifierId([7; 32]);
        let backup =
            Backup { verifier, root: root.public(), name: BackupName([9; 32]), at, sealed };
        assert_eq!(Backup::decode(&backup.encode()), Ok(backup));
        assert!(backup.sign(&root).verify().is_ok());
        let stranger = SigningKey::from_seed(&[2; 32]);
        assert_eq!(backup.sign(&stranger).verify().err(), Some(Forged));
        let late = Backup { at: UnixMillis(u64::MAX), ..backup };
        assert_eq!(Backup::decode(&late.encode()), Err(DecodeError::Field("at")));
        for (now, lives) in [
            (at.0 - limits::BACKUP_LIFE_MS - 1, false),
            (at.0 - limits::BACKUP_LIFE_MS, true),
            (at.0 + limits::BACKUP_LIFE_MS, true),
            (at.0 + limits::BACKUP_LIFE_MS + 1, false),
        ] {
            assert_eq!(backup.is_live(UnixMillis(now)), lives, "{now}");
        }
    }
}
