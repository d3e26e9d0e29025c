//! Reads beside the writer: a few connections that see whole commits only.

mod figures;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock, RwLockReadGuard};

use farthing_rules::context::PastClaim;
use farthing_rules::rows::{
    BackupRow, CreatorProfile, CreatorRow, Entry, InMonth, ItemRow, ItemText, KeyRow,
    PermissionRow, ReceiptRow, RefundRow, Spent, VoucherRow, WalletRow,
};
use farthing_rules::{CreatorRef, EntryNumber, KeyRef, WalletRef};
use farthing_shared::{BackupName, CreatorId, ItemHash, Micros, PublicKey, UnixMillis};
use hashbrown::HashMap;
use rusqlite::{Connection, OptionalExtension};

use super::columns::{self, Sql, int, nat};
use super::hot::Hot;
use super::load;
use super::paid;

/// Connections that read at once; further reads wait for one. Opening a connection parses the
/// schema, which takes as long as dozens of reads, so none is closed again.
const CONNECTIONS_MAX: usize = 8;

/// A read that failed: the disk or the file, never the question.
#[derive(Debug)]
pub struct ReadError(String);

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the ledger could not be read: {}", self.0)
    }
}

impl std::error::Error for ReadError {}

impl ReadError {
    /// Of a reader that is not SQLite's.
    #[must_use]
    pub const fn new(why: String) -> Self {
        Self(why)
    }
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string())
    }
}

type Read<T> = Result<T, ReadError>;

/// Reads the ledger; clones share their connections.
#[derive(Debug, Clone)]
pub struct Reader {
    pool: Arc<Pool>,
    /// Rows that are newer than the tables, of the writer in this process.
    hot: Option<Arc<RwLock<Hot>>>,
}

/// Rows that are newer than the tables of one moment.
pub(super) enum Newer<'a> {
    /// Those of this process's writer.
    Shared(RwLockReadGuard<'a, Hot>),
    /// Read from the file, since another process writes.
    Own(Box<Hot>),
}

impl std::ops::Deref for Newer<'_> {
    type Target = Hot;

    fn deref(&self) -> &Hot {
        match self {
            Self::Shared(hot) => hot,
            Self::Own(hot) => hot,
        }
    }
}

#[derive(Debug)]
struct Pool {
    path: PathBuf,
    connections: Mutex<Connections>,
    one_is_idle: Condvar,
}

#[derive(Debug)]
struct Connections {
    idle: Vec<Connection>,
    open: usize,
}

impl Pool {
    /// A connection, if one is idle.
    fn lend_idle(&self) -> Option<Lent<'_>> {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = connections.idle.pop();
        connection.map(|connection| Lent { pool: self, connection: Some(connection) })
    }

    fn lend(&self) -> Read<Lent<'_>> {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(connection) = connections.idle.pop() {
                return Ok(Lent { pool: self, connection: Some(connection) });
            }
            if connections.open < CONNECTIONS_MAX {
                connections.open = connections.open.saturating_add(1);
                break;
            }
            connections =
                self.one_is_idle.wait(connections).unwrap_or_else(PoisonError::into_inner);
        }
        drop(connections);
        // From here on the place is given back when this is dropped, also when opening fails.
        let mut lent = Lent { pool: self, connection: None };
        lent.connection = Some(super::open_for_reading(&self.path)?);
        Ok(lent)
    }
}

fn key_number(connection: &Connection, public: &PublicKey) -> Sql<Option<KeyRef>> {
    let mut query = connection.prepare_cached("SELECT key FROM keys WHERE public = ?1")?;
    query.query_row([&public.0], |row| Ok(KeyRef(nat(row, 0)?))).optional()
}

/// A connection that goes back to the pool, whatever happens to the read.
struct Lent<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
}

impl Lent<'_> {
    fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("only dropping takes it out, and lending put it in")
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut connections = self.pool.connections.lock().unwrap_or_else(PoisonError::into_inner);
        match self.connection.take() {
            Some(connection) => connections.idle.push(connection),
            None => connections.open = connections.open.saturating_sub(1),
        }
        drop(connections);
        self.pool.one_is_idle.notify_one();
    }
}

/// An entry with the words that people need to recognise it.
#[derive(Debug, Clone)]
pub struct EntryView {
    /// The entry.
    pub entry: Entry,
    /// Of a claim that bought one: the item.
    pub item: Option<(ItemRow, ItemText)>,
    /// Of a claim: who was paid.
    pub creator: Option<(CreatorId, String)>,
}

