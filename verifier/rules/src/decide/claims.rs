//! Claims: the ordered list of refusals, and what follows when none applies.

use alloc::boxed::Box;

use farthing_shared::{Claim, ItemHash, Kind, Micros, Outcome, SignedClaim, UnixMillis, limits};

use super::working::Working;
use crate::commit::ClaimAnswer;
use crate::findings::{Seen, Standing};
use crate::permission::Unasked;
use crate::policy::Policy;
use crate::rows::{
    ClaimEntry, EntryBody, Equivocation, InMonth, ItemRef, KeyRef, KeyRow, LastAnswer, MARK_EVERY,
    ReceiptRow,
};

/// The cheap checks that need no row: whether a claim could be charged at all, here and now.
/// The intake asks before it checks a signature; the ledger asks again when it decides.
#[must_use]
pub fn screen(policy: &Policy, claim: &Claim, now: UnixMillis) -> Option<Outcome> {
    if claim.verifier != policy.verifier {
        return Some(Outcome::WrongVerifier);
    }
    if claim.currency != policy.currency {
        return Some(Outcome::WrongCurrency);
    }
    let range = limits::CLAIM_MICROS_MIN..=limits::CLAIM_MICROS_MAX;
    if !range.contains(&claim.amount.get()) {
        return Some(Outcome::AmountOutOfRange);
    }
    if claim.expires_at <= now {
        return Some(Outcome::Expired);
    }
    let latest = now.plus_ms(limits::CLAIM_LIFE_MS_MAX).plus_ms(limits::CLOCK_SKEW_MS_MAX);
    if claim.expires_at > latest {
        return Some(Outcome::ExpiresTooLate);
    }
    None
}

/// How a claim came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Its payer clicked, or so its sender says: a key in force is enough.
    ByClick,
    /// Nobody clicked: a permission of the wallet's holder has to cover it.
    Automatically,
}

/// Charges a claim, or says why not.
pub(super) fn charge(
    policy: &Policy,
    working: &mut Working,
    signed: &SignedClaim,
    (key, asked): (KeyRef, Asked),
) -> ClaimAnswer {
    let claim = signed.claim();
    let Some(row) = working.context.keys.get(&key).filter(|row| row.public == claim.key) else {
        return passing(signed, Outcome::UnknownKey);
    };
    let (row, creator) = (row.clone(), row.creator);
    // A number that was used is answered before anything else is looked at, expiry included:
    // the first answer holds for ever.
    if claim.sequence <= row.last_sequence() {
        let answer = answer_used_number(working, signed, &row);
        let code = if answer.repeat { 0 } else { answer.outcome.code() };
        working.count_refusal(working.now.day(), creator, code, (1, claim.amount));
        return answer;
    }
    if let Some(outcome) = screen(policy, claim, working.now) {
        working.count_outcome(creator, outcome, claim.amount);
        return passing(signed, outcome);
    }
    // From here on the claim's number is used up, whatever the outcome.
    let mut row = row;
    row.count_within_minute(working.now);
    let (outcome, receipt) = match refusal(policy, working, claim, (&row, asked)) {
        Refusal::Owned(receipt) => (Outcome::AlreadyOwned, Some(receipt)),
        Refusal::No(outcome) => (outcome, None),
        Refusal::None(item) => match accept(policy, working, signed, &mut row, item) {
            Ok(receipt) => (Outcome::Accepted, Some(receipt)),
            Err(outcome) => (outcome, None),
        },
    };
    if outcome != Outcome::Accepted {
        working.count_outcome(creator, outcome, claim.amount);
    }
    row.last = Some(LastAnswer {
        sequence: claim.sequence,
        claim: signed.id(),
        outcome,
        receipt,
        signed: (outcome != Outcome::Accepted).then(|| Box::new(signed.encode())),
    });
    working.context.keys.insert(key, row);
    working.touch_key(key);
    ClaimAnswer { claim: signed.id(), outcome, repeat: false, receipt, refunded: false }
}

/// An answer that leaves nothing behind.
fn passing(signed: &SignedClaim, outcome: Outcome) -> ClaimAnswer {
    ClaimAnswer { claim: signed.id(), outcome, repeat: false, receipt: None, refunded: false }
}

