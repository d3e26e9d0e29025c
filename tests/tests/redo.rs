//! Rows that are held back from SQLite's tables: nobody sees them missing or twice, whoever reads or
//! writes, and a crash loses none.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use farthing_rules::{Command, ItemRef, KeyRef};
use farthing_shared::{Micros, Outcome};
use farthing_tests::actors::{Visitor, micros};
use farthing_tests::ledger::{CREATOR, Ledger};
use farthing_verifier::store::Writer;
use farthing_verifier::store::sqlite::{Durability, Pace, Reader, SqliteWriter};
use rusqlite::Connection;

struct World {
    folder: tempfile::TempDir,
    /// A reader beside the writer of `ledger`.
    beside: Reader,
    ledger: Ledger,
    visitor: Visitor,
    key: KeyRef,
}

fn open(path: &Path) -> SqliteWriter {
    SqliteWriter::open(path, Durability::Full).unwrap()
}

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let writer = open(&folder.path().join("ledger.db"));
    let beside = writer.reader().unwrap();
    let mut ledger = Ledger::new(Writer::Sqlite(Box::new(writer)));
    let (visitor, key) = ledger.visitor(1, "5.00");
    World { folder, beside, ledger, visitor, key }
}

impl World {
    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("ledger.db")
    }

    fn donate(&mut self, amount: &str) {
        let claim = self.visitor.donation(CREATOR, amount, self.ledger.now);
        let outcome = self.ledger.outcome(&self.visitor, self.key, &claim);
        assert_eq!(outcome, Outcome::Accepted);
    }

    fn folds(&self) -> i64 {
        let side = Connection::open(self.path()).unwrap();
        side.query_row("SELECT fold FROM counters", [], |row| row.get(0)).unwrap()
    }

    /// The files as they are at this moment, as a crash would leave them.
    fn copy(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        for name in ["ledger.db", "ledger.db-wal"] {
            std::fs::copy(self.folder.path().join(name), copy.path().join(name)).unwrap();
        }
        copy
    }

    fn held_back(&self) -> u32 {
        let side = Connection::open(self.path()).unwrap();
        side.query_row("SELECT count(*) FROM redo", [], |row| row.get(0)).unwrap()
    }

    /// What a reader sees: balance, spent, held, donations in all.
    fn seen_by(&self, reader: &Reader) -> (Micros, Micros, Micros, (u64, Micros)) {
        let wallet = reader.wallet(&self.visitor.root_key()).unwrap().unwrap();
        let key = reader.key_by_ref(self.key).unwrap().unwrap();
        assert_eq!(reader.key(&key.public).unwrap().unwrap(), key);
        let (creator, _) = reader.creator(&CREATOR).unwrap().unwrap();
        let tallies = reader.tallies(creator.creator, 0, 0).unwrap();
        let donations = tallies.iter().find(|(_, item, _)| *item == ItemRef(0));
        let donations = donations.map_or((0, Micros::ZERO), |(_, _, sum)| (sum.count, sum.amount));
        (wallet.balance, key.spent, creator.held, donations)
    }

    fn assert_all_see(&self, left: &str, given: &str, times: u64) {
        let given = micros(given);
        let expected = (micros(left), given, given, (times, given));
        assert_eq!(self.seen_by(&self.beside), expected, "beside the writer");
        let elsewhere = Reader::open(&self.path()).unwrap();
        assert_eq!(self.seen_by(&elsewhere), expected, "in another process");
    }
}

#[test]
fn readers_see_what_is_held_back_once() {
    let mut world = world();
    world.donate("0.10");
    world.donate("0.20");
    assert!(world.held_back() > 0, "nothing was held back, so nothing is tested");
    world.assert_all_see("4.70", "0.30", 2);
    // Another process writes: it folds what is there, and adds a claim of its own.
    let ours = std::mem::replace(
        &mut world.ledger.writer,
        Writer::Sqlite(Box::new(open(&world.folder.path().join("ledger.db")))),
    );
    assert_eq!(world.held_back(), 0);
    world.assert_all_see("4.70", "0.30", 2);
    world.donate("0.40");
    world.assert_all_see("4.30", "0.70", 3);
    // The first one goes on, and neither undoes nor repeats the other's.
    world.ledger.writer = ours;
    world.donate("0.50");
    world.assert_all_see("3.80", "1.20", 4);
    world.ledger.assert_sound();
}

