//! Where commands wait for the thread that writes, and when there are enough of them for a batch.
//!
//! That thread sleeps until there are enough, and only who brings the last of them wakes it. It waits for a
//! number, so it sleeps on a condition and not on a channel, which would wake it for each.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use farthing_rules::{Answer, Command};
use farthing_shared::{Outcome, SignedClaim};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::IntakeError;
use crate::clock::monotonic;
use crate::crowd::Crowd;

/// Commands in one transaction at most. More would make the first of them wait: 4,096 claims are
/// some 30 ms of SQLite.
const BATCH_MAX: usize = 4_096;

/// What became of commands.
#[derive(Debug)]
pub(super) enum Decided {
    /// What the ledger says.
    Answers(Vec<Answer>),
    /// A claim that was not put before the ledger.
    Refused(Box<SignedClaim>, Outcome),
}

/// Whoever waits for it.
pub(super) type Reply = oneshot::Sender<Result<Decided, IntakeError>>;

/// Commands of one caller, committed together.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) commands: Vec<Command>,
    pub(super) reply: Reply,
    pub(super) permit: Option<OwnedSemaphorePermit>,
}

impl Job {
    fn permits(&self) -> usize {
        self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }
}

/// The queue.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    woken: Condvar,
    /// A permit for each claim that came in and has no answer yet.
    permits: Arc<Semaphore>,
    claims_in_flight: usize,
    /// How long a batch waits for claims that are being checked already.
    gather_max: Duration,
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    commands: usize,
    /// Claims among the commands, and those of the same callers that were refused early.
    permits: usize,
    crowd: Crowd,
    sleeps: Sleeps,
    closed: bool,
}

/// What the thread that writes sleeps for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Sleeps {
    #[default]
    Awake,
    /// Anything at all.
    UntilAny,
    /// A batch that is worth a commit.
    UntilEnough,
}

impl Waiting {
    /// Whether a batch of what waits is worth a commit while so many claims are under way.
    fn are_enough(&self, under_way: usize) -> bool {
        let one_by_one = self.permits <= self.jobs.len();
        let worth = self.crowd.worth_waiting_for(under_way, one_by_one);
        !self.jobs.is_empty() && (self.permits >= worth || self.commands >= BATCH_MAX)
    }

    fn ends_sleep(&self, under_way: usize) -> bool {
        match self.sleeps {
            Sleeps::Awake => false,
            Sleeps::UntilAny => self.closed || !self.jobs.is_empty(),
            Sleeps::UntilEnough => self.closed || self.are_enough(under_way),
        }
    }

    fn push(&mut self, job: Job) {
        self.commands = self.commands.saturating_add(job.commands.len());
        self.permits = self.permits.saturating_add(job.permits());
        self.jobs.push_back(job);
    }

    /// The jobs that came first, as many as there is room for in a batch.
    fn batch(&mut self) -> Vec<Job> {
        let mut room = BATCH_MAX;
        let mut batch = Vec::with_capacity(self.jobs.len());
        while room > 0
            && let Some(job) = self.jobs.pop_front()
        {
            room = room.saturating_sub(job.commands.len());
            self.commands = self.commands.saturating_sub(job.commands.len());
            self.permits = self.permits.saturating_sub(job.permits());
            batch.push(job);
        }
        batch
    }
}

impl Queue {
    /// For at most `claims_in_flight` jobs; a batch waits for others at most `gather_max`.
    pub(super) fn new(
        permits: Arc<Semaphore>,
        claims_in_flight: usize,
        gather_max: Duration,
    ) -> Self {
        let (waiting, woken) = (Mutex::default(), Condvar::new());
        Self { waiting, woken, permits, claims_in_flight, gather_max }
    }

    /// Claims that came in and have no answer yet.
    pub(super) fn under_way(&self) -> usize {
        self.claims_in_flight.saturating_sub(self.permits.available_permits())
    }

