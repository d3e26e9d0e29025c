//! Reads the whole ledger.

use farthing_rules::{CreatorRef, EntryNumber, ItemRef, KeyRef, WalletRef};
use farthing_shared::{BackupName, Claim, ItemHash, Micros, SignedClaim, UnixMillis};
use rusqlite::{Connection, OptionalExtension, Row};

use super::columns::{self, Sql, bytes, micros, nat, small};
use super::hot::{Hot, add};
use super::redo::OwnedPair;
use crate::store::Snapshot;

pub(super) fn read(connection: &Connection) -> Sql<Snapshot> {
    // One read transaction, so that all tables show the same moment.
    let moment = connection.unchecked_transaction()?;
    let mut all = Snapshot::default();
    (all.counters, all.accounts) = super::load::counters(&moment)?;
    let sql = format!("SELECT {} FROM wallets", columns::WALLET);
    each(&moment, &sql, |row| {
        let wallet = columns::wallet(row)?;
        all.wallets.insert(wallet.wallet, wallet);
        Ok(())
    })?;
    let sql = format!("SELECT {} FROM keys", columns::KEY);
    each(&moment, &sql, |row| {
        let key = columns::key(row)?;
        all.keys.insert(key.key, key);
        Ok(())
    })?;
    each(&moment, "SELECT key, serial, signed FROM allowances", |row| {
        all.allowances.insert((KeyRef(nat(row, 0)?), nat(row, 1)?), row.get(2)?);
        Ok(())
    })?;
    each(&moment, "SELECT wallet, signed FROM budgets", |row| {
        all.budgets.insert(WalletRef(nat(row, 0)?), row.get(1)?);
        Ok(())
    })?;
    each(&moment, "SELECT wallet, creator, signed FROM permissions", |row| {
        let name = (WalletRef(nat(row, 0)?), CreatorRef(nat(row, 1)?));
        all.permissions.insert(name, row.get(2)?);
        Ok(())
    })?;
    each(&moment, "SELECT wallet, ended, at, signed FROM rotations", |row| {
        let name = (WalletRef(nat(row, 0)?), small(row, 1)?);
        all.rotations.insert(name, (UnixMillis(nat(row, 2)?), row.get(3)?));
        Ok(())
    })?;
    each(&moment, "SELECT wallet, name, signed FROM backups", |row| {
        let name = (WalletRef(nat(row, 0)?), BackupName(bytes(row, 1)?));
        all.backups.insert(name, row.get(2)?);
        Ok(())
    })?;
    creators(&moment, &mut all)?;
    let sql = format!("SELECT {} FROM entries ORDER BY number", columns::ENTRY);
    each(&moment, &sql, |row| {
        all.entries.push(columns::entry(row)?);
        Ok(())
    })?;
    let hot = Hot::read(&moment)?;
    each(&moment, &format!("SELECT {}", columns::REFUND), |row| {
        let refund = columns::refund(row)?;
        all.refunds.insert(refund.claim, refund);
        Ok(())
    })?;
    owned(&moment, &hot, &mut all)?;
    sums(&moment, &mut all)?;
    super::findings::snapshot(&moment, &mut all)?;
    lay_over(&mut all, hot);
    Ok(all)
}

/// What was held back from the tables.
fn lay_over(all: &mut Snapshot, hot: Hot) {
    if let Some((counters, accounts)) = hot.ones {
        all.counters = counters;
        all.accounts = accounts;
    }
    all.keys.extend(hot.keys);
    all.wallets.extend(hot.wallets);
    all.creators.extend(hot.creators);
    for ((minute, creator), micros) in hot.holds {
        let held = all.holds.entry((creator, minute)).or_default();
        let after = held.signed().saturating_add(micros);
        *held = u64::try_from(after).ok().and_then(Micros::new).unwrap_or_default();
    }
    all.holds.retain(|_, held| *held != Micros::ZERO);
    for ((creator, day, item), more) in hot.tallies {
        let sum = all.tallies.entry((day, creator, item)).or_default();
        *sum = add(*sum, more);
    }
    for ((creator, day, code), more) in hot.refusals {
        let sum = all.refusals.entry((day, creator, code)).or_default();
        let (count, amount, _) = add((sum.0, sum.1, Micros::ZERO), more);
        *sum = (count, amount);
    }
}

pub(super) fn each(
    connection: &Connection,
    sql: &str,
    mut take: impl FnMut(&Row<'_>) -> Sql<()>,
) -> Sql<()> {
    let mut query = connection.prepare(sql)?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        take(row)?;
    }
    Ok(())
}

