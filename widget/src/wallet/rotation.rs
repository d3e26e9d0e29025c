//! What concerns the root key itself, to be signed: a rotation, first by the key that comes, then by the one that
//! goes; a backup by the key that it holds.

use farthing_shared::{Backup, BackupName, PublicKey, Rotation, SigningKey, UnixMillis};

use super::Wallet;
use crate::fields::{cut, whole};
use crate::signer::public_of;
use crate::text64;

impl Wallet {
    /// With the next key's signature, of `root key that goes US signed at (ms)`.
    #[must_use]
    pub fn rotation_to(&self, next: &SigningKey, row: &str) -> Option<Rotation> {
        let (root, at) = cut(row);
        Some(Rotation::to(next, self.verifier()?, public_of(root)?, UnixMillis(whole(at)?)))
    }

    /// For the root key to sign, of `name US signed at (ms) US sealed seed`.
    #[must_use]
    pub fn backup(&self, root: PublicKey, row: &str) -> Option<Backup> {
        let (name, row) = cut(row);
        let (at, sealed) = cut(row);
        Some(Backup {
            verifier: self.verifier()?,
            root,
            name: BackupName(text64::decode(name)?),
            at: UnixMillis(whole(at)?),
            sealed: text64::decode(sealed)?,
        })
    }

    /// For the root key to sign, of `next key US signed at (ms) US the next key's signature`.
    #[must_use]
    pub fn rotation(&self, root: PublicKey, row: &str) -> Option<Rotation> {
        let (next, row) = cut(row);
        let (at, signature) = cut(row);
        Some(Rotation {
            verifier: self.verifier()?,
            root,
            next: public_of(next)?,
            at: UnixMillis(whole(at)?),
            next_signature: text64::decode(signature)?,
        })
    }
}
