//! What a replay says: one finding, as one line of JSON.

use serde::Serialize;

/// One suspected or proven fraud. The field names and their meaning are the judging interface of the
/// issue "Fraud reports", item 8; `rule` and `done` come on top.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// Trace time at which it was made, seconds; no evidence is later.
    pub t: f64,
    /// A wallet, a creator, or `claim:ID`.
    pub subject: String,
    /// `forged`, `replay`, `equivocation`, `overspend`, `moved`, `unknown-account` are proofs; others inferences.
    pub kind: &'static str,
    /// Probability, 0 to 1, that the subject is fraudulent; 1 for a proof.
    pub score: f64,
    /// Whether the subject (for proofs: the culprit) is accused; otherwise it is watched, slowed or a witness.
    pub accuse: bool,
    /// Numbers of events that concern the subject, ascending, never empty.
    pub evidence: Vec<u64>,
    /// A sentence for people, with the numbers it rests on.
    pub explanation: String,
    /// Proofs only: who is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub culprit: Option<String>,
    /// Rule and version.
    pub rule: &'static str,
    /// What follows: `refused`, `nothing`, `slowed`, `held`.
    pub done: &'static str,
}

impl Finding {
    /// The line of JSON, without its line end.
    #[must_use]
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("strings and finite numbers always serialise")
    }
}

/// Ascending, each once: the form in which evidence is cited.
#[must_use]
pub fn evidence(mut numbers: Vec<u64>) -> Vec<u64> {
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}
