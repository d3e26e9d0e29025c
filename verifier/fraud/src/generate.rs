//! Traces to tune and to measure on: honest crowds with their hard cases, and attacks, redrawn for each seed.
//!
//! Deterministic by seed. Money always suffices, so that balances never decide. Sizes, strengths, prices and spans are
//! drawn per trace; `stealth` (0 open, 1 hidden) thins what an attack shares.

use std::borrow::Cow;

use crate::event::{Claim, Event, Kind};

const HOUR: f64 = 3_600.0;
const DAY: f64 = 86_400.0;

/// A small, well-known generator (SplitMix64): traces must not change with a library's version.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x1234_5678_9ABC_DEF1))
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Even in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Even in `[from, to)`.
    pub fn between(&mut self, from: f64, to: f64) -> f64 {
        from + self.unit() * (to - from)
    }

    /// Even in `from..=to`.
    pub fn whole(&mut self, from: u64, to: u64) -> u64 {
        from + self.bits() % (to - from + 1)
    }

    /// Exponential with this mean.
    pub fn wait(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    pub fn chance(&mut self, share: f64) -> bool {
        self.unit() < share
    }
}

/// A trace with its truth.
#[derive(Debug, Default)]
pub struct Trace {
    pub events: Vec<Event<'static>>,
    /// Each wallet's case, by its number in its name; honest cases and attack families.
    pub cases: Vec<&'static str>,
    pub fraud: Vec<bool>,
}

struct World {
    dice: Dice,
    trace: Trace,
    span: f64,
    popular: Vec<f64>,
    topic: Vec<usize>,
    prices: Vec<u64>,
    claims: u64,
    seqs: Vec<u64>,
    names: u64,
    free: u64,
}

#[derive(Clone)]
struct Life {
    born: f64,
    prefix: String,
    fund: Option<String>,
    /// (time, creator) in any order.
    pays: Vec<(f64, usize)>,
    refund_share: f64,
}

/// Attack families used for tuning.
pub const TUNED: [&str; 8] = [
    "open_farm",
    "camo_farm",
    "free_farm",
    "slow_drip",
    "lockstep",
    "payout_ring",
    "refund_abuse",
    "mimic",
];
/// Attack families kept out of tuning.
pub const HELD_OUT: [&str; 4] = ["relay", "gift_wash", "sleepers", "framing_bots"];

/// One trace; `held_out` adds the families of [`HELD_OUT`], which tuning never sees.
#[must_use]
pub fn trace(seed: u64, held_out: bool) -> Trace {
    let mut dice = Dice::new(seed);
    let span = dice.between(20.0, 60.0).floor() * DAY;
    let creators = usize::try_from(dice.whole(60, 300)).unwrap_or(100);
    let steep = dice.between(0.6, 1.1);
    let popular = (0..creators).map(|rank| 1.0 / (rank as f64 + 2.0).powf(steep)).collect();
    let topics = usize::try_from(dice.whole(4, 12)).unwrap_or(6);
    let topic = (0..creators).map(|_| dice.bits() as usize % topics).collect();
    let prices = (0..creators).map(|_| dice.whole(1, 6) * 5).collect();
    let free = [0, 50, 100][dice.bits() as usize % 3];
    let mut world = World {
        dice,
        trace: Trace::default(),
        span,
        popular,
        topic,
        prices,
        claims: 0,
        seqs: Vec::new(),
        names: 0,
        free,
    };
    world.honest();
    for family in TUNED {
        for _ in 0..world.dice.whole(0, 2) {
            world.attack(family);
        }
    }
    if held_out {
        for family in HELD_OUT {
            world.attack(family);
        }
    }
    world.hijack();
    let mut trace = world.trace;
    trace.events.sort_by(|a, b| a.t.total_cmp(&b.t).then(a.n.cmp(&b.n)));
    for (n, event) in trace.events.iter_mut().enumerate() {
        event.n = n as u64;
    }
    trace
}

impl World {
    fn name(&mut self, what: &str) -> String {
        self.names += 1;
        format!("{what}{}", self.names)
    }

    fn creator(&mut self, taste: usize) -> usize {
        loop {
            let total: f64 = self.popular.iter().sum();
            let mut at = self.dice.unit() * total;
            let mut pick = 0;
            for (rank, weight) in self.popular.iter().enumerate() {
                at -= weight;
                if at <= 0.0 {
                    pick = rank;
                    break;
                }
            }
            if self.topic[pick] == taste || self.dice.chance(0.35) {
                return pick;
            }
        }
    }

