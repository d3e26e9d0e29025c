//! Between SQLite's values and the ledger's types.

use farthing_rules::findings::{Place, Standing};
use farthing_rules::rows::{
    Accounts, BackupRow, BudgetRow, Ceiling, ClaimEntry, Counters, CreatorProfile, CreatorRow,
    Entry, EntryBody, Equivocation, InMonth, ItemRow, ItemText, KeyRow, LastAnswer, PermissionRow,
    ReceiptRow, RefundEntry, RefundRow, ReviewEntry, Spent, VoucherRow, WalletRow,
};
use farthing_rules::{
    CreatorRef, EntryNumber, FindingId, ItemRef, KeyRef, Rail, VoucherHash, WalletRef,
};
use farthing_shared::{
    Claim, ClaimId, CreatorId, ItemHash, Micros, OriginHash, Outcome, PublicKey, RefundOutcome,
    SignedBackup, SignedPermission, SignedRotation, UnixMillis,
};
use rusqlite::Row;
use rusqlite::types::{FromSqlError, Type};

pub(super) type Sql<T> = Result<T, rusqlite::Error>;

/// Numbers, times and amounts are all below 2^63: bounded where they are decoded.
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn nat(row: &Row<'_>, at: usize) -> Sql<u64> {
    let value: i64 = row.get(at)?;
    u64::try_from(value).map_err(|_| broken(at, "a negative number"))
}

pub(super) fn small(row: &Row<'_>, at: usize) -> Sql<u32> {
    u32::try_from(nat(row, at)?).map_err(|_| broken(at, "a number above 32 bits"))
}

pub(super) fn micros(row: &Row<'_>, at: usize) -> Sql<Micros> {
    Micros::new(nat(row, at)?).ok_or_else(|| broken(at, "an amount out of range"))
}

pub(super) fn bytes<const N: usize>(row: &Row<'_>, at: usize) -> Sql<[u8; N]> {
    let blob = row.get_ref(at)?.as_blob().map_err(|error| wrong_type(at, error))?;
    blob.try_into().map_err(|_| broken(at, "a blob of another length"))
}

pub(super) fn maybe_nat(row: &Row<'_>, at: usize) -> Sql<u64> {
    Ok(row.get::<_, Option<i64>>(at)?.and_then(|value| u64::try_from(value).ok()).unwrap_or(0))
}

fn maybe_micros(row: &Row<'_>, at: usize) -> Sql<Micros> {
    Micros::new(maybe_nat(row, at)?).ok_or_else(|| broken(at, "an amount out of range"))
}

pub(super) fn broken(at: usize, what: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(at, Type::Null, what.into())
}

fn wrong_type(at: usize, error: FromSqlError) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(at, Type::Blob, Box::new(error))
}

pub(super) const COUNTERS: &str = "entry, wallet, key, creator, item, fees, vouchers, welcome, \
    finding, observation, decision";

pub(super) fn counters(row: &Row<'_>) -> Sql<(Counters, Accounts)> {
    let counters = Counters {
        entry: nat(row, 0)?,
        wallet: nat(row, 1)?,
        key: nat(row, 2)?,
        creator: nat(row, 3)?,
        item: nat(row, 4)?,
        finding: nat(row, 8)?,
        observation: nat(row, 9)?,
        decision: nat(row, 10)?,
    };
    let accounts = Accounts { fees: row.get(5)?, vouchers: row.get(6)?, welcome: row.get(7)? };
    Ok((counters, accounts))
}

pub(super) const WALLET: &str = "wallet, root, balance, opened_at, last_entry, last_refund, free, standing, \
    budget, generation";

pub(super) fn wallet(row: &Row<'_>) -> Sql<WalletRow> {
    Ok(WalletRow {
        wallet: WalletRef(nat(row, 0)?),
        root: PublicKey(bytes(row, 1)?),
        balance: micros(row, 2)?,
        opened_at: UnixMillis(nat(row, 3)?),
        last_entry: EntryNumber(nat(row, 4)?),
        last_refund: EntryNumber(nat(row, 5)?),
        free: micros(row, 6)?,
        standing: coded(row, 7, Standing::from_code)?,
        budget: budget(row, 8)?,
        generation: small(row, 9)?,
    })
}

