//! The embedded default: one SQLite file, WAL, `synchronous=FULL`, one writer.
//!
//! `apply` is one `BEGIN IMMEDIATE` transaction: other processes (the command line beside a
//! running server) wait their turn. The schema is in `0001-ledger.sql` with its reasons; most of
//! what a batch changes is held back from the tables for a while (`hot.rs`).

mod cache;
mod checkpoint;
mod columns;
mod findings;
mod hot;
mod load;
mod log;
mod paid;
mod read;
mod redo;
mod snapshot;
mod write;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use farthing_rules::command::Names;
use farthing_rules::{Answer, Command, Policy, decide};
use farthing_shared::UnixMillis;
use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations};

use super::{Snapshot, StoreError};
use cache::Cache;
use checkpoint::Checkpoints;
use columns::Sql;
use hot::{Hot, Step};
use redo::Change;

pub use findings::{RuleSum, Wanted};
pub use hot::Pace;
pub use log::{ClaimRow, LeafRow};
pub use read::{EntryView, ReadError, Reader, Refunds, Sum};

const MIGRATIONS: &[M<'static>] = &[
    M::up(include_str!("0001-ledger.sql")),
    M::up(include_str!("0002-redo.sql")),
    M::up(include_str!("0003-refunds.sql")),
    M::up(include_str!("0004-findings.sql")),
    M::up(include_str!("0005-summed.sql")),
    M::up(include_str!("0006-budgets.sql")),
    M::up(include_str!("0007-ceilings.sql")),
    M::up(include_str!("0008-rotations.sql")),
    M::up(include_str!("0009-permissions.sql")),
];

/// How long to wait for another process that writes.
const BUSY: Duration = Duration::from_secs(5);
/// Page cache of the writer in KiB; filled only as far as the ledger is touched. What it lacks comes from the
/// system's cache.
const WRITER_CACHE_KIB: i64 = 24_576;
/// Page cache of each reader in KiB.
const READER_CACHE_KIB: i64 = 4_096;

/// How durable a commit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Every commit is on the disk before its answer.
    Full,
    /// A power failure loses acknowledged claims. Only to prove that the crash tests notice.
    UnsafeNormal,
}

/// The connection that writes.
#[derive(Debug)]
pub struct SqliteWriter {
    path: PathBuf,
    /// Before the connection: its thread's connection is closed first.
    checkpoints: Checkpoints,
    connection: Connection,
    /// Shared with the readers of this process; only this writer changes it.
    hot: Arc<RwLock<Hot>>,
    cache: Cache,
    /// SQLite's mark of what others have committed, when `hot` and `cache` were true.
    seen: Option<i64>,
    /// A commit's outcome is unknown: nothing may be written any more.
    ended: bool,
    pace: Pace,
}

/// Why a ledger could not be opened.
#[derive(Debug)]
pub struct OpenError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub why: String,
    /// Whether it may be right at the next try: another process, the disk.
    pub passing: bool,
}

impl OpenError {
    fn lasting(path: &Path, why: String) -> Self {
        Self { path: path.to_owned(), why, passing: false }
    }

    fn of_sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{
            DatabaseBusy, DatabaseLocked, DiskFull, OutOfMemory, SystemIoFailure,
        };
        let passing = matches!(
            error.sqlite_error_code(),
            Some(DatabaseBusy | DatabaseLocked | DiskFull | OutOfMemory | SystemIoFailure)
        );
        Self { path: path.to_owned(), why: error.to_string(), passing }
    }
}

impl std::fmt::Display for OpenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot open the ledger {}: {}", self.path.display(), self.why)
    }
}

impl std::error::Error for OpenError {}

impl SqliteWriter {
    /// Opens the ledger, makes it where there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// [`OpenError`] when the file cannot be used or was written by a newer version.
    pub fn open(path: &Path, durability: Durability) -> Result<Self, OpenError> {
        let connection =
            Connection::open(path).map_err(|error| OpenError::of_sqlite(path, &error))?;
        Self::on(connection, path, durability)
    }

    /// Opens a ledger that was begun before and has its owner; the file is not touched when it is none. What
    /// lost its newest part (the file beside it) looks like an empty one, and must not be taken for that.
    ///
    /// # Errors
    /// [`OpenError`] as from [`SqliteWriter::open`], and where there is no ledger or it has no owner.
    pub fn open_known(path: &Path, durability: Durability) -> Result<Self, OpenError> {
        let words = |error: rusqlite::Error| OpenError::of_sqlite(path, &error);
        let flags = OpenFlags::default().difference(OpenFlags::SQLITE_OPEN_CREATE);
        let connection = Connection::open_with_flags(path, flags).map_err(words)?;
        connection.busy_timeout(BUSY).map_err(words)?;
        if !has_owner(&connection).map_err(words)? {
            return Err(OpenError::lasting(
                path,
                "it has no owner: its newest part is lost, or it was never begun; restore a backup, or, if \
                 nothing was ever kept in it, remove it with the three keys beside it"
                    .into(),
            ));
        }
        Self::on(connection, path, durability)
    }

