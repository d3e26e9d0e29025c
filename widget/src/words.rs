//! Every sentence of the wallet page (the frame's are in www/frame/words.js). Amounts stand between U+0001 characters, so that the page
//! writes them with `Intl.NumberFormat` in the visitor's language; a name that came from elsewhere
//! cannot contain that character.

use alloc::string::String;

use farthing_shared::Micros;

/// Marks an amount for the page.
pub const MONEY: char = '\u{1}';

/// An amount for the page to format.
#[must_use]
pub fn money(amount: Micros) -> String {
    money_text(&amount.to_decimal())
}

/// A decimal string from the verifier for the page to format.
#[must_use]
pub fn money_text(decimal: &str) -> String {
    let mut text = String::new();
    text.push(MONEY);
    text.push_str(decimal);
    text.push(MONEY);
    text
}

/// Puts sentences together.
#[must_use]
pub fn say(parts: &[&str]) -> String {
    parts.concat()
}

/// The promise after each refusal.
pub const NOT_CHARGED: &str = "You were not charged.";

pub mod wallet {
    //! What the wallet page says.

    pub const OFFLINE: &str = "No connection to the payment service.";
    pub const BUSY: &str = "The payment service is busy.";
    pub const NO_STORAGE: &str = "Your browser does not let this page store anything, so a wallet \
        would be lost at once. Please allow site data for this address, or leave private browsing.";
    pub const NO_OPENER: &str = "This window has lost its link to the page that opened it. Nothing \
        was charged. You can close it and try again there.";
    pub const UNKNOWN: &str = "This is not for sale here. You were not charged.";
    pub const NOT_A_SITE: &str = "The page that asks is not registered as one of this creator's sites. You were not charged.";
    pub const MISTAKE: &str =
        "The payment service did not understand this request. You were not charged.";
    pub const STALE: &str = "The wallet could not be opened. Please try again in a moment.";
    pub const OPENING: &str = "Opening your wallet\u{2026}";
    pub const ALLOWING: &str = "Allowing\u{2026}";
    pub const PAYING: &str = "Paying\u{2026}";
    pub const ASKING: &str = "No answer yet. Asking again; you are never charged twice.";
    pub const ALLOW: &str = "Allow and pay ";
    pub const ALLOW_AND_GIVE: &str = "Allow and give ";
    pub const ALLOW_OWNED: &str = "Allow";
    pub const PAID_BEFORE: &str = "This is yours already, for ";
    pub const NOTHING_NOW: &str = ". Nothing is charged now.";
    pub const CONFIRM: &str = "Confirm ";
    pub const PAY: &str = "Pay ";
    pub const GIVE: &str = "Give ";
    pub const WELCOME: &str = "You have no wallet in this browser yet. One is made for you, with ";
    pub const WELCOME_END: &str = " to begin with. No e-mail address, no password.";
    pub const WELCOME_PLAIN: &str = "You have no wallet in this browser yet. One is made for you. No e-mail address, no password.";
    pub const BALANCE: &str = "Your balance: ";
    pub const CAP_TOO_LOW: &str = "The limit has to cover this payment: at least ";
    pub const CAP_BAD: &str = "Please enter an amount such as ";
    pub const CAP_TOO_HIGH: &str = "Please stay at or below ";
    pub const EACH: &str = "At most ";
    pub const EACH_UNTIL: &str = " for one payment, until ";
    pub const EACH_END: &str = ". You can withdraw this at any time in your wallet.";
    pub const NEED: &str = "Your balance is ";
    pub const NEED_FOR: &str = "; this payment takes ";
    pub const VOUCHER_EMPTY: &str = "Please enter the voucher's code.";
    pub const VOUCHER_UNKNOWN: &str = "This code is not known. Please check it letter by letter.";
    pub const VOUCHER_USED: &str = "This voucher was used by another wallet, or it has expired.";
    pub const VOUCHER_BAD: &str =
        "This is not a voucher code. It looks like FARTH-XXXX-XXXX-XXXX-XXXX.";
    pub const VOUCHER_CHECKING: &str = "Adding the voucher\u{2026}";
    pub const VOUCHER_ADDED: &str = "Added ";
    pub const VOUCHER_REPEAT: &str = "This voucher is in this wallet already: ";
    pub const SO_FAR: &str = "Spent ";
    pub const OF: &str = " of ";
    pub const AT_MOST: &str = "; at most ";
    pub const AT_ONCE: &str = " for one payment, until ";
    pub const THIS_MONTH: &str = ". This month ";
    pub const OF_MONTH: &str = " of at most ";
    pub const THEN_OPEN: &str = "; then everything there is open.";
    pub const NEVER_MORE: &str = "Never more than ";
    pub const A_MONTH: &str = " a month (UTC) from you, donations aside; then everything of this creator is open until it ends.";
    pub const WITHDRAWN: &str = "Withdrawn";
    pub const OVER: &str = "Expired";
    pub const WITHDRAWING: &str = "Withdrawing\u{2026}";
    pub const CONFLICT: &str = "Something changed in another window. Please try again.";
    pub const THIS_PAGE: &str = "Farthing's own page";
    pub const ELSEWHERE: &str = " in another browser of yours";
    pub const OTHER_DEVICE: &str = "a site in another browser of yours";
    pub const REFUND_FAILED: &str =
        "The refund could not be asked for. Nothing was changed; please try again.";
    pub const REFUND_DONE: &str = "The money is back in your wallet.";
    pub const REFUND_REFUSED: &str = "The refund was refused. The payment stands as it was.";
    pub const REFUND_UNKNOWN: &str = "No answer about your refund yet: the money may be back already. Try again to know; \
        it is given once, however often it is asked for.";
    pub const PAID: &str = "Paid ";
    pub const GIVEN: &str = "Thank you! You gave ";
    pub const OWNED: &str = "Yours already: you paid ";
    pub const BACK: &str = "You paid ";
    pub const BACK_SINCE: &str = ", and it was given back since: the money is in your wallet.";
    pub const LOST: &str = "The payment did not arrive. You were not charged.";
    pub const REFUSED: &str = "The payment was refused.";
}
