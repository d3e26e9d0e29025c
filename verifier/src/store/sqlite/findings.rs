//! Findings, the trail, observations and claims under review: rows that are written at once and never
//! held back, so that every reader sees them whole.

use farthing_rules::command::Names;
use farthing_rules::findings::{
    Act, ClaimHold, Decision, FindingDraft, FindingRef, FindingRow, FindingState, Observation,
    Role, Seen, Subject, SubjectKind,
};
use farthing_rules::rows::Entry;
use farthing_rules::{Commit, Context, CreatorRef, EntryNumber, FindingId, WalletRef};
use farthing_shared::{Micros, UnixMillis};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{self, Sql, broken, bytes, coded, int, micros, nat, small};
use super::hot::{More, add};
use super::load::{self, Source};
use super::read::{ReadError, Reader, Sum};
use super::snapshot::each;
use crate::store::{SETTLED_TOGETHER, Snapshot};

const FINDING: &str = "finding, id, subject_kind, subject, role, kind, rule, score_ppm, error_ppm, \
    accuse, creator, at, horizon, entries, observations, explanation, recorded_at, state, held, \
    held_claims, ever_held";

fn finding(row: &Row<'_>) -> Sql<FindingRow> {
    Ok(FindingRow {
        finding: FindingRef(nat(row, 0)?),
        said: FindingDraft {
            id: FindingId(bytes(row, 1)?),
            subject: Subject { kind: coded(row, 2, SubjectKind::from_code)?, number: nat(row, 3)? },
            role: coded(row, 4, Role::from_code)?,
            kind: row.get(5)?,
            rule: row.get(6)?,
            score_ppm: small(row, 7)?,
            error_ppm: small(row, 8)?,
            accuse: row.get(9)?,
            creator: CreatorRef(nat(row, 10)?),
            at: UnixMillis(nat(row, 11)?),
            horizon: EntryNumber(nat(row, 12)?),
            entries: numbers(row, 13)?.into_iter().map(EntryNumber).collect(),
            observations: numbers(row, 14)?,
            explanation: row.get(15)?,
        },
        recorded_at: UnixMillis(nat(row, 16)?),
        state: coded(row, 17, FindingState::from_code)?,
        held: micros(row, 18)?,
        held_claims: nat(row, 19)?,
        ever_held: nat(row, 20)?,
    })
}

fn numbers(row: &Row<'_>, at: usize) -> Sql<Vec<u64>> {
    let blob = row.get_ref(at)?.as_blob().unwrap_or_default();
    let (numbers, rest) = blob.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(broken(at, "numbers of another length"));
    }
    Ok(numbers.iter().map(|number| u64::from_be_bytes(*number)).collect())
}

const DECISION: &str = "number, at, act, finding, wallet, who, why";

fn decision(row: &Row<'_>) -> Sql<Decision> {
    Ok(Decision {
        number: nat(row, 0)?,
        at: UnixMillis(nat(row, 1)?),
        act: coded(row, 2, Act::from_code)?,
        finding: FindingRef(nat(row, 3)?),
        wallet: WalletRef(nat(row, 4)?),
        who: row.get(5)?,
        why: row.get(6)?,
    })
}

const OBSERVATION: &str = "number, at, after, seen, wallet, creator, origin, amount, count";

fn observation(row: &Row<'_>) -> Sql<Observation> {
    let origin = match row.get::<_, Option<i64>>(6)? {
        None => None,
        Some(_) => Some(nat(row, 6)?),
    };
    Ok(Observation {
        number: nat(row, 0)?,
        at: UnixMillis(nat(row, 1)?),
        after: EntryNumber(nat(row, 2)?),
        seen: coded(row, 3, Seen::from_code)?,
        wallet: WalletRef(nat(row, 4)?),
        creator: CreatorRef(nat(row, 5)?),
        origin,
        amount: micros(row, 7)?,
        count: nat(row, 8)?,
    })
}

