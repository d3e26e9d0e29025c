//! Checks of claims before the queue: what is cheap first, then signatures, several at once.
//!
//! The last step of a check is a division, which is as good for eight signatures as for one
//! ([`farthing_shared::signing::verify_all`]). So single claims that come at the same time are checked together.

use std::sync::{Mutex, PoisonError};

use farthing_rules::{Command, KeyRef, Policy, screen};
use farthing_shared::{Outcome, SignedClaim, UnixMillis, VerifiedClaim};
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::queue::{Decided, Job, Queue, Reply};
use super::{IntakeError, KnownKey};

/// Claims of a batch that one task checks: 16 × some 15 µs, long against the cost of a task.
const OF_A_BATCH: usize = 16;
/// Single claims that are checked together: 8 × some 15 µs in which their thread does nothing else. With more of them another
/// processor might have nothing to do meanwhile, and the division is a small part already. One more for each other thread may
/// join between the last one and its check.
pub(super) const SINGLES: usize = 8;

/// What the checks say of a claim.
pub(super) enum Checked {
    Verified(Box<VerifiedClaim>, KeyRef),
    Refused(Box<SignedClaim>, Outcome),
}

/// The cheap checks: the claim with its key, or why it is refused.
pub(super) fn screened(
    policy: &Policy,
    now: UnixMillis,
    claim: SignedClaim,
    known: Option<KnownKey>,
) -> Result<(SignedClaim, KnownKey), (Box<SignedClaim>, Outcome)> {
    let Some(known) = known else {
        return Err((Box::new(claim), Outcome::UnknownKey));
    };
    // A claim whose time is over may have been answered in time, and then gets that answer
    // again: only the ledger knows, so it goes the whole way, signature included.
    let by_time = [Outcome::Expired, Outcome::ExpiresTooLate];
    let outcome = screen(policy, claim.claim(), now);
    match outcome.filter(|outcome| !by_time.contains(outcome)) {
        Some(outcome) => Err((Box::new(claim), outcome)),
        None => Ok((claim, known)),
    }
}

/// The signature of one claim.
pub(super) fn check(claim: SignedClaim, known: &KnownKey) -> Checked {
    let verdict = SignedClaim::verify_all(vec![(claim, &known.verifying)]).pop();
    checked(verdict.expect("one claim has one verdict"), known)
}

fn checked(verdict: Result<VerifiedClaim, Box<SignedClaim>>, known: &KnownKey) -> Checked {
    match verdict {
        Ok(verified) => Checked::Verified(Box::new(verified), known.key),
        Err(claim) => Checked::Refused(claim, Outcome::Forged),
    }
}

/// Cheap checks, then signatures, of the claims of one caller.
fn check_some(
    policy: &Policy,
    now: UnixMillis,
    claims: Vec<(SignedClaim, Option<KnownKey>)>,
) -> Vec<Checked> {
    let mut refused = Vec::with_capacity(claims.len());
    let (mut unchecked, mut keys) = (Vec::new(), Vec::new());
    for (claim, known) in claims {
        match screened(policy, now, claim, known) {
            Ok((claim, known)) => {
                unchecked.push(claim);
                keys.push(known);
                refused.push(None);
            }
            Err((claim, outcome)) => refused.push(Some(Checked::Refused(claim, outcome))),
        }
    }
    let unchecked = unchecked.into_iter().zip(keys.iter().map(|known| &*known.verifying));
    let verdicts = SignedClaim::verify_all(unchecked.collect());
    let mut verdicts = verdicts.into_iter().zip(&keys).map(|(verdict, key)| checked(verdict, key));
    refused.into_iter().filter_map(|refused| refused.or_else(|| verdicts.next())).collect()
}

/// As [`check_some`], on all cores when there are many.
pub(super) async fn check_many(
    policy: &Policy,
    now: UnixMillis,
    claims: Vec<(SignedClaim, Option<KnownKey>)>,
) -> Vec<Checked> {
    if claims.len() <= OF_A_BATCH {
        return check_some(policy, now, claims);
    }
    let (reply, checked) = oneshot::channel();
    let policy = policy.clone();
    rayon::spawn(move || {
        let some = claims.into_par_iter().chunks(OF_A_BATCH);
        let checked = some.flat_map_iter(|some| check_some(&policy, now, some)).collect();
        let _caller_left = reply.send(checked);
    });
    checked.await.unwrap_or_default()
}

/// A single claim that passed the cheap checks.
#[derive(Debug)]
pub(super) struct Unchecked {
    pub(super) claim: SignedClaim,
    pub(super) known: KnownKey,
    pub(super) command: fn(VerifiedClaim, KeyRef) -> Command,
}

/// Single claims of different callers that are to be checked together.
#[derive(Debug, Default)]
pub(super) struct Gathering(Mutex<Vec<(Unchecked, Reply, OwnedSemaphorePermit)>>);

/// Which of those that gather somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Has to see to it that they are checked soon, however many come.
    First,
    Between,
    /// Has to check them now.
    Last,
}

impl Gathering {
    /// Adds a claim.
    pub(super) fn join(&self, of: Unchecked, reply: Reply, permit: OwnedSemaphorePermit) -> Place {
        let mut gathered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gathered.push((of, reply, permit));
        match gathered.len() {
            SINGLES.. => Place::Last,
            1 => Place::First,
            _ => Place::Between,
        }
    }

    /// Checks those that have gathered, and puts before the ledger what passes.
    pub(super) fn check(&self, queue: &Queue) {
        let gathered = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let (mut claims, mut rest) = (Vec::with_capacity(SINGLES), Vec::with_capacity(SINGLES));
        for (Unchecked { claim, known, command }, reply, permit) in gathered {
            claims.push(claim);
            rest.push((known, command, reply, permit));
        }
        let claims = claims.into_iter().zip(rest.iter().map(|(known, ..)| &*known.verifying));
        let verdicts = SignedClaim::verify_all(claims.collect());
        let mut jobs = Vec::with_capacity(SINGLES);
        for (verdict, (known, command, reply, permit)) in verdicts.into_iter().zip(rest) {
            match verdict {
                Ok(claim) => {
                    let commands = vec![command(claim, known.key)];
                    jobs.push(Job { commands, reply, permit: Some(permit) });
                }
                Err(claim) => {
                    drop(permit);
                    let _caller_left = reply.send(Ok(Decided::Refused(claim, Outcome::Forged)));
                }
            }
        }
        queue.put_all(&mut jobs);
        for job in jobs {
            let _caller_left = job.reply.send(Err(IntakeError::Overloaded));
        }
    }
}

#[cfg(test)]
mod tests;
