//! The measures over replays of judged traces.

use std::collections::{BTreeMap, HashMap, HashSet};

use farthing_fraud::event::Kind;
use farthing_fraud::finding::Finding;
use farthing_fraud::replay::Replay;

use crate::town::Trace;
use crate::{attacks, graphs};

#[derive(Default)]
struct Case {
    wallets: usize,
    accused: usize,
    score: f64,
    delays: Vec<f64>,
    money: u64,
    after: u64,
}

/// Sums over traces.
#[derive(Default)]
pub struct Report {
    cases: BTreeMap<(bool, &'static str), Case>,
    scored: Vec<(f64, bool)>,
    /// Average precision of each trace.
    precisions: Vec<f64>,
    /// False accusations per 1,000 of each trace.
    false_rates: Vec<f64>,
    told: Vec<(f64, bool)>,
    proofs: usize,
    proofs_missed: usize,
    proofs_late: usize,
    culprits_wrong: usize,
    extra_proofs: usize,
    findings: usize,
    bad_evidence: usize,
    creators_accused: usize,
    events: usize,
    seconds: f64,
}

/// A wallet's number by its name.
fn number(name: &str) -> Option<usize> {
    name.strip_prefix('w')?.parse().ok()
}

impl Report {
    #[expect(clippy::disallowed_methods, reason = "a judge measures how long a replay takes")]
    pub fn replay(&mut self, trace: &Trace) {
        let (mut replay, mut out) = (Replay::default(), Vec::new());
        // How many events had been read when each finding came.
        let mut read = Vec::new();
        let start = std::time::Instant::now();
        for (line, event) in trace.events.iter().enumerate() {
            replay.event(line as u64, event, &mut out).expect("the trace is sorted");
            read.resize(out.len(), line + 1);
        }
        replay.finish(&mut out);
        self.seconds += start.elapsed().as_secs_f64();
        self.events += trace.events.len();
        self.evidence(trace, &out);
        self.exact(trace, &out, &read);
        self.wallets(trace, &out);
    }

    /// Every finding cites events that exist by then and concern its subject.
    fn evidence(&mut self, trace: &Trace, out: &[Finding]) {
        self.findings += out.len();
        for finding in out {
            let fits = |&n: &u64| {
                let event = &trace.events[usize::try_from(n).expect("small")];
                let (wallet, creator, id) = match &event.kind {
                    Kind::Register { wallet, .. } | Kind::TopUp { wallet, .. } => (wallet, "", ""),
                    Kind::Claim(claim) => {
                        (&claim.wallet, claim.creator.as_ref(), claim.id.as_ref())
                    }
                    Kind::Refund { id, wallet, creator, .. } => {
                        (wallet, creator.as_ref(), id.as_ref())
                    }
                    Kind::Payout { .. } | Kind::Lifted { .. } | Kind::Other => return false,
                };
                let by_claim = finding
                    .subject
                    .strip_prefix("claim:")
                    .is_some_and(|subject| id == subject || finding.kind == "equivocation");
                let about = *wallet == finding.subject || creator == finding.subject || by_claim;
                event.t <= finding.t && about
            };
            let digits = finding.explanation.chars().any(|letter| letter.is_ascii_digit());
            let good = !finding.evidence.is_empty() && finding.evidence.iter().all(fits) && digits;
            self.bad_evidence += usize::from(!good);
            self.creators_accused += usize::from(
                finding.accuse
                    && finding.culprit.is_none()
                    && finding.subject.starts_with('c')
                    && !finding.subject.starts_with("claim:"),
            );
        }
    }

    /// Proofs against the truth. A proof that comes later than at the claim itself is as good as missed, so it counts as both.
    fn exact(&mut self, trace: &Trace, out: &[Finding], read: &[usize]) {
        let mut due: HashMap<(&str, &str), &str> = HashMap::new();
        for (id, kind, culprit) in &trace.proofs {
            due.insert((id, kind), culprit);
        }
        let mut met = HashSet::new();
        // What came at the trace's end came after all events.
        let ends = std::iter::repeat(usize::MAX);
        for (finding, read) in out.iter().zip(read.iter().copied().chain(ends)) {
            let (Some(culprit), Some(id)) =
                (&finding.culprit, finding.subject.strip_prefix("claim:"))
            else {
                continue;
            };
            match due.get(&(id, finding.kind)) {
                Some(right) if at_claim(trace, finding, id, read) => {
                    self.culprits_wrong += usize::from(right != culprit);
                    met.insert((id, finding.kind));
                }
                Some(_) => self.proofs_late += 1,
                None => self.extra_proofs += usize::from(finding.accuse),
            }
        }
        self.proofs += due.len();
        self.proofs_missed += due.len() - met.len();
    }

