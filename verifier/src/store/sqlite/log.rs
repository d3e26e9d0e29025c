//! What the Merkle log reads: entries in the order of their numbers.

use farthing_rules::EntryNumber;
use farthing_rules::rows::Entry;
use farthing_shared::{Claim, Micros, UnixMillis};
use rusqlite::Row;

use super::columns::{self, Sql, broken, int, micros, nat};
use super::read::{ReadError, Reader};

/// What of an entry its leaf is made of.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are claims, and a box each would cost more"
)]
pub enum LeafRow {
    /// Of a claim no more than that: the log reads each claim while others come in, and the other columns take
    /// as long as these.
    Claim(ClaimRow),
    /// All of it.
    Other(Box<Entry>),
}

/// What of a claim's entry its leaf is made of.
#[derive(Debug)]
pub struct ClaimRow {
    /// The entry's number.
    pub entry: EntryNumber,
    /// When it was accepted.
    pub at: UnixMillis,
    /// The creator's running number.
    pub number: u64,
    /// The creator's running total.
    pub total: Micros,
    /// The amount less free credit and fee; `None` when they are more than it.
    pub credited: Option<Micros>,
    /// The claim as it was signed.
    pub signed: [u8; Claim::SIGNED_LEN],
}

impl LeafRow {
    /// The entry's number.
    #[must_use]
    pub fn number(&self) -> EntryNumber {
        match self {
            Self::Claim(claim) => claim.entry,
            Self::Other(entry) => entry.number,
        }
    }
}

const CLAIM: i64 = 1;
const LEAF_ROW: &str = "number, at, kind, amount, fee, free, creator_number, creator_total, body";

/// `None` for an entry that is not a claim.
fn claim_row(row: &Row<'_>) -> Sql<Option<ClaimRow>> {
    if row.get::<_, i64>(2)? != CLAIM {
        return Ok(None);
    }
    let (amount, fee) = (micros(row, 3)?, micros(row, 4)?);
    let free = Micros::new(columns::maybe_nat(row, 5)?);
    let free = free.ok_or_else(|| broken(5, "an amount out of range"))?;
    Ok(Some(ClaimRow {
        entry: EntryNumber(nat(row, 0)?),
        at: UnixMillis(nat(row, 1)?),
        number: nat(row, 6)?,
        total: micros(row, 7)?,
        credited: amount.minus(free).and_then(|rest| rest.minus(fee)),
        signed: columns::bytes(row, 8)?,
    }))
}

impl Reader {
    /// What the leaves of the entries that follow a number are made of, in order, at most `limit`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn leaf_rows_after(
        &self,
        number: EntryNumber,
        limit: usize,
    ) -> Result<Vec<LeafRow>, ReadError> {
        self.with(|connection| {
            let sql = format!(
                "SELECT {LEAF_ROW} FROM entries WHERE number > ?1 ORDER BY number LIMIT ?2"
            );
            let whole = format!("SELECT {} FROM entries WHERE number = ?1", columns::ENTRY);
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let mut query = connection.prepare_cached(&sql)?;
            let mut whole = connection.prepare_cached(&whole)?;
            let mut rows = query.query([int(number.0), limit])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(match claim_row(row)? {
                    Some(claim) => LeafRow::Claim(claim),
                    None => {
                        let entry = whole.query_row([int(nat(row, 0)?)], columns::entry)?;
                        LeafRow::Other(Box::new(entry))
                    }
                });
            }
            Ok(found)
        })
    }

    /// The number of the newest entry, 0 when there is none.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn newest_entry(&self) -> Result<EntryNumber, ReadError> {
        self.with(|connection| {
            let sql = "SELECT COALESCE(MAX(number), 0) FROM entries";
            connection.prepare_cached(sql)?.query_row([], |row| Ok(EntryNumber(nat(row, 0)?)))
        })
    }
}