    /// An hour that people are awake at, near `t`.
    fn awake(&mut self, t: f64) -> f64 {
        let day = (t / DAY).floor() * DAY;
        day + (self.dice.between(6.0, 16.0) + self.dice.between(0.0, 7.5)) * HOUR
    }

    fn life(&mut self, born: f64) -> Life {
        let prefix = self.name("p");
        let fund = self.name("card:");
        Life { born, prefix, fund: Some(fund), pays: Vec::new(), refund_share: 0.01 }
    }

    /// Ordinary payments from birth on.
    fn ordinary(&mut self, life: &mut Life, mean: f64) {
        let taste = self.dice.bits() as usize;
        let topics = self.topic.iter().max().map_or(1, |&top| top + 1);
        let gap = self.span / (mean * 2.0) * self.dice.between(0.4, 2.5);
        let stay = if self.dice.chance(0.3) { self.dice.wait(4.0 * DAY) } else { self.span };
        let mut t = life.born + self.dice.wait(2.0 * HOUR);
        while t < self.span.min(life.born + stay) {
            let creator = self.creator(taste % topics);
            life.pays.push((t, creator));
            if self.dice.chance(0.3) {
                life.pays.push((t + self.dice.between(60.0, 900.0), creator));
            }
            let next = t + self.dice.wait(gap);
            t = self.awake(next).max(t + 120.0);
        }
    }

    fn settle(&mut self, life: Life, case: &'static str, fraud: bool) {
        self.settle_from(life, case, fraud, None);
    }

    /// Writes a life down. `away`: from this time on, claims come from that prefix.
    fn settle_from(
        &mut self,
        mut life: Life,
        case: &'static str,
        fraud: bool,
        away: Option<(f64, String)>,
    ) {
        life.pays.retain(|&(t, _)| t >= life.born && t < self.span);
        life.pays.sort_by(|a, b| a.0.total_cmp(&b.0));
        let number = self.trace.cases.len();
        let wallet: Cow<'static, str> = Cow::Owned(format!("w{number}"));
        self.trace.cases.push(case);
        self.trace.fraud.push(fraud);
        self.seqs.push(0);
        let prefix = || Some(Cow::Owned(life.prefix.clone()));
        let free = if life.fund.is_none() { self.free.max(50) } else { self.free };
        self.write(
            life.born,
            Kind::Register { wallet: wallet.clone(), prefix: prefix(), free: Some(free) },
        );
        let needed: u64 = life.pays.iter().map(|&(_, creator)| self.prices[creator]).sum();
        if let Some(fund) = &life.fund {
            let fund: Cow<'static, str> = Cow::Owned(fund.clone());
            let amount = needed.max(20);
            self.write(
                life.born + 20.0,
                Kind::TopUp { wallet: wallet.clone(), amount, fund: Some(fund) },
            );
        }
        let mut left = if life.fund.is_some() { u64::MAX } else { free };
        for &(t, creator) in &life.pays {
            let amount = self.prices[creator];
            if amount > left {
                break;
            }
            left -= amount;
            self.claims += 1;
            let id: Cow<'static, str> = Cow::Owned(format!("h{}", self.claims));
            let from = match &away {
                Some((since, prefix)) if t >= *since => prefix.clone(),
                _ => life.prefix.clone(),
            };
            self.seqs[number] += 1;
            let creator: Cow<'static, str> = Cow::Owned(format!("c{creator}"));
            let claim = Claim {
                id: id.clone(),
                wallet: wallet.clone(),
                creator: creator.clone(),
                seq: Some(self.seqs[number]),
                amount,
                prefix: Some(Cow::Owned(from)),
                via: None,
                sig_ok: true,
            };
            self.write(t.max(life.born + 30.0), Kind::Claim(claim));
            if self.dice.chance(life.refund_share) {
                let later = t.max(life.born + 30.0) + self.dice.between(600.0, 2.0 * DAY);
                let wallet = wallet.clone();
                self.write(later, Kind::Refund { id, wallet, creator, amount });
            }
        }
    }

    fn write(&mut self, t: f64, kind: Kind<'static>) {
        let n = self.trace.events.len() as u64;
        self.trace.events.push(Event { n, t: (t * 100.0).round() / 100.0, kind });
    }

