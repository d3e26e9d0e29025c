//! Writes a commit, inside its transaction: some of it at once, the rest as one row of `redo` that
//! is folded into the tables later (hot.rs says why).

use std::borrow::Cow;

use farthing_rules::findings::Place;
use farthing_rules::rows::{
    Accounts, Counters, CreatorRow, Entry, EntryBody, KeyRow, RefundEntry, ReviewEntry, WalletRow,
};
use farthing_rules::{Commit, KeyRef, WalletRef};
use farthing_shared::Micros;
use hashbrown::HashSet;
use rusqlite::{Connection, params};

use super::cache::{Cache, OwnedWindow};
use super::columns::{self, Sql, int};
use super::hot::{Hot, Step, bought_with};
use super::load;

/// Items in a wallet's row before all but the newest move together to the table `owned`: 16 × 16 B = 256 B, so
/// that a page holds some 12 wallets and a purchase costs a sixteenth of a page in `owned`.
const OWNED_WINDOW: usize = 16;

/// Writes what a batch made that is not held back: entries, rows that are new or are looked up by
/// more than their number, prices, vouchers, proofs. `before` tells which numbers are new, and
/// `was_revoked` of which keys the table says already that they are not in force.
pub(super) fn at_once(
    connection: &Connection,
    commit: &Commit,
    before: Counters,
    was_revoked: impl Fn(KeyRef) -> bool,
) -> Sql<()> {
    entries(connection, &commit.entries)?;
    let new_wallets = commit.wallets.iter().filter(|row| row.wallet.0 >= before.wallet);
    new_wallets.into_iter().try_for_each(|row| insert_wallet(connection, row))?;
    let registered: HashSet<KeyRef> = commit.allowances.iter().map(|(key, _)| *key).collect();
    // Terms and whether a key is in force are looked up in the table.
    // A revoked key that goes on counting (its wallet's first for a creator) is no page of the table a claim.
    let terms = commit
        .keys
        .iter()
        .filter(|row| registered.contains(&row.key) || (row.revoked && !was_revoked(row.key)));
    keys(connection, terms)?;
    let new_creators = commit.creators.iter().filter(|row| row.creator.0 >= before.creator);
    creators(connection, new_creators)?;
    profiles(connection, commit)?;
    prices_and_vouchers(connection, commit)?;
    super::findings::write(connection, commit)?;
    for row in &commit.holds_released {
        let sql = "DELETE FROM holds WHERE minute = ?1 AND creator = ?2";
        connection.prepare_cached(sql)?.execute((int(row.minute), int(row.creator.0)))?;
    }
    rotations(connection, commit)?;
    permissions(connection, commit)?;
    backups(connection, commit)?;
    refunds(connection, commit)?;
    for proof in &commit.equivocations {
        let sql = "INSERT INTO equivocations (at, key, creator, sequence, first, second) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        connection.prepare_cached(sql)?.execute(params![
            int(proof.at.0),
            int(proof.key.0),
            int(proof.creator.0),
            int(proof.sequence),
            &proof.first[..],
            &proof.second[..],
        ])?;
    }
    Ok(())
}

/// Appends what was changed, to be folded into the tables later.
pub(super) fn redo(connection: &Connection, change: &[u8]) -> Sql<()> {
    let sql = "INSERT INTO redo (change) VALUES (?1)";
    connection.prepare_cached(sql)?.execute([change]).map(|_| ())
}

/// Brings rows and sums from memory into the tables, in the order of their keys, as far as the step
/// says. Rows are written as they are now, though they may have changed again since the folding began.
pub(super) fn fold(connection: &Connection, hot: &Hot, cache: &mut Cache, step: &Step) -> Sql<()> {
    if step.all {
        wallets(connection, hot, cache, &sorted(hot.wallets.keys()))?;
        keys_of(connection, hot, cache, &sorted(hot.keys.keys()))?;
    } else {
        wallets(connection, hot, cache, &step.wallets)?;
        keys_of(connection, hot, cache, &step.keys)?;
    }
    if step.all || step.sums {
        sums(connection, hot)?;
        let sql = "UPDATE counters SET summed = (SELECT COALESCE(MAX(batch), 0) FROM redo)";
        connection.prepare_cached(sql)?.execute([])?;
    }
    let end = if step.all { Some(i64::MAX) } else { step.end };
    if let Some(batch) = end {
        creators(connection, hot.creators.values())?;
        for row in hot.creators.values() {
            cache.creators.insert(row.creator, *row);
        }
        if let Some((counters, accounts)) = hot.ones {
            write_counters(connection, counters, accounts)?;
        }
        connection.prepare_cached("DELETE FROM redo WHERE batch <= ?1")?.execute([batch])?;
        // Batches are numbered from one again when none is left.
        let sql = "UPDATE counters SET summed = 0 WHERE NOT EXISTS (SELECT 1 FROM redo)";
        connection.prepare_cached(sql)?.execute([])?;
    }
    if step.moves() {
        connection.prepare_cached("UPDATE counters SET fold = fold + 1")?.execute([])?;
    }
    Ok(())
}

