//! What the log costs, and how soon a payment can be proven: two servers in turns, of which one follows its
//! ledger with the log and the other does not.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use farthing_verifier::clock::monotonic;

use crate::load::{self, Outcome, Shape};
use crate::report::{Report, median, median_ratio, spread_of_ratios};
use crate::rounds::{self, Way, honest, rate, work};
use crate::visitors::VISITORS;
use crate::{Place, Plan, server};

/// Between two looks at the checkpoint: a delay is measured too long by so much at most.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// A proof that takes longer fails anyway.
const PATIENCE: Duration = Duration::from_secs(20);

/// When checkpoints of which size could be downloaded.
type Seen = Vec<(Instant, u64)>;

/// Turns for each round of the plan: one slice scatters by more than a share of 10 %.
const TURNS: usize = 4;

/// One of the two and its figures.
struct Side<'a> {
    place: &'a mut Place,
    rate: Vec<f64>,
    /// Microseconds of processor a claim: of the whole server, and of the thread that follows the ledger.
    micros: Vec<(f64, f64)>,
}

impl<'a> Side<'a> {
    fn new(place: &'a mut Place) -> Result<Self, String> {
        place.server.pause()?;
        Ok(Self { place, rate: Vec::new(), micros: Vec::new() })
    }

    /// One slice, while the other side stands still: else the log would catch up in the other's turns. What it
    /// has not followed at the end of a turn it follows in its own next one.
    fn turn(&mut self, way: Way, plan: &Plan) -> Result<(), String> {
        let work = rounds::ahead(self.place, way, plan.slice);
        self.place.server.resume()?;
        let used = || {
            Ok::<_, String>((
                self.place.server.processor_seconds()?,
                self.place.server.thread_seconds("log")?,
            ))
        };
        let before = used()?;
        let outcome = rounds::send(self.place, &work, way, plan.slice)?;
        let after = used()?;
        self.place.server.pause()?;
        let each = |seconds: f64| seconds * 1e6 / outcome.claims as f64;
        self.micros.push((each(after.0 - before.0), each(after.1 - before.1)));
        self.rate.push(outcome.rate());
        Ok(())
    }

    fn forget(&mut self) {
        self.rate.clear();
        self.micros.clear();
    }
}

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
    cost(with, &mut without, plan, report)?;
    drop(without);
    delay(with, plan, report)
}

fn cost(
    with: &mut Place,
    without: &mut Place,
    plan: &Plan,
    report: &mut Report,
) -> Result<(), String> {
    let (mut with, mut without) = (Side::new(with)?, Side::new(without)?);
    for way in [Way::Single, Way::Thousand] {
        for side in [&mut with, &mut without] {
            // The first turn of a way begins with cold connections and whatever the way before left.
            side.turn(way, plan)?;
            side.forget();
        }
        for turn in 0..plan.rounds * TURNS {
            // Who comes first changes from turn to turn.
            let mut order = [&mut with, &mut without];
            if turn % 2 == 1 {
                order.reverse();
            }
            order.into_iter().try_for_each(|side| side.turn(way, plan))?;
        }
        let share = median_ratio(&with.rate, &without.rate);
        let (low, high) = spread_of_ratios(&with.rate, &without.rate);
        let text = format!(
            "{} to {}: {:.1} %, the middle half of {} turns {:.0} to {:.0} %",
            rate(median(&with.rate)),
            rate(median(&without.rate)),
            share * 100.0,
            with.rate.len(),
            low * 100.0,
            high * 100.0
        );
        let what = format!("intake with the log to without it, {}", way.name());
        report.at_least(&what, text, share, (0.90, 0.95));
        let middle = |side: &Side, part: fn(&(f64, f64)) -> f64| {
            median(&side.micros.iter().map(part).collect::<Vec<_>>())
        };
        report.note(
            &format!("processor a claim, {}", way.name()),
            format!(
                "{:.1} µs with the log, {:.1} µs without; {:.2} µs of it in the log's thread",
                middle(&with, |micros| micros.0),
                middle(&without, |micros| micros.0),
                middle(&with, |micros| micros.1)
            ),
        );
    }
    with.place.server.resume()
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
