//! One signed claim on its way, until its fate is known.
//!
//! ```text
//!            ┌────────── wait ◄──────────┐ no answer, 5xx, 503, 429
//!            ▼                           │
//! start ─► POST ──────────────────────► answer ─► Done
//!            │ the claim has expired      ▲
//!            └──► GET /v1/claims/{id} ────┘
//! ```
//!
//! The same bytes are sent again after any error: the verifier gives the first answer again and
//! charges once. Nothing is said about money before a definite answer: an accepted or refused claim,
//! or proof that it can never be charged any more. Once the claim has expired it is asked about
//! instead of sent, since an expired claim can only be refused and that refusal would say nothing
//! about an earlier try whose answer was lost.

use farthing_shared::limits::CLOCK_SKEW_MS_MAX;
use farthing_shared::outcome::Outcome;

use crate::fields::Fields;

/// Pauses between tries; the last one repeats.
const PAUSES_MS: [u64; 7] = [400, 800, 1_600, 3_000, 6_000, 10_000, 15_000];

/// What counts of an answer from the verifier, or that there was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Answer {
    /// The HTTP status; 0 when no answer came.
    pub status: u32,
    /// The outcome's number; 0 when there is none.
    pub code: u16,
    /// The verifier has not seen the claim.
    pub not_seen: bool,
    /// And never will: a later number was used.
    pub last: bool,
    /// Money moved for this claim, now or when it was answered first.
    pub charged: bool,
    /// The body names the claim and says that it was not charged.
    pub uncharged: bool,
    /// The verifier asks to wait so long.
    pub retry_after_s: u64,
}

impl Answer {
    /// Reads an answer's row.
    #[must_use]
    pub fn read(fields: Fields<'_>) -> Self {
        Self {
            status: u32::try_from(fields.count("status")).unwrap_or(0),
            // A problem's code is a word and is read as none.
            code: u16::try_from(fields.count("code")).unwrap_or(0),
            not_seen: fields.text("outcome") == "not_seen",
            last: fields.flag("final"),
            charged: fields.flag("charged"),
            uncharged: fields.text("charged") == "false" && fields.has("claim_id"),
            retry_after_s: fields.count("retry_after"),
        }
    }

    /// Whether the request was done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// Whether it is certain that nothing happened and that the same request fails again.
    #[must_use]
    pub fn is_definite(&self) -> bool {
        matches!(self.status, 400..=499) && !matches!(self.status, 408 | 425 | 429)
    }

    /// How long to wait: as the verifier asks, within bounds.
    #[must_use]
    pub fn pause_ms(&self, least_ms: u64) -> u64 {
        self.retry_after_s.saturating_mul(1_000).min(PAUSE_MS_MAX).max(least_ms)
    }
}

/// However long a verifier asks us to wait: a visitor who waits for an answer is asked for no more.
const PAUSE_MS_MAX: u64 = 60_000;

/// A claim that was signed and stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Track {
    expires_at_ms: u64,
    tries: usize,
    /// An earlier try may have been charged without our knowing.
    in_doubt: bool,
}

/// What is to be done about a claim, or what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Not known: ask what became of it, now.
    Ask,
    /// Not known: go on after this many milliseconds.
    Wait(u64),
    /// It is paid or owned.
    Success,
    /// Refused and not charged; `None` for an outcome that this build does not know.
    Refused(Option<Outcome>),
    /// It never arrived and never will: not charged.
    Lost,
    /// The verifier did not understand it: not charged.
    Misunderstood,
}

/// The tag of a payment's requests and of its timer.
pub const TAG: &str = "claim";

impl Track {
    /// A claim that was just signed, and expires then.
    #[must_use]
    pub const fn signed(expires_at_ms: u64) -> Self {
        Self { expires_at_ms, tries: 0, in_doubt: false }
    }

    /// A claim found in storage: it may have been sent before.
    #[must_use]
    pub const fn found(expires_at_ms: u64) -> Self {
        Self { expires_at_ms, tries: 0, in_doubt: true }
    }

    /// Tries without a definite answer.
    #[must_use]
    pub const fn tries(&self) -> usize {
        self.tries
    }

    /// Whether the next request sends the claim; else it asks about it.
    #[must_use]
    pub const fn can_be_sent(&self, now_ms: u64) -> bool {
        now_ms < self.expires_at_ms
    }

    /// Takes an answer in.
    pub fn answered(&mut self, answer: Answer, now_ms: u64) -> Fate {
        if answer.is_done() {
            if answer.not_seen {
                return self.not_seen(answer.last, now_ms);
            }
            return match Outcome::from_code(answer.code) {
                Some(outcome) if outcome.is_success() => Fate::Success,
                // Only a final outcome says something about earlier tries too.
                Some(outcome) if self.in_doubt && !outcome.is_final() => self.ask_to_be_sure(),
                Some(outcome) => Fate::Refused(Some(outcome)),
                // A newer verifier may refuse for a reason that this build does not know.
                None if answer.uncharged => Fate::Refused(None),
                None => self.pause(answer),
            };
        }
        if !answer.is_definite() {
            self.pause(answer)
        } else if self.in_doubt {
            self.ask_to_be_sure()
        } else {
            Fate::Misunderstood
        }
    }

    fn not_seen(&mut self, last: bool, now_ms: u64) -> Fate {
        if last || now_ms >= self.expires_at_ms.saturating_add(CLOCK_SKEW_MS_MAX) {
            return Fate::Lost;
        }
        self.tries += 1;
        Fate::Wait(self.pause_ms())
    }