/// The newest batch whose changes stand in `redo`, 0 when none does.
pub(super) fn newest_batch(connection: &Connection) -> Sql<i64> {
    let sql = "SELECT COALESCE(MAX(batch), 0) FROM redo";
    connection.prepare_cached(sql)?.query_row([], |row| row.get(0))
}

fn sorted<'a, T: Copy + Ord + 'a>(numbers: impl Iterator<Item = &'a T>) -> Vec<T> {
    let mut numbers: Vec<T> = numbers.copied().collect();
    numbers.sort_unstable();
    numbers
}

fn keys_of(connection: &Connection, hot: &Hot, cache: &mut Cache, wanted: &[KeyRef]) -> Sql<()> {
    let rows = || wanted.iter().filter_map(|key| hot.keys.get(key));
    keys(connection, rows())?;
    for row in rows() {
        cache.keys.insert(row.key, row.clone());
    }
    Ok(())
}

fn write_counters(connection: &Connection, counters: Counters, accounts: Accounts) -> Sql<()> {
    let sql = "UPDATE counters SET entry = ?1, wallet = ?2, key = ?3, creator = ?4, item = ?5, \
               fees = ?6, vouchers = ?7, welcome = ?8, finding = ?9, observation = ?10, \
               decision = ?11";
    connection.prepare_cached(sql)?.execute(params![
        int(counters.entry),
        int(counters.wallet),
        int(counters.key),
        int(counters.creator),
        int(counters.item),
        accounts.fees,
        accounts.vouchers,
        accounts.welcome,
        int(counters.finding),
        int(counters.observation),
        int(counters.decision),
    ])?;
    Ok(())
}

/// The columns of an entry that only some kinds have; null where it has none.
#[derive(Default)]
struct Extras<'a> {
    kind: u8,
    wallet: Option<i64>,
    creator: Option<i64>,
    key: Option<i64>,
    item: Option<i64>,
    fee: Option<i64>,
    release_minute: Option<i64>,
    creator_number: Option<i64>,
    creator_total: Option<i64>,
    previous_of_key: Option<i64>,
    previous_of_wallet: Option<i64>,
    previous_of_creator: Option<i64>,
    rail: Option<u8>,
    body: Option<Cow<'a, [u8]>>,
    mark_of_key: Option<i64>,
    claim: Option<i64>,
    previous_refund: Option<i64>,
    free: Option<i64>,
}

fn entries(connection: &Connection, entries: &[Entry]) -> Sql<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO entries VALUES \
               (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, \
               ?19, ?20, ?21)";
    let mut insert = connection.prepare_cached(sql)?;
    for entry in entries {
        let (amount, extras) = extras(&entry.body);
        insert.execute(params![
            int(entry.number.0),
            int(entry.at.0),
            extras.kind,
            extras.wallet,
            extras.creator,
            amount.signed(),
            extras.key,
            extras.item,
            extras.fee,
            extras.release_minute,
            extras.creator_number,
            extras.creator_total,
            extras.previous_of_key,
            extras.previous_of_wallet,
            extras.previous_of_creator,
            extras.rail,
            extras.body,
            extras.mark_of_key,
            extras.claim,
            extras.previous_refund,
            extras.free,
        ])?;
    }
    Ok(())
}

