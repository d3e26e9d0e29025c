//! The audit's part for findings: what they hold follows from the entries, what they say from their
//! hash, how they and the wallets stand from the trail.

use std::collections::BTreeMap;

use farthing_rules::findings::{
    Act, ClaimHold, FindingRef, FindingRow, FindingState, Place, Seen, Standing, SubjectKind,
};
use farthing_rules::rows::{ClaimEntry, Entry, EntryBody, ReviewEntry};
use farthing_rules::{Account, EntryNumber, FindingId, WalletRef};
use farthing_shared::Micros;

use super::{Rebuilt, Report, balance, follow_wallet};
use crate::findings::identity;
use crate::store::Snapshot;

fn claim_of(all: &Snapshot, number: EntryNumber) -> Option<&ClaimEntry> {
    let at = all.entries.binary_search_by_key(&number, |entry| entry.number).ok()?;
    match &all.entries.get(at)?.body {
        EntryBody::Claim(claim) => Some(claim),
        _ => None,
    }
}

fn finding_of(all: &Snapshot, id: FindingId) -> Option<&FindingRow> {
    all.findings.values().find(|row| row.said.id == id)
}

/// The finding and the claim that a hold or its lift is about, if both are there and fit.
fn about<'a>(
    all: &'a Snapshot,
    entry: &Entry,
    review: &ReviewEntry,
    report: &mut Report,
) -> Option<(&'a FindingRow, &'a ClaimEntry)> {
    let number = entry.number.0;
    let Some(finding) = finding_of(all, review.finding) else {
        report.differs(format!("entry {number}: there is no finding that says what it names"));
        return None;
    };
    let claim = claim_of(all, review.claim).filter(|_| review.claim < entry.number);
    let Some(claim) = claim else {
        report.differs(format!("entry {number}: entry {} before it is no claim", review.claim.0));
        return None;
    };
    let said = &finding.said;
    let fits = said.accuse
        && said.subject.kind == SubjectKind::Wallet
        && said.subject.number == claim.wallet.0
        && said.creator == claim.creator
        && review.creator == claim.creator;
    if !fits {
        report.differs(format!(
            "entry {number}: finding {} is not about the claim of entry {}",
            finding.finding.0, review.claim.0
        ));
    }
    Some((finding, claim))
}

pub(super) fn take_hold(
    all: &Snapshot,
    entry: &Entry,
    review: &ReviewEntry,
    rebuilt: &mut Rebuilt,
    report: &mut Report,
) {
    let number = entry.number.0;
    let Some((finding, claim)) = about(all, entry, review, report) else { return };
    if claim.credited().is_none_or(|credited| review.amount > credited) {
        report.differs(format!("entry {number}: it holds more than its claim credited"));
    }
    take_place(entry, review, claim, rebuilt, report);
    let held = ClaimHold {
        claim: review.claim,
        finding: finding.finding,
        creator: claim.creator,
        wallet: claim.wallet,
        amount: review.amount,
        settled: EntryNumber(0),
        returned: false,
    };
    if rebuilt.refunded.contains_key(&review.claim) {
        report.differs(format!("entry {number}: its claim was refunded before"));
    }
    if rebuilt.claim_holds.insert(review.claim, held).is_some() {
        report.differs(format!("entry {number}: its claim was held before"));
    }
}

pub(super) fn take_lift(
    all: &Snapshot,
    entry: &Entry,
    review: &ReviewEntry,
    rebuilt: &mut Rebuilt,
    report: &mut Report,
) {
    let number = entry.number.0;
    let Some((finding, claim)) = about(all, entry, review, report) else { return };
    let expected = match review.place {
        Place::Wallet { .. } => FindingState::Upheld,
        Place::Held { .. } | Place::Payable => FindingState::Lifted,
    };
    report.compare(
        || format!("entry {number}: state of finding {}", finding.finding.0),
        &finding.state,
        &expected,
    );
    if let Place::Wallet { wallet, fee, previous_of_wallet } = review.place {
        report.compare(|| format!("entry {number}: wallet"), &wallet, &claim.wallet);
        let fees = [Micros::ZERO, claim.fee];
        if !fees.contains(&fee) {
            report.differs(format!("entry {number}: it gives another fee back"));
        }
        follow_wallet(entry, wallet, previous_of_wallet, rebuilt, report);
    }
    take_place(entry, review, claim, rebuilt, report);
    match rebuilt.claim_holds.get_mut(&review.claim) {
        Some(held) if held.settled.0 == 0 && held.finding == finding.finding => {
            report.compare(|| format!("entry {number}: amount"), &review.amount, &held.amount);
            held.settled = entry.number;
            held.returned = matches!(review.place, Place::Wallet { .. });
        }
        _ => report.differs(format!("entry {number}: its claim is not held by its finding")),
    }
}

/// What comes out of a bucket within its refund window, or goes back into it.
fn take_place(
    entry: &Entry,
    review: &ReviewEntry,
    claim: &ClaimEntry,
    rebuilt: &mut Rebuilt,
    report: &mut Report,
) {
    let Place::Held { release_minute } = review.place else { return };
    let name = || format!("entry {}: release minute", entry.number.0);
    report.compare(name, &release_minute, &claim.release_minute);
    let bucket = rebuilt.holds.entry((review.creator, release_minute)).or_default();
    let micros = review.amount.signed();
    *bucket = match entry.body {
        EntryBody::Hold(_) => bucket.saturating_sub(micros),
        _ => bucket.saturating_add(micros),
    };
}

