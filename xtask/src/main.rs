//! The project's own commands: `cargo xtask <command>`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to its user")]

mod minify;
mod site;
mod sizes;
mod tools;
mod vectors;
mod wasm;

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
    /// Build the browser's part into target/www and check its size.
    Wasm(wasm::Arguments),
    /// Check the golden vectors of shared/vectors, or write them anew.
    Vectors(vectors::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Wasm(arguments) => wasm::run(&arguments),
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
