//! Rates and latencies in turns with their ceilings.

use std::path::Path;
use std::time::Duration;

use farthing_verifier::clock::monotonic;
use farthing_verifier::http::show_time;
use farthing_verifier::sessions::{Purpose, Sessions, Token};

use crate::ceilings::{self, Cost, LedgerAlone, SqliteAlone};
use crate::load::{self, Expects, Outcome, Shape, Work};
use crate::report::{Report, median, median_ratio};
use crate::server::{self, Server};
use crate::visitors::VISITORS;
use crate::{Place, Plan};

/// Connections that send one claim a request.
const SINGLES: usize = 64;
/// Connections that send a hundred claims a request.
const HUNDREDS: usize = 16;
/// Connections that send a thousand claims a request: more under way would wait longer and not be
/// answered faster, and be told so (`room.rs`).
const THOUSANDS: usize = 4;
/// Claims sent one at a time for the latency of a lone claim, each round.
const LONE: usize = 100;

/// The ways claims are sent, with a first guess at their rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Way {
    /// One claim a request, as JSON.
    Single,
    /// A hundred claims a request, as bytes.
    Hundred,
    /// A thousand claims a request, as bytes.
    Thousand,
}

impl Way {
    pub const ALL: [Self; 3] = [Self::Single, Self::Hundred, Self::Thousand];

    pub fn claims_each(self) -> usize {
        match self {
            Self::Single => 1,
            Self::Hundred => 100,
            Self::Thousand => 1_000,
        }
    }

    pub fn connections(self) -> usize {
        match self {
            Self::Single => SINGLES,
            Self::Hundred => HUNDREDS,
            Self::Thousand => THOUSANDS,
        }
    }

    /// Large requests take longer each, so that a slice must be longer to hold enough of them.
    pub fn slice(self, slice: Duration) -> Duration {
        if self == Self::Single { slice } else { slice * 2 }
    }

    pub fn guess(self) -> f64 {
        if self == Self::Single { 30_000.0 } else { 60_000.0 }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Single => "1 claim a request",
            Self::Hundred => "100 claims a request",
            Self::Thousand => "1,000 claims a request",
        }
    }
}

/// Figures of one way, one value a round.
#[derive(Default)]
pub struct Series {
    pub rate: Vec<f64>,
    p50_ms: Vec<f64>,
    p99_ms: Vec<f64>,
    commits_per_claim: Vec<f64>,
    micros_per_claim: Vec<f64>,
    idle: Vec<f64>,
    echo: Vec<f64>,
}

impl Series {
    /// So many claims last for more than a slice; what is left over is thrown away.
    fn pool(&self, way: Way, slice: Duration) -> usize {
        let rate = self.rate.iter().copied().fold(way.guess(), f64::max) * 1.3;
        let claims = (rate * slice.as_secs_f64()) as usize;
        claims.next_multiple_of(way.connections() * way.claims_each())
    }

    /// One slice of the verifier.
    pub fn take(
        &mut self,
        place: &Place,
        work: &Work,
        way: Way,
        slice: Duration,
    ) -> Result<(), String> {
        let commits = place.server.commits()?;
        let processor = place.server.processor_seconds()?;
        let idle = server::idle_seconds()?;
        let outcome = charged(place, work, way.connections(), slice)?;
        let idle = server::idle_seconds()? - idle;
        self.idle.push(idle / (outcome.elapsed.as_secs_f64() * cores()));
        let count = outcome.claims as f64;
        let processor = place.server.processor_seconds()? - processor;
        self.micros_per_claim.push(processor * 1e6 / count);
        self.commits_per_claim.push((place.server.commits()? - commits) / count);
        self.rate.push(outcome.rate());
        self.p50_ms.push(outcome.quantile_ms(0.50));
        self.p99_ms.push(outcome.quantile_ms(0.99));
        Ok(())
    }

    /// All but the rate, in words.
    pub fn describe(&self) -> String {
        format!(
            "p50 {:.1} ms, p99 {:.1} ms; {:.4} commits and {:.1} µs of processor a claim, {:.0} % of the \
             processors idle",
            median(&self.p50_ms),
            median(&self.p99_ms),
            median(&self.commits_per_claim),
            median(&self.micros_per_claim),
            100.0 * median(&self.idle),
        )
    }
}

/// Everything that rates are taken with.
pub struct Rates<'a> {
    place: &'a mut Place,
    echo: Server,
    ledger: LedgerAlone,
    sqlite: SqliteAlone,
    folder: &'a Path,
}

impl<'a> Rates<'a> {
    pub fn new(folder: &'a Path, place: &'a mut Place) -> Result<Self, String> {
        Ok(Self {
            place,
            echo: Server::echo(server::free_ports()?.0)?,
            ledger: LedgerAlone::new(&folder.join("ledger"))?,
            sqlite: SqliteAlone::new(&folder.join("sqlite"))?,
            folder,
        })
    }

