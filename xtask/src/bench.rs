//! Builds the verifier and the benchmark as a release and runs the one against the other.

use std::process::Command;

use crate::Outcome;

/// What the benchmark is given; `cargo xtask bench -- --help` prints its own help.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Passed on to the benchmark, such as --quick, --full, --only rates.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Two builds, so that the verifier has the features that it is shipped with and no others.
pub fn run(arguments: &Arguments) -> Outcome {
    cargo(&["build", "--release", "--package", "farthing-verifier"], &[])?;
    let run = ["run", "--release", "--package", "farthing-bench", "--"];
    cargo(&run, &arguments.rest)
}

fn cargo(arguments: &[&str], rest: &[String]) -> Outcome {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(program).args(arguments).args(rest).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("cargo {} ended with {status}", arguments.join(" "))),
        Err(error) => Err(format!("cannot run cargo: {error}")),
    }
}
