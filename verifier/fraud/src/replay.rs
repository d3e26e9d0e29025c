//! A trace in, findings out: the order of events is the only clock, so the same trace gives the same findings.
//!
//! Proofs come at the claim. Inferences come at ticks: twenty minutes of trace time after the last one, or earlier (ten
//! minutes at least) when much has happened. What is accused at a tick depends on earlier events alone: the trace's
//! end adds watch scores but accuses nobody.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use crate::book::{Book, NONE};
use crate::calibrate::{ACCUSE_FROM, Model, RULE, WATCH_FROM};
use crate::event::{BadLine, Event, parse};
use crate::explain;
use crate::features::{Feature, Vector, enough, innocent};
use crate::finding::{Finding, evidence};
use crate::groups::share_low;
use crate::intake::{Act, Intake, Step};
use crate::lockstep::Lockstep;
use crate::names::Tables;
use crate::ring::RING_OPEN_MAX;
use crate::scan::{Scan, World, scan};
use crate::taste::Scratch;

const TICK_S: f64 = 1_200.0;
const BUSY_TICK_S: f64 = 600.0;
/// Events since the last tick, as a share of all, that make a tick whatever the time: traces without times have an end too.
const CROWDED_TICK_SHARE: u64 = 25;
/// Work for one new claim, in payers looked at, at most: small creators are looked at again once they grew by a fortieth.
const WORK_MAX: f64 = 40.0;
/// The same in long traces: so much over the claims so far, but for creators with few payers, where farms are, at least
/// so much and for others so much.
const FRESH_WORK: f64 = 3e6;
const SMALL_PAYERS: f64 = 2_000.0;
const WORK_SMALL: f64 = 1.0;
const WORK_LARGE: f64 = 0.4;
/// Payers due at one tick from which on all cores look at them, where they may.
const PARALLEL_MIN: usize = 600;
/// Payers looked at before findings are told: 40,000 × 430 bytes.
const PAYERS_MAX: usize = 40_000;
/// Members that a steered group must have before anybody in it is accused.
pub const GROUP_ACCUSED_MIN: usize = 6;
/// How many of them must be nearly sure, and from which probability that is.
const GROUP_SURE_MIN: usize = 3;
const SURE_FROM: f64 = 0.9;
/// Probability from which a wallet is accused without a group.
const ALONE_FROM: f64 = 0.85;
/// Probability of a wallet in a closed circle of payouts: the chain is shown, its purpose is not.
const CIRCLE_SCORE: f64 = 0.95;
/// Lift of its own refunds from which a wallet needs no company: some 70 % of its claims refunded at the very least.
const REFUNDS_ALONE: f32 = 1.5;
const REFUNDS_MIN: u32 = 10;
/// How many times more often than explained a pair must meet.
const MEETINGS_LIFT: f64 = 2.7;
/// Meetings, and their share of the fewer claims at the very least, that make two wallets mates whatever the creators'
/// arrival curves: people who like the same meet at one claim in ten.
const TOGETHER_MIN: f64 = 4.0;
const TOGETHER_SHARE: f64 = 0.2;
/// Highest score of a wallet that may as well be a student's or a gift card's: of such wallets some 70 % were steered,
/// from 39 to 99 % on seven sets of tuning seeds.
const CAMPUS_MAX: f64 = 0.70;
/// A score is told again when it has grown by this much.
const TELL_STEP: f32 = 0.1;

/// A wallet's highest score at any scan so far, for fitting the weights; by wallet number.
#[derive(Debug, Clone)]
pub struct Sample {
    pub score: f64,
    pub vector: Vector,
}

impl Default for Sample {
    fn default() -> Self {
        Self { score: 0.0, vector: [0.0; crate::features::COUNT] }
    }
}

/// A replay under way: names and proofs of each event, then what many events show together.
#[derive(Debug, Default)]
pub struct Replay {
    names: Mutex<Tables>,
    intake: Intake,
    pub analysis: Analysis,
}

impl Replay {
    /// Reads one line and appends what it led to.
    ///
    /// # Errors
    /// The line is not an event, or lies in the past; it changed nothing, the replay can go on.
    pub fn line(&mut self, line: u64, text: &str, out: &mut Vec<Finding>) -> Result<(), BadLine> {
        let event = parse(line, text)?;
        self.event(line, &event, out)
    }

