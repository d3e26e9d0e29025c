//! Refunds: a payer asks for the money of one claim back.

use axum::Json;
use axum::extract::{Extension, State};
use farthing_rules::rows::Entry;
use farthing_rules::{Answer, Command, EntryBody, EntryNumber, RefundAnswer};
use farthing_shared::{ClaimId, RefundOutcome, SignedClaim, SignedRefund, UnixMillis};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::extract::{Body, binary};
use super::network::Prefix;
use super::problem::{Kind, Problem};
use super::text::time;
use crate::signals::refund_wait_s;
use crate::store::sqlite::{ReadError, Reader};

/// A forged request takes as much from its sender's bucket as so many requests.
const FORGED_COST: u32 = 20;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RefundBody {
    /// 200 bytes as base64url.
    refund: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct RefundAnswerBody {
    outcome: &'static str,
    code: u16,
    /// Whether the payer has its money back, now or since an earlier request.
    refunded: bool,
    repeat: bool,
    message: &'static str,
    claim_id: String,
    entry: Option<u64>,
    at: Option<String>,
    amount: Option<String>,
    currency: String,
}

impl RefundAnswerBody {
    fn of(app: &App, answer: &RefundAnswer) -> Self {
        Self {
            outcome: answer.outcome.name(),
            code: answer.outcome.code(),
            refunded: answer.outcome.is_success(),
            repeat: answer.repeat,
            message: answer.outcome.sentence(),
            claim_id: answer.claim.to_text(),
            entry: answer.receipt.map(|receipt| receipt.entry.0),
            at: answer.receipt.map(|receipt| time(receipt.at)),
            amount: answer.receipt.map(|receipt| receipt.amount.to_decimal()),
            currency: app.config.currency.clone(),
        }
    }
}

/// Gives a claim's money back, once; the same request again answers the same.
#[utoipa::path(post, path = "/v1/refunds", request_body = RefundBody,
    responses((status = 200, body = RefundAnswerBody), (status = 422, body = Problem),
        (status = 429, body = Problem), (status = 503, body = Problem), (status = 500, body = Problem)))]
pub(super) async fn refund(
    State(app): State<App>,
    Extension(prefix): Extension<Prefix>,
    Body(body): Body<RefundBody>,
) -> Result<Json<RefundAnswerBody>, Problem> {
    let signed = SignedRefund::decode(&binary("refund", &body.refund)?)
        .map_err(|why| Problem::field("refund", why))?;
    let refund = signed.verify().map_err(|_| {
        app.buckets.charge(prefix, FORGED_COST);
        Problem::field("refund", "its signature does not hold")
    })?;
    slow_down(&app, prefix)?;
    match app.intake.ask(Command::Refund { refund }).await? {
        Answer::Refund(answer) => {
            // Asking for what is back already moves nothing, and slows nobody down.
            if answer.outcome == RefundOutcome::Refunded && !answer.repeat {
                app.refunds.count(prefix, app.clock.now());
            }
            Ok(Json(RefundAnswerBody::of(&app, &answer)))
        }
        _ => Err(Problem::new(Kind::Internal, "the ledger gave another answer")),
    }
}

/// Many refunds from one network wait for each other, for seconds; the same request is good again then.
fn slow_down(app: &App, prefix: Prefix) -> Result<(), Problem> {
    let seconds = refund_wait_s(app.refunds.doublings(prefix, app.clock.now()));
    app.buckets.take_seconds(prefix, seconds).map_err(|wait| {
        app.metrics.slowed("refunds");
        let detail = format!("many refunds came from this network; try again in {wait} s");
        Problem::new(Kind::RateLimited, detail).retry_after(wait)
    })
}

/// Of the claim that bought something: its id, and until when it can be refunded.
pub(super) fn way_back(
    reader: &Reader,
    number: EntryNumber,
    now: UnixMillis,
) -> Result<Option<(ClaimId, Option<UnixMillis>)>, ReadError> {
    let Some(entry) = reader.entry(number)? else { return Ok(None) };
    let EntryBody::Claim(claim) = &entry.body else { return Ok(None) };
    let Ok(signed) = SignedClaim::decode(&claim.signed) else { return Ok(None) };
    let hold = reader.claim_hold(number)?;
    let is_held = hold.is_some_and(|hold| hold.settled == EntryNumber(0) || hold.returned);
    let until = if is_held { None } else { refundable_until(reader, &entry, now)? };
    Ok(Some((signed.id(), until)))
}

/// Until when a claim can be refunded; `None` for other entries, and once it is too late.
pub(super) fn refundable_until(
    reader: &Reader,
    entry: &Entry,
    now: UnixMillis,
) -> Result<Option<UnixMillis>, ReadError> {
    let EntryBody::Claim(claim) = &entry.body else { return Ok(None) };
    // Most entries of a list are too old, whatever their creator's ceiling.
    if now.minute() >= claim.release_minute {
        return Ok(None);
    }
    let creator = reader.creator_by_ref(claim.creator)?;
    let wallet = reader.wallet_by_ref(claim.wallet)?;
    let (Some(creator), Some(wallet)) = (creator, wallet) else { return Ok(None) };
    let counted = match reader.key_by_ref(claim.key)? {
        Some(key) if creator.ceiling.is_known() => reader.key_by_ref(key.first)?,
        _ => None,
    };
    let mut counted = counted.map(|first| first.in_month).unwrap_or_default();
    if creator.ceiling.has_moved_on(counted, entry.at) {
        counted = reader.paid_before(&wallet, claim.creator, entry.at)?;
    }
    let is_newest = wallet.last_entry == entry.number;
    let until =
        farthing_rules::refundable_until(claim, entry.at, is_newest, (&creator.ceiling, counted));
    Ok(Some(until).filter(|until| now < *until))
}
