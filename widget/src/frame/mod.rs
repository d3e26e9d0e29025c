//! The payment frame: what happens after which event, and what the visitor is told.
//!
//! ```text
//! boot ─► (pending claims settled) ─► quote ─► Ready ─click─► Signing ─► Paying ─► Done
//!                                              │  ▲ doubtful: Confirm       │
//!                                              ▼  │                         ▼ refused: Ready, with words
//!                                            Window (the wallet page allows, or tops up)
//! ```
//!
//! In scope: the order of things, words, what counts as a click. Out of scope: drawing, storage,
//! the network, windows (the page), and every limit that protects money (the verifier).

mod paying;
mod view;
mod window;

use alloc::string::String;
use alloc::vec::Vec;

use farthing_shared::limits::{CLAIM_MICROS_MAX, CLAIM_MICROS_MIN};
use farthing_shared::{Micros, VerifierId};

use crate::effect::{Effect, Signer};
use crate::fields::Fields;
use crate::gesture::{Evidence, Verdict};
use crate::payment::{Payment, Reply, TAG as CLAIM};
use crate::quote::{Lack, Limits, Quote, Wanted};
use crate::signer::{Draft, verifier_of};
use crate::words::{NOT_CHARGED, frame as words, money, say};

pub use view::View;

/// Which element the frame belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `<farthing-pay>`.
    Pay,
    /// `<farthing-gate>`: sealed content waits in the page.
    Gate,
    /// `<farthing-donate>`: the visitor names the amount.
    Donate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Storage or quote under way.
    Loading,
    /// No quote; `true` when trying again can help.
    Stuck(bool),
    Ready,
    /// The button asks once more, in place.
    Confirm,
    /// The wallet page is open.
    Window,
    /// The page allots a number and signs.
    Signing,
    /// A claim is on its way.
    Paying,
    /// A claim failed for a reason that a new one does not have: the quote is fetched anew.
    Renewing,
    /// Paid or owned.
    Done,
    /// Nothing the visitor does here helps.
    Closed,
}

/// A new claim after a used number or a wrong clock is tried this often without asking.
const RENEWALS_MAX: u8 = 3;
/// A quote is asked for this often before the visitor is asked to try again.
const QUOTE_TRIES_MAX: u8 = 4;

/// The frame's state.
#[derive(Debug)]
pub struct Frame {
    mode: Mode,
    wanted: Wanted,
    phase: Phase,
    note: String,
    key: String,
    verifier: Option<VerifierId>,
    quote: Option<Quote>,
    limits: Option<Limits>,
    /// What the verifier said is missing, which may differ from what the frame thinks.
    need: Option<Lack>,
    /// What stands in the donation's field.
    typed: String,
    /// The amount of the click that is being carried out.
    chosen: Micros,
    payment: Option<Payment>,
    /// The payment was found in storage, not clicked now.
    resumed: bool,
    pending: Vec<Payment>,
    retry_due: bool,
    renewals: u8,
    quote_tries: u8,
    /// Server time minus ours.
    skew_ms: i64,
    /// The pop-up loaded and waits for our question.
    window_ready: bool,
    force: bool,
    blocked: bool,
    given: bool,
}

impl Frame {
    /// A frame before its first event.
    #[must_use]
    pub fn new() -> Self {
        Self {
            mode: Mode::Pay,
            wanted: Wanted::default(),
            phase: Phase::Loading,
            note: String::new(),
            key: String::new(),
            verifier: None,
            quote: None,
            limits: None,
            need: None,
            typed: String::new(),
            chosen: Micros::ZERO,
            payment: None,
            resumed: false,
            pending: Vec::new(),
            retry_due: false,
            renewals: 0,
            quote_tries: 0,
            skew_ms: 0,
            window_ready: false,
            force: false,
            blocked: false,
            given: false,
        }
    }

    /// The page read its parameters and its storage.
    pub fn boot(&mut self, fields: &Fields<'_>, now_ms: u64) -> Vec<Effect> {
        self.mode = match fields.text("mode") {
            "gate" => Mode::Gate,
            "donate" => Mode::Donate,
            _ => Mode::Pay,
        };
        self.wanted = Wanted::read(fields);
        if self.mode == Mode::Donate {
            self.wanted.item = String::new();
            self.typed = fields.owned("amount");
        } else if self.wanted.item.is_empty() {
            return self.stuck(words::BAD_TAG);
        }
        if self.wanted.origin.is_empty() {
            return self.stuck(words::NO_PAGE);
        }
        self.blocked = !fields.flag("stored");
        self.key = fields.owned("pk");
        self.verifier = verifier_of(fields.text("verifier"));
        for index in 0_u64.. {
            let found = fields.below(&say(&["pending.", &crate::effect::decimal(index), "."]));
            if !found.has("id") {
                break;
            }
            // What other frames are paying for is theirs, unless it is so old that they are gone.
            if let Some(payment) = Payment::found(&found)
                && (found.text("item") == self.wanted.item || now_ms > payment.expires_at_ms)
            {
                self.pending.push(payment);
            }
        }
        self.next_pending(now_ms)
    }

