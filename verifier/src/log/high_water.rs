//! The high-water mark: the last checkpoint that was signed, in a file *outside* the data folder.
//!
//! A restored or rolled-back database is shorter than what was signed over it. Signing on from there
//! would be a second history of the same log, which is exactly what a log promises never to have. So
//! this file is written, and synced, *before* a checkpoint is shown to anybody, and compared at each
//! start. It is locked while a verifier runs: of two verifiers that share it only one signs.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use farthing_shared::checkpoint::Checkpoint;
use farthing_shared::note::{Note, NoteKey};

use super::files::replace;

/// The mark and its lock.
#[derive(Debug)]
pub struct HighWater {
    path: PathBuf,
    /// What this process read or wrote last.
    content: Option<String>,
    _lock: File,
}

impl HighWater {
    /// Takes the lock and reads the mark.
    ///
    /// # Errors
    /// In words, when another process holds it or it cannot be read.
    pub fn open(path: &Path) -> Result<Self, String> {
        let mut lock_path = path.as_os_str().to_owned();
        lock_path.push(".lock");
        let lock_path = PathBuf::from(lock_path);
        let lock = File::create(&lock_path).map_err(|error| {
            format!(
                "the log's high-water mark cannot be kept at {}: {error}; make its folder writable or \
                 set proofs.high_water to a place outside the data folder",
                path.display()
            )
        })?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(format!(
                    "another verifier signs the log whose high-water mark is {}; stop it first: two of \
                     them would sign two histories",
                    path.display()
                ));
            }
            Err(TryLockError::Error(error)) => {
                return Err(format!("{}: {error}", lock_path.display()));
            }
        }
        let content = read(path)?;
        Ok(Self { path: path.to_owned(), content, _lock: lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The mark's checkpoint, where there is one.
    ///
    /// # Errors
    /// In words, when the file is not a checkpoint.
    pub fn note(&self) -> Result<Option<Note>, String> {
        let Some(content) = &self.content else { return Ok(None) };
        Note::parse(content).map(Some).map_err(|why| self.told(&why.to_string()))
    }

    /// The mark as this log's key signed it.
    ///
    /// # Errors
    /// In words, when another key signed it.
    pub fn checkpoint(&self, key: &NoteKey) -> Result<Option<Checkpoint>, String> {
        let Some(note) = self.note()? else { return Ok(None) };
        Checkpoint::open(&note, key).map(Some).map_err(|why| {
            self.told(&format!("{why}; it belongs to another log or another log.key"))
        })
    }

    fn told(&self, why: &str) -> String {
        format!("the log's high-water mark {}: {why}", self.path.display())
    }

    /// Replaces the mark. On return it is on the disk.
    ///
    /// # Errors
    /// In words. [`MarkError::Changed`] means that somebody else writes here, and nothing may be signed.
    pub fn raise(&mut self, note: &Note) -> Result<(), MarkError> {
        let there = read(&self.path).map_err(MarkError::Disk)?;
        if there != self.content {
            return Err(MarkError::Changed(self.told("it was changed by somebody else")));
        }
        let content = note.to_string();
        replace(&self.path, content.as_bytes())
            .map_err(|error| MarkError::Disk(self.told(&error.to_string())))?;
        self.content = Some(content);
        Ok(())
    }
}

/// Why the mark was not raised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MarkError {
    /// The disk; it can be tried again, since the checkpoint was shown to nobody.
    Disk(String),
    /// Another verifier signs this log.
    Changed(String),
}

fn read(path: &Path) -> Result<Option<String>, String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("the log's high-water mark {}: {error}", path.display())),
    }
}
