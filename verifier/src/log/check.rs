//! Checks a whole log that somebody else may have written: every tile against the leaves' hashes, the
//! root against the checkpoint, earlier checkpoints against the same leaves.

use std::fmt;

use farthing_shared::checkpoint::Checkpoint;
use farthing_shared::merkle::Hash;
use farthing_shared::tiles::{Frontier, TILE_LEVEL_MAX, TileName, Tiles, nodes_at};

/// What is wrong with a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogLie {
    /// A tile is missing or cannot be read.
    Missing(String),
    /// A tile does not follow from the leaves.
    Altered(TileName),
    /// The leaves do not lead to the signed root.
    OtherRoot {
        /// Leaves that the checkpoint signs.
        size: u64,
    },
    /// A checkpoint seen earlier signs more than this log has.
    RolledBack {
        /// Leaves seen earlier.
        seen: u64,
        /// Leaves now.
        size: u64,
    },
    /// A checkpoint seen earlier signs other leaves under the same numbers.
    SplitView {
        /// Leaves seen earlier.
        seen: u64,
    },
    /// A checkpoint seen earlier is of a log with another name.
    OtherLog(String),
}

impl LogLie {
    /// A name for programs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Missing(_) => "missing",
            Self::Altered(_) | Self::OtherRoot { .. } => "altered",
            Self::RolledBack { .. } => "rolled_back",
            Self::SplitView { .. } => "split_view",
            Self::OtherLog(_) => "other_log",
        }
    }
}

impl fmt::Display for LogLie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(why) => write!(f, "missing: {why}"),
            Self::Altered(tile) => {
                write!(f, "altered: {} does not follow from the leaves", tile.path())
            }
            Self::OtherRoot { size } => write!(
                f,
                "altered: the leaves do not lead to the root that is signed over {size} entries"
            ),
            Self::RolledBack { seen, size } => {
                write!(f, "rolled back: {seen} entries were signed earlier, this log has {size}")
            }
            Self::SplitView { seen } => write!(
                f,
                "split view: the checkpoint seen earlier signs other entries under the numbers 1 to {seen}"
            ),
            Self::OtherLog(origin) => {
                write!(f, "the checkpoint seen earlier is of another log: {origin}")
            }
        }
    }
}

impl std::error::Error for LogLie {}

/// Compares every tile with the leaves that the ledger leads to, and their root with what was signed over them:
/// what differs, in words. All levels are read, since a proof takes its nodes from any of them.
///
/// # Errors
/// In words, when a tile cannot be read.
pub fn differences_of<T: Tiles<Error: fmt::Display>>(
    tiles: &mut T,
    leaves: &[Hash],
    signed: &Checkpoint,
) -> Result<Vec<String>, String> {
    let mut edge = Frontier::default();
    let mut rows: Vec<Vec<Hash>> = Vec::new();
    for leaf in leaves {
        edge.push(*leaf, |level, node| {
            rows.resize_with(rows.len().max(level.saturating_add(1)), Vec::new);
            if let Some(row) = rows.get_mut(level) {
                row.push(node);
            }
        });
    }
    let mut differences = Vec::new();
    for (level, row) in (0_u8..).zip(&rows) {
        let (mut rest, mut entry) = (row.as_slice(), 0_u64);
        for name in TileName::of_level(level, edge.size()) {
            let found = tiles.tile(name).map_err(|error| format!("{}: {error}", name.path()))?;
            let (here, after) = rest.split_at_checked(name.width.into()).unwrap_or((rest, &[]));
            rest = after;
            if level > 0 && found != here {
                differences.push(format!("{} does not follow from the ledger", name.path()));
                continue;
            }
            for (at, leaf) in here.iter().enumerate() {
                entry = entry.saturating_add(1);
                if found.get(at) != Some(leaf) {
                    differences.push(format!("entry {entry}: the log holds another leaf"));
                }
            }
        }
    }
    if edge.root() != signed.root {
        let size = edge.size();
        differences
            .push(format!("the ledger does not lead to the root signed over {size} entries"));
    }
    Ok(differences)
}

/// Checks everything; the checkpoints' signatures were checked when they were opened.
///
/// # Errors
/// The first [`LogLie`].
pub fn check<T: Tiles<Error = String>>(
    tiles: &mut T,
    newest: &Checkpoint,
    seen: &[Checkpoint],
) -> Result<(), LogLie> {
    for old in seen {
        if old.origin != newest.origin {
            return Err(LogLie::OtherLog(old.origin.clone()));
        }
        if old.size > newest.size {
            return Err(LogLie::RolledBack { seen: old.size, size: newest.size });
        }
    }
    let mut edge = Frontier::default();
    let mut made: Vec<Vec<Hash>> = Vec::new();
    if seen.iter().any(|old| old.size == 0 && old.root != edge.root()) {
        return Err(LogLie::SplitView { seen: 0 });
    }
    for name in TileName::of_level(0, newest.size) {
        for hash in tiles.tile(name).map_err(LogLie::Missing)? {
            edge.push(hash, |level, node| {
                made.resize_with(made.len().max(level.saturating_add(1)), Vec::new);
                if let Some(row) = made.get_mut(level).filter(|_| level > 0) {
                    row.push(node);
                }
            });
            let size = edge.size();
            if seen.iter().any(|old| old.size == size && old.root != edge.root()) {
                return Err(LogLie::SplitView { seen: size });
            }
        }
    }
    if edge.root() != newest.root {
        return Err(LogLie::OtherRoot { size: newest.size });
    }
    for level in (1..=TILE_LEVEL_MAX).filter(|level| nodes_at(*level, newest.size) > 0) {
        let mut expected = made.get(usize::from(level)).map(Vec::as_slice).unwrap_or_default();
        for name in TileName::of_level(level, newest.size) {
            let found = tiles.tile(name).map_err(LogLie::Missing)?;
            let (here, rest) = expected.split_at_checked(found.len()).unwrap_or((expected, &[]));
            if found != here {
                return Err(LogLie::Altered(name));
            }
            expected = rest;
        }
    }
    Ok(())
}