fn extras(body: &EntryBody) -> (Micros, Extras<'_>) {
    let some = |number: u64| Some(int(number));
    match body {
        EntryBody::Claim(claim) => {
            let extras = Extras {
                kind: 1,
                wallet: some(claim.wallet.0),
                creator: some(claim.creator.0),
                key: some(claim.key.0),
                item: some(claim.item.0),
                fee: Some(claim.fee.signed()),
                release_minute: some(claim.release_minute),
                creator_number: some(claim.creator_number),
                creator_total: Some(claim.creator_total.signed()),
                previous_of_key: some(claim.previous_of_key.0),
                previous_of_wallet: some(claim.previous_of_wallet.0),
                previous_of_creator: some(claim.previous_of_creator.0),
                body: Some(Cow::Borrowed(&claim.signed)),
                free: Some(claim.free.signed()),
                mark_of_key: some(claim.mark_of_key.0),
                ..Extras::default()
            };
            (claim.amount, extras)
        }
        EntryBody::TopUp { wallet, amount, rail, reference, previous_of_wallet } => {
            let extras = Extras {
                kind: 2,
                wallet: some(wallet.0),
                previous_of_wallet: some(previous_of_wallet.0),
                rail: Some(rail.code()),
                body: Some(Cow::Borrowed(reference)),
                ..Extras::default()
            };
            (*amount, extras)
        }
        EntryBody::Welcome { wallet, amount, free, previous_of_wallet } => {
            let previous_of_wallet = some(previous_of_wallet.0);
            let (wallet, free) = (some(wallet.0), Some(free.signed()));
            (*amount, Extras { kind: 3, wallet, previous_of_wallet, free, ..Extras::default() })
        }
        EntryBody::Refund(refund) => (refund.amount, refund_extras(refund)),
        EntryBody::Release { creator, amount, release_minute } => {
            let (creator, release_minute) = (some(creator.0), some(*release_minute));
            (*amount, Extras { kind: 4, creator, release_minute, ..Extras::default() })
        }
        EntryBody::Hold(review) => (review.amount, review_extras(6, review)),
        EntryBody::Lift(review) => (review.amount, review_extras(7, review)),
    }
}

fn review_extras(kind: u8, review: &ReviewEntry) -> Extras<'static> {
    let body = [&review.finding.0[..], &review.claim.0.to_be_bytes()].concat();
    let extras = Extras {
        kind,
        creator: Some(int(review.creator.0)),
        rail: Some(review.place.code()),
        body: Some(Cow::Owned(body)),
        ..Extras::default()
    };
    match review.place {
        Place::Held { release_minute } => {
            Extras { release_minute: Some(int(release_minute)), ..extras }
        }
        Place::Payable => extras,
        Place::Wallet { wallet, fee, previous_of_wallet } => Extras {
            wallet: Some(int(wallet.0)),
            fee: Some(fee.signed()),
            previous_of_wallet: Some(int(previous_of_wallet.0)),
            ..extras
        },
    }
}

fn refund_extras(refund: &RefundEntry) -> Extras<'_> {
    let some = |number: u64| Some(int(number));
    Extras {
        kind: 5,
        wallet: some(refund.wallet.0),
        creator: some(refund.creator.0),
        item: some(refund.item.0),
        fee: Some(refund.fee.signed()),
        release_minute: some(refund.release_minute),
        creator_number: some(refund.creator_number),
        creator_total: Some(refund.creator_total.signed()),
        previous_of_wallet: some(refund.previous_of_wallet.0),
        previous_of_creator: some(refund.previous_of_creator.0),
        body: Some(Cow::Borrowed(&refund.signed)),
        free: Some(refund.free.signed()),
        claim: some(refund.claim.0),
        previous_refund: some(refund.previous_refund_of_wallet.0),
        ..Extras::default()
    }
}

/// Answers to refund requests and their sums. They are few, so they are not held back.
fn refunds(connection: &Connection, commit: &Commit) -> Sql<()> {
    for row in &commit.refunds {
        let sql = "INSERT OR REPLACE INTO refunds VALUES (?1, ?2, ?3, ?4, ?5)";
        connection.prepare_cached(sql)?.execute(params![
            int(row.claim.0),
            &row.request[..],
            int(row.asked_at.0),
            row.outcome.code(),
            row.receipt.map(|receipt| int(receipt.entry.0)),
        ])?;
    }
    for row in &commit.refund_tallies {
        let sql = "INSERT INTO refund_tallies VALUES (?1, ?2, ?3, ?4, ?5) \
                   ON CONFLICT (day, creator, item) DO UPDATE SET \
                   count = count + ?4, taken = taken + ?5";
        let mut tally = connection.prepare_cached(sql)?;
        for day in [0, row.day] {
            let (creator, item) = (int(row.creator.0), int(row.item.0));
            tally.execute((day, creator, item, int(row.count), row.taken.signed()))?;
        }
    }
    Ok(())
}

