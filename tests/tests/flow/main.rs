//! The whole way in process: wallet, top-up, allowance, claim, receipt, total, refusals, evidence.
#![allow(clippy::unwrap_used, reason = "tests")]

use farthing_tests::actors::ORIGIN;
use farthing_tests::inprocess::Verifier;
use farthing_tests::ledger::CREATOR;
use farthing_verifier::audit::audit;
use farthing_verifier::store::Writer;
use farthing_verifier::store::sqlite::{Durability, SqliteWriter};
use serde_json::Value;

mod claims;
mod creators;
mod months;
mod reads;
mod wallets;

type Test = Result<(), Box<dyn std::error::Error>>;

fn sound(verifier: &Verifier) -> Test {
    let path = farthing_verifier::run::ledger_path(&verifier.app.config);
    let writer = Writer::Sqlite(Box::new(SqliteWriter::open(&path, Durability::Full)?));
    let report = audit(&writer.snapshot()?);
    assert_eq!(report.differences, Vec::<String>::new());
    Ok(())
}

fn pick<'a>(value: &'a Value, names: &[&str]) -> Vec<&'a Value> {
    names.iter().map(|name| &value[*name]).collect()
}

fn quote_path(item: &str) -> String {
    format!("/v1/quote?creator={CREATOR}&item={item}&origin={ORIGIN}")
}
