//! What whole-path tests share.

pub mod actors;
pub mod inprocess;
pub mod ledger;