    /// As [`Replay::line`], for an event that was read elsewhere.
    ///
    /// # Errors
    /// The event is older than the one before it.
    pub fn event(
        &mut self,
        line: u64,
        event: &Event<'_>,
        out: &mut Vec<Finding>,
    ) -> Result<(), BadLine> {
        let names = self.names.get_mut().unwrap_or_else(PoisonError::into_inner);
        let step = self.intake.take(names, line, event)?;
        self.analysis.step(&self.names, step, out);
        Ok(())
    }

    /// The trace's end: scores that have not been told. Nobody is accused here, so that a trace cut short accuses the
    /// same wallets as the whole one had by then.
    pub fn finish(&mut self, out: &mut Vec<Finding>) {
        self.analysis.finish(&self.names, out);
    }

    /// Its halves, for two cores: the first reads ahead, the second takes its steps in order.
    pub const fn halves(&mut self) -> (&Mutex<Tables>, &mut Intake, &mut Analysis) {
        (&self.names, &mut self.intake, &mut self.analysis)
    }

    /// The name of a wallet by its number.
    #[must_use]
    pub fn wallet_name(&self, wallet: usize) -> String {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.wallets.name(u32::try_from(wallet).unwrap_or(NONE)).to_owned()
    }
}

/// What many events show together: the graph, and the scans of it.
#[derive(Debug, Default)]
pub struct Analysis {
    book: Book,
    lockstep: Lockstep,
    /// Weights; the fitted ones unless a fit is under way.
    pub model: Model,
    world: World,
    /// One for each core at most.
    scratches: Vec<Scratch>,
    now: f64,
    started: bool,
    last_tick: f64,
    events: u64,
    events_at_tick: u64,
    /// Large scans may use all cores. Not beside a server: there the other cores have better work.
    pub all_cores: bool,
    /// Best samples are kept here when asked for.
    pub samples: Option<Vec<Sample>>,
}

impl Analysis {
    /// Takes the next step and appends what it led to.
    pub fn step(&mut self, names: &Mutex<Tables>, step: Step, out: &mut Vec<Finding>) {
        if !self.started {
            self.started = true;
            self.last_tick = step.t;
            self.now = step.t;
        }
        self.tick_if_due(names, step.t, out);
        self.now = step.t;
        self.events += 1;
        self.apply(step, out);
    }

    /// See [`Replay::finish`].
    pub fn finish(&mut self, names: &Mutex<Tables>, out: &mut Vec<Finding>) {
        self.analyse(names, Closing::End, out);
    }

    fn tick_if_due(&mut self, names: &Mutex<Tables>, t: f64, out: &mut Vec<Finding>) {
        let passed = t - self.last_tick;
        let fresh = self.events - self.events_at_tick;
        let busy = passed >= BUSY_TICK_S && fresh >= 200.max(self.events / 50);
        let crowded = fresh >= 1_000.max(self.events / CROWDED_TICK_SHARE);
        if passed >= TICK_S && fresh > 0 || busy || crowded {
            self.last_tick = t;
            self.events_at_tick = self.events;
            self.analyse(names, Closing::Tick, out);
        }
    }

    fn apply(&mut self, step: Step, out: &mut Vec<Finding>) {
        let (t, n) = (step.t, step.n);
        match step.act {
            Act::Register { wallet, prefix, free } => {
                self.book.wallet(wallet, t, n);
                self.book.prefix(prefix);
                let row = &mut self.book.wallets[wallet as usize];
                if !row.registered && row.claims == 0 {
                    row.prefix = prefix;
                }
                row.registered = true;
                row.free = free.or(row.free);
            }
            Act::TopUp { wallet, amount, fund, paid_by } => {
                self.book.wallet(wallet, t, n);
                self.book.fund(fund);
                if paid_by != NONE {
                    self.book.paid_by(wallet, paid_by);
                }
                self.book.top_up(wallet, amount, fund, n);
            }
            Act::Charged { wallet, creator, amount, prefix } => {
                self.book.wallet(wallet, t, n);
                self.book.creator(creator);
                self.book.prefix(prefix);
                self.charged(wallet, creator, amount, prefix, (t, n));
            }
            Act::Refused { wallet, creator, proof } => {
                self.book.wallet(wallet, t, n);
                self.book.creator(creator);
                out.extend(proof.map(|finding| *finding));
            }
            Act::Refund { wallet, creator } => {
                self.book.wallet(wallet, t, n);
                self.book.creator(creator);
                self.book.refund(wallet, creator);
            }
            Act::Lifted { wallet } => self.book.lift(wallet),
            Act::Other => {}
        }
    }

