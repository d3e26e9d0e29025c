//! A refund request: the payer asks for the money of one claim back.
//!
//! ```text
//!   0  tag          16   "farthing/refun/1"
//!  16  verifier     32   VerifierId
//!  48  signer       32   the wallet's root key, or a spending key of it for the same creator
//!  80  claim        32   ClaimId of the claim that was charged
//! 112  entry         8   number of the claim's entry, where the verifier finds it
//! 120  asked_at      8   Unix milliseconds, within two minutes of the verifier's clock
//! 128  reason        1   1 not delivered, 2 by mistake, 3 not as described, 4 other
//! 129  reserved      7   zero
//! 136  signature    64   Ed25519 by the signer over bytes 0..136
//! ```
//!
//! A claim is refunded at most once; the request's id is the SHA-256 of its body, so that the same
//! request again gets its first answer.

use crate::encoding::{DecodeError, Reader, SIGNATURE_LEN, Writer, split_signed};
use crate::ids::{ClaimId, PublicKey, VerifierId, sha256};
use crate::signing::{Forged, SigningKey, Verified, VerifyingKey};
use crate::time::UnixMillis;

/// Why a payer wants its money back. The number is signed and frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// What was paid for could not be opened.
    NotDelivered,
    /// It was bought by mistake.
    Mistake,
    /// It is not what was promised.
    NotAsDescribed,
    /// Anything else.
    Other,
}

impl Reason {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Self; 4] =
        [Self::NotDelivered, Self::Mistake, Self::NotAsDescribed, Self::Other];

    /// The frozen number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::NotDelivered => 1,
            Self::Mistake => 2,
            Self::NotAsDescribed => 3,
            Self::Other => 4,
        }
    }

    /// The reason of a number.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::NotDelivered),
            2 => Some(Self::Mistake),
            3 => Some(Self::NotAsDescribed),
            4 => Some(Self::Other),
            _ => None,
        }
    }

    /// The stable name used in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotDelivered => "not_delivered",
            Self::Mistake => "mistake",
            Self::NotAsDescribed => "not_as_described",
            Self::Other => "other",
        }
    }
}

macro_rules! outcomes {
    ($($name:ident = $code:literal, $text:literal, $sentence:literal;)*) => {
        /// What became of a refund request. The numbers are on the wire: frozen, never reused, and
        /// not those of claims.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RefundOutcome {
            $(#[doc = $sentence] $name,)*
        }

        impl RefundOutcome {
            /// Every outcome, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The frozen number.
            #[must_use]
            pub const fn code(self) -> u16 {
                match self { $(Self::$name => $code,)* }
            }

            /// The outcome of a number.
            #[must_use]
            pub const fn from_code(code: u16) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }

            /// The stable name used in JSON.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// A sentence for people.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }
            }
        }
    };
}

outcomes! {
    Refunded = 1, "refunded", "The money is back in your wallet.";
    AlreadyRefunded = 2, "already_refunded", "This payment was refunded before.";

    WrongVerifier = 11, "wrong_verifier", "This request was made out to another provider.";
    Expired = 12, "expired", "The request arrived too late or too early; is the clock of this device right?";
    UnknownClaim = 13, "unknown_claim", "There is no such payment.";
    NotYours = 14, "not_yours", "This payment was made from another wallet or site.";

    WindowOver = 30, "window_over", "The time in which this payment could be refunded is over.";
    TooManyRefunds = 31, "too_many_refunds", "Too many payments were refunded within a day; please ask the creator.";
    NotHeld = 32, "not_held", "The money is no longer held for you; please ask the creator.";
    WalletFull = 33, "wallet_full", "Your wallet cannot hold more money.";
}

impl RefundOutcome {
    /// Whether the payer has its money back.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Refunded | Self::AlreadyRefunded)
    }

    /// Whether the answer is kept for the claim, so that it never changes.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Refunded | Self::AlreadyRefunded) || self.code() >= 30
    }
}

