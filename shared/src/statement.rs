//! A statement: a creator's payments as they stand in the log, to be checked offline.
//!
//! ```text
//!   0 tag             16  "farthing/stmt/3\0"
//!  16 creator         16  CreatorId            │ these three are the same in all claims of a
//!  32 verifier        32  VerifierId           │ statement, so its records leave them out
//!  64 currency         3  ISO 4217             │
//!  67 zero             5
//!  72 payments         8
//!  80 hashes           8  of the proofs of inclusion
//!  88 since            8  size of an earlier checkpoint, 0 for none
//!  96 since hashes     8  of the proof of consistency with it
//! 104 refunds          8
//! 112 record bytes    8  of all records together
//! 120 records             a claim's leaf each, without what all of them share, packed (`packed.rs`)
//!     refunds         96  each; a refund's leaf without tag and kind
//!     hashes          32  each; one multi-proof for each 64 records, then for each 64 refunds
//!     since root      32  only where since is not 0; then its hashes, 32 each
//!     checkpoint          a signed note, to the end
//! ```
//!
//! A proof for all records would be the shortest, but a lie would then be anywhere; one for each 64
//! costs six bytes a payment more at most and names the place.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::ops::Range;

use crate::account::{Before, End, SoFar};
use crate::amount::{Currency, Micros};
use crate::checkpoint::Checkpoint;
use crate::claim::Claim;
use crate::encoding::{DecodeError, Reader, Writer};
use crate::ids::{CreatorId, VerifierId};
use crate::leaf::{Leaf, LeafBody, RefundLeaf};
pub use crate::lie::BadStatement;
use crate::merkle::{self, Hash, Nodes, PROOF_LEN_MAX, consistency_proof, is_consistent};
use crate::multiproof;
use crate::note::{NOTE_BYTES_MAX, Note, NoteKey};
pub use crate::opened::Opened;
use crate::opened::check_numbers;
use crate::packed::{PACKED_LEN_MAX, pack, unpack};

/// Payments in a statement at most; more are taken in several.
pub const PAYMENTS_MAX: usize = 100_000;
/// Records that share a proof.
pub const BLOCK: usize = 64;
/// Bytes of a record that is not packed.
pub const RECORD_LEN: usize = 225;
/// Bytes of a refund's record.
pub const REFUND_LEN: usize = 96;
/// Bytes of a statement at most: header, records with as many hashes as single proofs would have,
/// consistency, checkpoint.
pub const STATEMENT_BYTES_MAX: usize = HEAD_LEN
    + PAYMENTS_MAX * (PACKED_LEN_MAX + REFUND_LEN + 64 * PROOF_LEN_MAX)
    + 32 * 64
    + NOTE_BYTES_MAX;

const HEAD_LEN: usize = 120;
const TAG: &[u8; 16] = b"farthing/stmt/3\0";

/// What a record keeps of a leaf's bytes: entry and time; running figures; key and sequence; item and
/// amount; kind, origin and expiry; signature.
const KEPT: [Range<usize>; 6] = [16..32, 40..64, 112..152, 168..208, 211..252, 256..320];

/// A statement that nobody has checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Whose payments.
    pub creator: CreatorId,
    /// Who charged them.
    pub verifier: VerifierId,
    /// In which currency.
    pub currency: Currency,
    /// Leaves in the order of running numbers, in short form.
    pub records: Vec<[u8; RECORD_LEN]>,
    /// Leaves of refunds in the order of their own running numbers, in short form.
    pub refunds: Vec<[u8; REFUND_LEN]>,
    /// Multi-proofs, one after the other.
    pub proof: Vec<Hash>,
    /// That the log begins with an earlier one.
    pub since: Option<Since>,
    /// The checkpoint.
    pub checkpoint: Note,
}

/// That the log begins with what an earlier checkpoint signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Since {
    /// Leaves of the earlier checkpoint, at least 1.
    pub size: u64,
    /// Its root.
    pub root: Hash,
    /// Proof of consistency.
    pub proof: Vec<Hash>,
}

/// What a statement proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whose payments.
    pub creator: CreatorId,
    /// In which currency.
    pub currency: Currency,
    /// How many, all proven.
    pub payments: u64,
    /// First running number, 0 when there are none.
    pub first: u64,
    /// Last running number, 0 when there are none.
    pub last: u64,
    /// The entry of the first payment, 0 when there are none.
    pub first_entry: u64,
    /// The entry of the last payment, 0 when there are none.
    pub last_entry: u64,
    /// The running total before the first one, as the log says; zero when its number is 1.
    pub before: Micros,
    /// What visitors signed for.
    pub paid: Micros,
    /// What of it was credited.
    pub credited: Micros,
    /// The running total after the last one.
    pub total: Micros,
    /// How many refunds, all proven.
    pub refunds: u64,
    /// Running number of the first refund, 0 when there are none.
    pub first_refund: u64,
    /// The entry of the last refund, 0 when there are none.
    pub last_refund_entry: u64,
    /// The refunds' running total before the first one, as the log says.
    pub refunded_before: Micros,
    /// The refunds' running total after the last one; what is left is `total` less this.
    pub refunded: Micros,
    /// The log they are in.
    pub checkpoint: Checkpoint,
}

