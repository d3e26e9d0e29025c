//! The payment frame: what happens after which event, and which sentence the visitor is told.
//!
//! ```text
//! boot ─► (claims of an earlier visit are settled) ─► quote ─► Ready ─click─► Signing ─► Paying ─► Done
//!                                                      │  ▲ doubtful: Confirm            │
//!                                                      ▼  │                              ▼ refused:
//!                                                    Window (the wallet page allows)    Ready, with words
//! ```
//!
//! The machine works on numbers: the page keeps the texts (names, bytes, sentences), gives the facts
//! that count, and carries out the effects that come back as one set of flags. That is what makes
//! it small (docs/decisions/0004-widget-size.md), and its tests short.
//!
//! Out of scope: drawing, storage, the network, windows (the page), and every limit that protects
//! money (the verifier). All times are the verifier's, as far as its answers have told them.

use farthing_shared::limits::{CLAIM_MICROS_MAX, CLAIM_MICROS_MIN};
use farthing_shared::outcome::{Outcome, Retry};

use crate::gesture::{By, Evidence, Verdict};
use crate::payment::{Answer, Fate, Track};
use crate::quote::Spending;

mod effect;

pub use effect::*;

macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident { $($(#[$note:meta])* $item:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum $name { $($(#[$note])* $item,)* }

        impl $name {
            /// The names in the order of their numbers, as the page's files list them.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($item),)*];
        }
    };
}

numbered! {
    /// Where the frame is.
    Phase {
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
        /// A claim's answer keeps us waiting.
        Asking,
        /// A claim failed for a reason that a new one does not have: the quote is fetched anew.
        Renewing,
        /// Paid or owned.
        Done,
        /// Nothing that the visitor does here helps.
        Closed,
    }
}

numbered! {
    /// What the visitor is told; the sentences are in www/frame/words.js.
    Note {
        None,
        BadTag,
        NoPage,
        NoStorage,
        NoWindow,
        NotForSale,
        NotASite,
        Offline,
        Busy,
        PriceChanged,
        Cancelled,
        NoKey,
        Refused,
        Lost,
        Misunderstood,
        Checking,
        LastPaid,
        LastLost,
        Paid,
        Owned,
        Thanks,
        SealedBroken,
    }
}

/// A new claim after a used number or a wrong clock is tried this often without asking.
const RENEWALS_MAX: u8 = 3;
/// A quote is asked for this often before the visitor is asked to try again.
const QUOTE_TRIES_MAX: u8 = 4;

/// What the page knows when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// The browser lets the frame store something.
    pub stored: bool,
    /// The tag says what it is for: an item, or that it is for a donation.
    pub named: bool,
    /// It is for a donation.
    pub donates: bool,
    /// The frame is in a page whose origin the browser names.
    pub embedded: bool,
    /// There is a spending key.
    pub has_key: bool,
    /// It was allowed something by this verifier once.
    pub has_verifier: bool,
}

/// An answer to the request for a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quoted {
    /// The HTTP status, 0 when none came, and how long the verifier asks to wait.
    pub answer: Answer,
    /// The price in micros; `None` for a donation.
    pub price: Option<u64>,
    /// Everything that money depends on was in it.
    pub whole: bool,
    /// The wallet owns the item.
    pub owned: bool,
    /// What the key that asked may spend.
    pub spending: Option<Spending>,
}

/// What the wallet window says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// It waits for the question.
    Ready,
    /// It allowed this.
    Allowed(Option<Spending>),
    /// The visitor said no.
    Declined,
    /// It was closed without a word.
    Closed,
    /// It did not open, or opened without a tie to this frame.
    Unopened,
}

/// The frame's state.
#[derive(Debug)]
pub struct Frame {
    phase: Phase,
    note: Note,
    start: Start,
    quoted: Option<Option<u64>>,
    spending: Option<Spending>,
    /// The verifier said that something is missing, whatever the frame thinks.
    need: bool,
    /// The amount of the click that is being carried out.
    chosen: u64,
    track: Option<Track>,
    /// The claim was found in storage, not clicked now.
    resumed: bool,
    retry_due: bool,
    renewals: u8,
    quote_tries: u8,
    window_ready: bool,
    /// Only the wallet page can ask: the button may not be seen.
    force: bool,
    pause_ms: u64,
}