/// Bytes of a budget in a wallet's row and in `redo`; drawn in 0006-budgets.sql.
pub(super) const BUDGET_LEN: usize = 56;
const PER_DAY: u64 = 1;
const PER_MONTH: u64 = 2;
const PAUSED: u64 = 4;

pub(super) fn encode_budget(row: &BudgetRow) -> [u8; BUDGET_LEN] {
    let bit = |on: bool, bit: u64| if on { bit } else { 0 };
    let flags = bit(row.per_day.is_some(), PER_DAY)
        | bit(row.per_month.is_some(), PER_MONTH)
        | bit(row.paused, PAUSED);
    let (per_day, per_month) = (row.per_day.unwrap_or_default(), row.per_month.unwrap_or_default());
    let Spent { day, in_day, in_month } = row.spent;
    let words = [
        row.number,
        flags,
        per_day.get(),
        per_month.get(),
        day.into(),
        in_day.get(),
        in_month.get(),
    ];
    let mut bytes = [0; BUDGET_LEN];
    for (place, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
        *place = word.to_be_bytes();
    }
    bytes
}

/// `None` when the bytes are no budget.
pub(super) fn decode_budget(bytes: &[u8; BUDGET_LEN]) -> Option<BudgetRow> {
    let mut words = bytes.as_chunks::<8>().0.iter().map(|word| u64::from_be_bytes(*word));
    let mut next = || words.next();
    let (number, flags) = (next()?, next()?);
    let (per_day, per_month) = (Micros::new(next()?)?, Micros::new(next()?)?);
    let day = u32::try_from(next()?).ok()?;
    let spent = Spent { day, in_day: Micros::new(next()?)?, in_month: Micros::new(next()?)? };
    Some(BudgetRow {
        number,
        per_day: (flags & PER_DAY != 0).then_some(per_day),
        per_month: (flags & PER_MONTH != 0).then_some(per_month),
        paused: flags & PAUSED != 0,
        spent,
    })
}

fn budget(row: &Row<'_>, at: usize) -> Sql<Option<BudgetRow>> {
    if matches!(row.get_ref(at)?, rusqlite::types::ValueRef::Null) {
        return Ok(None);
    }
    let budget = decode_budget(&bytes(row, at)?);
    budget.map(Some).ok_or_else(|| broken(at, "a budget that cannot be read"))
}

pub(super) fn backup(row: &Row<'_>) -> Sql<BackupRow> {
    let signed = SignedBackup::decode(row.get_ref(1)?.as_blob().unwrap_or_default());
    let signed = signed.map_err(|_| broken(1, "a backup that cannot be read"))?;
    Ok(BackupRow { wallet: WalletRef(nat(row, 0)?), signed })
}

/// Wallet, creator, signed bytes.
pub(super) fn permission(row: &Row<'_>) -> Sql<PermissionRow> {
    let signed = SignedPermission::decode(row.get_ref(2)?.as_blob().unwrap_or_default());
    let signed = signed.map_err(|_| broken(2, "a permission that cannot be read"))?;
    Ok(PermissionRow { wallet: WalletRef(nat(row, 0)?), creator: CreatorRef(nat(row, 1)?), signed })
}

/// The signed bytes of a rotation.
pub(super) fn rotation(row: &Row<'_>, at: usize) -> Sql<SignedRotation> {
    let bytes = row.get_ref(at)?.as_blob().unwrap_or_default();
    SignedRotation::decode(bytes).map_err(|_| broken(at, "a rotation that cannot be read"))
}

/// A number that stands for something.
pub(super) fn coded<T>(row: &Row<'_>, at: usize, read: fn(u8) -> Option<T>) -> Sql<T> {
    let code = u8::try_from(nat(row, at)?).ok();
    code.and_then(read).ok_or_else(|| broken(at, "an unknown code"))
}

