//! Reads what a batch of commands names, inside its transaction.

mod one;

use farthing_rules::command::{ClaimName, Names};
use farthing_rules::context::{FormerRoot, PastClaim};
use farthing_rules::rows::{
    Accounts, Counters, CreatorRow, Entry, EntryBody, ItemRow, KeyRow, PermissionRow, ReceiptRow,
    RefundRow, WalletRow,
};
use farthing_rules::{Context, CreatorRef, EntryNumber, KeyRef, Policy, WalletRef};
use farthing_shared::{
    Claim, ItemHash, Micros, Outcome, PublicKey, SignedClaim, UnixMillis, limits,
};
use hashbrown::HashSet;
use rusqlite::{Connection, OptionalExtension};

use super::cache::{Cache, OwnedWindow};
use super::columns::{self, Sql, bytes, int, micros, nat};
use super::hot::{Hot, bought_with};
use super::paid;
use super::redo::OwnedPair;
use one::{creator_by_id, load_holds, load_slot, load_voucher};
pub(super) use one::{key_by_public, key_by_ref};

/// What a batch is loaded from: the tables of one transaction, the rows that are newer, and rows
/// read before.
pub(super) struct Source<'a> {
    pub(super) connection: &'a Connection,
    pub(super) hot: &'a Hot,
    pub(super) cache: &'a mut Cache,
    /// The tables have been brought up to date in this transaction: what `hot` would add to their
    /// sums is in them.
    pub(super) folded: bool,
}

pub(super) fn context(
    source: &mut Source<'_>,
    names: &Names,
    policy: &Policy,
    now: UnixMillis,
) -> Sql<Context> {
    let Source { connection, hot, .. } = *source;
    let (counters, accounts) = match hot.ones {
        Some(ones) => ones,
        None => counters(connection)?,
    };
    let mut context = Context::new(counters, accounts);
    claims(source, names, &mut context, (policy, now))?;
    refunds(source, names, &mut context)?;
    let context_ref = &mut context;
    for root in &names.roots {
        let sql = concat_wallet("root");
        let mut query = connection.prepare_cached(&sql)?;
        let found = query.query_row([&root.0], columns::wallet).optional()?;
        match found {
            Some(row) => context_ref.put_wallet(hot.wallet(row)),
            None => former_root(connection, hot, context_ref, root)?,
        }
    }
    for (root, name) in &names.backups {
        let wallet = context_ref.wallet_refs.get(root).map_or(0, |wallet| int(wallet.0));
        let sql = "SELECT wallet, signed FROM backups WHERE wallet = ?1 OR name = ?2";
        let mut query = connection.prepare_cached(sql)?;
        for row in query.query_map((wallet, &name.0), columns::backup)? {
            let row = row?;
            context_ref.backups.insert(row.signed.backup().name, row);
        }
    }
    for root in &names.spent {
        let wallet = context_ref.wallet_refs.get(root);
        let wallet = wallet.and_then(|wallet| context_ref.wallets.get(wallet)).copied();
        if let Some(row) = wallet.filter(|row| row.budget.is_none()) {
            let spent = paid::spent(connection, row.last_entry, now)?;
            context_ref.spent.insert(row.wallet, spent);
        }
    }
    for public in &names.keys {
        let row = key_by_public(connection, &public.0)?;
        row.into_iter().for_each(|row| context_ref.put_key(hot.key(row)));
    }
    for id in &names.creators {
        creator_by_id(connection, hot, context_ref, &id.0)?;
    }
    for slot in &names.slots {
        load_slot(connection, hot, context_ref, slot)?;
    }
    permissions(connection, names, context_ref)?;
    for hash in &names.items {
        let sql = format!("SELECT {}, name, title FROM items WHERE hash = ?1", columns::ITEM);
        let mut query = connection.prepare_cached(&sql)?;
        if let Some((row, text)) = query.query_row([&hash.0], columns::item_with_text).optional()? {
            context_ref.items.insert(*hash, row);
            context_ref.texts.insert(*hash, text);
        }
    }
    for hash in &names.vouchers {
        load_voucher(connection, context_ref, *hash)?;
    }
    if names.holds {
        load_holds(connection, hot, context_ref, now)?;
    }
    super::findings::load(source, names, &mut context)?;
    Ok(context)
}