/// The same body gets its first answer again; another body under the number is equivocation.
fn answer_used_number(working: &mut Working, signed: &SignedClaim, row: &KeyRow) -> ClaimAnswer {
    let sequence = signed.claim().sequence;
    let newest = row.last.as_ref().filter(|last| last.sequence == sequence);
    if let Some(last) = newest.filter(|last| last.claim == signed.id()) {
        return ClaimAnswer {
            claim: last.claim,
            outcome: last.outcome,
            repeat: true,
            receipt: last.receipt,
            refunded: refunded(working, last.receipt),
        };
    }
    let first = match newest {
        Some(last) => match (&last.signed, last.receipt) {
            (Some(bytes), _) => Some(bytes.clone()),
            (None, Some(receipt)) => signed_of_entry(working, receipt)
                .or_else(|| past_signed(working, row.key, sequence)),
            (None, None) => None,
        },
        None => {
            let past = working.context.past.get(&(row.key, sequence));
            if let Some(past) = past.filter(|past| past.claim == signed.id()) {
                return ClaimAnswer {
                    claim: past.claim,
                    outcome: Outcome::Accepted,
                    repeat: true,
                    receipt: Some(past.receipt),
                    refunded: refunded(working, Some(past.receipt)),
                };
            }
            past.map(|past| past.signed.clone())
        }
    };
    let Some(first) = first else {
        return passing(signed, Outcome::NumberUsed);
    };
    let proved = working.context.proved.contains(&(row.key, sequence));
    if !proved && row.equivocations < limits::EQUIVOCATIONS_PER_KEY_MAX {
        keep_proof(working, signed, row, first);
    }
    passing(signed, Outcome::Equivocation)
}

fn refunded(working: &Working, receipt: Option<ReceiptRow>) -> bool {
    let row = receipt.and_then(|receipt| working.context.refunds.get(&receipt.entry));
    row.is_some_and(|row| row.outcome.is_success())
}

fn signed_of_entry(working: &Working, receipt: ReceiptRow) -> Option<Box<[u8; Claim::SIGNED_LEN]>> {
    match &working.entry_of_this_batch(receipt.entry)?.body {
        EntryBody::Claim(entry) => Some(Box::new(entry.signed)),
        _ => None,
    }
}

fn past_signed(
    working: &Working,
    key: KeyRef,
    sequence: u64,
) -> Option<Box<[u8; Claim::SIGNED_LEN]>> {
    working.context.past.get(&(key, sequence)).map(|past| past.signed.clone())
}

fn keep_proof(
    working: &mut Working,
    signed: &SignedClaim,
    row: &KeyRow,
    first: Box<[u8; Claim::SIGNED_LEN]>,
) {
    working.keep_equivocation(Equivocation {
        at: working.now,
        key: row.key,
        creator: row.creator,
        sequence: signed.claim().sequence,
        first,
        second: Box::new(signed.encode()),
    });
    let whose = (row.wallet, row.creator);
    working.observe(
        Seen::Equivocation,
        whose,
        None,
        (signed.claim().sequence, signed.claim().amount),
    );
    working.context.proved.insert((row.key, signed.claim().sequence));
    if let Some(row) = working.context.keys.get_mut(&row.key) {
        row.equivocations = row.equivocations.saturating_add(1);
    }
    working.touch_key(row.key);
}

/// What stands against a claim whose number is new.
enum Refusal {
    /// The wallet owns the item since this purchase.
    Owned(ReceiptRow),
    /// Refused for good.
    No(Outcome),
    /// Nothing; it buys this item.
    None(ItemRef),
}

