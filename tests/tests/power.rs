//! Power failures, played out at many points of a recorded run of the real binary; and commits
//! whose outcome is unknown. `FARTHING_CRASH=full` tries 1,500 points instead of 150.
//!
//! kill -9 cannot show a missing sync, since the kernel keeps what was written. So the same run is
//! made with `store.durability = "unsafe-normal"`, and must then lose acknowledged claims: if that
//! test ever passes without losses, this file proves nothing.

#![expect(clippy::print_stderr, reason = "a failing test shows what it printed")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use farthing_rules::EntryBody;
use farthing_shared::SignedClaim;
use farthing_tests::chance::Chance;
use farthing_tests::crowd::{self, Manner, Memory};
use farthing_tests::daemon::Daemon;
use farthing_tests::go::GoReader;
use farthing_tests::independent::{IndependentLog, leaf_of};
use farthing_tests::power::{Disk, Event, Survives, read_recording, recorder};
use farthing_tests::stock::{self, Stock};
use farthing_tests::wire::Wire;
use farthing_verifier::store::Snapshot;
use tempfile::TempDir;

/// A run of the verifier with everything it asked of its disk.
struct Recorded {
    before: Disk,
    events: Vec<Event>,
    /// What visitors were told: entries and the claims in them.
    told: BTreeMap<u64, SignedClaim>,
}

/// What the points showed.
#[derive(Debug, Default)]
struct Findings {
    points: usize,
    lost: usize,
    broken: Vec<String>,
    /// Where the log could not go on from what was signed.
    unsigned: Vec<String>,
    /// Points where software that nobody here wrote read the log, and what it missed or refused.
    read: usize,
    proven: usize,
    unread: Vec<String>,
}

/// Who reads the log at how many of the points: both crates at one in so many, Go at one in so many of those.
const CRATES_READ_ONE_IN: usize = 3;
const GO_READS_ONE_IN: usize = 10;

#[test]
fn acknowledged_claims_survive_a_power_failure() {
    let mut chance = Chance::printed("power");
    let recorded = record("full");
    assert_synced_before_signing(&recorded.events);
    let findings = play(recorded, points(), &mut chance);
    eprintln!("{findings:?}");
    assert!(findings.broken.is_empty() && findings.unsigned.is_empty(), "{findings:?}");
    assert_eq!(findings.lost, 0, "points with acknowledged claims lost");
    assert!(findings.unread.is_empty(), "{findings:?}");
    assert!(findings.read * 2 > findings.points / CRATES_READ_ONE_IN, "{findings:?}");
    assert!(findings.proven > findings.read, "nothing was acknowledged at these points");
}

#[test]
fn without_a_sync_before_the_answer_claims_are_lost_and_this_notices() {
    let mut chance = Chance::printed("power, unsafe");
    let recorded = record("unsafe-normal");
    let findings = play(recorded, points() / 3, &mut chance);
    eprintln!("{findings:?}");
    assert!(findings.broken.is_empty(), "SQLite stays whole without the sync: {findings:?}");
    assert!(findings.lost > 0, "this test cannot see a missing sync");
}

#[test]
fn a_commit_that_fails_is_unknown_and_the_same_claim_settles_it() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let mut stock = Stock::new(&place.path().join("data"), 4);
    let before = Disk::of(&stock.folder);
    let log = place.path().join("log");
    let daemon = recorded_daemon(&stock, place.path(), "full", Some(12));
    std::fs::write(place.path().join("armed"), "").expect("a file");
    let manner = Manner { address: daemon.address, connections: 1, together: 1, requests: 100 };
    let memory = crowd::pay(&mut stock.visitors, manner);
    let mut daemon = daemon;
    let status = daemon.wait();
    assert_eq!(status.code(), Some(75), "it must be started again:\n{}", daemon.words());
    let [claim] = memory.unknown.as_slice() else {
        panic!("one claim was told that its outcome is unknown: {memory:?}")
    };
    assert!(memory.unanswered.is_empty(), "everybody got an answer: {memory:?}");

    // The write had reached the kernel, or nothing of it had reached the disk: either way the
    // visitor sends the same bytes again and is charged once.
    settles(&stock.folder, &stock, claim, &memory, &log);
    let image = tempfile::tempdir().expect("a temporary folder");
    let mut disk = before;
    let events = read_recording(&place.path().join("recording"));
    for event in &events {
        disk.take(event);
        if matches!(event, Event::SyncFailed) {
            break;
        }
    }
    disk.fail(Survives::Nothing, &mut Chance::new(0), image.path());
    let charged_before = settles(image.path(), &stock, claim, &memory, &log);
    assert!(!charged_before, "nothing of the failed commit was on this disk");
}

