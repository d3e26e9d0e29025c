//! Reads of single rows, each by its own name.

use farthing_rules::command::Slot;
use farthing_rules::rows::{HoldRow, KeyRow, ReceiptRow};
use farthing_rules::{Context, CreatorRef, KeyRef, VoucherHash};
use farthing_shared::{Micros, UnixMillis};
use rusqlite::{Connection, OptionalExtension};

use super::super::columns::{self, Sql, int, micros, nat};
use super::super::hot::Hot;

/// Releases of at most this many buckets a batch: each is one entry of some 60 bytes.
const HOLDS_PER_BATCH_MAX: i64 = 1_000;

pub(in crate::store::sqlite) fn key_by_public(
    connection: &Connection,
    public: &[u8; 32],
) -> Sql<Option<KeyRow>> {
    let sql = format!("SELECT {} FROM keys WHERE public = ?1", columns::KEY);
    connection.prepare_cached(&sql)?.query_row([public], columns::key).optional()
}

pub(super) fn creator_by_id(
    connection: &Connection,
    hot: &Hot,
    context: &mut Context,
    id: &[u8; 16],
) -> Sql<()> {
    let sql = format!("SELECT {} FROM creators WHERE id = ?1", columns::CREATOR);
    let mut query = connection.prepare_cached(&sql)?;
    let Some(row) = query.query_row([id], columns::creator).optional()? else { return Ok(()) };
    // A claim of this batch may have read the same row; it is the same transaction's.
    context.put_creator(hot.creator(row));
    let sql = format!("SELECT {} WHERE p.creator = ?1", columns::PROFILE);
    let mut query = connection.prepare_cached(&sql)?;
    let profile = query.query_row([int(row.creator.0)], columns::profile).optional()?;
    profile.into_iter().for_each(|profile| {
        context.profiles.insert(row.creator, profile);
    });
    Ok(())
}

pub(super) fn load_slot(
    connection: &Connection,
    hot: &Hot,
    context: &mut Context,
    slot: &Slot,
) -> Sql<()> {
    let (Some(wallet), Some(creator)) =
        (context.wallet_refs.get(&slot.root), context.creator_refs.get(&slot.creator))
    else {
        return Ok(());
    };
    let sql = "SELECT first FROM keys WHERE wallet = ?1 AND creator = ?2 LIMIT 1";
    let mut query = connection.prepare_cached(sql)?;
    let place = (int(wallet.0), int(creator.0));
    if let Some(first) = query.query_row(place, |row| nat(row, 0)).optional()? {
        context.first_keys.insert((*wallet, *creator), KeyRef(first));
    }
    let sql = format!(
        "SELECT {} FROM keys WHERE wallet = ?1 AND creator = ?2 AND device = ?3 \
         AND origin = ?4 AND revoked = 0",
        columns::KEY
    );
    let mut query = connection.prepare_cached(&sql)?;
    let ids = (int(wallet.0), int(creator.0), slot.device, &slot.origin.0);
    if let Some(row) = query.query_row(ids, columns::key).optional()? {
        context.slots.insert(*slot, row.key);
        context.put_key(hot.key(row));
    }
    Ok(())
}

pub(super) fn load_voucher(
    connection: &Connection,
    context: &mut Context,
    hash: VoucherHash,
) -> Sql<()> {
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

/// Holds that are due, from their table alone: the writer folds sums before it asks.
pub(super) fn load_holds(
    connection: &Connection,
    hot: &Hot,
    context: &mut Context,
    now: UnixMillis,
) -> Sql<()> {
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
            let row = query.query_row([int(creator.0)], columns::creator)?;
            context.put_creator(hot.creator(row));
        }
        context.holds_due.push(HoldRow { creator, minute, amount });
    }
    Ok(())
}

/// Used by readers too: the key row by its number.
pub(in crate::store::sqlite) fn key_by_ref(
    connection: &Connection,
    key: KeyRef,
) -> Sql<Option<KeyRow>> {
    let sql = format!("SELECT {} FROM keys WHERE key = ?1", columns::KEY);
    connection.prepare_cached(&sql)?.query_row([int(key.0)], columns::key).optional()
}