/// The refusals in order of precedence; each is final.
fn refusal(
    policy: &Policy,
    working: &Working,
    claim: &Claim,
    (row, asked): (&KeyRow, Asked),
) -> Refusal {
    if !working.is_in_force(row) {
        return Refusal::No(Outcome::KeyRevoked);
    }
    if row.expires_at <= working.now {
        return Refusal::No(Outcome::AllowanceExpired);
    }
    let Some(creator) = working.context.creators.get(&row.creator) else {
        return Refusal::No(Outcome::UnknownCreator);
    };
    if creator.id != claim.creator {
        return Refusal::No(Outcome::WrongCreator);
    }
    if row.origin != claim.origin {
        return Refusal::No(Outcome::WrongOrigin);
    }
    if row.in_minute > policy.claims_per_key_per_minute {
        return Refusal::No(Outcome::TooFast);
    }
    if let Some(outcome) = held_back(policy, working, row) {
        return Refusal::No(outcome);
    }
    if let Some(receipt) = working.context.owned.get(&(row.wallet, claim.item)) {
        return Refusal::Owned(*receipt);
    }
    let wallet = working.context.wallets.get(&row.wallet);
    // Whatever else stands against it, changing that would not help before the pause ends.
    if wallet.and_then(|wallet| wallet.budget.as_ref()).is_some_and(|budget| budget.paused) {
        return Refusal::No(Outcome::PaymentsPaused);
    }
    let item = match item_for(working, claim, row) {
        Ok(item) => item,
        Err(outcome) => return Refusal::No(outcome),
    };
    if row.accepted >= limits::CLAIMS_PER_KEY_MAX {
        return Refusal::No(Outcome::KeyExhausted);
    }
    if claim.amount > row.per_claim_max {
        return Refusal::No(Outcome::OverClaimMax);
    }
    if row.spent.plus(claim.amount).is_none_or(|spent| spent > row.cap) {
        return Refusal::No(Outcome::OverCap);
    }
    let budget = wallet.and_then(|wallet| wallet.budget.as_ref());
    if let Some(outcome) = budget.and_then(|budget| budget.over(working.now, claim.amount)) {
        return Refusal::No(outcome);
    }
    if wallet.map_or(Micros::ZERO, |wallet| wallet.balance) < claim.amount {
        return Refusal::No(Outcome::InsufficientBalance);
    }
    // Last, so that whoever clicks instead is not told of anything else.
    if asked == Asked::Automatically && !is_permitted(policy, working, claim, row) {
        return Refusal::No(Outcome::NeedsClick);
    }
    Refusal::None(item)
}

/// Whether the wallet's holder permitted this payment without a click.
fn is_permitted(policy: &Policy, working: &Working, claim: &Claim, row: &KeyRow) -> bool {
    let context = &working.context;
    let (Some(wallet), Some(creator)) =
        (context.wallets.get(&row.wallet), context.creators.get(&row.creator))
    else {
        return false;
    };
    let of = (row.wallet, row.creator);
    let unasked = Unasked {
        wallet,
        key: row,
        creator,
        permission: context.permissions.get(&of),
        paid: context.paid_this_month.get(&of).copied().unwrap_or(Micros::MAX),
        refunds: context.recent_refunds.get(&row.wallet).map_or(&[], |refunds| refunds),
        given_back: context.given_back.contains(&(row.wallet, claim.item)),
    };
    // A gift is nobody's to give but the payer's.
    claim.item != ItemHash::NONE && unasked.may_pay(policy, claim.amount, working.now)
}

/// Whether the wallet's standing keeps it from paying now.
fn held_back(policy: &Policy, working: &Working, row: &KeyRow) -> Option<Outcome> {
    let standing = working.context.wallets.get(&row.wallet).map(|wallet| wallet.standing)?;
    match standing {
        Standing::Frozen => Some(Outcome::WalletFrozen),
        Standing::Slowed if row.in_minute > policy.claims_per_slowed_key_per_minute => {
            Some(Outcome::WalletSlowed)
        }
        Standing::Slowed | Standing::Free => None,
    }
}

/// The item that a claim buys for what is due; a donation buys none.
fn item_for(working: &Working, claim: &Claim, row: &KeyRow) -> Result<ItemRef, Outcome> {
    if claim.kind == Kind::Donation || claim.item == ItemHash::NONE {
        return Ok(ItemRef(0));
    }
    let Some(item) = working.context.items.get(&claim.item) else {
        return Err(Outcome::UnknownItem);
    };
    if item.creator != row.creator || !item.is_for_sale(working.now) {
        return Err(Outcome::UnknownItem);
    }
    // Nothing is due for what is open this month, and no claim is of nothing: the next quote opens it.
    if due(working, row, item.price) != claim.amount {
        return Err(Outcome::PriceChanged);
    }
    Ok(item.item)
}

/// What is due for an item of this price from the wallet of a key, under the creator's ceiling.
fn due(working: &Working, row: &KeyRow, price: Micros) -> Micros {
    let Some(creator) = working.context.creators.get(&row.creator) else { return price };
    creator.ceiling.due(price, paid_in_month(working, row), working.now)
}

