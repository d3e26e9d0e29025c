//! Follows the ledger: reads committed entries, appends their leaves, signs the new head.
//!
//! **Why the log can be trusted after any crash.** Entries are numbered in commit order without gaps, in
//! the transaction that moves the money; leaf index = entry number − 1. The order of events is: the
//! ledger's commit is durable → leaves are appended (not synced) → the high-water mark is synced → the
//! checkpoint is shown. A crash between any two of them loses only what can be made again from the
//! entries, byte for byte, since a leaf is a function of its entry. And nothing that was shown is
//! forgotten: the mark was on the disk first, and a start compares the ledger with it.
//!
//! After a *process* crash the ledger's newest transactions may be readable and not yet on the disk, so
//! the ledger's files are synced before the first checkpoint over them is signed.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use farthing_rules::EntryNumber;
use farthing_shared::SigningKey;
use farthing_shared::checkpoint::Checkpoint;
use farthing_shared::merkle::{Hash, root};
use farthing_shared::note::Note;
use farthing_shared::tiles::{Frontier, TILE_WIDTH, TileName, TileTree, Tiles};

use super::files::{LevelFiles, LevelReader};
use super::high_water::{HighWater, MarkError};
use super::leaves::hash;
use super::witness::Cosigners;
use super::{Published, Shared};
use crate::clock::monotonic;
use crate::store::sqlite::Reader;

/// Between two looks for new entries.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Between two checkpoints at least: each costs two syncs, which the ledger's commits wait behind.
const PUBLISH_EVERY: Duration = Duration::from_millis(250);
/// Between two syncs of the level files; a start makes at most so much anew.
const SYNC_EVERY: Duration = Duration::from_secs(5);
/// Entries read at once: some 330 B each.
const READ_TOGETHER: usize = 2_048;
/// Entries appended before a checkpoint is due all the same, so that catching up shows progress.
const APPEND_MAX: u64 = 65_536;

/// The way out that gives newer entries up for good.
const RESET: &str = "farthing log reset --i-know-what-this-means";

/// Why the sequencer cannot go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Halt {
    /// For now: tried again.
    Later(String),
    /// For good: signing on could make a second history.
    Never(String),
}

/// The one that signs.
#[derive(Debug)]
pub struct Sequencer {
    pub(super) shared: Arc<Shared>,
    files: LevelFiles,
    edge: Frontier,
    reader: Reader,
    key: SigningKey,
    mark: HighWater,
    synced: u64,
    /// None before the first checkpoint of this process is shown: a start waits for nobody.
    cosigners: Option<Cosigners>,
}

impl Sequencer {
    /// Brings the log up to the ledger and compares it with the mark.
    ///
    /// # Errors
    /// In words, when the ledger was rolled back or changed, or the mark belongs to another log.
    pub(super) fn open(
        shared: Arc<Shared>,
        reader: Reader,
        ledger: &Path,
        key: SigningKey,
        mark: HighWater,
    ) -> Result<Self, String> {
        sync_ledger(ledger).map_err(|error| format!("{}: {error}", ledger.display()))?;
        let (files, edge) = LevelFiles::open(&shared.folder)
            .map_err(|error| format!("the log's folder {}: {error}", shared.folder.display()))?;
        let synced = edge.size();
        let mut sequencer =
            Self { shared, files, edge, reader, key, mark, synced, cosigners: None };
        let known = sequencer.mark.checkpoint(&sequencer.shared.key)?;
        let newest = sequencer.reader.newest_entry().map_err(|error| error.to_string())?.0;
        let signed = known.as_ref().map_or(0, |known| known.size);
        if known.is_none() && super::signed_mark(&sequencer.shared.folder).exists() {
            return Err(format!(
                "the log in {} was signed before, but its high-water mark {} is missing; put its newest copy \
                 back, or begin a new log with: {RESET}",
                sequencer.shared.folder.display(),
                sequencer.mark.path().display()
            ));
        }
        if newest < signed {
            return Err(format!(
                "the ledger was rolled back: it ends with entry {newest}, but a checkpoint over {signed} \
                 entries was signed ({}); entries {} to {signed} are missing. Restore a newer ledger, or \
                 begin a new log with: {RESET}",
                sequencer.mark.path().display(),
                newest.saturating_add(1)
            ));
        }
        // A ledger that was rolled back and grew again differs at its end from what is in the files.
        let doubtful = synced > newest || !sequencer.end_agrees().map_err(words)?;
        let before = doubtful.then(|| read_leaves(sequencer.shared.reader(), synced));
        if doubtful {
            sequencer.begin_anew()?;
        }
        sequencer.catch_up(newest).map_err(words)?;
        if let Some(known) = known {
            sequencer.compare(&known, newest, before)?;
        }
        sequencer.publish().map_err(words)?;
        sequencer.sync().map_err(words)?;
        Ok(sequencer)
    }

