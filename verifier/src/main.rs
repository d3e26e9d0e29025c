//! The `farthing` binary: a thin skin over the library.

mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
