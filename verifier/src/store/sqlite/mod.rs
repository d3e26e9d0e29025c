//! The embedded default: one SQLite file, WAL, `synchronous=FULL`, one writer.
//!
//! `apply` is one `BEGIN IMMEDIATE` transaction: other processes (the command line beside a
//! running server) wait their turn. The schema is in `0001-ledger.sql` with its reasons.

mod columns;
mod load;
mod log;
mod read;
mod snapshot;
mod write;

use std::path::{Path, PathBuf};
use std::time::Duration;

use farthing_rules::command::Names;
use farthing_rules::{Answer, Command, Policy, decide};
use farthing_shared::UnixMillis;
use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations};

use super::{Snapshot, StoreError};

pub use read::{EntryView, ReadError, Reader, Sum};

const MIGRATIONS: &[M<'static>] = &[M::up(include_str!("0001-ledger.sql"))];

/// How long to wait for another process that writes.
const BUSY: Duration = Duration::from_secs(5);
/// Pages of the write-ahead log before it is folded into the file: 4,096 × 4 KiB = 16 MiB.
const CHECKPOINT_PAGES: i64 = 4_096;
/// Page cache of the writer in KiB; filled only as far as the ledger is touched.
const WRITER_CACHE_KIB: i64 = 65_536;
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
    connection: Connection,
}

/// Why a ledger could not be opened.
#[derive(Debug)]
pub struct OpenError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub why: String,
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
        let failed = |why: String| OpenError { path: path.to_owned(), why };
        let mut connection = Connection::open(path).map_err(|error| failed(error.to_string()))?;
        set_up(&connection, durability).map_err(|error| failed(error.to_string()))?;
        Migrations::from_slice(MIGRATIONS).to_latest(&mut connection).map_err(|error| {
            failed(match error {
                rusqlite_migration::Error::MigrationDefinition(
                    rusqlite_migration::MigrationDefinitionError::DatabaseTooFarAhead,
                ) => "it was written by a newer version of farthing; run that version".into(),
                other => other.to_string(),
            })
        })?;
        Ok(Self { connection })
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
        let not_done = |error: rusqlite::Error| StoreError::NotDone(error.to_string());
        self.execute("BEGIN IMMEDIATE").map_err(not_done)?;
        let decided = load::context(&self.connection, &names, now)
            .map(|loaded| {
                let commit = decide(policy, loaded.context, commands, now);
                (commit, loaded.windows)
            })
            .and_then(|(commit, windows)| {
                if !commit.is_empty() {
                    write::commit(&self.connection, &commit, windows)?;
                }
                Ok(commit)
            });
        match decided {
            Ok(commit) if commit.is_empty() => {
                self.execute("ROLLBACK").map_err(not_done)?;
                Ok(commit.answers)
            }
            // Only here can money have moved without anybody knowing: a commit that fails may be
            // on the disk all the same, so nothing is read back and nothing is tried again.
            Ok(commit) => match self.execute("COMMIT") {
                Ok(()) => Ok(commit.answers),
                Err(error) if is_disk_full(&error) && self.rolled_back() => {
                    Err(StoreError::NotDone(error.to_string()))
                }
                Err(error) => Err(StoreError::Unknown(error.to_string())),
            },
            Err(error) => {
                // Some errors (a full disk) roll back by themselves; then there is no
                // transaction to end and this fails without harm.
                let _ended_already = self.execute("ROLLBACK");
                if self.connection.is_autocommit() {
                    Err(StoreError::NotDone(error.to_string()))
                } else {
                    Err(StoreError::Unknown(error.to_string()))
                }
            }
        }
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

/// No room on the disk. The log is written front to back with the commit's mark in its last frame, so a
/// write that found no room left no commit: unlike a failed sync, this is a definite "not done".
fn is_disk_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
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
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
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