const CLAIM_HOLD: &str = "claim, finding, creator, wallet, amount, settled, returned";

fn claim_hold(row: &Row<'_>) -> Sql<ClaimHold> {
    Ok(ClaimHold {
        claim: EntryNumber(nat(row, 0)?),
        finding: FindingRef(nat(row, 1)?),
        creator: CreatorRef(nat(row, 2)?),
        wallet: WalletRef(nat(row, 3)?),
        amount: micros(row, 4)?,
        settled: EntryNumber(nat(row, 5)?),
        returned: row.get(6)?,
    })
}

/// Reads what commands about findings name.
pub(super) fn load(source: &mut Source<'_>, names: &Names, context: &mut Context) -> Sql<()> {
    let connection = source.connection;
    for id in &names.finding_ids {
        let sql = "SELECT finding FROM findings WHERE id = ?1";
        let mut query = connection.prepare_cached(sql)?;
        let known = query.query_row([&id.0], |row| Ok(FindingRef(nat(row, 0)?))).optional()?;
        known.into_iter().for_each(|finding| {
            context.finding_refs.insert(*id, finding);
        });
    }
    for number in &names.findings {
        if let Some(row) = by_number(connection, *number)? {
            context.findings.insert(*number, row);
        }
        let sql = "SELECT who, count(*) FROM decisions WHERE finding = ?1 AND finding > 0 AND act = ?2 \
                   GROUP BY who";
        let mut query = connection.prepare_cached(sql)?;
        let mut rows = query.query((int(number.0), Act::Answer.code()))?;
        while let Some(row) = rows.next()? {
            context.answers.insert((*number, row.get(0)?), nat(row, 1)?);
        }
    }
    for number in &names.settled {
        let claims = held_by(connection, *number)?;
        for claim in &claims {
            load::claim_of_entry(source, context, *claim)?;
        }
        context.to_settle.insert(*number, claims);
    }
    for wallet in &names.wallets {
        let sql = format!("SELECT {} FROM wallets WHERE wallet = ?1", columns::WALLET);
        let mut query = connection.prepare_cached(&sql)?;
        let found = query.query_row([int(wallet.0)], columns::wallet).optional()?;
        found.into_iter().for_each(|row| context.put_wallet(source.hot.wallet(row)));
    }
    Ok(())
}

fn by_number(connection: &Connection, number: FindingRef) -> Sql<Option<FindingRow>> {
    let sql = format!("SELECT {FINDING} FROM findings WHERE finding = ?1");
    connection.prepare_cached(&sql)?.query_row([int(number.0)], finding).optional()
}

fn held_by(connection: &Connection, finding: FindingRef) -> Sql<Vec<EntryNumber>> {
    let sql = "SELECT claim FROM claim_holds WHERE finding = ?1 AND settled = 0 \
               ORDER BY claim LIMIT ?2";
    let limit = i64::try_from(SETTLED_TOGETHER).unwrap_or(i64::MAX);
    connection
        .prepare_cached(sql)?
        .query_map((int(finding.0), limit), |row| Ok(EntryNumber(nat(row, 0)?)))?
        .collect()
}

/// Whether a claim is, or was, under review.
pub(super) fn claim_hold_of(
    connection: &Connection,
    context: &mut Context,
    claim: EntryNumber,
) -> Sql<()> {
    let sql = format!("SELECT {CLAIM_HOLD} FROM claim_holds WHERE claim = ?1");
    let mut query = connection.prepare_cached(&sql)?;
    if let Some(row) = query.query_row([int(claim.0)], claim_hold).optional()? {
        context.claim_holds.insert(claim, row);
    }
    Ok(())
}

