//! Single claims in company: who checks, and that each gets its own verdict.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use farthing_shared::{
    Claim, CreatorId, Currency, ItemHash, Kind, Micros, OriginHash, SigningKey, VerifierId,
    VerifyingKey,
};
use tokio::sync::Semaphore;

use super::*;
use crate::clock::Clock;
use crate::config::Config;
use crate::intake::Intake;
use crate::metrics::Metrics;
use crate::store::Writer;
use crate::store::sqlite::{Durability, SqliteWriter};

const VERIFIER: VerifierId = VerifierId([1; 32]);
const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

fn known() -> KnownKey {
    let verifying = VerifyingKey::new(&key().public()).unwrap();
    KnownKey { key: KeyRef(1), verifying: Arc::new(verifying) }
}

/// A donation under this number.
fn claim(sequence: u64) -> SignedClaim {
    let claim = Claim {
        verifier: VERIFIER,
        key: key().public(),
        sequence,
        creator: CreatorId([2; 16]),
        item: ItemHash::NONE,
        amount: Micros::new(10_000).unwrap(),
        currency: Currency::parse("EUR").unwrap(),
        kind: Kind::Donation,
        origin: OriginHash([3; 32]),
        expires_at: NOW.plus_ms(60_000),
    };
    claim.sign(&key())
}

fn forged(sequence: u64) -> SignedClaim {
    let mut bytes = claim(sequence).encode();
    bytes[255] ^= 1;
    SignedClaim::decode(&bytes).unwrap()
}

#[test]
fn the_eighth_has_to_check_and_each_gets_its_own_verdict() {
    let permits = Arc::new(Semaphore::new(100));
    let queue = Queue::new(permits.clone(), 100, Duration::ZERO);
    let gathering = Gathering::default();
    let command = |claim, key| Command::Claim { claim, key };
    let mut answers = Vec::new();
    let mut places = Vec::new();
    for sequence in 1..=8 {
        let is_forged = [3, 6].contains(&sequence);
        let claim = if is_forged { forged(sequence) } else { claim(sequence) };
        let (reply, answer) = oneshot::channel();
        let permit = permits.clone().try_acquire_owned().unwrap();
        places.push(gathering.join(Unchecked { claim, known: known(), command }, reply, permit));
        answers.push(answer);
    }
    assert_eq!(places.first(), Some(&Place::First));
    assert_eq!(places[1..7], [Place::Between; 6]);
    assert_eq!(places.last(), Some(&Place::Last));

    gathering.check(&queue);
    let at = |sequence: u64| usize::try_from(sequence).unwrap() - 1;
    for sequence in [3, 6] {
        let answer = answers[at(sequence)].try_recv().unwrap().unwrap();
        let Decided::Refused(claim, outcome) = answer else { panic!("{answer:?}") };
        assert_eq!((claim.claim().sequence, outcome), (sequence, Outcome::Forged));
    }
    assert_eq!(queue.under_way(), 6, "what is refused is not under way any more");
    let batch = queue.take().unwrap();
    let sequences: Vec<u64> = batch.iter().flat_map(|job| &job.commands).map(sequence_of).collect();
    assert_eq!(sequences, [1, 2, 4, 5, 7, 8]);
    // Each is answered by its own job.
    for (job, sequence) in batch.into_iter().zip(sequences) {
        job.reply.send(Ok(Decided::Answers(Vec::new()))).unwrap();
        let answer = answers[at(sequence)].try_recv();
        assert!(matches!(answer, Ok(Ok(Decided::Answers(_)))), "{sequence}: {answer:?}");
    }
    let (reply, _answer) = oneshot::channel();
    let permit = permits.try_acquire_owned().unwrap();
    let next = Unchecked { claim: claim(9), known: known(), command };
    assert_eq!(gathering.join(next, reply, permit), Place::First, "nobody is left");
}

fn sequence_of(command: &Command) -> u64 {
    let Command::Claim { claim, .. } = command else { panic!("{command:?}") };
    claim.claim().sequence
}

/// An intake that knows the key, with a ledger that does not: what is put before it here is forged.
fn started() -> (Intake, std::thread::JoinHandle<Writer>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let writer = SqliteWriter::open(&folder.path().join("ledger.db"), Durability::Full).unwrap();
    let reader = writer.reader().unwrap();
    let policy = Config::default().policy(VERIFIER).unwrap();
    let clock = Clock::Manual(Arc::new(NOW.0.into()));
    let metrics = Arc::new(Metrics::default());
    let writer = Writer::Sqlite(Box::new(writer));
    let (intake, thread) = Intake::start(writer, reader, policy, clock, 100, metrics);
    intake.shared.keys.insert(key().public(), known());
    (intake, thread, folder)
}

/// With seven others under way a claim waits for company; with six it is checked at once.
#[tokio::test]
async fn company_begins_with_seven_others() {
    let (intake, thread, _folder) = started();
    let mut others = vec![intake.permits(6).unwrap()];
    let first = first_poll(pin!(intake.charge_one(forged(1)))).await;
    let Poll::Ready(Ok(answer)) = first else { panic!("{first:?}") };
    assert_eq!(answer.outcome, Outcome::Forged);

    others.push(intake.permits(1).unwrap());
    {
        let mut in_company = pin!(intake.charge_one(forged(2)));
        let first = first_poll(in_company.as_mut()).await;
        assert!(first.is_pending(), "{first:?}");
        assert_eq!(in_company.await.unwrap().outcome, Outcome::Forged);
    }
    drop((others, intake));
    drop(thread.join().unwrap());
}

/// Who comes first has to see to it that all are checked, and may be gone before they are.
#[tokio::test]
async fn whoever_came_first_may_leave() {
    let (intake, thread, _folder) = started();
    let others = intake.permits(7).unwrap();
    let mut leaves = Box::pin(intake.charge_one(forged(1)));
    assert!(first_poll(leaves.as_mut()).await.is_pending());
    drop(leaves);
    let stays = tokio::time::timeout(Duration::from_secs(30), intake.charge_one(forged(2)));
    let answer = stays.await.expect("somebody checks it");
    assert_eq!(answer.unwrap().outcome, Outcome::Forged);
    drop((others, intake));
    drop(thread.join().unwrap());
}

async fn first_poll<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}