    fn honest(&mut self) {
        let carriers: Vec<String> = (0..4).map(|_| self.name("p")).collect();
        for _ in 0..self.dice.whole(2_000, 6_000) {
            let born = self.dice.unit() * self.span * 0.95;
            let mut life = self.life(born);
            if self.dice.chance(0.06) {
                life.prefix = carriers[self.dice.bits() as usize % 4].clone();
            } else if self.dice.chance(0.3) {
                life.prefix = format!("shared{}", self.dice.whole(0, 1_500));
            }
            if self.free > 0 && self.dice.chance(0.25) {
                life.fund = None;
            }
            let mean = self.dice.wait(7.0) + 1.0;
            self.ordinary(&mut life, mean);
            self.settle(life, "plain", false);
        }
        self.households();
        for _ in 0..self.dice.whole(1, 3) {
            self.crowd("giftcard");
            self.crowd("viral");
            self.crowd("fanclub");
            self.crowd("community");
            self.crowd("bundle");
            self.crowd("campus");
            self.crowd("midnight");
            self.crowd("refunder");
            self.crowd("fan");
            self.crowd("visitor");
        }
    }

    fn households(&mut self) {
        for _ in 0..self.dice.whole(60, 200) {
            let first = self.dice.unit() * self.span * 0.9;
            let home = self.life(first);
            let shared = self.creator(0);
            for _ in 0..self.dice.whole(2, 6) {
                let mut life = home.clone();
                life.born = first + self.dice.wait(2.0 * DAY);
                self.ordinary(&mut life, 5.0);
                for _ in 0..self.dice.whole(0, 4) {
                    let t = life.born + self.dice.unit() * (self.span - life.born).max(1.0);
                    life.pays.push((t, shared));
                }
                self.settle(life, "household", false);
            }
        }
    }

    /// An honest crowd that looks odd in one way.
    #[expect(clippy::too_many_lines, reason = "one arm per case, read side by side")]
    fn crowd(&mut self, case: &'static str) {
        let start = self.dice.unit() * self.span * 0.8;
        let size = match case {
            "viral" => self.dice.whole(60, 500),
            "giftcard" => self.dice.whole(50, 300),
            "visitor" => self.dice.whole(3, 12),
            _ => self.dice.whole(20, 120),
        };
        let (taste, target) = (self.dice.bits() as usize % 4, self.creator(0));
        let circle: Vec<usize> = (0..4).map(|_| self.creator(taste)).collect();
        let (prefix, fund) = (self.name("p"), self.name("gift:"));
        let spread = self.dice.between(2.0, 14.0) * DAY;
        let faithful = self.dice.between(0.3, 0.9);
        for _ in 0..size {
            let mut born = start + self.dice.unit() * spread;
            match case {
                "viral" => born = start + self.dice.wait(5.0 * HOUR),
                "fanclub" => born = start + self.dice.unit() * 2.0 * HOUR,
                "bundle" | "midnight" | "refunder" | "fan" | "visitor" => {
                    born = self.dice.unit() * self.span * 0.9;
                }
                _ => {}
            }
            let mut life = self.life(born);
            let quick = born + self.dice.between(60.0, 1_800.0);
            match case {
                "giftcard" => life.fund = Some(fund.clone()),
                "viral" if self.dice.chance(0.9) => life.fund = None,
                "visitor" => life.fund = Some(format!("payout:c{}", self.creator(0))),
                "refunder" => life.refund_share = self.dice.between(0.2, 0.7),
                "campus" => life.prefix.clone_from(&prefix),
                _ => {}
            }
            let rest = match case {
                "viral" => 0.4,
                "fan" => 0.1,
                "fanclub" | "community" => 3.0,
                _ => 7.0,
            };
            if !(case == "viral" && self.dice.chance(0.8)) {
                self.ordinary(&mut life, rest);
            }
            match case {
                "viral" => life.pays.push((quick, target)),
                "bundle" => {
                    for (at, &creator) in circle.iter().enumerate() {
                        life.pays.push((quick + 3.0 * at as f64, creator));
                    }
                }
                "fan" | "fanclub" | "midnight" => {
                    let gap =
                        if case == "midnight" { DAY } else { self.dice.between(1.0, 5.0) * DAY };
                    let mut t = if case == "fanclub" { quick } else { born + 600.0 };
                    while t < self.span {
                        let at = if case == "midnight" {
                            (t / DAY).ceil() * DAY + self.dice.unit() * 60.0
                        } else {
                            t
                        };
                        life.pays.push((at, if case == "midnight" { circle[0] } else { target }));
                        t += if case == "midnight" { gap } else { self.dice.wait(gap) };
                    }
                }
                "community" | "campus" => {
                    let share = if case == "campus" { faithful * 0.5 } else { faithful };
                    for &creator in circle.iter().chain([&target, &target]) {
                        if self.dice.chance(share) {
                            life.pays.push((born + self.dice.wait(6.0 * DAY), creator));
                        }
                    }
                }
                _ => {}
            }
            self.settle(life, case, false);
        }
    }