    /// Whether nothing waits, and no crowd is about whose next claims are to be expected.
    pub(super) fn is_quiet(&self) -> bool {
        let waiting = self.lock();
        waiting.jobs.is_empty() && !waiting.crowd.is_there()
    }

    /// Adds a job; false when there is no room or nobody who takes it, and it is dropped.
    pub(super) fn put(&self, job: Job) -> bool {
        let mut jobs = vec![job];
        self.put_all(&mut jobs);
        jobs.is_empty()
    }

    /// Adds jobs; those for which there is no room, or nobody who takes them, are left.
    pub(super) fn put_all(&self, jobs: &mut Vec<Job>) {
        let mut waiting = self.lock();
        let room = if waiting.closed { 0 } else { self.claims_in_flight };
        let room = room.saturating_sub(waiting.jobs.len()).min(jobs.len());
        jobs.drain(..room).for_each(|job| waiting.push(job));
        self.wake(waiting);
    }

    /// Fewer are under way than were expected: what waits may be enough now.
    pub(super) fn look_again(&self) {
        self.wake(self.lock());
    }

    /// Sleeps until there is a batch that is worth a commit, or until no more of it is to be waited for;
    /// `None` when nothing more will come. For one thread alone.
    pub(super) fn take(&self) -> Option<Vec<Job>> {
        let mut waiting = self.lock();
        loop {
            if waiting.jobs.is_empty() && !waiting.crowd.is_there() {
                if waiting.closed {
                    return None;
                }
                waiting = self.sleep(waiting, Sleeps::UntilAny, None);
            }
            let began = monotonic();
            loop {
                let left = self.gather_max.saturating_sub(began.elapsed());
                if waiting.closed || waiting.are_enough(self.under_way()) || left.is_zero() {
                    break;
                }
                waiting = self.sleep(waiting, Sleeps::UntilEnough, Some(left));
            }
            let under_way = self.under_way();
            waiting.crowd.count(under_way);
            if !waiting.jobs.is_empty() {
                return Some(waiting.batch());
            }
        }
    }