pub(super) fn counters(connection: &Connection) -> Sql<(Counters, Accounts)> {
    let sql = format!("SELECT {} FROM counters", columns::COUNTERS);
    connection.prepare_cached(&sql)?.query_row([], columns::counters)
}

/// A root key that was replaced, with the wallet that it had.
fn former_root(
    connection: &Connection,
    hot: &Hot,
    context: &mut Context,
    root: &PublicKey,
) -> Sql<()> {
    let mut query = connection
        .prepare_cached("SELECT wallet, signed FROM rotations WHERE substr(signed, 49, 32) = ?1")?;
    let found =
        query.query_row([&root.0], |row| Ok((WalletRef(nat(row, 0)?), columns::rotation(row, 1)?)));
    let Some((wallet, signed)) = found.optional()? else { return Ok(()) };
    let row = wallet_with_window(connection, wallet)?.0;
    context.put_wallet(hot.wallet(row));
    let next = signed.rotation().next;
    context.former_roots.insert(*root, FormerRoot { wallet, next });
    Ok(())
}

fn concat_wallet(by: &str) -> String {
    format!("SELECT {} FROM wallets WHERE {by} = ?1", columns::WALLET)
}

/// The hot path: keys, then their wallets and creators, then items, ownership, past numbers.
fn claims(
    source: &mut Source<'_>,
    names: &Names,
    context: &mut Context,
    (policy, now): (&Policy, UnixMillis),
) -> Sql<()> {
    for name in &names.claims {
        if !context.keys.contains_key(&name.key) {
            let Some(row) = source.key(name.key)? else { continue };
            context.put_key(row);
        }
        let Some(key) = context.keys.get(&name.key) else { continue };
        let (wallet, creator) = (key.wallet, key.creator);
        if key.equivocations > 0 && name.sequence <= key.last_sequence() {
            load_proved(source.connection, &mut context.proved, name.key)?;
        }
        let known = context.past.contains_key(&(name.key, name.sequence));
        if needs_past(key, name) && !known {
            let last = key.last_entry;
            if let Some(past) = past_claim(source.connection, last, name.sequence)? {
                context.past.insert((name.key, name.sequence), past);
            }
        }
        if name.sequence <= context.keys.get(&name.key).map_or(0, KeyRow::last_sequence) {
            load_refund_of_answer(source.connection, context, name)?;
        }
        if !context.wallets.contains_key(&wallet) {
            let row = source.wallet(wallet)?;
            context.put_wallet(row);
        }
        if !context.creators.contains_key(&creator) {
            let row = source.creator(creator)?;
            context.put_creator(row);
        }
        if name.item == ItemHash::NONE {
            continue;
        }
        // Nothing is counted without a ceiling; a creator named in this batch may get its first one in it.
        let may_count =
            |row: &CreatorRow| row.ceiling.is_known() || names.creators.contains(&row.id);
        if context.creators.get(&creator).is_some_and(may_count) {
            first_key(source, context, name.key)?;
        }
        if !context.items.contains_key(&name.item)
            && let Some(row) = source.item(name.item)?
        {
            context.items.insert(name.item, row);
        }
        if let Some(receipt) = source.owned(wallet, name.item)? {
            context.owned.insert((wallet, name.item), receipt);
        }
        // A number that was used gets its first answer, whatever is permitted now; and whoever is too fast is refused.
        let is_new = |key: &KeyRow| name.sequence > key.last_sequence();
        let key = context.keys.get(&name.key).filter(|key| is_new(key));
        if name.automatic && key.is_some_and(|key| !key.is_too_fast(policy, now)) {
            unasked(source, names, context, ((wallet, creator), name.item), now)?;
        }
    }
    Ok(())
}

