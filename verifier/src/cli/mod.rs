//! The command line. Results go to standard output, everything else to standard error.
//!
//! Exit codes: 0 done · 1 not done, or an audit found differences · 2 wrong usage · 75 the server must
//! be started again to recover · 78 wrong settings, or a server whose next start would end the same way.
#![expect(clippy::print_stderr, reason = "this is the command line")]

/// Prints a line of a result. A reader that has gone, or a full disk, ends the command and is no panic.
macro_rules! say {
    ($($words:tt)*) => { $crate::cli::line(format_args!($($words)*))? };
}

mod allocator;
mod backup;
mod findings;
mod fraud;
mod ledger;
mod log;
mod verify;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use farthing_verifier::clock::Clock;
use farthing_verifier::config::{Config, DOCUMENTED};
use farthing_verifier::run::{self, Ended};

const NOT_DONE: u8 = 1;
const MUST_RECOVER: u8 = 75;
const REFUSED: u8 = 78;

/// Small payments with signed claims: checks them, moves money, adds it up per creator.
#[derive(Debug, Parser)]
#[command(name = "farthing", version, max_term_width = 100)]
struct Arguments {
    /// The settings file; without it the defaults and the environment hold.
    #[arg(long, short, global = true, env = "FARTHING_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the verifier.
    Serve,
    /// Register creators, list them, make sign-in links.
    #[command(subcommand)]
    Creator(ledger::CreatorCommand),
    /// Set and list prices.
    #[command(subcommand)]
    Item(ledger::ItemCommand),
    /// Issue, list and revoke vouchers.
    #[command(subcommand)]
    Voucher(ledger::VoucherCommand),
    /// Encrypt content for a gate; prints the tag to paste.
    Seal(ledger::SealArguments),
    /// Rebuild balances and totals from the entries, check every signature, name every difference.
    Audit {
        /// Print the report as JSON.
        #[arg(long)]
        json: bool,
        /// Also compare the Merkle log and its high-water mark with the entries.
        #[arg(long)]
        log: bool,
    },
    /// The Merkle log: its key, a copy for others, a new beginning.
    #[command(subcommand)]
    Log(log::LogCommand),
    /// Check what a provider gave out, offline: needs its log's key and nothing else.
    #[command(subcommand)]
    Verify(verify::VerifyCommand),
    /// Copy ledger and keys into a new folder, while the server runs.
    Backup {
        /// The folder; it must not exist.
        folder: PathBuf,
    },
    /// Put a backup into the data folder of a server that does not run.
    Restore {
        /// The backup's folder.
        folder: PathBuf,
        /// Put an existing ledger aside (it is renamed, not removed).
        #[arg(long)]
        replace: bool,
    },
    /// Print every setting with its default and meaning, or check a settings file.
    Config {
        #[command(subcommand)]
        command: Option<ConfigCommand>,
    },
    /// Look for fraud.
    #[command(subcommand)]
    Fraud(fraud::FraudCommand),
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Read the settings as the server would and say whether they can be used.
    Check,
}

/// Why a command was not done.
enum Failure {
    /// In words.
    NotDone(String),
    /// The settings cannot be used, or a server must not start; another try changes nothing.
    Refused(String),
    /// The server must be started again.
    MustRecover,
    /// It was said already.
    Said,
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self::NotDone(why)
    }
}

/// What was to be printed could not be.
struct Unprinted(std::io::Error);

impl From<Unprinted> for String {
    fn from(why: Unprinted) -> Self {
        format!("it is done, but what it says could not be printed: {}", why.0)
    }
}

impl From<Unprinted> for Failure {
    fn from(why: Unprinted) -> Self {
        // Whoever reads only the first lines wants no words about the others.
        if why.0.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::Said;
        }
        Self::NotDone(format!("what it says could not be printed: {}", why.0))
    }
}

fn line(words: std::fmt::Arguments<'_>) -> Result<(), Unprinted> {
    writeln!(std::io::stdout().lock(), "{words}").map_err(Unprinted)
}

/// A command that is given once is not done, whatever the reason; only a server is started again by itself.
impl From<run::NotStarted> for Failure {
    fn from(why: run::NotStarted) -> Self {
        Self::NotDone(why.to_string())
    }
}

pub(crate) fn run() -> ExitCode {
    let arguments = Arguments::parse();
    if matches!(arguments.command, Command::Serve) {
        allocator::settle();
    }
    match dispatch(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::NotDone(why)) => {
            eprintln!("farthing: {why}");
            ExitCode::from(NOT_DONE)
        }
        Err(Failure::Refused(why)) => {
            eprintln!("farthing: {why}");
            ExitCode::from(REFUSED)
        }
        Err(Failure::MustRecover) => {
            eprintln!("farthing: a commit may or may not be on the disk; start the server again");
            ExitCode::from(MUST_RECOVER)
        }
        Err(Failure::Said) => ExitCode::from(NOT_DONE),
    }
}

