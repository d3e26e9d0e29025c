//! Somebody with SQL changes rows behind the ledger's back: the audit finds every change.
#![allow(clippy::unwrap_used, reason = "tests")]

use farthing_rules::findings::{Act, Standing};
use farthing_rules::{Command, WalletRef};
use farthing_shared::{Outcome, Refund, RefundOutcome, SigningKey};
use farthing_tests::ledger::{CREATOR, Ledger};
use farthing_tests::suspicion::draft;
use farthing_verifier::audit::audit;
use farthing_verifier::store::Writer;
use farthing_verifier::store::sqlite::{Durability, SqliteWriter};
use rusqlite::Connection;

/// Every figure and every signed byte that money depends on: table, column, and what to add.
/// For blobs the first byte is changed.
const EDITS: &[(&str, &str)] = &[
    ("wallets", "balance"),
    ("wallets", "last_entry"),
    ("wallets", "root"),
    ("keys", "wallet"),
    ("keys", "creator"),
    ("keys", "origin"),
    ("keys", "public"),
    ("keys", "cap"),
    ("keys", "per_claim_max"),
    ("keys", "expires_at"),
    ("keys", "serial"),
    ("keys", "accepted"),
    ("keys", "last_entry"),
    ("allowances", "signed"),
    ("creators", "payable"),
    ("creators", "held"),
    ("creators", "number"),
    ("creators", "total"),
    ("creators", "last_entry"),
    ("entries", "number"),
    ("entries", "wallet"),
    ("entries", "creator"),
    ("entries", "amount"),
    ("entries", "key"),
    ("entries", "item"),
    ("entries", "fee"),
    ("entries", "release_minute"),
    ("entries", "free"),
    ("entries", "rail"),
    ("entries", "creator_number"),
    ("entries", "creator_total"),
    ("entries", "mark_of_key"),
    ("entries", "previous_of_key"),
    ("keys", "mark"),
    ("keys", "device"),
    ("entries", "previous_of_wallet"),
    ("entries", "previous_of_creator"),
    ("entries", "body"),
    ("vouchers", "amount"),
    ("vouchers", "used_by"),
    ("vouchers", "used_entry"),
    ("holds", "amount"),
    ("holds", "minute"),
    ("tallies", "count"),
    ("tallies", "credited"),
    ("wallets", "last_refund"),
    ("creators", "refunds"),
    ("creators", "refunded"),
    ("creators", "last_refund"),
    ("entries", "claim"),
    ("entries", "previous_refund"),
    ("refunds", "claim"),
    ("refunds", "request"),
    ("refunds", "asked_at"),
    ("refunds", "code"),
    ("refunds", "entry"),
    ("refund_tallies", "count"),
    ("refund_tallies", "taken"),
    ("tallies", "free"),
    ("counters", "entry"),
    ("counters", "fees"),
    ("counters", "vouchers"),
    ("counters", "welcome"),
    ("counters", "finding"),
    ("counters", "observation"),
    ("counters", "decision"),
    ("wallets", "free"),
    ("wallets", "standing"),
    ("creators", "free"),
    ("creators", "review"),
    ("claim_holds", "claim"),
    ("claim_holds", "finding"),
    ("claim_holds", "creator"),
    ("claim_holds", "wallet"),
    ("claim_holds", "amount"),
    ("claim_holds", "settled"),
    ("claim_holds", "returned"),
    ("findings", "id"),
    ("findings", "subject"),
    ("findings", "role"),
    ("findings", "rule"),
    ("findings", "score_ppm"),
    ("findings", "error_ppm"),
    ("findings", "creator"),
    ("findings", "at"),
    ("findings", "horizon"),
    ("findings", "entries"),
    ("findings", "observations"),
    ("findings", "state"),
    ("findings", "held"),
    ("findings", "held_claims"),
    ("findings", "ever_held"),
    ("decisions", "number"),
    ("decisions", "act"),
    ("decisions", "finding"),
    ("decisions", "wallet"),
    ("observations", "number"),
    ("wallets", "generation"),
    ("keys", "generation"),
    ("rotations", "wallet"),
    ("backups", "wallet"),
    ("backups", "name"),
    ("backups", "signed"),
    ("rotations", "ended"),
    ("rotations", "signed"),
];

