//! What a creator takes from one wallet in a month at most, and what it took of that.
//!
//! A month is a calendar month of UTC. What counts is what the wallet paid for items, less what came back of
//! *those* payments by refunds; donations are gifts and never count. Once the ceiling is reached nothing is due
//! for anything of the creator until the month ends.
//!
//! Whoever reads "never more than 5.00 a month" has been promised something for the month that runs. So a change
//! holds from the next month on, and what holds is counted from the first payment that it could be about.

use farthing_shared::time::month_of_day;
use farthing_shared::{Micros, UnixMillis};

/// A creator's ceiling, and the one before it while that one still holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ceiling {
    /// In force before the month `from`.
    pub before: Option<Micros>,
    /// In force from the month `from` on; `None` when the creator sets none.
    pub most: Option<Micros>,
    /// Months since January 1970.
    pub from: u32,
}

impl Ceiling {
    /// The one in force.
    #[must_use]
    pub fn at(&self, now: UnixMillis) -> Option<Micros> {
        if month(now) < self.from { self.before } else { self.most }
    }

    /// Whether there is, was or will be one: payments to this creator may have to be counted.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.before.is_some() || self.most.is_some()
    }

    /// The same after the creator asked for another one. It holds from the next month on; at once while
    /// nobody has paid the creator anything yet.
    #[must_use]
    pub fn changed(self, most: Option<Micros>, now: UnixMillis, was_paid: bool) -> Self {
        if most == self.most {
            return self;
        }
        if !was_paid {
            return Self { before: None, most, from: 0 };
        }
        Self { before: self.at(now), most, from: month(now).saturating_add(1) }
    }

    /// Whether what was counted in the month of a payment has reached the ceiling of that month, so that everything
    /// of the creator was open.
    #[must_use]
    pub fn was_reached(&self, paid: InMonth, paid_at: UnixMillis) -> bool {
        paid.month == month(paid_at) && self.at(paid_at).is_some_and(|most| paid.paid >= most)
    }

    /// Whether a payment was made under a ceiling in a month that is no longer the one counted: what was paid in it
    /// has to be found anew.
    #[must_use]
    pub fn has_moved_on(&self, counted: InMonth, paid_at: UnixMillis) -> bool {
        counted.month > month(paid_at) && self.at(paid_at).is_some()
    }

    /// What is due for an item of this price from a wallet that has paid so much in this month; nothing once the
    /// ceiling is reached.
    #[must_use]
    pub fn due(&self, price: Micros, paid: InMonth, now: UnixMillis) -> Micros {
        match self.at(now) {
            None => price,
            Some(most) => most.minus(paid.at(now).paid).unwrap_or(Micros::ZERO).min(price),
        }
    }

    /// Whether everything of the creator is open to a wallet that has paid so much in this month.
    #[must_use]
    pub fn is_reached(&self, paid: InMonth, now: UnixMillis) -> bool {
        self.at(now).is_some_and(|most| paid.at(now).paid >= most)
    }
}

/// What a wallet paid one creator for items in the newest month in which that was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InMonth {
    /// Months since January 1970; 0 when nothing was counted yet.
    pub month: u32,
    /// Paid in it.
    pub paid: Micros,
}

impl InMonth {
    /// The same as of a later time. A clock that was set back does not bring a month back.
    #[must_use]
    pub fn at(self, now: UnixMillis) -> Self {
        let month = month(now);
        if month <= self.month { self } else { Self { month, paid: Micros::ZERO } }
    }

    /// Counts a payment.
    #[must_use]
    pub fn and(self, now: UnixMillis, amount: Micros) -> Self {
        let sum = self.at(now);
        Self { paid: sum.paid.plus(amount).unwrap_or(Micros::MAX), ..sum }
    }

    /// Counts the refund of a payment made at a time.
    #[must_use]
    pub fn refunded(self, paid_at: UnixMillis, amount: Micros) -> Self {
        if month(paid_at) != self.month {
            return self;
        }
        Self { paid: self.paid.minus(amount).unwrap_or(Micros::ZERO), ..self }
    }
}

fn month(at: UnixMillis) -> u32 {
    month_of_day(at.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-30T23:00Z, the last hour of a month.
    const EVENING: UnixMillis = UnixMillis(1_796_079_600_000);
    const NEXT: UnixMillis = UnixMillis(EVENING.0 + 2 * 3_600_000);
    const DECEMBER: u32 = 56 * 12 + 11;

    fn micros(value: u64) -> Micros {
        Micros::new(value).expect("a small amount")
    }

    #[test]
    fn a_change_holds_from_the_next_month_on() {
        let (five, nine) = (Some(micros(5)), Some(micros(9)));
        let first = Ceiling::default().changed(five, EVENING, false);
        assert_eq!((first.at(EVENING), first.at(NEXT)), (five, five));
        for (what, wanted) in [("raised", nine), ("withdrawn", None), ("lowered", Some(micros(1)))]
        {
            let changed = first.changed(wanted, EVENING, true);
            assert_eq!((changed.at(EVENING), changed.at(NEXT)), (five, wanted), "{what}");
            assert_eq!(changed.from, DECEMBER, "{what}");
            // Said again it is not put off, and taken back nothing has changed.
            assert_eq!(changed.changed(wanted, NEXT, true), changed, "{what}");
            let back = changed.changed(five, EVENING, true);
            assert_eq!((back.at(EVENING), back.at(NEXT)), (five, five), "{what}");
        }
        let late = Ceiling::default().changed(five, EVENING, true);
        assert_eq!((late.at(EVENING), late.at(NEXT)), (None, five));
        assert!(late.is_known() && !Ceiling::default().is_known());
    }

    #[test]
    fn the_last_payment_takes_what_is_left_and_then_nothing_is_due() {
        let ceiling = Ceiling { most: Some(micros(10)), ..Ceiling::default() };
        let paid = InMonth::default().and(EVENING, micros(7));
        for (price, sum, expected) in [
            (3, paid, 3),
            (4, paid, 3),
            (4, paid.and(EVENING, micros(3)), 0),
            // A ceiling that was lowered below what was paid.
            (4, paid.and(EVENING, micros(30)), 0),
            (11, InMonth::default(), 10),
        ] {
            assert_eq!(ceiling.due(micros(price), sum, EVENING), micros(expected), "{price}");
        }
        assert_eq!(ceiling.due(micros(4), paid, NEXT), micros(4));
        assert_eq!(Ceiling::default().due(micros(99), paid, EVENING), micros(99));
    }

    #[test]
    fn refunds_count_where_they_were_paid() {
        let paid = InMonth::default().and(EVENING, micros(5)).and(EVENING, micros(2));
        assert_eq!(paid.refunded(EVENING, micros(2)).paid, micros(5));
        // In the new month the refund of the old one's payment gives nothing more.
        let new = paid.and(NEXT, micros(3));
        assert_eq!((new.paid, new.refunded(EVENING, micros(5))), (micros(3), new));
        // A clock that was set back stays in the newer month.
        assert_eq!(new.and(EVENING, micros(1)), InMonth { month: DECEMBER, paid: micros(4) });
    }
}
