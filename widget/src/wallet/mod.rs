//! The wallet page: opens the wallet, gives allowances to frames, tops up, shows what was paid,
//! and takes the payment for a link that needs no script on the creator's page.
//!
//! The machine is driven by its goal: after every event, [`Wallet::advance`] looks at what is known
//! and does the first thing that is missing. So a step that failed is simply done again, a page
//! that was reloaded goes on where it was, and the three places share one path:
//!
//! ```text
//! provider ─► question or link ─► quote ─► account ─► consent ─► root key ─► opening ─► money ─► allowance ─┐
//!             (pop-up, item page)                     (a click)                          (voucher)          │
//!                                                              pop-up: hand it to the frame, close  ◄───────┤
//!                                                              item page: sign the claim, say "Paid" ◄──────┘
//! ```
//!
//! In scope: order, consent, words. Out of scope: storage, windows, drawing (the page).

mod account;
mod answers;
mod consent;
pub mod effect;
mod home;
mod item;
mod limits;
mod opening;
mod payment;
mod refund;
mod rotation;

use alloc::string::String;
use alloc::vec::Vec;

use farthing_shared::{
    Allowance, Challenge, CreatorId, Micros, OriginHash, PublicKey, UnixMillis, VerifierId,
};

pub use account::{Account, Known, Provider};
use effect::{Effect, Request, Signer};
use payment::Payment;
use refund::Refunding;

use crate::fields::{Fields, decimal};
use crate::payment::{TAG as CLAIM, Track};
use crate::quote::{Limits, Quote, Wanted};
use crate::signer::public_of;
use crate::words::wallet as words;

/// Which document this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// `/wallet`: balance, allowances, history.
    Home,
    /// `/wallet/allow`: opened by a frame.
    Allow,
    /// `/i/<creator>/<item>`: a link.
    Item,
}

/// How the visitor agreed to the payment at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Consent {
    /// Not yet.
    None,
    /// By a click, with these limits for the site.
    Given { cap: Micros, per_claim_max: Micros },
    /// Before: what is left of that cap is handed to a new key.
    Carried,
}

/// An allowance to be signed, but for its serial.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Grant {
    key: PublicKey,
    creator: CreatorId,
    origin: OriginHash,
    cap: Micros,
    per_claim_max: Micros,
    expires_at_ms: u64,
    /// The consent that it belongs to; `None` for a new one.
    grant: Option<u64>,
    /// The browser that it is in force in.
    device: u32,
}

/// How long a new allowance lasts.
const ALLOWANCE_LIFE_MS: u64 = 90 * 86_400_000;
/// Tries before the visitor is asked to try again.
const TRIES_MAX: u8 = 4;

/// The wallet page's state.
#[derive(Debug)]
pub struct Wallet {
    place: Place,
    origin: String,
    stored: bool,
    has_opener: bool,
    /// The root key's public half, or empty.
    root: String,
    device: u32,
    provider: Option<Provider>,
    /// `Some(None)`: the verifier does not know this wallet (yet).
    account: Option<Option<Account>>,
    wanted: Option<Wanted>,
    /// The spending key that the payment is for: the frame's, or this page's own.
    key: String,
    typed: String,
    /// What the item page says of an earlier payment beside its button.
    note: String,
    amount: Micros,
    force: bool,
    quote: Option<Quote>,
    /// The verifier does not know who signs.
    is_stranger: bool,
    consent: Consent,
    armed: (bool, bool),
    challenge: Option<Challenge>,
    solution: Option<u64>,
    opening: Option<String>,
    grant: Option<Grant>,
    signed: Option<String>,
    voucher: Option<String>,
    refund: Option<Refunding>,
    /// One for each question whose second is not over.
    refund_timers: u8,
    allowed: Option<Limits>,
    payment: Option<Payment>,
    resumed: bool,
    retry_due: bool,
    signing: bool,
    greeted: bool,
    /// The tag of the request that is under way.
    busy: &'static str,
    tries: u8,
    restarts: u8,
    over: bool,
    origins: Vec<(String, String)>,
}

