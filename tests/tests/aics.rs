//! A witness that nobody here wrote (PyPI `aics-witness`) cosigns our log and refuses a fork of it.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use farthing_rules::Command as Wanted;
use farthing_shared::UnixMillis;
use farthing_shared::note::NoteKey;
use farthing_tests::ledger::{CREATOR, Ledger};
use farthing_tests::ports::free_address;
use farthing_tests::process::Process;
use farthing_verifier::config::Config;
use farthing_verifier::log::{self, Log};
use farthing_verifier::run;
use farthing_verifier::secrets::Secrets;
use farthing_verifier::store::Writer;
use farthing_verifier::store::sqlite::{Durability, Reader, SqliteWriter};

const PACKAGE: &str = "aics-witness==0.1.0";

/// The program, installed once below the target folder; `None` where Python or the package cannot be had.
fn program() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("aics-witness");
    let program = folder.join("bin/aics-witness");
    let works = |program: &Path| {
        Command::new(program).arg("--version").output().is_ok_and(|ran| ran.status.success())
    };
    if works(&program) {
        return Some(program);
    }
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let managed = std::fs::read_dir(home.join(".pyenv/versions")).into_iter().flatten().flatten();
    let mut pythons: Vec<PathBuf> =
        ["python3.14", "python3.13", "python3.12", "python3"].map(PathBuf::from).into();
    pythons.extend(managed.map(|version| version.path().join("bin/python")));
    let new_enough = |python: &PathBuf| {
        let script = "import sys, venv; sys.exit(sys.version_info < (3, 12))";
        let ran = Command::new(python).args(["-c", script]).output();
        ran.is_ok_and(|ran| ran.status.success())
    };
    let python = pythons.into_iter().find(new_enough)?;
    let succeeds = |command: &mut Command| command.output().is_ok_and(|ran| ran.status.success());
    let made = succeeds(Command::new(python).args(["-m", "venv", "--clear"]).arg(&folder))
        && succeeds(Command::new(folder.join("bin/pip")).args(["install", "--quiet", PACKAGE]));
    (made && works(&program)).then_some(program)
}

fn secrets() -> Secrets {
    Secrets::new(&[3; 32], [4; 32])
}

/// A ledger with so many donations, and its log, which asks the witness.
fn logged(folder: &Path, visitor: u64, donations: u64, witness: &str) -> Log {
    let data = folder.join(format!("data-{visitor}"));
    std::fs::create_dir(&data).unwrap();
    let mut config = Config { data, ..Config::default() };
    config.proofs.witnesses = vec![witness.to_owned()];
    let path = run::ledger_path(&config);
    let writer = SqliteWriter::open(&path, Durability::Full).unwrap();
    let mut ledger = Ledger::new(Writer::Sqlite(Box::new(writer)));
    let (mut visitor, key) = ledger.visitor(visitor, "1000.00");
    let now = UnixMillis(ledger.now.0);
    let claims: Vec<Wanted> = (0..donations)
        .map(|_| {
            let claim = visitor.donation(CREATOR, "0.01", now);
            Wanted::Claim { claim: visitor.checked(&claim), key }
        })
        .collect();
    ledger.apply(&claims);
    Log::start(&config, &secrets(), Reader::open(&path).unwrap(), &path).unwrap()
}

fn until(what: &str, why: impl Fn() -> String, is_so: impl Fn() -> bool) {
    for _ in 0..2_000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{what}: not within twenty seconds: {}", why());
}

#[test]
fn an_independent_witness_cosigns_and_refuses_a_fork() {
    let Some(program) = program() else {
        let words = format!("SKIPPED: aics needs Python 3.12 with venv, and pip install {PACKAGE}");
        let _ = writeln!(std::io::stderr(), "{words}");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let port = free_address().port();
    let run = |arguments: &[&str]| {
        let ran = Command::new(&program).current_dir(folder.path()).args(arguments).output();
        let ran = ran.unwrap();
        let text = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(
            ran.status.success(),
            "{arguments:?}: {text}{}",
            String::from_utf8_lossy(&ran.stderr)
        );
        text
    };
    let listen = format!("127.0.0.1:{port}");
    let text = run(&["init", "--name", "witness.test/aics", "--listen", &listen]);
    let key = text.lines().find(|line| line.starts_with("witness.test/aics+")).unwrap();
    let origin = log::first_origin(&Config::default());
    let vkey = log::note_key(&origin, &secrets()).unwrap().to_string();
    run(&["add-log", "--origin", &origin, "--vkey", &vkey]);
    let process = Process::start(
        "aics-witness",
        Command::new(&program).current_dir(folder.path()).arg("serve"),
    );
    until(
        "the witness listens",
        || process.output(),
        || std::net::TcpStream::connect(&listen).is_ok(),
    );

    let setting = format!("http://{listen} {key}");
    let key = NoteKey::parse(key).unwrap();
    let honest = logged(folder.path(), 1, 30, &setting);
    until(
        "it cosigns",
        || process.output(),
        || {
            honest.newest().is_some_and(|newest| {
                newest.checkpoint.size > 30 && key.check(&newest.note).is_ok()
            })
        },
    );
    drop(honest);
    // Longer and shorter histories under the same key, without the mark that would have stopped them.
    for (visitor, donations) in [(2, 50), (3, 10)] {
        let fork = logged(folder.path(), visitor, donations, &setting);
        until(
            "the fork is refused",
            || process.output(),
            || fork.witnessed().counts(key.name()).2 > 0,
        );
        assert!(key.check(&fork.newest().unwrap().note).is_err(), "{}", process.output());
    }
}
