//! The project's own commands: `cargo xtask <command>`.
#![expect(clippy::print_stderr, reason = "a command line talks to its user")]

mod bench;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What every command may end with: a sentence for whoever typed it.
type Outcome = Result<(), String>;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, checks and runs Farthing")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure the release binary against the ceilings of this machine.
    Bench(bench::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Bench(arguments) => bench::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}
