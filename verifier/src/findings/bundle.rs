//! A finding with its evidence as one file, which anybody can check without this provider: what it says,
//! under its name, the signed claims that it rests on, and the two claims of a double signing.

use base64ct::{Base64UrlUnpadded, Encoding};
use farthing_rules::findings::{
    Decision, FindingDraft, FindingRow, Role, Seen, Subject, SubjectKind,
};
use farthing_rules::rows::EntryBody;
use farthing_rules::{CreatorRef, EntryNumber, FindingId, WalletRef};
use farthing_shared::{SignedClaim, UnixMillis, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::identity;
use crate::http::show_time;
use crate::store::sqlite::{ReadError, Reader};

const FORMAT: &str = "farthing/finding/1";
/// Signed claims in a bundle at most; the first ones show what the rest is like.
const CLAIMS_MAX: usize = 1_000;

/// The file, as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    format: String,
    /// Hash of what the finding says, base64url.
    id: String,
    subject_kind: String,
    subject: u64,
    role: String,
    kind: String,
    rule: String,
    score_ppm: u32,
    error_ppm: u32,
    accuse: bool,
    creator: u64,
    at_ms: u64,
    newest_entry_then: u64,
    entries: Vec<u64>,
    observations: Vec<u64>,
    explanation: String,
    state: String,
    trail: Vec<Line>,
    claims: Vec<Claim>,
    signed_twice: Vec<Pair>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    at: String,
    act: String,
    who: String,
    why: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claim {
    entry: u64,
    signed: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    first: String,
    second: String,
}

impl Bundle {
    /// Gathers what belongs to a finding.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(reader: &Reader, row: &FindingRow) -> Result<Self, ReadError> {
        let said = &row.said;
        let holds = reader.claim_holds(row.finding, CLAIMS_MAX)?;
        let mut numbers: Vec<EntryNumber> = said.entries.clone();
        numbers.extend(holds.iter().map(|hold| hold.claim));
        numbers.sort_unstable();
        numbers.dedup();
        let mut claims = Vec::new();
        for number in numbers.into_iter().take(CLAIMS_MAX) {
            if let Some(EntryBody::Claim(claim)) = reader.entry(number)?.map(|entry| entry.body) {
                let signed = Base64UrlUnpadded::encode_string(&claim.signed);
                claims.push(Claim { entry: number.0, signed });
            }
        }
        let line = |line: Decision| Line {
            at: show_time(line.at),
            act: line.act.name().to_owned(),
            who: line.who,
            why: line.why,
        };
        Ok(Self {
            format: FORMAT.to_owned(),
            id: Base64UrlUnpadded::encode_string(&said.id.0),
            subject_kind: said.subject.kind.name().to_owned(),
            subject: said.subject.number,
            role: said.role.name().to_owned(),
            kind: said.kind.clone(),
            rule: said.rule.clone(),
            score_ppm: said.score_ppm,
            error_ppm: said.error_ppm,
            accuse: said.accuse,
            creator: said.creator.0,
            at_ms: said.at.0,
            newest_entry_then: said.horizon.0,
            entries: said.entries.iter().map(|entry| entry.0).collect(),
            observations: said.observations.clone(),
            explanation: said.explanation.clone(),
            state: row.state.name().to_owned(),
            trail: reader.decisions_of_finding(row.finding)?.into_iter().map(line).collect(),
            claims,
            signed_twice: signed_twice(reader, said)?,
        })
    }

    /// Checks all that can be checked without the provider; says in words what holds.
    ///
    /// # Errors
    /// What does not hold.
    pub fn verify(&self) -> Result<String, String> {
        if self.format != FORMAT {
            return Err(format!("it is not a finding: its format is not {FORMAT}"));
        }
        let said = self.said()?;
        if identity(&said) != said.id {
            return Err("it was changed: what it says has another hash than its name".into());
        }
        if self.entries.iter().any(|entry| *entry > self.newest_entry_then) {
            return Err("it rests on an entry that did not exist when it was made".into());
        }
        for claim in &self.claims {
            verified(&claim.signed).map_err(|why| format!("entry {}: {why}", claim.entry))?;
        }
        for pair in &self.signed_twice {
            let (first, second) = (verified(&pair.first)?, verified(&pair.second)?);
            let (one, two) = (first.claim(), second.claim());
            if one.key != two.key || one.sequence != two.sequence || first.id() == second.id() {
                return Err("the two claims are not of one key under one number".into());
            }
        }
        if self.kind == "equivocation" && self.signed_twice.is_empty() {
            return Err("the two signed claims are missing".into());
        }
        let mut words = format!("it says what it said when it was made: {}", self.explanation);
        words.push_str(&format!("\n{} signed claims hold", self.claims.len()));
        if !self.signed_twice.is_empty() {
            words.push_str(&format!("; {} numbers were signed twice", self.signed_twice.len()));
        }
        words.push_str(&format!("; its state was {}", self.state));
        Ok(words)
    }

    fn said(&self) -> Result<FindingDraft, String> {
        let id = Base64UrlUnpadded::decode_vec(&self.id).ok().and_then(|id| id.try_into().ok());
        let kinds = [SubjectKind::Wallet, SubjectKind::Sender];
        let roles = [Role::Signer, Role::Submitter, Role::Steered];
        let kind = kinds.into_iter().find(|kind| kind.name() == self.subject_kind);
        let role = roles.into_iter().find(|role| role.name() == self.role);
        Ok(FindingDraft {
            id: FindingId(id.ok_or("its id is not 24 bytes of base64url")?),
            subject: Subject {
                kind: kind.ok_or("its subject is of no known kind")?,
                number: self.subject,
            },
            role: role.ok_or("its role is not known")?,
            kind: self.kind.clone(),
            rule: self.rule.clone(),
            score_ppm: self.score_ppm,
            error_ppm: self.error_ppm,
            accuse: self.accuse,
            creator: CreatorRef(self.creator),
            at: UnixMillis(self.at_ms),
            horizon: EntryNumber(self.newest_entry_then),
            entries: self.entries.iter().copied().map(EntryNumber).collect(),
            observations: self.observations.clone(),
            explanation: self.explanation.clone(),
        })
    }
}

