//! The listeners. `axum::serve` has no timeout for headers, so connections are served by hyper with
//! one: a client that sends its headers drop by drop is cut off.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

use super::Places;
use super::gate::Peer;
use crate::metrics::Metrics;

/// Headers must be whole within this time; an idle connection is closed after it too.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// A client that takes nothing of its answer for so long is cut off.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Answers under way at shutdown may take so long.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of request line and headers; also the size in which bodies are read.
const BUFFER_BYTES_MAX: usize = 64 << 10;

/// A listener that serves one router until it is told to stop.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub listener: TcpListener,
    /// Connections open at once; more wait to be accepted.
    pub connections_max: usize,
    /// How many of them from one network; further ones are closed at once.
    pub places: Places,
    /// Where open connections are counted.
    pub metrics: Arc<Metrics>,
}

impl Server {
    /// Serves until `stop` becomes true, then lets what is under way finish.
    pub async fn run(self, router: Router, mut stop: watch::Receiver<bool>) {
        let graceful = GracefulShutdown::new();
        let room = Arc::new(Semaphore::new(self.connections_max));
        loop {
            // Told to stop while every place is taken, it must stop all the same.
            let permit = tokio::select! {
                permit = room.clone().acquire_owned() => permit,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            let Ok(permit) = permit else { return };
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, say: others may close theirs meanwhile.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let Some(place) = self.places.take(peer.ip()) else {
                self.metrics.connections_refused.inc();
                continue;
            };
            let _only_slower = stream.set_nodelay(true);
            let mut stream = TimeoutStream::new(stream);
            stream.set_write_timeout(Some(WRITE_TIMEOUT));
            let service = hyper::service::service_fn({
                let router = router.clone();
                move |request| answer(router.clone(), request, peer)
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .max_buf_size(BUFFER_BYTES_MAX)
                .serve_connection(TokioIo::new(Box::pin(stream)), service);
            let connection = graceful.watch(connection);
            let metrics = self.metrics.clone();
            metrics.connections.inc();
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection ended early");
                }
                metrics.connections.dec();
                drop((permit, place));
            });
        }
        drop(self.listener);
        if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
            tracing::warn!("some connections were still open and are cut off");
        }
    }
}

async fn answer(
    router: Router,
    request: Request<Incoming>,
    peer: SocketAddr,
) -> Result<Response, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(Peer(peer));
    router.oneshot(request).await
}

/// Prometheus' text on a listener of its own.
pub async fn serve_metrics(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    stop: watch::Receiver<bool>,
) {
    let shown = metrics.clone();
    let show = move || {
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        let text = shown.text();
        async move { ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], text) }
    };
    let router = Router::new().route("/metrics", get(show));
    let places = Places::new(32, &[]);
    Server { listener, connections_max: 32, places, metrics }.run(router, stop).await;
}

/// The demo magazine: ready-made pages by path, under the strict policy a careful creator would set.
pub async fn serve_demo(
    listener: TcpListener,
    pages: HashMap<String, (axum::body::Bytes, &'static str)>,
    provider: String,
    metrics: Arc<Metrics>,
    stop: watch::Receiver<bool>,
) {
    let policy = format!(
        "default-src 'none'; script-src {provider}; frame-src {provider}; style-src 'self'; \
         img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'none'"
    );
    let policy =
        HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    let pages = Arc::new(pages);
    let router = Router::new().fallback(move |uri: axum::http::Uri| {
        let (pages, policy) = (pages.clone(), policy.clone());
        async move {
            let path = if uri.path() == "/" { "/index.html" } else { uri.path() };
            let found = pages.get(path).or_else(|| pages.get(&format!("{path}.html")));
            match found {
                None => (StatusCode::NOT_FOUND, "There is no such page.").into_response(),
                Some((bytes, kind)) => (
                    [
                        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
                        (header::CONTENT_SECURITY_POLICY, policy),
                        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
                        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
                    ],
                    bytes.clone(),
                )
                    .into_response(),
            }
        }
    });
    let places = Places::new(256, &[]);
    Server { listener, connections_max: 256, places, metrics }.run(router, stop).await;
}
