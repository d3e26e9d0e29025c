//! Proof of work for opening wallets: stateless challenges whose difficulty follows how many wallets
//! are being opened, everywhere and from the same network. A solution is bound to its wallet, challenge and
//! network, so that none can be used twice or solved elsewhere. It slows bursts; it accuses nobody.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use farthing_shared::{Challenge, Opening, UnixMillis, limits};
use quick_cache::sync::Cache;

use crate::http::{Kind, Prefix, Problem};
use crate::secrets::Mac256;

/// Openings a minute that count as quiet; each doubling beyond asks for one bit more.
const QUIET_PER_MINUTE: u64 = 60;

/// Openings an hour from one network prefix that count as quiet, so that a household or a class room waits no
/// longer; each doubling beyond asks for one bit more.
const QUIET_PER_PREFIX_AND_HOUR: u64 = 32;
/// Prefixes whose openings are counted at once: 16,384 × some 100 B = 1.6 MB when full.
const PREFIXES_MAX: usize = 16_384;
const HOUR_MS: u64 = 3_600_000;

/// Makes and checks challenges.
#[derive(Debug)]
pub struct Challenges {
    mac: Mac256,
    bits_min: u8,
    /// The minute, its openings so far, and those of the minute before.
    openings: Mutex<(u64, u64, u64)>,
    /// By network prefix: the hour in the upper half, its openings in the lower one.
    by_prefix: Cache<Prefix, Arc<AtomicU64>>,
}

impl Challenges {
    /// With the difficulty for quiet times.
    #[must_use]
    pub fn new(mac: Mac256, bits_min: u8) -> Self {
        let by_prefix = Cache::new(PREFIXES_MAX);
        Self { mac, bits_min, openings: Mutex::new((0, 0, 0)), by_prefix }
    }

    /// A challenge for somebody on this network prefix.
    #[must_use]
    pub fn make(&self, prefix: Prefix, now: UnixMillis) -> Challenge {
        let bits = self.bits(prefix, now);
        let mac = self.mac.tag(&[&prefix.bytes(), &now.0.to_be_bytes(), &[bits]]);
        Challenge { issued_at: now, bits, mac }
    }

    /// Whether an opening solves a challenge that was made here, for this prefix, not long ago.
    ///
    /// # Errors
    /// A problem that says to ask for a new challenge.
    pub fn check(&self, prefix: Prefix, opening: &Opening, now: UnixMillis) -> Result<(), Problem> {
        let challenge = &opening.challenge;
        let issued_at = challenge.issued_at.0.to_be_bytes();
        let parts: [&[u8]; 3] = [&prefix.bytes(), &issued_at, &[challenge.bits]];
        let fresh = challenge.issued_at <= now
            && now.since(challenge.issued_at) <= limits::CHALLENGE_LIFE_MS;
        if !fresh || !self.mac.holds(&parts, &challenge.mac) {
            return Err(stale_challenge());
        }
        // What was easy when it was asked for is too easy once a rush has begun.
        if challenge.bits.saturating_add(4) < self.bits(prefix, now) {
            return Err(stale_challenge());
        }
        if challenge.is_solved_by(&opening.root, opening.solution) {
            Ok(())
        } else {
            Err(unsolved_challenge())
        }
    }

    /// Counts a wallet that was opened.
    pub fn count_opening(&self, prefix: Prefix, now: UnixMillis) {
        let cell = self.by_prefix.get(&prefix).unwrap_or_else(|| {
            let cell = Arc::new(AtomicU64::new(0));
            self.by_prefix.insert(prefix, cell.clone());
            cell
        });
        let count = of_hour(cell.load(Ordering::Relaxed), now).saturating_add(1);
        // Two at once may count as one: it is a brake and no ledger.
        cell.store(packed(count, now), Ordering::Relaxed);
        let mut openings = self.openings.lock().unwrap_or_else(PoisonError::into_inner);
        roll(&mut openings, now.minute());
        openings.1 = openings.1.saturating_add(1);
    }

    fn bits(&self, prefix: Prefix, now: UnixMillis) -> u8 {
        let here = self.by_prefix.get(&prefix).map(|cell| cell.load(Ordering::Relaxed));
        let here = of_hour(here.unwrap_or(0), now);
        let here = doublings(here, QUIET_PER_PREFIX_AND_HOUR);
        let mut openings = self.openings.lock().unwrap_or_else(PoisonError::into_inner);
        roll(&mut openings, now.minute());
        let rate = openings.1.max(openings.2);
        let more = doublings(rate, QUIET_PER_MINUTE).max(here);
        self.bits_min.saturating_add(more).min(limits::POW_BITS_MAX)
    }
}

/// One, and one more for each doubling beyond what is quiet; none below.
fn doublings(count: u64, quiet: u64) -> u8 {
    let over = count.checked_div(quiet).unwrap_or(0);
    let more = over.checked_ilog2().map_or(0, |doublings| doublings.saturating_add(1));
    u8::try_from(more).unwrap_or(u8::MAX)
}