    fn ask_to_be_sure(&mut self) -> Fate {
        self.tries += 1;
        // When the verifier's clock and ours differ: ask slowly rather than in a tight circle.
        if self.tries > PAUSES_MS.len() { Fate::Wait(self.pause_ms()) } else { Fate::Ask }
    }

    fn pause(&mut self, answer: Answer) -> Fate {
        self.in_doubt = true;
        self.tries += 1;
        Fate::Wait(answer.pause_ms(self.pause_ms()))
    }

    fn pause_ms(&self) -> u64 {
        let last = PAUSES_MS[PAUSES_MS.len() - 1];
        PAUSES_MS.get(self.tries.saturating_sub(1)).copied().unwrap_or(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u32, code: u16) -> Answer {
        Answer { status, code, ..Answer::default() }
    }

    #[test]
    fn one_answer() {
        let full = |retry_after_s| Answer { retry_after_s, ..answer(503, 0) };
        let unknown = Answer { uncharged: true, ..answer(200, 99) };
        let rows = [
            ("accepted", answer(200, 1), Fate::Success),
            ("owned", answer(200, 2), Fate::Success),
            ("cap", answer(200, 37), Fate::Refused(Some(Outcome::OverCap))),
            ("expired", answer(200, 14), Fate::Refused(Some(Outcome::Expired))),
            ("not JSON", answer(200, 0), Fate::Wait(400)),
            ("network", answer(0, 0), Fate::Wait(400)),
            ("unknown outcome", answer(500, 0), Fate::Wait(400)),
            ("gateway", answer(502, 0), Fate::Wait(400)),
            ("full", full(2), Fate::Wait(2_000)),
            ("full, for long", full(9_999), Fate::Wait(60_000)),
            ("too many", answer(429, 0), Fate::Wait(400)),
            ("too slow", answer(408, 0), Fate::Wait(400)),
            ("malformed", answer(400, 0), Fate::Misunderstood),
            ("a reason from the future", unknown, Fate::Refused(None)),
            ("a number from the future", answer(200, 99), Fate::Wait(400)),
        ];
        for (what, answer, fate) in rows {
            assert_eq!(Track::signed(100_000).answered(answer, 0), fate, "{what}");
        }
    }

    #[test]
    fn what_an_answer_says() {
        let row = "status\u{1f}200\u{1f}outcome\u{1f}not_seen\u{1f}final\u{1f}true\u{1f}charged\u{1f}false\u{1f}claim_id\u{1f}x\u{1f}retry_after\u{1f}3\u{1f}code\u{1f}7";
        let read = Answer::read(Fields::read(row));
        let expected = Answer {
            status: 200,
            code: 7,
            not_seen: true,
            last: true,
            charged: false,
            uncharged: true,
            retry_after_s: 3,
        };
        assert_eq!(read, expected);
        let problem = Fields::read("status\u{1f}500\u{1f}code\u{1f}outcome_unknown");
        assert_eq!(Answer::read(problem), answer(500, 0));
    }

    #[test]
    fn a_lost_answer_is_asked_for_with_the_same_bytes() {
        let mut track = Track::signed(100_000);
        assert_eq!(track.answered(answer(0, 0), 0), Fate::Wait(400));
        assert!(track.can_be_sent(500));
        assert_eq!(track.answered(answer(200, 1), 500), Fate::Success);
    }

    #[test]
    fn an_expired_claim_whose_first_answer_was_lost_is_asked_about() {
        let mut track = Track::signed(100_000);
        let _ = track.answered(answer(0, 0), 0);
        // The verifier thinks that it has expired; that says nothing about the first try.
        assert_eq!(track.answered(answer(200, 14), 1), Fate::Ask);
        assert_eq!(track.answered(answer(200, 1), 2), Fate::Success);
        // A malformed request after a lost answer says nothing about the first try either.
        let mut track = Track::signed(100_000);
        let _ = track.answered(answer(503, 0), 0);
        assert_eq!(track.answered(answer(400, 0), 1), Fate::Ask);
        // But a final refusal does: the number is used up.
        let mut track = Track::found(100_000);
        assert_eq!(
            track.answered(answer(200, 40), 1),
            Fate::Refused(Some(Outcome::InsufficientBalance))
        );
    }

    #[test]
    fn never_seen_is_said_only_when_it_can_never_be_charged() {
        let not_seen = Answer { not_seen: true, ..answer(200, 0) };
        let mut found = Track::found(100_000);
        assert!(found.can_be_sent(99_999) && !found.can_be_sent(100_000));
        assert!(matches!(found.answered(not_seen, 100_000), Fate::Wait(_)));
        assert_eq!(found.answered(not_seen, 130_000), Fate::Lost);
        assert_eq!(found.answered(Answer { last: true, ..not_seen }, 0), Fate::Lost);
    }

    #[test]
    fn pauses_grow_and_stay_bounded() {
        let mut track = Track::signed(100_000);
        let mut last = 0;
        for _ in 0..50 {
            let Fate::Wait(ms) = track.answered(answer(0, 0), 0) else { panic!("must wait") };
            assert!(ms >= last && ms <= 15_000);
            last = ms;
        }
        // Endless doubt is asked about slowly, never in a circle.
        let mut track = Track::found(100_000);
        let fates: Vec<_> = (0..20).map(|_| track.answered(answer(400, 0), 0)).collect();
        assert_eq!(fates.last(), Some(&Fate::Wait(15_000)));
    }
}
