//! The visitor's consent: what is shown before "Allow", when nothing needs to be asked because it was
//! allowed before, and the allowance that follows.

use alloc::string::String;
use alloc::vec::Vec;

use farthing_shared::amount::MICROS_PER_UNIT;
use farthing_shared::limits::CLAIM_MICROS_MAX;
use farthing_shared::{Micros, OriginHash, origin_hash};

use super::effect::{Effect, Signer};
use super::{ALLOWANCE_LIFE_MS, Consent, Grant, Known, Place, Wallet};
use crate::fields::{Fields, decimal};
use crate::quote::{Quote, Wanted};
use crate::signer::public_of;
use crate::words::{money, money_text, say, wallet as words};

/// Marks a time for the page, which writes it in the visitor's language.
pub const DATE: char = '\u{2}';

/// Nothing is allowed by a click that comes before the visitor can have read what it allows.
const ARM_MS: u64 = 1_000;
/// A window that nobody asks anything was not opened by one of our frames.
const ALONE_MS: u64 = 15_000;

impl Wallet {
    /// Tells the frame that this window is ready for its question.
    pub(super) fn greet(&mut self) -> Vec<Effect> {
        if self.greeted {
            return Vec::new();
        }
        self.greeted = true;
        let verifier = self.verifier().map_or_else(String::new, |verifier| verifier.to_text());
        let fields = Vec::from([("t", String::from("ready")), ("verifier", verifier)]);
        Vec::from([Effect::Send(fields), Effect::Timer { name: "alone", ms: ALONE_MS }])
    }

    /// The frame asks. The page has checked that it is a frame of our own origin.
    pub fn asked(&mut self, row: &str, now_ms: u64) -> Vec<Effect> {
        let fields = Fields::read(row);
        if self.place != Place::Allow || self.wanted.is_some() {
            return Vec::new();
        }
        let Some(amount) = fields.micros("amount").filter(|amount| *amount > Micros::ZERO) else {
            return self.problem(words::MISTAKE);
        };
        self.amount = amount;
        self.key = fields.owned("key");
        self.force = fields.flag("force");
        self.wanted = Some(Wanted::new(row));
        self.advance(now_ms)
    }

    pub(super) fn seek_consent(&mut self, now_ms: u64) -> Vec<Effect> {
        match self.place {
            Place::Home => self.greet_owner(),
            Place::Item => self.show_item(),
            Place::Allow => {
                if !self.force && self.covering(now_ms).is_some() {
                    self.consent = Consent::Carried;
                    return self.advance(now_ms);
                }
                self.show_consent(now_ms)
            }
        }
    }

    /// An allowance that was given before and still covers this payment: for this very key, or for
    /// this creator, site and browser, so that it can be handed on within what is left of it.
    fn covering(&self, now_ms: u64) -> Option<&Known> {
        let account = self.account.as_ref()?.as_ref()?;
        let (quote, wanted) = (self.quote.as_ref()?, self.wanted.as_ref()?);
        let origin = origin_hash(wanted.text("origin")).ok()?;
        let known = account.newest(quote.creator, origin, self.device)?;
        known.limits.covers(self.amount, now_ms).then_some(known)
    }

