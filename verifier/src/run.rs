//! Puts the parts together: opens the ledger, starts the threads, serves, and ends in order.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use farthing_shared::CreatorId;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::Config;
use crate::ended::EndedSessions;
use crate::findings::{Watch, follow};
use crate::http::{self, App, AppParts, Buckets, Notices, Places, Server, Site};
use crate::intake::Intake;
use crate::log::Log;
use crate::metrics::Metrics;
use crate::reviewers::{self, Reviewers};
use crate::secrets::Secrets;
use crate::sessions::{LINK_LIFE_MS, Purpose, Sessions, Token};
use crate::signals::Signal;
use crate::store::Writer;
use crate::store::sqlite::{Durability, SqliteWriter};
use crate::work::Challenges;

/// Connections of the review page at once; a browser opens six.
const REVIEW_CONNECTIONS: usize = 64;

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was told to stop, and answered everything that it had accepted.
    Stopped,
    /// A commit's outcome is unknown; a new process must recover.
    MustRecover,
}

/// The ledger's file in a data folder.
#[must_use]
pub fn ledger_path(config: &Config) -> PathBuf {
    config.data.join("ledger.db")
}

/// Opens the ledger for writing and checks that it is this provider's.
///
/// # Errors
/// In words.
pub fn open_ledger(config: &Config, secrets: &Secrets) -> Result<SqliteWriter, String> {
    let durability = match config.store.durability.as_str() {
        "unsafe-normal" => Durability::UnsafeNormal,
        _ => Durability::Full,
    };
    let mut writer =
        SqliteWriter::open(&ledger_path(config), durability).map_err(|error| error.to_string())?;
    let told = |error: crate::store::StoreError| error.to_string();
    let verifier = secrets.verifier();
    if writer.identity("verifier", &verifier.0).map_err(told)? != verifier.0 {
        return Err("the ledger belongs to another provider key; restore the provider.key that \
                    was used with it"
            .into());
    }
    let master = secrets.master_name();
    if writer.identity("master", &master).map_err(told)? != master {
        return Err("the ledger was used with another master.key; restore that one".into());
    }
    let currency = config.currency.as_bytes();
    let known = writer.identity("currency", currency).map_err(told)?;
    if known != currency {
        let known = String::from_utf8_lossy(&known).into_owned();
        return Err(format!(
            "the ledger is kept in {known}, the setting currency says {}",
            config.currency
        ));
    }
    let demo: &[u8] = if config.demo { b"demo" } else { b"real" };
    if writer.identity("money", demo).map_err(told)? != demo {
        return Err("a ledger of demo money cannot become one of real money, nor the other way \
                    round; use another data folder"
            .into());
    }
    Ok(writer)
}

/// Keeps a second server, and a restore, away from a data folder in use.
///
/// # Errors
/// In words, when another process holds it.
pub fn lock_data(config: &Config) -> Result<std::fs::File, String> {
    let path = config.data.join("serve.lock");
    let told = |why: String| format!("{}: {why}", path.display());
    let file = std::fs::File::create(&path).map_err(|error| told(error.to_string()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(told("a server runs on this data folder; stop it first".into()))
        }
        Err(std::fs::TryLockError::Error(error)) => Err(told(error.to_string())),
    }
}

/// Makes the data folder and reads the keys in it, or makes those.
///
/// # Errors
/// In words.
pub fn open_data(config: &Config) -> Result<Secrets, String> {
    std::fs::create_dir_all(&config.data).map_err(|error| {
        format!("cannot make the data folder {}: {error}", config.data.display())
    })?;
    Secrets::load_or_make(&config.data)
}

/// Why a server did not start.
#[derive(Debug)]
pub enum NotStarted {
    /// In words.
    Failed(String),
    /// The Merkle log must not be signed on; starting again changes nothing. In words.
    LogRefused(String),
}

impl std::fmt::Display for NotStarted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Failed(why) | Self::LogRefused(why)) = self;
        f.write_str(why)
    }
}