/// The fields of a refund request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refund {
    /// The verifier that is asked.
    pub verifier: VerifierId,
    /// The key that asks.
    pub signer: PublicKey,
    /// The claim that was charged.
    pub claim: ClaimId,
    /// The number of its entry.
    pub entry: u64,
    /// When it is asked.
    pub asked_at: UnixMillis,
    /// Why.
    pub reason: Reason,
}

impl Refund {
    /// Length of the signed body in bytes.
    pub const BODY_LEN: usize = 136;
    /// Length with its signature.
    pub const SIGNED_LEN: usize = 200;
    /// The domain tag and version.
    pub const TAG: &'static [u8; 16] = b"farthing/refun/1";

    /// The body's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::BODY_LEN] {
        let mut writer = Writer::new(Self::TAG);
        writer.put(&self.verifier.0);
        writer.put(&self.signer.0);
        writer.put(&self.claim.0);
        writer.put_u64(self.entry);
        writer.put_u64(self.asked_at.0);
        writer.put(&[self.reason.code()]);
        writer.put(&[0; 7]);
        writer.finish()
    }

    /// Reads a body; the exact inverse of [`Refund::encode`].
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, Self::BODY_LEN, Self::TAG)?;
        let verifier = VerifierId(reader.take());
        let signer = PublicKey(reader.take());
        let claim = ClaimId(reader.take());
        let entry = reader.take_u64();
        let asked_at = UnixMillis(reader.take_u64());
        let [reason] = reader.take();
        reader.take_zeros::<7>()?;
        reader.finish();
        if entry == 0 || i64::try_from(entry).is_err() {
            return Err(DecodeError::Field("entry"));
        }
        if i64::try_from(asked_at.0).is_err() {
            return Err(DecodeError::Field("asked_at"));
        }
        let reason = Reason::from_code(reason).ok_or(DecodeError::Field("reason"))?;
        Ok(Self { verifier, signer, claim, entry, asked_at, reason })
    }

    /// Signs it.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> SignedRefund {
        SignedRefund { refund: *self, signature: key.sign(&self.encode()) }
    }
}

/// A refund request with a signature that nobody has checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRefund {
    refund: Refund,
    signature: [u8; SIGNATURE_LEN],
}

impl SignedRefund {
    /// Reads 200 bytes.
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (body, signature) = split_signed::<{ Refund::BODY_LEN }>(bytes)?;
        Ok(Self { refund: Refund::decode(&body)?, signature })
    }

    /// The 200 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Refund::SIGNED_LEN] {
        let mut bytes = [0; Refund::SIGNED_LEN];
        let (body, signature) = bytes.split_at_mut(Refund::BODY_LEN);
        body.copy_from_slice(&self.refund.encode());
        signature.copy_from_slice(&self.signature);
        bytes
    }

    /// The fields.
    #[must_use]
    pub fn refund(&self) -> &Refund {
        &self.refund
    }

    /// Names the request: SHA-256 of its body, whatever its signature.
    #[must_use]
    pub fn id(&self) -> [u8; 32] {
        sha256(&self.refund.encode())
    }

    /// Checks the signer's signature.
    ///
    /// # Errors
    /// [`Forged`] when it does not hold.
    pub fn verify(self) -> Result<Verified<Self>, Forged> {
        VerifyingKey::new(&self.refund.signer)?.verify(&self.refund.encode(), &self.signature)?;
        Ok(Verified::vouch(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique_ordered_and_read_back() {
        let mut last = 0;
        for outcome in RefundOutcome::ALL {
            assert!(outcome.code() > last, "{outcome:?}");
            last = outcome.code();
            assert_eq!(RefundOutcome::from_code(outcome.code()), Some(*outcome));
        }
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(reason.code()), Some(reason));
        }
        assert_eq!(Reason::from_code(0), None);
        assert_eq!(Reason::from_code(5), None);
    }
}
