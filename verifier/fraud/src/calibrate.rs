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

/// Pull of the fit towards [`PRIOR`].
const RIDGE: f64 = 0.002;
/// Hard evidence is worth its lift, soft evidence half.
const PRIOR: [f64; COUNT] = [
    1.0, 1.0, 1.0, 1.0, 0.5, 1.0, 1.0, 1.0, 0.8, 1.5, 0.3, 0.3, 0.3, 0.5, 0.3, 0.5, 0.3, 0.5, 0.5,
    1.0,
];

/// A monotone logistic model.
#[derive(Debug, Clone)]
pub struct Model {
    /// Sum at no evidence.
    pub bias: f64,
    /// One weight per feature, in the order of `features::Feature`; none is negative.
    pub weights: [f64; COUNT],
}

impl Default for Model {
    fn default() -> Self {
        Self { bias: BIAS, weights: WEIGHTS }
    }
}

const BIAS: f64 = -4.912;
const WEIGHTS: [f64; COUNT] = [
    0.376, 1.005, 2.271, 1.149, 0.145, 0.826, 0.359, 0.099, 2.118, 1.873, 0.607, 0.000, 0.489,
    0.504, 0.233, 0.571, 0.055, 0.609, 0.478, 1.092,
];

impl Model {
    /// Probability that a wallet behind an edge with these features is fraudulent.
    #[must_use]
    pub fn probability(&self, vector: &Vector) -> f64 {
        let sum: f64 = self.bias
            + self
                .weights
                .iter()
                .zip(vector)
                .map(|(weight, &lift)| weight * f64::from(lift))
                .sum::<f64>();
        1.0 / (1.0 + (-sum).exp())
    }

    /// Fits bias and weights to samples and their truth by projected gradient steps (Adam's step sizes).
    pub fn fit(&mut self, rows: &[(Vector, bool)], rounds: usize) {
        let (mut mean, mut square) = ([0.0; COUNT + 1], [0.0; COUNT + 1]);
        for round in 1..=rounds {
            let mut slope = [0.0; COUNT + 1];
            for (vector, fraud) in rows {
                let off = self.probability(vector) - f64::from(u8::from(*fraud));
                slope[COUNT] += off;
                for (sum, &lift) in slope.iter_mut().zip(vector) {
                    *sum += off * f64::from(lift);
                }
            }
            for at in 0..=COUNT {
                // Pulled towards "each lift is worth what it says", so that a weight that the tuning traces
                // happen not to need stays alive for attacks that they do not hold.
                let pull = if at == COUNT { 0.0 } else { RIDGE * (self.weights[at] - PRIOR[at]) };
                let step = slope[at] / rows.len().max(1) as f64 + pull;
                mean[at] = 0.9 * mean[at] + 0.1 * step;
                square[at] = 0.99 * square[at] + 0.01 * step * step;
                let unbiased = mean[at] / (1.0 - 0.9f64.powf(round as f64));
                let scale = (square[at] / (1.0 - 0.99f64.powf(round as f64))).sqrt() + 1e-9;
                let change = 0.02 * unbiased / scale;
                if at == COUNT {
                    self.bias -= change;
                } else {
                    self.weights[at] = (self.weights[at] - change).clamp(0.0, 3.0);
                }
            }
        }
    }
}
