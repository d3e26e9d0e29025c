//! Claims on their way in: cheap checks, signature, queue, one transaction for all that wait.
//!
//! ```text
//!  decode ─► permits ─► known key? ─► screen ─► verify (both cores) ─► queue ─► commit ─► answer
//! ```
//!
//! - **Bounded.** A permit for each claim from arrival to answer; none left, or more under way than can be
//!   answered soon (`room.rs`), means 503.
//! - **Batches form by themselves.** Whatever waits while a commit is under way is the next batch:
//!   one transaction, one fsync. Two thirds of those that pay at the same time are waited for, half where they
//!   are very many or come several at once, a millisecond at most, since they would each cost a commit of their own (`crowd.rs`). A lone
//!   claim has nobody to wait for: it is committed by whoever received it, since the way to the thread
//!   that writes and back costs an idle server as much as the commit.
//! - **Signatures are checked before the queue**, on all cores, while the previous batch syncs
//!   (docs/decisions/0003-verify-before-the-queue.md).
//! - **Answers only after the commit.** When the commit's outcome is unknown, everybody in the
//!   batch is told so, and the process ends: recovery decides, and a retry of the same claim
//!   settles it.

mod checks;
mod committer;
mod queue;
mod seen;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use farthing_rules::command::EarlyRefusal;
use farthing_rules::{Answer, ClaimAnswer, Command, KeyRef, Policy};
use farthing_shared::{
    CreatorId, Micros, Outcome, PublicKey, SignedClaim, VerifiedClaim, VerifyingKey,
};
use quick_cache::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use crate::clock::{Clock, monotonic};
use crate::metrics::Metrics;
use crate::room::Room;
use crate::store::Writer;
use crate::store::sqlite::{ReadError, Reader};
use checks::{Checked, Gathering, Place, SINGLES, Unchecked, check, check_many, screened};
use committer::{Committer, run};
use queue::{Decided, Job, Queue};
use seen::seen;

pub use seen::Seen;

/// Spending keys whose decompressed form is kept: 65,536 × some 300 B = 20 MB when full. A key that is not
/// there costs a look into the ledger and a decompression, some 7 µs together.
const KEYS_CACHED: usize = 65_536;
/// How long a batch waits for claims that are being checked already: some three syncs of a disk.
const GATHER_MAX: Duration = Duration::from_millis(1);
/// Creators and reasons counted between two commits at most; the rest is counted under "none".
const EARLY_REFUSALS_MAX: usize = 4_096;

/// Why there is no answer.
#[derive(Debug)]
pub enum IntakeError {
    /// Too much is under way; nothing was done.
    Overloaded,
    /// The ledger could not do it; nothing was done.
    NotDone(String),
    /// It may or may not have been done; the same request settles it.
    Unknown,
}

impl From<ReadError> for IntakeError {
    fn from(error: ReadError) -> Self {
        Self::NotDone(error.to_string())
    }
}

/// What is known of a spending key without asking the ledger: it never changes.
#[derive(Debug, Clone)]
struct KnownKey {
    key: KeyRef,
    verifying: Arc<VerifyingKey>,
}

/// Takes commands in; clones share one queue.
#[derive(Debug, Clone)]
pub struct Intake {
    shared: Arc<Shared>,
}

/// Count and sum of claims refused early, by day, named creator and outcome.
type Early = HashMap<(u32, CreatorId, u16), (u64, Micros)>;

#[derive(Debug)]
struct Shared {
    policy: Policy,
    clock: Clock,
    reader: Reader,
    queue: Arc<Queue>,
    permits: Arc<Semaphore>,
    room: Room,
    gathering: Gathering,
    keys: Cache<PublicKey, KnownKey>,
    early: Mutex<Early>,
    changed: watch::Sender<u64>,
    fatal: watch::Sender<bool>,
    metrics: Arc<Metrics>,
    committer: Arc<Mutex<Committer>>,
}

