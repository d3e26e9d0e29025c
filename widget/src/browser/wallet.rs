//! The wallet page's functions.

use alloc::string::String;
use alloc::vec::Vec;

use spin::Mutex;
use wasm_bindgen::prelude::wasm_bindgen;

use super::{head, millis, with_seed};
use crate::fields::Fields;
use crate::signer::{access, base64, key_of};
use crate::wallet::Wallet;
use crate::wallet::effect::encode;

static WALLET: Mutex<Option<Wallet>> = Mutex::new(None);

#[wasm_bindgen]
pub fn step(event: &str, now: f64) -> String {
    let mut guard = WALLET.lock();
    let wallet = guard.get_or_insert_with(Wallet::new);
    let (name, rest) = head(event);
    let fields = Fields::read(rest);
    let now = millis(now);
    let effects = match name {
        "boot" => wallet.boot(rest, now),
        "answer" => wallet.answer(rest, now),
        "timer" => wallet.timer(fields, now),
        "ask" => wallet.asked(rest, now),
        "moved" => wallet.arm(true),
        "allow" => wallet.allow(fields, now),
        "decline" => wallet.decline(),
        "root" => wallet.root_made(fields, now),
        "worked" => wallet.worked(fields, now),
        "opening" => wallet.opening_signed(fields, now),
        "allowance" => wallet.allowance_signed(fields, now),
        "top-up" => wallet.top_up(fields, now),
        "withdraw" => wallet.withdraw(fields),
        "create" => wallet.create(now),
        "more" => wallet.more(),
        "retry" | "online" => wallet.retry(now),
        "input" => wallet.input(fields),
        "pay" => wallet.pay_clicked(now),
        "key" => wallet.key_made(fields, now),
        "signed" | "unsigned" => wallet.signed(fields, now),
        _ => Vec::new(),
    };
    encode(&effects)
}

#[wasm_bindgen]
pub fn secret(op: &str, mut seed: Vec<u8>, now: f64) -> String {
    let guard = WALLET.lock();
    let Some(wallet) = guard.as_ref() else { return String::new() };
    let (name, rest) = head(op);
    let server_ms = wallet.server_ms(millis(now));
    with_seed(&mut seed, |key| match name {
        "public" => key.public().to_text(),
        "read" => wallet
            .verifier()
            .map_or_else(String::new, |verifier| access(key, verifier, rest, server_ms)),
        "opening" => wallet.sign_opening(key).unwrap_or_default(),
        "allowance" => {
            let allowance = rest.parse().ok().and_then(|serial| wallet.allowance(serial));
            allowance.map_or_else(String::new, |a| base64(&a.sign(key).encode()))
        }
        _ => {
            let signed = rest.parse().ok().and_then(|sequence| {
                wallet.draft().and_then(|draft| draft.sign(key, sequence, server_ms))
            });
            signed.unwrap_or_default()
        }
    })
}

/// Tries `count` solutions of the challenge from `from` on; -1 when none is among them.
#[wasm_bindgen]
pub fn work(from: f64, count: f64) -> f64 {
    let guard = WALLET.lock();
    let found = guard.as_ref().and_then(|wallet| wallet.work(millis(from), millis(count)));
    found.map_or(-1.0, |solution| solution as f64)
}

/// The bits that the challenge asks for.
#[wasm_bindgen]
pub fn bits() -> u32 {
    WALLET.lock().as_ref().map_or(0, |wallet| u32::from(wallet.work_bits()))
}

/// Signs a golden vector's fields (`kind US field US value …`), for tests of the shipped Wasm.
#[wasm_bindgen]
pub fn sign_vector(text: &str, seed: Vec<u8>) -> String {
    let (kind, rest) = head(text);
    let signed = key_of(&seed).and_then(|key| crate::vectors::sign(kind, Fields::read(rest), &key));
    signed.unwrap_or_default()
}
