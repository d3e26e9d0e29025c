//! A leaf of the log: an entry of the ledger as bytes, the same bytes whenever they are made anew.
//!
//! ```text
//!   0 tag               16  "farthing/leaf/1\0"
//!  16 entry              8  the entry's number, from 1; the leaf's index is one less
//!  24 at                 8  when it was accepted, Unix milliseconds
//!  32 kind               1  1 claim, 2 top-up, 3 welcome, 4 release, 5 refund, 6 hold, 7 its lift
//!  33 zero               7
//!                           of a claim                      │ of the others
//!  40 running number     8  the creator's, from 1           │ account   8  wallet's or creator's number
//!  48 running total      8  the creator's, micros           │ amount    8  micros
//!  56 credited           8  amount less free credit and fee │ detail    8  rail, minute released, or claim held
//!  64 claim            256  as it was signed                │ reference 32, salt 16
//!
//! Of a hold and its lift the reference is the finding's id, 24 bytes, seven zeros, and the place it
//! comes from or goes to: 0 held, 1 payable, 2 the wallet that paid.
//! ```
//!
//! A refund has 120 bytes: 40 running number of the creator's refunds 8 · 48 their running total 8 ·
//! 56 taken back 8 · 64 the claim's entry 8 · 72 id of the payer's signed request 32 · 104 salt 16.
//! The running number and total of claims never fall; what is left is one total less the other.
//!
//! Only hashes of leaves are public. A claim's leaf cannot be guessed from its hash, since it holds a
//! signature; the others hold a salt that only the verifier can make.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::amount::Micros;
use crate::claim::{Claim, SignedClaim};
use crate::encoding::{DecodeError, Reader, Writer};
use crate::merkle::{Hash, leaf_hash};
use crate::time::UnixMillis;

/// What a leaf says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Number of the entry, from 1.
    pub entry: u64,
    /// When the entry was accepted.
    pub at: UnixMillis,
    /// What happened.
    pub body: LeafBody,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeafBody {
    /// A visitor paid a creator.
    Claim(Box<ClaimLeaf>),
    /// A creator gave a claim's money back.
    Refund(RefundLeaf),
    /// Money moved without a signature of its own.
    Other(OtherLeaf),
}

/// A claim with the figures its creator was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimLeaf {
    /// The creator's running number, from 1.
    pub number: u64,
    /// The creator's running total, this one included.
    pub total: Micros,
    /// What this one adds to it.
    pub credited: Micros,
    /// The signed claim; who reads a leaf checks the signature.
    pub signed: SignedClaim,
}

/// A refund with the figures its creator was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundLeaf {
    /// The running number of the creator's refunds, from 1.
    pub number: u64,
    /// Their running total, this one included.
    pub total: Micros,
    /// What this one takes back: what the claim had credited.
    pub taken: Micros,
    /// The entry of the claim.
    pub claim: u64,
    /// Id of the payer's signed request. Not the request itself: one that a root key signed would
    /// show two creators that they have the same visitor.
    pub request: [u8; 32],
    /// Made by the verifier so that the leaf cannot be guessed.
    pub salt: [u8; 16],
}

/// The kinds of leaves without a signature. The number is in the leaf and frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherKind {
    /// Money came into a wallet.
    TopUp,
    /// A new wallet was given credit.
    Welcome,
    /// Held money became payable.
    Release,
    /// A creator's share came under review because of a finding.
    Hold,
    /// A creator's share came out of review.
    Lift,
}

const CLAIM: u8 = 1;
const REFUND: u8 = 5;

impl OtherKind {
    /// The number in the leaf.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::TopUp => 2,
            Self::Welcome => 3,
            Self::Release => 4,
            Self::Hold => 6,
            Self::Lift => 7,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        match code {
            2 => Some(Self::TopUp),
            3 => Some(Self::Welcome),
            4 => Some(Self::Release),
            6 => Some(Self::Hold),
            7 => Some(Self::Lift),
            _ => None,
        }
    }
}

