//! Measures the verifier against the ceilings of the machine it runs on: `cargo xtask bench`.
//!
//! Figures of two days or two machines cannot be compared, since a neighbour on the processor
//! changes them severalfold. So every figure is taken in turns with its ceiling, in rounds, within
//! one run, and what counts is their ratio.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a command line that prints statistics"
)]

mod ceilings;
mod echo;
mod load;
mod pressure;
mod proofs;
mod report;
mod rounds;
mod server;
mod versus;
mod visitors;
mod watch;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use report::Report;
use server::Server;
use visitors::World;

/// Drives the release binary on loopback and prints what it does next to what the machine can do.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench")]
struct Arguments {
    /// The verifier's release binary.
    #[arg(long, env = "FARTHING_BIN", default_value = "target/release/farthing")]
    farthing: PathBuf,
    /// Where ledgers are made; the disk that it is on is the disk that is measured.
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
    /// About a minute, for a look; the figures scatter more.
    #[arg(long, conflicts_with = "full")]
    quick: bool,
    /// Ten million entries of history and a minute of overload, as before a release.
    #[arg(long)]
    full: bool,
    /// Only these parts.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// Only these ways of sending, within rates and overload.
    #[arg(long, value_delimiter = ',')]
    ways: Vec<rounds::Way>,
    /// Nothing but rates of these binaries in turns with `--farthing`.
    #[arg(long, value_delimiter = ',')]
    versus: Vec<PathBuf>,
    /// Be the server that only echoes.
    #[arg(long, hide = true)]
    echo: Option<u16>,
}

/// What can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Rates and latencies next to their ceilings.
    Rates,
    /// A long history next to an empty ledger.
    History,
    /// Forged claims beside honest ones.
    Flood,
    /// More than can be done.
    Overload,
    /// What the watch for fraud costs.
    Watch,
    /// What the log costs, and how soon a payment can be proven.
    Proofs,
}

/// How much of everything.
struct Plan {
    rounds: usize,
    slice: Duration,
    history: usize,
    overload: Duration,
    ways: Vec<rounds::Way>,
}

impl Plan {
    fn of(arguments: &Arguments) -> Self {
        let seconds = Duration::from_secs_f64;
        let plan = |rounds, slice, history, overload| Self {
            rounds,
            slice: seconds(slice),
            history,
            overload: seconds(overload),
            ways: arguments.ways.clone(),
        };
        if arguments.quick {
            plan(3, 0.5, 100_000, 4.0)
        } else if arguments.full {
            plan(7, 1.5, 10_000_000, 60.0)
        } else {
            plan(5, 1.0, 1_000_000, 15.0)
        }
    }

    /// Whether claims are to be sent this way.
    fn wants(&self, way: rounds::Way) -> bool {
        self.ways.is_empty() || self.ways.contains(&way)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.echo {
        Some(port) => echo::serve(port).map(|()| true),
        None => measure(&arguments),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

/// False when a figure is below what must hold.
fn measure(arguments: &Arguments) -> Result<bool, String> {
    let folder = arguments.folder.join(std::process::id().to_string());
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let measured = measure_in(arguments, &folder);
    std::fs::remove_dir_all(&folder).map_err(|error| error.to_string())?;
    measured
}

fn measure_in(arguments: &Arguments, folder: &Path) -> Result<bool, String> {
    let plan = Plan::of(arguments);
    let wanted = |part| arguments.only.is_empty() || arguments.only.contains(&part);
    let mut report = Report::default();
    report.machine();
    if !arguments.versus.is_empty() {
        let binaries = [std::slice::from_ref(&arguments.farthing), &arguments.versus].concat();
        versus::versus(&binaries, folder, &plan, &mut report)?;
        return Ok(true);
    }
    let mut fresh = Place::new(&arguments.farthing, &folder.join("fresh"), 0)?;
    report.idle_memory(fresh.server.memory_mib()?.0);
    if wanted(Part::Rates) {
        let bench = rounds::Rates::new(folder, &mut fresh)?;
        bench.measure(&plan, &mut report)?;
    }
    if wanted(Part::Proofs) {
        let place = folder.join("without");
        proofs::measure(&mut fresh, &arguments.farthing, &place, &plan, &mut report)?;
    }
    if wanted(Part::Flood) {
        pressure::flood(&mut fresh, &plan, &mut report)?;
    }
    if wanted(Part::Overload) {
        pressure::overload(&mut fresh, &plan, &mut report)?;
    }
    if wanted(Part::Watch) {
        watch::watch(&arguments.farthing, folder, &plan, &mut report)?;
    }
    if wanted(Part::History) {
        let place = |name: &str, history| {
            // It would go through the long history at the same time. What it costs is asked elsewhere.
            let unwatched = Some(("FARTHING_FRAUD__SCAN".into(), "false".into()));
            Place::with(&arguments.farthing, &folder.join(name), history, unwatched)
        };
        let (mut none, mut long) = (place("no-history", 0)?, place("history", plan.history)?);
        rounds::history(&mut none, &mut long, &plan, &mut report)?;
    }
    report.finish();
    Ok(report.passes())
}

/// A ledger, everybody who pays from it, and the server that runs on it.
struct Place {
    world: World,
    server: Server,
    ports: (u16, u16),
}

impl Place {
    fn new(binary: &Path, folder: &Path, history: usize) -> Result<Self, String> {
        Self::with(binary, folder, history, None)
    }

    /// With one setting more.
    fn with(
        binary: &Path,
        folder: &Path,
        history: usize,
        setting: Option<(String, String)>,
    ) -> Result<Self, String> {
        let ports = server::free_ports()?;
        let mut world = World::new(folder, ports)?;
        world.settings.extend(setting);
        if history > 0 {
            world.grow_history(history)?;
        }
        let server = Server::farthing(binary, &world.settings, ports)?;
        Ok(Self { world, server, ports })
    }
}
