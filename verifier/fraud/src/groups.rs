//! Payers that share a network, a funding source or a moment of birth, and what a wallet's own conduct says.

use hashbrown::HashMap;

use crate::book::{Book, NONE, Wallet, between};
use crate::features::Feature;
use crate::null::{Excess, excess, over};
use crate::scan::{GROUP_MIN, HOUR, SMALL_PREFIX_MAX, Scan, Sight};

/// Larger groups are carriers; comparing all their members for each payer would not be linear.
const MATES_MAX: usize = 400;
/// Share of refunds that people who refund a lot come to.
const REFUNDS_HONEST: f64 = 0.4;
/// Share of the world's taste that a network or a gift batch has too: colleagues and friends like the same.
const SHARED_TASTE: f32 = 0.7;
/// Wallets of one network and one card that may be a family.
const FAMILY_MAX: usize = 8;
/// What is left of a lift that a common innocent reason explains.
const INNOCENT: f32 = 0.5;
const WINDOWS: [f64; 4] = [HOUR, 6.0 * HOUR, 24.0 * HOUR, 96.0 * HOUR];

/// Payers from one prefix or one funding source, and many small such groups.
pub(crate) fn cells(sight: &Sight<'_>, scan: &mut Scan) {
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
            let paired = k >= 2 && small(group) && diluted.lift > 0.0;
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
            let wallet = &book.wallets[book.edges[scan.edges[at] as usize].wallet as usize];
            let doubt = doubt(book, wallet, by_prefix);
            scan.set(at, cell, Excess { lift: found.lift * doubt, ..found });
            if paired {
                scan.set(at, pairs, Excess { lift: diluted.lift * doubt, ..diluted });
            }
        }
    }
}

/// How far a shared network or card speaks against a wallet. People who live or study together share one and pay each
/// from their own source; families of a few share both. Whoever steers many wallets has to fund them.
fn doubt(book: &Book, wallet: &Wallet, by_prefix: bool) -> f32 {
    let Some(funded) = book.at_fund.get(wallet.fund as usize) else { return 1.0 };
    let alone = funded.len() == 1;
    let family = funded.len() <= FAMILY_MAX
        && funded.iter().all(|&mate| book.wallets[mate as usize].prefix == wallet.prefix);
    if by_prefix && alone || !alone && family { INNOCENT } else { 1.0 }
}

/// Payers that were registered together, at several time scales.
pub(crate) fn bursts(sight: &Sight<'_>, scan: &mut Scan) {
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

/// Features of the wallet itself and of its prefix and fund, whomever it pays.
pub(crate) fn own(sight: &Sight<'_>, scan: &mut Scan) {
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
                let doubt = doubt(book, wallet, feature == Feature::PrefixBurst);
                scan.set(at, feature, Excess { lift: found.lift * doubt, ..found });
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
        mates(sight, scan, at, wallet);
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

/// How many of its network's and its funding source's other wallets look steered, whomever they pay.
fn mates(sight: &Sight<'_>, scan: &mut Scan, at: usize, wallet: &Wallet) {
    let book = sight.book;
    let groups = [
        (&book.at_prefix, &book.prefix_scores, wallet.prefix),
        (&book.at_fund, &book.fund_scores, wallet.fund),
    ];
    for (members, scores, group) in groups {
        let Some(members) = members.get(group as usize) else { continue };
        if !(3..=MATES_MAX).contains(&members.len()) {
            continue;
        }
        let others = (members.len() - 1) as f64;
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
mod tests {
    use super::*;

    #[test]
    fn few_refunds_prove_little() {
        for (part, all, from, to) in [
            (4.0, 4.0, 0.5, 0.7),
            (20.0, 25.0, 0.6, 0.7),
            (5.0, 50.0, 0.03, 0.06),
            (0.0, 9.0, 0.0, 0.001),
        ] {
            let low = share_low(part, all);
            assert!((from..to).contains(&low), "{part} of {all} gave {low}");
        }
    }
}
