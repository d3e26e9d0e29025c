//! A budget: what a wallet's holder lets the whole wallet pay at most, and whether it may pay at all.
//!
//! ```text
//!   0  tag          16   "farthing/budgt/1"
//!  16  verifier     32   VerifierId
//!  48  root         32   the wallet's root key
//!  80  number        8   one more than that of the budget it replaces; the first is 1
//!  88  set_at        8   Unix milliseconds, within two minutes of the verifier's clock
//!  96  per_day       8   micros within one UTC day; zero where there is no such limit
//! 104  per_month     8   micros within one calendar month of UTC; zero where there is none
//! 112  flags         1   bit 0: per_day holds, bit 1: per_month holds, bit 2: all payments are paused
//! 113  currency      3   ISO 4217
//! 116  reserved      4   zero
//! 120  signature    64   Ed25519 by the root key over bytes 0..120
//! ```
//!
//! The number makes an old budget worthless once a newer one is in force, and one that was made on
//! what somebody saw before another device changed it. The date makes one worthless that was signed
//! and got lost on the way.

use crate::amount::{Currency, Micros};
use crate::encoding::{DecodeError, Reader, SIGNATURE_LEN, Writer, split_signed};
use crate::ids::{PublicKey, VerifierId};
use crate::limits;
use crate::signing::{Forged, SigningKey, Verified, VerifyingKey};
use crate::time::UnixMillis;

const PER_DAY: u8 = 1;
const PER_MONTH: u8 = 2;
const PAUSED: u8 = 4;

/// The fields of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The verifier that keeps to it.
    pub verifier: VerifierId,
    /// The wallet.
    pub root: PublicKey,
    /// One more than that of the budget it replaces.
    pub number: u64,
    /// When it was signed.
    pub set_at: UnixMillis,
    /// Most within one UTC day.
    pub per_day: Option<Micros>,
    /// Most within one calendar month of UTC.
    pub per_month: Option<Micros>,
    /// Whether nothing may be paid until another budget is set.
    pub paused: bool,
    /// The currency of its limits.
    pub currency: Currency,
}

impl Budget {
    /// Length of the signed body in bytes.
    pub const BODY_LEN: usize = 120;
    /// Length with its signature.
    pub const SIGNED_LEN: usize = 184;
    /// The domain tag and version.
    pub const TAG: &'static [u8; 16] = b"farthing/budgt/1";

    /// Whether it was signed neither too long ago nor too far ahead of a time.
    #[must_use]
    pub fn is_live(&self, now: UnixMillis) -> bool {
        self.set_at <= now.plus_ms(limits::BUDGET_LIFE_MS)
            && now <= self.set_at.plus_ms(limits::BUDGET_LIFE_MS)
    }

    /// The body's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::BODY_LEN] {
        let bit = |on: bool, bit: u8| if on { bit } else { 0 };
        let flags = bit(self.per_day.is_some(), PER_DAY)
            | bit(self.per_month.is_some(), PER_MONTH)
            | bit(self.paused, PAUSED);
        let mut writer = Writer::new(Self::TAG);
        writer.put(&self.verifier.0);
        writer.put(&self.root.0);
        writer.put_u64(self.number);
        writer.put_u64(self.set_at.0);
        writer.put_u64(self.per_day.unwrap_or_default().get());
        writer.put_u64(self.per_month.unwrap_or_default().get());
        writer.put(&[flags]);
        writer.put(&self.currency.bytes());
        writer.put(&[0; 4]);
        writer.finish()
    }

    /// Reads a body; the exact inverse of [`Budget::encode`].
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, Self::BODY_LEN, Self::TAG)?;
        let verifier = VerifierId(reader.take());
        let root = PublicKey(reader.take());
        let number = reader.take_u64();
        let set_at = UnixMillis(reader.take_u64());
        let per_day = reader.take_micros("per_day")?;
        let per_month = reader.take_micros("per_month")?;
        let [flags] = reader.take();
        let currency = reader.take_currency()?;
        reader.take_zeros::<4>()?;
        reader.finish();
        if number == 0 || i64::try_from(number).is_err() {
            return Err(DecodeError::Field("number"));
        }
        if i64::try_from(set_at.0).is_err() {
            return Err(DecodeError::Field("set_at"));
        }
        if flags & !(PER_DAY | PER_MONTH | PAUSED) != 0 {
            return Err(DecodeError::Field("flags"));
        }
        let per_day = limit(per_day, flags & PER_DAY != 0, "per_day")?;
        let per_month = limit(per_month, flags & PER_MONTH != 0, "per_month")?;
        let paused = flags & PAUSED != 0;
        Ok(Self { verifier, root, number, set_at, per_day, per_month, paused, currency })
    }

    /// Signs it with the wallet's root key.
    #[must_use]
    pub fn sign(&self, root: &SigningKey) -> SignedBudget {
        SignedBudget { budget: *self, signature: root.sign(&self.encode()) }
    }
}

