//! Wallets that arrive together again and again, at several creators and at different hours.
//!
//! Bounded: at most [`RECENT_MAX`] arrivals per creator are compared (busier moments are popularity), and the table of
//! pairs holds two generations of at most [`PAIRS_MAX`] entries (some 100 MB each when full).

use std::collections::VecDeque;

use hashbrown::HashMap;

/// Two arrivals at one creator within this time are one co-arrival.
const WINDOW_S: f64 = 1_800.0;
/// More arrivals than this within the window are a crowd, not a token.
const RECENT_MAX: usize = 24;
/// Pairs per generation: 3 M × about 32 bytes.
const PAIRS_MAX: usize = 3_000_000;
/// Co-arrivals that make a pair of mates.
const TOGETHER_MIN: u8 = 3;
const HOUR: f64 = 3_600.0;
const DAY: f64 = 86_400.0;

#[derive(Debug, Clone, Copy)]
struct Together {
    last_t: f64,
    creator: u32,
    times: u8,
    several: bool,
}

/// Recent arrivals and pairs.
#[derive(Debug, Default)]
pub struct Lockstep {
    recent: Vec<VecDeque<(f64, u32)>>,
    pairs: HashMap<(u32, u32), Together>,
    older: HashMap<(u32, u32), Together>,
}

impl Lockstep {
    /// An accepted claim; `mates` is called with each wallet that has just become a mate of `wallet`.
    pub fn arrive(&mut self, wallet: u32, creator: u32, t: f64, mut mates: impl FnMut(u32)) {
        let at = creator as usize;
        if at >= self.recent.len() {
            self.recent.resize_with(at + 1, VecDeque::new);
        }
        let mut recent = std::mem::take(&mut self.recent[at]);
        while recent.front().is_some_and(|&(then, _)| t - then > WINDOW_S) {
            recent.pop_front();
        }
        if recent.len() < RECENT_MAX {
            for &(_, other) in &recent {
                if other != wallet && self.meet(wallet.min(other), wallet.max(other), creator, t) {
                    mates(other);
                }
            }
        }
        if recent.len() >= RECENT_MAX {
            recent.pop_front();
        }
        if recent.back().is_none_or(|&(_, last)| last != wallet) {
            recent.push_back((t, wallet));
        }
        self.recent[at] = recent;
    }

    /// Whether this meeting makes the two mates.
    fn meet(&mut self, a: u32, b: u32, creator: u32, t: f64) -> bool {
        if self.pairs.len() >= PAIRS_MAX {
            self.older = std::mem::take(&mut self.pairs);
        }
        let fresh = Together { last_t: t, creator, times: 1, several: false };
        let known = self.pairs.get(&(a, b)).or_else(|| self.older.get(&(a, b))).copied();
        let Some(mut pair) = known else {
            self.pairs.insert((a, b), fresh);
            return false;
        };
        // The same hour of another day is a habit (midnight payers), the same visit is one act.
        let apart = t - pair.last_t;
        let of_day = (apart % DAY).min(DAY - apart % DAY);
        if apart < 2.0 * HOUR || of_day < HOUR / 2.0 {
            return false;
        }
        pair.several |= pair.creator != creator;
        pair.last_t = t;
        let before = pair.times >= TOGETHER_MIN && pair.several;
        pair.times = pair.times.saturating_add(1);
        pair.several |= pair.creator != creator;
        pair.creator = creator;
        let now = pair.times >= TOGETHER_MIN && pair.several;
        self.pairs.insert((a, b), pair);
        now && !before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mates after the given (hours, creator) meetings of two wallets.
    fn check(meetings: &[(f64, u32)], expected: usize) {
        let mut lockstep = Lockstep::default();
        let mut found = 0;
        for &(hours, creator) in meetings {
            lockstep.arrive(1, creator, hours * HOUR, |_| found += 1);
            lockstep.arrive(2, creator, hours * HOUR + 60.0, |_| found += 1);
        }
        assert_eq!(found, expected, "{meetings:?}");
    }

    #[test]
    fn habits_and_carts_are_not_lockstep() {
        check(&[(1.0, 1), (30.0, 2), (75.0, 3)], 1);
        check(&[(1.0, 1), (30.0, 1), (75.0, 1), (130.0, 1)], 0); // one creator's releases
        check(&[(0.0, 1), (24.0, 2), (48.0, 3), (72.0, 4)], 0); // midnight payers
        check(&[(1.0, 1), (1.1, 2), (1.2, 3)], 0); // one cart
    }
}
