//! Binaries in turns with each other: what a change brings, where a machine scatters more than that.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::report::{Report, median, median_ratio, spread_of_ratios};
use crate::rounds::{self, Series, Way};
use crate::{Place, Plan};

/// Turns for each round of the plan: a change of 3 % is smaller than what one slice scatters.
const TURNS: usize = 4;
/// Claims sent one at a time in each turn.
const LONE: usize = 60;

/// A binary and its figures.
struct Side {
    name: String,
    place: Place,
    series: Series,
    lone_ms: Vec<f64>,
}

impl Side {
    fn new(binary: &Path, folder: &Path) -> Result<Self, String> {
        let mut place = Place::new(binary, folder, 0)?;
        rounds::all_visitors(&mut place)?;
        place.server.pause()?;
        let name = binary.display().to_string();
        Ok(Self { name, place, series: Series::default(), lone_ms: Vec::new() })
    }

    /// One slice, and claims one at a time, while the others stand still.
    fn turn(&mut self, way: Way, slice: Duration) -> Result<(), String> {
        let work = rounds::ahead(&mut self.place, way, slice);
        self.place.server.resume()?;
        self.series.take(&self.place, &work, way, way.slice(slice))?;
        self.lone_ms.push(rounds::one_at_a_time(&mut self.place, LONE)?.quantile_ms(0.50));
        self.place.server.pause()
    }
}

/// Sends the same kind of claims to each binary in turns; all are compared with the first.
pub fn versus(
    binaries: &[PathBuf],
    folder: &Path,
    plan: &Plan,
    report: &mut Report,
) -> Result<(), String> {
    let side = |(at, binary): (usize, &PathBuf)| Side::new(binary, &folder.join(at.to_string()));
    let mut sides = binaries.iter().enumerate().map(side).collect::<Result<Vec<_>, _>>()?;
    for way in Way::ALL.into_iter().filter(|way| plan.wants(*way)) {
        for turn in 0..plan.rounds * TURNS {
            // Who comes first changes from turn to turn.
            sides.rotate_left(turn % binaries.len());
            sides.iter_mut().try_for_each(|side| side.turn(way, plan.slice))?;
            sides.rotate_right(turn % binaries.len());
        }
        let figures: Vec<_> = sides
            .iter_mut()
            .map(|side| (std::mem::take(&mut side.series), std::mem::take(&mut side.lone_ms)))
            .collect();
        for (side, (series, lone_ms)) in sides.iter().zip(&figures) {
            let (first, first_lone_ms) = &figures[0];
            let (low, high) = spread_of_ratios(&series.rate, &first.rate);
            let text = format!(
                "{}, {:.3} ({low:.3} to {high:.3}) of the first; {}; a lone claim {:.3} ms, {:.3} of the first",
                rounds::rate(median(&series.rate)),
                median_ratio(&series.rate, &first.rate),
                series.describe(),
                median(lone_ms),
                median_ratio(lone_ms, first_lone_ms),
            );
            report.note(&format!("{}, {}", way.name(), side.name), text);
        }
    }
    report.load("after all turns");
    Ok(())
}
