//! What several statements prove together: a creator with more payments than one statement holds takes
//! them in turn, each beginning where the one before ended.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use crate::amount::{Currency, Micros};
use crate::checkpoint::Checkpoint;
use crate::ids::PublicKey;
use crate::leaf::RefundLeaf;
use crate::lie::BadStatement;
use crate::statement::Verdict;

/// What statements before held that the next one must agree with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SoFar {
    /// Refunds and payments.
    pub refunded: Refunded,
    /// What payers have signed.
    pub used: Used,
}

/// The newest number that each payer's key has used, and its entry. A key uses each number once and in
/// ascending order, so that a claim that counts twice is not above it. About 100 bytes a key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Used(BTreeMap<PublicKey, (u64, u64)>);

impl Used {
    /// The next claim in the order of entries.
    ///
    /// # Errors
    /// [`BadStatement::CountedTwice`].
    pub fn add(&mut self, key: PublicKey, number: u64, entry: u64) -> Result<(), BadStatement> {
        match self.0.insert(key, (number, entry)) {
            Some((newest, before)) if number <= newest => {
                Err(BadStatement::CountedTwice { entry, before })
            }
            _ => Ok(()),
        }
    }
}

/// Refunds, and whether the payments that they name were met yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refunded {
    /// By the payment's entry: the refund's entry, what it takes, and whether the payment was met.
    claims: BTreeMap<u64, (u64, Micros, bool)>,
    /// Payments that were met, entries ascending, with what each had brought: while the later of several
    /// statements are fetched, payments of the earlier ones may be refunded. 16 bytes a payment.
    met: Vec<(u64, Micros)>,
}

/// Where a creator's payments, or its refunds, end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct End {
    /// Running number of the last one, 0 for none; also how many.
    pub number: u64,
    /// Its entry.
    pub entry: u64,
    /// The running total after it.
    pub total: Micros,
}

/// What was proven at an earlier time. It must still be there: running numbers never fall, and none is
/// given twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Before {
    /// Payments.
    pub payments: End,
    /// Refunds.
    pub refunds: End,
}

impl Refunded {
    /// A refund.
    ///
    /// # Errors
    /// [`BadStatement::FalseRefund`] when its payment was refunded before.
    pub fn add(&mut self, entry: u64, refund: &RefundLeaf) -> Result<(), BadStatement> {
        let claim = refund.claim;
        let met = self.met.binary_search_by_key(&claim, |(payment, _)| *payment).ok();
        let credited = met.and_then(|at| self.met.get(at)).map(|(_, credited)| *credited);
        let before = self.claims.insert(claim, (entry, refund.taken, credited.is_some()));
        // A refund that comes after its payment only, and takes what that had brought; and one that is known
        // already is the same one.
        let is_other = before.is_some_and(|(other, ..)| other != entry);
        if claim >= entry || is_other || credited.is_some_and(|credited| credited != refund.taken) {
            return Err(BadStatement::FalseRefund { entry, claim });
        }
        Ok(())
    }

    /// A payment, and what it had brought.
    ///
    /// # Errors
    /// [`BadStatement::FalseRefund`] when a refund takes back another amount.
    pub fn settle(&mut self, claim: u64, credited: Micros) -> Result<(), BadStatement> {
        self.met.push((claim, credited));
        let Some((entry, taken, met)) = self.claims.get_mut(&claim) else { return Ok(()) };
        if *taken != credited {
            return Err(BadStatement::FalseRefund { entry: *entry, claim });
        }
        *met = true;
        Ok(())
    }

    /// How many refunds name a payment that was not met: an older or a newer one, or nobody's.
    #[must_use]
    pub fn unmet(&self) -> u64 {
        let unmet = self.claims.values().filter(|(_, _, met)| !met).count();
        u64::try_from(unmet).unwrap_or(u64::MAX)
    }

    /// All payments in a range of entries were met: a refund that names another one there names nobody's.
    ///
    /// # Errors
    /// [`BadStatement::FalseRefund`].
    pub fn all_settled(&self, entries: RangeInclusive<u64>) -> Result<(), BadStatement> {
        let mut unmet = self.claims.range(entries).filter(|(_, (_, _, met))| !met);
        match unmet.next() {
            Some((claim, (entry, ..))) => {
                Err(BadStatement::FalseRefund { entry: *entry, claim: *claim })
            }
            None => Ok(()),
        }
    }
}

impl Before {
    /// Whether nothing is gone where payments and refunds end like this now. That it is still the same
    /// stands with [`Opened::check_before`](crate::statement::Opened::check_before).
    ///
    /// # Errors
    /// [`BadStatement::Vanished`].
    pub fn compare(&self, now: &Self) -> Result<(), BadStatement> {
        let gone = |now: &End, end: &End| {
            let lie = BadStatement::Vanished { last: now.number, before: end.number };
            if now.number < end.number { Err(lie) } else { Ok(()) }
        };
        gone(&now.payments, &self.payments)?;
        gone(&now.refunds, &self.refunds).map_err(BadStatement::of_refunds)
    }
}

