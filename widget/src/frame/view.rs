//! What the frame shows in each phase.

use alloc::string::String;

use farthing_shared::Micros;
use farthing_shared::limits::CLAIM_MICROS_MAX;

use super::{Frame, Mode, Phase};
use crate::effect::decimal;
use crate::words::{NOT_CHARGED, frame as words, money, say};

/// One picture of the frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// For styles and tests: `loading`, `ready`, `confirm`, `window`, `paying`, `asking`, `paid`,
    /// `stuck`, `closed`.
    pub state: &'static str,
    /// The button's text.
    pub label: String,
    /// The button's name for screen readers: verb, amount and payee.
    pub name: String,
    /// The line below it, a live region.
    pub status: String,
    /// What is there: `b` button, `d` it is disabled, `w` it is busy, `i` amount field, `l` link to
    /// the provider's own page for the item.
    pub parts: &'static str,
}

impl Frame {
    pub(super) fn view(&self) -> View {
        let amount = self.amount();
        let label = amount.map_or_else(String::new, |amount| self.verb(amount));
        let donates = self.mode == Mode::Donate;
        let (state, label, status, parts) = match self.phase {
            Phase::Loading => ("loading", words::LOADING.into(), String::new(), "bdw"),
            Phase::Stuck(true) => ("stuck", words::RETRY.into(), self.note.clone(), "b"),
            Phase::Stuck(false) => ("stuck", label, self.note.clone(), "l"),
            Phase::Closed => ("closed", label, self.note.clone(), "l"),
            Phase::Ready if amount.is_none() => {
                ("ready", words::GIVE.into(), self.amount_words(), "bdi")
            }
            Phase::Ready if donates => ("ready", label, self.line(), "bi"),
            Phase::Ready => ("ready", label, self.line(), "b"),
            Phase::Confirm => {
                let status = say(&[words::CONFIRM_WHY, &self.payee()]);
                ("confirm", label, status, if donates { "bi" } else { "b" })
            }
            Phase::Window => ("window", words::WINDOW_LABEL.into(), words::WINDOW.into(), "b"),
            Phase::Signing | Phase::Renewing => ("paying", label, words::PAYING.into(), "bdw"),
            Phase::Paying => self.paying_view(label),
            Phase::Done => ("paid", label, say(&[&self.note, " ", &self.payee()]), ""),
        };
        View { state, name: self.name(&label), label, status, parts }
    }

    fn paying_view(&self, label: String) -> (&'static str, String, String, &'static str) {
        let tries = self.payment.as_ref().map_or(0, |payment| payment.tries);
        let (state, words) = match (tries, self.resumed) {
            // One quick second try is no news.
            (0..=1, false) => ("paying", words::PAYING),
            (0..=1, true) => ("paying", words::CHECKING),
            _ => ("asking", words::ASKING),
        };
        let label = if label.is_empty() { words::LOADING.into() } else { label };
        (state, label, words.into(), "bdw")
    }

    fn name(&self, label: &str) -> String {
        match (&self.quote, self.phase) {
            (Some(quote), Phase::Ready | Phase::Confirm) if self.amount().is_some() => {
                say(&[label, " ", words::TO, &quote.creator_name])
            }
            _ => label.into(),
        }
    }

    /// What stands below the button: news first, else who is paid.
    fn line(&self) -> String {
        if self.note.is_empty() {
            self.payee()
        } else if self.note.ends_with(NOT_CHARGED) || self.note.ends_with('.') {
            self.note.clone()
        } else {
            say(&[&self.note, " ", &self.payee()])
        }
    }

    fn payee(&self) -> String {
        let Some(quote) = &self.quote else { return String::new() };
        let mut line = say(&[words::TO, &quote.creator_name]);
        if quote.fee_ppm > 0 {
            let percent = say(&[&decimal(quote.fee_ppm / 10_000), ".", &hundredths(quote.fee_ppm)]);
            line.push_str(&say(&[words::FEE, &percent, words::FEE_UNIT]));
        }
        if quote.demo {
            line.push_str(words::DEMO);
        }
        line
    }

    fn amount_words(&self) -> String {
        let most = Micros::new(CLAIM_MICROS_MAX).unwrap_or(Micros::MAX);
        let typed = Micros::parse(&self.typed.trim().replace(',', "."));
        if typed.is_ok_and(|amount| amount > most) {
            return say(&[words::AMOUNT_TOO_MUCH, &money(most), words::AMOUNT_AT_ONCE]);
        }
        say(&[words::AMOUNT, &money(Micros::new(500_000).unwrap_or_default()), "."])
    }
}

fn hundredths(ppm: u64) -> String {
    let rest = ppm % 10_000 / 100;
    say(&[if rest < 10 { "0" } else { "" }, &decimal(rest)])
}
