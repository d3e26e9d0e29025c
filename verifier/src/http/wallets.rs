//! Wallets and allowances.

use std::collections::{BTreeMap, btree_map};

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use base64ct::{Base64UrlUnpadded, Encoding};
use farthing_rules::findings::Place;
use farthing_rules::rows::{CreatorRef, Entry, KeyRow, ReviewEntry, WalletRow};
use farthing_rules::{Answer, Command, EntryBody, EntryNumber, VoucherHash};
use farthing_shared::{
    Claim, Kind as ClaimKind, Micros, OriginHash, Outcome, PublicKey, SignedAllowance, SignedClaim,
    SignedOpening, UnixMillis,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::extract::{Asked, Body, CREATED, Named, Reading, binary};
use super::network::Prefix;
use super::problem::{Kind, Problem};
use super::provider::{CreatorName, ItemName, MonthBody};
use super::text::{Clause, time};
use crate::store::sqlite::{EntryView, ReadError, Reader};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

#[derive(Serialize, ToSchema)]
pub(super) struct ChallengeBody {
    challenge: String,
    bits: u8,
    expires_at: String,
}

/// A challenge for opening a wallet.
#[utoipa::path(post, path = "/v1/challenges", request_body = Nothing,
    responses((status = 200, body = ChallengeBody)))]