/// The free credit that a claim spent is what its wallet had, as far as it went.
pub(super) fn take_free(
    entry: &Entry,
    claim: &ClaimEntry,
    rebuilt: &mut Rebuilt,
    report: &mut Report,
) {
    let free = rebuilt.free_of_wallet.entry(claim.wallet).or_default();
    let spent = claim.amount.min(*free);
    *free = free.minus(spent).unwrap_or_default();
    report.compare(|| format!("entry {}: free credit", entry.number.0), &claim.free, &spent);
    let sum = rebuilt.free_of_creator.entry(claim.creator).or_default();
    *sum = sum.plus(claim.free).unwrap_or(Micros::MAX);
}

pub(super) fn compare(all: &Snapshot, rebuilt: &Rebuilt, report: &mut Report) {
    for (number, row) in &all.creators {
        let name = || format!("creator {}", row.id);
        let review = balance(rebuilt, Account::CreatorReview(*number));
        report.compare(|| name() + " under review (micros)", &row.review.signed(), &review);
        let free = rebuilt.free_of_creator.get(number).copied().unwrap_or_default();
        report.compare(|| name() + " paid with free credit", &row.free, &free);
    }
    for (number, row) in &all.wallets {
        let name = || format!("wallet {}", number.0);
        let free = rebuilt.free_of_wallet.get(number).copied().unwrap_or_default();
        report.compare(|| name() + " free credit", &row.free, &free);
    }
    report.compare(|| "claims under review".into(), &all.claim_holds, &rebuilt.claim_holds);
    compare_trail(all, report);
    for row in all.findings.values() {
        compare_finding(row, rebuilt, report);
    }
    compare_observations(all, report);
}

fn compare_finding(row: &FindingRow, rebuilt: &Rebuilt, report: &mut Report) {
    let name = || format!("finding {}", row.finding.0);
    if identity(&row.said) != row.said.id {
        report.differs(name() + ": it does not say what it said when it was made");
    }
    if row.said.entries.iter().any(|entry| *entry > row.said.horizon) {
        report.differs(name() + ": it rests on an entry that did not exist then");
    }
    let mine = || rebuilt.claim_holds.values().filter(|held| held.finding == row.finding);
    let open = || mine().filter(|held| held.settled.0 == 0);
    let sum = open().try_fold(Micros::ZERO, |sum, held| sum.plus(held.amount));
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    report.compare(|| name() + " held", &Some(row.held), &sum);
    report.compare(|| name() + " claims held", &row.held_claims, &count(open().count()));
    report.compare(|| name() + " claims ever held", &row.ever_held, &count(mine().count()));
}

/// States and standings follow from the trail, which has no gap.
fn compare_trail(all: &Snapshot, report: &mut Report) {
    let mut states: BTreeMap<FindingRef, FindingState> = BTreeMap::new();
    let mut standings: BTreeMap<WalletRef, Standing> = BTreeMap::new();
    for (expected, line) in (1..).zip(&all.decisions) {
        report.compare(|| format!("line {expected} of the trail"), &line.number, &expected);
        let is_about_finding = matches!(line.act, Act::Uphold | Act::Lift | Act::Answer);
        if (line.finding.0 != 0) != is_about_finding || (line.wallet.0 == 0) != is_about_finding {
            report.differs(format!("line {expected} of the trail is about something else"));
        }
        let state = states.entry(line.finding).or_insert(FindingState::Open);
        match line.act {
            Act::Uphold => *state = FindingState::Upheld,
            Act::Lift => *state = FindingState::Lifted,
            Act::Answer if state.is_undecided() => *state = FindingState::Appealed,
            Act::Answer => {}
            Act::Slow => {
                standings.insert(line.wallet, Standing::Slowed);
            }
            Act::Freeze => {
                standings.insert(line.wallet, Standing::Frozen);
            }
            Act::Thaw => {
                standings.insert(line.wallet, Standing::Free);
            }
        }
    }
    let next = all.decisions.len().saturating_add(1);
    let next = u64::try_from(next).unwrap_or(u64::MAX);
    report.compare(|| "the next line of the trail".into(), &all.counters.decision, &next);
    for row in all.findings.values() {
        let state = states.get(&row.finding).copied().unwrap_or(FindingState::Open);
        report.compare(|| format!("finding {} state", row.finding.0), &row.state, &state);
    }
    for (number, row) in &all.wallets {
        let standing = standings.get(number).copied().unwrap_or(Standing::Free);
        report.compare(|| format!("wallet {} standing", number.0), &row.standing, &standing);
    }
    let highest = all.findings.keys().next_back().map_or(0, |finding| finding.0);
    let next = highest.saturating_add(1);
    report.compare(|| "the next finding".into(), &all.counters.finding, &next);
}

fn compare_observations(all: &Snapshot, report: &mut Report) {
    let mut after = EntryNumber(0);
    for (expected, row) in (1..).zip(&all.observations) {
        report.compare(|| format!("observation {expected}"), &row.number, &expected);
        if row.after < after || row.after.0 >= all.counters.entry {
            report.differs(format!("observation {expected} is out of order"));
        }
        after = row.after;
        if row.seen == Seen::Opened {
            let opened = all.wallets.get(&row.wallet).map(|wallet| wallet.opened_at);
            report.compare(
                || format!("observation {expected}: opening of wallet {}", row.wallet.0),
                &opened,
                &Some(row.at),
            );
        }
    }
    let next = u64::try_from(all.observations.len().saturating_add(1)).unwrap_or(u64::MAX);
    report.compare(|| "the next observation".into(), &all.counters.observation, &next);
}
