//! Budgets in an audit: each is what its wallet's root key signed, and what was paid of it is what the
//! wallet's entries say.

use farthing_rules::rows::{ClaimEntry, Entry, RefundEntry, WalletRow};
use farthing_shared::{Budget, SignedBudget, UnixMillis};

use super::{Rebuilt, Report, rotations};
use crate::store::Snapshot;

pub(super) fn take_claim(entry: &Entry, claim: &ClaimEntry, rebuilt: &mut Rebuilt) {
    let spent = rebuilt.spent.entry(claim.wallet).or_default();
    *spent = spent.paid(entry.at, claim.amount);
}

pub(super) fn take_refund(
    entry: &Entry,
    refund: &RefundEntry,
    paid_at: UnixMillis,
    rebuilt: &mut Rebuilt,
) {
    let spent = rebuilt.spent.entry(refund.wallet).or_default();
    *spent = spent.refunded(entry.at, paid_at, refund.amount);
}

pub(super) fn compare(all: &Snapshot, row: &WalletRow, rebuilt: &Rebuilt, report: &mut Report) {
    let name = || format!("wallet {} budget", row.wallet.0);
    let signed = all.budgets.get(&row.wallet);
    let Some(budget) = row.budget else {
        report.compare(name, &None, &signed.map(|_| "a signed one"));
        return;
    };
    let signed = signed.and_then(|bytes| SignedBudget::decode(bytes).ok());
    let by_entries = rebuilt.spent.get(&row.wallet).copied().unwrap_or_default();
    // What is paid counts for the newest day that the row has seen, which may be the one on which the budget was set. Where the
    // clock was set back over a midnight, the entries do not tell which payments that were; within a month they tell their sum.
    let set_on = signed.as_ref().map_or(0, |signed| signed.budget().set_at.day());
    let forwards = !rebuilt.set_back && set_on <= rebuilt.newest_day;
    if forwards && budget.spent.day >= by_entries.day {
        // The row may stand at a later day than the newest payment: nothing was paid since.
        let by_entries = by_entries.at(UnixMillis::of_day(budget.spent.day));
        report.compare(|| name() + ": what was paid of it", &budget.spent, &by_entries);
    } else if budget.spent.month() == by_entries.month() {
        let (stored, by_entries) = (budget.spent.in_month, by_entries.in_month);
        report.compare(|| name() + ": what was paid of it in its month", &stored, &by_entries);
    }
    let Some(signed) = signed else {
        report.differs(format!("{}: it was not signed, or cannot be read", name()));
        return;
    };
    let terms = *signed.budget();
    if !rotations::had_root(all, row.wallet, &terms.root, None) {
        report.differs(format!("{}: another wallet's root key signed it", name()));
    }
    if signed.verify().is_err() {
        report.differs(format!("{}: its signature does not hold", name()));
    }
    let said = Budget {
        number: budget.number,
        per_day: budget.per_day,
        per_month: budget.per_month,
        paused: budget.paused,
        ..terms
    };
    report.compare(|| name() + " terms", &said, &terms);
}
