//! Several statements of one creator, such as one a month: that they are of one log, and that what they hold
//! joins without a gap, whatever they hold twice being the same.
//!
//! The browser takes statements in turn, each made for the log that the one before proved (`account.rs`).
//! Files that were kept come in any order and may overlap, so here their rows are laid together.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::account::{Before, End, Refunded, SoFar, Used};
use crate::amount::{Currency, Micros};
use crate::checkpoint::Checkpoint;
use crate::ids::{CreatorId, PublicKey, VerifierId};
use crate::leaf::{ClaimLeaf, RefundLeaf};
use crate::lie::BadStatement;
use crate::merkle::{Hash, empty_root};
use crate::statement::{Opened, Verdict};

/// A statement that was checked by itself, its signatures included.
#[derive(Debug, Clone)]
pub struct Part {
    /// What it proves.
    pub verdict: Verdict,
    verifier: VerifierId,
    /// Size and root of the earlier log that it was proven to go on from.
    since: Option<(u64, Hash)>,
    payments: Vec<Payment>,
    refunds: Vec<(u64, RefundLeaf)>,
}

/// Of a payment what must join: 88 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Payment {
    number: u64,
    entry: u64,
    paid: Micros,
    credited: Micros,
    total: Micros,
    /// The key that signed it, and the key's own number of it.
    payer: (PublicKey, u64),
}

/// What several statements prove together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// Whose payments.
    pub creator: CreatorId,
    /// In which currency.
    pub currency: Currency,
    /// How many payments, each counted once.
    pub payments: u64,
    /// First running number, 0 when there are none.
    pub first: u64,
    /// What visitors signed for.
    pub paid: Micros,
    /// What of it was credited.
    pub credited: Micros,
    /// How many refunds, each counted once.
    pub refunds: u64,
    /// How many of them are of payments before the first or after the last one here, so that nothing shows
    /// that it was one.
    pub refunds_elsewhere: u64,
    /// Where payments and refunds end.
    pub ends: Before,
    /// The newest log that they are in.
    pub checkpoint: Checkpoint,
}

/// Why statements that hold by themselves do not hold together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apart {
    /// The lie.
    pub lie: BadStatement,
    /// The place of the statement that shows it, from 0.
    pub part: usize,
}

impl Part {
    /// What a statement holds whose signatures were all checked.
    ///
    /// # Errors
    /// As [`Opened::finish`].
    pub fn finish(opened: Opened) -> Result<Self, BadStatement> {
        let verifier = opened.statement.verifier;
        let since = opened.statement.since.as_ref().map(|since| (since.size, since.root));
        let payment = |entry: u64, claim: &ClaimLeaf| Payment {
            number: claim.number,
            entry,
            paid: claim.signed.claim().amount,
            credited: claim.credited,
            total: claim.total,
            payer: (claim.signed.claim().key, claim.signed.claim().sequence),
        };
        let payments = opened.claims.iter().map(|(entry, claim)| payment(*entry, claim)).collect();
        let refunds = opened.refunds.clone();
        let verdict = opened.finish(&mut SoFar::default())?;
        Ok(Self { verdict, verifier, since, payments, refunds })
    }
}

/// Lays statements together, at least one. `seen` is a checkpoint that was seen earlier, `before` what was
/// proven then.
///
/// # Errors
/// [`Apart`] names the lie.
pub fn join(
    parts: &[Part],
    seen: Option<&Checkpoint>,
    before: Option<&Before>,
) -> Result<Joined, Apart> {
    let first = of_one_creator(parts)?;
    let checkpoint = one_log(parts, seen)?;
    let payments = lay(parts, |part| &part.payments, |row: &Payment| (row.number, row.entry))?;
    let refunds =
        lay(parts, |part| &part.refunds, |(entry, row): &(u64, RefundLeaf)| (row.number, *entry))
            .map_err(of_refunds)?;
    let (paid, credited) = add_up(payments.values().map(|(row, part)| row.step(*part)))?;
    add_up(refunds.values().map(|(row, part)| step_of(row, *part))).map_err(of_refunds)?;
    let mut used = Used::default();
    for (row, part) in payments.values() {
        let (key, number) = row.payer;
        used.add(key, number, row.entry).map_err(|lie| Apart { lie, part: *part })?;
    }
    let refunds_elsewhere = settle(&payments, &refunds)?;
    let ends = ends(&payments, &refunds);
    if let Some(before) = before {
        goes_on(&payments, &refunds, before)?;
        let told = |lie| Apart { lie, part: parts.len().saturating_sub(1) };
        before.compare(&ends).map_err(told)?;
    }
    let count = |rows: usize| u64::try_from(rows).unwrap_or(u64::MAX);
    Ok(Joined {
        creator: first.verdict.creator,
        currency: first.verdict.currency,
        payments: count(payments.len()),
        first: payments.first_key_value().map_or(0, |(number, _)| *number),
        paid,
        credited,
        refunds: count(refunds.len()),
        refunds_elsewhere,
        ends,
        checkpoint,
    })
}