/// Writes what a commit says of findings.
pub(super) fn write(connection: &Connection, commit: &Commit) -> Sql<()> {
    for row in &commit.observations {
        let sql = "INSERT INTO observations VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        connection.prepare_cached(sql)?.execute(params![
            int(row.number),
            int(row.at.0),
            int(row.after.0),
            row.seen.code(),
            int(row.wallet.0),
            int(row.creator.0),
            row.origin.map(int),
            row.amount.signed(),
            int(row.count),
        ])?;
    }
    if let Some(before) = commit.forget_origins {
        let sql = "UPDATE observations SET origin = NULL WHERE at < ?1 AND origin IS NOT NULL";
        connection.prepare_cached(sql)?.execute([int(before.0)])?;
    }
    commit.findings.iter().try_for_each(|row| write_finding(connection, row))?;
    for row in &commit.decisions {
        let sql = "INSERT INTO decisions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        connection.prepare_cached(sql)?.execute(params![
            int(row.number),
            int(row.at.0),
            row.act.code(),
            int(row.finding.0),
            int(row.wallet.0),
            row.who,
            row.why,
        ])?;
    }
    for row in &commit.claim_holds {
        let sql = "INSERT INTO claim_holds VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
                   ON CONFLICT (claim) DO UPDATE SET settled = ?6, returned = ?7";
        connection.prepare_cached(sql)?.execute(params![
            int(row.claim.0),
            int(row.finding.0),
            int(row.creator.0),
            int(row.wallet.0),
            row.amount.signed(),
            int(row.settled.0),
            row.returned,
        ])?;
    }
    Ok(())
}

/// What a finding says never changes; how it stands does.
fn write_finding(connection: &Connection, row: &FindingRow) -> Sql<()> {
    let sql = "INSERT INTO findings VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, \
               ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21) ON CONFLICT (finding) DO UPDATE SET \
               state = ?18, held = ?19, held_claims = ?20, ever_held = ?21";
    let said = &row.said;
    let entries: Vec<u8> = said.entries.iter().flat_map(|entry| entry.0.to_be_bytes()).collect();
    let observations: Vec<u8> =
        said.observations.iter().flat_map(|number| number.to_be_bytes()).collect();
    connection.prepare_cached(sql)?.execute(params![
        int(row.finding.0),
        &said.id.0[..],
        said.subject.kind.code(),
        int(said.subject.number),
        said.role.code(),
        said.kind,
        said.rule,
        said.score_ppm,
        said.error_ppm,
        said.accuse,
        int(said.creator.0),
        int(said.at.0),
        int(said.horizon.0),
        entries,
        observations,
        said.explanation,
        int(row.recorded_at.0),
        row.state.code(),
        row.held.signed(),
        int(row.held_claims),
        int(row.ever_held),
    ])?;
    Ok(())
}

pub(super) fn snapshot(connection: &Connection, all: &mut Snapshot) -> Sql<()> {
    let sql = format!("SELECT {OBSERVATION} FROM observations ORDER BY number");
    each(connection, &sql, |row| {
        all.observations.push(observation(row)?);
        Ok(())
    })?;
    each(connection, &format!("SELECT {FINDING} FROM findings"), |row| {
        let row = finding(row)?;
        all.findings.insert(row.finding, row);
        Ok(())
    })?;
    each(connection, &format!("SELECT {DECISION} FROM decisions ORDER BY number"), |row| {
        all.decisions.push(decision(row)?);
        Ok(())
    })?;
    each(connection, &format!("SELECT {CLAIM_HOLD} FROM claim_holds"), |row| {
        let row = claim_hold(row)?;
        all.claim_holds.insert(row.claim, row);
        Ok(())
    })
}

/// Which findings are asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    /// Only those that accuse.
    pub accusing: bool,
    /// Only those that nobody has decided.
    pub undecided: bool,
    /// Only those that somebody has decided.
    pub decided: bool,
    /// Only those about one creator's money.
    pub creator: Option<CreatorRef>,
    /// Only those about one wallet.
    pub wallet: Option<WalletRef>,
}

