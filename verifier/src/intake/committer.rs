//! The thread that writes: whatever waits is one batch, one transaction, one sync; then the answers go out.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use farthing_rules::{Answer, Command, Policy};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use super::IntakeError;
use crate::clock::{Clock, monotonic};
use crate::crowd::Crowd;
use crate::metrics::Metrics;
use crate::store::{StoreError, Writer};

/// Commands in one transaction at most. More would make the first of them wait: 4,096 claims are
/// some 30 ms of SQLite.
const BATCH_MAX: usize = 4_096;
/// How long a batch waits for claims that are being checked already: some three syncs of a disk.
const GATHER_MAX: Duration = Duration::from_millis(1);
/// One look whether they have come; shorter sleeps cost more than they bring.
const GATHER_STEP: Duration = Duration::from_micros(100);

pub(super) struct Job {
    pub(super) commands: Vec<Command>,
    pub(super) reply: oneshot::Sender<Result<Vec<Answer>, IntakeError>>,
    pub(super) permit: Option<OwnedSemaphorePermit>,
}

/// Jobs that are committed together.
struct Batch {
    jobs: Vec<Job>,
    commands: usize,
    permits: usize,
}

impl Batch {
    fn of(first: Job) -> Self {
        let mut batch = Self { jobs: Vec::new(), commands: 0, permits: 0 };
        batch.push(first);
        batch
    }

    fn push(&mut self, job: Job) {
        self.commands = self.commands.saturating_add(job.commands.len());
        let permits = job.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        self.permits = self.permits.saturating_add(permits);
        self.jobs.push(job);
    }

    /// Takes what waits, as far as there is room.
    fn gather(&mut self, jobs: &mut mpsc::Receiver<Job>) {
        while self.commands < BATCH_MAX
            && let Ok(job) = jobs.try_recv()
        {
            self.push(job);
        }
    }
}

#[derive(Debug)]
pub(super) struct Committer {
    pub(super) writer: Option<Writer>,
    pub(super) permits: Arc<Semaphore>,
    pub(super) claims_in_flight: usize,
    pub(super) policy: Policy,
    pub(super) clock: Clock,
    pub(super) changed: watch::Sender<u64>,
    pub(super) fatal: watch::Sender<bool>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) crowd: Crowd,
}

/// A bug in a commit must not leave a server behind that can only refuse.
struct EndsOnPanic(watch::Sender<bool>);

impl Drop for EndsOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.send_replace(true);
        }
    }
}

/// The thread that writes.
pub(super) fn run(committer: &Mutex<Committer>, mut jobs: mpsc::Receiver<Job>) {
    while let Some(first) = jobs.blocking_recv() {
        let mut batch = Batch::of(first);
        // Poisoned: a commit ended in a panic, and the process is ending.
        let Ok(mut committer) = committer.lock() else { return };
        batch.gather(&mut jobs);
        let started = monotonic();
        while batch.permits < committer.worth_waiting_for() && started.elapsed() < GATHER_MAX {
            thread::sleep(GATHER_STEP);
            batch.gather(&mut jobs);
        }
        let under_way = committer.under_way();
        committer.crowd.count(under_way);
        if !committer.commit(batch.jobs) {
            // Jobs that wait were not begun; their callers see the queue close.
            return;
        }
    }
}

impl Committer {
    /// Claims that came in and have no answer yet.
    fn under_way(&self) -> usize {
        self.claims_in_flight.saturating_sub(self.permits.available_permits())
    }

    fn worth_waiting_for(&self) -> usize {
        self.crowd.worth_waiting_for(self.under_way()).min(BATCH_MAX)
    }

    /// Commits a batch and answers it; false when the process must end, and from then on.
    pub(super) fn commit(&mut self, batch: Vec<Job>) -> bool {
        if *self.fatal.borrow() {
            return false;
        }
        let _ends_on_panic = EndsOnPanic(self.fatal.clone());
        let started = monotonic();
        let mut commands = Vec::new();
        let mut replies = Vec::with_capacity(batch.len());
        for job in batch {
            replies.push((job.commands.len(), job.reply, job.permit));
            commands.extend(job.commands);
        }
        let Some(writer) = &mut self.writer else { return false };
        let applied = writer.apply(&self.policy, &commands, self.clock.now());
        self.metrics.batch(commands.len(), started.elapsed());
        match applied {
            Ok(answers) => {
                let mut answers = answers.into_iter();
                for (count, reply, permit) in replies {
                    // Room first: whoever sends again as soon as the answer is there finds it.
                    drop(permit);
                    let _caller_left = reply.send(Ok(answers.by_ref().take(count).collect()));
                }
                self.changed.send_modify(|commits| *commits = commits.wrapping_add(1));
                true
            }
            Err(StoreError::NotDone(why)) => {
                tracing::error!(error = why, "a batch was not written; nothing was done");
                for (_, reply, _) in replies {
                    let _caller_left = reply.send(Err(IntakeError::NotDone(why.clone())));
                }
                true
            }
            Err(StoreError::Unknown(why)) => {
                tracing::error!(
                    error = why,
                    "a commit failed and may be on the disk all the same; the process ends so \
                     that recovery decides"
                );
                for (_, reply, _) in replies {
                    let _caller_left = reply.send(Err(IntakeError::Unknown));
                }
                self.fatal.send_replace(true);
                false
            }
        }
    }
}
