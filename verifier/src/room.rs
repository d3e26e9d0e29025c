//! How many claims may be under way: as many as can be answered soon.
//!
//! A queue that is bounded by number alone makes the last one wait as long as a slow machine takes
//! for all of them. So the bound follows the rate at which claims are answered while the queue is
//! in use: by Little's law, what is under way is the rate times the wait.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The wait that the bound aims at. Half a second is promised to nearly all, and the last of a hundred waits
/// some two and a half times as long as the middle one.
const WAIT: Duration = Duration::from_millis(170);
/// How long claims are counted before the bound is set anew.
const WINDOW: Duration = Duration::from_millis(250);
/// A window that nobody closed for so long held a pause.
const STALE: Duration = Duration::from_secs(1);
/// The bound until a rate is known: what the slowest machine that was measured (20,000 claims a second) answers
/// within half a second, and enough to keep a fast one busy for a whole window.
const AT_FIRST: usize = 8_192;
/// The bound never falls below two of the largest batches.
const LEAST: usize = 2_000;

/// The bound, and what it follows.
#[derive(Debug)]
pub struct Room {
    most: usize,
    allowed: AtomicUsize,
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    began: Instant,
    answered: usize,
    /// The most claims that were under way.
    under_way: usize,
    /// Whether a rate was seen before this window.
    rated: bool,
}

impl Room {
    /// Room for at most `most` claims, whatever the rate.
    #[must_use]
    pub fn new(most: usize, now: Instant) -> Self {
        let window = Mutex::new(Window { began: now, answered: 0, under_way: 0, rated: false });
        Self { most, allowed: AtomicUsize::new(AT_FIRST.min(most)), window }
    }

    /// Whether `more` claims may come in beside those under way. Nobody is turned away by an idle
    /// verifier.
    #[must_use]
    pub fn admits(&self, under_way: usize, more: usize) -> bool {
        let allowed = self.allowed.load(Ordering::Relaxed);
        under_way == 0 || under_way.saturating_add(more) <= allowed
    }

    /// Counts claims that were answered while so many were under way, these included.
    pub fn answered(&self, count: usize, under_way: usize, now: Instant) {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        window.answered = window.answered.saturating_add(count);
        window.under_way = window.under_way.max(under_way);
        let elapsed = now.saturating_duration_since(window.began);
        if elapsed < WINDOW {
            return;
        }
        if elapsed > STALE {
            // Mostly quiet: what came at its end says nothing about the rate.
            *window = Window { began: now, answered: 0, under_way: 0, rated: window.rated };
            return;
        }
        let allowed = self.allowed.load(Ordering::Relaxed);
        // A queue that was nearly empty says nothing about how fast it could be emptied.
        if window.under_way.saturating_mul(2) >= allowed {
            let millis = usize::try_from(elapsed.as_millis()).unwrap_or(usize::MAX).max(1);
            let wait = usize::try_from(WAIT.as_millis()).unwrap_or(0);
            let now_allowed = window.answered.saturating_mul(wait).checked_div(millis).unwrap_or(0);
            // Half of the way each time, so that one odd window does not turn everybody away. The first rate is
            // better than none and counts whole, or the first second of a crowd would wait too long.
            let next = if window.rated { allowed.midpoint(now_allowed) } else { now_allowed };
            self.allowed.store(next.max(LEAST).min(self.most), Ordering::Relaxed);
            window.rated = true;
        }
        *window = Window { began: now, answered: 0, under_way: 0, rated: window.rated };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::monotonic;

    /// Lets a saturated verifier answer `rate` claims a second for `windows` windows.
    fn after(room: &Room, rate: usize, windows: u32, under_way: usize) -> usize {
        let start = monotonic();
        room.window.lock().unwrap().began = start;
        for window in 1..=windows {
            room.answered(rate / 4, under_way, start + WINDOW * window);
        }
        room.allowed.load(Ordering::Relaxed)
    }

    #[test]
    fn the_bound_follows_the_rate_while_it_is_used() {
        let room = Room::new(16_384, monotonic());
        assert!(room.admits(7_192, 1_000) && !room.admits(7_193, 1_000));
        let late = monotonic() + STALE * 2;
        room.answered(1_000, 16_000, late);
        assert!(room.admits(7_192, 1_000), "a crowd after a pause is not judged by the pause");
        assert_eq!(after(&room, 40_000, 1, 16_000), 6_800, "the first rate counts whole");
        assert_eq!(after(&room, 20_000, 1, 16_000), 5_100, "later ones half");
        let slow = after(&room, 12_000, 12, 16_000);
        assert!((2_040..=2_050).contains(&slow), "{slow}");
        // A quiet hour changes nothing, however few were answered.
        assert_eq!(after(&room, 40, 20, 1), slow);
        // Two large batches fit always, and an idle verifier takes whatever comes.
        assert_eq!(after(&room, 100, 20, 16_000), LEAST);
        assert!(room.admits(0, 10_000));
        let small = Room::new(1_000, monotonic());
        assert_eq!(after(&small, 40_000, 10, 1_000), 1_000, "the setting is the limit");
    }
}