/// Findings of one kind and rule, summed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSum {
    /// Rule and version.
    pub rule: String,
    /// The kind of fraud.
    pub kind: String,
    /// Whether they accuse.
    pub accuse: bool,
    /// How far they have come.
    pub state: FindingState,
    /// How many.
    pub findings: u64,
    /// What they hold at present.
    pub held: Micros,
}

type Read<T> = Result<T, ReadError>;

impl Reader {
    /// Findings below a number, newest first.
    ///
    /// # Errors
    /// As all methods here: [`ReadError`].
    pub fn findings(&self, wanted: Wanted, below: u64, limit: usize) -> Read<Vec<FindingRow>> {
        self.findings_by(wanted, None, below, limit)
    }

    /// The same, only those of one rule where one is named.
    pub fn findings_by(
        &self,
        wanted: Wanted,
        rule: Option<&str>,
        below: u64,
        limit: usize,
    ) -> Read<Vec<FindingRow>> {
        let mut sql = format!("SELECT {FINDING} FROM findings WHERE finding < ?1");
        if wanted.accusing {
            sql.push_str(" AND accuse = 1");
        }
        if wanted.undecided {
            sql.push_str(" AND state <= 2");
        }
        if wanted.decided {
            sql.push_str(" AND state >= 3");
        }
        if let Some(creator) = wanted.creator {
            sql.push_str(&format!(" AND creator = {}", int(creator.0)));
        }
        if let Some(wallet) = wanted.wallet {
            sql.push_str(&format!(" AND subject_kind = 1 AND subject = {}", int(wallet.0)));
        }
        sql.push_str(" AND (?3 IS NULL OR rule = ?3) ORDER BY finding DESC LIMIT ?2");
        self.with(|connection| {
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let mut query = connection.prepare_cached(&sql)?;
            query.query_map((int(below), limit, rule), finding)?.collect()
        })
    }

    /// One finding.
    pub fn finding(&self, number: FindingRef) -> Read<Option<FindingRow>> {
        self.with(|connection| by_number(connection, number))
    }

    /// Whether this was recorded.
    pub fn is_recorded(&self, id: &FindingId) -> Read<bool> {
        self.with(|connection| {
            connection.prepare_cached("SELECT 1 FROM findings WHERE id = ?1")?.exists([&id.0])
        })
    }

    /// Decided findings that still hold something.
    pub fn findings_to_settle(&self) -> Read<Vec<FindingRef>> {
        self.with(|connection| {
            let sql = "SELECT finding FROM findings WHERE held_claims > 0 AND state >= 3 LIMIT 100";
            let mut query = connection.prepare_cached(sql)?;
            query.query_map([], |row| Ok(FindingRef(nat(row, 0)?)))?.collect()
        })
    }

    /// What was decided and answered about a finding, oldest first.
    pub fn decisions_of_finding(&self, number: FindingRef) -> Read<Vec<Decision>> {
        let sql = format!(
            "SELECT {DECISION} FROM decisions WHERE finding = ?1 AND finding > 0 ORDER BY number"
        );
        self.with(|connection| {
            connection.prepare_cached(&sql)?.query_map([int(number.0)], decision)?.collect()
        })
    }

    /// What anybody decided or answered, below a number, newest first.
    pub fn decisions(&self, below: u64, limit: usize) -> Read<Vec<Decision>> {
        let sql = format!(
            "SELECT {DECISION} FROM decisions WHERE number < ?1 ORDER BY number DESC LIMIT ?2"
        );
        self.with(|connection| {
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            connection.prepare_cached(&sql)?.query_map((int(below), limit), decision)?.collect()
        })
    }

    /// How a wallet was let pay, oldest first.
    pub fn decisions_of_wallet(&self, wallet: WalletRef) -> Read<Vec<Decision>> {
        let sql = format!(
            "SELECT {DECISION} FROM decisions WHERE wallet = ?1 AND wallet > 0 ORDER BY number"
        );
        self.with(|connection| {
            connection.prepare_cached(&sql)?.query_map([int(wallet.0)], decision)?.collect()
        })
    }

