//! Creators: profiles, prices, offers, holds, and counts of what was refused early.

use farthing_shared::{CreatorId, ItemHash, Micros, Offer, UnixMillis, limits};

use super::working::Working;
use crate::command::{CreatorDraft, EarlyRefusal};
use crate::commit::SaveRefusal;
use crate::policy::Policy;
use crate::rows::{
    CreatorProfile, CreatorRef, CreatorRow, EntryBody, HoldRow, ItemRef, ItemRow, ItemText,
};

/// Registers a creator or changes its profile; balances stay.
pub(super) fn save(working: &mut Working, draft: &CreatorDraft) -> Result<(), SaveRefusal> {
    let known = working.context.creator_refs.get(&draft.id).copied();
    let creator = known.unwrap_or_else(|| register(working, draft.id));
    let now = working.now;
    if let Some(row) = working.context.creators.get_mut(&creator) {
        row.refund_window_ms = draft.refund_window_ms;
        row.ceiling = row.ceiling.changed(draft.month_max, now, row.number > 0);
    }
    working.touch_creator(creator);
    let generation = working.context.profiles.get(&creator).map_or(1, |p| p.link_generation);
    let link_generation = generation.saturating_add(u32::from(draft.revoke_links));
    working.put_profile(CreatorProfile {
        creator,
        id: draft.id,
        name: draft.name.clone(),
        sites: draft.sites.clone(),
        threshold: draft.threshold,
        offer_key: draft.offer_key,
        link_generation,
    });
    Ok(())
}

fn register(working: &mut Working, id: CreatorId) -> CreatorRef {
    let number = working.context.counters.creator;
    let creator = CreatorRef(number);
    working.context.counters.creator =
        number.checked_add(1).expect("2^64 creators are never reached");
    working.context.put_creator(CreatorRow::new(creator, id));
    creator
}

/// A price list entry as the creator sets it.
pub(super) struct ListPrice {
    pub(super) price: Micros,
    pub(super) on_sale: bool,
}

/// Sets a price in the price list. It holds until it is set again or a later offer comes.
pub(super) fn set_item(
    working: &mut Working,
    creator: CreatorId,
    hash: ItemHash,
    text: ItemText,
    list: ListPrice,
) -> Result<(), SaveRefusal> {
    let price = Price {
        amount: list.price,
        on_sale: list.on_sale,
        priced_at: working.now,
        expires_at: None,
    };
    put_price(working, creator, hash, text, price)
}

struct Price {
    amount: Micros,
    on_sale: bool,
    priced_at: UnixMillis,
    expires_at: Option<UnixMillis>,
}

fn put_price(
    working: &mut Working,
    creator: CreatorId,
    hash: ItemHash,
    text: ItemText,
    price: Price,
) -> Result<(), SaveRefusal> {
    let range = limits::CLAIM_MICROS_MIN..=limits::CLAIM_MICROS_MAX;
    if !range.contains(&price.amount.get()) {
        return Err(SaveRefusal::BadPrice);
    }
    let creator = working.context.creator_refs.get(&creator);
    let creator = *creator.ok_or(SaveRefusal::UnknownCreator)?;
    let item = match working.context.items.get(&hash) {
        Some(row) => row.item,
        None => next_item(working),
    };
    let row = ItemRow {
        item,
        creator,
        hash,
        price: price.amount,
        on_sale: price.on_sale,
        priced_at: price.priced_at,
        expires_at: price.expires_at,
    };
    working.put_item(row, text);
    Ok(())
}

fn next_item(working: &mut Working) -> ItemRef {
    let number = working.context.counters.item;
    working.context.counters.item = number.checked_add(1).expect("2^64 items are never reached");
    ItemRef(number)
}

/// Takes a signed offer into the price list. The newest offer or price of an item is in force; an
/// older one changes nothing and is no error to a page that still carries it.
pub(super) fn take_offer(
    policy: &Policy,
    working: &mut Working,
    offer: &Offer,
    text: ItemText,
) -> Result<(), SaveRefusal> {
    if offer.verifier != policy.verifier || offer.currency != policy.currency {
        return Err(SaveRefusal::WrongVerifier);
    }
    let creator = working.context.creator_refs.get(&offer.creator).copied();
    let creator = creator.ok_or(SaveRefusal::UnknownCreator)?;
    let registered = working.context.profiles.get(&creator).and_then(|p| p.offer_key);
    if registered != Some(offer.key) {
        return Err(SaveRefusal::WrongKey);
    }
    let latest = working.now.plus_ms(limits::OFFER_SKEW_MS_MAX);
    if offer.issued_at > latest || offer.expires_at <= working.now {
        return Err(SaveRefusal::BadTime);
    }
    let known = working.context.items.get(&offer.item);
    if known.is_some_and(|row| row.priced_at >= offer.issued_at) {
        return Err(SaveRefusal::Superseded);
    }
    let price = Price {
        amount: offer.price,
        on_sale: true,
        priced_at: offer.issued_at,
        expires_at: Some(offer.expires_at),
    };
    put_price(working, offer.creator, offer.item, text, price)
}

/// Makes payable what is due; gives how many buckets that were.
pub(super) fn release_holds(working: &mut Working) -> u64 {
    let due = core::mem::take(&mut working.context.holds_due);
    let mut released = 0_u64;
    for hold in due {
        // A finding may have taken some of it in this very batch.
        let hold = HoldRow { amount: working.left_in(hold), ..hold };
        let is_due = hold.minute <= working.now.minute();
        let body = EntryBody::Release {
            creator: hold.creator,
            amount: hold.amount,
            release_minute: hold.minute,
        };
        if is_due && hold.amount == Micros::ZERO {
            working.release(hold);
        } else if is_due && working.record(body).is_ok() {
            working.release(hold);
            released = released.saturating_add(1);
        }
    }
    released
}

/// Counts claims refused before they came here. Claims that name no known creator are counted
/// under none.
pub(super) fn count_refusals(
    working: &mut Working,
    tallies: &[EarlyRefusal],
) -> Result<(), SaveRefusal> {
    for tally in tallies {
        let creator = working.context.creator_refs.get(&tally.creator).copied();
        let creator = creator.unwrap_or(CreatorRef(0));
        working.count_refusal(tally.day, creator, tally.code, (tally.count, tally.amount));
    }
    Ok(())
}
