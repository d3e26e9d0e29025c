//! Commands that read or write the ledger beside a running server: SQLite lets one write at a time.

#![expect(clippy::print_stderr, reason = "this is the command line")]

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use farthing_rules::rows::{CreatorProfile, CreatorRow, VoucherHash, VoucherRow};
use farthing_rules::{Answer, Command as LedgerCommand};
use farthing_shared::time::day_after_month_of;
use farthing_shared::{CreatorId, Micros, UnixMillis, item_hash};
use farthing_verifier::clock::Clock;
use farthing_verifier::config::Config;
use farthing_verifier::secrets::Secrets;
use farthing_verifier::store::Writer;
use farthing_verifier::store::sqlite::Reader;
use farthing_verifier::{admin, audit as auditing, run, seal as sealing, vouchers};

use super::Failure;

/// More vouchers than a ledger can have.
const ALL_VOUCHERS: usize = 100_000_000;

/// Register creators, list them, make sign-in links.
#[derive(Debug, Subcommand)]
pub(super) enum CreatorCommand {
    /// Register a creator; prints its id and a sign-in link.
    Add {
        /// The name that visitors read.
        #[arg(long)]
        name: String,
        /// Origin of a site, such as https://blog.example; may be given several times.
        #[arg(long = "site", required = true)]
        sites: Vec<String>,
        /// Payable amount from which the creator wants to be paid out. Shown to the creator; you pay out by your own
        /// means, Farthing does not yet.
        #[arg(long, default_value = "10.00")]
        threshold: String,
        /// Public key that signs the creator's offers.
        #[arg(long)]
        offer_key: Option<String>,
        /// Minutes in which a payment can be refunded, 1 to 43200; unless set, as the provider says.
        #[arg(long)]
        refund_minutes: Option<u64>,
        /// What the creator takes from one visitor in a calendar month (UTC) at most, such as 5.00; then everything
        /// of the creator is open to that visitor until the month ends. Donations do not count. A change holds
        /// from the next month on. "none" for no such limit.
        #[arg(long)]
        month_max: Option<String>,
    },
    /// Change name, sites, threshold or offer key; what is not given stays.
    Edit {
        /// The creator's id.
        id: String,
        /// The name that visitors read.
        #[arg(long)]
        name: Option<String>,
        /// All sites, in place of those known.
        #[arg(long = "site")]
        sites: Vec<String>,
        /// Payable amount from which the creator wants to be paid out. Shown to the creator; you pay out by your own
        /// means, Farthing does not yet.
        #[arg(long)]
        threshold: Option<String>,
        /// Public key that signs the creator's offers.
        #[arg(long)]
        offer_key: Option<String>,
        /// Minutes in which a payment can be refunded, 1 to 43200; unless set, as the provider says.
        #[arg(long)]
        refund_minutes: Option<u64>,
        /// What the creator takes from one visitor in a calendar month (UTC) at most, such as 5.00; then everything
        /// of the creator is open to that visitor until the month ends. Donations do not count. A change holds
        /// from the next month on. "none" for no such limit.
        #[arg(long)]
        month_max: Option<String>,
    },
    /// List the creators with their totals.
    List,
    /// Make a new sign-in link.
    Link {
        /// The creator's id.
        id: String,
        /// Void all links and sessions made before.
        #[arg(long)]
        revoke: bool,
    },
}

/// Set and list prices.
#[derive(Debug, Subcommand)]
pub(super) enum ItemCommand {
    /// Set an item's price.
    Price {
        /// The creator's id.
        #[arg(long)]
        creator: String,
        /// The item's canonical name, as in the tag.
        #[arg(long)]
        name: String,
        /// What visitors read; the name unless told.
        #[arg(long)]
        title: Option<String>,
        /// Decimal of the main unit, such as 0.05.
        #[arg(long)]
        price: String,
        /// Take the item off sale.
        #[arg(long)]
        off_sale: bool,
    },
    /// List a creator's items.
    List {
        /// The creator's id.
        #[arg(long)]
        creator: String,
    },
}

