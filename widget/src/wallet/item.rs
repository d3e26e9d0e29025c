//! The item page: a link that takes the payment without any script on the creator's page.
//!
//! It pays with a spending key of its own, under an allowance for exactly this payment: the page is
//! ours and top-level, so the click on it is the consent.

use alloc::string::String;
use alloc::vec::Vec;

use farthing_shared::Micros;
use farthing_shared::limits::{CLAIM_MICROS_MAX, CLAIM_MICROS_MIN};
use farthing_shared::outcome::Retry;

use super::effect::Effect;
use super::payment::Payment;
use super::{Consent, Place, Wallet, claim_request};
use crate::fields::Fields;
use crate::payment::{Answer, Fate, Track};
use crate::signer::Draft;
use crate::words::{NOT_CHARGED, money, money_text, say, wallet as words};

impl Wallet {
    /// Shows what is sold. "Pay" is armed as "Allow" is: a second click that was meant for another page
    /// must not pay.
    pub(super) fn show_item(&mut self) -> Vec<Effect> {
        self.armed = (false, false);
        self.draw_item()
    }

    fn draw_item(&self) -> Vec<Effect> {
        let (Some(quote), Some(provider)) = (&self.quote, &self.provider) else {
            return Vec::new();
        };
        if self.is_owned() {
            return said(say(&[words::OWNED, &money_text(quote.text("owned.amount"))]));
        }
        let gives = quote.price.is_none();
        let amount = self.item_amount();
        let verb = if gives { words::GIVE } else { words::PAY };
        let money_words = match self.balance() {
            Some(balance) => say(&[words::BALANCE, &money(balance)]),
            None if provider.welcome_credit > Micros::ZERO => {
                say(&[words::WELCOME, &money(provider.welcome_credit), words::WELCOME_END])
            }
            None => words::WELCOME_PLAIN.into(),
        };
        let label = amount.map_or_else(|| String::from(verb), |a| say(&[verb, &money(a)]));
        Vec::from([
            Effect::Set("creator", quote.text("creator.name").into()),
            Effect::Set("title", quote.title().into()),
            Effect::Set("price", amount.map_or_else(String::new, money)),
            Effect::Set("money", money_words),
            Effect::Set("pay", label),
            Effect::Flag("has-title", !quote.title().is_empty()),
            Effect::Flag("amount", gives),
            Effect::Flag("pay", self.can_pay()),
            Effect::Set("item-note", self.note.clone()),
            Effect::View("item"),
        ])
    }

    /// The visitor has been here for a second, and the amount can be paid.
    pub(super) fn can_pay(&self) -> bool {
        self.armed == (true, true) && self.item_amount().is_some()
    }

    fn item_amount(&self) -> Option<Micros> {
        let amount = match self.quote.as_ref()?.price {
            Some(price) => price,
            None => Micros::parse(&self.typed.trim().replace(',', ".")).ok()?,
        };
        (CLAIM_MICROS_MIN..=CLAIM_MICROS_MAX).contains(&amount.get()).then_some(amount)
    }

    /// The visitor typed an amount to give.
    pub fn input(&mut self, fields: Fields<'_>) -> Vec<Effect> {
        if self.place != Place::Item || self.consent != Consent::None || self.quote.is_none() {
            return Vec::new();
        }
        self.typed = fields.owned("amount");
        // Drawn without the view, which would take the focus out of the field.
        let mut effects = self.draw_item();
        effects.retain(|effect| !matches!(effect, Effect::View(_)));
        effects
    }

    /// "Pay" was clicked.
    pub fn pay_clicked(&mut self, now_ms: u64) -> Vec<Effect> {
        if self.place != Place::Item || self.consent != Consent::None || !self.can_pay() {
            return Vec::new();
        }
        let Some(amount) = self.item_amount() else { return Vec::new() };
        self.amount = amount;
        self.note = String::new();
        self.allowed = None;
        self.signed = None;
        self.consent = Consent::Given { cap: amount, per_claim_max: amount };
        if self.key.is_empty() {
            self.busy = "key";
            return Vec::from([Effect::MakeKey { instead_of: String::new() }]);
        }
        self.advance(now_ms)
    }

    /// The page's own spending key is made and stored.
    pub fn key_made(&mut self, fields: Fields<'_>, now_ms: u64) -> Vec<Effect> {
        self.busy = "";
        self.key = fields.owned("pk");
        if self.key.is_empty() {
            return self.problem(words::NO_STORAGE);
        }
        self.advance(now_ms)
    }

