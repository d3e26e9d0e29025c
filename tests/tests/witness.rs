//! Witnesses cosign what is shown, delay nothing, and refuse a fork.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use farthing_rules::Command;
use farthing_shared::UnixMillis;
use farthing_shared::note::NoteKey;
use farthing_tests::actors::Visitor;
use farthing_tests::ledger::{CREATOR, Ledger};
use farthing_tests::witness::TinyWitness;
use farthing_verifier::clock::monotonic;
use farthing_verifier::config::Config;
use farthing_verifier::log::{self, Log, Published};
use farthing_verifier::run;
use farthing_verifier::secrets::Secrets;
use farthing_verifier::store::Writer;
use farthing_verifier::store::sqlite::{Durability, Reader, SqliteWriter};

const PATIENCE: Duration = Duration::from_secs(20);

/// A ledger and its log in a folder, with witnesses.
struct Place {
    config: Config,
    ledger: Ledger,
    visitor: Visitor,
    key: farthing_rules::KeyRef,
    _folder: tempfile::TempDir,
}

impl Place {
    fn new(first: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let config = Config { data, ..Config::default() };
        let path = run::ledger_path(&config);
        let writer = SqliteWriter::open(&path, Durability::Full).unwrap();
        let mut ledger = Ledger::new(Writer::Sqlite(Box::new(writer)));
        let (visitor, key) = ledger.visitor(first, "1000.00");
        Self { config, ledger, visitor, key, _folder: folder }
    }

    fn give(&mut self, count: u64) {
        let now = UnixMillis(self.ledger.now.0);
        let claims: Vec<Command> = (0..count)
            .map(|_| {
                let claim = self.visitor.donation(CREATOR, "0.01", now);
                Command::Claim { claim: self.visitor.checked(&claim), key: self.key }
            })
            .collect();
        self.ledger.apply(&claims);
    }

    fn log(&self) -> Log {
        let path = run::ledger_path(&self.config);
        let reader = Reader::open(&path).unwrap();
        Log::start(&self.config, &secrets(), reader, &path).unwrap()
    }

    fn entries(&self) -> u64 {
        self.ledger.writer.snapshot().unwrap().entries.len() as u64
    }
}

fn secrets() -> Secrets {
    Secrets::new(&[3; 32], [4; 32])
}

fn log_key() -> NoteKey {
    log::note_key(&log::first_origin(&Config::default()), &secrets()).unwrap()
}

/// Waits for what is asked of the log's newest checkpoint.
fn until(log: &Log, what: &str, is_so: impl Fn(&Published) -> bool) -> Arc<Published> {
    let end = monotonic() + PATIENCE;
    loop {
        if let Some(newest) = log.newest().filter(|newest| is_so(newest)) {
            return newest;
        }
        assert!(monotonic() < end, "{what}: {:?}", log.newest());
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn counted(log: &Log, witness: &TinyWitness, is_so: impl Fn((u64, u64, u64)) -> bool) {
    let end = monotonic() + PATIENCE;
    while !is_so(log.witnessed().counts(witness.key().name())) {
        let counts = log.witnessed().counts(witness.key().name());
        assert!(monotonic() < end, "cosigned, failed, alarms: {counts:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_is_shown_carries_cosignatures_over_restarts() {
    let witness = TinyWitness::start(log_key());
    let mut place = Place::new(1);
    place.config.proofs.witnesses = vec![witness.setting()];
    let key = witness.key();
    for round in 0..3 {
        // A process that has just started does not know what the witness has seen, and is told.
        let log = place.log();
        for count in [1, 3, 300] {
            place.give(count);
            let entries = place.entries();
            let shown = until(&log, "cosigned", |newest| {
                newest.checkpoint.size == entries && key.check(&newest.note).is_ok()
            });
            assert_eq!(log_key().check(&shown.note), Ok(()), "the log's own stays first");
            assert_eq!(shown.text, shown.note.to_string());
            assert_eq!(shown.text.matches('\u{2014}').count(), 2, "{}", shown.text);
            assert_eq!(witness.size(), entries, "round {round}");
        }
        assert_eq!(log.witnessed().counts(key.name()).2, 0, "no alarm");
    }
}

#[test]
fn a_witness_refuses_a_fork_and_a_rolled_back_log() {
    let witness = TinyWitness::start(log_key());
    let mut honest = Place::new(1);
    honest.config.proofs.witnesses = vec![witness.setting()];
    honest.give(20);
    let log = honest.log();
    until(&log, "cosigned", |newest| witness.key().check(&newest.note).is_ok());
    drop(log);
    let seen = witness.size();
    // The same key signs another history, which is longer, and one that is shorter: each without the
    // high-water mark that would have stopped it.
    for count in [40, 5] {
        let mut fork = Place::new(2);
        fork.config.proofs.witnesses = vec![witness.setting()];
        fork.give(count);
        let log = fork.log();
        counted(&log, &witness, |(_, _, alarms)| alarms > 0);
        let newest = log.newest().unwrap();
        assert!(witness.key().check(&newest.note).is_err(), "a fork is not cosigned");
        assert_eq!(witness.size(), seen);
    }
}

#[test]
fn slow_dead_and_forging_witnesses_delay_nothing_and_sign_nothing() {
    let slow = TinyWitness::start(log_key());
    let mut place = Place::new(1);
    // Nobody listens there any more.
    let dead = TinyWitness::start(log_key());
    let gone = dead.setting().replace("witness.test/w+", "gone.test/w+");
    drop(dead);
    let renamed = NoteKey::new(
        "gone.test/w",
        farthing_shared::note::COSIGNATURE,
        &farthing_shared::SigningKey::from_seed(&[79; 32]).public(),
    );
    let address = gone.split(' ').next().unwrap().to_owned();
    place.config.proofs.witnesses = vec![slow.setting(), format!("{address} {}", renamed.unwrap())];
    let key = slow.key();
    let log = place.log();
    until(&log, "cosigned", |newest| key.check(&newest.note).is_ok());
    // It sleeps: three checkpoints follow one another without it, and it is added when it wakes up.
    slow.sleep(true);
    for _ in 0..3 {
        place.give(10);
        let entries = place.entries();
        let shown = until(&log, "shown", |newest| newest.checkpoint.size == entries);
        assert!(key.check(&shown.note).is_err(), "it sleeps");
    }
    slow.sleep(false);
    let entries = place.entries();
    until(&log, "cosigned late", |newest| {
        newest.checkpoint.size == entries && key.check(&newest.note).is_ok()
    });
    assert!(log.witnessed().counts("gone.test/w").1 > 0, "the dead one is counted");
    slow.forge();
    let failed = log.witnessed().counts(key.name()).1;
    place.give(10);
    let entries = place.entries();
    let newest = until(&log, "shown", |newest| newest.checkpoint.size == entries);
    counted(&log, &slow, |(_, now, _)| now > failed);
    assert!(key.check(&newest.note).is_err(), "a signature that does not hold is not shown");
}
