//! One creator's payers against the rest of the world: fills the features of each edge.
//!
//! Linear in the payers and their other edges (capped per wallet), so a scan can be repeated whenever the
//! creator has grown a little.

use hashbrown::HashMap;
use rayon::prelude::*;

use crate::book::{Book, Edge, NONE, Wallet};
use crate::features::{COUNT, Feature, Vector};
use crate::groups::{bursts, cells, own, share_low, strangers};
use crate::null::{Excess, Histogram, excess, over};
use crate::ring::{circles, ring};
use crate::taste::{Scratch, structure, taste};

/// Other creators of one payer that are looked at; real baskets are smaller, and the sum stays linear.
pub(crate) const OTHERS_MAX: usize = 40;
/// Smallest group that counts: a household is smaller.
pub const GROUP_MIN: usize = 6;
/// Prefixes with more wallets than this are carriers; their pairs say nothing.
pub(crate) const SMALL_PREFIX_MAX: usize = 40;
pub(crate) const HOUR: f64 = 3_600.0;

/// The world's background, refreshed as it grows.
#[derive(Debug, Default)]
pub struct World {
    pub counts: Histogram,
    pub delays: Histogram,
    pub rhythms: Histogram,
    /// Flags (see [`flags`]) over all active wallets.
    pub flags: [u32; FLAGS],
    pub wallets: u32,
    pub edges: usize,
    /// Mean number of small-prefix and small-fund mates of a wallet.
    pub prefix_mates: f64,
    pub fund_mates: f64,
    /// Mean number of mates of a wallet in small funding sources that several networks use.
    pub stranger_mates: f64,
    /// How much more often than by chance mates share a creator, in the median creator.
    pub prefix_bond: f64,
    pub fund_bond: f64,
    /// Log-lift of creator pairs that common taste explains.
    pub taste: f32,
    /// Most wallets pay all they ever pay in one visit, so the moment of a payment says nothing.
    pub one_visit: bool,
    /// Mean score without company of a wallet.
    pub mean_score: f64,
    /// Share of claims refunded.
    pub refund_rate: f64,
    /// Creators in a circle of payouts and payments, with the circle's number.
    pub circle: HashMap<u32, u32>,
}

/// Share of refunds, at the least, that makes a wallet one of those that live on them.
const REFUNDS_HEAVY: f64 = 0.6;

/// Edges that a core counts in one go.
const EDGES_PART: usize = 1 << 14;

/// Number of yes/no traits in [`flags`].
pub const FLAGS: usize = 7;

/// Yes/no traits of a payer: exclusive, free only, drained, vanished, refunded, mostly here, hasty.
#[must_use]
pub fn flags(wallet: &Wallet, edge: &Edge, now: f64) -> [bool; FLAGS] {
    let free_only = wallet.topped_up == 0 && wallet.free.is_some_and(|free| free > 0);
    let drained = free_only && wallet.free.is_some_and(|free| wallet.spent * 10 >= free * 9);
    let vanished = now - wallet.last_claim_t > 72.0 * HOUR
        && wallet.last_claim_t - wallet.born_t < 36.0 * HOUR;
    [
        wallet.edges.len() == 1 && edge.count >= 3,
        free_only,
        drained && edge.amount * 10 >= wallet.spent * 8,
        vanished,
        wallet.refunds >= 4
            && share_low(f64::from(wallet.refunds), f64::from(wallet.claims)) >= REFUNDS_HEAVY,
        edge.count * 2 >= wallet.claims && edge.count >= 2,
        edge.count >= 3
            && edge.last_t - edge.first_t < 96.0 * HOUR
            && edge.last_t - edge.first_t > 2.0 * HOUR,
    ]
}

fn log_bucket(value: f64, steps: f64) -> u16 {
    let bucket = (value.max(0.0) + 1.0).log2() * steps;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 200")]
    let bucket = bucket.clamp(0.0, 200.0) as u16;
    bucket
}