    /// Observations that follow a number, in order.
    pub fn observations_after(&self, number: u64, limit: usize) -> Read<Vec<Observation>> {
        let sql = format!(
            "SELECT {OBSERVATION} FROM observations WHERE number > ?1 ORDER BY number LIMIT ?2"
        );
        self.with(|connection| {
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            connection.prepare_cached(&sql)?.query_map((int(number), limit), observation)?.collect()
        })
    }

    /// Entries and observations that follow, as they are at one moment: so that none of them is
    /// older than one that was read before.
    pub fn events_after(
        &self,
        (entry, seen): (EntryNumber, u64),
        limit: usize,
    ) -> Read<(Vec<Entry>, Vec<Observation>)> {
        let entries = format!(
            "SELECT {} FROM entries WHERE number > ?1 ORDER BY number LIMIT ?2",
            columns::ENTRY
        );
        let observations = format!(
            "SELECT {OBSERVATION} FROM observations WHERE number > ?1 ORDER BY number LIMIT ?2"
        );
        self.with(|connection| {
            let moment = connection.unchecked_transaction()?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let entries = moment
                .prepare_cached(&entries)?
                .query_map([int(entry.0), limit], columns::entry)?
                .collect::<Sql<Vec<_>>>()?;
            let observations = moment
                .prepare_cached(&observations)?
                .query_map([int(seen), limit], observation)?
                .collect::<Sql<Vec<_>>>()?;
            Ok((entries, observations))
        })
    }

    /// Entries of a wallet's claims to a creator, newest first, down to the oldest.
    pub fn claims_between(&self, wallet: WalletRef, creator: CreatorRef) -> Read<Vec<EntryNumber>> {
        let Some(row) = self.wallet_by_ref(wallet)? else { return Ok(Vec::new()) };
        let sql = "SELECT kind, creator, previous_of_wallet FROM entries WHERE number = ?1";
        self.with(|connection| {
            let mut query = connection.prepare_cached(sql)?;
            let (mut at, mut claims) = (row.last_entry.0, Vec::new());
            while at != 0 {
                let found = query.query_row([int(at)], |row| {
                    let is_claim =
                        row.get::<_, i64>(0)? == 1 && columns::maybe_nat(row, 1)? == creator.0;
                    Ok((is_claim, columns::maybe_nat(row, 2)?))
                });
                let Some((is_claim, previous)) = found.optional()? else { break };
                if is_claim {
                    claims.push(EntryNumber(at));
                }
                at = previous;
            }
            Ok(claims)
        })
    }

    /// How often a wallet paid each creator, among its newest so many entries.
    pub fn payments_of_wallet(
        &self,
        wallet: WalletRef,
        limit: usize,
    ) -> Read<std::collections::BTreeMap<CreatorRef, u64>> {
        let mut counts = std::collections::BTreeMap::new();
        let Some(row) = self.wallet_by_ref(wallet)? else { return Ok(counts) };
        let sql = "SELECT kind, creator, previous_of_wallet FROM entries WHERE number = ?1";
        self.with(|connection| {
            let mut query = connection.prepare_cached(sql)?;
            let (mut at, mut left) = (row.last_entry.0, limit);
            while at != 0 && left > 0 {
                let found = query.query_row([int(at)], |row| {
                    let kind = row.get::<_, i64>(0)?;
                    let creator = CreatorRef(columns::maybe_nat(row, 1)?);
                    Ok((kind, creator, columns::maybe_nat(row, 2)?))
                });
                let Some((kind, creator, previous)) = found.optional()? else { break };
                if kind == 1 {
                    let count: &mut u64 = counts.entry(creator).or_default();
                    *count = count.saturating_add(1);
                }
                (at, left) = (previous, left.saturating_sub(1));
            }
            Ok(counts)
        })
    }

