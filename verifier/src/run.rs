//! Puts the parts together: opens the ledger, starts the threads, serves, and ends in order.

use std::future::Future;
use std::path::{Path, PathBuf};
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
use crate::store::sqlite::{Durability, OpenError, SqliteWriter};
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

/// Opens the ledger for writing and checks that it is this provider's. It must be there: [`begin`] makes one.
///
/// # Errors
/// [`NotStarted`].
pub fn open_ledger(config: &Config, secrets: &Secrets) -> Result<SqliteWriter, NotStarted> {
    let mut writer =
        SqliteWriter::open_known(&ledger_path(config), durability(config)).map_err(not_opened)?;
    own(&mut writer, config, secrets)?;
    Ok(writer)
}

fn not_opened(error: OpenError) -> NotStarted {
    let kind = if error.passing { NotStarted::Failed } else { NotStarted::Refused };
    kind(error.to_string())
}

fn durability(config: &Config) -> Durability {
    match config.store.durability.as_str() {
        "unsafe-normal" => Durability::UnsafeNormal,
        _ => Durability::Full,
    }
}

/// Writes down whom a new ledger belongs to, and compares it with what an old one says.
///
/// # Errors
/// [`NotStarted`], when it is another's, or of other money.
pub fn own(
    writer: &mut SqliteWriter,
    config: &Config,
    secrets: &Secrets,
) -> Result<(), NotStarted> {
    let told = |error: crate::store::StoreError| NotStarted::Failed(error.to_string());
    let refused = |why: &str| NotStarted::Refused(why.into());
    let verifier = secrets.verifier();
    if writer.identity("verifier", &verifier.0).map_err(told)? != verifier.0 {
        return Err(refused(
            "the ledger belongs to another provider key; restore the provider.key that \
                    was used with it",
        ));
    }
    let master = secrets.master_name();
    if writer.identity("master", &master).map_err(told)? != master {
        return Err(refused("the ledger was used with another master.key; restore that one"));
    }
    let currency = config.currency.as_bytes();
    let known = writer.identity("currency", currency).map_err(told)?;
    if known != currency {
        let known = String::from_utf8_lossy(&known).into_owned();
        return Err(NotStarted::Refused(format!(
            "the ledger is kept in {known}, the setting currency says {}",
            config.currency
        )));
    }
    let demo: &[u8] = if config.demo { b"demo" } else { b"real" };
    if writer.identity("money", demo).map_err(told)? != demo {
        return Err(refused(
            "a ledger of demo money cannot become one of real money, nor the other way \
                    round; use another data folder",
        ));
    }
    Ok(())
}

/// Keeps a second server, and a restore, away from a data folder in use.
///
/// # Errors
/// [`NotStarted`], also when another process holds it.
pub fn lock_data(config: &Config) -> Result<std::fs::File, NotStarted> {
    let path = config.data.join("serve.lock");
    let told = |why: String| format!("{}: {why}", path.display());
    let file = std::fs::File::create(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::StorageFull => NotStarted::Failed(told(error.to_string())),
        _ => NotStarted::Refused(told(error.to_string())),
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(told("a server runs on this data folder; stop it first".into()).into())
        }
        Err(std::fs::TryLockError::Error(error)) => Err(told(error.to_string()).into()),
    }
}

/// Written before the first key and removed after the ledger has its owner: what a crash leaves between the
/// two is a beginning, and no loss.
const BEGINNING: &str = "ledger.beginning";
/// A restored ledger before it has its name.
pub const RESTORING: &str = "ledger.restoring";

/// Makes keys and an empty ledger in a data folder that has neither and shows no trace of having had one.
/// Nothing happens where there is a ledger.
///
/// # Errors
/// [`NotStarted`]; a folder whose ledger is lost is left as it is.
pub fn begin(config: &Config) -> Result<(), NotStarted> {
    let data = &config.data;
    make_data_folder(config).map_err(NotStarted::Refused)?;
    let beginning = data.join(BEGINNING);
    // Another process that begins the same ledger makes what is looked for in this order: the mark of the
    // beginning, keys, ledger. The traces are read first, so that they are never taken for a loss.
    let traces = traces(config);
    if !beginning.exists() {
        if ledger_path(config).exists() {
            return Ok(());
        }
        if !traces.is_empty() {
            return Err(NotStarted::Refused(lost(config, &traces)));
        }
    }
    let told = |error: std::io::Error| format!("{}: {error}", beginning.display());
    let mark = std::fs::File::options().create(true).append(true).open(&beginning).map_err(told)?;
    mark.lock().map_err(told)?;
    // Whoever had the lock before may have done it.
    if SqliteWriter::open_known(&ledger_path(config), durability(config)).is_err() {
        sync_folder(data).map_err(told)?;
        let secrets = Secrets::load_or_make(data).map_err(NotStarted::Refused)?;
        let mut writer =
            SqliteWriter::open(&ledger_path(config), durability(config)).map_err(not_opened)?;
        own(&mut writer, config, &secrets)?;
    }
    // The last one who closes the ledger moves its rows into the main file, which has an owner from now on
    // whatever happens to the file beside it.
    sync_folder(data).map_err(told)?;
    match std::fs::remove_file(&beginning) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(told(error).into());
        }
        _ => {}
    }
    Ok(sync_folder(data).map_err(told)?)
}