/// What an automatic claim depends on besides. Nothing of it is read where nothing is permitted and no permission comes
/// with this batch.
fn unasked(
    source: &Source<'_>,
    names: &Names,
    context: &mut Context,
    (of, item): ((WalletRef, CreatorRef), ItemHash),
    now: UnixMillis,
) -> Sql<()> {
    let connection = source.connection;
    if !context.permissions.contains_key(&of)
        && let Some(row) = permission(connection, of)?
    {
        context.permissions.insert(of, row);
    }
    let Some(wallet) = context.wallets.get(&of.0) else { return Ok(()) };
    let most = context.permissions.get(&of).map_or(Micros::ZERO, |row| row.most(wallet));
    if most == Micros::ZERO && names.permissions.is_empty() {
        return Ok(());
    }
    let (newest, last_refund) = (wallet.last_entry, wallet.last_refund);
    if !context.paid_this_month.contains_key(&of) {
        let paid = paid::paid_before(connection, newest, of.1, now)?;
        context.paid_this_month.insert(of, paid.paid);
        context.recent_refunds.insert(of.0, recent_refunds(connection, last_refund)?);
    }
    if source.was_given_back(of.0, item)? {
        context.given_back.insert((of.0, item));
    }
    Ok(())
}

/// Permissions named by root key and creator, which are both read already.
fn permissions(connection: &Connection, names: &Names, context: &mut Context) -> Sql<()> {
    for (root, creator) in &names.permissions {
        let wallet = context.wallet_refs.get(root).copied();
        let creator = context.creator_refs.get(creator).copied();
        if let Some(of) = wallet.zip(creator)
            && let Some(row) = permission(connection, of)?
        {
            context.permissions.insert(of, row);
        }
    }
    Ok(())
}

/// The newest permission of a wallet for a creator.
pub(super) fn permission(
    connection: &Connection,
    (wallet, creator): (WalletRef, CreatorRef),
) -> Sql<Option<PermissionRow>> {
    let sql = "SELECT wallet, creator, signed FROM permissions WHERE wallet = ?1 AND creator = ?2";
    let mut query = connection.prepare_cached(sql)?;
    query.query_row((int(wallet.0), int(creator.0)), columns::permission).optional()
}

/// The key that counts what the wallet of a key paid in a month. Also where the creator has no ceiling any more:
/// what was counted under one is counted down by refunds.
fn first_key(source: &mut Source<'_>, context: &mut Context, key: KeyRef) -> Sql<()> {
    let first = context.keys.get(&key).map(|row| row.first);
    if let Some(first) = first.filter(|first| !context.keys.contains_key(first))
        && let Some(row) = source.key(first)?
    {
        context.put_key(row);
    }
    Ok(())
}

/// Whether the money of an answer that is given again went back since.
fn load_refund_of_answer(
    connection: &Connection,
    context: &mut Context,
    name: &ClaimName,
) -> Sql<()> {
    let key = context.keys.get(&name.key);
    let newest = key.and_then(|key| key.last.as_ref());
    let newest = newest.filter(|last| last.sequence == name.sequence);
    let past = context.past.get(&(name.key, name.sequence)).map(|past| past.receipt);
    let Some(receipt) = newest.and_then(|last| last.receipt).or(past) else { return Ok(()) };
    if let Some(row) = refund(connection, receipt.entry)? {
        context.refunds.insert(row.claim, row);
    }
    Ok(())
}

/// Claims to be refunded, with their wallets, creators and holds. Wallets come by root key too,
/// later and with the same rows.
fn refunds(source: &mut Source<'_>, names: &Names, context: &mut Context) -> Sql<()> {
    names.refunds.iter().try_for_each(|number| claim_of_entry(source, context, *number))
}

