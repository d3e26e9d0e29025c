//! Reads what a batch of commands names, inside its transaction.

use farthing_rules::command::{ClaimName, Names, Slot};
use farthing_rules::context::PastClaim;
use farthing_rules::rows::{Accounts, Counters, HoldRow, KeyRow, ReceiptRow};
use farthing_rules::{Context, CreatorRef, EntryNumber, KeyRef, VoucherHash, WalletRef};
use farthing_shared::{Claim, ItemHash, Micros, Outcome, SignedClaim, UnixMillis};
use hashbrown::{HashMap, HashSet};
use rusqlite::{Connection, OptionalExtension};

use super::columns::{self, Sql, bytes, int, micros, nat};

/// Releases of at most this many buckets a batch: each is one entry of some 60 bytes.
const HOLDS_PER_BATCH_MAX: i64 = 1_000;

/// The context, and the store's own column of the wallets it read.
pub(super) struct Loaded {
    pub(super) context: Context,
    pub(super) windows: HashMap<WalletRef, OwnedWindow>,
}

/// The newest items that a wallet owns, as they stand in its row.
#[derive(Debug, Default, Clone)]
pub(super) struct OwnedWindow {
    pub(super) bytes: Vec<u8>,
    pub(super) moved: bool,
}

pub(super) fn context(connection: &Connection, names: &Names, now: UnixMillis) -> Sql<Loaded> {
    let (counters, accounts) = counters(connection)?;
    let mut loaded = Loaded { context: Context::new(counters, accounts), windows: HashMap::new() };
    claims(connection, names, &mut loaded)?;
    for root in &names.roots {
        let sql = concat_wallet("root");
        let mut query = connection.prepare_cached(&sql)?;
        let found = query.query_row([&root.0], columns::wallet).optional()?;
        found.into_iter().for_each(|row| loaded.context.put_wallet(row));
    }
    let context = &mut loaded.context;
    for public in &names.keys {
        let row = key_by_public(connection, &public.0)?;
        row.into_iter().for_each(|row| context.put_key(row));
    }
    for id in &names.creators {
        creator_by_id(connection, context, &id.0)?;
    }
    for slot in &names.slots {
        load_slot(connection, context, slot)?;
    }
    for hash in &names.items {
        let sql = format!("SELECT {}, name, title FROM items WHERE hash = ?1", columns::ITEM);
        let mut query = connection.prepare_cached(&sql)?;
        if let Some((row, text)) = query.query_row([&hash.0], columns::item_with_text).optional()? {
            context.items.insert(*hash, row);
            context.texts.insert(*hash, text);
        }
    }
    for hash in &names.vouchers {
        load_voucher(connection, context, *hash)?;
    }
    if names.holds {
        load_holds(connection, context, now)?;
    }
    Ok(loaded)
}

fn counters(connection: &Connection) -> Sql<(Counters, Accounts)> {
    let sql = "SELECT entry, wallet, key, creator, item, fees, vouchers, welcome FROM counters";
    connection.prepare_cached(sql)?.query_row([], |row| {
        let counters = Counters {
            entry: nat(row, 0)?,
            wallet: nat(row, 1)?,
            key: nat(row, 2)?,
            creator: nat(row, 3)?,
            item: nat(row, 4)?,
        };
        let accounts = Accounts { fees: row.get(5)?, vouchers: row.get(6)?, welcome: row.get(7)? };
        Ok((counters, accounts))
    })
}

fn concat_wallet(by: &str) -> String {
    format!("SELECT {} FROM wallets WHERE {by} = ?1", columns::WALLET)
}

/// The hot path: keys, then their wallets and creators, then items, ownership, past numbers.
fn claims(connection: &Connection, names: &Names, loaded: &mut Loaded) -> Sql<()> {
    if names.claims.is_empty() {
        return Ok(());
    }
    let key_sql = format!("SELECT {} FROM keys WHERE key = ?1", columns::KEY);
    let wallet_sql =
        format!("SELECT {}, owned, owned_moved FROM wallets WHERE wallet = ?1", columns::WALLET);
    let creator_sql = format!("SELECT {} FROM creators WHERE creator = ?1", columns::CREATOR);
    let item_sql = format!("SELECT {} FROM items WHERE hash = ?1", columns::ITEM);
    let mut key_query = connection.prepare_cached(&key_sql)?;
    let mut wallet_query = connection.prepare_cached(&wallet_sql)?;
    let mut creator_query = connection.prepare_cached(&creator_sql)?;
    let mut item_query = connection.prepare_cached(&item_sql)?;
    for name in &names.claims {
        let context = &mut loaded.context;
        if !context.keys.contains_key(&name.key) {
            let found = key_query.query_row([int(name.key.0)], columns::key).optional()?;
            let Some(row) = found else { continue };
            context.put_key(row);
        }
        let Some(key) = context.keys.get(&name.key) else { continue };
        let (wallet, creator) = (key.wallet, key.creator);
        if key.equivocations > 0 && name.sequence <= key.last_sequence() {
            load_proved(connection, &mut context.proved, name.key)?;
        }
        let known = context.past.contains_key(&(name.key, name.sequence));
        if needs_past(key, name) && !known {
            let last = key.last_entry;
            if let Some(past) = past_claim(connection, last, name.sequence)? {
                context.past.insert((name.key, name.sequence), past);
            }
        }
        if !context.wallets.contains_key(&wallet) {
            wallet_query.query_row([int(wallet.0)], |row| {
                context.put_wallet(columns::wallet(row)?);
                let window = OwnedWindow { bytes: row.get(5)?, moved: row.get(6)? };
                loaded.windows.insert(wallet, window);
                Ok(())
            })?;
        }
        if !context.creators.contains_key(&creator) {
            let row = creator_query.query_row([int(creator.0)], columns::creator)?;
            context.put_creator(row);
        }
        if name.item == ItemHash::NONE {
            continue;
        }
        if !context.items.contains_key(&name.item) {
            let found = item_query.query_row([&name.item.0], columns::item).optional()?;
            found.into_iter().for_each(|row| {
                context.items.insert(name.item, row);
            });
        }
        let window = loaded.windows.get(&wallet);
        if let Some(receipt) = owned_receipt(connection, wallet, window, name.item)? {
            context.owned.insert((wallet, name.item), receipt);
        }
    }
    Ok(())
}