pub(super) const KEY: &str = "key, public, wallet, creator, origin, device, cap, per_claim_max, \
    expires_at, serial, consent, revoked, spent, last_sequence, last_claim, last_outcome, \
    last_receipt, last_at, last_amount, last_signed, last_entry, accepted, equivocations, \
    minute, in_minute, mark, generation, first, month, in_month";

pub(super) fn key(row: &Row<'_>) -> Sql<KeyRow> {
    Ok(KeyRow {
        key: KeyRef(nat(row, 0)?),
        public: PublicKey(bytes(row, 1)?),
        wallet: WalletRef(nat(row, 2)?),
        creator: CreatorRef(nat(row, 3)?),
        origin: OriginHash(bytes(row, 4)?),
        device: small(row, 5)?,
        cap: micros(row, 6)?,
        per_claim_max: micros(row, 7)?,
        expires_at: UnixMillis(nat(row, 8)?),
        serial: nat(row, 9)?,
        grant: nat(row, 10)?,
        revoked: row.get(11)?,
        spent: micros(row, 12)?,
        last: last_answer(row)?,
        last_entry: EntryNumber(nat(row, 20)?),
        accepted: nat(row, 21)?,
        equivocations: small(row, 22)?,
        minute: nat(row, 23)?,
        in_minute: small(row, 24)?,
        mark: EntryNumber(nat(row, 25)?),
        generation: small(row, 26)?,
        first: KeyRef(nat(row, 27)?),
        in_month: InMonth { month: small(row, 28)?, paid: micros(row, 29)? },
    })
}

fn last_answer(row: &Row<'_>) -> Sql<Option<LastAnswer>> {
    let sequence = nat(row, 13)?;
    if sequence == 0 {
        return Ok(None);
    }
    let code = u16::try_from(small(row, 15)?).ok().and_then(Outcome::from_code);
    let receipt = match row.get::<_, Option<i64>>(16)? {
        None => None,
        Some(_) => Some(ReceiptRow {
            entry: EntryNumber(nat(row, 16)?),
            at: UnixMillis(nat(row, 17)?),
            amount: micros(row, 18)?,
        }),
    };
    let signed = match row.get_ref(19)? {
        rusqlite::types::ValueRef::Null => None,
        _ => Some(Box::new(bytes::<{ Claim::SIGNED_LEN }>(row, 19)?)),
    };
    Ok(Some(LastAnswer {
        sequence,
        claim: ClaimId(bytes(row, 14)?),
        outcome: code.ok_or_else(|| broken(15, "an unknown outcome"))?,
        receipt,
        signed,
    }))
}

pub(super) const CREATOR: &str = "creator, id, payable, held, number, total, last_entry, \
    refunds, refunded, last_refund, refund_window, review, free, ceiling_before, ceiling, ceiling_from";

pub(super) fn creator(row: &Row<'_>) -> Sql<CreatorRow> {
    Ok(CreatorRow {
        creator: CreatorRef(nat(row, 0)?),
        id: CreatorId(bytes(row, 1)?),
        payable: micros(row, 2)?,
        held: micros(row, 3)?,
        number: nat(row, 4)?,
        total: micros(row, 5)?,
        last_entry: EntryNumber(nat(row, 6)?),
        refunds: nat(row, 7)?,
        refunded: micros(row, 8)?,
        last_refund: EntryNumber(nat(row, 9)?),
        refund_window_ms: match row.get::<_, Option<i64>>(10)? {
            None => None,
            Some(_) => Some(nat(row, 10)?),
        },
        review: micros(row, 11)?,
        free: micros(row, 12)?,
        ceiling: Ceiling {
            before: some_micros(row, 13)?,
            most: some_micros(row, 14)?,
            from: small(row, 15)?,
        },
    })
}

fn some_micros(row: &Row<'_>, at: usize) -> Sql<Option<Micros>> {
    let value: Option<i64> = row.get(at)?;
    value.map(|_| micros(row, at)).transpose()
}

