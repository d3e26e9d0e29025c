//! What several statements prove together: a creator with more payments than one statement holds takes
//! them in turn, each beginning where the one before ended.

use crate::amount::{Currency, Micros};
use crate::checkpoint::Checkpoint;
use crate::lie::BadStatement;
use crate::statement::Verdict;

/// Payments from number 1 on, all proven.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// How many; also the last running number.
    pub payments: u64,
    /// What visitors signed for.
    pub paid: Micros,
    /// What was credited of it: the running total after the last one.
    pub total: Micros,
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
        if next.payments > 0 && next.first < due {
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
        let beyond = BadStatement::WrongTotal { entry, expected: None, found: next.total };
        self.paid = self.paid.plus(next.paid).ok_or(beyond)?;
        if next.payments > 0 {
            (self.payments, self.total) = (next.last, next.total);
        }
        self.currency = Some(next.currency);
        self.checkpoint = Some(next.checkpoint.clone());
        Ok(())
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
