//! The Merkle tree of RFC 6962 §2.1: hashing, and proofs of inclusion and of consistency, made and
//! checked. Owns the arithmetic of the tree; where its nodes are kept is the caller's ([`Nodes`]).
//!
//! A *node* `(level, index)` is the root of the full subtree over the leaves
//! `index · 2^level .. (index + 1) · 2^level`.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256};

/// Hashes in a proof at most: a tree of 2⁶³ leaves is 63 levels high (C2SP tlog-proof).
pub const PROOF_LEN_MAX: usize = 63;

/// SHA-256 of a leaf or of two nodes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Standard base64 with padding, as checkpoints and proofs write it.
    #[must_use]
    pub fn to_text(&self) -> String {
        Base64::encode_string(&self.0)
    }

    /// Reads the text form; other spellings are refused.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let decoded = Base64::decode(text, &mut bytes).ok()?;
        (decoded.len() == 32).then_some(Self(bytes))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({})", self.to_text())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

/// Hash of a leaf: SHA-256(0x00 · leaf).
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    let mut hash = Sha256::new();
    hash.update([0]);
    hash.update(leaf);
    Hash(hash.finalize().into())
}

/// Hash of an inner node: SHA-256(0x01 · left · right).
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut hash = Sha256::new();
    hash.update([1]);
    hash.update(left.0);
    hash.update(right.0);
    Hash(hash.finalize().into())
}

/// Root of the tree without leaves: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Hash {
    Hash(Sha256::digest([]).into())
}

/// Where nodes of full subtrees come from.
pub trait Nodes {
    /// Why a node could not be had.
    type Error;

    /// The node at a level and index; asked only for full subtrees within the tree.
    ///
    /// # Errors
    /// When it cannot be read.
    fn node(&mut self, level: u8, index: u64) -> Result<Hash, Self::Error>;
}

/// How a tree of more than one leaf splits: the largest power of two below its size.
#[must_use]
pub fn split(size: u64) -> u64 {
    let below = size.saturating_sub(1);
    if below == 0 { 0 } else { 1_u64 << 63_u32.saturating_sub(below.leading_zeros()) }
}

/// Root of the leaves `start..end`, a subtree of an RFC 6962 tree; of nothing when empty.
///
/// # Errors
/// As [`Nodes::node`].
pub fn subtree_root<N: Nodes>(nodes: &mut N, start: u64, end: u64) -> Result<Hash, N::Error> {
    let size = end.saturating_sub(start);
    if size == 0 {
        return Ok(empty_root());
    }
    if size.is_power_of_two() {
        let level = size.trailing_zeros();
        let index = start.checked_shr(level).unwrap_or(0);
        return nodes.node(u8::try_from(level).unwrap_or(u8::MAX), index);
    }
    let middle = start.saturating_add(split(size));
    let left = subtree_root(nodes, start, middle)?;
    let right = subtree_root(nodes, middle, end)?;
    Ok(node_hash(&left, &right))
}

/// Root of the first `size` leaves.
///
/// # Errors
/// As [`Nodes::node`].
pub fn root<N: Nodes>(nodes: &mut N, size: u64) -> Result<Hash, N::Error> {
    subtree_root(nodes, 0, size)
}

