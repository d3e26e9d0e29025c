//! The wallet page's events as text, what it signs, and its proof of work.

use alloc::string::String;
use alloc::vec::Vec;

use farthing_shared::SigningKey;
use spin::Mutex;
use wasm_bindgen::prelude::wasm_bindgen;

use super::{give, key, taken, with_seed};
use crate::fields::{Fields, UNIT, decimal, whole};
use crate::recovery;
use crate::signer::{access, base64, public_text};
use crate::wallet::Wallet;
use crate::wallet::effect::{Effect, encode};

static WALLET: Mutex<Option<Wallet>> = Mutex::new(None);

/// Takes the event that was put (`name US field US value …`) and gives its effects as text.
#[wasm_bindgen]
pub fn step(now: f64) -> u32 {
    let text = taken();
    let mut guard = WALLET.lock();
    let wallet = guard.get_or_insert_with(Wallet::new);
    let (name, row) = text.split_once(UNIT).unwrap_or((&text, ""));
    give(encode(&event(wallet, name, row, now as u64)))
}

fn event(wallet: &mut Wallet, name: &str, row: &str, now: u64) -> Vec<Effect> {
    let fields = Fields::read(row);
    match name {
        "boot" => wallet.boot(row, now),
        "answer" => wallet.answer(row, now),
        "timer" => wallet.timer(fields, now),
        "ask" => wallet.asked(row, now),
        "moved" => wallet.arm(true),
        "allow" => wallet.allow(fields, now),
        "decline" => wallet.decline(),
        "root" => wallet.root_made(fields, now),
        "worked" => wallet.worked(fields, now),
        "opening" => wallet.opening_signed(fields, now),
        "allowance" => wallet.allowance_signed(fields, now),
        "top-up" => wallet.top_up(fields, now),
        "withdraw" => wallet.withdraw(fields),
        "refund" => wallet.refund(fields),
        "keep" => wallet.keep(),
        "refunding" => wallet.refunding(fields),
        "refund-signed" => wallet.refund_signed(fields, now),
        "create" => wallet.create(now),
        "retry" | "online" => wallet.retry(now),
        "input" => wallet.input(fields),
        "pay" => wallet.pay_clicked(now),
        "key" => wallet.key_made(fields, now),
        "signed" => wallet.signed(fields, now),
        _ => Vec::new(),
    }
}

/// Signs what was put (`name US rest`) with the seed that was put.
#[wasm_bindgen]
pub fn sign(now: f64) -> u32 {
    let (key, text) = (key(), taken());
    let guard = WALLET.lock();
    let (name, rest) = text.split_once(UNIT).unwrap_or((&text, ""));
    let made = match (name, guard.as_ref()) {
        ("", _) => Some(public_text(&key)),
        // For tests of the shipped Wasm: a golden vector's fields, after its kind.
        ("vector", _) => rest
            .split_once(UNIT)
            .and_then(|(kind, row)| crate::vectors::sign(kind, Fields::read(row), &key)),
        (_, Some(wallet)) => due(wallet, &key, name, rest, now as u64),
        (_, None) => None,
    };
    give(made.unwrap_or_default())
}

fn due(wallet: &Wallet, key: &SigningKey, name: &str, rest: &str, now_ms: u64) -> Option<String> {
    match name {
        "read" => Some(access(key, wallet.verifier()?, rest, now_ms)),
        "opening" => wallet.sign_opening(key),
        "refund" => {
            let refund = wallet.refund_request(key.public(), now_ms)?;
            Some(base64(&refund.sign(key).encode()))
        }
        "backup" => Some(base64(&wallet.backup(key.public(), rest)?.sign(key).encode())),
        "rotation-next" => {
            let signature = wallet.rotation_to(key, rest)?.next_signature;
            Some(base64(&signature))
        }
        "rotation" => Some(base64(&wallet.rotation(key.public(), rest)?.sign(key).encode())),
        "budget" => Some(base64(&wallet.budget(key.public(), rest)?.sign(key).encode())),
        "permission" => Some(base64(&wallet.permission(key.public(), rest)?.sign(key).encode())),
        "allowance" => {
            let allowance = wallet.allowance(whole(rest)?)?;
            Some(base64(&allowance.sign(key).encode()))
        }
        _ => Some(wallet.draft()?.sign(key, whole(rest)?, now_ms)),
    }
}

/// The places of the recovery words of the seed that was put, with blanks between.
#[wasm_bindgen]
pub fn phrase() -> u32 {
    let mut text = String::new();
    for place in with_seed(recovery::places) {
        text.push_str(&decimal(u64::from(place)));
        text.push(' ');
    }
    give(text)
}

/// The seed, as base64url, of the words whose places were put, each followed by a blank; nothing
/// when a word is wrong.
#[wasm_bindgen]
pub fn unphrase() -> u32 {
    let text = taken();
    let mut places = [u16::MAX; recovery::WORDS];
    for (place, word) in places.iter_mut().zip(text.split(' ')) {
        *place = whole(word).and_then(|n| u16::try_from(n).ok()).unwrap_or(u16::MAX);
    }
    give(recovery::seed(&places).map_or_else(String::new, |seed| base64(&seed)))
}

/// Tries `count` solutions of the challenge from `from` on; -1 when none is among them.
#[wasm_bindgen]
pub fn work(from: f64, count: f64) -> f64 {
    let guard = WALLET.lock();
    let found = guard.as_ref().and_then(|wallet| wallet.work(from as u64, count as u64));
    found.map_or(-1.0, |solution| solution as f64)
}

/// The bits that the challenge asks for.
#[wasm_bindgen]
pub fn bits() -> u32 {
    WALLET.lock().as_ref().map_or(0, |wallet| u32::from(wallet.work_bits()))
}
