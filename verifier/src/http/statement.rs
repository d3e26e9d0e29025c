//! A creator's statement: payments with their proofs in one file, to be checked offline.

use std::ops::RangeInclusive;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use farthing_rules::{EntryBody, EntryNumber};
use farthing_shared::Currency;
use farthing_shared::leaf::Leaf;
use farthing_shared::statement::{NotMade, PAYMENTS_MAX, Statement};
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::App;
use super::extract::{Asked, SignedIn};
use super::problem::{Kind, Problem};

/// Entries that are read at once.
const ENTRIES: usize = 500;
/// Statements that are made at once: each holds up to 100,000 leaves and the file of them in memory.
static MAKING: Semaphore = Semaphore::const_new(2);

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Period {
    /// First running number; 1 unless told.
    from: Option<u64>,
    /// Last running number; the newest that the log covers unless told, or where there are not so many. One less
    /// than `from`: no payments, for who wants refunds only.
    to: Option<u64>,
    /// First running number of a refund; 1 unless told. All newer ones that the log covers are in it, 100,000 at
    /// most: what is proven says how many, and the next part begins after them.
    refunds_from: Option<u64>,
    /// Entries of a checkpoint seen earlier; the statement then shows that the log begins with them.
    since: Option<u64>,
}

impl Period {
    /// First and last running number of a creator who has `newest` payments; at most
    /// [`PAYMENTS_MAX`] of them.
    fn numbers(&self, newest: u64) -> Result<(u64, u64), Problem> {
        let (from, to) = (self.from.unwrap_or(1), self.to.map_or(newest, |to| to.min(newest)));
        if from == 0 {
            return Err(Problem::field("from", "running numbers begin with 1"));
        }
        // The next one to come may be asked for: there is nothing since.
        if from > newest.saturating_add(1) {
            let why = format!("there are {newest} payments; begin with one of them");
            return Err(Problem::field("from", why));
        }
        if self.to.is_some_and(|to| to < from.saturating_sub(1)) {
            return Err(Problem::field("to", "it comes before the first number asked for"));
        }
        let asked = to.saturating_sub(from.saturating_sub(1));
        if usize::try_from(asked).is_ok_and(|asked| asked <= PAYMENTS_MAX) {
            return Ok((from, to));
        }
        let why = format!(
            "a statement holds {PAYMENTS_MAX} payments at most; ask for parts with from and to"
        );
        Err(Problem::field("from", why))
    }
}

/// All payments, or those of a period, with proofs that they are in the log (`farthing verify statement`).
#[utoipa::path(get, path = "/v1/creator/statement", params(Period),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn statement(
    State(app): State<App>,
    who: SignedIn,
    Asked(period): Asked<Period>,
) -> Result<Response, Problem> {
    let (from, to) = period.numbers(who.row.number)?;
    let newest = app.log.newest().ok_or_else(|| {
        Problem::new(Kind::NotLogged, "the log has no checkpoint yet, ask again in a second")
    })?;
    let (size, since) = (newest.checkpoint.size, period.since.unwrap_or(0));
    if since > size {
        return Err(Problem::field("since", format!("the log has {size} entries")));
    }
    let internal = |why: String| Problem::new(Kind::Internal, why);
    let _permit = MAKING.acquire().await.map_err(|error| internal(error.to_string()))?;
    let mut leaves = leaves(&app, &who, (from, to), size).await?;
    leaves.extend(refunds(&app, &who, period.refunds_from.unwrap_or(1), size).await?);
    let currency = Currency::parse(&app.config.currency)
        .ok_or_else(|| internal("the setting currency is no currency".into()))?;
    let heads = (who.profile.id, app.policy.verifier, currency);
    let read = app.clone();
    let made = tokio::task::spawn_blocking(move || {
        let note = newest.note.clone();
        Statement::make(heads, &leaves, &mut read.log.tree(size), (size, since), note)
            .map(|statement| statement.encode())
    });
    let made = made.await.map_err(|error| internal(error.to_string()))?;
    let bytes = made.map_err(|why| match why {
        NotMade::Entry(entry) => internal(format!("entry {entry} does not fit the statement")),
        NotMade::Log(error) => internal(format!("the log's files: {error:?}")),
    })?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment; filename=\"payments.farthing-statement\""),
        ),
    ];
    Ok((headers, bytes).into_response())
}

/// The leaves of a creator's payments with these numbers that the first `size` entries hold, ascending.
async fn leaves(
    app: &App,
    who: &SignedIn,
    (from, to): (u64, u64),
    size: u64,
) -> Result<Vec<Leaf>, Problem> {
    let mut leaves = Vec::new();
    let mut at = who.row.last_entry;
    while at.0 != 0 {
        let page = app.read(move |reader| reader.entries_of_creator(at, ENTRIES)).await?;
        at = page.1;
        for view in page.0 {
            let EntryBody::Claim(claim) = &view.entry.body else { continue };
            if claim.creator_number < from {
                at = EntryNumber(0);
                break;
            }
            if claim.creator_number <= to && view.entry.number.0 <= size {
                let leaf = app.log.leaf(&view.entry);
                leaves.push(leaf.map_err(|why| Problem::new(Kind::Internal, why.to_string()))?);
            }
        }
    }
    leaves.reverse();
    Ok(leaves)
}

/// The running numbers of the refunds in one statement.
fn refund_numbers(from: u64) -> RangeInclusive<u64> {
    let most = u64::try_from(PAYMENTS_MAX).unwrap_or(u64::MAX);
    from..=from.saturating_add(most).saturating_sub(1)
}

/// The leaves of a creator's refunds from a number on that the first `size` entries hold, ascending; as many as
/// a statement takes.
async fn refunds(app: &App, who: &SignedIn, from: u64, size: u64) -> Result<Vec<Leaf>, Problem> {
    let mut leaves = Vec::new();
    let numbers = refund_numbers(from);
    let mut at = who.row.last_refund;
    while at.0 != 0 {
        let page = app.read(move |reader| reader.refunds_of_creator(at, ENTRIES)).await?;
        at = page.1;
        for view in page.0 {
            let EntryBody::Refund(refund) = &view.entry.body else { continue };
            if refund.creator_number < from {
                at = EntryNumber(0);
                break;
            }
            if numbers.contains(&refund.creator_number) && view.entry.number.0 <= size {
                let leaf = app.log.leaf(&view.entry);
                leaves.push(leaf.map_err(|why| Problem::new(Kind::Internal, why.to_string()))?);
            }
        }
    }
    leaves.reverse();
    Ok(leaves)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many refunds there are, parts of a statement's length hold all of them, each once.
    #[test]
    fn refunds_beyond_a_statement_come_in_the_next() {
        let (mut from, mut parts) = (1, 0);
        while from <= 250_001 {
            let numbers = refund_numbers(from);
            assert_eq!(numbers.clone().count(), PAYMENTS_MAX);
            assert_eq!(*numbers.start(), from);
            from = numbers.end() + 1;
            parts += 1;
        }
        assert_eq!(parts, 3);
        assert_eq!(*refund_numbers(u64::MAX).start(), u64::MAX);
    }
}
