//! Findings as those concerned read them: a creator the ones about money paid to it, a visitor the ones
//! about its wallet; and their answers.

use axum::Json;
use axum::extract::{Path, State};
use farthing_rules::findings::{Act, Decision, FindingRef, FindingRow, Standing};
use farthing_rules::{Answer, Command, WalletRef};
use farthing_shared::{PublicKey, limits};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::extract::{Asked, Body, Named, Reading, SignedIn};
use super::problem::{Kind, Problem};
use super::text::{Clause, time};
use super::wallets::{Paging, own};
use crate::store::sqlite::{ReadError, Reader, Wanted};

/// One finding.
#[derive(Serialize, ToSchema)]
pub(super) struct FindingBody {
    finding: u64,
    at: String,
    /// `group`, `equivocation`, `forged` …
    kind: String,
    /// Rule and version.
    rule: String,
    /// What the subject did, if it is right: `signer`, `submitter`, `steered`.
    role: &'static str,
    /// The wallet, by its number here.
    subject: String,
    /// Probability, 0 to 1.
    score: f64,
    /// How many honest wallets in a million the rule accused where that was measured.
    honest_accused_per_million: u32,
    explanation: String,
    /// Entries of the ledger that it rests on, none of them newer than it.
    entries: Vec<u64>,
    /// `open`, `appealed`, `upheld`, `lifted`.
    state: &'static str,
    /// `nothing` or `held`.
    done: &'static str,
    /// Held because of it at present.
    held: String,
    held_claims: u64,
    /// What was decided and answered, oldest first.
    trail: Vec<DecisionBody>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct DecisionBody {
    at: String,
    act: &'static str,
    who: String,
    why: String,
}

impl DecisionBody {
    fn of(line: Decision) -> Self {
        Self { at: time(line.at), act: line.act.name(), who: line.who, why: line.why }
    }
}

impl FindingBody {
    fn read(reader: &Reader, row: FindingRow) -> Result<Self, ReadError> {
        let trail = reader.decisions_of_finding(row.finding)?;
        let said = row.said;
        Ok(Self {
            finding: row.finding.0,
            at: time(said.at),
            kind: said.kind,
            rule: said.rule,
            role: said.role.name(),
            subject: format!("w{}", said.subject.number),
            score: f64::from(said.score_ppm) / 1_000_000.0,
            honest_accused_per_million: said.error_ppm,
            explanation: said.explanation,
            entries: said.entries.into_iter().map(|entry| entry.0).collect(),
            state: row.state.name(),
            done: if row.ever_held > 0 { "held" } else { "nothing" },
            held: row.held.to_decimal(),
            held_claims: row.held_claims,
            trail: trail.into_iter().map(DecisionBody::of).collect(),
        })
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct FindingList {
    data: Vec<FindingBody>,
    next: Option<String>,
}

fn read_list(
    reader: &Reader,
    wanted: Wanted,
    below: u64,
    limit: usize,
) -> Result<FindingList, ReadError> {
    let rows = reader.findings(wanted, below, limit)?;
    let last = rows.last().map(|row| row.finding.0.to_string());
    let next = last.filter(|_| rows.len() == limit);
    let data = rows.into_iter().map(|row| FindingBody::read(reader, row));
    Ok(FindingList { data: data.collect::<Result<_, _>>()?, next })
}

/// Findings about money paid to the creator, newest first.
#[utoipa::path(get, path = "/v1/creator/findings", params(Paging),
    responses((status = 200, body = FindingList), (status = 401, body = Problem)))]
pub(super) async fn of_creator(
    State(app): State<App>,
    who: SignedIn,
    Asked(paging): Asked<Paging>,
) -> Result<Json<FindingList>, Problem> {
    let limit = paging.size()?;
    let most = farthing_rules::EntryNumber(u64::try_from(i64::MAX).unwrap_or(u64::MAX));
    let below = paging.begin(most)?.0;
    let creator = Some(who.row.creator);
    let wanted = Wanted { accusing: true, creator, ..Wanted::default() };
    Ok(Json(app.read(move |reader| read_list(reader, wanted, below, limit)).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AnswerText {
    /// What you know about it; at most 4,000 bytes.
    text: String,
}

/// A creator answers a finding about its money.
#[utoipa::path(post, path = "/v1/creator/findings/{finding}/answers", params(("finding" = u64, Path)),
    request_body = AnswerText, responses((status = 200, body = FindingBody), (status = 401, body = Problem),
        (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn answer_as_creator(
    State(app): State<App>,
    Path(number): Path<u64>,
    who: SignedIn,
    Body(body): Body<AnswerText>,
) -> Result<Json<FindingBody>, Problem> {
    let finding = FindingRef(number);
    let found = app.read(move |reader| reader.finding(finding)).await?;
    let concerns = |row: &FindingRow| row.said.accuse && row.said.creator == who.row.creator;
    found.filter(concerns).ok_or_else(|| Problem::missing("finding"))?;
    answer(&app, finding, format!("creator {}", who.profile.id), body.text).await
}

async fn answer(
    app: &App,
    finding: FindingRef,
    who: String,
    text: String,
) -> Result<Json<FindingBody>, Problem> {
    let why = text.trim().to_owned();
    if why.is_empty() || why.len() > limits::REVIEW_BYTES_MAX {
        return Err(Problem::field("text", "expected 1 to 4000 bytes of text"));
    }
    match app.intake.ask(Command::Review { finding, act: Act::Answer, who, why }).await? {
        Answer::Reviewed(Ok(())) => {}
        Answer::Reviewed(Err(refusal)) => return Err(refusal.problem()),
        _ => return Err(Problem::new(Kind::Internal, "the ledger gave another answer")),
    }
    let body = app
        .read(move |reader| match reader.finding(finding)? {
            Some(row) => Ok(Some(FindingBody::read(reader, row)?)),
            None => Ok(None),
        })
        .await?;
    Ok(Json(body.ok_or_else(|| Problem::missing("finding"))?))
}

#[derive(Serialize, ToSchema)]
pub(super) struct StandingBody {
    /// `free`, `slowed`, `frozen`.
    standing: &'static str,
    /// Since when and why, where it is not free.
    since: Option<String>,
    why: Option<String>,
    /// Findings that accuse the wallet, newest first.
    findings: Vec<FindingBody>,
}

/// How a wallet stands and what was found about it, for its root key.
#[utoipa::path(get, path = "/v1/wallets/{root}/standing", params(("root" = String, Path)),
    responses((status = 200, body = StandingBody), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn of_wallet(
    State(app): State<App>,
    Named(root): Named<PublicKey>,
    reading: Reading,
) -> Result<Json<StandingBody>, Problem> {
    own(root, reading)?;
    let body = app.read(move |reader| read_standing(reader, &root)).await?;
    Ok(Json(body.ok_or_else(|| Problem::missing("wallet"))?))
}

fn read_standing(reader: &Reader, root: &PublicKey) -> Result<Option<StandingBody>, ReadError> {
    let Some(row) = reader.wallet(root)? else { return Ok(None) };
    let last = reader.decisions_of_wallet(row.wallet)?.pop();
    let last = last.filter(|_| row.standing != Standing::Free);
    Ok(Some(StandingBody {
        standing: row.standing.name(),
        since: last.as_ref().map(|line| time(line.at)),
        why: last.map(|line| line.why),
        findings: read_list(reader, accusing(row.wallet), u64::MAX, 50)?.data,
    }))
}

fn accusing(wallet: WalletRef) -> Wanted {
    Wanted { accusing: true, wallet: Some(wallet), ..Wanted::default() }
}

/// A visitor answers what was found about its wallet.
#[utoipa::path(post, path = "/v1/wallets/{root}/findings/{finding}/answers",
    params(("root" = String, Path), ("finding" = u64, Path)),
    request_body = AnswerText, responses((status = 200, body = FindingBody), (status = 401, body = Problem),
        (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn answer_as_visitor(
    State(app): State<App>,
    Path((root, number)): Path<(String, u64)>,
    reading: Reading,
    Body(body): Body<AnswerText>,
) -> Result<Json<FindingBody>, Problem> {
    let root = PublicKey::parse(&root)
        .map_err(|why| Problem::new(Kind::BadRequest, format!("in the path: {why}")))?;
    own(root, reading)?;
    let finding = FindingRef(number);
    let found = app
        .read(move |reader| {
            let Some(wallet) = reader.wallet(&root)? else { return Ok(false) };
            let row = reader.finding(finding)?;
            Ok(row.is_some_and(|row| {
                row.said.accuse && row.said.subject == crate::findings::wallet(wallet.wallet)
            }))
        })
        .await?;
    if !found {
        return Err(Problem::missing("finding"));
    }
    answer(&app, finding, "the wallet's owner".into(), body.text).await
}
