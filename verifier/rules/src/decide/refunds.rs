//! Refunds: a claim's money goes back from the creator's hold to the wallet that paid, once.

use alloc::boxed::Box;

use farthing_shared::{
    ItemHash, Micros, RefundOutcome, SignedClaim, SignedRefund, UnixMillis, limits,
};

use super::working::Working;
use crate::commit::RefundAnswer;
use crate::permission::too_many_refunds;
use crate::policy::Policy;
use crate::rows::{
    Ceiling, ClaimEntry, EntryBody, EntryNumber, InMonth, ItemRef, ReceiptRow, RefundEntry,
    RefundRow,
};

/// Refunds a claim, or says why not.
pub(super) fn refund(
    policy: &Policy,
    working: &mut Working,
    signed: &SignedRefund,
) -> RefundAnswer {
    let fields = signed.refund();
    let number = EntryNumber(fields.entry);
    let answer =
        |outcome, receipt, repeat| RefundAnswer { claim: fields.claim, outcome, repeat, receipt };
    if fields.verifier != policy.verifier {
        return answer(RefundOutcome::WrongVerifier, None, false);
    }
    let claim = working.context.claims.get(&number).cloned();
    let paid = claim.as_ref().and_then(|claim| SignedClaim::decode(&claim.signed).ok());
    let (Some(claim), Some(paid)) = (claim, paid) else {
        return answer(RefundOutcome::UnknownClaim, None, false);
    };
    if paid.id() != fields.claim {
        return answer(RefundOutcome::UnknownClaim, None, false);
    }
    // Each request has one answer for ever, also after the key that asked has ended: its answer may have been
    // lost on the way. A later request of the same claim may get another.
    let before = working.context.refunds.get(&number).copied();
    if let Some(before) = before.filter(|before| before.request == signed.id()) {
        return answer(before.outcome, before.receipt, true);
    }
    if !may_ask(working, signed, &claim) {
        return answer(RefundOutcome::NotYours, None, false);
    }
    if let Some(before) = before {
        if before.outcome.is_success() {
            return answer(RefundOutcome::AlreadyRefunded, before.receipt, false);
        }
        if fields.asked_at <= before.asked_at {
            return answer(before.outcome, None, false);
        }
    }
    let (now, asked_at) = (working.now, fields.asked_at);
    let live = asked_at <= now.plus_ms(limits::REFUND_LIFE_MS)
        && now <= asked_at.plus_ms(limits::REFUND_LIFE_MS);
    if !live {
        return answer(RefundOutcome::Expired, None, false);
    }
    // Nothing is kept of this one: a window that is over stays over.
    if now >= window_of(working, number, &claim) {
        return answer(RefundOutcome::WindowOver, None, false);
    }
    let (outcome, receipt) = match give_back(working, signed, number, &claim) {
        Ok(receipt) => (RefundOutcome::Refunded, Some(receipt)),
        Err(outcome) => (outcome, None),
    };
    let request = signed.id();
    working.keep_refund(RefundRow { claim: number, request, asked_at, outcome, receipt });
    if receipt.is_some() && paid.claim().item != ItemHash::NONE {
        working.disown(claim.wallet, paid.claim().item, number);
        working.context.given_back.insert((claim.wallet, paid.claim().item));
    }
    answer(outcome, receipt, false)
}

/// Until when a payer may have the money of a claim back by asking.
///
/// That is for as long as it is held, unless what the wallet paid the creator for items in that month has reached
/// the creator's ceiling (`counted`: what was paid in that month). Then everything was open, and the last payment may
/// have bought a dear thing for the cent that was left: giving that money back would sell the month for nothing. So
/// such a payment goes back only where nothing of the wallet came after it (`is_newest`), and within a minute, as
/// what was not delivered does. Donations count in no month.
#[must_use]
pub fn refundable_until(
    claim: &ClaimEntry,
    paid_at: UnixMillis,
    is_newest: bool,
    (ceiling, counted): (&Ceiling, InMonth),
) -> UnixMillis {
    let held_until = UnixMillis(claim.release_minute.saturating_mul(60_000));
    if claim.item == ItemRef(0) || !ceiling.was_reached(counted, paid_at) {
        return held_until;
    }
    if is_newest { held_until.min(paid_at.plus_ms(limits::REFUND_AT_CEILING_MS)) } else { paid_at }
}