/// What the wallet of a key paid the key's creator in a month: its first key counts it.
fn paid_in_month(working: &Working, row: &KeyRow) -> InMonth {
    let first = working.context.keys.get(&row.first).filter(|first| first.key != row.key);
    first.map_or(row.in_month, |first| first.in_month)
}

fn count_in_month(working: &mut Working, row: &mut KeyRow, amount: Micros) {
    let now = working.now;
    if row.first == row.key {
        row.in_month = row.in_month.and(now, amount);
    } else if let Some(first) = working.context.keys.get_mut(&row.first) {
        first.in_month = first.in_month.and(now, amount);
        working.touch_key(row.first);
    }
}

/// Moves the money. After [`Working::record`] has returned an entry, nothing here can fail.
fn accept(
    policy: &Policy,
    working: &mut Working,
    signed: &SignedClaim,
    row: &mut KeyRow,
    item: ItemRef,
) -> Result<ReceiptRow, Outcome> {
    let claim = signed.claim();
    let now = working.now;
    let creator = *working.context.creators.get(&row.creator).ok_or(Outcome::UnknownCreator)?;
    let wallet = *working.context.wallets.get(&row.wallet).ok_or(Outcome::UnknownKey)?;
    // Free credit is spent first; no fee is taken from it, and no creator is credited with it.
    let free = wallet.free.min(claim.amount);
    let own = claim.amount.minus(free).ok_or(Outcome::CreatorFull)?;
    let fee = own.share(policy.fee_ppm);
    let credited = own.minus(fee).ok_or(Outcome::CreatorFull)?;
    let free_total = creator.free.plus(free).ok_or(Outcome::CreatorFull)?;
    let total = creator.total.plus(credited).ok_or(Outcome::CreatorFull)?;
    let number = creator.number.checked_add(1).ok_or(Outcome::CreatorFull)?;
    let window = creator.refund_window_ms.unwrap_or(policy.refund_window_ms);
    // Rounded up to the next whole minute, so that nothing is released early.
    let release_minute = now.plus_ms(window).minute().saturating_add(1);
    let entry = ClaimEntry {
        signed: signed.encode(),
        key: row.key,
        wallet: row.wallet,
        creator: row.creator,
        item,
        amount: claim.amount,
        free,
        fee,
        release_minute,
        creator_number: number,
        creator_total: total,
        previous_of_key: row.last_entry,
        mark_of_key: row.mark,
        previous_of_wallet: wallet.last_entry,
        previous_of_creator: creator.last_entry,
    };
    let entry =
        working.record(EntryBody::Claim(Box::new(entry))).map_err(|_| Outcome::CreatorFull)?;
    // After this point the claim is accepted.
    let receipt = ReceiptRow { entry, at: now, amount: claim.amount };
    row.spent = row.spent.plus(claim.amount).unwrap_or(row.cap);
    row.accepted = row.accepted.saturating_add(1);
    if row.accepted.is_multiple_of(MARK_EVERY) {
        row.mark = entry;
    }
    row.last_entry = entry;
    if claim.item != ItemHash::NONE && creator.ceiling.at(now).is_some() {
        count_in_month(working, row, claim.amount);
    }
    if let Some(wallet) = working.context.wallets.get_mut(&row.wallet) {
        wallet.last_entry = entry;
        wallet.free = wallet.free.minus(free).unwrap_or(Micros::ZERO);
        if let Some(budget) = &mut wallet.budget {
            budget.spent = budget.spent.paid(now, claim.amount);
        }
    }
    if let Some(creator) = working.context.creators.get_mut(&row.creator) {
        creator.number = number;
        creator.total = total;
        creator.free = free_total;
        creator.last_entry = entry;
    }
    working.touch_wallet(row.wallet);
    working.touch_creator(row.creator);
    working.hold(row.creator, release_minute, credited.signed());
    working.count_credit(row.creator, item, (credited, free));
    if claim.item != ItemHash::NONE {
        working.own(row.wallet, claim.item, receipt);
        count_this_month(working, row, claim.amount);
    }
    Ok(receipt)
}

/// What automatic claims that come later in this batch are weighed by.
fn count_this_month(working: &mut Working, row: &KeyRow, amount: Micros) {
    if let Some(paid) = working.context.paid_this_month.get_mut(&(row.wallet, row.creator)) {
        *paid = paid.plus(amount).unwrap_or(Micros::MAX);
    }
}