/// Issue, list and revoke vouchers.
#[derive(Debug, Subcommand)]
pub(super) enum VoucherCommand {
    /// Issue vouchers; prints one code a line. They are shown this once and never again.
    Issue {
        /// What each is worth, such as 5.00.
        #[arg(long)]
        amount: String,
        /// How many.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
        count: u16,
        /// Days until they expire.
        #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u16).range(1..=3650))]
        days: u16,
    },
    /// List the newest vouchers (without their codes, which are not stored).
    List,
    /// Void vouchers that nobody has redeemed, such as those whose codes were lost.
    Revoke {
        /// Ids, as the list shows them.
        #[arg(required = true)]
        ids: Vec<String>,
        /// Also all that were issued together with one of these.
        #[arg(long)]
        batch: bool,
    },
}

/// Encrypt content for a gate.
#[derive(Debug, Args)]
pub(super) struct SealArguments {
    /// The creator's id.
    #[arg(long)]
    creator: String,
    /// The item's canonical name.
    #[arg(long)]
    item: String,
    /// A node tree as JSON (docs/embedding.md), or a text file (.txt), whose blank lines part
    /// paragraphs.
    file: PathBuf,
}

/// The ledger, opened beside a server that may be running.
pub(super) struct Ledger {
    pub(super) secrets: Secrets,
    pub(super) writer: Writer,
    pub(super) reader: Reader,
    pub(super) config: Config,
    pub(super) clock: Clock,
}

impl Ledger {
    /// Also where there is none yet, for what is given before the first start.
    fn of(config: &Config, begins: bool) -> Result<Self, Failure> {
        if begins {
            run::begin(config)?;
        }
        Self::open(config)
    }

    pub(super) fn open(config: &Config) -> Result<Self, Failure> {
        let secrets = run::open_data(config)?;
        let writer = run::open_ledger(config, &secrets)?;
        let reader = Reader::open(&run::ledger_path(config)).map_err(|error| error.to_string())?;
        Ok(Self {
            secrets,
            writer: Writer::Sqlite(Box::new(writer)),
            reader,
            config: config.clone(),
            clock: Clock::System,
        })
    }

    pub(super) fn ask(&mut self, command: LedgerCommand) -> Result<Answer, Failure> {
        let policy = self
            .config
            .policy(self.secrets.verifier())
            .map_err(|error| Failure::Refused(error.to_string()))?;
        let answers = self.writer.apply(&policy, &[command], self.clock.now());
        let answer = answers.map_err(|error| error.to_string())?.pop();
        answer.ok_or_else(|| Failure::NotDone("the ledger gave no answer".into()))
    }

    fn save(&mut self, command: LedgerCommand) -> Result<(), Failure> {
        match self.ask(command)? {
            Answer::Saved(Ok(())) => Ok(()),
            Answer::Saved(Err(refusal)) => {
                use farthing_verifier::http::Clause;
                Err(refusal.problem().detail().to_owned().into())
            }
            other => Err(format!("the ledger gave another answer: {other:?}").into()),
        }
    }

    pub(super) fn creator(&self, id: &str) -> Result<(CreatorRow, CreatorProfile), Failure> {
        let parsed = CreatorId::parse(id).map_err(|why| format!("{id}: {why}"))?;
        let found = self.reader.creator(&parsed).map_err(|error| error.to_string())?;
        let found = found.ok_or_else(|| {
            format!("there is no creator {id}; list them with: farthing creator list")
        })?;
        Ok(found)
    }

    fn link(&self, creator: CreatorId, generation: u32) -> String {
        run::sign_in_link(&self.config, &self.secrets, &self.clock, creator, generation)
    }
}

fn told((field, why): admin::WrongField) -> Failure {
    Failure::NotDone(format!("--{}: {why}", field.replace('_', "-")))
}

