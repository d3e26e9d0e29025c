//! Honest people of the judging traces: followers of creators' releases with their own hours, purses and habits.
//!
//! Built differently from `generate.rs` on purpose: there payments are drawn one by one, here they answer releases and
//! sessions, so fans arrive together by nature, purses run dry, and phones change networks.

use std::borrow::Cow;

use farthing_fraud::event::{Claim, Event, Kind};
use farthing_fraud::generate::Dice;

pub const HOUR: f64 = 3_600.0;
pub const DAY: f64 = 86_400.0;

/// A trace with its truth, by number of wallet.
#[derive(Debug, Default)]
pub struct Trace {
    pub events: Vec<Event<'static>>,
    pub cases: Vec<&'static str>,
    pub fraud: Vec<bool>,
    /// The claims that exact rules must find: id, kind, culprit.
    pub proofs: Vec<(String, &'static str, String)>,
}

pub struct Creator {
    pub topic: usize,
    pub weight: f64,
    pub price: u64,
    pub releases: Vec<f64>,
}

pub struct Town {
    pub dice: Dice,
    pub trace: Trace,
    pub span: f64,
    pub creators: Vec<Creator>,
    pub topics: usize,
    pub free: u64,
    /// Per topic, and last for all: creators with their cumulated weights.
    pub shelves: Vec<Vec<(f64, usize)>>,
    pub names: u64,
    claims: u64,
    isps: u64,
}

/// What a wallet wants to do; [`Town::settle`] makes events of it.
#[derive(Clone)]
pub struct Life {
    pub born: f64,
    pub gone: f64,
    pub home: String,
    /// Another network, and the share of claims from there.
    pub mobile: Option<(String, f64)>,
    /// Sources of money, taken in turn; none: free credit only.
    pub funds: Vec<String>,
    pub unit: u64,
    pub wants: Vec<(f64, usize)>,
    pub refund_share: f64,
    pub refund_wait: f64,
    /// From this time on, claims come from that prefix.
    pub stolen: Option<(f64, String)>,
}

/// How a person uses the magazine world.
pub struct Habit {
    pub follows: u64,
    pub loyalty: f64,
    pub sessions_a_day: f64,
    pub wake: f64,
}

impl Town {
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0x5EED_0F70_11D6_E000);
        let span = dice.between(14.0, 45.0).floor() * DAY;
        let topics = usize::try_from(dice.whole(3, 15)).unwrap_or(3);
        let count = dice.whole(50, 400);
        let steep = dice.between(1.1, 2.2);
        let tiers = [[1, 2, 5, 10], [5, 10, 10, 25], [20, 20, 20, 50]][dice.bits() as usize % 3];
        let creators: Vec<Creator> = (0..count)
            .map(|_| {
                let weight = (1.0 - dice.unit()).powf(-1.0 / steep);
                let mut releases = Vec::new();
                let gap = dice.between(0.5, 7.0) * DAY;
                let mut t = dice.wait(gap);
                while t < span {
                    releases.push(t);
                    t += dice.wait(gap);
                }
                let topic = dice.bits() as usize % topics;
                Creator { topic, weight, price: tiers[dice.bits() as usize % 4], releases }
            })
            .collect();
        let mut shelves = vec![Vec::new(); topics + 1];
        let mut sums = vec![0.0; topics + 1];
        for (number, creator) in creators.iter().enumerate() {
            for shelf in [creator.topic, topics] {
                sums[shelf] += creator.weight;
                shelves[shelf].push((sums[shelf], number));
            }
        }
        let free = [0, 20, 50, 100][dice.bits() as usize % 4];
        let isps = dice.whole(200, 2_000);
        let trace = Trace::default();
        Self { dice, trace, span, creators, topics, free, shelves, names: 0, claims: 0, isps }
    }

    pub fn name(&mut self, what: &str) -> String {
        self.names += 1;
        format!("{what}{}", self.names)
    }

    /// A creator, of this topic most of the time.
    pub fn pick(&mut self, topic: usize, faithful: f64) -> usize {
        let inside = self.dice.chance(faithful) && !self.shelves[topic].is_empty();
        let shelf = if inside { topic } else { self.topics };
        let shelf = &self.shelves[shelf];
        let at = self.dice.unit() * shelf[shelf.len() - 1].0;
        shelf[shelf.partition_point(|&(sum, _)| sum < at).min(shelf.len() - 1)].1
    }

    /// A creator that few pay.
    pub fn obscure(&mut self) -> usize {
        loop {
            let pick = self.dice.bits() as usize % self.creators.len();
            if self.creators[pick].weight < 2.0 || self.dice.chance(0.1) {
                return pick;
            }
        }
    }

    pub fn life(&mut self, born: f64) -> Life {
        let home = match self.dice.unit() {
            u if u < 0.10 => format!("nat{}", (self.dice.unit() * self.dice.unit() * 5.0) as u64),
            u if u < 0.55 => format!("isp{}", self.dice.whole(0, self.isps)),
            _ => self.name("home"),
        };
        let mobile = self.dice.chance(0.4).then(|| {
            let share = self.dice.between(0.1, 0.6);
            (format!("nat{}", self.dice.whole(0, 4)), share)
        });
        let card = self.name("card");
        let unit = [100, 200, 500, 1_000][self.dice.bits() as usize % 4];
        Life {
            born,
            gone: self.span,
            home,
            mobile,
            funds: vec![card],
            unit,
            wants: Vec::new(),
            refund_share: 0.012,
            refund_wait: DAY,
            stolen: None,
        }
    }

    pub fn habit(&mut self) -> Habit {
        Habit {
            follows: self.dice.wait(2.5) as u64,
            loyalty: self.dice.between(0.1, 0.8),
            sessions_a_day: self.dice.wait(0.25) + 0.02,
            wake: self.dice.between(5.0, 22.0),
        }
    }

    /// The next moment at or after `t` within fourteen hours of waking.
    pub fn awake(&mut self, t: f64, wake: f64) -> f64 {
        let hour = (t / HOUR - wake).rem_euclid(24.0);
        if hour < 14.0 { t } else { t + (24.0 - hour + self.dice.wait(1.5)) * HOUR }
    }

    /// Fills an ordinary life.
    pub fn live(&mut self, life: &mut Life, topic: usize, habit: &Habit) {
        for _ in 0..habit.follows {
            let creator = self.pick(topic, 0.8);
            self.follow(life, creator, habit.loyalty, habit.wake);
        }
        let mut t = life.born + self.dice.wait(HOUR);
        while t < life.gone.min(self.span) {
            t = self.awake(t, habit.wake);
            for step in 0..=(self.dice.wait(0.8) as u64) {
                let creator = self.pick(topic, 0.65);
                life.wants.push((t + step as f64 * self.dice.between(40.0, 400.0), creator));
            }
            t += self.dice.wait(DAY / habit.sessions_a_day).max(900.0);
        }
    }

    /// Pays a creator's releases, soon after they appear.
    pub fn follow(&mut self, life: &mut Life, creator: usize, loyalty: f64, wake: f64) {
        for at in 0..self.creators[creator].releases.len() {
            let released = self.creators[creator].releases[at];
            if released < life.born || !self.dice.chance(loyalty) {
                continue;
            }
            let later = 2.0 * HOUR * (2.0 * (self.dice.unit() + self.dice.unit() - 1.0)).exp();
            let t = self.awake(released + later, wake);
            life.wants.push((t, creator));
        }
    }

    /// One ordinary person.
    pub fn person(&mut self, born: f64) -> Life {
        let mut life = self.life(born);
        if self.free > 0 && self.dice.chance(0.3) {
            life.funds.clear();
        }
        if self.dice.chance(0.35) {
            life.gone = born + self.dice.wait(2.0 * DAY);
        } else if self.dice.chance(0.4) {
            life.gone = born + self.dice.wait(20.0 * DAY);
        }
        let topic = self.dice.bits() as usize % self.topics;
        let habit = self.habit();
        self.live(&mut life, topic, &habit);
        life
    }

    pub fn write(&mut self, t: f64, kind: Kind<'static>) {
        let n = self.trace.events.len() as u64;
        self.trace.events.push(Event { n, t: (t * 1e3).round() / 1e3, kind });
    }

    /// Makes events of a life: its purse decides what can be paid.
    pub fn settle(&mut self, mut life: Life, case: &'static str, fraud: bool) -> usize {
        life.wants.retain(|&(t, _)| t >= life.born && t < self.span.min(life.gone.max(life.born)));
        life.wants.sort_by(|a, b| a.0.total_cmp(&b.0));
        let number = self.trace.cases.len();
        let wallet: Cow<'static, str> = Cow::Owned(format!("w{number}"));
        self.trace.cases.push(case);
        self.trace.fraud.push(fraud);
        let prefix = Some(Cow::Owned(life.home.clone()));
        let free = Some(self.free);
        self.write(life.born, Kind::Register { wallet: wallet.clone(), prefix, free });
        let mut purse = self.free;
        let (mut seq, mut filled) = (0, 0);
        let mut last = life.born;
        for at in 0..life.wants.len() {
            let (t, creator) = life.wants[at];
            let t = t.max(last + 2.0);
            last = t;
            let price = self.creators[creator].price;
            if purse < price {
                if life.funds.is_empty() {
                    continue;
                }
                let fund = life.funds[filled % life.funds.len()].clone();
                filled += 1;
                let amount = life.unit.max(price);
                purse += amount;
                let (wallet, fund) = (wallet.clone(), Some(Cow::Owned(fund)));
                self.write(t - 1.0, Kind::TopUp { wallet, amount, fund });
            }
            purse -= price;
            self.claims += 1;
            seq += 1;
            let from = match (&life.stolen, &life.mobile) {
                (Some((since, prefix)), _) if t >= *since => prefix.clone(),
                (_, Some((other, share))) if self.dice.chance(*share) => other.clone(),
                _ => life.home.clone(),
            };
            let to: Cow<'static, str> = Cow::Owned(format!("c{creator}"));
            let id: Cow<'static, str> = Cow::Owned(format!("h{}", self.claims));
            let claim = Claim {
                id: id.clone(),
                wallet: wallet.clone(),
                creator: to.clone(),
                seq: Some(seq),
                amount: price,
                prefix: Some(Cow::Owned(from)),
                via: Some(if self.dice.chance(0.2) { to.clone() } else { Cow::Borrowed("wallet") }),
                sig_ok: true,
            };
            if self.dice.chance(0.004) {
                let again = Claim { via: Some(Cow::Borrowed("wallet")), ..claim.clone() };
                let later = t + self.dice.between(1.0, 90.0);
                self.write(later, Kind::Claim(again));
            }
            self.write(t, Kind::Claim(claim));
            if self.dice.chance(life.refund_share) {
                let later = t + self.dice.wait(life.refund_wait).min(5.0 * DAY) + 30.0;
                // Who lives on refunds waits for the money; others do not count on it.
                if life.refund_share > 0.5 {
                    purse += price;
                    last = last.max(later);
                }
                let (wallet, creator, amount) = (wallet.clone(), to, price);
                self.write(later, Kind::Refund { id, wallet, creator, amount });
            }
        }
        number
    }

    /// The honest town with its hard cases.
    pub fn people(&mut self) {
        let growth = self.dice.between(0.6, 1.6);
        for _ in 0..self.dice.whole(1_500, 5_000) {
            let born = self.dice.unit().powf(growth) * self.span * 0.97;
            let life = self.person(born);
            self.settle(life, "plain", false);
        }
        for _ in 0..self.dice.whole(40, 160) {
            self.household();
        }
        for case in CROWDS {
            for _ in 0..self.dice.whole(1, 2) {
                self.crowd(case);
            }
        }
    }

    fn household(&mut self) {
        let born = self.dice.unit() * self.span * 0.9;
        let home = self.life(born);
        let (topic, shared) = (self.dice.bits() as usize % self.topics, self.pick(0, 0.0));
        let wake = self.dice.between(5.0, 9.0);
        for _ in 0..self.dice.whole(2, 7) {
            let mut life = home.clone();
            life.born =
                born + self.dice.wait(3.0 * DAY) * f64::from(u8::from(self.dice.chance(0.6)));
            let mut habit = self.habit();
            habit.wake = wake;
            self.live(&mut life, topic, &habit);
            if self.dice.chance(0.6) {
                self.follow(&mut life, shared, 0.6, wake);
            }
            self.settle(life, "household", false);
        }
    }

    #[expect(clippy::too_many_lines, reason = "one arm per case, read side by side")]
    fn crowd(&mut self, case: &'static str) {
        let start = self.dice.unit() * self.span * 0.85;
        let size = match case {
            "viral" => self.dice.whole(50, 700),
            "giftcard" => self.dice.whole(60, 400),
            "nat" | "campus" => self.dice.whole(40, 250),
            _ => self.dice.whole(15, 130),
        };
        let topic = self.dice.bits() as usize % self.topics;
        let star = if self.dice.chance(0.5) { self.pick(topic, 0.9) } else { self.obscure() };
        let circle: Vec<usize> =
            (0..self.dice.whole(3, 6)).map(|_| self.pick(topic, 0.9)).collect();
        let (place, gift) = (self.name("place"), self.name("gift"));
        let spread = self.dice.between(1.0, 12.0) * DAY;
        let keen = self.dice.between(0.25, 0.95);
        for _ in 0..size {
            let born = match case {
                "viral" => start + self.dice.wait(4.0 * HOUR),
                "fanclub" => start + self.dice.unit() * 2.0 * HOUR,
                "community" | "campus" | "giftcard" => start + self.dice.unit() * spread,
                _ => self.dice.unit() * self.span * 0.9,
            };
            let mut life = self.life(born);
            let mut habit = self.habit();
            habit.sessions_a_day *= match case {
                "viral" => 0.2,
                "fan" | "fanclub" => 0.4,
                _ => 1.0,
            };
            let soon = born + self.dice.between(30.0, 1_500.0);
            match case {
                "nat" | "campus" => life.home.clone_from(&place),
                "giftcard" => life.funds.insert(0, gift.clone()),
                "viral" if self.free > 0 && self.dice.chance(0.9) => life.funds.clear(),
                "refunder" => {
                    life.refund_share = self.dice.between(0.2, 0.65);
                    habit.sessions_a_day += 0.3;
                }
                _ => {}
            }
            if case == "viral" && self.dice.chance(0.8) {
                life.gone = soon + self.dice.wait(HOUR);
            }
            self.live(&mut life, topic, &habit);
            match case {
                "viral" => life.wants.push((soon, star)),
                "fan" => self.follow(&mut life, star, keen.max(0.7), habit.wake),
                "fanclub" => {
                    life.wants.push((soon, star));
                    self.follow(&mut life, star, keen, habit.wake);
                }
                "community" | "campus" => {
                    // People of one place share a taste in part; people of one creator much of it.
                    let share = if case == "campus" { keen * 0.4 } else { keen };
                    for &creator in circle.iter().chain([&star, &star]) {
                        if self.dice.chance(share) {
                            self.follow(&mut life, creator, keen * 0.7, habit.wake);
                        }
                    }
                }
                "bundle" => {
                    for (at, &creator) in circle.iter().enumerate() {
                        life.wants.push((soon + 2.0 * at as f64, creator));
                    }
                }
                "midnight" => {
                    let mut day = (born / DAY).ceil();
                    while day * DAY < self.span {
                        life.wants.push((day * DAY + self.dice.unit() * 90.0, circle[0]));
                        if self.dice.chance(keen) {
                            life.wants.push((day * DAY + self.dice.unit() * 90.0, circle[1]));
                        }
                        day += 1.0;
                    }
                }
                _ => {}
            }
            self.settle(life, case, false);
        }
    }
}

const CROWDS: [&str; 10] = [
    "nat",
    "campus",
    "giftcard",
    "fan",
    "viral",
    "fanclub",
    "community",
    "bundle",
    "midnight",
    "refunder",
];
