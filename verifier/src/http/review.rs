//! The review page's listener: findings for whoever runs the verifier, and what is decided about them.
//!
//! It is a listener of its own, on an origin that no visitor opens, so that no script of the frame, the wallet
//! or a creator's site runs beside it. Requests for another host, or from a page of another origin, are refused
//! before anything is looked at; whoever asks carries a session (`reviewers.rs`), never a cookie.

use std::collections::BTreeSet;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use farthing_rules::findings::{
    Act, Decision, FindingRef, FindingRow, Standing, Subject, SubjectKind,
};
use farthing_rules::{Answer, Command, CreatorRef, WalletRef};
use farthing_shared::{CreatorId, UnixMillis, limits};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Asked, Body, InPath};
use super::problem::{Kind, Problem};
use super::provider::CreatorName;
use super::text::{Clause, time};
use super::{App, GUESS, HEAVY, READ, openapi, pages, routed};
use crate::findings::{Report, picture, subject_name};
use crate::intake::{Intake, IntakeError};
use crate::store::sqlite::{ReadError, Reader, Wanted};

/// Findings decided by one request.
const TOGETHER_MAX: usize = 200;
/// Entries and observations shown of one finding; the export has all.
const EVIDENCE_SHOWN: usize = 200;

/// Every route of the review listener.
pub fn router(app: App) -> Router {
    let table = vec![
        ("/", get(pages::review), READ),
        ("/a/{name}", get(pages::asset), READ),
        ("/openapi.json", get(openapi::review_document), READ),
        ("/v1/review/sessions", axum::routing::post(sign_in).delete(sign_out), GUESS),
        ("/v1/review", get(show), READ),
        ("/v1/review/findings", get(findings), READ),
        ("/v1/review/findings/{finding}/picture", get(drawing), HEAVY),
        ("/v1/review/decisions", get(trail).post(decide), HEAVY),
        ("/v1/review/report", get(report), HEAVY),
    ];
    routed(app.clone(), table).layer(from_fn_with_state(app, own_origin))
}

/// Lets through what is meant for this origin, and comes from it where a browser says from where.
async fn own_origin(State(app): State<App>, request: Request, next: Next) -> Response {
    match stranger(&app, request.headers()) {
        None => next.run(request).await,
        Some(problem) => problem.into_response(),
    }
}

fn stranger(app: &App, headers: &HeaderMap) -> Option<Problem> {
    let own = app.config.review_origin().unwrap_or_default();
    let host = own.split_once("://").map_or("", |(_, host)| host);
    let said = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if said(header::HOST) != Some(host) {
        let detail = format!("this listener answers for {own} only; see the setting review.origin");
        return Some(Problem::new(Kind::Forbidden, detail));
    }
    if said(header::ORIGIN).is_some_and(|origin| origin != own) {
        return Some(Problem::new(Kind::Forbidden, "pages of other origins may not ask here"));
    }
    None
}

/// Somebody who is signed in to review.
pub(super) struct Reviewing {
    token: String,
    who: String,
    expires_at: UnixMillis,
}

impl FromRequestParts<App> for Reviewing {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let value = parts.headers.get(header::AUTHORIZATION).and_then(|text| text.to_str().ok());
        let token = value.and_then(|text| text.strip_prefix("Bearer ")).unwrap_or_default();
        let found = app.reviewers.who(token, app.clock.now());
        let (who, expires_at) = found.ok_or_else(|| {
            let detail = "the session has ended; make a new link with: farthing fraud link";
            Problem::new(Kind::Unauthorized, detail)
        })?;
        Ok(Self { token: token.to_owned(), who, expires_at })
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkBody {
    /// From the link's fragment.
    token: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ReviewerBody {
    /// Given at sign-in only.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    expires_at: String,
    /// The name that decisions are kept under.
    who: String,
    /// The provider's name.
    provider: String,
    currency: String,
    demo: bool,
    /// Whether the ledger is being scanned.
    scans: bool,
}

impl ReviewerBody {
    fn of(app: &App, session: Option<String>, who: String, expires_at: UnixMillis) -> Self {
        Self {
            session,
            expires_at: time(expires_at),
            who,
            provider: app.config.name.clone(),
            currency: app.config.currency.clone(),
            demo: app.config.demo,
            scans: app.config.fraud.scan,
        }
    }
}

/// Signs in with a link's token, once.
#[utoipa::path(post, path = "/v1/review/sessions", request_body = LinkBody,
    responses((status = 200, body = ReviewerBody), (status = 401, body = Problem)))]
