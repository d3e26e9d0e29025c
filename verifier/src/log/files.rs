//! The log's own files: one row of hashes for each tile level, appended to and never changed.
//!
//! ```text
//!  <data>/log/level-0     hash of leaf 0, 1, 2 …                32 bytes each
//!  <data>/log/level-1     root of the leaves 0–255, 256–511 …   32 bytes each, and so on
//!  <data>/log/synced      how many leaves are on the disk for certain
//! ```
//!
//! A tile is a slice of its level's file, a partial tile the beginning of that slice, so a log of ten
//! million leaves is five files and not forty thousand (docs/decisions/0006-the-log.md).
//!
//! **What a crash leaves.** Everything here can be made anew from the entries. `synced` is written after
//! the levels were synced; what lies beyond it may be missing or torn, so [`LevelFiles::open`] cuts it
//! off and the sequencer makes it again, the same bytes, because a leaf is a function of its entry.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use farthing_shared::merkle::Hash;
use farthing_shared::tiles::{
    Frontier, TILE_LEVEL_MAX, TILE_WIDTH, TileName, Tiles, nodes_at, parse_tile,
};

const HASH_LEN: u64 = 32;

/// Reads tiles; clones share nothing but the folder's name.
#[derive(Debug, Clone)]
pub struct LevelReader {
    folder: PathBuf,
}

impl LevelReader {
    /// Reads below this folder.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }
}

fn level_path(folder: &Path, level: u8) -> PathBuf {
    folder.join(format!("level-{level}"))
}

impl Tiles for LevelReader {
    type Error = std::io::Error;

    fn tile(&mut self, name: TileName) -> Result<Vec<Hash>, std::io::Error> {
        let mut file = File::open(level_path(&self.folder, name.level))?;
        let from = name.index.saturating_mul(TILE_WIDTH).saturating_mul(HASH_LEN);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = vec![0; usize::from(name.width).saturating_mul(32)];
        file.read_exact(&mut bytes)?;
        Ok(parse_tile(&bytes).unwrap_or_default())
    }
}

/// The files as the sequencer holds them.
#[derive(Debug)]
pub struct LevelFiles {
    folder: PathBuf,
    /// One for each tile level that has hashes.
    levels: Vec<File>,
    /// Hashes of each level that are not written yet.
    waiting: Vec<Vec<u8>>,
}

impl LevelFiles {
    /// Opens the files, cuts them to what is certain, and reads the tree's edge back.
    ///
    /// # Errors
    /// When they cannot be read; a file that is shorter than promised begins the log anew instead.
    pub fn open(folder: &Path) -> std::io::Result<(Self, Frontier)> {
        std::fs::create_dir_all(folder)?;
        let size = read_synced(&folder.join("synced"))?.unwrap_or(0);
        let mut files = Self { folder: folder.to_owned(), levels: Vec::new(), waiting: Vec::new() };
        match files.cut(size)? {
            Some(edge) => Ok((files, edge)),
            None => {
                files.cut(0)?;
                Ok((files, Frontier::default()))
            }
        }
    }

