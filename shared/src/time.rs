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

    /// Number of the minute since 1970-01-01T00:00Z.
    #[must_use]
    pub fn minute(self) -> u64 {
        self.0.checked_div(MINUTE_MS).unwrap_or(u64::MAX)
    }
}
