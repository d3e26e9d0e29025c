//! The whole way in real browsers: page, click, signature, commit, total.
//!
//! What every visitor needs runs in all three engines (`in_every_engine!`); the rest runs in Chromium.
//! Each test has a provider, a browser profile and ports of its own. Pictures of every page and
//! state are left in `artefacts/`.

#![allow(clippy::unwrap_used, reason = "tests")]

mod creator;
mod harness;
mod hostile;
mod payment;
mod policy;
mod proof;
mod receipts;
mod recovery;
mod refused;
mod vectors;
