//! Hash tiles (C2SP tlog-tiles): rows of up to 256 hashes, their paths, and the tree read from them.
//!
//! Tile `(level, index)` holds the nodes of height `8 · level` with the numbers `256 · index ..`, so
//! that tile level 0 is the leaves' hashes. A tile that is not full is *partial* and says its width.
//!
//! ```text
//!  tile/<level>/<index>[.p/<width>]     index in groups of three digits: 1234067 is x001/x234/067
//! ```

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::merkle::{Hash, Nodes, empty_root, node_hash};

/// Hashes in a full tile.
pub const TILE_WIDTH: u64 = 256;
/// Heights that one tile level spans.
pub const TILE_HEIGHT: u8 = 8;
/// The highest level of a tile: 2⁶³ leaves need no more.
pub const TILE_LEVEL_MAX: u8 = 7;
/// Tiles that a [`TileTree`] keeps: a proof through a large tree touches a handful.
const TILES_KEPT: usize = 16;

/// Names a tile as a reader asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TileName {
    /// 0 for the leaves.
    pub level: u8,
    /// From 0.
    pub index: u64,
    /// Hashes in it, 1 to 256; 256 is a full tile.
    pub width: u16,
}

impl TileName {
    /// The path below the log's prefix, without a leading slash.
    #[must_use]
    pub fn path(&self) -> String {
        let mut groups = format!("{:03}", self.index.checked_rem(1_000).unwrap_or(0));
        let mut rest = self.index.checked_div(1_000).unwrap_or(0);
        while rest > 0 {
            groups = format!("x{:03}/{groups}", rest.checked_rem(1_000).unwrap_or(0));
            rest = rest.checked_div(1_000).unwrap_or(0);
        }
        let level = self.level;
        if u64::from(self.width) == TILE_WIDTH {
            format!("tile/{level}/{groups}")
        } else {
            format!("tile/{level}/{groups}.p/{}", self.width)
        }
    }

    /// Reads a path; the exact inverse of [`TileName::path`], every other spelling is `None`.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("tile/")?;
        let (level, rest) = rest.split_once('/')?;
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, width.parse::<u16>().ok()?),
            None => (rest, 256),
        };
        let mut number = 0_u64;
        for group in index.split('/') {
            let digits = group.strip_prefix('x').unwrap_or(group);
            let value = digits.parse::<u64>().ok().filter(|_| digits.len() == 3)?;
            number = number.checked_mul(1_000)?.checked_add(value)?;
        }
        let name = Self { level: level.parse().ok()?, index: number, width };
        let known = name.level <= TILE_LEVEL_MAX && (1..=256).contains(&width);
        // One spelling: no leading zeros or signs, no missing or doubled x.
        (known && name.path() == path).then_some(name)
    }

    /// All tiles of a tree of `size` leaves at one level, in order: full ones, then the partial one.
    pub fn of_level(level: u8, size: u64) -> impl Iterator<Item = Self> {
        let nodes = nodes_at(level, size);
        let full = nodes.checked_div(TILE_WIDTH).unwrap_or(0);
        let rest = nodes.checked_rem(TILE_WIDTH).and_then(|rest| u16::try_from(rest).ok());
        let partial = rest.filter(|rest| *rest > 0);
        (0..full)
            .map(move |index| Self { level, index, width: 256 })
            .chain(partial.map(move |width| Self { level, index: full, width }))
    }
}

/// Nodes of tile level `level` in a tree of `size` leaves.
#[must_use]
pub fn nodes_at(level: u8, size: u64) -> u64 {
    size.checked_shr(u32::from(level).saturating_mul(u32::from(TILE_HEIGHT))).unwrap_or(0)
}

/// Where tiles come from.
pub trait Tiles {
    /// Why a tile could not be had.
    type Error;

    /// At least the hashes of a tile that the name asks for.
    ///
    /// # Errors
    /// When they cannot be read.
    fn tile(&mut self, name: TileName) -> Result<Vec<Hash>, Self::Error>;
}

/// Why a node is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TileError<E> {
    /// The tile could not be had.
    Source(E),
    /// The tile has fewer hashes than the tree's size asks for.
    Short(TileName),
}

/// A tile with its inner nodes.
#[derive(Debug)]
struct Kept {
    used: u64,
    /// From the tile's own hashes up.
    rows: Vec<Vec<Hash>>,
}

