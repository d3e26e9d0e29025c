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
    // The row may stand at a later day than the newest payment: nothing was paid since.
    let by_entries = rebuilt.spent.get(&row.wallet).copied().unwrap_or_default();
    let day = UnixMillis::of_day(budget.spent.day.max(by_entries.day));
    report.compare(|| name() + ": what was paid of it", &budget.spent.at(day), &by_entries.at(day));
    let Some(signed) = signed.and_then(|bytes| SignedBudget::decode(bytes).ok()) else {
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
