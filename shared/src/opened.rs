//! A statement that was opened: what each payment and refund must be, one by one and together.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Range;

use crate::account::{Before, End, SoFar};
use crate::amount::Micros;
use crate::checkpoint::Checkpoint;
use crate::ids::PublicKey;
use crate::leaf::{ClaimLeaf, RefundLeaf};
use crate::lie::BadStatement;
use crate::merkle::{Hash, leaf_hash};
use crate::multiproof;
use crate::signing::VerifyingKey;
use crate::statement::{BLOCK, Statement, Verdict, lengthen_refund};

/// A statement that was opened: signed by the log's key, its running numbers without a gap. The slow
/// half of the check can be shared out by ranges of payments.
#[derive(Debug)]
pub struct Opened {
    pub(crate) statement: Statement,
    pub(crate) checkpoint: Checkpoint,
    pub(crate) claims: Vec<(u64, Box<ClaimLeaf>)>,
    pub(crate) refunds: Vec<(u64, RefundLeaf)>,
}

impl Opened {
    /// How many payments it holds.
    #[must_use]
    pub fn payments(&self) -> usize {
        self.claims.len()
    }

    /// How many refunds it holds.
    #[must_use]
    pub fn refunds(&self) -> usize {
        self.refunds.len()
    }

    /// Whether what was proven before stands where it stood, as far as it is in this statement. With an
    /// entry that is in the log under both checkpoints, all before it is bound by number and total.
    ///
    /// # Errors
    /// [`BadStatement::Replaced`].
    pub fn check_before(&self, before: &Before) -> Result<(), BadStatement> {
        let payments = self.claims.iter().map(|(entry, claim)| (claim.number, *entry, claim.total));
        same_end(payments, &before.payments)?;
        let refunds = self.refunds.iter().map(|(entry, it)| (it.number, *entry, it.total));
        same_end(refunds, &before.refunds).map_err(BadStatement::of_refunds)
    }

    /// Checks the payers' signatures in a range of places, from 0.
    ///
    /// # Errors
    /// [`BadStatement::Invented`] names the first entry whose signature does not hold.
    pub fn check_signatures(&self, places: Range<usize>) -> Result<(), BadStatement> {
        // Visitors come back: reading a key is an eighth of checking a signature.
        let mut keys: BTreeMap<PublicKey, VerifyingKey> = BTreeMap::new();
        for (entry, claim) in self.claims.get(places).unwrap_or_default() {
            let invented = |_| BadStatement::Invented { entry: *entry };
            let payer = &claim.signed.claim().key;
            let key = match keys.get(payer) {
                Some(key) => key.clone(),
                None => VerifyingKey::new(payer).map_err(invented)?,
            };
            claim.signed.clone().verify(&key).map_err(invented)?;
            keys.insert(*payer, key);
        }
        Ok(())
    }

    /// The rest: the totals, that each payment and refund is in the log, that no claim counts twice, and that
    /// each refund takes back what a payment had brought; `so_far` remembers what was in other statements.
    /// Says "proven", so it is called when all signatures were checked.
    ///
    /// # Errors
    /// [`BadStatement`] names the lie and the entry.
    pub fn finish(self, so_far: &mut SoFar) -> Result<Verdict, BadStatement> {
        let sums = check_totals(&self.claims)?;
        let (refunded_before, refunded_total) =
            check_refunds(&self.refunds).map_err(BadStatement::of_refunds)?;
        self.check_inclusion()?;
        let SoFar { refunded, used } = so_far;
        for (entry, claim) in &self.claims {
            let fields = claim.signed.claim();
            used.add(fields.key, fields.sequence, *entry)?;
        }
        for (entry, refund) in &self.refunds {
            refunded.add(*entry, refund)?;
        }
        for (entry, claim) in &self.claims {
            refunded.settle(*entry, claim.credited)?;
        }
        if let (Some((first, claim)), Some((last, _))) = (self.claims.first(), self.claims.last()) {
            // Before the first of a period others may have been paid and refunded.
            refunded.all_settled(if claim.number == 1 { 0 } else { *first }..=*last)?;
        }
        let ends = (self.claims.first(), self.claims.last());
        let number = |claim: Option<&(u64, Box<ClaimLeaf>)>| claim.map_or(0, |(_, c)| c.number);
        Ok(Verdict {
            creator: self.statement.creator,
            currency: self.statement.currency,
            payments: u64::try_from(self.claims.len()).unwrap_or(u64::MAX),
            first: number(ends.0),
            last: number(ends.1),
            first_entry: ends.0.map_or(0, |(entry, _)| *entry),
            last_entry: ends.1.map_or(0, |(entry, _)| *entry),
            before: sums.before,
            paid: sums.paid,
            credited: sums.credited,
            total: ends.1.map_or(Micros::ZERO, |(_, claim)| claim.total),
            refunds: u64::try_from(self.refunds.len()).unwrap_or(u64::MAX),
            first_refund: self.refunds.first().map_or(0, |(_, refund)| refund.number),
            last_refund_entry: self.refunds.last().map_or(0, |(entry, _)| *entry),
            refunded_before,
            refunded: refunded_total,
            checkpoint: self.checkpoint,
        })
    }

