//! The edge to the page: one machine in each document.
//!
//! Only this folder knows the browser. It has no web_sys, and only numbers cross the border: text
//! goes in character by character and comes out byte by byte. That is quick enough for a few
//! hundred characters a click, needs no `unsafe`, and leaves out the allocator exports, the string
//! glue and the object table that wasm-bindgen ships for anything richer
//! (docs/decisions/0004-widget-size.md).
//!
//! ```text
//! put(character)…  [seed(byte) × 32]  sign(now) ─► length,  get(0) … get(length − 1)
//! ```
//!
//! The seed is wiped before `sign` returns; the page wipes its own copy.

#[cfg(feature = "frame")]
mod frame;
#[cfg(feature = "wallet")]
mod wallet;

use alloc::string::String;

use farthing_shared::SigningKey;
use lol_alloc::{FreeListAllocator, LockedAllocator};
use spin::Mutex;
use wasm_bindgen::prelude::wasm_bindgen;

/// Small rather than fast: a document allocates a few kilobytes (browser.md §5, trap 16).
#[global_allocator]
static ALLOCATOR: LockedAllocator<FreeListAllocator> =
    LockedAllocator::new(FreeListAllocator::new());

/// A panic is a bug of ours; the trap reaches the page, which says so and shows the plain link.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

struct Border {
    text: String,
    seed: [u8; 32],
    seeded: usize,
}

static BORDER: Mutex<Border> = Mutex::new(Border { text: String::new(), seed: [0; 32], seeded: 0 });

/// Adds a character (a code point) to the text.
#[wasm_bindgen]
pub fn put(character: u32) {
    BORDER.lock().text.push(char::from_u32(character).unwrap_or(char::REPLACEMENT_CHARACTER));
}

/// Adds a byte to the seed.
#[wasm_bindgen]
pub fn seed(byte: u32) {
    let mut border = BORDER.lock();
    let at = border.seeded;
    if let Some(place) = border.seed.get_mut(at) {
        *place = byte as u8;
    }
    border.seeded = at + 1;
}

/// A byte of what came out (UTF-8); the last one clears the border for the next text.
#[wasm_bindgen]
pub fn get(at: u32) -> u32 {
    let mut border = BORDER.lock();
    let byte = border.text.as_bytes().get(at as usize).copied().unwrap_or(0);
    if at as usize + 1 >= border.text.len() {
        border.text.clear();
    }
    u32::from(byte)
}

/// The text that was put.
fn taken() -> String {
    core::mem::take(&mut BORDER.lock().text)
}

/// The key of the seed that was put, which is wiped.
fn key() -> SigningKey {
    with_seed(SigningKey::from_seed)
}

/// What becomes of the seed that was put, which is wiped.
fn with_seed<T>(take: impl FnOnce(&[u8; 32]) -> T) -> T {
    let mut border = BORDER.lock();
    let made = take(&border.seed);
    border.seed = [0; 32];
    border.seeded = 0;
    // Without a look at it the wiping would be optimised away.
    core::hint::black_box(&border.seed);
    made
}

/// Leaves a text for the page and gives its length.
fn give(text: String) -> u32 {
    let length = text.len() as u32;
    BORDER.lock().text = text;
    length
}
