//! The visitor wants the money of a payment back: asked once more, then signed by the root key and
//! sent until there is an answer. The same bytes again get the same answer.

use alloc::string::String;
use alloc::vec::Vec;

use farthing_shared::{ClaimId, PublicKey, Reason, Refund, UnixMillis};

use super::effect::{Effect, Signer};
use super::{Place, Wallet};
use crate::fields::{Fields, decimal, whole};
use crate::text64;
use crate::words::{money_text, wallet as words};

/// The tag of its request.
pub(super) const TAG: &str = "refund";

/// A refund that was begun.
#[derive(Debug)]
pub(super) struct Refunding {
    entry: u64,
    claim: ClaimId,
    reason: Reason,
    /// The signed request, once there is one.
    signed: String,
}

/// What the button of a payment carries: `entry claim amount title`.
pub(super) fn action(row: Fields<'_>, title: &str) -> String {
    let entry = decimal(row.count("entry"));
    let cells = [&*entry, " ", row.text("claim_id"), " ", row.text("amount"), " ", title];
    cells.concat()
}

impl Wallet {
    /// "Refund" was clicked beside a payment.
    pub fn refund(&mut self, fields: Fields<'_>) -> Vec<Effect> {
        if self.place != Place::Home || !self.busy.is_empty() {
            return Vec::new();
        }
        let mut cells = fields.text("key").splitn(4, ' ');
        let entry = cells.next().and_then(whole);
        let claim = cells.next().and_then(text64::decode).map(ClaimId);
        let (Some(entry), Some(claim)) = (entry, claim) else { return Vec::new() };
        let amount = money_text(cells.next().unwrap_or(""));
        let title = cells.next().unwrap_or("");
        self.refund =
            Some(Refunding { entry, claim, reason: Reason::Other, signed: String::new() });
        Vec::from([
            Effect::Set("refund-what", title.into()),
            Effect::Set("refund-amount", amount),
            Effect::Set("refund-note", String::new()),
            Effect::View("refund"),
        ])
    }

    /// "Keep it" was clicked.
    pub fn keep(&mut self) -> Vec<Effect> {
        if self.refund.take().is_none() {
            return Vec::new();
        }
        Vec::from([Effect::View("home")])
    }

    /// A reason was chosen and the money asked for. A second click finds the request signed or
    /// under way.
    pub fn refunding(&mut self, fields: Fields<'_>) -> Vec<Effect> {
        let reason = fields.number("reason").and_then(|code| u8::try_from(code).ok());
        let reason = reason.and_then(Reason::from_code).unwrap_or(Reason::Other);
        match &mut self.refund {
            Some(refund) if refund.signed.is_empty() && self.busy.is_empty() => {
                refund.reason = reason;
                self.busy = TAG;
                Vec::from([Effect::SignRefund])
            }
            _ => Vec::new(),
        }
    }

    /// What the page signs for [`Effect::SignRefund`].
    #[must_use]
    pub fn refund_request(&self, signer: PublicKey, now_ms: u64) -> Option<Refund> {
        let Refunding { entry, claim, reason, .. } = self.refund.as_ref()?;
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
        let Some(refund) = &mut self.refund else { return Vec::new() };
        refund.signed = fields.owned("refund");
        if refund.signed.is_empty() {
            return self.refund_over(words::REFUND_FAILED, now_ms);
        }
        self.send_refund().unwrap_or_default()
    }

    /// Sends the request that is signed, if one is; whatever became of it before.
    pub(super) fn send_refund(&mut self) -> Option<Vec<Effect>> {
        let refund = self.refund.as_ref().filter(|refund| !refund.signed.is_empty())?;
        let body = ["{\"refund\":\"", &refund.signed, "\"}"].concat();
        Some(self.ask(TAG, "POST", "/v1/refunds", &body, Signer::Nobody))
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
