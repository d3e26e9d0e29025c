//! The real binary as a process that a test may kill, starve, or let fail.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use farthing_verifier::clock::monotonic;

use crate::ports::free_address;
use crate::wire::Wire;

/// A start or an end takes this long at most, on a machine that builds something else meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running verifier. It is killed when this is dropped.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    /// The public listener.
    pub address: SocketAddr,
    log: PathBuf,
}

/// Runs the binary to its end, with settings from the environment.
///
/// # Panics
/// When it cannot be started.
#[must_use]
pub fn run_to_end(settings: &[(String, String)], arguments: &[&str]) -> std::process::Output {
    run_into(settings, arguments, Stdio::piped())
}

/// The same, with a place for what it prints.
///
/// # Panics
/// When it cannot be started.
#[must_use]
pub fn run_into(
    settings: &[(String, String)],
    arguments: &[&str],
    out: Stdio,
) -> std::process::Output {
    let mut command = with_settings(settings);
    let output = command.args(arguments).stdin(Stdio::null()).stdout(out).output();
    output.unwrap_or_else(|error| panic!("{} cannot be started: {error}", binary().display()))
}

fn with_settings(settings: &[(String, String)]) -> Command {
    let mut command = Command::new(binary());
    // Its own environment: every FARTHING_… is a setting, and those of the tests are none.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FARTHING_") {
            command.env_remove(name);
        }
    }
    command.envs(settings.iter().map(|(name, value)| (name, value)));
    command
}

impl Daemon {
    /// Starts the binary with settings from the environment, and what a test adds to it, and
    /// waits until it answers. Its words go to `log`.
    ///
    /// # Panics
    /// When it does not start; the message holds what it printed.
    #[must_use]
    pub fn start(settings: &[(String, String)], more: &[(&str, &str)], log: &Path) -> Self {
        let address = free_address();
        let mut command = with_settings(settings);
        let file = std::fs::File::create(log).expect("a log file");
        let child = command
            .arg("serve")
            .env("FARTHING_LISTEN", address.to_string())
            .env("FARTHING_ORIGIN", format!("http://pay.localhost:{}", address.port()))
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", binary().display()));
        let mut daemon = Self { child, address, log: log.to_owned() };
        let started = monotonic();
        while !daemon.is_ready() {
            if let Ok(Some(status)) = daemon.child.try_wait() {
                panic!("the verifier ended with {status}:\n{}", daemon.words());
            }
            assert!(started.elapsed() < PATIENCE, "the verifier is not ready:\n{}", daemon.words());
            thread::sleep(Duration::from_millis(10));
        }
        daemon
    }

    fn is_ready(&self) -> bool {
        let asked = Wire::connect(self.address).and_then(|mut wire| wire.get("/readyz"));
        asked.is_ok_and(|reply| reply.status == 200)
    }

    /// What it printed.
    #[must_use]
    pub fn words(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its process number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a power switch ends a machine: SIGKILL, no last words.
    ///
    /// # Panics
    /// When it had ended before.
    pub fn kill(mut self) {
        let ended = self.child.try_wait().expect("a child can be asked");
        assert!(ended.is_none(), "it ended by itself with {ended:?}:\n{}", self.words());
        self.child.kill().expect("a running child can be killed");
        self.child.wait().expect("a killed child ends");
    }

    /// Asks it to stop and waits until it has.
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill cannot be run");
        self.wait()
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// When it does not.
    pub fn wait(&mut self) -> ExitStatus {
        let started: Instant = monotonic();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "the verifier does not end:\n{}", self.words());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The most memory it ever had, in MiB.
    ///
    /// # Panics
    /// Where there is no `/proc`.
    #[must_use]
    pub fn memory_most_mib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("a running process has a status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kib.expect("a figure in kB") / 1_024
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Where it has ended before, there is nothing to kill.
        let _ended_before = self.child.kill();
        let _ended_before = self.child.wait();
    }
}

/// `FARTHING_BIN`, else the binary that cargo put beside this test's.
fn binary() -> PathBuf {
    if let Some(named) = std::env::var_os("FARTHING_BIN") {
        return PathBuf::from(named);
    }
    let test = std::env::current_exe().expect("a running test has a path");
    let beside = test.ancestors().nth(2).map(|folder| folder.join("farthing"));
    match beside {
        Some(path) if path.is_file() => path,
        _ => panic!(
            "no farthing binary: run `cargo build -p farthing-verifier`, or name one in FARTHING_BIN"
        ),
    }
}