/// An entry that carries no signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherLeaf {
    /// Which kind.
    pub kind: OtherKind,
    /// Number of the wallet, or of the creator for a release.
    pub account: u64,
    /// How much.
    pub amount: Micros,
    /// The rail of a top-up, the minute of a release, the claim of a hold or lift, else 0.
    pub detail: u64,
    /// The rail's name for a top-up, the finding and place of a hold or lift, else zero.
    pub reference: [u8; 32],
    /// Made by the verifier so that the leaf cannot be guessed.
    pub salt: [u8; 16],
}

impl Leaf {
    /// Domain tag and version.
    pub const TAG: &'static [u8; 16] = b"farthing/leaf/1\0";
    /// Bytes of a claim's leaf.
    pub const CLAIM_LEN: usize = 320;
    /// Bytes of a refund's leaf.
    pub const REFUND_LEN: usize = 120;
    /// Bytes of the others.
    pub const OTHER_LEN: usize = 112;

    /// The leaf's place in the log, from 0.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.entry.saturating_sub(1)
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match &self.body {
            LeafBody::Claim(claim) => {
                let mut writer = self.head::<{ Self::CLAIM_LEN }>(CLAIM);
                writer.put_u64(claim.number);
                writer.put_u64(claim.total.get());
                writer.put_u64(claim.credited.get());
                writer.put(&claim.signed.encode());
                writer.finish().to_vec()
            }
            LeafBody::Refund(refund) => {
                let mut writer = self.head::<{ Self::REFUND_LEN }>(REFUND);
                writer.put_u64(refund.number);
                writer.put_u64(refund.total.get());
                writer.put_u64(refund.taken.get());
                writer.put_u64(refund.claim);
                writer.put(&refund.request);
                writer.put(&refund.salt);
                writer.finish().to_vec()
            }
            LeafBody::Other(other) => {
                let mut writer = self.head::<{ Self::OTHER_LEN }>(other.kind.code());
                writer.put_u64(other.account);
                writer.put_u64(other.amount.get());
                writer.put_u64(other.detail);
                writer.put(&other.reference);
                writer.put(&other.salt);
                writer.finish().to_vec()
            }
        }
    }

    fn head<const N: usize>(&self, kind: u8) -> Writer<N> {
        let mut writer = Writer::new(Self::TAG);
        writer.put_u64(self.entry);
        writer.put_u64(self.at.0);
        writer.put(&[kind]);
        writer.put(&[0; 7]);
        writer
    }

    /// Reads a leaf; the exact inverse of [`Leaf::encode`].
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let expected = match bytes.len() {
            Self::OTHER_LEN => Self::OTHER_LEN,
            Self::REFUND_LEN => Self::REFUND_LEN,
            _ => Self::CLAIM_LEN,
        };
        let mut reader = Reader::new(bytes, expected, Self::TAG)?;
        let entry = reader.take_u64();
        let at = UnixMillis(reader.take_u64());
        let [kind] = reader.take();
        reader.take_zeros::<7>()?;
        if entry == 0 || i64::try_from(entry).is_err() {
            return Err(DecodeError::Field("entry"));
        }
        let body = match expected {
            Self::CLAIM_LEN if kind == CLAIM => LeafBody::Claim(Box::new(ClaimLeaf {
                number: reader.take_u64(),
                total: reader.take_micros("running total")?,
                credited: reader.take_micros("credited")?,
                signed: SignedClaim::decode(&reader.take::<{ Claim::SIGNED_LEN }>())?,
            })),
            Self::REFUND_LEN if kind == REFUND => LeafBody::Refund(RefundLeaf {
                number: reader.take_u64(),
                total: reader.take_micros("running total")?,
                taken: reader.take_micros("taken back")?,
                claim: reader.take_u64(),
                request: reader.take(),
                salt: reader.take(),
            }),
            Self::OTHER_LEN => LeafBody::Other(OtherLeaf {
                kind: OtherKind::from_code(kind).ok_or(DecodeError::Field("kind"))?,
                account: reader.take_u64(),
                amount: reader.take_micros("amount")?,
                detail: reader.take_u64(),
                reference: reader.take(),
                salt: reader.take(),
            }),
            _ => return Err(DecodeError::Field("kind")),
        };
        reader.finish();
        Ok(Self { entry, at, body })
    }

    /// Its hash in the log.
    #[must_use]
    pub fn hash(&self) -> Hash {
        leaf_hash(&self.encode())
    }
}