fn load_proved(
    connection: &Connection,
    proved: &mut HashSet<(KeyRef, u64)>,
    key: KeyRef,
) -> Sql<()> {
    let sql = "SELECT sequence FROM equivocations WHERE key = ?1";
    let mut query = connection.prepare_cached(sql)?;
    let mut rows = query.query([int(key.0)])?;
    while let Some(row) = rows.next()? {
        proved.insert((key, nat(row, 0)?));
    }
    Ok(())
}

/// An older number, or the newest one under another body whose first claim is an entry.
fn needs_past(key: &KeyRow, name: &ClaimName) -> bool {
    match &key.last {
        Some(last) if last.sequence == name.sequence => {
            last.claim != name.id && last.outcome == Outcome::Accepted
        }
        Some(last) => name.sequence < last.sequence,
        None => false,
    }
}

/// Walks the key's entries back to a number: by marks as long as they do not pass it, then entry by
/// entry. Numbers fall along the chain, so the walk ends as soon as it has passed the one it
/// looks for.
pub(super) fn past_claim(
    connection: &Connection,
    newest: EntryNumber,
    sequence: u64,
) -> Sql<Option<PastClaim>> {
    let mut at = read_link(connection, newest)?;
    while let Some(link) = at {
        if link.sequence == sequence {
            return Ok(Some(link.past));
        }
        if link.sequence < sequence {
            return Ok(None);
        }
        let mark = read_link(connection, link.mark)?.filter(|mark| mark.sequence >= sequence);
        at = match mark {
            Some(mark) => Some(mark),
            None => read_link(connection, link.previous)?,
        };
    }
    Ok(None)
}

/// One entry of a key's chain.
struct Link {
    sequence: u64,
    past: PastClaim,
    previous: EntryNumber,
    mark: EntryNumber,
}

fn read_link(connection: &Connection, entry: EntryNumber) -> Sql<Option<Link>> {
    if entry.0 == 0 {
        return Ok(None);
    }
    let sql =
        "SELECT at, amount, previous_of_key, mark_of_key, body FROM entries WHERE number = ?1";
    let link = connection.prepare_cached(sql)?.query_row([int(entry.0)], |row| {
        let receipt = ReceiptRow { entry, at: UnixMillis(nat(row, 0)?), amount: micros(row, 1)? };
        let signed = bytes::<{ Claim::SIGNED_LEN }>(row, 4)?;
        let claim = SignedClaim::decode(&signed)
            .map_err(|_| columns::broken(4, "an entry that is no claim"))?;
        Ok(Link {
            sequence: claim.claim().sequence,
            past: PastClaim { claim: claim.id(), receipt, signed: Box::new(signed) },
            previous: EntryNumber(nat(row, 2)?),
            mark: EntryNumber(nat(row, 3)?),
        })
    })?;
    Ok(Some(link))
}

/// The receipt of an owned item: candidates by eight bytes of the hash, then the whole hash.
pub(super) fn owned_receipt(
    connection: &Connection,
    wallet: WalletRef,
    window: Option<&OwnedWindow>,
    item: ItemHash,
) -> Sql<Option<ReceiptRow>> {
    let Some(window) = window else { return Ok(None) };
    let prefix = item.prefix();
    for pair in window.bytes.chunks_exact(16) {
        let (owned_prefix, entry) = pair.split_at(8);
        if owned_prefix == prefix
            && let Ok(entry) = entry.try_into()
            && let Some(receipt) = receipt_if_for(connection, u64::from_be_bytes(entry), item)?
        {
            return Ok(Some(receipt));
        }
    }
    if !window.moved {
        return Ok(None);
    }
    let sql = "SELECT entry FROM owned WHERE wallet = ?1 AND prefix = ?2";
    let mut query = connection.prepare_cached(sql)?;
    let mut rows = query.query((int(wallet.0), &prefix))?;
    while let Some(row) = rows.next()? {
        if let Some(receipt) = receipt_if_for(connection, nat(row, 0)?, item)? {
            return Ok(Some(receipt));
        }
    }
    Ok(None)
}

