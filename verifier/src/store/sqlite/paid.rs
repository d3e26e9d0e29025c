//! What a wallet paid, added up from its own entries where no row has counted it.

use farthing_rules::past::{Met, Walk};
use farthing_rules::rows::{InMonth, Spent};
use farthing_rules::{CreatorRef, EntryNumber};
use farthing_shared::time::month_of_day;
use farthing_shared::{Micros, UnixMillis};
use hashbrown::{HashMap, HashSet};
use rusqlite::{CachedStatement, Connection};

use super::columns::{self, Sql, int, micros, nat};

/// What a wallet paid in this month, from its own entries: once in its life, with its first budget. Some
/// 1.5 µs an entry, so that a thousand payments in a month are a millisecond or two.
pub(super) fn spent(connection: &Connection, newest: EntryNumber, now: UnixMillis) -> Sql<Spent> {
    let mut entries = Backwards::from(connection, newest)?;
    let (mut walk, mut payments) = (Walk::over(now), Vec::new());
    while let Some(entry) = entries.step()? {
        // However many there are: a budget has to know.
        if walk.meet(entry.at) == Met::End {
            break;
        }
        payments.extend(entry.kept.map(|amount| (entry.at, amount)));
    }
    Ok(Spent::of(now, payments))
}

/// What a wallet paid a creator for items in the month of a time, from its own entries. Whoever had more entries
/// since is taken to have paid without end: asking again and again must not keep the ledger busy.
pub(super) fn paid_before(
    connection: &Connection,
    newest: EntryNumber,
    creator: CreatorRef,
    paid_at: UnixMillis,
) -> Sql<InMonth> {
    let mut paid = InMonth::default();
    let whole = each_in_month(connection, newest, paid_at, |of, when, amount| {
        if of == creator {
            paid = paid.and(when, amount);
        }
    })?;
    let endless = InMonth { month: month_of_day(paid_at.day()), paid: Micros::MAX };
    Ok(if whole { paid } else { endless })
}

/// What a wallet paid each creator for items in the month of a time; `None` where its entries are too many.
pub(super) fn by_creator(
    connection: &Connection,
    newest: EntryNumber,
    paid_at: UnixMillis,
) -> Sql<Option<HashMap<CreatorRef, Micros>>> {
    let mut sums: HashMap<CreatorRef, Micros> = HashMap::new();
    let whole = each_in_month(connection, newest, paid_at, |of, _, amount| {
        let sum = sums.entry(of).or_default();
        *sum = sum.plus(amount).unwrap_or(Micros::MAX);
    })?;
    Ok(whole.then_some(sums))
}

/// Gives each payment of a wallet for an item in the month of a time that was not refunded; false when there are too many
/// entries to look through.
fn each_in_month(
    connection: &Connection,
    newest: EntryNumber,
    paid_at: UnixMillis,
    mut take: impl FnMut(CreatorRef, UnixMillis, Micros),
) -> Sql<bool> {
    let mut entries = Backwards::from(connection, newest)?;
    let mut walk = Walk::over(paid_at);
    while let Some(entry) = entries.step()? {
        match walk.meet(entry.at) {
            Met::TooMany => return Ok(false),
            Met::End => break,
            Met::Outside => {}
            Met::Inside => {
                if let Some(amount) = entry.kept.filter(|_| entry.is_for_an_item) {
                    take(entry.creator, entry.at, amount);
                }
            }
        }
    }
    Ok(true)
}

/// A wallet's entries, newest first, along the chain that they form.
struct Backwards<'c> {
    query: CachedStatement<'c>,
    next: EntryNumber,
    /// Claims whose refunds were met. A refund is newer than its claim, so it is met first.
    refunded: HashSet<u64>,
}

/// What one of them says of a payment.
struct Passed {
    at: UnixMillis,
    /// Paid by it and not given back since.
    kept: Option<Micros>,
    creator: CreatorRef,
    is_for_an_item: bool,
}

impl<'c> Backwards<'c> {
    fn from(connection: &'c Connection, newest: EntryNumber) -> Sql<Self> {
        let sql = "SELECT at, kind, amount, claim, previous_of_wallet, creator, item FROM entries \
                   WHERE number = ?1";
        let query = connection.prepare_cached(sql)?;
        Ok(Self { query, next: newest, refunded: HashSet::new() })
    }

    fn step(&mut self) -> Sql<Option<Passed>> {
        let number = self.next.0;
        if number == 0 {
            return Ok(None);
        }
        let (at, kind, amount, [claim, previous, creator, item]) =
            self.query.query_row([int(number)], |row| {
                let [claim, previous, creator, item] =
                    [3, 4, 5, 6].map(|column| columns::maybe_nat(row, column));
                let others = [claim?, previous?, creator?, item?];
                Ok((UnixMillis(nat(row, 0)?), nat(row, 1)?, micros(row, 2)?, others))
            })?;
        self.next = EntryNumber(previous);
        if kind == 5 {
            self.refunded.insert(claim);
        }
        let kept = (kind == 1 && !self.refunded.remove(&number)).then_some(amount);
        let creator = CreatorRef(creator);
        Ok(Some(Passed { at, kept, creator, is_for_an_item: item != 0 }))
    }
}