/// A count and a sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub count: u64,
    /// How much.
    pub amount: Micros,
    /// Of payments: how much more was paid with free credit, which is credited to nobody.
    pub free: Micros,
}

impl Sum {
    /// Adds another one.
    pub fn add(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.amount = self.amount.plus(other.amount).unwrap_or(Micros::MAX);
        self.free = self.free.plus(other.free).unwrap_or(Micros::MAX);
    }
}

/// Refunds, and what they took from a creator; free credit that went back with it is in no sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refunds {
    /// How many.
    pub count: u64,
    /// How much.
    pub amount: Micros,
}

impl Refunds {
    /// Adds others.
    pub fn add(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.amount = self.amount.plus(other.amount).unwrap_or(Micros::MAX);
    }
}

impl Reader {
    /// Reads a ledger that a writer has opened before, in another process or this one.
    ///
    /// # Errors
    /// [`ReadError`] when the file cannot be opened.
    pub fn open(path: &Path) -> Read<Self> {
        Self::new(path, None)
    }

    /// Reads beside a writer of this process.
    pub(super) fn beside(path: &Path, hot: Arc<RwLock<Hot>>) -> Read<Self> {
        Self::new(path, Some(hot))
    }

    fn new(path: &Path, hot: Option<Arc<RwLock<Hot>>>) -> Read<Self> {
        let idle = vec![super::open_for_reading(path)?];
        let connections = Mutex::new(Connections { idle, open: 1 });
        let pool = Pool { path: path.to_owned(), connections, one_is_idle: Condvar::new() };
        Ok(Self { pool: Arc::new(pool), hot })
    }

    /// Reads what is never held back.
    pub(super) fn with<T>(&self, read: impl FnOnce(&Connection) -> Sql<T>) -> Read<T> {
        let lent = self.pool.lend()?;
        Ok(read(lent.connection())?)
    }

