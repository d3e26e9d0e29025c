//! Moves the write-ahead log into the file beside the commits, so that nobody waits for it.
//!
//! SQLite would do it by itself in the commit that makes the log too long: some 16 MiB are copied and
//! synced while every claim waits, at full load twice a second. Instead a thread with a connection of its
//! own copies while commits go on, and what came meanwhile, a small rest, is copied between two commits.
//! Then the log is begun again from its start.
//!
//! Whether and when a checkpoint succeeds changes nothing for what was committed: SQLite takes pages
//! from the log until they are synced in the file.

use std::cell::Cell;
use std::ffi::c_int;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use rusqlite::hooks::Wal;

/// Pages of the write-ahead log before it is moved: 4,096 × 4 KiB = 16 MiB.
const PAGES: c_int = 4_096;
/// Pages from which commits wait for it after all: 64 MiB. The disk is too slow, or somebody reads for
/// very long.
const PAGES_MAX: c_int = 16_384;

thread_local! {
    /// Pages in the log after the newest commit of this thread.
    static LOG: Cell<c_int> = const { Cell::new(0) };
}

/// Has SQLite tell how long the log is, and leave it alone.
pub(super) fn watch(connection: &Connection) {
    connection.wal_hook(Some(|_: &Wal, pages| {
        LOG.set(pages);
        Ok(())
    }));
}

/// What a writer remembers of its checkpoints.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    beside: Option<Beside>,
    /// Pages at which the next one is begun.
    next: c_int,
}

/// The thread that copies.
#[derive(Debug)]
struct Beside {
    wake: Option<SyncSender<()>>,
    copied: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// Called after each commit, on the thread that committed.
    pub(super) fn tend(&mut self, path: &Path, connection: &Connection) {
        let pages = LOG.get();
        if pages < PAGES {
            self.next = PAGES;
            return;
        }
        let copied = self.beside.as_ref().is_some_and(|b| b.copied.swap(false, Ordering::SeqCst));
        if copied || pages >= PAGES_MAX.max(self.next) {
            move_log(connection);
            // Somebody who still reads the old pages keeps the log from beginning again.
            self.next = pages.saturating_add(PAGES);
        } else if pages >= self.next {
            self.next = pages.saturating_add(PAGES);
            if self.beside.is_none() {
                self.beside = Beside::start(path);
            }
            if let Some(wake) = self.beside.as_ref().and_then(|beside| beside.wake.as_ref()) {
                let _busy_already = wake.try_send(());
            }
        }
    }
}

impl Beside {
    /// `None` when there can be no such thread; then commits do it, later.
    fn start(path: &Path) -> Option<Self> {
        let connection = Connection::open(path).ok()?;
        let (wake, woken) = sync_channel(1);
        let copied = Arc::new(AtomicBool::new(false));
        let done = copied.clone();
        let thread = std::thread::Builder::new().name("checkpoint".into()).spawn(move || {
            while woken.recv().is_ok() {
                move_log(&connection);
                done.store(true, Ordering::SeqCst);
            }
        });
        Some(Self { wake: Some(wake), copied, thread: Some(thread.ok()?) })
    }
}

impl Drop for Beside {
    /// The thread's connection must be closed before the writer's, which removes the log.
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            let _it_only_copies = thread.join();
        }
    }
}

/// Copies what can be copied without waiting for anybody.
fn move_log(connection: &Connection) {
    let moved = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    if let Err(error) = moved {
        tracing::warn!(%error, "the write-ahead log could not be moved into the ledger; it grows");
    }
}
