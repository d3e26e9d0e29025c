//! Allowances: which key may spend, for whom, how much. The newest serial of a slot is in force.

use farthing_shared::{Allowance, Micros, SignedAllowance, limits, origin_hash};

use super::working::Working;
use crate::command::Slot;
use crate::commit::AllowanceRefusal;
use crate::policy::Policy;
use crate::rows::{CreatorRef, EntryNumber, InMonth, KeyRef, KeyRow, WalletRef};

/// Puts an allowance in force, revoking the key that was in force at its slot.
pub(super) fn register(
    policy: &Policy,
    working: &mut Working,
    signed: &SignedAllowance,
) -> Result<KeyRow, AllowanceRefusal> {
    let terms = signed.allowance();
    if terms.verifier != policy.verifier {
        return Err(AllowanceRefusal::WrongVerifier);
    }
    if terms.currency != policy.currency {
        return Err(AllowanceRefusal::WrongCurrency);
    }
    let wallet = working.context.wallet_refs.get(&terms.root);
    let wallet = *wallet.ok_or(AllowanceRefusal::UnknownWallet)?;
    let creator = working.context.creator_refs.get(&terms.creator);
    let creator = *creator.ok_or(AllowanceRefusal::UnknownCreator)?;
    if !may_be_paid_from(policy, working, creator, terms) {
        return Err(AllowanceRefusal::WrongOrigin);
    }
    let slot = slot_of(terms);
    let known = working.context.key_refs.get(&terms.key).copied();
    let in_force = working.context.slots.get(&slot).copied();
    if let Some(known) = known.and_then(|key| working.context.keys.get(&key)) {
        let same_slot = known.wallet == wallet
            && known.creator == creator
            && known.origin == terms.origin
            && known.device == terms.device;
        if !same_slot {
            return Err(AllowanceRefusal::KeyTaken);
        }
        // Of a key that ended with the root key that allowed it, the present one has to say so anew.
        if same_terms(known, terms) && !working.has_ended(known) {
            // The same allowance again: the first answer again.
            return Ok(known.clone());
        }
        if terms.serial <= known.serial {
            return Err(AllowanceRefusal::Superseded);
        }
    }
    let current = in_force.and_then(|key| working.context.keys.get(&key)).cloned();
    // What a replaced root key signed binds the present one to nothing: neither by its serials nor by what
    // was spent of it.
    let standing = current.as_ref().filter(|row| !working.has_ended(row));
    if standing.is_some_and(|row| terms.serial <= row.serial) {
        return Err(AllowanceRefusal::Superseded);
    }
    // Serials of allowances that ended count here: the client goes on from those.
    let known_serial = known.and_then(|key| working.context.keys.get(&key)).map(|row| row.serial);
    let before = known_serial.max(current.as_ref().map(|row| row.serial)).unwrap_or(0);
    if terms.serial > before.saturating_add(limits::SERIAL_STEP_MAX) {
        return Err(AllowanceRefusal::SerialTooHigh);
    }
    let generation = working.context.wallets.get(&wallet).map_or(0, |row| row.generation);
    let now = working.now;
    let latest = now.plus_ms(limits::ALLOWANCE_LIFE_MS_MAX).plus_ms(limits::CLOCK_SKEW_MS_MAX);
    if terms.expires_at <= now || terms.expires_at > latest {
        return Err(AllowanceRefusal::BadExpiry);
    }
    // After this point the allowance is in force.
    let spent = standing.filter(|row| row.grant == terms.grant).map(|row| row.spent);
    let spent = spent.unwrap_or(Micros::ZERO);
    if let Some(current) = current.filter(|row| Some(row.key) != known) {
        revoke(working, current);
    }
    let row = match known.and_then(|key| working.context.keys.get(&key)).cloned() {
        Some(row) => row,
        None => new_key(working, terms, wallet, creator),
    };
    let row = KeyRow { generation, ..with_terms(row, terms, spent) };
    working.context.put_key(row.clone());
    working.context.slots.insert(slot, row.key);
    working.touch_key(row.key);
    working.put_allowance(row.key, signed.clone());
    Ok(row)
}

fn may_be_paid_from(
    policy: &Policy,
    working: &Working,
    creator: CreatorRef,
    terms: &Allowance,
) -> bool {
    terms.origin == policy.provider_origin
        || working.context.profiles.get(&creator).is_some_and(|profile| {
            profile.sites.iter().any(|site| origin_hash(site) == Ok(terms.origin))
        })
}

fn slot_of(terms: &Allowance) -> Slot {
    Slot { root: terms.root, creator: terms.creator, origin: terms.origin, device: terms.device }
}

fn same_terms(row: &KeyRow, terms: &Allowance) -> bool {
    row.serial == terms.serial
        && row.grant == terms.grant
        && row.cap == terms.cap
        && row.per_claim_max == terms.per_claim_max
        && row.expires_at == terms.expires_at
}

fn revoke(working: &mut Working, mut row: KeyRow) {
    row.revoked = true;
    working.touch_key(row.key);
    working.context.keys.insert(row.key, row);
}

fn new_key(
    working: &mut Working,
    terms: &Allowance,
    wallet: WalletRef,
    creator: CreatorRef,
) -> KeyRow {
    let number = working.context.counters.key;
    working.context.counters.key = number.checked_add(1).expect("2^64 keys are never reached");
    let key = KeyRef(number);
    let first = *working.context.first_keys.entry((wallet, creator)).or_insert(key);
    KeyRow {
        key,
        public: terms.key,
        wallet,
        creator,
        origin: terms.origin,
        device: terms.device,
        cap: Micros::ZERO,
        per_claim_max: Micros::ZERO,
        expires_at: terms.expires_at,
        serial: 0,
        grant: 0,
        revoked: false,
        generation: 0,
        spent: Micros::ZERO,
        last: None,
        last_entry: EntryNumber(0),
        accepted: 0,
        mark: EntryNumber(0),
        equivocations: 0,
        minute: 0,
        in_minute: 0,
        first,
        in_month: InMonth::default(),
    }
}

fn with_terms(row: KeyRow, terms: &Allowance, spent: Micros) -> KeyRow {
    KeyRow {
        cap: terms.cap,
        per_claim_max: terms.per_claim_max,
        expires_at: terms.expires_at,
        serial: terms.serial,
        grant: terms.grant,
        revoked: false,
        spent,
        ..row
    }
}
