//! Proof of work for opening wallets: stateless challenges whose difficulty follows how many wallets
//! are being opened.

use std::sync::Mutex;
use std::sync::PoisonError;

use farthing_shared::{Challenge, Opening, UnixMillis, limits};

use crate::http::{Kind, Prefix, Problem};
use crate::secrets::Mac256;

/// Openings a minute that count as quiet; each doubling beyond asks for one bit more.
const QUIET_PER_MINUTE: u64 = 60;

/// Makes and checks challenges.
#[derive(Debug)]
pub struct Challenges {
    mac: Mac256,
    bits_min: u8,
    /// The minute, its openings so far, and those of the minute before.
    openings: Mutex<(u64, u64, u64)>,
}

impl Challenges {
    /// With the difficulty for quiet times.
    #[must_use]
    pub fn new(mac: Mac256, bits_min: u8) -> Self {
        Self { mac, bits_min, openings: Mutex::new((0, 0, 0)) }
    }

    /// A challenge for somebody on this network prefix.
    #[must_use]
    pub fn make(&self, prefix: Prefix, now: UnixMillis) -> Challenge {
        let bits = self.bits(now);
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
        if challenge.bits.saturating_add(4) < self.bits(now) {
            return Err(stale_challenge());
        }
        if challenge.is_solved_by(&opening.root, opening.solution) {
            Ok(())
        } else {
            Err(unsolved_challenge())
        }
    }

    /// Counts a wallet that was opened.
    pub fn count_opening(&self, now: UnixMillis) {
        let mut openings = self.openings.lock().unwrap_or_else(PoisonError::into_inner);
        roll(&mut openings, now.minute());
        openings.1 = openings.1.saturating_add(1);
    }

    fn bits(&self, now: UnixMillis) -> u8 {
        let mut openings = self.openings.lock().unwrap_or_else(PoisonError::into_inner);
        roll(&mut openings, now.minute());
        let rate = openings.1.max(openings.2);
        let over = rate.checked_div(QUIET_PER_MINUTE).unwrap_or(0);
        let more = over.checked_ilog2().map_or(0, |doublings| doublings.saturating_add(1));
        let more = u8::try_from(more).unwrap_or(u8::MAX);
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
        assert_eq!(challenges.bits(now), 6);
        (0..60 * 8).for_each(|_| challenges.count_opening(now));
        assert_eq!(challenges.bits(now), 10);
        assert_eq!(challenges.bits(now.plus_ms(60_000)), 10);
        assert_eq!(challenges.bits(now.plus_ms(180_000)), 6);
    }
}
