//! The Merkle log over the ledger: tiles, checkpoints, proofs. Derived from the entries, never their
//! master. Owns when a checkpoint is signed; leaves hashing and formats to `farthing_shared`.

mod check;
pub(crate) mod files;
mod high_water;
mod leaves;
mod sequencer;
mod witness;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use farthing_rules::rows::Entry;
use farthing_shared::UnixMillis;
use farthing_shared::checkpoint::Checkpoint;
use farthing_shared::merkle::inclusion_proof;
use farthing_shared::note::{ED25519, Note, NoteKey};
use farthing_shared::receipt::Receipt;
use farthing_shared::tiles::{TILE_LEVEL_MAX, TILE_WIDTH, TileName, TileTree, Tiles, nodes_at};
use tokio::sync::watch;

use crate::config::Config;
use crate::secrets::{Mac256, Secrets};
use crate::store::sqlite::Reader;

pub use check::{LogLie, check, differences_of};
pub use files::LevelReader;
pub use high_water::HighWater;
pub use leaves::{BrokenEntry, leaf};
pub use witness::{Witness, Witnessed};

/// A checkpoint that was shown.
#[derive(Debug)]
pub struct Published {
    /// Its figures.
    pub checkpoint: Checkpoint,
    /// With its signatures.
    pub note: Note,
    /// As it is sent.
    pub text: String,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    key: NoteKey,
    salt: Mac256,
    published: watch::Sender<Option<Arc<Published>>>,
    stopping: AtomicBool,
    abandoned: AtomicBool,
    halted: watch::Sender<bool>,
    witnessed: Witnessed,
}

impl Shared {
    fn reader(&self) -> LevelReader {
        LevelReader::new(&self.folder)
    }
}