    /// Reads tables of one moment with the rows that are newer. The writer cannot publish its
    /// next batch before `read` has let go of them.
    pub(super) fn with_newer<T>(
        &self,
        read: impl FnOnce(&Connection, Newer<'_>) -> Sql<T>,
    ) -> Read<T> {
        let lent = self.pool.lend()?;
        let connection = lent.connection();
        // First the rows, then the moment: so the tables are of the same time or newer, and rows
        // that were folded in between are noticed.
        let shared =
            self.hot.as_ref().map(|hot| hot.read().unwrap_or_else(PoisonError::into_inner));
        let moment = connection.unchecked_transaction()?;
        let newer = match shared {
            Some(hot) if hot.goes_with(&moment)? => Newer::Shared(hot),
            _ => Newer::Own(Box::new(Hot::read(&moment)?)),
        };
        Ok(read(&moment, newer)?)
    }

    /// Whether the ledger answers.
    ///
    /// # Errors
    /// [`ReadError`] when it does not.
    pub fn probe(&self) -> Read<()> {
        self.with(|connection| {
            connection.prepare_cached("SELECT entry FROM counters")?.query_row([], |_| Ok(()))
        })
    }

    /// The number of a spending key, which never changes; `None` when no connection is idle, so
    /// that a caller that must not wait can ask elsewhere.
    pub fn key_number_now(&self, public: &PublicKey) -> Option<Read<Option<KeyRef>>> {
        let lent = self.pool.lend_idle()?;
        Some(key_number(lent.connection(), public).map_err(ReadError::from))
    }

    /// As [`Reader::key_number_now`], and waits for a connection.
    pub fn key_number(&self, public: &PublicKey) -> Read<Option<KeyRef>> {
        self.with(|connection| key_number(connection, public))
    }

    /// A spending key by its public key.
    ///
    /// # Errors
    /// As all methods here: [`ReadError`].
    pub fn key(&self, public: &PublicKey) -> Read<Option<KeyRow>> {
        self.with_newer(|connection, newer| {
            let found = load::key_by_public(connection, &public.0)?;
            Ok(found.map(|row| newer.key(row)))
        })
    }

    /// A spending key by its number.
    pub fn key_by_ref(&self, key: KeyRef) -> Read<Option<KeyRow>> {
        self.with_newer(|connection, newer| match newer.keys.get(&key) {
            Some(row) => Ok(Some(row.clone())),
            None => load::key_by_ref(connection, key),
        })
    }

    /// Spending keys of a wallet that were not revoked, newest first: those that its present root key allowed
    /// before those that ended, which whoever had the old one may have made any number of.
    pub fn keys_of_wallet(&self, wallet: WalletRef) -> Read<Vec<KeyRow>> {
        self.with_newer(|connection, newer| {
            let sql = format!(
                "SELECT {} FROM keys WHERE wallet = ?1 AND revoked = 0 \
                 ORDER BY generation DESC, key DESC LIMIT 500",
                columns::KEY
            );
            let mut query = connection.prepare_cached(&sql)?;
            let rows = query.query_map([int(wallet.0)], columns::key)?;
            rows.map(|row| row.map(|row| newer.key(row))).collect()
        })
    }

    /// What a wallet paid a creator for items in the month of a time that has passed.
    pub fn paid_before(
        &self,
        wallet: &WalletRow,
        creator: CreatorRef,
        paid_at: UnixMillis,
    ) -> Read<InMonth> {
        self.with(|connection| paid::paid_before(connection, wallet.last_entry, creator, paid_at))
    }

    /// What a wallet paid each creator for items in this month; `None` where its entries are too many.
    pub fn paid_by_creator(
        &self,
        wallet: &WalletRow,
        now: UnixMillis,
    ) -> Read<Option<HashMap<CreatorRef, Micros>>> {
        self.with(|connection| paid::by_creator(connection, wallet.last_entry, now))
    }

    /// The newest permission of a wallet for a creator.
    pub fn permission(
        &self,
        wallet: WalletRef,
        creator: CreatorRef,
    ) -> Read<Option<PermissionRow>> {
        self.with(|connection| load::permission(connection, (wallet, creator)))
    }

    /// A wallet's permissions, as many as a wallet has allowances that are listed.
    pub fn permissions_of_wallet(&self, wallet: WalletRef) -> Read<Vec<PermissionRow>> {
        self.with(|connection| {
            let sql = "SELECT wallet, creator, signed FROM permissions WHERE wallet = ?1 LIMIT 500";
            let mut query = connection.prepare_cached(sql)?;
            query.query_map([int(wallet.0)], columns::permission)?.collect()
        })
    }

    /// When and by whom a wallet was refunded, newest first, as far as limits look.
    pub fn recent_refunds(&self, wallet: &WalletRow) -> Read<Vec<(UnixMillis, CreatorRef)>> {
        self.with(|connection| load::recent_refunds(connection, wallet.last_refund))
    }

    /// Whether a wallet had the money of an item back.
    pub fn was_given_back(&self, wallet: WalletRef, item: ItemHash) -> Read<bool> {
        self.with_newer(|connection, newer| {
            let found = load::wallet_with_window(connection, wallet).optional()?;
            let Some((_, window)) = found else { return Ok(false) };
            load::was_given_back(connection, wallet, (&window, newer.owned(wallet)), item)
        })
    }

    /// A wallet by its root key.
    pub fn wallet(&self, root: &PublicKey) -> Read<Option<WalletRow>> {
        let sql = format!("SELECT {} FROM wallets WHERE root = ?1", columns::WALLET);
        self.with_newer(|connection, newer| {
            let mut query = connection.prepare_cached(&sql)?;
            let found = query.query_row([&root.0], columns::wallet).optional()?;
            Ok(found.map(|row| newer.wallet(row)))
        })
    }

    /// The backup of a name.
    pub fn backup(&self, name: &BackupName) -> Read<Option<BackupRow>> {
        self.with(|connection| {
            let sql = "SELECT wallet, signed FROM backups WHERE name = ?1";
            let mut query = connection.prepare_cached(sql)?;
            query.query_row([&name.0], columns::backup).optional()
        })
    }

    /// When another root key took the place of this one.
    pub fn root_ended_at(&self, root: &PublicKey) -> Read<Option<UnixMillis>> {
        self.with(|connection| {
            let sql = "SELECT at FROM rotations WHERE substr(signed, 49, 32) = ?1";
            let mut query = connection.prepare_cached(sql)?;
            query.query_row([&root.0], |row| nat(row, 0).map(UnixMillis)).optional()
        })
    }

    /// What a wallet without a budget paid in this month.
    pub fn spent_of_wallet(&self, wallet: &WalletRow, now: UnixMillis) -> Read<Spent> {
        self.with(|connection| paid::spent(connection, wallet.last_entry, now))
    }

    /// A wallet by its number.
    pub fn wallet_by_ref(&self, wallet: WalletRef) -> Read<Option<WalletRow>> {
        let sql = format!("SELECT {} FROM wallets WHERE wallet = ?1", columns::WALLET);
        self.with_newer(|connection, newer| {
            let mut query = connection.prepare_cached(&sql)?;
            let found = query.query_row([int(wallet.0)], columns::wallet).optional()?;
            Ok(found.map(|row| newer.wallet(row)))
        })
    }

    /// A creator by its public id.
    pub fn creator(&self, id: &CreatorId) -> Read<Option<(CreatorRow, CreatorProfile)>> {
        self.with_newer(|connection, newer| {
            let sql = format!("SELECT {} FROM creators WHERE id = ?1", columns::CREATOR);
            let row =
                connection.prepare_cached(&sql)?.query_row([&id.0], columns::creator).optional()?;
            let Some(row) = row.map(|row| newer.creator(row)) else { return Ok(None) };
            Ok(profile(connection, row.creator)?.map(|profile| (row, profile)))
        })
    }

    /// A creator by its number.
    pub fn creator_by_ref(&self, creator: CreatorRef) -> Read<Option<CreatorRow>> {
        self.with_newer(|connection, newer| {
            let sql = format!("SELECT {} FROM creators WHERE creator = ?1", columns::CREATOR);
            let mut query = connection.prepare_cached(&sql)?;
            let found = query.query_row([int(creator.0)], columns::creator).optional()?;
            Ok(found.map(|row| newer.creator(row)))
        })
    }

    /// Profile of a creator by its number.
    pub fn profile(&self, creator: CreatorRef) -> Read<Option<CreatorProfile>> {
        self.with(|connection| profile(connection, creator))
    }

    /// All creators in order of registration.
    pub fn creators(&self) -> Read<Vec<(CreatorRow, CreatorProfile)>> {
        self.with_newer(|connection, newer| {
            let sql = format!("SELECT {} FROM creators ORDER BY creator", columns::CREATOR);
            let rows: Vec<CreatorRow> =
                connection.prepare(&sql)?.query_map([], columns::creator)?.collect::<Sql<_>>()?;
            let mut all = Vec::with_capacity(rows.len());
            for row in rows {
                if let Some(profile) = profile(connection, row.creator)? {
                    all.push((newer.creator(row), profile));
                }
            }
            Ok(all)
        })
    }

    /// An item by its hash.
    pub fn item(&self, hash: &ItemHash) -> Read<Option<(ItemRow, ItemText)>> {
        let sql = format!("SELECT {}, name, title FROM items WHERE hash = ?1", columns::ITEM);
        self.with(|connection| {
            connection
                .prepare_cached(&sql)?
                .query_row([&hash.0], columns::item_with_text)
                .optional()
        })
    }

    /// All items of a creator in order of first pricing.
    pub fn items(&self, creator: CreatorRef) -> Read<Vec<(ItemRow, ItemText)>> {
        let sql = format!(
            "SELECT {}, name, title FROM items WHERE creator = ?1 ORDER BY item LIMIT 10000",
            columns::ITEM
        );
        self.with(|connection| {
            connection
                .prepare_cached(&sql)?
                .query_map([int(creator.0)], columns::item_with_text)?
                .collect()
        })
    }

    /// The receipt of an item that a wallet owns.
    pub fn owned(&self, wallet: WalletRef, item: ItemHash) -> Read<Option<ReceiptRow>> {
        self.with_newer(|connection, newer| {
            let found = load::wallet_with_window(connection, wallet).optional()?;
            let Some((_, window)) = found else { return Ok(None) };
            load::owned_receipt(connection, wallet, (&window, newer.owned(wallet)), item)
        })
    }

    /// The accepted claim of a key under a number.
    pub fn past_claim(&self, newest: EntryNumber, sequence: u64) -> Read<Option<PastClaim>> {
        self.with(|connection| load::past_claim(connection, newest, sequence))
    }

    /// Entries of a wallet, newest first, from `from` (its newest, or a cursor) on; and the cursor
    /// of those that follow.
    pub fn entries_of_wallet(
        &self,
        from: EntryNumber,
        limit: usize,
    ) -> Read<(Vec<EntryView>, EntryNumber)> {
        self.chain(from, limit, |entry| {
            use farthing_rules::EntryBody as Body;
            match &entry.body {
                Body::Claim(claim) => claim.previous_of_wallet,
                Body::Refund(refund) => refund.previous_of_wallet,
                Body::TopUp { previous_of_wallet, .. }
                | Body::Welcome { previous_of_wallet, .. } => *previous_of_wallet,
                Body::Lift(review) => match review.place {
                    farthing_rules::findings::Place::Wallet { previous_of_wallet, .. } => {
                        previous_of_wallet
                    }
                    _ => EntryNumber(0),
                },
                Body::Release { .. } | Body::Hold(_) => EntryNumber(0),
            }
        })
    }

    /// Claim entries of a creator, newest first; as [`Reader::entries_of_wallet`].
    pub fn entries_of_creator(
        &self,
        from: EntryNumber,
        limit: usize,
    ) -> Read<(Vec<EntryView>, EntryNumber)> {
        self.chain(from, limit, |entry| match &entry.body {
            farthing_rules::EntryBody::Claim(claim) => claim.previous_of_creator,
            _ => EntryNumber(0),
        })
    }

    /// Refund entries of a creator, newest first; as [`Reader::entries_of_wallet`].
    pub fn refunds_of_creator(
        &self,
        from: EntryNumber,
        limit: usize,
    ) -> Read<(Vec<EntryView>, EntryNumber)> {
        self.chain(from, limit, |entry| match &entry.body {
            farthing_rules::EntryBody::Refund(refund) => refund.previous_of_creator,
            _ => EntryNumber(0),
        })
    }

    /// What became of the newest request to refund the claim of an entry.
    pub fn refund(&self, claim: EntryNumber) -> Read<Option<RefundRow>> {
        self.with(|connection| load::refund(connection, claim))
    }

    fn chain(
        &self,
        from: EntryNumber,
        limit: usize,
        previous: impl Fn(&Entry) -> EntryNumber,
    ) -> Read<(Vec<EntryView>, EntryNumber)> {
        self.with(|connection| {
            let sql = format!("SELECT {} FROM entries WHERE number = ?1", columns::ENTRY);
            let mut query = connection.prepare_cached(&sql)?;
            let mut at = from;
            let mut views = Vec::with_capacity(limit.min(256));
            while at.0 != 0 && views.len() < limit {
                let found = query.query_row([int(at.0)], columns::entry).optional()?;
                let Some(entry) = found else { break };
                at = previous(&entry);
                views.push(view(connection, entry)?);
            }
            Ok((views, at))
        })
    }

    /// One entry.
    pub fn entry(&self, number: EntryNumber) -> Read<Option<Entry>> {
        let sql = format!("SELECT {} FROM entries WHERE number = ?1", columns::ENTRY);
        self.with(|connection| {
            connection.prepare_cached(&sql)?.query_row([int(number.0)], columns::entry).optional()
        })
    }

    /// All vouchers, newest first.
    pub fn vouchers(&self, limit: usize) -> Read<Vec<VoucherRow>> {
        let sql = format!(
            "SELECT {} FROM vouchers ORDER BY issued_at DESC, hash LIMIT ?1",
            columns::VOUCHER
        );
        self.with(|connection| {
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            connection.prepare_cached(&sql)?.query_map([limit], columns::voucher)?.collect()
        })
    }

    /// Whether held money is due at this minute.
    pub fn holds_due(&self, minute: u64) -> Read<bool> {
        self.with_newer(|connection, newer| {
            let first = newer.holds.keys().next();
            if first.is_some_and(|(due, _)| *due <= minute) {
                return Ok(true);
            }
            let sql = "SELECT 1 FROM holds WHERE minute <= ?1 LIMIT 1";
            connection.prepare_cached(sql)?.exists([int(minute)])
        })
    }
}

fn profile(connection: &Connection, creator: CreatorRef) -> Sql<Option<CreatorProfile>> {
    let sql = format!("SELECT {} WHERE p.creator = ?1", columns::PROFILE);
    connection.prepare_cached(&sql)?.query_row([int(creator.0)], columns::profile).optional()
}

fn view(connection: &Connection, entry: Entry) -> Sql<EntryView> {
    let (item, creator) = match &entry.body {
        farthing_rules::EntryBody::Claim(claim) => (claim.item, claim.creator),
        farthing_rules::EntryBody::Refund(refund) => (refund.item, refund.creator),
        _ => return Ok(EntryView { entry, item: None, creator: None }),
    };
    let sql = format!("SELECT {}, name, title FROM items WHERE item = ?1", columns::ITEM);
    let item = connection
        .prepare_cached(&sql)?
        .query_row([int(item.0)], columns::item_with_text)
        .optional()?;
    let creator = profile(connection, creator)?.map(|profile| (profile.id, profile.name));
    Ok(EntryView { entry, item, creator })
}
