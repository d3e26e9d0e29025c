//! What the log costs, and how soon a payment can be proven: two servers in turns, of which one follows its
//! ledger with the log and the other does not.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use farthing_verifier::clock::monotonic;

use crate::load::{self, Outcome, Shape};
use crate::report::{Report, median, median_ratio};
use crate::rounds::{Way, honest, rate, work};
use crate::visitors::VISITORS;
use crate::{Place, Plan, server};

/// Between two looks at the checkpoint: a delay is measured too long by so much at most.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// A proof that takes longer fails anyway.
const PATIENCE: Duration = Duration::from_secs(20);

/// When checkpoints of which size could be downloaded.
type Seen = Vec<(Instant, u64)>;

/// Takes both figures; `with` is the server that everything else is measured on.
pub fn measure(
    with: &mut Place,
    binary: &Path,
    folder: &Path,
    plan: &Plan,
    report: &mut Report,
) -> Result<(), String> {
    // Everything else stays as it is: the setting takes away the thread that follows the ledger.
    let off = ("FARTHING_PROOFS__SIGNING".to_owned(), "unsafe-off".to_owned());
    let mut without = Place::with(binary, folder, 0, Some(off))?;
    for place in [&mut *with, &mut without] {
        let claims = place.world.sign(VISITORS);
        let shape = honest(place, Way::Thousand.connections());
        let work = work(&claims, Way::Thousand);
        load::run(vec![(shape, &work)], Duration::from_secs(60))?.remove(0).clean()?;
    }
    for way in [Way::Single, Way::Thousand] {
        let (mut on, mut off) = (Vec::new(), Vec::new());
        for round in 0..plan.rounds {
            // Who comes first changes from round to round.
            let mut order = [(&mut *with, &mut on), (&mut without, &mut off)];
            if !round.is_multiple_of(2) {
                order.reverse();
            }
            for (place, rates) in order {
                rates.push(slice(place, way, plan)?);
            }
        }
        let share = median_ratio(&on, &off);
        let text =
            format!("{} to {}: {:.0} %", rate(median(&on)), rate(median(&off)), share * 100.0);
        let what = format!("intake with the log to without it, {}", way.name());
        report.at_least(&what, text, share, (0.90, 0.95));
    }
    delay(with, plan, report)
}

fn slice(place: &mut Place, way: Way, plan: &Plan) -> Result<f64, String> {
    let slice = way.slice(plan.slice);
    let count = (way.guess() * 1.3 * slice.as_secs_f64()) as usize;
    let count = count.next_multiple_of(way.connections() * way.claims_each());
    let claims = place.world.sign(count);
    let shape = honest(place, way.connections());
    let outcome = load::run(vec![(shape, &work(&claims, way))], slice)?.remove(0);
    Ok(outcome.clean()?.rate())
}

/// From sending a claim to a checkpoint over its entry that anybody can download.
fn delay(place: &mut Place, plan: &Plan, report: &mut Report) -> Result<(), String> {
    let mut delays = Vec::new();
    for _ in 0..plan.rounds {
        let way = Way::Single;
        let longest = plan.slice * 2;
        let count = (way.guess() * 1.3 * longest.as_secs_f64()) as usize;
        let claims = place.world.sign(count.next_multiple_of(way.connections()));
        let work = work(&claims, way);
        let shape = Shape { keeps_entries: true, ..honest(place, way.connections()) };
        let ended = AtomicBool::new(false);
        let (outcome, seen) = thread::scope(|scope| {
            let looking = scope.spawn(|| look(place.server.public, &ended));
            let outcome = load::run(vec![(shape, &work)], longest);
            let newest = outcome.as_ref().ok().and_then(|all| all.first()).map(newest);
            let end = monotonic() + PATIENCE;
            while newest
                .is_some_and(|newest| size(place.server.public).is_ok_and(|size| size < newest))
                && monotonic() < end
            {
                thread::sleep(LOOK_EVERY);
            }
            ended.store(true, Ordering::SeqCst);
            (outcome, looking.join().map_err(|_| "looking at checkpoints failed".to_owned()))
        });
        let outcome = outcome?.remove(0).clean()?;
        let seen = seen??;
        for (sent, entry) in &outcome.entries {
            let at = seen.partition_point(|(_, size)| size < entry);
            let (shown, _) = seen.get(at).ok_or("a payment did not come into the log at all")?;
            delays.push(shown.saturating_duration_since(*sent).as_micros());
        }
    }
    delays.sort_unstable();
    let at = |share: f64| {
        let place = (share * delays.len().saturating_sub(1) as f64).round() as usize;
        delays.get(place).map_or(f64::NAN, |micros| *micros as f64 / 1e6)
    };
    let p99 = at(0.99);
    let text = format!(
        "p50 {:.2} s, p99 {p99:.2} s, longest {:.2} s of {} claims under load",
        at(0.50),
        at(1.0),
        delays.len()
    );
    report.at_most("from a claim to its proof", text, p99, (2.0, 1.0), " s");
    Ok(())
}

fn newest(outcome: &Outcome) -> u64 {
    outcome.entries.iter().map(|(_, entry)| *entry).max().unwrap_or(0)
}

/// Looks at the checkpoint again and again until the load has ended and its last entry is covered.
fn look(server: SocketAddr, ended: &AtomicBool) -> Result<Seen, String> {
    let mut seen: Seen = Vec::new();
    loop {
        // Looked at before the last download, so that nothing can come between the two.
        let last = ended.load(Ordering::SeqCst);
        let size = size(server)?;
        if seen.last().is_none_or(|(_, known)| *known < size) {
            seen.push((monotonic(), size));
        }
        if last {
            return Ok(seen);
        }
        thread::sleep(LOOK_EVERY);
    }
}

fn size(server: SocketAddr) -> Result<u64, String> {
    let (status, body) = server::get(server, "/log/checkpoint", "")?;
    let size = body.lines().nth(1).and_then(|line| line.parse().ok());
    size.filter(|_| status == 200)
        .ok_or_else(|| format!("the checkpoint answered {status}: {body}"))
}
