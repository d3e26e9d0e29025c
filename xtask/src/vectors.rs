//! placeholder
use crate::Outcome;
#[derive(clap::Args, Default)]
pub struct Arguments {
    /// Write the files instead of comparing them.
    #[arg(long)]
    write: bool,
}
pub fn run(_: &Arguments) -> Outcome {
    Ok(())
}