pub(super) const PROFILE: &str = "p.creator, c.id, p.name, p.sites, p.threshold, p.offer_key, \
    p.link_generation FROM profiles p JOIN creators c ON c.creator = p.creator";

pub(super) fn profile(row: &Row<'_>) -> Sql<CreatorProfile> {
    let sites: String = row.get(3)?;
    let offer_key = match row.get_ref(5)? {
        rusqlite::types::ValueRef::Null => None,
        _ => Some(PublicKey(bytes(row, 5)?)),
    };
    Ok(CreatorProfile {
        creator: CreatorRef(nat(row, 0)?),
        id: CreatorId(bytes(row, 1)?),
        name: row.get(2)?,
        // One origin a line; an origin holds no line break.
        sites: sites.lines().map(str::to_owned).collect(),
        threshold: micros(row, 4)?,
        offer_key,
        link_generation: small(row, 6)?,
    })
}

pub(super) const ITEM: &str = "item, creator, hash, price, on_sale, priced_at, expires_at";

pub(super) fn item(row: &Row<'_>) -> Sql<ItemRow> {
    let expires_at = match row.get::<_, Option<i64>>(6)? {
        None => None,
        Some(_) => Some(UnixMillis(nat(row, 6)?)),
    };
    Ok(ItemRow {
        item: ItemRef(nat(row, 0)?),
        creator: CreatorRef(nat(row, 1)?),
        hash: ItemHash(bytes(row, 2)?),
        price: micros(row, 3)?,
        on_sale: row.get(4)?,
        priced_at: UnixMillis(nat(row, 5)?),
        expires_at,
    })
}

/// The item and, in columns 7 and 8, its words.
pub(super) fn item_with_text(row: &Row<'_>) -> Sql<(ItemRow, ItemText)> {
    Ok((item(row)?, ItemText { name: row.get(7)?, title: row.get(8)? }))
}

pub(super) const VOUCHER: &str = "hash, amount, issued_at, expires_at, used_by, used_entry";

pub(super) fn voucher(row: &Row<'_>) -> Sql<VoucherRow> {
    let used = match row.get::<_, Option<i64>>(4)? {
        None => None,
        Some(_) => Some((WalletRef(nat(row, 4)?), EntryNumber(nat(row, 5)?))),
    };
    Ok(VoucherRow {
        hash: VoucherHash(bytes(row, 0)?),
        amount: micros(row, 1)?,
        issued_at: UnixMillis(nat(row, 2)?),
        expires_at: UnixMillis(nat(row, 3)?),
        used,
    })
}

pub(super) const ENTRY: &str = "number, at, kind, wallet, creator, amount, key, item, fee, \
    release_minute, creator_number, creator_total, previous_of_key, previous_of_wallet, \
    previous_of_creator, rail, body, mark_of_key, claim, previous_refund, free";