fn creators(connection: &Connection, all: &mut Snapshot) -> Sql<()> {
    each(connection, &format!("SELECT {} FROM creators", columns::CREATOR), |row| {
        let creator = columns::creator(row)?;
        all.creators.insert(creator.creator, creator);
        Ok(())
    })?;
    each(connection, &format!("SELECT {}", columns::PROFILE), |row| {
        let profile = columns::profile(row)?;
        all.profiles.insert(profile.creator, profile);
        Ok(())
    })?;
    each(connection, &format!("SELECT {}, name, title FROM items", columns::ITEM), |row| {
        let (item, text) = columns::item_with_text(row)?;
        all.items.insert(item.hash, (item, text));
        Ok(())
    })?;
    each(connection, &format!("SELECT {} FROM vouchers", columns::VOUCHER), |row| {
        let voucher = columns::voucher(row)?;
        all.vouchers.insert(voucher.hash, voucher);
        Ok(())
    })
}

fn owned(connection: &Connection, hot: &Hot, all: &mut Snapshot) -> Sql<()> {
    let mut pairs: Vec<(u64, u64)> = Vec::new();
    each(connection, "SELECT wallet, owned FROM wallets", |row| {
        let wallet = nat(row, 0)?;
        let window = row.get_ref(1)?.as_blob().unwrap_or_default();
        pairs.extend(window.chunks_exact(16).filter_map(|pair| {
            let entry = pair.get(8..)?.try_into().ok()?;
            Some((wallet, u64::from_be_bytes(entry)))
        }));
        Ok(())
    })?;
    for (wallet, newer) in &hot.owned {
        let entry = |pair: &OwnedPair| pair.last_chunk().map(|entry| u64::from_be_bytes(*entry));
        pairs.extend(newer.iter().filter_map(|pair| Some((wallet.0, entry(pair)?))));
    }
    each(connection, "SELECT wallet, entry FROM owned", |row| {
        pairs.push((nat(row, 0)?, nat(row, 1)?));
        Ok(())
    })?;
    let mut body = connection.prepare("SELECT body FROM entries WHERE number = ?1")?;
    for (wallet, entry) in pairs {
        let item = body.query_row([columns::int(entry)], |row| {
            let signed = bytes::<{ Claim::SIGNED_LEN }>(row, 0)?;
            Ok(SignedClaim::decode(&signed).map_or(ItemHash::NONE, |claim| claim.claim().item))
        });
        // An entry that is missing sold nothing; the audit names it.
        let item = item.optional()?.unwrap_or(ItemHash::NONE);
        // What was refunded is owned no more; its pair stays where it is.
        let refund = all.refunds.get(&EntryNumber(entry));
        if !refund.is_some_and(|row| row.outcome.is_success()) {
            all.owned.insert((WalletRef(wallet), item, entry));
        }
    }
    Ok(())
}

fn sums(connection: &Connection, all: &mut Snapshot) -> Sql<()> {
    each(connection, "SELECT creator, minute, amount FROM holds", |row| {
        all.holds.insert((CreatorRef(nat(row, 0)?), nat(row, 1)?), micros(row, 2)?);
        Ok(())
    })?;
    each(connection, "SELECT day, creator, item, count, credited, free FROM tallies", |row| {
        let name = (small(row, 0)?, CreatorRef(nat(row, 1)?), ItemRef(nat(row, 2)?));
        all.tallies.insert(name, (nat(row, 3)?, micros(row, 4)?, micros(row, 5)?));
        Ok(())
    })?;
    each(connection, "SELECT day, creator, item, count, taken FROM refund_tallies", |row| {
        let name = (small(row, 0)?, CreatorRef(nat(row, 1)?), ItemRef(nat(row, 2)?));
        all.refund_tallies.insert(name, (nat(row, 3)?, micros(row, 4)?));
        Ok(())
    })?;
    each(connection, "SELECT day, creator, code, count, amount FROM refusals", |row| {
        let code = u16::try_from(small(row, 2)?).unwrap_or(u16::MAX);
        let name = (small(row, 0)?, CreatorRef(nat(row, 1)?), code);
        all.refusals.insert(name, (nat(row, 3)?, micros(row, 4)?));
        Ok(())
    })?;
    let sql = "SELECT at, key, creator, sequence, first, second FROM equivocations ORDER BY id";
    each(connection, sql, |row| {
        all.equivocations.push(columns::equivocation(row)?);
        Ok(())
    })
}
