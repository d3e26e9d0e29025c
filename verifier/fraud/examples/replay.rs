//! `cargo run --release -p farthing-fraud --example replay -- EVENTS.jsonl`: what `farthing fraud replay` does, built in seconds.
#![expect(clippy::print_stderr, reason = "this is a command line")]

use std::process::ExitCode;

use farthing_fraud::stream;

fn main() -> ExitCode {
    let mut strict = false;
    let mut path = None;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--strict" => strict = true,
            _ => path = Some(argument),
        }
    }
    let Some(path) = path else {
        eprintln!("usage: replay [--strict] EVENTS.jsonl (- reads standard input)");
        return ExitCode::from(2);
    };
    match stream::replay_file(&path, strict, &mut std::io::stdout().lock(), &mut std::io::stderr())
    {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("replay: {error}");
            ExitCode::FAILURE
        }
    }
}
