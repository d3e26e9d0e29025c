//! What the watch for fraud costs: the same server with and without it, in turns; and what a start costs that
//! scans a history again.

use std::path::Path;
use std::process::Command;

use farthing_verifier::clock::monotonic;

use crate::report::{Report, median, median_ratio};
use crate::rounds::{self, Way};
use crate::server::Server;
use crate::{Place, Plan};

/// Turns for each round of the plan: a share of 3 % is smaller than what one slice scatters.
const TURNS: usize = 4;

/// One of the two and its figures.
struct Side {
    place: Place,
    rate: Vec<f64>,
    micros_per_claim: Vec<f64>,
}

impl Side {
    fn new(binary: &Path, folder: &Path, scans: bool) -> Result<Self, String> {
        let setting = ("FARTHING_FRAUD__SCAN".to_owned(), scans.to_string());
        let place = Place::with(binary, folder, 0, Some(setting))?;
        place.server.pause()?;
        Ok(Self { place, rate: Vec::new(), micros_per_claim: Vec::new() })
    }

    /// One slice, while the other side stands still: else the watch would work on in the other's turns.
    fn turn(&mut self, plan: &Plan) -> Result<(), String> {
        self.place.server.resume()?;
        let processor = self.place.server.processor_seconds()?;
        let outcome = rounds::slice(&mut self.place, Way::Hundred, plan.slice)?;
        let used = self.place.server.processor_seconds()? - processor;
        self.place.server.pause()?;
        self.micros_per_claim.push(used * 1e6 / outcome.claims as f64);
        self.rate.push(outcome.rate());
        Ok(())
    }
}

pub fn watch(binary: &Path, folder: &Path, plan: &Plan, report: &mut Report) -> Result<(), String> {
    let mut with = Side::new(binary, &folder.join("watched"), true)?;
    let mut without = Side::new(binary, &folder.join("unwatched"), false)?;
    // Warm caches on both sides before anything counts.
    for side in [&mut with, &mut without] {
        side.turn(plan)?;
        side.rate.clear();
        side.micros_per_claim.clear();
    }
    for turn in 0..plan.rounds * TURNS {
        let mut order = [&mut with, &mut without];
        if turn % 2 == 1 {
            order.reverse();
        }
        order.into_iter().try_for_each(|side| side.turn(plan))?;
    }
    let share = median_ratio(&with.rate, &without.rate);
    let text = format!(
        "{} to {}: {:.1} %; {:.1} and {:.1} µs of processor a claim",
        rounds::rate(median(&with.rate)),
        rounds::rate(median(&without.rate)),
        share * 100.0,
        median(&with.micros_per_claim),
        median(&without.micros_per_claim),
    );
    report.at_least(
        "with the watch for fraud to without, 100 a request",
        text,
        share,
        (0.97, 0.99),
    );
    drop((with, without));
    start(binary, &folder.join("again"), plan, report)
}

/// How long a start on a history takes until it answers, with and without the watch, and what the scan costs.
fn start(binary: &Path, folder: &Path, plan: &Plan, report: &mut Report) -> Result<(), String> {
    let place = Place::with(binary, folder, plan.history, None)?;
    let ports = place.ports;
    let mut settings = place.world.settings.clone();
    drop(place.server);
    let mut ready = [Vec::new(), Vec::new()];
    for _ in 0..plan.rounds {
        for (scans, took) in ["true", "false"].into_iter().zip(&mut ready) {
            settings.retain(|(name, _)| name != "FARTHING_FRAUD__SCAN");
            settings.push(("FARTHING_FRAUD__SCAN".into(), scans.into()));
            let started = monotonic();
            let server = Server::farthing(binary, &settings, ports)?;
            crate::server::get(server.public, "/readyz", "")?;
            took.push(started.elapsed().as_secs_f64() * 1_000.0);
        }
    }
    let mut scan = Command::new(binary);
    scan.args(["fraud", "scan"]).envs(settings.iter().map(|(name, value)| (name, value)));
    let started = monotonic();
    let output = scan.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let seconds = started.elapsed().as_secs_f64();
    let [with, without] = ready.each_ref().map(|took| median(took));
    report.note(
        &format!("a start on {} claims until /readyz, with the watch and without", plan.history),
        format!("{with:.0} ms, {without:.0} ms"),
    );
    report.note(
        &format!("scanning {} claims again", plan.history),
        format!(
            "{seconds:.1} s of one core; a server spreads them over some {:.0} s",
            seconds * 10.0
        ),
    );
    Ok(())
}
