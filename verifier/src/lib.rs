//! The verifier: checks claims, moves money, adds it up per creator.
//!
//! See ARCHITECTURE.md for the map. The edges (clock, randomness, disk, network) are here; what may
//! happen to money is decided in `farthing-rules`.

pub mod admin;
pub mod audit;
pub mod clock;
pub mod config;
mod crowd;
pub mod demo;
pub mod ended;
pub mod findings;
pub mod http;
pub mod intake;
pub mod log;
pub mod metrics;
pub mod reviewers;
mod room;
pub mod run;
pub mod seal;
pub mod secrets;
pub mod sessions;
pub mod signals;
pub mod store;
pub mod vouchers;
pub mod work;
