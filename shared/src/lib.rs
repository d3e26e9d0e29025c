//! What browser and server must agree on: the bytes of claims, allowances, wallet openings and
//! offers, their signatures, the outcome codes, amounts and limits.
//!
//! In scope: turning bytes into types and back, signing, strict verification, hashing names.
//! Out of scope: clocks, randomness, storage, the network (the caller passes time and keys in),
//! and every decision about money (crate `farthing-rules`).
//!
//! The layouts are drawn in `docs/protocol.md`; `vectors/` pins them for Rust, Wasm and JS.
#![no_std]
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions, clippy::float_arithmetic)]
// Tests compute expectations with plain operators.
#![cfg_attr(test, allow(clippy::arithmetic_side_effects, clippy::as_conversions, reason = "tests"))]

extern crate alloc;

pub mod access;
pub mod account;
pub mod allowance;
pub mod amount;
pub mod backup;
pub mod budget;
pub mod checkpoint;
pub mod claim;
pub mod encoding;
pub mod ids;
pub mod joined;
pub mod leaf;
pub mod lie;
pub mod limits;
pub mod merkle;
pub mod multiproof;
pub mod note;
pub mod offer;
pub mod opened;
pub mod opening;
pub mod outcome;
pub mod packed;
pub mod permission;
pub mod receipt;
pub mod refund;
pub mod rotation;
pub mod signing;
pub mod statement;
pub mod tiles;
pub mod time;

pub use access::{Access, SignedAccess};
pub use allowance::{Allowance, SignedAllowance};
pub use amount::{Currency, Micros};
pub use backup::{Backup, SignedBackup};
pub use budget::{Budget, SignedBudget};
pub use claim::{Claim, Kind, SignedClaim, VerifiedClaim};
pub use encoding::DecodeError;
pub use ids::{
    BackupName, ClaimId, CreatorId, ItemHash, OriginHash, PublicKey, TitleHash, VerifierId,
    item_hash, origin_hash, sha256, title_hash,
};
pub use offer::{Offer, SignedOffer};
pub use opening::{Challenge, Opening, SignedOpening};
pub use outcome::{Outcome, Retry};
pub use permission::{Permission, SignedPermission};
pub use refund::{Reason, Refund, RefundOutcome, SignedRefund};
pub use rotation::{Rotation, SignedRotation};
pub use signing::{Forged, SigningKey, Verified, VerifyingKey};
pub use time::UnixMillis;
