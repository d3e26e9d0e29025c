//! The wallet page in its window: the frame asks, the wallet page allows or tops up, the frame
//! carries on with the payment by itself.
//!
//! The page has checked origin and source of each message. The window is asked only once it says
//! that it is ready and the frame has a spending key; both can take a moment, in either order.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Frame, Phase};
use crate::effect::Effect;
use crate::fields::Fields;
use crate::quote::{Limits, escape};
use crate::signer::verifier_of;
use crate::words::{NOT_CHARGED, frame as words, say};

impl Frame {
    pub(super) fn open_window(&mut self) -> Vec<Effect> {
        self.phase = Phase::Window;
        self.window_ready = false;
        // The fragment only serves a window that lost its opener: it can take the payment itself.
        let mut url = String::from("/wallet/allow#creator=");
        escape(&mut url, &self.wanted.creator);
        url.push_str("&item=");
        escape(&mut url, &self.wanted.item);
        let mut effects = Vec::from([Effect::Popup { url }]);
        if self.key.is_empty() {
            effects.push(Effect::MakeKey { instead_of: String::new() });
        }
        self.drawn(effects)
    }

    /// The spending key is made and stored.
    pub fn key_made(&mut self, fields: &Fields<'_>) -> Vec<Effect> {
        self.key = fields.owned("pk");
        if self.key.is_empty() {
            self.blocked = true;
            self.phase = Phase::Closed;
            self.note = words::NO_STORAGE.into();
            return self.drawn(Vec::from([Effect::Close]));
        }
        self.ask_window()
    }

    fn ask_window(&self) -> Vec<Effect> {
        if self.phase != Phase::Window || !self.window_ready || self.key.is_empty() {
            return Vec::new();
        }
        let mut fields = self.wanted.fields();
        fields.push(("t", "ask".into()));
        fields.push(("key", self.key.clone()));
        fields.push(("amount", self.chosen.to_decimal()));
        fields.push(("force", if self.force { "true" } else { "" }.into()));
        Vec::from([Effect::Send(fields)])
    }

    /// The wallet page said something, or its window is gone.
    pub fn window(&mut self, fields: &Fields<'_>, now_ms: u64) -> Vec<Effect> {
        if self.phase != Phase::Window {
            return Vec::new();
        }
        match fields.text("t") {
            "ready" => {
                self.window_ready = true;
                self.ask_window()
            }
            "verifier" => self.remember(fields),
            "allowed" => {
                let mut effects = self.remember(fields);
                self.limits = Limits::read(&fields.below("allowance."));
                effects.push(Effect::Close);
                effects.extend(self.window_settled(now_ms));
                effects
            }
            "declined" => {
                let mut effects = Vec::from([Effect::Close]);
                effects.extend(self.cancelled());
                effects
            }
            "closed" => {
                self.window_ready = false;
                if self.key.is_empty() || self.verifier.is_none() {
                    return self.cancelled();
                }
                Vec::from([self.quote_request()])
            }
            "unopened" => {
                self.phase = Phase::Closed;
                self.note = words::NO_WINDOW.into();
                self.drawn(Vec::new())
            }
            _ => Vec::new(),
        }
    }

    fn remember(&mut self, fields: &Fields<'_>) -> Vec<Effect> {
        let verifier = fields.text("verifier");
        self.verifier = verifier_of(verifier);
        Vec::from([Effect::Remember { verifier: verifier.into() }])
    }

    /// The wallet page has done what it could: pay if that was enough.
    pub(super) fn window_settled(&mut self, now_ms: u64) -> Vec<Effect> {
        let server_ms = self.server_ms(now_ms);
        let enough = self.limits.as_ref().is_some_and(|limits| {
            limits.key == self.key && limits.lacks(self.chosen, server_ms).is_none()
        });
        // A window that was closed without a word has confirmed nothing.
        let confirmed = !self.force || self.window_ready;
        if !enough || !confirmed {
            return self.cancelled();
        }
        self.need = None;
        self.force = false;
        self.go(now_ms)
    }

    pub(super) fn cancelled(&mut self) -> Vec<Effect> {
        self.force = false;
        self.refused(&say(&[words::CANCELLED, NOT_CHARGED]), "cancelled")
    }
}
