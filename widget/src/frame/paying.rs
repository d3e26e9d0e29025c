//! From the signed claim to "Paid", or to the words why not.

use alloc::string::String;
use alloc::vec::Vec;

use farthing_shared::Micros;
use farthing_shared::outcome::{Outcome, Retry};

use super::{Frame, Mode, Phase, RENEWALS_MAX};
use crate::effect::Effect;
use crate::fields::Fields;
use crate::payment::{Fate, Payment, Reply};
use crate::quote::{Lack, Owned};
use crate::words::{NOT_CHARGED, frame as words, money, money_text, say};

impl Frame {
    /// The page allotted a number, signed the draft and stored the claim.
    pub fn signed(&mut self, fields: &Fields<'_>, now_ms: u64) -> Vec<Effect> {
        if self.phase != Phase::Signing {
            return Vec::new();
        }
        let Some(payment) = Payment::signed(fields).filter(|payment| payment.key == self.key)
        else {
            return self.unsigned(fields);
        };
        self.phase = Phase::Paying;
        let request = payment.request(self.server_ms(now_ms));
        self.payment = Some(payment);
        self.drawn(Vec::from([request]))
    }

    /// The page could not sign: the key is gone, or another tab took a new one.
    pub fn unsigned(&mut self, fields: &Fields<'_>) -> Vec<Effect> {
        if self.phase != Phase::Signing {
            return Vec::new();
        }
        let mut effects = Vec::new();
        if fields.has("id") {
            // It was stored under a key that this frame does not know; it was never sent.
            effects.push(Effect::Settle { id: fields.owned("id") });
        }
        self.key = fields.owned("key");
        self.need = Some(Lack::Allowance);
        effects.extend(self.refused(&say(&[words::NO_KEY, NOT_CHARGED]), "unsigned"));
        effects
    }

    pub(super) fn claim_answered(&mut self, reply: &Reply<'_>, now_ms: u64) -> Vec<Effect> {
        let server_ms = self.server_ms(now_ms);
        let Some(payment) = &mut self.payment else { return Vec::new() };
        let fate = payment.answered(reply, server_ms);
        let id = payment.id.clone();
        if let Fate::Open(effect) = fate {
            self.retry_due = matches!(effect, Effect::Timer { .. });
            return self.drawn(Vec::from([effect]));
        }
        self.payment = None;
        let mut effects = Vec::from([Effect::Settle { id: id.clone() }]);
        let fields = &reply.fields;
        if self.resumed {
            effects.extend(self.resumed_settled(&fate, &id, fields, now_ms));
            return effects;
        }
        effects.extend(match fate {
            Fate::Success => self.paid(&id, fields),
            Fate::Refused(retry, outcome) => self.refused_for(retry, outcome, fields),
            Fate::Lost => self.refused(&say(&[words::LOST, NOT_CHARGED]), "lost"),
            Fate::Misunderstood | Fate::Open(_) => {
                self.refused(&say(&[words::MISUNDERSTOOD, NOT_CHARGED]), "misunderstood")
            }
        });
        effects
    }

    /// A claim of an earlier visit is settled; the quote then says what the visitor owns.
    fn resumed_settled(
        &mut self,
        fate: &Fate,
        id: &str,
        fields: &Fields<'_>,
        now_ms: u64,
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        if *fate == Fate::Success {
            self.note = say(&[words::LAST_PAID, &money_text(fields.text("amount")), "."]);
            effects.push(self.tell_paid(id, fields.text("entry"), fields.text("amount")));
        } else {
            self.note = say(&[words::LAST_LOST, NOT_CHARGED]);
        }
        effects.extend(self.next_pending(now_ms));
        effects
    }

    fn paid(&mut self, id: &str, fields: &Fields<'_>) -> Vec<Effect> {
        let amount = fields.text("amount");
        if let Some(limits) = &mut self.limits
            && fields.flag("charged")
        {
            limits.spend(self.chosen);
        }
        let mut effects =
            Vec::from([self.tell_paid(id, fields.text("entry"), amount), Effect::Spread]);
        let (phase, said) = match self.mode {
            Mode::Donate => (Phase::Ready, words::THANKS),
            _ if fields.flag("charged") || fields.flag("repeat") => (Phase::Done, words::PAID),
            _ => (Phase::Done, words::OWNED),
        };
        self.given = self.mode == Mode::Donate;
        self.phase = phase;
        self.note = say(&[said, &money_text(amount)]);
        self.unseal(fields.text("content_key"), &mut effects);
        self.drawn(effects)
    }

