//! Findings: recording, holding what stems from one, deciding, and moving the money as decided.
//!
//! - Only a claim of the accused wallet to the creator that the finding names is held, only what it
//!   credited, and only once: what a person has decided about a payment stands.
//! - Nobody earns by a finding. Lifted, a share goes where it would be without it; upheld, the whole
//!   payment goes back to the wallet that made it, the provider's fee included.

use alloc::string::String;
use alloc::vec::Vec;

use farthing_shared::{Micros, limits};

use super::working::Working;
use crate::command::Command;
use crate::commit::{Answer, ReviewRefusal};
use crate::findings::{
    Act, ClaimHold, FindingDraft, FindingRef, FindingRow, FindingState, Place, Seen, Sighting,
    Standing, SubjectKind,
};
use crate::rows::{ClaimEntry, CreatorRef, EntryBody, EntryNumber, ReviewEntry, WalletRef};

/// Answers the commands about findings.
pub(super) fn answer(working: &mut Working, command: &Command) -> Answer {
    match command {
        Command::Observe(sightings) => {
            sightings.iter().for_each(|sighting| observe(working, *sighting));
            Answer::Saved(Ok(()))
        }
        Command::ForgetOrigins { before } => {
            working.forget_origins = Some(*before);
            Answer::Saved(Ok(()))
        }
        Command::RecordFindings(drafts) => {
            Answer::Recorded(drafts.iter().map(|draft| record(working, draft)).collect())
        }
        Command::HoldClaims { finding, claims } => hold(working, *finding, claims),
        Command::Review { finding, act, who, why } => {
            Answer::Reviewed(review(working, *finding, *act, (who, why)))
        }
        Command::SettleFinding { finding } => Answer::Settled(settle(working, *finding)),
        Command::SetStanding { wallet, standing, who, why } => {
            Answer::Reviewed(set_standing(working, *wallet, *standing, (who, why)))
        }
        // Every other command is answered before it comes here.
        _ => Answer::Reviewed(Err(ReviewRefusal::WrongAct)),
    }
}

fn observe(working: &mut Working, sighting: Sighting) {
    match sighting {
        Sighting::Forged { creator, origin, count, amount } => {
            let creator = working.context.creator_refs.get(&creator).copied();
            let whose = (WalletRef(0), creator.unwrap_or(CreatorRef(0)));
            working.observe(Seen::Forged, whose, Some(origin), (count, amount));
        }
        Sighting::Hour => {
            let nobody = (WalletRef(0), CreatorRef(0));
            working.observe(Seen::Hour, nobody, None, (1, Micros::ZERO));
        }
    }
}

fn record(working: &mut Working, draft: &FindingDraft) -> (FindingRef, bool) {
    if let Some(known) = working.context.finding_refs.get(&draft.id) {
        return (*known, false);
    }
    let number = working.context.counters.finding;
    working.context.counters.finding = number.saturating_add(1);
    let finding = FindingRef(number);
    working.put_finding(FindingRow {
        finding,
        said: draft.clone(),
        recorded_at: working.now,
        state: FindingState::Open,
        held: Micros::ZERO,
        held_claims: 0,
        ever_held: 0,
    });
    (finding, true)
}

/// Holds the creator's share of each of these claims that the finding is about.
fn hold(working: &mut Working, finding: FindingRef, claims: &[EntryNumber]) -> Answer {
    let (mut held, mut sum) = (0_u64, Micros::ZERO);
    for claim in claims {
        if let Some(amount) = hold_one(working, finding, *claim) {
            held = held.saturating_add(1);
            sum = sum.plus(amount).unwrap_or(Micros::MAX);
        }
    }
    Answer::Held { claims: held, amount: sum }
}

fn hold_one(working: &mut Working, finding: FindingRef, number: EntryNumber) -> Option<Micros> {
    let row = working.context.findings.get(&finding)?;
    let claim = working.context.claims.get(&number)?;
    let credited = stems_from(row, claim)?;
    let refund = working.context.refunds.get(&number);
    let is_refunded = refund.is_some_and(|row| row.outcome.is_success());
    if is_refunded || working.context.claim_holds.contains_key(&number) {
        return None;
    }
    let (id, creator, wallet) = (row.said.id, claim.creator, claim.wallet);
    let release_minute = claim.release_minute;
    // Either its bucket is still held, or it was released and is payable. What was paid out
    // meanwhile is gone: only what is there is held.
    let in_bucket = working.take_from_bucket(creator, release_minute, credited);
    let payable = working.context.creators.get(&creator)?.payable;
    let (amount, place) = if in_bucket {
        (credited, Place::Held { release_minute })
    } else {
        (credited.min(payable), Place::Payable)
    };
    if amount == Micros::ZERO {
        return None;
    }
    let entry = ReviewEntry { creator, claim: number, amount, place, finding: id };
    working.record(EntryBody::Hold(entry)).ok()?;
    // After this point the share is under review.
    let settled = EntryNumber(0);
    working.put_claim_hold(ClaimHold {
        claim: number,
        finding,
        creator,
        wallet,
        amount,
        settled,
        returned: false,
    });
    change(working, finding, |row| {
        row.held = row.held.plus(amount).unwrap_or(Micros::MAX);
        row.held_claims = row.held_claims.saturating_add(1);
        row.ever_held = row.ever_held.saturating_add(1);
    });
    Some(amount)
}

/// What a claim credited, if a finding accuses its wallet of paying its creator and nobody has
/// decided yet.
fn stems_from(row: &FindingRow, claim: &ClaimEntry) -> Option<Micros> {
    let said = &row.said;
    let is_about = said.accuse
        && said.subject.kind == SubjectKind::Wallet
        && said.subject.number == claim.wallet.0
        && said.creator == claim.creator
        && row.state.is_undecided();
    claim.credited().filter(|_| is_about)
}