    pub fn measure(mut self, plan: &Plan, report: &mut Report) -> Result<(), String> {
        let mut series: [Series; 3] = Default::default();
        let (mut strict, mut own, mut sqlite) = (Vec::new(), Vec::new(), Vec::new());
        let (mut ledger_small, mut ledger, mut ledger_large) = (Vec::new(), Vec::new(), Vec::new());
        let (mut lone, mut lone_99, mut sync) = (Vec::new(), Vec::new(), Vec::new());
        all_visitors(self.place)?;
        for round in 0..plan.rounds {
            let sample = ceilings::prepare(&self.place.world.sign(4_096));
            // The skipped claims only leave gaps in the numbers of their keys.
            strict.push(ceilings::strict(&sample, plan.slice / 2)?);
            own.push(ceilings::own(&sample, plan.slice / 2)?);
            let rows = (40_000.0 * plan.slice.as_secs_f64()) as usize;
            sqlite.push(self.sqlite.rate(rows)?);
            ledger.push(self.ledger.rate(rows, ceilings::TOGETHER)?);
            ledger_small.push(self.ledger.rate(rows / 8, 32)?);
            ledger_large.push(self.ledger.rate(rows, 4_096)?);
            for (way, series) in Way::ALL.into_iter().zip(&mut series) {
                if plan.wants(way) {
                    self.one(way, series, plan.slice)?;
                }
            }
            let (p50, p99, fsync) = self.lone()?;
            lone.push(p50);
            lone_99.push(p99);
            sync.push(fsync);
            report.load(&format!("after round {}", round + 1));
        }
        report.note("verify_strict, all cores", rate(median(&strict)));
        report.note("the verifier's check, all cores", rate(median(&own)));
        report.note("SQLite alone, same rows, 256 together", cost(&sqlite));
        report.note("ledger alone, 32 together", cost(&ledger_small));
        report.note("ledger alone, 256 together", cost(&ledger));
        report.note("ledger alone, 4,096 together", cost(&ledger_large));
        for (way, series) in Way::ALL.into_iter().zip(&series).filter(|(_, s)| !s.rate.is_empty()) {
            print_series(way, series, report);
        }
        let [single, hundred, thousand] = &series;
        let share = median_ratio(&single.rate, &single.echo);
        let text = format!("{:.0} % of echo", share * 100.0);
        report.at_least("1 claim a request, to echo", text, share, (0.30, 0.45));
        let share = median_ratio(&thousand.rate, &strict);
        let text = format!("{:.0} % of strict checks", share * 100.0);
        report.at_least("1,000 claims a request, to strict checks", text, share, (0.60, 0.80));
        let share = median_ratio(&hundred.rate, &strict);
        report.note("100 claims a request, to strict checks", format!("{:.0} %", share * 100.0));
        let times = median_ratio(&lone, &sync);
        let text = format!(
            "p50 {:.2} ms, p99 {:.2} ms; one fdatasync {:.2} ms; {times:.2} times",
            median(&lone),
            median(&lone_99),
            median(&sync)
        );
        report.at_most("a lone claim, to one fdatasync", text, times, (2.0, 1.5), " times");
        Ok(())
    }

    /// One slice of the verifier and one of the echo, with the same bytes.
    fn one(&mut self, way: Way, series: &mut Series, slice: Duration) -> Result<(), String> {
        let slice = way.slice(slice);
        let claims = self.place.world.sign(series.pool(way, slice));
        let work = work(&claims, way);
        series.take(self.place, &work, way, slice)?;
        let shape = Shape {
            server: self.echo.public,
            from: 1,
            connections: way.connections(),
            paced: 0,
            expects: Expects::Echo,
            repeats: true,
            keeps_entries: false,
        };
        let echo = load::run(vec![(shape, &work)], slice)?.remove(0).clean()?;
        series.echo.push(echo.rate());
        Ok(())
    }

    /// Claims one at a time on an idle server, in turns with fdatasync.
    fn lone(&mut self) -> Result<(f64, f64, f64), String> {
        let (mut micros, mut syncs) = (Vec::new(), Vec::new());
        for _ in 0..5 {
            micros.extend(one_at_a_time(self.place, LONE / 5)?.micros);
            syncs.extend(ceilings::syncs(self.folder, LONE / 5)?);
        }
        micros.sort_unstable();
        let all = Outcome { micros, ..Outcome::default() };
        Ok((all.quantile_ms(0.50), all.quantile_ms(0.99), median(&syncs)))
    }
}

/// Claims one at a time.
pub fn one_at_a_time(place: &mut Place, count: usize) -> Result<Outcome, String> {
    let claims = place.world.sign(count);
    charged(place, &work(&claims, Way::Single), 1, Duration::from_secs(10))
}

/// A claim of every visitor: from then on every key is known, as those of regular visitors are.
pub fn all_visitors(place: &mut Place) -> Result<(), String> {
    let claims = place.world.sign(VISITORS);
    let work = work(&claims, Way::Thousand);
    charged(place, &work, THOUSANDS, Duration::from_secs(60)).map(|_| ())
}

/// The requests of these claims.
pub fn work(claims: &[farthing_shared::SignedClaim], way: Way) -> Work {
    match way {
        Way::Single => Work::singles(claims),
        Way::Hundred | Way::Thousand => Work::batches(claims, way.claims_each()),
    }
}

