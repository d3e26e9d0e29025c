//! The whole way in real browsers: page, click, signature, commit, total.
//!
//! What every visitor needs runs in all three engines (`in_every_engine!`); the rest runs in Chromium.
//! Each test has a provider, a browser profile and ports of its own. Pictures of every page and
//! state are left in `artefacts/`.

#![allow(clippy::unwrap_used, reason = "tests")]

mod access;
mod automatic;
mod back;
mod blocked;
mod creator;
mod devices;
mod embed;
mod harness;
mod history;
mod hostile;
mod languages;
mod limits;
mod month;
mod passkey;
mod payment;
mod policy;
mod privacy;
mod proof;
mod receipts;
mod recovery;
mod refund;
mod refused;
mod restart;
mod review;
mod theme;
mod unseen;
mod vectors;