fn change(working: &mut Working, finding: FindingRef, with: impl FnOnce(&mut FindingRow)) {
    if let Some(mut row) = working.context.findings.get(&finding).cloned() {
        with(&mut row);
        working.put_finding(row);
    }
}

fn words_fit(who: &str, why: &str) -> bool {
    let fits = |text: &str, bytes_max| !text.trim().is_empty() && text.len() <= bytes_max;
    fits(who, limits::REVIEWER_BYTES_MAX) && fits(why, limits::REVIEW_BYTES_MAX)
}

fn review(
    working: &mut Working,
    finding: FindingRef,
    act: Act,
    (who, why): (&String, &String),
) -> Result<(), ReviewRefusal> {
    let row = working.context.findings.get(&finding).ok_or(ReviewRefusal::UnknownFinding)?;
    if !words_fit(who, why) {
        return Err(ReviewRefusal::BadWords);
    }
    let party = (finding, who.clone());
    let answered = working.context.answers.get(&party).copied().unwrap_or(0);
    if act == Act::Answer && answered >= limits::ANSWERS_MAX {
        return Err(ReviewRefusal::TooManyAnswers);
    }
    let state = match act {
        Act::Uphold if row.state.is_undecided() => FindingState::Upheld,
        Act::Lift if row.state.is_undecided() => FindingState::Lifted,
        Act::Uphold | Act::Lift => return Err(ReviewRefusal::Decided),
        // An answer that comes too late is kept and changes nothing.
        Act::Answer if row.state.is_undecided() => FindingState::Appealed,
        Act::Answer => row.state,
        Act::Slow | Act::Freeze | Act::Thaw => return Err(ReviewRefusal::WrongAct),
    };
    if act == Act::Answer {
        working.context.answers.insert(party, answered.saturating_add(1));
    }
    working.decided(act, (finding, WalletRef(0)), who, why);
    change(working, finding, |row| row.state = state);
    Ok(())
}

/// Moves what a decided finding holds; gives how many claims, and how many are left.
fn settle(working: &mut Working, finding: FindingRef) -> Result<(u64, u64), ReviewRefusal> {
    let row = working.context.findings.get(&finding).ok_or(ReviewRefusal::UnknownFinding)?;
    let (state, id) = (row.state, row.said.id);
    if state.is_undecided() {
        return Err(ReviewRefusal::Undecided);
    }
    let claims: Vec<EntryNumber> =
        working.context.to_settle.get(&finding).cloned().unwrap_or_default();
    let mut settled = 0_u64;
    for claim in claims {
        let Some(held) = working.context.claim_holds.get(&claim).copied() else { continue };
        let Some(entry) = working.context.claims.get(&claim).cloned() else { continue };
        if held.settled != EntryNumber(0) || held.finding != finding {
            continue;
        }
        let place = place_for(working, state, &held, &entry);
        let (creator, amount) = (held.creator, held.amount);
        let body = EntryBody::Lift(ReviewEntry { creator, claim, amount, place, finding: id });
        // A wallet that is too full for it keeps it under review.
        let Ok(number) = working.record(body) else { continue };
        // After this point the share is out of review.
        match place {
            Place::Held { release_minute } => {
                working.hold(creator, release_minute, amount.signed());
            }
            Place::Payable => {}
            Place::Wallet { wallet, .. } => {
                if let Some(row) = working.context.wallets.get_mut(&wallet) {
                    row.last_entry = number;
                }
                working.touch_wallet(wallet);
            }
        }
        let returned = matches!(place, Place::Wallet { .. });
        working.put_claim_hold(ClaimHold { settled: number, returned, ..held });
        change(working, finding, |row| {
            row.held = row.held.minus(amount).unwrap_or(Micros::ZERO);
            row.held_claims = row.held_claims.saturating_sub(1);
        });
        settled = settled.saturating_add(1);
    }
    let left = working.context.findings.get(&finding).map_or(0, |row| row.held_claims);
    Ok((settled, left))
}

/// Where a share goes: back to the wallet, or where it would be without the finding.
fn place_for(
    working: &Working,
    state: FindingState,
    held: &ClaimHold,
    claim: &ClaimEntry,
) -> Place {
    if state == FindingState::Upheld {
        let wallet = working.context.wallets.get(&held.wallet);
        let previous_of_wallet = wallet.map_or(EntryNumber(0), |row| row.last_entry);
        // The fee is given back with a share that is whole.
        let is_whole = claim.credited() == Some(held.amount);
        let fee = if is_whole { claim.fee } else { Micros::ZERO };
        return Place::Wallet { wallet: held.wallet, fee, previous_of_wallet };
    }
    if claim.release_minute > working.now.minute() {
        return Place::Held { release_minute: claim.release_minute };
    }
    Place::Payable
}

fn set_standing(
    working: &mut Working,
    wallet: WalletRef,
    standing: Standing,
    (who, why): (&String, &String),
) -> Result<(), ReviewRefusal> {
    if !words_fit(who, why) {
        return Err(ReviewRefusal::BadWords);
    }
    let row = working.context.wallets.get_mut(&wallet).ok_or(ReviewRefusal::UnknownWallet)?;
    row.standing = standing;
    working.touch_wallet(wallet);
    let act = match standing {
        Standing::Free => Act::Thaw,
        Standing::Slowed => Act::Slow,
        Standing::Frozen => Act::Freeze,
    };
    working.decided(act, (FindingRef(0), wallet), who, why);
    Ok(())
}