pub(super) fn creator(config: &Config, command: CreatorCommand) -> Result<(), Failure> {
    let mut ledger = Ledger::of(config, matches!(command, CreatorCommand::Add { .. }))?;
    match command {
        CreatorCommand::Add { name, sites, threshold, offer_key, refund_minutes, month_max } => {
            let mut id = [0; 16];
            getrandom::fill(&mut id).map_err(|error| error.to_string())?;
            let id = CreatorId(id);
            let mut draft =
                admin::creator_draft(id, &name, &sites, &threshold, offer_key.as_deref())
                    .map_err(told)?;
            draft.refund_window_ms = admin::refund_window(refund_minutes).map_err(told)?;
            draft.month_max =
                admin::month_max(month_max.as_deref().unwrap_or("none")).map_err(told)?;
            ledger.save(LedgerCommand::SaveCreator(draft))?;
            say!("{id}");
            say!("{}", ledger.link(id, 1));
        }
        CreatorCommand::Edit {
            id,
            name,
            sites,
            threshold,
            offer_key,
            refund_minutes,
            month_max,
        } => {
            let (row, known) = ledger.creator(&id)?;
            let threshold = threshold.unwrap_or_else(|| known.threshold.to_decimal());
            let offer_key = offer_key.or_else(|| known.offer_key.map(|key| key.to_text()));
            let sites = if sites.is_empty() { known.sites } else { sites };
            let name = name.unwrap_or(known.name);
            let mut draft =
                admin::creator_draft(known.id, &name, &sites, &threshold, offer_key.as_deref())
                    .map_err(told)?;
            let window = admin::refund_window(refund_minutes).map_err(told)?;
            draft.refund_window_ms = window.or(row.refund_window_ms);
            draft.month_max = row.ceiling.most;
            if let Some(typed) = &month_max {
                draft.month_max = admin::month_max(typed).map_err(told)?;
            }
            ledger.save(LedgerCommand::SaveCreator(draft))?;
            if month_max.is_some() {
                say_when(&ledger, &id)?;
            }
        }
        CreatorCommand::List => list_creators(&ledger)?,
        CreatorCommand::Link { id, revoke } => {
            let (row, known) = ledger.creator(&id)?;
            let mut generation = known.link_generation;
            if revoke {
                let threshold = known.threshold.to_decimal();
                let key = known.offer_key.map(|key| key.to_text());
                let mut draft = admin::creator_draft(
                    known.id,
                    &known.name,
                    &known.sites,
                    &threshold,
                    key.as_deref(),
                )
                .map_err(told)?;
                draft.refund_window_ms = row.refund_window_ms;
                draft.month_max = row.ceiling.most;
                draft.revoke_links = true;
                ledger.save(LedgerCommand::SaveCreator(draft))?;
                generation = ledger.creator(&id)?.1.link_generation;
            }
            say!("{}", ledger.link(known.id, generation));
        }
    }
    Ok(())
}

/// Tells from when on a ceiling holds: what visitors were promised for this month stays.
fn say_when(ledger: &Ledger, id: &str) -> Result<(), Failure> {
    let (row, _) = ledger.creator(id)?;
    let now = ledger.clock.now();
    if row.ceiling.at(now) != row.ceiling.most {
        let next = UnixMillis::of_day(day_after_month_of(now.day()));
        say!("holds from {} on; until then: {}", show_time(next), most(row.ceiling.at(now)));
    }
    Ok(())
}

fn most(ceiling: Option<Micros>) -> String {
    ceiling.map_or_else(|| "none".into(), Micros::to_decimal)
}

fn list_creators(ledger: &Ledger) -> Result<(), Failure> {
    say!("id\tname\tpayable\theld\tpayments\tmost a month\tsites");
    let now = ledger.clock.now();
    for (row, profile) in ledger.reader.creators().map_err(|error| error.to_string())? {
        say!(
            "{}\t{}\t{}\t{}\t{}\t{}\t{}",
            profile.id,
            profile.name,
            row.payable,
            row.held,
            row.number,
            most(row.ceiling.at(now)),
            profile.sites.join(" ")
        );
    }
    Ok(())
}

pub(super) fn item(config: &Config, command: ItemCommand) -> Result<(), Failure> {
    let mut ledger = Ledger::open(config)?;
    match command {
        ItemCommand::Price { creator, name, title, price, off_sale } => {
            let (_, creator) = ledger.creator(&creator)?;
            let title = title.unwrap_or_else(|| name.clone());
            let command = admin::set_item_command(creator.id, &name, &title, &price, !off_sale);
            ledger.save(command.map_err(told)?)
        }
        ItemCommand::List { creator } => {
            let (_, creator) = ledger.creator(&creator)?;
            say!("name\tprice\ton sale\ttitle");
            let items = ledger.reader.items(creator.creator);
            for (row, text) in items.map_err(|error| error.to_string())? {
                let on_sale = if row.on_sale { "yes" } else { "no" };
                say!("{}\t{}\t{on_sale}\t{}", text.name, row.price, text.title);
            }
            Ok(())
        }
    }
}

