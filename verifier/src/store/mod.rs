//! Where the ledger lives.
//!
//! Promises of every store, checked by one contract suite (`tests/store_contract.rs`):
//! - **One write path.** [`Writer::apply`] reads what the commands name, lets the rules decide, and
//!   writes the commit, in one transaction. Nothing else writes.
//! - **Durable.** When `apply` returns answers, they survive a power failure.
//! - **All or nothing.** [`StoreError::NotDone`] left nothing behind. [`StoreError::Unknown`] may
//!   have left everything: the caller says so, stops, and lets a retry of the same claim settle it.
//! - **One writer at a time**, also across processes: a second one waits its turn.
//!
//! Stores share no SQL. What a claim means is decided in `farthing-rules`, never here.

mod memory;
mod snapshot;
pub mod sqlite;

use std::fmt;

use farthing_rules::{Answer, Command, Policy};
use farthing_shared::UnixMillis;

pub use memory::{Failure, MemoryStore};
pub use snapshot::Snapshot;

/// Claims of a decided finding that one batch moves: two entries' worth of work each, some 20 ms.
const SETTLED_TOGETHER: usize = 500;

/// Why a write gave no answers.
#[derive(Debug)]
pub enum StoreError {
    /// Nothing was written; the same request can be tried again.
    NotDone(String),
    /// It may or may not have been written: the commit itself failed. Reading on through the
    /// same process could show what the disk does not have, so the process must end.
    Unknown(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDone(why) => write!(f, "nothing was written: {why}"),
            Self::Unknown(why) => write!(f, "it is unknown whether it was written: {why}"),
        }
    }
}

impl std::error::Error for StoreError {}

/// The one that writes.
#[derive(Debug)]
pub enum Writer {
    /// The reference model; forgets everything at exit.
    Memory(Box<MemoryStore>),
    /// The embedded default.
    Sqlite(Box<sqlite::SqliteWriter>),
}

impl Writer {
    /// Decides the commands on the rows they name and writes the commit.
    ///
    /// # Errors
    /// [`StoreError`]; see the promises above.
    pub fn apply(
        &mut self,
        policy: &Policy,
        commands: &[Command],
        now: UnixMillis,
    ) -> Result<Vec<Answer>, StoreError> {
        match self {
            Self::Memory(store) => store.apply(policy, commands, now),
            Self::Sqlite(store) => store.apply(policy, commands, now),
        }
    }

    /// Everything the store holds, for comparisons and audits.
    ///
    /// # Errors
    /// [`StoreError::NotDone`] when it cannot be read.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        match self {
            Self::Memory(store) => Ok(store.snapshot()),
            Self::Sqlite(store) => store.snapshot(),
        }
    }
}
