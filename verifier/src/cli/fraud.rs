//! `farthing fraud`: a thin edge over the crate `farthing-fraud`, and over the findings of a ledger
//! (`findings.rs`).

use clap::Subcommand;

use super::Failure;
use super::findings::FindingsCommand;

#[derive(Debug, Subcommand)]
pub(super) enum FraudCommand {
    /// Read a trace of events and print findings as JSON lines (docs/fraud.md).
    Replay {
        /// One event per line, in time order; `-` reads standard input.
        events: String,
        /// End at the first line that is not an event, instead of leaving it out.
        #[arg(long)]
        strict: bool,
    },
    /// Findings about this ledger.
    #[command(flatten)]
    Ledger(FindingsCommand),
}

pub(super) fn replay(events: &str, strict: bool) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    farthing_fraud::stream::replay_file(events, strict, &mut out, &mut std::io::stderr())
        .map(|_| ())
        .map_err(|error| Failure::NotDone(error.to_string()))
}
