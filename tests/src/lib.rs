//! What whole-path tests share.

pub mod actors;
