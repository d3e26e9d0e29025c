//! `cargo xtask test`: gets what the tests need, builds, and runs all of them.

use std::path::Path;
use std::process::Command;

use clap::Args;

use crate::browsers::{self, Browser};
use crate::process::{cargo, run, succeeds};
use crate::{Outcome, serve, vectors, wasm};

#[derive(Args, Default)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub struct Arguments {
    /// Leave all browser tests out (said again at the end).
    #[arg(long)]
    no_browser: bool,
    /// Leave the tests in Chromium out.
    #[arg(long)]
    no_chromium: bool,
    /// Leave the tests in Firefox out.
    #[arg(long)]
    no_firefox: bool,
    /// Leave the tests in WebKit out.
    #[arg(long)]
    no_webkit: bool,
}

impl Arguments {
    fn leaves_out(&self, browser: Browser) -> bool {
        self.no_browser
            || match browser {
                Browser::Chromium => self.no_chromium,
                Browser::Firefox => self.no_firefox,
                Browser::WebKit => self.no_webkit,
            }
    }
}

pub fn run_all(arguments: &Arguments) -> Outcome {
    let root = wasm::root();
    let (left_out, driven): (Vec<Browser>, Vec<Browser>) =
        Browser::ALL.iter().partition(|browser| arguments.leaves_out(**browser));
    browsers::install(&root, &driven)?;
    wasm::run(&wasm::Arguments::default())?;
    vectors::run(&vectors::Arguments::default())?;
    let binary = serve::build_binary(&root, false)?;
    let mut tests = test_command(&root);
    tests.env("FARTHING_BIN", binary);
    for browser in &left_out {
        tests.env(browser.skip_variable(), "1");
    }
    let has_axe = browsers::have_axe(&root);
    if !has_axe {
        tests.env("FARTHING_SKIP_AXE", "1");
    }
    let has_go = browsers::have_go();
    if !has_go {
        tests.env("FARTHING_SKIP_GO", "1");
    }
    let outcome = run(&mut tests);
    for browser in &left_out {
        println!("LEFT OUT: the tests in {} ({})", browser.name(), browser.flag());
    }
    if !has_axe {
        println!("LEFT OUT: axe-core, which needs npm (the tests of accessibility ran without it)");
    }
    if !has_go {
        println!(
            "LEFT OUT: Go's own check of the log (apt-get install {})",
            browsers::GO.join(" ")
        );
    }
    outcome
}

/// nextest where it is installed, since it runs test binaries side by side; cargo's own otherwise.
fn test_command(root: &Path) -> Command {
    let mut tests = cargo();
    tests.current_dir(root);
    if succeeds(cargo().args(["nextest", "--version"])) {
        tests.args(["nextest", "run", "--workspace", "--no-fail-fast"]);
    } else {
        tests.args(["test", "--workspace", "--no-fail-fast"]);
    }
    tests
}