impl Wallet {
    /// A page before its first event.
    #[must_use]
    pub fn new() -> Self {
        Self {
            place: Place::Home,
            origin: String::new(),
            stored: false,
            has_opener: false,
            root: String::new(),
            device: 0,
            provider: None,
            account: None,
            wanted: None,
            key: String::new(),
            typed: String::new(),
            note: String::new(),
            amount: Micros::ZERO,
            force: false,
            quote: None,
            is_stranger: false,
            consent: Consent::None,
            armed: (false, false),
            challenge: None,
            solution: None,
            opening: None,
            grant: None,
            signed: None,
            voucher: None,
            refund: None,
            refund_timers: 0,
            allowed: None,
            payment: None,
            resumed: false,
            retry_due: false,
            signing: false,
            greeted: false,
            busy: "",
            tries: 0,
            restarts: 0,
            over: false,
            origins: Vec::new(),
        }
    }

    /// The page read its address and its storage.
    pub fn boot(&mut self, row: &str, now_ms: u64) -> Vec<Effect> {
        let fields = Fields::read(row);
        self.origin = fields.owned("origin");
        self.stored = fields.flag("stored");
        self.has_opener = fields.flag("opener");
        self.root = fields.owned("root");
        self.device = device_of(fields);
        // Sent at an earlier visit, and never answered: sent again, which gives its first answer.
        self.refund = fields.has("refund").then(|| Refunding::Signed(fields.owned("refund")));
        for index in 0_u64.. {
            let prefix = ["sites.", &decimal(index), "."].concat();
            let row = fields.below(&prefix);
            if !row.has("hash") {
                break;
            }
            self.origins.push((row.owned("hash"), row.owned("origin")));
        }
        let asks_here = fields.text("place") == "allow" && !self.has_opener;
        self.place = match fields.text("place") {
            "allow" if self.has_opener => Place::Allow,
            // A window that lost its opener takes the payment itself: nothing proves whose key a
            // page would name, so nothing is ever delegated to one (browser.md, trap 4).
            "allow" | "item" if fields.has("creator") => Place::Item,
            _ => Place::Home,
        };
        if asks_here && self.place == Place::Home {
            return Vec::from([
                Effect::Set("problem", words::NO_OPENER.into()),
                Effect::View("problem"),
            ]);
        }
        if !self.stored {
            return Vec::from([
                Effect::Set("problem", words::NO_STORAGE.into()),
                Effect::View("problem"),
            ]);
        }
        if self.place == Place::Item {
            self.wanted = Some(Wanted::new(row));
            self.key = fields.owned("pk");
            self.typed = String::from("1.00");
            self.payment = Payment::read(fields.below("pending.0."), Track::found);
            self.resumed = self.payment.is_some();
        }
        self.advance(now_ms)
    }

    /// Does the first thing that is missing.
    fn advance(&mut self, now_ms: u64) -> Vec<Effect> {
        if self.over || !self.busy.is_empty() {
            return Vec::new();
        }
        if self.provider.is_none() {
            return self.ask("provider", "GET", "/v1/provider", "", Signer::Nobody);
        }
        if self.place == Place::Allow && self.wanted.is_none() {
            return self.greet();
        }
        if let Some(payment) = self.payment.as_ref().filter(|_| self.resumed) {
            self.busy = CLAIM;
            return claim_request(payment.request(now_ms));
        }
        if let (Some(wanted), None) = (&self.wanted, &self.quote) {
            let path = wanted.path();
            let signer = match self.place {
                _ if self.is_stranger => Signer::Nobody,
                Place::Item if !self.key.is_empty() => Signer::Spending,
                // What is this wallet's already is not to look like a second payment.
                Place::Allow if !self.root.is_empty() => Signer::Key,
                _ => Signer::Nobody,
            };
            return self.ask("quote", "GET", &path, "", signer);
        }
        if self.account.is_none() && !self.root.is_empty() {
            let path = ["/v1/wallets/", &self.root].concat();
            return self.ask("wallet", "GET", &path, "", Signer::Key);
        }
        if self.consent == Consent::None {
            return self.seek_consent(now_ms);
        }
        if self.balance().is_none() {
            return self.open_wallet();
        }
        match self.place {
            Place::Home => self.home(),
            Place::Allow | Place::Item => self.provide(now_ms),
        }
    }

