//! Judging traces without attributes: only who paid whom, as in public graphs of reviews and donations, with farms put in.
//!
//! Degrees are heavy-tailed, wallets belong to communities, some people copy a whole list of a friend's, and times
//! may be equal, random, or in order of arrival.

use std::borrow::Cow;

use farthing_fraud::event::{Claim, Event, Kind};
use farthing_fraud::generate::Dice;

use crate::town::{DAY, Trace};

/// Families that rules may be tuned on; `graph_popular`, `graph_thin` and `graph_split` are kept for reporting.
pub const TUNED: [&str; 2] = ["graph_dense", "graph_even"];
pub const HELD_OUT: [&str; 3] = ["graph_popular", "graph_thin", "graph_split"];

struct Graph {
    dice: Dice,
    topic: Vec<usize>,
    topics: usize,
    /// Cumulated weights per topic, and last for all.
    shelves: Vec<Vec<(f64, usize)>>,
    baskets: Vec<(Vec<usize>, &'static str)>,
}

pub fn trace(seed: u64, families: &[&'static str]) -> Trace {
    let mut dice = Dice::new(seed ^ 0x6A4F_0000_1111_2222);
    let topics = usize::try_from(dice.whole(5, 40)).unwrap_or(5);
    let count = dice.whole(150, 1_200);
    let steep = dice.between(1.0, 1.8);
    let topic: Vec<usize> = (0..count).map(|_| dice.bits() as usize % topics).collect();
    let mut shelves = vec![Vec::new(); topics + 1];
    let mut sums = vec![0.0; topics + 1];
    for (number, &topic) in topic.iter().enumerate() {
        let weight = (1.0 - dice.unit()).powf(-1.0 / steep);
        for shelf in [topic, topics] {
            sums[shelf] += weight;
            shelves[shelf].push((sums[shelf], number));
        }
    }
    let mut graph = Graph { dice, topic, topics, shelves, baskets: Vec::new() };
    graph.honest();
    for _ in 0..graph.dice.whole(1, 4) {
        let family = families[graph.dice.bits() as usize % families.len()];
        graph.farm(family);
    }
    graph.written()
}

impl Graph {
    fn pick(&mut self, topic: usize, faithful: f64) -> usize {
        let shelf = if self.dice.chance(faithful) && !self.shelves[topic].is_empty() {
            topic
        } else {
            self.topics
        };
        let shelf = &self.shelves[shelf];
        let at = self.dice.unit() * shelf[shelf.len() - 1].0;
        shelf[shelf.partition_point(|&(sum, _)| sum < at).min(shelf.len() - 1)].1
    }

    fn honest(&mut self) {
        let wallets = self.dice.whole(2_000, 8_000);
        let faithful = self.dice.between(0.4, 0.85);
        let steep = self.dice.between(1.2, 2.0);
        for _ in 0..wallets {
            let degree = (1.0 - self.dice.unit()).powf(-1.0 / steep).min(80.0) as usize;
            let topic = self.dice.bits() as usize % self.topics;
            let other = self.dice.bits() as usize % self.topics;
            let basket = (0..degree.max(1))
                .map(|_| {
                    let topic = if self.dice.chance(0.2) { other } else { topic };
                    self.pick(topic, faithful)
                })
                .collect();
            self.baskets.push((basket, "graph_plain"));
        }
        // Audiences sent by one list: nearly the same basket of three to seven.
        for _ in 0..self.dice.whole(2, 8) {
            let topic = self.dice.bits() as usize % self.topics;
            let list: Vec<usize> =
                (0..self.dice.whole(3, 7)).map(|_| self.pick(topic, 0.9)).collect();
            let keen = self.dice.between(0.6, 1.0);
            for _ in 0..self.dice.whole(5, 60) {
                let mut basket: Vec<usize> =
                    list.iter().copied().filter(|_| self.dice.chance(keen)).collect();
                for _ in 0..self.dice.whole(0, 4) {
                    basket.push(self.pick(topic, faithful));
                }
                if !basket.is_empty() {
                    self.baskets.push((basket, "graph_list"));
                }
            }
        }
    }

    fn farm(&mut self, family: &'static str) {
        let size = self.dice.whole(20, 200);
        let mut count = self.dice.whole(5, 30);
        let (mut reach, mut camouflage) = (self.dice.between(0.5, 1.0), 0.0);
        match family {
            "graph_even" | "graph_popular" => camouflage = self.dice.between(0.3, 1.5),
            "graph_thin" => {
                count = self.dice.whole(25, 60);
                reach = self.dice.between(0.15, 0.4);
                camouflage = 0.3;
            }
            "graph_split" => {
                count = self.dice.whole(9, 30);
                camouflage = 0.5;
            }
            _ => {}
        }
        let all = self.topic.len() as u64;
        let targets: Vec<usize> =
            (0..count).map(|_| self.dice.whole(0, all - 1) as usize).collect();
        for member in 0..size {
            let mut basket: Vec<usize> = targets
                .iter()
                .enumerate()
                .filter(|&(at, _)| family != "graph_split" || at as u64 % 3 != member % 3)
                .map(|(_, &target)| target)
                .filter(|_| self.dice.chance(reach))
                .collect();
            for _ in 0..(basket.len() as f64 * camouflage).round() as u64 {
                let creator = if family == "graph_even" {
                    self.dice.whole(0, all - 1) as usize
                } else {
                    self.pick(0, 0.0)
                };
                basket.push(creator);
            }
            if !basket.is_empty() {
                self.baskets.push((basket, family));
            }
        }
    }

    fn written(mut self) -> Trace {
        let mut trace = Trace::default();
        let span = 60.0 * DAY;
        let (mode, several) = (self.dice.whole(0, 2), self.dice.chance(0.5));
        let mut rows: Vec<(f64, usize, usize)> = Vec::new();
        for (wallet, (basket, case)) in self.baskets.iter().enumerate() {
            trace.cases.push(case);
            trace.fraud.push(!matches!(*case, "graph_plain" | "graph_list"));
            for &creator in basket {
                let t = if mode == 0 { 0.0 } else { self.dice.unit() * span };
                rows.push((t, wallet, creator));
            }
        }
        // Without times, the order is chance; with mode 2 each wallet pays its basket at once.
        let order: Vec<f64> = (0..self.baskets.len()).map(|_| self.dice.unit()).collect();
        match mode {
            0 | 1 => {
                let mut keyed: Vec<(f64, (f64, usize, usize))> =
                    rows.into_iter().map(|row| (self.dice.unit(), row)).collect();
                keyed.sort_by(|a, b| a.1.0.total_cmp(&b.1.0).then(a.0.total_cmp(&b.0)));
                rows = keyed.into_iter().map(|(_, row)| row).collect();
            }
            _ => {
                for row in &mut rows {
                    row.0 = order[row.1] * span;
                }
                rows.sort_by(|a, b| a.0.total_cmp(&b.0));
            }
        }
        for (n, (t, wallet, creator)) in rows.into_iter().enumerate() {
            let amount = if several { self.dice.whole(1, 5) } else { 1 };
            let claim = Claim {
                id: Cow::Owned(format!("h{n}")),
                wallet: Cow::Owned(format!("w{wallet}")),
                creator: Cow::Owned(format!("c{creator}")),
                seq: None,
                amount,
                prefix: None,
                via: None,
                sig_ok: true,
            };
            trace.events.push(Event { n: n as u64, t, kind: Kind::Claim(claim) });
        }
        trace
    }
}
