//! Attacks of the judging traces: each family is a plan of how wallets are got, funded, placed, timed and disguised.

use farthing_fraud::event::{Claim, Kind};

use crate::town::{DAY, HOUR, Life, Town};

/// Families that rules and weights may be tuned on.
pub const TUNED: [&str; 9] = [
    "open_farm",
    "camo_farm",
    "free_farm",
    "slow_drip",
    "lockstep",
    "payout_ring",
    "refund_abuse",
    "mimic",
    "framing",
];
/// Families kept for reporting.
pub const HELD_OUT: [&str; 6] =
    ["bought_wallets", "copycats", "many_small", "boost_network", "gift_wash", "refund_farm"];

enum Money {
    Free,
    Cards(u64),
    Own,
    Payout,
}

enum Rhythm {
    /// At any time within the active days.
    Spread,
    /// One gap, with this jitter.
    Script(f64),
    /// At the same moments as all others, within these seconds.
    Orders(f64),
}

struct Plan {
    size: u64,
    spread: f64,
    /// Networks; 0: each wallet its own, as honest people.
    nets: u64,
    money: Money,
    targets: Vec<usize>,
    /// Share of the targets that each wallet pays.
    reach: f64,
    times: (u64, u64),
    active: f64,
    rhythm: Rhythm,
    /// Sessions a day of an ordinary life beside; 0: none.
    camouflage: f64,
    wait: f64,
    refund: f64,
}

impl Town {
    #[expect(clippy::too_many_lines, reason = "one arm per family, read side by side")]
    fn plan(&mut self, family: &str) -> Plan {
        let hidden = self.dice.unit();
        let size = self.dice.whole(12, 180);
        let some = |share: f64| (1.0 + size as f64 * share) as u64;
        let targets: Vec<usize> = (0..self.dice.whole(1, 4)).map(|_| self.obscure()).collect();
        let mut plan = Plan {
            size,
            spread: self.dice.between(1.0, 96.0) * HOUR,
            nets: some(hidden * self.dice.between(0.0, 0.7)),
            money: Money::Cards(some(hidden * self.dice.between(0.0, 0.6))),
            targets,
            reach: self.dice.between(0.5, 1.0),
            times: (2, self.dice.whole(3, 16)),
            active: self.dice.between(1.0, 12.0) * DAY,
            rhythm: if self.dice.chance(0.5) { Rhythm::Spread } else { Rhythm::Script(0.2) },
            camouflage: 0.0,
            wait: 0.0,
            refund: 0.0,
        };
        match family {
            "open_farm" => plan.camouflage = 0.1 * hidden,
            "camo_farm" => plan.camouflage = self.dice.between(0.2, 1.2),
            "free_farm" => plan.money = Money::Free,
            "slow_drip" => {
                plan.spread = self.dice.between(6.0, 25.0) * DAY;
                plan.active = self.dice.between(8.0, 30.0) * DAY;
                plan.times = (2, 6);
                plan.camouflage = self.dice.between(0.0, 0.3);
            }
            "lockstep" => {
                plan.targets = (0..self.dice.whole(6, 16)).map(|_| self.pick(0, 0.0)).collect();
                plan.rhythm = Rhythm::Orders(self.dice.between(60.0, 3_000.0));
                plan.camouflage = 0.4 * hidden;
                plan.nets = if self.dice.chance(0.5) { 0 } else { plan.nets };
            }
            "payout_ring" => {
                plan.money = Money::Payout;
                plan.targets = (0..self.dice.whole(2, 6)).map(|_| self.obscure()).collect();
                plan.camouflage = 0.3 * hidden;
            }
            "refund_abuse" => {
                plan.targets = (0..self.dice.whole(10, 40)).map(|_| self.pick(0, 0.0)).collect();
                plan.times = (8, 25);
                plan.refund = self.dice.between(0.65, 0.98);
                plan.nets = if self.dice.chance(0.6) { 0 } else { plan.nets };
                plan.money = if self.dice.chance(0.6) { Money::Own } else { plan.money };
                plan.spread = self.dice.between(1.0, 15.0) * DAY;
            }
            "mimic" => {
                plan.spread = self.dice.between(2.0, 15.0) * DAY;
                plan.camouflage = self.dice.between(0.3, 1.0);
                plan.nets = if self.dice.chance(0.7) { 0 } else { some(0.5) };
                plan.money =
                    if self.dice.chance(0.5) { Money::Own } else { Money::Cards(some(0.4)) };
            }
            "bought_wallets" => {
                plan.spread = self.span * 0.4;
                plan.wait = self.dice.between(0.3, 0.6) * self.span;
                plan.camouflage = self.dice.between(0.1, 0.6);
                plan.nets = 0;
                plan.money = if self.dice.chance(0.5) { Money::Own } else { plan.money };
                plan.active = self.dice.between(0.2, 3.0) * DAY;
            }
            "many_small" => {
                plan.size = self.dice.whole(8, 20);
                plan.nets = self.dice.whole(1, 4);
            }
            "boost_network" => {
                plan.targets = (0..self.dice.whole(15, 60)).map(|_| self.obscure()).collect();
                plan.reach = self.dice.between(0.15, 0.4);
                plan.camouflage = 0.3 * hidden;
                plan.nets = 0;
            }
            "gift_wash" => {
                plan.money = Money::Cards(1);
                plan.nets = 0;
                plan.camouflage = 0.5;
                plan.spread = self.dice.between(1.0, 8.0) * DAY;
            }
            "refund_farm" => {
                plan.refund = self.dice.between(0.5, 0.9);
                plan.times = (5, 15);
            }
            _ => {}
        }
        plan
    }