/// Payments from number 1 on, all proven.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// How many; also the last running number.
    pub payments: u64,
    /// What visitors signed for.
    pub paid: Micros,
    /// What was credited of it: the running total after the last one.
    pub total: Micros,
    /// How many refunds; also their last running number.
    pub refunds: u64,
    /// What they took back: what is left is `total` less this.
    pub refunded: Micros,
    /// The entry of the last payment.
    pub last_entry: u64,
    /// The entry of the last refund.
    pub last_refund_entry: u64,
    /// In which currency; none before the first statement.
    pub currency: Option<Currency>,
    /// The newest log that was seen.
    pub checkpoint: Option<Checkpoint>,
}

impl Account {
    /// Adds what the next statement proves. It was checked against this account's checkpoint, so that
    /// one log holds all of them.
    ///
    /// # Errors
    /// [`BadStatement::Dropped`], [`BadStatement::Reordered`] or [`BadStatement::WrongTotal`] where it
    /// does not begin where the one before ended.
    pub fn add(&mut self, next: &Verdict) -> Result<(), BadStatement> {
        let due = self.payments.saturating_add(1);
        let entry = next.first_entry;
        if next.payments > 0 && (next.first < due || entry <= self.last_entry) {
            return Err(BadStatement::Reordered { entry });
        }
        if next.payments > 0 && next.first > due {
            let last = next.first.saturating_sub(1);
            return Err(BadStatement::Dropped { first: due, last, entry });
        }
        if next.payments > 0 && next.before != self.total {
            let (expected, found) = (Some(self.total), next.before);
            return Err(BadStatement::WrongTotal { entry, expected, found });
        }
        let due = self.refunds.saturating_add(1);
        if next.refunds > 0 && (next.first_refund != due || next.refunded_before != self.refunded) {
            let last = next.first_refund.saturating_sub(1);
            let gap = BadStatement::Dropped { first: due, last, entry: next.checkpoint.size };
            return Err(BadStatement::of_refunds(gap));
        }
        let beyond = BadStatement::WrongTotal { entry, expected: None, found: next.total };
        self.paid = self.paid.plus(next.paid).ok_or(beyond)?;
        if next.payments > 0 {
            (self.payments, self.total) = (next.last, next.total);
            self.last_entry = next.last_entry;
        }
        if next.refunds > 0 {
            self.refunds = self.refunds.saturating_add(next.refunds);
            self.refunded = next.refunded;
            self.last_refund_entry = next.last_refund_entry;
        }
        self.currency = Some(next.currency);
        self.checkpoint = Some(next.checkpoint.clone());
        Ok(())
    }

    /// What is proven, to be remembered.
    #[must_use]
    pub fn ends(&self) -> Before {
        Before {
            payments: End { number: self.payments, entry: self.last_entry, total: self.total },
            refunds: End {
                number: self.refunds,
                entry: self.last_refund_entry,
                total: self.refunded,
            },
        }
    }

    /// Whether the refunds are what the provider shows, where it shows any, and each of a payment here.
    /// Refunds that came after the page was drawn are in the log already.
    ///
    /// # Errors
    /// [`BadStatement::InRefunds`], [`BadStatement::FalseRefund`].
    pub fn compare_refunds(
        &self,
        refunded: &Refunded,
        shown: Option<(u64, Micros)>,
    ) -> Result<(), BadStatement> {
        refunded.all_settled(0..=self.last_entry)?;
        let Some((count, total)) = shown else { return Ok(()) };
        let wrong = if self.refunds < count {
            BadStatement::CutShort { last: self.refunds, shown: count }
        } else if self.refunds == count && self.refunded != total {
            let (number, proven) = (self.refunds, self.refunded);
            BadStatement::OtherTotal { number, proven, shown: total }
        } else {
            return Ok(());
        };
        Err(BadStatement::of_refunds(wrong))
    }

    /// Whether this is what the provider shows: so many payments, and their total.
    ///
    /// # Errors
    /// [`BadStatement::CutShort`], [`BadStatement::OtherTotal`].
    pub fn compare(&self, payments: u64, total: Micros) -> Result<(), BadStatement> {
        if self.payments < payments {
            return Err(BadStatement::CutShort { last: self.payments, shown: payments });
        }
        if self.payments != payments || self.total != total {
            let (number, proven) = (self.payments, self.total);
            return Err(BadStatement::OtherTotal { number, proven, shown: total });
        }
        Ok(())
    }
}