fn window_of(working: &Working, number: EntryNumber, claim: &ClaimEntry) -> UnixMillis {
    let context = &working.context;
    let newest = context.wallets.get(&claim.wallet).map(|row| row.last_entry);
    let ceiling = context.creators.get(&claim.creator).map(|row| row.ceiling).unwrap_or_default();
    let first = context.keys.get(&claim.key).and_then(|row| context.keys.get(&row.first));
    let before = context.paid_before.get(&number).copied();
    let counted = before.or_else(|| first.map(|first| first.in_month)).unwrap_or_default();
    let paid_at = context.claimed_at.get(&number).copied().unwrap_or(working.now);
    refundable_until(claim, paid_at, newest == Some(number), (&ceiling, counted))
}

/// The wallet's root key may ask, and its spending keys in force for the same creator.
fn may_ask(working: &Working, signed: &SignedRefund, claim: &ClaimEntry) -> bool {
    let signer = &signed.refund().signer;
    if working.context.wallet_refs.get(signer) == Some(&claim.wallet) {
        return true;
    }
    let key = working.context.key_refs.get(signer).and_then(|key| working.context.keys.get(key));
    key.is_some_and(|key| {
        working.is_in_force(key) && key.wallet == claim.wallet && key.creator == claim.creator
    })
}

/// Whether the wallet was refunded too often, by all creators or by this one.
fn too_many(working: &Working, claim: &ClaimEntry) -> bool {
    let recent = working.context.recent_refunds.get(&claim.wallet);
    recent.is_some_and(|recent| too_many_refunds(recent, claim.creator, working.now))
}

/// Moves the money. After [`Working::record`] has returned an entry, nothing here can fail.
fn give_back(
    working: &mut Working,
    signed: &SignedRefund,
    number: EntryNumber,
    claim: &ClaimEntry,
) -> Result<ReceiptRow, RefundOutcome> {
    if too_many(working, claim) {
        return Err(RefundOutcome::TooManyRefunds);
    }
    // Under review because of a finding, or given back because one was right.
    let under_review = working.context.claim_holds.get(&number);
    if under_review.is_some_and(|hold| hold.settled == EntryNumber(0) || hold.returned) {
        return Err(RefundOutcome::NotHeld);
    }
    let taken = claim.credited().ok_or(RefundOutcome::NotHeld)?;
    let bucket = (claim.creator, claim.release_minute);
    let held = working.context.holds.get(&bucket).copied().unwrap_or(Micros::ZERO);
    let left = held.minus(taken).ok_or(RefundOutcome::NotHeld)?;
    let creator = *working.context.creators.get(&claim.creator).ok_or(RefundOutcome::NotHeld)?;
    let wallet = *working.context.wallets.get(&claim.wallet).ok_or(RefundOutcome::NotHeld)?;
    wallet.balance.plus(claim.amount).ok_or(RefundOutcome::WalletFull)?;
    let refunds = creator.refunds.checked_add(1).ok_or(RefundOutcome::NotHeld)?;
    let refunded = creator.refunded.plus(taken).ok_or(RefundOutcome::NotHeld)?;
    let entry = RefundEntry {
        signed: signed.encode(),
        claim: number,
        wallet: claim.wallet,
        creator: claim.creator,
        item: claim.item,
        amount: claim.amount,
        free: claim.free,
        fee: claim.fee,
        release_minute: claim.release_minute,
        creator_number: refunds,
        creator_total: refunded,
        previous_of_wallet: wallet.last_entry,
        previous_of_creator: creator.last_refund,
        previous_refund_of_wallet: wallet.last_refund,
    };
    let entry =
        working.record(EntryBody::Refund(Box::new(entry))).map_err(|_| RefundOutcome::NotHeld)?;
    // After this point the claim is refunded.
    working.context.holds.insert(bucket, left);
    working.hold(claim.creator, claim.release_minute, back(taken));
    let (now, paid_at) = (working.now, working.context.claimed_at.get(&number).copied());
    if let Some(row) = working.context.wallets.get_mut(&claim.wallet) {
        row.last_entry = entry;
        row.last_refund = entry;
        row.free = row.free.plus(claim.free).unwrap_or(row.balance);
        // A first budget may follow in this batch: then what was counted for it changes.
        let counted = working.context.spent.get_mut(&claim.wallet);
        let spent = row.budget.as_mut().map(|budget| &mut budget.spent).or(counted);
        if let (Some(spent), Some(paid_at)) = (spent, paid_at) {
            *spent = spent.refunded(now, paid_at, claim.amount);
        }
    }
    if let Some(paid_at) = paid_at.filter(|_| claim.item != ItemRef(0)) {
        uncount_in_month(working, claim, paid_at);
    }
    if let Some(row) = working.context.creators.get_mut(&claim.creator) {
        row.refunds = refunds;
        row.refunded = refunded;
        row.last_refund = entry;
    }
    working.touch_wallet(claim.wallet);
    working.touch_creator(claim.creator);
    working.count_refund(claim.creator, claim.item, taken);
    let recent = working.context.recent_refunds.entry(claim.wallet).or_default();
    recent.insert(0, (now, claim.creator));
    Ok(ReceiptRow { entry, at: now, amount: claim.amount })
}

