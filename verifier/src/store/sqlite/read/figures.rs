//! Figures of a creator: sums by day, and what was refused.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use farthing_rules::rows::Equivocation;
use farthing_rules::{CreatorRef, ItemRef};
use farthing_shared::{Micros, PublicKey};

use super::super::columns::{self, int, micros, nat, small};
use super::super::hot::{More, add};
use super::{Read, Reader, Refunds, Sum};

impl Reader {
    /// Sums of a creator from a day on, by day and item; day 0 is the sum of all days.
    pub fn tallies(
        &self,
        creator: CreatorRef,
        from: u32,
        to: u32,
    ) -> Read<Vec<(u32, ItemRef, Sum)>> {
        self.with_newer(|connection, newer| {
            let wanted = from..=to;
            let of_creator = newer.tallies.iter().filter(|((of, ..), _)| *of == creator);
            let mut sums: BTreeMap<(u32, ItemRef), More> = of_creator
                .filter(|((_, day, _), _)| wanted.contains(day))
                .map(|((_, day, item), more)| ((*day, *item), *more))
                .collect();
            drop(newer);
            let sql = "SELECT item, count, credited, free FROM tallies \
                       WHERE day = ?1 AND creator = ?2";
            let mut query = connection.prepare_cached(sql)?;
            for day in wanted {
                let mut rows = query.query((day, int(creator.0)))?;
                while let Some(row) = rows.next()? {
                    let sum = sums.entry((day, ItemRef(nat(row, 0)?))).or_default();
                    *sum = add(*sum, (nat(row, 1)?, micros(row, 2)?, micros(row, 3)?));
                }
            }
            let all = sums.into_iter();
            Ok(all
                .map(|((day, item), (count, amount, free))| {
                    (day, item, Sum { count, amount, free })
                })
                .collect())
        })
    }

    /// A creator's refunds from a day on, by the day they were made and by item; day 0 is the sum of all days.
    pub fn refund_tallies(
        &self,
        creator: CreatorRef,
        from: u32,
        to: u32,
    ) -> Read<Vec<(u32, ItemRef, Refunds)>> {
        self.with(|connection| {
            let sql = "SELECT item, count, taken FROM refund_tallies \
                       WHERE day = ?1 AND creator = ?2";
            let mut query = connection.prepare_cached(sql)?;
            let mut sums = Vec::new();
            for day in from..=to {
                let mut rows = query.query_map((day, int(creator.0)), |row| {
                    let back = Refunds { count: nat(row, 1)?, amount: micros(row, 2)? };
                    Ok((day, ItemRef(nat(row, 0)?), back))
                })?;
                rows.try_for_each(|row| row.map(|row| sums.push(row)))?;
            }
            Ok(sums)
        })
    }

    /// Claims of a creator that were not charged, from a day on: day, outcome number, sum.
    pub fn refusals(&self, creator: CreatorRef, from: u32) -> Read<Vec<(u32, u16, Sum)>> {
        self.with_newer(|connection, newer| {
            let of_creator = newer.refusals.iter().filter(|((of, ..), _)| *of == creator);
            let mut sums: BTreeMap<(Reverse<u32>, u16), More> = of_creator
                .filter(|((_, day, _), _)| *day >= from)
                .map(|((_, day, code), more)| ((Reverse(*day), *code), *more))
                .collect();
            drop(newer);
            let sql = "SELECT day, code, count, amount FROM refusals \
                       WHERE day >= ?1 AND creator = ?2";
            let mut query = connection.prepare_cached(sql)?;
            let mut rows = query.query((from, int(creator.0)))?;
            while let Some(row) = rows.next()? {
                let code = u16::try_from(small(row, 1)?).unwrap_or(u16::MAX);
                let sum = sums.entry((Reverse(small(row, 0)?), code)).or_default();
                *sum = add(*sum, (nat(row, 2)?, micros(row, 3)?, Micros::ZERO));
            }
            let all = sums.into_iter();
            Ok(all
                .map(|((day, code), (count, amount, free))| {
                    (day.0, code, Sum { count, amount, free })
                })
                .collect())
        })
    }

    /// Proofs of equivocation against keys that pay a creator, newest first, below an id.
    pub fn equivocations(
        &self,
        creator: CreatorRef,
        below: u64,
        limit: usize,
    ) -> Read<Vec<(u64, PublicKey, Equivocation)>> {
        self.with(|connection| {
            let sql = "SELECT e.at, e.key, e.creator, e.sequence, e.first, e.second, e.id, k.public \
                       FROM equivocations e JOIN keys k ON k.key = e.key \
                       WHERE e.creator = ?1 AND e.id < ?2 ORDER BY e.id DESC LIMIT ?3";
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            connection
                .prepare_cached(sql)?
                .query_map((int(creator.0), int(below), limit), |row| {
                    let public = PublicKey(columns::bytes(row, 7)?);
                    Ok((nat(row, 6)?, public, columns::equivocation(row)?))
                })?
                .collect()
        })
    }
}
