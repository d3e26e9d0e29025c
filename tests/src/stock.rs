//! A data folder that is ready to be served: one creator, its articles, visitors with money and
//! allowances, all on the real clock. Written through the store, since opening wallets over HTTP
//! costs a proof of work each.

use std::path::{Path, PathBuf};

use farthing_rules::{Answer, Command};
use farthing_shared::{CreatorId, SignedClaim, VerifierId, item_hash};
use farthing_verifier::audit::audit;
use farthing_verifier::clock::Clock;
use farthing_verifier::config::Config;
use farthing_verifier::log::Log;
use farthing_verifier::run;
use farthing_verifier::store::sqlite::{Durability, Reader, SqliteWriter};
use farthing_verifier::store::{Snapshot, Writer};

use crate::actors::{ORIGIN, Visitor, micros};

/// The creator who is paid.
pub const CREATOR: CreatorId = CreatorId([0xc1; 16]);
/// Articles for sale; each visitor can buy each of them once.
const ITEMS: u64 = 400;
/// What everything costs.
const PRICE: &str = "0.01";

/// A data folder and who pays from it.
#[derive(Debug)]
pub struct Stock {
    /// The provider's data folder.
    pub folder: PathBuf,
    /// The verifier of its provider key.
    pub verifier: VerifierId,
    /// Visitors with an allowance and more money than they can spend.
    pub visitors: Vec<Visitor>,
}

impl Stock {
    /// Prepares a folder for so many visitors.
    ///
    /// # Panics
    /// When the ledger refuses anything of it.
    #[must_use]
    pub fn new(folder: &Path, visitors: u64) -> Self {
        let config = config(folder);
        run::begin(&config).expect("a new ledger");
        let secrets = run::open_data(&config).expect("a data folder");
        let verifier = secrets.verifier();
        let policy = config.policy(verifier).expect("settings that hold");
        let ledger = run::open_ledger(&config, &secrets).expect("a ledger");
        let mut writer = Writer::Sqlite(Box::new(ledger));
        let visitors: Vec<Visitor> =
            (1..=visitors).map(|number| Visitor::new(number, verifier)).collect();
        let now = Clock::System.now();
        let sites = [ORIGIN.to_owned()];
        let draft = farthing_verifier::admin::creator_draft(CREATOR, "C", &sites, "1.00", None);
        let mut commands = vec![Command::SaveCreator(draft.expect("a good draft"))];
        commands.extend((0..ITEMS).map(|number| Command::SetItem {
            creator: CREATOR,
            hash: item_hash(&CREATOR, &item(number)).expect("a canonical name"),
            name: item(number),
            title: item(number),
            price: micros(PRICE),
            on_sale: true,
        }));
        for visitor in &visitors {
            let mut terms = visitor.terms(CREATOR, now.plus_ms(86_400_000));
            terms.cap = micros("1000");
            commands.push(Command::OpenWallet { opening: visitor.checked_opening(), origin: None });
            let allowance = visitor.checked_allowance(&terms);
            commands.push(Command::RegisterAllowance { allowance });
        }
        for some in commands.chunks(1_000) {
            let answers = writer.apply(&policy, some, now).expect("a new ledger can be written");
            for answer in answers {
                match answer {
                    Answer::Saved(saved) => saved.expect("saved"),
                    Answer::Allowance(taken) => drop(taken.expect("in force")),
                    _ => {}
                }
            }
        }
        Self { folder: folder.to_owned(), verifier, visitors }
    }

    /// The environment of a server on this folder.
    #[must_use]
    pub fn settings(&self) -> Vec<(String, String)> {
        settings(&self.folder)
    }

    /// What the ledger holds, after SQLite's own check of the file.
    ///
    /// # Panics
    /// When the file is broken.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        read(&self.folder).unwrap_or_else(|why| panic!("{}: {why}", self.folder.display()))
    }
}

/// What a data folder's ledger holds, after SQLite's own check of the file and a whole audit.
///
/// # Errors
/// What is wrong with it.
pub fn read(folder: &Path) -> Result<Snapshot, String> {
    let writer = SqliteWriter::open(&folder.join("ledger.db"), Durability::Full)
        .map_err(|error| error.to_string())?;
    writer.integrity()?;
    let snapshot =
        Writer::Sqlite(Box::new(writer)).snapshot().map_err(|error| error.to_string())?;
    let report = audit(&snapshot);
    if report.differences.is_empty() {
        Ok(snapshot)
    } else {
        Err(format!("the audit found: {:?}", report.differences))
    }
}

/// Starts the log on a data folder, as a server would, and ends it again; the log's key.
///
/// # Errors
/// Why it must not be signed.
pub fn log(folder: &Path) -> Result<String, String> {
    let config = config(folder);
    let secrets = run::open_data(&config)?;
    let ledger = run::ledger_path(&config);
    let reader = Reader::open(&ledger).map_err(|error| error.to_string())?;
    let log = Log::start(&config, &secrets, reader, &ledger)?;
    log.stop();
    Ok(log.key().to_string())
}

/// Copies a data folder's log into a new folder, for others to read.
///
/// # Errors
/// Why it cannot be copied.
pub fn export(folder: &Path, copy: &Path) -> Result<u64, String> {
    farthing_verifier::log::export(&config(folder), copy)
}

/// Where the mark of a data folder's log is, within the folder.
pub const MARK: &str = "high-water";

/// The next claim of a visitor: views and donations in turns, until everything is bought.
pub fn next_claim(visitor: &mut Visitor) -> SignedClaim {
    let now = Clock::System.now();
    let number = visitor.next / 2;
    let claim = if visitor.next.is_multiple_of(2) && number < ITEMS {
        let name = item(number);
        visitor.view(CREATOR, &name, PRICE, now)
    } else {
        visitor.donation(CREATOR, PRICE, now)
    };
    visitor.sign(&claim)
}

fn item(number: u64) -> String {
    format!("article-{number}")
}

fn config(folder: &Path) -> Config {
    Config::load(None, settings(folder)).expect("settings that hold")
}

fn settings(folder: &Path) -> Vec<(String, String)> {
    [
        ("DATA", folder.display().to_string()),
        ("PROOFS__HIGH_WATER", folder.join(MARK).display().to_string()),
        ("DEMO", "true".to_owned()),
        ("WELCOME_CREDIT", "1000.00".to_owned()),
        ("LIMITS__REQUESTS_PER_PREFIX_PER_SECOND", "0".to_owned()),
        ("LIMITS__CLAIMS_PER_KEY_PER_MINUTE", "1000000".to_owned()),
    ]
    .map(|(name, value)| (format!("FARTHING_{name}"), value))
    .to_vec()
}
