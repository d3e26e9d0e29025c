//! Payers that share a network, a funding source or a moment of birth, and what a wallet's own conduct says.

use hashbrown::HashMap;

use crate::book::{Book, Wallet, between};
use crate::features::Feature;
use crate::null::{Excess, excess, over};
use crate::scan::{GROUP_MIN, HOUR, OTHERS_MAX, Payer, SMALL_PREFIX_MAX, Scan, Sight};
use crate::taste::VISIT_H;

/// Larger groups are carriers; comparing all their members for each payer would not be linear.
const MATES_MAX: usize = 400;
/// Share of a source's wallets, beyond chance, that makes their coming to one creator a full sign.
const OWN_SHARE: f64 = 0.3;
/// One in so many of a source's wallets pays a creator at which the source counts as concentrated.
const SPOT_SHARE: usize = 5;
/// Quarters of a creator's payers that then come from the source: gifts fill no creator's house, not even on a small shelf.
const SPOT_QUARTERS: usize = 2;
/// What a source's wallets like in common is at least so many creators: the lift of the last of these is taste.
const SHELF: usize = 7;
/// Creators that must be known of a source before any stands out.
const SPOTS_MIN: usize = 10;
/// Lift of a shelf that is a batch's own: one topic of a dozen, visited by people who come thrice as often as others.
const SHELF_LIFT: f32 = 2.7;
/// Of the world's taste, what people who share a source have in common.
const FRIENDS_TASTE: f32 = 0.5;
/// Of a funding source's wallets so many are compared.
const FUND_MATES_MAX: usize = 12;
/// Share of refunds that people who refund a lot come to.
const REFUNDS_HONEST: f64 = 0.45;
/// Share of the world's taste that a network or a gift batch has too: colleagues and friends like the same.
const SHARED_TASTE: f32 = 0.7;
/// Wallets of one network and one card that may be a family.
const FAMILY_MAX: usize = 8;
/// What is left of a lift that a common innocent reason explains.
const INNOCENT: f32 = 0.5;
/// The same where a family's pair is one of many at a creator.
const FAMILY_PAIRS: f32 = 0.3;
/// Of many small groups at a creator so many of the largest do not count: a class on one network, gift batches.
const CLASSES: usize = 1;
const BATCHES: usize = 2;
/// Standard deviations by which one of many small sources may be larger than the others at a creator: a farm's cards are
/// drawn alike, and a batch of gifts beside them, seen before it has grown, is none of them.
const SOURCE_Z: f64 = 3.0;
/// Accused wallets from which a network or a source is known, and the share of its other wallets that they are at least.
const KNOWN_MIN: usize = 3;
const KNOWN_SHARE: f64 = 0.5;
const WINDOWS: [f64; 4] = [HOUR, 6.0 * HOUR, 24.0 * HOUR, 96.0 * HOUR];

