//! A receipt that can be checked offline, in the form of C2SP tlog-proof; its extra line is the leaf.
//!
//! ```text
//!  c2sp.org/tlog-proof@v1\n
//!  extra <base64 leaf>\n
//!  index <n>\n
//!  <base64 hash>\n …        from the leaf's sibling up
//!  \n
//!  <checkpoint, a signed note>
//! ```

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use base64ct::{Base64, Encoding};

use crate::checkpoint::Checkpoint;
use crate::encoding::DecodeError;
use crate::leaf::{Leaf, LeafBody};
use crate::lie::BadStatement;
use crate::merkle::{Hash, PROOF_LEN_MAX, leaf_hash, root_of_inclusion};
use crate::note::{NOTE_BYTES_MAX, Note, NoteError, NoteKey};
use crate::signing::VerifyingKey;

/// Bytes of a receipt at most: leaf, 63 hashes, checkpoint.
pub const RECEIPT_BYTES_MAX: usize = (8 << 10) + NOTE_BYTES_MAX;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// A receipt that nobody has checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Bytes of the leaf.
    pub leaf: Vec<u8>,
    /// The leaf's place in the log.
    pub index: u64,
    /// From the leaf's sibling up to the root's child.
    pub proof: Vec<Hash>,
    /// The checkpoint.
    pub checkpoint: Note,
}

/// What is wrong with a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadReceipt {
    /// It is not in the form of one.
    Malformed(&'static str),
    /// The checkpoint in it.
    Checkpoint(NoteError),
    /// The leaf in it.
    Leaf(DecodeError),
    /// The leaf is the entry of another place.
    Misplaced {
        /// The entry that the leaf names.
        entry: u64,
        /// The place that the receipt names.
        index: u64,
    },
    /// The log that the checkpoint signs does not hold this leaf at this place.
    NotInLog {
        /// The entry.
        entry: u64,
    },
    /// The claim's signature does not hold: nobody gave this money away.
    Invented {
        /// The entry.
        entry: u64,
    },
}

impl BadReceipt {
    /// A name for programs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Malformed(_) | Self::Leaf(_) => "malformed",
            Self::Checkpoint(_) => "checkpoint",
            Self::Misplaced { .. } => "misplaced",
            Self::NotInLog { .. } => "not_in_log",
            Self::Invented { .. } => "invented",
        }
    }
}

impl fmt::Display for BadReceipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "it is not a receipt: {why}"),
            Self::Checkpoint(why) => write!(f, "its checkpoint: {why}"),
            Self::Leaf(why) => write!(f, "its entry: {why}"),
            Self::Misplaced { entry, index } => {
                write!(f, "it is the receipt of entry {entry} and claims place {index} of the log")
            }
            Self::NotInLog { entry } => write!(
                f,
                "entry {entry} is not in the log that the checkpoint signs: it was altered or left out"
            ),
            Self::Invented { entry } => write!(
                f,
                "entry {entry} was invented or altered: the signature of its claim does not hold"
            ),
        }
    }
}

impl core::error::Error for BadReceipt {}

/// A receipt whose leaf is in the log of its checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenReceipt {
    /// The entry.
    pub leaf: Leaf,
    /// The log it is in.
    pub checkpoint: Checkpoint,
}

/// Whether receipts that hold by themselves can all be true: of two checkpoints over as many entries, of two
/// receipts of one entry, and of two payments of one creator with one running number, none may differ. That a
/// greater log goes on from a smaller one takes a proof that receipts do not carry.
///
/// # Errors
/// The place of a receipt, from 0, and how it contradicts one before it.
pub fn agree(receipts: &[ProvenReceipt]) -> Result<(), (usize, BadStatement)> {
    let mut roots: BTreeMap<u64, Hash> = BTreeMap::new();
    let mut entries: BTreeMap<u64, &Leaf> = BTreeMap::new();
    let mut numbers: BTreeMap<([u8; 16], u64), u64> = BTreeMap::new();
    for (at, ProvenReceipt { leaf, checkpoint }) in receipts.iter().enumerate() {
        let (size, entry) = (checkpoint.size, leaf.entry);
        if *roots.entry(size).or_insert(checkpoint.root) != checkpoint.root {
            return Err((at, BadStatement::SplitView { seen: size }));
        }
        if *entries.entry(entry).or_insert(leaf) != leaf {
            return Err((at, BadStatement::SplitView { seen: entry }));
        }
        let LeafBody::Claim(claim) = &leaf.body else { continue };
        let number = claim.number;
        let of = (claim.signed.claim().creator.0, number);
        let before = *numbers.entry(of).or_insert(entry);
        if before != entry {
            return Err((at, BadStatement::Replaced { number, before, entry }));
        }
    }
    Ok(())
}

