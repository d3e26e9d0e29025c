//! kill -9 under load: what was acknowledged is there after the next start, what was not gets a
//! definite answer, nothing is there twice, and all that was ever signed is one history. `FARTHING_CRASH=full`
//! kills 500 times instead of 20, which are 1,000 starts.

#![expect(clippy::print_stderr, reason = "a failing test shows what it printed")]

use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::thread;
use std::time::Duration;

use farthing_rules::EntryBody;
use farthing_shared::SignedClaim;
use farthing_tests::chance::Chance;
use farthing_tests::crowd::{self, Manner, Memory, Paid};
use farthing_tests::daemon::{Daemon, run_to_end};
use farthing_tests::go::GoReader;
use farthing_tests::independent::{IndependentLog, leaf_of};
use farthing_tests::stock::Stock;
use farthing_tests::wire::Wire;

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let kills =
        if std::env::var_os("FARTHING_CRASH").is_some_and(|v| v == "full") { 500 } else { 20 };
    let mut chance = Chance::printed("crash");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut stock = Stock::new(&folder.path().join("data"), 64);
    let settings = stock.settings();
    let log = folder.path().join("log");
    let mut all: Vec<Paid> = Vec::new();
    let mut shown: BTreeSet<String> = BTreeSet::new();
    let (mut settled, mut were_charged) = (0, 0);
    for kill in 0..kills {
        let daemon = Daemon::start(&settings, &[], &log);
        let manner = Manner {
            address: daemon.address,
            connections: 8,
            together: if chance.once_in(3) { 20 } else { 1 },
            requests: usize::MAX,
        };
        let pause = Duration::from_millis(20 + chance.below(131));
        let visitors = &mut stock.visitors;
        let memory = thread::scope(|scope| {
            let paying = scope.spawn(move || crowd::pay(visitors, manner));
            for _ in 0..3 {
                thread::sleep(pause / 3);
                shown.insert(checkpoint(&daemon));
            }
            daemon.kill();
            paying.join().expect("the visitors saw only answers they expected")
        });
        let daemon = Daemon::start(&settings, &[], &log);
        shown.insert(checkpoint(&daemon));
        assert!(memory.unknown.is_empty(), "kill {kill}: no commit failed");
        let repeats = settle(&daemon, &memory);
        settled += memory.unanswered.len();
        were_charged += repeats;
        all.extend(memory.paid);
        daemon.kill();
    }
    eprintln!(
        "{kills} kills: {} acknowledged; {settled} unanswered, of which {were_charged} had been charged",
        all.len()
    );
    assert!(all.len() > kills, "the load was too small to show anything");
    assert!(settled > 0, "no kill ever came between a request and its answer");
    check_ledger(&stock, &all);
    check_log(&settings, &log);
    let exported = folder.path().join("exported");
    check_independently(&settings, &stock, (&all, &shown), &exported);
}

/// What the log shows at this moment.
fn checkpoint(daemon: &Daemon) -> String {
    let mut wire = Wire::connect(daemon.address).expect("a server that is ready");
    let reply = wire.get("/log/checkpoint").expect("an answer");
    assert_eq!(reply.status, 200, "a server that is ready has a checkpoint");
    String::from_utf8(reply.body).expect("text")
}