pub(super) async fn challenge(
    State(app): State<App>,
    Extension(prefix): Extension<Prefix>,
    Body(_): Body<Nothing>,
) -> Json<ChallengeBody> {
    let now = app.clock.now();
    let challenge = app.challenges.make(prefix, now);
    if app.challenges.is_slowed(&challenge) {
        app.metrics.slowed("openings");
    }
    Json(ChallengeBody {
        challenge: Base64UrlUnpadded::encode_string(&challenge.encode()),
        bits: challenge.bits,
        expires_at: time(now.plus_ms(farthing_shared::limits::CHALLENGE_LIFE_MS)),
    })
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OpenBody {
    /// 200 bytes as base64url.
    opening: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct WalletBody {
    root: String,
    balance: String,
    currency: String,
    demo: bool,
    opened_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowances: Option<Vec<AllowanceBody>>,
}

impl WalletBody {
    pub(super) fn of(app: &App, row: &WalletRow, allowances: Option<Vec<AllowanceBody>>) -> Self {
        Self {
            root: row.root.to_text(),
            balance: row.balance.to_decimal(),
            currency: app.config.currency.clone(),
            demo: app.config.demo,
            opened_at: time(row.opened_at),
            allowances,
        }
    }
}

/// Opens a wallet; opening it again answers 200 and changes nothing.
#[utoipa::path(post, path = "/v1/wallets", request_body = OpenBody,
    responses((status = 201, body = WalletBody), (status = 200, body = WalletBody),
        (status = 409, body = Problem), (status = 410, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn open(
    State(app): State<App>,
    Extension(prefix): Extension<Prefix>,
    Body(body): Body<OpenBody>,
) -> Result<(StatusCode, Json<WalletBody>), Problem> {
    let signed = SignedOpening::decode(&binary("opening", &body.opening)?)
        .map_err(|why| Problem::field("opening", why))?;
    let opening = *signed.opening();
    if opening.verifier != app.policy.verifier {
        return Err(Problem::field("opening", "it is made out to another provider"));
    }
    let root = opening.root;
    // A wallet that is open is answered whatever became of its challenge, so that a lost reply
    // does not leave the visitor without a wallet.
    let known = app.read(move |reader| reader.wallet(&root)).await?;
    if known.is_none() {
        app.challenges.check(prefix, &opening, app.clock.now())?;
    }
    let opening =
        signed.verify().map_err(|_| Problem::field("opening", "its signature does not hold"))?;
    if let Some(row) = known {
        return Ok((StatusCode::OK, Json(WalletBody::of(&app, &row, None))));
    }
    let keeps = app.config.fraud.scan && app.config.fraud.keep_origins_days > 0;
    let origin = app.origins.tag(prefix, app.clock.now()).filter(|_| keeps);
    match app.intake.ask(Command::OpenWallet { opening, origin }).await? {
        Answer::Wallet { wallet, opened } => {
            if opened {
                app.challenges.count_opening(prefix, app.clock.now());
            }
            let status = if opened { CREATED } else { StatusCode::OK };
            Ok((status, Json(WalletBody::of(&app, &wallet, None))))
        }
        Answer::Replaced => Err(super::rotations::absent(&app, root).await?),
        _ => Err(Problem::new(Kind::Internal, "the ledger gave another answer")),
    }
}

pub(super) fn own(root: PublicKey, reading: Reading) -> Result<(), Problem> {
    if root == reading.0 {
        return Ok(());
    }
    Err(Problem::new(Kind::Forbidden, "the read is signed by another key"))
}

/// A wallet's balance and allowances, for its root key.
#[utoipa::path(get, path = "/v1/wallets/{root}", params(("root" = String, Path)),
    responses((status = 200, body = WalletBody), (status = 401, body = Problem), (status = 404, body = Problem),
        (status = 410, body = Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    Named(root): Named<PublicKey>,
    reading: Reading,
) -> Result<Json<WalletBody>, Problem> {
    own(root, reading)?;
    let now = app.clock.now();
    let own_page = app.config.origin.clone();
    let found = app
        .read(move |reader| {
            let Some(wallet) = reader.wallet(&root)? else { return Ok(None) };
            let keys = reader.keys_of_wallet(wallet.wallet)?;
            let mut sites = Sites { own_page, of: BTreeMap::new() };
            let bodies: Result<Vec<_>, ReadError> = keys
                .into_iter()
                .map(|row| AllowanceBody::of_wallet(reader, row, &mut sites, now))
                .collect();
            Ok(Some((wallet, bodies?)))
        })
        .await?;
    let Some((wallet, allowances)) = found else {
        return Err(super::rotations::absent(&app, root).await?);
    };
    let currency = &app.config.currency;
    let allowances = allowances.into_iter().flatten().map(|a| a.in_currency(currency)).collect();
    Ok(Json(WalletBody::of(&app, &wallet, Some(allowances))))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// Where the last page ended.
    pub(super) cursor: Option<String>,
    /// 1 to 200; 50 unless told.
    pub(super) limit: Option<usize>,
}

impl Paging {
    /// The entry to begin with, where `newest` is the first of all.
    pub(super) fn begin(&self, newest: EntryNumber) -> Result<EntryNumber, Problem> {
        match &self.cursor {
            None => Ok(newest),
            Some(text) => text
                .parse::<u64>()
                .ok()
                .filter(|number| (1..=newest.0).contains(number))
                .map(EntryNumber)
                .ok_or_else(|| Problem::field("cursor", "use the one from the last page")),
        }
    }

    pub(super) fn size(&self) -> Result<usize, Problem> {
        match self.limit.unwrap_or(50) {
            limit @ 1..=200 => Ok(limit),
            _ => Err(Problem::field("limit", "expected 1 to 200")),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct WalletEntryBody {
    entry: u64,
    kind: &'static str,
    at: String,
    amount: String,
    creator: Option<CreatorName>,
    item: Option<ItemName>,
    /// Of a claim: the site that it was paid on, while its creator lists it.
    site: Option<String>,
    claim_id: Option<String>,
    /// Of a claim that can still be refunded: until when.
    refundable_until: Option<String>,
    /// Whether a claim's money was given back.
    refunded: bool,
    /// Whether a claim's money is held because of a finding; it cannot be refunded until then.
    under_review: bool,
}

#[derive(Serialize, ToSchema)]
pub(super) struct WalletEntries {
    data: Vec<WalletEntryBody>,
    next: Option<String>,
}

/// What happened to a wallet, newest first, for its root key.
#[utoipa::path(get, path = "/v1/wallets/{root}/entries", params(("root" = String, Path), Paging),
    responses((status = 200, body = WalletEntries), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn entries(
    State(app): State<App>,
    Named(root): Named<PublicKey>,
    reading: Reading,
    Asked(paging): Asked<Paging>,
) -> Result<Json<WalletEntries>, Problem> {
    own(root, reading)?;
    let limit = paging.size()?;
    let wallet = app.read(move |reader| reader.wallet(&root)).await?;
    let wallet = wallet.ok_or_else(|| Problem::missing("wallet"))?;
    let from = paging.begin(wallet.last_entry)?;
    // A cursor must not lead into another wallet's chain.
    let number = wallet.wallet;
    let own_page = app.config.origin.clone();
    let now = app.clock.now();
    let (rows, next) = app
        .read(move |reader| {
            let (views, next) = reader.entries_of_wallet(from, limit)?;
            let mut sites = Sites { own_page, of: BTreeMap::new() };
            let rows: Result<Vec<_>, ReadError> = views
                .into_iter()
                .map(|view| Ok((Around::read(reader, &view.entry, &mut sites, now)?, view)))
                .collect();
            Ok((rows?, next))
        })
        .await?;
    if rows.iter().any(|(_, view)| wallet_of(view) != Some(number)) {
        return Err(Problem::field("cursor", "use the one from the last page"));
    }
    Ok(Json(WalletEntries {
        data: rows.into_iter().map(|(around, view)| entry_body(view, around)).collect(),
        next: (next.0 != 0).then(|| next.0.to_string()),
    }))
}

/// What other rows say about an entry.
#[derive(Default)]
struct Around {
    site: Option<String>,
    refunded: bool,
    under_review: bool,
    refundable_until: Option<UnixMillis>,
}

impl Around {
    fn read(
        reader: &Reader,
        entry: &Entry,
        sites: &mut Sites,
        now: UnixMillis,
    ) -> Result<Self, ReadError> {
        let EntryBody::Claim(claim) = &entry.body else { return Ok(Self::default()) };
        let hold = reader.claim_hold(entry.number)?;
        let refunded = reader.refund(entry.number)?.is_some_and(|r| r.outcome.is_success());
        // What is under review is not the payer's to have back, nor what came back already.
        let is_held = hold.is_some_and(|hold| hold.settled == EntryNumber(0) || hold.returned);
        let refundable_until = match refunded || is_held {
            true => None,
            false => super::refunds::refundable_until(reader, entry, now)?,
        };
        Ok(Self {
            site: sites.find(reader, claim.creator, &claim.signed)?,
            refunded,
            under_review: hold.is_some_and(|hold| hold.settled == EntryNumber(0)),
            refundable_until,
        })
    }
}

/// Names of sites by the hash that claims carry, for the creators of one page of entries.
struct Sites {
    own_page: String,
    of: BTreeMap<CreatorRef, Vec<(OriginHash, String)>>,
}

impl Sites {
    /// The site that this creator's claim came from; none when it is not listed, or is not known any more.
    fn find(
        &mut self,
        reader: &Reader,
        creator: CreatorRef,
        signed: &[u8; Claim::SIGNED_LEN],
    ) -> Result<Option<String>, ReadError> {
        let Ok(signed) = SignedClaim::decode(signed) else { return Ok(None) };
        let sites = match self.of.entry(creator) {
            btree_map::Entry::Occupied(known) => known.into_mut(),
            btree_map::Entry::Vacant(place) => {
                let listed = reader.profile(creator)?.map(|profile| profile.sites);
                let named = listed.into_iter().flatten().chain([self.own_page.clone()]);
                place.insert(named.map(|site| (OriginHash::of_checked(&site), site)).collect())
            }
        };
        let origin = signed.claim().origin;
        Ok(sites.iter().find(|(hash, _)| *hash == origin).map(|(_, site)| site.clone()))
    }
}

fn wallet_of(view: &EntryView) -> Option<farthing_rules::WalletRef> {
    match &view.entry.body {
        EntryBody::Claim(claim) => Some(claim.wallet),
        EntryBody::Refund(refund) => Some(refund.wallet),
        EntryBody::TopUp { wallet, .. } | EntryBody::Welcome { wallet, .. } => Some(*wallet),
        EntryBody::Lift(review) => match review.place {
            Place::Wallet { wallet, .. } => Some(wallet),
            Place::Held { .. } | Place::Payable => None,
        },
        EntryBody::Release { .. } | EntryBody::Hold(_) => None,
    }
}

fn entry_body(view: EntryView, around: Around) -> WalletEntryBody {
    let Around { site, refunded, under_review, refundable_until } = around;
    let (kind, amount, claim_id) = match &view.entry.body {
        EntryBody::Claim(claim) => {
            let id = SignedClaim::decode(&claim.signed).ok().map(|c| c.id());
            ("claim", claim.amount, id)
        }
        EntryBody::Refund(refund) => {
            let signed = farthing_shared::SignedRefund::decode(&refund.signed).ok();
            ("refund", refund.amount, signed.map(|signed| signed.refund().claim))
        }
        EntryBody::TopUp { amount, .. } => ("top_up", *amount, None),
        EntryBody::Welcome { amount, .. } => ("welcome", *amount, None),
        EntryBody::Release { amount, .. } => ("release", *amount, None),
        EntryBody::Hold(review) => ("hold", review.amount, None),
        EntryBody::Lift(review) => ("returned", returned(review), None),
    };
    WalletEntryBody {
        entry: view.entry.number.0,
        kind,
        at: time(view.entry.at),
        amount: amount.to_decimal(),
        creator: view.creator.map(|(id, name)| CreatorName { id: id.to_text(), name }),
        item: view.item.as_ref().map(|(row, text)| ItemName::of(row, text)),
        site,
        claim_id: claim_id.map(|id| id.to_text()),
        refundable_until: refundable_until.map(time),
        refunded,
        under_review,
    }
}

/// What a wallet got back: the creator's share and the fee.
fn returned(review: &ReviewEntry) -> Micros {
    let fee = match review.place {
        Place::Wallet { fee, .. } => fee,
        Place::Held { .. } | Place::Payable => Micros::ZERO,
    };
    review.amount.plus(fee).unwrap_or(Micros::MAX)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TopUpBody {
    /// The voucher's code; case, spaces and dashes do not matter.
    voucher: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct TopUpAnswer {
    amount: String,
    currency: String,
    entry: u64,
    repeat: bool,
}

/// Redeems a voucher into a wallet; the same again answers the same.
#[utoipa::path(post, path = "/v1/wallets/{root}/top-ups", params(("root" = String, Path)),
    request_body = TopUpBody, responses((status = 200, body = TopUpAnswer),
        (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn top_up(
    State(app): State<App>,
    Named(root): Named<PublicKey>,
    Body(body): Body<TopUpBody>,
) -> Result<Json<TopUpAnswer>, Problem> {
    let voucher: VoucherHash = crate::vouchers::hash(&body.voucher).ok_or_else(|| {
        Problem::field("voucher", "expected a code such as FARTH-7K3M-Q2XW-9TBD-4HJN")
    })?;
    match app.intake.ask(Command::TopUp { root, voucher }).await? {
        Answer::TopUp(Ok(done)) => Ok(Json(TopUpAnswer {
            amount: done.receipt.amount.to_decimal(),
            currency: app.config.currency.clone(),
            entry: done.receipt.entry.0,
            repeat: done.repeat,
        })),
        Answer::TopUp(Err(refusal)) => Err(refusal.problem()),
        _ => Err(Problem::new(Kind::Internal, "the ledger gave another answer")),
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterBody {
    /// 272 bytes as base64url.
    allowance: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct AllowanceBody {
    key: String,
    /// Not told to the spending key: frames on two sites would have it in common.
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<String>,
    creator: CreatorName,
    origin_hash: String,
    cap: String,
    spent: String,
    per_claim_max: String,
    currency: String,
    expires_at: String,
    serial: u64,
    grant: u64,
    /// Not told to the spending key either.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<u32>,
    revoked: bool,
    last_sequence: u64,
    balance: String,
    /// To the wallet: where its creator takes no more than so much a month.
    #[serde(skip_serializing_if = "Option::is_none")]
    month: Option<MonthBody>,
    /// To the wallet: what became of its newest payment, if that was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<RefusedBody>,
}

impl AllowanceBody {
    /// As the wallet is told it.
    fn of_wallet(
        reader: &Reader,
        row: KeyRow,
        sites: &mut Sites,
        now: UnixMillis,
    ) -> Result<Option<Self>, ReadError> {
        let (first, creator) = (row.first, row.creator);
        let refused = RefusedBody::read(reader, &row, sites)?;
        let Some(body) = Self::read(reader, row)? else { return Ok(None) };
        let body = Self { refused, ..body };
        let Some(creator) = reader.creator_by_ref(creator)? else { return Ok(Some(body)) };
        if !creator.ceiling.is_known() {
            return Ok(Some(body));
        }
        let paid = reader.key_by_ref(first)?.map(|first| first.in_month).unwrap_or_default();
        Ok(Some(Self { month: MonthBody::of(&creator, Some(paid), now), ..body }))
    }

    /// The allowance of a key row; none when its wallet or creator is gone, which never happens
    /// in a sound ledger.
    pub(super) fn read(reader: &Reader, row: KeyRow) -> Result<Option<Self>, ReadError> {
        let wallet = reader.wallet_by_ref(row.wallet)?;
        let profile = reader.profile(row.creator)?;
        let (Some(wallet), Some(profile)) = (wallet, profile) else { return Ok(None) };
        // A browser that was cut off hears no more of the wallet.
        let has_ended = wallet.has_ended(&row);
        let balance = if has_ended { Micros::ZERO } else { wallet.balance };
        Ok(Some(Self {
            key: row.public.to_text(),
            root: Some(wallet.root.to_text()),
            creator: CreatorName { id: profile.id.to_text(), name: profile.name },
            origin_hash: row.origin.to_text(),
            cap: row.cap.to_decimal(),
            spent: row.spent.to_decimal(),
            per_claim_max: row.per_claim_max.to_decimal(),
            currency: String::new(),
            expires_at: time(row.expires_at),
            serial: row.serial,
            grant: row.grant,
            device: Some(row.device),
            revoked: row.revoked || has_ended,
            last_sequence: row.last_sequence(),
            balance: balance.to_decimal(),
            month: None,
            refused: None,
        }))
    }

    /// As a spending key is told it.
    pub(super) fn for_a_frame(mut self) -> Self {
        self.root = None;
        self.device = None;
        self
    }

    pub(super) fn in_currency(mut self, currency: &str) -> Self {
        currency.clone_into(&mut self.currency);
        self
    }
}

/// The newest payment of a spending key, where that was refused: whoever asks "was I charged?" reads it on the wallet page
/// too, and not at the button alone. Older refusals are counted and not kept.
#[derive(Serialize, ToSchema)]
pub(super) struct RefusedBody {
    claim_id: String,
    outcome: &'static str,
    /// In English.
    message: &'static str,
    amount: String,
    /// What it would have bought, while that is known; a donation has none.
    item: Option<ItemName>,
    /// Whether it was a donation.
    donation: bool,
    /// The site that it came from, while its creator lists it.
    site: Option<String>,
    /// Until when it could have been charged; it came at most two minutes and the clocks' difference before that.
    expires_at: String,
}

impl RefusedBody {
    fn read(reader: &Reader, row: &KeyRow, sites: &mut Sites) -> Result<Option<Self>, ReadError> {
        // What asks for a click was nobody's payment yet.
        let told = |outcome: Outcome| !outcome.is_success() && outcome != Outcome::NeedsClick;
        let refused = row.last.as_ref().filter(|last| told(last.outcome));
        let Some((last, bytes)) = refused.and_then(|last| Some((last, last.signed.as_deref()?)))
        else {
            return Ok(None);
        };
        let Ok(signed) = SignedClaim::decode(bytes) else { return Ok(None) };
        let claim = signed.claim();
        // A donation's is none of anybody's.
        let item = reader.item(&claim.item)?.filter(|(item, _)| item.creator == row.creator);
        Ok(Some(Self {
            claim_id: last.claim.to_text(),
            outcome: last.outcome.name(),
            message: last.outcome.sentence(),
            amount: claim.amount.to_decimal(),
            item: item.map(|(row, text)| ItemName::of(&row, &text)),
            donation: claim.kind == ClaimKind::Donation,
            site: sites.find(reader, row.creator, bytes)?,
            expires_at: time(claim.expires_at),
        }))
    }
}

/// Puts an allowance in force; the same again answers the same.
#[utoipa::path(post, path = "/v1/allowances", request_body = RegisterBody,
    responses((status = 200, body = AllowanceBody), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn register_allowance(
    State(app): State<App>,
    Body(body): Body<RegisterBody>,
) -> Result<Json<AllowanceBody>, Problem> {
    let signed = SignedAllowance::decode(&binary("allowance", &body.allowance)?)
        .map_err(|why| Problem::field("allowance", why))?;
    let allowance = signed.verify().map_err(|_| {
        Problem::field("allowance", "its signature does not hold, or its key could never sign")
    })?;
    match app.intake.ask(Command::RegisterAllowance { allowance }).await? {
        Answer::Allowance(Ok(row)) => allowance_of(&app, row).await,
        Answer::Allowance(Err(refusal)) => Err(refusal.problem()),
        _ => Err(Problem::new(Kind::Internal, "the ledger gave another answer")),
    }
}

/// An allowance, for its spending key.
#[utoipa::path(get, path = "/v1/allowances/{key}", params(("key" = String, Path)),
    responses((status = 200, body = AllowanceBody), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn allowance(
    State(app): State<App>,
    Named(key): Named<PublicKey>,
    reading: Reading,
) -> Result<Json<AllowanceBody>, Problem> {
    own(key, reading)?;
    let row = app.read(move |reader| reader.key(&key)).await?;
    let row = row.ok_or_else(|| Problem::missing("allowance"))?;
    let Json(body) = allowance_of(&app, row).await?;
    Ok(Json(body.for_a_frame()))
}

async fn allowance_of(app: &App, row: KeyRow) -> Result<Json<AllowanceBody>, Problem> {
    let body = app.read(move |reader| AllowanceBody::read(reader, row)).await?;
    let body = body.ok_or_else(|| Problem::missing("allowance"))?;
    Ok(Json(body.in_currency(&app.config.currency)))
}