    pub fn attack(&mut self, family: &'static str) {
        if family == "copycats" {
            self.copycats();
            return;
        }
        let plan = self.plan(family);
        let start = self.dice.unit() * (self.span - plan.spread.min(self.span * 0.5)) * 0.8;
        let (net, fund) = (self.name("net"), self.name("fund"));
        let orders: Vec<(f64, usize)> = (0..self.dice.whole(5, 18))
            .map(|at| {
                let target = plan.targets[at as usize % plan.targets.len()];
                let t = start + plan.wait + plan.spread * self.dice.unit();
                (t + plan.active * self.dice.unit(), target)
            })
            .collect();
        for member in 0..plan.size {
            let born = start + self.dice.unit() * plan.spread;
            let mut life = self.life(born);
            if plan.nets > 0 {
                life.home = format!("{net}.{}", self.dice.whole(1, plan.nets));
                life.mobile = None;
            }
            match plan.money {
                Money::Free if self.free > 0 => life.funds.clear(),
                Money::Cards(cards) => {
                    life.funds = vec![format!("{fund}.{}", self.dice.whole(1, cards))];
                }
                Money::Payout => {
                    let by = plan.targets[member as usize % plan.targets.len()];
                    life.funds = vec![format!("payout:c{by}")];
                }
                Money::Free | Money::Own => {}
            }
            life.refund_share = plan.refund.max(0.005);
            life.refund_wait = if plan.refund > 0.0 { 4.0 * HOUR } else { DAY };
            if plan.camouflage > 0.05 {
                let topic = self.dice.bits() as usize % self.topics;
                let mut habit = self.habit();
                habit.sessions_a_day = plan.camouflage * self.dice.between(0.5, 1.5);
                self.live(&mut life, topic, &habit);
            }
            self.errand(&plan, &mut life, member, &orders);
            self.settle(life, family, true);
        }
    }

    /// What the wallet is there for.
    fn errand(&mut self, plan: &Plan, life: &mut Life, member: u64, orders: &[(f64, usize)]) {
        let from = life.born + plan.wait + self.dice.between(20.0, 2.0 * HOUR);
        if let Rhythm::Orders(within) = plan.rhythm {
            for &(t, creator) in orders {
                if self.dice.chance(0.85) {
                    life.wants.push((t + self.dice.unit() * within, creator));
                }
            }
            return;
        }
        let mut mine: Vec<usize> =
            plan.targets.iter().copied().filter(|_| self.dice.chance(plan.reach)).collect();
        if mine.is_empty() {
            mine.push(plan.targets[member as usize % plan.targets.len()]);
        }
        if matches!(plan.money, Money::Payout) {
            let by = plan.targets[member as usize % plan.targets.len()];
            mine.retain(|&target| target != by);
            if mine.is_empty() {
                mine.push(plan.targets[(member as usize + 1) % plan.targets.len()]);
            }
        }
        let times = self.dice.whole(plan.times.0, plan.times.1.max(plan.times.0));
        let times = times.max(if plan.reach < 0.45 { mine.len() as u64 } else { 1 });
        let gap = plan.active / times as f64;
        for at in 0..times {
            let t = match plan.rhythm {
                Rhythm::Script(jitter) => {
                    from + gap * (at as f64 + jitter * (self.dice.unit() - 0.5)).max(0.0)
                }
                _ => from + self.dice.unit() * plan.active,
            };
            let target = if at < mine.len() as u64 {
                mine[at as usize]
            } else {
                mine[self.dice.bits() as usize % mine.len()]
            };
            life.wants.push((t, target));
        }
    }

