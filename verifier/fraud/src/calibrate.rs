//! From features to a probability: a monotone logistic sum, so that more evidence never lowers a score and an
//! attack nobody named still adds up.
//!
//! The weights are fitted by `judge fit` on traces of both generators (tuning seeds and families), under the constraint that
//! none is negative, and are part of the rule's version. Scale and bias are then settled on families that the weights
//! did not see.

use crate::features::{COUNT, Feature, PAIRS, Vector, hardness, pairs};

/// Rule and version, as findings name it.
pub const RULE: &str = "group@3";
/// Honest wallets in a million that each rule accused on traces that it was not set on (docs/fraud.md, "How good").
const HONEST_ACCUSED_PPM: [(&str, u32); 2] = [(RULE, 110), ("exact@1", 0)];

/// How many honest wallets in a million a rule accused where that was measured; a million, the worst, for a rule that was
/// never measured, so that nobody trusts it by mistake.
#[must_use]
pub fn honest_accused_ppm(rule: &str) -> u32 {
    let measured = HONEST_ACCUSED_PPM.iter().find(|(name, _)| *name == rule);
    measured.map_or(1_000_000, |(_, ppm)| *ppm)
}

/// Probability from which an inference accuses.
pub const ACCUSE_FROM: f64 = 0.85;
/// Probability from which a wallet is worth a second look.
pub const WATCH_FROM: f64 = 0.02;

/// Terms of the sum: each feature, then each pair of families.
pub const TERMS: usize = COUNT + PAIRS;
/// Pull of the fit towards [`prior`].
const RIDGE: f64 = 0.002;
/// Features that say what others look like.
const COMPANY: [Feature; 3] = [Feature::Company, Feature::CompanyShare, Feature::Mates];
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
        0.3, 0.8, 0.5, 0.5, 0.1, 0.4, 0.4, 0.4, 0.4, 1.0, 0.1, 0.1, 0.1, 0.2, 0.1, 0.3, 0.1, 0.3,
        0.4, 1.0, 0.8, 0.6, 0.3, 0.1, 0.2, 0.2, 0.3, 0.5, 0.1,
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
        self.with_company(self.evidence(vector), vector)
    }

    /// The sum without what other suspicions say: those features enter no pair, so they can be added later.
    #[must_use]
    pub fn evidence(&self, vector: &Vector) -> f64 {
        let mut bare = *vector;
        for feature in COMPANY {
            bare[feature as usize] = 0.0;
        }
        self.sum(&terms(&bare))
    }

    /// The probability, from [`Model::evidence`] and the company in `vector`.
    #[must_use]
    pub fn with_company(&self, evidence: f64, vector: &Vector) -> f64 {
        let company =
            |feature| self.weights[feature as usize] * f64::from(vector[feature as usize]);
        logistic(evidence + COMPANY.into_iter().map(company).sum::<f64>())
    }

    /// The probability if the edge had company enough: what company is counted with.
    #[must_use]
    pub fn in_company(&self, evidence: f64) -> f64 {
        logistic(evidence + self.weights[Feature::Company as usize] * COMPANY_ASSUMED)
    }

    /// Scales and shifts the sum so that probabilities hold for `rows`, of attacks that the fit did not see.
    pub fn settle(&mut self, rows: &[(Vector, bool)]) {
        let sums: Vec<(f64, f64)> = rows
            .iter()
            .map(|(vector, fraud)| (self.sum(&terms(vector)), f64::from(u8::from(*fraud))))
            .collect();
        let (mut scale, mut shift) = (1.0, 0.0);
        for _ in 0..4_000 {
            let (mut by_scale, mut by_shift) = (0.0, 0.0);
            for &(sum, fraud) in &sums {
                let off = logistic(scale * sum + shift) - fraud;
                by_scale += off * sum;
                by_shift += off;
            }
            let n = sums.len().max(1) as f64;
            scale -= 0.1 * by_scale / n;
            shift -= 0.1 * by_shift / n;
        }
        self.bias = self.bias * scale + shift;
        for weight in &mut self.weights {
            *weight *= scale;
        }
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

// Fitted: `judge fit 1000 1007`.
const BIAS: f64 = -4.554;
const WEIGHTS: [f64; TERMS] = [
    0.339, 0.200, 1.938, 1.334, 0.000, 0.308, 0.000, 0.000, 0.701, 1.262, 0.000, 0.112, 0.274,
    0.230, 0.130, 0.257, 0.107, 0.345, 0.396, 1.093, 0.000, 1.202, 0.681, 0.000, 0.000, 0.500,
    0.693, 0.161, 0.401, 0.779, 1.008, 0.000, 0.841, 0.000, 0.330, 0.833, 0.525, 0.000, 0.081,
    0.000, 0.849, 0.133, 0.171, 0.829, 0.391, 0.000, 0.000, 0.527, 0.112, 0.000, 0.419, 0.000,
    0.000, 0.518, 0.009, 0.000, 0.390, 0.387, 0.445, 0.531, 0.411, 0.829, 0.831, 0.486, 0.000,
    0.406, 0.054, 0.012, 0.399, 0.000, 0.000, 0.817, 0.397, 0.510,
];