/// One slice of honest claims.
pub fn slice(place: &mut Place, way: Way, slice: Duration) -> Result<Outcome, String> {
    let work = ahead(place, way, slice);
    send(place, &work, way, slice)
}

/// The requests of one slice, signed ahead of it.
pub fn ahead(place: &mut Place, way: Way, slice: Duration) -> Work {
    let claims = place.world.sign(Series::default().pool(way, way.slice(slice)));
    work(&claims, way)
}

/// Sends the requests of one slice.
pub fn send(place: &Place, work: &Work, way: Way, slice: Duration) -> Result<Outcome, String> {
    charged(place, work, way.connections(), way.slice(slice))
}

/// Sends claims to the verifier and demands that each is charged.
fn charged(
    place: &Place,
    work: &Work,
    connections: usize,
    longest: Duration,
) -> Result<Outcome, String> {
    let shape = honest(place, connections);
    load::run(vec![(shape, work)], longest)?.remove(0).clean()
}

/// Honest visitors: every claim is charged.
pub fn honest(place: &Place, connections: usize) -> Shape {
    Shape {
        server: place.server.public,
        from: 1,
        connections,
        paced: 0,
        expects: Expects::Charged,
        repeats: false,
        keeps_entries: false,
    }
}

fn print_series(way: Way, series: &Series, report: &mut Report) {
    report.note(
        way.name(),
        format!(
            "{} ({:.0} % of the echo's {}); {}",
            rate(median(&series.rate)),
            100.0 * median_ratio(&series.rate, &series.echo),
            rate(median(&series.echo)),
            series.describe(),
        ),
    );
}

fn cores() -> f64 {
    std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64)
}

/// What claims cost below HTTP, in words.
fn cost(costs: &[Cost]) -> String {
    let middle = |part: fn(&Cost) -> f64| median(&costs.iter().map(part).collect::<Vec<_>>());
    format!(
        "{}; {:.1} µs of processor and {:.1} KiB written a claim",
        rate(middle(|cost| cost.rate)),
        middle(|cost| cost.micros),
        middle(|cost| cost.written_kib)
    )
}

/// A rate in words.
pub fn rate(value: f64) -> String {
    format!("{value:.0} claims/s")
}

/// A long history in turns with an empty ledger; then the totals page on it.
pub fn history(
    fresh: &mut Place,
    long: &mut Place,
    plan: &Plan,
    report: &mut Report,
) -> Result<(), String> {
    // Holds that were due at the start are released by now, and both have warm caches.
    for place in [&mut *fresh, &mut *long] {
        all_visitors(place)?;
        place.server.pause()?;
    }
    for way in [Way::Single, Way::Thousand] {
        let (mut empty, mut full) = (Series::default(), Series::default());
        for round in 0..plan.rounds {
            // Who comes first changes from round to round.
            let order = [(&mut *fresh, &mut empty), (&mut *long, &mut full)];
            let turn = |(place, series): (&mut Place, &mut Series)| {
                let slice = way.slice(plan.slice);
                let claims = place.world.sign(series.pool(way, slice));
                let work = work(&claims, way);
                place.server.resume()?;
                let outcome = charged(place, &work, way.connections(), slice)?;
                place.server.pause()?;
                series.rate.push(outcome.rate());
                Ok::<_, String>(())
            };
            if round.is_multiple_of(2) {
                order.into_iter().try_for_each(turn)?;
            } else {
                order.into_iter().rev().try_for_each(turn)?;
            }
        }
        let share = median_ratio(&full.rate, &empty.rate);
        let text = format!(
            "{} to {}: {:.0} %",
            rate(median(&full.rate)),
            rate(median(&empty.rate)),
            share * 100.0
        );
        let what = format!("{} entries of history to none, {}", plan.history, way.name());
        report.at_least(&what, text, share, (0.90, 1.0));
    }
    long.server.resume()?;
    totals_page(long, plan, report)
}

fn totals_page(place: &Place, plan: &Plan, report: &mut Report) -> Result<(), String> {
    let creator = place.world.popular_creator();
    let now = farthing_verifier::clock::Clock::System.now();
    let token = Token { creator, expires_at: now.plus_ms(3_600_000), generation: 1 };
    let session = Sessions::new(place.world.secrets.mac("session")).write(Purpose::Session, &token);
    let mut took = Vec::new();
    for _ in 0..20 {
        let started = monotonic();
        let authorization = format!("Bearer {session}");
        let (status, body) =
            server::get(place.server.public, "/v1/creator/totals?days=30", &authorization)?;
        took.push(started.elapsed().as_secs_f64() * 1_000.0);
        if status != 200 || !body.contains("\"payments\":") {
            return Err(format!("at {}: totals answered {status}: {body}", show_time(now)));
        }
    }
    let worst = took.iter().copied().fold(0.0, f64::max);
    let what = format!("totals of a creator with a quarter of {} claims", plan.history);
    let text = format!("median {:.1} ms, worst {worst:.1} ms", median(&took));
    report.at_most(&what, text, worst, (50.0, 10.0), " ms");
    Ok(())
}
