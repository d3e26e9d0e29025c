//! The whole way in a real Chromium: page, click, signature, commit, total.
//!
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
