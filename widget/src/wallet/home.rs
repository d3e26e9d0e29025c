//! The visitor's own view: balance, top-up, allowances. The history is the page's (www/wallet/history.js).

use alloc::string::String;
use alloc::vec::Vec;

use farthing_shared::Micros;

use super::consent::DATE;
use super::effect::{Effect, Signer};
use super::{Consent, Grant, Place, Wallet};
use crate::fields::{Fields, decimal};
use crate::signer::public_of;
use crate::words::{money, money_text, say, wallet as words};

impl Wallet {
    /// No consent is needed to look; a wallet is made only when the visitor says so.
    pub(super) fn greet_owner(&mut self) -> Vec<Effect> {
        if self.balance().is_some() {
            self.consent = Consent::Carried;
            return self.home();
        }
        let credit = self.provider.as_ref().map_or(Micros::ZERO, |p| p.welcome_credit);
        let text = if credit > Micros::ZERO {
            say(&[words::WELCOME, &money(credit), words::WELCOME_END])
        } else {
            words::WELCOME_PLAIN.into()
        };
        Vec::from([Effect::Set("money", text), Effect::View("empty")])
    }

    /// "Open a wallet" was clicked.
    pub fn create(&mut self, now_ms: u64) -> Vec<Effect> {
        if self.place != Place::Home || self.provider.is_none() {
            return Vec::new();
        }
        self.consent = Consent::Carried;
        self.advance(now_ms)
    }

    pub(super) fn home(&mut self) -> Vec<Effect> {
        if let Some(voucher) = self.voucher.clone() {
            return self.redeem(&voucher);
        }
        if let Some(effects) = self.send_refund() {
            return effects;
        }
        // The page reads and draws the history itself whenever this view comes up.
        let mut effects = self.draw_home();
        effects.push(Effect::View("home"));
        effects
    }

    pub(super) fn draw_home(&self) -> Vec<Effect> {
        let Some(Some(account)) = &self.account else { return Vec::new() };
        let rows = account
            .allowances
            .iter()
            .map(|known| {
                let limits = &known.limits;
                let site = self
                    .origins
                    .iter()
                    .find(|(hash, _)| *hash == known.origin.to_text())
                    .map(|(_, origin)| &**origin);
                let site = match site {
                    None => words::OTHER_DEVICE.into(),
                    Some(site) if known.device != self.device => {
                        say(&["\u{3}", site, "\u{3}", words::ELSEWHERE])
                    }
                    Some(site) if site == self.origin => words::THIS_PAGE.into(),
                    Some(site) => site.into(),
                };
                let until = dated(limits.expires_at_ms);
                let live = !limits.revoked && limits.cap > Micros::ZERO;
                let spent = money(limits.spent);
                let month = known.month.map_or_else(String::new, |(most, paid)| {
                    let (most, paid) = (money(most), money(paid));
                    say(&[words::THIS_MONTH, &paid, words::OF_MONTH, &most, words::THEN_OPEN])
                });
                let state = if live {
                    say(&[
                        words::SO_FAR,
                        &spent,
                        words::OF,
                        &money(limits.cap),
                        words::AT_MOST,
                        &money(limits.per_claim_max.min(limits.cap)),
                        words::AT_ONCE,
                        &until,
                        &month,
                    ])
                } else {
                    words::WITHDRAWN.into()
                };
                let action = if live { limits.key.clone() } else { String::new() };
                Vec::from([known.creator_name.clone(), site, state, action])
            })
            .collect::<Vec<_>>();
        let vouchers = self.provider.as_ref().is_some_and(|provider| provider.vouchers);
        Vec::from([
            Effect::Set("balance", money(account.balance)),
            Effect::Flag("top-up", vouchers),
            Effect::Flag("no-allowances", rows.is_empty()),
            Effect::Rows { list: "allowances", append: false, rows },
        ])
    }

