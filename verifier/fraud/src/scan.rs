//! One creator's payers against the rest of the world: fills the features of each edge.
//!
//! Linear in the payers and their other edges (capped per wallet), so a scan can be repeated whenever the
//! creator has grown a little.

use hashbrown::HashMap;

use crate::book::{Book, Edge, NONE, Wallet, between};
use crate::features::{COUNT, Feature, Vector};
use crate::null::{Excess, Histogram, excess, over};

/// Other creators of one payer that are looked at; real baskets are smaller, and the sum stays linear.
const OTHERS_MAX: usize = 40;
/// Smallest group that counts: a household is smaller.
pub const GROUP_MIN: usize = 6;
/// Prefixes with more wallets than this are carriers; their pairs say nothing.
const SMALL_PREFIX_MAX: usize = 40;
/// Highest lift of payout money without a closed circle.
pub const RING_OPEN_MAX: f32 = 3.0;
/// Larger groups are carriers; comparing all their members for each payer would not be linear.
const MATES_MAX: usize = 400;
const HOUR: f64 = 3_600.0;
const WINDOWS: [f64; 4] = [HOUR, 6.0 * HOUR, 24.0 * HOUR, 96.0 * HOUR];

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
    /// How much more often than by chance mates share a creator, in the median creator.
    pub prefix_bond: f64,
    pub fund_bond: f64,
    /// Log-lift of creator pairs that one pair in fifty exceeds: common taste.
    pub taste: f64,
    /// Creators in a circle of payouts and payments, with the circle's number.
    pub circle: HashMap<u32, u32>,
}

/// Number of yes/no traits in [`flags`].
pub const FLAGS: usize = 5;

/// Yes/no traits of a payer: exclusive, free only, drained, vanished, refunded.
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
        wallet.refunds * 2 >= wallet.claims && wallet.refunds >= 3,
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
    /// Estimates the background from everything there is. Linear in edges.
    #[must_use]
    pub fn estimate(book: &Book, now: f64) -> Self {
        let mut world = Self { taste: 1.0, prefix_bond: 2.0, fund_bond: 2.0, ..Self::default() };
        for edge in &book.edges {
            let wallet = &book.wallets[edge.wallet as usize];
            let (count, delay, rhythm) = habits(wallet, edge);
            world.counts.add(count);
            world.delays.add(delay);
            world.rhythms.add(rhythm);
        }
        for wallet in &book.wallets {
            let Some(&first) = wallet.edges.first() else { continue };
            world.wallets += 1;
            let set = flags(wallet, &book.edges[first as usize], now);
            for (count, flag) in world.flags.iter_mut().zip(set) {
                *count += u32::from(flag);
            }
        }
        world.edges = book.edges.len();
        world.circle = circles(book);
        world.prefix_mates = mates(&book.at_prefix, book.active);
        world.fund_mates = mates(&book.at_fund, book.active);
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

/// One creator's payers, scanned.
#[derive(Debug, Default)]
pub struct Scan {
    pub edges: Vec<u32>,
    pub vectors: Vec<Vector>,
    /// Observed and expected for each feature, for the explanation.
    pub shown: Vec<[Excess; COUNT]>,
}

struct Sight<'a> {
    book: &'a Book,
    world: &'a World,
    payers: usize,
    /// Everybody who does not pay the creator.
    others: usize,
}

/// Fills the features of all edges of `creator`.
#[must_use]
pub fn scan(book: &Book, world: &World, creator: u32, now: f64) -> Scan {
    let edges = book.creators[creator as usize].edges.clone();
    let payers = edges.len();
    let others = (book.active as usize).saturating_sub(payers);
    let sight = Sight { book, world, payers, others };
    let mut scan = Scan {
        vectors: vec![[0.0; COUNT]; payers],
        shown: vec![[Excess::default(); COUNT]; payers],
        edges,
    };
    cells(&sight, &mut scan);
    bursts(&sight, &mut scan);
    likeness(&sight, &mut scan, now);
    structure(&sight, &mut scan, creator);
    own(&sight, &mut scan);
    ring(&sight, &mut scan, creator);
    scan
}

impl Scan {
    fn set(&mut self, at: usize, feature: Feature, excess: Excess) {
        let slot = feature as usize;
        if excess.lift > self.vectors[at][slot] {
            self.vectors[at][slot] = excess.lift.min(5.0);
            self.shown[at][slot] = excess;
        }
    }
}