/// A claim by its entry, with what a refund or a hold of it depends on.
pub(super) fn claim_of_entry(
    source: &mut Source<'_>,
    context: &mut Context,
    number: EntryNumber,
) -> Sql<()> {
    let Source { connection, hot, .. } = *source;
    let sql = format!("SELECT {} FROM entries WHERE number = ?1", columns::ENTRY);
    let mut query = connection.prepare_cached(&sql)?;
    let entry = query.query_row([int(number.0)], columns::entry).optional()?;
    let Some(Entry { at, body: EntryBody::Claim(claim), .. }) = entry else { return Ok(()) };
    context.claimed_at.insert(number, at);
    if let Some(row) = refund(connection, number)? {
        context.refunds.insert(number, row);
    }
    let bucket = (claim.creator, claim.release_minute);
    let newer = if source.folded { None } else { hot.holds.get(&(bucket.1, bucket.0)) };
    if let Some(held) = held(connection, newer.copied(), bucket)? {
        context.holds.insert(bucket, held);
    }
    if !context.wallets.contains_key(&claim.wallet) {
        let row = source.wallet(claim.wallet)?;
        context.put_wallet(row);
    }
    if !context.creators.contains_key(&claim.creator) {
        let row = source.creator(claim.creator)?;
        context.put_creator(row);
    }
    if !context.keys.contains_key(&claim.key)
        && let Some(row) = source.key(claim.key)?
    {
        context.put_key(row);
    }
    first_key(source, context, claim.key)?;
    let first = context.keys.get(&claim.key).and_then(|row| context.keys.get(&row.first));
    let counted = first.map(|first| first.in_month).unwrap_or_default();
    if let (Some(creator), Some(wallet)) =
        (context.creators.get(&claim.creator), context.wallets.get(&claim.wallet))
        && creator.ceiling.has_moved_on(counted, at)
    {
        let before = paid::paid_before(connection, wallet.last_entry, claim.creator, at)?;
        context.paid_before.insert(number, before);
    }
    let newest = context.wallets.get(&claim.wallet).map_or(EntryNumber(0), |w| w.last_refund);
    let recent = recent_refunds(connection, newest)?;
    context.recent_refunds.insert(claim.wallet, recent);
    super::findings::claim_hold_of(connection, context, number)?;
    context.claims.insert(number, *claim);
    Ok(())
}

/// What a bucket holds: the table's sum and what is to be added to it.
fn held(
    connection: &Connection,
    newer: Option<i64>,
    (creator, minute): (CreatorRef, u64),
) -> Sql<Option<Micros>> {
    let sql = "SELECT amount FROM holds WHERE minute = ?1 AND creator = ?2";
    let mut query = connection.prepare_cached(sql)?;
    let stored: Option<i64> =
        query.query_row((int(minute), int(creator.0)), |row| row.get(0)).optional()?;
    let sum = stored.unwrap_or(0).saturating_add(newer.unwrap_or(0));
    Ok(u64::try_from(sum).ok().and_then(Micros::new).filter(|held| *held != Micros::ZERO))
}

/// The newest refunds of a wallet, as many as are ever looked at.
pub(super) fn recent_refunds(
    connection: &Connection,
    newest: EntryNumber,
) -> Sql<Vec<(UnixMillis, CreatorRef)>> {
    let sql = "SELECT at, creator, previous_refund FROM entries WHERE number = ?1";
    let mut query = connection.prepare_cached(sql)?;
    let (mut at, mut recent) = (newest, Vec::new());
    while at.0 != 0 && recent.len() < limits::REFUNDS_PER_WALLET_MAX {
        let (when, creator, previous) =
            query.query_row([int(at.0)], |row| Ok((nat(row, 0)?, nat(row, 1)?, nat(row, 2)?)))?;
        recent.push((UnixMillis(when), CreatorRef(creator)));
        at = EntryNumber(previous);
    }
    Ok(recent)
}

/// What became of the newest request to refund the claim of an entry.
pub(super) fn refund(connection: &Connection, claim: EntryNumber) -> Sql<Option<RefundRow>> {
    let sql = format!("SELECT {} WHERE r.claim = ?1", columns::REFUND);
    connection.prepare_cached(&sql)?.query_row([int(claim.0)], columns::refund).optional()
}

