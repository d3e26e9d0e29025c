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

use alloc::string::String;

use farthing_shared::limits::CLOCK_SKEW_MS_MAX;
use farthing_shared::outcome::{Outcome, Retry};

use crate::fields::Fields;

/// Pauses between tries; the last one repeats.
const PAUSES_MS: [u64; 7] = [400, 800, 1_600, 3_000, 6_000, 10_000, 15_000];

/// An answer from the verifier, or that there was none: the HTTP status (0 without an answer) and
/// the flattened body, in one row.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    /// The HTTP status; 0 when no answer came.
    pub status: u64,
    /// The flattened body.
    pub fields: Fields<'a>,
}

impl<'a> Reply<'a> {
    /// Reads an answer's row.
    #[must_use]
    pub fn read(fields: Fields<'a>) -> Self {
        Self { status: fields.count("status"), fields }
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
        let asked_ms = self.fields.count("retry_after").saturating_mul(1_000);
        asked_ms.min(PAUSE_MS_MAX).max(least_ms)
    }
}

/// However long a verifier asks us to wait: a visitor who waits for an answer is asked for no more.
const PAUSE_MS_MAX: u64 = 60_000;

/// A claim that was signed and stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The claim id.
    pub id: String,
    /// The 256 bytes as base64url.
    pub claim: String,
    /// The spending key.
    pub key: String,
    /// The number of the claim, in digits.
    pub sequence: String,
    /// When it expires, by the verifier's clock.
    pub expires_at_ms: u64,
    /// Tries without a definite answer.
    pub tries: usize,
    /// An earlier try may have been charged without our knowing.
    in_doubt: bool,
}

/// What is to be done about a claim, or what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Not known: ask what became of it, now.
    Ask,
    /// Not known: go on after this many milliseconds, with [`Payment::request`].
    Wait(u64),
    /// It is paid or owned; the answer's fields say more.
    Success,
    /// Refused and not charged.
    Refused(Retry, Option<Outcome>),
    /// It never arrived and never will: not charged.
    Lost,
    /// The verifier did not understand it: not charged.
    Misunderstood,
}

