//! The public listener: every route with its bounds in one table.

mod backups;
mod begun;
mod budgets;
mod claims;
mod creators;
mod extract;
mod findings;
pub mod gate;
mod log;
mod network;
mod notices;
mod openapi;
mod pages;
mod payments;
mod permissions;
mod places;
mod problem;
mod provider;
mod refunds;
mod review;
mod rotations;
mod serve;
mod statement;
mod text;
mod wallets;

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, any, get, post, put};
use farthing_rules::Policy;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::Config;
use crate::ended::EndedSessions;
use crate::intake::Intake;
use crate::log::Log;
use crate::metrics::Metrics;
use crate::reviewers::Reviewers;
use crate::secrets::Secrets;
use crate::sessions::Sessions;
use crate::signals::Signal;
use crate::store::sqlite::{ReadError, Reader};
use crate::work::Challenges;

pub use network::{Buckets, Network, Prefix};
pub use notices::Notices;
pub use pages::{Site, content_type};
pub use places::Places;
pub use problem::{Kind, Problem};
pub use review::router as review_router;
pub use serve::{Server, serve_demo, serve_metrics};
pub use text::{Clause, time as show_time};

/// What every handler works with.
#[derive(Debug)]
pub struct AppParts {
    /// The settings.
    pub config: Config,
    /// The rules' share of them.
    pub policy: Policy,
    /// The time.
    pub clock: Clock,
    /// Reads the ledger.
    pub reader: Reader,
    /// Writes it.
    pub intake: Intake,
    /// The Merkle log over it.
    pub log: Log,
    /// The provider's keys.
    pub secrets: Secrets,
    /// Creators' tokens.
    pub sessions: Sessions,
    /// Those that were signed out of.
    pub ended: EndedSessions,
    /// Who reviews findings.
    pub reviewers: Reviewers,
    /// Proof of work for new wallets.
    pub challenges: Challenges,
    /// Refunds by network prefix.
    pub refunds: Signal,
    /// Word for frames that the wallet page cannot reach.
    pub notices: Notices,
    /// Limits per network prefix.
    pub buckets: Buckets,
    /// The day's tags of networks.
    pub origins: crate::findings::Origins,
    /// Proxies that are believed.
    pub trusted: Vec<Network>,
    /// What the operator watches.
    pub metrics: Arc<Metrics>,
    /// The web files.
    pub site: Site,
    /// Becomes true when the server is to end; streams that would go on for ever look at it.
    pub stopping: watch::Sender<bool>,
}

/// A handle on [`AppParts`].
#[derive(Debug, Clone)]
pub struct App(pub Arc<AppParts>);

impl Deref for App {
    type Target = AppParts;
    fn deref(&self) -> &AppParts {
        &self.0
    }
}

impl App {
    /// Reads the ledger on a thread that may block.
    ///
    /// # Errors
    /// A problem that says the ledger could not be read.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, Problem> {
        let reader = self.reader.clone();
        match tokio::task::spawn_blocking(move || read(&reader)).await {
            Ok(answer) => Ok(answer?),
            Err(error) => Err(Problem::new(problem::Kind::Internal, error.to_string())),
        }
    }
}

/// What a route admits.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes of a body.
    pub body_max: usize,
    /// How many requests of a prefix's bucket one takes.
    pub cost: u32,
}

/// A request without a body to speak of.
const READ: Bounds = Bounds { body_max: 0, cost: 1 };
/// A small JSON body.
const SMALL: Bounds = Bounds { body_max: 4 << 10, cost: 1 };
/// A write that does more work than a claim.
const HEAVY: Bounds = Bounds { body_max: 64 << 10, cost: 5 };
/// A thousand claims of 256 bytes; a batch counts as fifty requests.
const BATCH: Bounds = Bounds { body_max: 1_000 * 256, cost: 50 };
/// A guess at something secret: vouchers, sign-in links.
const GUESS: Bounds = Bounds { body_max: 4 << 10, cost: 20 };

