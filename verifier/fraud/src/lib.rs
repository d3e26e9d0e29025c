//! Finds fraud in a stream of claims.
//!
//! Proofs (`exact`) come at the claim itself and name a culprit. Inferences come from periodic scans of the payment
//! graph (`scan`), each figure measured against a null estimated from the same trace (`null`), and accuse only with two
//! independent families of evidence (`features`) and a calibrated probability (`calibrate`). Nothing here knows a clock,
//! randomness, disk or network: events in, findings out (`replay`).
#![expect(
    clippy::cast_precision_loss,
    reason = "counts of events and wallets become expectations; no amount of money is judged by a float"
)]

pub mod book;
pub mod calibrate;
pub mod event;
pub mod exact;
pub mod explain;
pub mod features;
pub mod finding;
pub mod generate;
pub mod groups;
pub mod intake;
pub mod lockstep;
pub mod names;
pub mod null;
pub mod replay;
pub mod ring;
pub mod scan;
pub mod stream;
pub mod taste;
