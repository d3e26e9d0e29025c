//! A creator's own pages: totals, payments, refusals with evidence, prices, and news as it happens.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::body::{Body as HttpBody, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64ct::{Base64UrlUnpadded, Encoding};
use farthing_rules::rows::{CreatorProfile, CreatorRow, ItemRow, ItemText};
use farthing_rules::{Answer, CreatorRef, EntryBody, EntryNumber, ItemRef};
use farthing_shared::{Claim, Kind as ClaimKind, Micros, Outcome, SignedClaim, item_hash};
use hyper::body::Frame;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use utoipa::ToSchema;

use super::App;
use super::extract::{Asked, Body, SignedIn};
use super::problem::{Kind, Problem};
use super::provider::{ItemName, content_key, is_donation};
use super::text::{Clause, day, time};
use super::wallets::Paging;
use crate::sessions::{Purpose, SESSION_LIFE_MS, Token};
use crate::store::sqlite::{EntryView, ReadError, Reader, Sum};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignInBody {
    /// From the link's fragment.
    token: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct SessionBody {
    session: String,
    expires_at: String,
    creator: CreatorBody,
}

#[derive(Serialize, ToSchema)]
pub(super) struct CreatorBody {
    id: String,
    name: String,
    sites: Vec<String>,
    threshold: String,
    offer_key: Option<String>,
    currency: String,
    demo: bool,
}

impl CreatorBody {
    fn of(app: &App, profile: CreatorProfile) -> Self {
        Self {
            id: profile.id.to_text(),
            name: profile.name,
            sites: profile.sites,
            threshold: profile.threshold.to_decimal(),
            offer_key: profile.offer_key.map(|key| key.to_text()),
            currency: app.config.currency.clone(),
            demo: app.config.demo,
        }
    }
}

/// Signs in with the link's token.
#[utoipa::path(post, path = "/v1/creator/sessions", request_body = SignInBody,
    responses((status = 200, body = SessionBody), (status = 401, body = Problem)))]
pub(super) async fn sign_in(
    State(app): State<App>,
    Body(body): Body<SignInBody>,
) -> Result<Json<SessionBody>, Problem> {
    let now = app.clock.now();
    let void = || {
        let detail = "this link has expired or was replaced; ask your provider for a new one";
        Problem::new(Kind::Unauthorized, detail)
    };
    let link = app.sessions.read(Purpose::Link, &body.token, now).ok_or_else(void)?;
    let found = app.read(move |reader| reader.creator(&link.creator)).await?;
    let (_, profile) = found.ok_or_else(void)?;
    if profile.link_generation != link.generation {
        return Err(void());
    }
    let expires_at = now.plus_ms(SESSION_LIFE_MS);
    let token = Token { creator: link.creator, expires_at, generation: link.generation };
    Ok(Json(SessionBody {
        session: app.sessions.write(Purpose::Session, &token),
        expires_at: time(expires_at),
        creator: CreatorBody::of(&app, profile),
    }))
}