impl Verdict {
    /// Where payments and refunds end.
    #[must_use]
    pub fn ends(&self) -> Before {
        let (entry, total) = (self.last_entry, self.total);
        let payments = End { number: self.last, entry, total };
        let number = match self.refunds {
            0 => 0,
            count => self.first_refund.saturating_add(count).saturating_sub(1),
        };
        let refunds = End { number, entry: self.last_refund_entry, total: self.refunded };
        Before { payments, refunds }
    }
}

/// Why a statement cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotMade<E> {
    /// The entry is not a claim of this creator, verifier and currency.
    Entry(u64),
    /// The log cannot be read.
    Log(E),
}

impl Statement {
    /// Makes a statement of claims' leaves in the order of running numbers, then refunds' in that of
    /// theirs, all of them below the checkpoint
    /// of `size` leaves; `since` is the size of an earlier one, at most `size`, 0 for none.
    ///
    /// # Errors
    /// [`NotMade`].
    pub fn make<N: Nodes>(
        (creator, verifier, currency): (CreatorId, VerifierId, Currency),
        leaves: &[Leaf],
        nodes: &mut N,
        (size, since): (u64, u64),
        checkpoint: Note,
    ) -> Result<Self, NotMade<N::Error>> {
        let records = Vec::with_capacity(leaves.len());
        let (refunds, proof) = (Vec::new(), Vec::new());
        let mut made =
            Self { creator, verifier, currency, records, refunds, proof, since: None, checkpoint };
        let is_claim = |leaf: &Leaf| matches!(leaf.body, LeafBody::Claim(_));
        let (claims, refunds) = leaves.split_at(leaves.partition_point(is_claim));
        for leaf in claims {
            let bytes = leaf.encode();
            let record = shorten(&bytes).filter(|record| made.lengthen(record) == bytes);
            made.records.push(record.ok_or(NotMade::Entry(leaf.entry))?);
        }
        for leaf in refunds {
            let bytes = leaf.encode();
            let record = shorten_refund(&bytes).filter(|record| lengthen_refund(record) == bytes);
            made.refunds.push(record.ok_or(NotMade::Entry(leaf.entry))?);
        }
        for block in claims.chunks(BLOCK).chain(refunds.chunks(BLOCK)) {
            let places: Vec<u64> = block.iter().map(Leaf::index).collect();
            made.proof.extend(multiproof::prove(nodes, &places, size).map_err(NotMade::Log)?);
        }
        if since > 0 {
            let root = merkle::root(nodes, since).map_err(NotMade::Log)?;
            let proof = consistency_proof(nodes, since, size).map_err(NotMade::Log)?;
            made.since = Some(Since { size: since, root, proof });
        }
        Ok(made)
    }

