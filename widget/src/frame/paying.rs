//! From the signed claim to "Paid", or to the words why not.

use farthing_shared::outcome::{Outcome, Retry};

use super::{Frame, Mode, Phase, RENEWALS_MAX};
use crate::effect::decimal;
use crate::fields::Fields;
use crate::payment::{Fate, Payment, Reply, TAG as CLAIM};
use crate::quote::Lack;
use crate::words::{NOT_CHARGED, frame as words, money_text, say};

impl Frame {
    /// The page allotted a number, signed the draft and stored the claim; or it could not: the key
    /// is gone, or another tab took a new one.
    pub(super) fn signed(&mut self, fields: Fields<'_>, now_ms: u64) {
        if self.phase != Phase::Signing {
            return;
        }
        match Payment::signed(fields).filter(|payment| payment.key == self.key) {
            Some(payment) => {
                self.payment = Some(payment);
                self.phase = Phase::Paying;
                self.show();
                self.send_claim(now_ms);
            }
            None => {
                // A claim under a key that this frame does not know was never sent.
                self.out.add(&["settle", fields.text("id")]);
                self.key = fields.owned("key");
                self.refused(words::NO_KEY, "unsigned");
            }
        }
    }

    pub(super) fn claim_answered(&mut self, reply: &Reply<'_>, now_ms: u64) {
        let server_ms = self.server_ms(now_ms);
        let Some(payment) = &mut self.payment else { return };
        let fate = payment.answered(reply, server_ms);
        match fate {
            Fate::Ask => {
                let question = payment.question();
                return self.fetch_claim(&question);
            }
            Fate::Wait(ms) => {
                self.retry_due = true;
                self.show();
                return self.out.add(&["timer", CLAIM, &decimal(ms)]);
            }
            _ => {}
        }
        let id = core::mem::take(&mut payment.id);
        self.payment = None;
        self.out.add(&["settle", &id]);
        let fields = reply.fields;
        let amount = fields.text("amount");
        if fate == Fate::Success {
            self.tell_paid(&id, fields.text("entry"), amount);
        }
        if self.resumed {
            // The quote then says what the visitor owns.
            match fate {
                Fate::Success => self.set_note(&[words::LAST_PAID, &money_text(amount), "."]),
                _ => self.set_note(&[words::LAST_LOST, NOT_CHARGED]),
            }
            return self.next_pending(now_ms);
        }
        match fate {
            Fate::Success => self.paid(fields),
            Fate::Refused(retry, outcome) => self.refused_for(retry, outcome, fields),
            Fate::Lost => self.refused(words::LOST, "lost"),
            _ => self.refused(words::MISUNDERSTOOD, "misunderstood"),
        }
    }

    fn paid(&mut self, fields: Fields<'_>) {
        let charged = fields.flag("charged");
        if let Some(limits) = &mut self.limits
            && charged
        {
            limits.spend(self.chosen);
        }
        self.given = self.mode == Mode::Donate;
        let said = if self.given {
            self.phase = Phase::Ready;
            words::THANKS
        } else {
            self.phase = Phase::Done;
            if charged { words::PAID } else { words::OWNED }
        };
        self.set_note(&[said, &money_text(fields.text("amount"))]);
        self.show();
        self.out.add(&["spread"]);
        self.unseal(fields.text("content_key"));
    }

    /// Shows an item as owned when the quote says so.
    pub(super) fn owned(&mut self) -> bool {
        let Some(quote) = self.quote.take() else { return false };
        let owned = !quote.text("owned").is_empty();
        if owned {
            let amount = quote.text("owned.amount");
            self.tell_paid("", quote.text("owned.entry"), amount);
            self.set_note(&[words::OWNED, &money_text(amount)]);
            self.unseal(quote.text("owned.content_key"));
            self.phase = Phase::Done;
        }
        self.quote = Some(quote);
        if owned {
            self.show();
        }
        owned
    }

    fn unseal(&mut self, key: &str) {
        if self.mode == Mode::Gate && !key.is_empty() {
            self.out.add(&["unseal", key]);
        }
    }

    /// The sealed content does not open with the key that the verifier gave.
    pub(super) fn unopened(&mut self) {
        self.note = words::SEALED_BROKEN.into();
        self.show();
        self.out.add(&["tell", "error", "message", words::SEALED_BROKEN]);
    }

    fn tell_paid(&mut self, id: &str, entry: &str, amount: &str) {
        let item = self.wanted.text("item");
        self.out
            .add(&["tell", "paid", "claim_id", id, "entry", entry, "item", item, "amount", amount]);
    }

    fn refused_for(&mut self, retry: Retry, outcome: Option<Outcome>, fields: Fields<'_>) {
        let reason = fields.text("outcome");
        let message = fields.text("message");
        let said = if message.is_empty() { words::REFUSED.into() } else { say(&[message, " "]) };
        match retry {
            Retry::NewClaim if self.renewals < RENEWALS_MAX => {
                self.renewals += 1;
                self.phase = Phase::Renewing;
                self.show();
                return self.ask_quote();
            }
            Retry::AfterTopUp | Retry::AfterAllowance => self.need = Some(Lack::Allowance),
            _ => {}
        }
        self.refused(&said, reason);
        match (retry, outcome) {
            (Retry::AfterQuote, _) => self.load(),
            (Retry::Never, _) => {
                self.phase = Phase::Closed;
                self.show();
            }
            // This key can never pay again.
            (_, Some(Outcome::KeyRevoked | Outcome::KeyExhausted)) => {
                self.limits = None;
                let instead_of = core::mem::take(&mut self.key);
                self.out.add(&["makeKey", &instead_of]);
            }
            _ => {}
        }
    }

    /// Back to the button, with words; the next click starts anew.
    pub(super) fn refused(&mut self, said: &str, reason: &str) {
        self.set_note(&[said, NOT_CHARGED]);
        self.phase = Phase::Ready;
        self.show();
        let item = self.wanted.text("item");
        self.out.add(&[
            "tell",
            "declined",
            "claim_id",
            "",
            "item",
            item,
            "amount",
            &self.chosen_text,
            "reason",
            reason,
        ]);
    }
}
