//! What a wallet paid, added up from its own entries where no row has counted it.

use farthing_rules::rows::{InMonth, Spent};
use farthing_rules::{CreatorRef, EntryNumber};
use farthing_shared::time::month_of_day;
use farthing_shared::{Micros, UnixMillis};
use hashbrown::HashSet;
use rusqlite::Connection;

use super::columns::{self, Sql, int, micros, nat};

/// What a wallet paid in this month, from its own entries: once in its life, with its first budget. Some
/// 1.5 µs an entry, so that a thousand payments in a month are a millisecond or two.
pub(super) fn spent(connection: &Connection, newest: EntryNumber, now: UnixMillis) -> Sql<Spent> {
    let month = month_of_day(now.day());
    let sql = "SELECT at, kind, amount, claim, previous_of_wallet FROM entries WHERE number = ?1";
    let mut query = connection.prepare_cached(sql)?;
    let (mut at, mut payments, mut refunded) = (newest, Vec::new(), HashSet::new());
    while at.0 != 0 {
        let (when, kind, amount, claim, previous) = query.query_row([int(at.0)], |row| {
            let claim = columns::maybe_nat(row, 3)?;
            let previous = columns::maybe_nat(row, 4)?;
            Ok((UnixMillis(nat(row, 0)?), nat(row, 1)?, micros(row, 2)?, claim, previous))
        })?;
        if month_of_day(when.day()) < month {
            break;
        }
        // A refund is newer than its claim, so it is met first.
        match kind {
            1 if !refunded.remove(&at.0) => payments.push((when, amount)),
            5 => {
                refunded.insert(claim);
            }
            _ => {}
        }
        at = EntryNumber(previous);
    }
    Ok(Spent::of(now, payments))
}

/// A wallet's entries that are looked through for what it paid in a month that has ended: some 1.5 ms.
const PAST_ENTRIES_MAX: usize = 1_000;

/// What a wallet paid a creator for items in the month of a time, from its own entries. Whoever had more entries
/// since is taken to have paid without end: asking again and again must not keep the ledger busy.
pub(super) fn paid_before(
    connection: &Connection,
    newest: EntryNumber,
    creator: CreatorRef,
    paid_at: UnixMillis,
) -> Sql<InMonth> {
    let month = month_of_day(paid_at.day());
    let sql = "SELECT at, kind, amount, claim, previous_of_wallet, creator, item FROM entries \
               WHERE number = ?1";
    let mut query = connection.prepare_cached(sql)?;
    let (mut at, mut paid, mut refunded) = (newest, InMonth::default(), HashSet::new());
    for _ in 0..PAST_ENTRIES_MAX {
        if at.0 == 0 {
            return Ok(paid);
        }
        let (when, kind, amount, claim, previous, of) = query.query_row([int(at.0)], |row| {
            let [claim, previous, of, item] =
                [3, 4, 5, 6].map(|column| columns::maybe_nat(row, column));
            let of = (of?, item?);
            Ok((UnixMillis(nat(row, 0)?), nat(row, 1)?, micros(row, 2)?, claim?, previous?, of))
        })?;
        let when_month = month_of_day(when.day());
        if when_month < month {
            return Ok(paid);
        }
        // A refund is newer than its claim, so it is met first.
        let is_back = kind == 1 && refunded.remove(&at.0);
        if kind == 5 {
            refunded.insert(claim);
        }
        let counts = kind == 1 && of.0 == creator.0 && of.1 != 0 && when_month == month;
        if counts && !is_back {
            paid = paid.and(when, amount);
        }
        at = EntryNumber(previous);
    }
    Ok(InMonth { month, paid: Micros::MAX })
}