fn receipt_if_for(connection: &Connection, number: u64, item: ItemHash) -> Sql<Option<ReceiptRow>> {
    let sql = "SELECT at, amount, body FROM entries WHERE number = ?1";
    let mut query = connection.prepare_cached(sql)?;
    query.query_row([int(number)], |row| {
        let signed = bytes::<{ Claim::SIGNED_LEN }>(row, 2)?;
        let claim = SignedClaim::decode(&signed)
            .map_err(|_| columns::broken(2, "an entry that is no claim"))?;
        let receipt = ReceiptRow {
            entry: EntryNumber(number),
            at: UnixMillis(nat(row, 0)?),
            amount: micros(row, 1)?,
        };
        Ok((claim.claim().item == item).then_some(receipt))
    })
}

pub(super) fn key_by_public(connection: &Connection, public: &[u8; 32]) -> Sql<Option<KeyRow>> {
    let sql = format!("SELECT {} FROM keys WHERE public = ?1", columns::KEY);
    connection.prepare_cached(&sql)?.query_row([public], columns::key).optional()
}

fn creator_by_id(connection: &Connection, context: &mut Context, id: &[u8; 16]) -> Sql<()> {
    let sql = format!("SELECT {} FROM creators WHERE id = ?1", columns::CREATOR);
    let mut query = connection.prepare_cached(&sql)?;
    let Some(row) = query.query_row([id], columns::creator).optional()? else { return Ok(()) };
    // A claim of this batch may have read the same row; it is the same transaction's.
    context.put_creator(row);
    let sql = format!("SELECT {} WHERE p.creator = ?1", columns::PROFILE);
    let mut query = connection.prepare_cached(&sql)?;
    let profile = query.query_row([int(row.creator.0)], columns::profile).optional()?;
    profile.into_iter().for_each(|profile| {
        context.profiles.insert(row.creator, profile);
    });
    Ok(())
}

fn load_slot(connection: &Connection, context: &mut Context, slot: &Slot) -> Sql<()> {
    let (Some(wallet), Some(creator)) =
        (context.wallet_refs.get(&slot.root), context.creator_refs.get(&slot.creator))
    else {
        return Ok(());
    };
    let sql = format!(
        "SELECT {} FROM keys WHERE wallet = ?1 AND creator = ?2 AND device = ?3 \
         AND origin = ?4 AND revoked = 0",
        columns::KEY
    );
    let mut query = connection.prepare_cached(&sql)?;
    let ids = (int(wallet.0), int(creator.0), slot.device, &slot.origin.0);
    if let Some(row) = query.query_row(ids, columns::key).optional()? {
        context.slots.insert(*slot, row.key);
        context.put_key(row);
    }
    Ok(())
}

fn load_voucher(connection: &Connection, context: &mut Context, hash: VoucherHash) -> Sql<()> {
    let sql = format!("SELECT {} FROM vouchers WHERE hash = ?1", columns::VOUCHER);
    let mut query = connection.prepare_cached(&sql)?;
    let Some(row) = query.query_row([&hash.0], columns::voucher).optional()? else {
        return Ok(());
    };
    context.vouchers.insert(hash, row);
    if let Some((_, entry)) = row.used {
        let sql = "SELECT at, amount FROM entries WHERE number = ?1";
        let receipt = connection.prepare_cached(sql)?.query_row([int(entry.0)], |row| {
            Ok(ReceiptRow { entry, at: UnixMillis(nat(row, 0)?), amount: micros(row, 1)? })
        })?;
        context.top_ups.insert(entry, receipt);
    }
    Ok(())
}

fn load_holds(connection: &Connection, context: &mut Context, now: UnixMillis) -> Sql<()> {
    let sql = "SELECT minute, creator, amount FROM holds WHERE minute <= ?1 \
               ORDER BY minute, creator LIMIT ?2";
    let mut query = connection.prepare_cached(sql)?;
    let holds: Vec<(u64, u64, Micros)> = query
        .query_map((int(now.minute()), HOLDS_PER_BATCH_MAX), |row| {
            Ok((nat(row, 0)?, nat(row, 1)?, micros(row, 2)?))
        })?
        .collect::<Sql<_>>()?;
    let sql = format!("SELECT {} FROM creators WHERE creator = ?1", columns::CREATOR);
    let mut query = connection.prepare_cached(&sql)?;
    for (minute, creator, amount) in holds {
        let creator = CreatorRef(creator);
        if !context.creators.contains_key(&creator) {
            context.put_creator(query.query_row([int(creator.0)], columns::creator)?);
        }
        context.holds_due.push(HoldRow { creator, minute, amount });
    }
    Ok(())
}

/// Used by readers too: the key row by its number.
pub(super) fn key_by_ref(connection: &Connection, key: KeyRef) -> Sql<Option<KeyRow>> {
    let sql = format!("SELECT {} FROM keys WHERE key = ?1", columns::KEY);
    connection.prepare_cached(&sql)?.query_row([int(key.0)], columns::key).optional()
}
