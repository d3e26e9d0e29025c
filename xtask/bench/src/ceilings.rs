//! What the machine can do at best: strict signature checks, one fdatasync, SQLite with the same
//! rows, and the ledger without HTTP or signatures.

use std::collections::BTreeSet;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use farthing_shared::{Claim, SignedClaim, VerifyingKey};
use farthing_verifier::clock::{Clock, monotonic};
use farthing_verifier::store::Writer;
use rayon::prelude::*;
use rusqlite::{Connection, params};

use crate::server::processor_seconds;
use crate::visitors::{CREATORS, VISITORS, World, check_accepted, scatter};

/// Claims in one transaction where SQLite is measured alone.
pub const TOGETHER: usize = 256;

/// A signed body taken apart, with its key decompressed: what is left is the check itself.
pub struct Prepared {
    body: [u8; Claim::BODY_LEN],
    signature: [u8; 64],
    key: VerifyingKey,
    dalek: ed25519_dalek::VerifyingKey,
}

/// Takes claims apart.
pub fn prepare(claims: &[SignedClaim]) -> Vec<Prepared> {
    let prepare = |claim: &SignedClaim| {
        let bytes = claim.encode();
        let (body, signature) = bytes.split_at(Claim::BODY_LEN);
        Prepared {
            body: body.try_into().expect("a body has its length"),
            signature: signature.try_into().expect("a signature has its length"),
            key: VerifyingKey::new(&claim.claim().key).expect("it signed a claim"),
            dalek: ed25519_dalek::VerifyingKey::from_bytes(&claim.claim().key.0)
                .expect("it signed a claim"),
        }
    };
    claims.par_iter().map(prepare).collect()
}

/// `verify_strict` a second on all cores, keys cached: the ceiling.
pub fn strict(claims: &[Prepared], for_so_long: Duration) -> Result<f64, String> {
    checks(claims, for_so_long, |claim| {
        let signature = ed25519_dalek::Signature::from_bytes(&claim.signature);
        claim.dalek.verify_strict(&claim.body, &signature).is_ok()
    })
}

/// The verifier's own check, which accepts the same signatures with less work.
pub fn own(claims: &[Prepared], for_so_long: Duration) -> Result<f64, String> {
    checks(claims, for_so_long, |claim| claim.key.verify(&claim.body, &claim.signature).is_ok())
}

fn checks(
    claims: &[Prepared],
    for_so_long: Duration,
    holds: impl Fn(&Prepared) -> bool + Sync,
) -> Result<f64, String> {
    let started = monotonic();
    let mut checked = 0_usize;
    while started.elapsed() < for_so_long {
        let holds = claims.par_iter().with_min_len(16).all(&holds);
        if !holds {
            return Err("a signature made here does not hold".into());
        }
        checked += claims.len();
    }
    Ok(checked as f64 / started.elapsed().as_secs_f64())
}

/// Milliseconds of one fdatasync after 4 KiB were appended, several times.
pub fn syncs(folder: &Path, count: usize) -> Result<Vec<f64>, String> {
    let told = |error: std::io::Error| format!("fdatasync: {error}");
    let path = folder.join("sync");
    let mut file = std::fs::File::create(&path).map_err(told)?;
    file.seek(SeekFrom::Start(0)).map_err(told)?;
    let mut took = Vec::with_capacity(count);
    for _ in 0..count {
        file.write_all(&[7; 4_096]).map_err(told)?;
        let started = monotonic();
        file.sync_data().map_err(told)?;
        took.push(started.elapsed().as_secs_f64() * 1_000.0);
    }
    std::fs::remove_file(&path).map_err(told)?;
    Ok(took)
}

/// What a claim costs.
#[derive(Clone, Copy)]
pub struct Cost {
    /// Claims a second.
    pub rate: f64,
    /// Microseconds of processor.
    pub micros: f64,
    /// KiB written to files, checkpoints included.
    pub written_kib: f64,
}

/// Reads what this process has used so far.
struct Meter {
    started: Instant,
    processor: f64,
    written: f64,
}

impl Meter {
    fn start() -> Result<Self, String> {
        let (processor, written) = (processor_seconds("self")?, written_bytes()?);
        Ok(Self { started: monotonic(), processor, written })
    }

    fn stop(self, claims: usize) -> Result<Cost, String> {
        let claims = claims as f64;
        Ok(Cost {
            rate: claims / self.started.elapsed().as_secs_f64(),
            micros: (processor_seconds("self")? - self.processor) * 1e6 / claims,
            written_kib: (written_bytes()? - self.written) / 1_024.0 / claims,
        })
    }
}

fn written_bytes() -> Result<f64, String> {
    let io = std::fs::read_to_string("/proc/self/io").map_err(|error| error.to_string())?;
    let line = io.lines().find_map(|line| line.strip_prefix("wchar: "));
    line.and_then(|bytes| bytes.parse().ok()).ok_or_else(|| "no figure of bytes written".into())
}

/// The ledger alone: commands whose signatures were checked beforehand, in transactions of
/// `together`; claims a second.
pub struct LedgerAlone {
    world: World,
    writer: Writer,
}

impl LedgerAlone {
    /// On a ledger of its own.
    pub fn new(folder: &Path) -> Result<Self, String> {
        let world = World::new(folder, (1, 2))?;
        let writer = world.writer()?;
        Ok(Self { world, writer })
    }

    /// What claims cost in transactions of `together`.
    pub fn rate(&mut self, claims: usize, together: usize) -> Result<Cost, String> {
        let commands = self.world.checked(claims, Clock::System.now())?;
        let meter = Meter::start()?;
        for some in commands.chunks(together) {
            let now = Clock::System.now();
            let answers = self.writer.apply(&self.world.policy, some, now);
            check_accepted(&answers.map_err(|error| error.to_string())?)?;
        }
        meter.stop(claims)
    }
}