pub(super) async fn sign_in(
    State(app): State<App>,
    Body(body): Body<LinkBody>,
) -> Result<Json<ReviewerBody>, Problem> {
    let session = app.reviewers.sign_in(&body.token, app.clock.now()).ok_or_else(|| {
        let detail = "this link was used, is older than ten minutes, or was made before the server started; \
                      make a new one with: farthing fraud link";
        Problem::new(Kind::Unauthorized, detail)
    })?;
    tracing::info!(who = session.who, "signed in to review findings");
    Ok(Json(ReviewerBody::of(&app, Some(session.token), session.who, session.expires_at)))
}

/// Ends the session.
#[utoipa::path(delete, path = "/v1/review/sessions", responses((status = 204), (status = 401, body = Problem)))]
pub(super) async fn sign_out(State(app): State<App>, who: Reviewing) -> StatusCode {
    app.reviewers.sign_out(&who.token);
    StatusCode::NO_CONTENT
}

/// Who is signed in.
#[utoipa::path(get, path = "/v1/review", responses((status = 200, body = ReviewerBody), (status = 401, body = Problem)))]
pub(super) async fn show(State(app): State<App>, who: Reviewing) -> Json<ReviewerBody> {
    Json(ReviewerBody::of(&app, None, who.who, who.expires_at))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// `open` (nobody has decided; unless told), `decided`, `all`.
    state: Option<String>,
    /// `accusing` (unless told) or `all`: also those that only watch.
    kind: Option<String>,
    /// Rule and version.
    rule: Option<String>,
    /// Creator id.
    creator: Option<String>,
    /// A wallet by its number, such as w17.
    wallet: Option<String>,
    /// Where the last page ended.
    cursor: Option<String>,
    /// 1 to 200; 50 unless told.
    limit: Option<usize>,
}

impl Filter {
    async fn wanted(&self, app: &App) -> Result<Wanted, Problem> {
        let mut wanted = Wanted::default();
        match self.state.as_deref().unwrap_or("open") {
            "open" => wanted.undecided = true,
            "decided" => wanted.decided = true,
            "all" => {}
            _ => return Err(Problem::field("state", "expected open, decided or all")),
        }
        match self.kind.as_deref().unwrap_or("accusing") {
            "accusing" => wanted.accusing = true,
            "all" => {}
            _ => return Err(Problem::field("kind", "expected accusing or all")),
        }
        if let Some(text) = &self.wallet {
            let number = text.strip_prefix('w').and_then(|number| number.parse().ok());
            let number = number.ok_or_else(|| Problem::field("wallet", "expected such as w17"))?;
            wanted.wallet = Some(WalletRef(number));
        }
        if let Some(text) = &self.creator {
            let id = CreatorId::parse(text).map_err(|why| Problem::field("creator", why))?;
            let found = app.read(move |reader| reader.creator(&id)).await?;
            let (row, _) = found.ok_or_else(|| Problem::missing("creator"))?;
            wanted.creator = Some(row.creator);
        }
        Ok(wanted)
    }
}

fn paging(cursor: Option<&String>, limit: Option<usize>) -> Result<(u64, usize), Problem> {
    let below = match cursor {
        None => u64::try_from(i64::MAX).unwrap_or(u64::MAX),
        Some(text) => {
            text.parse().map_err(|_| Problem::field("cursor", "use the one from the last page"))?
        }
    };
    match limit.unwrap_or(50) {
        limit @ 1..=TOGETHER_MAX => Ok((below, limit)),
        _ => Err(Problem::field("limit", "expected 1 to 200")),
    }
}