fn played() -> (Ledger, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let writer = SqliteWriter::open(&path, Durability::Full).unwrap();
    let welcome = farthing_tests::actors::micros("0.02");
    let policy =
        farthing_rules::Policy { fee_ppm: 100_000, welcome, ..farthing_tests::ledger::policy() };
    let mut ledger = Ledger::with_policy(Writer::Sqlite(Box::new(writer)), policy);
    for number in 0..4_u64 {
        let (mut visitor, key) = ledger.visitor(number, "1.00");
        let claims = [
            visitor.view(CREATOR, "essay", "0.05", ledger.now),
            visitor.view(CREATOR, "film", "0.50", ledger.now),
            visitor.donation(CREATOR, "0.10", ledger.now),
        ];
        for (at, claim) in claims.iter().enumerate() {
            let answer = ledger.charge(&visitor, key, claim);
            assert_eq!(answer.outcome, Outcome::Accepted);
            // The first and the last are given back, once by either key.
            let keys = [Some(&visitor.root), None, Some(&visitor.spending)];
            if let Some(key) = keys[at] {
                let entry = answer.receipt.unwrap().entry.0;
                let request = visitor.refund(claim, entry, ledger.now);
                let request = Refund { signer: key.public(), ..request };
                assert_eq!(ledger.refund(&request, key).outcome, RefundOutcome::Refunded);
            }
        }
        // Of the first payment of each but the last: lifted, upheld, still held.
        let finding = ledger.find(draft(number + 1, 1, 0, true));
        let all = ledger.writer.snapshot().unwrap();
        let claims: Vec<_> = all.entries.iter().map(|entry| entry.number).collect();
        if number < 3 {
            assert_eq!(ledger.hold(finding, &claims).0, 1, "the others were refunded");
        }
        ledger.now = ledger.now.plus_ms(1_000_000);
        ledger.apply(&[Command::ReleaseHolds]);
        match number {
            0 => assert_eq!(ledger.decide(finding, Act::Lift), Some(1)),
            1 => assert_eq!(ledger.decide(finding, Act::Uphold), Some(1)),
            _ => {}
        }
        ledger.stand(WalletRef(number + 1), Standing::Slowed);
        if number > 1 {
            let backup = visitor.backup(u8::try_from(number).unwrap(), ledger.now);
            ledger.keep(&visitor, &backup).unwrap();
        } else {
            let next = SigningKey::from_seed(&farthing_tests::actors::seed(number, 77));
            let rotation = visitor.rotation(&next, ledger.now);
            ledger.rotate(&rotation, &visitor.root).unwrap();
        }
    }
    ledger.assert_sound();
    // Opening brings the tables up to date, so that an edit of a table is what counts.
    let writer = SqliteWriter::open(&path, Durability::Full).unwrap();
    ledger.writer = Writer::Sqlite(Box::new(writer));
    (ledger, folder)
}

#[test]
fn every_edit_is_found() {
    let (ledger, folder) = played();
    let side = Connection::open(folder.path().join("ledger.db")).unwrap();
    side.execute_batch("PRAGMA synchronous = OFF").unwrap();
    let mut edits = 0;
    for (table, column) in EDITS {
        for at in 0..rows(&side, table) {
            if !edit(&side, table, column, at) {
                continue;
            }
            edits += 1;
            // A row that cannot even be read is found too.
            let found = ledger.writer.snapshot().map(|all| audit(&all).differences.len());
            assert!(!matches!(found, Ok(0)), "{table}.{column}, row {at}: not found");
            restore(&side);
        }
    }
    ledger.assert_sound();
    assert!(edits > 200, "{edits} edits were tried");
}

fn rows(side: &Connection, table: &str) -> u32 {
    side.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

/// Changes one cell of the row at a place; false where the cell is null.
fn edit(side: &Connection, table: &str, column: &str, at: u32) -> bool {
    save(side);
    let keys: Vec<String> = side
        .prepare(&format!("SELECT name FROM pragma_table_info('{table}') WHERE pk > 0"))
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let key = keys.join(", ");
    let sql = format!(
        "UPDATE {table} SET {column} = CASE typeof({column}) \
           WHEN 'blob' THEN CAST(x'ff' || substr({column}, 2) AS BLOB) ELSE {column} + 1 END \
         WHERE ({key}) = (SELECT {key} FROM {table} ORDER BY {key} LIMIT 1 OFFSET {at}) \
           AND {column} IS NOT NULL"
    );
    // An edit that SQLite itself refuses (a key that exists) is no edit.
    matches!(side.execute(&sql, []), Ok(1))
}

fn save(side: &Connection) {
    if side.execute_batch("ATTACH ':memory:' AS kept").is_ok() {
        for table in tables(side) {
            let sql = format!("CREATE TABLE kept.{table} AS SELECT * FROM main.{table}");
            side.execute_batch(&sql).unwrap();
        }
    }
}

fn restore(side: &Connection) {
    for table in tables(side) {
        let sql = format!(
            "DELETE FROM main.{table}; INSERT INTO main.{table} SELECT * FROM kept.{table}"
        );
        side.execute_batch(&sql).unwrap();
    }
}

fn tables(side: &Connection) -> Vec<String> {
    side.prepare(
        "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
    )
    .unwrap()
    .query_map([], |row| row.get(0))
    .unwrap()
    .map(Result::unwrap)
    .collect()
}

#[test]
fn a_missing_entry_is_named() {
    let (ledger, folder) = played();
    let side = Connection::open(folder.path().join("ledger.db")).unwrap();
    side.execute("DELETE FROM entries WHERE number = 2", []).unwrap();
    let report = audit(&ledger.writer.snapshot().unwrap());
    assert!(report.differences[0].contains("entry 2 is missing"), "{:?}", report.differences);
}
