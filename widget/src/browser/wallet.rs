//! The wallet page's events, what it signs, and its proof of work.

use alloc::string::String;
use alloc::vec::Vec;

use farthing_shared::SigningKey;
use wasm_bindgen::prelude::wasm_bindgen;

use super::BORDER;
use crate::fields::{Fields, whole};
use crate::signer::{access, base64, public_text};
pub(super) use crate::wallet::Wallet as Machine;
use crate::wallet::effect::encode;

impl Machine {
    pub(super) fn step(&mut self, name: &str, row: &str, now: u64) -> String {
        let fields = Fields::read(row);
        let effects = match name {
            "boot" => self.boot(row, now),
            "answer" => self.answer(row, now),
            "timer" => self.timer(fields, now),
            "ask" => self.asked(row, now),
            "moved" => self.arm(true),
            "allow" => self.allow(fields, now),
            "decline" => self.decline(),
            "root" => self.root_made(fields, now),
            "worked" => self.worked(fields, now),
            "opening" => self.opening_signed(fields, now),
            "allowance" => self.allowance_signed(fields, now),
            "top-up" => self.top_up(fields, now),
            "withdraw" => self.withdraw(fields),
            "create" => self.create(now),
            "more" => self.more(),
            "retry" | "online" => self.retry(now),
            "input" => self.input(fields),
            "pay" => self.pay_clicked(now),
            "key" => self.key_made(fields, now),
            "signed" => self.signed(fields, now),
            _ => Vec::new(),
        };
        encode(&effects)
    }

    pub(super) fn sign(
        &self,
        key: &SigningKey,
        name: &str,
        rest: &str,
        now_ms: u64,
    ) -> Option<String> {
        let server_ms = self.server_ms(now_ms);
        match name {
            "public" => Some(public_text(key)),
            "read" => Some(access(key, self.verifier()?, rest, server_ms)),
            "opening" => self.sign_opening(key),
            "allowance" => {
                let allowance = self.allowance(whole(rest)?)?;
                Some(base64(&allowance.sign(key).encode()))
            }
            // For tests of the shipped Wasm: a golden vector's fields, after its kind.
            "vector" => {
                let (kind, row) = rest.split_once(crate::fields::UNIT)?;
                crate::vectors::sign(kind, Fields::read(row), key)
            }
            _ => self.draft()?.sign(key, whole(rest)?, server_ms),
        }
    }
}

/// Tries `count` solutions of the challenge from `from` on; -1 when none is among them.
#[wasm_bindgen]
pub fn work(from: f64, count: f64) -> f64 {
    let border = BORDER.lock();
    let found = border.machine.as_ref().and_then(|wallet| wallet.work(from as u64, count as u64));
    found.map_or(-1.0, |solution| solution as f64)
}

/// The bits that the challenge asks for.
#[wasm_bindgen]
pub fn bits() -> u32 {
    BORDER.lock().machine.as_ref().map_or(0, |wallet| u32::from(wallet.work_bits()))
}