impl Intake {
    /// Starts the thread that writes. It ends when the last clone is dropped and all is answered.
    #[must_use]
    pub fn start(
        writer: Writer,
        reader: Reader,
        policy: Policy,
        clock: Clock,
        claims_in_flight: usize,
        metrics: Arc<Metrics>,
    ) -> (Self, thread::JoinHandle<Writer>) {
        let (changed, _) = watch::channel(0);
        let (fatal, _) = watch::channel(false);
        let permits = Arc::new(Semaphore::new(claims_in_flight));
        let queue = Arc::new(Queue::new(permits.clone(), claims_in_flight, GATHER_MAX));
        let committer = Arc::new(Mutex::new(Committer {
            writer: Some(writer),
            policy: policy.clone(),
            clock: clock.clone(),
            changed: changed.clone(),
            fatal: fatal.clone(),
            metrics: metrics.clone(),
        }));
        let thread = thread::Builder::new()
            .name("commit".into())
            .spawn({
                let (committer, queue) = (committer.clone(), queue.clone());
                move || {
                    run(&committer, &queue);
                    let mut committer = committer.lock().unwrap_or_else(PoisonError::into_inner);
                    committer.writer.take().expect("only this line takes it")
                }
            })
            .expect("a thread can be started while the server starts");
        let shared = Shared {
            policy,
            clock,
            reader,
            queue,
            permits,
            room: Room::new(claims_in_flight, monotonic()),
            gathering: Gathering::default(),
            keys: Cache::new(KEYS_CACHED),
            early: Mutex::new(HashMap::new()),
            changed,
            fatal,
            metrics,
            committer,
        };
        (Self { shared: Arc::new(shared) }, thread)
    }

