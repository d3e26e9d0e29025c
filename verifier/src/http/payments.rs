//! A creator's payments, one by one: accepted ones with their running figures, refused ones by reason,
//! and proofs of equivocation.

use axum::Json;
use axum::body::{Body as HttpBody, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64ct::{Base64UrlUnpadded, Encoding};
use farthing_rules::{CreatorRef, EntryBody, EntryNumber};
use farthing_shared::{Claim, Kind as ClaimKind, Micros, Outcome, SignedClaim, UnixMillis};
use hyper::body::Frame;
use serde::Serialize;
use tokio::sync::mpsc;
use utoipa::ToSchema;

use super::App;
use super::creators::Days;
use super::extract::{Asked, SignedIn};
use super::problem::Problem;
use super::provider::{ItemName, is_donation};
use super::text::{day, time};
use super::wallets::Paging;
use crate::store::sqlite::{EntryView, ReadError, Reader};

#[derive(Serialize, ToSchema)]
pub(super) struct PaymentBody {
    entry: u64,
    number: u64,
    at: String,
    kind: &'static str,
    item: Option<ItemName>,
    amount: String,
    /// How much of the amount was free credit.
    free: String,
    fee: String,
    /// Amount less free credit and fee: what the running total grew by.
    credited: String,
    running_total: String,
    claim_id: String,
    /// What of `credited` was given back: all of it or nothing. The running total does not fall by it.
    refunded: String,
    /// When it was given back.
    refunded_at: Option<String>,
    /// What of `credited` went back to the payer because a finding was upheld. The running total does not fall by it.
    returned: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Payments {
    data: Vec<PaymentBody>,
    next: Option<String>,
}

/// A claim entry, and what became of it.
struct Paid {
    view: EntryView,
    refunded_at: Option<UnixMillis>,
    returned: Micros,
}

/// As [`Reader::entries_of_creator`], with what became of each.
fn page(
    reader: &Reader,
    from: EntryNumber,
    limit: usize,
) -> Result<(Vec<Paid>, EntryNumber), ReadError> {
    let (views, next) = reader.entries_of_creator(from, limit)?;
    let followed = |view: EntryView| {
        let refund = reader.refund(view.entry.number)?.filter(|r| r.outcome.is_success());
        let refunded_at = refund.map(|r| r.receipt.map_or(r.asked_at, |receipt| receipt.at));
        let hold = reader.claim_hold(view.entry.number)?.filter(|hold| hold.returned);
        Ok(Paid { view, refunded_at, returned: hold.map_or(Micros::ZERO, |hold| hold.amount) })
    };
    Ok((views.into_iter().map(followed).collect::<Result<_, ReadError>>()?, next))
}

fn payment(paid: &Paid, creator: CreatorRef) -> Option<PaymentBody> {
    let Paid { view, refunded_at, returned } = paid;
    let EntryBody::Claim(claim) = &view.entry.body else { return None };
    let signed = SignedClaim::decode(&claim.signed).ok()?;
    let credited = claim.credited().unwrap_or_default();
    let refunded = refunded_at.map_or(Micros::ZERO, |_| credited);
    let kind = if is_donation(claim.item) { ClaimKind::Donation } else { ClaimKind::View };
    (claim.creator == creator).then(|| PaymentBody {
        entry: view.entry.number.0,
        number: claim.creator_number,
        at: time(view.entry.at),
        kind: kind.name(),
        item: view.item.as_ref().map(|(row, text)| ItemName::of(row, text)),
        amount: claim.amount.to_decimal(),
        free: claim.free.to_decimal(),
        fee: claim.fee.to_decimal(),
        credited: credited.to_decimal(),
        running_total: claim.creator_total.to_decimal(),
        claim_id: signed.id().to_text(),
        refunded: refunded.to_decimal(),
        refunded_at: refunded_at.map(time),
        returned: returned.to_decimal(),
    })
}

/// Accepted payments, newest first.
#[utoipa::path(get, path = "/v1/creator/claims", params(Paging),
    responses((status = 200, body = Payments), (status = 401, body = Problem)))]
