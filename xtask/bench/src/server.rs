//! The processes under test, and what the kernel says of them.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use farthing_verifier::clock::monotonic;

/// Ticks of `/proc/<pid>/stat` a second: fixed in Linux' interface to programs.
const TICKS_PER_SECOND: f64 = 100.0;
/// Start-up must be over in this time, also with ten million entries.
const START_MAX: Duration = Duration::from_secs(30);

/// A running server; it is stopped when this is dropped.
pub struct Server {
    child: Child,
    /// Where it answers.
    pub public: SocketAddr,
    metrics: Option<SocketAddr>,
}

impl Server {
    /// Starts the verifier with settings and waits until it answers.
    pub fn farthing(
        binary: &Path,
        settings: &[(String, String)],
        ports: (u16, u16),
    ) -> Result<Self, String> {
        let mut command = Command::new(binary);
        command.arg("serve").envs(settings.iter().map(|(name, value)| (name, value)));
        let metrics = Some(loopback(ports.1));
        Self::start(command, loopback(ports.0), metrics)
    }

    /// Starts this same program as the server that only echoes.
    pub fn echo(port: u16) -> Result<Self, String> {
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(own);
        command.args(["--echo", &port.to_string()]);
        Self::start(command, loopback(port), None)
    }

    fn start(
        mut command: Command,
        public: SocketAddr,
        metrics: Option<SocketAddr>,
    ) -> Result<Self, String> {
        let started = monotonic();
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start {:?}: {error}", command.get_program()))?;
        let mut server = Self { child, public, metrics };
        while std::net::TcpStream::connect(public).is_err() {
            if let Ok(Some(status)) = server.child.try_wait() {
                return Err(format!("the server ended at once: {status}"));
            }
            if started.elapsed() > START_MAX {
                return Err("the server did not start".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// Makes it stand still, so that it takes nothing from another one that is measured.
    pub fn pause(&self) -> Result<(), String> {
        self.signal("-STOP")
    }

    /// Lets it go on.
    pub fn resume(&self) -> Result<(), String> {
        self.signal("-CONT")
    }

    fn signal(&self, name: &str) -> Result<(), String> {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        match status {
            Ok(status) if status.success() => Ok(()),
            other => Err(format!("kill {name}: {other:?}")),
        }
    }

    /// Seconds of processor time used so far, by all threads.
    pub fn processor_seconds(&self) -> Result<f64, String> {
        processor_seconds(&self.child.id().to_string())
    }

    /// Seconds of processor time used so far by the threads of this name.
    pub fn thread_seconds(&self, name: &str) -> Result<f64, String> {
        let told = |error: std::io::Error| error.to_string();
        let mut nanos = 0;
        let tasks = format!("/proc/{}/task", self.child.id());
        for task in std::fs::read_dir(tasks).map_err(told)? {
            let folder = task.map_err(told)?.path();
            // A thread that ends while this looks is not one that is asked for.
            let read = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap_or_default();
            if read("comm").trim_end() == name {
                let figures = read("schedstat");
                let used = figures.split(' ').next().and_then(|text| text.parse::<u64>().ok());
                nanos += used.ok_or("an odd schedstat line")?;
            }
        }
        Ok(nanos as f64 / 1e9)
    }

    /// Memory in MiB: now, and the most there ever was.
    pub fn memory_mib(&self) -> Result<(f64, f64), String> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().strip_suffix(" kB")?.parse::<f64>().ok()
        };
        let both = (kib("VmRSS:"), kib("VmHWM:"));
        let (Some(now), Some(most)) = both else { return Err("no memory figures".into()) };
        Ok((now / 1_024.0, most / 1_024.0))
    }

    /// Transactions committed so far.
    pub fn commits(&self) -> Result<f64, String> {
        let address = self.metrics.ok_or("this server has no metrics")?;
        let (_, text) = get(address, "/metrics", "")?;
        text.lines()
            .find_map(|line| line.strip_prefix("farthing_batch_commands_count "))
            .and_then(|value| value.trim().parse().ok())
            .ok_or_else(|| "the metrics do not count batches".into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Only a benchmark's ledger is lost.
        let _gone_already = self.child.kill();
        let _gone_already = self.child.wait();
    }
}

/// Seconds of processor time that a process has used, by all its threads.
pub fn processor_seconds(process: &str) -> Result<f64, String> {
    let path = format!("/proc/{process}/stat");
    let stat = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    // The name in brackets may hold spaces; the figures come after it.
    let (_, figures) = stat.rsplit_once(')').ok_or("an odd stat line")?;
    let ticks: f64 =
        figures.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<f64>().ok()).sum();
    Ok(ticks / TICKS_PER_SECOND)
}

/// Seconds for which processors of this machine had nothing to do, all of them together; waiting for a disk is
/// nothing to do.
pub fn idle_seconds() -> Result<f64, String> {
    let stat = std::fs::read_to_string("/proc/stat").map_err(|error| error.to_string())?;
    let line = stat.lines().next().ok_or("an odd /proc/stat")?;
    // cpu, user, nice, system, idle, iowait.
    let ticks: f64 =
        line.split_whitespace().skip(4).take(2).filter_map(|t| t.parse::<f64>().ok()).sum();
    Ok(ticks / TICKS_PER_SECOND)
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Two free ports of loopback.
pub fn free_ports() -> Result<(u16, u16), String> {
    let told = |error: std::io::Error| error.to_string();
    let bound = || std::net::TcpListener::bind(loopback(0)).map_err(told);
    // Both are held until both are known: the system may give a port again that was let go of.
    let (one, other) = (bound()?, bound()?);
    Ok((one.local_addr().map_err(told)?.port(), other.local_addr().map_err(told)?.port()))
}

/// One GET on a connection of its own: status and body.
pub fn get(server: SocketAddr, path: &str, authorization: &str) -> Result<(u16, String), String> {
    use std::io::{Read, Write};
    let told = |error: std::io::Error| format!("GET {path}: {error}");
    let mut stream = std::net::TcpStream::connect(server).map_err(told)?;
    let signed = if authorization.is_empty() {
        String::new()
    } else {
        format!("authorization: {authorization}\r\n")
    };
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n{signed}\r\n");
    stream.write_all(request.as_bytes()).map_err(told)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(told)?;
    let status = answer.get(9..12).and_then(|text| text.parse().ok());
    let status = status.ok_or_else(|| format!("GET {path}: no status"))?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok((status, body.to_owned()))
}
