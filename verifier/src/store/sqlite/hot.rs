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
//! - A folding is done bit by bit, a few rows with each batch, so that nobody waits for it: first the
//!   sums, all at once; then keys and wallets in the order of their numbers; at last the rows of `redo`
//!   go whose changes are in the tables. What changes meanwhile is marked as fresh and stays. A crash in
//!   between costs nothing: a row or a purchase is folded again to the same effect, and `counters.summed`
//!   says which sums are in the tables already.
//! - `counters.fold` counts what moves from here into the tables for good: sums, and the end of a
//!   folding. Rows in memory go with the tables of one such count; who finds another one (another
//!   process has written) reads `redo` anew.

use std::collections::BTreeMap;

use farthing_rules::rows::{Accounts, Counters, CreatorRow, KeyRow, WalletRow};
use farthing_rules::{CreatorRef, ItemRef, KeyRef, WalletRef};
use farthing_shared::Micros;
use hashbrown::{HashMap, HashSet};
use rusqlite::Connection;

use super::columns::{self, Sql, nat};
use super::redo::{Change, OwnedPair};

/// How foldings go.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Rows held back before one begins.
    pub begin: usize,
    /// Rows that each batch folds at least.
    pub step: usize,
    /// Rows more for each of its commands.
    pub each: usize,
}

impl Pace {
    /// Held back: while 65,536 rows are folded at most half as many come, so that there are never more
    /// than some 100,000, 30 MB. Each command changes three rows at most and folds four, so that a folding
    /// ends before there is enough for the next. 64 rows are a quarter of a millisecond if each has a
    /// page to itself.
    pub(super) const USUAL: Self = Self { begin: 65_536, step: 64, each: 4 };
}

/// Bytes of `redo` before a folding begins; half as many come meanwhile, and all of them are read
/// again in some two tenths of a second after a crash.
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
    folding: Option<Folding>,
}

/// A folding under way.
#[derive(Debug)]
struct Folding {
    /// The newest batch whose changes are folded.
    batch: i64,
    /// The first entry that is not of those batches.
    entry: u64,
    /// What is still to fold, the next ones last.
    keys: Vec<KeyRef>,
    wallets: Vec<WalletRef>,
    /// What has changed since, and so stays when the folding ends.
    fresh_keys: HashSet<KeyRef>,
    fresh_wallets: HashSet<WalletRef>,
    fresh_creators: HashSet<CreatorRef>,
    fresh_bytes: usize,
}

/// What one transaction brings from memory into the tables.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// All sums.
    pub(super) sums: bool,
    /// A folding begins: up to this batch.
    pub(super) begin: Option<i64>,
    /// Rows of these keys and wallets, in order.
    pub(super) keys: Vec<KeyRef>,
    pub(super) wallets: Vec<WalletRef>,
    /// A folding ends: rows of `redo` up to this batch go.
    pub(super) end: Option<i64>,
    /// Everything at once.
    pub(super) all: bool,
}