/// The proofs of a double signing: those of the wallet under the number that was seen.
fn signed_twice(reader: &Reader, said: &FindingDraft) -> Result<Vec<Pair>, ReadError> {
    let mut pairs = Vec::new();
    for number in &said.observations {
        let seen = reader.observations_after(number.saturating_sub(1), 1)?;
        let Some(seen) = seen.into_iter().find(|seen| seen.seen == Seen::Equivocation) else {
            continue;
        };
        for (_, _, proof) in reader.equivocations(seen.creator, u64::MAX, 10_000)? {
            let key = reader.key_by_ref(proof.key)?;
            let is_its = key.is_some_and(|key| key.wallet == WalletRef(said.subject.number));
            if is_its && proof.sequence == seen.count && proof.at == seen.at {
                pairs.push(Pair {
                    first: Base64UrlUnpadded::encode_string(&proof.first[..]),
                    second: Base64UrlUnpadded::encode_string(&proof.second[..]),
                });
            }
        }
    }
    Ok(pairs)
}

fn verified(text: &str) -> Result<SignedClaim, String> {
    let bytes = Base64UrlUnpadded::decode_vec(text).map_err(|_| "it is not base64url")?;
    let claim = SignedClaim::decode(&bytes).map_err(|why| why.to_string())?;
    let key = VerifyingKey::new(&claim.claim().key);
    let holds = key.and_then(|key| claim.clone().verify(&key));
    holds.map_err(|_| "the signature of its claim does not hold".to_owned())?;
    Ok(claim)
}