/// That all are of one creator, verifier and currency; the first of them.
fn of_one_creator(parts: &[Part]) -> Result<&Part, Apart> {
    let nothing = Apart { lie: BadStatement::Malformed("there is none"), part: 0 };
    let first = parts.first().ok_or(nothing)?;
    for (part, other) in parts.iter().enumerate() {
        let of = |part: &Part| (part.verifier, part.verdict.currency);
        let lie = if other.verdict.creator != first.verdict.creator {
            BadStatement::OtherCreator { found: other.verdict.creator }
        } else if of(other) != of(first) {
            BadStatement::Malformed("it is of another verifier or in another currency")
        } else {
            continue;
        };
        return Err(Apart { lie, part });
    }
    Ok(first)
}

/// Where payments and refunds end.
fn ends(payments: &Laid<Payment>, refunds: &Laid<(u64, RefundLeaf)>) -> Before {
    let payments = payments.last_key_value().map(|(number, (row, _))| End {
        number: *number,
        entry: row.entry,
        total: row.total,
    });
    let refunds = refunds.last_key_value().map(|(number, ((entry, row), _))| End {
        number: *number,
        entry: *entry,
        total: row.total,
    });
    Before { payments: payments.unwrap_or_default(), refunds: refunds.unwrap_or_default() }
}

/// That what was proven before stands where it stood, and that nothing is missing after it.
fn goes_on(
    payments: &Laid<Payment>,
    refunds: &Laid<(u64, RefundLeaf)>,
    before: &Before,
) -> Result<(), Apart> {
    let at = payments.get(&before.payments.number);
    same(at.map(|(row, part)| (row.entry, row.total, *part)), &before.payments)?;
    let at = refunds.get(&before.refunds.number);
    same(at.map(|((entry, row), part)| (*entry, row.total, *part)), &before.refunds)
        .map_err(of_refunds)?;
    let first = payments.first_key_value().map(|(at, (row, part))| (*at, row.step(*part)));
    follows(first, &before.payments)?;
    let first = refunds.first_key_value().map(|(at, (row, part))| (*at, step_of(row, *part)));
    follows(first, &before.refunds).map_err(of_refunds)
}

fn of_refunds(apart: Apart) -> Apart {
    Apart { lie: BadStatement::of_refunds(apart.lie), ..apart }
}

/// That all checkpoints, the one seen earlier among them, are of one log; the newest. Each but the newest must be
/// proven to be the beginning of a greater one: then all are beginnings of the newest.
fn one_log(parts: &[Part], seen: Option<&Checkpoint>) -> Result<Checkpoint, Apart> {
    let heads = parts.iter().map(|part| &part.verdict.checkpoint).enumerate();
    let newest = heads.clone().max_by_key(|(_, head)| head.size);
    let nothing = Apart { lie: BadStatement::Malformed("there is none"), part: 0 };
    let (place, newest) = newest.ok_or(nothing)?;
    for (part, head) in heads.clone().chain(seen.map(|seen| (place, seen))) {
        let split = BadStatement::SplitView { seen: head.size };
        if head.origin != newest.origin {
            return Err(Apart { lie: BadStatement::OtherLog, part });
        }
        if head.size > newest.size {
            let lie = BadStatement::RolledBack { seen: head.size, size: newest.size };
            return Err(Apart { lie, part: place });
        }
        let mut peers = heads.clone().filter(|(_, peer)| peer.size == head.size);
        if let Some((part, _)) = peers.find(|(_, peer)| peer.root != head.root) {
            return Err(Apart { lie: split, part });
        }
        if head.size == 0 && head.root != empty_root() {
            return Err(Apart { lie: split, part });
        }
        if head.size == newest.size || head.size == 0 {
            continue;
        }
        let greater =
            parts.iter().enumerate().filter(|(_, p)| p.verdict.checkpoint.size > head.size);
        let mut proofs = greater.clone().filter_map(|(at, p)| Some((at, p.since?)));
        match proofs.find(|(_, (size, _))| *size == head.size) {
            Some((_, (_, root))) if root == head.root => {}
            Some((part, _)) => return Err(Apart { lie: split, part }),
            None => {
                let next = greater.min_by_key(|(_, p)| p.verdict.checkpoint.size);
                let part = next.map_or(place, |(part, _)| part);
                return Err(Apart { lie: BadStatement::NoProofSince { seen: head.size }, part });
            }
        }
    }
    Ok(newest.clone())
}

/// Rows by running number, each with the place of the statement that it came from.
type Laid<R> = BTreeMap<u64, (R, usize)>;