/// How often, how soon, and how regularly this edge pays.
#[must_use]
pub fn habits(wallet: &Wallet, edge: &Edge) -> (u16, u16, u16) {
    let count = log_bucket(f64::from(edge.count.saturating_sub(1)), 4.0);
    let delay = log_bucket((edge.first_t - wallet.born_t) / 60.0, 2.0);
    let gap = if edge.count > 1 {
        1 + log_bucket((edge.last_t - edge.first_t) / f64::from(edge.count - 1) / 60.0, 2.0)
    } else {
        0
    };
    (count, delay, gap)
}

impl World {
    /// Estimates the background from everything there is, on all cores or on one. Linear in edges.
    #[must_use]
    pub fn estimate(book: &Book, now: f64, all_cores: bool) -> Self {
        let mut world =
            Self { taste: taste(book), prefix_bond: 2.0, fund_bond: 2.0, ..Self::default() };
        let count = |mut of: [Histogram; 3], edges: &[Edge]| {
            for edge in edges {
                let (count, delay, rhythm) = habits(&book.wallets[edge.wallet as usize], edge);
                of[0].add(count);
                of[1].add(delay);
                of[2].add(rhythm);
            }
            of
        };
        let counted = if all_cores {
            let parts = book.edges.par_chunks(EDGES_PART).fold(Default::default, count);
            parts.reduce(Default::default, |mut all, parts| {
                for (all, part) in all.iter_mut().zip(&parts) {
                    all.merge(part);
                }
                all
            })
        } else {
            count(Default::default(), &book.edges)
        };
        [world.counts, world.delays, world.rhythms] = counted;
        let (mut baskets, mut at_once, mut claims, mut refunds, mut scores) = (0, 0, 0.0, 0.0, 0.0);
        for wallet in &book.wallets {
            let Some(&first) = wallet.edges.first() else { continue };
            world.wallets += 1;
            claims += f64::from(wallet.claims);
            refunds += f64::from(wallet.refunds);
            scores += f64::from(wallet.score);
            if wallet.basket.len() > 1 {
                baskets += 1;
                let first = wallet.basket[0].1;
                at_once += usize::from(wallet.basket.iter().all(|row| row.1 - first < 0.5));
            }
            let set = flags(wallet, &book.edges[first as usize], now);
            for (count, flag) in world.flags.iter_mut().zip(set) {
                *count += u32::from(flag);
            }
        }
        world.one_visit = at_once * 10 > baskets * 6;
        world.refund_rate = refunds / f64::max(claims, 1.0);
        world.mean_score = scores / f64::from(world.wallets.max(1));
        world.edges = book.edges.len();
        world.circle = circles(book);
        world.prefix_mates = mates(&book.at_prefix, book.active);
        world.fund_mates = mates(&book.at_fund, book.active);
        world.stranger_mates = stranger_mates(book);
        world
    }
}

/// Mean number of mates of a wallet in small groups.
fn mates(groups: &[Vec<u32>], active: u32) -> f64 {
    let pairs: usize = groups
        .iter()
        .map(Vec::len)
        .filter(|&size| size <= SMALL_PREFIX_MAX)
        .map(|size| size * size.saturating_sub(1))
        .sum();
    pairs as f64 / f64::from(active.max(1))
}

/// As [`mates`], of the funding sources that wallets of several networks use.
fn stranger_mates(book: &Book) -> f64 {
    let prefix = |wallet: u32| book.wallets[wallet as usize].prefix;
    let pairs: usize = book
        .at_fund
        .iter()
        .filter(|group| (2..=SMALL_PREFIX_MAX).contains(&group.len()))
        .filter(|group| group.iter().any(|&mate| prefix(mate) != prefix(group[0])))
        .map(|group| group.len() * (group.len() - 1))
        .sum();
    pairs as f64 / f64::from(book.active.max(1))
}

/// Observed and expected for each feature of an edge.
pub type Shown = [(f32, f32); COUNT];