impl Receipt {
    /// Reads a receipt; the exact inverse of its `Display`.
    ///
    /// # Errors
    /// [`BadReceipt::Malformed`], [`BadReceipt::Checkpoint`].
    pub fn parse(text: &str) -> Result<Self, BadReceipt> {
        let bad = BadReceipt::Malformed;
        if text.len() > RECEIPT_BYTES_MAX {
            return Err(bad("it is too long"));
        }
        let (head, note) = text.split_once("\n\n").ok_or(bad("it has no blank line"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(FIRST_LINE) {
            return Err(bad("its first line is not c2sp.org/tlog-proof@v1"));
        }
        let extra = lines.next().and_then(|line| line.strip_prefix("extra "));
        let leaf = extra.and_then(|text| Base64::decode_vec(text).ok());
        let leaf = leaf.ok_or(bad("its second line is not: extra and the entry in base64"))?;
        let digits = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = digits.and_then(|digits| digits.parse::<u64>().ok());
        let index = index.ok_or(bad("its third line is not: index and a number"))?;
        if Some(index.to_string().as_str()) != digits {
            return Err(bad("its index has another spelling"));
        }
        let proof: Option<Vec<Hash>> = lines.map(Hash::parse).collect();
        let proof = proof.ok_or(bad("a line of its proof is not a hash"))?;
        if proof.len() > PROOF_LEN_MAX {
            return Err(bad("its proof has more than 63 hashes"));
        }
        let checkpoint = Note::parse(note).map_err(BadReceipt::Checkpoint)?;
        Ok(Self { leaf, index, proof, checkpoint })
    }

    /// Checks everything: the checkpoint's signature by the log's key, that the leaf is in it, and the
    /// claim's own signature.
    ///
    /// # Errors
    /// [`BadReceipt`] says what is wrong.
    pub fn verify(&self, key: &NoteKey) -> Result<ProvenReceipt, BadReceipt> {
        let checkpoint = Checkpoint::open(&self.checkpoint, key).map_err(BadReceipt::Checkpoint)?;
        let leaf = Leaf::decode(&self.leaf).map_err(BadReceipt::Leaf)?;
        if leaf.index() != self.index {
            return Err(BadReceipt::Misplaced { entry: leaf.entry, index: self.index });
        }
        if let LeafBody::Claim(claim) = &leaf.body {
            let key = VerifyingKey::new(&claim.signed.claim().key);
            let holds = key.and_then(|key| claim.signed.clone().verify(&key));
            holds.map_err(|_| BadReceipt::Invented { entry: leaf.entry })?;
        }
        let hash = leaf_hash(&self.leaf);
        let root = root_of_inclusion(self.index, checkpoint.size, &hash, &self.proof);
        if root != Some(checkpoint.root) {
            return Err(BadReceipt::NotInLog { entry: leaf.entry });
        }
        Ok(ProvenReceipt { leaf, checkpoint })
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut head = format!(
            "{FIRST_LINE}\nextra {}\nindex {}\n",
            Base64::encode_string(&self.leaf),
            self.index
        );
        for hash in &self.proof {
            head.push_str(&hash.to_text());
            head.push('\n');
        }
        let note: String = self.checkpoint.to_string();
        write!(f, "{head}\n{note}")
    }
}
