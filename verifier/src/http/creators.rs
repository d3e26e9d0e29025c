//! A creator's own pages: sign-in, totals, prices, and news as it happens.

use std::collections::HashMap;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use farthing_rules::rows::{CreatorProfile, CreatorRow, ItemRow, ItemText};
use farthing_rules::{Answer, ItemRef};
use farthing_shared::time::day_after_month_of;
use farthing_shared::{Micros, UnixMillis, item_hash};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use utoipa::ToSchema;

use super::App;
use super::extract::{Asked, Body, SignedIn};
use super::payments::{Chunk, streamed};
use super::problem::{Kind, Problem};
use super::provider::{ItemName, content_key};
use super::text::{Clause, day, time};
use crate::ended::NotEnded;
use crate::sessions::{Purpose, SESSION_LIFE_MS, Token};
use crate::store::sqlite::{ReadError, Reader, Refunds, Sum};

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

/// Signs out: the session is worth nothing from here on. A new link of the provider ends all of a creator's.
#[utoipa::path(delete, path = "/v1/creator/sessions",
    responses((status = 204), (status = 401, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn sign_out(State(app): State<App>, who: SignedIn) -> Result<StatusCode, Problem> {
    let (kept, now) = (app.clone(), app.clock.now());
    let ended = tokio::task::spawn_blocking(move || kept.ended.end(&who.session, now)).await;
    match ended.map_err(|error| Problem::new(Kind::Internal, error.to_string()))? {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(NotEnded::TooMany) => {
            let detail = "too many sessions of yours were ended in a month; ask your provider for a new \
                          link, which ends them all";
            Err(Problem::new(Kind::Conflict, detail))
        }
        Err(NotEnded::NotKept(error)) => {
            tracing::error!(%error, "that a session has ended could not be kept");
            let detail = "you are not signed out yet: it could not be written down; try again";
            Err(Problem::new(Kind::Internal, detail))
        }
    }
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
    pub(super) fn count(&self) -> Result<u32, Problem> {
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
    /// Paid with free credit besides: never payable, and not in the total.
    free: String,
    /// Refunds made in this time, also those of earlier payments.
    refunds: u64,
    /// What these refunds took back of the totals of this time or an earlier one.
    refunded: String,
}

/// What was paid in some time, and what was given back in it.
#[derive(Clone, Copy, Default)]
struct Moved {
    paid: Sum,
    back: Refunds,
}

impl From<Moved> for SumBody {
    fn from(Moved { paid, back }: Moved) -> Self {
        Self {
            count: paid.count,
            total: paid.amount.to_decimal(),
            free: paid.free.to_decimal(),
            refunds: back.count,
            refunded: back.amount.to_decimal(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct BackBody {
    count: u64,
    /// What was taken back of the total. Free credit that went back with it is not told.
    total: String,
}

impl From<Refunds> for BackBody {
    fn from(back: Refunds) -> Self {
        Self { count: back.count, total: back.amount.to_decimal() }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct DayBody {
    day: String,
    count: u64,
    total: String,
    /// Refunds made on this day, also those of earlier payments.
    refunds: u64,
    refunded: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ItemSums {
    name: Option<String>,
    title: Option<String>,
    hash: Option<String>,
    count: u64,
    total: String,
    /// Of these, given back.
    refunds: BackBody,
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
    /// Held because of findings that nobody has decided yet.
    under_review: String,
    threshold: String,
    /// How long a payment is held from now on, in milliseconds: the creator's own time, or else the provider's.
    refund_window_ms: u64,
    /// What one visitor pays in a month at most, donations aside; none where there is no such limit.
    month_max: Option<String>,
    /// Where that changes: from when on, and to what.
    month_max_next: Option<NextMonthMax>,
    payments: u64,
    total: String,
    refunds: u64,
    refunded: String,
    /// What went back to payers because findings were upheld: refunds are not in it.
    returned: String,
    today: SumBody,
    days_30: SumBody,
    all: SumBody,
    days: Vec<DayBody>,
    items: Vec<ItemSums>,
    refused: u64,
}

#[derive(Serialize, ToSchema)]
pub(super) struct NextMonthMax {
    from: String,
    most: Option<String>,
}

struct Sums {
    row: CreatorRow,
    tallies: Vec<(u32, ItemRef, Sum)>,
    items: Vec<(ItemRow, ItemText)>,
    refunds: Vec<(u32, ItemRef, Refunds)>,
    refused: u64,
}

impl Sums {
    /// Over the days that `keep` takes; day 0 is the sum of all days.
    fn of(&self, keep: impl Fn(u32) -> bool) -> Moved {
        let mut moved = Moved::default();
        let paid = self.tallies.iter().filter(|(day, _, _)| keep(*day));
        paid.for_each(|(_, _, sum)| moved.paid.add(*sum));
        let back = self.refunds.iter().filter(|(day, _, _)| keep(*day));
        back.for_each(|(_, _, sum)| moved.back.add(*sum));
        moved
    }
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
    let row = row.unwrap_or_else(|| CreatorRow::new(reference, creator.id));
    let mut refunds = Vec::new();
    // Most creators have none, and each day is a query.
    if row.refunds > 0 {
        refunds = reader.refund_tallies(reference, first.max(1), today)?;
        refunds.extend(reader.refund_tallies(reference, 0, 0)?);
    }
    Ok(Sums {
        row,
        tallies,
        items: reader.items(reference)?,
        refunds,
        refused: refused.iter().map(|(_, _, sum)| sum.count).fold(0, u64::saturating_add),
    })
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

/// What was credited and is neither there any more nor refunded.
fn returned(row: &CreatorRow) -> Micros {
    let there = [row.payable, row.held, row.review, row.refunded];
    there.iter().fold(row.total, |left, part| left.minus(*part).unwrap_or_default())
}

async fn totals_of(app: &App, profile: CreatorProfile, days: u32) -> Result<TotalsBody, Problem> {
    let now = app.clock.now();
    let today = now.day();
    let threshold = profile.threshold;
    let sums = app.read(move |reader| read_sums(reader, &profile, today, days)).await?;
    let month = today.saturating_sub(29);
    let day_rows = (0..days).rev().map(|ago| {
        let number = today.saturating_sub(ago);
        let Moved { paid, back } = sums.of(|day| day == number && day != 0);
        DayBody {
            day: day(number),
            count: paid.count,
            total: paid.amount.to_decimal(),
            refunds: back.count,
            refunded: back.amount.to_decimal(),
        }
    });
    let ceiling = sums.row.ceiling;
    let from = UnixMillis::of_day(day_after_month_of(today));
    let month_max_next = (ceiling.at(now) != ceiling.most)
        .then(|| NextMonthMax { from: time(from), most: ceiling.most.map(Micros::to_decimal) });
    let all = Moved {
        paid: Sum { count: sums.row.number, amount: sums.row.total, free: sums.row.free },
        back: Refunds { count: sums.row.refunds, amount: sums.row.refunded },
    };
    Ok(TotalsBody {
        currency: app.config.currency.clone(),
        demo: app.config.demo,
        now: time(now),
        payable: sums.row.payable.to_decimal(),
        held: sums.row.held.to_decimal(),
        under_review: sums.row.review.to_decimal(),
        threshold: threshold.to_decimal(),
        refund_window_ms: sums.row.refund_window_ms.unwrap_or(app.policy.refund_window_ms),
        month_max: ceiling.at(now).map(Micros::to_decimal),
        month_max_next,
        payments: sums.row.number,
        total: sums.row.total.to_decimal(),
        refunds: sums.row.refunds,
        refunded: sums.row.refunded.to_decimal(),
        returned: returned(&sums.row).to_decimal(),
        today: sums.of(|day| day == today).into(),
        days_30: sums.of(|day| day >= month && day != 0).into(),
        all: all.into(),
        days: day_rows.collect(),
        items: item_sums(&sums, today, month),
        refused: sums.refused,
    })
}

fn item_sums(sums: &Sums, today: u32, month: u32) -> Vec<ItemSums> {
    // Of all days, of the month, of today.
    let mut by_item: HashMap<ItemRef, [Moved; 3]> = HashMap::new();
    let is_in = |day: u32| [day == 0, day != 0 && day >= month, day == today];
    for (day, item, sum) in &sums.tallies {
        let places = by_item.entry(*item).or_default().iter_mut().zip(is_in(*day));
        places.filter(|(_, is_in)| *is_in).for_each(|(moved, _)| moved.paid.add(*sum));
    }
    for (day, item, sum) in &sums.refunds {
        let places = by_item.entry(*item).or_default().iter_mut().zip(is_in(*day));
        places.filter(|(_, is_in)| *is_in).for_each(|(moved, _)| moved.back.add(*sum));
    }
    let mut named: Vec<ItemSums> = sums
        .items
        .iter()
        .map(|(row, text)| {
            let of_item = by_item.remove(&row.item).unwrap_or_default();
            item_row(Some(ItemName::of(row, text)), of_item)
        })
        .collect();
    if let Some(donations) = by_item.remove(&ItemRef(0)) {
        named.push(item_row(None, donations));
    }
    named
}

fn item_row(name: Option<ItemName>, [all, month, today]: [Moved; 3]) -> ItemSums {
    ItemSums {
        name: name.as_ref().map(|n| n.name.clone()),
        title: name.as_ref().map(|n| n.title.clone()),
        hash: name.map(|n| n.hash),
        count: all.paid.count,
        total: all.paid.amount.to_decimal(),
        refunds: all.back.into(),
        days_30: month.into(),
        today: today.into(),
    }
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
    /// Of these, given back.
    refunds: BackBody,
}

impl ItemBody {
    fn of((row, text): (ItemRow, ItemText), sum: Sum, back: Refunds) -> Self {
        Self {
            name: text.name,
            title: text.title,
            hash: row.hash.to_text(),
            price: row.price.to_decimal(),
            on_sale: row.on_sale,
            expires_at: row.expires_at.map(time),
            count: sum.count,
            total: sum.amount.to_decimal(),
            refunds: back.into(),
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
    let (items, sums, refunds) = app
        .read(move |reader| {
            let sums = reader.tallies(creator, 0, 0)?;
            Ok((reader.items(creator)?, sums, reader.refund_tallies(creator, 0, 0)?))
        })
        .await?;
    let refunds: HashMap<_, _> = refunds.into_iter().map(|(_, item, back)| (item, back)).collect();
    let sums: HashMap<_, _> = sums.into_iter().map(|(_, item, sum)| (item, sum)).collect();
    let body = |pair: (ItemRow, ItemText)| {
        let sum = sums.get(&pair.0.item).copied().unwrap_or_default();
        let back = refunds.get(&pair.0.item).copied().unwrap_or_default();
        ItemBody::of(pair, sum, back)
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
    let (item, sums, refunds) = app
        .read(move |reader| {
            let sums = reader.tallies(creator, 0, 0)?;
            Ok((reader.item(&hash)?, sums, reader.refund_tallies(creator, 0, 0)?))
        })
        .await?;
    let item = item.ok_or_else(|| Problem::missing("item"))?;
    let sum = sums.into_iter().find(|(_, number, _)| *number == item.0.item);
    let back = refunds.into_iter().find(|(_, number, _)| *number == item.0.item);
    let back = back.map(|(_, _, back)| back).unwrap_or_default();
    Ok(Json(ItemBody::of(item, sum.map(|(_, _, sum)| sum).unwrap_or_default(), back)))
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
    let (send, receive) = mpsc::channel::<Chunk>(1);
    tokio::spawn(tell_news(app, who, send));
    let kind = HeaderValue::from_static("text/event-stream");
    ([(header::CONTENT_TYPE, kind)], streamed(receive)).into_response()
}

/// Resolves when the server is to end.
async fn stops(app: &App) {
    let mut stopping = app.stopping.subscribe();
    let _gone = stopping.wait_for(|stopping| *stopping).await.is_ok();
}

async fn tell_news(app: App, who: SignedIn, send: mpsc::Sender<Chunk>) {
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
            if send.send(Ok(Bytes::from(event))).await.is_err() {
                return;
            }
            told = what;
        }
        tokio::time::sleep(NEWS_EVERY).await;
        loop {
            tokio::select! {
                changed = commits.changed() => {
                    if changed.is_err() { return }
                    break;
                }
                () = send.closed() => return,
                () = stops(&app) => return,
                () = tokio::time::sleep(SIGN_OF_LIFE) => {
                    if send.send(Ok(Bytes::from_static(b": still here\n\n"))).await.is_err() { return }
                }
            }
        }
        // A session that was ended, by a new link or by signing out, hears no more.
        let id = who.profile.id;
        let still = app.read(move |reader| reader.creator(&id)).await;
        let generation = who.profile.link_generation;
        let is_known =
            matches!(still, Ok(Some((_, profile))) if profile.link_generation == generation);
        if !is_known || app.ended.has(&who.session) {
            return;
        }
    }
}