    /// Wallets that repeat lives of real people, shifted, with the targets put in.
    fn copycats(&mut self) {
        let start = self.dice.unit() * self.span * 0.4;
        let targets: Vec<usize> = (0..self.dice.whole(1, 3)).map(|_| self.obscure()).collect();
        let fund = self.name("fund");
        let cards = self.dice.whole(3, 40);
        for _ in 0..self.dice.whole(25, 150) {
            let born = start + self.dice.unit() * 10.0 * DAY;
            let mut life = self.person(born);
            life.gone = self.span;
            life.funds = vec![format!("{fund}.{}", self.dice.whole(1, cards))];
            for want in &mut life.wants {
                if self.dice.chance(0.5) {
                    want.1 = targets[self.dice.bits() as usize % targets.len()];
                }
            }
            for _ in 0..3 {
                let t = born + self.dice.unit() * 8.0 * DAY;
                life.wants.push((t, targets[self.dice.bits() as usize % targets.len()]));
            }
            self.settle(life, "copycats", true);
        }
    }

    /// Old honest wallets whose keys were stolen and emptied at one creator: victims.
    pub fn hijack(&mut self) {
        let target = self.obscure();
        let thief = self.name("thief");
        let when = self.span * self.dice.between(0.5, 0.9);
        let nets = self.dice.whole(1, 10);
        for _ in 0..self.dice.whole(8, 60) {
            let born = self.dice.unit() * self.span * 0.4;
            let mut life = self.person(born);
            life.gone = self.span;
            life.wants.retain(|&(t, _)| t < when);
            life.stolen = Some((when, format!("{thief}.{}", self.dice.whole(1, nets))));
            for _ in 0..self.dice.whole(2, 9) {
                life.wants.push((when + self.dice.unit() * 14.0 * HOUR, target));
            }
            self.settle(life, "hijacked", false);
        }
    }

    /// Forgeries, replays, equivocations and overspends, with who is to blame. Culprits are wallets and creators of
    /// their own, so that they blur no other count.
    pub fn provable(&mut self) {
        let claims: Vec<(f64, Claim<'static>)> = self
            .trace
            .events
            .iter()
            .filter_map(|event| match &event.kind {
                Kind::Claim(claim) => Some((event.t, claim.clone())),
                _ => None,
            })
            .collect();
        if claims.is_empty() {
            return;
        }
        for number in 0..self.dice.whole(20, 60) {
            let (t, real) = claims[self.dice.bits() as usize % claims.len()].clone();
            let later = t + self.dice.between(100.0, 2.0 * DAY);
            let thief = format!("c{}", self.obscure());
            let mut claim = real.clone();
            let (kind, culprit) = match number % 3 {
                0 => {
                    claim.id = format!("forged{number}").into();
                    claim.seq = Some(self.dice.whole(1, 60));
                    claim.sig_ok = false;
                    claim.via = Some(thief.clone().into());
                    ("forged", thief)
                }
                1 => {
                    claim.via = Some(thief.clone().into());
                    ("replay", thief)
                }
                _ => {
                    claim.id = format!("twice{number}").into();
                    claim.creator = format!("c{}", self.obscure()).into();
                    claim.amount += 1;
                    claim.via = None;
                    ("equivocation", real.wallet.to_string())
                }
            };
            // One case a claim: a second copy of the same replay would be told twice.
            self.trace.proofs.push((claim.id.to_string(), kind, culprit));
            self.write(later, Kind::Claim(claim));
        }
    }
}
