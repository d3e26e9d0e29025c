//! The command line as whoever runs a verifier meets it: lost keys and ledgers, backups that are not whole,
//! wrong folders. What is said must be true, and nothing that was there may be worse afterwards.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use farthing_tests::daemon::{Daemon, run_to_end};
use farthing_verifier::store::sqlite::{Durability, SqliteWriter};

const KEYS: [&str; 3] = ["provider.key", "master.key", "log.key"];

/// A provider's data folder, its high-water mark beside it.
struct Place {
    folder: tempfile::TempDir,
}

/// How a command ended, and what it said.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Place {
    /// Without a data folder.
    fn empty() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// With a ledger that has a creator.
    fn begun() -> Self {
        let place = Self::empty();
        place.done(&["creator", "add", "--name", "The Blog", "--site", "https://blog.example"]);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn data(&self, name: &str) -> PathBuf {
        self.path("data").join(name)
    }

    fn settings(&self) -> Vec<(String, String)> {
        let set = |name: &str, value: String| (format!("FARTHING_{name}"), value);
        vec![
            set("DATA", self.path("data").display().to_string()),
            set("LISTEN", "127.0.0.1:0".into()),
        ]
    }

    fn run(&self, arguments: &[&str]) -> Said {
        let output = run_to_end(&self.settings(), arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said {
            code: output.status.code().expect("it ended by itself"),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    fn done(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(said.code, 0, "{arguments:?}: {}{}", said.out, said.err);
        said.out
    }

    /// Runs what must be refused, with all of these words.
    fn refused(&self, code: i32, arguments: &[&str], words: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(said.code, code, "{arguments:?}: {}{}", said.out, said.err);
        for word in words {
            assert!(said.err.contains(word), "{arguments:?} does not say {word:?}: {}", said.err);
        }
        said.err
    }

    fn backup(&self, name: &str) -> PathBuf {
        let folder = self.path(name);
        self.done(&["backup", text(&folder)]);
        folder
    }

    /// The files in the data folder that hold something.
    fn held(&self) -> BTreeMap<String, Vec<u8>> {
        let files = std::fs::read_dir(self.path("data")).expect("a data folder");
        let files = files.map(|file| file.expect("a file").path()).filter(|path| path.is_file());
        files
            .filter_map(|path| {
                let name = path.file_name()?.to_string_lossy().into_owned();
                // SQLite's own, and the lock: they come and go.
                let passing = name.ends_with("-shm") || name == "serve.lock";
                (!passing).then(|| (name, std::fs::read(&path).expect("a readable file")))
            })
            .collect()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

type Harm = (&'static str, fn(&Path, &Path), &'static str);

/// What can be wrong with a backup: what is done to it, given another provider's; the file to blame.
const HARMED: &[Harm] = &[
    ("no ledger", |own, _| remove(own, "ledger.db"), "ledger.db"),
    ("no provider.key", |own, _| remove(own, "provider.key"), "provider.key"),
    ("no master.key", |own, _| remove(own, "master.key"), "master.key"),
    ("no log.key", |own, _| remove(own, "log.key"), "log.key"),
    ("garbage for a key", |own, _| write(own, "provider.key", b"garbage\n"), "provider.key"),
    ("bytes for a key", |own, _| write(own, "log.key", &[0xff; 44]), "log.key"),
    ("another's provider.key", |own, other| take(own, other, "provider.key"), "provider.key"),
    ("another's master.key", |own, other| take(own, other, "master.key"), "master.key"),
    ("another's ledger", |own, other| take(own, other, "ledger.db"), "provider.key"),
    ("half a ledger", |own, _| halve(own), "ledger"),
    ("an empty ledger", |own, _| write(own, "ledger.db", b""), "ledger"),
];

fn remove(folder: &Path, name: &str) {
    std::fs::remove_file(folder.join(name)).expect("it was there");
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    std::fs::write(folder.join(name), bytes).expect("it can be written");
}

fn take(own: &Path, other: &Path, name: &str) {
    std::fs::copy(other.join(name), own.join(name)).expect("it can be copied");
}

fn halve(folder: &Path) {
    let bytes = std::fs::read(folder.join("ledger.db")).expect("a ledger");
    write(folder, "ledger.db", &bytes[..bytes.len() / 2]);
}

#[test]
fn a_backup_that_is_not_whole_changes_nothing() {
    let (place, other) = (Place::begun(), Place::begun());
    let others = other.backup("backup");
    let before = place.held();
    for (number, (what, harm, blamed)) in HARMED.iter().enumerate() {
        let backup = place.backup(&format!("backup-{number}"));
        harm(&backup, &others);
        let words = ["nothing was changed", blamed];
        place.refused(1, &["restore", text(&backup), "--replace"], &words);
        let after = place.held();
        let names: Vec<_> = after.keys().collect();
        assert_eq!(names, before.keys().collect::<Vec<_>>(), "{what}");
        for key in KEYS {
            assert_eq!(after.get(key), before.get(key), "{what}: {key} is another");
            let made = backup.join(key).exists() == (*what != format!("no {key}"));
            assert!(made, "{what}: the backup itself was changed");
        }
        assert!(place.done(&["creator", "list"]).contains("The Blog"), "{what}");
        place.done(&["audit"]);
    }
}

#[test]
fn a_restored_ledger_is_usable_and_the_old_one_is_named() {
    let place = Place::begun();
    let backup = place.backup("backup");
    place.done(&["creator", "add", "--name", "Later", "--site", "https://later.example"]);
    let why = place.refused(1, &["restore", text(&backup)], &["--replace"]);
    assert!(!why.contains("replaced-"), "nothing was put aside yet: {why}");
    // Left by a restore that was killed: it must not become part of this one.
    std::fs::write(place.data("ledger.restoring-wal"), b"of another file").expect("a file");
    let said = place.done(&["restore", text(&backup), "--replace"]);
    let aside = said.split_whitespace().find(|word| word.contains("replaced-"));
    let aside = aside.unwrap_or_else(|| panic!("it does not name where the old ledger is: {said}"));
    for name in KEYS.iter().chain(&["ledger.db"]) {
        assert!(Path::new(aside).join(name).is_file(), "{aside} has no {name}");
    }
    place.done(&["audit"]);
    let list = place.done(&["creator", "list"]);
    assert!(list.contains("The Blog") && !list.contains("Later"), "{list}");
    let leftover = place.held().into_keys().find(|name| name.contains("restoring"));
    assert_eq!(leftover, None);
}

/// After the old ledger was put aside, a fault must say where it is, and the same command must do.
#[test]
fn a_restore_that_fails_late_says_where_the_old_ledger_is() {
    let place = Place::begun();
    let backup = place.backup("backup");
    std::fs::write(place.data("log"), b"a file where a folder should be").expect("a file");
    let restore = ["restore", text(&backup), "--replace"];
    place.refused(1, &restore, &["replaced-", "again"]);
    place.refused(1, &["audit"], &["ledger.db is missing"]);
    place.refused(1, &["voucher", "issue", "--amount", "1.00"], &["ledger.db is missing"]);
    std::fs::remove_file(place.data("log")).expect("it was there");
    place.done(&restore);
    assert!(place.done(&["creator", "list"]).contains("The Blog"));
}

/// After a crash the newest entries are in the file beside the ledger. They are put aside with it, also where
/// that was cut off in the middle, and come back with it.
#[test]
fn what_a_crash_left_beside_the_ledger_is_put_aside_and_comes_back() {
    let place = Place::begun();
    let backup = place.backup("backup");
    let daemon = Daemon::start(&place.settings(), &[], &place.path("said"));
    place.done(&["creator", "add", "--name", "The Newest", "--site", "https://new.example"]);
    daemon.kill();
    let log = std::fs::metadata(place.data("ledger.db-wal")).expect("a log beside the ledger");
    assert!(log.len() > 0);
    // A restore that was cut off after the ledger was moved.
    let aside = place.data("replaced-5");
    std::fs::create_dir(&aside).expect("a folder");
    std::fs::rename(place.data("ledger.db"), aside.join("ledger.db")).expect("it is there");
    let said = place.done(&["restore", text(&backup), "--replace"]);
    assert!(said.contains("are in") && said.contains("replaced-5"), "{said}");
    assert!(!place.done(&["creator", "list"]).contains("The Newest"));
    place.done(&["restore", text(&aside), "--replace"]);
    assert!(place.done(&["creator", "list"]).contains("The Newest"));
    place.done(&["audit"]);
}

/// All commands that only read, and those that change what must be there.
const NEEDS_A_LEDGER: &[&[&str]] = &[
    &["audit"],
    &["audit", "--log"],
    &["creator", "list"],
    &["creator", "edit", "cr_x", "--name", "x"],
    &["item", "list", "--creator", "cr_x"],
    &["voucher", "list"],
    &["seal", "--creator", "cr_x", "--item", "x", "x.txt"],
    &["log", "key"],
    &["fraud", "list"],
    &["fraud", "report"],
];

#[test]
fn a_wrong_folder_is_no_empty_ledger() {
    let place = Place::empty();
    let backup = place.path("backup");
    let backing_up: &[&str] = &["backup", text(&backup)];
    for command in NEEDS_A_LEDGER.iter().copied().chain([backing_up]) {
        place.refused(1, command, &["there is no ledger in", text(&place.path("data"))]);
        assert!(!place.path("data").exists(), "{command:?} made the folder");
    }
    assert!(!backup.exists() && !place.path("backup.unfinished").exists());
    // Setting up before the first start is another matter.
    let vouchers = place.done(&["voucher", "issue", "--amount", "5.00", "--count", "2"]);
    assert_eq!(vouchers.lines().count(), 2);
    place.done(backing_up);
}

#[test]
fn a_lost_ledger_is_not_replaced_by_an_empty_one() {
    let place = Place::begun();
    let whole = place.held();
    // What a power failure leaves where the newest part of the ledger was not in its main file yet.
    let fresh = place.path("fresh.db");
    let writer = SqliteWriter::open(&fresh, Durability::Full).expect("a new file");
    let headless = std::fs::read(&fresh).expect("a file");
    drop(writer);
    let ownerless = std::fs::read(&fresh).expect("a file");
    assert!(headless.len() < ownerless.len());
    let backup = place.path("backup");
    let backing_up: &[&str] = &["backup", text(&backup)];
    let issuing: &[&str] = &["voucher", "issue", "--amount", "5.00"];
    let serving: &[&str] = &["serve"];
    for ledger in [None, Some(headless), Some(ownerless)] {
        for ending in ["db", "db-wal", "db-shm"] {
            let _absent = std::fs::remove_file(place.data("ledger").with_extension(ending));
        }
        if let Some(bytes) = &ledger {
            std::fs::write(place.data("ledger.db"), bytes).expect("a file");
        }
        let words = if ledger.is_some() { "has no owner" } else { "ledger.db is missing" };
        let others = [backing_up, issuing, serving];
        for command in NEEDS_A_LEDGER.iter().copied().chain(others) {
            let is_key = ["key", "link"].iter().any(|word| command.contains(word));
            if ledger.is_some() && is_key {
                continue;
            }
            let said = place.run(command);
            assert_ne!(said.code, 0, "{command:?}: {}", said.out);
            assert!(said.err.contains(words) && said.err.contains("restore"), "{}", said.err);
        }
        assert!(!backup.exists(), "nothing was backed up");
        let mut now = place.held();
        let stayed = now.remove("ledger.db");
        assert_eq!(stayed, ledger, "the file was changed");
        for key in KEYS {
            assert_eq!(now.get(key), whole.get(key), "{key}");
        }
    }
}

/// A power failure at the very first start leaves keys without a ledger, or one without its owner: the
/// next start goes on where it ended.
#[test]
fn a_first_start_that_was_cut_off_goes_on() {
    for had_ledger in [false, true] {
        let place = Place::begun();
        let keys = place.held();
        std::fs::remove_file(place.data("ledger.db")).expect("it was there");
        if had_ledger {
            let ledger = place.data("ledger.db");
            drop(SqliteWriter::open(&ledger, Durability::Full).expect("a new file"));
        } else {
            std::fs::remove_file(place.data("log.key")).expect("it was there");
        }
        std::fs::write(place.data("ledger.beginning"), b"").expect("a file");
        place.refused(1, &["audit"], &[]);
        place.done(&["voucher", "issue", "--amount", "5.00"]);
        place.done(&["audit"]);
        let now = place.held();
        assert!(!now.contains_key("ledger.beginning"));
        for key in ["provider.key", "master.key"] {
            assert_eq!(now.get(key), keys.get(key), "{key} was made again");
        }
    }
}

#[test]
fn two_first_commands_at_once_begin_one_ledger() {
    let place = Place::empty();
    let issue = ["voucher", "issue", "--amount", "5.00"];
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| place.done(&issue));
        }
    });
    assert_eq!(place.done(&["voucher", "list"]).lines().count(), 7);
}

/// The mark is in no backup, since it must outlive one.
#[test]
fn a_new_machine_goes_on_with_backup_and_mark() {
    let old = Place::begun();
    let said = old.path("said");
    assert!(Daemon::start(&old.settings(), &[], &said).stop().success());
    let backup = old.backup("backup");
    let new = Place::empty();
    let printed = new.done(&["restore", text(&backup)]);
    let reset = "farthing log reset --i-know-what-this-means";
    assert!(printed.contains("high-water") && printed.contains(reset), "{printed}");
    new.refused(78, &["serve"], &["high-water mark", "missing", "put its newest copy back", reset]);
    std::fs::copy(old.path("data.high-water"), new.path("data.high-water")).expect("a mark");
    assert!(Daemon::start(&new.settings(), &[], &said).stop().success());
    new.done(&["audit", "--log"]);
    // Without any copy of the mark the printed command is the way out.
    let other = Place::empty();
    other.done(&["restore", text(&backup)]);
    let words: Vec<&str> = reset.split(' ').skip(1).collect();
    other.done(&words);
    assert!(Daemon::start(&other.settings(), &[], &said).stop().success());
}

type Fault = (&'static str, fn(&Place), &'static [(&'static str, &'static str)]);

/// What another start does not mend: what is done to the place, and settings.
const LASTING: &[Fault] = &[
    ("no master.key", |place| remove(&place.path("data"), "master.key"), &[]),
    ("a garbage key", |place| write(&place.path("data"), "provider.key", b"x"), &[]),
    ("no ledger", |place| remove(&place.path("data"), "ledger.db"), &[]),
    (
        "another's key",
        |place| take(&place.path("data"), &Place::begun().path("data"), "provider.key"),
        &[],
    ),
    ("no database", |place| write(&place.path("data"), "ledger.db", &[b'x'; 8192]), &[]),
    ("half a database", |place| halve(&place.path("data")), &[]),
    ("a newer version", newer, &[]),
    ("another currency", |_| {}, &[("FARTHING_CURRENCY", "USD")]),
    ("demo money", |_| {}, &[("FARTHING_DEMO", "true")]),
    (
        "a folder that cannot be written",
        |place| {
            let lock = place.data("serve.lock");
            std::fs::create_dir(&lock).expect("a folder where a file should be");
        },
        &[],
    ),
    ("a folder that cannot be made", |_| {}, &[("FARTHING_DATA", "/proc/farthing/data")]),
    ("a wrong setting", |_| {}, &[("FARTHING_FEE_PPM", "-1")]),
];

fn newer(place: &Place) {
    let ledger = rusqlite::Connection::open(place.data("ledger.db")).expect("a ledger");
    ledger.pragma_update(None, "user_version", 1_000).expect("a version");
}

/// systemd starts again what ends with 1, and must not what ends the same way each time.
#[test]
fn what_another_start_does_not_mend_ends_with_78() {
    for (what, harm, settings) in LASTING {
        let place = Place::begun();
        harm(&place);
        let mut all = place.settings();
        all.extend(settings.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        let output = run_to_end(&all, &["serve"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(78), "{what}: {said}");
        assert!(said.contains("farthing: "), "{what}: {said}");
    }
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let mut settings = Place::begun().settings();
    let address = taken.local_addr().expect("an address").to_string();
    settings.push(("FARTHING_LISTEN".into(), address.clone()));
    let place = Place::begun();
    settings.extend(place.settings().into_iter().take(1));
    let output = run_to_end(&settings, &["serve"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&address), "{said}");
}

/// Codes are printed once and stored nowhere: whoever loses them takes the vouchers back.
#[test]
fn vouchers_whose_codes_were_lost_are_taken_back() {
    let place = Place::begun();
    let issue = ["voucher", "issue", "--amount", "5.00", "--count", "3"];
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a full device");
    let output = farthing_tests::daemon::run_into(&place.settings(), &issue, full.into());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("3 vouchers of 5.00 were issued"), "{said}");
    let revoke = said.split("farthing voucher revoke --batch ").nth(1);
    let id = revoke.unwrap_or_else(|| panic!("no way back: {said}")).trim();
    let kept = place.done(&["voucher", "issue", "--amount", "7.00"]);
    assert_eq!(kept.lines().count(), 1);
    assert_eq!(place.done(&["voucher", "list"]).matches("open").count(), 4);
    place.refused(1, &["voucher", "revoke", "0123456789abcdef"], &["there is no voucher"]);
    assert_eq!(place.done(&["voucher", "revoke", id]).matches("void").count(), 1);
    assert_eq!(place.done(&["voucher", "revoke", "--batch", id]).matches("void").count(), 3);
    let list = place.done(&["voucher", "list"]);
    let open: Vec<&str> = list.lines().filter(|line| line.contains("open")).collect();
    assert!(matches!(open[..], [line] if line.contains("7.00")), "{list}");
    place.done(&["audit"]);
}

#[test]
fn a_voucher_of_a_slipped_finger_is_refused() {
    let place = Place::begun();
    let amount = "9999999999";
    let words = ["10000", "1000000"];
    place.refused(1, &["voucher", "issue", "--amount", amount, "--count", "10"], &words);
    place.refused(1, &["voucher", "issue", "--amount", "1001", "--count", "1000"], &words);
    assert_eq!(place.done(&["voucher", "list"]).lines().count(), 1);
}

#[test]
fn what_cannot_be_printed_is_no_panic() {
    let place = Place::begun();
    for command in [&["config"][..], &["creator", "list"], &["completions", "bash"], &["audit"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("full");
        let output = farthing_tests::daemon::run_into(&place.settings(), command, full.into());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{command:?}: {said}");
        assert!(said.contains("could not be printed") && !said.contains("panic"), "{said}");
    }
}

/// What the server would end with, or not heed, a check must not pass.
#[test]
fn a_check_of_the_settings_is_true() {
    let place = Place::empty();
    place.done(&["config", "check"]);
    assert!(!place.path("data").exists(), "a check makes nothing");
    let nowhere = place.path("nowhere/mark").display().to_string();
    let rows = [
        ("PROOFS__HIGH_WATER", nowhere.as_str(), "proofs.high_water"),
        ("DATA", "/proc/farthing/data", "setting data"),
        ("LOG__FILTER", "info,,=x=", "log.filter"),
    ];
    for (name, value, word) in rows {
        let mut settings = place.settings();
        settings.push((format!("FARTHING_{name}"), value.into()));
        let output = run_to_end(&settings, &["config", "check"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(78), "{name}: {said}");
        assert!(said.contains(word), "{name}: {said}");
    }
}

/// A terminal that is closed sends SIGHUP.
#[test]
fn a_hangup_ends_the_server_in_order() {
    let place = Place::begun();
    let mut daemon = Daemon::start(&place.settings(), &[], &place.path("said"));
    let pid = daemon.pid().to_string();
    let sent = std::process::Command::new("kill").args(["-HUP", &pid]).status();
    assert!(sent.expect("kill can be run").success());
    assert!(daemon.wait().success(), "{}", daemon.words());
}

#[test]
#[cfg(unix)]
fn what_is_made_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::begun();
    let backup = place.backup("backup");
    for folder in [place.path("data"), backup] {
        let mode = std::fs::metadata(&folder).expect("a folder").permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{}", folder.display());
    }
}

#[test]
fn two_backups_to_one_name_make_one() {
    let place = Place::begun();
    // What one that was cut off left is no hindrance.
    let unfinished = place.path("backup.unfinished");
    std::fs::create_dir(&unfinished).expect("a folder");
    write(&unfinished, "ledger.db", b"half");
    let lock = std::fs::File::create(unfinished.join("backup.lock")).expect("a file");
    lock.lock().expect("a lock");
    let backup = place.path("backup");
    place.refused(1, &["backup", text(&backup)], &["another backup fills"]);
    assert!(unfinished.join("ledger.db").is_file(), "the other's work was removed");
    drop(lock);
    place.done(&["backup", text(&backup)]);
    let mut names: Vec<_> = std::fs::read_dir(&backup)
        .expect("a folder")
        .map(|f| f.expect("a file").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["ledger.db", "log.key", "master.key", "provider.key"]);
}
