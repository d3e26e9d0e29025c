//! Checks receipts, statements and logs offline. Needs no data folder and no settings: only the file and the key.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use farthing_shared::CreatorId;
use farthing_shared::checkpoint::Checkpoint;
use farthing_shared::joined::{Part, join};
use farthing_shared::leaf::LeafBody;
use farthing_shared::merkle::Hash;
use farthing_shared::note::{COSIGNATURE, NOTE_BYTES_MAX, Note, NoteKey};
use farthing_shared::receipt::{BadReceipt, ProvenReceipt, RECEIPT_BYTES_MAX, Receipt, agree};
use farthing_shared::statement::{
    BadStatement, STATEMENT_BYTES_MAX, Statement, Verdict as StatementVerdict,
};
use farthing_shared::tiles::{TileName, Tiles, parse_tile};
use farthing_verifier::findings::Bundle;
use farthing_verifier::http::show_time;
use farthing_verifier::log::check;
use serde_json::{Value, json};

use super::Failure;

/// Check offline. Exit code 0: it holds; 1: it does not, or cannot be read.
#[derive(Debug, Subcommand)]
pub(super) enum VerifyCommand {
    /// Receipts: that the payments are in the log, signed by the one who paid.
    Receipt {
        /// The files, as GET /v1/receipts answers them and the wallet page saves them.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The log's key, as `farthing log key` and /log/key print it.
        #[arg(long)]
        key: String,
        #[command(flatten)]
        quorum: Quorum,
        /// Print the verdict as JSON.
        #[arg(long)]
        json: bool,
    },
    /// A creator's statements: that each payment is genuine and in the log, none is missing in between,
    /// and the totals are right. Several files, such as one a month, must also join: without a gap, in one
    /// log, and the same where they overlap.
    Statement {
        /// The files, as GET /v1/creator/statement answers them, in any order.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The log's key.
        #[arg(long)]
        key: String,
        /// The creator whose statement it must be.
        #[arg(long)]
        creator: Option<String>,
        /// A checkpoint seen earlier, with which the log must be consistent.
        #[arg(long)]
        since: Option<PathBuf>,
        /// A statement checked earlier: its payments must be here still, and the log must be consistent with its
        /// checkpoint.
        #[arg(long, conflicts_with = "since")]
        before: Option<PathBuf>,
        #[command(flatten)]
        quorum: Quorum,
        /// Print the verdict as JSON.
        #[arg(long)]
        json: bool,
    },
    /// A finding with its evidence, as `farthing fraud export` prints it: that it was not changed since it was
    /// made, and that its signed claims hold.
    Finding {
        /// The file.
        file: PathBuf,
        /// Print the verdict as JSON.
        #[arg(long)]
        json: bool,
    },
    /// A copy of a log: that its tiles are whole and lead to the signed root.
    Log {
        /// A folder with `checkpoint` and `tile/…`.
        folder: PathBuf,
        /// The log's key.
        #[arg(long)]
        key: String,
        /// A checkpoint seen earlier, with which this log must be consistent; may be given several times.
        #[arg(long = "seen")]
        seen: Vec<PathBuf>,
        #[command(flatten)]
        quorum: Quorum,
        /// Print the verdict as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Who else must have seen the checkpoint.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Quorum {
    /// The cosignature key of a witness that you trust; may be given several times.
    #[arg(long = "witness")]
    witnesses: Vec<String>,
    /// How many of them must have cosigned the checkpoint; all of them unless told.
    #[arg(long, requires = "witnesses")]
    quorum: Option<usize>,
}

impl Quorum {
    /// Words and count of the witnesses that have cosigned.
    fn check(&self, note: &Note) -> Result<(String, usize), Not> {
        let mut keys: Vec<NoteKey> = Vec::new();
        for text in &self.witnesses {
            let key = NoteKey::parse(text.trim()).map_err(|why| format!("--witness: {why}"))?;
            if key.kind() != COSIGNATURE {
                return Err(format!("--witness: {text} is a log's key and not a witness's").into());
            }
            if keys.iter().all(|other| other.to_string() != key.to_string()) {
                keys.push(key);
            }
        }
        let needed = self.quorum.unwrap_or(keys.len());
        if needed > keys.len() {
            return Err(format!("--quorum: {needed} of {} witnesses", keys.len()).into());
        }
        let mut missing = Vec::new();
        for key in &keys {
            if let Err(why) = key.check(note) {
                missing.push(format!("{}: {why}", key.name()));
            }
        }
        let cosigned = keys.len().saturating_sub(missing.len());
        if cosigned < needed {
            let why = format!(
                "not witnessed: {cosigned} of {} witnesses cosigned the checkpoint, {needed} are asked for; {}",
                keys.len(),
                missing.join("; ")
            );
            return Err(Not { why, lie: Some("not_witnessed"), file: None });
        }
        let words = if keys.is_empty() {
            String::new()
        } else {
            format!(", cosigned by {cosigned} of {} witnesses", keys.len())
        };
        Ok((words, cosigned))
    }
}

pub(super) fn run(command: &VerifyCommand) -> Result<(), Failure> {
    let (verdict, json) = match command {
        VerifyCommand::Finding { file, json } => (finding(file), *json),
        VerifyCommand::Receipt { files, key, quorum, json } => {
            (receipts(files, key, quorum), *json)
        }
        VerifyCommand::Statement { files, key, creator, since, before, quorum, json } => {
            let earlier = (since.as_deref(), before.as_deref());
            (statements(files, key, creator.as_deref(), earlier, quorum), *json)
        }
        VerifyCommand::Log { folder, key, seen, quorum, json } => {
            (log(folder, key, seen, quorum), *json)
        }
    };
    if !json {
        let (words, _) = verdict.map_err(|not| Failure::NotDone(not.why))?;
        say!("{words}");
        return Ok(());
    }
    match verdict {
        Ok((_, facts)) => say!("{}", json!({ "holds": true, "facts": facts })),
        Err(Not { why, lie, file }) => {
            let mut said = json!({ "holds": false, "why": why });
            if let (Some(lie), Some(said)) = (lie, said.as_object_mut()) {
                said.insert("lie".into(), lie.into());
            }
            if let (Some(file), Some(said)) = (file, said.as_object_mut()) {
                said.insert("file".into(), file.display().to_string().into());
            }
            say!("{said}");
            return Err(Failure::Said);
        }
    }
    Ok(())
}

type Verdict = Result<(String, Value), Not>;

/// Why it does not hold, or cannot be read.
struct Not {
    why: String,
    /// The lie's name for programs, where there is one.
    lie: Option<&'static str>,
    /// The file that shows it, where there may be several.
    file: Option<PathBuf>,
}

impl From<String> for Not {
    fn from(why: String) -> Self {
        Self { why, lie: None, file: None }
    }
}

fn finding(file: &Path) -> Verdict {
    let bundle: Bundle = serde_json::from_str(&read(file)?)
        .map_err(|why| format!("{}: it is not a finding: {why}", file.display()))?;
    let words = bundle.verify().map_err(|why| format!("{}: {why}", file.display()))?;
    Ok((words, json!({})))
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The bytes of a file, or one more than `most` of it: what comes through a pipe has no length to look at first.
fn read_at_most(path: &Path, most: usize) -> Result<Vec<u8>, String> {
    let told = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut bytes = Vec::new();
    let most = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let file = std::fs::File::open(path).map_err(told)?;
    file.take(most).read_to_end(&mut bytes).map_err(told)?;
    Ok(bytes)
}

/// The text of a file that is at most so long; of a longer one the beginning, which no reader takes for whole.
fn read_text(path: &Path, most: usize) -> Result<String, String> {
    String::from_utf8(read_at_most(path, most)?)
        .map_err(|_| format!("{}: it is not text", path.display()))
}

fn note_key(text: &str) -> Result<NoteKey, String> {
    NoteKey::parse(text.trim()).map_err(|why| format!("--key: {why}"))
}

/// One file is answered by itself; of several, all must hold.
fn receipts(files: &[PathBuf], key: &str, quorum: &Quorum) -> Verdict {
    if let [file] = files {
        let (words, facts, _) = receipt(file, key, quorum)?;
        return Ok((words, facts));
    }
    let (mut words, mut facts, mut all) = (Vec::new(), Vec::new(), Vec::new());
    let mut bad: Vec<Not> = Vec::new();
    for file in files {
        match receipt(file, key, quorum) {
            Ok((said, fact, proven)) => {
                words.push(format!("{}: {said}", file.display()));
                facts.push(fact);
                all.push(proven);
            }
            Err(not) => bad.push(not),
        }
    }
    let whys = bad.iter().map(|not| not.why.as_str()).collect::<Vec<_>>().join("\n");
    let why = format!("{} of {} do not hold:\n{whys}", bad.len(), files.len());
    if let Some(first) = bad.into_iter().next() {
        return Err(Not { why, ..first });
    }
    agree(&all).map_err(|(at, lie)| of_file(files.get(at).map_or(Path::new(""), |f| f), &lie))?;
    Ok((words.join("\n"), facts.into()))
}

fn receipt(file: &Path, key: &str, quorum: &Quorum) -> Result<(String, Value, ProvenReceipt), Not> {
    let told = |why: BadReceipt| Not {
        why: format!("{}: {why}", file.display()),
        lie: Some(why.name()),
        file: Some(file.to_owned()),
    };
    let receipt = Receipt::parse(&read_text(file, RECEIPT_BYTES_MAX)?).map_err(told)?;
    let proven = receipt.verify(&note_key(key)?).map_err(told)?;
    let LeafBody::Claim(claim) = &proven.leaf.body else {
        return Err(format!("{}: it is not the receipt of a payment", file.display()).into());
    };
    let (witnessed, cosigned) = quorum.check(&receipt.checkpoint)?;
    let fields = claim.signed.claim();
    let words = format!(
        "holds: {} {} to {} at {}, entry {} of {} in the log {}, the creator's payment number {}{witnessed}",
        fields.amount,
        fields.currency.as_str(),
        fields.creator,
        show_time(proven.leaf.at),
        proven.leaf.entry,
        proven.checkpoint.size,
        proven.checkpoint.origin,
        claim.number
    );
    let facts = json!({
        "entry": proven.leaf.entry, "at": show_time(proven.leaf.at), "claim_id": claim.signed.id().to_text(),
        "creator": fields.creator.to_text(), "amount": fields.amount.to_decimal(),
        "currency": fields.currency.as_str(), "number": claim.number,
        "running_total": claim.total.to_decimal(), "log": proven.checkpoint.origin,
        "log_size": proven.checkpoint.size, "cosigned": cosigned,
    });
    Ok((words, facts, proven))
}

fn statements(
    files: &[PathBuf],
    key: &str,
    creator: Option<&str>,
    (since, before): (Option<&Path>, Option<&Path>),
    quorum: &Quorum,
) -> Verdict {
    let key = note_key(key)?;
    let creator = creator.map(CreatorId::parse).transpose();
    let creator = creator.map_err(|why| format!("--creator: {why}"))?;
    let mut seen = since.map(|path| opened(path, &key)).transpose()?;
    let mut known = None;
    if let Some(path) = before {
        let (_, part) = checked(path, &key, creator.as_ref())?;
        known = Some(part.verdict.ends());
        seen = Some(part.verdict.checkpoint);
    }
    let (mut notes, mut parts) = (Vec::new(), Vec::new());
    for file in files {
        let (note, part) = checked(file, &key, creator.as_ref())?;
        notes.push(note);
        parts.push(part);
    }
    let joined = join(&parts, seen.as_ref(), known.as_ref()).map_err(|apart| {
        let file = files.get(apart.part).map_or(Path::new(""), PathBuf::as_path);
        of_file(file, &apart.lie)
    })?;
    // The older checkpoints are of its beginning, so that whoever cosigned it has seen them too. Of two files with
    // this one the earlier may have been made before its cosignatures came.
    let newest = parts.iter().zip(&notes);
    let newest = newest.filter(|(part, _)| part.verdict.checkpoint == joined.checkpoint);
    let asked: Vec<_> = newest.map(|(_, note)| quorum.check(note)).collect();
    let witnessed = asked.iter().position(Result::is_ok).unwrap_or(0);
    let witnessed = asked.into_iter().nth(witnessed);
    let (witnessed, cosigned) = witnessed.ok_or("there is no checkpoint".to_owned())??;
    let from = match files.len() {
        1 => String::new(),
        several => format!(" in {several} files"),
    };
    let (currency, last) = (joined.currency.as_str(), joined.ends.payments);
    let elsewhere = match joined.refunds_elsewhere {
        0 => String::new(),
        some => format!(" ({some} of them of payments that are not in here)"),
    };
    let numbers = match joined.first {
        0 => "there is none to prove".to_owned(),
        1 => format!("numbers 1 to {} without a gap", last.number),
        first => format!(
            "numbers {first} to {} without a gap (those before number {first} are not in here)",
            last.number
        ),
    };
    let words = format!(
        "holds: {} of {} payments proven{from}, {numbers}, {} {currency} credited of {} {currency} paid, running total \
         {} {currency}, {} refunds proven that took back {} {currency}{elsewhere}; creator {}, {} entries in the log \
         {}{witnessed}",
        joined.payments,
        joined.payments,
        joined.credited,
        joined.paid,
        last.total,
        joined.refunds,
        joined.ends.refunds.total,
        joined.creator,
        joined.checkpoint.size,
        joined.checkpoint.origin
    );
    let facts = json!({
        "creator": joined.creator.to_text(), "currency": currency, "payments": joined.payments,
        "first": joined.first, "last": last.number, "paid": joined.paid.to_decimal(),
        "credited": joined.credited.to_decimal(), "running_total": last.total.to_decimal(), "refunds": joined.refunds,
        "refunds_elsewhere": joined.refunds_elsewhere,
        "refunded": joined.ends.refunds.total.to_decimal(), "log": joined.checkpoint.origin,
        "log_size": joined.checkpoint.size, "root": joined.checkpoint.root.to_text(), "cosigned": cosigned,
        "files": files.iter().zip(&parts).map(|(file, part)| facts_of(file, &part.verdict)).collect::<Vec<_>>(),
    });
    Ok((words, facts))
}

/// What one of several files holds.
fn facts_of(file: &Path, verdict: &StatementVerdict) -> Value {
    let ends = verdict.ends();
    json!({
        "file": file.display().to_string(), "payments": verdict.payments, "first": verdict.first,
        "last": verdict.last, "first_entry": verdict.first_entry, "last_entry": verdict.last_entry,
        "running_total": verdict.total.to_decimal(), "refunds": verdict.refunds,
        "first_refund": verdict.first_refund, "last_refund": ends.refunds.number,
        "log_size": verdict.checkpoint.size,
    })
}

fn of_file(file: &Path, lie: &BadStatement) -> Not {
    let why = format!("{}: {lie}", file.display());
    Not { why, lie: Some(lie.name()), file: Some(file.to_owned()) }
}

/// The statement in a file, checked by itself, and its checkpoint with all signatures.
fn checked(file: &Path, key: &NoteKey, creator: Option<&CreatorId>) -> Result<(Note, Part), Not> {
    let told = |why: BadStatement| of_file(file, &why);
    let statement = Statement::parse(&read_at_most(file, STATEMENT_BYTES_MAX)?).map_err(told)?;
    let note = statement.checkpoint.clone();
    let opened = statement.open(key, creator, None).map_err(told)?;
    opened.check_signatures(0..opened.payments()).map_err(told)?;
    Ok((note, Part::finish(opened).map_err(told)?))
}

/// Tiles in files as C2SP lays them out.
struct Folder<'a>(&'a Path);

impl Tiles for Folder<'_> {
    type Error = String;

