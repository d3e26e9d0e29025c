//! Records of payments in few bytes: what follows from the record before is written as the difference, and
//! what comes again (a visitor's key, an item, a site) as the number of its first coming.
//!
//! ```text
//!  entry     z   less the one before and 1     │ first record: all before it is 0
//!  time      z   less the one before           │
//!  number    z   less the one before and 1     │ z: of a difference modulo 2⁶⁴, 0, −1, 1, −2 … as 0, 1, 2, 3 …
//!  total     z   less the one before and       │    in groups of seven bits, lowest first; all but the last
//!                what is credited              │    have the top bit set
//!  credited  z   amount less this              │ v: a number in such groups
//!  key       v   0 and 32 bytes when it is new, else its place among keys so far, from 1
//!  sequence  v
//!  item      v   as the key, among items
//!  amount    v
//!  kind      1
//!  origin    v   as the key, among origins
//!  expiry    z   less the time
//!  signature 64
//! ```
//!
//! Nothing is trusted that was left out: any row of records has exactly one such form and comes back byte for
//! byte, with whatever numbers and totals a liar may have written.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::statement::RECORD_LEN;

/// Bytes of one record at most: nine numbers, three names of 32 bytes, kind and signature.
pub const PACKED_LEN_MAX: usize = 9 * VARINT_LEN_MAX + 3 * (1 + 32) + 1 + 64;

const VARINT_LEN_MAX: usize = 10;

type Row = [u8; RECORD_LEN];

/// A record's fields.
#[derive(Clone, Copy)]
struct Fields {
    entry: u64,
    at: u64,
    number: u64,
    total: u64,
    credited: u64,
    key: [u8; 32],
    sequence: u64,
    item: [u8; 32],
    amount: u64,
    kind: u8,
    origin: [u8; 32],
    expires: u64,
    signature: [u8; 64],
}

/// What the numbers of a record are written against.
#[derive(Default, Clone, Copy)]
struct Last {
    entry: u64,
    at: u64,
    number: u64,
    total: u64,
}

impl Last {
    fn of(fields: &Fields) -> Self {
        let Fields { entry, at, number, total, .. } = *fields;
        Self { entry, at, number, total }
    }
}

impl Fields {
    fn read(row: &Row) -> Self {
        let mut rest = Bytes(row);
        // The lengths below add up to the row's, so that nothing is short.
        let number = |rest: &mut Bytes<'_>| rest.number().unwrap_or_default();
        let name = |rest: &mut Bytes<'_>| rest.array::<32>().unwrap_or_default();
        Self {
            entry: number(&mut rest),
            at: number(&mut rest),
            number: number(&mut rest),
            total: number(&mut rest),
            credited: number(&mut rest),
            key: name(&mut rest),
            sequence: number(&mut rest),
            item: name(&mut rest),
            amount: number(&mut rest),
            kind: rest.array::<1>().map_or(0, |[kind]| kind),
            origin: name(&mut rest),
            expires: number(&mut rest),
            signature: rest.array().unwrap_or([0; 64]),
        }
    }

    fn row(&self) -> Row {
        let mut bytes = Vec::with_capacity(RECORD_LEN);
        for number in [self.entry, self.at, self.number, self.total, self.credited] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&self.key);
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        bytes.extend_from_slice(&self.item);
        bytes.extend_from_slice(&self.amount.to_be_bytes());
        bytes.push(self.kind);
        bytes.extend_from_slice(&self.origin);
        bytes.extend_from_slice(&self.expires.to_be_bytes());
        bytes.extend_from_slice(&self.signature);
        bytes.try_into().expect("the fields add up to a record's length")
    }
}

/// The packed form of records.
#[must_use]
pub fn pack(records: &[Row]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut last = Last::default();
    let (mut keys, mut items, mut origins) = (Names::default(), Names::default(), Names::default());
    for record in records {
        let fields = Fields::read(record);
        put_difference(&mut out, fields.entry, last.entry.wrapping_add(1));
        put_difference(&mut out, fields.at, last.at);
        put_difference(&mut out, fields.number, last.number.wrapping_add(1));
        put_difference(&mut out, fields.total, last.total.wrapping_add(fields.credited));
        put_difference(&mut out, fields.amount, fields.credited);
        keys.put(&mut out, &fields.key);
        put(&mut out, fields.sequence);
        items.put(&mut out, &fields.item);
        put(&mut out, fields.amount);
        out.push(fields.kind);
        origins.put(&mut out, &fields.origin);
        put_difference(&mut out, fields.expires, fields.at);
        out.extend_from_slice(&fields.signature);
        last = Last::of(&fields);
    }
    out
}