    fn begin_anew(&mut self) -> Result<(), String> {
        self.files.begin_anew().map_err(|error| error.to_string())?;
        self.edge = Frontier::default();
        Ok(())
    }

    /// Whether the newest leaves in the files are those of the ledger's entries. `farthing audit --log`
    /// compares all of them; here a start must not take a minute.
    fn end_agrees(&self) -> Result<bool, Halt> {
        let size = self.edge.size();
        // One tile less than is read at once, since the beginning is rounded down to a tile's.
        let end = u64::try_from(READ_TOGETHER).unwrap_or(0).saturating_sub(TILE_WIDTH);
        let from = size.saturating_sub(end);
        let first_tile = from.checked_div(TILE_WIDTH).unwrap_or(0);
        let from = first_tile.saturating_mul(TILE_WIDTH);
        let logged = read_leaves_from(self.shared.reader(), first_tile, size);
        let found = self.hashes_after(from)?;
        Ok(found.len() >= logged.len() && found.iter().zip(&logged).all(|(a, b)| a == b))
    }

    /// The ledger must lead to the root that was signed over it.
    fn compare(
        &mut self,
        known: &Checkpoint,
        newest: u64,
        before: Option<Vec<Hash>>,
    ) -> Result<(), String> {
        if self.root_at(known.size)? == known.root {
            return Ok(());
        }
        // The files may be damaged: they are made anew before the ledger is blamed.
        let old = before.unwrap_or_else(|| read_leaves(self.shared.reader(), known.size));
        self.begin_anew()?;
        self.catch_up(newest).map_err(words)?;
        if self.root_at(known.size)? == known.root {
            tracing::warn!("the log's files were damaged and were made anew from the ledger");
            return Ok(());
        }
        let new = read_leaves(self.shared.reader(), known.size);
        let first = old.iter().zip(&new).position(|(old, new)| old != new);
        let which = first.map_or_else(
            || format!("one of the entries 1 to {}", known.size),
            |at| format!("entry {}", at.saturating_add(1)),
        );
        // The next start must not take these files for the signed ones.
        self.files.begin_anew().map_err(|error| error.to_string())?;
        Err(format!(
            "the ledger was changed after it was signed: {which} differs from what the checkpoint over {} \
             entries in {} holds. Restore the right ledger, or begin a new log with: {RESET}",
            known.size,
            self.mark.path().display()
        ))
    }

    fn root_at(&self, size: u64) -> Result<Hash, String> {
        let mut tree = TileTree::new(self.shared.reader(), size);
        root(&mut tree, size).map_err(|error| format!("the log's files: {error:?}"))
    }

    /// Appends what the ledger has up to an entry.
    fn catch_up(&mut self, newest: u64) -> Result<(), Halt> {
        while self.edge.size() < newest {
            self.append()?;
        }
        Ok(())
    }

    /// Hashes of the next leaves after a number of entries.
    fn hashes_after(&self, after: u64) -> Result<Vec<Hash>, Halt> {
        let later = |why: String| Halt::Later(why);
        let rows = self
            .reader
            .leaf_rows_after(EntryNumber(after), READ_TOGETHER)
            .map_err(|error| later(error.to_string()))?;
        let mut hashes = Vec::with_capacity(rows.len());
        for (expected, row) in (after.saturating_add(1)..).zip(&rows) {
            if row.number().0 != expected {
                return Err(Halt::Never(format!("entry {expected} is missing in the ledger")));
            }
            let hash = hash(row, &self.shared.salt);
            hashes.push(hash.map_err(|broken| Halt::Never(broken.to_string()))?);
        }
        Ok(hashes)
    }

    /// Appends the next entries; how many.
    fn append(&mut self) -> Result<u64, Halt> {
        let hashes = self.hashes_after(self.edge.size())?;
        for hash in &hashes {
            let files = &mut self.files;
            self.edge.push(*hash, |level, node| files.add(level, &node));
        }
        if let Err(error) = self.files.write() {
            self.reopen()?;
            return Err(Halt::Later(format!("the log's files: {error}")));
        }
        Ok(u64::try_from(hashes.len()).unwrap_or(u64::MAX))
    }

    /// After a failed write the files are in doubt beyond what was synced.
    fn reopen(&mut self) -> Result<(), Halt> {
        let opened = LevelFiles::open(&self.shared.folder);
        (self.files, self.edge) = opened.map_err(|error| Halt::Later(error.to_string()))?;
        Ok(())
    }

