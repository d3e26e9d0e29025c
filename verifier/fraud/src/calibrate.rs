//! From features to a probability: a monotone logistic sum, so that more evidence never lowers a score and an
//! attack nobody named still adds up.
//!
//! The weights are fitted by `examples/calibrate.rs` on traces of our own generator (tuning seeds), under the
//! constraint that none is negative, and are part of the rule's version.

use crate::features::{COUNT, Vector};

/// Rule and version, as findings name it.
pub const RULE: &str = "group@1";
/// Probability from which an inference accuses.
pub const ACCUSE_FROM: f64 = 0.95;
/// Probability from which a wallet is worth a second look.
pub const WATCH_FROM: f64 = 0.02;

/// Sum at no evidence.
const BIAS: f32 = -6.0;
/// One weight per feature, in the order of `features::Feature`.
const WEIGHTS: [f32; COUNT] = [
    2.0, 2.0, 1.5, 1.5, 1.2, 1.5, 1.5, 1.5, 1.2, 1.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.8, 0.4, 0.6, 1.0,
    2.0,
];

/// Probability that an edge with these features is fraudulent.
#[must_use]
pub fn probability(vector: &Vector) -> f64 {
    let sum: f32 =
        BIAS + WEIGHTS.iter().zip(vector).map(|(weight, lift)| weight * lift).sum::<f32>();
    1.0 / (1.0 + f64::from(-sum).exp())
}