impl Source<'_> {
    fn key(&mut self, key: KeyRef) -> Sql<Option<KeyRow>> {
        if let Some(row) = self.hot.keys.get(&key).or_else(|| self.cache.keys.get(&key)) {
            return Ok(Some(row.clone()));
        }
        let found = key_by_ref(self.connection, key)?;
        if let Some(row) = &found {
            self.cache.keys.insert(key, row.clone());
        }
        Ok(found)
    }

    /// The wallet of a key; reads its newest purchases along with it.
    pub(super) fn wallet(&mut self, wallet: WalletRef) -> Sql<WalletRow> {
        if let Some((row, _)) = self.cache.wallets.get(&wallet) {
            return Ok(self.hot.wallet(*row));
        }
        let read = wallet_with_window(self.connection, wallet)?;
        let row = self.hot.wallet(read.0);
        self.cache.wallets.insert(wallet, read);
        Ok(row)
    }

    pub(super) fn creator(&mut self, creator: CreatorRef) -> Sql<CreatorRow> {
        let cached = self.cache.creators.get(&creator);
        if let Some(row) = self.hot.creators.get(&creator).or(cached) {
            return Ok(*row);
        }
        let sql = format!("SELECT {} FROM creators WHERE creator = ?1", columns::CREATOR);
        let mut query = self.connection.prepare_cached(&sql)?;
        let row = query.query_row([int(creator.0)], columns::creator)?;
        self.cache.creators.insert(creator, row);
        Ok(row)
    }

    fn item(&mut self, item: ItemHash) -> Sql<Option<ItemRow>> {
        if let Some(row) = self.cache.items.get(&item) {
            return Ok(Some(*row));
        }
        let sql = format!("SELECT {} FROM items WHERE hash = ?1", columns::ITEM);
        let mut query = self.connection.prepare_cached(&sql)?;
        let found = query.query_row([&item.0], columns::item).optional()?;
        if let Some(row) = found {
            self.cache.items.insert(item, row);
        }
        Ok(found)
    }

    fn was_given_back(&self, wallet: WalletRef, item: ItemHash) -> Sql<bool> {
        let newer = self.hot.owned(wallet);
        let (_, window) = wallet_with_window(self.connection, wallet)?;
        was_given_back(self.connection, wallet, (&window, newer), item)
    }

    fn owned(&self, wallet: WalletRef, item: ItemHash) -> Sql<Option<ReceiptRow>> {
        let newer = self.hot.owned(wallet);
        if let Some((_, window)) = self.cache.wallets.peek(&wallet) {
            return owned_receipt(self.connection, wallet, (window, newer), item);
        }
        // An earlier claim of this batch read the wallet, and others have pushed it out since.
        let (_, window) = wallet_with_window(self.connection, wallet)?;
        owned_receipt(self.connection, wallet, (&window, newer), item)
    }
}

/// A wallet's row and its newest purchases.
pub(super) fn wallet_with_window(
    connection: &Connection,
    wallet: WalletRef,
) -> Sql<(WalletRow, OwnedWindow)> {
    let sql =
        format!("SELECT {}, owned, owned_moved FROM wallets WHERE wallet = ?1", columns::WALLET);
    connection.prepare_cached(&sql)?.query_row([int(wallet.0)], |row| {
        let pairs = row.get_ref(10)?.as_blob().unwrap_or_default().as_chunks().0.to_vec();
        Ok((columns::wallet(row)?, OwnedWindow { pairs, moved: row.get(11)? }))
    })
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
    (window, newer): (&OwnedWindow, &[OwnedPair]),
    item: ItemHash,
) -> Sql<Option<ReceiptRow>> {
    let prefix = item.prefix();
    for pair in newer.iter().chain(&window.pairs) {
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

/// Whether the money of a purchase of this item was given back: what was bought stays in the lists of purchases, and the
/// refund beside its entry says that it is not owned any more.
pub(super) fn was_given_back(
    connection: &Connection,
    wallet: WalletRef,
    (window, newer): (&OwnedWindow, &[OwnedPair]),
    item: ItemHash,
) -> Sql<bool> {
    let prefix = item.prefix();
    let pairs = newer.iter().chain(&window.pairs).filter(|pair| pair.starts_with(&prefix));
    let mut bought: Vec<u64> = pairs.map(bought_with).collect();
    if window.moved {
        let sql = "SELECT entry FROM owned WHERE wallet = ?1 AND prefix = ?2";
        let mut query = connection.prepare_cached(sql)?;
        let rows = query.query_map((int(wallet.0), &prefix), |row| nat(row, 0))?;
        bought.extend(rows.collect::<Sql<Vec<u64>>>()?);
    }
    for number in bought {
        let back = refund(connection, EntryNumber(number))?;
        let is_back = back.is_some_and(|row| row.outcome.is_success());
        if is_back && receipt_of(connection, number, item)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The receipt of a purchase, if it is of this item and its money was not given back.
fn receipt_if_for(connection: &Connection, number: u64, item: ItemHash) -> Sql<Option<ReceiptRow>> {
    if refund(connection, EntryNumber(number))?.is_some_and(|row| row.outcome.is_success()) {
        return Ok(None);
    }
    receipt_of(connection, number, item)
}

/// The receipt of a purchase, if it is of this item.
fn receipt_of(connection: &Connection, number: u64, item: ItemHash) -> Sql<Option<ReceiptRow>> {
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