    /// Nothing more is taken in; what waits is still to be taken out.
    pub(super) fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        self.wake(waiting);
    }

    /// As [`Queue::close`], and drops what waits: nobody will take it.
    pub(super) fn abandon(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        let _nobody_takes_them = std::mem::take(&mut waiting.jobs);
    }

    /// As if so many claims had been under way when the last batch was closed.
    #[cfg(test)]
    pub(super) fn expect(&self, crowd: usize) {
        self.lock().crowd.count(crowd);
    }

    fn sleep<'a>(
        &self,
        mut waiting: MutexGuard<'a, Waiting>,
        until: Sleeps,
        longest: Option<Duration>,
    ) -> MutexGuard<'a, Waiting> {
        waiting.sleeps = until;
        let mut waiting = match longest {
            None => self.woken.wait(waiting).unwrap_or_else(PoisonError::into_inner),
            Some(longest) => {
                self.woken.wait_timeout(waiting, longest).unwrap_or_else(PoisonError::into_inner).0
            }
        };
        waiting.sleeps = Sleeps::Awake;
        waiting
    }

    fn wake(&self, mut waiting: MutexGuard<'_, Waiting>) {
        if waiting.ends_sleep(self.under_way()) {
            // Once is enough, and it is to find the lock free.
            waiting.sleeps = Sleeps::Awake;
            drop(waiting);
            self.woken.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing in here can panic between two changes that belong together.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: usize = 1_000;

    /// Waits for others as long as it takes, so that no answer depends on how fast a test runs.
    fn patient() -> Arc<Queue> {
        let permits = Arc::new(Semaphore::new(ROOM));
        Arc::new(Queue::new(permits, ROOM, Duration::from_secs(3_600)))
    }

    /// A job for so many claims that came in.
    fn job(queue: &Queue, claims: usize) -> Job {
        let permit = queue.permits.clone().try_acquire_many_owned(u32::try_from(claims).unwrap());
        let command = || Command::CountRefusals(Vec::new());
        let commands = std::iter::repeat_with(command).take(claims).collect();
        Job { commands, reply: oneshot::channel().0, permit: Some(permit.unwrap()) }
    }

    /// A thread that takes one batch, and says how many jobs there were.
    fn taker(queue: &Arc<Queue>) -> std::thread::JoinHandle<usize> {
        let queue = queue.clone();
        std::thread::spawn(move || queue.take().map_or(0, |batch| batch.len()))
    }

    fn until_it_waits_for_more(queue: &Queue, taker: &std::thread::JoinHandle<usize>) {
        while queue.lock().sleeps != Sleeps::UntilEnough {
            assert!(!taker.is_finished(), "it took what was not enough");
            std::thread::yield_now();
        }
    }

    #[test]
    fn two_thirds_of_the_crowd_are_waited_for_and_one_more_ends_the_wait() {
        let queue = patient();
        queue.expect(12);
        let taker = taker(&queue);
        for _ in 0..7 {
            until_it_waits_for_more(&queue, &taker);
            assert!(queue.put(job(&queue, 1)));
        }
        until_it_waits_for_more(&queue, &taker);
        assert!(queue.put(job(&queue, 1)));
        assert_eq!(taker.join().unwrap(), 8);
    }

    /// Of two senders of several claims each, one is enough: the other's are checked while its are synced.
    #[test]
    fn half_of_the_crowd_is_enough_where_several_come_at_once() {
        let queue = patient();
        queue.expect(12);
        assert!(queue.put(job(&queue, 6)));
        assert!(queue.lock().are_enough(queue.under_way()));
        assert_eq!(queue.take().map(|batch| batch.len()), Some(1));
    }

    #[test]
    fn what_will_not_come_any_more_is_not_waited_for() {
        let queue = patient();
        let being_checked = job(&queue, 9);
        assert!(queue.put(job(&queue, 1)));
        let taker = taker(&queue);
        until_it_waits_for_more(&queue, &taker);
        // Nine that are being checked turn out to be forged.
        drop(being_checked);
        queue.look_again();
        assert_eq!(taker.join().unwrap(), 1);
    }

    #[test]
    fn a_lone_job_waits_for_nobody_and_a_batch_has_an_end() {
        let queue = patient();
        assert!(queue.is_quiet());
        assert!(queue.put(job(&queue, 1)));
        assert!(!queue.is_quiet());
        assert_eq!(queue.take().map(|batch| batch.len()), Some(1));
        for _ in 0..9 {
            let more = Job { permit: None, ..job(&queue, ROOM) };
            assert!(queue.put(more));
        }
        assert_eq!(queue.take().map(|batch| batch.len()), Some(5), "4,096 commands are reached");
        assert_eq!(queue.take().map(|batch| batch.len()), Some(4));
        queue.expect(2);
        assert!(!queue.is_quiet(), "those that were answered just now will come again");
    }

    #[test]
    fn it_takes_no_more_than_it_has_room_for_and_nothing_after_its_end() {
        let permits = Arc::new(Semaphore::new(2));
        let queue = Queue::new(permits, 2, Duration::ZERO);
        let job = || {
            let (reply, answer) = oneshot::channel();
            (Job { commands: Vec::new(), reply, permit: None }, answer)
        };
        let ((first, mut answer), (second, _)) = (job(), job());
        assert!(queue.put(first) && queue.put(second));
        assert!(!queue.put(job().0), "it is full");
        queue.close();
        assert_eq!(queue.take().map(|batch| batch.len()), Some(2), "what waits is still answered");
        assert!(queue.take().is_none() && !queue.put(job().0));
        let queue = Queue::new(Arc::new(Semaphore::new(2)), 2, Duration::ZERO);
        let (first, mut lost) = job();
        assert!(queue.put(first));
        queue.abandon();
        assert!(lost.try_recv().is_err() && answer.try_recv().is_err());
        assert!(matches!(lost.try_recv(), Err(oneshot::error::TryRecvError::Closed)));
    }
}
