//! Wallets that arrive together again and again, at several creators and at different hours.
//!
//! Meetings are weighed against the creators' own arrival curves: fans answer releases and meet by nature. A creator's
//! `meeting_rate` is the share of its pairs of claims that fall into one window; two wallets with `a` and `b` claims
//! there meet `a × b × rate` times without any plan.
//!
//! Bounded: at most [`RECENT_MAX`] arrivals per creator are compared (busier moments are popularity), and the table of
//! pairs holds two generations of at most [`PAIRS_MAX`] entries (some 100 MB each when full).

use std::collections::VecDeque;

use hashbrown::HashMap;

/// Two arrivals at one creator within this time are one co-arrival.
const WINDOW_S: f64 = 1_800.0;
/// More arrivals than this within the window are a crowd.
const RECENT_MAX: usize = 16;
/// In a crowd arrivals are compared with anchors only: one wallet in so many, always the same ones.
const ANCHOR_EVERY: u32 = 8;
const ANCHORS_MAX: usize = 12;
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
    mates: bool,
}

#[derive(Debug, Default)]
struct Door {
    recent: VecDeque<(f64, u32)>,
    anchors: VecDeque<(f64, u32)>,
    claims: f64,
    met: f64,
}

/// Recent arrivals and pairs.
#[derive(Debug, Default)]
pub struct Lockstep {
    doors: Vec<Door>,
    pairs: HashMap<(u32, u32), Together>,
    older: HashMap<(u32, u32), Together>,
}

impl Lockstep {
    /// An accepted claim. `surprising` is asked, once enough meetings have come together, whether a pair that met so
    /// often is more than the creators' arrival curves explain; it is told the other wallet and the meetings.
    pub fn arrive(
        &mut self,
        wallet: u32,
        creator: u32,
        t: f64,
        mut surprising: impl FnMut(&Self, u32, u8) -> bool,
    ) {
        let at = creator as usize;
        if at >= self.doors.len() {
            self.doors.resize_with(at + 1, Door::default);
        }
        let door = &mut self.doors[at];
        let mut recent = std::mem::take(&mut door.recent);
        let mut anchors = std::mem::take(&mut door.anchors);
        for queue in [&mut recent, &mut anchors] {
            while queue.front().is_some_and(|&(then, _)| t - then > WINDOW_S) {
                queue.pop_front();
            }
        }
        let crowd = recent.len() >= RECENT_MAX;
        door.claims += 1.0;
        door.met += if crowd {
            (anchors.len() * ANCHOR_EVERY as usize).max(RECENT_MAX) as f64
        } else {
            recent.len() as f64
        };
        let compared = if crowd { &anchors } else { &recent };
        for &(_, other) in compared.iter().filter(|_| anchors.len() < ANCHORS_MAX) {
            let pair = (wallet.min(other), wallet.max(other));
            if other != wallet
                && let Some(times) = self.meet(pair, creator, t)
                && surprising(self, other, times)
                && let Some(known) = self.pairs.get_mut(&pair)
            {
                known.mates = true;
            }
        }
        if crowd {
            recent.pop_front();
        }
        if anchors.len() >= ANCHORS_MAX {
            anchors.pop_front();
        }
        if recent.back().is_none_or(|&(_, last)| last != wallet) {
            recent.push_back((t, wallet));
            if wallet.wrapping_mul(0x9E37_79B9) >> 16 & (ANCHOR_EVERY - 1) == 0 {
                anchors.push_back((t, wallet));
            }
        }
        self.doors[at].recent = recent;
        self.doors[at].anchors = anchors;
    }

    /// The share of this creator's pairs of claims that fall into one window.
    #[must_use]
    pub fn meeting_rate(&self, creator: u32) -> f64 {
        self.doors
            .get(creator as usize)
            .map_or(0.0, |door| (door.met + 1.0) * 2.0 / (door.claims * door.claims).max(1.0))
    }

    /// Counts a meeting; the number of meetings, when they might make the two mates and do not yet.
    fn meet(&mut self, pair: (u32, u32), creator: u32, t: f64) -> Option<u8> {
        if self.pairs.len() >= PAIRS_MAX {
            // The table is kept: growing it anew would cost more than all that it is asked.
            std::mem::swap(&mut self.older, &mut self.pairs);
            self.pairs.clear();
        }
        let fresh = Together { last_t: t, creator, times: 1, several: false, mates: false };
        let known = self.pairs.get(&pair).or_else(|| self.older.get(&pair)).copied();
        let Some(mut known) = known else {
            self.pairs.insert(pair, fresh);
            return None;
        };
        // The same hour of another day is a habit (midnight payers), the same visit is one act.
        let apart = t - known.last_t;
        let of_day = (apart % DAY).min(DAY - apart % DAY);
        if apart < 2.0 * HOUR || of_day < HOUR / 2.0 {
            return None;
        }
        known.several |= known.creator != creator;
        known.last_t = t;
        known.times = known.times.saturating_add(1);
        known.creator = creator;
        self.pairs.insert(pair, known);
        (!known.mates && known.times >= TOGETHER_MIN && known.several).then_some(known.times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mates after the given (hours, creator) meetings of two wallets, the second a minute after the first.
    fn check(meetings: &[(f64, u32)], expected: usize) {
        check_apart(meetings, 60.0, expected);
    }

    fn check_apart(meetings: &[(f64, u32)], apart_s: f64, expected: usize) {
        let mut lockstep = Lockstep::default();
        let mut found = 0;
        for &(hours, creator) in meetings {
            lockstep.arrive(1, creator, hours * HOUR, |_, _, _| false);
            lockstep.arrive(2, creator, hours * HOUR + apart_s, |_, _, _| {
                found += 1;
                true
            });
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
    #[test]
    fn a_meeting_is_within_half_an_hour() {
        let meetings = [(1.0, 1), (30.0, 2), (75.0, 3)];
        check_apart(&meetings, WINDOW_S, 1);
        check_apart(&meetings, WINDOW_S + 1.0, 0);
    }
}
