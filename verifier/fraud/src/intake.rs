//! What each event says by itself: names become numbers, and claims are judged.
//!
//! Needs nothing of what many events show together (`replay::Analysis`), so another core can do it ahead of that.

use crate::book::NONE;
use crate::event::{BadLine, Claim, Event, Kind};
use crate::exact::{Exact, Handed, OVERSPENDS_MAX, Verdict};
use crate::finding::{Finding, evidence};
use crate::names::Tables;

/// An event in numbers.
#[derive(Debug)]
pub struct Step {
    /// Seconds.
    pub t: f64,
    /// The event's number.
    pub n: u64,
    pub act: Act,
}

/// What happened, to wallets, creators, prefixes and funding sources by number; [`NONE`] where an event names none. A
/// number that no step before bore is the next one.
#[derive(Debug)]
pub enum Act {
    Register {
        wallet: u32,
        prefix: u32,
        free: Option<u64>,
    },
    /// `paid_by`: the creator whose payout it came from.
    TopUp {
        wallet: u32,
        amount: u64,
        fund: u32,
        paid_by: u32,
    },
    /// A claim that was accepted.
    Charged {
        wallet: u32,
        creator: u32,
        amount: u64,
        prefix: u32,
    },
    /// A claim that was not, with the finding if it was more than a retry.
    Refused {
        wallet: u32,
        creator: u32,
        proof: Option<Box<Finding>>,
    },
    Refund {
        wallet: u32,
        creator: u32,
    },
    Lifted {
        wallet: u32,
    },
    Other,
}

/// The claims so far, and the last event's time.
#[derive(Debug, Default)]
pub struct Intake {
    exact: Exact,
    now: Option<f64>,
}

impl Intake {
    /// Takes the next event, of the line with this number.
    ///
    /// # Errors
    /// The event is older than the one before it; it changed nothing.
    pub fn take(
        &mut self,
        names: &mut Tables,
        line: u64,
        event: &Event<'_>,
    ) -> Result<Step, BadLine> {
        let (t, n) = (event.t, event.n);
        if let Some(now) = self.now.filter(|&now| t < now) {
            let why = format!("{t} lies before {now}; sort the trace by time");
            return Err(BadLine { line, field: "t", why });
        }
        self.now = Some(t);
        let act = match &event.kind {
            Kind::Register { wallet, prefix, free } => {
                let wallet = names.wallets.number(wallet);
                self.exact.money_in(wallet, *free);
                let prefix = names.prefixes.number_if_any(prefix.as_deref());
                Act::Register { wallet, prefix, free: *free }
            }
            Kind::TopUp { wallet, amount, fund } => {
                let wallet = names.wallets.number(wallet);
                self.exact.money_in(wallet, Some(*amount));
                let fund = names.funds.number_if_any(fund.as_deref());
                Act::TopUp { wallet, amount: *amount, fund, paid_by: payout_of(names, fund) }
            }
            Kind::Claim(claim) => self.claim(names, claim, (t, n)),
            Kind::Refund { id, wallet, creator, amount } => {
                let wallet = names.wallets.number(wallet);
                let creator = names.creators.number(creator);
                self.exact.refund(id, wallet, *amount);
                Act::Refund { wallet, creator }
            }
            Kind::Lifted { wallet } => {
                names.wallets.known(wallet).map_or(Act::Other, |wallet| Act::Lifted { wallet })
            }
            Kind::Payout { .. } | Kind::Other => Act::Other,
        };
        Ok(Step { t, n, act })
    }

    fn claim(&mut self, names: &mut Tables, claim: &Claim<'_>, (t, n): (f64, u64)) -> Act {
        let via = claim.via.as_deref().filter(|via| !via.is_empty() && *via != "wallet");
        let by_wallet = via.is_none_or(|via| via == claim.wallet);
        let wallet = names.wallets.number(&claim.wallet);
        let creator = names.creators.number(&claim.creator);
        let (seq, amount, sig_ok) = (claim.seq, claim.amount, claim.sig_ok);
        let handed =
            Handed { id: &claim.id, wallet, creator, seq, amount, by_wallet, sig_ok, n, t };
        let verdict = self.exact.judge(handed);
        if verdict == Verdict::Accepted {
            let prefix = names.prefixes.number_if_any(claim.prefix.as_deref());
            return Act::Charged { wallet, creator, amount, prefix };
        }
        let submitter = via.unwrap_or(&claim.wallet);
        Act::Refused {
            wallet,
            creator,
            proof: proof(claim, submitter, verdict, (t, n)).map(Box::new),
        }
    }
}

/// The creator whose payout a fund's name says it is: `c12` or `payout:c12`.
fn payout_of(names: &Tables, fund: u32) -> u32 {
    if fund == NONE {
        return NONE;
    }
    let name = names.funds.name(fund);
    names.creators.known(name.strip_prefix("payout:").unwrap_or(name)).unwrap_or(NONE)
}

/// The finding for a claim that was not accepted, if it is more than a retry.
fn proof(
    claim: &Claim<'_>,
    submitter: &str,
    verdict: Verdict,
    (t, n): (f64, u64),
) -> Option<Finding> {
    let (id, wallet, amount) = (&claim.id, &claim.wallet, claim.amount);
    let (kind, culprit, others, explanation) = match verdict {
        Verdict::Accepted | Verdict::Retry => return None,
        Verdict::Forged => (
            "forged",
            submitter,
            None,
            format!(
                "event {n}: claim {id} carries a signature that {wallet} did not make; {submitter} handed it in. Nothing is held against {wallet}."
            ),
        ),
        Verdict::Replay { first_n } => (
            "replay",
            submitter,
            Some(first_n),
            format!(
                "event {n}: {submitter} handed in claim {id} again, which was first handed in at event {first_n}. Not charged twice."
            ),
        ),
        Verdict::Moved { first_n } => (
            "moved",
            submitter,
            Some(first_n),
            format!(
                "event {n}: {submitter} handed in the id {id} around another payment than at event {first_n}. Refused."
            ),
        ),
        Verdict::Equivocation { first_n } => (
            "equivocation",
            wallet.as_ref(),
            Some(first_n),
            format!(
                "events {first_n} and {n}: {wallet} signed two different claims under number {}. Only its key can do that.",
                claim.seq.unwrap_or(0)
            ),
        ),
        Verdict::Overspend { balance, times } => (
            "overspend",
            wallet.as_ref(),
            None,
            format!(
                "event {n}: {wallet} signed {amount} and had {balance}; {times} within a day{}. Not charged.",
                if times < OVERSPENDS_MAX { ", which happens to honest people" } else { "" }
            ),
        ),
    };
    let accuse = !matches!(verdict, Verdict::Overspend { times, .. } if times < OVERSPENDS_MAX);
    Some(Finding {
        t,
        subject: format!("claim:{id}"),
        kind,
        score: 1.0,
        accuse,
        evidence: evidence(others.into_iter().chain([n]).collect()),
        explanation,
        culprit: Some(culprit.to_owned()),
        rule: "exact@1",
        done: "refused",
    })
}
