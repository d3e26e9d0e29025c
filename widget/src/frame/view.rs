//! What the frame shows in each phase:
//!
//! ```text
//! show US state US label US name US status US parts
//! ```
//!
//! `state` is for styles and tests; `label` is the button's text and `name` what a screen reader says
//! (verb, amount, payee); `status` is the live region below. `parts`: `b` button, `d` it is disabled,
//! `w` it is busy, `i` amount field, `l` link to the provider's own page for the item.

use alloc::string::String;

use super::{Frame, Mode, Phase};
use crate::words::{frame as words, money_text, say};

/// Marks millionths for the page, which writes them as a percentage.
const SHARE: &str = "\u{3}";

impl Frame {
    pub(super) fn show(&mut self) {
        let donates = self.mode == Mode::Donate;
        let amount = self.amount();
        let label = amount.map_or_else(String::new, |(_, text)| self.verb(text));
        let note = &*self.note;
        let payee = &*self.payee();
        let said = match self.phase {
            Phase::Ready if note.ends_with('.') => note.into(),
            Phase::Ready if amount.is_none() => words::AMOUNT.into(),
            _ => say(&[note, if note.is_empty() { "" } else { " " }, payee]),
        };
        let tries = self.payment.as_ref().map_or(0, |payment| payment.tries);
        let (state, label, status, parts) = match self.phase {
            Phase::Loading => ("loading", words::LOADING, "", "bdw"),
            Phase::Stuck => ("stuck", words::RETRY, note, "b"),
            Phase::Closed => ("closed", "", note, "l"),
            Phase::Ready if amount.is_none() => ("ready", words::GIVE, &*said, "bdi"),
            Phase::Ready => ("ready", &*label, &*said, if donates { "bi" } else { "b" }),
            Phase::Confirm => {
                ("confirm", &*label, words::CONFIRM_WHY, if donates { "bi" } else { "b" })
            }
            Phase::Window => ("window", words::WINDOW_LABEL, words::WINDOW, "b"),
            // One quick second try is no news.
            Phase::Paying if tries > 1 => ("asking", &*label, words::ASKING, "bdw"),
            Phase::Paying if self.resumed => ("paying", words::LOADING, words::CHECKING, "bdw"),
            Phase::Signing | Phase::Renewing | Phase::Paying => {
                ("paying", &*label, words::PAYING, "bdw")
            }
            Phase::Done => ("paid", "", &*said, ""),
        };
        let name = match self.phase {
            Phase::Ready | Phase::Confirm if amount.is_some() => say(&[label, " ", payee]),
            _ => label.into(),
        };
        self.out.add(&["show", state, label, &name, status, parts]);
    }

    /// The button's words for an amount.
    fn verb(&self, amount: &str) -> String {
        let verb = match self.mode {
            _ if self.phase == Phase::Confirm => words::CONFIRM,
            Mode::Donate if self.given => words::GIVE_AGAIN,
            Mode::Donate => words::GIVE,
            Mode::Pay | Mode::Gate => words::PAY,
        };
        say(&[verb, &money_text(amount)])
    }

    fn payee(&self) -> String {
        let Some(quote) = &self.quote else { return String::new() };
        let mut line = say(&[words::TO, quote.text("creator.name")]);
        let fee = quote.text("fee_ppm");
        if !matches!(fee, "" | "0") {
            line.push_str(&say(&[words::FEE, SHARE, fee, SHARE]));
        }
        if quote.text("demo") == "true" {
            line.push_str(words::DEMO);
        }
        line
    }
}