/// Payers from one prefix or one funding source, and many small such groups.
pub(crate) fn cells(sight: &Sight<'_>, scan: &mut Scan) {
    let book = sight.book;
    let kinds = [
        (Feature::PrefixCell, Feature::PrefixPairs, &book.at_prefix),
        (Feature::FundCell, Feature::FundPairs, &book.at_fund),
    ];
    for (cell, pairs, groups) in kinds {
        let by_prefix = cell == Feature::PrefixCell;
        // A group of one wallet says nothing of anybody, and most are such.
        let key = |payer: &Payer| {
            let group = if by_prefix { payer.prefix } else { payer.fund };
            let size = if by_prefix { payer.prefix_size } else { payer.fund_size };
            (size >= 2).then_some(group)
        };
        let mut inside: HashMap<u32, usize> = HashMap::new();
        for group in scan.payers.iter().filter_map(key) {
            *inside.entry(group).or_default() += 1;
        }
        let size = |group: u32| groups.get(group as usize).map_or(0, Vec::len);
        if !by_prefix {
            spots(sight, scan, &inside);
        }
        let small = |group: u32| size(group) <= SMALL_PREFIX_MAX;
        let mated = inside.iter().filter(|&(&group, &k)| k >= 2 && small(group)).map(|(_, &k)| k);
        let many = Many::of(mated.clone());
        let mated = without_largest(mated, if by_prefix { CLASSES } else { BATCHES });
        let world = sight.world;
        let (mates, bond) = if by_prefix {
            (world.prefix_mates, world.prefix_bond)
        } else {
            (world.fund_mates, world.fund_bond)
        };
        let share = sight.payers as f64 / f64::from(book.active.max(1));
        let by_chance = sight.payers as f64 * (1.0 - (-mates * share * bond).exp());
        let diluted = over(mated as f64, by_chance, 1.0);
        for at in 0..scan.edges.len() {
            let Some(group) = key(&scan.payers[at]) else { continue };
            let k = inside[&group];
            let paired =
                k >= 2 && small(group) && diluted.lift > 0.0 && (by_prefix || many.has_alike(k));
            let found = if k >= GROUP_MIN {
                let rest = (book.active as usize).saturating_sub(size(group));
                let mut found = excess(k, size(group).max(k), sight.payers - k, rest, 0.3);
                found.lift = (found.lift - SHARED_TASTE * sight.world.taste).max(0.0);
                found
            } else {
                Excess::default()
            };
            if !paired && found.lift <= 0.0 {
                continue;
            }
            let wallet = &book.wallets[scan.payers[at].wallet as usize];
            let doubt = doubt(book, wallet, by_prefix);
            scan.set(at, cell, Excess { lift: found.lift * doubt, ..found });
            if paired {
                // A family next to a farm must not be taken for a part of it.
                let doubt = if family(book, wallet) { FAMILY_PAIRS } else { doubt };
                // Two of a house pay here, while all wallets of a farm's network do.
                let here = if by_prefix {
                    k as f32 / size(group).max(k) as f32
                } else {
                    own_share(sight, k, size(group))
                };
                scan.set(at, pairs, Excess { lift: diluted.lift * doubt * here, ..diluted });
            }
        }
    }
}

/// Notes where each funding source is concentrated; `inside` counts its payers here.
fn spots(sight: &Sight<'_>, scan: &mut Scan, inside: &HashMap<u32, usize>) {
    for (&fund, &k) in inside.iter().filter(|&(_, &k)| k >= GROUP_MIN) {
        let size = sight.book.at_fund[fund as usize].len().max(k);
        let rest = (sight.book.active as usize).saturating_sub(size);
        let found = excess(k, size, sight.payers - k, rest, 0.3);
        let mostly = k * SPOT_SHARE >= size && k * 4 >= sight.payers * SPOT_QUARTERS;
        scan.spots.push((fund, found.lift, mostly));
    }
}

/// How far a small source's own members come here more than anybody's would: two of thirty do by chance.
fn own_share(sight: &Sight<'_>, k: usize, size: usize) -> f32 {
    let share = sight.payers as f64 / f64::from(sight.book.active.max(1));
    let chance = (share * f64::from(sight.world.taste).exp()).min(1.0);
    ((k as f64 / size.max(k) as f64 - chance) / OWN_SHARE).clamp(0.0, 1.0) as f32
}

/// Groups at one creator: their members, and the sum of the squares of their sizes.
#[derive(Debug, Clone, Copy, Default)]
struct Many {
    members: usize,
    squares: usize,
}

impl Many {
    fn of(sizes: impl Iterator<Item = usize>) -> Self {
        sizes.fold(Self::default(), |many, k| Self {
            members: many.members + k,
            squares: many.squares + k * k,
        })
    }

    /// Whether one of them, of `k` members, is about as large as the one that a member of the others is in.
    fn has_alike(self, k: usize) -> bool {
        if self.members <= k {
            return false;
        }
        let mean = (self.squares - k * k) as f64 / (self.members - k) as f64;
        k as f64 <= mean + SOURCE_Z * mean.sqrt()
    }
}

/// The members of all groups but the `largest` ones.
fn without_largest(sizes: impl Iterator<Item = usize>, largest: usize) -> usize {
    let mut sizes: Vec<usize> = sizes.collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes.iter().skip(largest).sum()
}

/// How far a shared network or card speaks against a wallet. People who live or study together share one and pay each
/// from their own source; families of a few share both. Whoever steers many wallets has to fund them.
fn doubt(book: &Book, wallet: &Wallet, by_prefix: bool) -> f32 {
    let alone = book.at_fund.get(wallet.fund as usize).is_some_and(|funded| funded.len() == 1);
    if by_prefix && alone || family(book, wallet) { INNOCENT } else { 1.0 }
}