    /// Claims that a finding holds or held.
    pub fn claim_holds(&self, number: FindingRef, limit: usize) -> Read<Vec<ClaimHold>> {
        let sql = format!(
            "SELECT {CLAIM_HOLD} FROM claim_holds WHERE finding = ?1 ORDER BY claim LIMIT ?2"
        );
        self.with(|connection| {
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            connection
                .prepare_cached(&sql)?
                .query_map((int(number.0), limit), claim_hold)?
                .collect()
        })
    }

    /// Findings by rule, kind and state.
    pub fn finding_sums(&self) -> Read<Vec<RuleSum>> {
        let sql = "SELECT rule, kind, accuse, state, count(*), sum(held) FROM findings \
                   GROUP BY rule, kind, accuse, state ORDER BY rule, kind, accuse DESC, state";
        self.with(|connection| {
            let row = |row: &Row<'_>| {
                Ok(RuleSum {
                    rule: row.get(0)?,
                    kind: row.get(1)?,
                    accuse: row.get(2)?,
                    state: coded(row, 3, FindingState::from_code)?,
                    findings: nat(row, 4)?,
                    held: micros(row, 5)?,
                })
            };
            connection.prepare_cached(sql)?.query_map([], row)?.collect()
        })
    }

    /// Claims of all creators that were not charged, from a day on: outcome number, count, sum.
    pub fn refusals_of_all(&self, from: u32) -> Read<Vec<(u16, Sum)>> {
        self.with_newer(|connection, newer| {
            let mut sums: std::collections::BTreeMap<u16, More> = std::collections::BTreeMap::new();
            for ((_, _, code), more) in
                newer.refusals.iter().filter(|((_, day, _), _)| *day >= from)
            {
                let sum = sums.entry(*code).or_default();
                *sum = add(*sum, *more);
            }
            drop(newer);
            let sql = "SELECT code, count, amount FROM refusals WHERE day >= ?1";
            let mut query = connection.prepare_cached(sql)?;
            let mut rows = query.query([from])?;
            while let Some(row) = rows.next()? {
                let code = u16::try_from(small(row, 0)?).unwrap_or(u16::MAX);
                let sum = sums.entry(code).or_default();
                *sum = add(*sum, (nat(row, 1)?, micros(row, 2)?, Micros::ZERO));
            }
            Ok(sums
                .into_iter()
                .map(|(code, (count, amount, free))| (code, Sum { count, amount, free }))
                .collect())
        })
    }

    /// When a voucher was issued: those issued together are one source of money.
    pub fn voucher_issued_at(&self, hash: &[u8; 32]) -> Read<Option<UnixMillis>> {
        self.with(|connection| {
            let sql = "SELECT issued_at FROM vouchers WHERE hash = ?1";
            let mut query = connection.prepare_cached(sql)?;
            query.query_row([hash], |row| Ok(UnixMillis(nat(row, 0)?))).optional()
        })
    }

    /// What is, or was, held of a claim because of a finding.
    pub fn claim_hold(&self, claim: EntryNumber) -> Read<Option<ClaimHold>> {
        let sql = format!("SELECT {CLAIM_HOLD} FROM claim_holds WHERE claim = ?1");
        self.with(|connection| {
            connection.prepare_cached(&sql)?.query_row([int(claim.0)], claim_hold).optional()
        })
    }

    /// Those of these claims that were never under review.
    pub fn never_held(&self, claims: Vec<EntryNumber>) -> Read<Vec<EntryNumber>> {
        self.with(|connection| {
            let sql = "SELECT 1 FROM claim_holds WHERE claim = ?1";
            let mut query = connection.prepare_cached(sql)?;
            let mut never = Vec::new();
            for claim in claims {
                if !query.exists([int(claim.0)])? {
                    never.push(claim);
                }
            }
            Ok(never)
        })
    }
}