/// Lays rows together: numbers without a gap, entries that ascend with them, and no number with two rows.
fn lay<R: Clone + PartialEq>(
    parts: &[Part],
    rows: impl Fn(&Part) -> &Vec<R>,
    place: impl Fn(&R) -> (u64, u64),
) -> Result<Laid<R>, Apart> {
    let mut laid: Laid<R> = BTreeMap::new();
    for (part, statement) in parts.iter().enumerate() {
        for row in rows(statement) {
            let (number, entry) = place(row);
            let there = laid.entry(number).or_insert_with(|| (row.clone(), part));
            if there.0 != *row {
                let (_, before) = place(&there.0);
                return Err(Apart { lie: BadStatement::Replaced { number, before, entry }, part });
            }
        }
    }
    for ((earlier, (row, _)), (number, (next, part))) in laid.iter().zip(laid.iter().skip(1)) {
        let (_, before) = place(row);
        let (_, entry) = place(next);
        let due = earlier.saturating_add(1);
        let lie = if *number != due {
            BadStatement::Dropped { first: due, last: number.saturating_sub(1), entry }
        } else if entry <= before {
            BadStatement::Reordered { entry }
        } else {
            continue;
        };
        return Err(Apart { lie, part: *part });
    }
    Ok(laid)
}

/// One row of a running total.
struct Step {
    entry: u64,
    paid: Micros,
    more: Micros,
    total: Micros,
    part: usize,
}

/// That each running total is the one before plus its row; what all rows paid and brought.
fn add_up(rows: impl Iterator<Item = Step>) -> Result<(Micros, Micros), Apart> {
    let (mut paid, mut sum, mut running) = (Micros::ZERO, Micros::ZERO, None::<Micros>);
    for step in rows {
        let Step { entry, more, total, part, .. } = step;
        let wrong = |expected| {
            let lie = BadStatement::WrongTotal { entry, expected, found: total };
            Apart { lie, part }
        };
        // What was before the first row is checked in its statement.
        let expected = running.map_or(Some(total), |running| running.plus(more));
        if expected != Some(total) {
            return Err(wrong(expected));
        }
        paid = paid.plus(step.paid).ok_or_else(|| wrong(None))?;
        sum = sum.plus(more).ok_or_else(|| wrong(None))?;
        running = Some(total);
    }
    Ok((paid, sum))
}

impl Payment {
    fn step(&self, part: usize) -> Step {
        let Self { entry, paid, credited, total, .. } = *self;
        Step { entry, paid, more: credited, total, part }
    }
}

fn step_of((entry, refund): &(u64, RefundLeaf), part: usize) -> Step {
    let (more, total) = (refund.taken, refund.total);
    Step { entry: *entry, paid: Micros::ZERO, more, total, part }
}

/// That each refund takes back what a payment here had brought, as far as the payments reach; how many
/// refunds are of payments beyond.
fn settle(payments: &Laid<Payment>, refunds: &Laid<(u64, RefundLeaf)>) -> Result<u64, Apart> {
    let mut refunded = Refunded::default();
    let part_of = |lie: BadStatement| {
        let by_entry = |entry| refunds.values().find(|((at, _), _)| *at == entry);
        let part = match &lie {
            BadStatement::FalseRefund { entry, .. } => {
                by_entry(*entry).map_or(0, |(_, part)| *part)
            }
            _ => 0,
        };
        Apart { lie, part }
    };
    for ((entry, refund), _) in refunds.values() {
        refunded.add(*entry, refund).map_err(part_of)?;
    }
    for (row, _) in payments.values() {
        refunded.settle(row.entry, row.credited).map_err(part_of)?;
    }
    let ends = (payments.first_key_value(), payments.last_key_value());
    if let (Some((number, (first, _))), Some((_, (last, _)))) = ends {
        // Before the first of a period others may have been paid and refunded.
        let from = if *number == 1 { 0 } else { first.entry };
        refunded.all_settled(from..=last.entry).map_err(part_of)?;
    }
    Ok(refunded.unmet())
}

/// That what was proven to be the end still stands there, as far as it is among these.
fn same(now: Option<(u64, Micros, usize)>, end: &End) -> Result<(), Apart> {
    match now {
        Some((entry, total, part)) if (entry, total) != (end.entry, end.total) => {
            let (number, before) = (end.number, end.entry);
            Err(Apart { lie: BadStatement::Replaced { number, before, entry }, part })
        }
        _ => Ok(()),
    }
}

/// That nothing is missing between what was proven and the first one here, and that it goes on from there where
/// it is the very next. Where it is an older one, what was proven last stands among these and was compared.
fn follows(first: Option<(u64, Step)>, end: &End) -> Result<(), Apart> {
    let due = end.number.saturating_add(1);
    let Some((number, Step { entry, more, total, part, .. })) = first else { return Ok(()) };
    let expected = end.total.plus(more);
    let lie = if number > due {
        BadStatement::Dropped { first: due, last: number.saturating_sub(1), entry }
    } else if number == due && entry <= end.entry {
        BadStatement::Reordered { entry }
    } else if number == due && expected != Some(total) {
        BadStatement::WrongTotal { entry, expected, found: total }
    } else {
        return Ok(());
    };
    Err(Apart { lie, part })
}
