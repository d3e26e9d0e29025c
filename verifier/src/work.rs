//! Proof of work for opening wallets: stateless challenges whose difficulty follows how many wallets
//! are being opened, everywhere and from the same network. A solution is bound to its wallet, challenge and
//! network, so that none can be used twice or solved elsewhere. It slows bursts; it accuses nobody.

use std::sync::{Mutex, PoisonError};

use farthing_shared::{Challenge, Opening, UnixMillis, limits};

use crate::http::{Kind, Prefix, Problem};
use crate::secrets::Mac256;
use crate::signals::{Signal, doublings};

/// Openings a minute that count as quiet; each doubling beyond asks for one bit more.
const QUIET_PER_MINUTE: u64 = 60;

/// Makes and checks challenges.
#[derive(Debug)]
pub struct Challenges {
    mac: Mac256,
    bits_min: u8,
    /// The minute, its openings so far, and those of the minute before.
    openings: Mutex<(u64, u64, u64)>,
    /// By network prefix: those of the hour, and those of the day that were given credit.
    here: Signal,
    credits: Option<Signal>,
}

impl Challenges {
    /// With the difficulty for quiet times, and whether new wallets are given credit.
    #[must_use]
    pub fn new(mac: Mac256, bits_min: u8, gives_credit: bool) -> Self {
        let credits = gives_credit.then(Signal::credits);
        let openings = Mutex::new((0, 0, 0));
        Self { mac, bits_min, openings, here: Signal::openings(), credits }
    }

    /// Whether a challenge is harder than in quiet times.
    #[must_use]
    pub fn is_slowed(&self, challenge: &Challenge) -> bool {
        challenge.bits > self.bits_min
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
        self.here.count(prefix, now);
        self.credits.iter().for_each(|credits| credits.count(prefix, now));
        let mut openings = self.openings.lock().unwrap_or_else(PoisonError::into_inner);
        roll(&mut openings, now.minute());
        openings.1 = openings.1.saturating_add(1);
    }

    fn bits(&self, prefix: Prefix, now: UnixMillis) -> u8 {
        let credits = self.credits.as_ref().map_or(0, |credits| credits.doublings(prefix, now));
        let here = self.here.doublings(prefix, now).max(credits);
        let mut openings = self.openings.lock().unwrap_or_else(PoisonError::into_inner);
        roll(&mut openings, now.minute());
        let rate = openings.1.max(openings.2);
        let more = doublings(rate, QUIET_PER_MINUTE).max(here);
        self.bits_min.saturating_add(more).min(limits::POW_BITS_MAX)
    }
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
        let challenges = Challenges::new(Secrets::new(&[1; 32], [2; 32]).mac("work"), 6, false);
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
        let challenges = Challenges::new(Secrets::new(&[1; 32], [2; 32]).mac("work"), 6, false);
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
            let challenges = Challenges::new(Secrets::new(&[1; 32], [2; 32]).mac("work"), 6, false);
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

    /// A farm that opens thirty wallets an hour is quiet in every hour, and not over the day.
    #[test]
    fn slow_farming_of_free_credit_gets_harder_too() {
        for (gives_credit, expected) in [(false, 6), (true, 8)] {
            let challenges =
                Challenges::new(Secrets::new(&[1; 32], [2; 32]).mac("work"), 6, gives_credit);
            let here = Prefix::of("192.0.2.1".parse().unwrap());
            let there = Prefix::of("192.0.9.1".parse().unwrap());
            let begun = UnixMillis(9 * 86_400_000);
            for n in 0..300 {
                challenges.count_opening(here, begun.plus_ms(n * 120_000));
            }
            let now = begun.plus_ms(11 * 3_600_000);
            assert_eq!(challenges.bits(here, now), expected, "{gives_credit}");
            assert_eq!(challenges.bits(there, now), 6);
            assert_eq!(challenges.bits(here, begun.plus_ms(86_400_000)), 6, "the next day");
            assert_eq!(challenges.is_slowed(&challenges.make(here, now)), gives_credit);
        }
    }
}