/// Whether all wallets of its funding source, up to a few, live on its network.
fn family(book: &Book, wallet: &Wallet) -> bool {
    let Some(funded) = book.at_fund.get(wallet.fund as usize) else { return false };
    (2..=FAMILY_MAX).contains(&funded.len())
        && funded.iter().all(|&mate| book.wallets[mate as usize].prefix == wallet.prefix)
}

/// Payers that were registered together, at several time scales.
pub(crate) fn bursts(sight: &Sight<'_>, scan: &mut Scan) {
    let book = sight.book;
    let born: Vec<f64> = scan.payers.iter().map(|payer| payer.born_t).collect();
    let mut order: Vec<usize> = (0..born.len()).collect();
    order.sort_by(|&a, &b| born[a].total_cmp(&born[b]).then(a.cmp(&b)));
    let born: Vec<f64> = order.iter().map(|&at| born[at]).collect();
    for window in WINDOWS {
        let (mut from, mut to) = (0, 0);
        for place in 0..order.len() {
            let t = born[place];
            while born[from] < t - window / 2.0 {
                from += 1;
            }
            while to < order.len() && born[to] <= t + window / 2.0 {
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

/// Features of the wallet itself and of its prefix and fund, whomever it pays.
pub(crate) fn own(sight: &Sight<'_>, scan: &mut Scan) {
    let book = sight.book;
    let mut both: HashMap<(u32, u32), usize> = HashMap::new();
    let mut tastes = HashMap::new();
    for at in 0..scan.edges.len() {
        let payer = scan.payers[at];
        let wallet = &book.wallets[payer.wallet as usize];
        let groups = [
            (Feature::PrefixBurst, &book.prefix_births, wallet.prefix, payer.prefix_size),
            (Feature::FundBurst, &book.fund_births, wallet.fund, payer.fund_size),
        ];
        for (feature, births, group, size) in groups {
            if !(GROUP_MIN..=MATES_MAX).contains(&size) {
                continue;
            }
            let Some(mates) = births.get(group as usize) else { continue };
            for window in [6.0 * HOUR, 48.0 * HOUR] {
                let (from, to) = (wallet.born_t - window / 2.0, wallet.born_t + window / 2.0);
                let k = between(mates, from, to);
                if k < GROUP_MIN {
                    continue;
                }
                let all = book.births_between(from, to);
                let rest = book.births.len().saturating_sub(mates.len());
                let found = excess(k, mates.len(), all.saturating_sub(k), rest, 0.5);
                let doubt = doubt(book, wallet, feature == Feature::PrefixBurst);
                scan.set(at, feature, Excess { lift: found.lift * doubt, ..found });
            }
        }
        if (GROUP_MIN..=MATES_MAX).contains(&payer.prefix_size)
            && payer.fund_size >= GROUP_MIN
            && let (Some(near), Some(funded)) =
                (book.at_prefix.get(wallet.prefix as usize), book.at_fund.get(wallet.fund as usize))
        {
            let k = *both.entry((wallet.prefix, wallet.fund)).or_insert_with(|| {
                let same = |mate: &&u32| book.wallets[**mate as usize].fund == wallet.fund;
                near.iter().filter(same).count()
            });
            if k >= GROUP_MIN {
                let rest = (book.active as usize).saturating_sub(near.len());
                let found = excess(k, near.len(), funded.len().saturating_sub(k), rest, 0.5);
                let doubt = doubt(book, wallet, false);
                let found = Excess { lift: found.lift * doubt, ..found };
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
            let low = share_low(refunds, claims);
            #[expect(clippy::cast_possible_truncation, reason = "a lift between 0 and 4")]
            let lift = ((low - REFUNDS_HONEST) * 6.0).clamp(0.0, 4.0) as f32;
            let expected = (claims * sight.world.refund_rate) as f32;
            let found = Excess { observed: refunds as f32, expected, lift };
            scan.set(at, Feature::OwnRefunds, found);
        }
        devotion(sight, scan, at, wallet);
        fund_spread(sight, scan, at, wallet, &mut tastes);
        fund_mates(sight, scan, at, wallet);
        haunts(sight, scan, at, wallet);
        mates(sight, scan, at, wallet);
        known(sight, scan, at, wallet);
    }
}

/// How many of its network's or its funding source's other wallets are accused, where most of them are. What a person
/// has lifted does not count.
fn known(sight: &Sight<'_>, scan: &mut Scan, at: usize, wallet: &Wallet) {
    let book = sight.book;
    let groups = [
        (true, &book.prefix_accused, wallet.prefix, scan.payers[at].prefix_size),
        (false, &book.fund_accused, wallet.fund, scan.payers[at].fund_size),
    ];
    for (by_network, accused, group, size) in groups {
        if size < KNOWN_MIN {
            continue;
        }
        let others = size - 1;
        let own = u32::from(wallet.counts_as_accused());
        let accused = accused[group as usize].saturating_sub(own) as usize;
        if accused >= KNOWN_MIN && accused as f64 >= KNOWN_SHARE * others as f64 {
            let found = over(accused as f64, 0.0, 1.0);
            if found.lift > scan.vectors[at][Feature::Known as usize] {
                scan.about[at].known_by_network = by_network;
            }
            // There is no expectation here: the others are shown, of whom they are.
            scan.set(at, Feature::Known, Excess { expected: others as f32, ..found });
        }
    }
}

/// The wallet's payments here among all its payments.
fn devotion(sight: &Sight<'_>, scan: &mut Scan, at: usize, wallet: &Wallet) {
    let count = f64::from(sight.book.edges[scan.edges[at] as usize].count);
    if count < 3.0 {
        return;
    }
    let low = (count - count.sqrt()) / f64::from(wallet.claims.max(1));
    #[expect(clippy::cast_possible_truncation, reason = "a lift between 0 and 3")]
    let (observed, lift) = (count as f32, (low * 3.0) as f32);
    scan.set(at, Feature::Devotion, Excess { observed, expected: 0.0, lift });
}

/// The wallet's funding source is concentrated here and, at another visit, at a further creator, beyond what its wallets'
/// common taste explains: recipients of gifts like the same as well, but then a whole shelf of it.
fn fund_spread(
    sight: &Sight<'_>,
    scan: &mut Scan,
    at: usize,
    wallet: &Wallet,
    tastes: &mut HashMap<u32, f32>,
) {
    // Spots are of sources with so many payers at one creator.
    if scan.payers[at].fund_size < GROUP_MIN {
        return;
    }
    let Some(spots) = sight.book.fund_spots.get(&wallet.fund) else { return };
    let edge = &sight.book.edges[scan.edges[at] as usize];
    let spot = |creator: u32| spots.iter().find(|spot| spot.0 == creator && spot.2);
    let Some(here) = spot(edge.creator) else { return };
    let visit = (edge.first_t / 3_600.0) as f32;
    let (mut creators, mut lift) = (0.0, 0.0f32);
    for &(creator, t) in wallet.basket.iter().take(OTHERS_MAX) {
        if creator == edge.creator || (t - visit).abs() < VISIT_H {
            continue;
        }
        if let Some(other) = spot(creator) {
            creators += 1.0;
            lift = lift.max(other.1.min(here.1));
        }
    }
    let taste = *tastes.entry(wallet.fund).or_insert_with(|| {
        let mut lifts: Vec<f32> = spots.iter().map(|spot| spot.1).collect();
        lifts.sort_by(|a, b| b.total_cmp(a));
        if lifts.len() < SPOTS_MIN { f32::INFINITY } else { lifts[SHELF - 1] }
    });
    let lift = (lift - taste.max(SHELF_LIFT)).max(0.0);
    scan.set(at, Feature::FundSpread, Excess { observed: creators + 1.0, expected: 0.0, lift });
}

/// What the other wallets of its small source, of several networks, pay besides.
fn fund_mates(sight: &Sight<'_>, scan: &mut Scan, at: usize, wallet: &Wallet) {
    let book = sight.book;
    if !(3..=SMALL_PREFIX_MAX).contains(&scan.payers[at].fund_size) {
        return;
    }
    let Some(funded) = book.at_fund.get(wallet.fund as usize) else { return };
    if funded.iter().all(|&mate| book.wallets[mate as usize].prefix == wallet.prefix) {
        return;
    }
    let edge = &book.edges[scan.edges[at] as usize];
    let mates = funded.iter().filter(|&&mate| mate != edge.wallet).take(FUND_MATES_MAX);
    let (mut met, mut count) = (0.0, 0.0);
    let others = |creator: u32| creator != edge.creator;
    for &mate in mates {
        count += 1.0;
        for &(creator, _) in book.wallets[mate as usize].basket.iter().take(OTHERS_MAX) {
            if others(creator) && wallet.basket.iter().take(OTHERS_MAX).any(|row| row.0 == creator)
            {
                met += 1.0;
            }
        }
    }
    let active = f64::from(book.active.max(1));
    let popular = |creator: u32| book.creators[creator as usize].edges.len() as f64 / active;
    let expected: f64 = wallet
        .basket
        .iter()
        .take(OTHERS_MAX)
        .filter(|row| others(row.0))
        .map(|row| popular(row.0) * count)
        .sum();
    let mut found = over(met, expected, 1.0);
    found.lift = (found.lift - FRIENDS_TASTE * sight.world.taste).max(0.0);
    scan.set(at, Feature::FundMates, found);
}

/// How far the payers of the wallet's other creators look steered: whoever runs several creators' farms sends the same
/// wallets, while an honest wallet may well pay one such creator.
fn haunts(sight: &Sight<'_>, scan: &mut Scan, at: usize, wallet: &Wallet) {
    let here = sight.book.edges[scan.edges[at] as usize].creator;
    let (mut first, mut second) = (0.0f32, 0.0f32);
    for &(creator, _) in wallet.basket.iter().take(OTHERS_MAX).filter(|row| row.0 != here) {
        let share = sight.book.creators[creator as usize].steered;
        if share > first {
            (first, second) = (share, first);
        } else {
            second = second.max(share);
        }
    }
    let share = (first + second) / 2.0;
    let expected = sight.world.mean_score as f32;
    let lift = ((share - expected) * 4.0).clamp(0.0, 4.0);
    scan.set(
        at,
        Feature::Haunts,
        Excess { observed: share * 100.0, expected: expected * 100.0, lift },
    );
}

/// Payers that share a small funding source with payers of other networks. Families share one network as well, and
/// a gift batch is one source: several sources count.
pub(crate) fn strangers(sight: &Sight<'_>, scan: &mut Scan) {
    let book = sight.book;
    // Of each source the payers, and the first one's network, or `None` once there are several.
    let mut inside: HashMap<u32, (usize, Option<u32>)> = HashMap::new();
    for row in &scan.payers {
        if !(2..=SMALL_PREFIX_MAX).contains(&row.fund_size) {
            continue;
        }
        let seen = inside.entry(row.fund).or_insert((0, Some(row.prefix)));
        seen.0 += 1;
        if seen.1 != Some(row.prefix) {
            seen.1 = None;
        }
    }
    inside.retain(|_, seen| seen.0 >= 2 && seen.1.is_none());
    let many = Many::of(inside.values().map(|seen| seen.0));
    let k = without_largest(inside.values().map(|seen| seen.0), BATCHES);
    let share = sight.payers as f64 / f64::from(book.active.max(1));
    let chance = 1.0 - (-sight.world.stranger_mates * share * sight.world.fund_bond).exp();
    let found = over(k as f64, sight.payers as f64 * chance, 1.0);
    for at in 0..scan.edges.len() {
        let fund = scan.payers[at].fund;
        if let Some(&(k, _)) = inside.get(&fund).filter(|seen| many.has_alike(seen.0)) {
            let here = own_share(sight, k, book.at_fund[fund as usize].len());
            scan.set(at, Feature::Strangers, Excess { lift: found.lift * here, ..found });
        }
    }
}

/// How many of its network's and its funding source's other wallets look steered, whomever they pay.
fn mates(sight: &Sight<'_>, scan: &mut Scan, at: usize, wallet: &Wallet) {
    let book = sight.book;
    let groups = [
        (&book.prefix_scores, wallet.prefix, scan.payers[at].prefix_size),
        (&book.fund_scores, wallet.fund, scan.payers[at].fund_size),
    ];
    for (scores, group, size) in groups {
        if !(3..=MATES_MAX).contains(&size) {
            continue;
        }
        let others = (size - 1) as f64;
        let steered = f64::from(scores[group as usize] - wallet.score).max(0.0);
        scan.set(at, Feature::Mates, over(steered, others * sight.world.mean_score, 1.0));
    }
}

/// Lower end of the share's confidence interval (Wilson, one-sided 95 %).
#[must_use]
pub fn share_low(part: f64, all: f64) -> f64 {
    const Z: f64 = 1.645;
    let share = (part / all).min(1.0);
    let middle = share + Z * Z / (2.0 * all);
    let off = Z * (share * (1.0 - share) / all + Z * Z / (4.0 * all * all)).sqrt();
    ((middle - off) / (1.0 + Z * Z / all)).max(0.0)
}

#[cfg(test)]
mod tests;
