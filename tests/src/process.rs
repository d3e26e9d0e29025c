//! Child processes that never outlive their test.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

/// A running program, the head of its own process group, with everything it has printed.
pub struct Process {
    child: Child,
    watch: Option<Child>,
    name: String,
    output: Arc<Mutex<String>>,
}

impl Process {
    /// Starts `command` with its output collected.
    ///
    /// # Panics
    /// When the program cannot be started; the message names it.
    #[must_use]
    pub fn start(name: &str, command: &mut Command) -> Self {
        // Its own group: a browser has a dozen children, and all of them must go with it.
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        let output = Arc::new(Mutex::new(String::new()));
        for pipe in [
            child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
            child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
        ]
        .into_iter()
        .flatten()
        {
            collect(pipe, Arc::clone(&output));
        }
        let watch = watch(child.id());
        Self { child, watch, name: name.to_owned(), output }
    }

    /// Everything printed so far, both streams in the order of arrival.
    #[must_use]
    pub fn output(&self) -> String {
        self.output.lock().map(|text| text.clone()).unwrap_or_default()
    }

    /// Whether it has ended by itself, and its output then.
    pub fn ended(&mut self) -> Option<String> {
        match self.child.try_wait() {
            Ok(Some(status)) => {
                Some(format!("{} ended with {status}:\n{}", self.name, self.output()))
            }
            _ => None,
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // `unsafe` is forbidden here, and the standard library only kills single processes.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(watch) = &mut self.watch {
            let _ = watch.kill();
            let _ = watch.wait();
        }
    }
}

/// A test that is killed (by a time limit, by Ctrl+C) drops nothing. This looks every second
/// whether it still runs, and ends the group when it does not.
fn watch(group: u32) -> Option<Child> {
    let script = "while kill -0 \"$1\" 2>/dev/null; do sleep 1; done; kill -KILL -- \"-$2\"";
    Command::new("sh")
        .args(["-c", script, "watch", &std::process::id().to_string(), &group.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .ok()
}

fn collect(pipe: Box<dyn Read + Send>, output: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            let Ok(line) = line else { break };
            if let Ok(mut text) = output.lock() {
                text.push_str(&line);
                text.push('\n');
            }
        }
    });
}