    /// The next claim of an earlier visit, or the quote when all are settled.
    fn next_pending(&mut self, now_ms: u64) -> Vec<Effect> {
        match self.pending.pop() {
            Some(payment) => {
                let request = payment.request(self.server_ms(now_ms));
                self.payment = Some(payment);
                self.resumed = true;
                self.phase = Phase::Paying;
                self.drawn(Vec::from([request]))
            }
            None => {
                self.resumed = false;
                self.phase = Phase::Loading;
                let request = self.quote_request();
                self.drawn(Vec::from([request]))
            }
        }
    }

    fn quote_request(&self) -> Effect {
        // Without a verifier the key was never allowed anything, so there is nothing to ask for it.
        let known = !self.key.is_empty() && self.verifier.is_some();
        Effect::Fetch(self.wanted.request(if known { Signer::Key } else { Signer::Nobody }))
    }

    /// An answer came, or none did (status 0).
    pub fn answer(&mut self, fields: &Fields<'_>, now_ms: u64) -> Vec<Effect> {
        if let Some(at) = fields.number("server_ms").and_then(|at| i64::try_from(at).ok()) {
            self.skew_ms = at - i64::try_from(now_ms).unwrap_or(at);
        }
        let reply =
            Reply { status: fields.number("status").unwrap_or(0), fields: fields.below("body.") };
        if fields.text("tag") == CLAIM {
            self.claim_answered(&reply, now_ms)
        } else {
            self.quoted(&reply, now_ms)
        }
    }

    fn quoted(&mut self, reply: &Reply<'_>, now_ms: u64) -> Vec<Effect> {
        let quote = if reply.is_done() { Quote::read(&reply.fields) } else { None };
        let Some(mut quote) = quote else { return self.no_quote(reply) };
        self.quote_tries = 0;
        let old_price = self.quote.as_ref().and_then(|old| old.price);
        self.limits = quote.allowance.take();
        if self.mode == Mode::Donate && self.typed.is_empty() {
            self.typed = String::from("1.00");
        }
        let owned = quote.owned.take();
        let price = quote.price;
        self.quote = Some(quote);
        if let Some(owned) = owned {
            return self.owned(owned);
        }
        match self.phase {
            Phase::Renewing if old_price == price => self.go(now_ms),
            Phase::Renewing | Phase::Loading => {
                if let (Some(old), Some(new)) = (old_price, price)
                    && old != new
                {
                    self.note = say(&[words::PRICE_NOW, &money(new), ". ", NOT_CHARGED]);
                }
                self.phase = if self.blocked { Phase::Closed } else { Phase::Ready };
                if self.blocked {
                    self.note = words::NO_STORAGE.into();
                }
                self.drawn(Vec::new())
            }
            // The window was closed without a word: it may have allowed before.
            Phase::Window if !self.window_ready => self.window_settled(now_ms),
            _ => self.drawn(Vec::new()),
        }
    }

    fn no_quote(&mut self, reply: &Reply<'_>) -> Vec<Effect> {
        let waits = matches!(self.phase, Phase::Loading | Phase::Renewing);
        if reply.status == 401 && self.verifier.take().is_some() {
            // The key is of no use any more (a new verifier, say): ask as a stranger.
            return Vec::from([self.quote_request()]);
        }
        if !waits {
            // A refresh in the background failed; what is shown still holds.
            if self.phase == Phase::Window && !self.window_ready {
                return self.cancelled();
            }
            return Vec::new();
        }
        let words = match reply.status {
            404 => words::UNKNOWN,
            403 => words::NOT_A_SITE,
            _ if reply.is_definite() => words::BAD_TAG,
            _ => return self.ask_again(reply),
        };
        self.stuck(words)
    }

    fn ask_again(&mut self, reply: &Reply<'_>) -> Vec<Effect> {
        self.quote_tries += 1;
        if self.quote_tries < QUOTE_TRIES_MAX {
            let pause_ms = 500_u64 << self.quote_tries;
            let ms = reply.retry_after_ms().unwrap_or(0).clamp(pause_ms, 30_000);
            return Vec::from([Effect::Timer { name: "quote", ms }]);
        }
        self.quote_tries = 0;
        self.phase = Phase::Stuck(true);
        let why = if reply.status == 0 { words::OFFLINE } else { words::BUSY };
        self.note = say(&[why, NOT_CHARGED]);
        self.drawn(Vec::new())
    }

    fn stuck(&mut self, words: &str) -> Vec<Effect> {
        self.phase = Phase::Stuck(false);
        self.note = say(&[words, NOT_CHARGED]);
        let fields = Vec::from([("message", self.note.clone())]);
        self.drawn(Vec::from([Effect::Tell { event: "error", fields }]))
    }