    fn charged(&mut self, wallet: u32, creator: u32, amount: u64, prefix: u32, (t, n): (f64, u64)) {
        self.book.claim(wallet, creator, amount, prefix, (t, n));
        let book = &mut self.book;
        self.lockstep.arrive(wallet, creator, t, |lockstep, mate, times| {
            let expected = meetings(book, lockstep, wallet, mate);
            let life = [wallet, mate].map(|one| book.wallets[one as usize].claims);
            let surprising = surprising(f64::from(times), expected, life[0].min(life[1]));
            for one in [wallet, mate] {
                let row = &mut book.wallets[one as usize];
                row.locks = row.locks.saturating_add(u16::from(surprising));
            }
            surprising
        });
    }

    fn analyse(&mut self, names: &Mutex<Tables>, closing: Closing, out: &mut Vec<Finding>) {
        if self.book.edges.len() * 4 > self.world.edges * 5 || closing == Closing::End {
            self.world = World::estimate(&self.book, self.now, self.all_cores);
        }
        let mut due = Vec::new();
        for (creator, row) in self.book.creators.iter_mut().enumerate() {
            if !row.dirty && closing == Closing::Tick {
                continue;
            }
            let new = f64::from(row.claims) - row.credit;
            let cost = row.edges.len() as f64;
            if closing == Closing::Tick && !grown(new, cost, self.book.claims) {
                continue;
            }
            row.dirty = false;
            row.credit = f64::from(row.claims);
            due.push(u32::try_from(creator).unwrap_or(NONE));
        }
        // A scan holds some 500 bytes a payer until it is told, so not all are made at once.
        while !due.is_empty() {
            let mut payers = 0;
            let within = due.iter().take_while(|&&creator| {
                let fits = payers < PAYERS_MAX;
                payers += self.book.creators[creator as usize].edges.len();
                fits
            });
            let rest = due.split_off(within.count());
            self.look(&due, payers, (names, closing), out);
            due = rest;
        }
    }

    /// Scans creators and tells what is new.
    fn look(
        &mut self,
        due: &[u32],
        payers: usize,
        (names, closing): (&Mutex<Tables>, Closing),
        out: &mut Vec<Finding>,
    ) {
        let (book, world, model, now) = (&self.book, &self.world, &self.model, self.now);
        let look = |scratch: &mut Scratch, &creator: &u32| {
            let mut scanned = scan(book, world, creator, now, scratch);
            let (alone, scores) = score(model, &mut scanned);
            (creator, scanned, alone, scores)
        };
        let scratches = Mutex::new(std::mem::take(&mut self.scratches));
        let borrow = |creator: &u32| {
            // Tables as long as the list of creators are not made anew for each.
            let lent = scratches.lock().ok().and_then(|mut free| free.pop());
            let mut scratch = lent.unwrap_or_default();
            let told = look(&mut scratch, creator);
            if let Ok(mut free) = scratches.lock() {
                free.push(scratch);
            }
            told
        };
        let looks: Vec<(u32, Scan, Vec<f64>, Vec<f64>)> =
            if !self.all_cores || payers < PARALLEL_MIN {
                due.iter().map(borrow).collect()
            } else {
                due.par_iter().map(borrow).collect()
            };
        self.scratches = scratches.into_inner().unwrap_or_default();
        for (creator, scanned, alone, scores) in looks {
            self.judge(creator, &scanned, (&alone, &scores), (names, closing), out);
        }
    }

