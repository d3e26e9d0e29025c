//! The Merkle log over a real ledger: receipts hold and nothing else does, a rolled-back or changed
//! ledger is not signed again, restarts make no second history.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use farthing_rules::Command;
use farthing_shared::checkpoint::Checkpoint;
use farthing_shared::leaf::{Leaf, LeafBody};
use farthing_shared::merkle::{consistency_proof, is_consistent};
use farthing_shared::note::{Note, NoteKey};
use farthing_shared::receipt::Receipt;
use farthing_shared::statement::Statement;
use farthing_shared::tiles::TileName;
use farthing_shared::{SigningKey, UnixMillis};
use farthing_tests::actors::Visitor;
use farthing_tests::chance::Chance;
use farthing_tests::inprocess::Verifier;
use farthing_tests::ledger::{CREATOR, Ledger, asked};
use farthing_tests::tiled::{Copy, head, leaf};
use farthing_tests::wait::PATIENCE;
use farthing_verifier::config::Config;
use farthing_verifier::log::{self, Log, LogLie, Published};
use farthing_verifier::run;
use farthing_verifier::secrets::Secrets;
use farthing_verifier::store::Writer;
use farthing_verifier::store::sqlite::{Durability, Reader, SqliteWriter};

async fn covering(verifier: &Verifier, size: u64) -> Arc<Published> {
    let mut news = verifier.app.log.checkpoints();
    let covers = |newest: &Option<Arc<Published>>| {
        newest.as_ref().is_some_and(|newest| newest.checkpoint.size >= size)
    };
    let waiting = tokio::time::timeout(Duration::from_secs(10), news.wait_for(covers));
    waiting.await.expect("the log covers it within ten seconds").unwrap().clone().unwrap()
}

