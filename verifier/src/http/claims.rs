//! Claims: one as JSON, many as bytes, and "was I charged?".

use std::borrow::Cow;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use farthing_rules::ClaimAnswer;
use farthing_shared::{
    Claim, ClaimId, CreatorId, Kind as ClaimKind, Micros, Outcome, PublicKey, SignedClaim, limits,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::begun::Begun;
use super::extract::{Asked, Body, Named, Spoken, binary};
use super::network::Prefix;
use super::problem::{Kind, Problem};
use super::provider::content_key;
use super::text::time;
use crate::intake::Seen;

/// A forged claim takes as much from its sender's bucket as so many requests.
const FORGED_COST: u32 = 20;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClaimBody {
    /// 256 bytes as base64url.
    claim: String,
    /// Nobody clicked for it: it is charged only if a permission of the wallet's holder covers it.
    #[serde(default)]
    automatic: bool,
}

#[derive(Serialize, ToSchema)]
pub(super) struct AnswerBody {
    outcome: &'static str,
    code: u16,
    charged: bool,
    repeat: bool,
    /// Whether the money was given back since.
    refunded: bool,
    /// Of a refusal in the language that is asked for (`lang`, else Accept-Language), else in English. What was given back since has
    /// a sentence of its own.
    message: Cow<'static, str>,
    retry: &'static str,
    claim_id: String,
    entry: Option<u64>,
    at: Option<String>,
    amount: Option<String>,
    currency: String,
    /// Of a claim that a budget refused: what the wallet could still pay now.
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_key: Option<String>,
}

impl AnswerBody {
    fn of(app: &App, answer: &ClaimAnswer, content_key: Option<String>) -> Self {
        let receipt = answer.receipt;
        let message = if answer.refunded { BACK_SINCE } else { answer.outcome.sentence() };
        Self {
            outcome: answer.outcome.name(),
            code: answer.outcome.code(),
            charged: answer.outcome.is_charged(),
            repeat: answer.repeat,
            refunded: answer.refunded,
            message: message.into(),
            retry: answer.outcome.retry().name(),
            claim_id: answer.claim.to_text(),
            entry: receipt.map(|receipt| receipt.entry.0),
            at: receipt.map(|receipt| time(receipt.at)),
            amount: receipt.map(|receipt| receipt.amount.to_decimal()),
            currency: app.config.currency.clone(),
            left: None,
            content_key,
        }
    }

    /// The same, with what is left of a budget that refused it and in the words of a language.
    fn refused(self, left: Option<Micros>, words: Option<&str>) -> Self {
        let amount = left.map(|left| format!("{left} {}", self.currency));
        let mut message: Cow<'static, str> =
            words.map_or(self.message, |own| own.to_owned().into());
        match amount {
            // Kept together and apart from words that run from right to left.
            Some(amount) if message.contains(LEFT) => {
                message = message.replace(LEFT, &format!("\u{2068}{amount}\u{2069}")).into();
            }
            Some(amount) => message = format!("{message} {amount} is left.").into(),
            None => {}
        }
        Self { left: left.map(Micros::to_decimal), message, ..self }
    }
}

/// Said in place of "paid" or "owned".
const BACK_SINCE: &str = "This was paid, and given back since; the money is in your wallet.";
/// Stands in a language's words for what is left of a budget.
const LEFT: &str = "{left}";
/// What an automatic claim takes from its sender's bucket unless it is charged: it makes the ledger add up a month, some 1.5 ms at
/// most. An honest frame asks for a quote just before, and is hardly ever refused.
const UNASKED_COST: u32 = 20;
/// An honest wallet seldom asks about a number that was used; looking one up costs reads.
const LOOKED_UP_COST: u32 = 2;

fn charge_junk(app: &App, prefix: Prefix, named: &[(CreatorId, Micros)], answers: &[ClaimAnswer]) {
    for ((creator, amount), answer) in named.iter().zip(answers) {
        if answer.outcome == Outcome::Forged {
            app.origins.count_forged(prefix, *creator, *amount, app.clock.now());
        }
    }
    let cost = |answer: &ClaimAnswer| match answer.outcome {
        Outcome::Forged => FORGED_COST,
        Outcome::NumberUsed | Outcome::Equivocation => LOOKED_UP_COST,
        _ if answer.repeat => LOOKED_UP_COST,
        _ => 0,
    };
    let sum = answers.iter().map(cost).fold(0, u32::saturating_add);
    app.buckets.charge(prefix, sum);
}

/// Charges one claim.
#[utoipa::path(post, path = "/v1/claims", request_body = ClaimBody,
    responses((status = 200, body = AnswerBody), (status = 503, body = Problem), (status = 500, body = Problem)))]