/// Starts on a folder and sends the claim again, twice. Tells whether it had been charged.
fn settles(folder: &Path, stock: &Stock, claim: &SignedClaim, memory: &Memory, log: &Path) -> bool {
    let mut settings = stock.settings();
    settings.push(("FARTHING_DATA".into(), folder.display().to_string()));
    let mark = folder.join(stock::MARK).display().to_string();
    settings.push(("FARTHING_PROOFS__HIGH_WATER".into(), mark));
    let daemon = Daemon::start(&settings, &[], log);
    let mut wire = Wire::connect(daemon.address).expect("a server that is ready");
    let first = wire.claim(claim).expect("an answer");
    let entry = crowd::entries(&first, 1);
    let second = wire.claim(claim).expect("an answer");
    assert_eq!(second.json()["repeat"].as_bool(), Some(true));
    assert_eq!(crowd::entries(&second, 1), entry);
    daemon.kill();
    let snapshot = stock::read(folder).expect("a clean ledger");
    let claims = snapshot.entries.iter().filter(|e| matches!(e.body, EntryBody::Claim(_)));
    assert_eq!(claims.count(), memory.paid.len() + 1, "each claim is charged once");
    let key = stock::log(folder).expect("a log that goes on");
    let paid = memory.paid.iter().map(|paid| (paid.entry, paid.claim.clone()));
    let claims: Vec<(u64, SignedClaim)> = paid.chain([(entry[0], claim.clone())]).collect();
    let proven = read_by_others(folder, (&claims, &BTreeSet::new()), (&snapshot, &key), None);
    assert_eq!(proven, Ok(claims.len()));
    first.json()["repeat"] == true
}

/// A process that was killed leaves commits in the kernel's memory that the next one reads and that are not on the
/// disk yet: were they signed and the power failed then, the log would know entries that the ledger has lost.
fn assert_synced_before_signing(events: &[Event]) {
    let mark = format!("{}.new", stock::MARK);
    let marked =
        events.iter().position(|e| matches!(e, Event::Opened { path, .. } if *path == mark));
    let before = events.get(..marked.expect("a checkpoint was signed")).expect("a place in it");
    let opened = |name: &str| {
        before.iter().find_map(|event| match event {
            Event::Opened { file, path } if path == name => Some(*file),
            _ => None,
        })
    };
    let ledger = opened("ledger.db").expect("the ledger was opened");
    for file in [Some(ledger), opened("ledger.db-wal")].into_iter().flatten() {
        let is_synced = |event: &Event| matches!(event, Event::Synced { file: it } if *it == file);
        assert!(before.iter().any(is_synced), "the first checkpoint was signed before a sync");
    }
}

fn points() -> usize {
    if std::env::var_os("FARTHING_CRASH").is_some_and(|v| v == "full") { 1_500 } else { 150 }
}

/// Runs the binary under the recorder while visitors pay.
fn record(durability: &str) -> Recorded {
    let place = tempfile::tempdir().expect("a temporary folder");
    let mut stock = Stock::new(&place.path().join("data"), 24);
    let before = Disk::of(&stock.folder);
    let daemon = recorded_daemon(&stock, place.path(), durability, None);
    let ledger = stock.folder.join("ledger.db");
    let changed = || std::fs::metadata(&ledger).and_then(|m| m.modified()).expect("a ledger");
    let at_start = changed();
    let mut memory = Memory::default();
    // Until the write-ahead log has been folded into the ledger once, since that is when two files
    // must agree; and some claims more.
    for round in 0..40 {
        let single = Manner { address: daemon.address, connections: 3, together: 1, requests: 60 };
        memory.paid.extend(crowd::pay(&mut stock.visitors, single).paid);
        let batches = Manner { together: 8, requests: 4, ..single };
        memory.paid.extend(crowd::pay(&mut stock.visitors, batches).paid);
        if changed() != at_start && round > 2 {
            break;
        }
    }
    assert_ne!(changed(), at_start, "the write-ahead log was never folded into the ledger");
    daemon.kill();
    let events = read_recording(&place.path().join("recording"));
    let told: BTreeMap<u64, SignedClaim> =
        memory.paid.iter().map(|paid| (paid.entry, paid.claim.clone())).collect();
    assert_eq!(told.len(), memory.paid.len(), "every claim has an entry of its own");
    assert!(memory.unanswered.is_empty() && memory.unknown.is_empty());
    let recorded: BTreeSet<u64> = events.iter().flat_map(entries_told).collect();
    assert_eq!(recorded, told.keys().copied().collect(), "the recording misses answers");
    let syncs = events.iter().filter(|event| matches!(event, Event::Synced { .. })).count();
    let (all, claims) = (events.len(), told.len());
    eprintln!("recorded with {durability}: {claims} claims, {all} events, {syncs} syncs");
    Recorded { before, events, told }
}

