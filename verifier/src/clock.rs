//! The only place that reads the machine's clocks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use farthing_shared::UnixMillis;

/// Where the time comes from.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's wall clock.
    System,
    /// A time that a test sets, in Unix milliseconds.
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// The wall clock: for expiry, entries, days. It may jump.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        match self {
            Self::System => {
                #[expect(clippy::disallowed_methods, reason = "this is the clock")]
                let now = SystemTime::now();
                let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
                UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
            }
            Self::Manual(now) => UnixMillis(now.load(Ordering::SeqCst)),
        }
    }
}

/// A clock that never jumps: for limits, pauses and durations.
#[must_use]
pub fn monotonic() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    Instant::now()
}
