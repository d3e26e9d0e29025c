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
