//! The project's own commands: `cargo xtask <command>`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to its user")]

mod bench;
mod browsers;
mod ci;
mod minify;
mod process;
mod serve;
mod site;
mod sizes;
mod test;
mod tidy;
mod tools;
mod vectors;
mod vectors_log;
mod wasm;
mod words;

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
    /// Build everything and run it with demo money; prints what to click.
    Serve(serve::Arguments),
    /// Get what the tests need, build, and run all of them.
    Test(test::Arguments),
    /// What CI runs: tidy, format, lints, licences, tests.
    Ci,
    /// Check the rules that a machine can check.
    Tidy,
    /// Build the browser's part into target/www and check its size.
    Wasm(wasm::Arguments),
    /// Measure the release binary against the ceilings of this machine.
    Bench(bench::Arguments),
    /// Check the golden vectors of shared/vectors, or write them anew.
    Vectors(vectors::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Serve(arguments) => serve::run_demo(&arguments),
        Command::Test(arguments) => test::run_all(&arguments),
        Command::Ci => ci::run_all(),
        Command::Tidy => tidy::run(),
        Command::Wasm(arguments) => wasm::run(&arguments),
        Command::Bench(arguments) => bench::measure(&arguments),
        Command::Vectors(arguments) => vectors::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}
