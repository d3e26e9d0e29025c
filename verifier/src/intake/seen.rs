//! What a claim was answered, read from the ledger.

use farthing_rules::ClaimAnswer;
use farthing_shared::{ClaimId, Outcome, PublicKey};

use crate::store::sqlite::{ReadError, Reader};

/// What the ledger knows of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It was answered.
    Answered(ClaimAnswer),
    /// Its number was used by another claim or passed over: it can never be charged.
    NumberUsed,
    /// Its number is still free.
    Not,
}

pub(super) fn seen(
    reader: &Reader,
    key: PublicKey,
    sequence: u64,
    claim: ClaimId,
) -> Result<Seen, ReadError> {
    let Some(row) = reader.key(&key)? else { return Ok(Seen::Not) };
    if sequence > row.last_sequence() {
        return Ok(Seen::Not);
    }
    let newest = row.last.filter(|last| last.sequence == sequence && last.claim == claim);
    if let Some(last) = newest {
        return Ok(Seen::Answered(ClaimAnswer {
            claim,
            outcome: last.outcome,
            repeat: true,
            receipt: last.receipt,
            refunded: refunded(reader, last.receipt)?,
        }));
    }
    let past = reader.past_claim(row.last_entry, sequence)?;
    let Some(past) = past.filter(|past| past.claim == claim) else {
        return Ok(Seen::NumberUsed);
    };
    Ok(Seen::Answered(ClaimAnswer {
        claim,
        outcome: Outcome::Accepted,
        repeat: true,
        receipt: Some(past.receipt),
        refunded: refunded(reader, Some(past.receipt))?,
    }))
}

fn refunded(reader: &Reader, receipt: Option<farthing_rules::Receipt>) -> Result<bool, ReadError> {
    let Some(receipt) = receipt else { return Ok(false) };
    Ok(reader.refund(receipt.entry)?.is_some_and(|row| row.outcome.is_success()))
}
