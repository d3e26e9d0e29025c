//! The verifier's answers, and what happens when there is none.

use alloc::string::String;
use alloc::vec::Vec;

use super::effect::Effect;
use super::home::note;
use super::{Account, Consent, Place, Provider, TRIES_MAX, Wallet, refund};
use crate::fields::Fields;
use crate::payment::{Answer, TAG as CLAIM};
use crate::quote::{Limits, Quote};
use crate::words::wallet as words;

impl Wallet {
    /// An answer came, or none did (status 0).
    pub fn answer(&mut self, row: &str, now_ms: u64) -> Vec<Effect> {
        let fields = Fields::read(row);
        let reply = Answer::read(fields);
        let tag = fields.text("tag");
        match tag {
            CLAIM => return self.claim_answered(reply, fields, now_ms),
            _ if tag != self.busy => return Vec::new(),
            _ => self.busy = "",
        }
        if reply.is_done() {
            self.tries = 0;
            return self.done(tag, row, now_ms);
        }
        if reply.is_definite() {
            return self.failed(tag, reply.status, now_ms);
        }
        self.wait(reply)
    }

    fn done(&mut self, tag: &str, row: &str, now_ms: u64) -> Vec<Effect> {
        let fields = Fields::read(row);
        match tag {
            "provider" => match Provider::read(fields) {
                Some(provider) => {
                    let mut effects = Vec::from([
                        Effect::Set("provider", provider.name.clone()),
                        Effect::Set("currency", provider.currency.as_str().into()),
                        Effect::Flag("demo", provider.demo),
                    ]);
                    self.provider = Some(provider);
                    effects.extend(self.advance(now_ms));
                    effects
                }
                None => self.problem(words::MISTAKE),
            },
            "quote" => match Quote::read(row) {
                Some(quote) => {
                    self.quote = Some(quote);
                    self.advance(now_ms)
                }
                None => self.problem(words::MISTAKE),
            },
            "wallet" | "open" => match Account::read(fields) {
                Some(account) => {
                    self.account = Some(Some(account));
                    self.opening = None;
                    // Looking at the wallet is part of settling a conflict, and ends none.
                    if tag == "open" {
                        self.restarts = 0;
                    }
                    self.advance(now_ms)
                }
                None => self.problem(words::MISTAKE),
            },
            "challenge" => self.challenged(fields, now_ms),
            "top-up" => self.topped_up(fields, now_ms),
            refund::TAG => self.refund_over(refund::said(fields), now_ms),
            "allow" => {
                self.restarts = 0;
                self.signed = None;
                self.grant = None;
                self.allowed = Limits::read(fields);
                self.advance(now_ms)
            }
            "withdraw" => {
                self.grant = None;
                self.account = None;
                let mut effects = Vec::from([Effect::Set("home-note", words::WITHDRAWN.into())]);
                effects.extend(self.advance(now_ms));
                effects
            }
            _ => Vec::new(),
        }
    }

    /// The verifier understood and will not: the same request would fail again.
    fn failed(&mut self, tag: &str, status: u32, now_ms: u64) -> Vec<Effect> {
        match (tag, status) {
            ("wallet", 404) => {
                self.account = Some(None);
                self.advance(now_ms)
            }
            // Another device put its key in the place of this one, for good.
            ("wallet" | "open", 410) => {
                self.over = true;
                Vec::from([Effect::View("ended")])
            }
            // The key is of no use any more (a new verifier, say): ask as a stranger.
            ("quote", 401) if !self.is_stranger => {
                if self.place == Place::Item {
                    self.key = String::new();
                }
                self.is_stranger = true;
                self.advance(now_ms)
            }
            ("quote", 404) => self.problem(words::UNKNOWN),
            ("quote", 403) => self.problem(words::NOT_A_SITE),
            ("open", _) => self.reopen(now_ms),
            (refund::TAG, _) => self.refund_over(words::REFUND_FAILED, now_ms),
            ("top-up", status) => {
                self.voucher = None;
                note(match status {
                    404 => words::VOUCHER_UNKNOWN,
                    409 => words::VOUCHER_USED,
                    _ => words::VOUCHER_BAD,
                })
            }
            // A newer serial exists (another tab, an older answer that was lost): look, sign anew.
            ("allow" | "withdraw", 409) => {
                self.signed = None;
                self.grant = None;
                self.account = None;
                self.restarts += 1;
                if self.restarts > 3 {
                    self.restarts = 0;
                    return self.problem(words::CONFLICT);
                }
                let mut effects = Vec::new();
                if tag == "withdraw" {
                    effects.push(Effect::Set("home-note", words::CONFLICT.into()));
                }
                effects.extend(self.advance(now_ms));
                effects
            }
            _ => {
                self.signed = None;
                self.grant = None;
                self.problem(words::MISTAKE)
            }
        }
    }

    /// No definite answer: the same bytes again after a pause, then at the visitor's word.
    fn wait(&mut self, reply: Answer) -> Vec<Effect> {
        self.tries += 1;
        if self.tries >= TRIES_MAX {
            self.tries = 0;
            let why = if reply.status == 0 { words::OFFLINE } else { words::BUSY };
            return self.problem(if self.refund_is_signed() { words::REFUND_UNKNOWN } else { why });
        }
        self.busy = "pause";
        let pause_ms = 400_u64 << self.tries;
        Vec::from([Effect::Timer { name: "retry", ms: reply.pause_ms(pause_ms) }])
    }

    /// A timer ran out.
    pub fn timer(&mut self, fields: Fields<'_>, now_ms: u64) -> Vec<Effect> {
        match fields.text("name") {
            "arm" => self.arm(false),
            refund::TAG => self.refund_seen(),
            "alone" if self.place == Place::Allow && self.wanted.is_none() => {
                self.problem(words::NO_OPENER)
            }
            "retry" if self.busy == "pause" => {
                self.busy = "";
                self.advance(now_ms)
            }
            CLAIM => self.payment_due(now_ms),
            _ => Vec::new(),
        }
    }

    /// "Try again" was clicked, or the network came back.
    pub fn retry(&mut self, now_ms: u64) -> Vec<Effect> {
        if self.payment.is_some() {
            return self.payment_due(now_ms);
        }
        if self.over || !matches!(self.busy, "" | "pause") {
            return Vec::new();
        }
        self.busy = "";
        if self.place == Place::Home && self.consent == Consent::Carried {
            self.account = None;
        }
        let mut effects = Vec::from([Effect::View("loading")]);
        effects.extend(self.advance(now_ms));
        effects
    }
}