    fn tile(&mut self, name: TileName) -> Result<Vec<Hash>, String> {
        let path = self.0.join(name.path());
        let bytes = read_at_most(&path, usize::from(name.width).saturating_mul(32))?;
        let hashes = parse_tile(&bytes).filter(|hashes| hashes.len() == usize::from(name.width));
        hashes.ok_or_else(|| format!("{}: it does not hold {} hashes", name.path(), name.width))
    }
}

fn opened(path: &Path, key: &NoteKey) -> Result<Checkpoint, String> {
    note_in(path, key).map(|(_, checkpoint)| checkpoint)
}

fn note_in(path: &Path, key: &NoteKey) -> Result<(Note, Checkpoint), String> {
    let told = |why: farthing_shared::note::NoteError| format!("{}: {why}", path.display());
    let note = Note::parse(&read_text(path, NOTE_BYTES_MAX)?).map_err(told)?;
    let checkpoint = Checkpoint::open(&note, key).map_err(told)?;
    Ok((note, checkpoint))
}

fn log(folder: &Path, key: &str, seen: &[PathBuf], quorum: &Quorum) -> Verdict {
    let key = note_key(key)?;
    let (note, newest) = note_in(&folder.join("checkpoint"), &key)?;
    let (witnessed, cosigned) = quorum.check(&note)?;
    let seen = seen.iter().map(|path| opened(path, &key)).collect::<Result<Vec<_>, _>>()?;
    check(&mut Folder(folder), &newest, &seen).map_err(|lie| Not {
        why: lie.to_string(),
        lie: Some(lie.name()),
        file: None,
    })?;
    let words = format!("holds: {} entries in the log {}{witnessed}", newest.size, newest.origin);
    let facts = json!({
        "log": newest.origin, "size": newest.size, "root": newest.root.to_text(), "cosigned": cosigned,
    });
    Ok((words, facts))
}
