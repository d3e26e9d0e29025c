//! Errors as people and programs read them: `application/problem+json` (RFC 9457). The one map from
//! an error to a status.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::intake::IntakeError;
use crate::store::sqlite::ReadError;

/// The content type of errors (RFC 9457).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What went wrong, and what to do.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// A stable address that names the kind of problem.
    #[serde(rename = "type")]
    kind: String,
    /// The kind in a few words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What went wrong in this case, and what to do.
    detail: String,
    /// The kind as a word for programs.
    code: &'static str,
    /// The field that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
    /// Seconds after which to try again.
    #[serde(skip)]
    retry_after_s: Option<u32>,
}

/// The kinds of problems; their codes are part of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table below says what each is")]
pub enum Kind {
    BadRequest,
    BadJson,
    BadField,
    UnsupportedMediaType,
    TooLarge,
    NotFound,
    NotLogged,
    MethodNotAllowed,
    Unauthorized,
    Forbidden,
    Conflict,
    Replaced,
    StaleChallenge,
    UnsolvedChallenge,
    RateLimited,
    Overloaded,
    OutcomeUnknown,
    Timeout,
    Internal,
}

impl Kind {
    const fn row(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::BadRequest => (400, "bad_request", "The request is malformed"),
            Self::BadJson => (400, "bad_json", "The body is not the JSON it should be"),
            Self::BadField => (422, "bad_field", "A field holds an impossible value"),
            Self::UnsupportedMediaType => {
                (415, "unsupported_media_type", "The body is in another format")
            }
            Self::TooLarge => (413, "too_large", "The request is too large"),
            Self::NotFound => (404, "not_found", "Not found"),
            Self::NotLogged => (404, "not_logged_yet", "The log does not cover it yet"),
            Self::MethodNotAllowed => (405, "method_not_allowed", "Another method is needed"),
            Self::Unauthorized => (401, "unauthorized", "Not signed in"),
            Self::Forbidden => (403, "forbidden", "Not allowed"),
            Self::Conflict => (409, "conflict", "It conflicts with what is there"),
            Self::Replaced => (410, "key_replaced", "Another key took its place"),
            Self::StaleChallenge => (409, "stale_challenge", "The challenge is too old"),
            Self::UnsolvedChallenge => (422, "unsolved_challenge", "The challenge is not solved"),
            Self::RateLimited => (429, "rate_limited", "Too many requests"),
            Self::Overloaded => (503, "overloaded", "Too much to do"),
            Self::OutcomeUnknown => (500, "outcome_unknown", "It is unknown whether it was done"),
            Self::Timeout => (408, "timeout", "The request took too long"),
            Self::Internal => (500, "internal", "The server failed"),
        }
    }
}

impl Problem {
    /// A problem of a kind; `detail` is read by people.
    #[must_use]
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let (status, code, title) = kind.row();
        let retry_after_s = match kind {
            Kind::RateLimited | Kind::Overloaded | Kind::NotLogged => Some(1),
            _ => None,
        };
        Self {
            kind: format!("https://farthing.dev/errors/{code}"),
            title,
            status,
            detail: detail.into(),
            code,
            field: None,
            retry_after_s,
        }
    }

    /// A wrong field.
    #[must_use]
    pub fn field(name: &'static str, why: impl std::fmt::Display) -> Self {
        let mut problem = Self::new(Kind::BadField, format!("the field {name}: {why}"));
        problem.field = Some(name);
        problem
    }

    /// Something that does not exist.
    #[must_use]
    pub fn missing(what: &str) -> Self {
        Self::new(Kind::NotFound, format!("there is no such {what}"))
    }

    /// What people read.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The same, with a time after which to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Farthing, Bearer realm=\"farthing\""),
            );
        }
        response
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Overloaded => Self::new(
                Kind::Overloaded,
                "this request did nothing and charged nothing; send the same again",
            ),
            IntakeError::NotDone(why) => {
                tracing::error!(error = why, "a write was not done");
                let detail = "the ledger could not be written; this request charged nothing; \
                              send the same again";
                Self::new(Kind::Overloaded, detail).retry_after(5)
            }
            IntakeError::Unknown => Self::new(
                Kind::OutcomeUnknown,
                "it may or may not have been done; send the same request again to find out, it \
                 is never done twice",
            )
            .retry_after(2),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        tracing::error!(%error, "a read failed");
        Self::new(Kind::Internal, "the ledger could not be read; try again").retry_after(5)
    }
}