pub(super) fn voucher(config: &Config, command: VoucherCommand) -> Result<(), Failure> {
    let mut ledger = Ledger::of(config, matches!(command, VoucherCommand::Issue { .. }))?;
    match command {
        VoucherCommand::Issue { amount, count, days } => {
            let amount = Micros::parse(&amount).map_err(|why| format!("--amount: {why}"))?;
            let mut codes = Vec::new();
            for _ in 0..count {
                let mut random = [0; 10];
                getrandom::fill(&mut random).map_err(|error| error.to_string())?;
                codes.push(vouchers::code(&random));
            }
            let hashes = codes.iter().filter_map(|code| vouchers::hash(code)).collect();
            let life_ms = u64::from(days).saturating_mul(farthing_shared::time::DAY_MS);
            let expires_at = ledger.clock.now().plus_ms(life_ms);
            ledger.save(LedgerCommand::IssueVouchers { vouchers: hashes, amount, expires_at })?;
            hand_out(&codes, amount)
        }
        VoucherCommand::List => {
            say!("id\tissued\texpires\tamount\tstate");
            let rows = ledger.reader.vouchers(1_000).map_err(|error| error.to_string())?;
            for row in rows {
                let (issued, expires) = (show_time(row.issued_at), show_time(row.expires_at));
                let state = state(&row, ledger.clock.now());
                say!("{}\t{issued}\t{expires}\t{}\t{state}", voucher_id(row.hash), row.amount);
            }
            Ok(())
        }
        VoucherCommand::Revoke { ids, batch } => revoke(&mut ledger, &ids, batch),
    }
}

/// Prints codes that are in the ledger: a code that was printed can be redeemed. Nobody can print them again,
/// so whoever loses them must be able to take them back.
fn hand_out(codes: &[String], amount: Micros) -> Result<(), Failure> {
    let Some(first) = codes.first().and_then(|code| vouchers::hash(code)) else { return Ok(()) };
    let lines: String = codes.iter().map(|code| format!("{code}\n")).collect();
    let back = format!("farthing voucher revoke --batch {}", voucher_id(first));
    let count = codes.len();
    let mut out = std::io::stdout().lock();
    match out.write_all(lines.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => {
            eprintln!(
                "farthing: issued {count} of {amount}; to take back those not redeemed: {back}"
            );
            Ok(())
        }
        Err(error) => Err(Failure::NotDone(format!(
            "{count} vouchers of {amount} were issued, but their codes could not all be printed ({error}), and \
             are stored nowhere; take them back with: {back}"
        ))),
    }
}