/// Signs out: the session is the page's to forget.
#[utoipa::path(delete, path = "/v1/creator/sessions", responses((status = 204)))]
pub(super) async fn sign_out() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Who is signed in.
#[utoipa::path(get, path = "/v1/creator", responses((status = 200, body = CreatorBody), (status = 401, body = Problem)))]
pub(super) async fn show(State(app): State<App>, who: SignedIn) -> Json<CreatorBody> {
    Json(CreatorBody::of(&app, who.profile))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Days {
    /// 1 to 366; 30 unless told.
    days: Option<u32>,
}

impl Days {
    fn count(&self) -> Result<u32, Problem> {
        match self.days.unwrap_or(30) {
            days @ 1..=366 => Ok(days),
            _ => Err(Problem::field("days", "expected 1 to 366")),
        }
    }
}

#[derive(Serialize, ToSchema, Clone)]
pub(super) struct SumBody {
    count: u64,
    total: String,
}

impl From<Sum> for SumBody {
    fn from(sum: Sum) -> Self {
        Self { count: sum.count, total: sum.amount.to_decimal() }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct DayBody {
    day: String,
    count: u64,
    total: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ItemSums {
    name: Option<String>,
    title: Option<String>,
    hash: Option<String>,
    count: u64,
    total: String,
    days_30: SumBody,
    today: SumBody,
}

#[derive(Serialize, ToSchema)]
pub(super) struct TotalsBody {
    currency: String,
    demo: bool,
    now: String,
    payable: String,
    held: String,
    threshold: String,
    payments: u64,
    total: String,
    today: SumBody,
    days_30: SumBody,
    all: SumBody,
    days: Vec<DayBody>,
    items: Vec<ItemSums>,
    refused: u64,
}

struct Sums {
    row: CreatorRow,
    tallies: Vec<(u32, ItemRef, Sum)>,
    items: Vec<(ItemRow, ItemText)>,
    refused: u64,
}

fn read_sums(
    reader: &Reader,
    creator: &CreatorProfile,
    today: u32,
    days: u32,
) -> Result<Sums, ReadError> {
    let first = today.saturating_sub(days.max(30).saturating_sub(1));
    let reference = creator.creator;
    let row = reader.creator(&creator.id)?.map(|(row, _)| row);
    let mut tallies = reader.tallies(reference, first.max(1), today)?;
    tallies.extend(reader.tallies(reference, 0, 0)?);
    let refused = reader.refusals(reference, today.saturating_sub(days.saturating_sub(1)))?;
    Ok(Sums {
        row: row.unwrap_or_else(|| empty_row(creator)),
        tallies,
        items: reader.items(reference)?,
        refused: refused.iter().map(|(_, _, sum)| sum.count).fold(0, u64::saturating_add),
    })
}

fn empty_row(profile: &CreatorProfile) -> CreatorRow {
    CreatorRow {
        creator: profile.creator,
        id: profile.id,
        payable: Micros::ZERO,
        held: Micros::ZERO,
        number: 0,
        total: Micros::ZERO,
        last_entry: EntryNumber(0),
    }
}

/// Sums by day and item, payable and held.
#[utoipa::path(get, path = "/v1/creator/totals", params(Days),
    responses((status = 200, body = TotalsBody), (status = 401, body = Problem)))]
pub(super) async fn totals(
    State(app): State<App>,
    who: SignedIn,
    Asked(days): Asked<Days>,
) -> Result<Json<TotalsBody>, Problem> {
    Ok(Json(totals_of(&app, who.profile, days.count()?).await?))
}

async fn totals_of(app: &App, profile: CreatorProfile, days: u32) -> Result<TotalsBody, Problem> {
    let now = app.clock.now();
    let today = now.day();
    let threshold = profile.threshold;
    let sums = app.read(move |reader| read_sums(reader, &profile, today, days)).await?;
    let sum = |keep: &dyn Fn(u32) -> bool| {
        let mut all = Sum::default();
        sums.tallies.iter().filter(|(day, _, _)| keep(*day)).for_each(|(_, _, s)| all.add(*s));
        all
    };
    let month = today.saturating_sub(29);
    let day_rows = (0..days).rev().map(|ago| {
        let number = today.saturating_sub(ago);
        let sum = sum(&|day| day == number && day != 0);
        DayBody { day: day(number), count: sum.count, total: sum.amount.to_decimal() }
    });
    Ok(TotalsBody {
        currency: app.config.currency.clone(),
        demo: app.config.demo,
        now: time(now),
        payable: sums.row.payable.to_decimal(),
        held: sums.row.held.to_decimal(),
        threshold: threshold.to_decimal(),
        payments: sums.row.number,
        total: sums.row.total.to_decimal(),
        today: sum(&|day| day == today).into(),
        days_30: sum(&|day| day >= month && day != 0).into(),
        all: Sum { count: sums.row.number, amount: sums.row.total }.into(),
        days: day_rows.collect(),
        items: item_sums(&sums, today, month),
        refused: sums.refused,
    })
}

fn item_sums(sums: &Sums, today: u32, month: u32) -> Vec<ItemSums> {
    let mut by_item: HashMap<ItemRef, [Sum; 3]> = HashMap::new();
    for (day, item, sum) in &sums.tallies {
        let [all, in_month, in_day] = by_item.entry(*item).or_default();
        if *day == 0 {
            all.add(*sum);
        } else if *day >= month {
            in_month.add(*sum);
        }
        if *day == today {
            in_day.add(*sum);
        }
    }
    let mut named: Vec<ItemSums> = sums
        .items
        .iter()
        .map(|(row, text)| {
            let sums = by_item.remove(&row.item).unwrap_or_default();
            item_row(Some((ItemName::of(row, text), sums)), sums)
        })
        .collect();
    if let Some(donations) = by_item.remove(&ItemRef(0)) {
        named.push(item_row(None, donations));
    }
    named
}

fn item_row(name: Option<(ItemName, [Sum; 3])>, [all, month, today]: [Sum; 3]) -> ItemSums {
    let name = name.map(|(name, _)| name);
    ItemSums {
        name: name.as_ref().map(|n| n.name.clone()),
        title: name.as_ref().map(|n| n.title.clone()),
        hash: name.map(|n| n.hash),
        count: all.count,
        total: all.amount.to_decimal(),
        days_30: month.into(),
        today: today.into(),
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct PaymentBody {
    entry: u64,
    number: u64,
    at: String,
    kind: &'static str,
    item: Option<ItemName>,
    amount: String,
    fee: String,
    running_total: String,
    claim_id: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Payments {
    data: Vec<PaymentBody>,
    next: Option<String>,
}

fn payment(view: &EntryView, creator: CreatorRef) -> Option<PaymentBody> {
    let EntryBody::Claim(claim) = &view.entry.body else { return None };
    let signed = SignedClaim::decode(&claim.signed).ok()?;
    let kind = if is_donation(claim.item) { ClaimKind::Donation } else { ClaimKind::View };
    (claim.creator == creator).then(|| PaymentBody {
        entry: view.entry.number.0,
        number: claim.creator_number,
        at: time(view.entry.at),
        kind: kind.name(),
        item: view.item.as_ref().map(|(row, text)| ItemName::of(row, text)),
        amount: claim.amount.to_decimal(),
        fee: claim.fee.to_decimal(),
        running_total: claim.creator_total.to_decimal(),
        claim_id: signed.id().to_text(),
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
    let (views, next) = app.read(move |reader| reader.entries_of_creator(from, limit)).await?;
    let data: Option<Vec<_>> = views.iter().map(|v| payment(v, who.row.creator)).collect();
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
    let (send, receive) = mpsc::channel::<Bytes>(2);
    let currency = app.config.currency.clone();
    tokio::spawn(async move {
        let mut text = String::from(
            "entry,number,at,kind,item,title,amount,fee,running_total,currency,claim_id\r\n",
        );
        let mut from = who.row.last_entry;
        while from.0 != 0 {
            let page = app.read(move |reader| reader.entries_of_creator(from, CSV_ROWS)).await;
            let Ok((views, next)) = page else {
                // The reader sees the file break off rather than look whole.
                return;
            };
            views.iter().filter_map(|v| payment(v, who.row.creator)).for_each(|row| {
                csv_row(&mut text, &row, &currency);
            });
            if send.send(Bytes::from(std::mem::take(&mut text))).await.is_err() {
                return;
            }
            from = next;
        }
        let _reader_left = send.send(Bytes::from(text)).await;
    });
    let disposition = HeaderValue::from_static("attachment; filename=\"farthing-payments.csv\"");
    let csv = HeaderValue::from_static("text/csv; charset=utf-8");
    let headers = [(header::CONTENT_TYPE, csv), (header::CONTENT_DISPOSITION, disposition)];
    (headers, streamed(receive)).into_response()
}

fn csv_row(text: &mut String, row: &PaymentBody, currency: &str) {
    let item = row.item.as_ref();
    let cells: [&str; 11] = [
        &row.entry.to_string(),
        &row.number.to_string(),
        &row.at,
        row.kind,
        item.map_or("", |item| item.name.as_str()),
        item.map_or("", |item| item.title.as_str()),
        &row.amount,
        &row.fee,
        &row.running_total,
        currency,
        &row.claim_id,
    ];
    let cells: Vec<String> = cells.iter().map(|cell| csv_cell(cell)).collect();
    text.push_str(&cells.join(","));
    text.push_str("\r\n");
}

/// Quoted where RFC 4180 asks for it; a leading `=`, `+`, `-` or `@` is disarmed, since
/// spreadsheets would run it as a formula.
fn csv_cell(cell: &str) -> String {
    let risky = cell.starts_with(['=', '+', '-', '@', '\t']);
    let cell = if risky { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

fn streamed(receive: mpsc::Receiver<Bytes>) -> HttpBody {
    HttpBody::new(Streamed(receive))
}

/// A body whose chunks come from a channel.
struct Streamed(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Streamed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
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

#[derive(Serialize, ToSchema)]
pub(super) struct ItemBody {
    name: String,
    title: String,
    hash: String,
    price: String,
    on_sale: bool,
    expires_at: Option<String>,
    count: u64,
    total: String,
}

impl ItemBody {
    fn of((row, text): (ItemRow, ItemText), sum: Sum) -> Self {
        Self {
            name: text.name,
            title: text.title,
            hash: row.hash.to_text(),
            price: row.price.to_decimal(),
            on_sale: row.on_sale,
            expires_at: row.expires_at.map(time),
            count: sum.count,
            total: sum.amount.to_decimal(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct ItemList {
    data: Vec<ItemBody>,
}

/// The price list.
#[utoipa::path(get, path = "/v1/creator/items",
    responses((status = 200, body = ItemList), (status = 401, body = Problem)))]
pub(super) async fn items(
    State(app): State<App>,
    who: SignedIn,
) -> Result<Json<ItemList>, Problem> {
    let creator = who.row.creator;
    let (items, sums) = app
        .read(move |reader| Ok((reader.items(creator)?, reader.tallies(creator, 0, 0)?)))
        .await?;
    let sums: HashMap<ItemRef, Sum> = sums.into_iter().map(|(_, item, sum)| (item, sum)).collect();
    let body = |pair: (ItemRow, ItemText)| {
        let sum = sums.get(&pair.0.item).copied().unwrap_or_default();
        ItemBody::of(pair, sum)
    };
    Ok(Json(ItemList { data: items.into_iter().map(body).collect() }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetItemBody {
    name: String,
    title: String,
    price: String,
    on_sale: Option<bool>,
}

/// Sets a price.
#[utoipa::path(put, path = "/v1/creator/items", request_body = SetItemBody,
    responses((status = 200, body = ItemBody), (status = 401, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn set_item(
    State(app): State<App>,
    who: SignedIn,
    Body(body): Body<SetItemBody>,
) -> Result<Json<ItemBody>, Problem> {
    let command = crate::admin::set_item_command(
        who.profile.id,
        &body.name,
        &body.title,
        &body.price,
        body.on_sale.unwrap_or(true),
    )
    .map_err(|(field, why)| Problem::field(field, why))?;
    match app.intake.ask(command).await? {
        Answer::Saved(Ok(())) => {}
        Answer::Saved(Err(refusal)) => return Err(refusal.problem()),
        _ => return Err(Problem::new(Kind::Internal, "the ledger gave another answer")),
    }
    let hash = item_hash(&who.profile.id, &body.name).map_err(|why| Problem::field("name", why))?;
    let creator = who.row.creator;
    let (item, sums) =
        app.read(move |reader| Ok((reader.item(&hash)?, reader.tallies(creator, 0, 0)?))).await?;
    let item = item.ok_or_else(|| Problem::missing("item"))?;
    let sum = sums.into_iter().find(|(_, number, _)| *number == item.0.item);
    Ok(Json(ItemBody::of(item, sum.map(|(_, _, sum)| sum).unwrap_or_default())))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ItemAsked {
    /// Canonical name of the item.
    name: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ContentKeyBody {
    content_key: String,
}

/// The key that seals an item's content.
#[utoipa::path(get, path = "/v1/creator/items/content-key", params(ItemAsked),
    responses((status = 200, body = ContentKeyBody), (status = 401, body = Problem)))]
pub(super) async fn content_key_of_item(
    State(app): State<App>,
    who: SignedIn,
    Asked(asked): Asked<ItemAsked>,
) -> Result<Json<ContentKeyBody>, Problem> {
    let hash =
        item_hash(&who.profile.id, &asked.name).map_err(|why| Problem::field("name", why))?;
    Ok(Json(ContentKeyBody { content_key: content_key(&app, &who.profile.id, &hash) }))
}

/// News at most once a second, and a sign of life when there is none.
const NEWS_EVERY: Duration = Duration::from_secs(1);
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// Totals as they change, as server-sent events.
#[utoipa::path(get, path = "/v1/creator/events",
    responses((status = 200, body = String, content_type = "text/event-stream"), (status = 401, body = Problem)))]
pub(super) async fn events(State(app): State<App>, who: SignedIn) -> Response {
    let (send, receive) = mpsc::channel::<Bytes>(1);
    tokio::spawn(tell_news(app, who, send));
    let kind = HeaderValue::from_static("text/event-stream");
    ([(header::CONTENT_TYPE, kind)], streamed(receive)).into_response()
}

async fn tell_news(app: App, who: SignedIn, send: mpsc::Sender<Bytes>) {
    let mut commits = app.intake.commits();
    let mut told = String::new();
    loop {
        commits.mark_unchanged();
        let totals = totals_of(&app, who.profile.clone(), 30).await;
        let Ok(mut totals) = totals else { return };
        let now = std::mem::take(&mut totals.now);
        let what = serde_json::to_string(&totals).unwrap_or_default();
        if what != told {
            totals.now = now;
            let text = serde_json::to_string(&totals).unwrap_or_default();
            let event = format!("event: totals\ndata: {text}\n\n");
            if send.send(Bytes::from(event)).await.is_err() {
                return;
            }
            told = what;
        }
        tokio::time::sleep(NEWS_EVERY).await;
        // A session that was ended by a new link hears no more.
        let id = who.profile.id;
        let still = app.read(move |reader| reader.creator(&id)).await;
        let generation = who.profile.link_generation;
        if !matches!(still, Ok(Some((_, profile))) if profile.link_generation == generation) {
            return;
        }
        loop {
            tokio::select! {
                changed = commits.changed() => {
                    if changed.is_err() { return }
                    break;
                }
                () = send.closed() => return,
                () = tokio::time::sleep(SIGN_OF_LIFE) => {
                    if send.send(Bytes::from_static(b": still here\n\n")).await.is_err() { return }
                }
            }
        }
    }
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
            ("two\nlines", "\"two\nlines\""),
        ];
        for (cell, expected) in rows {
            assert_eq!(csv_cell(cell), expected);
        }
    }
}