fn permissions(connection: &Connection, commit: &Commit) -> Sql<()> {
    for row in &commit.permissions {
        let sql =
            "INSERT OR REPLACE INTO permissions (wallet, creator, signed) VALUES (?1, ?2, ?3)";
        let signed = row.signed.encode();
        let (wallet, creator) = (int(row.wallet.0), int(row.creator.0));
        connection.prepare_cached(sql)?.execute((wallet, creator, &signed[..]))?;
    }
    Ok(())
}

fn backups(connection: &Connection, commit: &Commit) -> Sql<()> {
    for row in &commit.backups {
        let name = row.signed.backup().name;
        let sql = "INSERT OR REPLACE INTO backups (wallet, name, signed) VALUES (?1, ?2, ?3)";
        let signed = row.signed.encode();
        connection.prepare_cached(sql)?.execute((int(row.wallet.0), &name.0[..], &signed[..]))?;
    }
    Ok(())
}

/// A wallet is looked up by its root key, so the table has it at once.
fn rotations(connection: &Connection, commit: &Commit) -> Sql<()> {
    for row in &commit.rotations {
        let sql = "DELETE FROM backups WHERE wallet = ?1";
        connection.prepare_cached(sql)?.execute([int(row.wallet.0)])?;
        let sql = "INSERT INTO rotations (wallet, ended, at, signed) VALUES (?1, ?2, ?3, ?4)";
        let signed = row.signed.encode();
        let (wallet, at) = (int(row.wallet.0), int(row.at.0));
        connection.prepare_cached(sql)?.execute((wallet, row.ended, at, &signed[..]))?;
        let sql = "UPDATE wallets SET root = ?2, generation = ?3 WHERE wallet = ?1";
        let (generation, next) = (row.ended.saturating_add(1), row.signed.rotation().next);
        connection.prepare_cached(sql)?.execute((wallet, &next.0[..], generation))?;
    }
    Ok(())
}

fn insert_wallet(connection: &Connection, row: &WalletRow) -> Sql<()> {
    let sql = "INSERT INTO wallets (wallet, root, balance, opened_at, last_entry, free, standing) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    connection.prepare_cached(sql)?.execute(params![
        int(row.wallet.0),
        &row.root.0[..],
        row.balance.signed(),
        int(row.opened_at.0),
        int(row.last_entry.0),
        row.free.signed(),
        row.standing.code(),
    ])?;
    Ok(())
}

fn wallets(connection: &Connection, hot: &Hot, cache: &mut Cache, wanted: &[WalletRef]) -> Sql<()> {
    let mut plain = connection.prepare_cached(
        "UPDATE wallets SET balance = ?2, last_entry = ?3, last_refund = ?4, free = ?5, \
         standing = ?6, budget = ?7 WHERE wallet = ?1",
    )?;
    let mut with_window = connection.prepare_cached(
        "UPDATE wallets SET balance = ?2, last_entry = ?3, last_refund = ?4, free = ?5, \
         standing = ?6, budget = ?7, owned = ?8, owned_moved = ?9 WHERE wallet = ?1",
    )?;
    for row in wanted.iter().filter_map(|wallet| hot.wallets.get(wallet)) {
        let (wallet, balance) = (int(row.wallet.0), row.balance.signed());
        let (free, standing) = (row.free.signed(), row.standing.code());
        let budget = row.budget.as_ref().map(columns::encode_budget);
        let newer = hot.owned(row.wallet);
        if newer.is_empty() {
            let (entry, refund) = (int(row.last_entry.0), int(row.last_refund.0));
            plain.execute((wallet, balance, entry, refund, free, standing, budget))?;
            if let Some(mut known) = cache.wallets.get_mut(&row.wallet) {
                known.0 = *row;
            }
            continue;
        }
        let mut window = match cache.wallets.remove(&row.wallet) {
            Some((_, (_, window))) => window,
            None => load::wallet_with_window(connection, row.wallet)?.1,
        };
        // A wallet's purchases come in the order of their entries, and the newest one stays in the
        // window: so it tells which of them an earlier folding has brought already.
        let known = window.pairs.last().map_or(0, bought_with);
        window.pairs.extend(newer.iter().filter(|pair| bought_with(pair) > known));
        if window.pairs.len() > OWNED_WINDOW {
            let newest = window.pairs.pop();
            move_window(connection, row.wallet, &window)?;
            window = OwnedWindow { pairs: newest.into_iter().collect(), moved: true };
        }
        with_window.execute(params![
            wallet,
            balance,
            int(row.last_entry.0),
            int(row.last_refund.0),
            free,
            standing,
            budget,
            window.pairs.as_flattened(),
            window.moved,
        ])?;
        cache.wallets.insert(row.wallet, (*row, window));
    }
    Ok(())
}