    pub(super) fn pay(&mut self) -> Vec<Effect> {
        let floor = self.allowed.as_ref().map_or(0, |limits| limits.last_sequence);
        self.busy = "signing";
        self.signing = true;
        Vec::from([
            Effect::Set("work", words::PAYING.into()),
            Effect::View("work"),
            Effect::Claim { floor },
        ])
    }

    /// What the page signs for [`Effect::Claim`].
    #[must_use]
    pub fn draft(&self) -> Option<Draft<'_>> {
        let quote = self.quote.as_ref().filter(|_| self.signing)?;
        let wanted = self.wanted.as_ref()?;
        Some(Draft {
            verifier: self.verifier()?,
            creator: quote.creator,
            item: wanted.text("item"),
            origin: wanted.text("origin"),
            amount: self.amount,
            currency: quote.currency,
        })
    }

    /// The claim is signed and stored, or could not be.
    pub fn signed(&mut self, fields: Fields<'_>, now_ms: u64) -> Vec<Effect> {
        if !core::mem::take(&mut self.signing) {
            return Vec::new();
        }
        self.busy = "";
        let Some(payment) =
            Payment::read(fields, Track::signed).filter(|payment| payment.key == self.key)
        else {
            self.forget_consent();
            return self.problem(words::CONFLICT);
        };
        let request = payment.request(now_ms);
        self.payment = Some(payment);
        self.busy = crate::payment::TAG;
        claim_request(request)
    }

    pub(super) fn claim_answered(
        &mut self,
        reply: Answer,
        fields: Fields<'_>,
        now_ms: u64,
    ) -> Vec<Effect> {
        let Some(payment) = &mut self.payment else { return Vec::new() };
        let fate = payment.track.answered(reply, now_ms);
        let id = payment.id.clone();
        let asks = payment.track.tries() > 1;
        match fate {
            Fate::Ask => return claim_request(payment.question()),
            Fate::Wait(ms) => {
                self.retry_due = true;
                let words = if asks { words::ASKING } else { words::PAYING };
                return Vec::from([
                    Effect::Set("work", words.into()),
                    Effect::View("work"),
                    Effect::Timer { name: crate::payment::TAG, ms },
                ]);
            }
            _ => {}
        }
        self.busy = "";
        self.payment = None;
        let mut effects = Vec::from([Effect::Settle { id }]);
        let resumed = core::mem::take(&mut self.resumed);
        self.forget_consent();
        effects.extend(match fate {
            // Its answer was lost, and it was given back before it was asked for again: it is not paid, and for sale again.
            Fate::Success if fields.flag("refunded") => {
                self.note =
                    say(&[words::BACK, &money_text(fields.text("amount")), words::BACK_SINCE]);
                let mut effects = Vec::from([Effect::View("loading")]);
                effects.extend(self.advance(now_ms));
                effects
            }
            Fate::Success => {
                self.over = true;
                let amount = money_text(fields.text("amount"));
                let gave =
                    self.wanted.as_ref().is_some_and(|wanted| wanted.text("item").is_empty());
                let paid = fields.flag("charged") || fields.flag("repeat");
                let words = match (gave, paid) {
                    (true, _) => words::GIVEN,
                    (false, true) => words::PAID,
                    (false, false) => words::OWNED,
                };
                said(say(&[words, &amount]))
            }
            // The claim of an earlier visit failed: begin anew, nothing was charged.
            _ if resumed => self.advance(now_ms),
            Fate::Refused(outcome) => {
                if outcome.is_some_and(|outcome| outcome.retry() == Retry::Never) {
                    self.over = true;
                }
                let message = fields.text("message");
                let message = if message.is_empty() { words::REFUSED } else { message };
                self.problem(&say(&["\u{3}", message, "\u{3} ", NOT_CHARGED]))
            }
            Fate::Lost => self.problem(words::LOST),
            Fate::Misunderstood | Fate::Ask | Fate::Wait(_) => self.problem(words::MISTAKE),
        });
        effects
    }

    /// The next click begins anew, with the facts as they are then.
    fn forget_consent(&mut self) {
        self.consent = Consent::None;
        self.quote = None;
        self.account = None;
        self.allowed = None;
        self.signed = None;
        self.grant = None;
    }

    /// A pause between two tries of a payment is over, or the network came back.
    pub(super) fn payment_due(&mut self, now_ms: u64) -> Vec<Effect> {
        match &self.payment {
            Some(payment) if core::mem::take(&mut self.retry_due) => {
                claim_request(payment.request(now_ms))
            }
            _ => Vec::new(),
        }
    }
}

fn said(text: String) -> Vec<Effect> {
    Vec::from([Effect::Set("paid", text), Effect::View("paid")])
}