fn recorded_daemon(
    stock: &Stock,
    place: &Path,
    durability: &str,
    fail_sync: Option<u32>,
) -> Daemon {
    let path = |name: &str| place.join(name).display().to_string();
    let library = recorder(place).display().to_string();
    let data = stock.folder.canonicalize().expect("a folder").display().to_string();
    let (recording, armed) = (path("recording"), path("armed"));
    let fail_sync = fail_sync.unwrap_or(0).to_string();
    let more = [
        ("LD_PRELOAD", library.as_str()),
        ("RECORDER_FOLDER", &data),
        ("RECORDER_LOG", &recording),
        ("RECORDER_ARM", &armed),
        // Not of the log's mark, which is synced at its own times and by another thread.
        ("RECORDER_FAIL_FILE", "ledger.db-wal"),
        ("RECORDER_FAIL_SYNC", &fail_sync),
        ("FARTHING_STORE__DURABILITY", durability),
    ];
    Daemon::start(&stock.settings(), &more, &place.join("log"))
}

/// The entries that an answer tells of.
fn entries_told(event: &Event) -> Vec<u64> {
    let Event::Answered { bytes } = event else { return Vec::new() };
    let Some(at) = bytes.windows(4).position(|part| part == b"\r\n\r\n") else {
        return Vec::new();
    };
    let body = &bytes[at + 4..];
    if body.first() == Some(&b'{') {
        let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        return json["entry"].as_u64().into_iter().collect();
    }
    let told = body.chunks_exact(16).filter(|answer| answer.starts_with(&[0, 1, 1]));
    told.map(|answer| u64::from_be_bytes(answer[8..].try_into().expect("8 bytes"))).collect()
}

/// A disk image and what must be on it.
struct Image {
    folder: TempDir,
    acknowledged: Vec<(u64, SignedClaim)>,
    /// Checkpoints that may have been shown: each is marked on the disk before.
    shown: BTreeSet<Vec<u8>>,
    what: String,
}

/// Lets the power fail at points of the recording and looks at what is left.
fn play(recorded: Recorded, points: usize, chance: &mut Chance) -> Findings {
    let Recorded { before: mut disk, events, told } = recorded;
    let at = choose(&events, points, chance);
    let (images, to_check) = mpsc::sync_channel::<Image>(4);
    thread::scope(|scope| {
        let checking = scope.spawn(move || check_all(to_check));
        let (mut acknowledged, mut shown) = (Vec::new(), BTreeSet::new());
        for (number, event) in events.iter().enumerate() {
            disk.take(event);
            if matches!(event, Event::FolderSynced) {
                shown.extend(disk.safe(stock::MARK).map(<[u8]>::to_vec));
            }
            let entries = entries_told(event).into_iter();
            acknowledged.extend(entries.map(|entry| (entry, told[&entry].clone())));
            for survives in at.get(&number).into_iter().flatten() {
                let folder = tempfile::tempdir().expect("a temporary folder");
                disk.fail(*survives, chance, folder.path());
                let what = format!("event {number} of {}, {survives:?} survives", events.len());
                let (acknowledged, shown) = (acknowledged.clone(), shown.clone());
                let image = Image { folder, acknowledged, shown, what };
                images.send(image).expect("the checking thread lives");
            }
        }
        drop(images);
        checking.join().expect("checking does not panic")
    })
}

