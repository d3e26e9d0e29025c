//! Permissions: what a creator may be paid without a click, set by the wallet's root key.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Extension, State};
use farthing_rules::commit::PermissionRefusal;
use farthing_rules::permission::Unasked;
use farthing_rules::rows::{CreatorRow, KeyRow, PermissionRow, WalletRow};
use farthing_rules::{Answer, Command, CreatorRef};
use farthing_shared::time::day_after_month_of;
use farthing_shared::{ItemHash, Micros, PublicKey, SignedPermission, UnixMillis};
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::extract::{Body, Named, Reading, binary};
use super::network::Prefix;
use super::problem::{Kind, Problem};
use super::provider::CreatorName;
use super::text::{Clause, time};
use super::wallets::own;
use crate::store::sqlite::{ReadError, Reader};

/// A forged permission takes as much from its sender's bucket as so many requests.
const FORGED_COST: u32 = 20;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PermitBody {
    /// 192 bytes as base64url.
    permission: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct PermissionBody {
    creator: CreatorName,
    /// How many were set for this creator; the next one has one more.
    number: u64,
    /// Up to how much a calendar month of UTC the creator may be paid without a click; zero: not at all.
    per_month: String,
    /// What the wallet paid the creator for items in this month, clicked or not, less what was refunded; null where it made
    /// too many payments to add up, so that every payment is asked for.
    paid: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct PermissionsBody {
    permissions: Vec<PermissionBody>,
    /// When the next month of UTC begins.
    month_ends_at: String,
    currency: String,
    /// The verifier's clock: a permission has to be dated by it within two minutes.
    now: String,
}

impl PermissionsBody {
    fn of(app: &App, permissions: Vec<PermissionBody>, now: UnixMillis) -> Self {
        Self {
            permissions,
            month_ends_at: time(UnixMillis::of_day(day_after_month_of(now.day()))),
            currency: app.config.currency.clone(),
            now: time(now),
        }
    }
}

/// What is shown of a creator that may get, or has, a permission; `None` when it is gone.
fn read_one(
    reader: &Reader,
    (creator, row): (CreatorRef, Option<&PermissionRow>),
    wallet: &WalletRow,
    paid: Option<&HashMap<CreatorRef, Micros>>,
) -> Result<Option<PermissionBody>, ReadError> {
    let Some(profile) = reader.profile(creator)? else { return Ok(None) };
    let sum = |paid: &HashMap<CreatorRef, Micros>| paid.get(&creator).copied().unwrap_or_default();
    Ok(Some(PermissionBody {
        creator: CreatorName { id: profile.id.to_text(), name: profile.name },
        number: row.map_or(0, |row| row.signed.permission().number),
        per_month: row.map_or(Micros::ZERO, |row| row.most(wallet)).to_decimal(),
        paid: paid.map(|paid| sum(paid).to_decimal()),
    }))
}

/// Of all creators with a permission, and of those that may be paid from some browser: these can get one.
fn read_all(
    reader: &Reader,
    wallet: &WalletRow,
    now: UnixMillis,
) -> Result<Vec<PermissionBody>, ReadError> {
    let paid = reader.paid_by_creator(wallet, now)?;
    let rows = reader.permissions_of_wallet(wallet.wallet)?;
    let mut creators: BTreeMap<CreatorRef, Option<&PermissionRow>> = BTreeMap::new();
    for key in reader.keys_of_wallet(wallet.wallet)? {
        if wallet.has_in_force(&key) && key.cap > Micros::ZERO {
            creators.insert(key.creator, None);
        }
    }
    creators.extend(rows.iter().map(|row| (row.creator, Some(row))));
    let one = |of| read_one(reader, of, wallet, paid.as_ref());
    let bodies: Vec<_> = creators.into_iter().map(one).collect::<Result<_, ReadError>>()?;
    Ok(bodies.into_iter().flatten().collect())
}

/// What creators may be paid without a click, for the wallet's root key.
#[utoipa::path(get, path = "/v1/wallets/{root}/permissions", params(("root" = String, Path)),
    responses((status = 200, body = PermissionsBody), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    Named(root): Named<PublicKey>,
    reading: Reading,
) -> Result<Json<PermissionsBody>, Problem> {
    own(root, reading)?;
    let now = app.clock.now();
    let found = app
        .read(move |reader| {
            let Some(wallet) = reader.wallet(&root)? else { return Ok(None) };
            read_all(reader, &wallet, now).map(Some)
        })
        .await?;
    let permissions = found.ok_or_else(|| Problem::missing("wallet"))?;
    Ok(Json(PermissionsBody::of(&app, permissions, now)))
}

/// Sets what a creator may be paid without a click; the same again answers the same. It holds once it is answered.
#[utoipa::path(put, path = "/v1/wallets/{root}/permissions", params(("root" = String, Path)),
    request_body = PermitBody, responses((status = 200, body = PermissionsBody),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn set(
    State(app): State<App>,
    Extension(prefix): Extension<Prefix>,
    Named(root): Named<PublicKey>,
    Body(body): Body<PermitBody>,
) -> Result<Json<PermissionsBody>, Problem> {
    let signed = SignedPermission::decode(&binary("permission", &body.permission)?)
        .map_err(|why| Problem::field("permission", why))?;
    if signed.permission().root != root {
        return Err(Problem::field("permission", "it is of another wallet"));
    }
    let permission = signed.verify().map_err(|_| {
        app.buckets.charge(prefix, FORGED_COST);
        Problem::field("permission", "its signature does not hold")
    })?;
    let row = match app.intake.ask(Command::SetPermission { permission }).await? {
        Answer::Permission(answer) => answer.map_err(PermissionRefusal::problem)?,
        _ => return Err(Problem::new(Kind::Internal, "the ledger gave another answer")),
    };
    let now = app.clock.now();
    let body = app
        .read(move |reader| match reader.wallet(&root)? {
            Some(wallet) => {
                let paid = reader.paid_by_creator(&wallet, now)?;
                read_one(reader, (row.creator, Some(&row)), &wallet, paid.as_ref())
            }
            None => Ok(None),
        })
        .await?;
    Ok(Json(PermissionsBody::of(&app, body.into_iter().collect(), now)))
}

/// Whether a key may pay so much for an item now without a click: what the ledger would decide of a claim that comes at
/// once. It decides anew when the claim comes.
pub(super) fn covers(
    app: &App,
    reader: &Reader,
    (wallet, key, creator): (&WalletRow, &KeyRow, &CreatorRow),
    (item, due): (&ItemHash, Micros),
    now: UnixMillis,
) -> Result<bool, ReadError> {
    let permission = reader.permission(wallet.wallet, creator.creator)?;
    // Most wallets have none, and then nothing is added up.
    let most = permission.as_ref().map_or(Micros::ZERO, |row| row.most(wallet));
    if key.creator != creator.creator || due == Micros::ZERO || due > most {
        return Ok(false);
    }
    let refunds = reader.recent_refunds(wallet)?;
    let mut counted = key.clone();
    counted.count_within_minute(now);
    let unasked = Unasked {
        wallet,
        key: &counted,
        creator,
        permission: permission.as_ref(),
        paid: reader.paid_before(wallet, creator.creator, now)?.paid,
        refunds: &refunds,
        given_back: reader.was_given_back(wallet.wallet, *item)?,
    };
    Ok(unasked.may_pay(&app.policy, due, now))
}