/// One request about a claim: method, path, body.
pub type Request = (&'static str, String, String);

/// The tag of a payment's requests and of its timer.
pub const TAG: &str = "claim";

impl Payment {
    /// A claim that was just signed; `None` when the page could not sign it.
    #[must_use]
    pub fn signed(fields: Fields<'_>) -> Option<Self> {
        Some(Self {
            id: fields.owned("id"),
            claim: fields.owned("claim"),
            key: fields.owned("key"),
            sequence: fields.owned("sequence"),
            expires_at_ms: fields.number("expires")?,
            tries: 0,
            in_doubt: false,
        })
    }

    /// A claim found in storage: it may have been sent before.
    #[must_use]
    pub fn found(fields: Fields<'_>) -> Option<Self> {
        let mut payment = Self::signed(fields)?;
        payment.in_doubt = true;
        Some(payment)
    }

    /// The next request: send it while it can be accepted, ask about it after.
    #[must_use]
    pub fn request(&self, now_ms: u64) -> Request {
        if now_ms >= self.expires_at_ms {
            return self.question();
        }
        ("POST", "/v1/claims".into(), ["{\"claim\":\"", &self.claim, "\"}"].concat())
    }

    /// The request that asks whether it was charged.
    #[must_use]
    pub fn question(&self) -> Request {
        let path = ["/v1/claims/", &self.id, "?key=", &self.key, "&sequence=", &self.sequence];
        ("GET", path.concat(), String::new())
    }

    /// Takes an answer in.
    pub fn answered(&mut self, reply: &Reply<'_>, now_ms: u64) -> Fate {
        let fields = reply.fields;
        if reply.is_done() {
            if fields.text("outcome") == "not_seen" {
                return self.not_seen(fields, now_ms);
            }
            let code = fields.number("code").and_then(|code| u16::try_from(code).ok());
            return match code.and_then(Outcome::from_code) {
                Some(outcome) if outcome.is_success() => Fate::Success,
                // Only a final outcome says something about earlier tries too.
                Some(outcome) if self.in_doubt && !outcome.is_final() => self.ask_to_be_sure(),
                Some(outcome) => Fate::Refused(outcome.retry(), Some(outcome)),
                // A newer verifier may refuse for a reason that this build does not know.
                None if fields.text("charged") == "false" && fields.has("claim_id") => {
                    Fate::Refused(Retry::Later, None)
                }
                None => self.pause(reply),
            };
        }
        if !reply.is_definite() {
            self.pause(reply)
        } else if self.in_doubt {
            self.ask_to_be_sure()
        } else {
            Fate::Misunderstood
        }
    }

    fn not_seen(&mut self, fields: Fields<'_>, now_ms: u64) -> Fate {
        if fields.flag("final") || now_ms >= self.expires_at_ms.saturating_add(CLOCK_SKEW_MS_MAX) {
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

    fn pause(&mut self, reply: &Reply<'_>) -> Fate {
        self.in_doubt = true;
        self.tries += 1;
        Fate::Wait(reply.pause_ms(self.pause_ms()))
    }

    fn pause_ms(&self) -> u64 {
        let last = PAUSES_MS.len() - 1;
        PAUSES_MS.get(self.tries.saturating_sub(1)).copied().unwrap_or(PAUSES_MS[last])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNED: &str = "id\u{1f}id\u{1f}claim\u{1f}bytes\u{1f}key\u{1f}key\u{1f}sequence\u{1f}7\u{1f}expires\u{1f}100000";

    fn payment() -> Payment {
        Payment::signed(Fields::read(SIGNED)).unwrap()
    }

    fn reply(status: u64, body: &str) -> Reply<'_> {
        Reply { status, fields: Fields::read(body) }
    }

    const REFUSED_EXPIRED: &str = "outcome\u{1f}expired\u{1f}code\u{1f}14\u{1f}charged\u{1f}false";

    #[test]
    fn one_answer() {
        let rows = [
            ("accepted", 200, "code\u{1f}1", Fate::Success),
            ("owned", 200, "code\u{1f}2", Fate::Success),
            (
                "cap",
                200,
                "code\u{1f}37",
                Fate::Refused(Retry::AfterAllowance, Some(Outcome::OverCap)),
            ),
            (
                "expired",
                200,
                REFUSED_EXPIRED,
                Fate::Refused(Retry::NewClaim, Some(Outcome::Expired)),
            ),
            ("not JSON", 200, "", Fate::Wait(400)),
            ("network", 0, "", Fate::Wait(400)),
            ("unknown outcome", 500, "code\u{1f}outcome_unknown", Fate::Wait(400)),
            ("gateway", 502, "", Fate::Wait(400)),
            ("full", 503, "retry_after\u{1f}2", Fate::Wait(2_000)),
            ("full, for long", 503, "retry_after\u{1f}9999", Fate::Wait(60_000)),
            ("too many", 429, "", Fate::Wait(400)),
            ("malformed", 400, "", Fate::Misunderstood),
            (
                "a reason from the future",
                200,
                "code\u{1f}99\u{1f}charged\u{1f}false\u{1f}claim_id\u{1f}x",
                Fate::Refused(Retry::Later, None),
            ),
        ];
        for (what, status, body, fate) in rows {
            assert_eq!(payment().answered(&reply(status, body), 0), fate, "{what}");
        }
    }

    #[test]
    fn a_lost_answer_is_asked_for_with_the_same_bytes() {
        let mut payment = payment();
        let sent = payment.request(0);
        assert_eq!(payment.answered(&reply(0, ""), 0), Fate::Wait(400));
        assert_eq!(payment.request(500), sent);
        assert_eq!(
            payment.answered(&reply(200, "code\u{1f}1\u{1f}repeat\u{1f}true"), 500),
            Fate::Success
        );
    }

    #[test]
    fn an_expired_claim_whose_first_answer_was_lost_is_asked_about() {
        let mut payment = payment();
        let _ = payment.answered(&reply(0, ""), 0);
        // The verifier thinks that it has expired; that says nothing about the first try.
        assert_eq!(payment.answered(&reply(200, REFUSED_EXPIRED), 1), Fate::Ask);
        let (method, path, _) = payment.question();
        assert_eq!((method, &*path), ("GET", "/v1/claims/id?key=key&sequence=7"));
        assert_eq!(payment.answered(&reply(200, "code\u{1f}1"), 2), Fate::Success);
        // A malformed request after a lost answer says nothing about the first try either.
        let mut payment = self::payment();
        let _ = payment.answered(&reply(503, ""), 0);
        assert_eq!(payment.answered(&reply(400, ""), 1), Fate::Ask);
    }

    #[test]
    fn never_seen_is_said_only_when_it_can_never_be_charged() {
        let not_seen = "outcome\u{1f}not_seen\u{1f}final\u{1f}false";
        let mut found = Payment::found(Fields::read(SIGNED)).unwrap();
        assert_eq!(found.request(99_999).0, "POST");
        assert_eq!(found.request(100_000).0, "GET");
        assert!(matches!(found.answered(&reply(200, not_seen), 100_000), Fate::Wait(_)));
        assert_eq!(found.answered(&reply(200, not_seen), 130_000), Fate::Lost);
        let last = "outcome\u{1f}not_seen\u{1f}final\u{1f}true";
        assert_eq!(found.answered(&reply(200, last), 0), Fate::Lost);
    }

    #[test]
    fn pauses_grow_and_stay_bounded() {
        let mut payment = payment();
        let mut last = 0;
        for _ in 0..50 {
            let Fate::Wait(ms) = payment.answered(&reply(0, ""), 0) else { panic!("must wait") };
            assert!(ms >= last && ms <= 15_000);
            last = ms;
        }
    }
}
