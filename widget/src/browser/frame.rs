//! The frame's two functions.

use alloc::string::String;
use alloc::vec::Vec;

use spin::Mutex;
use wasm_bindgen::prelude::wasm_bindgen;

use super::{head, millis, with_seed};
use crate::fields::whole;
use crate::frame::Frame;
use crate::signer::access;

static FRAME: Mutex<Option<Frame>> = Mutex::new(None);

#[wasm_bindgen]
pub fn step(event: &str, now: f64) -> String {
    let (name, row) = head(event);
    FRAME.lock().get_or_insert_with(Frame::new).step(name, row, millis(now))
}

#[wasm_bindgen]
pub fn secret(op: &str, mut seed: Vec<u8>, now: f64) -> String {
    let mut guard = FRAME.lock();
    let frame = guard.get_or_insert_with(Frame::new);
    let (name, rest) = head(op);
    let server_ms = frame.server_ms(millis(now));
    with_seed(&mut seed, |key| {
        let made = match name {
            "public" => Some(key.public().to_text()),
            "read" => frame.verifier().map(|verifier| access(key, verifier, rest, server_ms)),
            _ => whole(rest).and_then(|sequence| frame.draft()?.sign(key, sequence, server_ms)),
        };
        made.unwrap_or_default()
    })
}