pub(super) async fn claims(
    State(app): State<App>,
    who: SignedIn,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Payments>, Problem> {
    let limit = paging.size()?;
    let from = paging.begin(who.row.last_entry)?;
    let (paid, next) = app.read(move |reader| page(reader, from, limit)).await?;
    let data: Option<Vec<_>> = paid.iter().map(|p| payment(p, who.row.creator)).collect();
    let wrong = || Problem::field("cursor", "use the one from the last page");
    Ok(Json(Payments {
        data: data.ok_or_else(wrong)?,
        next: (next.0 != 0).then(|| next.0.to_string()),
    }))
}

/// Rows of the CSV that are read at once.
const CSV_ROWS: usize = 500;

/// All accepted payments, newest first, as CSV (RFC 4180).
#[utoipa::path(get, path = "/v1/creator/claims.csv",
    responses((status = 200, body = String, content_type = "text/csv"), (status = 401, body = Problem)))]
pub(super) async fn claims_csv(State(app): State<App>, who: SignedIn) -> Response {
    let (send, receive) = mpsc::channel::<Chunk>(2);
    let currency = app.config.currency.clone();
    tokio::spawn(async move {
        let mut text = String::from(
            "entry,number,at,kind,item,title,amount,free,fee,credited,running_total,currency,claim_id,\
             refunded,refunded_at,returned\r\n",
        );
        let mut from = who.row.last_entry;
        while from.0 != 0 {
            let rows = app.read(move |reader| page(reader, from, CSV_ROWS)).await;
            let Ok((paid, next)) = rows else {
                // Whoever downloads sees the file break off rather than look whole.
                let _reader_left = send.send(Err(BrokenOff)).await;
                return;
            };
            paid.iter().filter_map(|p| payment(p, who.row.creator)).for_each(|row| {
                csv_row(&mut text, &row, &currency);
            });
            if send.send(Ok(Bytes::from(std::mem::take(&mut text)))).await.is_err() {
                return;
            }
            from = next;
        }
        let _reader_left = send.send(Ok(Bytes::from(text))).await;
    });
    let disposition = HeaderValue::from_static("attachment; filename=\"farthing-payments.csv\"");
    let csv = HeaderValue::from_static("text/csv; charset=utf-8");
    let headers = [(header::CONTENT_TYPE, csv), (header::CONTENT_DISPOSITION, disposition)];
    (headers, streamed(receive)).into_response()
}

fn csv_row(text: &mut String, row: &PaymentBody, currency: &str) {
    let item = row.item.as_ref();
    let cells: [&str; 16] = [
        &row.entry.to_string(),
        &row.number.to_string(),
        &row.at,
        row.kind,
        item.map_or("", |item| item.name.as_str()),
        item.map_or("", |item| item.title.as_str()),
        &row.amount,
        &row.free,
        &row.fee,
        &row.credited,
        &row.running_total,
        currency,
        &row.claim_id,
        &row.refunded,
        row.refunded_at.as_deref().unwrap_or(""),
        &row.returned,
    ];
    let cells: Vec<String> = cells.iter().map(|cell| csv_cell(cell)).collect();
    text.push_str(&cells.join(","));
    text.push_str("\r\n");
}

/// Quoted where RFC 4180 asks for it; a leading `=`, `+`, `-` or `@` is disarmed, since
/// spreadsheets would run it as a formula. So is one behind a semicolon, which begins the next cell where a comma
/// is the decimal sign.
fn csv_cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    let mut begins = true;
    for letter in text.chars() {
        if begins && matches!(letter, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n') {
            cell.push('\'');
        }
        begins = matches!(letter, ';' | '\t' | '\r' | '\n');
        cell.push(letter);
    }
    if cell.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

/// A piece of a body, or that the rest of it cannot be had.
pub(super) type Chunk = Result<Bytes, BrokenOff>;

/// The rest of a body cannot be had.
#[derive(Debug)]
pub(super) struct BrokenOff;

impl std::fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the rest cannot be read")
    }
}

impl std::error::Error for BrokenOff {}

pub(super) fn streamed(receive: mpsc::Receiver<Chunk>) -> HttpBody {
    HttpBody::new(Streamed(receive))
}

/// A body whose chunks come from a channel.
struct Streamed(mpsc::Receiver<Chunk>);