/// Reads the log, and holds the thread that writes it.
#[derive(Debug)]
pub struct Log {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The log's name before any reset: the provider's host, and `/log`.
#[must_use]
pub fn first_origin(config: &Config) -> String {
    if !config.proofs.origin.is_empty() {
        return config.proofs.origin.clone();
    }
    let host = config.origin.split_once("://").map_or(config.origin.as_str(), |(_, host)| host);
    format!("{host}/log")
}

/// Where the log's files are.
#[must_use]
pub fn folder(config: &Config) -> PathBuf {
    config.data.join("log")
}

/// A file that says that checkpoints of this log were signed, so that a missing high-water mark is noticed.
#[must_use]
pub fn signed_mark(folder: &Path) -> PathBuf {
    folder.join("signed")
}

/// Where the high-water mark is: beside the data folder unless told, so that restoring the folder
/// does not bring an old mark back with it.
#[must_use]
pub fn high_water_path(config: &Config) -> PathBuf {
    config.proofs.high_water.clone().unwrap_or_else(|| {
        let mut path = config.data.as_os_str().to_owned();
        path.push(".high-water");
        PathBuf::from(path)
    })
}

/// How many entries were signed, as the high-water mark says; none where it cannot be read.
#[must_use]
pub fn signed_size(config: &Config) -> Option<u64> {
    let note = std::fs::read_to_string(high_water_path(config)).ok()?;
    Some(Checkpoint::parse(Note::parse(&note).ok()?.text()).ok()?.size)
}

/// The log's name now: the first one, or that of the last reset, which the mark tells.
///
/// # Errors
/// In words, when the mark is of another log.
pub fn origin(config: &Config, mark: &HighWater) -> Result<String, String> {
    let first = first_origin(config);
    let Some(note) = mark.note()? else { return Ok(first) };
    let marked = Checkpoint::parse(note.text())
        .map_err(|why| format!("{}: {why}", mark.path().display()))?
        .origin;
    // A provider that moves to another host keeps its log, and the log its name.
    if config.proofs.origin.is_empty() {
        return Ok(marked);
    }
    let epoch = marked.strip_prefix(&first).and_then(|rest| rest.strip_prefix('/'));
    if marked == first || epoch.is_some_and(|epoch| epoch.parse::<u64>().is_ok()) {
        return Ok(marked);
    }
    Err(format!(
        "the high-water mark {} is that of the log {marked}, not of {first}; a log keeps its name: set \
         proofs.origin = \"{marked}\", or name another proofs.high_water",
        mark.path().display()
    ))
}

/// The key that checkpoints are checked with.
///
/// # Errors
/// In words, when the origin cannot be a key's name.
pub fn note_key(origin: &str, secrets: &Secrets) -> Result<NoteKey, String> {
    NoteKey::new(origin, ED25519, &secrets.log_key().public())
        .map_err(|why| format!("the setting proofs.origin: {why}"))
}

/// Begins a new log over the same ledger under a new name, and puts the old one's mark aside: the way
/// out after a rollback. The old log is never continued, so no fork of it is ever signed. The new name
/// ends in the time, so that it is new even where nobody remembers the old one.
///
/// # Errors
/// In words.
pub fn reset(config: &Config, secrets: &Secrets, now: UnixMillis) -> Result<String, String> {
    let mut mark = HighWater::open(&high_water_path(config))?;
    let new = format!("{}/{}", first_origin(config), now.0);
    if let Some(note) = mark.note()? {
        let mut aside = mark.path().as_os_str().to_owned();
        aside.push(format!(".before-{}", now.0));
        files::replace(Path::new(&aside), note.to_string().as_bytes())
            .map_err(|error| error.to_string())?;
    }
    let log = folder(config);
    if log.exists() {
        std::fs::remove_dir_all(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    }
    let root = farthing_shared::merkle::empty_root();
    let empty = Checkpoint { origin: new.clone(), size: 0, root };
    let note = empty.sign(&secrets.log_key()).map_err(|why| why.to_string())?;
    mark.raise(&note).map_err(|error| format!("{error:?}"))?;
    Ok(new)
}

/// Copies checkpoint and tiles into a new folder as C2SP lays them out; how many leaves there are.
///
/// # Errors
/// In words, when the folder exists, or something cannot be read or written.
pub fn export(config: &Config, folder: &Path) -> Result<u64, String> {
    let told = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let mark = high_water_path(config);
    let note = std::fs::read_to_string(&mark).map_err(|error| told(&mark, error))?;
    let parsed = Note::parse(&note).map_err(|why| why.to_string())?;
    let size = Checkpoint::parse(parsed.text()).map_err(|why| why.to_string())?.size;
    std::fs::create_dir(folder).map_err(|error| told(folder, error))?;
    let mut reader = LevelReader::new(&self::folder(config));
    for name in (0..=TILE_LEVEL_MAX).flat_map(|level| TileName::of_level(level, size)) {
        let path = folder.join(name.path());
        let hashes = reader.tile(name).map_err(|error| told(&path, error))?;
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
        path.parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .map_err(|error| told(&path, error))?;
        std::fs::write(&path, bytes).map_err(|error| told(&path, error))?;
    }
    let path = folder.join("checkpoint");
    std::fs::write(&path, note).map_err(|error| told(&path, error))?;
    Ok(size)
}

impl Log {
    /// Brings the log up to the ledger, compares it with the mark, and starts the thread that follows.
    ///
    /// # Errors
    /// In words, when signing on could make a second history.
    pub fn start(
        config: &Config,
        secrets: &Secrets,
        reader: Reader,
        ledger: &Path,
    ) -> Result<Self, String> {
        let mark = HighWater::open(&high_water_path(config))?;
        let key = note_key(&origin(config, &mark)?, secrets)?;
        let shared = Arc::new(Shared {
            folder: folder(config),
            key,
            salt: secrets.mac("leaf"),
            published: watch::channel(None).0,
            stopping: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            halted: watch::channel(false).0,
            witnessed: Witnessed::default(),
        });
        let witnesses = config.witnesses().map_err(|error| error.to_string())?;
        let cosigners = witness::Cosigners::start(witnesses, &shared)?;
        let mut sequencer =
            sequencer::Sequencer::open(shared.clone(), reader, ledger, secrets.log_key(), mark)?;
        sequencer.begin_showing(cosigners);
        // For the bench, which measures what the log costs: nothing new is signed.
        if config.proofs.signing == "unsafe-off" {
            tracing::warn!("proofs.signing is off: no payment can be proven until the next start");
            return Ok(Self { shared, thread: Mutex::new(None) });
        }
        let thread = std::thread::Builder::new()
            .name("log".into())
            .spawn(move || sequencer.run())
            .map_err(|error| error.to_string())?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Appends and shows what is left, and ends the thread.
    pub fn stop(&self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("the log's thread panicked");
            }
        }
    }

    /// Ends without signing anything more: after a commit of unknown outcome, what this process reads
    /// may not be what the disk has.
    pub fn abandon(&self) {
        self.shared.abandoned.store(true, Ordering::SeqCst);
        self.stop();
    }

    /// How witnesses answered.
    #[must_use]
    pub fn witnessed(&self) -> &Witnessed {
        &self.shared.witnessed
    }

    /// Becomes true when nothing may be signed any more.
    #[must_use]
    pub fn halted(&self) -> watch::Receiver<bool> {
        self.shared.halted.subscribe()
    }

    /// The key that checkpoints are checked with.
    #[must_use]
    pub fn key(&self) -> &NoteKey {
        &self.shared.key
    }

    /// The newest checkpoint, and news of newer ones.
    #[must_use]
    pub fn checkpoints(&self) -> watch::Receiver<Option<Arc<Published>>> {
        self.shared.published.subscribe()
    }

    /// The newest checkpoint.
    #[must_use]
    pub fn newest(&self) -> Option<Arc<Published>> {
        self.shared.published.borrow().clone()
    }

    /// The tree under a checkpoint, for proofs.
    #[must_use]
    pub fn tree(&self, size: u64) -> TileTree<LevelReader> {
        TileTree::new(self.shared.reader(), size)
    }

    /// The leaf of an entry.
    ///
    /// # Errors
    /// [`BrokenEntry`].
    pub fn leaf(&self, entry: &Entry) -> Result<farthing_shared::leaf::Leaf, BrokenEntry> {
        leaf(entry, &self.shared.salt)
    }

    /// The bytes of a tile, `None` while no checkpoint covers it.
    ///
    /// # Errors
    /// In words, when the files cannot be read.
    pub fn tile(&self, name: TileName) -> Result<Option<Vec<u8>>, String> {
        let size = self.newest().map_or(0, |newest| newest.checkpoint.size);
        let end = name.index.saturating_mul(TILE_WIDTH).saturating_add(u64::from(name.width));
        if end > nodes_at(name.level, size) {
            return Ok(None);
        }
        let hashes = self.shared.reader().tile(name).map_err(|error| error.to_string())?;
        Ok(Some(hashes.iter().flat_map(|hash| hash.0).collect()))
    }

    /// The receipt of an entry; `None` while the newest checkpoint does not cover it.
    ///
    /// # Errors
    /// In words, when the entry or the log's files cannot be read.
    pub fn receipt(&self, entry: &Entry) -> Result<Option<Receipt>, String> {
        let Some(newest) = self.newest() else { return Ok(None) };
        let leaf = self.leaf(entry).map_err(|broken| broken.to_string())?;
        let (index, size) = (leaf.index(), newest.checkpoint.size);
        if index >= size {
            return Ok(None);
        }
        let proof = inclusion_proof(&mut self.tree(size), index, size)
            .map_err(|error| format!("the log's files: {error:?}"))?;
        let checkpoint = newest.note.clone();
        Ok(Some(Receipt { leaf: leaf.encode(), index, proof, checkpoint }))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Compares the log's files and the mark with the ledger, entry by entry.
///
/// # Errors
/// In words, when something cannot be read.
pub fn audit(config: &Config, secrets: &Secrets, entries: &[Entry]) -> Result<Vec<String>, String> {
    let mut differences = Vec::new();
    let salt = secrets.mac("leaf");
    let path = high_water_path(config);
    let Ok(text) = std::fs::read_to_string(&path) else {
        return Ok(vec![format!("the log has no high-water mark {}", path.display())]);
    };
    let told = |why: farthing_shared::note::NoteError| format!("{}: {why}", path.display());
    let note = Note::parse(&text).map_err(told)?;
    let marked = Checkpoint::parse(note.text()).map_err(told)?;
    if let Err(why) = note_key(&marked.origin, secrets)?.check(&note) {
        differences.push(told(why));
    }
    let mut reader = LevelReader::new(&folder(config));
    let size = usize::try_from(marked.size).unwrap_or(usize::MAX);
    if entries.len() < size {
        differences.push(format!(
            "entries {} to {size} were signed and are missing in the ledger",
            entries.len().saturating_add(1)
        ));
        return Ok(differences);
    }
    let leaves = entries.iter().take(size).map(|entry| leaf(entry, &salt).map(|leaf| leaf.hash()));
    let leaves = leaves.collect::<Result<Vec<_>, _>>().map_err(|broken| broken.to_string())?;
    differences.extend(differences_of(&mut reader, &leaves, &marked)?);
    Ok(differences)
}
