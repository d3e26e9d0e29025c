//! `cargo xtask bench`: builds the verifier and the benchmark as releases and runs the one against
//! the other.

use crate::Outcome;
use crate::process::{cargo, run};
use crate::wasm;

#[derive(clap::Args)]
pub struct Arguments {
    /// Passed on to the benchmark: --quick, --full, --only rates; after `--`, its own --help.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Two builds, so that the verifier has the features that it is shipped with and no others.
pub fn measure(arguments: &Arguments) -> Outcome {
    let in_root = || {
        let mut command = cargo();
        command.current_dir(wasm::root());
        command
    };
    run(in_root().args(["build", "--release", "--package", "farthing-verifier"]))?;
    let bench = ["run", "--release", "--package", "farthing-bench", "--"];
    run(in_root().args(bench).args(&arguments.rest))
}
