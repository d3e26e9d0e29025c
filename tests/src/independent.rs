//! A log read by software that nobody here wrote: Cloudflare's crates `signed_note` and `tlog_tiles`, ports
//! of the Go team's `sumdb/note` and `sumdb/tlog`. None of our own code decides anything here.

use std::path::{Path, PathBuf};

use farthing_rules::rows::{Entry, EntryBody};
use farthing_shared::SignedClaim;
use farthing_shared::leaf::{ClaimLeaf, Leaf, LeafBody};
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::{
    Checkpoint, EMPTY_HASH, Error, Hash, HashReader, Tile, TileHashReader, TileReader,
    check_record, check_tree, prove_record, prove_tree, record_hash, stored_hash_index, tree_hash,
};

/// A copy of a log in a folder, its checkpoint's signature checked.
pub struct IndependentLog {
    folder: Folder,
    size: u64,
    root: Hash,
}

struct Folder(PathBuf);

impl TileReader for Folder {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, Error> {
        let read = |tile: &Tile| {
            // Their paths carry the height; C2SP's do not.
            let path = tile.path().replacen("tile/8/", "tile/", 1);
            std::fs::read(self.0.join(&path))
                .map_err(|why| Error::InvalidInput(format!("{path}: {why}")))
        };
        tiles.iter().map(read).collect()
    }

    fn save_tiles(&self, _tiles: &[Tile], _data: &[Vec<u8>]) {}
}

impl IndependentLog {
    /// Opens `checkpoint` in a folder with the log's key, and computes the root from the tiles.
    ///
    /// # Errors
    /// In words, when the signature does not hold or the tiles lead to another root.
    pub fn open(folder: &Path, key: &str) -> Result<Self, String> {
        let bytes = std::fs::read(folder.join("checkpoint")).map_err(|why| why.to_string())?;
        Self::open_under(folder, key, &bytes)
    }

    /// The same under another checkpoint than the folder's.
    ///
    /// # Errors
    /// As [`IndependentLog::open`].
    pub fn open_under(folder: &Path, key: &str, note: &[u8]) -> Result<Self, String> {
        let (size, root) = opened(key, note)?;
        let log = Self { folder: Folder(folder.to_owned()), size, root };
        let whole = match size {
            0 => EMPTY_HASH,
            size => tree_hash(size, &log.hashes()).map_err(|why| why.to_string())?,
        };
        if whole == root { Ok(log) } else { Err("another root".into()) }
    }

    fn hashes(&self) -> TileHashReader<'_> {
        TileHashReader::new(self.size, self.root, &self.folder)
    }

    /// How many leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Makes and checks a proof that this leaf stands at this place, from 0.
    ///
    /// # Errors
    /// In words, when it does not.
    pub fn holds(&self, place: u64, leaf: &[u8]) -> Result<(), String> {
        let proof =
            prove_record(self.size, place, &self.hashes()).map_err(|why| why.to_string())?;
        check_record(&proof, self.size, self.root, place, record_hash(leaf))
            .map_err(|why| why.to_string())
    }

    /// Makes and checks a proof that the log of so many leaves is this one's beginning.
    ///
    /// # Errors
    /// In words, when it is not.
    pub fn began(&self, old: u64) -> Result<(), String> {
        let told = |why: Error| why.to_string();
        let before = tree_hash(old, &self.hashes()).map_err(told)?;
        let proof = prove_tree(self.size, old, &self.hashes()).map_err(told)?;
        check_tree(&proof, self.size, self.root, old, before).map_err(told)
    }

    /// Whether a checkpoint shown earlier is of this log's beginning.
    ///
    /// # Errors
    /// In words, when it is not signed by this key or is of another history.
    pub fn began_with(&self, key: &str, note: &[u8]) -> Result<(), String> {
        let (size, root) = opened(key, note)?;
        if size == 0 {
            return if root == EMPTY_HASH { Ok(()) } else { Err("another root".into()) };
        }
        if size > self.size {
            return Err(format!("it signs {size} leaves, the log has {}", self.size));
        }
        let told = |why: Error| why.to_string();
        let proof = prove_tree(self.size, size, &self.hashes()).map_err(told)?;
        check_tree(&proof, self.size, self.root, size, root).map_err(told)
    }

    /// The hashes of all leaves, each of them proven by its tile.
    ///
    /// # Errors
    /// In words, when a tile does not lead to the root.
    pub fn leaves(&self) -> Result<Vec<[u8; 32]>, String> {
        let mut all = Vec::new();
        let places: Vec<u64> = (0..self.size).map(|place| stored_hash_index(0, place)).collect();
        // By tiles: with all places at once it looks for each among all tiles.
        for places in places.chunks(1 << 8) {
            let hashes = self.hashes().read_hashes(places).map_err(|why| why.to_string())?;
            all.extend(hashes.into_iter().map(|hash| hash.0));
        }
        Ok(all)
    }

    /// How many of these leaves are not at their places, from 0. `None` stands for one that is nowhere.
    ///
    /// # Errors
    /// As [`IndependentLog::leaves`].
    pub fn missing(
        &self,
        leaves: impl Iterator<Item = Option<(u64, Vec<u8>)>>,
    ) -> Result<usize, String> {
        let hashes = self.leaves()?;
        let is_there = |(place, leaf): (u64, Vec<u8>)| {
            let at = usize::try_from(place).ok()?;
            hashes.get(at).filter(|hash| **hash == record_hash(&leaf).0)
        };
        Ok(leaves.filter(|leaf| leaf.clone().and_then(is_there).is_none()).count())
    }
}

/// The leaf that an acknowledged claim must be in the log: the claim as its visitor signed it, with the time and
/// the figures of its entry in the ledger, which the audit has added up. `None` when the entry is none of a claim.
#[must_use]
pub fn leaf_of(entries: &[Entry], number: u64, claim: &SignedClaim) -> Option<(u64, Vec<u8>)> {
    let place = number.checked_sub(1)?;
    let entry = entries.get(usize::try_from(place).ok()?)?;
    let EntryBody::Claim(found) = &entry.body else { return None };
    let body = LeafBody::Claim(Box::new(ClaimLeaf {
        number: found.creator_number,
        total: found.creator_total,
        credited: found.credited()?,
        signed: claim.clone(),
    }));
    Some((place, Leaf { entry: number, at: entry.at, body }.encode()))
}

/// Size and root that a note signs.
fn opened(key: &str, note: &[u8]) -> Result<(u64, Hash), String> {
    let verifier = StandardVerifier::new(key).map_err(|why| format!("key: {why:?}"))?;
    let note = Note::from_bytes(note).map_err(|why| format!("note: {why}"))?;
    let known = VerifierList::new(vec![Box::new(verifier)]);
    let (signed, _) = note.verify(&known).map_err(|why| format!("signature: {why}"))?;
    let checkpoint =
        Checkpoint::from_bytes(note.text()).map_err(|why| format!("checkpoint: {why}"))?;
    if signed.iter().all(|line| line.name() != checkpoint.origin()) {
        return Err("it is signed under another name".into());
    }
    Ok((checkpoint.size(), *checkpoint.hash()))
}
