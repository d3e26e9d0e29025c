//! Creators that share payers beyond what popularity explains, and beyond what taste explains.
//!
//! Popularity: of the payers' other payments, each creator draws its share ("pair null"). Taste: people who like one
//! thing like its neighbours; how far that goes differs between worlds, so it is estimated from the same trace, as the
//! middle lift of a creator's pairs, three quarters up among creators. A farm owns few of all creators.

use crate::book::Book;
use crate::features::Feature;
use crate::null::{Excess, over};
use crate::scan::{GROUP_MIN, OTHERS_MAX, Scan, Sight};

/// Creators whose pairs are known, from which on their taste is estimated.
const TASTES_MIN: usize = 40;
/// What taste explains before that, and at most.
const TASTE_UNKNOWN: f32 = 1.0;
const TASTE_MAX: f32 = 2.0;
/// Of both creators' payers, the share that must be common for them to be partners.
const MUTUAL_MIN: f32 = 0.15;
/// Taken off, so that a list fires from some seven creators that are all but its own: shorter ones are passed on by
/// honest people (one donor's five favourites, one curator's page).
const LIST_KNOWN: f32 = 1.55;
/// Surprising partners that make a list.
const LIST_MIN: usize = 3;
/// One visit, in hours.
pub(crate) const VISIT_H: f32 = 0.5;

/// Tables by creator, reused from scan to scan so that a scan costs its payers only.
#[derive(Debug, Default)]
pub struct Scratch {
    joint: Vec<u32>,
    lift: Vec<f32>,
    expected: Vec<f32>,
    touched: Vec<u32>,
}

/// The world's taste: see the module.
pub(crate) fn taste(book: &Book) -> f32 {
    let mut known: Vec<f32> = book.creators.iter().filter_map(|creator| creator.taste).collect();
    if known.len() < TASTES_MIN {
        return TASTE_UNKNOWN;
    }
    known.sort_by(f32::total_cmp);
    known[known.len() * 3 / 4].clamp(TASTE_UNKNOWN, TASTE_MAX)
}

/// Other creators that the payers share.
pub(crate) fn structure(sight: &Sight<'_>, scan: &mut Scan, creator: u32, scratch: &mut Scratch) {
    let creators = sight.book.creators.len();
    if scratch.joint.len() < creators {
        scratch.joint.resize(creators, 0);
        scratch.lift.resize(creators, 0.0);
        scratch.expected.resize(creators, 0.0);
    }
    let stubs = count(sight, scan, creator, scratch);
    lifts(sight, scan, stubs, scratch);
    if scan.edges.len() >= GROUP_MIN {
        for at in 0..scan.edges.len() {
            basket(sight, scan, at, creator, scratch);
        }
    }
    for &other in &scratch.touched {
        scratch.joint[other as usize] = 0;
        scratch.lift[other as usize] = 0.0;
    }
    scratch.touched.clear();
}

/// What payer `at` pays besides, at other visits.
fn others<'a>(
    sight: &Sight<'a>,
    scan: &Scan,
    at: usize,
    creator: u32,
) -> impl Iterator<Item = u32> + use<'a> {
    let edge = &sight.book.edges[scan.edges[at] as usize];
    #[expect(clippy::cast_possible_truncation, reason = "hours, to a few seconds")]
    let (here, any) = ((edge.first_t / 3_600.0) as f32, sight.world.one_visit);
    let basket = &sight.book.wallets[edge.wallet as usize].basket;
    basket
        .iter()
        .take(OTHERS_MAX)
        // One visit that pays several (an onboarding bundle, a cart) is one act.
        .filter(move |&&(other, t)| other != creator && (any || (t - here).abs() >= VISIT_H))
        .map(|&(other, _)| other)
}

/// Counts joint payers; returns the payers' other payments.
fn count(sight: &Sight<'_>, scan: &Scan, creator: u32, scratch: &mut Scratch) -> usize {
    let mut stubs = 0;
    for at in 0..scan.edges.len() {
        for other in others(sight, scan, at, creator) {
            stubs += 1;
            let joint = &mut scratch.joint[other as usize];
            if *joint == 0 {
                scratch.touched.push(other);
            }
            *joint += 1;
        }
    }
    stubs
}

/// Expected joint payers, and log-lifts above taste.
fn lifts(sight: &Sight<'_>, scan: &mut Scan, stubs: usize, scratch: &mut Scratch) {
    let total = sight.book.edges.len().max(1) as f64;
    let mut all = Vec::new();
    for &other in &scratch.touched {
        let k = scratch.joint[other as usize] as usize;
        let popular = sight.book.creators[other as usize].edges.len();
        let outside = popular.saturating_sub(k) as f64 + 1.0;
        let expected = stubs as f64 * outside / total;
        #[expect(clippy::cast_possible_truncation, reason = "a count")]
        {
            scratch.expected[other as usize] = expected as f32;
        }
        if k < GROUP_MIN {
            continue;
        }
        let found = over(k as f64, expected, 0.5);
        all.push(found.lift);
        scratch.lift[other as usize] = (found.lift - sight.world.taste).max(0.0);
    }
    all.sort_by(f32::total_cmp);
    scan.taste = all.get(all.len() / 2).copied();
}

