//! Ceilings in an audit: what each wallet paid a creator within a month is what its entries say, and no more than
//! the creator takes.

use std::collections::HashMap;

use farthing_rules::rows::{ClaimEntry, Entry, InMonth, KeyRow, RefundEntry};
use farthing_rules::{CreatorRef, ItemRef, KeyRef, WalletRef};
use farthing_shared::UnixMillis;

use super::{Rebuilt, Report};
use crate::store::Snapshot;

/// What a wallet paid a creator by the entries, up to the month that the ledger counted last.
#[derive(Debug, Default)]
pub(super) struct Counted {
    first: KeyRef,
    /// 0 where nothing was ever counted.
    month: u32,
    sum: InMonth,
}

/// Wallets and creators between whom there is a key.
pub(super) fn to_count(all: &Snapshot) -> HashMap<(WalletRef, CreatorRef), Counted> {
    let mut counted: HashMap<_, Counted> = HashMap::new();
    // In the order of their numbers, so that the first one comes first.
    for (key, row) in &all.keys {
        let new = Counted { first: *key, month: row.in_month.month, ..Counted::default() };
        counted.entry((row.wallet, row.creator)).or_insert(new);
    }
    counted
}

pub(super) fn take_claim(entry: &Entry, claim: &ClaimEntry, rebuilt: &mut Rebuilt) {
    let counted = rebuilt.in_month.get_mut(&(claim.wallet, claim.creator));
    let Some(counted) = counted.filter(|_| claim.item != ItemRef(0)) else { return };
    // What was paid since is not counted: the creator has no ceiling any more.
    if InMonth::default().at(entry.at).month <= counted.month {
        counted.sum = counted.sum.and(entry.at, claim.amount);
    }
}

pub(super) fn take_refund(refund: &RefundEntry, paid_at: UnixMillis, rebuilt: &mut Rebuilt) {
    let counted = rebuilt.in_month.get_mut(&(refund.wallet, refund.creator));
    if let Some(counted) = counted.filter(|_| refund.item != ItemRef(0)) {
        counted.sum = counted.sum.refunded(paid_at, refund.amount);
    }
}

pub(super) fn compare(all: &Snapshot, row: &KeyRow, rebuilt: &Rebuilt, report: &mut Report) {
    let name = || format!("spending key {}", row.key.0);
    let Some(counted) = rebuilt.in_month.get(&(row.wallet, row.creator)) else { return };
    report.compare(|| name() + " first key", &row.first, &counted.first);
    let is_first = row.key == counted.first && counted.month != 0;
    let sum = if is_first { counted.sum } else { InMonth::default() };
    report.compare(|| name() + " paid in a month", &row.in_month, &sum);
    let ceiling = all.creators.get(&row.creator).map(|row| row.ceiling).unwrap_or_default();
    let most = match row.in_month.month.cmp(&ceiling.from) {
        // Which one was in force then is not kept.
        std::cmp::Ordering::Less => None,
        // A clock that was set back may have brought the one before back for a while.
        std::cmp::Ordering::Equal => {
            ceiling.most.map(|most| most.max(ceiling.before.unwrap_or(most)))
        }
        std::cmp::Ordering::Greater => ceiling.most,
    };
    if most.is_some_and(|most| row.in_month.paid > most) {
        report
            .differs(format!("{}: its wallet paid more than the creator takes in a month", name()));
    }
}
