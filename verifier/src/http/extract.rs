//! What handlers take: bodies, queries and paths whose faults are told as problems, signed reads and
//! creators' sessions.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use base64ct::{Base64UrlUnpadded, Encoding};
use farthing_rules::rows::{CreatorProfile, CreatorRow};
use farthing_shared::{Access, PublicKey, SignedAccess, limits};
use serde::de::DeserializeOwned;

use super::App;
use super::pages::spoken;
use super::problem::{Kind, Problem};

/// A JSON body. Unknown and doubled fields are errors, since a misspelt field must not be ignored
/// where money is concerned.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = "send the body as application/json";
            return Err(Problem::new(Kind::UnsupportedMediaType, detail));
        }
        let bytes = Bytes::from_request(request, app).await;
        let bytes = bytes.map_err(|error| Problem::new(Kind::BadRequest, error.body_text()))?;
        // serde would also fill a struct from an array, field by field; the API knows no such form.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(Problem::new(Kind::BadJson, "the body must be a JSON object"));
        }
        let body = Json::<T>::from_bytes(&bytes);
        body.map(|Json(body)| Self(body))
            .map_err(|error| Problem::new(Kind::BadJson, error.body_text()))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.is_some_and(|value| {
        let kind = value.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/json")
    })
}

/// A query string.
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, app).await;
        query
            .map(|Query(query)| Self(query))
            .map_err(|error| Problem::new(Kind::BadRequest, error.body_text()))
    }
}

/// Parts of the path as `T`; what they cannot be is a problem, in JSON as every other.
pub struct InPath<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for InPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path(value) = Path::<T>::from_request_parts(parts, app)
            .await
            .map_err(|error| Problem::new(Kind::BadRequest, error.body_text()))?;
        Ok(Self(value))
    }
}

/// A part of the path, in the text form of `T`.
pub struct Named<T>(pub T);

/// Something that has one text form.
pub trait FromText: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// What was expected.
    fn from_text(text: &str) -> Result<Self, farthing_shared::ids::BadId>;
}

impl FromText for PublicKey {
    fn from_text(text: &str) -> Result<Self, farthing_shared::ids::BadId> {
        Self::parse(text)
    }
}

impl FromText for farthing_shared::BackupName {
    fn from_text(text: &str) -> Result<Self, farthing_shared::ids::BadId> {
        Self::parse(text)
    }
}

impl FromText for farthing_shared::ClaimId {
    fn from_text(text: &str) -> Result<Self, farthing_shared::ids::BadId> {
        Self::parse(text)
    }
}

impl<T: FromText> FromRequestParts<App> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let InPath(text) = InPath::<String>::from_request_parts(parts, app).await?;
        T::from_text(&text)
            .map(Self)
            .map_err(|why| Problem::new(Kind::BadRequest, format!("in the path: {why}")))
    }
}

/// What a browser says of its reader's languages, as a copy: the request's own headers would keep hold of the
/// 8 KiB that they were read into, and the connection would take as much again while a claim waits.
pub struct Spoken(pub Option<String>);

impl FromRequestParts<App> for Spoken {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Self::Rejection> {
        Ok(Self(spoken(&parts.headers).map(str::to_owned)))
    }
}

/// Decodes base64url without padding, in its one spelling.
///
/// # Errors
/// A problem that names the field.
pub fn binary(name: &'static str, text: &str) -> Result<Vec<u8>, Problem> {
    Base64UrlUnpadded::decode_vec(text)
        .map_err(|_| Problem::field(name, "expected base64url without padding"))
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new(Kind::Unauthorized, detail)
}

fn authorization<'a>(parts: &'a Parts, scheme: &str) -> Option<&'a str> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix(scheme)?.strip_prefix(' ')
}

/// A key that asked, proved by its signature over this method and path.
#[derive(Debug, Clone, Copy)]
pub struct Reading(pub PublicKey);

impl FromRequestParts<App> for Reading {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        read_access(parts, app)?
            .ok_or_else(|| unauthorized("sign this read with the key it is about"))
    }
}

/// A key that asked, or nobody in particular.
#[derive(Debug, Clone, Copy)]
pub struct MaybeReading(pub Option<PublicKey>);

impl FromRequestParts<App> for MaybeReading {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        Ok(Self(read_access(parts, app)?.map(|reading| reading.0)))
    }
}

fn read_access(parts: &Parts, app: &App) -> Result<Option<Reading>, Problem> {
    let Some(text) = authorization(parts, "Farthing") else { return Ok(None) };
    let bytes = Base64UrlUnpadded::decode_vec(text)
        .map_err(|_| unauthorized("the signed read is not base64url"))?;
    let signed = SignedAccess::decode(&bytes)
        .map_err(|why| unauthorized(&format!("the signed read: {why}")))?;
    let access = *signed.access();
    if access.verifier != app.policy.verifier {
        return Err(unauthorized("the read is signed for another provider"));
    }
    let now = app.clock.now();
    let skew = now.0.abs_diff(access.at.0);
    if skew > limits::ACCESS_LIFE_MS {
        let detail = format!(
            "the read was signed {} s away from this server's clock; is the clock of this \
             device right?",
            skew.checked_div(1_000).unwrap_or(0)
        );
        return Err(unauthorized(&detail));
    }
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    if access.target != Access::target(parts.method.as_str(), path) {
        return Err(unauthorized("the read is signed for another address"));
    }
    signed.verify().map_err(|_| unauthorized("the signature of this read does not hold"))?;
    Ok(Some(Reading(access.key)))
}

/// A creator who is signed in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Balances.
    pub row: CreatorRow,
    /// Name and sites.
    pub profile: CreatorProfile,
    /// By what.
    pub session: crate::sessions::Token,
}

impl FromRequestParts<App> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let text = authorization(parts, "Bearer")
            .ok_or_else(|| unauthorized("sign in with the link that your provider gave you"))?;
        let now = app.clock.now();
        let session = app
            .sessions
            .read(crate::sessions::Purpose::Session, text, now)
            .filter(|session| !app.ended.has(session))
            .ok_or_else(|| unauthorized("the session has ended; sign in again with your link"))?;
        let found = app.read(move |reader| reader.creator(&session.creator)).await?;
        match found {
            Some((row, profile)) if profile.link_generation == session.generation => {
                Ok(Self { row, profile, session })
            }
            _ => Err(unauthorized("the session was ended; sign in again with a new link")),
        }
    }
}

/// The status that stands for "made".
pub const CREATED: StatusCode = StatusCode::CREATED;
