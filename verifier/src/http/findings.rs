//! Findings as those concerned read them: a creator the ones about money paid to it, a visitor the ones
//! about its wallet; and their answers.

use axum::Json;
use axum::extract::State;
use base64ct::{Base64UrlUnpadded, Encoding};
use farthing_rules::findings::{Act, Decision, FindingRef, FindingRow, Standing};
use farthing_rules::{Answer, Command, EntryBody, WalletRef};
use farthing_shared::{CreatorId, PublicKey, limits};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::extract::{Asked, Body, InPath, Named, Reading, SignedIn};
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
    /// The wallet: for its owner by its number here, for a creator by a name that no other creator is told.
    subject: String,
    /// Probability, 0 to 1.
    score: f64,
    /// How many honest wallets in a million the rule accused where that was measured.
    honest_accused_per_million: u32,
    explanation: String,
    /// Entries of the ledger that it rests on, none of them newer than it; for a creator its own payments
    /// among them.
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

/// Who reads. Two creators must not find out that they share a visitor, nor read what it says of itself.
#[derive(Clone, Copy)]
enum For<'a> {
    Owner,
    Creator(&'a App, CreatorId),
}

/// How a wallet's owner stands in the trail.
const OWNER: &str = "the wallet's owner";

impl DecisionBody {
    /// A line of the trail. Who decides at the provider is its own affair.
    fn of(line: Decision) -> Self {
        let who = if line.act == Act::Answer { line.who } else { "the provider".into() };
        Self { at: time(line.at), act: line.act.name(), who, why: line.why }
    }
}

/// A wallet's name for one creator: the same in all that this creator reads, and unlike any other's.
fn name_for(app: &App, creator: &CreatorId, wallet: u64) -> String {
    let tag = app.secrets.mac("wallet for creator").tag(&[&creator.0, &wallet.to_be_bytes()]);
    let [a, b, c, d, e, f, ..] = tag;
    format!("w-{}", Base64UrlUnpadded::encode_string(&[a, b, c, d, e, f]))
}

/// Puts those names in the place of numbers (`w17`) in a text.
fn renamed(text: &str, name: impl Fn(u64) -> String) -> String {
    let word = |part: &str| {
        let number = part.strip_prefix('w').and_then(|digits| digits.parse().ok());
        number.map_or_else(|| part.to_owned(), &name)
    };
    let mut out = String::with_capacity(text.len());
    let mut begin = 0;
    for (at, sign) in text.char_indices().filter(|(_, sign)| !sign.is_alphanumeric()) {
        out.push_str(&word(&text[begin..at]));
        out.push(sign);
        begin = at.saturating_add(sign.len_utf8());
    }
    out.push_str(&word(&text[begin..]));
    out
}

impl FindingBody {
    fn read(reader: &Reader, row: FindingRow, whom: For<'_>) -> Result<Self, ReadError> {
        let mut trail = reader.decisions_of_finding(row.finding)?;
        let mut said = row.said;
        let mut subject = format!("w{}", said.subject.number);
        if let For::Creator(app, creator) = whom {
            trail.retain(|line| line.act != Act::Answer || line.who != OWNER);
            subject = name_for(app, &creator, said.subject.number);
            said.explanation = renamed(&said.explanation, |wallet| name_for(app, &creator, wallet));
            let mut own = Vec::new();
            for entry in said.entries {
                let body = reader.entry(entry)?.map(|entry| entry.body);
                let paid =
                    matches!(body, Some(EntryBody::Claim(claim)) if claim.creator == said.creator);
                own.extend(paid.then_some(entry));
            }
            said.entries = own;
        }
        Ok(Self {
            finding: row.finding.0,
            at: time(said.at),
            kind: said.kind,
            rule: said.rule,
            role: said.role.name(),
            subject,
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
    whom: For<'_>,
) -> Result<FindingList, ReadError> {
    let rows = reader.findings(wanted, below, limit)?;
    let last = rows.last().map(|row| row.finding.0.to_string());
    let next = last.filter(|_| rows.len() == limit);
    let data = rows.into_iter().map(|row| FindingBody::read(reader, row, whom));
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
    let (asked, id) = (app.clone(), who.row.id);
    let list =
        move |reader: &Reader| read_list(reader, wanted, below, limit, For::Creator(&asked, id));
    Ok(Json(app.read(list).await?))
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
    InPath(number): InPath<u64>,
    who: SignedIn,
    Body(body): Body<AnswerText>,
) -> Result<Json<FindingBody>, Problem> {
    let finding = FindingRef(number);
    let found = app.read(move |reader| reader.finding(finding)).await?;
    let concerns = |row: &FindingRow| row.said.accuse && row.said.creator == who.row.creator;
    found.filter(concerns).ok_or_else(|| Problem::missing("finding"))?;
    let name = format!("creator {}", who.profile.id);
    answer(&app, finding, name, body.text, Some(who.row.id)).await
}

async fn answer(
    app: &App,
    finding: FindingRef,
    who: String,
    text: String,
    creator: Option<CreatorId>,
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
    let asked = app.clone();
    let body = app
        .read(move |reader| {
            let whom = creator.map_or(For::Owner, |creator| For::Creator(&asked, creator));
            let row = reader.finding(finding)?;
            row.map(|row| FindingBody::read(reader, row, whom)).transpose()
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
        findings: read_list(reader, accusing(row.wallet), u64::MAX, 50, For::Owner)?.data,
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
    InPath((root, number)): InPath<(String, u64)>,
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
    answer(&app, finding, OWNER.into(), body.text, None).await
}

#[cfg(test)]
mod tests {
    use super::renamed;

    #[test]
    fn numbers_of_wallets_are_renamed_and_nothing_else() {
        let name = |wallet: u64| format!("<{wallet}>");
        for (text, expected) in [
            ("w17 looks like one of 9 wallets", "<17> looks like one of 9 wallets"),
            ("w1, w22; (w3) wie w", "<1>, <22>; (<3>) wie w"),
            ("cw1 w1x w w- w99999999999999999999999", "cw1 w1x w w- w99999999999999999999999"),
            ("über w5", "über <5>"),
            ("", ""),
        ] {
            assert_eq!(renamed(text, name), expected);
        }
    }
}