    fn on(
        mut connection: Connection,
        path: &Path,
        durability: Durability,
    ) -> Result<Self, OpenError> {
        let words = |error: rusqlite::Error| OpenError::of_sqlite(path, &error);
        set_up(&connection, durability).map_err(words)?;
        Migrations::from_slice(MIGRATIONS).to_latest(&mut connection).map_err(
            |error| match error {
                rusqlite_migration::Error::MigrationDefinition(
                    rusqlite_migration::MigrationDefinitionError::DatabaseTooFarAhead,
                ) => {
                    let why = "it was written by a newer version of farthing; run that version";
                    OpenError::lasting(path, why.into())
                }
                rusqlite_migration::Error::RusqliteError { err, .. } => words(err),
                other => OpenError::lasting(path, other.to_string()),
            },
        )?;
        let mut writer = Self {
            path: path.to_owned(),
            checkpoints: Checkpoints::default(),
            connection,
            hot: Arc::default(),
            cache: Cache::default(),
            seen: None,
            ended: false,
            pace: Pace::USUAL,
        };
        // What a sound ledger held back can be folded, but for what passes: a full disk.
        writer.fold().map_err(|error| OpenError {
            path: path.to_owned(),
            why: error.to_string(),
            passing: true,
        })?;
        // What an older build held back does not know all that the tables do by now.
        writer.cache.clear();
        Ok(writer)
    }

    /// Keeps only so many rows in memory, for tests: no answer may depend on what is kept.
    pub fn keep_rows(&mut self, rows: usize) {
        self.cache = Cache::with_room(rows, rows);
    }

    /// Folds at another pace, for tests: no answer may depend on how far a folding is.
    pub fn fold_at(&mut self, pace: Pace) {
        self.pace = pace;
    }

    /// Connections that read beside this writer.
    ///
    /// # Errors
    /// [`ReadError`] when the file cannot be opened.
    pub fn reader(&self) -> Result<Reader, ReadError> {
        Reader::beside(&self.path, self.hot.clone())
    }

    /// Brings the tables up to date with what was held back.
    fn fold(&mut self) -> Result<(), StoreError> {
        self.transaction(|source| {
            let step = Step { all: !source.hot.is_empty(), ..Step::default() };
            write::fold(source.connection, source.hot, source.cache, &step)?;
            Ok(Written { value: (), change: None, step })
        })
    }

    /// Reads a value that is written once, or writes it where there is none: whom the ledger
    /// belongs to.
    ///
    /// # Errors
    /// [`StoreError::NotDone`] when it cannot be read or written.
    pub fn identity(&mut self, name: &str, value: &[u8]) -> Result<Vec<u8>, StoreError> {
        let not_done = |error: rusqlite::Error| StoreError::NotDone(error.to_string());
        self.connection
            .execute("INSERT OR IGNORE INTO identity VALUES (?1, ?2)", (name, value))
            .map_err(not_done)?;
        self.connection
            .query_row("SELECT value FROM identity WHERE name = ?1", [name], |row| row.get(0))
            .map_err(not_done)
    }

    pub(super) fn apply(
        &mut self,
        policy: &Policy,
        commands: &[Command],
        now: UnixMillis,
    ) -> Result<Vec<Answer>, StoreError> {
        let names = Names::of(commands);
        let pace = self.pace;
        self.transaction(|source| {
            let newest = || write::newest_batch(source.connection);
            let mut step = source.hot.next_step(commands.len(), pace, newest)?;
            // What is due is read from the table of holds, so that has to be complete.
            step.sums |= names.holds;
            write::fold(source.connection, source.hot, source.cache, &step)?;
            source.folded = step.sums;
            let context = load::context(source, &names, policy, now)?;
            let before = context.counters;
            let mut commit = decide(policy, context, commands, now);
            if commit.is_empty() {
                return Ok(Written { value: commit.answers, change: None, step });
            }
            let was_revoked = |key| {
                let known = source.hot.keys.get(&key).or_else(|| source.cache.keys.peek(&key));
                known.is_some_and(|row| row.revoked)
            };
            write::at_once(source.connection, &commit, before, was_revoked)?;
            for (item, _) in &commit.items {
                source.cache.items.remove(&item.hash);
            }
            let change = Change::take(&mut commit, before);
            let bytes = change.encode();
            write::redo(source.connection, &bytes)?;
            Ok(Written { value: commit.answers, change: Some((change, bytes.len())), step })
        })
    }