    /// A steered group. What it shares, and how much of it, is drawn.
    #[expect(clippy::too_many_lines, reason = "one arm per case, read side by side")]
    fn attack(&mut self, family: &'static str) {
        let stealth = self.dice.unit();
        let size = self.dice.whole(12, 150);
        let start = self.dice.unit() * self.span * 0.7;
        let spread = match family {
            "slow_drip" => self.dice.between(8.0, 25.0) * DAY,
            "mimic" | "sleepers" => self.dice.between(3.0, 20.0) * DAY,
            _ => self.dice.between(1.0, 72.0) * HOUR * (1.0 + 2.0 * stealth),
        };
        let targets: Vec<usize> = (0..self.dice.whole(1, 4))
            .map(|_| {
                self.popular.len() / 3 + self.dice.bits() as usize % (self.popular.len() * 2 / 3)
            })
            .collect();
        let prefixes = 1 + (size as f64 * stealth * self.dice.between(0.1, 0.9)) as u64;
        let funds = 1 + (size as f64 * stealth * self.dice.between(0.05, 0.6)) as u64;
        let (prefix, fund) = (self.name("p"), self.name("f"));
        let repeats = self.dice.whole(3, 14);
        let camouflage = match family {
            "open_farm" | "free_farm" => stealth * 1.5,
            "mimic" | "sleepers" => 7.0,
            _ => 1.0 + 5.0 * stealth,
        };
        let beats: Vec<(f64, usize)> = (0..self.dice.whole(5, 15))
            .map(|_| (start + spread + self.dice.unit() * 12.0 * DAY, self.creator(0)))
            .collect();
        for member in 0..size {
            let born = start + self.dice.unit() * spread;
            let mut life = self.life(born);
            let hidden =
                matches!(family, "mimic" | "lockstep") && self.dice.chance(0.3 + 0.7 * stealth);
            if !hidden {
                life.prefix = format!("{prefix}.{}", self.dice.whole(0, prefixes));
            }
            life.fund = match family {
                "free_farm" => None,
                "payout_ring" => Some(format!("c{}", targets[member as usize % targets.len()])),
                _ if hidden => life.fund,
                _ => Some(format!("{fund}.{}", self.dice.whole(0, funds))),
            };
            if camouflage > 0.3 {
                self.ordinary(&mut life, camouflage);
            }
            let active = self.dice.between(1.0, 10.0) * DAY;
            let first = if family == "sleepers" { 8.0 * DAY } else { 0.0 };
            match family {
                "lockstep" => {
                    for &(t, creator) in &beats {
                        if self.dice.chance(0.85) {
                            life.pays.push((
                                t + self.dice.unit() * 900.0 * (1.0 + 3.0 * stealth),
                                creator,
                            ));
                        }
                    }
                }
                "gift_wash" => {
                    for _ in 0..repeats {
                        let creator = self.creator(member as usize % 4);
                        life.pays.push((born + self.dice.unit() * active, creator));
                    }
                }
                _ => {
                    for _ in 0..self.dice.whole(repeats / 2 + 1, repeats) {
                        let t = born + first + 60.0 + self.dice.unit() * active;
                        let next =
                            (member as usize + 1 + self.dice.bits() as usize % 2) % targets.len();
                        let at = if family == "payout_ring" {
                            next
                        } else {
                            self.dice.bits() as usize % targets.len()
                        };
                        life.pays.push((t, targets[at]));
                    }
                }
            }
            if family == "refund_abuse" {
                life.refund_share = self.dice.between(0.6, 1.0) - 0.15 * stealth;
            }
            self.settle(life, family, true);
        }
    }

    /// Old honest wallets whose keys were stolen: emptied at one creator within hours, from elsewhere.
    fn hijack(&mut self) {
        let target = self.popular.len() / 2;
        let thief = self.name("p");
        let when = self.span * self.dice.between(0.5, 0.9);
        for _ in 0..self.dice.whole(8, 40) {
            let born = self.dice.unit() * self.span * 0.3;
            let mut life = self.life(born);
            self.ordinary(&mut life, 12.0);
            life.pays.retain(|&(t, _)| t < when);
            for _ in 0..self.dice.whole(3, 8) {
                life.pays.push((when + self.dice.unit() * 10.0 * HOUR, target));
            }
            self.settle_from(life, "hijacked", false, Some((when, thief.clone())));
        }
    }
}
