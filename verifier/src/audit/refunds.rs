//! Refunds in an audit: each gives back exactly what one claim had moved, once, within its window, because
//! its payer signed for it.

use farthing_rules::EntryNumber;
use farthing_rules::rows::{ClaimEntry, Entry, EntryBody, RefundEntry};
use farthing_shared::{ItemHash, Micros, RefundOutcome, SignedClaim, SignedRefund, UnixMillis};

use super::{Rebuilt, Report, follow_wallet, rotations};
use crate::store::Snapshot;

pub(super) fn take(
    all: &Snapshot,
    entry: &Entry,
    refund: &RefundEntry,
    rebuilt: &mut Rebuilt,
    report: &mut Report,
) {
    let name = || format!("entry {}", entry.number.0);
    follow_wallet(entry, refund.wallet, refund.previous_of_wallet, rebuilt, report);
    let last = rebuilt.last_refund_of_wallet.insert(refund.wallet, entry.number);
    report.compare(
        || name() + ": previous refund of its wallet",
        &refund.previous_refund_of_wallet,
        &last.unwrap_or_default(),
    );
    let last = rebuilt.last_refund_of_creator.insert(refund.creator, entry.number);
    report.compare(
        || name() + ": previous refund of its creator",
        &refund.previous_of_creator,
        &last.unwrap_or_default(),
    );
    let taken = refund.taken().unwrap_or(Micros::ZERO);
    let free = rebuilt.free_of_wallet.entry(refund.wallet).or_default();
    *free = free.plus(refund.free).unwrap_or(Micros::MAX);
    let (number, total) = rebuilt.refunds.entry(refund.creator).or_default();
    *number = number.saturating_add(1);
    report.compare(|| name() + ": running number", &refund.creator_number, number);
    *total = total.plus(taken).unwrap_or(Micros::MAX);
    report.compare(|| name() + ": running total", &refund.creator_total, total);
    let hold = rebuilt.holds.entry((refund.creator, refund.release_minute)).or_default();
    *hold = hold.saturating_sub(taken.signed());
    if *hold < 0 {
        report.differs(format!("{}: it takes more than is held", name()));
    }
    for day in [0, entry.at.day()] {
        let sum = rebuilt.refund_tallies.entry((day, refund.creator, refund.item)).or_default();
        *sum = (sum.0.saturating_add(1), sum.1.saturating_add(taken.get()));
    }
    if rebuilt
        .claim_holds
        .get(&refund.claim)
        .is_some_and(|hold| hold.settled.0 == 0 || hold.returned)
    {
        report.differs(format!("{}: its claim was under review or given back", name()));
    }
    let Some((paid_at, claim)) = claim(all, refund.claim) else {
        report.differs(format!("{}: entry {} is no claim", name(), refund.claim.0));
        return;
    };
    super::budgets::take_refund(entry, refund, paid_at, rebuilt);
    super::ceilings::take_refund(refund, paid_at, rebuilt);
    let copy =
        (refund.wallet, refund.creator, refund.item, (refund.amount, refund.free, refund.fee));
    let paid = (claim.wallet, claim.creator, claim.item, (claim.amount, claim.free, claim.fee));
    report.compare(|| name() + ": what its claim had moved", &copy, &paid);
    report.compare(
        || name() + ": the bucket of its claim",
        &refund.release_minute,
        &claim.release_minute,
    );
    if entry.at.minute() >= claim.release_minute {
        report.differs(format!("{}: its window was over", name()));
    }
    check_signed(all, entry, (refund, claim), rebuilt, report);
}

fn claim(all: &Snapshot, number: EntryNumber) -> Option<(UnixMillis, &ClaimEntry)> {
    let at = all.entries.binary_search_by_key(&number, |entry| entry.number).ok()?;
    let entry = all.entries.get(at)?;
    match &entry.body {
        EntryBody::Claim(claim) => Some((entry.at, claim)),
        _ => None,
    }
}

/// The payer's request names this claim, under a key that may ask, and was granted once.
fn check_signed(
    all: &Snapshot,
    entry: &Entry,
    (refund, claim): (&RefundEntry, &ClaimEntry),
    rebuilt: &mut Rebuilt,
    report: &mut Report,
) {
    let name = format!("entry {}", entry.number.0);
    let request = SignedRefund::decode(&refund.signed);
    let paid = SignedClaim::decode(&claim.signed);
    let (Ok(request), Ok(paid)) = (request, paid) else {
        report.differs(format!("{name}: its signed request cannot be read"));
        return;
    };
    let fields = *request.refund();
    report.compare(|| name.clone() + ": claim", &fields.claim, &paid.id());
    report.compare(|| name.clone() + ": entry of its claim", &fields.entry, &refund.claim.0);
    report.compare(|| name.clone() + ": verifier", &fields.verifier, &paid.claim().verifier);
    let is_root = rotations::had_root(all, claim.wallet, &fields.signer, Some(entry.at));
    let spending = || {
        all.keys.values().any(|key| {
            key.public == fields.signer
                && key.wallet == claim.wallet
                && key.creator == claim.creator
        })
    };
    if !is_root && !spending() {
        report.differs(format!("{name}: its request is signed by a stranger"));
    }
    let granted = (entry.number, request.id(), fields.asked_at);
    if rebuilt.refunded.insert(refund.claim, granted).is_some() {
        report.differs(format!("{name}: its claim was refunded before"));
    }
    let item = paid.claim().item;
    if item != ItemHash::NONE {
        rebuilt.owned.remove(&(claim.wallet, item, refund.claim.0));
    }
    report.signatures = report.signatures.saturating_add(1);
    if request.verify().is_err() {
        report.differs(format!("{name}: the signature of its request does not hold"));
    }
}

pub(super) fn compare(all: &Snapshot, rebuilt: &Rebuilt, report: &mut Report) {
    for (claim, (entry, request, asked_at)) in &rebuilt.refunded {
        let stored = all.refunds.get(claim).map(|row| {
            (row.outcome, row.receipt.map(|receipt| receipt.entry), row.request, row.asked_at)
        });
        let expected = Some((RefundOutcome::Refunded, Some(*entry), *request, *asked_at));
        report.compare(|| format!("refund of entry {}", claim.0), &stored, &expected);
    }
    for (number, row) in &all.refunds {
        if claim(all, *number).is_none() {
            report.differs(format!("an answer stands for a refund of entry {}", number.0));
        }
        let granted = row.outcome.is_success() || row.receipt.is_some();
        if granted && !rebuilt.refunded.contains_key(number) {
            report.differs(format!("entry {} is marked as refunded and no entry did it", number.0));
        }
    }
    for name in all.refund_tallies.keys().chain(rebuilt.refund_tallies.keys()) {
        let label =
            || format!("refunds of day {}, creator {}, item {}", name.0, name.1.0, name.2.0);
        let stored = all.refund_tallies.get(name).map(|(count, sum)| (*count, sum.get()));
        report.compare(label, &stored, &rebuilt.refund_tallies.get(name).copied());
    }
}
