//! `cargo xtask serve`: everything built, the verifier and the demo magazine running, and what to
//! click.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::process::{self, cargo, run};
use crate::{Outcome, wasm};

/// The server ends with this code when it must be started again to recover.
const MUST_RECOVER: i32 = 75;

#[derive(Args)]
pub struct Arguments {
    /// Build the optimised binary (slower to build, faster to run).
    #[arg(long)]
    release: bool,
    /// Where the demo's ledger and keys are kept.
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// Port of the demo magazine.
    #[arg(long, default_value_t = 8101)]
    magazine_port: u16,
    /// Port of the provider: wallet, frame, API.
    #[arg(long, default_value_t = 8102)]
    provider_port: u16,
    /// Port of the page on which findings of fraud are reviewed.
    #[arg(long, default_value_t = 8104)]
    review_port: u16,
}

pub fn run_demo(arguments: &Arguments) -> Outcome {
    let root = wasm::root();
    wasm::build(&wasm::Arguments::default())?;
    let binary = build_binary(&root, arguments.release)?;
    let settings = settings(arguments);
    let vouchers = vouchers(&binary, &settings)?;
    print_tour(arguments, &vouchers);
    loop {
        let mut server = Command::new(&binary);
        let status = process::serve(server.arg("serve").envs(settings.clone()));
        let status = status.map_err(|error| format!("{}: {error}", binary.display()))?;
        match status.code() {
            Some(MUST_RECOVER) => eprintln!("starting again, so that the ledger recovers"),
            // Stopped by Ctrl-C or a signal, to it or to us: that is how it ends.
            Some(0) | None => return Ok(()),
            Some(_) => return Err("the server ended; its last lines above say why".into()),
        }
    }
}

/// Builds the `farthing` binary; gives its path.
pub fn build_binary(root: &Path, release: bool) -> Result<PathBuf, String> {
    let mut build = cargo();
    build.current_dir(root).args(["build", "--package", "farthing-verifier", "--bin", "farthing"]);
    if release {
        build.arg("--release");
    }
    run(&mut build)?;
    let profile = if release { "release" } else { "debug" };
    Ok(wasm::target(root).join(profile).join("farthing"))
}

fn settings(arguments: &Arguments) -> Vec<(String, String)> {
    let (magazine, provider) = (arguments.magazine_port, arguments.provider_port);
    let pairs = [
        ("NAME", "Farthing demo".to_owned()),
        ("DATA", arguments.data.display().to_string()),
        // In the data folder, unlike a real provider's: who removes the demo's data removes all of it.
        ("PROOFS__HIGH_WATER", arguments.data.join("high-water").display().to_string()),
        ("DEMO", "true".to_owned()),
        ("WELCOME_CREDIT", "\"1.00\"".to_owned()),
        ("LISTEN", format!("127.0.0.1:{provider}")),
        ("ORIGIN", format!("http://pay.localhost:{provider}")),
        ("DEMO_SITE__LISTEN", format!("127.0.0.1:{magazine}")),
        ("DEMO_SITE__ORIGIN", format!("http://magazine.localhost:{magazine}")),
        ("REVIEW__LISTEN", format!("127.0.0.1:{}", arguments.review_port)),
        ("LOG__FILTER", "warn".to_owned()),
    ];
    pairs
        .map(|(name, value)| (format!("FARTHING_{name}"), value.trim_matches('"').to_owned()))
        .into()
}

fn vouchers(binary: &Path, settings: &[(String, String)]) -> Result<Vec<String>, String> {
    let mut issue = Command::new(binary);
    issue.args(["voucher", "issue", "--amount", "5.00", "--count", "2"]);
    let output = issue.envs(settings.iter().cloned()).output().map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

fn print_tour(arguments: &Arguments, vouchers: &[String]) {
    let magazine = format!("http://magazine.localhost:{}/", arguments.magazine_port);
    println!();
    println!(
        "Farthing runs with demo money. Stop it with Ctrl-C; its ledger is in {}.",
        arguments.data.display()
    );
    println!("  1. Open {magazine}, choose an article and click its Pay button.");
    println!("     A small window asks once; your new wallet holds 1.00 EUR of demo money.");
    println!("  2. Pay for a second article: one click, no window.");
    println!(
        "  3. Open the creator's page (the long link below): each payment is there at once, with what was paid in welcome"
    );
    println!(
        "     credit, which is spent first and never paid out. What a voucher pays for makes the total grow."
    );
    println!(
        "  4. When the money is spent, top the wallet up with a voucher: {}",
        vouchers.join(" or ")
    );
    println!(
        "  5. Whoever runs a verifier reviews findings of fraud: open the last link below, within ten minutes."
    );
    println!();
}