    fn wallets(&mut self, trace: &Trace, out: &[Finding]) {
        let wallets = trace.cases.len();
        let (mut score, mut accused) = (vec![0.0f64; wallets], vec![f64::INFINITY; wallets]);
        for finding in out {
            let Some(wallet) = number(&finding.subject) else { continue };
            score[wallet] = score[wallet].max(finding.score);
            if finding.accuse {
                accused[wallet] = accused[wallet].min(finding.t);
            }
        }
        let mut first = vec![f64::INFINITY; wallets];
        let (mut money, mut after) = (vec![0u64; wallets], vec![0u64; wallets]);
        for event in &trace.events {
            let Kind::Claim(claim) = &event.kind else { continue };
            let Some(wallet) = number(&claim.wallet).filter(|_| claim.sig_ok) else { continue };
            first[wallet] = first[wallet].min(event.t);
            money[wallet] += claim.amount;
            after[wallet] += if event.t > accused[wallet] { claim.amount } else { 0 };
        }
        let (mut scored, mut sums) = (Vec::new(), (0usize, 0usize));
        for wallet in 0..wallets {
            let fraud = trace.fraud[wallet];
            let case = self.cases.entry((fraud, trace.cases[wallet])).or_default();
            case.wallets += 1;
            case.money += money[wallet];
            case.after += after[wallet];
            case.score += score[wallet];
            scored.push((score[wallet], fraud));
            if accused[wallet].is_finite() {
                case.accused += 1;
                case.delays.push((accused[wallet] - first[wallet]) / 3_600.0);
            }
            if !fraud {
                sums = (sums.0 + 1, sums.1 + usize::from(accused[wallet].is_finite()));
            }
        }
        self.false_rates.push(sums.1 as f64 * 1e3 / sums.0.max(1) as f64);
        self.told.extend(scored.iter().filter(|(score, _)| *score > 0.0));
        self.precisions.push(average_precision(&mut scored.clone()));
        self.scored.extend(scored);
    }

    pub fn add(&mut self, other: Self) {
        for (key, case) in other.cases {
            let sum = self.cases.entry(key).or_default();
            sum.wallets += case.wallets;
            sum.accused += case.accused;
            sum.score += case.score;
            sum.delays.extend(case.delays);
            sum.money += case.money;
            sum.after += case.after;
        }
        self.scored.extend(other.scored);
        self.precisions.extend(other.precisions);
        self.false_rates.extend(other.false_rates);
        self.told.extend(other.told);
        self.proofs += other.proofs;
        self.proofs_missed += other.proofs_missed;
        self.proofs_late += other.proofs_late;
        self.culprits_wrong += other.culprits_wrong;
        self.extra_proofs += other.extra_proofs;
        self.findings += other.findings;
        self.bad_evidence += other.bad_evidence;
        self.creators_accused += other.creators_accused;
        self.events += other.events;
        self.seconds += other.seconds;
    }

