//! Findings of fraud in the running verifier: what goes into the detector (`farthing-fraud`), what comes
//! out, and what follows.
//!
//! ```text
//!  entries, observations ─► scan (pure, the same every time) ─► drafts ─► watch: record, hold, settle
//!                                                                           │ commands, one write path
//!  creator, visitor: answer ─► provider: uphold, lift, freeze ──────────────┘
//! ```
//!
//! Owns: the order of events, the words of findings, the tags of networks, the thread that follows the
//! ledger, the report. Leaves to `farthing-rules` what a finding may do to money.

mod bundle;
mod origins;
mod picture;
mod report;
mod scan;
mod watch;

use base64ct::{Base64UrlUnpadded, Encoding};
use farthing_rules::findings::{
    ClaimHold, Decision, FindingDraft, FindingRow, Subject, SubjectKind,
};
use farthing_rules::{FindingId, WalletRef};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::http::show_time;

pub use bundle::Bundle;
pub use origins::Origins;
pub use picture::picture;
pub use report::{FalseAlarms, Report};
pub use scan::{Scan, Scanned, Source};
pub use watch::{Watch, WatchError, follow};

/// A wallet as the subject of a finding.
#[must_use]
pub const fn wallet(wallet: WalletRef) -> Subject {
    Subject { kind: SubjectKind::Wallet, number: wallet.0 }
}

/// The name of what a finding says: a hash of all of it, each part behind its length.
#[must_use]
pub fn identity(said: &FindingDraft) -> FindingId {
    let mut hash = Sha256::new();
    hash.update(b"farthing/finding/1\0");
    let mut part = |bytes: &[u8]| {
        hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(bytes);
    };
    part(&[said.subject.kind.code(), said.role.code(), u8::from(said.accuse)]);
    for number in [said.subject.number, said.creator.0, said.at.0, said.horizon.0] {
        part(&number.to_be_bytes());
    }
    part(&said.score_ppm.to_be_bytes());
    part(&said.error_ppm.to_be_bytes());
    for text in [&said.kind, &said.rule, &said.explanation] {
        part(text.as_bytes());
    }
    let entries: Vec<u8> = said.entries.iter().flat_map(|entry| entry.0.to_be_bytes()).collect();
    part(&entries);
    let observations: Vec<u8> =
        said.observations.iter().flat_map(|number| number.to_be_bytes()).collect();
    part(&observations);
    let digest: [u8; 32] = hash.finalize().into();
    let mut id = [0; 24];
    id.copy_from_slice(digest.split_at(24).0);
    FindingId(id)
}

/// How a subject is called: a wallet by its number, a sender by its day's tag.
#[must_use]
pub fn subject_name(subject: Subject) -> String {
    match subject.kind {
        SubjectKind::Wallet => format!("w{}", subject.number),
        SubjectKind::Sender => format!("sender {:x}", subject.number),
    }
}

/// A finding's content as JSON.
#[must_use]
pub fn draft_json(said: &FindingDraft) -> Value {
    let entries: Vec<u64> = said.entries.iter().map(|entry| entry.0).collect();
    json!({
        "id": Base64UrlUnpadded::encode_string(&said.id.0),
        "subject": subject_name(said.subject),
        "role": said.role.name(),
        "kind": said.kind,
        "rule": said.rule,
        "score": f64::from(said.score_ppm) / 1_000_000.0,
        "honest_accused_per_million": said.error_ppm,
        "accuse": said.accuse,
        "creator": said.creator.0,
        "at": show_time(said.at),
        "newest_entry_then": said.horizon.0,
        "entries": entries,
        "observations": said.observations,
        "explanation": said.explanation,
    })
}

/// A finding as it stands, with its trail and the claims it holds, as JSON.
#[must_use]
pub fn finding_json(row: &FindingRow, trail: &[Decision], holds: &[ClaimHold]) -> Value {
    let trail: Vec<Value> = trail
        .iter()
        .map(|line| {
            json!({ "at": show_time(line.at), "act": line.act.name(), "who": line.who, "why": line.why })
        })
        .collect();
    let holds: Vec<Value> = holds
        .iter()
        .map(|held| {
            json!({ "claim": held.claim.0, "amount": held.amount.to_decimal(), "settled_by": held.settled.0 })
        })
        .collect();
    json!({
        "finding": row.finding.0,
        "said": draft_json(&row.said),
        "recorded_at": show_time(row.recorded_at),
        "state": row.state.name(),
        "held": row.held.to_decimal(),
        "held_claims": row.held_claims,
        "ever_held": row.ever_held,
        "trail": trail,
        "claims": holds,
    })
}
