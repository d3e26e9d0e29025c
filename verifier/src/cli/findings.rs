//! The provider's review of findings on the command line. Works beside a running server.
#![expect(clippy::print_stderr, reason = "this is the command line")]

use clap::{Args, Subcommand};
use farthing_rules::findings::{Act, FindingRef, FindingRow, Standing};
use farthing_rules::{Answer, Command, WalletRef};
use farthing_shared::PublicKey;
use farthing_verifier::clock::Clock;
use farthing_verifier::config::Config;
use farthing_verifier::findings::{Bundle, Report, Scan, finding_json, picture};
use farthing_verifier::http::{Clause, show_time};
use farthing_verifier::run;
use farthing_verifier::store::sqlite::{Reader, Wanted};

use super::Failure;
use super::ledger::Ledger;

#[derive(Debug, Subcommand)]
pub(super) enum FindingsCommand {
    /// Scan the whole ledger and print what a running server finds, as JSON lines. Changes nothing.
    Scan,
    /// List findings that accuse and that nobody has decided, newest first.
    List {
        /// Also those that were decided.
        #[arg(long)]
        decided: bool,
        /// Also those that only watch.
        #[arg(long)]
        watching: bool,
        /// Only those about one creator's money.
        #[arg(long)]
        creator: Option<String>,
        /// Print JSON lines.
        #[arg(long)]
        json: bool,
    },
    /// Show a finding with its evidence and what was decided and answered.
    Show {
        /// Its number.
        finding: u64,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Find findings right: what they hold goes back to the wallets that paid, fee included.
    Uphold(Decide),
    /// Find findings wrong: what they hold goes to the creator as if they had never been made.
    Lift(Decide),
    /// Stop payments from a wallet. Its money stays its own.
    Freeze(Stand),
    /// Let a wallet pay slowly only.
    Slow(Stand),
    /// Let a wallet pay as before.
    Thaw(Stand),
    /// Print a link that signs one browser in to the review page, once, within ten minutes.
    Link {
        /// Under which name decisions are kept.
        #[arg(long, env = "USER", default_value = "provider")]
        who: String,
    },
    /// What was refused, found, held and decided.
    Report {
        /// Days of refusals to sum up.
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=366))]
        days: u32,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print a finding with its evidence as one file, for: farthing verify finding.
    Export {
        /// The finding's number.
        finding: u64,
    },
    /// Draw the group around a finding, wallets against creators, as SVG.
    Picture {
        /// The finding's number.
        finding: u64,
    },
}

#[derive(Debug, Args)]
pub(super) struct Decide {
    /// Numbers of findings.
    findings: Vec<u64>,
    /// All undecided ones about this creator's money.
    #[arg(long, conflicts_with = "findings")]
    creator: Option<String>,
    /// Of those, only the ones of this rule.
    #[arg(long, requires = "creator")]
    rule: Option<String>,
    #[command(flatten)]
    words: Words,
}

#[derive(Debug, Args)]
pub(super) struct Stand {
    /// The wallet: its number, such as w12, or its root key.
    wallet: String,
    #[command(flatten)]
    words: Words,
}

#[derive(Debug, Args)]
struct Words {
    /// Why; kept for ever, and read by those concerned.
    #[arg(long)]
    why: String,
    /// Who decides; the user of this machine unless told.
    #[arg(long, env = "USER", default_value = "provider")]
    who: String,
}