/// In one batch a wallet is read, pushed out of memory by others, and asked whether it owns an item.
#[test]
fn what_is_owned_does_not_depend_on_what_is_in_memory() {
    let mut world = world();
    let others: Vec<(Visitor, KeyRef)> =
        (2..40).map(|number| world.ledger.visitor(number, "1.00")).collect();
    let essay = world.visitor.view(CREATOR, "essay", "0.05", world.ledger.now);
    assert_eq!(world.ledger.outcome(&world.visitor, world.key, &essay), Outcome::Accepted);
    // Read anew from the file, by a writer that keeps next to nothing.
    let mut writer = open(&world.path());
    writer.keep_rows(2);
    world.ledger.writer = Writer::Sqlite(Box::new(writer));
    let now = world.ledger.now;
    let mut commands = Vec::new();
    for (at, (mut visitor, key)) in others.into_iter().enumerate() {
        // Not the first to be read: the first ones may stay.
        if at == 10 {
            let donation = world.visitor.donation(CREATOR, "0.01", now);
            let claim = world.visitor.checked(&donation);
            commands.push(Command::Claim { claim, key: world.key });
        }
        let donation = visitor.donation(CREATOR, "0.01", now);
        commands.push(Command::Claim { claim: visitor.checked(&donation), key });
    }
    let again = world.visitor.view(CREATOR, "essay", "0.05", now);
    commands.push(Command::Claim { claim: world.visitor.checked(&again), key: world.key });
    let answers = world.ledger.apply(&commands);
    let Some(farthing_rules::Answer::Claim(last)) = answers.last() else { panic!("{answers:?}") };
    assert_eq!(last.outcome, Outcome::AlreadyOwned);
    world.ledger.assert_sound();
}

#[test]
fn a_release_folds_and_counts_once() {
    let mut world = world();
    world.donate("0.10");
    world.ledger.now = world.ledger.now.plus_ms(1_000_000);
    let minute = world.ledger.now.minute();
    assert!(world.beside.holds_due(minute).unwrap(), "a hold that is held back is due too");
    world.ledger.apply(&[Command::ReleaseHolds]);
    assert!(!world.beside.holds_due(minute).unwrap());
    let (creator, _) = world.beside.creator(&CREATOR).unwrap().unwrap();
    assert_eq!((creator.held, creator.payable), (Micros::ZERO, micros("0.10")));
    world.ledger.assert_sound();
}

#[test]
fn a_copy_of_the_files_taken_at_any_moment_opens_with_everything() {
    let mut world = world();
    for number in 1..=20_u64 {
        world.donate("0.01");
        if number == 10 {
            world.ledger.now = world.ledger.now.plus_ms(1_000_000);
            world.ledger.apply(&[Command::ReleaseHolds]);
        }
        let expected = world.ledger.writer.snapshot().unwrap();
        let copy = world.copy();
        let path = copy.path().join("ledger.db");
        let restored = Writer::Sqlite(Box::new(open(&path)));
        assert_eq!(restored.snapshot().unwrap(), expected, "after {number} donations");
        let side = Connection::open(&path).unwrap();
        let left: u32 = side.query_row("SELECT count(*) FROM redo", [], |r| r.get(0)).unwrap();
        assert_eq!(left, 0, "opening brings the tables up to date");
    }
}

