//! `cargo xtask bench`: builds the verifier and the benchmark as releases and runs the one against
//! the other.

use crate::browsers::Browser;
use crate::process::{cargo, run};
use crate::{Outcome, browsers, wasm};

#[derive(clap::Args)]
pub struct Arguments {
    /// Measure what real browsers make of it, and nothing else: from a click to "paid", what the loader costs a page,
    /// Lighthouse.
    #[arg(long)]
    browser: bool,
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
    if arguments.browser {
        let left_out = |browser: &Browser| {
            std::env::var_os(browser.skip_variable()).is_some_and(|value| value == "1")
        };
        let driven: Vec<Browser> =
            Browser::ALL.into_iter().filter(|browser| !left_out(browser)).collect();
        browsers::install(&wasm::root(), &driven)?;
        wasm::run(&wasm::Arguments::default())?;
    }
    run(in_root().args(["build", "--release", "--package", "farthing-verifier"]))?;
    if arguments.browser {
        let root = wasm::root();
        let mut bench = in_root();
        // The driver waits for the browser: it need not be fast.
        bench.args(["run", "--package", "farthing-tests", "--bin", "browser-bench"]);
        bench.env("FARTHING_BIN", wasm::target(&root).join("release/farthing"));
        if let Some(script) = browsers::have_lighthouse(&root) {
            bench.env("FARTHING_LIGHTHOUSE", script);
        }
        return run(&mut bench);
    }
    let bench = ["run", "--release", "--package", "farthing-bench", "--"];
    run(in_root().args(bench).args(&arguments.rest))
}