/// SQLite alone: the rows that so many claims write, and nothing that decides or reads them.
pub struct SqliteAlone {
    connection: Connection,
    /// Visitors do not pay in the order in which they came.
    order: Vec<usize>,
    entry: usize,
}

impl SqliteAlone {
    /// On a ledger of its own with the verifier's schema, settings and wallets.
    pub fn new(folder: &Path) -> Result<Self, String> {
        let world = World::new(folder, (1, 2))?;
        drop(world.writer()?);
        let open = || {
            let connection = Connection::open(folder.join("ledger.db"))?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "wal_autocheckpoint", 4_096)?;
            connection.pragma_update(None, "cache_size", -65_536)?;
            connection.set_prepared_statement_cache_capacity(32);
            Ok(connection)
        };
        let connection = open().map_err(|error: rusqlite::Error| error.to_string())?;
        let mut order: Vec<usize> = (0..VISITORS).collect();
        order.sort_by_key(|visitor| scatter(*visitor as u64));
        Ok(Self { connection, order, entry: 10_000_000 })
    }

    /// What claims cost.
    pub fn rate(&mut self, claims: usize) -> Result<Cost, String> {
        let claims = claims.next_multiple_of(TOGETHER);
        let meter = Meter::start()?;
        self.write(claims).map_err(|error| error.to_string())?;
        meter.stop(claims)
    }

    fn write(&mut self, claims: usize) -> Result<(), rusqlite::Error> {
        let mut done = 0;
        while done < claims {
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
            let mut creators = BTreeSet::new();
            for _ in 0..TOGETHER {
                creators.insert(self.claim()?);
            }
            for creator in creators {
                self.creator(creator)?;
            }
            self.connection
                .prepare_cached("UPDATE counters SET fees = fees + 1, vouchers = 0, welcome = 0")?
                .execute([])?;
            self.connection.execute_batch("COMMIT")?;
            done += TOGETHER;
        }
        Ok(())
    }

    fn claim(&mut self) -> Result<usize, rusqlite::Error> {
        self.entry += 1;
        let visitor = self.order[self.entry % VISITORS];
        let creator = if visitor.is_multiple_of(4) { 0 } else { visitor % CREATORS };
        let entry = number(self.entry);
        let wallet = number(visitor + 1);
        let none: Option<i64> = None;
        self.connection
            .prepare_cached(
                "INSERT INTO entries (number, at, kind, wallet, creator, amount, key, item, fee, \
                 release_minute, creator_number, creator_total, previous_of_key, \
                 previous_of_wallet, previous_of_creator, rail, body, mark_of_key) VALUES \
                 (?1, ?2, 1, ?3, ?4, 1000, ?3, 7, 0, 7, ?1, ?1, ?1, ?1, ?1, ?5, ?6, 0)",
            )?
            .execute(params![
                entry,
                1_700_000_000_000_i64,
                wallet,
                number(creator + 1),
                none,
                [7_u8; 256]
            ])?;
        self.connection
            .prepare_cached(
                "UPDATE wallets SET balance = balance - 1, last_entry = ?2, owned = ?3 \
                 WHERE wallet = ?1",
            )?
            .execute(params![wallet, entry, [7_u8; 128]])?;
        self.connection
            .prepare_cached(
                "UPDATE keys SET spent = spent + 1, last_sequence = ?2, last_claim = ?3, \
                 last_outcome = 1, last_receipt = ?2, last_at = ?2, last_amount = 1000, \
                 last_entry = ?2, accepted = accepted + 1, minute = ?2, in_minute = 1 \
                 WHERE key = ?1",
            )?
            .execute(params![wallet, entry, [7_u8; 32]])?;
        Ok(creator)
    }

    fn creator(&mut self, creator: usize) -> Result<(), rusqlite::Error> {
        let (id, item) = (number(creator + 1), number(self.entry / VISITORS));
        self.connection
            .prepare_cached(
                "UPDATE creators SET held = held + 1, number = number + 1, total = total + 1, \
                 last_entry = ?2 WHERE creator = ?1",
            )?
            .execute(params![id, number(self.entry)])?;
        self.connection
            .prepare_cached(
                "INSERT INTO holds VALUES (7, ?1, 1) \
                 ON CONFLICT (minute, creator) DO UPDATE SET amount = amount + 1",
            )?
            .execute([id])?;
        for day in [0, 20_000] {
            self.connection
                .prepare_cached(
                    "INSERT INTO tallies VALUES (?1, ?2, ?3, 1, 1, 0) ON CONFLICT \
                     (day, creator, item) DO UPDATE SET count = count + 1, credited = credited + 1",
                )?
                .execute(params![day, id, item])?;
        }
        Ok(())
    }
}

fn number(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of [`SqliteAlone`] are written out by hand, and the schema goes on without them.
    #[test]
    fn the_schema_takes_the_rows_of_the_ceilings_and_the_ledger_their_claims() {
        let folder = std::env::temp_dir().join(format!("farthing-bench-{}", std::process::id()));
        let sqlite = SqliteAlone::new(&folder.join("sqlite")).and_then(|mut s| s.rate(TOGETHER));
        let ledger =
            LedgerAlone::new(&folder.join("ledger")).and_then(|mut l| l.rate(TOGETHER, 64));
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(sqlite.unwrap().rate > 0.0, "SQLite alone");
        assert!(ledger.unwrap().rate > 0.0, "the ledger alone");
    }
}