    fn show_consent(&mut self, now_ms: u64) -> Vec<Effect> {
        let (Some(quote), Some(wanted), Some(provider)) =
            (&self.quote, &self.wanted, &self.provider)
        else {
            return Vec::new();
        };
        // The last payment to a creator whose month is nearly used up is less than the price; the frame's
        // key was told so, and the verifier takes nothing else.
        let most = Micros::parse(quote.text("month.most")).ok();
        let fits = |price| self.amount == price || most.is_some() && self.amount < price;
        if !quote.price.is_none_or(fits) {
            // The frame showed another price: it has to show the new one first.
            return self.decline();
        }
        let month = most.map_or_else(String::new, |most| {
            say(&[words::NEVER_MORE, &money(most), words::A_MONTH])
        });
        let cap = sensible(suggested(quote, "suggested_cap"), self.amount);
        let each = self.claim_max().min(cap);
        let until = now_ms.saturating_add(ALLOWANCE_LIFE_MS);
        let money_words = match self.balance() {
            Some(balance) => say(&[words::BALANCE, &money(balance)]),
            None if provider.welcome_credit > Micros::ZERO => {
                say(&[words::WELCOME, &money(provider.welcome_credit), words::WELCOME_END])
            }
            None => words::WELCOME_PLAIN.into(),
        };
        let confirms = self.covering(now_ms).is_some();
        let owned = self.is_owned().then(|| money_text(quote.text("owned.amount")));
        let (now, button) = match (&owned, quote.price) {
            (Some(_), _) => (Micros::ZERO, words::ALLOW_OWNED),
            (None, _) if confirms => (self.amount, words::CONFIRM),
            (None, Some(_)) => (self.amount, words::ALLOW),
            (None, None) => (self.amount, words::ALLOW_AND_GIVE),
        };
        let (button, owned) = match owned {
            Some(paid) => (button.into(), say(&[words::PAID_BEFORE, &paid, words::NOTHING_NOW])),
            None => (say(&[button, &money(self.amount)]), String::new()),
        };
        let date = [&String::from(DATE), &*decimal(until), &String::from(DATE)].concat();
        let each = say(&[words::EACH, &money(each), words::EACH_UNTIL, &date, words::EACH_END]);
        self.armed = (false, false);
        Vec::from([
            Effect::Set("site", wanted.text("origin").into()),
            Effect::Set("creator", quote.text("creator.name").into()),
            Effect::Set("title", quote.title().into()),
            Effect::Set("price", money(now)),
            Effect::Set("owned", owned),
            Effect::Set("cap", cap.to_decimal()),
            Effect::Set("cap1", money(cap)),
            Effect::Set("cap2", money(times(cap, 2))),
            Effect::Set("cap3", money(times(cap, 5))),
            Effect::Set("each", each),
            Effect::Set("month", month),
            Effect::Set("money", money_words),
            Effect::Set("allow", button),
            Effect::Set("cap-problem", String::new()),
            Effect::Flag("caps", !confirms),
            Effect::Flag("has-title", !quote.title().is_empty()),
            Effect::Flag("allow", false),
            Effect::View("consent"),
        ])
    }

    /// The visitor moved, or a second has passed since: only then is the button live. The second begins
    /// with the first sign of a visitor, not with the view: a page can be open behind another window for
    /// long, and the press of a click that was meant for that window is the first sign here.
    pub fn arm(&mut self, moved: bool) -> Vec<Effect> {
        let (waited, seen) = self.armed;
        if moved {
            self.armed.1 = true;
            let timer = Effect::Timer { name: "arm", ms: ARM_MS };
            return if seen { Vec::new() } else { Vec::from([timer]) };
        }
        self.armed.0 = waited || seen;
        Vec::from([match self.place {
            Place::Item => Effect::Flag("pay", self.can_pay()),
            _ => Effect::Flag("allow", self.armed == (true, true)),
        }])
    }

    /// "Allow" was clicked, with this cap.
    pub fn allow(&mut self, fields: Fields<'_>, now_ms: u64) -> Vec<Effect> {
        if self.place != Place::Allow || self.armed != (true, true) || self.quote.is_none() {
            return Vec::new();
        }
        if self.covering(now_ms).is_some() {
            self.consent = Consent::Carried;
            return self.advance(now_ms);
        }
        match self.read_cap(fields.text("cap")) {
            Ok(cap) => {
                self.consent = Consent::Given { cap, per_claim_max: self.claim_max().min(cap) };
                self.advance(now_ms)
            }
            Err(why) => Vec::from([Effect::Set("cap-problem", why)]),
        }
    }

    fn read_cap(&self, typed: &str) -> Result<Micros, String> {
        let most = Micros::new(CLAIM_MICROS_MAX).unwrap_or(Micros::MAX);
        let example = times(self.amount, 20);
        let cap = Micros::parse(&typed.trim().replace(',', "."))
            .map_err(|_| say(&[words::CAP_BAD, &money(example), "."]))?;
        if cap < self.amount {
            Err(say(&[words::CAP_TOO_LOW, &money(self.amount), "."]))
        } else if cap > most {
            Err(say(&[words::CAP_TOO_HIGH, &money(most), "."]))
        } else {
            Ok(cap)
        }
    }

    fn claim_max(&self) -> Micros {
        let suggested = self
            .quote
            .as_ref()
            .map_or(Micros::ZERO, |quote| suggested(quote, "suggested_claim_max"));
        suggested.max(self.amount)
    }

    /// "Not now" was clicked.
    pub fn decline(&mut self) -> Vec<Effect> {
        if self.place != Place::Allow {
            return Vec::new();
        }
        self.over = true;
        Vec::from([Effect::Send(Vec::from([("t", "declined".into())])), Effect::Close])
    }