    /// The visitor typed an amount.
    pub fn input(&mut self, fields: &Fields<'_>) -> Vec<Effect> {
        if !matches!(self.phase, Phase::Ready | Phase::Confirm) {
            return Vec::new();
        }
        self.typed = fields.owned("amount");
        self.phase = Phase::Ready;
        self.note = String::new();
        self.drawn(Vec::new())
    }

    /// The amount that a click would pay, or `None` when what was typed is none.
    fn amount(&self) -> Option<Micros> {
        let quote = self.quote.as_ref()?;
        let amount = match quote.price {
            Some(price) => price,
            // A comma is the decimal point of half the world; the button shows how it was read.
            None => Micros::parse(&self.typed.trim().replace(',', ".")).ok()?,
        };
        (CLAIM_MICROS_MIN..=CLAIM_MICROS_MAX).contains(&amount.get()).then_some(amount)
    }

    /// The button was clicked.
    pub fn click(&mut self, fields: &Fields<'_>, now_ms: u64) -> Vec<Effect> {
        let evidence = Evidence::read(fields);
        match self.phase {
            Phase::Ready | Phase::Confirm => {}
            Phase::Stuck(true) if evidence.trusted => {
                self.phase = Phase::Loading;
                self.note = String::new();
                let request = self.quote_request();
                return self.drawn(Vec::from([request]));
            }
            Phase::Window => return Vec::from([Effect::Focus]),
            _ => return Vec::new(),
        }
        let Some(amount) = self.amount() else { return self.drawn(Vec::new()) };
        let asked = self.phase == Phase::Confirm;
        match evidence.judge(asked) {
            Verdict::Nothing => return Vec::new(),
            Verdict::Doubtful => {
                self.phase = Phase::Confirm;
                return self.drawn(Vec::new());
            }
            Verdict::Unseen => self.force = true,
            Verdict::Sure => self.force = false,
        }
        self.chosen = amount;
        self.note = String::new();
        self.renewals = 0;
        self.go(now_ms)
    }

    /// Pays the chosen amount, or opens the wallet page for what is missing.
    fn go(&mut self, now_ms: u64) -> Vec<Effect> {
        let server_ms = self.server_ms(now_ms);
        let lack = match &self.limits {
            _ if self.need.is_some() => self.need,
            Some(limits) if limits.key == self.key => limits.lacks(self.chosen, server_ms),
            _ => Some(Lack::Allowance),
        };
        if lack.is_some() || self.force || self.verifier.is_none() {
            if self.phase == Phase::Renewing {
                // The click is long gone and a window would be blocked: the next click opens it.
                self.phase = Phase::Ready;
                return self.drawn(Vec::new());
            }
            return self.open_window();
        }
        self.phase = Phase::Signing;
        let floor = self.limits.as_ref().map_or(0, |limits| limits.last_sequence);
        self.drawn(Vec::from([Effect::Claim { floor }]))
    }

    /// What the page signs for [`Effect::Claim`]; `None` when no claim is due.
    #[must_use]
    pub fn draft(&self) -> Option<Draft> {
        let quote = self.quote.as_ref().filter(|_| self.phase == Phase::Signing)?;
        Some(Draft {
            verifier: self.verifier?,
            creator: quote.creator,
            wanted: self.wanted.clone(),
            amount: self.chosen,
            currency: quote.currency,
        })
    }

    /// The verifier that signed reads are made out to.
    #[must_use]
    pub fn verifier(&self) -> Option<VerifierId> {
        self.verifier
    }

    /// Our guess of the verifier's clock.
    #[must_use]
    pub fn server_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_add_signed(self.skew_ms)
    }

    /// A pause is over, or the network came back (which cuts every pause short).
    pub fn resume(&mut self, now_ms: u64) -> Vec<Effect> {
        match (&self.payment, self.phase) {
            (Some(payment), Phase::Paying) if self.retry_due => {
                self.retry_due = false;
                Vec::from([payment.request(self.server_ms(now_ms))])
            }
            (_, Phase::Stuck(true)) => {
                self.phase = Phase::Loading;
                self.note = String::new();
                let request = self.quote_request();
                self.drawn(Vec::from([request]))
            }
            _ => Vec::new(),
        }
    }

    /// The pause before the next try for a quote is over.
    pub fn quote_due(&mut self) -> Vec<Effect> {
        match self.phase {
            Phase::Loading | Phase::Renewing => Vec::from([self.quote_request()]),
            _ => Vec::new(),
        }
    }

    /// Another tab or another element of this creator paid something.
    pub fn changed(&mut self, fields: &Fields<'_>) -> Vec<Effect> {
        if self.phase != Phase::Ready {
            return Vec::new();
        }
        self.key = fields.owned("pk");
        self.verifier = verifier_of(fields.text("verifier"));
        Vec::from([self.quote_request()])
    }

    fn drawn(&self, effects: Vec<Effect>) -> Vec<Effect> {
        let mut all = Vec::from([Effect::Show(self.view())]);
        all.extend(effects);
        all
    }
}

impl Default for Frame {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
