//! What every request passes before its handler: where it comes from, whether there is room, and a
//! body that is whole, small enough and came in time. Handlers never see a stream.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::network::{self, Prefix};
use super::problem::{Kind, Problem};
use super::{App, Bounds};

/// A body must be whole within this time, however slowly it is sent.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The network address of the connection; put into the request by the listener.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Passes a request on when it keeps within the bounds of its route.
pub async fn pass(
    State((app, route, bounds)): State<(App, &'static str, Bounds)>,
    request: Request,
    next: Next,
) -> Response {
    let response = match admit(&app, bounds, request).await {
        Ok(request) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    app.metrics.request(route, response.status().as_u16());
    finish(response)
}

async fn admit(app: &App, bounds: Bounds, mut request: Request) -> Result<Request, Problem> {
    let peer = request.extensions().get::<Peer>().copied();
    let peer = peer.map_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)), |peer| peer.0);
    let prefix = Prefix::of(network::client(peer, request.headers(), &app.trusted));
    app.buckets.take(prefix, bounds.cost).map_err(|wait| {
        app.metrics.rate_limited.inc();
        let detail = format!("too many requests from this network; try again in {wait} s");
        Problem::new(Kind::RateLimited, detail).retry_after(wait)
    })?;
    request.extensions_mut().insert(prefix);
    if request.method() == Method::GET || request.method() == Method::HEAD {
        return Ok(request);
    }
    whole_body(request, bounds.body_max).await
}

async fn whole_body(request: Request, bytes_max: usize) -> Result<Request, Problem> {
    let headers = request.headers();
    if headers.contains_key(header::CONTENT_ENCODING) {
        let detail = "a compressed body is not accepted; send it plain";
        return Err(Problem::new(Kind::UnsupportedMediaType, detail));
    }
    let too_large =
        || Problem::new(Kind::TooLarge, format!("the body may have at most {bytes_max} bytes"));
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok());
    if declared.and_then(|v| v.parse::<usize>().ok()).is_some_and(|length| length > bytes_max) {
        return Err(too_large());
    }
    let (parts, body) = request.into_parts();
    let collected = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, bytes_max).collect());
    let bytes: Bytes = match collected.await {
        Err(_) => {
            let detail = format!("the body did not come within {} s", BODY_TIMEOUT.as_secs());
            return Err(Problem::new(Kind::Timeout, detail));
        }
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large()),
        Ok(Err(_)) => return Err(Problem::new(Kind::BadRequest, "the body broke off")),
        Ok(Ok(body)) => body.to_bytes(),
    };
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

/// Headers that every answer carries.
fn finish(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let no_sniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, no_sniff);
    if !headers.contains_key(header::REFERRER_POLICY) {
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        let nothing = "default-src 'none'; frame-ancestors 'none'";
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(nothing));
    }
    response
}