/// Whom two of the figures of an edge are about, for the explanation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct About {
    /// The network's wallets are known, not the funding source's.
    pub known_by_network: bool,
    /// The free credit that the network's payers spent, not all payers.
    pub drained_by_network: bool,
}

/// What is asked of a payer most often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Payer {
    pub wallet: u32,
    pub prefix: u32,
    pub fund: u32,
    pub paid_by: u32,
    pub born_t: f64,
    /// Wallets of its prefix that paid, and wallets of its funding source.
    pub prefix_size: usize,
    pub fund_size: usize,
}

/// One creator's payers, scanned.
#[derive(Debug, Default)]
pub struct Scan {
    pub edges: Vec<u32>,
    /// Who pays, in the order of `edges`: read often, while the whole rows lie far apart.
    pub(crate) payers: Vec<Payer>,
    pub vectors: Vec<Vector>,
    /// Observed and expected for each feature, for the explanation.
    pub shown: Vec<Shown>,
    pub about: Vec<About>,
    /// Funding sources with their lift here, and whether a good part of their wallets pays here.
    pub spots: Vec<(u32, f32, bool)>,
    /// Middle log-lift of this creator's pairs, for the world's taste.
    pub taste: Option<f32>,
}

pub(crate) struct Sight<'a> {
    pub book: &'a Book,
    pub world: &'a World,
    pub payers: usize,
    /// Everybody who does not pay the creator.
    pub others: usize,
}

/// Fills the features of all edges of `creator`.
#[must_use]
pub fn scan(book: &Book, world: &World, creator: u32, now: f64, scratch: &mut Scratch) -> Scan {
    let edges = book.creators[creator as usize].edges.clone();
    let payers = edges.len();
    let others = (book.active as usize).saturating_sub(payers);
    let sight = Sight { book, world, payers, others };
    let row = |&edge: &u32| {
        let wallet = book.edges[edge as usize].wallet;
        let Wallet { prefix, fund, paid_by, born_t, .. } = book.wallets[wallet as usize];
        let size = |groups: &[Vec<u32>], group: u32| groups.get(group as usize).map_or(0, Vec::len);
        let (prefix_size, fund_size) = (size(&book.at_prefix, prefix), size(&book.at_fund, fund));
        Payer { wallet, prefix, fund, paid_by, born_t, prefix_size, fund_size }
    };
    let mut scan = Scan {
        payers: edges.iter().map(row).collect(),
        vectors: vec![[0.0; COUNT]; payers],
        shown: vec![[(0.0, 0.0); COUNT]; payers],
        about: vec![About::default(); payers],
        edges,
        spots: Vec::new(),
        taste: None,
    };
    cells(&sight, &mut scan);
    strangers(&sight, &mut scan);
    bursts(&sight, &mut scan);
    likeness(&sight, &mut scan, now);
    structure(&sight, &mut scan, creator, scratch);
    own(&sight, &mut scan);
    ring(&sight, &mut scan, creator);
    scan
}

impl Scan {
    pub(crate) fn set(&mut self, at: usize, feature: Feature, excess: Excess) {
        let slot = feature as usize;
        if excess.lift > self.vectors[at][slot] {
            self.vectors[at][slot] = excess.lift.min(5.0);
            self.shown[at][slot] = (excess.observed, excess.expected);
        }
    }
}

/// Place of the trait in [`flags`].
const DRAINED: usize = 2;
/// Payers that the world's share stands for where few of a creator's payers are known.
const WORLD_WEIGHT: f64 = 5.0;

/// Payers, and how many of them spent their free credit to the end.
#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    payers: usize,
    drained: f64,
}

impl Spent {
    fn share(self, world: f64) -> f64 {
        (self.drained + WORLD_WEIGHT * world) / (self.payers as f64 + WORLD_WEIGHT)
    }
}

