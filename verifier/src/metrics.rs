//! What the operator watches, in Prometheus' text form. No label holds a key, an address or a name.

use std::time::Duration;

use farthing_shared::Outcome;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::log::Witnessed;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClaimLabels {
    outcome: &'static str,
    repeat: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SignalLabels {
    signal: &'static str,
}

/// All metrics of one verifier.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    claims: Family<ClaimLabels, Counter>,
    requests: Family<RequestLabels, Counter>,
    slowed: Family<SignalLabels, Counter>,
    batch_size: Histogram,
    commit_seconds: Histogram,
    /// Requests refused because too many claims were under way.
    pub overloaded: Counter,
    /// Requests refused by the limit per network prefix.
    pub rate_limited: Counter,
    /// Open connections.
    pub connections: Gauge,
    /// Connections closed at once: their network had as many as it may.
    pub connections_refused: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(&Witnessed::default())
    }
}

impl Metrics {
    /// Everything is counted from now on; what witnesses say, the log counts.
    #[must_use]
    pub fn new(witnessed: &Witnessed) -> Self {
        let mut registry = Registry::with_prefix("farthing");
        witnessed.register(&mut registry);
        let claims = Family::default();
        registry.register("claims", "Claims answered, by outcome", claims.clone());
        let requests = Family::default();
        registry.register(
            "http_requests",
            "Requests answered, by route and status",
            requests.clone(),
        );
        let slowed = Family::default();
        registry.register(
            "slowed",
            "Wallets that were asked for more work, and refunds that were put off, by signal",
            slowed.clone(),
        );
        let batch_size = Histogram::new(exponential_buckets(1.0, 2.0, 13));
        registry.register("batch_commands", "Commands in one transaction", batch_size.clone());
        let commit_seconds = Histogram::new(exponential_buckets(0.000_1, 2.0, 16));
        registry.register_with_unit(
            "commit_duration",
            "Time to decide and commit one batch",
            Unit::Seconds,
            commit_seconds.clone(),
        );
        let overloaded = Counter::default();
        registry.register(
            "overloaded",
            "Requests answered 503 for lack of room",
            overloaded.clone(),
        );
        let rate_limited = Counter::default();
        registry.register("rate_limited", "Requests answered 429", rate_limited.clone());
        let connections = Gauge::default();
        registry.register("connections", "Open connections", connections.clone());
        let connections_refused = Counter::default();
        registry.register(
            "connections_refused",
            "Connections closed at once, too many from one network",
            connections_refused.clone(),
        );
        Self {
            registry,
            claims,
            requests,
            slowed,
            batch_size,
            commit_seconds,
            overloaded,
            rate_limited,
            connections,
            connections_refused,
        }
    }

    /// Counts an answered claim.
    pub fn claim(&self, outcome: Outcome, repeat: bool) {
        let repeat = if repeat { "yes" } else { "no" };
        self.claims.get_or_create(&ClaimLabels { outcome: outcome.name(), repeat }).inc();
    }

    /// Counts an answered request; `route` is the pattern, never the path.
    pub fn request(&self, route: &'static str, status: u16) {
        self.requests.get_or_create(&RequestLabels { route, status }).inc();
    }

    /// Counts what a signal slowed.
    pub fn slowed(&self, signal: &'static str) {
        self.slowed.get_or_create(&SignalLabels { signal }).inc();
    }

    /// Records a transaction.
    #[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "a statistic")]
    pub fn batch(&self, commands: usize, took: Duration) {
        self.batch_size.observe(commands as f64);
        self.commit_seconds.observe(took.as_secs_f64());
    }

    /// The text that Prometheus reads.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _infallible = encode(&mut text, &self.registry);
        text
    }
}