    /// Tells what is new about one creator's payers.
    fn judge(
        &mut self,
        creator: u32,
        scanned: &Scan,
        (alone, scores): (&[f64], &[f64]),
        telling: (&Mutex<Tables>, Closing),
        out: &mut Vec<Finding>,
    ) {
        let row = &mut self.book.creators[creator as usize];
        row.taste = scanned.taste;
        for &(fund, lift, mostly) in &scanned.spots {
            self.book.spot(fund, (creator, lift, mostly));
        }
        let row = &mut self.book.creators[creator as usize];
        #[expect(clippy::cast_possible_truncation, reason = "a share")]
        {
            row.steered = (alone.iter().sum::<f64>() / alone.len().max(1) as f64) as f32;
        }
        for (at, &edge) in scanned.edges.iter().enumerate() {
            let wallet = self.book.edges[edge as usize].wallet;
            #[expect(clippy::cast_possible_truncation, reason = "a probability")]
            self.book.raise(wallet, alone[at] as f32);
            if let Some(samples) = &mut self.samples {
                if wallet as usize >= samples.len() {
                    samples.resize(wallet as usize + 1, Sample::default());
                }
                let (score, vector) =
                    (self.model.probability(&scanned.vectors[at]), scanned.vectors[at]);
                let best = &mut samples[wallet as usize];
                if score > best.score {
                    *best = Sample { score, vector };
                }
            }
        }
        let group = Group::of(scores, &scanned.vectors);
        for (at, &score) in scores.iter().enumerate() {
            self.tell(creator, scanned, at, (score, group), telling, out);
        }
    }

    fn tell(
        &mut self,
        creator: u32,
        scanned: &Scan,
        at: usize,
        (score, group): (f64, Group),
        (names, closing): (&Mutex<Tables>, Closing),
        out: &mut Vec<Finding>,
    ) {
        let edge = &self.book.edges[scanned.edges[at] as usize];
        let wallet = &self.book.wallets[edge.wallet as usize];
        let vector = &scanned.vectors[at];
        let accuse = closing == Closing::Tick
            && !wallet.accused
            && (group.accuses(score, vector) || alone(score, vector, wallet.refunds));
        #[expect(clippy::cast_possible_truncation, reason = "a probability")]
        let news =
            score >= WATCH_FROM && (wallet.told == 0.0 || score as f32 >= wallet.told + TELL_STEP);
        if !accuse && !news {
            return;
        }
        let evidence = evidence(vec![wallet.born_n, wallet.fund_n, edge.first_n, edge.last_n]);
        let number = edge.wallet;
        if accuse {
            self.book.accuse(number);
        }
        let told = &mut self.book.wallets[number as usize].told;
        #[expect(clippy::cast_possible_truncation, reason = "a probability")]
        {
            *told = told.max(score as f32);
        }
        let names = names.lock().unwrap_or_else(PoisonError::into_inner);
        let subject = names.wallets.name(number).to_owned();
        let name = names.creators.name(creator);
        out.push(Finding {
            t: self.now,
            kind: "group",
            score,
            accuse,
            evidence,
            explanation: explain::wallet(
                &subject,
                name,
                (vector, &scanned.shown[at], scanned.about[at]),
                group.likely,
                score,
            ),
            subject,
            culprit: None,
            rule: RULE,
            done: if accuse { "held" } else { "nothing" },
        });
    }
}

/// How many payers of a creator look steered.
#[derive(Debug, Clone, Copy)]
struct Group {
    /// More likely than not.
    likely: usize,
    /// On evidence enough, from [`SURE_FROM`].
    sure: usize,
}

impl Group {
    fn of(scores: &[f64], vectors: &[Vector]) -> Self {
        // Students and people with gift cards make no group, whatever they are told.
        let likely = |&(&score, vector): &(&f64, &Vector)| {
            score >= 0.5 && (score > CAMPUS_MAX || !innocent(vector))
        };
        let sure = |&(&score, vector): &(&f64, &Vector)| score >= SURE_FROM && enough(vector);
        Self {
            likely: scores.iter().zip(vectors).filter(likely).count(),
            sure: scores.iter().zip(vectors).filter(sure).count(),
        }
    }

