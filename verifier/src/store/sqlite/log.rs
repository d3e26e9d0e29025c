//! What the Merkle log reads: entries in the order of their numbers.

use farthing_rules::EntryNumber;
use farthing_rules::rows::Entry;

use super::columns::{self, Sql, int, nat};
use super::read::{ReadError, Reader};

impl Reader {
    /// Entries that follow a number, in order, at most `limit`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn entries_after(
        &self,
        number: EntryNumber,
        limit: usize,
    ) -> Result<Vec<Entry>, ReadError> {
        self.with(|connection| {
            let sql = format!(
                "SELECT {} FROM entries WHERE number > ?1 ORDER BY number LIMIT ?2",
                columns::ENTRY
            );
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            connection
                .prepare_cached(&sql)?
                .query_map([int(number.0), limit], columns::entry)?
                .collect::<Sql<_>>()
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
