//! The report: what was refused and why, what was found, what is held, how often findings were wrong.

use std::fmt::Write;

use farthing_rules::findings::FindingState;
use farthing_shared::{Micros, Outcome};
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::sqlite::{ReadError, Reader};

/// What a provider wants to know of fraud.
#[derive(Debug, Serialize, ToSchema)]
pub struct Report {
    /// Days that refusals are summed up over.
    pub days: u32,
    /// Claims that were not charged, the most frequent reason first.
    pub refused: Vec<Refused>,
    /// Findings by rule, kind and state.
    pub findings: Vec<Found>,
    /// Under review at present.
    pub held: String,
    /// How often accusing findings were wrong, as reviewed so far.
    pub false_alarms: FalseAlarms,
}

/// Claims refused for one reason.
#[derive(Debug, Serialize, ToSchema)]
pub struct Refused {
    /// The outcome's name; `repeat` for the same claim again.
    pub reason: &'static str,
    /// The outcome's number; 0 for repeats.
    pub code: u16,
    /// What it means.
    pub meaning: &'static str,
    /// How many.
    pub count: u64,
    /// Their amounts.
    pub amount: String,
}

/// Findings of one rule, kind and state.
#[derive(Debug, Serialize, ToSchema)]
pub struct Found {
    /// Rule and version.
    pub rule: String,
    /// The kind of fraud.
    pub kind: String,
    /// Whether they accuse, or only watch.
    pub accuse: bool,
    /// How far they have come.
    pub state: &'static str,
    /// How many.
    pub count: u64,
    /// What they hold at present.
    pub held: String,
}

/// How often accusing findings were wrong.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct FalseAlarms {
    /// Decided by a person.
    pub reviewed: u64,
    /// Of them lifted.
    pub lifted: u64,
    /// Lifted of reviewed; none while nothing was reviewed.
    pub rate: Option<f64>,
    /// Between these it lies with 95 % certainty (Wilson), if those reviewed are like the others.
    pub low: f64,
    /// See `low`.
    pub high: f64,
}

impl FalseAlarms {
    /// Of so many reviewed findings so many were lifted.
    #[must_use]
    pub fn of(reviewed: u64, lifted: u64) -> Self {
        if reviewed == 0 {
            return Self { reviewed, lifted, rate: None, low: 0.0, high: 1.0 };
        }
        #[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "a statistic")]
        let (n, k) = (reviewed as f64, lifted as f64);
        let (rate, z2) = (k / n, 1.96_f64 * 1.96);
        let middle = (rate + z2 / (2.0 * n)) / (1.0 + z2 / n);
        let half = (z2 * (rate * (1.0 - rate) / n + z2 / (4.0 * n * n))).sqrt() / (1.0 + z2 / n);
        let (low, high) = ((middle - half).max(0.0), (middle + half).min(1.0));
        Self { reviewed, lifted, rate: Some(rate), low, high }
    }
}

impl Report {
    /// Reads a ledger as it is today.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(reader: &Reader, today: u32, days: u32) -> Result<Self, ReadError> {
        let from = today.saturating_sub(days.saturating_sub(1));
        let mut refused: Vec<Refused> = reader
            .refusals_of_all(from)?
            .into_iter()
            .filter_map(|(code, sum)| {
                let (reason, meaning) = match code {
                    0 => ("repeat", "The same claim again; it was charged once."),
                    code => {
                        let outcome = Outcome::from_code(code)?;
                        (outcome.name(), outcome.sentence())
                    }
                };
                let amount = sum.amount.to_decimal();
                Some(Refused { reason, code, meaning, count: sum.count, amount })
            })
            .collect();
        refused.sort_by_key(|row| (std::cmp::Reverse(row.count), row.code));
        let (mut held, mut reviewed, mut lifted) = (Micros::ZERO, 0_u64, 0_u64);
        let mut findings = Vec::new();
        for sum in reader.finding_sums()? {
            held = held.plus(sum.held).unwrap_or(Micros::MAX);
            if sum.accuse && !sum.state.is_undecided() {
                reviewed = reviewed.saturating_add(sum.findings);
                if sum.state == FindingState::Lifted {
                    lifted = lifted.saturating_add(sum.findings);
                }
            }
            findings.push(Found {
                rule: sum.rule,
                kind: sum.kind,
                accuse: sum.accuse,
                state: sum.state.name(),
                count: sum.findings,
                held: sum.held.to_decimal(),
            });
        }
        let false_alarms = FalseAlarms::of(reviewed, lifted);
        Ok(Self { days, refused, findings, held: held.to_decimal(), false_alarms })
    }

    /// For a terminal.
    #[must_use]
    pub fn text(&self, currency: &str) -> String {
        let mut text = format!("Refused in the last {} days\n", self.days);
        // Writing to a string cannot fail.
        let mut line = |words: String| {
            let _infallible = writeln!(text, "{words}");
        };
        if self.refused.is_empty() {
            line("  nothing".into());
        }
        for row in &self.refused {
            line(format!(
                "  {:>9}  {:<22} {} {currency}  {}",
                row.count, row.reason, row.amount, row.meaning
            ));
        }
        line("\nFindings".into());
        if self.findings.is_empty() {
            line("  none".into());
        }
        for row in &self.findings {
            let what = if row.accuse { "accuses" } else { "watches" };
            line(format!(
                "  {:>9}  {:<14} {:<16} {what} {:<9} held {} {currency}",
                row.count, row.kind, row.rule, row.state, row.held
            ));
        }
        line(format!("\nHeld until somebody decides: {} {currency}", self.held));
        let FalseAlarms { reviewed, lifted, rate, low, high } = self.false_alarms;
        line(match rate {
            None => "False alarms: no accusing finding was reviewed yet".into(),
            Some(rate) => format!(
                "False alarms: {lifted} of {reviewed} reviewed were lifted, {:.1} % (95 %: {:.1} to {:.1} %)",
                rate * 100.0,
                low * 100.0,
                high * 100.0
            ),
        });
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_has_an_interval_that_narrows() {
        let rows = [
            (0, 0, None, 0.0, 1.0),
            (1, 0, Some(0.0), 0.0, 0.793),
            (10, 1, Some(0.1), 0.018, 0.404),
            (1_000, 100, Some(0.1), 0.083, 0.120),
            (5, 5, Some(1.0), 0.566, 1.0),
        ];
        for (reviewed, lifted, rate, low, high) in rows {
            let found = FalseAlarms::of(reviewed, lifted);
            assert_eq!(found.rate, rate);
            assert!(
                (found.low - low).abs() < 0.001 && (found.high - high).abs() < 0.001,
                "{found:?}"
            );
        }
    }
}
