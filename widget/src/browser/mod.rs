//! The edge to the page: one machine in each document, events in and effects out as text.
//!
//! Only this folder knows the browser. It has no web_sys: the page's JavaScript carries the effects
//! out, because a promise or a closure costs more bytes as Wasm than the line of JavaScript it
//! replaces (docs/decisions/0004-widget-size.md).
//!
//! - `step(event, now)`: an event (`name US field US value …`) to effects.
//! - `secret(op, seed, now)`: what needs a key. The seed is the caller's to wipe; the copy here is
//!   wiped before the call returns.

#[cfg(feature = "frame")]
mod frame;
#[cfg(feature = "wallet")]
mod wallet;

use alloc::string::String;

use lol_alloc::{FreeListAllocator, LockedAllocator};

/// Small rather than fast: a document allocates a few kilobytes (browser.md §5, trap 16).
#[global_allocator]
static ALLOCATOR: LockedAllocator<FreeListAllocator> =
    LockedAllocator::new(FreeListAllocator::new());

/// A panic is a bug of ours; the trap reaches the page, which says so and shows the plain link.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// `Date.now()` as whole milliseconds.
fn millis(now: f64) -> u64 {
    now as u64
}

/// The first unit of a text and what follows it.
fn head(text: &str) -> (&str, &str) {
    text.split_once(crate::fields::UNIT).unwrap_or((text, ""))
}

/// Runs `with` on the seed, then wipes the copy of it that crossed into Wasm's memory.
fn with_seed(seed: &mut [u8], with: impl FnOnce(&farthing_shared::SigningKey) -> String) -> String {
    let made = crate::signer::key_of(seed).map(|key| with(&key)).unwrap_or_default();
    seed.fill(0);
    // Without a look at it the wiping would be optimised away.
    core::hint::black_box(seed);
    made
}
