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

use crate::effect::{Effects, decimal};
use crate::fields::Fields;
use crate::gesture::{Evidence, Verdict};
use crate::payment::{Payment, Reply, Request, TAG as CLAIM};
use crate::quote::{Lack, Limits, Quote, Wanted};
use crate::signer::{Draft, verifier_of};
use crate::words::{NOT_CHARGED, frame as words, say};

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
    /// No quote, for a reason that trying again may not have.
    Stuck,
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

/// The frame's state, and the effects of the present event.
#[derive(Debug)]
pub struct Frame {
    out: Effects,
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
    /// What stands in the donation's field, with a point for the comma.
    typed: String,
    /// The amount of the click that is being carried out, and as it was read.
    chosen: Micros,
    chosen_text: String,
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
    /// Only the wallet page can ask: the button may not be seen.
    force: bool,
    blocked: bool,
    given: bool,
}

impl Frame {
    /// A frame before its first event.
    #[must_use]
    pub fn new() -> Self {
        Self {
            out: Effects::new(),
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
            chosen_text: String::new(),
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

    /// One event: its name, its row of fields, the time. Gives the effects.
    pub fn step(&mut self, name: &str, row: &str, now_ms: u64) -> String {
        let fields = Fields::read(row);
        match name {
            "boot" => self.boot(row, now_ms),
            "answer" => self.answer(row, now_ms),
            "click" => self.click(Evidence::read(fields), now_ms),
            "input" => self.input(fields),
            "key" => self.key_made(fields),
            "signed" => self.signed(fields, now_ms),
            "window" => self.window(fields, now_ms),
            "changed" => self.changed(fields),
            "unopened" => self.unopened(),
            "timer" if fields.text("name") != CLAIM => self.quote_due(),
            "online" | "timer" => self.resume(now_ms),
            _ => {}
        }
        self.out.take()
    }

    /// The page read its parameters and its storage.
    fn boot(&mut self, row: &str, now_ms: u64) {
        let fields = Fields::read(row);
        self.wanted = Wanted::new(row);
        self.mode = match fields.text("mode") {
            "gate" => Mode::Gate,
            "donate" => Mode::Donate,
            _ => Mode::Pay,
        };
        self.blocked = !fields.flag("stored");
        self.remember_key(fields);
        if self.mode == Mode::Donate {
            self.type_amount(fields);
        } else if !fields.has("item") {
            return self.stuck(words::BAD_TAG);
        }
        if !fields.has("origin") {
            return self.stuck(words::NO_PAGE);
        }
        for index in 0_u64.. {
            let prefix = say(&["pending.", &decimal(index), "."]);
            let Some(payment) = Payment::found(fields.below(&prefix)) else { break };
            // What other frames are paying for is theirs, unless it is so old that they are gone.
            let item = fields.below(&prefix).text("item");
            if item == fields.text("item") || now_ms > payment.expires_at_ms {
                self.pending.push(payment);
            }
        }
        self.next_pending(now_ms);
    }

    fn remember_key(&mut self, fields: Fields<'_>) {
        self.key = fields.owned("pk");
        self.verifier = verifier_of(fields.text("verifier"));
    }

    /// The next claim of an earlier visit, or the quote when all are settled.
    fn next_pending(&mut self, now_ms: u64) {
        self.payment = self.pending.pop();
        self.resumed = self.payment.is_some();
        if self.resumed {
            self.phase = Phase::Paying;
            self.show();
            self.send_claim(now_ms);
        } else {
            self.load();
        }
    }

    /// Asks for the quote, and says so.
    fn load(&mut self) {
        self.phase = Phase::Loading;
        self.show();
        self.ask_quote();
    }

    fn ask_quote(&mut self) {
        // Without a verifier the key was never allowed anything, so there is nothing to ask for it.
        let signer = if self.verifier.is_some() { "key" } else { "" };
        self.out.add(&["fetch", "quote", "GET", &self.wanted.path(), "", signer]);
    }

    fn send_claim(&mut self, now_ms: u64) {
        let server_ms = self.server_ms(now_ms);
        if let Some(request) = self.payment.as_ref().map(|payment| payment.request(server_ms)) {
            self.fetch_claim(&request);
        }
    }

    fn fetch_claim(&mut self, (method, path, body): &Request) {
        self.out.add(&["fetch", CLAIM, method, path, body, ""]);
    }

    /// An answer came, or none did (status 0).
    fn answer(&mut self, row: &str, now_ms: u64) {
        let fields = Fields::read(row);
        if let Some(server_ms) = fields.number("server_ms") {
            self.skew_ms = server_ms.wrapping_sub(now_ms).cast_signed();
        }
        let reply = Reply::read(fields);
        if fields.text("tag") == CLAIM {
            return self.claim_answered(&reply, now_ms);
        }
        match Quote::read(row).filter(|_| reply.is_done()) {
            Some(quote) => self.quoted(quote, now_ms),
            None => self.no_quote(&reply),
        }
    }

    fn quoted(&mut self, quote: Quote, now_ms: u64) {
        self.quote_tries = 0;
        let price = quote.price;
        let changed = self.quote.as_ref().is_some_and(|old| old.price != price);
        self.limits = quote.allowance();
        self.quote = Some(quote);
        if self.owned() {
            return;
        }
        match self.phase {
            Phase::Renewing if !changed => return self.go(now_ms),
            Phase::Renewing | Phase::Loading => {
                if changed {
                    self.set_note(&[words::PRICE_CHANGED, NOT_CHARGED]);
                }
                self.phase = Phase::Ready;
                if self.blocked {
                    self.close(words::NO_STORAGE);
                }
            }
            // The window was closed without a word: it may have allowed before.
            Phase::Window if !self.window_ready => return self.window_settled(now_ms),
            _ => {}
        }
        self.show();
    }

    fn no_quote(&mut self, reply: &Reply<'_>) {
        if reply.status == 401 && self.verifier.take().is_some() {
            // The key is of no use any more (a new verifier, say): ask as a stranger.
            return self.ask_quote();
        }
        match self.phase {
            Phase::Loading | Phase::Renewing => {}
            Phase::Window if !self.window_ready => return self.cancelled(),
            // A refresh in the background failed; what is shown still holds.
            _ => return,
        }
        match reply.status {
            404 => self.stuck(words::UNKNOWN),
            403 => self.stuck(words::NOT_A_SITE),
            _ if reply.is_definite() => self.stuck(words::BAD_TAG),
            status => {
                self.quote_tries += 1;
                if self.quote_tries < QUOTE_TRIES_MAX {
                    let ms = reply.pause_ms(500 << self.quote_tries);
                    return self.out.add(&["timer", "quote", &decimal(ms)]);
                }
                self.quote_tries = 0;
                self.phase = Phase::Stuck;
                let why = if status == 0 { words::OFFLINE } else { words::BUSY };
                self.set_note(&[why, NOT_CHARGED]);
                self.show();
            }
        }
    }

    /// No payment can be made here, whatever the visitor does.
    fn stuck(&mut self, why: &str) {
        self.close(&say(&[why, NOT_CHARGED]));
        self.show();
        self.out.add(&["tell", "error", "message", &self.note]);
    }

    fn close(&mut self, why: &str) {
        self.phase = Phase::Closed;
        self.note = why.into();
    }

    fn set_note(&mut self, parts: &[&str]) {
        self.note = say(parts);
    }

    /// The visitor typed an amount.
    fn input(&mut self, fields: Fields<'_>) {
        if matches!(self.phase, Phase::Ready | Phase::Confirm) {
            self.type_amount(fields);
            self.phase = Phase::Ready;
            self.note.clear();
            self.show();
        }
    }

    fn type_amount(&mut self, fields: Fields<'_>) {
        // A comma is the decimal point of half the world; the button shows how it was read.
        self.typed.clear();
        for c in fields.text("amount").chars() {
            self.typed.push(if c == ',' { '.' } else { c });
        }
    }

    /// The amount that a click would pay as it is written, or `None` when what was typed is none.
    fn amount(&self) -> Option<(Micros, &str)> {
        let quote = self.quote.as_ref()?;
        let text = if quote.price.is_some() { quote.text("price") } else { &*self.typed };
        let amount = Micros::parse(text).ok()?;
        (CLAIM_MICROS_MIN..=CLAIM_MICROS_MAX).contains(&amount.get()).then_some((amount, text))
    }

    /// The button was clicked.
    fn click(&mut self, evidence: Evidence, now_ms: u64) {
        match self.phase {
            Phase::Ready | Phase::Confirm => {}
            Phase::Stuck => {
                self.note.clear();
                return self.load();
            }
            Phase::Window => return self.out.add(&["focus"]),
            _ => return,
        }
        let Some((amount, text)) = self.amount() else { return };
        (self.chosen, self.chosen_text) = (amount, text.into());
        match evidence.judge(self.phase == Phase::Confirm) {
            Verdict::Nothing => return,
            Verdict::Doubtful => {
                self.phase = Phase::Confirm;
                return self.show();
            }
            verdict => self.force = verdict == Verdict::Unseen,
        }
        self.note.clear();
        self.renewals = 0;
        self.go(now_ms);
    }

    /// Pays the chosen amount, or opens the wallet page for what is missing.
    fn go(&mut self, now_ms: u64) {
        let floor = match &self.limits {
            Some(limits) if self.may_spend(limits, now_ms) => limits.last_sequence,
            // The click is long gone and a window would be blocked: the next click opens it.
            _ if self.phase == Phase::Renewing => {
                self.phase = Phase::Ready;
                return self.show();
            }
            _ => return self.open_window(),
        };
        self.phase = Phase::Signing;
        self.show();
        self.out.add(&["claim", &decimal(floor)]);
    }

    fn may_spend(&self, limits: &Limits, now_ms: u64) -> bool {
        self.need.is_none()
            && !self.force
            && self.verifier.is_some()
            && limits.key == self.key
            && limits.lacks(self.chosen, self.server_ms(now_ms)).is_none()
    }

    /// What the page signs for a `claim`; `None` when none is due.
    #[must_use]
    pub fn draft(&self) -> Option<Draft<'_>> {
        let quote = self.quote.as_ref().filter(|_| self.phase == Phase::Signing)?;
        Some(Draft {
            verifier: self.verifier?,
            creator: quote.creator,
            item: self.item(),
            origin: self.wanted.text("origin"),
            amount: self.chosen,
            currency: quote.currency,
        })
    }

    fn item(&self) -> &str {
        self.wanted.text("item")
    }

    /// The verifier that signed reads are made out to.
    #[must_use]
    pub fn verifier(&self) -> Option<VerifierId> {
        self.verifier
    }

    /// Our guess of the verifier's clock.
    #[must_use]
    pub fn server_ms(&self, now_ms: u64) -> u64 {
        now_ms.wrapping_add_signed(self.skew_ms)
    }

    /// A pause is over, or the network came back (which cuts every pause short).
    fn resume(&mut self, now_ms: u64) {
        if self.phase == Phase::Stuck {
            self.note.clear();
            self.load();
        } else if core::mem::take(&mut self.retry_due) {
            self.send_claim(now_ms);
        }
    }

    /// The pause before the next try for a quote is over.
    fn quote_due(&mut self) {
        if matches!(self.phase, Phase::Loading | Phase::Renewing) {
            self.ask_quote();
        }
    }

    /// Another tab or another element of this creator paid something.
    fn changed(&mut self, fields: Fields<'_>) {
        if self.phase == Phase::Ready {
            self.remember_key(fields);
            self.ask_quote();
        }
    }
}

impl Default for Frame {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