    /// Signs the head, remembers it outside the data folder, then shows it.
    fn publish(&mut self) -> Result<(), Halt> {
        let size = self.edge.size();
        let shown = self.shared.published.borrow().clone();
        if shown.as_ref().is_some_and(|shown| shown.checkpoint.size >= size) {
            return Ok(());
        }
        let origin = self.shared.key.name().to_owned();
        let checkpoint = Checkpoint { origin, size, root: self.edge.root() };
        let never = |why: String| Halt::Never(why);
        let note = checkpoint.sign(&self.key).map_err(|why| never(why.to_string()))?;
        self.mark.raise(&note).map_err(|error| match error {
            MarkError::Disk(why) => Halt::Later(why),
            MarkError::Changed(why) => Halt::Never(why),
        })?;
        // After the mark, so that a crash between the two is a fresh start and not a lost mark.
        let signed = super::signed_mark(&self.shared.folder);
        if !signed.exists() {
            super::files::replace(&signed, b"")
                .map_err(|error| Halt::Later(format!("{}: {error}", signed.display())))?;
        }
        let show = |note: Note| {
            let published = Published { text: note.to_string(), note, checkpoint };
            self.shared.published.send_replace(Some(Arc::new(published)));
        };
        match &self.cosigners {
            Some(cosigners) => cosigners.show(note, size, show),
            None => show(note),
        }
        Ok(())
    }

    /// From now on witnesses are asked, first about what is shown already.
    pub(super) fn begin_showing(&mut self, cosigners: Cosigners) {
        let shown = self.shared.published.borrow().clone();
        if let Some(shown) = shown {
            cosigners.show(shown.note.clone(), shown.checkpoint.size, drop);
        }
        self.cosigners = Some(cosigners);
    }

    fn sync(&mut self) -> Result<(), Halt> {
        let size = self.edge.size();
        if size != self.synced {
            self.files.sync(size).map_err(|error| Halt::Later(error.to_string()))?;
            self.synced = size;
        }
        Ok(())
    }

    /// Appends and publishes all there is.
    fn round(&mut self) -> Result<(), Halt> {
        let begun = self.edge.size();
        while self.append()? > 0 {
            if self.edge.size().saturating_sub(begun) >= APPEND_MAX {
                break;
            }
        }
        self.publish()
    }

    /// Follows the ledger until it is told to stop, then shows what is left.
    pub(super) fn run(mut self) {
        let mut published: Option<Instant> = None;
        let mut synced = monotonic();
        loop {
            if self.shared.abandoned.load(Ordering::SeqCst) {
                return;
            }
            let stopping = self.shared.stopping.load(Ordering::SeqCst);
            let due = published.is_none_or(|at| at.elapsed() >= PUBLISH_EVERY);
            if due || stopping {
                let before = self.edge.size();
                let done = self.round().and_then(|()| {
                    if stopping || synced.elapsed() >= SYNC_EVERY {
                        synced = monotonic();
                        self.sync()?;
                    }
                    Ok(())
                });
                match done {
                    Ok(()) if self.edge.size() > before => published = Some(monotonic()),
                    Ok(()) => {}
                    Err(Halt::Later(why)) => {
                        tracing::error!(error = why, "the log waits; claims go on");
                        published = Some(monotonic());
                    }
                    Err(Halt::Never(why)) => {
                        tracing::error!(error = why, "the log must not be signed any more");
                        self.shared.halted.send_replace(true);
                        return;
                    }
                }
            }
            if stopping {
                return;
            }
            std::thread::park_timeout(LOOK_EVERY);
        }
    }
}

fn words(halt: Halt) -> String {
    match halt {
        Halt::Later(why) | Halt::Never(why) => why,
    }
}

fn read_leaves(reader: LevelReader, size: u64) -> Vec<Hash> {
    read_leaves_from(reader, 0, size)
}

fn read_leaves_from(mut reader: LevelReader, first_tile: u64, size: u64) -> Vec<Hash> {
    let tiles = TileName::of_level(0, size).skip_while(|name| name.index < first_tile);
    tiles.map_while(|name| reader.tile(name).ok()).flatten().collect()
}

fn sync_ledger(ledger: &Path) -> std::io::Result<()> {
    let mut log = ledger.as_os_str().to_owned();
    log.push("-wal");
    for path in [log.as_os_str(), ledger.as_os_str()] {
        match std::fs::File::open(path) {
            Ok(file) => file.sync_all()?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