/// Every route of the public listener.
pub fn router(app: App) -> Router {
    let table: Vec<(&'static str, MethodRouter<App>, Bounds)> = vec![
        ("/healthz", get(provider::health), READ),
        ("/readyz", get(provider::ready), READ),
        ("/openapi.json", get(openapi::document), READ),
        ("/v1/provider", get(provider::provider), READ),
        ("/v1/quote", get(provider::quote), READ),
        ("/v1/challenges", post(wallets::challenge), SMALL),
        ("/v1/wallets", post(wallets::open), HEAVY),
        ("/v1/wallets/{root}", get(wallets::show), READ),
        ("/v1/wallets/{root}/entries", get(wallets::entries), READ),
        ("/v1/wallets/{root}/budget", get(budgets::show).put(budgets::set), HEAVY),
        ("/v1/wallets/{root}/permissions", get(permissions::show).put(permissions::set), HEAVY),
        ("/v1/wallets/{root}/backups", put(backups::keep), HEAVY),
        ("/v1/backups/{name}", get(backups::show), READ),
        ("/v1/wallets/{root}/rotations", post(rotations::rotate), HEAVY),
        ("/v1/wallets/{root}/top-ups", post(wallets::top_up), GUESS),
        ("/v1/wallets/{root}/standing", get(findings::of_wallet), READ),
        ("/v1/wallets/{root}/findings/{finding}/answers", post(findings::answer_as_visitor), HEAVY),
        ("/v1/allowances", post(wallets::register_allowance), HEAVY),
        ("/v1/allowances/{key}", get(wallets::allowance), READ),
        ("/v1/claims", post(claims::one), SMALL),
        ("/v1/claims/batch", post(claims::batch), BATCH),
        ("/v1/claims/{id}", get(claims::status), READ),
        ("/v1/notices", post(notices::leave), SMALL),
        ("/v1/notices/{name}", get(notices::hear), READ),
        ("/v1/refunds", post(refunds::refund), HEAVY),
        ("/v1/receipts/{id}", get(log::receipt), READ),
        ("/v1/log/consistency", get(log::consistency), READ),
        ("/log/checkpoint", get(log::checkpoint), READ),
        ("/log/key", get(log::key), READ),
        ("/log/tile/{*rest}", get(log::tile), READ),
        ("/v1/creator/sessions", post(creators::sign_in).delete(creators::sign_out), GUESS),
        ("/v1/creator", get(creators::show), READ),
        ("/v1/creator/totals", get(creators::totals), READ),
        ("/v1/creator/claims", get(payments::claims), READ),
        ("/v1/creator/claims.csv", get(payments::claims_csv), HEAVY),
        ("/v1/creator/statement", get(statement::statement), HEAVY),
        ("/v1/creator/refusals", get(payments::refusals), READ),
        ("/v1/creator/evidence", get(payments::evidence), READ),
        ("/v1/creator/findings", get(findings::of_creator), READ),
        ("/v1/creator/findings/{finding}/answers", post(findings::answer_as_creator), HEAVY),
        ("/v1/creator/items", get(creators::items), READ),
        ("/v1/creator/items", put(creators::set_item), HEAVY),
        ("/v1/creator/items/content-key", get(creators::content_key_of_item), READ),
        ("/v1/creator/events", get(creators::events), READ),
        ("/", get(pages::home), READ),
        ("/v1.js", get(pages::loader), READ),
        ("/l/{name}", get(pages::pinned), READ),
        ("/try", get(pages::try_it), READ),
        ("/w/frame", get(pages::frame), READ),
        ("/wallet", get(pages::wallet), READ),
        ("/wallet-offline.js", get(pages::offline), READ),
        ("/wallet/{*rest}", get(pages::wallet), READ),
        ("/i/{creator}", get(pages::wallet), READ),
        ("/i/{creator}/{*item}", get(pages::wallet), READ),
        ("/creator", get(pages::creator), READ),
        ("/a/{name}", get(pages::asset), READ),
    ];
    routed(app, table)
}

/// A router of these routes, each behind its gate.
fn routed(app: App, table: Vec<(&'static str, MethodRouter<App>, Bounds)>) -> Router {
    let mut router = Router::new();
    for (path, handler, bounds) in table {
        let handler = handler.layer(from_fn_with_state((app.clone(), path, bounds), gate::pass));
        router = router.route(path, handler);
    }
    let nowhere =
        any(provider::nowhere).layer(from_fn_with_state((app.clone(), "none", READ), gate::pass));
    router
        .fallback_service(nowhere.with_state(app.clone()))
        .method_not_allowed_fallback(provider::wrong_method)
        .layer(axum::extract::DefaultBodyLimit::disable())
        .with_state(app)
}