/// So many records out of their packed form; `None` when it is not exactly what [`pack`] makes of them.
#[must_use]
pub fn unpack(bytes: &[u8], count: usize) -> Option<Vec<Row>> {
    let mut rest = Bytes(bytes);
    let mut records = Vec::new();
    let mut last = Last::default();
    let (mut keys, mut items, mut origins) = (Names::default(), Names::default(), Names::default());
    for _ in 0..count {
        let entry = rest.difference(last.entry.wrapping_add(1))?;
        let at = rest.difference(last.at)?;
        let number = rest.difference(last.number.wrapping_add(1))?;
        // Total and credited are written against figures that come after them.
        let (total, credited) = (rest.varint()?, rest.varint()?);
        let key = keys.take(&mut rest)?;
        let sequence = rest.varint()?;
        let item = items.take(&mut rest)?;
        let amount = rest.varint()?;
        let credited = amount.wrapping_sub(unfolded(credited));
        let total = last.total.wrapping_add(credited).wrapping_add(unfolded(total));
        let [kind] = rest.array()?;
        let origin = origins.take(&mut rest)?;
        let expires = rest.difference(at)?;
        let signature = rest.array()?;
        let fields = Fields {
            entry,
            at,
            number,
            total,
            credited,
            key,
            sequence,
            item,
            amount,
            kind,
            origin,
            expires,
            signature,
        };
        last = Last::of(&fields);
        records.push(fields.row());
    }
    // One form for one row of records: otherwise a byte could be changed and nothing with it.
    (rest.0.is_empty() && pack(&records) == bytes).then_some(records)
}

/// Names of 32 bytes by the order in which they came first.
#[derive(Default)]
struct Names {
    places: BTreeMap<[u8; 32], u64>,
    names: Vec<[u8; 32]>,
}

impl Names {
    fn put(&mut self, out: &mut Vec<u8>, name: &[u8; 32]) {
        if let Some(place) = self.places.get(name) {
            return put(out, *place);
        }
        let next = u64::try_from(self.places.len()).unwrap_or(u64::MAX).saturating_add(1);
        self.places.insert(*name, next);
        put(out, 0);
        out.extend_from_slice(name);
    }

    fn take(&mut self, rest: &mut Bytes<'_>) -> Option<[u8; 32]> {
        let Some(before) = rest.varint()?.checked_sub(1) else {
            let name = rest.array()?;
            self.names.push(name);
            return Some(name);
        };
        self.names.get(usize::try_from(before).ok()?).copied()
    }
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value = value.wrapping_shr(7);
        if value == 0 {
            return out.push(low & 0x7f);
        }
        out.push(low | 0x80);
    }
}

fn put_difference(out: &mut Vec<u8>, value: u64, against: u64) {
    let difference = value.wrapping_sub(against).cast_signed();
    let sign = if difference < 0 { u64::MAX } else { 0 };
    put(out, difference.cast_unsigned().wrapping_shl(1) ^ sign);
}

fn unfolded(folded: u64) -> u64 {
    let half = folded.wrapping_shr(1);
    if folded & 1 == 0 { half } else { !half }
}

/// What is left to read.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (here, after) = self.0.split_first_chunk()?;
        self.0 = after;
        Some(*here)
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let [byte] = self.array()?;
            // What is shifted out is noticed when it is packed again.
            value |= u64::from(byte & 0x7f).wrapping_shl(shift);
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn difference(&mut self, against: u64) -> Option<u64> {
        Some(against.wrapping_add(unfolded(self.varint()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// Rows of any bytes, some of them with parts of others.
    fn rows(seed: u64) -> Vec<Row> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        let mut rows: Vec<Row> = Vec::new();
        for _ in 0..20 {
            let mut row: Row = core::array::from_fn(|_| next());
            if let Some(before) = rows.last().filter(|_| next() % 2 == 0) {
                let (from, to) = (next() as usize, next() as usize);
                let (from, to) = (from.min(to), from.max(to).min(RECORD_LEN));
                let from = from.min(to);
                row[from..to].copy_from_slice(&before[from..to]);
            }
            rows.push(row);
        }
        rows
    }

    #[test]
    fn whatever_is_packed_comes_back() {
        for seed in 0..200 {
            let rows = rows(seed);
            let packed = pack(&rows);
            assert!(packed.len() <= rows.len() * PACKED_LEN_MAX);
            assert_eq!(unpack(&packed, rows.len()), Some(rows), "seed {seed}");
        }
        assert_eq!(unpack(&[], 0), Some(vec![]));
        let ends = [[0; RECORD_LEN], [0xff; RECORD_LEN], [0; RECORD_LEN]];
        assert_eq!(unpack(&pack(&ends), 3), Some(ends.to_vec()));
    }

    #[test]
    fn there_is_one_form_and_every_changed_byte_is_another_row_or_none() {
        let rows = rows(7);
        let packed = pack(&rows);
        for at in 0..packed.len() {
            for mask in [1, 0x80, 0xff] {
                let mut flipped = packed.clone();
                flipped[at] ^= mask;
                assert_ne!(unpack(&flipped, rows.len()).as_ref(), Some(&rows), "byte {at}");
            }
        }
        for length in 0..packed.len() {
            assert_eq!(unpack(&packed[..length], rows.len()), None);
        }
        assert_eq!(unpack(&packed, rows.len() - 1), None);
        // A number with a group too many, and a name that came before written as new.
        let zero = pack(&[[0; RECORD_LEN]]);
        let long = [&zero[..2], &[0x80, 0], &zero[3..]].concat();
        assert_eq!((zero[2], unpack(&long, 1)), (1, None));
        let twice = pack(&[[0; RECORD_LEN]; 2]);
        let half = zero.len();
        let place = half + 5;
        assert_eq!(twice[place], 1, "the key's place");
        let again = [&twice[..place], &[0], &[0; 32][..], &twice[place + 1..]].concat();
        assert_eq!(unpack(&again, 2), None);
    }
}
