//! From features to a probability: a monotone logistic sum, so that more evidence never lowers a score and an
//! attack nobody named still adds up.
//!
//! The weights are fitted by `examples/calibrate.rs` on traces of our own generator (tuning seeds), under the
//! constraint that none is negative, and are part of the rule's version.

use crate::features::{COUNT, Feature, PAIRS, Vector, hardness, pairs};

/// Rule and version, as findings name it.
pub const RULE: &str = "group@1";
/// Probability from which an inference accuses.
pub const ACCUSE_FROM: f64 = 0.85;
/// Probability from which a wallet is worth a second look.
pub const WATCH_FROM: f64 = 0.02;

/// Terms of the sum: each feature, then each pair of families.
pub const TERMS: usize = COUNT + PAIRS;
/// Pull of the fit towards [`prior`].
const RIDGE: f64 = 0.002;
/// Company assumed while it is being counted: a group just large enough to be accused.
const COMPANY_ASSUMED: f64 = 2.4;

/// A monotone logistic model.
#[derive(Debug, Clone)]
pub struct Model {
    /// Sum at no evidence.
    pub bias: f64,
    /// One weight per term; none is negative.
    pub weights: [f64; TERMS],
}

impl Default for Model {
    fn default() -> Self {
        Self { bias: BIAS, weights: WEIGHTS }
    }
}

/// Where weights stand without data: hard evidence counts more than soft, two families more than one.
#[must_use]
pub fn prior(term: usize) -> f64 {
    const SINGLE: [f64; COUNT] = [
        0.4, 0.5, 0.5, 0.5, 0.1, 0.4, 0.4, 0.4, 0.4, 1.0, 0.1, 0.1, 0.1, 0.2, 0.1, 0.3, 0.1, 0.3,
        0.4, 1.0, 0.8,
    ];
    match term.checked_sub(COUNT) {
        None => SINGLE[term],
        Some(pair) => [0.05, 0.4, 0.8][hardness(pair) as usize],
    }
}

fn terms(vector: &Vector) -> [f64; TERMS] {
    let mut terms = [0.0; TERMS];
    for (term, &lift) in terms.iter_mut().zip(vector.iter().chain(&pairs(vector))) {
        *term = f64::from(lift);
    }
    terms
}

fn logistic(sum: f64) -> f64 {
    1.0 / (1.0 + (-sum).exp())
}

impl Model {
    fn sum(&self, terms: &[f64; TERMS]) -> f64 {
        self.bias + self.weights.iter().zip(terms).map(|(weight, term)| weight * term).sum::<f64>()
    }

    /// Probability that a wallet behind an edge with these features is fraudulent.
    #[must_use]
    pub fn probability(&self, vector: &Vector) -> f64 {
        logistic(self.sum(&terms(vector)))
    }

    /// As [`Model::probability`] if the edge had company enough: what company is counted with.
    #[must_use]
    pub fn in_company(&self, vector: &Vector) -> f64 {
        let company = self.weights[Feature::Company as usize] * COMPANY_ASSUMED;
        logistic(self.sum(&terms(vector)) + company)
    }

    /// Fits bias and weights to samples and their truth by projected gradient steps (Adam's step sizes).
    pub fn fit(&mut self, rows: &[(Vector, bool)], rounds: usize) {
        let rows: Vec<([f64; TERMS], bool)> =
            rows.iter().map(|(vector, fraud)| (terms(vector), *fraud)).collect();
        let (mut mean, mut square) = ([0.0; TERMS + 1], [0.0; TERMS + 1]);
        for round in 1..=rounds {
            let mut slope = [0.0; TERMS + 1];
            for (terms, fraud) in &rows {
                let off = logistic(self.sum(terms)) - f64::from(u8::from(*fraud));
                slope[TERMS] += off;
                for (sum, &term) in slope.iter_mut().zip(terms) {
                    *sum += off * term;
                }
            }
            for at in 0..=TERMS {
                // Pulled towards the prior, so that a weight that the tuning traces happen not to need
                // stays alive for attacks that they do not hold.
                let pull = if at == TERMS { 0.0 } else { RIDGE * (self.weights[at] - prior(at)) };
                let step = slope[at] / rows.len().max(1) as f64 + pull;
                mean[at] = 0.9 * mean[at] + 0.1 * step;
                square[at] = 0.99 * square[at] + 0.01 * step * step;
                let unbiased = mean[at] / (1.0 - 0.9f64.powf(round as f64));
                let scale = (square[at] / (1.0 - 0.99f64.powf(round as f64))).sqrt() + 1e-9;
                let change = 0.02 * unbiased / scale;
                if at == TERMS {
                    self.bias -= change;
                } else {
                    self.weights[at] = (self.weights[at] - change).clamp(0.0, 3.0);
                }
            }
        }
    }
}

// Fitted: `measure fit 1000 1010`.
const BIAS: f64 = -4.614;
const WEIGHTS: [f64; TERMS] = [
    0.000, 0.589, 1.722, 0.398, 0.000, 0.151, 0.000, 0.000, 1.470, 1.350, 0.000, 0.000, 0.432,
    0.205, 0.344, 0.341, 0.000, 0.280, 0.326, 0.955, 0.000, 0.029, 1.068, 0.670, 0.813, 0.375,
    0.974, 0.804, 0.719, 0.708, 0.813, 0.528, 0.398, 0.804, 0.304, 0.555, 0.118, 0.090, 0.380,
    0.530, 0.822, 0.176, 0.383, 0.574, 0.400, 0.800, 0.000, 0.377, 0.400,
];