    /// The wallet is open and the visitor agreed: money, allowance, payment.
    fn provide(&mut self, now_ms: u64) -> Vec<Effect> {
        if let Some(voucher) = self.voucher.clone() {
            return self.redeem(&voucher);
        }
        let is_due = !self.is_owned();
        if self.balance().is_none_or(|balance| is_due && balance < self.amount) {
            return self.seek_money();
        }
        if self.allowed.is_none() {
            return self.give_allowance(now_ms);
        }
        match self.place {
            Place::Allow => self.hand_over(),
            _ => self.pay(),
        }
    }

    /// What is asked for was bought before, so it will be opened and not charged.
    fn is_owned(&self) -> bool {
        self.quote.as_ref().is_some_and(|quote| !quote.text("owned").is_empty())
    }

    /// An open wallet's balance.
    fn balance(&self) -> Option<Micros> {
        self.account.as_ref()?.as_ref().map(|account| account.balance)
    }

    fn ask(
        &mut self,
        tag: &'static str,
        method: &'static str,
        path: &str,
        body: &str,
        signer: Signer,
    ) -> Vec<Effect> {
        self.busy = tag;
        let request = Request { tag, method, path: path.into(), body: body.into(), signer };
        Vec::from([Effect::Fetch(request)])
    }

    /// The root key is made and stored, or another tab's was taken.
    pub fn root_made(&mut self, fields: Fields<'_>, now_ms: u64) -> Vec<Effect> {
        self.busy = "";
        self.root = fields.owned("root");
        self.device = device_of(fields);
        if self.root.is_empty() {
            return self.problem(words::NO_STORAGE);
        }
        // Another tab may have opened it already.
        self.account = None;
        self.advance(now_ms)
    }

    /// The verifier's id, once it is known.
    #[must_use]
    pub fn verifier(&self) -> Option<VerifierId> {
        self.provider.as_ref().map(|provider| provider.verifier)
    }

    /// What the page signs for [`Effect::Allow`].
    #[must_use]
    pub fn allowance(&self, serial: u64) -> Option<Allowance> {
        let grant = self.grant.as_ref()?;
        let provider = self.provider.as_ref()?;
        Some(Allowance {
            verifier: provider.verifier,
            root: public_of(&self.root)?,
            key: grant.key,
            creator: grant.creator,
            origin: grant.origin,
            cap: grant.cap,
            per_claim_max: grant.per_claim_max,
            expires_at: UnixMillis(grant.expires_at_ms),
            serial,
            // A new consent is named after the serial that it came with: unique, and growing.
            grant: grant.grant.unwrap_or(serial),
            device: grant.device,
            currency: provider.currency,
        })
    }

    /// Says what is wrong; the page offers to try again.
    fn problem(&mut self, said: &str) -> Vec<Effect> {
        Vec::from([Effect::Set("problem", said.into()), Effect::View("problem")])
    }
}

impl Default for Wallet {
    fn default() -> Self {
        Self::new()
    }
}

/// A request about a claim.
fn claim_request((method, path, body): payment::Request) -> Vec<Effect> {
    let request = Request { tag: CLAIM, method, path, body, signer: Signer::Nobody };
    Vec::from([Effect::Fetch(request)])
}

fn device_of(fields: Fields<'_>) -> u32 {
    fields.number("device").and_then(|device| u32::try_from(device).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
