//! More than can be done: forged claims beside honest ones, and many more claims than capacity.

use std::time::Duration;

use farthing_shared::{Claim, SignedClaim};

use crate::load::{self, Expects, Outcome, Shape, Work};
use crate::report::{Report, median, median_ratio};
use crate::rounds::{honest, rate};
use crate::{Place, Plan};

/// Forged claims a second.
const FLOOD: u32 = 20_000;
/// Requests that the flood repeats: what is refused as forged leaves no trace, so the same bytes
/// cost the same again.
const FORGED: usize = 8_000;
/// After an overload, rates are looked at in windows of so long.
const WINDOW: Duration = Duration::from_millis(500);

/// Honest visitors beside a flood of forged claims of keys that exist, from another network.
pub fn flood(place: &mut Place, plan: &Plan, report: &mut Report) -> Result<(), String> {
    for (name, claims_each, connections) in [("one a request", 1, 64), ("in thousands", 1_000, 4)] {
        let (mut alone, mut beside, mut forged) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..plan.rounds {
            let claims = place.world.sign(pool(20_000.0, plan.slice));
            let shape = honest(place, 64);
            let outcome = load::run(vec![(shape, &Work::singles(&claims))], plan.slice)?;
            alone.push(one(outcome)?.clean()?.rate());
            let junk = forge(&place.world.sign(FORGED))?;
            let junk = match claims_each {
                1 => Work::singles(&junk),
                many => Work::batches(&junk, many),
            };
            let claims = place.world.sign(pool(20_000.0, plan.slice));
            let attack = Shape {
                from: 2,
                connections,
                paced: FLOOD / u32::try_from(claims_each).unwrap_or(1),
                expects: Expects::Forged,
                repeats: true,
                ..shape
            };
            let work = Work::singles(&claims);
            let mut both = load::run(vec![(shape, &work), (attack, &junk)], plan.slice)?;
            let attack = both.pop().ok_or("no outcome")?.clean()?;
            beside.push(one(both)?.clean()?.rate());
            forged.push(attack.rate());
        }
        let share = median_ratio(&beside, &alone);
        let text = format!(
            "{} beside {:.0} forged/s, {} alone: {:.0} %",
            rate(median(&beside)),
            median(&forged),
            rate(median(&alone)),
            share * 100.0
        );
        let what = format!("honest claims beside a flood of forged ones, {name}");
        report.at_least(&what, text, share, (0.40, 0.60));
    }
    Ok(())
}

/// Claims of known keys under signatures that are well formed and belong to other claims: the
/// dearest kind of forgery, since only the last step of the check tells.
fn forge(claims: &[SignedClaim]) -> Result<Vec<SignedClaim>, String> {
    let others = claims.iter().cycle().skip(1);
    let forge = |(claim, other): (&SignedClaim, &SignedClaim)| {
        let (mine, theirs) = (claim.encode(), other.encode());
        let bytes = [&mine[..Claim::BODY_LEN], &theirs[Claim::BODY_LEN..]].concat();
        SignedClaim::decode(&bytes).map_err(|why| why.to_string())
    };
    claims.iter().zip(others).map(forge).collect()
}

fn pool(rate: f64, slice: Duration) -> usize {
    (rate * 2.0 * slice.as_secs_f64()) as usize
}

fn one(outcomes: Vec<Outcome>) -> Result<Outcome, String> {
    outcomes.into_iter().next().ok_or_else(|| "no outcome".into())
}

/// An overload: who sends, and how much.
struct Overload {
    name: &'static str,
    connections: usize,
    claims_each: usize,
    /// A first guess at claims a second; unused claims are only lost.
    rate: f64,
}

const OVERLOADS: [Overload; 3] = [
    Overload {
        name: "16 connections with batches of 1,000",
        connections: 16,
        claims_each: 1_000,
        rate: 60_000.0,
    },
    Overload {
        name: "32 connections with batches of 1,000, sent again at once when shed",
        connections: 32,
        claims_each: 1_000,
        rate: 60_000.0,
    },
    Overload {
        name: "4,000 connections with single claims",
        connections: 4_000,
        claims_each: 1,
        rate: 30_000.0,
    },
];

/// Many more claims than capacity: what is accepted is answered in time, the rest is told to come
/// back, memory is bounded, and a few seconds later nothing of it is left.
pub fn overload(place: &mut Place, plan: &Plan, report: &mut Report) -> Result<(), String> {
    let wanted = |overload: &&Overload| {
        plan.ways.is_empty() || plan.ways.iter().any(|w| w.claims_each() == overload.claims_each)
    };
    for overload in OVERLOADS.iter().filter(wanted) {
        let before = window(place)?;
        let claims = (overload.rate * plan.overload.as_secs_f64()) as usize;
        let claims = place.world.sign(claims);
        let work = match overload.claims_each {
            1 => Work::singles(&claims),
            many => Work::batches(&claims, many),
        };
        drop(claims);
        let shape = honest(place, overload.connections);
        let outcome = one(load::run(vec![(shape, &work)], plan.overload)?)?;
        let recovery = recovery(place, before)?;
        let (_, memory) = place.server.memory_mib()?;
        let (name, failed) = (overload.name, outcome.failures.len() as f64);
        let text = outcome.failures.first().map_or("none".into(), |why| format!("{failed}: {why}"));
        report.at_most(&format!("{name}: failed"), text, failed, (0.0, 0.0), "");
        let p99 = outcome.quantile_ms(0.99);
        let text = format!(
            "p50 {:.0} ms, p99 {p99:.0} ms at {}; {} requests answered 503 with Retry-After",
            outcome.quantile_ms(0.50),
            rate(outcome.rate()),
            outcome.shed
        );
        report.at_most(&format!("{name}: accepted"), text, p99, (500.0, 300.0), " ms");
        let what = format!("{name}: most memory so far");
        report.at_most(&what, format!("{memory:.0} MiB"), memory, (256.0, 128.0), " MiB");
        let what = format!("{name}: back to normal after");
        report.at_most(&what, format!("{recovery:.1} s"), recovery, (5.0, 1.0), " s");
    }
    Ok(())
}

/// The rate of singles within one window.
fn window(place: &mut Place) -> Result<f64, String> {
    let claims = place.world.sign(pool(15_000.0, WINDOW));
    let shape = honest(place, 64);
    Ok(one(load::run(vec![(shape, &Work::singles(&claims))], WINDOW)?)?.rate())
}

/// Seconds until the rate of singles is four fifths of what it was.
fn recovery(place: &mut Place, before: f64) -> Result<f64, String> {
    let mut passed = 0.0;
    while passed < 10.0 && window(place)? < before * 0.8 {
        passed += WINDOW.as_secs_f64();
    }
    Ok(passed)
}
