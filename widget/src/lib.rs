//! What runs in the visitor's browser: the payment frame and the wallet page.
//!
//! Everything here but `browser/` is pure: a machine takes an event and the time and gives back
//! the effects that the page has to carry out. It sees no clock, no randomness, no
//! storage and no network, so that every path is tested natively. The page's part (drawing,
//! IndexedDB, fetch, windows, Intl) is JavaScript in `www/frame` and `www/wallet`; it decides
//! nothing. docs/decisions/0004-widget-size.md says why the line was drawn there.
// Natively only tests and checks build this; `std` there costs a visitor nothing.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

#[cfg(feature = "wallet")]
pub mod effect;
pub mod fields;
#[cfg(feature = "frame")]
pub mod frame;
#[cfg(feature = "frame")]
pub mod gesture;
pub mod payment;
pub mod quote;
#[cfg(feature = "wallet")]
pub mod recovery;
pub mod signer;
pub mod text64;
#[cfg(feature = "wallet")]
pub mod vectors;
#[cfg(feature = "wallet")]
pub mod wallet;
#[cfg(feature = "wallet")]
pub mod words;

#[cfg(target_arch = "wasm32")]
mod browser;
