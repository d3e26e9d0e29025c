//! Rows that are newer than the tables.
//!
//! A claim changes a wallet, a key, a creator and some sums, each on a page of its own: written
//! page by page that is some 14 KiB of log for every claim. So a batch appends its entries and
//! *one* row of `redo` with all that it changed, and the changed rows stay here until they are
//! folded into the tables in the order of their keys, many of them to a page.
//!
//! - Nothing is lost: the row of `redo` is in the transaction of the entries. Whoever opens the
//!   ledger folds what is there.
//! - The tables alone are old. Every read of a wallet, key, creator, hold or sum is laid over with
//!   these rows ([`super::read`] does it for readers, [`super::load`] for the writer).
//! - `counters.fold` counts the foldings. Rows in memory go with the tables of one such count; who
//!   finds another one (another process has written) reads `redo` anew.

use std::collections::BTreeMap;

use farthing_rules::rows::{Accounts, Counters, CreatorRow, KeyRow, WalletRow};
use farthing_rules::{CreatorRef, ItemRef, KeyRef, WalletRef};
use farthing_shared::Micros;
use hashbrown::HashMap;
use rusqlite::Connection;

use super::columns::{self, Sql, nat};
use super::redo::{Change, OwnedPair};

/// Rows held back at most: with 64 Ki claims of 64 Ki wallets some 40 MB, and half a second to
/// fold.
const ROWS_MAX: usize = 131_072;
/// Bytes of `redo` at most: read again in about a tenth of a second after a crash.
const BYTES_MAX: usize = 64 << 20;

/// A count and a sum to add, and of accepted claims the free credit beside it.
pub(super) type More = (u64, Micros, Micros);

/// Rows that are newer than the tables, and sums to add to those in the tables.
#[derive(Debug, Default)]
pub(super) struct Hot {
    /// The count of foldings whose tables these rows complete; `None` before the first look.
    fold: Option<u64>,
    bytes: usize,
    pub(super) ones: Option<(Counters, Accounts)>,
    pub(super) keys: HashMap<KeyRef, KeyRow>,
    pub(super) wallets: HashMap<WalletRef, WalletRow>,
    pub(super) creators: HashMap<CreatorRef, CreatorRow>,
    pub(super) owned: HashMap<WalletRef, Vec<OwnedPair>>,
    /// More or less than the tables have.
    pub(super) holds: BTreeMap<(u64, CreatorRef), i64>,
    pub(super) tallies: HashMap<(CreatorRef, u32, ItemRef), More>,
    pub(super) refusals: HashMap<(CreatorRef, u32, u16), More>,
}

impl Hot {
    /// Reads what stands in `redo`, as the connection's transaction sees it.
    pub(super) fn read(connection: &Connection) -> Sql<Self> {
        let mut hot = Self { fold: Some(folds(connection)?), ..Self::default() };
        let mut query = connection.prepare_cached("SELECT change FROM redo ORDER BY batch")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let bytes = row.get_ref(0)?.as_blob().unwrap_or_default();
            let change = Change::decode(bytes)
                .ok_or_else(|| columns::broken(0, "a row of redo that cannot be read"))?;
            hot.take(change, bytes.len());
        }
        Ok(hot)
    }

    /// Whether the tables that the connection's transaction sees are those of these rows.
    pub(super) fn goes_with(&self, connection: &Connection) -> Sql<bool> {
        Ok(self.fold == Some(folds(connection)?))
    }

    /// Takes what a batch changed, `bytes` long in `redo`.
    pub(super) fn take(&mut self, change: Change, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.ones = Some((change.counters, change.accounts));
        self.keys.extend(change.keys.into_iter().map(|row| (row.key, row)));
        self.wallets.extend(change.wallets.into_iter().map(|row| (row.wallet, row)));
        self.creators.extend(change.creators.into_iter().map(|row| (row.creator, row)));
        for (wallet, pair) in change.owned {
            self.owned.entry(wallet).or_default().push(pair);
        }
        for row in change.holds {
            let held = self.holds.entry((row.minute, row.creator)).or_default();
            *held = held.saturating_add(row.micros);
        }
        for row in change.tallies {
            for day in [0, row.day] {
                let sum = self.tallies.entry((row.creator, day, row.item)).or_default();
                *sum = add(*sum, (row.count, row.credited, row.free));
            }
        }
        for row in change.refusals {
            let sum = self.refusals.entry((row.creator, row.day, row.code)).or_default();
            *sum = add(*sum, (row.count, row.amount, Micros::ZERO));
        }
    }

    /// The rows are in the tables now.
    pub(super) fn folded(&mut self) {
        *self = Self { fold: self.fold.map(|fold| fold.saturating_add(1)), ..Self::default() };
    }

    /// Whether enough was held back.
    pub(super) fn is_full(&self) -> bool {
        let rows = self.keys.len() + self.wallets.len() + self.tallies.len() + self.holds.len();
        rows >= ROWS_MAX || self.bytes >= BYTES_MAX
    }

    /// Whether the tables are complete without it.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// The key as it is, from the row that the tables have.
    pub(super) fn key(&self, row: KeyRow) -> KeyRow {
        self.keys.get(&row.key).cloned().unwrap_or(row)
    }

    /// The wallet as it is.
    pub(super) fn wallet(&self, row: WalletRow) -> WalletRow {
        self.wallets.get(&row.wallet).copied().unwrap_or(row)
    }

    /// The creator as it is.
    pub(super) fn creator(&self, row: CreatorRow) -> CreatorRow {
        self.creators.get(&row.creator).copied().unwrap_or(row)
    }

    /// Purchases of a wallet that its row does not hold yet.
    pub(super) fn owned(&self, wallet: WalletRef) -> &[OwnedPair] {
        self.owned.get(&wallet).map_or(&[], Vec::as_slice)
    }
}

/// Adds sums; an amount that no longer fits stays at the greatest.
pub(super) fn add(a: More, b: More) -> More {
    let sum = |a: Micros, b| a.plus(b).unwrap_or(Micros::MAX);
    (a.0.saturating_add(b.0), sum(a.1, b.1), sum(a.2, b.2))
}

fn folds(connection: &Connection) -> Sql<u64> {
    connection.prepare_cached("SELECT fold FROM counters")?.query_row([], |row| nat(row, 0))
}
