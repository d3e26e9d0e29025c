//! What may happen to money, decided without clock, randomness, network or disk.
//!
//! In scope: the chart of accounts, what each entry posts, the ordered list of refusals for each
//! command, and one value ([`Commit`]) that holds every effect of a batch.
//! Out of scope: signatures (checked before, `farthing-shared` types are the evidence), reading
//! and writing rows (`farthing_verifier::store`), words for people (`farthing_verifier::http`).
//!
//! `decide` may be run again on the same context and commands and gives the same commit.
#![no_std]
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions, clippy::float_arithmetic)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects, clippy::as_conversions, reason = "tests"))]

extern crate alloc;

pub mod accounts;
pub mod budget;
pub mod ceiling;
pub mod command;
pub mod commit;
pub mod context;
mod decide;
pub mod findings;
pub mod past;
pub mod permission;
pub mod policy;
pub mod rows;

pub use accounts::{Account, Posting, Rail};
pub use command::{Command, Names};
pub use commit::{Answer, ClaimAnswer, Commit, Receipt, RefundAnswer};
pub use context::Context;
pub use decide::{decide, refundable_until, screen};
pub use findings::{FindingId, FindingRef};
pub use policy::Policy;
pub use rows::{
    ClaimEntry, CreatorRef, Entry, EntryBody, EntryNumber, ItemRef, KeyRef, RefundEntry,
    VoucherHash, WalletRef,
};
