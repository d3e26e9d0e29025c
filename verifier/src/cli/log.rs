//! The provider's side of the Merkle log.

use std::path::PathBuf;

use clap::Subcommand;
use farthing_verifier::clock::Clock;
use farthing_verifier::config::Config;
use farthing_verifier::{log, run};

use super::Failure;

/// The Merkle log.
#[derive(Debug, Subcommand)]
pub(super) enum LogCommand {
    /// Print the key that checkpoints are checked with: give it to creators and monitors.
    Key,
    /// Copy checkpoint and tiles into a new folder, as any C2SP tlog-tiles reader takes them.
    Export {
        /// The folder; it must not exist.
        folder: PathBuf,
    },
    /// Begin a new log under a new name, after a rollback that cannot be undone. Stop the server first.
    Reset {
        /// The old log's proofs end where they are; nobody can check totals across the two.
        #[arg(long, required = true)]
        i_know_what_this_means: bool,
    },
}

pub(super) fn run(config: &Config, command: &LogCommand) -> Result<(), Failure> {
    let secrets = run::open_data(config)?;
    match command {
        LogCommand::Key => {
            let path = log::high_water_path(config);
            let origin = match std::fs::read_to_string(&path) {
                Ok(text) => {
                    text.lines().next().map_or_else(|| log::first_origin(config), str::to_owned)
                }
                Err(_) => log::first_origin(config),
            };
            say!("{}", log::note_key(&origin, &secrets)?);
        }
        LogCommand::Export { folder } => say!("{} leaves", log::export(config, folder)?),
        LogCommand::Reset { .. } => {
            let _lock = run::lock_data(config)?;
            let origin = log::reset(config, &secrets, Clock::System.now())?;
            say!("the next start begins the log {origin}; its key is");
            say!("{}", log::note_key(&origin, &secrets)?);
        }
    }
    Ok(())
}