#[tokio::test]
async fn a_receipt_holds_offline_and_no_changed_byte_does() {
    let mut verifier = Verifier::start().await;
    let mut visitor = verifier.visitor(1, "1.00").await;
    let claim = visitor.view(CREATOR, "essay", "0.05", verifier.now());
    let answer = verifier.charge(&visitor.sign(&claim)).await.json();
    let entry = answer["entry"].as_u64().unwrap();
    let id = answer["claim_id"].as_str().unwrap();
    covering(&verifier, entry).await;
    let answer = verifier.get(&format!("/v1/receipts/{id}?entry={entry}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = String::from_utf8(answer.bytes.to_vec()).unwrap();
    let key = verifier.get("/log/key").await;
    let key = NoteKey::parse(std::str::from_utf8(&key.bytes).unwrap().trim()).unwrap();
    let receipt = Receipt::parse(&text).unwrap();
    assert_eq!(receipt.to_string(), text);
    let proven = receipt.verify(&key).unwrap();
    let LeafBody::Claim(leaf) = &proven.leaf.body else { panic!("a claim's leaf") };
    assert_eq!((leaf.signed.claim(), leaf.number), (&claim, 1));
    assert_eq!(Leaf::decode(&receipt.leaf).unwrap().encode(), receipt.leaf);
    for (at, bit) in (0..text.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1 << bit;
        let Ok(flipped) = String::from_utf8(bytes) else { continue };
        let verdict = Receipt::parse(&flipped).and_then(|receipt| receipt.verify(&key));
        assert!(verdict.is_err(), "byte {at}, bit {bit}: {verdict:?}");
    }
    for (path, status) in [
        (format!("/v1/receipts/{id}?entry={}", entry - 1), 404),
        (format!("/v1/receipts/{id}?entry=999"), 404),
        ("/log/tile/0/000.p/1".into(), 200),
        ("/log/tile/0/000.p/200".into(), 404),
        ("/log/tile/entries/000".into(), 404),
        ("/log/checkpoint".into(), 200),
    ] {
        assert_eq!(verifier.get(&path).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn a_creator_downloads_a_statement_that_holds_offline() {
    let mut verifier = Verifier::start().await;
    let session = verifier.sign_in().await;
    let key = verifier.app.log.key().clone();
    let empty = verifier.get_with("/v1/creator/statement", &session).await;
    let verdict = Statement::parse(&empty.bytes).unwrap().verify(&key, Some(&CREATOR), None);
    assert_eq!(verdict.unwrap().payments, 0);
    let mut visitor = verifier.visitor(1, "1.00").await;
    let mut seen = None;
    for amount in ["0.05", "0.07", "0.11"] {
        let claim = visitor.donation(CREATOR, amount, verifier.now());
        let answer = verifier.charge(&visitor.sign(&claim)).await.json();
        let entry = answer["entry"].as_u64().unwrap();
        let newest = covering(&verifier, entry).await;
        seen.get_or_insert(newest.checkpoint.clone());
        if amount == "0.07" {
            let request = visitor.refund(&claim, entry, verifier.now());
            let refund = asked(&request, &visitor.spending);
            verifier.app.intake.ask(Command::Refund { refund }).await.unwrap();
        }
    }
    // The refund is an entry after the second payment.
    let seen: Checkpoint = seen.unwrap();
    let totals = verifier.get_with("/v1/creator/totals", &session).await.json();
    for (query, first, last) in [
        (String::new(), 1, 3),
        ("?from=2".into(), 2, 3),
        ("?from=2&to=2".into(), 2, 2),
        (format!("?since={}", seen.size), 1, 3),
        ("?refunds_from=2".into(), 1, 3),
        ("?from=4&to=3".into(), 4, 3),
        // As docs/verifying.md asks for a part, by whoever has fewer payments.
        ("?from=1&to=500".into(), 1, 3),
        ("?from=3&to=500".into(), 3, 3),
        ("?from=4&to=500".into(), 4, 3),
    ] {
        let path = format!("/v1/creator/statement{query}");
        let answer = verifier.get_with(&path, &session).await;
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
        let statement = Statement::parse(&answer.bytes).unwrap();
        let seen = query.contains("since").then_some(&seen);
        let verdict = statement.verify(&key, Some(&CREATOR), seen).unwrap();
        let payments = last + 1 - first;
        assert_eq!(verdict.payments, payments, "{query}");
        if payments > 0 {
            assert_eq!((verdict.first, verdict.last), (first, last));
        }
        let refunds = u64::from(!query.contains("refunds_from"));
        assert_eq!((verdict.refunds, verdict.first_refund), (refunds, refunds));
        if refunds == 1 {
            assert_eq!(verdict.refunded.to_decimal(), "0.07");
        }
        if last == 3 && payments > 0 {
            assert_eq!(verdict.total.to_decimal(), totals["total"].as_str().unwrap());
        }
    }
    for (path, status) in [
        ("/v1/creator/statement?from=0", 422),
        ("/v1/creator/statement?from=5&to=500", 422),
        ("/v1/creator/statement?from=3&to=1", 422),
        ("/v1/creator/statement?since=1000000", 422),
        ("/v1/creator/statement?form=1", 400),
    ] {
        let answer = verifier.get_with(path, &session).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
    }
    assert_eq!(verifier.get("/v1/creator/statement").await.status, 401);
}

/// What a refund took from the creator is what the payment brought, and free credit brought nothing: the leaf
/// must say so, or every later statement calls an honest provider a liar.
#[tokio::test]
async fn a_refund_of_what_was_paid_with_free_credit_is_proven() {
    let mut verifier = Verifier::with(|config| config.welcome_credit = "0.03".into()).await;
    let session = verifier.sign_in().await;
    let key = verifier.app.log.key().clone();
    // The first payment is wholly free, the second and third partly.
    let mut visitor = verifier.visitor(1, "1.00").await;
    let mut newest = 0;
    for amount in ["0.02", "0.05", "0.07"] {
        let claim = visitor.donation(CREATOR, amount, verifier.now());
        let answer = verifier.charge(&visitor.sign(&claim)).await.json();
        let entry = answer["entry"].as_u64().unwrap();
        let request = visitor.refund(&claim, entry, verifier.now());
        let refund = asked(&request, &visitor.spending);
        // A refund gives what was free back as free: without it the next payment has none left of it.
        if amount != "0.02" {
            verifier.app.intake.ask(Command::Refund { refund }).await.unwrap();
        }
        newest = entry + u64::from(amount != "0.02");
    }
    covering(&verifier, newest).await;
    let answer = verifier.get_with("/v1/creator/statement", &session).await;
    let verdict =
        Statement::parse(&answer.bytes).unwrap().verify(&key, Some(&CREATOR), None).unwrap();
    // Of 0.05 one cent was free. What came back of it made one cent of 0.07 free.
    assert_eq!((verdict.payments, verdict.refunds), (3, 2));
    assert_eq!(verdict.total.to_decimal(), "0.10");
    assert_eq!(verdict.refunded.to_decimal(), "0.10");
}

/// A payment is promised to be in the log within two seconds. Until then a statement leaves it out, and holds.
#[tokio::test]
async fn a_statement_leaves_out_what_the_log_does_not_cover_yet() {
    // The log covers what was there at the start and follows no further.
    let mut verifier = Verifier::with(|config| config.proofs.signing = "unsafe-off".into()).await;
    let session = verifier.sign_in().await;
    let key = verifier.app.log.key().clone();
    let mut visitor = verifier.visitor(1, "1.00").await;
    let claim = visitor.donation(CREATOR, "0.05", verifier.now());
    verifier.charge(&visitor.sign(&claim)).await;
    let answer = verifier.get_with("/v1/creator/statement", &session).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let verdict = Statement::parse(&answer.bytes).unwrap().verify(&key, Some(&CREATOR), None);
    assert_eq!(verdict.unwrap().payments, 0);
}

/// A ledger in a folder that is opened and closed like a server's, without HTTP.
struct Place {
    config: Config,
    _folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        Self { config: Config { data, ..Config::default() }, _folder: folder }
    }

    fn ledger(&self) -> Ledger {
        let path = run::ledger_path(&self.config);
        Ledger::new(Writer::Sqlite(Box::new(SqliteWriter::open(&path, Durability::Full).unwrap())))
    }

    fn secrets() -> Secrets {
        Secrets::new(&[3; 32], [4; 32])
    }

    fn log(&self) -> Result<Log, String> {
        let path = run::ledger_path(&self.config);
        let reader = Reader::open(&path).unwrap();
        Log::start(&self.config, &Self::secrets(), reader, &path)
    }

    fn opened(&self) -> Checkpoint {
        let log = self.log().unwrap();
        log.newest().unwrap().checkpoint.clone()
    }
}

/// A visitor who gives donations, so many each time.
struct Donor {
    visitor: Visitor,
    key: farthing_rules::KeyRef,
}

impl Donor {
    fn new(ledger: &mut Ledger) -> Self {
        let (visitor, key) = ledger.visitor(1, "1000.00");
        Self { visitor, key }
    }

    fn give(&mut self, ledger: &mut Ledger, count: u64) {
        let now = UnixMillis(ledger.now.0);
        let claims: Vec<Command> = (0..count)
            .map(|_| {
                let claim = self.visitor.donation(CREATOR, "0.01", now);
                Command::Claim { claim: self.visitor.checked(&claim), key: self.key }
            })
            .collect();
        ledger.apply(&claims);
    }
}

#[test]
fn a_rolled_back_ledger_is_not_signed_again() {
    let place = Place::new();
    let path = run::ledger_path(&place.config);
    let mut ledger = place.ledger();
    let mut donor = Donor::new(&mut ledger);
    donor.give(&mut ledger, 10);
    let yesterday = path.with_extension("yesterday");
    let Writer::Sqlite(store) = &ledger.writer else { unreachable!("it was opened as SQLite") };
    store.copy_to(&yesterday).unwrap();
    let before = place.opened();
    donor.give(&mut ledger, 20);
    let newest = place.opened();
    assert_eq!(newest.size, before.size + 20);
    drop(ledger);
    for ending in ["db-wal", "db-shm"] {
        let _absent = std::fs::remove_file(path.with_extension(ending));
    }
    std::fs::rename(&yesterday, &path).unwrap();
    let why = place.log().unwrap_err();
    let range = format!("entries {} to {} are missing", before.size + 1, newest.size);
    assert!(why.contains(&range) && why.contains("farthing log reset"), "{why}");
    // Entries that take the place of the missing ones do not hide it.
    let mut ledger = place.ledger();
    donor.visitor.next += 100;
    donor.give(&mut ledger, 30);
    let why = place.log().unwrap_err();
    assert!(why.contains(&format!("entry {} differs", before.size + 1)), "{why}");
    // The way out is another log, not another history of this one.
    let origin = log::reset(&place.config, &Place::secrets(), UnixMillis(1_795_392_000_000));
    assert_eq!(origin.unwrap(), format!("{}/1795392000000", newest.origin));
    let begun = place.opened();
    assert_ne!(begun.origin, newest.origin);
    assert_eq!(begun.size, before.size + 30);
    assert_eq!(place.opened(), begun);
}

#[test]
fn an_abandoned_log_signs_nothing_more() {
    let place = Place::new();
    let mut ledger = place.ledger();
    let mut donor = Donor::new(&mut ledger);
    // What was given may have been signed before the end was told; not ten times in a row, since a
    // checkpoint follows the one before it by a quarter of a second.
    let left_out = (0..10).any(|_| {
        let log = place.log().unwrap();
        let mut news = log.checkpoints();
        donor.give(&mut ledger, 1);
        while !news.has_changed().unwrap() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let shown = news.borrow_and_update().clone().unwrap().checkpoint.size;
        donor.give(&mut ledger, 1);
        log.abandon();
        log.newest().unwrap().checkpoint.size == shown
    });
    assert!(left_out, "what followed the end was signed each time");
    let log = place.log().unwrap();
    donor.give(&mut ledger, 5);
    log.stop();
    let entries = ledger.writer.snapshot().unwrap().entries.len() as u64;
    assert_eq!(log.newest().unwrap().checkpoint.size, entries, "an orderly end shows everything");
}

#[test]
fn a_lost_mark_and_a_second_signer_are_refused() {
    let place = Place::new();
    Donor::new(&mut place.ledger());
    let log = place.log().unwrap();
    let why = place.log().unwrap_err();
    assert!(why.contains("another verifier signs"), "{why}");
    drop(log);
    let mark = log::high_water_path(&place.config);
    let text = std::fs::read_to_string(&mark).unwrap();
    std::fs::remove_file(&mark).unwrap();
    let why = place.log().unwrap_err();
    assert!(why.contains("high-water mark") && why.contains("missing"), "{why}");
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        std::fs::write(&mark, bytes).unwrap();
        assert!(place.log().is_err(), "byte {at}");
    }
    std::fs::write(&mark, text).unwrap();
    place.log().unwrap();
}

/// The lock keeps a second verifier off the mark; where locks do not work (a share over a network) its content does.
#[tokio::test]
async fn a_mark_that_somebody_else_has_written_ends_the_signing() {
    let place = Place::new();
    let mut ledger = place.ledger();
    let mut donor = Donor::new(&mut ledger);
    let log = place.log().unwrap();
    let shown = log.newest().unwrap().checkpoint.clone();
    let secrets = Place::secrets();
    let theirs = Checkpoint { size: shown.size + 1, ..shown.clone() };
    let theirs = theirs.sign(&secrets.log_key()).unwrap().to_string();
    let mark = log::high_water_path(&place.config);
    std::fs::write(&mark, &theirs).unwrap();
    donor.give(&mut ledger, 3);
    let mut halted = log.halted();
    let told = tokio::time::timeout(PATIENCE, halted.wait_for(|halted| *halted)).await;
    told.expect("it halts").unwrap();
    log.stop();
    assert_eq!(
        log.newest().unwrap().checkpoint,
        shown,
        "it signed over somebody else's checkpoint"
    );
    assert_eq!(std::fs::read_to_string(&mark).unwrap(), theirs);
}

/// The ledger's numbers have no gap, so that a missing entry is a ledger that was changed from outside: what
/// follows must not move up into its place.
#[test]
fn a_ledger_with_a_hole_is_not_signed() {
    let place = Place::new();
    let mut ledger = place.ledger();
    let mut donor = Donor::new(&mut ledger);
    donor.give(&mut ledger, 10);
    drop(ledger);
    let path = run::ledger_path(&place.config);
    let connection = rusqlite::Connection::open(&path).unwrap();
    let removed = connection.execute("DELETE FROM entries WHERE number = 7", []).unwrap();
    assert_eq!(removed, 1);
    drop(connection);
    let why = place.log().unwrap_err();
    assert!(why.contains("entry 7 is missing in the ledger"), "{why}");
    assert!(!log::high_water_path(&place.config).exists(), "a checkpoint was signed all the same");
}

#[test]
fn restarts_and_torn_files_make_no_second_history() {
    let seed = std::env::var("FARTHING_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let restarts =
        if std::env::var("FARTHING_CRASH").as_deref() == Ok("full") { 1_000 } else { 60 };
    println!("FARTHING_SEED={seed}, {restarts} restarts");
    let mut chance = Chance::new(seed);
    let place = Place::new();
    let mut ledger = place.ledger();
    let mut donor = Donor::new(&mut ledger);
    let mut shown: Vec<Checkpoint> = Vec::new();
    for restart in 0..restarts {
        let log = place.log().unwrap_or_else(|why| panic!("restart {restart}: {why}"));
        let mut news = log.checkpoints();
        for _ in 0..chance.below(3) {
            donor.give(&mut ledger, 1 + chance.below(40));
            std::thread::sleep(Duration::from_millis(chance.below(60)));
        }
        shown.push(news.borrow_and_update().clone().unwrap().checkpoint.clone());
        drop(log);
        shown.push(news.borrow_and_update().clone().unwrap().checkpoint.clone());
        tear(&log::folder(&place.config), &mut chance);
    }
    let log = place.log().unwrap();
    let newest = log.newest().unwrap().checkpoint.clone();
    assert_eq!(newest.size, ledger.writer.snapshot().unwrap().entries.len() as u64);
    for old in &shown {
        let proof = consistency_proof(&mut log.tree(newest.size), old.size, newest.size).unwrap();
        let sound = is_consistent((old.size, &old.root), (newest.size, &newest.root), &proof);
        assert!(sound, "{old:?} and {newest:?}");
    }
    let entries = ledger.writer.snapshot().unwrap().entries;
    assert_eq!(log::audit(&place.config, &Place::secrets(), &entries), Ok(Vec::new()));
}

/// What a power failure may leave of files that were not synced: an older length, or other bytes.
fn tear(folder: &Path, chance: &mut Chance) {
    match chance.below(4) {
        0 => std::fs::write(folder.join("synced"), "0\n").unwrap(),
        1 => {
            let level = folder.join("level-0");
            let length = std::fs::metadata(&level).unwrap().len();
            let file = std::fs::File::options().write(true).open(level).unwrap();
            file.set_len(chance.below(length + 1)).unwrap();
        }
        2 => {
            let level = folder.join("level-0");
            let mut bytes = std::fs::read(&level).unwrap();
            let at = chance.below(bytes.len() as u64) as usize;
            bytes[at] ^= 0x40;
            std::fs::write(level, bytes).unwrap();
        }
        _ => {}
    }
}

#[test]
fn every_flipped_byte_of_a_log_is_noticed() {
    let (mut copy, edge) = Copy::of((0..300).map(leaf));
    let newest = head(&edge);
    log::check(&mut copy, &newest, &[]).unwrap();
    for name in copy.0.keys().copied().collect::<Vec<_>>() {
        for at in 0..copy.0[&name].len() {
            let mut flipped = copy.clone();
            flipped.0.get_mut(&name).unwrap()[at] ^= 1;
            assert!(log::check(&mut flipped, &newest, &[]).is_err(), "{} byte {at}", name.path());
        }
    }
    let secret = SigningKey::from_seed(&[9; 32]);
    let key = NoteKey::new(&newest.origin, 1, &secret.public()).unwrap();
    let text = newest.sign(&secret).unwrap().to_string();
    for (at, bit) in (0..text.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1 << bit;
        let Ok(flipped) = String::from_utf8(bytes) else { continue };
        let opened = Note::parse(&flipped).and_then(|note| Checkpoint::open(&note, &key));
        assert!(opened.is_err(), "byte {at}, bit {bit}");
    }
}

/// Proofs take their nodes from any level, so that the audit must not stop at the leaves and the edge.
#[test]
fn the_audit_compares_every_tile_of_every_level() {
    let leaves: Vec<_> = (0..65_537).map(leaf).collect();
    let (copy, edge) = Copy::of(leaves.iter().copied());
    let signed = head(&edge);
    assert_eq!(log::differences_of(&mut copy.clone(), &leaves, &signed), Ok(Vec::new()));
    let flipped = |path: &str, at: usize| {
        let mut copy = copy.clone();
        let name = TileName::parse(path).unwrap();
        copy.0.get_mut(&name).unwrap()[at] ^= 1;
        log::differences_of(&mut copy, &leaves, &signed).unwrap()
    };
    for path in ["tile/1/000", "tile/2/000.p/1"] {
        assert_eq!(flipped(path, 0), [format!("{path} does not follow from the ledger")]);
    }
    for (path, entry) in [("tile/0/000", 4), ("tile/0/255", 65_284), ("tile/0/256.p/1", 65_537)] {
        let at = if entry == 65_537 { 0 } else { 3 * 32 + 31 };
        assert_eq!(flipped(path, at), [format!("entry {entry}: the log holds another leaf")]);
    }
    let mut other = leaves.clone();
    other[9] = leaf(1_000_000);
    let said = log::differences_of(&mut copy.clone(), &other, &signed).unwrap();
    assert_eq!(said.first().unwrap(), "entry 10: the log holds another leaf");
    assert_eq!(
        said.last().unwrap(),
        "the ledger does not lead to the root signed over 65537 entries"
    );
    let mut short = copy.clone();
    short.0.remove(&TileName::parse("tile/1/000").unwrap());
    assert!(log::differences_of(&mut short, &leaves, &signed).is_err());
}

#[test]
fn lies_of_a_log_are_named() {
    let (honest, edge) = Copy::of((0..300).map(leaf));
    let (_, early) = Copy::of((0..200).map(leaf));
    let (split, other) = Copy::of((0..300).map(|n| leaf(if n == 100 { 1_000 } else { n })));
    let (dropped, _) = Copy::of((0..300).filter(|n| *n != 100).map(leaf));
    let (reordered, _) = Copy::of((0..300).map(|n| {
        leaf(if n == 5 {
            6
        } else if n == 6 {
            5
        } else {
            n
        })
    }));
    let rows = [
        (&honest, &edge, &early, Ok(())),
        (&split, &edge, &early, Err(LogLie::SplitView { seen: 200 })),
        (&split, &other, &early, Err(LogLie::SplitView { seen: 200 })),
        (&reordered, &edge, &edge, Err(LogLie::SplitView { seen: 300 })),
        (&honest, &early, &edge, Err(LogLie::RolledBack { seen: 300, size: 200 })),
    ];
    for (at, (copy, newest, seen, expected)) in rows.into_iter().enumerate() {
        let verdict = log::check(&mut copy.clone(), &head(newest), &[head(seen)]);
        assert_eq!(verdict, expected, "row {at}");
    }
    let verdict = log::check(&mut dropped.clone(), &head(&edge), &[]);
    assert!(matches!(verdict, Err(LogLie::Missing(_))), "{verdict:?}");
    let verdict = log::check(&mut split.clone(), &head(&edge), &[]);
    assert_eq!(verdict, Err(LogLie::OtherRoot { size: 300 }));
}