pub(super) fn run_command(config: &Config, command: FindingsCommand) -> Result<(), Failure> {
    if let FindingsCommand::Link { who } = &command {
        say!("{}", run::review_link(config, &run::open_data(config)?, &Clock::System, who)?);
        return Ok(());
    }
    let mut ledger = Ledger::open(config)?;
    match command {
        FindingsCommand::Link { .. } => Ok(()),
        FindingsCommand::Scan => scan(&ledger.reader),
        FindingsCommand::List { decided, watching, creator, json } => {
            let creator = creator.map(|id| ledger.creator(&id)).transpose()?;
            let creator = creator.map(|(row, _)| row.creator);
            let wanted =
                Wanted { accusing: !watching, undecided: !decided, creator, ..Wanted::default() };
            list(&ledger.reader, wanted, json)
        }
        FindingsCommand::Show { finding, json } => {
            let row = known(&ledger.reader, FindingRef(finding))?;
            show(&ledger.reader, &row, json)
        }
        FindingsCommand::Uphold(which) => decide(&mut ledger, &which, Act::Uphold),
        FindingsCommand::Lift(which) => decide(&mut ledger, &which, Act::Lift),
        FindingsCommand::Freeze(whom) => stand(&mut ledger, &whom, Standing::Frozen),
        FindingsCommand::Slow(whom) => stand(&mut ledger, &whom, Standing::Slowed),
        FindingsCommand::Thaw(whom) => stand(&mut ledger, &whom, Standing::Free),
        FindingsCommand::Report { days, json } => {
            let today = ledger.clock.now().day();
            let report = Report::read(&ledger.reader, today, days).map_err(words)?;
            if json {
                say!("{}", serde_json::to_string_pretty(&report).unwrap_or_default());
            } else {
                say!("{}", report.text(&config.currency).trim_end());
            }
            Ok(())
        }
        FindingsCommand::Export { finding } => {
            let row = known(&ledger.reader, FindingRef(finding))?;
            let bundle = Bundle::read(&ledger.reader, &row).map_err(words)?;
            say!("{}", serde_json::to_string_pretty(&bundle).unwrap_or_default());
            Ok(())
        }
        FindingsCommand::Picture { finding } => {
            let row = known(&ledger.reader, FindingRef(finding))?;
            say!("{}", picture(&ledger.reader, &row).map_err(words)?);
            Ok(())
        }
    }
}

fn words(error: impl std::fmt::Display) -> Failure {
    Failure::NotDone(error.to_string())
}

fn known(reader: &Reader, finding: FindingRef) -> Result<FindingRow, Failure> {
    let found = reader.finding(finding).map_err(words)?;
    found.ok_or_else(|| {
        let number = finding.0;
        Failure::NotDone(format!("there is no finding {number}; see: farthing fraud list"))
    })
}

fn scan(reader: &Reader) -> Result<(), Failure> {
    let mut scan = Scan::new(reader.clone());
    loop {
        let scanned = scan.step(10_000).map_err(words)?;
        for draft in &scanned.drafts {
            say!("{}", farthing_verifier::findings::draft_json(draft));
        }
        if scanned.events == 0 {
            return Ok(());
        }
    }
}

/// Findings read at once.
const PAGE: usize = 500;

/// Every finding that is wanted, newest first.
fn each(
    reader: &Reader,
    wanted: Wanted,
    mut take: impl FnMut(FindingRow) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut below = u64::MAX;
    loop {
        let rows = reader.findings(wanted, below, PAGE).map_err(words)?;
        let Some(last) = rows.last() else { return Ok(()) };
        below = last.finding.0;
        rows.into_iter().try_for_each(&mut take)?;
    }
}

fn list(reader: &Reader, wanted: Wanted, json: bool) -> Result<(), Failure> {
    if !json {
        say!("no.\tfound\tstate\tkind\tsubject\tscore\theld\twhat");
    }
    each(reader, wanted, |row| {
        if json {
            say!("{}", finding_json(&row, &[], &[]));
            return Ok(());
        }
        let said = &row.said;
        say!(
            "{}\t{}\t{}\t{}\t{}\t{}%\t{}\t{}",
            row.finding.0,
            show_time(said.at),
            row.state.name(),
            said.kind,
            farthing_verifier::findings::subject_name(said.subject),
            said.score_ppm / 10_000,
            row.held,
            said.explanation
        );
        Ok(())
    })
}

fn show(reader: &Reader, row: &FindingRow, json: bool) -> Result<(), Failure> {
    let trail = reader.decisions_of_finding(row.finding).map_err(words)?;
    let holds = reader.claim_holds(row.finding, 1_000).map_err(words)?;
    if json {
        say!("{}", finding_json(row, &trail, &holds));
        return Ok(());
    }
    let said = &row.said;
    say!("finding {}: {} ({})", row.finding.0, said.kind, said.rule);
    say!("found      {}", show_time(said.at));
    say!(
        "subject    {}, as {}",
        farthing_verifier::findings::subject_name(said.subject),
        said.role.name()
    );
    say!(
        "score      {} %; the rule accused {} honest wallets in a million where it was measured",
        said.score_ppm / 10_000,
        said.error_ppm
    );
    say!("says       {}", said.explanation);
    let entries: Vec<String> = said.entries.iter().map(|entry| entry.0.to_string()).collect();
    say!("rests on   entries {} (the newest then: {})", entries.join(", "), said.horizon.0);
    say!("state      {}", row.state.name());
    say!("held       {} of {} claims; {} ever", row.held, row.held_claims, row.ever_held);
    for line in trail {
        say!("{}  {} by {}: {}", show_time(line.at), line.act.name(), line.who, line.why);
    }
    Ok(())
}

