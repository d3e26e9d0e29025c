//! Checks statements and receipts in the browser of whom they belong to, in workers, so that the page
//! stays responsive. Loaded only by who asks for a check; no visitor downloads it to pay.
//!
//! [`check`] and [`words`] are pure and tested natively; `worker` is the edge, and the only place that
//! knows `web_sys`. What is true of a statement is decided in `farthing_shared`, the same code that
//! `farthing verify` runs.

pub mod check;
pub mod words;

#[cfg(target_arch = "wasm32")]
mod worker;
