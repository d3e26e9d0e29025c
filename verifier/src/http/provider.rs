//! What anybody may ask: who the provider is, what an item costs, whether the server is well.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use base64ct::{Base64UrlUnpadded, Encoding};
use farthing_rules::rows::{
    CreatorProfile, CreatorRow, InMonth, ItemRow, ItemText, KeyRow, ReceiptRow, WalletRow,
};
use farthing_rules::{Command, ItemRef, WalletRef};
use farthing_shared::time::day_after_month_of;
use farthing_shared::{
    ClaimId, CreatorId, ItemHash, Micros, PublicKey, SignedOffer, UnixMillis, item_hash,
    origin_hash, title_hash,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::extract::{Asked, MaybeReading, binary};
use super::problem::{Kind, Problem};
use super::text::{Clause, time};
use super::wallets::AllowanceBody;
use crate::store::sqlite::{ReadError, Reader};

#[derive(Serialize, ToSchema)]
pub(super) struct Status {
    status: &'static str,
}

/// Alive.
#[utoipa::path(get, path = "/healthz", responses((status = 200, body = Status)))]
pub(super) async fn health() -> Json<Status> {
    Json(Status { status: "ok" })
}

/// Able to serve: the ledger answers and is writing.
#[utoipa::path(get, path = "/readyz", responses((status = 200, body = Status), (status = 503, body = Problem)))]
pub(super) async fn ready(State(app): State<App>) -> Result<Json<Status>, Problem> {
    if *app.intake.fatal().borrow() {
        return Err(Problem::new(Kind::Overloaded, "the ledger is stopping").retry_after(5));
    }
    app.read(crate::store::sqlite::Reader::probe)
        .await
        .map_err(|_| Problem::new(Kind::Overloaded, "the ledger does not answer").retry_after(5))?;
    Ok(Json(Status { status: "ok" }))
}

pub(super) async fn nowhere(uri: Uri) -> Problem {
    Problem::new(Kind::NotFound, format!("there is nothing at {}", uri.path()))
}

pub(super) async fn wrong_method() -> Problem {
    Problem::new(Kind::MethodNotAllowed, "this address takes another method; see /openapi.json")
}

#[derive(Serialize, ToSchema)]
pub(super) struct ProviderBody {
    name: String,
    verifier: String,
    key: String,
    currency: String,
    demo: bool,
    fee_ppm: u32,
    refund_window_ms: u64,
    origin: String,
    welcome_credit: String,
    voucher_rail: bool,
}

/// Who the provider is and what its terms are.
#[utoipa::path(get, path = "/v1/provider", responses((status = 200, body = ProviderBody)))]
pub(super) async fn provider(State(app): State<App>) -> Json<ProviderBody> {
    Json(ProviderBody {
        name: app.config.name.clone(),
        verifier: app.policy.verifier.to_text(),
        key: app.secrets.provider_key().to_text(),
        currency: app.config.currency.clone(),
        demo: app.config.demo,
        fee_ppm: app.policy.fee_ppm,
        refund_window_ms: app.policy.refund_window_ms,
        origin: app.config.origin.clone(),
        welcome_credit: app.policy.welcome.to_decimal(),
        voucher_rail: true,
    })
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct QuoteAsked {
    /// Creator id.
    creator: String,
    /// Canonical name of the item; none for a donation.
    item: Option<String>,
    /// Origin of the page.
    origin: String,
    /// A signed offer, 256 bytes as base64url.
    offer: Option<String>,
    /// The item's title, with an offer.
    title: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct CreatorName {
    pub(super) id: String,
    pub(super) name: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ItemName {
    pub(super) name: String,
    pub(super) hash: String,
    pub(super) title: String,
}

impl ItemName {
    pub(super) fn of(row: &ItemRow, text: &ItemText) -> Self {
        Self { name: text.name.clone(), hash: row.hash.to_text(), title: text.title.clone() }
    }
}

/// What opens without a payment: it was bought, or nothing more is due to the creator in this month.
#[derive(Serialize, ToSchema)]
pub(super) struct OwnedBody {
    /// Of the purchase; none where nothing was bought.
    entry: Option<u64>,
    at: Option<String>,
    /// What was paid for it: nothing where nothing was bought.
    amount: String,
    /// Where nothing was bought: when it closes again, as the month ends.
    open_until: Option<String>,
    content_key: String,
    claim_id: Option<String>,
    /// While its money can be had back.
    refundable_until: Option<String>,
}

/// What the creator takes from one wallet in a calendar month of UTC at most.
#[derive(Serialize, ToSchema)]
pub(super) struct MonthBody {
    most: String,
    /// What the wallet of the key that asks has paid of it, donations aside.
    paid: Option<String>,
    until: String,
}

impl MonthBody {
    /// None where the creator has no ceiling now.
    pub(super) fn of(creator: &CreatorRow, paid: Option<InMonth>, now: UnixMillis) -> Option<Self> {
        Some(Self {
            most: creator.ceiling.at(now)?.to_decimal(),
            paid: paid.map(|paid| paid.at(now).paid.to_decimal()),
            until: time(UnixMillis::of_day(day_after_month_of(now.day()))),
        })
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct QuoteBody {
    creator: CreatorName,
    item: Option<ItemName>,
    /// What is due now: less than the item's price where the creator's month is nearly used up.
    price: Option<String>,
    month: Option<MonthBody>,
    currency: String,
    demo: bool,
    fee_ppm: u32,
    refund_window_ms: u64,
    suggested_cap: String,
    suggested_claim_max: String,
    owned: Option<OwnedBody>,
    allowance: Option<AllowanceBody>,
    /// Whether the key that asks may pay this without a click, within what its wallet's holder permitted.
    automatic: bool,
}

/// Price and payee of an item; with a signed read, also whether it is owned.
#[utoipa::path(get, path = "/v1/quote", params(QuoteAsked),
    responses((status = 200, body = QuoteBody), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn quote(
    State(app): State<App>,
    MaybeReading(key): MaybeReading,
    Asked(asked): Asked<QuoteAsked>,
) -> Result<Json<QuoteBody>, Problem> {
    let id = CreatorId::parse(&asked.creator).map_err(|why| Problem::field("creator", why))?;
    let found = app.read(move |reader| reader.creator(&id)).await?;
    let (row, profile) = found.ok_or_else(|| Problem::missing("creator"))?;
    check_origin(&app, &profile, &asked.origin)?;
    let item = match &asked.item {
        None => None,
        Some(name) => Some(quoted_item(&app, &profile, name, &asked).await?),
    };
    let KeyHas { owned, allowance, paid, automatic } = match key {
        None => KeyHas::default(),
        Some(key) => what_the_key_has(&app, key, (id, row), item.as_ref()).await?,
    };
    let price = item.as_ref().map(|(row, _)| row.price);
    let now = app.clock.now();
    let due = price.map(|price| row.ceiling.due(price, paid.unwrap_or_default(), now));
    let month = MonthBody::of(&row, paid, now);
    let is_open = row.ceiling.is_reached(paid.unwrap_or_default(), now);
    let open = item.as_ref().zip(month.as_ref()).filter(|_| is_open);
    let open = open.map(|((row, _), month)| OwnedBody {
        entry: None,
        at: None,
        amount: Micros::ZERO.to_decimal(),
        open_until: Some(month.until.clone()),
        content_key: content_key(&app, &id, &row.hash),
        claim_id: None,
        refundable_until: None,
    });
    Ok(Json(QuoteBody {
        // Where nothing is due the item is open, and its price is what it costs others.
        price: due.filter(|due| *due > Micros::ZERO).or(price).map(Micros::to_decimal),
        month,
        creator: CreatorName { id: id.to_text(), name: profile.name },
        item: item.as_ref().map(|(row, text)| ItemName::of(row, text)),
        currency: app.config.currency.clone(),
        demo: app.config.demo,
        fee_ppm: app.policy.fee_ppm,
        refund_window_ms: row.refund_window_ms.unwrap_or(app.policy.refund_window_ms),
        suggested_cap: suggested(price, 40, 2_000_000),
        suggested_claim_max: suggested(price, 10, 500_000),
        owned: owned.or(open),
        allowance,
        automatic,
    }))
}

/// Forty or ten times the price, but not less than two units or half a unit.
fn suggested(price: Option<Micros>, times: u64, floor: u64) -> String {
    let wanted = price.map_or(0, Micros::get).saturating_mul(times).max(floor);
    Micros::new(wanted).unwrap_or(Micros::MAX).to_decimal()
}

fn check_origin(app: &App, profile: &CreatorProfile, origin: &str) -> Result<(), Problem> {
    let hash = origin_hash(origin).map_err(|why| Problem::field("origin", why))?;
    if hash == app.policy.provider_origin || profile.sites.iter().any(|site| site == origin) {
        return Ok(());
    }
    let detail = format!("{} does not list {origin} as one of its sites", profile.name);
    Err(Problem::new(Kind::Forbidden, detail))
}

async fn quoted_item(
    app: &App,
    profile: &CreatorProfile,
    name: &str,
    asked: &QuoteAsked,
) -> Result<(ItemRow, ItemText), Problem> {
    let hash = item_hash(&profile.id, name).map_err(|why| Problem::field("item", why))?;
    if let Some(offer) = &asked.offer {
        take_offer(app, profile, (name, hash), offer, asked.title.as_deref()).await?;
    }
    let now = app.clock.now();
    let found = app.read(move |reader| reader.item(&hash)).await?;
    found.filter(|(row, _)| row.is_for_sale(now)).ok_or_else(|| Problem::missing("item for sale"))
}

/// Takes the creator's signed offer into the price list, unless it is there already.
async fn take_offer(
    app: &App,
    profile: &CreatorProfile,
    (name, hash): (&str, ItemHash),
    offer: &str,
    title: Option<&str>,
) -> Result<(), Problem> {
    let signed = SignedOffer::decode(&binary("offer", offer)?)
        .map_err(|why| Problem::field("offer", why))?;
    let fields = *signed.offer();
    let title = title.unwrap_or(name);
    let title_is_right = title_hash(title).map_err(|why| Problem::field("title", why))?;
    if fields.item != hash || fields.creator != profile.id {
        return Err(Problem::field("offer", "it is for another item"));
    }
    if fields.title != title_is_right {
        return Err(Problem::field("title", "it is not the title that was signed"));
    }
    let known = app.read(move |reader| reader.item(&hash)).await?;
    if known.is_some_and(|(row, _)| row.priced_at >= fields.issued_at) {
        return Ok(());
    }
    let offer =
        signed.verify().map_err(|_| Problem::field("offer", "its signature does not hold"))?;
    let command = Command::TakeOffer { offer, name: name.to_owned(), title: title.to_owned() };
    match app.intake.ask(command).await? {
        farthing_rules::Answer::Saved(Ok(()))
        | farthing_rules::Answer::Saved(Err(farthing_rules::commit::SaveRefusal::Superseded)) => {
            Ok(())
        }
        farthing_rules::Answer::Saved(Err(refusal)) => Err(refusal.problem()),
        _ => Err(Problem::new(Kind::Internal, "the ledger gave another answer")),
    }
}

/// A purchase, which item it was, and how it can be given back.
type Owned = (ReceiptRow, ItemHash, Option<(ClaimId, Option<UnixMillis>)>);

fn owned_item(
    reader: &Reader,
    wallet: WalletRef,
    hash: ItemHash,
    now: UnixMillis,
) -> Result<Option<Owned>, ReadError> {
    let Some(receipt) = reader.owned(wallet, hash)? else { return Ok(None) };
    let way = super::refunds::way_back(reader, receipt.entry, now)?;
    Ok(Some((receipt, hash, way)))
}

/// What the ledger knows of whoever signed the question.
#[derive(Default)]
struct KeyHas {
    owned: Option<OwnedBody>,
    allowance: Option<AllowanceBody>,
    /// What its wallet paid the creator in a month; none where no wallet is known.
    paid: Option<InMonth>,
    /// It may pay what is due for the item without a click.
    automatic: bool,
}

async fn what_the_key_has(
    app: &App,
    key: PublicKey,
    (creator, of): (CreatorId, CreatorRow),
    item: Option<&(ItemRow, ItemText)>,
) -> Result<KeyHas, Problem> {
    let price = item.map(|(row, _)| (row.hash, row.price));
    let item = price.map(|(hash, _)| hash);
    let own_app = app.clone();
    let now = app.clock.now();
    let found = app
        .read(move |reader| {
            let Some(row) = reader.key(&key)? else {
                // The wallet page asks with the root key, before there is a key for this site.
                let Some((wallet, hash)) = reader.wallet(&key)?.zip(item) else { return Ok(None) };
                let owned = owned_item(reader, wallet.wallet, hash, now)?;
                return Ok(Some((owned, None, None, false)));
            };
            // What was bought stays the wallet's; a browser that was cut off hears no more of it.
            let wallet = reader.wallet_by_ref(row.wallet)?;
            let has_ended = wallet.is_none_or(|wallet| wallet.has_ended(&row));
            let owned = match item.filter(|_| !has_ended) {
                None => None,
                Some(hash) => owned_item(reader, row.wallet, hash, now)?,
            };
            let first = reader.key_by_ref(row.first)?;
            let paid =
                wallet.map(|wallet| wallet.paid_as_seen_by(&row, first.as_ref(), of.creator));
            let paid = paid.unwrap_or_default();
            let automatic = match (wallet, price) {
                (Some(wallet), Some((hash, price))) if owned.is_none() => {
                    let due = of.ceiling.due(price, paid, now);
                    let who = (&wallet, &row, &of);
                    super::permissions::covers(&own_app, reader, who, (&hash, due), now)?
                }
                _ => false,
            };
            let body = AllowanceBody::read(reader, row)?;
            Ok(Some((owned, body, Some(paid), automatic)))
        })
        .await?;
    let Some((owned, allowance, paid, automatic)) = found else { return Ok(KeyHas::default()) };
    let owned = owned.map(|(receipt, hash, way)| OwnedBody {
        entry: Some(receipt.entry.0),
        at: Some(time(receipt.at)),
        amount: receipt.amount.to_decimal(),
        open_until: None,
        content_key: content_key(app, &creator, &hash),
        claim_id: way.map(|(id, _)| id.to_text()),
        refundable_until: way.and_then(|(_, until)| until).map(time),
    });
    let allowance = allowance.map(|body| body.for_a_frame().in_currency(&app.config.currency));
    Ok(KeyHas { owned, allowance, paid, automatic })
}

/// Whether an item that a key's wallet does not own is open to that key in this month.
pub(super) fn is_open_by_month(
    reader: &Reader,
    (wallet, key): (&WalletRow, &KeyRow),
    item: &ItemHash,
    now: UnixMillis,
) -> Result<bool, ReadError> {
    let item = reader.item(item)?.filter(|(item, _)| item.is_for_sale(now));
    let of = item.map(|(item, _)| item.creator);
    let Some(creator) = of.map(|of| reader.creator_by_ref(of)).transpose()?.flatten() else {
        return Ok(false);
    };
    let first = reader.key_by_ref(key.first)?;
    let paid = wallet.paid_as_seen_by(key, first.as_ref(), creator.creator);
    Ok(creator.ceiling.is_reached(paid, now))
}

/// The key to an item's sealed content, as base64url.
pub(super) fn content_key(app: &App, creator: &CreatorId, item: &ItemHash) -> String {
    Base64UrlUnpadded::encode_string(&app.secrets.content_key(creator, item))
}

/// Whether an entry's item is a donation.
pub(super) fn is_donation(item: ItemRef) -> bool {
    item.0 == 0
}
