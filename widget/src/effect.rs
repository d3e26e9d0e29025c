//! What a machine asks the page to do, and how it is written for the page.
//!
//! ```text
//! op US argument US argument RS op US …     US = 0x1f, RS = 0x1e
//! ```
//!
//! The page carries effects out in order and within the same turn, so that an [`Effect::Popup`]
//! that answers a click still belongs to that click (WebKit blocks it after any `await`).

use alloc::string::String;
use alloc::vec::Vec;

use crate::fields::UNIT;

/// Separates effects.
pub const RECORD: char = '\u{1e}';

/// Who signs a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signer {
    /// Nobody: the answer is for everybody.
    Nobody,
    /// The key that this document holds: the frame's spending key, the wallet page's root key.
    Key,
    /// The wallet page's own spending key, for the item page.
    #[cfg(feature = "wallet")]
    Spending,
}

/// One request to the verifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Comes back with the answer.
    pub tag: &'static str,
    /// The method in capitals.
    pub method: &'static str,
    /// Path with its query, as sent and as signed.
    pub path: String,
    /// A JSON body, or empty.
    pub body: String,
    /// Whose access it carries.
    pub signer: Signer,
}

/// One thing for the page to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Draw the frame.
    #[cfg(feature = "frame")]
    Show(crate::frame::View),
    /// Ask the verifier; the answer comes back as an event, whatever happens.
    Fetch(Request),
    /// Make the document's spending key, or take the one that another tab made meanwhile.
    MakeKey {
        /// A key that is of no more use and must not be taken again.
        instead_of: String,
    },
    /// Allot the next number above `floor`, sign the present draft, store it, then report it.
    Claim {
        /// The verifier saw this number already.
        floor: u64,
    },
    /// The claim's fate is known: forget the stored bytes.
    Settle {
        /// The claim id.
        id: String,
    },
    /// Report back after a while.
    Timer {
        /// Comes back with the event.
        name: &'static str,
        /// How long from now.
        ms: u64,
    },
    /// Open the wallet page, within this click.
    #[cfg(feature = "frame")]
    Popup {
        /// The wallet page's path and fragment.
        url: String,
    },
    /// Send these fields to the wallet page (frame) or to the frame (wallet page).
    Send(Vec<(&'static str, String)>),
    /// Close the window that was opened (frame) or this one (wallet page).
    Close,
    /// Bring the wallet page that is open to the front.
    #[cfg(feature = "frame")]
    Focus,
    /// Tell the creator's page.
    #[cfg(feature = "frame")]
    Tell {
        /// `paid`, `declined` or `error`.
        event: &'static str,
        /// What the page may know: claim id, entry, item, amount, reason.
        fields: Vec<(&'static str, String)>,
    },
    /// Tell the frames of this creator in other tabs and places that something was paid.
    Spread,
    /// Decrypt the gate's content and hand it to the creator's page.
    #[cfg(feature = "frame")]
    Unseal {
        /// The content key as the verifier gave it.
        key: String,
    },
    /// Remember whose verifier the key belongs to.
    #[cfg(feature = "frame")]
    Remember {
        /// The verifier id.
        verifier: String,
    },
    /// Show one section of the wallet page.
    #[cfg(feature = "wallet")]
    View(&'static str),
    /// Put a text where it belongs.
    #[cfg(feature = "wallet")]
    Set(&'static str, String),
    /// Show or hide, enable or disable a named part.
    #[cfg(feature = "wallet")]
    Flag(&'static str, bool),
    /// Fill a list; each row is its cells.
    #[cfg(feature = "wallet")]
    Rows {
        /// Which list.
        list: &'static str,
        /// Add to what is there.
        append: bool,
        /// The rows.
        rows: Vec<Vec<String>>,
    },
    /// Make the wallet's root key, or take the one that another tab made meanwhile.
    #[cfg(feature = "wallet")]
    MakeRoot,
    /// Solve the challenge at hand in slices.
    #[cfg(feature = "wallet")]
    Work,
    /// Sign the opening at hand, then report it.
    #[cfg(feature = "wallet")]
    SignOpening,
    /// Allot the next serial of this slot above `floor`, sign the allowance, store, report it.
    #[cfg(feature = "wallet")]
    Allow {
        /// Creator and site.
        slot: String,
        /// The verifier saw this serial already.
        floor: u64,
        /// The site, for the list of allowances.
        origin: String,
        /// Its hash, as the verifier names it.
        origin_hash: String,
    },
}

/// Writes effects for the page.
#[must_use]
pub fn encode(effects: &[Effect]) -> String {
    let mut out = String::new();
    for effect in effects {
        if !out.is_empty() {
            out.push(RECORD);
        }
        effect.encode(&mut out);
    }
    out
}

impl Effect {
    fn encode(&self, out: &mut String) {
        match self {
            #[cfg(feature = "frame")]
            Self::Show(view) => {
                row(out, &["show", view.state, &view.label, &view.name, &view.status, view.parts]);
            }
            Self::Fetch(request) => {
                let signer = match request.signer {
                    Signer::Nobody => "",
                    Signer::Key => "key",
                    #[cfg(feature = "wallet")]
                    Signer::Spending => "spending",
                };
                let Request { tag, method, path, body, .. } = request;
                row(out, &["fetch", tag, method, path, body, signer]);
            }
            Self::MakeKey { instead_of } => row(out, &["makeKey", instead_of]),
            Self::Claim { floor } => row(out, &["claim", &decimal(*floor)]),
            Self::Settle { id } => row(out, &["settle", id]),
            Self::Timer { name, ms } => row(out, &["timer", name, &decimal(*ms)]),
            #[cfg(feature = "frame")]
            Self::Popup { url } => row(out, &["popup", url]),
            Self::Send(fields) => pairs(out, "send", fields),
            Self::Close => row(out, &["close"]),
            #[cfg(feature = "frame")]
            Self::Focus => row(out, &["focus"]),
            #[cfg(feature = "frame")]
            Self::Tell { event, fields } => {
                row(out, &["tell", event]);
                rest(out, fields);
            }
            Self::Spread => row(out, &["spread"]),
            #[cfg(feature = "frame")]
            Self::Unseal { key } => row(out, &["unseal", key]),
            #[cfg(feature = "frame")]
            Self::Remember { verifier } => row(out, &["remember", verifier]),
            #[cfg(feature = "wallet")]
            _ => self.encode_wallet(out),
        }
    }

    #[cfg(feature = "wallet")]
    fn encode_wallet(&self, out: &mut String) {
        match self {
            Self::View(name) => row(out, &["view", name]),
            Self::Set(name, text) => row(out, &["set", name, text]),
            Self::Flag(name, on) => row(out, &["flag", name, if *on { "1" } else { "" }]),
            Self::Rows { list, append, rows } => {
                row(out, &["rows", list, if *append { "1" } else { "" }]);
                for cells in rows {
                    // Each row says how many cells follow, so that rows may differ in length.
                    let count = u64::try_from(cells.len()).unwrap_or(0);
                    out.push(UNIT);
                    out.push_str(&decimal(count));
                    for cell in cells {
                        out.push(UNIT);
                        push_clean(out, cell);
                    }
                }
            }
            Self::MakeRoot => row(out, &["makeRoot"]),
            Self::Work => row(out, &["work"]),
            Self::SignOpening => row(out, &["signOpening"]),
            Self::Allow { slot, floor, origin, origin_hash } => {
                row(out, &["allow", slot, &decimal(*floor), origin, origin_hash]);
            }
            _ => {}
        }
    }
}

fn row(out: &mut String, units: &[&str]) {
    for (index, unit) in units.iter().enumerate() {
        if index > 0 {
            out.push(UNIT);
        }
        push_clean(out, unit);
    }
}

fn pairs(out: &mut String, op: &str, fields: &[(&'static str, String)]) {
    row(out, &[op]);
    rest(out, fields);
}

fn rest(out: &mut String, fields: &[(&'static str, String)]) {
    for (name, value) in fields {
        out.push(UNIT);
        out.push_str(name);
        out.push(UNIT);
        push_clean(out, value);
    }
}

/// Separators inside a text would let it pass for an effect of its own.
fn push_clean(out: &mut String, text: &str) {
    out.extend(text.chars().filter(|c| *c != UNIT && *c != RECORD));
}

/// Digits without the weight of `core::fmt`.
#[must_use]
pub fn decimal(mut number: u64) -> String {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    digits[at..].iter().map(|digit| char::from(*digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_the_standard_library_does() {
        for number in [0, 7, 10, 99, 1_700_000_000_000, u64::MAX] {
            assert_eq!(decimal(number), number.to_string());
        }
    }

    #[test]
    fn a_text_cannot_smuggle_an_effect_in() {
        let evil = String::from("x\u{1e}popup\u{1f}/evil");
        let text = encode(&[Effect::Settle { id: evil }, Effect::Close]);
        assert_eq!(text, "settle\u{1f}xpopup/evil\u{1e}close");
    }
}