/// What payer `at` shares with other payers: the most surprising partner, and the list of them.
fn basket(sight: &Sight<'_>, scan: &mut Scan, at: usize, creator: u32, scratch: &Scratch) {
    let payers = |other: u32| sight.book.creators[other as usize].edges.len() as f32;
    let here = sight.payers as f32;
    let mut best = (0.0f32, 0u32);
    let (mut rest, mut partners, mut sum, mut captive) = (0usize, 0usize, 0.0f32, 0.0f32);
    // Payers it meets at further creators, without the one creator where it meets most.
    let (mut met, mut most, mut expected) = (0.0f64, 0.0f64, 0.0f64);
    for other in others(sight, scan, at, creator) {
        let joint = scratch.joint[other as usize] as f32;
        rest += 1;
        met += f64::from(joint - 1.0);
        most = most.max(f64::from(joint - 1.0));
        expected += f64::from(scratch.expected[other as usize]);
        let lift = scratch.lift[other as usize];
        if lift > best.0 {
            best = (lift, other);
        }
        let mutual = joint / here.max(payers(other)) - 0.5 / joint.sqrt();
        if lift > 0.0 && mutual >= MUTUAL_MIN {
            partners += 1;
            sum += mutual;
            captive = captive.max(mutual);
        }
    }
    if rest >= LIST_MIN {
        let mut found = over(met - most, expected, 2.0);
        found.lift = (found.lift - sight.world.taste).max(0.0);
        scan.set(at, Feature::Overlap, found);
    }
    if best.0 <= 0.0 {
        return;
    }
    let (lift, first) = best;
    let observed = scratch.joint[first as usize] as f32;
    scan.set(
        at,
        Feature::Structure,
        Excess { observed, expected: scratch.expected[first as usize], lift },
    );
    if partners >= LIST_MIN {
        let lift = ((1.0 + 2.0 * sum).ln() - LIST_KNOWN).max(0.0);
        scan.set(at, Feature::Block, Excess { observed: partners as f32, expected: 0.0, lift });
    }
    let lift = (captive.max(0.01) / 0.1).ln().max(0.0);
    scan.set(at, Feature::Captive, Excess { observed: captive * 100.0, expected: 10.0, lift });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::Named;
    use crate::scan::{World, scan};

    /// The greatest lifts of block and structure at creator 0, where twenty wallets each pay creators 0 to 11 at
    /// different hours, or all at once.
    fn check(gap_s: f64, taste: Option<f32>) -> (f32, f32) {
        let mut book = Named::default();
        let mut n = 0;
        let mut pay = |book: &mut Named, wallet: usize, creator: usize, t: f64| {
            let wallet = book.wallet(&format!("w{wallet}"), t, n);
            let creator = book.creator(&format!("c{creator}"));
            book.claim(wallet, creator, 1, crate::book::NONE, (t, n));
            n += 1;
        };
        // The rest of the world pays 60 creators, one each day.
        for wallet in 0..600 {
            for visit in 0..5 {
                let creator = 12 + (wallet * 7 + visit * (11 + wallet % 5)) % 60;
                pay(&mut book, wallet, creator, visit as f64 * 86_400.0);
            }
        }
        for wallet in 600..620 {
            for creator in 0..12 {
                pay(&mut book, wallet, creator, 5e5 + creator as f64 * gap_s);
            }
        }
        let mut world = World::estimate(&book, 1e6, false);
        world.taste = taste.unwrap_or(world.taste);
        let creator = book.creator("c0");
        let scan = scan(&book, &world, creator, 1e6, &mut Scratch::default());
        let most = |feature: Feature| {
            scan.vectors.iter().map(|vector| vector[feature as usize]).fold(0.0, f32::max)
        };
        (most(Feature::Block), most(Feature::Structure))
    }

    #[test]
    fn a_list_that_nobody_else_has_is_a_block_and_one_visit_is_one_act() {
        let (block, structure) = check(7_200.0, None);
        assert!(block > 1.2 && structure > 1.2, "{block} {structure}");
        assert_eq!(check(60.0, None), (0.0, 0.0));
        let (_, less) = check(7_200.0, Some(2.0));
        let (_, more) = check(7_200.0, Some(1.0));
        assert!((more - less - 1.0).abs() < 0.01, "taste is taken off: {more}, {less}");
    }
}