/// A folding over many batches: wherever it stands, readers, a copy of the files and another process that
/// takes over see everything once.
#[test]
fn a_folding_bit_by_bit_is_seen_by_nobody() {
    const SLOW: Pace = Pace { begin: 6, step: 2, each: 0 };
    let mut world = world();
    let mut visitors: Vec<(Visitor, KeyRef)> =
        (2..10).map(|number| world.ledger.visitor(number, "5.00")).collect();
    let items: Vec<String> = (0..40).map(|number| format!("part {number}")).collect();
    items.iter().for_each(|item| world.ledger.price(item, "0.01"));
    let slow = |writer: &mut Writer| match writer {
        Writer::Sqlite(sqlite) => sqlite.fold_at(SLOW),
        _ => panic!("another store"),
    };
    slow(&mut world.ledger.writer);
    let (mut folds, mut most) = (std::collections::BTreeSet::new(), 0);
    for turn in 0..160_usize {
        let (visitor, key) = &mut visitors[turn * 5 % 8];
        let claim = match turn % 4 {
            0 => visitor.donation(CREATOR, "0.02", world.ledger.now),
            _ => visitor.view(CREATOR, &items[turn / 4], "0.01", world.ledger.now),
        };
        let outcome = world.ledger.outcome(visitor, *key, &claim);
        assert_eq!(outcome, Outcome::Accepted, "in turn {turn}");
        most = most.max(world.held_back());
        folds.insert(world.folds());
        if turn % 40 == 17 {
            world.ledger.now = world.ledger.now.plus_ms(1_000_000);
            world.ledger.apply(&[Command::ReleaseHolds]);
        }
        let expected = world.ledger.writer.snapshot().unwrap();
        for reader in [&world.beside, &Reader::open(&world.path()).unwrap()] {
            for (visitor, key) in &visitors {
                let wallet = reader.wallet(&visitor.root_key()).unwrap().unwrap();
                assert_eq!(wallet, expected.wallets[&wallet.wallet], "in turn {turn}");
                assert_eq!(reader.key_by_ref(*key).unwrap().as_ref(), expected.keys.get(key));
            }
            for &(owner, item, entry) in &expected.owned {
                let owned = reader.owned(owner, item).unwrap().map(|receipt| receipt.entry.0);
                assert_eq!(owned, Some(entry), "in turn {turn}");
            }
        }
        let copy = world.copy();
        let path = copy.path().join("ledger.db");
        let mut restored = Writer::Sqlite(Box::new(open(&path)));
        assert_eq!(restored.snapshot().unwrap(), expected, "after turn {turn}");
        // Now and then the copy goes on, as after a crash, and now and then another process does.
        if turn % 30 == 11 {
            slow(&mut restored);
            world.beside = Reader::open(&path).unwrap();
            world.ledger.writer = restored;
            world.folder = copy;
        } else if turn % 30 == 23 {
            let mut other = Writer::Sqlite(Box::new(open(&world.path())));
            slow(&mut other);
            world.ledger.writer = other;
        }
    }
    assert!(folds.len() > 20 && most > 5, "{folds:?} foldings, {most} batches held back at most");
    world.ledger.assert_sound();
}

/// While sums move from memory into the tables, whoever reads sees each donation once.
#[test]
fn readers_at_any_moment_count_each_donation_once() {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    let mut world = world();
    let Writer::Sqlite(writer) = &mut world.ledger.writer else { panic!("another store") };
    writer.fold_at(Pace { begin: 2, step: 1, each: 0 });
    let (creator, _) = world.beside.creator(&CREATOR).unwrap().unwrap();
    let (begun, answered) = (AtomicU64::new(0), AtomicU64::new(0));
    let done = AtomicBool::new(false);
    let reads = std::thread::scope(|scope| {
        let count = || {
            let mut reads = 0_u32;
            while !done.load(Ordering::SeqCst) {
                let least = answered.load(Ordering::SeqCst);
                let tallies = world.beside.tallies(creator.creator, 0, 0).unwrap();
                let seen = tallies.iter().find(|(_, item, _)| *item == ItemRef(0));
                let seen = seen.map_or(0, |(_, _, sum)| sum.count);
                let most = begun.load(Ordering::SeqCst);
                assert!((least..=most).contains(&seen), "{seen} seen of {least} to {most}");
                reads += 1;
            }
            reads
        };
        let readers = [scope.spawn(count), scope.spawn(count)];
        let mut accepted = 0;
        for number in 1..=150 {
            begun.store(number, Ordering::SeqCst);
            let claim = world.visitor.donation(CREATOR, "0.01", world.ledger.now);
            // Sixty a minute is what one key may.
            world.ledger.now = world.ledger.now.plus_ms(2_000);
            let outcome = world.ledger.outcome(&world.visitor, world.key, &claim);
            accepted += u64::from(outcome == Outcome::Accepted);
            answered.store(accepted, Ordering::SeqCst);
        }
        // Before anything can fail here, or the readers would never end.
        done.store(true, Ordering::SeqCst);
        assert_eq!(accepted, 150);
        readers.map(|reader| reader.join().expect("what it says above"))
    });
    assert!(reads.iter().sum::<u32>() > 150, "{reads:?} reads only");
}

#[test]
fn a_change_that_cannot_be_read_stops_and_loses_nothing() {
    let mut world = world();
    world.donate("0.10");
    let side = Connection::open(world.path()).unwrap();
    side.execute("UPDATE redo SET change = substr(change, 1, length(change) - 1)", []).unwrap();
    let claim = world.visitor.donation(CREATOR, "0.10", world.ledger.now);
    let command = Command::Claim { claim: world.visitor.checked(&claim), key: world.key };
    assert!(world.ledger.try_apply(&[command]).is_err(), "the writer goes on over a broken row");
    assert!(world.ledger.writer.snapshot().is_err(), "the audit does not see it");
    let again = SqliteWriter::open(&world.path(), Durability::Full);
    assert!(again.is_err_and(|error| error.to_string().contains("redo")));
    let left: u32 = side.query_row("SELECT count(*) FROM redo", [], |r| r.get(0)).unwrap();
    assert!(left > 0);
}
