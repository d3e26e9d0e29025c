//! An independent judge of the detector: other traces than those it was tuned on, and the issue's own measures.
//!
//! `judge table FROM TO [tuned|held|all] [town|graph|both]` prints the table for these seeds; `judge fit FROM TO` fits the
//! weights, on tuning families only; `judge looks FROM TO` shows what each case looks like; `judge write SEED` prints a
//! trace as JSON lines, `judge large CLAIMS WALLETS` a large one to time. Families marked "held out" are never tuned on.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a command line")]
#![expect(clippy::cast_precision_loss, reason = "counts become shares")]

mod attacks;
mod fit;
mod graphs;
mod lines;
mod report;
mod town;

use report::Report;
use town::{Town, Trace};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let word = |at: usize| arguments.get(at).map(String::as_str);
    let number = |at: usize| word(at).and_then(|text| text.parse::<u64>().ok());
    match (word(0), number(1), number(2)) {
        (Some("table"), Some(from), Some(to)) => {
            let sets = Sets::read(word(3).unwrap_or("all"));
            table(from, to, sets, word(4).unwrap_or("both"));
        }
        (Some("fit"), Some(from), Some(to)) => fit::fit(from, to),
        (Some("large"), Some(claims), Some(wallets)) => lines::print_large(claims, wallets),
        (Some("looks"), Some(from), Some(to)) => {
            let sets = Sets::read(word(3).unwrap_or("all"));
            fit::looks(from, to, sets, word(4) == Some("graph"));
        }
        (Some("write"), Some(seed), _) => {
            let sets = Sets::read(word(2).unwrap_or("all"));
            lines::print(&trace(seed, sets, word(3) == Some("graph")));
        }
        _ => eprintln!(
            "usage: judge table FROM TO [tuned|held|all] [town|graph|both]
       judge fit FROM TO
       \
             judge looks FROM TO [tuned|held|all] [town|graph]
       judge write SEED [tuned|held|all] [town|graph]
       \
             judge large CLAIMS WALLETS"
        ),
    }
}

#[derive(Clone, Copy)]
struct Sets {
    tuned: bool,
    held: bool,
}

impl Sets {
    fn read(word: &str) -> Self {
        Self { tuned: word != "held", held: word != "tuned" }
    }

    fn of(self, tuned: &[&'static str], held: &[&'static str]) -> Vec<&'static str> {
        let mut all = Vec::new();
        if self.tuned {
            all.extend(tuned);
        }
        if self.held {
            all.extend(held);
        }
        all
    }
}

/// One trace of this seed.
fn trace(seed: u64, sets: Sets, graph: bool) -> Trace {
    if graph {
        return graphs::trace(seed, &sets.of(&graphs::TUNED, &graphs::HELD_OUT));
    }
    let mut town = Town::new(seed);
    town.people();
    for family in sets.of(&attacks::TUNED, &attacks::HELD_OUT) {
        let rounds = if family == "many_small" { 4 } else { 1 };
        let inert = family == "free_farm" && town.free == 0;
        if town.dice.chance(0.75) && !inert {
            for _ in 0..rounds {
                town.attack(family);
            }
        }
    }
    town.hijack();
    town.provable();
    let mut trace = town.trace;
    trace.events.sort_by(|a, b| a.t.total_cmp(&b.t).then(a.n.cmp(&b.n)));
    for (n, event) in trace.events.iter_mut().enumerate() {
        event.n = n as u64;
    }
    trace
}

fn table(from: u64, to: u64, sets: Sets, kinds: &str) {
    for (kind, graph) in [("town", false), ("graph", true)] {
        if kinds != "both" && kinds != kind {
            continue;
        }
        println!("\n## {kind}, seeds {from} to {}\n", to - 1);
        let mut all = Report::default();
        let reports: Vec<Report> = std::thread::scope(|scope| {
            let halves: Vec<_> = (0..2)
                .map(|half| {
                    scope.spawn(move || {
                        let mut report = Report::default();
                        for seed in (from..to).filter(|seed| seed % 2 == half) {
                            report.replay(&trace(seed, sets, graph));
                        }
                        report
                    })
                })
                .collect();
            halves.into_iter().map(|half| half.join().expect("no panic")).collect()
        });
        for report in reports {
            all.add(report);
        }
        all.print();
    }
}