/// Takes a payment out of what its wallet paid in that month, if it was counted.
fn uncount_in_month(working: &mut Working, claim: &ClaimEntry, paid_at: UnixMillis) {
    let first = working.context.keys.get(&claim.key).map(|row| row.first);
    let Some(row) = first.and_then(|first| working.context.keys.get_mut(&first)) else { return };
    let after = row.in_month.refunded(paid_at, claim.amount);
    if after != row.in_month {
        row.in_month = after;
        let first = row.key;
        working.touch_key(first);
    }
}

fn back(taken: Micros) -> i64 {
    taken.signed().checked_neg().expect("an amount is never negative, so it can be negated")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{CreatorRef, KeyRef, WalletRef};

    /// 2026-11-30T23:55Z.
    const PAID_AT: UnixMillis = UnixMillis(1_796_082_900_000);
    const NEXT_MONTH: UnixMillis = UnixMillis(PAID_AT.0 + 300_000);
    const HELD_UNTIL: UnixMillis = UnixMillis(PAID_AT.0 + 900_000);

    fn micros(value: u64) -> Micros {
        Micros::new(value).expect("a small amount")
    }

    fn claim(item: u64) -> ClaimEntry {
        ClaimEntry {
            signed: [0; farthing_shared::Claim::SIGNED_LEN],
            key: KeyRef(2),
            wallet: WalletRef(1),
            creator: CreatorRef(1),
            item: ItemRef(item),
            amount: micros(1),
            free: Micros::ZERO,
            fee: Micros::ZERO,
            release_minute: HELD_UNTIL.minute(),
            creator_number: 1,
            creator_total: micros(1),
            previous_of_key: EntryNumber(0),
            mark_of_key: EntryNumber(0),
            previous_of_wallet: EntryNumber(0),
            previous_of_creator: EntryNumber(0),
        }
    }

    #[test]
    fn a_paid_month_goes_back_for_a_minute_and_by_its_newest_payment_alone() {
        let none = Ceiling::default();
        let five = Ceiling { most: Some(micros(5)), ..none };
        let gone = five.changed(None, PAID_AT, true);
        let counted = |at, sum| InMonth::default().and(at, micros(sum));
        let minute = PAID_AT.plus_ms(60_000);
        for (what, item, is_newest, ceiling, counted, until) in [
            ("no ceiling", 7, false, none, counted(PAID_AT, 9), HELD_UNTIL),
            ("below", 7, false, five, counted(PAID_AT, 4), HELD_UNTIL),
            ("reached", 7, false, five, counted(PAID_AT, 5), PAID_AT),
            ("reached by the newest", 7, true, five, counted(PAID_AT, 5), minute),
            (
                "passed, the ceiling having been lowered",
                7,
                false,
                five,
                counted(PAID_AT, 6),
                PAID_AT,
            ),
            ("withdrawn for the next month", 7, false, gone, counted(PAID_AT, 5), PAID_AT),
            ("a donation", 0, false, five, counted(PAID_AT, 5), HELD_UNTIL),
            ("nothing counted", 7, false, five, InMonth::default(), HELD_UNTIL),
            ("another month is counted", 7, false, five, counted(NEXT_MONTH, 5), HELD_UNTIL),
        ] {
            let found = refundable_until(&claim(item), PAID_AT, is_newest, (&ceiling, counted));
            assert_eq!(found, until, "{what}");
        }
        // A window that ends sooner ends as ever.
        let mut short = claim(7);
        short.release_minute = PAID_AT.minute();
        let until = refundable_until(&short, PAID_AT, true, (&five, counted(PAID_AT, 5)));
        assert_eq!(until, PAID_AT);
    }
}