    /// The quote says that the wallet owns the item.
    pub(super) fn owned(&mut self, owned: Owned) -> Vec<Effect> {
        self.phase = Phase::Done;
        self.note = say(&[words::OWNED, &money_text(&owned.amount)]);
        let mut effects = Vec::from([self.tell_paid("", &owned.entry, &owned.amount)]);
        self.unseal(&owned.content_key, &mut effects);
        self.drawn(effects)
    }

    fn unseal(&self, key: &str, effects: &mut Vec<Effect>) {
        if self.mode == Mode::Gate && !key.is_empty() {
            effects.push(Effect::Unseal { key: key.into() });
        }
    }

    /// The sealed content does not open with the key that the verifier gave.
    pub fn unopened(&mut self) -> Vec<Effect> {
        self.note = words::SEALED_BROKEN.into();
        let fields = Vec::from([("message", self.note.clone())]);
        self.drawn(Vec::from([Effect::Tell { event: "error", fields }]))
    }

    fn tell_paid(&self, id: &str, entry: &str, amount: &str) -> Effect {
        let fields = Vec::from([
            ("claim_id", String::from(id)),
            ("entry", entry.into()),
            ("item", self.wanted.item.clone()),
            ("amount", amount.into()),
        ]);
        Effect::Tell { event: "paid", fields }
    }

    fn refused_for(
        &mut self,
        retry: Retry,
        outcome: Option<Outcome>,
        fields: &Fields<'_>,
    ) -> Vec<Effect> {
        let message = fields.text("message");
        let message = if message.is_empty() { words::REFUSED } else { message };
        let said = say(&[message, " ", NOT_CHARGED]);
        let reason = fields.text("outcome");
        let spent_key = matches!(outcome, Some(Outcome::KeyRevoked | Outcome::KeyExhausted));
        match retry {
            Retry::NewClaim if self.renewals < RENEWALS_MAX => {
                self.renewals += 1;
                self.phase = Phase::Renewing;
                return self.drawn(Vec::from([self.quote_request()]));
            }
            Retry::AfterTopUp => self.need = Some(Lack::Balance),
            Retry::AfterAllowance => {
                self.need = Some(match outcome {
                    Some(Outcome::OverCap) => Lack::Cap,
                    Some(Outcome::OverClaimMax) => Lack::ClaimMax,
                    _ => Lack::Allowance,
                });
            }
            Retry::AfterQuote => {
                self.note = said;
                self.phase = Phase::Loading;
                let request = self.quote_request();
                return self.drawn(Vec::from([self.declined(reason), request]));
            }
            Retry::Never => {
                self.note = said;
                self.phase = Phase::Closed;
                return self.drawn(Vec::from([self.declined(reason)]));
            }
            Retry::NewClaim | Retry::Later | Retry::Unneeded => {}
        }
        let mut effects = self.refused(&said, reason);
        if spent_key {
            let instead_of = core::mem::take(&mut self.key);
            self.limits = None;
            effects.push(Effect::MakeKey { instead_of });
        }
        effects
    }

    /// Back to the button, with words; the next click starts anew.
    pub(super) fn refused(&mut self, said: &str, reason: &str) -> Vec<Effect> {
        self.note = said.into();
        self.phase = Phase::Ready;
        self.drawn(Vec::from([self.declined(reason)]))
    }

    fn declined(&self, reason: &str) -> Effect {
        let fields = Vec::from([
            ("claim_id", String::new()),
            ("item", self.wanted.item.clone()),
            ("amount", self.chosen.to_decimal()),
            ("reason", reason.into()),
        ]);
        Effect::Tell { event: "declined", fields }
    }

    /// The button's words for an amount.
    pub(super) fn verb(&self, amount: Micros) -> String {
        let verb = match self.mode {
            _ if self.phase == Phase::Confirm => words::CONFIRM,
            Mode::Donate if self.given => words::GIVE_AGAIN,
            Mode::Donate => words::GIVE,
            Mode::Pay | Mode::Gate => words::PAY,
        };
        say(&[verb, &money(amount)])
    }
}
