//! One proof for several leaves: the nodes that single proofs of inclusion would repeat stand in it once.
//!
//! The proof is the row of roots of the widest subtrees without a proven leaf, from left to right as the
//! tree of RFC 6962 splits. Which subtrees these are follows from the leaves' places and the tree's
//! size, so the proof says nothing but hashes.

use alloc::vec::Vec;

use crate::merkle::{Hash, Nodes, node_hash, split, subtree_root};

/// The proof that the leaves at these places, which must ascend, are among the first `size`.
///
/// # Errors
/// As [`Nodes::node`].
pub fn prove<N: Nodes>(nodes: &mut N, places: &[u64], size: u64) -> Result<Vec<Hash>, N::Error> {
    let mut proof = Vec::new();
    add(nodes, places, (0, size), &mut proof)?;
    Ok(proof)
}

fn add<N: Nodes>(
    nodes: &mut N,
    places: &[u64],
    (start, end): (u64, u64),
    proof: &mut Vec<Hash>,
) -> Result<(), N::Error> {
    if places.is_empty() {
        proof.push(subtree_root(nodes, start, end)?);
        return Ok(());
    }
    if end.saturating_sub(start) <= 1 {
        return Ok(());
    }
    let middle = start.saturating_add(split(end.saturating_sub(start)));
    let (left, right) = places.split_at(places.partition_point(|place| *place < middle));
    add(nodes, left, (start, middle), proof)?;
    add(nodes, right, (middle, end), proof)
}

/// The root of the tree of `size` leaves that the leaves and the proof lead to. Takes what it needs
/// off the front of `proof`. `None` when the places do not ascend, lie outside, or hashes are too few.
#[must_use]
pub fn root(leaves: &[(u64, Hash)], size: u64, proof: &mut &[Hash]) -> Option<Hash> {
    let ascend = leaves.windows(2).all(|pair| match pair {
        [(one, _), (next, _)] => one < next,
        _ => true,
    });
    let within = leaves.last().is_none_or(|(place, _)| *place < size);
    if ascend && within { subtree(leaves, (0, size), proof) } else { None }
}

fn subtree(leaves: &[(u64, Hash)], (start, end): (u64, u64), proof: &mut &[Hash]) -> Option<Hash> {
    if leaves.is_empty() {
        let (first, rest) = proof.split_first()?;
        *proof = rest;
        return Some(*first);
    }
    if let ([(_, hash)], 0..=1) = (leaves, end.saturating_sub(start)) {
        return Some(*hash);
    }
    let middle = start.saturating_add(split(end.saturating_sub(start)));
    let (left, right) = leaves.split_at(leaves.partition_point(|(place, _)| *place < middle));
    let left = subtree(left, (start, middle), proof)?;
    let right = subtree(right, (middle, end), proof)?;
    Some(node_hash(&left, &right))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::{self, leaf_hash};
    use alloc::vec;

    struct Leaves(Vec<Hash>);

    impl Nodes for Leaves {
        type Error = ();
        fn node(&mut self, level: u8, index: u64) -> Result<Hash, ()> {
            if level == 0 {
                return self.0.get(index as usize).copied().ok_or(());
            }
            let left = self.node(level - 1, index * 2)?;
            Ok(node_hash(&left, &self.node(level - 1, index * 2 + 1)?))
        }
    }

    #[test]
    fn every_set_of_places_is_proven_and_no_other_leaf() {
        let mut tree = Leaves((0..11_u8).map(|number| leaf_hash(&[number])).collect());
        for size in 0..=11_u64 {
            let whole = merkle::root(&mut tree, size).unwrap();
            for chosen in 0..1_u64 << size {
                let places: Vec<u64> = (0..size).filter(|place| chosen >> place & 1 == 1).collect();
                let proof = prove(&mut tree, &places, size).unwrap();
                let leaves: Vec<(u64, Hash)> =
                    places.iter().map(|place| (*place, tree.0[*place as usize])).collect();
                let mut rest = proof.as_slice();
                assert_eq!(root(&leaves, size, &mut rest), Some(whole), "{size} {places:?}");
                assert!(rest.is_empty());
                for at in 0..leaves.len() {
                    let mut other = leaves.clone();
                    other[at].1.0[31] ^= 1;
                    assert_ne!(root(&other, size, &mut proof.as_slice()), Some(whole));
                }
                if let Some((_, short)) = proof.split_last() {
                    assert_eq!(root(&leaves, size, &mut { short }), None);
                }
            }
        }
    }

    #[test]
    fn places_that_do_not_ascend_or_lie_outside_prove_nothing() {
        let hash = leaf_hash(b"leaf");
        for places in [vec![1, 1], vec![2, 1], vec![4]] {
            let leaves: Vec<(u64, Hash)> = places.iter().map(|place| (*place, hash)).collect();
            assert_eq!(root(&leaves, 4, &mut [hash; 8].as_slice()), None, "{places:?}");
        }
        // A place that stands twice would be split for as long as there are hashes, on the stack.
        let long = vec![hash; 1 << 20];
        assert_eq!(root(&[(1, hash), (1, hash)], 4, &mut long.as_slice()), None);
    }
}