/// How many openings a cell counts in this hour.
fn of_hour(cell: u64, now: UnixMillis) -> u64 {
    let hour = now.0.checked_div(HOUR_MS).unwrap_or(0) & 0xffff_ffff;
    if cell >> 32 == hour { cell & 0xffff_ffff } else { 0 }
}

fn packed(count: u64, now: UnixMillis) -> u64 {
    let hour = now.0.checked_div(HOUR_MS).unwrap_or(0) & 0xffff_ffff;
    (hour << 32) | count.min(0xffff_ffff)
}

fn stale_challenge() -> Problem {
    let detail = "the challenge is too old, or was made for another network; ask for a new one";
    Problem::new(Kind::StaleChallenge, detail)
}

fn unsolved_challenge() -> Problem {
    Problem::new(Kind::UnsolvedChallenge, "the solution does not solve the challenge")
}

fn roll(openings: &mut (u64, u64, u64), minute: u64) {
    if openings.0 != minute {
        let before = if openings.0.checked_add(1) == Some(minute) { openings.1 } else { 0 };
        *openings = (minute, 0, before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Secrets;
    use farthing_shared::{SigningKey, VerifierId};

    fn opening(challenge: Challenge) -> Opening {
        let root = SigningKey::from_seed(&[9; 32]).public();
        let solution = challenge.search(&root, 0, 1 << 20).unwrap();
        Opening { verifier: VerifierId([0; 32]), root, challenge, solution }
    }

    #[test]
    fn challenges_are_bound_to_prefix_time_and_difficulty() {
        let challenges = Challenges::new(Secrets::new(&[1; 32], [2; 32]).mac("work"), 6);
        let now = UnixMillis(1_000_000);
        let here = Prefix::of("192.0.2.1".parse().unwrap());
        let there = Prefix::of("192.0.9.1".parse().unwrap());
        let solved = opening(challenges.make(here, now));
        assert!(challenges.check(here, &solved, now).is_ok());
        assert!(challenges.check(there, &solved, now).is_err());
        assert!(
            challenges.check(here, &solved, now.plus_ms(limits::CHALLENGE_LIFE_MS + 1)).is_err()
        );
        assert!(challenges.check(here, &solved, UnixMillis(999_999)).is_err());
        let easier = Challenge { bits: 0, ..solved.challenge };
        assert!(challenges.check(here, &Opening { challenge: easier, ..solved }, now).is_err());
        let unsolved = (0..).find(|n| !solved.challenge.is_solved_by(&solved.root, *n)).unwrap();
        assert!(challenges.check(here, &Opening { solution: unsolved, ..solved }, now).is_err());
    }

    #[test]
    fn a_rush_makes_it_harder_and_quiet_makes_it_easy_again() {
        let challenges = Challenges::new(Secrets::new(&[1; 32], [2; 32]).mac("work"), 6);
        let now = UnixMillis(600_000);
        // From as many networks as wallets, so that only the whole is a rush.
        let from = |n: u32| Prefix::of(std::net::Ipv4Addr::from(n << 8).into());
        let elsewhere = from(9_999);
        assert_eq!(challenges.bits(elsewhere, now), 6);
        (0..60 * 8).for_each(|n| challenges.count_opening(from(n), now));
        assert_eq!(challenges.bits(elsewhere, now), 10);
        assert_eq!(challenges.bits(elsewhere, now.plus_ms(60_000)), 10);
        assert_eq!(challenges.bits(elsewhere, now.plus_ms(180_000)), 6);
    }

    /// Openings of one network within an hour, and the bits asked for there.
    #[test]
    fn a_burst_from_one_network_makes_it_harder_there_alone() {
        let rows = [(0, 6), (31, 6), (32, 7), (63, 7), (64, 8), (512, 11)];
        for (count, expected) in rows {
            let challenges = Challenges::new(Secrets::new(&[1; 32], [2; 32]).mac("work"), 6);
            let (here, there) = ("192.0.2.1", "192.0.9.1");
            let prefix = |text: &str| Prefix::of(text.parse().unwrap());
            // Two a minute and less than an hour, so that nothing else is a rush.
            let begun = UnixMillis(3_600_000);
            (0..count)
                .for_each(|n| challenges.count_opening(prefix(here), begun.plus_ms(n * 7_000)));
            let now = begun.plus_ms(3_599_000);
            assert_eq!(challenges.bits(prefix(here), now), expected, "{count}");
            assert_eq!(
                challenges.bits(prefix(there), now),
                6,
                "{count}: a neighbour waits no longer"
            );
            let later = begun.plus_ms(3_600_000);
            assert_eq!(challenges.bits(prefix(here), later), 6, "{count}: an hour later");
        }
    }
}