/// Payers from one prefix or one funding source, and many small such groups.
fn cells(sight: &Sight<'_>, scan: &mut Scan) {
    let book = sight.book;
    let kinds = [
        (Feature::PrefixCell, Feature::PrefixPairs, &book.at_prefix, true),
        (Feature::FundCell, Feature::FundPairs, &book.at_fund, false),
    ];
    for (cell, pairs, groups, by_prefix) in kinds {
        let key = |edge: u32| {
            let wallet = &book.wallets[book.edges[edge as usize].wallet as usize];
            if by_prefix { wallet.prefix } else { wallet.fund }
        };
        let mut inside: HashMap<u32, usize> = HashMap::new();
        for &edge in &scan.edges {
            *inside.entry(key(edge)).or_default() += 1;
        }
        let size = |group: u32| groups.get(group as usize).map_or(0, Vec::len);
        let small = |group: u32| group != NONE && size(group) <= SMALL_PREFIX_MAX;
        let mated: usize =
            inside.iter().filter(|&(&group, &k)| k >= 2 && small(group)).map(|(_, &k)| k).sum();
        let world = sight.world;
        let (mates, bond) = if by_prefix {
            (world.prefix_mates, world.prefix_bond)
        } else {
            (world.fund_mates, world.fund_bond)
        };
        let share = sight.payers as f64 / f64::from(book.active.max(1));
        let by_chance = sight.payers as f64 * (1.0 - (-mates * share * bond).exp());
        let diluted = over(mated as f64, by_chance, 2.0);
        for at in 0..scan.edges.len() {
            let group = key(scan.edges[at]);
            if group == NONE {
                continue;
            }
            let k = inside[&group];
            if k >= GROUP_MIN {
                let found = excess(
                    k,
                    size(group).max(k),
                    sight.payers - k,
                    (book.active as usize).saturating_sub(size(group)),
                    0.3,
                );
                scan.set(at, cell, found);
            }
            if k >= 2 && small(group) {
                scan.set(at, pairs, diluted);
            }
        }
    }
}

/// Payers that were registered together, at several time scales.
fn bursts(sight: &Sight<'_>, scan: &mut Scan) {
    let book = sight.book;
    let born = |edge: u32| book.wallets[book.edges[edge as usize].wallet as usize].born_t;
    let mut order: Vec<usize> = (0..scan.edges.len()).collect();
    order.sort_by(|&a, &b| born(scan.edges[a]).total_cmp(&born(scan.edges[b])).then(a.cmp(&b)));
    for window in WINDOWS {
        let (mut from, mut to) = (0, 0);
        for place in 0..order.len() {
            let t = born(scan.edges[order[place]]);
            while born(scan.edges[order[from]]) < t - window / 2.0 {
                from += 1;
            }
            while to < order.len() && born(scan.edges[order[to]]) <= t + window / 2.0 {
                to += 1;
            }
            let k = to - from;
            if k < GROUP_MIN {
                continue;
            }
            let group = book.births_between(t - window / 2.0, t + window / 2.0).max(k);
            let rest = (book.active as usize).saturating_sub(group);
            let found = excess(k, group, sight.payers - k, rest, 0.5);
            scan.set(order[place], Feature::BirthBurst, found);
        }
    }
}

/// Payers that are more alike than chance makes them.
fn likeness(sight: &Sight<'_>, scan: &mut Scan, now: f64) {
    let (book, world) = (sight.book, sight.world);
    let row = |edge: u32| {
        let edge = &book.edges[edge as usize];
        (&book.wallets[edge.wallet as usize], edge)
    };
    let mut counts: [HashMap<u16, usize>; 3] = Default::default();
    let mut yes = [0usize; FLAGS];
    for &edge in &scan.edges {
        let (wallet, edge) = row(edge);
        let (count, delay, rhythm) = habits(wallet, edge);
        for (map, value) in counts.iter_mut().zip([count, delay, rhythm]) {
            *map.entry(value).or_default() += 1;
        }
        for (sum, flag) in yes.iter_mut().zip(flags(wallet, edge, now)) {
            *sum += usize::from(flag);
        }
    }
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
    ];
    for at in 0..scan.edges.len() {
        let (wallet, edge) = row(scan.edges[at]);
        let (count, delay, rhythm) = habits(wallet, edge);
        for (place, value) in [count, delay, rhythm].into_iter().enumerate() {
            let k = counts[place][&value];
            // One payment each is what crowds do; it makes nobody alike.
            if k < GROUP_MIN || (place != 1 && value == 0) {
                continue;
            }
            let share = kinds[place].1.share_outside(value, k, sight.payers);
            scan.set(at, kinds[place].0, over(k as f64, share * sight.payers as f64, 1.0));
        }
        for (place, flag) in flags(wallet, edge, now).into_iter().enumerate() {
            if flag && yes[place] >= GROUP_MIN {
                let outside = (world.flags[place] as usize).saturating_sub(yes[place]);
                let found = excess(yes[place], sight.payers, outside, sight.others, 1.0);
                scan.set(at, traits[place], found);
            }
        }
    }
}

