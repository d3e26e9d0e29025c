//! A permission: what a wallet's holder lets one creator's pages be paid without being asked each time.
//!
//! ```text
//!   0  tag          16   "farthing/permi/1"
//!  16  verifier     32   VerifierId
//!  48  root         32   the wallet's root key
//!  80  number        8   one more than that of the permission it replaces; the first is 1
//!  88  set_at        8   Unix milliseconds, within two minutes of the verifier's clock
//!  96  creator      16   CreatorId
//! 112  per_month     8   micros within one calendar month of UTC; zero: every payment is asked for
//! 120  currency      3   ISO 4217
//! 123  reserved      5   zero
//! 128  signature    64   Ed25519 by the root key over bytes 0..128
//! ```
//!
//! Number and date do what a budget's do: an older permission never comes back, and one that got lost on the
//! way does not turn up later. Numbers count for each wallet and creator.

use crate::amount::{Currency, Micros};
use crate::encoding::{DecodeError, Reader, SIGNATURE_LEN, Writer, split_signed};
use crate::ids::{CreatorId, PublicKey, VerifierId};
use crate::limits;
use crate::signing::{Forged, SigningKey, Verified, VerifyingKey};
use crate::time::UnixMillis;

/// The fields of a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    /// The verifier that keeps to it.
    pub verifier: VerifierId,
    /// The wallet.
    pub root: PublicKey,
    /// One more than that of the permission it replaces.
    pub number: u64,
    /// When it was signed.
    pub set_at: UnixMillis,
    /// Who may be paid.
    pub creator: CreatorId,
    /// Up to how much within one calendar month of UTC, all payments to that creator for items counted; zero
    /// takes the permission back.
    pub per_month: Micros,
    /// The currency of the amount.
    pub currency: Currency,
}

impl Permission {
    /// Length of the signed body in bytes.
    pub const BODY_LEN: usize = 128;
    /// Length with its signature.
    pub const SIGNED_LEN: usize = 192;
    /// The domain tag and version.
    pub const TAG: &'static [u8; 16] = b"farthing/permi/1";

    /// Whether it was signed neither too long ago nor too far ahead of a time.
    #[must_use]
    pub fn is_live(&self, now: UnixMillis) -> bool {
        self.set_at <= now.plus_ms(limits::PERMISSION_LIFE_MS)
            && now <= self.set_at.plus_ms(limits::PERMISSION_LIFE_MS)
    }

    /// The body's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::BODY_LEN] {
        let mut writer = Writer::new(Self::TAG);
        writer.put(&self.verifier.0);
        writer.put(&self.root.0);
        writer.put_u64(self.number);
        writer.put_u64(self.set_at.0);
        writer.put(&self.creator.0);
        writer.put_u64(self.per_month.get());
        writer.put(&self.currency.bytes());
        writer.put(&[0; 5]);
        writer.finish()
    }

    /// Reads a body; the exact inverse of [`Permission::encode`].
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, Self::BODY_LEN, Self::TAG)?;
        let permission = Self {
            verifier: VerifierId(reader.take()),
            root: PublicKey(reader.take()),
            number: reader.take_u64(),
            set_at: UnixMillis(reader.take_u64()),
            creator: CreatorId(reader.take()),
            per_month: reader.take_micros("per_month")?,
            currency: reader.take_currency()?,
        };
        reader.take_zeros::<5>()?;
        reader.finish();
        if permission.number == 0 || i64::try_from(permission.number).is_err() {
            return Err(DecodeError::Field("number"));
        }
        if i64::try_from(permission.set_at.0).is_err() {
            return Err(DecodeError::Field("set_at"));
        }
        Ok(permission)
    }

    /// Signs it with the wallet's root key.
    #[must_use]
    pub fn sign(&self, root: &SigningKey) -> SignedPermission {
        SignedPermission { permission: *self, signature: root.sign(&self.encode()) }
    }
}

/// A permission with a signature that nobody has checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedPermission {
    permission: Permission,
    signature: [u8; SIGNATURE_LEN],
}

impl SignedPermission {
    /// Reads 192 bytes.
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (body, signature) = split_signed::<{ Permission::BODY_LEN }>(bytes)?;
        Ok(Self { permission: Permission::decode(&body)?, signature })
    }

    /// The 192 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Permission::SIGNED_LEN] {
        let mut bytes = [0; Permission::SIGNED_LEN];
        let (body, signature) = bytes.split_at_mut(Permission::BODY_LEN);
        body.copy_from_slice(&self.permission.encode());
        signature.copy_from_slice(&self.signature);
        bytes
    }

    /// The fields.
    #[must_use]
    pub fn permission(&self) -> &Permission {
        &self.permission
    }

    /// Checks the root key's signature.
    ///
    /// # Errors
    /// [`Forged`] when it does not hold.
    pub fn verify(self) -> Result<Verified<Self>, Forged> {
        let key = VerifyingKey::new(&self.permission.root)?;
        key.verify(&self.permission.encode(), &self.signature)?;
        Ok(Verified::vouch(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permission() -> Permission {
        Permission {
            verifier: VerifierId([7; 32]),
            root: SigningKey::from_seed(&[9; 32]).public(),
            number: 3,
            set_at: UnixMillis(1_795_392_000_000),
            creator: CreatorId([5; 16]),
            per_month: Micros::new(3_000_000).expect("an amount"),
            currency: Currency::parse("EUR").expect("three capitals"),
        }
    }

    #[test]
    fn every_spelling_reads_back_and_no_other_is_read() {
        for per_month in [Micros::ZERO, permission().per_month, Micros::MAX] {
            let permission = Permission { per_month, ..permission() };
            assert_eq!(Permission::decode(&permission.encode()), Ok(permission));
        }
        for (at, value, error) in [
            (87, 0, DecodeError::Field("number")),
            (80, 0x80, DecodeError::Field("number")),
            (88, 0x80, DecodeError::Field("set_at")),
            (112, 0xff, DecodeError::Field("per_month")),
            (120, b'e', DecodeError::Field("currency")),
            (123, 1, DecodeError::Reserved),
            (127, 1, DecodeError::Reserved),
        ] {
            let mut bytes = permission().encode();
            bytes[at] = value;
            assert_eq!(Permission::decode(&bytes), Err(error), "byte {at}");
        }
    }

    #[test]
    fn only_the_root_key_can_sign() {
        let (own, other) = (SigningKey::from_seed(&[9; 32]), SigningKey::from_seed(&[8; 32]));
        assert!(permission().sign(&own).verify().is_ok());
        assert!(permission().sign(&other).verify().is_err());
        let mut bytes = permission().sign(&own).encode();
        bytes[119] ^= 1;
        assert!(SignedPermission::decode(&bytes).is_ok_and(|signed| signed.verify().is_err()));
    }

    #[test]
    fn it_is_good_for_two_minutes_either_side() {
        let at = permission().set_at;
        for (ms, live) in [(0, true), (120_000, true), (120_001, false)] {
            assert_eq!(permission().is_live(at.plus_ms(ms)), live, "{ms} later");
            let later = Permission { set_at: at.plus_ms(ms), ..permission() };
            assert_eq!(later.is_live(at), live, "{ms} earlier");
        }
    }
}
