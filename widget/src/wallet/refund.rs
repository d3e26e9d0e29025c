//! The visitor wants the money of a payment back: asked once more, then signed by the root key and
//! sent until there is an answer. The same bytes again get the same answer.

use alloc::string::String;
use alloc::vec::Vec;

use farthing_shared::{ClaimId, PublicKey, Reason, Refund, UnixMillis};

use super::effect::{Effect, Signer};
use super::{Place, Wallet};
use crate::fields::{Fields, whole};
use crate::text64;
use crate::words::{money_text, wallet as words};

/// The tag of its request, and the name of its timer.
pub(super) const TAG: &str = "refund";

/// "Have it back" is live so long after the question came: the second half of a double click has seen none.
const ARM_MS: u64 = 1_000;

/// A refund that was begun.
#[derive(Debug)]
pub(super) enum Refunding {
    /// The visitor is asked once more, or the page signs.
    Asked { entry: u64, claim: ClaimId, reason: Reason },
    /// Signed, kept by the page, and on its way until there is an answer.
    Signed(String),
}

/// What an answer says, in words: the page has none for an outcome that it does not know.
pub(super) fn said(answer: Fields<'_>) -> &str {
    match answer.text("message") {
        "" if answer.flag("refunded") => words::REFUND_DONE,
        "" => words::REFUND_REFUSED,
        message => message,
    }
}

impl Wallet {
    /// "Refund" was clicked beside a payment.
    pub fn refund(&mut self, fields: Fields<'_>) -> Vec<Effect> {
        if self.place != Place::Home || !self.busy.is_empty() {
            return Vec::new();
        }
        // `entry claim amount title`, as the history's button carries it.
        let mut cells = fields.text("key").splitn(4, ' ');
        let entry = cells.next().and_then(whole);
        let claim = cells.next().and_then(text64::decode).map(ClaimId);
        let (Some(entry), Some(claim)) = (entry, claim) else { return Vec::new() };
        let amount = money_text(cells.next().unwrap_or(""));
        let title = cells.next().unwrap_or("");
        self.refund = Some(Refunding::Asked { entry, claim, reason: Reason::Other });
        self.refund_timers = self.refund_timers.saturating_add(1);
        Vec::from([
            Effect::Flag("give-back", false),
            Effect::Timer { name: TAG, ms: ARM_MS },
            Effect::Set("refund-what", title.into()),
            Effect::Set("refund-amount", amount),
            Effect::Set("refund-note", String::new()),
            Effect::View("refund"),
        ])
    }

    /// A second has passed since the question, or since an earlier one, which counts for nothing.
    pub(super) fn refund_seen(&mut self) -> Vec<Effect> {
        self.refund_timers = self.refund_timers.saturating_sub(1);
        Vec::from([Effect::Flag("give-back", self.refund_timers == 0)])
    }

    /// "Keep it" was clicked.
    pub fn keep(&mut self) -> Vec<Effect> {
        if self.refund.take().is_none() {
            return Vec::new();
        }
        Vec::from([Effect::View("home")])
    }

    /// A reason was chosen and the money asked for, a second after the question at the earliest. A second click finds
    /// the request signed or under way.
    pub fn refunding(&mut self, fields: Fields<'_>) -> Vec<Effect> {
        if self.refund_timers > 0 {
            return Vec::new();
        }
        let reason = fields.number("reason").and_then(|code| u8::try_from(code).ok());
        let chosen = reason.and_then(Reason::from_code).unwrap_or(Reason::Other);
        match &mut self.refund {
            Some(Refunding::Asked { reason, .. }) if self.busy.is_empty() => {
                *reason = chosen;
                self.busy = TAG;
                Vec::from([Effect::SignRefund])
            }
            _ => Vec::new(),
        }
    }

    /// What the page signs for [`Effect::SignRefund`].
    #[must_use]
    pub fn refund_request(&self, signer: PublicKey, now_ms: u64) -> Option<Refund> {
        let Some(Refunding::Asked { entry, claim, reason }) = &self.refund else { return None };
        Some(Refund {
            verifier: self.verifier()?,
            signer,
            claim: *claim,
            entry: *entry,
            asked_at: UnixMillis(now_ms),
            reason: *reason,
        })
    }

    /// The request is signed, or the key could not be used.
    pub fn refund_signed(&mut self, fields: Fields<'_>, now_ms: u64) -> Vec<Effect> {
        self.busy = "";
        if !fields.has("refund") {
            return self.refund_over(words::REFUND_FAILED, now_ms);
        }
        self.refund = Some(Refunding::Signed(fields.owned("refund")));
        self.send_refund().unwrap_or_default()
    }

    /// Sends the request that is signed, if one is; whatever became of it before.
    pub(super) fn send_refund(&mut self) -> Option<Vec<Effect>> {
        let Some(Refunding::Signed(signed)) = &self.refund else { return None };
        let body = ["{\"refund\":\"", signed, "\"}"].concat();
        Some(self.ask(TAG, "POST", "/v1/refunds", &body, Signer::Nobody))
    }

    /// Whether one is on its way, so that nobody knows whether it was given.
    pub(super) fn refund_is_signed(&self) -> bool {
        matches!(self.refund, Some(Refunding::Signed(_)))
    }

    /// There is an answer: it is shown above the payments, which are read anew.
    pub(super) fn refund_over(&mut self, said: &str, now_ms: u64) -> Vec<Effect> {
        self.refund = None;
        self.account = None;
        let mut effects = Vec::from([Effect::Set("refund-note", said.into())]);
        effects.extend(self.advance(now_ms));
        effects
    }
}