    pub(crate) fn lengthen(&self, record: &[u8; RECORD_LEN]) -> Vec<u8> {
        let mut writer = Writer::<{ Leaf::CLAIM_LEN }>::new(Leaf::TAG);
        let mut rest = record.as_slice();
        let mut take = |length| {
            let (field, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            rest = after;
            field
        };
        writer.put(take(16));
        writer.put(&[1, 0, 0, 0, 0, 0, 0, 0]);
        writer.put(take(24));
        writer.put(Claim::TAG);
        writer.put(&self.verifier.0);
        writer.put(take(40));
        writer.put(&self.creator.0);
        writer.put(take(40));
        writer.put(&self.currency.bytes());
        writer.put(take(41));
        writer.put(&[0; 4]);
        writer.put(take(64));
        writer.finish().to_vec()
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let mut head = Writer::<HEAD_LEN>::new(TAG);
        head.put(&self.creator.0);
        head.put(&self.verifier.0);
        head.put(&self.currency.bytes());
        head.put(&[0; 5]);
        head.put_u64(count(self.records.len()));
        head.put_u64(count(self.proof.len()));
        head.put_u64(self.since.as_ref().map_or(0, |since| since.size));
        head.put_u64(count(self.since.as_ref().map_or(0, |since| since.proof.len())));
        head.put_u64(count(self.refunds.len()));
        let records = pack(&self.records);
        head.put_u64(count(records.len()));
        let mut bytes = head.finish().to_vec();
        bytes.extend_from_slice(&records);
        self.refunds.iter().for_each(|record| bytes.extend_from_slice(record));
        self.proof.iter().for_each(|hash| bytes.extend_from_slice(&hash.0));
        if let Some(since) = &self.since {
            bytes.extend_from_slice(&since.root.0);
            since.proof.iter().for_each(|hash| bytes.extend_from_slice(&hash.0));
        }
        bytes.extend_from_slice(self.checkpoint.to_string().as_bytes());
        bytes
    }

    /// Reads a statement; the exact inverse of [`Statement::encode`].
    ///
    /// # Errors
    /// [`BadStatement::Malformed`], [`BadStatement::Checkpoint`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BadStatement> {
        let bad = BadStatement::Malformed;
        if bytes.len() > STATEMENT_BYTES_MAX {
            return Err(bad("it is too long"));
        }
        let (head, mut rest) =
            bytes.split_at_checked(HEAD_LEN).ok_or(bad("it is shorter than its header"))?;
        let mut reader = Reader::new(head, HEAD_LEN, TAG).map_err(|_| {
            let is_other = head.starts_with(b"farthing/stmt/");
            bad(if is_other {
                "it is of another version than farthing/stmt/3; download it again"
            } else {
                "it does not begin with farthing/stmt/3"
            })
        })?;
        let creator = CreatorId(reader.take());
        let verifier = VerifierId(reader.take());
        let currency = reader.take_currency().map_err(|_| bad("its currency is not a code"))?;
        reader.take_zeros::<5>().map_err(|_| bad("a reserved byte is not zero"))?;
        let (payments, hashes) = (reader.take_u64(), reader.take_u64());
        let (since, steps) = (reader.take_u64(), reader.take_u64());
        let (refunds, packed) = (reader.take_u64(), reader.take_u64());
        reader.finish();
        // A count that does not fit the bytes that came is refused before memory is taken for it.
        let payments = usize::try_from(payments).ok().filter(|count| *count <= PAYMENTS_MAX);
        let payments = payments.ok_or(bad("it has more than 100,000 payments"))?;
        let packed = usize::try_from(packed).ok().and_then(|packed| rest.split_at_checked(packed));
        let (packed, after) = packed.ok_or(bad("payments are missing"))?;
        rest = after;
        let records =
            unpack(packed, payments).ok_or(bad("its payments are not packed as they should be"))?;
        // Each refund is of a payment, and of one only.
        let refunds = usize::try_from(refunds).ok().filter(|count| *count <= PAYMENTS_MAX);
        let refunds = refunds.ok_or(bad("it has more than 100,000 refunds"))?;
        let refunds =
            rows::<REFUND_LEN>(&mut rest, Some(refunds)).ok_or(bad("refunds are missing"))?;
        let short = bad("hashes are missing");
        let proof = hashes_of(&mut rest, hashes).ok_or(short.clone())?;
        let since = match (since, steps) {
            (0, 0) => None,
            (0, _) => return Err(bad("it has a proof of consistency with nothing")),
            (size, steps) => {
                let root = rows::<32>(&mut rest, Some(1)).and_then(|row| row.first().copied());
                let root = Hash(root.ok_or(short.clone())?);
                Some(Since { size, root, proof: hashes_of(&mut rest, steps).ok_or(short)? })
            }
        };
        let note = core::str::from_utf8(rest).map_err(|_| bad("its checkpoint is not text"))?;
        let checkpoint = Note::parse(note).map_err(BadStatement::Checkpoint)?;
        Ok(Self { creator, verifier, currency, records, refunds, proof, since, checkpoint })
    }

    /// Checks everything; what [`Statement::open`], [`Opened::check_signatures`] and
    /// [`Opened::finish`] check in turn.
    ///
    /// # Errors
    /// [`BadStatement`] names the lie and the entry.
    pub fn verify(
        &self,
        key: &NoteKey,
        creator: Option<&CreatorId>,
        seen: Option<&Checkpoint>,
    ) -> Result<Verdict, BadStatement> {
        let opened = self.clone().open(key, creator, seen)?;
        opened.check_signatures(0..opened.payments())?;
        opened.finish(&mut SoFar::default())
    }