/// A third of the points right after an answer, a third while the write-ahead log is folded into
/// the ledger, a third anywhere from the first answer on.
fn choose(events: &[Event], points: usize, chance: &mut Chance) -> BTreeMap<usize, Vec<Survives>> {
    let answers: Vec<usize> = (0..events.len())
        .filter(|at| events.get(*at).is_some_and(|event| !entries_told(event).is_empty()))
        .collect();
    let first = *answers.first().expect("there are answers");
    let ledger = events.iter().find_map(|event| match event {
        Event::Opened { file, path } if path == "ledger.db" => Some(*file),
        _ => None,
    });
    let folding: Vec<usize> = (first..events.len())
        .filter(|at| matches!(&events[*at], Event::Written { file, .. } if Some(*file) == ledger))
        .collect();
    assert!(!folding.is_empty(), "the ledger itself was never written");
    let mut chosen: BTreeMap<usize, Vec<Survives>> = BTreeMap::new();
    for point in 0..points {
        let mut one_of = |some: &[usize]| some[chance.below(some.len() as u64) as usize];
        let at = match point % 3 {
            0 => one_of(&answers),
            1 => one_of(&folding),
            _ => first + chance.below((events.len() - first) as u64) as usize,
        };
        let survives = match chance.below(6) {
            0 => Survives::Nothing,
            1 => Survives::Everything,
            2 => Survives::Beginning,
            _ => Survives::Anything,
        };
        chosen.entry(at).or_default().push(survives);
    }
    chosen
}

fn check_all(images: mpsc::Receiver<Image>) -> Findings {
    let go = GoReader::compiled();
    let mut findings = Findings::default();
    for image in images {
        findings.points += 1;
        let snapshot = match stock::read(image.folder.path()) {
            Ok(snapshot) => snapshot,
            Err(why) => {
                findings.broken.push(format!("{}: {why}", image.what));
                continue;
            }
        };
        let present = |(entry, claim): &(u64, SignedClaim)| {
            let at = usize::try_from(entry - 1).expect("an entry number");
            match snapshot.entries.get(at).map(|entry| &entry.body) {
                Some(EntryBody::Claim(found)) => {
                    SignedClaim::decode(&found.signed).is_ok_and(|found| found.id() == claim.id())
                }
                _ => false,
            }
        };
        let lost = !image.acknowledged.iter().all(present);
        findings.lost += usize::from(lost);
        let key = match stock::log(image.folder.path()) {
            Ok(key) => key,
            Err(why) => {
                findings.unsigned.push(format!("{}: {why}", image.what));
                continue;
            }
        };
        if lost || !findings.points.is_multiple_of(CRATES_READ_ONE_IN) {
            continue;
        }
        let by_go = findings.read.is_multiple_of(GO_READS_ONE_IN);
        findings.read += 1;
        let claims = (image.acknowledged.as_slice(), &image.shown);
        let go = go.as_ref().filter(|_| by_go);
        match read_by_others(image.folder.path(), claims, (&snapshot, &key), go) {
            Ok(proven) => findings.proven += proven,
            Err(why) => findings.unread.push(format!("{}: {why}", image.what)),
        }
    }
    findings
}

/// After the start: every acknowledged claim is a leaf with the bytes that its visitor signed, and whatever was
/// shown before the failure is the beginning of what is signed now. How many claims were proven.
fn read_by_others(
    folder: &Path,
    (acknowledged, shown): (&[(u64, SignedClaim)], &BTreeSet<Vec<u8>>),
    (snapshot, key): (&Snapshot, &str),
    go: Option<&GoReader>,
) -> Result<usize, String> {
    let copy = tempfile::tempdir().map_err(|error| error.to_string())?;
    let copy = copy.path().join("log");
    stock::export(folder, &copy)?;
    let read = IndependentLog::open(&copy, key)?;
    if read.size() != snapshot.entries.len() as u64 {
        return Err(format!("{} leaves of {} entries", read.size(), snapshot.entries.len()));
    }
    let leaf = |(entry, claim): &(u64, SignedClaim)| leaf_of(&snapshot.entries, *entry, claim);
    match read.missing(acknowledged.iter().map(leaf))? {
        0 => {}
        missing => return Err(format!("{missing} acknowledged claims are missing")),
    }
    for note in shown {
        let told = |why| format!("{}: {why}", String::from_utf8_lossy(note));
        read.began_with(key, note).map_err(told)?;
    }
    if let Some(go) = go {
        let leaves: Vec<(u64, Vec<u8>)> = acknowledged.iter().filter_map(leaf).collect();
        go.holds(&copy, key, &leaves, shown.iter().map(Vec::as_slice))?;
    }
    Ok(acknowledged.len())
}
