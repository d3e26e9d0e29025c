//! Budgets: what a wallet's holder lets it pay at most.

use farthing_shared::SignedBudget;

use super::working::Working;
use crate::budget::{BudgetRow, Spent};
use crate::commit::BudgetRefusal;
use crate::policy::Policy;

/// Puts a budget in force, or says why not. It holds for every claim decided after it.
pub(super) fn set(
    policy: &Policy,
    working: &mut Working,
    signed: &SignedBudget,
) -> Result<BudgetRow, BudgetRefusal> {
    let fields = signed.budget();
    if fields.verifier != policy.verifier {
        return Err(BudgetRefusal::WrongVerifier);
    }
    if fields.currency != policy.currency {
        return Err(BudgetRefusal::WrongCurrency);
    }
    let wallet = working.context.wallet_refs.get(&fields.root);
    let row = wallet.and_then(|wallet| working.context.wallets.get(wallet));
    let row = *row.ok_or(BudgetRefusal::UnknownWallet)?;
    let number = row.budget.map_or(0, |budget| budget.number);
    if let Some(budget) = row.budget.filter(|budget| budget.number == fields.number) {
        // The same again, whose answer may have been lost.
        let terms = (budget.per_day, budget.per_month, budget.paused);
        let same = terms == (fields.per_day, fields.per_month, fields.paused);
        return if same { Ok(budget) } else { Err(BudgetRefusal::Superseded) };
    }
    if number.checked_add(1) != Some(fields.number) {
        return Err(BudgetRefusal::Superseded);
    }
    let now = working.now;
    if !fields.is_live(now) {
        return Err(BudgetRefusal::Expired);
    }
    // After this point it is set.
    let counted = working.context.spent.get(&row.wallet).copied();
    let spent = row.budget.map_or_else(|| counted.unwrap_or(Spent::of(now, [])), |b| b.spent);
    let budget = BudgetRow {
        number: fields.number,
        per_day: fields.per_day,
        per_month: fields.per_month,
        paused: fields.paused,
        spent,
    };
    if let Some(row) = working.context.wallets.get_mut(&row.wallet) {
        row.budget = Some(budget);
    }
    working.keep_budget(row.wallet, signed);
    Ok(budget)
}