/// A limit that holds is above zero, one that does not is zero: nothing to pay is said by the pause alone.
fn limit(micros: Micros, holds: bool, name: &'static str) -> Result<Option<Micros>, DecodeError> {
    match (holds, micros) {
        (true, Micros::ZERO) => Err(DecodeError::Field(name)),
        (true, micros) => Ok(Some(micros)),
        (false, Micros::ZERO) => Ok(None),
        (false, _) => Err(DecodeError::Field(name)),
    }
}

/// A budget with a signature that nobody has checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBudget {
    budget: Budget,
    signature: [u8; SIGNATURE_LEN],
}

impl SignedBudget {
    /// Reads 184 bytes.
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (body, signature) = split_signed::<{ Budget::BODY_LEN }>(bytes)?;
        Ok(Self { budget: Budget::decode(&body)?, signature })
    }

    /// The 184 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Budget::SIGNED_LEN] {
        let mut bytes = [0; Budget::SIGNED_LEN];
        let (body, signature) = bytes.split_at_mut(Budget::BODY_LEN);
        body.copy_from_slice(&self.budget.encode());
        signature.copy_from_slice(&self.signature);
        bytes
    }

    /// The fields.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Checks the root key's signature.
    ///
    /// # Errors
    /// [`Forged`] when it does not hold.
    pub fn verify(self) -> Result<Verified<Self>, Forged> {
        VerifyingKey::new(&self.budget.root)?.verify(&self.budget.encode(), &self.signature)?;
        Ok(Verified::vouch(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> Budget {
        Budget {
            verifier: VerifierId([7; 32]),
            root: SigningKey::from_seed(&[9; 32]).public(),
            number: 3,
            set_at: UnixMillis(1_795_392_000_000),
            per_day: Micros::new(1_000_000),
            per_month: None,
            paused: true,
            currency: Currency::parse("EUR").expect("three capitals"),
        }
    }

    #[test]
    fn every_spelling_reads_back_and_no_other_is_read() {
        let some = Micros::new(5);
        for (per_day, per_month) in [(None, None), (some, None), (None, some), (some, some)] {
            for paused in [false, true] {
                let budget = Budget { per_day, per_month, paused, ..budget() };
                assert_eq!(Budget::decode(&budget.encode()), Ok(budget));
            }
        }
        for (at, value, field) in [
            (87, 0, "number"),
            (80, 0x80, "number"),
            (88, 0x80, "set_at"),
            (111, 1, "per_month"),
            (112, 4, "per_day"),
            (112, 7, "per_month"),
            (112, 13, "flags"),
            (113, b'e', "currency"),
            (96, 0xff, "per_day"),
        ] {
            let mut bytes = budget().encode();
            bytes[at] = value;
            assert_eq!(Budget::decode(&bytes), Err(DecodeError::Field(field)), "byte {at}");
        }
        let mut bytes = budget().encode();
        bytes[119] = 1;
        assert_eq!(Budget::decode(&bytes), Err(DecodeError::Reserved));
    }

    #[test]
    fn only_the_root_key_can_sign() {
        let (own, other) = (SigningKey::from_seed(&[9; 32]), SigningKey::from_seed(&[8; 32]));
        assert!(budget().sign(&own).verify().is_ok());
        assert!(budget().sign(&other).verify().is_err());
        let mut bytes = budget().sign(&own).encode();
        bytes[112] = 1;
        assert!(SignedBudget::decode(&bytes).is_ok_and(|signed| signed.verify().is_err()));
    }
}