impl Frame {
    /// A frame before its first event.
    #[must_use]
    pub const fn new() -> Self {
        let start = Start {
            stored: false,
            named: false,
            donates: false,
            embedded: false,
            has_key: false,
            has_verifier: false,
        };
        Self {
            phase: Phase::Loading,
            note: Note::None,
            start,
            quoted: None,
            spending: None,
            need: false,
            chosen: 0,
            track: None,
            resumed: false,
            retry_due: false,
            renewals: 0,
            quote_tries: 0,
            window_ready: false,
            force: false,
            pause_ms: 0,
        }
    }

    /// Where the frame is.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// What the visitor is told.
    #[must_use]
    pub fn note(&self) -> Note {
        self.note
    }

    /// How long a [`PAUSE`] is.
    #[must_use]
    pub fn pause_ms(&self) -> u64 {
        self.pause_ms
    }

    /// The amount to sign now; `None` when no claim is due.
    #[must_use]
    pub fn due(&self) -> Option<u64> {
        (self.phase == Phase::Signing).then_some(self.chosen)
    }

    /// Whether only the wallet page may ask for this payment.
    #[must_use]
    pub fn forces(&self) -> bool {
        self.force
    }

    /// Numbers up to this one were seen by the verifier.
    #[must_use]
    pub fn floor(&self) -> u64 {
        self.spending.map_or(0, |spending| spending.last_sequence)
    }

    /// The page read its parameters and its storage.
    pub fn boot(&mut self, start: Start) -> u32 {
        self.start = start;
        if !start.named {
            self.give_up(Note::BadTag)
        } else if !start.embedded {
            self.give_up(Note::NoPage)
        } else {
            TAKE
        }
    }

    /// A claim of an earlier visit, or none is left.
    pub fn taken(&mut self, found: Option<Track>, now_ms: u64) -> u32 {
        self.track = found;
        self.resumed = found.is_some();
        if self.resumed {
            // What is said about the one before stays until this one is settled.
            if self.note == Note::None {
                self.note = Note::Checking;
            }
            self.phase = Phase::Paying;
            SHOW | self.request(now_ms)
        } else {
            self.load()
        }
    }

    /// Sends the claim while it can be accepted; an expired one is asked about.
    fn request(&self, now_ms: u64) -> u32 {
        if self.track.is_some_and(|track| track.can_be_sent(now_ms)) { SEND } else { ASK }
    }

    fn load(&mut self) -> u32 {
        self.phase = Phase::Loading;
        SHOW | QUOTE
    }

    /// The quote came, or why it did not.
    pub fn quoted(&mut self, quoted: Quoted, now_ms: u64) -> u32 {
        if !quoted.answer.is_done() || !quoted.whole {
            return self.unquoted(quoted.answer);
        }
        self.quote_tries = 0;
        let changed = self.quoted.is_some_and(|old| old != quoted.price);
        self.quoted = Some(quoted.price);
        self.spending = quoted.spending;
        if quoted.owned {
            self.phase = Phase::Done;
            self.note = Note::Owned;
            return SHOW | TELL_PAID | UNSEAL;
        }
        match self.phase {
            Phase::Renewing if !changed => return self.go(now_ms),
            Phase::Renewing | Phase::Loading if !self.start.stored => {
                self.phase = Phase::Closed;
                self.note = Note::NoStorage;
            }
            Phase::Renewing | Phase::Loading => {
                self.phase = Phase::Ready;
                if changed {
                    self.note = Note::PriceChanged;
                }
            }
            // The window was closed without a word: it may have allowed before.
            Phase::Window if !self.window_ready => return self.window_settled(now_ms),
            _ => {}
        }
        SHOW
    }

    fn unquoted(&mut self, answer: Answer) -> u32 {
        if answer.status == 401 && self.start.has_verifier {
            // The key is of no use any more (a new verifier, say): ask as a stranger.
            self.start.has_verifier = false;
            return QUOTE;
        }
        match self.phase {
            Phase::Loading | Phase::Renewing => {}
            Phase::Window if !self.window_ready => return self.cancelled(),
            // A refresh in the background failed; what is shown still holds.
            _ => return 0,
        }
        match answer.status {
            404 => return self.give_up(Note::NotForSale),
            403 => return self.give_up(Note::NotASite),
            _ if answer.is_definite() => return self.give_up(Note::BadTag),
            _ => {}
        }
        self.quote_tries += 1;
        if self.quote_tries < QUOTE_TRIES_MAX {
            self.pause_ms = answer.pause_ms(500 << self.quote_tries);
            return PAUSE;
        }
        self.quote_tries = 0;
        self.phase = Phase::Stuck;
        self.note = if answer.status == 0 { Note::Offline } else { Note::Busy };
        SHOW
    }

