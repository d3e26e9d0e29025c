//! What a wallet may pay at most, and what it has paid of that.
//!
//! A day is a UTC day and a month a calendar month of UTC. What counts is what the wallet paid within
//! them, less what came back of *those* payments by refunds: a purchase by mistake does not use the day
//! up, and the refund of yesterday's gives nothing more to spend today. Money that a finding brings back
//! weeks later changes no budget.
//!
//! Wallets whose holder never set a budget have no row here and cost nothing. With the first budget the
//! store counts once, from the wallet's own entries, what it paid in this month; from then on the row is
//! kept, also while it limits nothing.

use farthing_shared::time::month_of_day;
use farthing_shared::{Micros, Outcome, UnixMillis};

/// What was paid within the newest day, and within its month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// UTC day since 1970-01-01.
    pub day: u32,
    /// Paid within that day.
    pub in_day: Micros,
    /// Paid within its month.
    pub in_month: Micros,
}

impl Spent {
    /// What was paid by the day of a time, by the payments of that month: when, and how much.
    #[must_use]
    pub fn of(now: UnixMillis, payments: impl IntoIterator<Item = (UnixMillis, Micros)>) -> Self {
        let mut spent = Self { day: now.day(), ..Self::default() };
        for (at, amount) in payments {
            if at.day() == spent.day {
                spent.in_day = more(spent.in_day, amount);
            }
            if month_of_day(at.day()) == spent.month() {
                spent.in_month = more(spent.in_month, amount);
            }
        }
        spent
    }

    /// The same as of a later time. A clock that was set back does not bring a day back.
    #[must_use]
    pub fn at(self, now: UnixMillis) -> Self {
        let day = now.day();
        if day <= self.day {
            return self;
        }
        let same_month = month_of_day(day) == self.month();
        let in_month = if same_month { self.in_month } else { Micros::ZERO };
        Self { day, in_day: Micros::ZERO, in_month }
    }

    /// Counts a payment.
    #[must_use]
    pub fn paid(self, now: UnixMillis, amount: Micros) -> Self {
        let spent = self.at(now);
        let (in_day, in_month) = (more(spent.in_day, amount), more(spent.in_month, amount));
        Self { in_day, in_month, ..spent }
    }

    /// Counts the refund of a payment made at a time.
    #[must_use]
    pub fn refunded(self, now: UnixMillis, paid_at: UnixMillis, amount: Micros) -> Self {
        let mut spent = self.at(now);
        let less = |sum: Micros| sum.minus(amount).unwrap_or(Micros::ZERO);
        if paid_at.day() == spent.day {
            spent.in_day = less(spent.in_day);
        }
        if month_of_day(paid_at.day()) == spent.month() {
            spent.in_month = less(spent.in_month);
        }
        spent
    }

    /// The month that its day lies in.
    #[must_use]
    pub fn month(&self) -> u32 {
        month_of_day(self.day)
    }
}

fn more(sum: Micros, amount: Micros) -> Micros {
    sum.plus(amount).unwrap_or(Micros::MAX)
}

/// A wallet's budget, and what was paid of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetRow {
    /// How many were set.
    pub number: u64,
    /// Most within one UTC day.
    pub per_day: Option<Micros>,
    /// Most within one calendar month of UTC.
    pub per_month: Option<Micros>,
    /// Whether nothing may be paid.
    pub paused: bool,
    /// What was paid.
    pub spent: Spent,
}

impl BudgetRow {
    /// What can still be paid now; `None` where nothing limits it.
    #[must_use]
    pub fn left(&self, now: UnixMillis) -> Option<Micros> {
        if self.paused {
            return Some(Micros::ZERO);
        }
        let spent = self.spent.at(now);
        let left = |limit: Option<Micros>, spent| {
            limit.map(|limit| limit.minus(spent).unwrap_or(Micros::ZERO))
        };
        let (day, month) = (left(self.per_day, spent.in_day), left(self.per_month, spent.in_month));
        match (day, month) {
            (Some(day), Some(month)) => Some(day.min(month)),
            (day, month) => day.or(month),
        }
    }

