//! The frame's two functions.

use alloc::string::String;
use alloc::vec::Vec;

use spin::Mutex;
use wasm_bindgen::prelude::wasm_bindgen;

use super::{head, millis, with_seed};
use crate::effect::encode;
use crate::fields::Fields;
use crate::frame::Frame;
use crate::payment::TAG as CLAIM;
use crate::signer::access;

static FRAME: Mutex<Option<Frame>> = Mutex::new(None);

#[wasm_bindgen]
pub fn step(event: &str, now: f64) -> String {
    let mut guard = FRAME.lock();
    let frame = guard.get_or_insert_with(Frame::new);
    let (name, rest) = head(event);
    let fields = Fields::read(rest);
    let now = millis(now);
    let effects = match name {
        "boot" => frame.boot(&fields, now),
        "answer" => frame.answer(&fields, now),
        "click" => frame.click(&fields, now),
        "input" => frame.input(&fields),
        "key" => frame.key_made(&fields),
        "signed" => frame.signed(&fields, now),
        "unsigned" => frame.unsigned(&fields),
        "window" => frame.window(&fields, now),
        "changed" => frame.changed(&fields),
        "online" => frame.resume(now),
        "timer" if fields.text("name") == CLAIM => frame.resume(now),
        "timer" => frame.quote_due(),
        "unopened" => frame.unopened(),
        _ => Vec::new(),
    };
    encode(&effects)
}

#[wasm_bindgen]
pub fn secret(op: &str, mut seed: Vec<u8>, now: f64) -> String {
    let guard = FRAME.lock();
    let Some(frame) = guard.as_ref() else { return String::new() };
    let (name, rest) = head(op);
    let server_ms = frame.server_ms(millis(now));
    with_seed(&mut seed, |key| match name {
        "public" => key.public().to_text(),
        "read" => {
            let (method, path) = head(rest);
            frame
                .verifier()
                .map_or_else(String::new, |verifier| access(key, verifier, method, path, server_ms))
        }
        _ => {
            let signed = rest.parse().ok().and_then(|sequence| {
                frame.draft().and_then(|draft| draft.sign(key, sequence, server_ms))
            });
            signed.unwrap_or_default()
        }
    })
}