/// Other creators that the payers share beyond what popularity explains.
fn structure(sight: &Sight<'_>, scan: &mut Scan, creator: u32) {
    let book = sight.book;
    let total = book.edges.len().max(1) as f64;
    let mut joint: HashMap<u32, usize> = HashMap::new();
    let mut stubs = 0usize;
    for &edge in &scan.edges {
        let wallet = &book.wallets[book.edges[edge as usize].wallet as usize];
        stubs += wallet.edges.len().min(OTHERS_MAX) - 1;
        let first_t = book.edges[edge as usize].first_t;
        for &other in wallet.edges.iter().take(OTHERS_MAX) {
            // One visit that pays several (an onboarding bundle, a cart) is one act.
            if (book.edges[other as usize].first_t - first_t).abs() < HOUR / 2.0 {
                continue;
            }
            *joint.entry(book.edges[other as usize].creator).or_default() += 1;
        }
    }
    let mut lifts: HashMap<u32, Excess> = HashMap::new();
    for (&other, &k) in &joint {
        if other == creator || k < GROUP_MIN {
            continue;
        }
        let popular = book.creators[other as usize].edges.len();
        let outside = popular.saturating_sub(k) as f64 + 1.0;
        let expected = stubs as f64 * outside / total;
        let mut found = over(k as f64, expected, 0.5);
        #[expect(clippy::cast_possible_truncation, reason = "a lift between 0 and 5")]
        {
            found.lift = (found.lift - sight.world.taste as f32).max(0.0);
        }
        if found.lift > 0.0 {
            lifts.insert(other, found);
        }
    }
    if lifts.is_empty() {
        return;
    }
    for at in 0..scan.edges.len() {
        let wallet = &book.wallets[book.edges[scan.edges[at] as usize].wallet as usize];
        let best = wallet
            .edges
            .iter()
            .take(OTHERS_MAX)
            .filter(|&&other| {
                let first_t = book.edges[scan.edges[at] as usize].first_t;
                (book.edges[other as usize].first_t - first_t).abs() >= HOUR / 2.0
            })
            .filter_map(|&other| lifts.get(&book.edges[other as usize].creator))
            .max_by(|a, b| a.lift.total_cmp(&b.lift));
        if let Some(&best) = best {
            scan.set(at, Feature::Structure, best);
        }
    }
}

