//! How far back a wallet's entries are looked through for what it paid in a month.
//!
//! Entries hang together newest first. They end where an older month begins, unless the clock was set back over the end
//! of a month: then some of an older month stand among those of the newer one.

use farthing_shared::UnixMillis;
use farthing_shared::time::month_of_day;

/// Entries of a month and after it: some 1.5 ms. Asking again and again must not keep the ledger busy.
pub const ENTRIES_MAX: usize = 1_000;
/// Entries of older months that are passed over in all: what a wallet may have paid while the clock was wrong. More
/// would make every wallet with a long history read that much of it.
pub const OLDER_MAX: usize = 50;

/// What an entry is, on the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met {
    /// Of the month.
    Inside,
    /// Of another one: go on.
    Outside,
    /// Nothing of the month is older than this one.
    End,
    /// One too many: the sum is not known.
    TooMany,
}

/// A walk back to the beginning of a month.
#[derive(Debug)]
pub struct Walk {
    month: u32,
    met: usize,
    older: usize,
}

impl Walk {
    /// To the beginning of the month of a time.
    #[must_use]
    pub fn over(month_of: UnixMillis) -> Self {
        Self { month: month_of_day(month_of.day()), met: 0, older: 0 }
    }

    /// Takes the next older entry in.
    pub fn meet(&mut self, at: UnixMillis) -> Met {
        let month = month_of_day(at.day());
        if month < self.month {
            self.older = self.older.saturating_add(1);
            return if self.older > OLDER_MAX { Met::End } else { Met::Outside };
        }
        self.met = self.met.saturating_add(1);
        if self.met > ENTRIES_MAX {
            Met::TooMany
        } else if month == self.month {
            Met::Inside
        } else {
            Met::Outside
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-12-01T00:00Z.
    const DECEMBER: UnixMillis = UnixMillis(1_796_083_200_000);
    const BEFORE: UnixMillis = UnixMillis(DECEMBER.0 - 1);
    const JANUARY: UnixMillis = UnixMillis(DECEMBER.0 + 31 * 86_400_000);

    #[test]
    fn entries_of_an_older_month_are_passed_over_and_not_without_end() {
        let mut walk = Walk::over(DECEMBER);
        assert_eq!(walk.meet(JANUARY), Met::Outside);
        assert_eq!(walk.meet(DECEMBER), Met::Inside);
        for _ in 0..OLDER_MAX {
            assert_eq!(walk.meet(BEFORE), Met::Outside);
        }
        assert_eq!(walk.meet(DECEMBER), Met::Inside);
        assert_eq!(walk.meet(BEFORE), Met::End);
    }

    #[test]
    fn a_thousand_entries_are_not_too_many() {
        let mut walk = Walk::over(DECEMBER);
        assert_eq!(walk.meet(JANUARY), Met::Outside);
        for _ in 1..ENTRIES_MAX {
            assert_eq!(walk.meet(DECEMBER), Met::Inside);
        }
        assert_eq!(walk.meet(BEFORE), Met::Outside);
        assert_eq!(walk.meet(DECEMBER), Met::TooMany);
    }
}