/// A tree of a fixed size, read from tiles; keeps the newest few with all their inner nodes.
#[derive(Debug)]
pub struct TileTree<T> {
    tiles: T,
    size: u64,
    /// By level and index.
    kept: BTreeMap<(u8, u64), Kept>,
    uses: u64,
}

impl<T: Tiles> TileTree<T> {
    /// The tree of the first `size` leaves.
    pub fn new(tiles: T, size: u64) -> Self {
        Self { tiles, size, kept: BTreeMap::new(), uses: 0 }
    }

    /// Its number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    fn load(&mut self, level: u8, index: u64) -> Result<(), TileError<T::Error>> {
        if self.kept.contains_key(&(level, index)) {
            return Ok(());
        }
        let begun = index.saturating_mul(TILE_WIDTH);
        let width = nodes_at(level, self.size).saturating_sub(begun).min(TILE_WIDTH);
        let name = TileName { level, index, width: u16::try_from(width).unwrap_or(0) };
        let mut row = self.tiles.tile(name).map_err(TileError::Source)?;
        if row.len() < usize::from(name.width) {
            return Err(TileError::Short(name));
        }
        row.truncate(usize::from(name.width));
        let mut rows = alloc::vec![row];
        while let Some(row) = rows.last().filter(|row| row.len() > 1) {
            let (pairs, _) = row.as_chunks::<2>();
            rows.push(pairs.iter().map(|[left, right]| node_hash(left, right)).collect());
        }
        if self.kept.len() >= TILES_KEPT {
            let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.used).map(|(name, _)| *name);
            oldest.and_then(|name| self.kept.remove(&name));
        }
        self.kept.insert((level, index), Kept { used: self.uses, rows });
        Ok(())
    }
}

impl<T: Tiles> Nodes for TileTree<T> {
    type Error = TileError<T::Error>;

    fn node(&mut self, level: u8, index: u64) -> Result<Hash, Self::Error> {
        let tile_level = level.checked_div(TILE_HEIGHT).unwrap_or(0);
        let above = level.checked_rem(TILE_HEIGHT).unwrap_or(0);
        // A node `above` rows over the tile's own hashes covers 2^above of them.
        let rows_below = u32::from(TILE_HEIGHT.saturating_sub(above));
        let tile_index = index.checked_shr(rows_below).unwrap_or(0);
        let in_row = index.saturating_sub(tile_index.checked_shl(rows_below).unwrap_or(0));
        self.load(tile_level, tile_index)?;
        self.uses = self.uses.saturating_add(1);
        let uses = self.uses;
        let kept = self.kept.get_mut(&(tile_level, tile_index));
        let node = kept.and_then(|kept| {
            kept.used = uses;
            kept.rows.get(usize::from(above))?.get(usize::try_from(in_row).ok()?).copied()
        });
        node.ok_or(TileError::Short(TileName { level: tile_level, index: tile_index, width: 0 }))
    }
}

/// The right edge of a growing tree: of each tile level the tile that is not full yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    rows: Vec<Vec<Hash>>,
}

impl Frontier {
    /// The edge of a tree of `size` leaves, from the hashes of its last tile on each level, from the
    /// leaves up; `None` when their number is not the one that the size asks for.
    #[must_use]
    pub fn new(size: u64, rows: Vec<Vec<Hash>>) -> Option<Self> {
        let fits = (0_u8..).zip(&rows).all(|(level, row)| {
            let width = nodes_at(level, size).checked_rem(TILE_WIDTH);
            width == u64::try_from(row.len()).ok()
        });
        let above = u8::try_from(rows.len()).ok()?;
        (fits && nodes_at(above, size) == 0).then_some(Self { size, rows })
    }

    /// Leaves so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf's hash. `added` is told each node that tiles hold: its tile level and its hash.
    pub fn push(&mut self, leaf: Hash, mut added: impl FnMut(usize, Hash)) {
        self.size = self.size.saturating_add(1);
        let (mut hash, mut level) = (leaf, 0_usize);
        loop {
            added(level, hash);
            if self.rows.len() <= level {
                self.rows.push(Vec::new());
            }
            let Some(row) = self.rows.get_mut(level) else { return };
            row.push(hash);
            if row.len() < usize::try_from(TILE_WIDTH).unwrap_or(256) {
                return;
            }
            hash = full_root(row);
            row.clear();
            level = level.saturating_add(1);
        }
    }