fn dispatch(arguments: Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Completions { shell } => {
            let mut command = Arguments::command();
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut command, "farthing", &mut script);
            say!("{}", String::from_utf8_lossy(&script).trim_end());
            return Ok(());
        }
        Command::Config { command: None } => {
            say!("{}", DOCUMENTED.trim_end());
            return Ok(());
        }
        Command::Verify(command) => return verify::run(command),
        _ => {}
    }
    // A trace needs no settings: it is judged by what it says.
    if let Command::Fraud(fraud::FraudCommand::Replay { events, strict }) = &arguments.command {
        return fraud::replay(events, *strict);
    }
    let environment = std::env::vars();
    let config = Config::load(arguments.config.as_deref(), environment)
        .map_err(|error| Failure::Refused(error.to_string()))?;
    match arguments.command {
        Command::Serve => serve(config),
        Command::Creator(command) => ledger::creator(&config, command),
        Command::Item(command) => ledger::item(&config, command),
        Command::Voucher(command) => ledger::voucher(&config, command),
        Command::Seal(arguments) => ledger::seal(&config, &arguments),
        Command::Audit { json, log } => ledger::audit(&config, json, log),
        Command::Log(command) => log::run(&config, &command),
        Command::Backup { folder } => Ok(backup::backup(&config, &folder)?),
        Command::Restore { folder, replace } => Ok(backup::restore(&config, &folder, replace)?),
        Command::Config { .. } => {
            check_places(&config)?;
            say!("the settings can be used; the provider is {}", config.origin);
            Ok(())
        }
        Command::Fraud(fraud::FraudCommand::Ledger(command)) => {
            findings::run_command(&config, command)
        }
        Command::Completions { .. } | Command::Fraud(_) | Command::Verify(_) => Ok(()),
    }
}

fn serve(config: Config) -> Result<(), Failure> {
    start_logging(&config);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // Answers come by the runtime's common queue, and what a thread has too much of goes there. Usually a thread
        // looks there once in five or ten turns, so that in a crowd new claims would overtake those that wait to be
        // answered (docs/decisions/0009-room.md).
        .global_queue_interval(1)
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let stopped = {
        let _within = runtime.enter();
        stop_signal()
    };
    let ended = runtime.block_on(run::serve(config, stopped, say_ready));
    let ended = ended.map_err(|error| match error {
        run::NotStarted::Failed(why) => Failure::NotDone(why),
        run::NotStarted::Refused(why) => Failure::Refused(why),
    })?;
    match ended {
        Ended::Stopped => Ok(()),
        Ended::MustRecover => Err(Failure::MustRecover),
    }
}

fn say_ready(app: &farthing_verifier::http::App) {
    // A server goes on where nobody reads what it prints.
    let _unread = print_ready(app);
}

fn print_ready(app: &farthing_verifier::http::App) -> Result<(), Unprinted> {
    let config = &app.config;
    tracing::info!(
        origin = config.origin,
        listen = %config.listen,
        demo = config.demo,
        verifier = %app.policy.verifier,
        "serving"
    );
    if config.demo_site.listen.is_some() {
        let creator = farthing_verifier::demo::creator_id(app);
        let known = app.reader.creator(&creator).ok().flatten();
        let generation = known.map_or(1, |(_, profile)| profile.link_generation);
        let link = run::sign_in_link(config, &app.secrets, &Clock::System, creator, generation);
        say!("Demo magazine:    {}/", config.demo_site.origin);
        say!("Creator's page:   {link}");
        say!("Visitor's wallet: {}/wallet", config.origin);
        if let Ok(link) = run::review_link(config, &app.secrets, &Clock::System, "demo") {
            say!("Review of fraud:  {link} (works once, for ten minutes)");
        }
    }
    Ok(())
}

/// Whether the places that the settings name can be used by this user. Nothing is left there.
fn check_places(config: &Config) -> Result<(), Failure> {
    let refused = |setting: &str, path: &Path, why: &dyn std::fmt::Display| {
        Failure::Refused(format!(
            "the setting {setting}: {} cannot be written: {why}",
            path.display()
        ))
    };
    // The server makes the data folder and those above it.
    let there = config.data.ancestors().find(|path| path.exists());
    // A relative path whose first folder is missing begins here.
    let there = there.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    can_write(there).map_err(|why| refused("data", there, &why))?;
    let mark = farthing_verifier::log::high_water_path(config);
    let folder = mark.parent().filter(|path| !path.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    if folder != config.data && !config.data.starts_with(folder) {
        can_write(folder).map_err(|why| refused("proofs.high_water", folder, &why))?;
    }
    Ok(())
}

fn can_write(folder: &Path) -> std::io::Result<()> {
    let probe = folder.join(format!(".farthing-check-{}", std::process::id()));
    std::fs::File::create_new(&probe)?;
    std::fs::remove_file(&probe)
}

fn start_logging(config: &Config) {
    // It was read before, with the other settings.
    let filter = tracing_subscriber::EnvFilter::new(&config.log.filter);
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if config.log.format == "json" {
        logs.json().init();
    } else {
        logs.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init();
    }
}

/// Resolves at Ctrl-C, SIGTERM, or SIGHUP, which a terminal sends when it is closed: what was accepted is
/// answered all the same. They are listened for from this call on, before the first connection is taken: one
/// that came between the two would end the process at once. Must be called within a tokio runtime.
#[cfg(unix)]
fn stop_signal() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    // Whoever starts it with `nohup` wants it to stay when the terminal is closed.
    let hangup = (!ignores_hangup()).then(SignalKind::hangup);
    let kinds = [SignalKind::interrupt(), SignalKind::terminate()].into_iter().chain(hangup);
    let mut signals: Vec<_> = kinds.filter_map(|kind| signal(kind).ok()).collect();
    std::future::poll_fn(move |context| {
        let came = signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if came { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
}

/// Whether SIGHUP was ignored when this process began, as far as Linux tells.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Bit 0 is signal 1, which is SIGHUP (signal(7)).
    ignored.is_some_and(|mask| mask & 1 == 1)
}

/// Resolves at Ctrl-C.
#[cfg(not(unix))]
async fn stop_signal() {
    let _unavailable = tokio::signal::ctrl_c().await;
}
