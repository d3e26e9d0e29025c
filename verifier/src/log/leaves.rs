//! From an entry of the ledger to its leaf: a pure function of the committed entry and, for the salt of
//! entries without a signature, of the master key.

use farthing_rules::rows::{Entry, EntryBody, ReviewEntry};
use farthing_shared::leaf::{ClaimLeaf, Leaf, LeafBody, OtherKind, OtherLeaf, RefundLeaf};
use farthing_shared::merkle::Hash;
use farthing_shared::{DecodeError, SignedClaim, SignedRefund};

use crate::secrets::Mac256;
use crate::store::sqlite::{ClaimRow, LeafRow};

/// An entry that cannot be in the log: the ledger was changed from outside.
#[derive(Debug)]
pub struct BrokenEntry {
    /// Its number.
    pub entry: u64,
    /// What is wrong.
    pub why: DecodeError,
}

impl std::fmt::Display for BrokenEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "entry {} of the ledger: {}", self.entry, self.why)
    }
}

/// The leaf of an entry: the same bytes whenever it is asked for.
///
/// # Errors
/// [`BrokenEntry`] when its signed claim cannot be read.
pub fn leaf(entry: &Entry, salt: &Mac256) -> Result<Leaf, BrokenEntry> {
    let number = entry.number.0;
    let broken = |why| BrokenEntry { entry: number, why };
    let other = |kind, account, amount, detail, reference| {
        let tag = salt.tag(&[&number.to_be_bytes()]);
        let salt = *tag.first_chunk().expect("a tag has 32 bytes");
        LeafBody::Other(OtherLeaf { kind, account, amount, detail, reference, salt })
    };
    let body = match &entry.body {
        EntryBody::Claim(claim) => {
            return claim_leaf(&ClaimRow {
                entry: entry.number,
                at: entry.at,
                number: claim.creator_number,
                total: claim.creator_total,
                credited: claim.credited(),
                signed: claim.signed,
            });
        }
        EntryBody::TopUp { wallet, amount, rail, reference, .. } => {
            other(OtherKind::TopUp, wallet.0, *amount, u64::from(rail.code()), *reference)
        }
        EntryBody::Welcome { wallet, amount, .. } => {
            other(OtherKind::Welcome, wallet.0, *amount, 0, [0; 32])
        }
        EntryBody::Refund(refund) => {
            let tag = salt.tag(&[&number.to_be_bytes()]);
            let signed = SignedRefund::decode(&refund.signed).map_err(broken)?;
            LeafBody::Refund(RefundLeaf {
                number: refund.creator_number,
                total: refund.creator_total,
                taken: refund.taken().ok_or_else(|| broken(DecodeError::Field("fee")))?,
                claim: refund.claim.0,
                request: signed.id(),
                salt: *tag.first_chunk().expect("a tag has 32 bytes"),
            })
        }
        EntryBody::Release { creator, amount, release_minute } => {
            other(OtherKind::Release, creator.0, *amount, *release_minute, [0; 32])
        }
        EntryBody::Hold(review) => {
            other(OtherKind::Hold, review.creator.0, review.amount, review.claim.0, about(review))
        }
        EntryBody::Lift(review) => {
            other(OtherKind::Lift, review.creator.0, review.amount, review.claim.0, about(review))
        }
    };
    Ok(Leaf { entry: number, at: entry.at, body })
}

/// The hash of an entry's leaf.
///
/// # Errors
/// As [`leaf`].
pub fn hash(row: &LeafRow, salt: &Mac256) -> Result<Hash, BrokenEntry> {
    match row {
        LeafRow::Claim(claim) => Ok(claim_leaf(claim)?.hash()),
        LeafRow::Other(entry) => Ok(leaf(entry, salt)?.hash()),
    }
}

fn claim_leaf(row: &ClaimRow) -> Result<Leaf, BrokenEntry> {
    let broken = |why| BrokenEntry { entry: row.entry.0, why };
    let body = LeafBody::Claim(Box::new(ClaimLeaf {
        number: row.number,
        total: row.total,
        credited: row.credited.ok_or_else(|| broken(DecodeError::Field("fee")))?,
        signed: SignedClaim::decode(&row.signed).map_err(broken)?,
    }));
    Ok(Leaf { entry: row.entry.0, at: row.at, body })
}

/// The finding and the place of a hold or its lift.
fn about(review: &ReviewEntry) -> [u8; 32] {
    let mut reference = [0; 32];
    let (id, rest) = reference.split_at_mut(review.finding.0.len());
    id.copy_from_slice(&review.finding.0);
    if let Some(place) = rest.last_mut() {
        *place = review.place.code();
    }
    reference
}