    /// Runs one transaction. `write` says what it wrote.
    fn transaction<T>(
        &mut self,
        write: impl FnOnce(&mut load::Source<'_>) -> Sql<Written<T>>,
    ) -> Result<T, StoreError> {
        if self.ended {
            return Err(StoreError::NotDone("an earlier commit's outcome is unknown".into()));
        }
        let not_done = |error: rusqlite::Error| StoreError::NotDone(error.to_string());
        self.execute("BEGIN IMMEDIATE").map_err(not_done)?;
        let written = self.catch_up().and_then(|()| {
            let hot = self.hot.read().unwrap_or_else(PoisonError::into_inner);
            let mut source = load::Source {
                connection: &self.connection,
                hot: &hot,
                cache: &mut self.cache,
                folded: false,
            };
            write(&mut source)
        });
        match written {
            Ok(Written { value, change: None, step }) if step.is_empty() => {
                self.execute("ROLLBACK").map_err(not_done)?;
                Ok(value)
            }
            Ok(written) => self.commit(written),
            Err(error) => {
                self.cache.clear();
                // Some errors (a full disk) roll back by themselves; then there is no
                // transaction to end and this fails without harm.
                let _ended_already = self.execute("ROLLBACK");
                if self.connection.is_autocommit() {
                    Err(StoreError::NotDone(error.to_string()))
                } else {
                    self.ended = true;
                    Err(StoreError::Unknown(error.to_string()))
                }
            }
        }
    }

    fn commit<T>(&mut self, written: Written<T>) -> Result<T, StoreError> {
        // While rows move into the tables nobody may see them there and here.
        let moving =
            written.step.moves().then(|| self.hot.write().unwrap_or_else(PoisonError::into_inner));
        // Only here can money have moved without anybody knowing: a commit that fails may be on
        // the disk all the same, so nothing is read back and nothing is tried again.
        let committed = self.execute("COMMIT");
        if let Err(error) = committed {
            drop(moving);
            self.cache.clear();
            if is_disk_full(&error) && self.rolled_back() {
                return Err(StoreError::NotDone(error.to_string()));
            }
            self.ended = true;
            return Err(StoreError::Unknown(error.to_string()));
        }
        let mut hot =
            moving.unwrap_or_else(|| self.hot.write().unwrap_or_else(PoisonError::into_inner));
        hot.stepped(&written.step);
        if let Some((change, bytes)) = written.change {
            hot.take(change, bytes);
        }
        drop(hot);
        self.checkpoints.tend(&self.path, &self.connection);
        Ok(written.value)
    }

    /// Reads again what is held back when somebody else has written since.
    fn catch_up(&mut self) -> Sql<()> {
        let mark: i64 = self
            .connection
            .prepare_cached("PRAGMA data_version")?
            .query_row([], |row| row.get(0))?;
        if self.seen == Some(mark) {
            return Ok(());
        }
        let hot = Hot::read(&self.connection)?;
        *self.hot.write().unwrap_or_else(PoisonError::into_inner) = hot;
        self.cache.clear();
        self.seen = Some(mark);
        Ok(())
    }

    /// Whether the transaction is gone after a failed commit.
    fn rolled_back(&self) -> bool {
        let _ended_already = self.execute("ROLLBACK");
        self.connection.is_autocommit()
    }

    fn execute(&self, sql: &str) -> Result<(), rusqlite::Error> {
        self.connection.prepare_cached(sql)?.execute([]).map(|_| ())
    }

    pub(super) fn snapshot(&self) -> Result<Snapshot, StoreError> {
        snapshot::read(&self.connection).map_err(|error| StoreError::NotDone(error.to_string()))
    }

    /// Copies the ledger, as it is at one moment, into a new file that is synced to disk.
    ///
    /// # Errors
    /// The reason, in words.
    pub fn copy_to(&self, target: &Path) -> Result<(), String> {
        let text = target.to_str().ok_or("the target's name is not UTF-8")?;
        self.connection.execute("VACUUM INTO ?1", [text]).map_err(|error| error.to_string())?;
        std::fs::File::open(target)
            .and_then(|file| file.sync_all())
            .map_err(|error| error.to_string())
    }

    /// SQLite's own check of the file.
    ///
    /// # Errors
    /// What it found, in words.
    pub fn integrity(&self) -> Result<(), String> {
        let found: String = self
            .connection
            .query_row("PRAGMA integrity_check(5)", [], |row| row.get(0))
            .map_err(|error| error.to_string())?;
        if found == "ok" { Ok(()) } else { Err(found) }
    }
}

/// What a transaction wrote.
struct Written<T> {
    value: T,
    /// What is held back, and its length in `redo`.
    change: Option<(Change, usize)>,
    /// What was held back before and is in the tables now.
    step: Step,
}

impl Drop for SqliteWriter {
    /// Leaves complete tables behind. When that fails nothing is lost: the next one folds.
    fn drop(&mut self) {
        let empty = self.hot.read().unwrap_or_else(PoisonError::into_inner).is_empty();
        if !empty && !self.ended && !std::thread::panicking() {
            let _next_time = self.fold();
        }
    }
}

/// No room on the disk. The log is written front to back with the commit's mark in its last frame, so a
/// write that found no room left no commit: unlike a failed sync, this is a definite "not done".
fn is_disk_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
}

/// Whether the row is there that is written when a ledger is begun.
fn has_owner(connection: &Connection) -> Result<bool, rusqlite::Error> {
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let table = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'identity'";
    Ok(count(table)? > 0 && count("SELECT count(*) FROM identity WHERE name = 'verifier'")? > 0)
}

fn set_up(connection: &Connection, durability: Durability) -> Result<(), rusqlite::Error> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::UnsafeNormal => "NORMAL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    checkpoint::watch(connection);
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "MEMORY")
}

fn open_for_reading(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    Ok(connection)
}