fn move_window(connection: &Connection, wallet: WalletRef, window: &OwnedWindow) -> Sql<()> {
    let mut insert = connection.prepare_cached("INSERT INTO owned VALUES (?1, ?2, ?3)")?;
    for pair in &window.pairs {
        let (prefix, entry) = pair.split_at(8);
        let entry = u64::from_be_bytes(entry.try_into().unwrap_or([0; 8]));
        insert.execute(params![int(wallet.0), prefix, int(entry)])?;
    }
    Ok(())
}

fn keys<'a>(connection: &Connection, rows: impl Iterator<Item = &'a KeyRow>) -> Sql<()> {
    let mut state = connection.prepare_cached(
        "UPDATE keys SET spent = ?2, last_sequence = ?3, last_claim = ?4, last_outcome = ?5, \
         last_receipt = ?6, last_at = ?7, last_amount = ?8, last_signed = ?9, last_entry = ?10, \
         accepted = ?11, equivocations = ?12, minute = ?13, in_minute = ?14, revoked = ?15, \
         cap = ?16, per_claim_max = ?17, expires_at = ?18, serial = ?19, consent = ?20, mark = ?21, \
         generation = ?22, month = ?23, in_month = ?24 \
         WHERE key = ?1",
    )?;
    for row in rows {
        let last = row.last.as_ref();
        let receipt = last.and_then(|last| last.receipt);
        let changed = state.execute(params![
            int(row.key.0),
            row.spent.signed(),
            int(row.last_sequence()),
            last.map(|last| &last.claim.0[..]),
            last.map(|last| last.outcome.code()),
            receipt.map(|receipt| int(receipt.entry.0)),
            receipt.map(|receipt| int(receipt.at.0)),
            receipt.map(|receipt| receipt.amount.signed()),
            last.and_then(|last| last.signed.as_ref()).map(|signed| &signed[..]),
            int(row.last_entry.0),
            int(row.accepted),
            row.equivocations,
            int(row.minute),
            row.in_minute,
            row.revoked,
            row.cap.signed(),
            row.per_claim_max.signed(),
            int(row.expires_at.0),
            int(row.serial),
            int(row.grant),
            int(row.mark.0),
            row.generation,
            row.in_month.month,
            row.in_month.paid.signed(),
        ])?;
        if changed == 0 {
            insert_key(connection, row)?;
        }
    }
    Ok(())
}

/// A key as its first allowance makes it: no number was used yet.
fn insert_key(connection: &Connection, row: &KeyRow) -> Sql<()> {
    let sql = "INSERT INTO keys (key, public, wallet, creator, origin, device, cap, \
               per_claim_max, expires_at, serial, consent, revoked, spent, last_sequence, \
               last_entry, accepted, equivocations, minute, in_minute, generation, first) VALUES \
               (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 0, 0, 0, 0, 0, 0, ?14, ?15)";
    connection.prepare_cached(sql)?.execute(params![
        int(row.key.0),
        &row.public.0[..],
        int(row.wallet.0),
        int(row.creator.0),
        &row.origin.0[..],
        row.device,
        row.cap.signed(),
        row.per_claim_max.signed(),
        int(row.expires_at.0),
        int(row.serial),
        int(row.grant),
        row.revoked,
        row.spent.signed(),
        row.generation,
        int(row.first.0),
    ])?;
    Ok(())
}

fn creators<'a>(connection: &Connection, rows: impl Iterator<Item = &'a CreatorRow>) -> Sql<()> {
    let mut upsert = connection.prepare_cached(
        "INSERT INTO creators VALUES \
         (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) \
         ON CONFLICT (creator) DO UPDATE SET payable = ?3, held = ?4, number = ?5, total = ?6, \
         last_entry = ?7, refunds = ?8, refunded = ?9, last_refund = ?10, refund_window = ?11, \
         free = ?12, review = ?13, ceiling_before = ?14, ceiling = ?15, ceiling_from = ?16",
    )?;
    for row in rows {
        upsert.execute(params![
            int(row.creator.0),
            &row.id.0[..],
            row.payable.signed(),
            row.held.signed(),
            int(row.number),
            row.total.signed(),
            int(row.last_entry.0),
            int(row.refunds),
            row.refunded.signed(),
            int(row.last_refund.0),
            row.refund_window_ms.map(int),
            row.free.signed(),
            row.review.signed(),
            row.ceiling.before.map(Micros::signed),
            row.ceiling.most.map(Micros::signed),
            row.ceiling.from,
        ])?;
    }
    Ok(())
}