    /// Root over all leaves so far.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut right: Option<Hash> = None;
        for row in &self.rows {
            let mut rest = row.as_slice();
            while !rest.is_empty() {
                let width = 1_usize.checked_shl(rest.len().trailing_zeros()).unwrap_or(1);
                let (before, full) = rest.split_at(rest.len().saturating_sub(width));
                let left = full_root(full);
                right = Some(right.map_or(left, |right| node_hash(&left, &right)));
                rest = before;
            }
        }
        right.unwrap_or_else(empty_root)
    }
}

/// Root over a row whose length is a power of two.
fn full_root(row: &[Hash]) -> Hash {
    let mut row = row.to_vec();
    while row.len() > 1 {
        let (pairs, _) = row.as_chunks::<2>();
        row = pairs.iter().map(|[left, right]| node_hash(left, right)).collect();
    }
    row.first().copied().unwrap_or_else(empty_root)
}

/// The hashes of a tile's bytes; `None` when they are not a whole number of hashes.
#[must_use]
pub fn parse_tile(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    rest.is_empty().then(|| hashes.iter().map(|hash| Hash(*hash)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::{leaf_hash, root};

    #[test]
    fn paths_have_one_spelling() {
        let rows = [
            ((0, 0, 256), "tile/0/000"),
            ((0, 0, 1), "tile/0/000.p/1"),
            ((1, 1_234_067, 256), "tile/1/x001/x234/067"),
            ((2, 1_000, 255), "tile/2/x001/000.p/255"),
        ];
        for ((level, index, width), path) in rows {
            let name = TileName { level, index, width };
            assert_eq!(name.path(), path);
            assert_eq!(TileName::parse(path), Some(name));
        }
        let wrong = [
            "tile/0/0",
            "tile/0/001/000",
            "tile/0/x000/001",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/257",
            "tile/0/000.p/01",
            "tile/00/000",
            "tile/8/000",
            "tile/0/+01",
            "tile/0/x001",
            "tile/0/../../etc",
            "tile/entries/000",
            "tile/data/000",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
            "/tile/0/000",
            "",
        ];
        for path in wrong {
            assert_eq!(TileName::parse(path), None, "{path}");
        }
    }

    struct Rows(Vec<Vec<Hash>>);

    impl Tiles for Rows {
        type Error = ();
        fn tile(&mut self, name: TileName) -> Result<Vec<Hash>, ()> {
            let from = (name.index * TILE_WIDTH) as usize;
            let row = self.0.get(name.level as usize).ok_or(())?;
            row.get(from..from + name.width as usize).map(<[Hash]>::to_vec).ok_or(())
        }
    }

    #[test]
    fn a_tree_of_tiles_has_the_root_of_its_leaves() {
        let leaves: Vec<Hash> = (0..70_000_u32).map(|n| leaf_hash(&n.to_be_bytes())).collect();
        for size in [0, 1, 2, 255, 256, 257, 511, 65_535, 65_536, 65_537, 70_000_usize] {
            let mut rows = alloc::vec![leaves[..size].to_vec()];
            while rows.last().unwrap().len() >= 256 {
                let above = rows.last().unwrap().chunks_exact(256).map(fold).collect();
                rows.push(above);
            }
            let mut tree = TileTree::new(Rows(rows.clone()), size as u64);
            assert_eq!(root(&mut tree, size as u64).unwrap(), plain_root(&leaves[..size]));
            let mut edge = Frontier::default();
            let mut told: Vec<Vec<Hash>> = alloc::vec![Vec::new()];
            for leaf in &leaves[..size] {
                edge.push(*leaf, |level, hash| {
                    told.resize(told.len().max(level + 1), Vec::new());
                    told[level].push(hash);
                });
            }
            assert_eq!(edge.root(), plain_root(&leaves[..size]));
            assert_eq!(told, rows);
            if size > 0 {
                let ends = rows.iter().map(|row| row[row.len() / 256 * 256..].to_vec()).collect();
                assert_eq!(Frontier::new(size as u64, ends), Some(edge));
            }
        }
    }

    fn fold(row: &[Hash]) -> Hash {
        plain_root(row)
    }

    fn plain_root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => crate::merkle::empty_root(),
            [one] => *one,
            many => {
                let middle = many.len().next_power_of_two() / 2;
                let (left, right) = many.split_at(middle);
                node_hash(&plain_root(left), &plain_root(right))
            }
        }
    }
}
