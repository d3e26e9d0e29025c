//! Fits the detector's weights on tuning seeds and tuning families of both generators and of graphs without attributes.

use std::collections::BTreeMap;

use farthing_fraud::calibrate::Model;
use farthing_fraud::event::Event;
use farthing_fraud::features::{FAMILIES, Feature, Vector};
use farthing_fraud::generate;
use farthing_fraud::replay::Replay;

use crate::town::Trace;
use crate::{Sets, trace};

const ROUNDS: usize = 2;

/// Each wallet's number and best sample.
fn best(events: &[Event<'_>], model: &Model) -> Vec<(usize, Vector)> {
    let mut replay = Replay::default();
    replay.analysis.model = model.clone();
    replay.analysis.samples = Some(Vec::new());
    let mut out = Vec::new();
    for (line, event) in events.iter().enumerate() {
        replay.event(line as u64, event, &mut out).expect("the trace is sorted");
    }
    replay.finish(&mut out);
    let samples = replay.analysis.samples.take().unwrap_or_default();
    let number = |wallet| {
        replay.wallet_name(wallet).trim_start_matches('w').parse().expect("w and a number")
    };
    samples.iter().enumerate().map(|(wallet, best)| (number(wallet), best.vector)).collect()
}

/// The best samples with their truth.
fn samples(events: &[Event<'_>], fraud: &[bool], model: &Model) -> Vec<(Vector, bool)> {
    best(events, model).into_iter().map(|(wallet, vector)| (vector, fraud[wallet])).collect()
}

fn rows(seed: u64, model: &Model) -> Vec<(Vector, bool)> {
    let sets = Sets { tuned: true, held: false };
    let own = generate::trace(seed, false);
    let mut rows = samples(&own.events, &own.fraud, model);
    for graph in [false, true] {
        let judged = trace(seed, sets, graph);
        let told = samples(&judged.events, &judged.fraud, model);
        // A graph without attributes says nothing at all of most wallets; they would only move the bias.
        let says = |row: &(Vector, bool)| !graph || row.0[Feature::Structure as usize] > 0.0;
        rows.extend(told.into_iter().filter(says));
    }
    rows
}

pub fn fit(from: u64, to: u64) {
    let mut model = Model::default();
    for round in 0..ROUNDS {
        let rows: Vec<(Vector, bool)> = std::thread::scope(|scope| {
            let model = &model;
            let halves: Vec<_> = (0..2)
                .map(|half| {
                    scope.spawn(move || {
                        let seeds = (from..to).filter(|seed| seed % 2 == half);
                        seeds.flat_map(|seed| rows(seed, model)).collect::<Vec<_>>()
                    })
                })
                .collect();
            halves.into_iter().flat_map(|half| half.join().expect("no panic")).collect()
        });
        let fraud = rows.iter().filter(|(_, fraud)| *fraud).count();
        model.fit(&rows, 400);
        if round + 1 == ROUNDS {
            // Probabilities are settled on families that the weights did not see, without the town's held-out ones.
            let other: Vec<(Vector, bool)> = (from + 50..from + 60)
                .flat_map(|seed| {
                    let town = trace(seed, Sets { tuned: true, held: false }, false);
                    let mut rows = samples(&town.events, &town.fraud, &model);
                    if seed < from + 53 {
                        let own = generate::trace(seed, true);
                        rows.extend(samples(&own.events, &own.fraud, &model));
                    }
                    rows
                })
                .filter(|(vector, _)| model.probability(vector) > 0.01)
                .collect();
            model.settle(&other);
        }
        println!("round {round}: {} wallets, {fraud} fraud", rows.len());
        println!("const WEAK: Line = {:.3?};", model.weak);
        println!("const INNOCENT: Line = {:.3?};", model.innocent);
        println!("const ENOUGH: Line = {:.3?};", model.enough);
        println!("const BIAS: f64 = {:.3};", model.bias);
        println!("const WEIGHTS: [f64; TERMS] = {:.3?};", model.weights);
    }
}

/// Prints what each case looks like: the mean of every feature over its wallets' best samples.
pub fn looks(from: u64, to: u64, sets: Sets, graph: bool) {
    let mut sums: BTreeMap<(bool, &str), (f64, Vec<f64>)> = BTreeMap::new();
    for seed in from..to {
        let Trace { events, cases, fraud, .. } = trace(seed, sets, graph);
        for (wallet, vector) in best(&events, &Model::default()) {
            let (n, sum) = sums
                .entry((fraud[wallet], cases[wallet]))
                .or_insert_with(|| (0.0, vec![0.0; FAMILIES.len()]));
            *n += 1.0;
            for (sum, &lift) in sum.iter_mut().zip(&vector) {
                *sum += f64::from(lift);
            }
        }
    }
    for ((fraud, case), (n, sum)) in sums {
        let said: Vec<String> = FAMILIES
            .iter()
            .map(|(feature, _)| (feature, sum[*feature as usize] / n))
            .filter(|(_, mean)| *mean > 0.15)
            .map(|(feature, mean)| format!("{feature:?} {mean:.1}"))
            .collect();
        println!("{} {case} ({n}): {}", if fraud { "attack" } else { "honest" }, said.join(", "));
    }
}