/// A restore takes the place of a beginning that was cut off: what it leaves when it is cut off itself is no
/// beginning.
///
/// # Errors
/// As the system says.
pub fn forget_beginning(data: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(data.join(BEGINNING)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.and_then(|()| sync_folder(data)),
    }
}

/// What tells that a ledger was here, where there is none.
fn traces(config: &Config) -> Vec<PathBuf> {
    let data = &config.data;
    let named = ["provider.key", "master.key", "log.key", "ledger.db-wal", RESTORING];
    let mut traces: Vec<PathBuf> = named.map(|name| data.join(name)).into();
    traces.push(crate::log::signed_mark(&crate::log::folder(config)));
    traces.push(crate::log::high_water_path(config));
    traces.retain(|path| path.exists());
    let folders = std::fs::read_dir(data).into_iter().flatten().flatten();
    let aside =
        folders.filter(|entry| entry.file_name().to_string_lossy().starts_with("replaced-"));
    traces.extend(aside.map(|entry| entry.path()));
    traces
}

fn lost(config: &Config, traces: &[PathBuf]) -> String {
    let traces: Vec<String> = traces.iter().map(|path| path.display().to_string()).collect();
    format!(
        "{} is missing, but a ledger was here before, as these tell: {}. Is its disk there? Restore a backup \
         (farthing restore FOLDER --replace), or, if nothing was ever kept here, remove what is named",
        ledger_path(config).display(),
        traces.join(", ")
    )
}

fn make_data_folder(config: &Config) -> Result<(), String> {
    make_private_folder(&config.data)
        .map_err(|error| format!("cannot make the data folder {}: {error}", config.data.display()))
}

/// Makes a folder, and those above it, that nobody else may look into.
///
/// # Errors
/// As the system says.
pub fn make_private_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

/// Waits until the names in a folder are on the disk.
///
/// # Errors
/// As the system says.
pub fn sync_folder(path: &Path) -> std::io::Result<()> {
    std::fs::File::open(path)?.sync_all()
}

/// Reads the keys beside a ledger, which must be there: [`begin`] makes both. Only a ledger older than its log gets
/// the key for that.
///
/// # Errors
/// In words.
pub fn open_data(config: &Config) -> Result<Secrets, String> {
    let data = &config.data;
    if ledger_path(config).exists() {
        return Secrets::load_or_make(data);
    }
    let traces = traces(config);
    if traces.is_empty() || data.join(BEGINNING).exists() {
        return Err(format!(
            "there is no ledger in {}; the setting data (FARTHING_DATA) names its folder, and the first start \
             makes one: farthing serve",
            data.display()
        ));
    }
    Err(lost(config, &traces))
}

/// Why a server did not start.
#[derive(Debug)]
pub enum NotStarted {
    /// It may be right at the next try: a port in use, another process, the disk. In words.
    Failed(String),
    /// Starting again changes nothing: settings, keys, a ledger that is not this provider's or is damaged, a
    /// Merkle log that must not be signed on. In words.
    Refused(String),
}

impl std::fmt::Display for NotStarted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Failed(why) | Self::Refused(why)) = self;
        f.write_str(why)
    }
}

impl From<NotStarted> for String {
    fn from(not: NotStarted) -> Self {
        not.to_string()
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
        .map_err(NotStarted::Refused)?;
    let policy = config
        .policy(secrets.verifier())
        .map_err(|error| NotStarted::Refused(error.to_string()))?;
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
    make_data_folder(&config).map_err(NotStarted::Refused)?;
    // Before anything is made or read: a restore changes all of it.
    let _lock = lock_data(&config)?;
    begin(&config)?;
    let secrets = open_data(&config).map_err(NotStarted::Refused)?;
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

async fn bind(address: std::net::SocketAddr) -> Result<TcpListener, NotStarted> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => {
            NotStarted::Refused(format!("cannot listen on {address}: {error}"))
        }
        _ => NotStarted::Failed(format!(
            "cannot listen on {address}: {error}; is another server running there?"
        )),
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
