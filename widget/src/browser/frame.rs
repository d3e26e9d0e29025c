//! The frame's events, as numbers. Each gives the effects' flags.

use spin::Mutex;
use wasm_bindgen::prelude::wasm_bindgen;

use super::{give, key, taken as text};
use crate::fields::{cut, whole};
use crate::frame::{Frame, Quoted, Start, Window};
use crate::gesture::{By, Evidence};
use crate::payment::{Answer, Track};
use crate::quote::Spending;
use crate::signer::{Draft, access, public_text, verifier_of};
use farthing_shared::Micros;

struct Held {
    frame: Frame,
    spending: Option<Spending>,
}

static HELD: Mutex<Held> = Mutex::new(Held { frame: Frame::new(), spending: None });

fn has(bits: u32, at: u32) -> bool {
    bits >> at & 1 == 1
}

/// A claim's expiry, or none for zero.
fn track(expires: f64, make: fn(u64) -> Track) -> Option<Track> {
    (expires > 0.0).then(|| make(expires as u64))
}

#[wasm_bindgen]
pub fn boot(bits: u32) -> u32 {
    HELD.lock().frame.boot(Start {
        stored: has(bits, 0),
        named: has(bits, 1),
        donates: has(bits, 2),
        embedded: has(bits, 3),
        has_key: has(bits, 4),
        has_verifier: has(bits, 5),
    })
}

#[wasm_bindgen]
pub fn found(expires: f64, now: f64) -> u32 {
    HELD.lock().frame.taken(track(expires, Track::found), now as u64)
}

/// What the key may spend, for the event that follows.
#[wasm_bindgen]
pub fn spending(cap: f64, spent: f64, each: f64, expires: f64, balance: f64, sequence: f64) {
    HELD.lock().spending = Some(Spending {
        cap: cap as u64,
        spent: spent as u64,
        per_claim_max: each as u64,
        expires_at_ms: expires as u64,
        balance: balance as u64,
        last_sequence: sequence as u64,
    });
}

/// `price` is negative for a donation; bits: the quote is whole, the item is owned.
#[wasm_bindgen]
pub fn quoted(status: u32, retry_after: f64, price: f64, bits: u32, now: f64) -> u32 {
    let mut held = HELD.lock();
    let quoted = Quoted {
        answer: Answer { status, retry_after_s: retry_after as u64, ..Answer::default() },
        price: (price >= 0.0).then_some(price as u64),
        whole: has(bits, 0),
        owned: has(bits, 1),
        spending: held.spending.take(),
    };
    held.frame.quoted(quoted, now as u64)
}

#[wasm_bindgen]
pub fn typed() -> u32 {
    HELD.lock().frame.typed()
}

/// `by`: 0 hover, 1 touch, 2 keyboard, 3 nobody. `seen`: 0 no, 1 yes, 2 the browser cannot say.
#[wasm_bindgen]
#[expect(clippy::too_many_arguments, reason = "only numbers cross the border")]
pub fn click(
    trusted: u32,
    by: u32,
    dwell: f64,
    focus: f64,
    still: f64,
    moved: f64,
    view: f64,
    seen: u32,
    last: f64,
    amount: f64,
    now: f64,
) -> u32 {
    let evidence = Evidence {
        trusted: trusted == 1,
        by: match by {
            0 => By::Hover,
            1 => By::Touch,
            2 => By::Keyboard,
            _ => By::Nobody,
        },
        dwell_ms: dwell as u64,
        focus_ms: focus as u64,
        still_ms: still as u64,
        moved_px: moved as u64,
        in_view_ms: view as u64,
        uncovered: (seen < 2).then_some(seen == 1),
        since_last_ms: last as u64,
    };
    HELD.lock().frame.click(evidence, amount as u64, now as u64)
}

#[wasm_bindgen]
pub fn made(stored: u32) -> u32 {
    HELD.lock().frame.key_made(stored == 1)
}

/// `said`: 0 ready, 1 allowed, 2 declined, 3 closed, 4 unopened.
#[wasm_bindgen]
pub fn heard(said: u32, has_verifier: u32, now: f64) -> u32 {
    let mut held = HELD.lock();
    let said = match said {
        0 => Window::Ready,
        1 => Window::Allowed(held.spending.take()),
        2 => Window::Declined,
        3 => Window::Closed,
        _ => Window::Unopened,
    };
    held.frame.window(said, has_verifier == 1, now as u64)
}

#[wasm_bindgen]
pub fn signed(expires: f64, now: f64) -> u32 {
    HELD.lock().frame.signed(track(expires, Track::signed), now as u64)
}

/// Bits: not seen, and never will be; charged; said to be not charged. What was given back since is
/// put as never seen: it is not paid.
#[wasm_bindgen]
pub fn answered(status: u32, retry_after: f64, code: u32, bits: u32, now: f64) -> u32 {
    let answer = Answer {
        status,
        code: code as u16,
        not_seen: has(bits, 0),
        last: has(bits, 1),
        charged: has(bits, 2),
        uncharged: has(bits, 3),
        retry_after_s: retry_after as u64,
    };
    HELD.lock().frame.answered(answer, now as u64)
}

#[wasm_bindgen]
pub fn resume(now: f64) -> u32 {
    HELD.lock().frame.resume(now as u64)
}

#[wasm_bindgen]
pub fn changed(has_key: u32, has_verifier: u32) -> u32 {
    HELD.lock().frame.changed(has_key == 1, has_verifier == 1)
}

#[wasm_bindgen]
pub fn told() -> u32 {
    HELD.lock().frame.told()
}

#[wasm_bindgen]
pub fn unopened() -> u32 {
    HELD.lock().frame.unopened()
}

#[wasm_bindgen]
pub fn phase() -> u32 {
    HELD.lock().frame.phase() as u32
}

#[wasm_bindgen]
pub fn note() -> u32 {
    HELD.lock().frame.note() as u32
}

#[wasm_bindgen]
pub fn pause() -> f64 {
    HELD.lock().frame.pause_ms() as f64
}

#[wasm_bindgen]
pub fn floor() -> f64 {
    HELD.lock().frame.floor() as f64
}

#[wasm_bindgen]
pub fn forces() -> u32 {
    u32::from(HELD.lock().frame.forces())
}

/// The micros of the decimal that was put; 0 when it is none.
#[wasm_bindgen]
pub fn micros() -> f64 {
    Micros::parse(&text()).map_or(0, Micros::get) as f64
}

/// Signs what was put, with the seed that was put:
///
/// ```text
/// (nothing)                                                            the public key
/// verifier US method US path                                           a signed read
/// claim US number US creator US item US origin US amount US currency US verifier
/// ```
///
/// A claim is signed only when one is due, and only over the amount that was clicked.
#[wasm_bindgen]
pub fn sign(now: f64) -> u32 {
    let (key, text) = (key(), text());
    let now_ms = now as u64;
    let (name, rest) = cut(&text);
    let made = match name {
        "" => Some(public_text(&key)),
        "claim" => {
            let (number, row) = cut(rest);
            Draft::read(row)
                .filter(|draft| HELD.lock().frame.due() == Some(draft.amount.get()))
                .and_then(|draft| Some(draft.sign(&key, whole(number)?, now_ms)))
        }
        verifier => verifier_of(verifier).map(|verifier| access(&key, verifier, rest, now_ms)),
    };
    give(made.unwrap_or_default())
}