/// One finding as the provider reads it.
#[derive(Serialize, ToSchema)]
pub(super) struct CaseBody {
    finding: u64,
    at: String,
    /// `group`, `equivocation`, `forged` …
    kind: String,
    /// Rule and version.
    rule: String,
    /// What the subject did, if it is right: `signer`, `submitter`, `steered`.
    role: &'static str,
    /// A wallet by its number, or a sender by its day's tag.
    subject: String,
    /// How a wallet stands: `free`, `slowed`, `frozen`.
    standing: Option<&'static str>,
    /// Whose money it is about.
    creator: Option<CreatorName>,
    /// Probability, 0 to 1.
    score: f64,
    /// How many honest wallets in a million the rule accused where that was measured.
    honest_accused_per_million: u32,
    /// Whether it accuses; otherwise it only watches.
    accuse: bool,
    explanation: String,
    /// Entries that it rests on, none newer than `newest_entry_then`; the first 200.
    entries: Vec<u64>,
    entries_in_all: usize,
    newest_entry_then: u64,
    /// `open`, `appealed`, `upheld`, `lifted`.
    state: &'static str,
    /// `nothing` or `held`.
    done: &'static str,
    /// Held because of it at present.
    held: String,
    held_claims: u64,
    /// What was decided and answered about it, and about its wallet, oldest first.
    trail: Vec<LineBody>,
}

/// A line of the trail.
#[derive(Serialize, ToSchema)]
pub(super) struct LineBody {
    number: u64,
    at: String,
    /// `uphold`, `lift`, `answer`, `slow`, `freeze`, `thaw`.
    act: &'static str,
    /// Of which finding; none for a wallet's standing.
    finding: Option<u64>,
    /// Of which wallet's standing.
    wallet: Option<String>,
    who: String,
    why: String,
}

impl LineBody {
    fn of(line: Decision) -> Self {
        Self {
            number: line.number,
            at: time(line.at),
            act: line.act.name(),
            finding: (line.finding.0 != 0).then_some(line.finding.0),
            wallet: (line.wallet.0 != 0).then(|| format!("w{}", line.wallet.0)),
            who: line.who,
            why: line.why,
        }
    }
}

fn wallet_of(subject: Subject) -> Option<WalletRef> {
    (subject.kind == SubjectKind::Wallet).then_some(WalletRef(subject.number))
}