    /// Why a payment of so much does not fit into what is left.
    #[must_use]
    pub fn over(&self, now: UnixMillis, amount: Micros) -> Option<Outcome> {
        let after = self.spent.paid(now, amount);
        if self.per_day.is_some_and(|most| after.in_day > most) {
            return Some(Outcome::OverDayBudget);
        }
        if self.per_month.is_some_and(|most| after.in_month > most) {
            return Some(Outcome::OverMonthBudget);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use farthing_shared::time::DAY_MS;

    use super::*;

    /// 2026-11-30T23:00Z, the last hour of a month.
    const EVENING: UnixMillis = UnixMillis(1_796_079_600_000);

    fn micros(value: u64) -> Micros {
        Micros::new(value).expect("a small amount")
    }

    #[test]
    fn days_and_months_end_and_refunds_count_where_they_were_paid() {
        let next = EVENING.plus_ms(2 * 3_600_000);
        let spent = Spent::default().paid(EVENING, micros(5)).paid(EVENING, micros(2));
        assert_eq!((spent.in_day, spent.in_month), (micros(7), micros(7)));
        let back = spent.refunded(EVENING, EVENING, micros(2));
        assert_eq!((back.in_day, back.in_month), (micros(5), micros(5)));
        // A new month has begun, and the refund of the old one's payment gives nothing more to spend.
        let new = spent.paid(next, micros(3)).refunded(next, EVENING, micros(5));
        assert_eq!((new.in_day, new.in_month), (micros(3), micros(3)));
        // A new day of the same month.
        let day = new.paid(next.plus_ms(DAY_MS), micros(4)).refunded(
            next.plus_ms(DAY_MS),
            next,
            micros(1),
        );
        assert_eq!((day.in_day, day.in_month), (micros(4), micros(6)));
        // A clock that was set back stays in the newer day.
        assert_eq!(new.paid(EVENING, micros(1)).day, new.day);
    }

    #[test]
    fn counting_from_payments_is_counting_along_with_them() {
        let times = [0, 1, 40, 29 * 24, 30 * 24 + 2, 30 * 24 + 3]
            .map(|hours: u64| EVENING.plus_ms(hours * 3_600_000));
        let mut spent = Spent::default();
        for (index, now) in times.iter().enumerate() {
            spent = spent.paid(*now, micros(10 + index as u64));
            let paid = times[..=index].iter().enumerate();
            let paid = paid.map(|(index, at)| (*at, micros(10 + index as u64)));
            assert_eq!(Spent::of(*now, paid), spent);
        }
    }

    #[test]
    fn the_last_micro_fits_and_no_more() {
        let spent = Spent::default().paid(EVENING, micros(6));
        let row = BudgetRow {
            number: 1,
            per_day: Some(micros(10)),
            per_month: Some(micros(9)),
            paused: false,
            spent,
        };
        for (row, amount, expected) in [
            (row, 3, None),
            (row, 4, Some(Outcome::OverMonthBudget)),
            (row, 5, Some(Outcome::OverDayBudget)),
            (BudgetRow { per_month: None, ..row }, 4, None),
            (BudgetRow { per_month: None, per_day: None, ..row }, 1_000, None),
        ] {
            assert_eq!(row.over(EVENING, micros(amount)), expected, "{row:?}");
        }
        assert_eq!(row.left(EVENING), Some(micros(3)));
        assert_eq!(row.left(EVENING.plus_ms(DAY_MS)), Some(micros(9)));
        assert_eq!(BudgetRow { per_month: None, per_day: None, ..row }.left(EVENING), None);
        assert_eq!(BudgetRow { paused: true, ..row }.left(EVENING), Some(Micros::ZERO));
    }
}
