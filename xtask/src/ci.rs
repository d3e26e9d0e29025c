//! `cargo xtask ci`: what CI runs, and nothing more.

use crate::process::{cargo, run, succeeds};
use crate::{Outcome, test, tidy, wasm};

pub fn run_all() -> Outcome {
    let root = wasm::root();
    tidy::run()?;
    if succeeds(cargo().args(["fmt", "--version"])) {
        run(cargo().current_dir(&root).args(["fmt", "--all", "--check"]))?;
    } else {
        println!("LEFT OUT: the format check (rustup component add rustfmt)");
    }
    if succeeds(cargo().args(["clippy", "--version"])) {
        let mut clippy = cargo();
        clippy.current_dir(&root).args(["clippy", "--workspace", "--all-targets", "--quiet"]);
        run(clippy.args(["--", "--deny", "warnings"]))?;
    } else {
        println!("LEFT OUT: clippy (rustup component add clippy)");
    }
    if succeeds(cargo().args(["deny", "--version"])) {
        let mut deny = cargo();
        deny.current_dir(&root).args(["deny", "--offline", "check", "bans", "licenses", "sources"]);
        run(&mut deny)?;
    } else {
        println!("LEFT OUT: licences, bans and sources (cargo install cargo-deny)");
    }
    test::run_all(&test::Arguments::default())
}
