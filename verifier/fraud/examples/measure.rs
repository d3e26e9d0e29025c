//! `measure table FROM TO` prints how good the rules are on our own traces, with the attack families that tuning never saw.
//! The weights are fitted, and judged on other traces, by `judge`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a command line")]

use std::collections::BTreeMap;

use farthing_fraud::generate::{HELD_OUT, trace};
use farthing_fraud::replay::Replay;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| arguments.get(at).and_then(|text| text.parse().ok());
    match (arguments.first().map(String::as_str), number(1), number(2)) {
        (Some("table"), Some(from), Some(to)) => table(from, to),
        _ => eprintln!("usage: measure table FROM_SEED TO_SEED"),
    }
}

#[derive(Default)]
struct Case {
    wallets: usize,
    accused: usize,
}

fn table(from: u64, to: u64) {
    let mut cases: BTreeMap<(bool, &str), Case> = BTreeMap::new();
    let mut scored: Vec<(f64, bool)> = Vec::new();
    let mut told: Vec<(f64, bool)> = Vec::new();
    let mut delays = Vec::new();
    let (mut after, mut all) = (0u64, 0u64);
    for seed in from..to {
        let trace = trace(seed, true);
        let mut replay = Replay::default();
        let mut out = Vec::new();
        for (line, event) in trace.events.iter().enumerate() {
            replay.event(line as u64, event, &mut out).expect("the trace is sorted");
        }
        replay.finish(&mut out);
        let mut score = vec![0.0f64; trace.cases.len()];
        let mut accused = vec![f64::INFINITY; trace.cases.len()];
        for finding in &out {
            let Some(number) = finding.subject.strip_prefix('w') else { continue };
            let number: usize = number.parse().expect("w and a number");
            score[number] = score[number].max(finding.score);
            if finding.accuse {
                accused[number] = accused[number].min(finding.t);
            }
        }
        let mut first = vec![f64::INFINITY; trace.cases.len()];
        for event in &trace.events {
            if let farthing_fraud::event::Kind::Claim(claim) = &event.kind {
                let number: usize = claim.wallet[1..].parse().expect("w and a number");
                first[number] = first[number].min(event.t);
                if trace.fraud[number] {
                    all += claim.amount;
                    after += if event.t > accused[number] { claim.amount } else { 0 };
                }
            }
        }
        for number in 0..trace.cases.len() {
            let fraud = trace.fraud[number];
            let case = cases.entry((fraud, trace.cases[number])).or_default();
            case.wallets += 1;
            scored.push((score[number], fraud));
            if score[number] > 0.0 {
                told.push((score[number], fraud));
            }
            if accused[number].is_finite() {
                case.accused += 1;
                if fraud {
                    delays.push((accused[number] - first[number]) / 3_600.0);
                }
            }
        }
    }
    println!("| case | wallets | accused | share |\n|---|---|---|---|");
    let mut sums = [(0, 0), (0, 0)];
    for ((fraud, name), case) in &cases {
        let mark = if HELD_OUT.contains(name) { " (held out)" } else { "" };
        let kind = if *fraud { "attack" } else { "honest" };
        let share = case.accused as f64 / case.wallets as f64;
        println!("| {kind}: {name}{mark} | {} | {} | {share:.4} |", case.wallets, case.accused);
        let sum = &mut sums[usize::from(*fraud)];
        *sum = (sum.0 + case.wallets, sum.1 + case.accused);
    }
    delays.sort_by(f64::total_cmp);
    println!("honest ever accused per 1,000: {:.2}", sums[0].1 as f64 * 1e3 / sums[0].0 as f64);
    println!("recall over attacks: {:.3}", sums[1].1 as f64 / sums[1].0 as f64);
    println!("PR-AUC: {:.3}", average_precision(&mut scored));
    println!("ECE over wallets with a finding: {:.3} (n = {})", calibration(&told), told.len());
    println!(
        "median delay, hours: {:.1}",
        delays.get(delays.len() / 2).copied().unwrap_or(f64::NAN)
    );
    println!("fraud money after detection: {:.3}", after as f64 / all.max(1) as f64);
}

/// Area under precision against recall, ties taken together.
fn average_precision(scored: &mut [(f64, bool)]) -> f64 {
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let all = scored.iter().filter(|(_, fraud)| *fraud).count() as f64;
    let (mut seen, mut hit, mut area, mut at) = (0.0, 0.0, 0.0, 0);
    while at < scored.len() {
        let score = scored[at].0;
        let before = hit;
        while at < scored.len() && scored[at].0 == score {
            seen += 1.0;
            hit += f64::from(u8::from(scored[at].1));
            at += 1;
        }
        area += (hit - before) / all * (hit / seen);
    }
    area
}

/// Expected calibration error over ten equal bins.
fn calibration(told: &[(f64, bool)]) -> f64 {
    let mut bins = [(0.0, 0.0, 0.0); 10];
    for &(score, fraud) in told {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 9")]
        let bin = &mut bins[((score * 10.0) as usize).min(9)];
        *bin = (bin.0 + 1.0, bin.1 + score, bin.2 + f64::from(u8::from(fraud)));
    }
    bins.iter().map(|bin| (bin.1 - bin.2).abs()).sum::<f64>() / told.len().max(1) as f64
}