    /// "Withdraw" was clicked for the allowance of this key: the next serial, with a cap of zero.
    pub fn withdraw(&mut self, fields: Fields<'_>) -> Vec<Effect> {
        if self.place != Place::Home || !self.busy.is_empty() {
            return Vec::new();
        }
        let found = public_of(fields.text("key"))
            .and_then(|key| self.account.as_ref()?.as_ref()?.of_key(&key).cloned());
        let Some(known) = found else { return Vec::new() };
        let Some(key) = public_of(&known.limits.key) else { return Vec::new() };
        let origin = self
            .origins
            .iter()
            .find(|(hash, _)| *hash == known.origin.to_text())
            .map_or_else(String::new, |(_, origin)| origin.clone());
        let grant = Grant {
            key,
            creator: known.creator,
            origin: known.origin,
            cap: Micros::ZERO,
            per_claim_max: known.limits.per_claim_max,
            expires_at_ms: known.limits.expires_at_ms,
            grant: Some(known.limits.grant),
            // Serials count per browser, so an allowance of another browser is withdrawn as that one.
            device: known.device,
        };
        Vec::from([
            Effect::Set("home-note", words::WITHDRAWING.into()),
            self.allow_effect(grant, &origin),
        ])
    }

    pub(super) fn withdraw_signed(&mut self) -> Vec<Effect> {
        let Some(signed) = self.signed.take() else { return Vec::new() };
        let body = ["{\"allowance\":\"", &signed, "\"}"].concat();
        self.ask("withdraw", "POST", "/v1/allowances", &body, Signer::Nobody)
    }

    /// The wallet holds too little: shows the voucher field.
    pub(super) fn seek_money(&mut self) -> Vec<Effect> {
        let balance = self.balance().unwrap_or_default();
        let need = [words::NEED, &money(balance), words::NEED_FOR, &money(self.amount), "."];
        let vouchers = self.provider.as_ref().is_some_and(|provider| provider.vouchers);
        Vec::from([
            Effect::Set("need", say(&need)),
            Effect::Flag("need-voucher", vouchers),
            Effect::View("money"),
        ])
    }

    /// A voucher's code was sent off.
    pub fn top_up(&mut self, fields: Fields<'_>, now_ms: u64) -> Vec<Effect> {
        if !self.busy.is_empty() || self.balance().is_none() {
            return Vec::new();
        }
        let code: String =
            fields.text("voucher").chars().filter(|c| !c.is_whitespace()).collect::<String>();
        let code = code.to_ascii_uppercase();
        let plain = code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if code.is_empty() || !plain || code.len() > 64 {
            let why = if code.is_empty() { words::VOUCHER_EMPTY } else { words::VOUCHER_BAD };
            return note(why);
        }
        self.voucher = Some(code);
        self.advance(now_ms)
    }

    pub(super) fn redeem(&mut self, voucher: &str) -> Vec<Effect> {
        let path = ["/v1/wallets/", &self.root, "/top-ups"].concat();
        let body = ["{\"voucher\":\"", voucher, "\"}"].concat();
        let mut effects = note(words::VOUCHER_CHECKING);
        effects.extend(self.ask("top-up", "POST", &path, &body, Signer::Nobody));
        effects
    }

    pub(super) fn topped_up(&mut self, fields: Fields<'_>, now_ms: u64) -> Vec<Effect> {
        self.voucher = None;
        self.account = None;
        let words =
            if fields.flag("repeat") { words::VOUCHER_REPEAT } else { words::VOUCHER_ADDED };
        let mut effects = note(&say(&[words, &money_text(fields.text("amount")), "."]));
        effects.push(Effect::Set("voucher", String::new()));
        effects.extend(self.advance(now_ms));
        effects
    }
}

/// The line below a voucher field, which both the home and the money view have.
pub(super) fn note(text: &str) -> Vec<Effect> {
    Vec::from([Effect::Set("voucher-note", text.into())])
}

fn dated(ms: u64) -> String {
    let mut text = String::new();
    text.push(DATE);
    text.push_str(&decimal(ms));
    text.push(DATE);
    text
}
