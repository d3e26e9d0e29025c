//! `cargo xtask test`: gets what the tests need, builds, and runs all of them.

use std::path::Path;
use std::process::Command;

use clap::Args;

use crate::process::{cargo, on_path, run, succeeds};
use crate::{Outcome, serve, vectors, wasm};

/// Debian's packages with the browser that the tests drive.
const BROWSER: [&str; 2] = ["chromium", "chromium-driver"];

#[derive(Args, Default)]
pub struct Arguments {
    /// Leave the browser tests out (said again at the end).
    #[arg(long)]
    no_browser: bool,
}

pub fn run_all(arguments: &Arguments) -> Outcome {
    let root = wasm::root();
    let browser = !arguments.no_browser;
    if browser {
        have_browser()?;
    }
    wasm::run(&wasm::Arguments::default())?;
    vectors::run(&vectors::Arguments::default())?;
    let binary = serve::build_binary(&root, false)?;
    let mut tests = test_command(&root);
    tests.env("FARTHING_BIN", binary);
    if !browser {
        tests.env("FARTHING_SKIP_BROWSER", "1");
    }
    run(&mut tests)?;
    if !browser {
        println!("LEFT OUT: the browser tests (--no-browser)");
    }
    Ok(())
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

/// Chromium and its driver, installed where we may.
fn have_browser() -> Outcome {
    let missing = || ["chromium", "chromedriver"].iter().any(|name| on_path(name).is_none());
    if !missing() {
        return Ok(());
    }
    let by_hand = format!(
        "the browser tests need Chromium and its driver: apt-get install {} (or leave them out \
         with --no-browser)",
        BROWSER.join(" ")
    );
    let root = succeeds(Command::new("sh").args(["-c", "test \"$(id -u)\" = 0"]));
    if !root || on_path("apt-get").is_none() {
        return Err(by_hand);
    }
    let mut install = Command::new("apt-get");
    install.args(["install", "--yes", "--no-install-recommends"]).args(BROWSER);
    install.env("DEBIAN_FRONTEND", "noninteractive");
    run(Command::new("apt-get").arg("update")).and_then(|()| run(&mut install))?;
    if missing() { Err(by_hand) } else { Ok(()) }
}