/// Software that nobody here wrote reads the log: every acknowledged claim is a leaf under its number, with
/// the bytes that its visitor signed, and every checkpoint that was ever shown is of its beginning.
fn check_independently(
    settings: &[(String, String)],
    stock: &Stock,
    (all, shown): (&[Paid], &BTreeSet<String>),
    folder: &Path,
) {
    let told = |output: std::process::Output| {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let key = told(run_to_end(settings, &["log", "key"]));
    told(run_to_end(settings, &["log", "export", folder.to_str().expect("a path in UTF-8")]));
    let read = IndependentLog::open(folder, key.trim()).expect("a log that others can read");
    let snapshot = stock.snapshot();
    assert_eq!(read.size(), snapshot.entries.len() as u64, "the log is as long as the ledger");
    let leaves: Vec<Option<(u64, Vec<u8>)>> =
        all.iter().map(|paid| leaf_of(&snapshot.entries, paid.entry, &paid.claim)).collect();
    let missing = read.missing(leaves.iter().cloned()).expect("tiles that lead to the root");
    eprintln!("{} acknowledged claims, {missing} not in the log that others read", all.len());
    assert_eq!(missing, 0, "acknowledged claims are missing in the log");
    let forks = shown.iter().filter(|note| read.began_with(key.trim(), note.as_bytes()).is_err());
    let forks = forks.count();
    eprintln!("{} checkpoints were shown, {forks} of another history", shown.len());
    assert_eq!(forks, 0, "the log was forked");
    let Some(go) = GoReader::compiled() else { return };
    let leaves: Vec<(u64, Vec<u8>)> = leaves.into_iter().flatten().collect();
    let notes = shown.iter().map(String::as_bytes);
    go.holds(folder, key.trim(), &leaves, notes).expect("a log that Go reads, with every claim");
    eprintln!("Go proved {} of them and {} checkpoints", leaves.len(), shown.len());
    let (place, leaf) = leaves.last().expect("an acknowledged claim");
    let other = read.missing([Some((place - 1, leaf.clone())), None].into_iter());
    assert_eq!(other, Ok(2), "what is not there is not seen");
}

/// The log holds every entry: a server that ends in order has shown all of them, and the audit
/// compares leaf by leaf.
fn check_log(settings: &[(String, String)], words: &std::path::Path) {
    assert!(Daemon::start(settings, &[], words).stop().success());
    let output = run_to_end(settings, &["audit", "--log"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

/// A ledger of yesterday under the checkpoint of today: signing on would be a second truth.
#[test]
fn a_rolled_back_ledger_does_not_start() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let mut stock = Stock::new(&data, 4);
    let settings = stock.settings();
    let log = folder.path().join("log");
    let pay = |stock: &mut Stock| {
        let daemon = Daemon::start(&settings, &[], &log);
        let mut wire = Wire::connect(daemon.address).expect("a connection");
        let claim = farthing_tests::stock::next_claim(&mut stock.visitors[0]);
        assert_eq!(wire.claim(&claim).expect("an answer").word("outcome"), "accepted");
        assert!(daemon.stop().success());
    };
    pay(&mut stock);
    let entries = stock.snapshot().entries.len();
    std::fs::copy(data.join("ledger.db"), folder.path().join("yesterday")).expect("a copy");
    pay(&mut stock);
    std::fs::copy(folder.path().join("yesterday"), data.join("ledger.db")).expect("a copy back");
    for name in ["ledger.db-wal", "ledger.db-shm"] {
        // What ended in order has removed them.
        let _not_there = std::fs::remove_file(data.join(name));
    }
    assert_eq!(stock.snapshot().entries.len(), entries, "the ledger was rolled back");
    let output = run_to_end(&settings, &["serve"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78), "{said}");
    let missing = format!("{}", entries + 1);
    assert!(said.contains(&missing) && said.contains("missing"), "the range is not named: {said}");
    assert!(said.contains("farthing log reset --i-know-what-this-means"), "no way out: {said}");
    // A ledger that lost its newest part is sound in itself: what was signed says that it is not whole.
    let backup = folder.path().join("backup");
    for command in
        [&["audit"][..], &["audit", "--log"], &["backup", backup.to_str().expect("UTF-8")]]
    {
        let output = run_to_end(&settings, command);
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(output.status.code(), Some(1), "{command:?}: {said}");
        assert!(said.contains(&missing) && said.contains("missing"), "{command:?}: {said}");
    }
}

/// After the restart: every acknowledged claim is known under its entry, and every unanswered one
/// is charged exactly once when it is sent again. Tells how many of those had been charged.
fn settle(daemon: &Daemon, memory: &Memory) -> usize {
    let mut wire = Wire::connect(daemon.address).expect("a server that is ready");
    for paid in &memory.paid {
        let reply = wire.status(&paid.claim).expect("an answer");
        assert_eq!(reply.word("outcome"), "accepted", "lost: {:?}", paid.claim);
        assert_eq!(reply.json()["entry"].as_u64(), Some(paid.entry));
    }
    // One of each connection's last acknowledged claims, sent again with the same bytes.
    for paid in memory.paid.iter().rev().take(8) {
        let reply = wire.claim(&paid.claim).expect("an answer");
        assert_eq!(reply.json()["repeat"].as_bool(), Some(true), "charged twice: {paid:?}");
        assert_eq!(crowd::entries(&reply, 1), [paid.entry]);
    }
    let mut charged_before = 0;
    for claim in &memory.unanswered {
        let first = wire.claim(claim).expect("an answer");
        let entry = crowd::entries(&first, 1);
        charged_before += usize::from(first.json()["repeat"] == true);
        let second = wire.claim(claim).expect("an answer");
        assert_eq!(second.json()["repeat"].as_bool(), Some(true));
        assert_eq!(crowd::entries(&second, 1), entry);
    }
    charged_before
}

/// The file itself: whole by SQLite's check, clean by the audit, every acknowledged claim byte for
/// byte in its entry, no claim in two.
fn check_ledger(stock: &Stock, all: &[Paid]) {
    let snapshot = stock.snapshot();
    let mut ids = HashSet::new();
    for entry in &snapshot.entries {
        if let EntryBody::Claim(claim) = &entry.body {
            let claim = SignedClaim::decode(&claim.signed).expect("an entry holds a claim");
            assert!(ids.insert(claim.id()), "entry {:?} is charged twice", entry.number);
        }
    }
    for paid in all {
        let at = usize::try_from(paid.entry - 1).expect("an entry number");
        let entry = snapshot.entries.get(at).expect("an acknowledged entry exists");
        match &entry.body {
            EntryBody::Claim(claim) => assert_eq!(claim.signed, paid.claim.encode()),
            other => panic!("entry {} is {other:?}", paid.entry),
        }
    }
}