fn profiles(connection: &Connection, commit: &Commit) -> Sql<()> {
    for profile in &commit.profiles {
        let sql = "INSERT OR REPLACE INTO profiles VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        connection.prepare_cached(sql)?.execute(params![
            int(profile.creator.0),
            profile.name,
            profile.sites.join("\n"),
            profile.threshold.signed(),
            profile.offer_key.map(|key| key.0.to_vec()),
            profile.link_generation,
        ])?;
    }
    Ok(())
}

fn prices_and_vouchers(connection: &Connection, commit: &Commit) -> Sql<()> {
    for (key, signed) in &commit.allowances {
        let sql = "INSERT OR REPLACE INTO allowances VALUES (?1, ?2, ?3)";
        connection.prepare_cached(sql)?.execute(params![
            int(key.0),
            int(signed.allowance().serial),
            &signed.encode()[..],
        ])?;
    }
    for (wallet, signed) in &commit.budgets {
        let sql = "INSERT OR REPLACE INTO budgets VALUES (?1, ?2)";
        connection.prepare_cached(sql)?.execute((int(wallet.0), &signed.encode()[..]))?;
    }
    for (row, text) in &commit.items {
        let sql = "INSERT OR REPLACE INTO items VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        connection.prepare_cached(sql)?.execute(params![
            int(row.item.0),
            &row.hash.0[..],
            int(row.creator.0),
            row.price.signed(),
            row.on_sale,
            int(row.priced_at.0),
            row.expires_at.map(|at| int(at.0)),
            text.name,
            text.title,
        ])?;
    }
    for row in &commit.vouchers {
        let sql = "INSERT OR REPLACE INTO vouchers VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        connection.prepare_cached(sql)?.execute(params![
            &row.hash.0[..],
            row.amount.signed(),
            int(row.issued_at.0),
            int(row.expires_at.0),
            row.used.map(|(wallet, _)| int(wallet.0)),
            row.used.map(|(_, entry)| int(entry.0)),
        ])?;
    }
    Ok(())
}

/// Sums in the order of the tables' keys.
fn sums(connection: &Connection, hot: &Hot) -> Sql<()> {
    let mut hold = connection.prepare_cached(
        "INSERT INTO holds VALUES (?1, ?2, ?3) \
         ON CONFLICT (minute, creator) DO UPDATE SET amount = amount + ?3",
    )?;
    let mut nothing = connection
        .prepare_cached("DELETE FROM holds WHERE minute = ?1 AND creator = ?2 AND amount = 0")?;
    for ((minute, creator), micros) in &hot.holds {
        let name = (int(*minute), int(creator.0));
        hold.execute(params![name.0, name.1, micros])?;
        if *micros <= 0 {
            nothing.execute(name)?;
        }
    }
    let mut tallies: Vec<_> = hot.tallies.iter().collect();
    tallies.sort_unstable_by_key(|((creator, day, item), _)| (*day, *creator, *item));
    let mut tally = connection.prepare_cached(
        "INSERT INTO tallies (day, creator, item, count, credited, free) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (day, creator, item) DO UPDATE SET \
         count = count + ?4, credited = credited + ?5, free = free + ?6",
    )?;
    for ((creator, day, item), (count, credited, free)) in tallies {
        let (creator, item) = (int(creator.0), int(item.0));
        let (credited, free) = (credited.signed(), free.signed());
        tally.execute(params![day, creator, item, int(*count), credited, free])?;
    }
    let mut refusal = connection.prepare_cached(
        "INSERT INTO refusals VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (day, creator, code) DO UPDATE SET \
         count = count + ?4, amount = min(amount + ?5, 2000000000000000000)",
    )?;
    for ((creator, day, code), (count, amount, _)) in &hot.refusals {
        refusal.execute(params![day, int(creator.0), code, int(*count), amount.signed()])?;
    }
    Ok(())
}