/// Who spent the free credit, by network: a high price empties it for everybody, so what a network's wallets did is
/// measured against the creator's payers of networks that few share.
#[derive(Debug, Default)]
struct Drained {
    of: HashMap<u32, Spent>,
    others: Spent,
}

impl Drained {
    fn count(payers: impl Iterator<Item = (u32, bool)>) -> Self {
        let mut count = Self::default();
        for (prefix, drained) in payers {
            let row = count.of.entry(prefix).or_default();
            row.payers += 1;
            row.drained += f64::from(u8::from(drained));
        }
        for (&prefix, row) in &count.of {
            if prefix == NONE || row.payers < GROUP_MIN {
                count.others.payers += row.payers;
                count.others.drained += row.drained;
            }
        }
        count.of.remove(&NONE);
        count
    }
}

/// Of each edge [`habits`] and [`flags`]: they are asked for twice, and far apart in memory.
fn habits_and_flags(book: &Book, edges: &[u32], now: f64) -> Vec<([u16; 3], [bool; FLAGS])> {
    let row = |&edge: &u32| {
        let edge = &book.edges[edge as usize];
        let wallet = &book.wallets[edge.wallet as usize];
        let (count, delay, rhythm) = habits(wallet, edge);
        ([count, delay, rhythm], flags(wallet, edge, now))
    };
    edges.iter().map(row).collect()
}

/// Payers that are more alike than chance makes them.
fn likeness(sight: &Sight<'_>, scan: &mut Scan, now: f64) {
    let (book, world) = (sight.book, sight.world);
    let seen = habits_and_flags(book, &scan.edges, now);
    let mut counts: [HashMap<u16, usize>; 3] = Default::default();
    let mut yes = [0usize; FLAGS];
    for (values, set) in &seen {
        for (map, &value) in counts.iter_mut().zip(values) {
            *map.entry(value).or_default() += 1;
        }
        for (sum, &flag) in yes.iter_mut().zip(set) {
            *sum += usize::from(flag);
        }
    }
    let drained = if yes[DRAINED] >= GROUP_MIN {
        let drained = seen.iter().map(|(_, set)| set[DRAINED]);
        Drained::count(scan.payers.iter().map(|payer| payer.prefix).zip(drained))
    } else {
        Drained::default()
    };
    let kinds = [
        (Feature::AlikeCount, &world.counts),
        (Feature::AlikeDelay, &world.delays),
        (Feature::AlikeRhythm, &world.rhythms),
    ];
    let traits = [
        Feature::Exclusive,
        Feature::FreeOnly,
        Feature::Drained,
        Feature::Vanished,
        Feature::Refunds,
        Feature::Mostly,
        Feature::Hasty,
    ];
    for (at, (values, set)) in seen.into_iter().enumerate() {
        for (place, value) in values.into_iter().enumerate() {
            let k = counts[place][&value];
            // One payment each is what crowds do; it makes nobody alike.
            if k < GROUP_MIN || (place != 1 && value == 0) {
                continue;
            }
            let share = kinds[place].1.share_outside(value, k, sight.payers);
            scan.set(at, kinds[place].0, over(k as f64, share * sight.payers as f64, 1.0));
        }
        for (place, flag) in set.into_iter().enumerate() {
            if flag && yes[place] >= GROUP_MIN {
                let outside = (world.flags[place] as usize).saturating_sub(yes[place]);
                let mut found = excess(yes[place], sight.payers, outside, sight.others, 1.0);
                if place == DRAINED
                    && let Some(&of) = drained.of.get(&scan.payers[at].prefix)
                    && of.payers >= GROUP_MIN
                {
                    let world = f64::from(found.expected) / sight.payers as f64;
                    let rate = drained.others.share(world);
                    let local = over(of.drained, of.payers as f64 * rate, 1.0);
                    // What is shown is what was weighed.
                    if local.lift < found.lift {
                        found = local;
                        scan.about[at].drained_by_network = true;
                    }
                }
                scan.set(at, traits[place], found);
            }
        }
    }
}
