//! Signals from one network: how often something came from a prefix within a window, in bounded memory, and by how
//! much whoever sends more is slowed. They accuse nobody: nothing here is written down, and whoever waits or works a
//! little longer goes on as before. What accuses is found later, from the ledger (`findings`).
//!
//! | signal | window | quiet up to | each doubling beyond |
//! |---|---|---|---|
//! | wallets opened | an hour | 32 | one bit more of work for the next one there |
//! | wallets opened, where new ones are given credit | a day | 128 | the same: a farm that stays below the hour's figure |
//! | refunds | an hour | 20 | a refund waits one second, two, four |
//!
//! Beside them stand the limits that know no network: claims of a key and refunds of a wallet (`farthing-rules`), and the
//! one that knows nothing else: requests (`http/network.rs`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use farthing_shared::UnixMillis;
use quick_cache::sync::Cache;

use crate::http::Prefix;

const HOUR_MS: u64 = 3_600_000;
/// Prefixes counted by one signal: the least used are forgotten first. A cell, its name and its place in the cache are
/// some 100 B, so that the three signals together take 3 × 16,384 × 100 B = 4.9 MB when full, however many networks come.
const PREFIXES_MAX: usize = 16_384;
/// A refund waits this long at most: less than a bucket holds, so that one of a busy network is not put off for ever, and
/// far less than the two minutes for which a request is good.
const REFUND_WAIT_S_MAX: u32 = 4;

/// Counts of one signal, by network prefix, in windows that begin anew.
#[derive(Debug)]
pub struct Signal {
    window_ms: u64,
    /// So many within a window are quiet: a household, a class room, an office behind one address.
    quiet: u64,
    /// The window's number in the upper half, its count in the lower one.
    cells: Cache<Prefix, Arc<AtomicU64>>,
}

impl Signal {
    const fn lower() -> u64 {
        0xffff_ffff
    }

    fn new(window_ms: u64, quiet: u64) -> Self {
        Self { window_ms, quiet, cells: Cache::new(PREFIXES_MAX) }
    }

    /// Wallets opened within an hour.
    #[must_use]
    pub fn openings() -> Self {
        Self::new(HOUR_MS, 32)
    }

    /// Wallets opened within a day, each of which was given credit.
    #[must_use]
    pub fn credits() -> Self {
        Self::new(24 * HOUR_MS, 128)
    }

    /// Refunds within an hour.
    #[must_use]
    pub fn refunds() -> Self {
        Self::new(HOUR_MS, 20)
    }

    /// Counts one.
    pub fn count(&self, prefix: Prefix, now: UnixMillis) {
        let cell = self.cells.get(&prefix).unwrap_or_else(|| {
            let cell = Arc::new(AtomicU64::new(0));
            self.cells.insert(prefix, cell.clone());
            cell
        });
        let count = self.of_window(cell.load(Ordering::Relaxed), now).saturating_add(1);
        // Two at once may count as one: it is a brake and no ledger.
        let packed = (self.number(now) << 32) | count.min(Self::lower());
        cell.store(packed, Ordering::Relaxed);
    }

    /// One from the quiet figure on, and one more for each doubling beyond; none below.
    #[must_use]
    pub fn doublings(&self, prefix: Prefix, now: UnixMillis) -> u8 {
        let cell = self.cells.get(&prefix).map(|cell| cell.load(Ordering::Relaxed));
        doublings(self.of_window(cell.unwrap_or(0), now), self.quiet)
    }

    fn number(&self, now: UnixMillis) -> u64 {
        now.0.checked_div(self.window_ms).unwrap_or(0) & Self::lower()
    }

    fn of_window(&self, cell: u64, now: UnixMillis) -> u64 {
        if cell >> 32 == self.number(now) { cell & Self::lower() } else { 0 }
    }
}

/// One from `quiet` on, and one more for each doubling beyond; none below.
#[must_use]
pub fn doublings(count: u64, quiet: u64) -> u8 {
    let over = count.checked_div(quiet).unwrap_or(0);
    let more = over.checked_ilog2().map_or(0, |doublings| doublings.saturating_add(1));
    u8::try_from(more).unwrap_or(u8::MAX)
}

/// Seconds that a refund costs its network, after so many doublings.
#[must_use]
pub fn refund_wait_s(doublings: u8) -> u32 {
    match doublings.checked_sub(1) {
        None => 0,
        Some(more) => 1_u32
            .checked_shl(u32::from(more))
            .map_or(REFUND_WAIT_S_MAX, |s| s.min(REFUND_WAIT_S_MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        Prefix::of(text.parse().unwrap())
    }

    /// A signal and its window, how often it came within it, and the doublings.
    type Row = (fn() -> Signal, u64, u64, u8);

    #[test]
    fn more_of_the_same_from_one_network_counts_there_alone() {
        let rows: [Row; 12] = [
            (Signal::openings, HOUR_MS, 0, 0),
            (Signal::openings, HOUR_MS, 31, 0),
            (Signal::openings, HOUR_MS, 32, 1),
            (Signal::openings, HOUR_MS, 63, 1),
            (Signal::openings, HOUR_MS, 64, 2),
            (Signal::openings, HOUR_MS, 512, 5),
            (Signal::credits, 24 * HOUR_MS, 127, 0),
            (Signal::credits, 24 * HOUR_MS, 128, 1),
            (Signal::credits, 24 * HOUR_MS, 600, 3),
            (Signal::refunds, HOUR_MS, 19, 0),
            (Signal::refunds, HOUR_MS, 20, 1),
            (Signal::refunds, HOUR_MS, 320, 5),
        ];
        let (here, there) = (prefix("192.0.2.1"), prefix("192.0.9.1"));
        for (signal, window_ms, count, expected) in rows {
            let signal = signal();
            let begun = UnixMillis(window_ms * 9);
            (0..count).for_each(|_| signal.count(here, begun));
            let last = begun.plus_ms(window_ms - 1);
            assert_eq!(signal.doublings(here, last), expected, "{count} in {window_ms} ms");
            assert_eq!(signal.doublings(there, last), 0, "a neighbour is not slowed");
            assert_eq!(signal.doublings(here, begun.plus_ms(window_ms)), 0, "a window later");
        }
    }

    #[test]
    fn refunds_wait_a_little_and_never_for_ever() {
        let rows = [(0, 0), (1, 1), (2, 2), (3, 4), (4, 4), (33, 4), (255, 4)];
        for (doublings, expected) in rows {
            assert_eq!(refund_wait_s(doublings), expected, "{doublings}");
        }
    }

    #[test]
    fn no_more_networks_are_remembered_than_there_is_room_for() {
        let signal = Signal::openings();
        for n in 0..200_000_u32 {
            signal.count(Prefix::of(std::net::Ipv4Addr::from(n << 8).into()), UnixMillis(1));
        }
        assert!(signal.cells.len() <= PREFIXES_MAX, "{}", signal.cells.len());
    }
}
