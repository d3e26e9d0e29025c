//! A log of numbers in memory and in files, as anybody's software reads it.

use std::collections::BTreeMap;
use std::path::Path;

use farthing_shared::checkpoint::Checkpoint;
use farthing_shared::merkle::{Hash, leaf_hash};
use farthing_shared::tiles::{Frontier, TileName, Tiles, parse_tile};

/// A log in memory as a reader downloads it.
#[derive(Clone)]
pub struct Copy(pub BTreeMap<TileName, Vec<u8>>);

impl Copy {
    /// The log of these leaves' hashes, and its edge.
    ///
    /// # Panics
    /// Never: tiles lie within the rows that they are made of.
    pub fn of(leaves: impl Iterator<Item = Hash>) -> (Self, Frontier) {
        let mut rows: Vec<Vec<Hash>> = Vec::new();
        let mut edge = Frontier::default();
        for leaf in leaves {
            edge.push(leaf, |level, node| {
                rows.resize_with(rows.len().max(level + 1), Vec::new);
                rows[level].push(node);
            });
        }
        let mut tiles = BTreeMap::new();
        for (level, row) in (0_u8..).zip(&rows) {
            for name in TileName::of_level(level, edge.size()) {
                let from = usize::try_from(name.index).expect("a small log") * 256;
                let hashes = &row[from..from + usize::from(name.width)];
                tiles.insert(name, hashes.iter().flat_map(|hash| hash.0).collect());
            }
        }
        (Self(tiles), edge)
    }
}

impl Copy {
    /// Writes it into a folder as C2SP lays it out, with a checkpoint.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, folder: &Path, checkpoint: &str) {
        for (name, bytes) in &self.0 {
            let path = folder.join(name.path());
            let place = path.parent().expect("a tile lies in a folder");
            std::fs::create_dir_all(place).expect("a folder");
            std::fs::write(path, bytes).expect("a tile");
        }
        std::fs::create_dir_all(folder).expect("a folder");
        std::fs::write(folder.join("checkpoint"), checkpoint).expect("a checkpoint");
    }
}

impl Tiles for Copy {
    type Error = String;
    fn tile(&mut self, name: TileName) -> Result<Vec<Hash>, String> {
        let bytes = self.0.get(&name).ok_or_else(|| name.path())?;
        parse_tile(bytes).ok_or_else(|| name.path())
    }
}

/// The leaf of a number: eight big-endian bytes.
#[must_use]
pub fn leaf(number: u64) -> Hash {
    leaf_hash(&number.to_be_bytes())
}

/// The checkpoint over such a log.
#[must_use]
pub fn head(edge: &Frontier) -> Checkpoint {
    Checkpoint { origin: "pay.example/log".into(), size: edge.size(), root: edge.root() }
}