/// Proof that the leaf at `index` is one of the first `size`: from the leaf's sibling up to the
/// root's child (RFC 6962 §2.1.1). Empty when there is no such leaf.
///
/// # Errors
/// As [`Nodes::node`].
pub fn inclusion_proof<N: Nodes>(
    nodes: &mut N,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, N::Error> {
    let mut proof = Vec::new();
    let (mut start, mut end) = (0_u64, size);
    while index < size && end.saturating_sub(start) > 1 {
        let middle = start.saturating_add(split(end.saturating_sub(start)));
        if index < middle {
            proof.push(subtree_root(nodes, middle, end)?);
            end = middle;
        } else {
            proof.push(subtree_root(nodes, start, middle)?);
            start = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The root that a proof of inclusion leads to; `None` when the proof has another length than one
/// for this index and size (RFC 9162 §2.1.3.2).
#[must_use]
pub fn root_of_inclusion(index: u64, size: u64, leaf: &Hash, proof: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut at, mut last, mut hash) = (index, size.checked_sub(1)?, *leaf);
    for step in proof {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(step, &hash);
            (at, last) = climb(at, last);
        } else {
            hash = node_hash(&hash, step);
        }
        at >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

/// Skips the levels on which the rightmost node has no sibling.
fn climb(mut at: u64, mut last: u64) -> (u64, u64) {
    while at & 1 == 0 && at != 0 {
        at >>= 1;
        last >>= 1;
    }
    (at, last)
}

/// Proof that the tree of `old` leaves is the beginning of the tree of `new` leaves (RFC 6962
/// §2.1.2). Empty when they are equal or `old` is none or larger than `new`.
///
/// # Errors
/// As [`Nodes::node`].
pub fn consistency_proof<N: Nodes>(
    nodes: &mut N,
    old: u64,
    new: u64,
) -> Result<Vec<Hash>, N::Error> {
    let mut proof = Vec::new();
    if old == 0 || old >= new {
        return Ok(proof);
    }
    let (mut start, mut end) = (0_u64, new);
    // Whether the old tree is the whole left part so far, so that the checker knows its root.
    let mut whole = true;
    while end != old {
        let middle = start.saturating_add(split(end.saturating_sub(start)));
        if old <= middle {
            proof.push(subtree_root(nodes, middle, end)?);
            end = middle;
        } else {
            proof.push(subtree_root(nodes, start, middle)?);
            start = middle;
            whole = false;
        }
    }
    if !whole {
        proof.push(subtree_root(nodes, start, end)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Whether a proof shows that the old tree is the beginning of the new one (RFC 9162 §2.1.4.2).
#[must_use]
pub fn is_consistent(old: (u64, &Hash), new: (u64, &Hash), proof: &[Hash]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size > new_size {
        return false;
    }
    if old_size == 0 {
        // Every tree begins with nothing, whose root is known.
        return proof.is_empty() && *old_root == empty_root();
    }
    if old_size == new_size {
        return proof.is_empty() && old_root == new_root;
    }
    let mut steps = proof.iter();
    let mut at = old_size.saturating_sub(1);
    let mut last = new_size.saturating_sub(1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let seed = if old_size.is_power_of_two() { Some(old_root) } else { steps.next() };
    let Some(seed) = seed else { return false };
    let (mut from_old, mut from_new) = (*seed, *seed);
    for step in steps {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            from_old = node_hash(step, &from_old);
            from_new = node_hash(step, &from_new);
            (at, last) = climb(at, last);
        } else {
            from_new = node_hash(&from_new, step);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && from_old == *old_root && from_new == *new_root
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// All leaves in memory; roots by the definition of RFC 6962, not by the code above.
    struct Leaves(Vec<Hash>);

    impl Nodes for Leaves {
        type Error = ();
        fn node(&mut self, level: u8, index: u64) -> Result<Hash, ()> {
            let (from, width) = ((index << level) as usize, 1_usize << level);
            Ok(by_definition(self.0.get(from..from + width).ok_or(())?))
        }
    }

    fn by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty_root(),
            [one] => *one,
            many => {
                let mut middle = 1;
                while middle * 2 < many.len() {
                    middle *= 2;
                }
                let (left, right) = many.split_at(middle);
                node_hash(&by_definition(left), &by_definition(right))
            }
        }
    }

    fn leaves(count: u8) -> Leaves {
        Leaves((0..count).map(|number| leaf_hash(&[number])).collect())
    }

    #[test]
    fn known_roots() {
        // The eight leaves of the Certificate Transparency reference tests (trillian, RFC 6962).
        let hex = |text: &str| -> Vec<u8> {
            (0..text.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
                .collect()
        };
        let inputs = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ];
        let mut tree = Leaves(inputs.iter().map(|input| leaf_hash(&hex(input))).collect());
        let rows = [
            (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
            (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
            (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
            (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
        ];
        for (size, expected) in rows {
            assert_eq!(root(&mut tree, size).unwrap().0.to_vec(), hex(expected), "{size}");
        }
    }

    #[test]
    fn every_proof_holds_and_no_other() {
        for size in 0..40_u64 {
            let mut tree = leaves(40);
            let whole = root(&mut tree, size).unwrap();
            assert_eq!(whole, by_definition(&tree.0[..size as usize]));
            for index in 0..size {
                let leaf = tree.0[index as usize];
                let proof = inclusion_proof(&mut tree, index, size).unwrap();
                assert_eq!(root_of_inclusion(index, size, &leaf, &proof), Some(whole));
                for other in (0..size).filter(|other| *other != index) {
                    assert_ne!(root_of_inclusion(other, size, &leaf, &proof), Some(whole));
                }
                let longer = [proof.clone(), vec![leaf]].concat();
                assert_eq!(root_of_inclusion(index, size, &leaf, &longer), None);
            }
            for old in 0..=size {
                let before = root(&mut tree, old).unwrap();
                let proof = consistency_proof(&mut tree, old, size).unwrap();
                assert!(is_consistent((old, &before), (size, &whole), &proof), "{old} {size}");
                let wrong = leaf_hash(b"another");
                assert!(!is_consistent((old, &wrong), (size, &whole), &proof));
                assert!(old == 0 || !is_consistent((old, &before), (size, &wrong), &proof));
                for at in 0..proof.len() {
                    let mut flipped = proof.clone();
                    flipped[at].0[0] ^= 1;
                    assert!(!is_consistent((old, &before), (size, &whole), &flipped));
                }
            }
        }
    }
}
