//! The intake over a store that fails: nobody is told "refused" when the outcome is unknown.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use farthing_shared::{Outcome, SignedClaim};
use farthing_tests::actors::Visitor;
use farthing_tests::ledger::{CREATOR, Ledger, START, VERIFIER, policy};
use farthing_verifier::clock::Clock;
use farthing_verifier::intake::{Intake, IntakeError};
use farthing_verifier::metrics::Metrics;
use farthing_verifier::store::sqlite::{Durability, Reader, SqliteWriter};
use farthing_verifier::store::{Failure, Writer};

/// A ledger in memory for writing; keys are looked up in a file that knows the same visitor.
struct World {
    folder: tempfile::TempDir,
    visitor: Visitor,
    ledger: Ledger,
}

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let file = SqliteWriter::open(&path, Durability::Full).unwrap();
    Ledger::new(Writer::Sqlite(Box::new(file))).visitor(1, "1.00");
    let mut ledger = Ledger::new(Writer::Memory(Box::default()));
    let (visitor, _) = ledger.visitor(1, "1.00");
    World { folder, visitor, ledger }
}

fn start(world: &World, writer: Writer, room: usize) -> (Intake, std::thread::JoinHandle<Writer>) {
    start_counting(world, writer, room, Arc::default())
}

fn start_counting(
    world: &World,
    writer: Writer,
    room: usize,
    metrics: Arc<Metrics>,
) -> (Intake, std::thread::JoinHandle<Writer>) {
    let reader = Reader::open(&world.folder.path().join("ledger.db")).unwrap();
    let clock = Clock::Manual(Arc::new(START.0.into()));
    Intake::start(writer, reader, policy(), clock, room, metrics)
}

/// With another thread that serves on, a lone claim is committed by whoever received it; else by the thread
/// that writes.
fn both_ways(body: impl AsyncFn()) {
    for threads in [1, 2] {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        runtime.worker_threads(threads).build().unwrap().block_on(body());
    }
}

#[test]
fn an_unknown_outcome_ends_the_intake_and_a_retry_settles_it() {
    both_ways(async || {
        for (failure, charged) in [(Failure::LostReply, true), (Failure::LostCommit, false)] {
            let mut world = world();
            let claim = world.visitor.view(CREATOR, "essay", "0.05", START);
            let signed = world.visitor.sign(&claim);
            let mut writer =
                std::mem::replace(&mut world.ledger.writer, Writer::Memory(Box::default()));
            if let Writer::Memory(store) = &mut writer {
                store.fail_next(failure);
            }
            let (intake, thread) = start(&world, writer, 1_000);
            let mut fatal = intake.fatal();
            let answer = intake.charge_one(signed.clone()).await;
            assert!(matches!(answer, Err(IntakeError::Unknown)), "{answer:?}");
            assert!(*fatal.wait_for(|fatal| *fatal).await.unwrap());
            // The process ends here; another one opens the same ledger and is asked the same again.
            drop(intake);
            let (intake, thread) = start(&world, thread.join().unwrap(), 1_000);
            let answer = intake.charge_one(signed).await.unwrap();
            assert_eq!(
                (answer.outcome, answer.repeat),
                (Outcome::Accepted, charged),
                "{failure:?}"
            );
            drop(intake);
            world.ledger.writer = thread.join().unwrap();
            assert_eq!(world.ledger.balance(&world.visitor).to_decimal(), "0.95");
            world.ledger.assert_sound();
        }
    });
}

#[test]
fn what_was_not_done_is_told_and_the_intake_goes_on() {
    both_ways(async || {
        let mut world = world();
        let claim = world.visitor.view(CREATOR, "essay", "0.05", START);
        let signed = world.visitor.sign(&claim);
        let mut writer =
            std::mem::replace(&mut world.ledger.writer, Writer::Memory(Box::default()));
        if let Writer::Memory(store) = &mut writer {
            store.fail_next(Failure::BeforeCommit);
        }
        let (intake, _thread) = start(&world, writer, 1_000);
        let answer = intake.charge_one(signed.clone()).await;
        assert!(matches!(answer, Err(IntakeError::NotDone(_))), "{answer:?}");
        let answer = intake.charge_one(signed).await.unwrap();
        assert_eq!((answer.outcome, answer.repeat), (Outcome::Accepted, false));
    });
}

#[tokio::test]
async fn more_than_there_is_room_for_is_refused_whole() {
    let mut world = world();
    let claims: Vec<_> = (0..11)
        .map(|_| {
            let claim = world.visitor.donation(CREATOR, "0.01", START);
            world.visitor.sign(&claim)
        })
        .collect();
    let writer = std::mem::replace(&mut world.ledger.writer, Writer::Memory(Box::default()));
    let (intake, _thread) = start(&world, writer, 10);
    let answer = intake.charge(claims.clone()).await;
    assert!(matches!(answer, Err(IntakeError::Overloaded)), "{answer:?}");
    let answers = intake.charge(claims[..10].to_vec()).await.unwrap();
    assert!(answers.iter().all(|answer| answer.outcome == Outcome::Accepted));
    // The room is free again.
    assert!(intake.charge(claims[10..].to_vec()).await.is_ok());
}