    /// No payment can be made here, whatever the visitor does.
    fn give_up(&mut self, note: Note) -> u32 {
        self.phase = Phase::Closed;
        self.note = note;
        SHOW | TELL_ERROR
    }

    /// The visitor typed an amount.
    pub fn typed(&mut self) -> u32 {
        if !matches!(self.phase, Phase::Ready | Phase::Confirm) {
            return 0;
        }
        self.phase = Phase::Ready;
        self.note = Note::None;
        SHOW
    }

    /// The button was clicked, when it said this amount of micros; or nobody did, within what the visitor permitted.
    /// Then it is paid at once or not at all: a window that opens by itself would be blocked, and nobody asked for it.
    pub fn click(&mut self, evidence: Evidence, amount: u64, now_ms: u64) -> u32 {
        match self.phase {
            Phase::Ready | Phase::Confirm => {}
            Phase::Stuck => {
                self.note = Note::None;
                return self.load();
            }
            Phase::Window => return FOCUS,
            _ => return 0,
        }
        if !(CLAIM_MICROS_MIN..=CLAIM_MICROS_MAX).contains(&amount) {
            return 0;
        }
        match evidence.judge(self.phase == Phase::Confirm) {
            Verdict::Nothing => return 0,
            Verdict::Doubtful => {
                self.phase = Phase::Confirm;
                return SHOW;
            }
            verdict => self.force = verdict == Verdict::Unseen,
        }
        self.chosen = amount;
        self.note = Note::None;
        self.renewals = 0;
        if evidence.by == By::Nobody {
            self.phase = Phase::Renewing;
        }
        self.go(now_ms)
    }

    /// Pays the chosen amount, or opens the wallet page for what is missing.
    fn go(&mut self, now_ms: u64) -> u32 {
        if self.may_spend(now_ms) {
            self.phase = Phase::Signing;
            return SHOW | SIGN;
        }
        if self.phase == Phase::Renewing {
            // The click is long gone, or there was none, and a window would be blocked: the next click opens it.
            self.phase = Phase::Ready;
            return SHOW;
        }
        self.phase = Phase::Window;
        self.window_ready = false;
        if self.start.has_key { SHOW | OPEN } else { SHOW | OPEN | MAKE_KEY }
    }

    fn may_spend(&self, now_ms: u64) -> bool {
        !self.need
            && !self.force
            && self.start.has_key
            && self.start.has_verifier
            && self.spending.is_some_and(|s| s.lacks(self.chosen, now_ms).is_none())
    }

    /// The spending key is made and stored, or could not be.
    pub fn key_made(&mut self, stored: bool) -> u32 {
        self.start.has_key = stored;
        if !stored {
            self.phase = Phase::Closed;
            self.note = Note::NoStorage;
            return SHOW | CLOSE;
        }
        self.question()
    }

    fn question(&self) -> u32 {
        let due = self.phase == Phase::Window && self.window_ready && self.start.has_key;
        if due { QUESTION } else { 0 }
    }

    /// The wallet window said something, or is gone. The page has checked where it comes from.
    pub fn window(&mut self, said: Window, has_verifier: bool, now_ms: u64) -> u32 {
        if self.phase != Phase::Window {
            return 0;
        }
        self.start.has_verifier = has_verifier;
        match said {
            Window::Ready => {
                self.window_ready = true;
                self.question()
            }
            Window::Allowed(spending) => {
                self.spending = spending;
                CLOSE | self.window_settled(now_ms)
            }
            Window::Declined => CLOSE | self.cancelled(),
            Window::Closed if has_verifier && self.start.has_key => {
                self.window_ready = false;
                QUOTE
            }
            Window::Closed => self.cancelled(),
            Window::Unopened => {
                self.phase = Phase::Closed;
                self.note = Note::NoWindow;
                SHOW
            }
        }
    }

    /// The wallet page has done what it could: pay if that was enough.
    fn window_settled(&mut self, now_ms: u64) -> u32 {
        // A window that was closed without a word has confirmed nothing.
        if self.window_ready {
            self.force = false;
        }
        self.need = false;
        if self.may_spend(now_ms) { self.go(now_ms) } else { self.cancelled() }
    }

    fn cancelled(&mut self) -> u32 {
        self.force = false;
        self.refused(Note::Cancelled)
    }

