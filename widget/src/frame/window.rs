//! The wallet page in its window: the frame asks, the wallet page allows or tops up, the frame
//! carries on with the payment by itself.
//!
//! The page has checked origin and source of each message. The window is asked only once it says
//! that it is ready and the frame has a spending key; both can take a moment, in either order.

use alloc::string::String;

use super::{Frame, Phase};
use crate::fields::Fields;
use crate::quote::{Limits, escape};
use crate::signer::verifier_of;
use crate::words::frame as words;

impl Frame {
    pub(super) fn open_window(&mut self) {
        self.phase = Phase::Window;
        self.window_ready = false;
        self.show();
        // The fragment only serves a window that lost its opener: it can take the payment itself.
        let mut url = String::from("/wallet/allow#creator=");
        escape(&mut url, self.wanted.text("creator"));
        url.push_str("&item=");
        escape(&mut url, self.item());
        self.out.add(&["popup", &url]);
        if self.key.is_empty() {
            self.out.add(&["makeKey", ""]);
        }
    }

    /// The spending key is made and stored.
    pub(super) fn key_made(&mut self, fields: Fields<'_>) {
        self.key = fields.owned("pk");
        if self.key.is_empty() {
            self.out.add(&["close"]);
            self.close(words::NO_STORAGE);
            return self.show();
        }
        self.ask_window();
    }

    fn ask_window(&mut self) {
        if self.phase == Phase::Window && self.window_ready && !self.key.is_empty() {
            let wanted = |name| self.wanted.text(name);
            self.out.add(&[
                "send",
                "t",
                "ask",
                "creator",
                wanted("creator"),
                "item",
                wanted("item"),
                "origin",
                wanted("origin"),
                "offer",
                wanted("offer"),
                "title",
                wanted("title"),
                "key",
                &self.key,
                "amount",
                &self.chosen_text,
                "force",
                if self.force { "true" } else { "" },
            ]);
        }
    }

    /// The wallet page said something, or its window is gone.
    pub(super) fn window(&mut self, fields: Fields<'_>, now_ms: u64) {
        if self.phase != Phase::Window {
            return;
        }
        let verifier = fields.text("verifier");
        if !verifier.is_empty() {
            self.verifier = verifier_of(verifier);
            self.out.add(&["remember", verifier]);
        }
        match fields.text("t") {
            "ready" => {
                self.window_ready = true;
                self.ask_window();
            }
            "allowed" => {
                self.limits = Limits::read(fields.below("allowance."));
                self.out.add(&["close"]);
                self.window_settled(now_ms);
            }
            "declined" => {
                self.out.add(&["close"]);
                self.cancelled();
            }
            "closed" if self.verifier.is_some() && !self.key.is_empty() => {
                self.window_ready = false;
                self.ask_quote();
            }
            "closed" => self.cancelled(),
            "unopened" => {
                self.close(words::NO_WINDOW);
                self.show();
            }
            _ => {}
        }
    }

    /// The wallet page has done what it could: pay if that was enough.
    pub(super) fn window_settled(&mut self, now_ms: u64) {
        // A window that was closed without a word has confirmed nothing.
        if self.window_ready {
            self.force = false;
        }
        self.need = None;
        if self.limits.as_ref().is_some_and(|limits| self.may_spend(limits, now_ms)) {
            self.go(now_ms);
        } else {
            self.cancelled();
        }
    }

    pub(super) fn cancelled(&mut self) {
        self.force = false;
        self.refused(words::CANCELLED, "cancelled");
    }
}