    fn check_inclusion(&self) -> Result<(), BadStatement> {
        let mut proof = self.statement.proof.as_slice();
        let places = self.claims.iter().zip(&self.statement.records).map(|((entry, _), record)| {
            (entry.saturating_sub(1), leaf_hash(&self.statement.lengthen(record)))
        });
        self.check_blocks(&places.collect::<Vec<_>>(), &mut proof)?;
        let places =
            self.refunds.iter().zip(&self.statement.refunds).map(|((entry, _), record)| {
                (entry.saturating_sub(1), leaf_hash(&lengthen_refund(record)))
            });
        self.check_blocks(&places.collect::<Vec<_>>(), &mut proof)
            .map_err(BadStatement::of_refunds)?;
        if proof.is_empty() { Ok(()) } else { Err(BadStatement::Malformed("hashes are left over")) }
    }

    fn check_blocks(
        &self,
        places: &[(u64, Hash)],
        proof: &mut &[Hash],
    ) -> Result<(), BadStatement> {
        let (size, root) = (self.checkpoint.size, self.checkpoint.root);
        for block in places.chunks(BLOCK) {
            if multiproof::root(block, size, proof) != Some(root) {
                let entry = |place: Option<&(u64, Hash)>| {
                    place.map_or(0, |(index, _)| index.saturating_add(1))
                };
                let (first, last) = (entry(block.first()), entry(block.last()));
                return Err(BadStatement::NotInLog { first, last });
            }
        }
        Ok(())
    }
}

type Claims = [(u64, Box<ClaimLeaf>)];

/// Numbers, entries and running totals, of which one was the end before.
fn same_end(
    mut rows: impl Iterator<Item = (u64, u64, Micros)>,
    end: &End,
) -> Result<(), BadStatement> {
    match rows.find(|(number, ..)| *number == end.number) {
        Some((number, entry, total)) if (entry, total) != (end.entry, end.total) => {
            Err(BadStatement::Replaced { number, before: end.entry, entry })
        }
        _ => Ok(()),
    }
}

/// Entries with their running numbers. Order first, gaps then: two payments that were swapped make a gap
/// too, and would be called dropped.
pub(crate) fn check_numbers(numbers: &[(u64, u64)]) -> Result<(), BadStatement> {
    let pairs = || numbers.iter().zip(numbers.iter().skip(1));
    for ((before, earlier), (entry, number)) in pairs() {
        if number <= earlier || entry <= before {
            return Err(BadStatement::Reordered { entry: *entry });
        }
    }
    for ((_, earlier), (entry, number)) in pairs() {
        let next = earlier.saturating_add(1);
        if *number != next {
            let last = number.saturating_sub(1);
            return Err(BadStatement::Dropped { first: next, last, entry: *entry });
        }
    }
    match numbers.first() {
        Some((entry, 0)) => Err(BadStatement::Reordered { entry: *entry }),
        _ => Ok(()),
    }
}

/// The refunds' running total before and after them.
fn check_refunds(refunds: &[(u64, RefundLeaf)]) -> Result<(Micros, Micros), BadStatement> {
    let mut ends: Option<(Micros, Micros)> = None;
    for (entry, refund) in refunds {
        let wrong =
            |expected| BadStatement::WrongTotal { entry: *entry, expected, found: refund.total };
        let (first, before) = match ends {
            Some((first, running)) => (first, running),
            None if refund.number == 1 => (Micros::ZERO, Micros::ZERO),
            None => {
                let before = refund.total.minus(refund.taken).ok_or_else(|| wrong(None))?;
                (before, before)
            }
        };
        let expected = before.plus(refund.taken);
        if expected != Some(refund.total) {
            return Err(wrong(expected));
        }
        ends = Some((first, refund.total));
    }
    Ok(ends.unwrap_or_default())
}

struct Sums {
    before: Micros,
    paid: Micros,
    credited: Micros,
}

fn check_totals(claims: &Claims) -> Result<Sums, BadStatement> {
    let mut sums = Sums { before: Micros::ZERO, paid: Micros::ZERO, credited: Micros::ZERO };
    let mut running: Option<Micros> = None;
    for (entry, claim) in claims {
        let wrong =
            |expected| BadStatement::WrongTotal { entry: *entry, expected, found: claim.total };
        // A statement may begin in the middle; what was before is then as the log says.
        let before = match running {
            Some(before) => before,
            None if claim.number == 1 => Micros::ZERO,
            None => claim.total.minus(claim.credited).ok_or_else(|| wrong(None))?,
        };
        let expected = before.plus(claim.credited);
        if expected != Some(claim.total) {
            return Err(wrong(expected));
        }
        if running.is_none() {
            sums.before = before;
        }
        sums.paid = sums.paid.plus(claim.signed.claim().amount).ok_or_else(|| wrong(None))?;
        sums.credited = sums.credited.plus(claim.credited).ok_or_else(|| wrong(None))?;
        running = expected;
    }
    Ok(sums)
}