    #[expect(clippy::too_many_lines, reason = "one line of the table after the other")]
    pub fn print(mut self) {
        println!(
            "| case | wallets | accused | share | mean score | delay, h | money | moved after |"
        );
        println!("|---|---|---|---|---|---|---|---|");
        let held =
            |name: &str| attacks::HELD_OUT.contains(&name) || graphs::HELD_OUT.contains(&name);
        let (mut honest, mut fraud, mut unseen) = ((0, 0), (0, 0), (0, 0));
        let (mut money, mut after, mut delays) = (0, 0, Vec::new());
        for ((is_fraud, name), case) in &mut self.cases {
            let n = case.wallets as f64;
            println!(
                "| {}: {name}{} | {} | {} | {:.4} | {:.3} | {} | {} | {:.2} |",
                if *is_fraud { "attack" } else { "honest" },
                if held(name) { " (held out)" } else { "" },
                case.wallets,
                case.accused,
                case.accused as f64 / n,
                case.score / n,
                if case.accused > 0 {
                    format!("{:.0}", median(&mut case.delays))
                } else {
                    "–".into()
                },
                case.money,
                case.after as f64 / case.money.max(1) as f64
            );
            let sum = if *is_fraud { &mut fraud } else { &mut honest };
            *sum = (sum.0 + case.wallets, sum.1 + case.accused);
            if *is_fraud {
                money += case.money;
                after += case.after;
                delays.append(&mut case.delays);
                if held(name) {
                    unseen = (unseen.0 + case.wallets, unseen.1 + case.accused);
                }
            }
        }
        let share = |(all, part): (usize, usize)| part as f64 / all.max(1) as f64;
        println!();
        println!(
            "- honest ever accused per 1,000: {:.2}, worst trace {:.2}, creators {}",
            share(honest) * 1e3,
            self.false_rates.iter().copied().fold(0.0, f64::max),
            self.creators_accused
        );
        println!(
            "- recall over wallets that attack: {:.3} (held-out families {:.3})",
            share(fraud),
            share(unseen)
        );
        let mean = self.precisions.iter().sum::<f64>() / self.precisions.len().max(1) as f64;
        println!(
            "- PR-AUC: {:.3} pooled, {mean:.3} mean of traces",
            average_precision(&mut self.scored)
        );
        println!(
            "- ECE: {:.3} over wallets with a finding (n = {}), {:.3} over all",
            calibration(&self.told),
            self.told.len(),
            calibration(&self.scored)
        );
        println!("- median delay, hours: {:.1}", median(&mut delays));
        println!("- fraud money after detection: {:.3}", after as f64 / money.max(1) as f64);
        println!(
            "- proofs: {} of {} found at the claim, {} late, {} wrong culprits, {} beside the truth",
            self.proofs - self.proofs_missed,
            self.proofs,
            self.proofs_late,
            self.culprits_wrong,
            self.extra_proofs
        );
        println!("- findings: {}, with bad evidence {}", self.findings, self.bad_evidence);
        // How fast this machine was is not part of the table.
        eprintln!(
            "- {} events, {:.1} µs each",
            self.events,
            self.seconds * 1e6 / self.events.max(1) as f64
        );
        bins(&self.told);
        for from in [0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95] {
            let over =
                |fraud| self.scored.iter().filter(|row| row.1 == fraud && row.0 >= from).count();
            let (bad, good) = (over(false) as f64 * 1e3, over(true) as f64);
            eprintln!(
                "- score from {from}: {:.2} honest per 1,000, recall {:.3}",
                bad / honest.0.max(1) as f64,
                good / fraud.0.max(1) as f64
            );
        }
    }
}

/// Whether a proof came at the claim that it is about: `read` events had been read by then, that claim the last of them,
/// and the finding bears its time and cites it.
fn at_claim(trace: &Trace, finding: &Finding, id: &str, read: usize) -> bool {
    let Some(event) = read.checked_sub(1).and_then(|at| trace.events.get(at)) else { return false };
    let about = matches!(&event.kind, Kind::Claim(claim) if claim.id == id);
    // The finding's time is a copy of the event's.
    let now = event.t.total_cmp(&finding.t).is_eq();
    about && now && finding.evidence.contains(&event.n)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Area under precision against recall, ties taken together.
fn average_precision(scored: &mut [(f64, bool)]) -> f64 {
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let all = scored.iter().filter(|(_, fraud)| *fraud).count() as f64;
    let (mut seen, mut hit, mut area, mut at) = (0.0, 0.0, 0.0, 0);
    while at < scored.len() {
        let (score, before) = (scored[at].0, hit);
        while at < scored.len() && scored[at].0 == score {
            seen += 1.0;
            hit += f64::from(u8::from(scored[at].1));
            at += 1;
        }
        area += (hit - before) / all.max(1.0) * (hit / seen);
    }
    area
}

fn binned(told: &[(f64, bool)]) -> [(f64, f64, f64); 10] {
    let mut bins = [(0.0, 0.0, 0.0); 10];
    for &(score, fraud) in told {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 9")]
        let bin = &mut bins[((score * 10.0) as usize).min(9)];
        *bin = (bin.0 + 1.0, bin.1 + score, bin.2 + f64::from(u8::from(fraud)));
    }
    bins
}

/// Expected calibration error over ten equal bins.
fn calibration(told: &[(f64, bool)]) -> f64 {
    binned(told).iter().map(|bin| (bin.1 - bin.2).abs()).sum::<f64>() / told.len().max(1) as f64
}

fn bins(told: &[(f64, bool)]) {
    let said: Vec<String> = binned(told)
        .iter()
        .map(|(n, score, fraud)| {
            format!("{:.2}→{:.2} ({n})", score / n.max(1.0), fraud / n.max(1.0))
        })
        .collect();
    println!("- score → share of fraud: {}", said.join(", "));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Sets, trace};

    #[test]
    fn a_proof_counts_at_the_claim_only() {
        let judged = trace(7, Sets { tuned: false, held: false }, false);
        let (mut replay, mut told, mut read) = (Replay::default(), Vec::new(), Vec::new());
        for (line, event) in judged.events.iter().enumerate() {
            replay.event(line as u64, event, &mut told).expect("the trace is sorted");
            read.resize(told.len(), line + 1);
        }
        // Found and late, where each proof is told so many events later and changed.
        let check = |later: usize, change: &dyn Fn(&mut Finding)| {
            let mut out = told.clone();
            out.iter_mut().for_each(change);
            let read: Vec<usize> = read.iter().map(|at| at + later).collect();
            let mut report = Report::default();
            report.exact(&judged, &out, &read);
            (report.proofs - report.proofs_missed, report.proofs_late)
        };
        let all = check(0, &|_| {}).0;
        assert!(all >= 20, "seed 7: {all}");
        assert_eq!(check(0, &|_| {}), (all, 0));
        assert_eq!(check(1, &|_| {}), (0, all), "one event later");
        assert_eq!(check(0, &|finding| finding.t += 1.0), (0, all), "another time");
        assert_eq!(
            check(0, &|finding| finding.evidence = vec![0]),
            (0, all),
            "no word of the claim"
        );
    }
}