impl Step {
    /// Whether something moves for good, so that nobody may look at tables and memory meanwhile.
    pub(super) fn moves(&self) -> bool {
        self.all || self.sums || self.end.is_some()
    }

    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Hot {
    /// Reads what stands in `redo`, as the connection's transaction sees it.
    pub(super) fn read(connection: &Connection) -> Sql<Self> {
        let mut hot = Self { fold: Some(folds(connection)?), ..Self::default() };
        let mut summed = connection.prepare_cached("SELECT summed FROM counters")?;
        let summed: i64 = summed.query_row([], |row| row.get(0))?;
        let mut query =
            connection.prepare_cached("SELECT change, batch FROM redo ORDER BY batch")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let bytes = row.get_ref(0)?.as_blob().unwrap_or_default();
            let mut change = Change::decode(bytes)
                .ok_or_else(|| columns::broken(0, "a row of redo that cannot be read"))?;
            if row.get::<_, i64>(1)? <= summed {
                change.forget_sums();
            }
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
        if let Some(folding) = &mut self.folding {
            folding.fresh_bytes = folding.fresh_bytes.saturating_add(bytes);
            folding.fresh_keys.extend(change.keys.iter().map(|row| row.key));
            folding.fresh_wallets.extend(change.wallets.iter().map(|row| row.wallet));
            folding.fresh_creators.extend(change.creators.iter().map(|row| row.creator));
        }
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

    /// What a batch of so many commands brings into the tables besides its own. `newest` tells the
    /// newest batch in `redo`.
    pub(super) fn next_step(
        &self,
        commands: usize,
        pace: Pace,
        newest: impl FnOnce() -> Sql<i64>,
    ) -> Sql<Step> {
        let mut step = Step::default();
        let Some(folding) = &self.folding else {
            if self.is_full(pace.begin) {
                step.sums = true;
                step.begin = Some(newest()?);
            }
            return Ok(step);
        };
        let most = pace.step.saturating_add(commands.saturating_mul(pace.each));
        step.keys = last(&folding.keys, most);
        step.wallets = last(&folding.wallets, most.saturating_sub(step.keys.len()));
        let left = folding.keys.len() + folding.wallets.len();
        if left == step.keys.len() + step.wallets.len() {
            step.end = Some(folding.batch);
        }
        Ok(step)
    }

    /// The step is on the disk.
    pub(super) fn stepped(&mut self, step: &Step) {
        if step.moves() {
            self.fold = self.fold.map(|fold| fold.saturating_add(1));
        }
        if step.all {
            *self = Self { fold: self.fold, ..Self::default() };
            return;
        }
        if step.sums {
            self.holds.clear();
            self.tallies.clear();
            self.refusals.clear();
        }
        if let Some(folding) = &mut self.folding {
            folding.keys.truncate(folding.keys.len().saturating_sub(step.keys.len()));
            folding.wallets.truncate(folding.wallets.len().saturating_sub(step.wallets.len()));
        }
        if step.end.is_some()
            && let Some(folding) = self.folding.take()
        {
            self.keys.retain(|key, _| folding.fresh_keys.contains(key));
            self.wallets.retain(|wallet, _| folding.fresh_wallets.contains(wallet));
            self.creators.retain(|creator, _| folding.fresh_creators.contains(creator));
            self.owned.retain(|_, pairs| {
                pairs.retain(|pair| bought_with(pair) >= folding.entry);
                !pairs.is_empty()
            });
            self.bytes = folding.fresh_bytes;
        }
        if let Some(batch) = step.begin {
            let mut keys: Vec<KeyRef> = self.keys.keys().copied().collect();
            keys.sort_unstable_by(|a, b| b.cmp(a));
            let mut wallets: Vec<WalletRef> = self.wallets.keys().copied().collect();
            wallets.sort_unstable_by(|a, b| b.cmp(a));
            self.folding = Some(Folding {
                batch,
                entry: self.ones.map_or(0, |(counters, _)| counters.entry),
                keys,
                wallets,
                fresh_keys: HashSet::new(),
                fresh_wallets: HashSet::new(),
                fresh_creators: HashSet::new(),
                fresh_bytes: 0,
            });
        }
    }

    /// Whether enough was held back.
    fn is_full(&self, most: usize) -> bool {
        let rows = self.keys.len() + self.wallets.len() + self.tallies.len() + self.holds.len();
        rows >= most || self.bytes >= BYTES_MAX
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

/// The last `most` of what is to fold, the next one first.
fn last<T: Copy>(rows: &[T], most: usize) -> Vec<T> {
    rows.iter().rev().take(most).copied().collect()
}

/// The entry of a purchase.
pub(super) fn bought_with(pair: &OwnedPair) -> u64 {
    pair.last_chunk().map_or(0, |entry| u64::from_be_bytes(*entry))
}

/// Adds sums; an amount that no longer fits stays at the greatest.
pub(super) fn add(a: More, b: More) -> More {
    let sum = |a: Micros, b| a.plus(b).unwrap_or(Micros::MAX);
    (a.0.saturating_add(b.0), sum(a.1, b.1), sum(a.2, b.2))
}

fn folds(connection: &Connection) -> Sql<u64> {
    connection.prepare_cached("SELECT fold FROM counters")?.query_row([], |row| nat(row, 0))
}
