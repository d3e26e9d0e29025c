//! What the wallet page asks its document to do. Written for the page by [`encode`], in the form
//! that `crate::effect` draws.

use alloc::string::String;
use alloc::vec::Vec;

use crate::effect::Effects;
use crate::fields::decimal;

/// Who signs a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signer {
    /// Nobody: the answer is for everybody.
    Nobody,
    /// The key that this document holds: the frame's spending key, the wallet page's root key.
    Key,
    /// The wallet page's own spending key, for the item page.
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
    /// Send these fields to the wallet page (frame) or to the frame (wallet page).
    Send(Vec<(&'static str, String)>),
    /// Close the window that was opened (frame) or this one (wallet page).
    Close,
    /// Show one section of the wallet page.
    View(&'static str),
    /// Put a text where it belongs.
    Set(&'static str, String),
    /// Show or hide, enable or disable a named part.
    Flag(&'static str, bool),
    /// Fill a list; each row is its cells.
    Rows {
        /// Which list.
        list: &'static str,
        /// Add to what is there.
        append: bool,
        /// The rows.
        rows: Vec<Vec<String>>,
    },
    /// Make the wallet's root key, or take the one that another tab made meanwhile.
    MakeRoot,
    /// Solve the challenge at hand in slices.
    Work,
    /// Sign the opening at hand, then report it.
    SignOpening,
    /// Sign the refund request at hand, then report it.
    SignRefund,
    /// Allot the next serial of this slot above `floor`, sign the allowance, store, report it.
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
    let mut out = Effects::new();
    for effect in effects {
        effect.add_to(&mut out);
    }
    out.take()
}

fn bit(on: bool) -> &'static str {
    if on { "1" } else { "" }
}

impl Effect {
    fn add_to(&self, out: &mut Effects) {
        match self {
            Self::Fetch(Request { tag, method, path, body, signer }) => {
                let signer = match signer {
                    Signer::Nobody => "",
                    Signer::Key => "key",
                    Signer::Spending => "spending",
                };
                out.add(&["fetch", tag, method, path, body, signer]);
            }
            Self::MakeKey { instead_of } => out.add(&["makeKey", instead_of]),
            Self::Claim { floor } => out.add(&["claim", &decimal(*floor)]),
            Self::Settle { id } => out.add(&["settle", id]),
            Self::Timer { name, ms } => out.add(&["timer", name, &decimal(*ms)]),
            Self::Send(fields) => {
                let mut units = Vec::from(["send"]);
                for (name, value) in fields {
                    units.extend([name, &**value]);
                }
                out.add(&units);
            }
            Self::Close => out.add(&["close"]),
            Self::View(name) => out.add(&["view", name]),
            Self::Set(name, text) => out.add(&["set", name, text]),
            Self::Flag(name, on) => out.add(&["flag", name, bit(*on)]),
            Self::Rows { list, append, rows } => {
                // Each row says how many cells follow, so that rows may differ in length.
                let counts: Vec<String> = rows
                    .iter()
                    .map(|cells| decimal(u64::try_from(cells.len()).unwrap_or(0)))
                    .collect();
                let mut units = Vec::from(["rows", list, bit(*append)]);
                for (cells, count) in rows.iter().zip(&counts) {
                    units.push(count);
                    units.extend(cells.iter().map(|cell| &**cell));
                }
                out.add(&units);
            }
            Self::MakeRoot => out.add(&["makeRoot"]),
            Self::Work => out.add(&["work"]),
            Self::SignOpening => out.add(&["signOpening"]),
            Self::SignRefund => out.add(&["signRefund"]),
            Self::Allow { slot, floor, origin, origin_hash } => {
                out.add(&["allow", slot, &decimal(*floor), origin, origin_hash]);
            }
        }
    }
}