/// Features of the wallet itself and of its prefix and fund, whomever it pays.
fn own(sight: &Sight<'_>, scan: &mut Scan) {
    let book = sight.book;
    let mut both: HashMap<(u32, u32), usize> = HashMap::new();
    for at in 0..scan.edges.len() {
        let wallet = &book.wallets[book.edges[scan.edges[at] as usize].wallet as usize];
        let groups = [
            (Feature::PrefixBurst, &book.prefix_births, wallet.prefix),
            (Feature::FundBurst, &book.fund_births, wallet.fund),
        ];
        for (feature, births, group) in groups {
            let Some(mates) = births.get(group as usize) else { continue };
            if !(GROUP_MIN..=MATES_MAX).contains(&mates.len()) {
                continue;
            }
            for window in [6.0 * HOUR, 48.0 * HOUR] {
                let (from, to) = (wallet.born_t - window / 2.0, wallet.born_t + window / 2.0);
                let k = between(mates, from, to);
                if k < GROUP_MIN {
                    continue;
                }
                let all = book.births_between(from, to);
                let rest = book.births.len().saturating_sub(mates.len());
                let found = excess(k, mates.len(), all.saturating_sub(k), rest, 0.5);
                scan.set(at, feature, found);
            }
        }
        if let (Some(near), Some(funded)) =
            (book.at_prefix.get(wallet.prefix as usize), book.at_fund.get(wallet.fund as usize))
            && (GROUP_MIN..=MATES_MAX).contains(&near.len())
            && funded.len() >= GROUP_MIN
        {
            let k = *both.entry((wallet.prefix, wallet.fund)).or_insert_with(|| {
                let same = |mate: &&u32| book.wallets[**mate as usize].fund == wallet.fund;
                near.iter().filter(same).count()
            });
            if k >= GROUP_MIN {
                let rest = (book.active as usize).saturating_sub(near.len());
                let found = excess(k, near.len(), funded.len().saturating_sub(k), rest, 0.5);
                scan.set(at, Feature::PrefixAndFund, found);
            }
        }
        if wallet.locks >= 5 {
            let lift = 1.0 + 0.6 * (f32::from(wallet.locks) / 4.0).ln();
            let found = Excess { observed: f32::from(wallet.locks), expected: 0.0, lift };
            scan.set(at, Feature::Lockstep, found);
        }
        if wallet.refunds >= 4 {
            let (refunds, claims) = (f64::from(wallet.refunds), f64::from(wallet.claims.max(1)));
            let low = (refunds - 1.5 * refunds.sqrt()) / claims;
            #[expect(clippy::cast_possible_truncation, reason = "a lift between 0 and 3")]
            let lift = (low * 4.0).clamp(0.0, 3.0) as f32;
            let found = Excess { observed: wallet.refunds as f32, expected: 0.0, lift };
            scan.set(at, Feature::OwnRefunds, found);
        }
    }
}

/// Money that came out of payouts and goes where other such money goes; most of all when the circle closes.
fn ring(sight: &Sight<'_>, scan: &mut Scan, creator: u32) {
    let book = sight.book;
    let payer = |edge: u32| book.wallets[book.edges[edge as usize].wallet as usize].paid_by;
    let k = scan.edges.iter().filter(|&&edge| payer(edge) != NONE).count();
    if k < 2 {
        return;
    }
    let paid = book.paid_wallets as usize;
    let rest = (book.active as usize).saturating_sub(paid);
    let found = excess(k, paid, sight.payers - k, rest, 0.5);
    let here = sight.world.circle.get(&creator);
    for at in 0..scan.edges.len() {
        let by = payer(scan.edges[at]);
        if by == NONE {
            continue;
        }
        let closed = here.is_some() && sight.world.circle.get(&by) == here;
        let lift = if closed { RING_OPEN_MAX + 0.7 } else { found.lift.min(RING_OPEN_MAX) };
        scan.set(at, Feature::Ring, Excess { lift, ..found });
    }
}

/// Circles of creators: each reaches each along "two wallets or more that this one's payouts funded pay that one".
/// One wallet proves nothing: an honest creator may spend a payout where others do.
fn circles(book: &Book) -> HashMap<u32, u32> {
    let mut weight: HashMap<(u32, u32), u32> = HashMap::new();
    for wallet in book.wallets.iter().filter(|wallet| wallet.paid_by != NONE) {
        for &edge in &wallet.edges {
            *weight.entry((wallet.paid_by, book.edges[edge as usize].creator)).or_default() += 1;
        }
    }
    let mut arrows: Vec<(u32, u32)> =
        weight.into_iter().filter(|&(_, wallets)| wallets >= 2).map(|(arrow, _)| arrow).collect();
    arrows.sort_unstable();
    let mut circle = HashMap::new();
    let mut starts: Vec<u32> = arrows.iter().map(|arrow| arrow.0).collect();
    starts.dedup();
    for &start in &starts {
        if circle.contains_key(&start) {
            continue;
        }
        let forth = reached(&arrows, start);
        let back: Vec<(u32, u32)> = {
            let mut back: Vec<(u32, u32)> = arrows.iter().map(|&(a, b)| (b, a)).collect();
            back.sort_unstable();
            back
        };
        let back = reached(&back, start);
        for creator in forth.into_iter().filter(|creator| back.contains(creator)) {
            circle.insert(creator, start);
        }
    }
    circle
}

/// What can be reached from `start` along at least one arrow. `arrows` is sorted.
fn reached(arrows: &[(u32, u32)], start: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut open = vec![start];
    while let Some(at) = open.pop() {
        let from = arrows.partition_point(|arrow| arrow.0 < at);
        for &(_, to) in arrows[from..].iter().take_while(|arrow| arrow.0 == at) {
            if !found.contains(&to) {
                found.push(to);
                open.push(to);
            }
        }
    }
    found
}