    /// Signs and registers what the visitor agreed to, or takes what stands already.
    pub(super) fn give_allowance(&mut self, now_ms: u64) -> Vec<Effect> {
        if let Some(signed) = self.signed.clone() {
            let body = ["{\"allowance\":\"", &signed, "\"}"].concat();
            return self.ask("allow", "POST", "/v1/allowances", &body, Signer::Nobody);
        }
        let Some((grant, origin)) = self.due_grant(now_ms) else {
            return self.problem(words::MISTAKE);
        };
        let standing = self.account.as_ref().and_then(Option::as_ref).and_then(|account| {
            account.of_key(&grant.key).filter(|known| {
                self.consent == Consent::Carried && known.limits.covers(self.amount, now_ms)
            })
        });
        if let Some(known) = standing {
            self.allowed = Some(known.limits.clone());
            return self.advance(now_ms);
        }
        let mut effects =
            Vec::from([Effect::Set("work", words::ALLOWING.into()), Effect::View("work")]);
        effects.push(self.allow_effect(grant, &origin));
        effects
    }

    /// Asks the page to allot a serial for this grant and to sign it.
    pub(super) fn allow_effect(&mut self, grant: Grant, origin: &str) -> Effect {
        let floor = self
            .account
            .as_ref()
            .and_then(Option::as_ref)
            .map_or(0, |account| account.serial_of(grant.creator, grant.origin, grant.device));
        let origin_hash = grant.origin.to_text();
        let slot = [&*grant.creator.to_text(), " ", &origin_hash].concat();
        self.grant = Some(grant);
        self.busy = "serial";
        Effect::Allow { slot, floor, origin: origin.into(), origin_hash }
    }

    fn due_grant(&self, now_ms: u64) -> Option<(Grant, String)> {
        let (quote, wanted) = (self.quote.as_ref()?, self.wanted.as_ref()?);
        let origin: OriginHash = origin_hash(wanted.text("origin")).ok()?;
        let key = public_of(&self.key)?;
        let grant = match self.consent {
            Consent::None => return None,
            Consent::Given { cap, per_claim_max } => Grant {
                key,
                creator: quote.creator,
                origin,
                cap,
                per_claim_max,
                expires_at_ms: now_ms.saturating_add(ALLOWANCE_LIFE_MS),
                grant: None,
                device: self.device,
            },
            Consent::Carried => {
                let limits = &self.covering(now_ms)?.limits;
                Grant {
                    key,
                    creator: quote.creator,
                    origin,
                    cap: limits.cap,
                    per_claim_max: limits.per_claim_max,
                    expires_at_ms: limits.expires_at_ms,
                    grant: Some(limits.grant),
                    device: self.device,
                }
            }
        };
        Some((grant, wanted.text("origin").into()))
    }

    /// The allowance is signed and its serial stored.
    pub fn allowance_signed(&mut self, fields: Fields<'_>, now_ms: u64) -> Vec<Effect> {
        self.busy = "";
        let signed = fields.owned("allowance");
        if signed.is_empty() {
            self.grant = None;
            return self.problem(words::NO_STORAGE);
        }
        self.signed = Some(signed);
        if self.place == Place::Home { self.withdraw_signed() } else { self.advance(now_ms) }
    }

    /// Hands the allowance to the frame and closes: the frame carries on by itself.
    pub(super) fn hand_over(&mut self) -> Vec<Effect> {
        let Some(limits) = self.allowed.clone() else { return Vec::new() };
        let balance = self.balance().unwrap_or_default();
        let verifier = self.verifier().map_or_else(String::new, |verifier| verifier.to_text());
        self.over = true;
        let fields = Vec::from([
            ("t", String::from("allowed")),
            ("verifier", verifier),
            ("key", limits.key),
            ("cap", limits.cap.to_decimal()),
            ("spent", limits.spent.to_decimal()),
            ("per_claim_max", limits.per_claim_max.to_decimal()),
            ("expires_at_ms", decimal(limits.expires_at_ms)),
            ("serial", decimal(limits.serial)),
            ("grant", decimal(limits.grant)),
            ("last_sequence", decimal(limits.last_sequence)),
            ("balance", balance.to_decimal()),
        ]);
        Vec::from([Effect::Send(fields), Effect::View("done"), Effect::Close])
    }
}

fn suggested(quote: &Quote, name: &str) -> Micros {
    Micros::parse(quote.text(name)).unwrap_or_default()
}

/// A cap to begin with: what fits the creator's prices, but no more than a few of the present
/// payment once that is more than pocket money. The visitor can change it.
fn sensible(suggested: Micros, amount: Micros) -> Micros {
    let pocket_money = Micros::new(5 * MICROS_PER_UNIT).unwrap_or_default();
    let most = pocket_money.max(times(amount, 4));
    let suggested = if suggested > Micros::ZERO { suggested } else { times(amount, 20) };
    suggested.min(most).max(amount)
}

fn times(amount: Micros, factor: u64) -> Micros {
    Micros::new(amount.get().saturating_mul(factor)).unwrap_or(Micros::MAX)
}
