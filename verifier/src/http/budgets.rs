//! Budgets: what a wallet may pay at most, set by its root key.

use axum::Json;
use axum::extract::{Extension, State};
use farthing_rules::commit::BudgetRefusal;
use farthing_rules::rows::{BudgetRow, Spent, WalletRow};
use farthing_rules::{Answer, ClaimAnswer, Command};
use farthing_shared::time::day_after_month_of;
use farthing_shared::{Micros, Outcome, PublicKey, Retry, SignedBudget, UnixMillis};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::extract::{Body, Named, Reading, binary};
use super::network::Prefix;
use super::problem::{Kind, Problem};
use super::text::{Clause, time};
use super::wallets::own;

/// A forged budget takes as much from its sender's bucket as so many requests.
const FORGED_COST: u32 = 20;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetBody {
    /// 184 bytes as base64url.
    budget: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct BudgetBody {
    /// How many were set; the next one has one more.
    number: u64,
    /// Most within one UTC day; null where there is no such limit.
    per_day: Option<String>,
    /// Most within one calendar month of UTC; null where there is no such limit.
    per_month: Option<String>,
    /// Whether nothing may be paid.
    paused: bool,
    /// Paid within this UTC day, less what of it was refunded.
    spent_in_day: String,
    /// Paid within this month of UTC, less what of it was refunded.
    spent_in_month: String,
    /// What can still be paid now; null where nothing limits it but the balance.
    left: Option<String>,
    /// When the next UTC day begins.
    day_ends_at: String,
    /// When the next month of UTC begins.
    month_ends_at: String,
    currency: String,
    /// The verifier's clock: a budget has to be dated by it within two minutes.
    now: String,
}

impl BudgetBody {
    fn of(app: &App, budget: Option<BudgetRow>, spent: Spent, now: UnixMillis) -> Self {
        let spent = spent.at(now);
        let limit = |limit: Option<Micros>| limit.map(Micros::to_decimal);
        let begins = |day| time(UnixMillis::of_day(day));
        Self {
            number: budget.map_or(0, |budget| budget.number),
            per_day: limit(budget.and_then(|budget| budget.per_day)),
            per_month: limit(budget.and_then(|budget| budget.per_month)),
            paused: budget.is_some_and(|budget| budget.paused),
            spent_in_day: spent.in_day.to_decimal(),
            spent_in_month: spent.in_month.to_decimal(),
            left: limit(budget.and_then(|budget| budget.left(now))),
            day_ends_at: begins(spent.day.saturating_add(1)),
            month_ends_at: begins(day_after_month_of(spent.day)),
            currency: app.config.currency.clone(),
            now: time(now),
        }
    }
}

/// What a wallet may pay at most and has paid, for its root key.
#[utoipa::path(get, path = "/v1/wallets/{root}/budget", params(("root" = String, Path)),
    responses((status = 200, body = BudgetBody), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    Named(root): Named<PublicKey>,
    reading: Reading,
) -> Result<Json<BudgetBody>, Problem> {
    own(root, reading)?;
    let now = app.clock.now();
    let found = app
        .read(move |reader| {
            let Some(wallet) = reader.wallet(&root)? else { return Ok(None) };
            let spent = match wallet.budget {
                Some(budget) => budget.spent,
                None => reader.spent_of_wallet(&wallet, now)?,
            };
            Ok(Some((wallet, spent)))
        })
        .await?;
    let (wallet, spent): (WalletRow, Spent) = found.ok_or_else(|| Problem::missing("wallet"))?;
    Ok(Json(BudgetBody::of(&app, wallet.budget, spent, now)))
}

/// Sets what a wallet may pay at most; the same again answers the same. It holds once it is answered.
#[utoipa::path(put, path = "/v1/wallets/{root}/budget", params(("root" = String, Path)),
    request_body = SetBody, responses((status = 200, body = BudgetBody),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn set(
    State(app): State<App>,
    Extension(prefix): Extension<Prefix>,
    Named(root): Named<PublicKey>,
    Body(body): Body<SetBody>,
) -> Result<Json<BudgetBody>, Problem> {
    let signed = SignedBudget::decode(&binary("budget", &body.budget)?)
        .map_err(|why| Problem::field("budget", why))?;
    if signed.budget().root != root {
        return Err(Problem::field("budget", "it is of another wallet"));
    }
    let budget = signed.verify().map_err(|_| {
        app.buckets.charge(prefix, FORGED_COST);
        Problem::field("budget", "its signature does not hold")
    })?;
    refuse_early(&app, &budget).await?;
    match app.intake.ask(Command::SetBudget { budget }).await? {
        Answer::Budget(Ok(row)) => {
            Ok(Json(BudgetBody::of(&app, Some(row), row.spent, app.clock.now())))
        }
        Answer::Budget(Err(refusal)) => Err(refusal.problem()),
        _ => Err(Problem::new(Kind::Internal, "the ledger gave another answer")),
    }
}

/// A first budget makes the ledger count a month of payments, so one that it would refuse does not reach it.
async fn refuse_early(app: &App, signed: &SignedBudget) -> Result<(), Problem> {
    let fields = *signed.budget();
    if fields.verifier != app.policy.verifier {
        return Err(BudgetRefusal::WrongVerifier.problem());
    }
    if fields.currency != app.policy.currency {
        return Err(BudgetRefusal::WrongCurrency.problem());
    }
    if fields.number != 1 || fields.is_live(app.clock.now()) {
        return Ok(());
    }
    // The same again, whose answer was lost, may come late.
    let row = app.read(move |reader| reader.wallet(&fields.root)).await?;
    let has_one = row.is_some_and(|wallet| wallet.budget.is_some());
    if has_one { Ok(()) } else { Err(BudgetRefusal::Expired.problem()) }
}

/// Of a claim that a budget refused: what could still be paid now.
pub(super) async fn left(
    app: &App,
    key: PublicKey,
    answer: &ClaimAnswer,
) -> Result<Option<Micros>, Problem> {
    if answer.outcome.retry() != Retry::AfterBudget
        || matches!(answer.outcome, Outcome::PaymentsPaused | Outcome::NeedsClick)
    {
        return Ok(None);
    }
    let now = app.clock.now();
    let wallet = app
        .read(move |reader| match reader.key(&key)? {
            Some(row) => reader.wallet_by_ref(row.wallet),
            None => Ok(None),
        })
        .await?;
    Ok(wallet.and_then(|wallet| wallet.budget).and_then(|budget| budget.left(now)))
}