pub(super) async fn one(
    State(app): State<App>,
    Extension(prefix): Extension<Prefix>,
    RawQuery(query): RawQuery,
    Spoken(spoken): Spoken,
    Body(body): Body<ClaimBody>,
) -> Result<Json<AnswerBody>, Problem> {
    let claim = SignedClaim::decode(&binary("claim", &body.claim)?)
        .map_err(|why| Problem::field("claim", why))?;
    let fields = *claim.claim();
    let automatic = body.automatic;
    drop(body);
    let charging = app.clone();
    let answer = &Begun::new(async move {
        let answer = if automatic {
            let answer = charging.intake.charge_automatic(claim).await?;
            if answer.repeat || answer.outcome != Outcome::Accepted {
                charging.buckets.charge(prefix, UNASKED_COST);
            }
            answer
        } else {
            charging.intake.charge_one(claim).await?
        };
        let named = [(fields.creator, fields.amount)];
        charge_junk(&charging, prefix, &named, std::slice::from_ref(&answer));
        Ok(answer)
    })
    .await?;
    // An answer given again is the first one; what it opened is closed once the money went back.
    let owned = answer.outcome.is_success() && !answer.refunded;
    let opens = owned && fields.kind == ClaimKind::View;
    let key = opens.then(|| content_key(&app, &fields.creator, &fields.item));
    let left = super::budgets::left(&app, fields.key, answer).await?;
    let body = AnswerBody::of(&app, answer, key);
    if answer.outcome.is_success() {
        return Ok(Json(body));
    }
    let words = app.site.refusal(answer.outcome.name(), query.as_deref(), spoken.as_deref());
    Ok(Json(body.refused(left, words)))
}

/// Charges up to a thousand claims of 256 bytes; answers with 16 bytes each.
#[utoipa::path(post, path = "/v1/claims/batch",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn batch(
    State(app): State<App>,
    Extension(prefix): Extension<Prefix>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let sent = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if sent != Some("application/octet-stream") {
        let detail = "send claims of 256 bytes each as application/octet-stream";
        return Err(Problem::new(Kind::UnsupportedMediaType, detail));
    }
    let count = body.len().checked_div(Claim::SIGNED_LEN).unwrap_or(0);
    let whole = body.len().checked_rem(Claim::SIGNED_LEN) == Some(0);
    if !whole || !(1..=limits::CLAIMS_PER_BATCH_MAX).contains(&count) {
        let detail =
            "expected 1 to 1000 claims of 256 bytes one after another; nothing was charged";
        return Err(Problem::new(Kind::BadRequest, detail));
    }
    let mut claims = Vec::with_capacity(count);
    for (at, bytes) in body.chunks_exact(Claim::SIGNED_LEN).enumerate() {
        claims.push(SignedClaim::decode(bytes).map_err(|why| {
            Problem::new(Kind::BadRequest, format!("claim {at}: {why}; nothing was charged"))
        })?);
    }
    // Kept, they would be a quarter of a mebibyte for each batch that waits.
    drop((headers, body));
    let named: Vec<_> =
        claims.iter().map(|claim| (claim.claim().creator, claim.claim().amount)).collect();
    let answers = Begun::new(async move {
        let answers = app.intake.charge(claims).await?;
        charge_junk(&app, prefix, &named, &answers);
        Ok(answers)
    })
    .await?;
    let bytes: Vec<u8> = answers.iter().flat_map(answer_bytes).collect();
    let octets = HeaderValue::from_static("application/octet-stream");
    Ok(([(header::CONTENT_TYPE, octets)], bytes).into_response())
}

/// code u16 · flags u8 (1 charged, 2 repeat) · zero 5 · entry u64.
fn answer_bytes(answer: &ClaimAnswer) -> [u8; 16] {
    let [high, low] = answer.outcome.code().to_be_bytes();
    let flags = u8::from(answer.outcome.is_charged()) | (u8::from(answer.repeat) << 1);
    let entry = answer.receipt.map_or(0, |receipt| receipt.entry.0).to_be_bytes();
    let [a, b, c, d, e, f, g, h] = entry;
    [high, low, flags, 0, 0, 0, 0, 0, a, b, c, d, e, f, g, h]
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct StatusAsked {
    /// The spending key of the claim.
    key: String,
    /// The claim's sequence number.
    sequence: u64,
}

/// What a claim was answered, or that it was not.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum StatusBody {
    Seen(Box<AnswerBody>),
    NotSeen(NotSeenBody),
}

#[derive(Serialize, ToSchema)]
pub(super) struct NotSeenBody {
    /// `not_seen`
    outcome: &'static str,
    charged: bool,
    r#final: bool,
    message: &'static str,
    claim_id: String,
}

/// Was I charged? The first answer of a claim, or that none was given.
#[utoipa::path(get, path = "/v1/claims/{id}", params(("id" = String, Path), StatusAsked),
    responses((status = 200, body = StatusBody), (status = 404, body = Problem)))]
pub(super) async fn status(
    State(app): State<App>,
    Named(id): Named<ClaimId>,
    Asked(asked): Asked<StatusAsked>,
) -> Result<Json<StatusBody>, Problem> {
    let key = PublicKey::parse(&asked.key).map_err(|why| Problem::field("key", why))?;
    if asked.sequence == 0 {
        return Err(Problem::field("sequence", "numbers begin at 1"));
    }
    let (is_final, message) = match app.intake.first_answer(key, asked.sequence, id).await? {
        Seen::Answered(answer) => {
            let body = Box::new(AnswerBody::of(&app, &answer, None));
            return Ok(Json(StatusBody::Seen(body)));
        }
        Seen::NumberUsed => (true, "You were not charged for this, and cannot be any more."),
        Seen::Not => (false, "You have not been charged for this."),
    };
    Ok(Json(StatusBody::NotSeen(NotSeenBody {
        outcome: "not_seen",
        charged: false,
        r#final: is_final,
        message,
        claim_id: id.to_text(),
    })))
}
