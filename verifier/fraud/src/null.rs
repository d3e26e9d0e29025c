//! What popularity and chance alone explain: expectations estimated from the trace itself.
//!
//! A group is only remarkable against its background. Each figure here leaves the group in question out of its own
//! background, so that a large attack cannot hide by being most of what there is.

/// Observed and expected members of a group, and how surprising that is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Excess {
    pub observed: f32,
    pub expected: f32,
    /// Natural logarithm of a cautious lift, 0 up.
    pub lift: f32,
}

/// Of `group` wallets `observed` pay a creator that `outside` of `others` other wallets pay.
///
/// The lift is cautious twice: the observed count is taken 1.5 standard deviations low, the expected one gets
/// `floor` on top, so that small counts prove little.
#[must_use]
pub fn excess(observed: usize, group: usize, outside: usize, others: usize, floor: f64) -> Excess {
    let rate = (outside as f64 + 1.0) / (others as f64 + 2.0);
    over(observed as f64, group as f64 * rate.min(1.0), floor)
}

/// As [`excess`], for an expectation that the caller knows.
#[must_use]
pub fn over(observed: f64, expected: f64, floor: f64) -> Excess {
    let low = observed - 1.5 * observed.sqrt();
    let lift = (low.max(0.01) / (expected + floor)).ln().max(0.0);
    #[expect(clippy::cast_possible_truncation, reason = "shown with one digit, compared loosely")]
    let excess = Excess { observed: observed as f32, expected: expected as f32, lift: lift as f32 };
    excess
}

/// A histogram of one trait over all edges, for "as alike as this by chance".
#[derive(Debug, Clone, Default)]
pub struct Histogram {
    counts: Vec<u32>,
    total: u32,
}

impl Histogram {
    /// Counts one edge with the trait `value`.
    pub fn add(&mut self, value: u16) {
        let at = usize::from(value);
        if at >= self.counts.len() {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] += 1;
        self.total += 1;
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Self) {
        if other.counts.len() > self.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
    }

    /// Of everybody outside the group, which share has this value? Half a count stands for the unseen.
    #[must_use]
    pub fn share_outside(&self, value: u16, inside: usize, group: usize) -> f64 {
        let all = self.counts.get(usize::from(value)).map_or(0, |&count| count as usize);
        let others = (self.total as usize).saturating_sub(group);
        (all.saturating_sub(inside) as f64 + 0.5) / (others as f64 + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_lifts_nothing_and_a_farm_much() {
        // A carrier's 300 wallets, 10 % of whom pay a creator that 10 % of all others pay.
        assert!(excess(30, 300, 1_000, 10_000, 0.5).lift < 0.1);
        // 40 wallets of one card, all at a creator that 1 % of the others pay.
        let farm = excess(40, 40, 100, 10_000, 0.5);
        assert!(farm.lift > 3.0 && farm.expected < 0.5, "{farm:?}");
        // A household.
        assert!(excess(3, 3, 100, 10_000, 0.5).lift < 0.1);
    }
}