#[tokio::test]
async fn a_claim_for_an_unknown_key_leaves_nothing_behind() {
    let mut world = world();
    let mut stranger = Visitor::new(77, VERIFIER);
    let claim = stranger.donation(CREATOR, "0.01", START);
    let writer = std::mem::replace(&mut world.ledger.writer, Writer::Memory(Box::default()));
    let before = writer.snapshot().unwrap();
    let (intake, thread) = start(&world, writer, 10);
    let answer = intake.charge_one(stranger.sign(&claim)).await.unwrap();
    assert_eq!(answer.outcome, Outcome::UnknownKey);
    drop(intake);
    assert_eq!(thread.join().unwrap().snapshot().unwrap(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lone_claim_and_a_crowd_are_each_charged_once() {
    let mut world = world();
    let writer = std::mem::replace(&mut world.ledger.writer, Writer::Memory(Box::default()));
    let (intake, thread) = start(&world, writer, 1_000);
    for _ in 0..20 {
        let claim = world.visitor.donation(CREATOR, "0.01", START);
        let signed = world.visitor.sign(&claim);
        let crowd: Vec<_> = (0..40)
            .map(|_| {
                let (intake, signed) = (intake.clone(), signed.clone());
                tokio::spawn(async move { intake.charge_one(signed).await.unwrap() })
            })
            .collect();
        let mut firsts = 0;
        for answer in crowd {
            let answer = answer.await.unwrap();
            assert_eq!(answer.outcome, Outcome::Accepted);
            firsts += u32::from(!answer.repeat);
        }
        assert_eq!(firsts, 1, "one charge, however many ask");
        let alone = intake.charge_one(signed).await.unwrap();
        assert!(alone.repeat);
    }
    drop(intake);
    world.ledger.writer = thread.join().unwrap();
    assert_eq!(world.ledger.balance(&world.visitor).to_decimal(), "0.80");
    world.ledger.assert_sound();
}

/// Single claims are checked together: a forged one among them, or one whose sender leaves, changes nothing for
/// the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_crowd_each_gets_its_own_verdict_whoever_forges_or_leaves() {
    let mut world = world();
    let writer = std::mem::replace(&mut world.ledger.writer, Writer::Memory(Box::default()));
    let (intake, thread) = start(&world, writer, 1_000);
    for _ in 0..20 {
        let claim = world.visitor.donation(CREATOR, "0.01", START);
        let honest = world.visitor.sign(&claim);
        let mut bytes = honest.encode();
        bytes[200] ^= 1;
        let forged = SignedClaim::decode(&bytes).unwrap();
        let crowd: Vec<_> = (0..40)
            .map(|at| {
                let (intake, claim) = (intake.clone(), [&honest, &forged][at % 2].clone());
                let charged = tokio::spawn(async move { intake.charge_one(claim).await });
                if at % 5 == 0 {
                    charged.abort();
                }
                charged
            })
            .collect();
        for (at, answer) in crowd.into_iter().enumerate() {
            let expected = [Outcome::Accepted, Outcome::Forged][at % 2];
            match answer.await {
                Ok(answer) => assert_eq!(answer.unwrap().outcome, expected),
                Err(left) => assert!(left.is_cancelled() && at % 5 == 0),
            }
        }
    }
    drop(intake);
    world.ledger.writer = thread.join().unwrap();
    world.ledger.assert_sound();
}

#[tokio::test]
async fn each_claim_of_a_batch_is_counted_once() {
    let mut world = world();
    let claim = world.visitor.donation(CREATOR, "0.01", START);
    let honest = world.visitor.sign(&claim);
    let mut bytes = honest.encode();
    bytes[200] ^= 1;
    let forged = SignedClaim::decode(&bytes).unwrap();
    let writer = std::mem::replace(&mut world.ledger.writer, Writer::Memory(Box::default()));
    let metrics = Arc::new(Metrics::default());
    let (intake, _thread) = start_counting(&world, writer, 10, metrics.clone());
    intake.charge(vec![honest, forged]).await.unwrap();
    let text = metrics.text();
    let claims: Vec<&str> =
        text.lines().filter(|line| line.starts_with("farthing_claims_total{")).collect();
    assert_eq!(claims.len(), 2, "{text}");
    assert!(claims.iter().all(|line| line.ends_with("} 1")), "{claims:?}");
}