    /// Counts commits; a change means that balances may have changed.
    #[must_use]
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.shared.changed.subscribe()
    }

    /// Becomes true when a commit's outcome is unknown and the process must end.
    #[must_use]
    pub fn fatal(&self) -> watch::Receiver<bool> {
        self.shared.fatal.subscribe()
    }

    /// Lets the ledger decide one command that is not a claim.
    ///
    /// # Errors
    /// [`IntakeError`].
    pub async fn ask(&self, command: Command) -> Result<Answer, IntakeError> {
        let permit = self.permits(1)?;
        let mut answers = self.submit(vec![command], Some(permit)).await?;
        answers.pop().ok_or_else(|| IntakeError::NotDone("the ledger gave no answer".into()))
    }

    /// Charges claims; answers in their order.
    ///
    /// # Errors
    /// [`IntakeError`], for all of them together: nothing was charged unless it is `Unknown`.
    pub async fn charge(&self, claims: Vec<SignedClaim>) -> Result<Vec<ClaimAnswer>, IntakeError> {
        let count = claims.len();
        let (permit, under_way) = self.admit(count)?;
        let known = self.known_keys(&claims).await?;
        let pairs = claims.into_iter().zip(known).collect();
        let checked = check_many(&self.shared.policy, self.shared.clock.now(), pairs).await;
        let mut early: Vec<Option<ClaimAnswer>> = Vec::with_capacity(checked.len());
        let mut commands = Vec::with_capacity(checked.len());
        for claim in checked {
            match claim {
                Checked::Verified(claim, key) => {
                    commands.push(Command::Claim { claim: *claim, key });
                    early.push(None);
                }
                Checked::Refused(claim, outcome) => {
                    early.push(Some(self.refuse_early(&claim, outcome)));
                }
            }
        }
        if commands.is_empty() {
            drop(permit);
            self.shared.queue.look_again();
            return Ok(early.into_iter().flatten().collect());
        }
        let decided = self.commit(commands, permit).await?;
        self.shared.room.answered(count, under_way, monotonic());
        let mut decided = decided.into_iter();
        let mut next = || decided.next().and_then(|answer| self.answered(answer));
        Ok(early.into_iter().filter_map(|early| early.or_else(&mut next)).collect())
    }

    /// Charges one claim.
    ///
    /// # Errors
    /// As [`Intake::charge`].
    pub async fn charge_one(&self, claim: SignedClaim) -> Result<ClaimAnswer, IntakeError> {
        self.charge_by(claim, |claim, key| Command::Claim { claim, key }).await
    }

    /// Charges a claim that nobody clicked for, if a permission covers it.
    ///
    /// # Errors
    /// As [`Intake::charge`].
    pub async fn charge_automatic(&self, claim: SignedClaim) -> Result<ClaimAnswer, IntakeError> {
        self.charge_by(claim, |claim, key| Command::AutomaticClaim { claim, key }).await
    }

    async fn charge_by(
        &self,
        claim: SignedClaim,
        command: fn(VerifiedClaim, KeyRef) -> Command,
    ) -> Result<ClaimAnswer, IntakeError> {
        let (permit, under_way) = self.admit(1)?;
        let known = self.known_key(&claim.claim().key).await?;
        let passed = screened(&self.shared.policy, self.shared.clock.now(), claim, known);
        let decided = match passed {
            Err((claim, outcome)) => {
                drop(permit);
                Decided::Refused(claim, outcome)
            }
            // With few about there is nobody to wait for, and a claim alone is checked at once.
            Ok((claim, known)) if under_way >= SINGLES => {
                self.in_company(Unchecked { claim, known, command }, permit).await?
            }
            Ok((claim, known)) => match check(claim, &known) {
                Checked::Refused(claim, outcome) => {
                    drop(permit);
                    Decided::Refused(claim, outcome)
                }
                Checked::Verified(claim, key) => {
                    Decided::Answers(self.commit(vec![command(*claim, key)], permit).await?)
                }
            },
        };
        match decided {
            Decided::Answers(answers) => {
                self.shared.room.answered(1, under_way, monotonic());
                let answer = answers.into_iter().next().and_then(|answer| self.answered(answer));
                answer.ok_or_else(|| IntakeError::NotDone("the ledger gave no answer".into()))
            }
            Decided::Refused(claim, outcome) => {
                self.shared.queue.look_again();
                Ok(self.refuse_early(&claim, outcome))
            }
        }
    }

    /// Lets claims in, or not: their permits, and how many are under way with them.
    fn admit(&self, count: usize) -> Result<(OwnedSemaphorePermit, usize), IntakeError> {
        if !self.shared.room.admits(self.shared.queue.under_way(), count) {
            self.shared.metrics.overloaded.inc();
            return Err(IntakeError::Overloaded);
        }
        let permit = self.permits(count)?;
        Ok((permit, self.shared.queue.under_way()))
    }

    /// Has a claim checked together with those that come at the same time, and then decided.
    async fn in_company(
        &self,
        claim: Unchecked,
        permit: OwnedSemaphorePermit,
    ) -> Result<Decided, IntakeError> {
        let (reply, decided) = oneshot::channel();
        match self.shared.gathering.join(claim, reply, permit) {
            Place::First => {
                // Others that have arrived already come first. A task of its own, since whoever came
                // first may leave meanwhile.
                let shared = self.shared.clone();
                tokio::spawn(async move {
                    tokio::task::yield_now().await;
                    shared.gathering.check(&shared.queue);
                });
            }
            Place::Last => self.shared.gathering.check(&self.shared.queue),
            Place::Between => {}
        }
        decided.await.unwrap_or(Err(IntakeError::Unknown))
    }

    /// Lets the ledger decide, here and now when nobody else is about.
    async fn commit(
        &self,
        mut commands: Vec<Command>,
        permit: OwnedSemaphorePermit,
    ) -> Result<Vec<Answer>, IntakeError> {
        match self.commit_alone(&mut commands) {
            // The permit lasts as long as the claim is under way.
            Some(decided) => decided,
            None => self.submit(commands, Some(permit)).await,
        }
    }

    /// An answer of the ledger to a claim, counted.
    fn answered(&self, answer: Answer) -> Option<ClaimAnswer> {
        let Answer::Claim(answer) = answer else { return None };
        self.shared.metrics.claim(answer.outcome, answer.repeat);
        Some(answer)
    }

    fn permits(&self, count: usize) -> Result<OwnedSemaphorePermit, IntakeError> {
        let count = u32::try_from(count).map_err(|_| IntakeError::Overloaded)?;
        let permits = self.shared.permits.clone().try_acquire_many_owned(count);
        permits.map_err(|_| {
            self.shared.metrics.overloaded.inc();
            IntakeError::Overloaded
        })
    }

    /// Commits a claim here and now when no other is under way or to be expected and nobody else is writing; `None`, with the
    /// command left where it was, when it has to queue. Meanwhile this thread serves nobody else, for as long
    /// as a sync takes (or another process holds the ledger: five seconds at most), so there must be another one
    /// that does.
    fn commit_alone(
        &self,
        commands: &mut Vec<Command>,
    ) -> Option<Result<Vec<Answer>, IntakeError>> {
        let others_serve = || tokio::runtime::Handle::current().metrics().num_workers() > 1;
        if commands.len() != 1 || self.shared.queue.under_way() != 1 || !others_serve() {
            return None;
        }
        if !self.shared.queue.is_quiet() {
            return None;
        }
        let mut committer = self.shared.committer.try_lock().ok()?;
        let (reply, mut answer) = oneshot::channel();
        committer.commit(vec![Job { commands: std::mem::take(commands), reply, permit: None }]);
        Some(answers(answer.try_recv()))
    }

    async fn submit(
        &self,
        commands: Vec<Command>,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Result<Vec<Answer>, IntakeError> {
        let (reply, answer) = oneshot::channel();
        let job = Job { commands, reply, permit };
        if !self.shared.queue.put(job) {
            return Err(IntakeError::Overloaded);
        }
        // The committer answers every job that it took, or ends the process.
        answers(answer.await)
    }

    async fn known_key(&self, public: &PublicKey) -> Result<Option<KnownKey>, IntakeError> {
        if let Some(known) = self.shared.keys.get(public) {
            return Ok(Some(known));
        }
        // A few microseconds of reading, less than the way to another thread and back.
        if let Some(known) = self.shared.look_up_now(public) {
            return Ok(known?);
        }
        let (shared, public) = (self.shared.clone(), *public);
        let looked_up = tokio::task::spawn_blocking(move || shared.look_up(&public)).await;
        Ok(looked_up.map_err(|error| IntakeError::NotDone(error.to_string()))??)
    }

    async fn known_keys(
        &self,
        claims: &[SignedClaim],
    ) -> Result<Vec<Option<KnownKey>>, IntakeError> {
        let cached: Vec<Option<KnownKey>> =
            claims.iter().map(|claim| self.shared.keys.get(&claim.claim().key)).collect();
        if cached.iter().all(Option::is_some) {
            return Ok(cached);
        }
        let keys: Vec<PublicKey> = claims.iter().map(|claim| claim.claim().key).collect();
        let shared = self.shared.clone();
        let looked_up = tokio::task::spawn_blocking(move || {
            let look_up = |(cached, key): (Option<KnownKey>, &PublicKey)| match cached {
                Some(known) => Ok(Some(known)),
                None => shared.look_up(key),
            };
            cached.into_iter().zip(&keys).map(look_up).collect::<Result<Vec<_>, ReadError>>()
        });
        let keys = looked_up.await.map_err(|error| IntakeError::NotDone(error.to_string()))?;
        Ok(keys?)
    }

    /// What a claim was answered, without changing anything.
    ///
    /// # Errors
    /// [`IntakeError::NotDone`] when the ledger cannot be read.
    pub async fn first_answer(
        &self,
        key: PublicKey,
        sequence: u64,
        claim: farthing_shared::ClaimId,
    ) -> Result<Seen, IntakeError> {
        let reader = self.shared.reader.clone();
        let seen = tokio::task::spawn_blocking(move || seen(&reader, key, sequence, claim));
        Ok(seen.await.map_err(|error| IntakeError::NotDone(error.to_string()))??)
    }

    fn refuse_early(&self, claim: &SignedClaim, outcome: Outcome) -> ClaimAnswer {
        let fields = claim.claim();
        self.shared.metrics.claim(outcome, false);
        let day = self.shared.clock.now().day();
        let mut early = self.shared.early.lock().unwrap_or_else(PoisonError::into_inner);
        let mut name = (day, fields.creator, outcome.code());
        if early.len() >= EARLY_REFUSALS_MAX && !early.contains_key(&name) {
            name.1 = CreatorId([0; 16]);
        }
        let sum = early.entry(name).or_default();
        sum.0 = sum.0.saturating_add(1);
        sum.1 = sum.1.plus(fields.amount).unwrap_or(Micros::MAX);
        ClaimAnswer { claim: claim.id(), outcome, repeat: false, receipt: None, refunded: false }
    }

    /// Writes what was refused early, and makes payable what is due. Called once a second, so
    /// that a flood of junk costs one row a reason.
    pub async fn tend(&self) {
        let early =
            std::mem::take(&mut *self.shared.early.lock().unwrap_or_else(PoisonError::into_inner));
        let tallies: Vec<EarlyRefusal> = early
            .into_iter()
            .map(|((day, creator, code), (count, amount))| EarlyRefusal {
                day,
                creator,
                code,
                count,
                amount,
            })
            .collect();
        let mut commands = Vec::new();
        if !tallies.is_empty() {
            commands.push(Command::CountRefusals(tallies));
        }
        let minute = self.shared.clock.now().minute();
        let reader = self.shared.reader.clone();
        let due = tokio::task::spawn_blocking(move || reader.holds_due(minute)).await;
        if matches!(due, Ok(Ok(true))) {
            commands.push(Command::ReleaseHolds);
        }
        if commands.is_empty() {
            return;
        }
        if let Err(error) = self.submit(commands, None).await {
            tracing::warn!(?error, "counts of refused claims were lost, or releases wait a second");
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl Shared {
    fn look_up(&self, public: &PublicKey) -> Result<Option<KnownKey>, ReadError> {
        Ok(self.reader.key_number(public)?.and_then(|key| self.know(public, key)))
    }

    /// As [`Shared::look_up`], without waiting for a connection; `None` when that cannot be done.
    fn look_up_now(&self, public: &PublicKey) -> Option<Result<Option<KnownKey>, ReadError>> {
        let found = self.reader.key_number_now(public)?;
        Some(found.map(|key| key.and_then(|key| self.know(public, key))))
    }

    fn know(&self, public: &PublicKey, key: KeyRef) -> Option<KnownKey> {
        // A key that could never sign is not registered, so this only fails on a broken file.
        let verifying = VerifyingKey::new(public).ok()?;
        let known = KnownKey { key, verifying: Arc::new(verifying) };
        self.keys.insert(*public, known.clone());
        Some(known)
    }
}

/// The answers that a reply brings. Nobody who is asked here refuses before the ledger does.
fn answers<E>(reply: Result<Result<Decided, IntakeError>, E>) -> Result<Vec<Answer>, IntakeError> {
    match reply.unwrap_or(Err(IntakeError::Unknown))? {
        Decided::Answers(answers) => Ok(answers),
        Decided::Refused(..) => Err(IntakeError::NotDone("the ledger gave no answer".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::{Durability, SqliteWriter};

    /// Commands that are not claims: who commits them is asked here, not what becomes of them.
    fn one() -> Vec<Command> {
        vec![Command::CountRefusals(Vec::new())]
    }

    /// Whether a lone command is committed by whoever received it, after `before` was done to the intake.
    fn is_committed_at_once<T>(threads: usize, before: impl FnOnce(&Intake) -> T) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let writer =
            SqliteWriter::open(&folder.path().join("ledger.db"), Durability::Full).unwrap();
        let reader = writer.reader().unwrap();
        let policy = crate::config::Config::default().policy(farthing_shared::VerifierId([1; 32]));
        let clock = Clock::System;
        let writer = Writer::Sqlite(Box::new(writer));
        let metrics = Arc::new(Metrics::default());
        let (intake, thread) = Intake::start(writer, reader, policy.unwrap(), clock, 100, metrics);
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(threads).build().unwrap();
        let committed = runtime.block_on(async {
            let _kept = before(&intake);
            let _permit = intake.permits(1).unwrap();
            let mut commands = one();
            let answer = intake.commit_alone(&mut commands);
            assert_eq!(commands.is_empty(), answer.is_some(), "who queues still has it");
            assert!(answer.is_none_or(|answer| answer.is_ok()));
            commands.is_empty()
        });
        drop(intake);
        drop(thread.join().unwrap());
        committed
    }

    #[test]
    fn only_who_is_alone_commits_at_once() {
        assert!(is_committed_at_once(2, |_| ()));
        assert!(!is_committed_at_once(1, |_| ()), "nobody else would serve meanwhile");
        assert!(
            !is_committed_at_once(2, |intake| intake.permits(1).unwrap()),
            "another is checked"
        );
        assert!(
            !is_committed_at_once(2, |intake| intake.shared.queue.expect(64)),
            "a crowd is about, though none of it is under way"
        );
    }
}