impl hyper::body::Body for Streamed {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        self.0.poll_recv(cx).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct RefusalBody {
    day: String,
    outcome: &'static str,
    code: u16,
    message: &'static str,
    count: u64,
    amount: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Refusals {
    data: Vec<RefusalBody>,
}

/// Claims that were not charged, by day and reason.
#[utoipa::path(get, path = "/v1/creator/refusals", params(Days),
    responses((status = 200, body = Refusals), (status = 401, body = Problem)))]
pub(super) async fn refusals(
    State(app): State<App>,
    who: SignedIn,
    Asked(days): Asked<Days>,
) -> Result<Json<Refusals>, Problem> {
    let from = app.clock.now().day().saturating_sub(days.count()?.saturating_sub(1));
    let rows = app.read(move |reader| reader.refusals(who.row.creator, from)).await?;
    let data = rows.into_iter().filter_map(|(number, code, sum)| {
        let (outcome, message) = match code {
            0 => ("repeat", "The same claim again; it was answered again and charged only once."),
            code => {
                let outcome = Outcome::from_code(code)?;
                (outcome.name(), outcome.sentence())
            }
        };
        Some(RefusalBody {
            day: day(number),
            outcome,
            code,
            message,
            count: sum.count,
            amount: sum.amount.to_decimal(),
        })
    });
    Ok(Json(Refusals { data: data.collect() }))
}

#[derive(Serialize, ToSchema)]
pub(super) struct EvidenceBody {
    id: u64,
    at: String,
    kind: &'static str,
    key: String,
    sequence: u64,
    first: String,
    second: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct EvidenceList {
    data: Vec<EvidenceBody>,
    next: Option<String>,
}

/// Proofs that a key signed two claims under one number.
#[utoipa::path(get, path = "/v1/creator/evidence", params(Paging),
    responses((status = 200, body = EvidenceList), (status = 401, body = Problem)))]
pub(super) async fn evidence(
    State(app): State<App>,
    who: SignedIn,
    Asked(paging): Asked<Paging>,
) -> Result<Json<EvidenceList>, Problem> {
    let limit = paging.size()?;
    let below = paging.begin(EntryNumber(u64::try_from(i64::MAX).unwrap_or(u64::MAX)))?.0;
    let creator = who.row.creator;
    let rows = app.read(move |reader| reader.equivocations(creator, below, limit)).await?;
    let last = rows.last().map(|(id, _, _)| id.to_string());
    let next = last.filter(|_| rows.len() == limit);
    let encode = |signed: &[u8; Claim::SIGNED_LEN]| Base64UrlUnpadded::encode_string(signed);
    let data = rows.into_iter().map(|(id, key, proof)| EvidenceBody {
        id,
        at: time(proof.at),
        kind: "equivocation",
        key: key.to_text(),
        sequence: proof.sequence,
        first: encode(&proof.first),
        second: encode(&proof.second),
    });
    Ok(Json(EvidenceList { data: data.collect(), next }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_formulas_disarmed() {
        let rows = [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=1+1", "'=1+1"),
            ("@cmd", "'@cmd"),
            ("x;=1+1", "x;'=1+1"),
            ("a-b; c", "a-b; c"),
            ("two\nlines", "\"two\nlines\""),
        ];
        for (cell, expected) in rows {
            assert_eq!(csv_cell(cell), expected);
        }
    }

    /// The page has words of its own for every outcome that it can be told of: those of the outcome are for whoever
    /// pays, and speak of "your wallet".
    #[test]
    fn the_page_has_words_for_every_refusal() {
        let page = include_str!("../../../www/creator/creator-refusals.js");
        let (_, table) = page.split_once("const REASONS = {").expect("the table of reasons");
        let (table, _) = table.split_once("\n};").expect("the end of the table");
        let told = Outcome::ALL.iter().filter(|outcome| **outcome != Outcome::Accepted);
        let names = std::iter::once("repeat").chain(told.map(|outcome| outcome.name()));
        let has_words = |name: &str| table.contains(&format!("\n  {name}: [\""));
        let without: Vec<&str> = names.filter(|name| !has_words(name)).collect();
        assert_eq!(without, Vec::<&str>::new());
    }
}
