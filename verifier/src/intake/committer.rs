//! The thread that writes: whatever waits is one batch, one transaction, one sync; then the answers go out.

use std::sync::{Arc, Mutex};
use std::thread;

use farthing_rules::Policy;
use tokio::sync::watch;

use super::IntakeError;
use super::queue::{Decided, Job, Queue};
use crate::clock::{Clock, monotonic};
use crate::metrics::Metrics;
use crate::store::{StoreError, Writer};

#[derive(Debug)]
pub(super) struct Committer {
    pub(super) writer: Option<Writer>,
    pub(super) policy: Policy,
    pub(super) clock: Clock,
    pub(super) changed: watch::Sender<u64>,
    pub(super) fatal: watch::Sender<bool>,
    pub(super) metrics: Arc<Metrics>,
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

/// Ends the queue with the thread that takes from it: callers of jobs that were not begun see their reply
/// dropped.
struct EndsQueue<'a>(&'a Queue);

impl Drop for EndsQueue<'_> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// The thread that writes.
pub(super) fn run(committer: &Mutex<Committer>, queue: &Queue) {
    let _ends_queue = EndsQueue(queue);
    while let Some(batch) = queue.take() {
        // Poisoned: a commit ended in a panic, and the process is ending.
        let Ok(mut committer) = committer.lock() else { return };
        if !committer.commit(batch) {
            return;
        }
    }
}

impl Committer {
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
                    let own = answers.by_ref().take(count).collect();
                    let _caller_left = reply.send(Ok(Decided::Answers(own)));
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