    /// The quick half of the check: the checkpoint's signature by the log's key, that the log begins
    /// with what the checkpoint `seen` earlier signs (its signature was checked when it was opened), and
    /// that the running numbers have no gap.
    ///
    /// # Errors
    /// [`BadStatement`] names the lie and the entry.
    pub fn open(
        self,
        key: &NoteKey,
        creator: Option<&CreatorId>,
        seen: Option<&Checkpoint>,
    ) -> Result<Opened, BadStatement> {
        let checkpoint =
            Checkpoint::open(&self.checkpoint, key).map_err(BadStatement::Checkpoint)?;
        if creator.is_some_and(|creator| *creator != self.creator) {
            return Err(BadStatement::OtherCreator { found: self.creator });
        }
        self.check_since(&checkpoint, seen)?;
        let mut claims = Vec::with_capacity(self.records.len());
        for (at, record) in self.records.iter().enumerate() {
            let told = |why| BadStatement::Record { record: at.saturating_add(1), why };
            let leaf = Leaf::decode(&self.lengthen(record)).map_err(told)?;
            let LeafBody::Claim(claim) = leaf.body else {
                return Err(told(DecodeError::Field("kind")));
            };
            claims.push((leaf.entry, claim));
        }
        let numbers: Vec<(u64, u64)> =
            claims.iter().map(|(entry, claim)| (*entry, claim.number)).collect();
        check_numbers(&numbers)?;
        if let Some((entry, _)) = claims.iter().find(|(entry, _)| *entry > checkpoint.size) {
            return Err(BadStatement::NotCovered { entry: *entry, size: checkpoint.size });
        }
        let refunds = self.open_refunds(checkpoint.size).map_err(BadStatement::of_refunds)?;
        Ok(Opened { statement: self, checkpoint, claims, refunds })
    }

    /// The refunds, their running numbers without a gap.
    fn open_refunds(&self, size: u64) -> Result<Vec<(u64, RefundLeaf)>, BadStatement> {
        let mut refunds: Vec<(u64, RefundLeaf)> = Vec::with_capacity(self.refunds.len());
        for (at, record) in self.refunds.iter().enumerate() {
            let told = |why| BadStatement::Record { record: at.saturating_add(1), why };
            let leaf = Leaf::decode(&lengthen_refund(record)).map_err(told)?;
            let LeafBody::Refund(refund) = leaf.body else {
                return Err(told(DecodeError::Field("kind")));
            };
            if leaf.entry > size {
                return Err(BadStatement::NotCovered { entry: leaf.entry, size });
            }
            refunds.push((leaf.entry, refund));
        }
        let numbers: Vec<(u64, u64)> =
            refunds.iter().map(|(entry, refund)| (*entry, refund.number)).collect();
        check_numbers(&numbers)?;
        Ok(refunds)
    }

    fn check_since(&self, now: &Checkpoint, seen: Option<&Checkpoint>) -> Result<(), BadStatement> {
        if let Some(since) = &self.since {
            let (old, new) = ((since.size, &since.root), (now.size, &now.root));
            if !is_consistent(old, new, &since.proof) {
                return Err(BadStatement::SplitView { seen: since.size });
            }
        }
        let Some(seen) = seen else { return Ok(()) };
        if seen.origin != now.origin {
            return Err(BadStatement::OtherLog);
        }
        if seen.size > now.size {
            return Err(BadStatement::RolledBack { seen: seen.size, size: now.size });
        }
        let root = match &self.since {
            _ if seen.size == now.size => now.root,
            _ if seen.size == 0 => merkle::empty_root(),
            Some(since) if since.size == seen.size => since.root,
            _ => return Err(BadStatement::NoProofSince { seen: seen.size }),
        };
        if root == seen.root { Ok(()) } else { Err(BadStatement::SplitView { seen: seen.size }) }
    }
}

fn shorten_refund(leaf: &[u8]) -> Option<[u8; REFUND_LEN]> {
    [leaf.get(16..32)?, leaf.get(40..Leaf::REFUND_LEN)?].concat().try_into().ok()
}

pub(crate) fn lengthen_refund(record: &[u8; REFUND_LEN]) -> Vec<u8> {
    let (head, rest) = record.split_at(16);
    let mut writer = Writer::<{ Leaf::REFUND_LEN }>::new(Leaf::TAG);
    writer.put(head);
    writer.put(&[5, 0, 0, 0, 0, 0, 0, 0]);
    writer.put(rest);
    writer.finish().to_vec()
}

fn shorten(leaf: &[u8]) -> Option<[u8; RECORD_LEN]> {
    let mut record = Vec::with_capacity(RECORD_LEN);
    for range in KEPT {
        record.extend_from_slice(leaf.get(range)?);
    }
    record.try_into().ok()
}

/// Takes so many rows of `N` bytes off the front.
fn rows<const N: usize>(rest: &mut &[u8], count: Option<usize>) -> Option<Vec<[u8; N]>> {
    let (here, after) = rest.split_at_checked(count?.checked_mul(N)?)?;
    *rest = after;
    Some(here.chunks_exact(N).filter_map(|row| row.try_into().ok()).collect())
}

fn hashes_of(rest: &mut &[u8], count: u64) -> Option<Vec<Hash>> {
    let rows = rows::<32>(rest, usize::try_from(count).ok())?;
    Some(rows.into_iter().map(Hash).collect())
}