    /// The page allotted a number, signed and stored the claim; or it could not (`None`): the key is
    /// gone, or another tab took a new one.
    pub fn signed(&mut self, claim: Option<Track>, now_ms: u64) -> u32 {
        if self.phase != Phase::Signing {
            return 0;
        }
        self.track = claim;
        if claim.is_none() {
            self.need = true;
            return SETTLE | self.refused(Note::NoKey);
        }
        self.phase = Phase::Paying;
        SHOW | self.request(now_ms)
    }

    /// An answer about the claim came, or none did.
    pub fn answered(&mut self, answer: Answer, now_ms: u64) -> u32 {
        let Some(track) = &mut self.track else { return 0 };
        let fate = track.answered(answer, now_ms);
        match fate {
            Fate::Ask => return ASK,
            Fate::Wait(ms) => {
                // One quick second try is no news.
                if track.tries() > 1 {
                    self.phase = Phase::Asking;
                }
                self.retry_due = true;
                self.pause_ms = ms;
                return SHOW | PAUSE;
            }
            _ => self.track = None,
        }
        let paid = if fate == Fate::Success { SETTLE | TELL_PAID } else { SETTLE };
        if self.resumed {
            self.note = if fate == Fate::Success { Note::LastPaid } else { Note::LastLost };
            return paid | TAKE;
        }
        paid | match fate {
            Fate::Success => self.paid(answer.charged),
            Fate::Refused(outcome) => self.refused_for(outcome),
            Fate::Lost => self.refused(Note::Lost),
            _ => self.refused(Note::Misunderstood),
        }
    }

    fn paid(&mut self, charged: bool) -> u32 {
        if let Some(spending) = &mut self.spending
            && charged
        {
            spending.spend(self.chosen);
        }
        (self.phase, self.note) = match (self.start.donates, charged) {
            (true, _) => (Phase::Ready, Note::Thanks),
            (false, true) => (Phase::Done, Note::Paid),
            (false, false) => (Phase::Done, Note::Owned),
        };
        SHOW | SPREAD | UNSEAL
    }

    fn refused_for(&mut self, outcome: Option<Outcome>) -> u32 {
        // A newer verifier may refuse for a reason that this build does not know.
        let retry = outcome.map_or(Retry::Later, Outcome::retry);
        match retry {
            Retry::NewClaim if self.renewals < RENEWALS_MAX => {
                self.renewals += 1;
                self.phase = Phase::Renewing;
                return SHOW | QUOTE;
            }
            Retry::AfterTopUp | Retry::AfterAllowance => self.need = true,
            _ => {}
        }
        let effects = self.refused(Note::Refused);
        match (retry, outcome) {
            (Retry::AfterQuote, _) => effects | self.load(),
            (Retry::Never, _) => {
                self.phase = Phase::Closed;
                effects
            }
            // This key can never pay again.
            (_, Some(Outcome::KeyRevoked | Outcome::KeyExhausted)) => {
                self.start.has_key = false;
                effects | FORGET_KEY
            }
            _ => effects,
        }
    }

    /// Back to the button, with words; the next click starts anew.
    fn refused(&mut self, note: Note) -> u32 {
        self.phase = Phase::Ready;
        self.note = note;
        SHOW | TELL_DECLINED
    }

    /// The wallet page, which could not be spoken to, left word that it took the payment. Whatever the frame
    /// showed, it is paid; only a claim of the frame's own that is still on its way comes first.
    pub fn told(&mut self) -> u32 {
        if self.phase != Phase::Closed {
            return 0;
        }
        self.paid(true) & !SPREAD | TELL_PAID
    }

    /// A pause is over, or the network came back, which cuts every pause short.
    pub fn resume(&mut self, now_ms: u64) -> u32 {
        match self.phase {
            Phase::Paying | Phase::Asking if core::mem::take(&mut self.retry_due) => {
                self.request(now_ms)
            }
            Phase::Stuck => {
                self.note = Note::None;
                self.load()
            }
            Phase::Loading | Phase::Renewing if self.quote_tries > 0 => QUOTE,
            _ => 0,
        }
    }

    /// Another tab or another element of this creator paid something.
    pub fn changed(&mut self, has_key: bool, has_verifier: bool) -> u32 {
        if self.phase != Phase::Ready {
            return 0;
        }
        self.start.has_key = has_key;
        self.start.has_verifier = has_verifier;
        QUOTE
    }

    /// The sealed content does not open with the key that the verifier gave.
    pub fn unopened(&mut self) -> u32 {
        self.note = Note::SealedBroken;
        SHOW | TELL_ERROR
    }
}

impl Default for Frame {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