impl CaseBody {
    fn read(reader: &Reader, row: FindingRow) -> Result<Self, ReadError> {
        let said = row.said;
        let mut trail = reader.decisions_of_finding(row.finding)?;
        let mut standing = None;
        if let Some(wallet) = wallet_of(said.subject) {
            trail.extend(reader.decisions_of_wallet(wallet)?);
            trail.sort_by_key(|line| line.number);
            standing = reader.wallet_by_ref(wallet)?.map(|row| row.standing.name());
        }
        let profile = match said.creator {
            CreatorRef(0) => None,
            creator => reader.profile(creator)?,
        };
        Ok(Self {
            finding: row.finding.0,
            at: time(said.at),
            kind: said.kind,
            rule: said.rule,
            role: said.role.name(),
            subject: subject_name(said.subject),
            standing,
            creator: profile.map(|row| CreatorName { id: row.id.to_text(), name: row.name }),
            score: f64::from(said.score_ppm) / 1_000_000.0,
            honest_accused_per_million: said.error_ppm,
            accuse: said.accuse,
            explanation: said.explanation,
            entries_in_all: said.entries.len(),
            entries: said.entries.iter().take(EVIDENCE_SHOWN).map(|entry| entry.0).collect(),
            newest_entry_then: said.horizon.0,
            state: row.state.name(),
            done: if row.ever_held > 0 { "held" } else { "nothing" },
            held: row.held.to_decimal(),
            held_claims: row.held_claims,
            trail: trail.into_iter().map(LineBody::of).collect(),
        })
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct CaseList {
    data: Vec<CaseBody>,
    next: Option<String>,
}

/// Findings, newest first.
#[utoipa::path(get, path = "/v1/review/findings", params(Filter),
    responses((status = 200, body = CaseList), (status = 401, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn findings(
    State(app): State<App>,
    _who: Reviewing,
    Asked(filter): Asked<Filter>,
) -> Result<Json<CaseList>, Problem> {
    let (below, limit) = paging(filter.cursor.as_ref(), filter.limit)?;
    let wanted = filter.wanted(&app).await?;
    let list = app.read(move |reader| {
        let rows = reader.findings_by(wanted, filter.rule.as_deref(), below, limit)?;
        let next = rows.last().map(|row| row.finding.0.to_string());
        let next = next.filter(|_| rows.len() == limit);
        let data = rows.into_iter().map(|row| CaseBody::read(reader, row));
        Ok(CaseList { data: data.collect::<Result<_, _>>()?, next })
    });
    Ok(Json(list.await?))
}

/// The group around a finding, wallets against creators, as SVG.
#[utoipa::path(get, path = "/v1/review/findings/{finding}/picture", params(("finding" = u64, Path)),
    responses((status = 200, content_type = "image/svg+xml"), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn drawing(
    State(app): State<App>,
    _who: Reviewing,
    InPath(number): InPath<u64>,
) -> Result<Response, Problem> {
    let drawn = app.read(move |reader| {
        let row = reader.finding(FindingRef(number))?;
        row.map(|row| picture(reader, &row)).transpose()
    });
    let svg = drawn.await?.ok_or_else(|| Problem::missing("finding"))?;
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], svg).into_response())
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DecideBody {
    /// `uphold` or `lift` the findings; `freeze`, `slow` or `thaw` the wallets that they are about.
    act: String,
    /// Numbers of findings, 1 to 200.
    findings: Vec<u64>,
    /// Kept for ever, and read by those concerned; at most 4,000 bytes.
    why: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct DecidedBody {
    /// One row per finding, in the order asked.
    data: Vec<DecidedRow>,
    /// How many were done.
    done: usize,
}

#[derive(Serialize, ToSchema)]
pub(super) struct DecidedRow {
    finding: u64,
    done: bool,
    /// Why not, where it was not done.
    why_not: Option<String>,
}

/// What somebody wants done.
#[derive(Clone, Copy)]
enum Wish {
    Decide(Act),
    Stand(Standing),
}

impl Wish {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "uphold" => Self::Decide(Act::Uphold),
            "lift" => Self::Decide(Act::Lift),
            "freeze" => Self::Stand(Standing::Frozen),
            "slow" => Self::Stand(Standing::Slowed),
            "thaw" => Self::Stand(Standing::Free),
            _ => return None,
        })
    }
}

/// Decides findings, or how their wallets may pay. Each is one commit: what was done before a failure stays
/// done, and the answer says of each whether it was.
#[utoipa::path(post, path = "/v1/review/decisions", request_body = DecideBody,
    responses((status = 200, body = DecidedBody), (status = 401, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn decide(
    State(app): State<App>,
    who: Reviewing,
    Body(body): Body<DecideBody>,
) -> Result<Json<DecidedBody>, Problem> {
    let expected = "expected uphold, lift, freeze, slow or thaw";
    let wish = Wish::parse(&body.act).ok_or_else(|| Problem::field("act", expected))?;
    if body.findings.is_empty() || body.findings.len() > TOGETHER_MAX {
        return Err(Problem::field("findings", "expected 1 to 200 numbers"));
    }
    let why = body.why.trim();
    if why.is_empty() || why.len() > limits::REVIEW_BYTES_MAX {
        return Err(Problem::field("why", "expected 1 to 4000 bytes of text"));
    }
    let mut data = Vec::new();
    let mut stood = BTreeSet::new();
    for finding in body.findings {
        let done = act_on(&app, FindingRef(finding), wish, (&who.who, why), &mut stood).await;
        let why_not = done.err().map(|problem| problem.detail().to_owned());
        data.push(DecidedRow { finding, done: why_not.is_none(), why_not });
    }
    let decided: Vec<FindingRef> =
        data.iter().filter(|row| row.done).map(|row| FindingRef(row.finding)).collect();
    let done = decided.len();
    tracing::info!(who = who.who, act = body.act, done, "findings were reviewed");
    if let Wish::Decide(_) = wish {
        tokio::spawn(settle(app.intake.clone(), decided));
    }
    Ok(Json(DecidedBody { data, done }))
}

async fn act_on(
    app: &App,
    finding: FindingRef,
    wish: Wish,
    (who, why): (&str, &str),
    stood: &mut BTreeSet<WalletRef>,
) -> Result<(), Problem> {
    let (who, why) = (who.to_owned(), why.to_owned());
    let command = match wish {
        Wish::Decide(act) => Command::Review { finding, act, who, why },
        Wish::Stand(standing) => {
            let found = app.read(move |reader| reader.finding(finding)).await?;
            let row = found.ok_or_else(|| Problem::missing("finding"))?;
            let wallet = wallet_of(row.said.subject).ok_or_else(|| {
                let detail =
                    "it is about a sender, not about a wallet; its network pays by the rate limit";
                Problem::new(Kind::Conflict, detail)
            })?;
            if stood.contains(&wallet) {
                return Ok(());
            }
            let command = Command::SetStanding { wallet, standing, who, why };
            reviewed(app, command).await?;
            stood.insert(wallet);
            return Ok(());
        }
    };
    reviewed(app, command).await
}

async fn reviewed(app: &App, command: Command) -> Result<(), Problem> {
    match app.intake.ask(command).await? {
        Answer::Reviewed(Ok(())) => Ok(()),
        Answer::Reviewed(Err(refusal)) => Err(refusal.problem()),
        _ => Err(Problem::new(Kind::Internal, "the ledger gave another answer")),
    }
}

/// Moves what decided findings hold. What a failure leaves here the watch moves.
async fn settle(intake: Intake, findings: Vec<FindingRef>) {
    for finding in findings {
        if let Err(error) = settle_one(&intake, finding).await {
            tracing::warn!(?error, finding = finding.0, "its money moves later");
        }
    }
}

async fn settle_one(intake: &Intake, finding: FindingRef) -> Result<(), IntakeError> {
    loop {
        match intake.ask(Command::SettleFinding { finding }).await? {
            Answer::Settled(Ok((settled, left))) if settled > 0 && left > 0 => {}
            _ => return Ok(()),
        }
    }
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TrailAsked {
    /// Where the last page ended.
    cursor: Option<String>,
    /// 1 to 200; 50 unless told.
    limit: Option<usize>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct LineList {
    data: Vec<LineBody>,
    next: Option<String>,
}

/// Everything that was decided and answered, newest first.
#[utoipa::path(get, path = "/v1/review/decisions", params(TrailAsked),
    responses((status = 200, body = LineList), (status = 401, body = Problem)))]
pub(super) async fn trail(
    State(app): State<App>,
    _who: Reviewing,
    Asked(asked): Asked<TrailAsked>,
) -> Result<Json<LineList>, Problem> {
    let (below, limit) = paging(asked.cursor.as_ref(), asked.limit)?;
    let lines = app.read(move |reader| reader.decisions(below, limit)).await?;
    let next = lines.last().map(|line| line.number.to_string());
    let next = next.filter(|_| lines.len() == limit);
    Ok(Json(LineList { data: lines.into_iter().map(LineBody::of).collect(), next }))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ReportAsked {
    /// Days of refusals, 1 to 366; 30 unless told.
    days: Option<u32>,
}

/// What was refused and why, what was found, what is held, how often findings were wrong.
#[utoipa::path(get, path = "/v1/review/report", params(ReportAsked),
    responses((status = 200, body = Report), (status = 401, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn report(
    State(app): State<App>,
    _who: Reviewing,
    Asked(asked): Asked<ReportAsked>,
) -> Result<Json<Report>, Problem> {
    let days = asked.days.unwrap_or(30);
    if !(1..=366).contains(&days) {
        return Err(Problem::field("days", "expected 1 to 366"));
    }
    let today = app.clock.now().day();
    Ok(Json(app.read(move |reader| Report::read(reader, today, days)).await?))
}
