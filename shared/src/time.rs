//! Points in time, as arguments: nothing here reads a clock.

/// Milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixMillis(pub u64);

/// Milliseconds in a minute.
pub const MINUTE_MS: u64 = 60_000;
/// Milliseconds in a day.
pub const DAY_MS: u64 = 86_400_000;

impl UnixMillis {
    /// This time and `ms` more; stays at the end of time rather than wrap.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this time, zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Number of the UTC day since 1970-01-01.
    #[must_use]
    pub fn day(self) -> u32 {
        self.0.checked_div(DAY_MS).and_then(|day| u32::try_from(day).ok()).unwrap_or(u32::MAX)
    }

    /// The time at which a UTC day begins, by its number since 1970-01-01.
    #[must_use]
    pub fn of_day(day: u32) -> Self {
        Self(u64::from(day).saturating_mul(DAY_MS))
    }

    /// Number of the minute since 1970-01-01T00:00Z.
    #[must_use]
    pub fn minute(self) -> u64 {
        self.0.checked_div(MINUTE_MS).unwrap_or(u64::MAX)
    }
}

/// Number of the calendar month since January 1970 that a UTC day lies in (proleptic Gregorian).
#[must_use]
pub fn month_of_day(day: u32) -> u32 {
    // Days since 0000-03-01, so that the leap day ends a year; eras of 400 years have 146,097 days
    // (after Howard Hinnant, "chrono-compatible low-level date algorithms").
    let days = u64::from(day).saturating_add(719_468);
    let (era, of_era) = divided(days, 146_097);
    let leaps = of_era / 1_460;
    let centuries = of_era / 36_524;
    let rest = of_era.saturating_sub(leaps).saturating_add(centuries);
    let year_of_era = rest.saturating_sub(of_era / 146_096) / 365;
    let before = year_of_era
        .saturating_mul(365)
        .saturating_add(year_of_era / 4)
        .saturating_sub(year_of_era / 100);
    let of_year = of_era.saturating_sub(before);
    let month_from_march = of_year.saturating_mul(5).saturating_add(2) / 153;
    // March of year 0 is month 2 of its January year.
    let year = era.saturating_mul(400).saturating_add(year_of_era);
    let months = year.saturating_mul(12).saturating_add(month_from_march).saturating_add(2);
    u32::try_from(months.saturating_sub(1970 * 12)).unwrap_or(u32::MAX)
}

/// The first UTC day after the month that a day lies in.
#[must_use]
pub fn day_after_month_of(day: u32) -> u32 {
    let month = month_of_day(day);
    (day..day.saturating_add(32)).find(|later| month_of_day(*later) != month).unwrap_or(u32::MAX)
}

fn divided(number: u64, by: u64) -> (u64, u64) {
    (number.checked_div(by).unwrap_or(0), number.checked_rem(by).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_those_of_the_calendar() {
        // Counted by the rule of leap years, day by day, over more than an era.
        let (mut day, mut month) = (0, 0);
        for year in 1970_u32..2400 {
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            for length in [31, 28 + u32::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
                assert_eq!(month_of_day(day), month, "first day of month {month}");
                assert_eq!(month_of_day(day + length - 1), month, "last day of month {month}");
                assert_eq!(day_after_month_of(day), day + length);
                assert_eq!(day_after_month_of(day + length - 1), day + length);
                day += length;
                month += 1;
            }
        }
    }
}
