//! Runs other programs and says which one failed.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::Outcome;

/// Runs a command to its end; its output is the user's.
pub fn run(command: &mut Command) -> Outcome {
    let shown = shown(command);
    eprintln!("$ {shown}");
    let status = command.status().map_err(|error| format!("{shown}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{shown}: ended with {status}")) }
}

/// Runs a server to its end, which comes with ours at the latest, whatever ends us: a signal to this process alone would else
/// leave the server running. Its output is the user's.
///
/// Nothing of ours runs when we are killed, so that a shell waits for it: its input is a pipe of ours, which the system then closes.
pub fn serve(command: &mut Command) -> std::io::Result<ExitStatus> {
    let mut server = command.spawn()?;
    let watched = watch(&server).and_then(|mut watcher| {
        let status = server.wait();
        // Its word would go to a process that is gone. It does not have to be asked: it waits for nothing else.
        watcher.kill()?;
        watcher.wait()?;
        status
    });
    if watched.is_err() {
        // Not watched, it may not stay. One that has ended already is no error here.
        drop(server.kill());
        server.wait()?;
    }
    watched
}

/// Ends `server`, as a signal to it does, when the input of what this gives is closed.
fn watch(server: &Child) -> std::io::Result<Child> {
    let mut shell = Command::new("sh");
    shell.args(["-c", "read -r _; kill -TERM \"$0\""]).arg(server.id().to_string());
    // In a group of its own: Ctrl-C goes to us and to the server, and neither needs it to.
    shell.process_group(0).stdin(Stdio::piped()).spawn()
}

/// Whether a command runs and succeeds; its output is nobody's.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The cargo that runs this.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// A program on the PATH.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths).map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn shown(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(name).chain(arguments).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    const TERM: i32 = 15;

    fn endless() -> Command {
        let mut sleeper = Command::new("sleep");
        sleeper.arg("1000");
        sleeper
    }

    #[test]
    fn a_server_ends_with_who_started_it() {
        let mut server = endless().spawn().expect("sleep");
        let mut watcher = watch(&server).expect("a shell");
        assert_eq!(server.try_wait().expect("a child"), None, "it runs while we do");
        // What the system does with what was ours.
        drop(watcher.stdin.take());
        assert_eq!(server.wait().expect("a child").signal(), Some(TERM));
        watcher.wait().expect("a child");
    }

    #[test]
    fn a_server_that_ends_by_itself_says_how() {
        for code in [0, 75] {
            let status = serve(Command::new("sh").args(["-c", &format!("exit {code}")]));
            assert_eq!(status.expect("a shell").code(), Some(code));
        }
        assert!(serve(&mut Command::new("/nowhere/farthing")).is_err());
    }
}