impl From<String> for NotStarted {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

/// Builds the application on a ledger.
///
/// # Errors
/// [`NotStarted`].
pub fn build(
    config: Config,
    secrets: Secrets,
    writer: SqliteWriter,
    clock: Clock,
) -> Result<(App, std::thread::JoinHandle<Writer>), NotStarted> {
    let reader = writer.reader().map_err(|error| error.to_string())?;
    let log = Log::start(&config, &secrets, reader.clone(), &ledger_path(&config))
        .map_err(NotStarted::LogRefused)?;
    let policy = config.policy(secrets.verifier()).map_err(|error| error.to_string())?;
    let metrics = Arc::new(Metrics::new(log.witnessed()));
    let (intake, thread) = Intake::start(
        Writer::Sqlite(Box::new(writer)),
        reader.clone(),
        policy.clone(),
        clock.clone(),
        config.limits.claims_in_flight,
        metrics.clone(),
    );
    let path = config.data.join("ended-sessions");
    let ended = EndedSessions::open(&path, clock.now()).map_err(|error| {
        format!("cannot keep which sessions have ended in {}: {error}", path.display())
    })?;
    let trusted = config.proxies().map_err(|error| error.to_string())?;
    let parts = AppParts {
        sessions: Sessions::new(secrets.mac("session")),
        ended,
        reviewers: Reviewers::new(&secrets, clock.now()),
        notices: Notices::default(),
        challenges: Challenges::new(
            secrets.mac("challenge"),
            config.limits.work_bits,
            policy.welcome != farthing_shared::Micros::ZERO,
        ),
        refunds: Signal::refunds(),
        buckets: Buckets::new(config.limits.requests_per_prefix_per_second),
        origins: crate::findings::Origins::default(),
        site: Site::embedded(),
        policy,
        clock,
        reader,
        intake,
        log,
        secrets,
        trusted,
        metrics,
        config,
        stopping: watch::channel(false).0,
    };
    Ok((App(Arc::new(parts)), thread))
}

/// A sign-in link for a creator.
#[must_use]
pub fn sign_in_link(
    config: &Config,
    secrets: &Secrets,
    clock: &Clock,
    creator: CreatorId,
    generation: u32,
) -> String {
    let sessions = Sessions::new(secrets.mac("session"));
    let expires_at = clock.now().plus_ms(LINK_LIFE_MS);
    let token = sessions.write(Purpose::Link, &Token { creator, expires_at, generation });
    format!("{}/creator#token={token}", config.origin)
}

/// A link that signs one browser in to the review page, once.
///
/// # Errors
/// In words: the page is off, or the name is none.
pub fn review_link(
    config: &Config,
    secrets: &Secrets,
    clock: &Clock,
    who: &str,
) -> Result<String, String> {
    let origin = config.review_origin().ok_or(
        "the review page is off; set review.listen, such as FARTHING_REVIEW__LISTEN=127.0.0.1:8104, \
         and start the server again",
    )?;
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(|error| error.to_string())?;
    let token = reviewers::link_token(secrets, who, nonce, clock.now())?;
    Ok(format!("{origin}/#token={token}"))
}

/// Serves until `stopped` resolves or a commit's outcome is unknown.
///
/// # Errors
/// [`NotStarted`], also when a listener cannot be opened or the demo cannot be set up.
pub async fn serve(
    config: Config,
    stopped: impl Future<Output = ()>,
    ready: impl FnOnce(&App),
) -> Result<Ended, NotStarted> {
    let secrets = open_data(&config)?;
    let _lock = lock_data(&config)?;
    let writer = open_ledger(&config, &secrets)?;
    let (app, thread) = build(config, secrets, writer, Clock::System)?;
    let told = app.stopping.subscribe();
    let mut tasks = tokio::task::JoinSet::new();
    let main = bind(app.config.listen).await?;
    if let Some(address) = app.config.metrics_listen {
        let listener = bind(address).await?;
        tasks.spawn(http::serve_metrics(listener, app.metrics.clone(), told.clone()));
    }
    if let Some(address) = app.config.review.listen {
        let places = Places::new(REVIEW_CONNECTIONS, &app.trusted);
        let metrics = app.metrics.clone();
        let connections_max = REVIEW_CONNECTIONS;
        let server = Server { listener: bind(address).await?, connections_max, places, metrics };
        tasks.spawn(server.run(http::review_router(app.clone()), told.clone()));
    }
    if let Some(address) = app.config.demo_site.listen {
        let pages = crate::demo::prepare(&app).await?;
        let provider = app.config.origin.clone();
        let listener = bind(address).await?;
        tasks.spawn(http::serve_demo(listener, pages, provider, app.metrics.clone(), told.clone()));
    }
    let server = Server {
        listener: main,
        connections_max: app.config.limits.connections,
        places: Places::new(app.config.limits.connections_per_prefix, &app.trusted),
        metrics: app.metrics.clone(),
    };
    tasks.spawn(server.run(http::router(app.clone()), told.clone()));
    let tending = tokio::spawn(tend(app.clone()));
    let watching = start_watch(&app)?;
    ready(&app);
    let mut fatal = app.intake.fatal();
    let mut halted = app.log.halted();
    let ended = tokio::select! {
        () = stopped => Ended::Stopped,
        _ = fatal.wait_for(|fatal| *fatal) => Ended::MustRecover,
        // The next start says why nothing may be signed.
        _ = halted.wait_for(|halted| *halted) => Ended::MustRecover,
    };
    if ended == Ended::MustRecover {
        let last = app.clone();
        let _ended = tokio::task::spawn_blocking(move || last.log.abandon()).await;
    }
    // New connections are refused, answers under way finish, then the queue runs dry.
    app.stopping.send_replace(true);
    while tasks.join_next().await.is_some() {}
    tending.abort();
    let _cancelled = tending.await;
    if let Some((told, thread)) = watching {
        told.store(true, Ordering::SeqCst);
        thread.thread().unpark();
        // What it has not written yet it finds again at the next start.
        let _ended = tokio::task::spawn_blocking(move || thread.join()).await;
    }
    if ended == Ended::Stopped {
        app.intake.tend().await;
        // All answers are given, so this shows everything that was accepted.
        let last = app.clone();
        let _ended = tokio::task::spawn_blocking(move || last.log.stop()).await;
    }
    drop(app);
    let joined = tokio::task::spawn_blocking(move || thread.join());
    if tokio::time::timeout(Duration::from_secs(10), joined).await.is_err() {
        tracing::warn!("the ledger's thread did not end in time");
    }
    Ok(ended)
}

async fn bind(address: std::net::SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| {
        format!("cannot listen on {address}: {error}; is another server running there?")
    })
}

type Watching = (Arc<AtomicBool>, std::thread::JoinHandle<()>);

fn start_watch(app: &App) -> Result<Option<Watching>, String> {
    if !app.config.fraud.scan {
        return Ok(None);
    }
    let told = Arc::new(AtomicBool::new(false));
    let days = app.config.fraud.keep_origins_days;
    let watch = Watch::new(app.reader.clone(), app.intake.clone(), app.clock.clone(), days);
    let thread = follow(watch, told.clone()).map_err(|error| format!("the fraud scan: {error}"))?;
    Ok(Some((told, thread)))
}

async fn tend(app: App) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let forged = app.origins.take_forged();
        if !forged.is_empty()
            && let Err(error) = app.intake.ask(farthing_rules::Command::Observe(forged)).await
        {
            tracing::warn!(?error, "counts of forged claims by sender were lost");
        }
        app.intake.tend().await;
    }
}
