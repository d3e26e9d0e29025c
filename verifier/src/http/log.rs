//! The Merkle log as C2SP tlog-tiles asks for it, and receipts. Only hashes are public.

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use farthing_rules::{EntryBody, EntryNumber};
use farthing_shared::merkle::consistency_proof;
use farthing_shared::tiles::TileName;
use farthing_shared::{ClaimId, SignedClaim};
use serde::Deserialize;

use super::App;
use super::extract::{Asked, InPath, Named};
use super::problem::{Kind, Problem};

const TEXT: &str = "text/plain; charset=utf-8";
const ANY_ORIGIN: (HeaderName, HeaderValue) =
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));

fn answer(kind: &'static str, cache: &'static str, body: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
        ANY_ORIGIN,
    ];
    (headers, body).into_response()
}

/// The newest checkpoint, a signed note.
#[utoipa::path(get, path = "/log/checkpoint",
    responses((status = 200, body = String, content_type = "text/plain"), (status = 404, body = Problem)))]
pub(super) async fn checkpoint(State(app): State<App>) -> Result<Response, Problem> {
    let newest = app.log.newest().ok_or_else(|| Problem::missing("checkpoint"))?;
    Ok(answer(TEXT, "no-cache", newest.text.clone().into_bytes()))
}

/// The log's verifier key, as C2SP signed-note writes it.
#[utoipa::path(get, path = "/log/key",
    responses((status = 200, body = String, content_type = "text/plain")))]
pub(super) async fn key(State(app): State<App>) -> Response {
    answer(TEXT, "public, max-age=300", format!("{}\n", app.log.key()).into_bytes())
}

/// A tile of hashes.
#[utoipa::path(get, path = "/log/tile/{path}", params(("path" = String, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = 404, body = Problem)))]
pub(super) async fn tile(
    State(app): State<App>,
    InPath(rest): InPath<String>,
) -> Result<Response, Problem> {
    if rest.starts_with("entries/") || rest.starts_with("data/") {
        let detail =
            "entries are shown only to their payer and their creator; the log's tiles hold hashes";
        return Err(Problem::new(Kind::NotFound, detail));
    }
    let name = TileName::parse(&format!("tile/{rest}")).ok_or_else(|| Problem::missing("tile"))?;
    let read = app.clone();
    let bytes = tokio::task::spawn_blocking(move || read.log.tile(name)).await;
    let bytes = bytes
        .map_err(|error| error.to_string())
        .and_then(|bytes| bytes)
        .map_err(|why| Problem::new(Kind::Internal, why))?;
    let bytes = bytes.ok_or_else(|| Problem::missing("tile"))?;
    Ok(answer("application/octet-stream", "public, max-age=31536000, immutable", bytes))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Sizes {
    /// Entries of the older checkpoint, at least 1.
    from: u64,
    /// Entries of the newer one.
    to: u64,
}

/// The proof that the log of one size is the beginning of that of another: a hash a line, base64. Who
/// reads tiles can make it; this spares a wallet page forty requests.
#[utoipa::path(get, path = "/v1/log/consistency", params(Sizes),
    responses((status = 200, body = String, content_type = "text/plain"), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn consistency(
    State(app): State<App>,
    Asked(Sizes { from, to }): Asked<Sizes>,
) -> Result<Response, Problem> {
    let newest = app.log.newest().ok_or_else(|| Problem::missing("checkpoint"))?;
    let size = newest.checkpoint.size;
    if to > size {
        return Err(Problem::field("to", format!("the log has {size} entries")));
    }
    if from == 0 || from > to {
        return Err(Problem::field("from", "it is at least 1 and at most to"));
    }
    let read = app.clone();
    let proof =
        tokio::task::spawn_blocking(move || consistency_proof(&mut read.log.tree(to), from, to));
    let internal = |why: String| Problem::new(Kind::Internal, why);
    let proof = proof.await.map_err(|error| internal(error.to_string()))?;
    let proof = proof.map_err(|error| internal(format!("the log's files: {error:?}")))?;
    let lines: String = proof.iter().map(|hash| format!("{hash}\n")).collect();
    Ok(answer(TEXT, "public, max-age=31536000, immutable", lines.into_bytes()))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EntryAsked {
    /// The entry that the claim's answer named.
    entry: u64,
}

/// The receipt of an accepted claim, checkable offline (C2SP tlog-proof; the extra line is the leaf).
#[utoipa::path(get, path = "/v1/receipts/{id}", params(("id" = String, Path), EntryAsked),
    responses((status = 200, body = String, content_type = "text/plain"), (status = 404, body = Problem)))]
pub(super) async fn receipt(
    State(app): State<App>,
    Named(id): Named<ClaimId>,
    Asked(asked): Asked<EntryAsked>,
) -> Result<Response, Problem> {
    let number = EntryNumber(asked.entry);
    let entry = app.read(move |reader| reader.entry(number)).await?;
    // Whoever names the claim's id knows the claim: it is a hash over a random key and a signature's body.
    let entry = entry.filter(|entry| match &entry.body {
        EntryBody::Claim(claim) => {
            SignedClaim::decode(&claim.signed).is_ok_and(|signed| signed.id() == id)
        }
        _ => false,
    });
    let entry = entry.ok_or_else(|| {
        Problem::new(
            Kind::NotFound,
            "this entry is not that claim; take both from the claim's answer",
        )
    })?;
    let read = app.clone();
    let receipt = tokio::task::spawn_blocking(move || read.log.receipt(&entry)).await;
    let receipt = receipt
        .map_err(|error| error.to_string())
        .and_then(|receipt| receipt)
        .map_err(|why| Problem::new(Kind::Internal, why))?;
    let receipt = receipt.ok_or_else(|| {
        let detail = "the claim was accepted; the log covers it within two seconds, ask again then";
        Problem::new(Kind::NotLogged, detail)
    })?;
    Ok(answer(TEXT, "no-store", receipt.to_string().into_bytes()))
}