fn decide(ledger: &mut Ledger, which: &Decide, act: Act) -> Result<(), Failure> {
    let mut findings: Vec<FindingRef> = which.findings.iter().copied().map(FindingRef).collect();
    if let Some(creator) = &which.creator {
        let creator = Some(ledger.creator(creator)?.0.creator);
        let wanted = Wanted { accusing: true, undecided: true, creator, ..Wanted::default() };
        each(&ledger.reader, wanted, |row| {
            if which.rule.as_ref().is_none_or(|rule| *rule == row.said.rule) {
                findings.push(row.finding);
            }
            Ok(())
        })?;
    }
    if findings.is_empty() {
        return Err(Failure::NotDone("no finding to decide; name some, or a creator".into()));
    }
    let mut failed = false;
    for finding in findings {
        if let Err(why) = decide_one(ledger, finding, act, &which.words) {
            // The others are decided all the same.
            eprintln!("farthing: finding {}: {why}", finding.0);
            failed = true;
        }
    }
    if failed { Err(Failure::Said) } else { Ok(()) }
}

fn decide_one(
    ledger: &mut Ledger,
    finding: FindingRef,
    act: Act,
    said: &Words,
) -> Result<(), String> {
    let told = |failure: Failure| match failure {
        Failure::NotDone(why) | Failure::Refused(why) => why,
        Failure::MustRecover | Failure::Said => "the ledger could not be written".into(),
    };
    let (who, why) = (said.who.clone(), said.why.clone());
    match ledger.ask(Command::Review { finding, act, who, why }).map_err(told)? {
        Answer::Reviewed(Ok(())) => {}
        Answer::Reviewed(Err(refusal)) => return Err(refusal.problem().detail().to_owned()),
        other => return Err(format!("the ledger gave another answer: {other:?}")),
    }
    // After this point it is decided. What is not moved here, a running server moves.
    let (mut moved, mut left) = (0_u64, 1_u64);
    while left > 0 {
        let Answer::Settled(Ok((now, rest))) =
            ledger.ask(Command::SettleFinding { finding }).map_err(told)?
        else {
            break;
        };
        moved = moved.saturating_add(now);
        left = if now == 0 { 0 } else { rest };
    }
    say!("finding {}: {}, {moved} claims moved", finding.0, past(act));
    Ok(())
}

const fn past(act: Act) -> &'static str {
    match act {
        Act::Uphold => "upheld",
        _ => "lifted",
    }
}

fn stand(ledger: &mut Ledger, whom: &Stand, standing: Standing) -> Result<(), Failure> {
    let wallet = wallet(&ledger.reader, &whom.wallet)?;
    let (who, why) = (whom.words.who.clone(), whom.words.why.clone());
    match ledger.ask(Command::SetStanding { wallet, standing, who, why })? {
        Answer::Reviewed(Ok(())) => {
            say!("w{}: {}", wallet.0, standing.name());
            Ok(())
        }
        Answer::Reviewed(Err(refusal)) => {
            Err(Failure::NotDone(refusal.problem().detail().to_owned()))
        }
        other => Err(Failure::NotDone(format!("the ledger gave another answer: {other:?}"))),
    }
}

fn wallet(reader: &Reader, text: &str) -> Result<WalletRef, Failure> {
    if let Some(number) = text.strip_prefix('w').and_then(|text| text.parse().ok()) {
        return Ok(WalletRef(number));
    }
    let root = PublicKey::parse(text)
        .map_err(|why| Failure::NotDone(format!("{text}: {why}, and no number such as w12")))?;
    let row = reader.wallet(&root).map_err(words)?;
    row.map(|row| row.wallet).ok_or_else(|| Failure::NotDone(format!("there is no wallet {text}")))
}