/// Eight bytes of the code's hash: no two of a ledger's have the same, and no code can be told from it.
fn voucher_id(hash: VoucherHash) -> String {
    hash.0.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn state(row: &VoucherRow, now: UnixMillis) -> String {
    match row.used {
        Some((_, entry)) => format!("redeemed by entry {}", entry.0),
        None if row.expires_at == UnixMillis(0) => "void".into(),
        None if row.expires_at <= now => "expired".into(),
        None => "open".into(),
    }
}

/// Voids what is open of the vouchers named, all or none; prints each one's state.
fn revoke(ledger: &mut Ledger, ids: &[String], batch: bool) -> Result<(), Failure> {
    let all = ledger.reader.vouchers(ALL_VOUCHERS).map_err(|error| error.to_string())?;
    let mut named = Vec::new();
    for id in ids {
        let found = all.iter().find(|row| voucher_id(row.hash) == id.to_lowercase());
        let found = found.ok_or_else(|| {
            format!("there is no voucher {id}; list them with: farthing voucher list")
        })?;
        let with_it = |row: &&VoucherRow| {
            row.hash == found.hash || (batch && row.issued_at == found.issued_at)
        };
        named.extend(all.iter().filter(with_it).map(|row| row.hash));
    }
    named.sort_unstable();
    named.dedup();
    ledger.save(LedgerCommand::RevokeVouchers { vouchers: named.clone() })?;
    let now = ledger.clock.now();
    let rows = ledger.reader.vouchers(ALL_VOUCHERS).map_err(|error| error.to_string())?;
    for row in rows.iter().filter(|row| named.binary_search(&row.hash).is_ok()) {
        let state = state(row, now);
        say!("{}\t{}\t{state}", voucher_id(row.hash), row.amount);
    }
    Ok(())
}

fn show_time(at: farthing_shared::UnixMillis) -> String {
    farthing_verifier::http::show_time(at)
}

pub(super) fn seal(config: &Config, arguments: &SealArguments) -> Result<(), Failure> {
    let ledger = Ledger::open(config)?;
    let (_, creator) = ledger.creator(&arguments.creator)?;
    let hash = item_hash(&creator.id, &arguments.item).map_err(|why| format!("--item: {why}"))?;
    let known = ledger.reader.item(&hash).map_err(|error| error.to_string())?;
    if known.is_none() {
        eprintln!("farthing: note: {} has no price yet, so nobody can open it", arguments.item);
    }
    let text = std::fs::read_to_string(&arguments.file)
        .map_err(|error| format!("cannot read {}: {error}", arguments.file.display()))?;
    let is_text = arguments.file.extension().is_some_and(|ending| ending == "txt");
    let tree = if is_text { paragraphs(&text) } else { text };
    let mut nonce = [0; 12];
    getrandom::fill(&mut nonce).map_err(|error| error.to_string())?;
    let sealed = sealing::seal(&ledger.secrets.content_key(&creator.id, &hash), &nonce, &tree)
        .map_err(|why| format!("{}: {why}", arguments.file.display()))?;
    let name = html(&arguments.item);
    let link = format!("{}/i/{}/{}", config.origin, creator.id, in_address(&arguments.item));
    say!(
        "<farthing-gate item=\"{name}\" sealed=\"{sealed}\"><a href=\"{link}\">Pay to read on</a></farthing-gate>"
    );
    Ok(())
}

/// A name between the quotes of an attribute.
fn html(name: &str) -> String {
    name.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

/// A name as part of an address (RFC 3986: everything but unreserved characters is escaped).
fn in_address(name: &str) -> String {
    name.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}

/// Plain text as a node tree: blank lines part paragraphs.
fn paragraphs(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let nodes: Vec<serde_json::Value> = text
        .split("\n\n")
        .map(str::trim)
        .filter(|paragraph| !paragraph.is_empty())
        .map(|paragraph| serde_json::json!(["p", {}, [paragraph]]))
        .collect();
    serde_json::Value::Array(nodes).to_string()
}

/// What was signed and is not in a ledger of so many entries; a ledger that lost its newest part is sound
/// in itself.
pub(super) fn missing(entries: usize, signed: u64) -> Option<String> {
    let first = u64::try_from(entries).ok()?.saturating_add(1);
    let missing = first <= signed;
    missing.then(|| {
        format!("log: entries {first} to {signed} were signed and are missing in the ledger")
    })
}

pub(super) fn audit(config: &Config, json: bool, log: bool) -> Result<(), Failure> {
    // Before the ledger: a server that runs may sign more meanwhile.
    let signed = farthing_verifier::log::signed_size(config).unwrap_or(0);
    let ledger = Ledger::open(config)?;
    if let Writer::Sqlite(store) = &ledger.writer {
        store.integrity().map_err(|why| format!("the file is damaged: {why}"))?;
    }
    let all = ledger.writer.snapshot().map_err(|error| error.to_string())?;
    let mut report = auditing::audit(&all);
    if log {
        let found = farthing_verifier::log::audit(config, &ledger.secrets, &all.entries)?;
        found.into_iter().for_each(|difference| report.differs(format!("log: {difference}")));
    } else if let Some(missing) = missing(all.entries.len(), signed) {
        report.differs(missing);
    }
    if json {
        say!("{}", serde_json::to_string_pretty(&report).unwrap_or_default());
    } else {
        say!(
            "{} entries, {} signatures checked, {} differences",
            report.entries,
            report.signatures,
            report.differences.len()
        );
        for difference in &report.differences {
            say!("{difference}");
        }
    }
    if report.differences.is_empty() { Ok(()) } else { Err(Failure::Said) }
}