pub(super) fn entry(row: &Row<'_>) -> Sql<Entry> {
    let amount = micros(row, 5)?;
    let wallet = || Ok::<_, rusqlite::Error>(WalletRef(nat(row, 3)?));
    let creator = || Ok::<_, rusqlite::Error>(CreatorRef(nat(row, 4)?));
    let previous_of_wallet = EntryNumber(maybe_nat(row, 13)?);
    let body = match row.get::<_, i64>(2)? {
        1 => EntryBody::Claim(Box::new(ClaimEntry {
            signed: bytes(row, 16)?,
            key: KeyRef(nat(row, 6)?),
            wallet: wallet()?,
            creator: creator()?,
            item: ItemRef(nat(row, 7)?),
            amount,
            free: maybe_micros(row, 20)?,
            fee: micros(row, 8)?,
            release_minute: nat(row, 9)?,
            creator_number: nat(row, 10)?,
            creator_total: micros(row, 11)?,
            previous_of_key: EntryNumber(nat(row, 12)?),
            mark_of_key: EntryNumber(nat(row, 17)?),
            previous_of_wallet,
            previous_of_creator: EntryNumber(nat(row, 14)?),
        })),
        2 => EntryBody::TopUp {
            wallet: wallet()?,
            amount,
            rail: u8::try_from(nat(row, 15)?)
                .ok()
                .and_then(Rail::from_code)
                .ok_or_else(|| broken(15, "an unknown rail"))?,
            reference: bytes(row, 16)?,
            previous_of_wallet,
        },
        3 => EntryBody::Welcome {
            wallet: wallet()?,
            amount,
            free: maybe_micros(row, 20)?,
            previous_of_wallet,
        },
        4 => EntryBody::Release { creator: creator()?, amount, release_minute: nat(row, 9)? },
        5 => EntryBody::Refund(Box::new(RefundEntry {
            signed: bytes(row, 16)?,
            claim: EntryNumber(nat(row, 18)?),
            wallet: wallet()?,
            creator: creator()?,
            item: ItemRef(nat(row, 7)?),
            amount,
            free: maybe_micros(row, 20)?,
            fee: micros(row, 8)?,
            release_minute: nat(row, 9)?,
            creator_number: nat(row, 10)?,
            creator_total: micros(row, 11)?,
            previous_of_wallet,
            previous_of_creator: EntryNumber(nat(row, 14)?),
            previous_refund_of_wallet: EntryNumber(nat(row, 19)?),
        })),
        6 => EntryBody::Hold(review(row)?),
        7 => EntryBody::Lift(review(row)?),
        _ => return Err(broken(2, "an unknown kind of entry")),
    };
    Ok(Entry { number: EntryNumber(nat(row, 0)?), at: UnixMillis(nat(row, 1)?), body })
}

pub(super) const REFUND: &str = "r.claim, r.request, r.asked_at, r.code, r.entry, e.at, e.amount \
    FROM refunds r LEFT JOIN entries e ON e.number = r.entry";

pub(super) fn refund(row: &Row<'_>) -> Sql<RefundRow> {
    let code = u16::try_from(small(row, 3)?).ok().and_then(RefundOutcome::from_code);
    let receipt = match row.get::<_, Option<i64>>(4)? {
        None => None,
        Some(_) => Some(ReceiptRow {
            entry: EntryNumber(nat(row, 4)?),
            at: UnixMillis(nat(row, 5)?),
            amount: micros(row, 6)?,
        }),
    };
    Ok(RefundRow {
        claim: EntryNumber(nat(row, 0)?),
        request: bytes(row, 1)?,
        asked_at: UnixMillis(nat(row, 2)?),
        outcome: code.ok_or_else(|| broken(3, "an unknown outcome"))?,
        receipt,
    })
}

/// A hold or its lift: the finding and the claim in the body, the place in `rail`.
fn review(row: &Row<'_>) -> Sql<ReviewEntry> {
    let body: [u8; 32] = bytes(row, 16)?;
    let (id, claim) = body.split_at(24);
    let id = id.try_into().map_err(|_| broken(16, "no finding"))?;
    let claim = claim.try_into().map_err(|_| broken(16, "no claim"))?;
    let place = match nat(row, 15)? {
        0 => Place::Held { release_minute: nat(row, 9)? },
        1 => Place::Payable,
        2 => Place::Wallet {
            wallet: WalletRef(nat(row, 3)?),
            fee: micros(row, 8)?,
            previous_of_wallet: EntryNumber(nat(row, 13)?),
        },
        _ => return Err(broken(15, "an unknown place")),
    };
    Ok(ReviewEntry {
        creator: CreatorRef(nat(row, 4)?),
        claim: EntryNumber(u64::from_be_bytes(claim)),
        amount: micros(row, 5)?,
        place,
        finding: FindingId(id),
    })
}

pub(super) fn equivocation(row: &Row<'_>) -> Sql<Equivocation> {
    Ok(Equivocation {
        at: UnixMillis(nat(row, 0)?),
        key: KeyRef(nat(row, 1)?),
        creator: CreatorRef(nat(row, 2)?),
        sequence: nat(row, 3)?,
        first: Box::new(bytes(row, 4)?),
        second: Box::new(bytes(row, 5)?),
    })
}