    /// Whether a payer is accused as a member. A few must be sure before anybody is; whoever else has evidence
    /// enough then needs less, so that latecomers are held at once.
    fn accuses(self, score: f64, vector: &Vector) -> bool {
        score >= ACCUSE_FROM
            && self.sure >= GROUP_SURE_MIN
            && self.likely >= GROUP_ACCUSED_MIN
            && enough(vector)
    }
}

/// Whether a wallet is accused without company: a closed circle of payouts and payments is a proof of its own, its
/// members spread over several creators, and so is a life on refunds.
fn alone(score: f64, vector: &Vector, refunds: u32) -> bool {
    let refunded = vector[Feature::OwnRefunds as usize] >= REFUNDS_ALONE && refunds >= REFUNDS_MIN;
    score >= ALONE_FROM && (in_circle(vector) || refunded)
}

/// Scores without and with what the other payers look like; fills in the latter.
fn score(model: &Model, scanned: &mut Scan) -> (Vec<f64>, Vec<f64>) {
    let evidence: Vec<f64> = scanned.vectors.iter().map(|vector| model.evidence(vector)).collect();
    let alone: Vec<f64> = evidence.iter().map(|&sum| model.in_company(sum)).collect();
    let all: f64 = alone.iter().sum();
    let others = (alone.len().max(2) - 1) as f64;
    for ((vector, shown), own) in scanned.vectors.iter_mut().zip(&mut scanned.shown).zip(&alone) {
        let steered = (all - own).max(0.0);
        #[expect(clippy::cast_possible_truncation, reason = "a logarithm of a count, a share")]
        {
            vector[Feature::Company as usize] = steered.ln_1p() as f32;
            vector[Feature::CompanyShare as usize] = (steered / others * 3.0) as f32;
            shown[Feature::CompanyShare as usize].0 = (steered / others * 100.0) as f32;
        }
    }
    let scores = scanned.vectors.iter().zip(&evidence).map(|(vector, &sum)| {
        let score = model.with_company(sum, vector);
        let score = if innocent(vector) { score.min(CAMPUS_MAX) } else { score };
        if in_circle(vector) { score.max(CIRCLE_SCORE) } else { score }
    });
    let scores = scores.collect();
    (alone, scores)
}

/// Meetings of two wallets that the creators' own arrival curves explain.
fn meetings(book: &Book, lockstep: &Lockstep, a: u32, b: u32) -> f64 {
    let counts = |wallet: u32| {
        let row = &book.wallets[wallet as usize];
        row.basket
            .iter()
            .zip(&row.edges)
            .map(|(&(creator, _), &edge)| (creator, f64::from(book.edges[edge as usize].count)))
    };
    let mut expected = 0.0;
    for (creator, count) in counts(a) {
        if let Some((_, other)) = counts(b).find(|&(there, _)| there == creator) {
            expected += count * other * lockstep.meeting_rate(creator);
        }
    }
    expected
}

/// Whether a creator with so many payers and new claims is looked at again, after so many claims in all. Work per claim
/// falls as the trace grows, so that the whole stays near-linear.
fn grown(new: f64, payers: f64, claims: u64) -> bool {
    let fresh = (FRESH_WORK / (claims as f64 + 1e4)).min(WORK_MAX);
    let least = if payers < SMALL_PAYERS { WORK_SMALL } else { WORK_LARGE };
    new * fresh.max(least) >= payers
}

/// Whether two wallets met more often than the creators' own arrival curves explain, or spent a good part of the shorter
/// of their lives together. The second asks nothing of the curves: what hundreds do at one moment is a curve of its own.
fn surprising(times: f64, expected: f64, claims: u32) -> bool {
    times - times.sqrt() > MEETINGS_LIFT * (expected + 0.3)
        || times >= TOGETHER_MIN && share_low(times, f64::from(claims)) >= TOGETHER_SHARE
}

/// Its money came out of a circle of payouts and goes back into it.
fn in_circle(vector: &Vector) -> bool {
    vector[Feature::Ring as usize] > RING_OPEN_MAX
}

/// Whether an analysis may accuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    Tick,
    End,
}

#[cfg(test)]
mod tests;