    /// Cuts every level to a tree of `size` leaves; `None` when a file does not reach that far.
    fn cut(&mut self, size: u64) -> std::io::Result<Option<Frontier>> {
        self.levels.clear();
        self.waiting.clear();
        let mut rows = Vec::new();
        for level in 0..=TILE_LEVEL_MAX {
            let path = level_path(&self.folder, level);
            let nodes = nodes_at(level, size);
            if nodes == 0 {
                match std::fs::remove_file(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(error);
                    }
                    _ => continue,
                }
            }
            let Ok(mut file) = open_level(&path) else { return Ok(None) };
            let length = nodes.saturating_mul(HASH_LEN);
            if file.metadata()?.len() < length {
                return Ok(None);
            }
            file.set_len(length)?;
            let width = nodes.checked_rem(TILE_WIDTH).unwrap_or(0);
            let mut bytes =
                vec![0; usize::try_from(width.saturating_mul(HASH_LEN)).unwrap_or_default()];
            file.seek(SeekFrom::Start(nodes.saturating_sub(width).saturating_mul(HASH_LEN)))?;
            file.read_exact(&mut bytes)?;
            rows.push(parse_tile(&bytes).unwrap_or_default());
            self.levels.push(file);
            self.waiting.push(Vec::new());
        }
        Ok(Frontier::new(size, rows))
    }

    /// Empties the log, to be made anew from the entries.
    ///
    /// # Errors
    /// When the files cannot be changed.
    pub fn begin_anew(&mut self) -> std::io::Result<()> {
        self.write_synced(0)?;
        self.cut(0).map(|_| ())
    }

    /// Takes a hash for a level; it is in the file after [`LevelFiles::write`].
    pub fn add(&mut self, level: usize, hash: &Hash) {
        while self.waiting.len() <= level {
            self.waiting.push(Vec::new());
        }
        if let Some(waiting) = self.waiting.get_mut(level) {
            waiting.extend_from_slice(&hash.0);
        }
    }

    /// Writes what waits, without a sync: whoever reads the files sees it.
    ///
    /// # Errors
    /// When the disk does not take it. The files are then in doubt: open them anew.
    pub fn write(&mut self) -> std::io::Result<()> {
        for (level, waiting) in (0_u8..).zip(&mut self.waiting) {
            if waiting.is_empty() {
                continue;
            }
            if self.levels.len() <= usize::from(level) {
                self.levels.push(open_level(&level_path(&self.folder, level))?);
            }
            if let Some(file) = self.levels.get_mut(usize::from(level)) {
                file.seek(SeekFrom::End(0))?;
                file.write_all(waiting)?;
            }
            waiting.clear();
        }
        Ok(())
    }

    /// Syncs the levels, then says so: from now on a start begins at `size`.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn sync(&mut self, size: u64) -> std::io::Result<()> {
        for file in &self.levels {
            file.sync_data()?;
        }
        self.write_synced(size)
    }

    fn write_synced(&self, size: u64) -> std::io::Result<()> {
        replace(&self.folder.join("synced"), format!("{size}\n").as_bytes())
    }
}

fn open_level(path: &Path) -> std::io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(false).open(path)
}

fn read_synced(path: &Path) -> std::io::Result<Option<u64>> {
    match std::fs::read_to_string(path) {
        // An unreadable number is no reason to stop: everything can be made anew.
        Ok(text) => Ok(text.trim().parse().ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Puts a file in the place of another one: whoever reads it, also after a power failure, sees the old
/// content or the new one.
///
/// # Errors
/// When the disk does not take it; the old content is then still there.
pub fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let mut file = File::create(&beside)?;
    file.write_all(content)?;
    file.sync_data()?;
    std::fs::rename(&beside, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use farthing_shared::merkle::leaf_hash;
    use farthing_shared::tiles::TileTree;

    fn grow(files: &mut LevelFiles, edge: &mut Frontier, to: u64) {
        for number in edge.size()..to {
            edge.push(leaf_hash(&number.to_be_bytes()), |level, hash| files.add(level, &hash));
        }
        files.write().unwrap();
    }

    #[test]
    fn what_was_synced_is_there_again_and_the_rest_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (mut files, mut edge) = LevelFiles::open(folder.path()).unwrap();
        for to in [1, 255, 256, 257, 70_000] {
            grow(&mut files, &mut edge, to);
            files.sync(to).unwrap();
            let (again, edge_again) = LevelFiles::open(folder.path()).unwrap();
            assert_eq!(edge_again, edge, "{to}");
            files = again;
        }
        let whole = edge.root();
        // Not synced, and torn by the crash.
        grow(&mut files, &mut edge, 70_300);
        File::options()
            .write(true)
            .open(level_path(folder.path(), 0))
            .unwrap()
            .set_len(70_123 * 32 + 5)
            .unwrap();
        let (mut files, mut edge) = LevelFiles::open(folder.path()).unwrap();
        assert_eq!((edge.size(), edge.root()), (70_000, whole));
        grow(&mut files, &mut edge, 70_300);
        let mut tree = TileTree::new(LevelReader::new(folder.path()), 70_300);
        assert_eq!(farthing_shared::merkle::root(&mut tree, 70_300).unwrap(), edge.root());
    }

    #[test]
    fn a_level_that_is_too_short_begins_the_log_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (mut files, mut edge) = LevelFiles::open(folder.path()).unwrap();
        grow(&mut files, &mut edge, 600);
        files.sync(600).unwrap();
        std::fs::write(level_path(folder.path(), 1), [0; 32]).unwrap();
        let (_, edge) = LevelFiles::open(folder.path()).unwrap();
        assert_eq!(edge, Frontier::default());
    }
}
