//! Payouts that come back as payments: money that goes in a circle.

use hashbrown::HashMap;

use crate::book::{Book, NONE};
use crate::features::Feature;
use crate::null::{Excess, excess};
use crate::scan::{Scan, Sight};

/// Highest lift of payout money without a closed circle.
pub const RING_OPEN_MAX: f32 = 3.0;

/// Money that came out of payouts and goes where other such money goes; most of all when the circle closes.
pub(crate) fn ring(sight: &Sight<'_>, scan: &mut Scan, creator: u32) {
    let book = sight.book;
    if book.paid_wallets < 2 {
        return;
    }
    let k = scan.payers.iter().filter(|payer| payer.paid_by != NONE).count();
    if k < 2 {
        return;
    }
    let paid = book.paid_wallets as usize;
    let rest = (book.active as usize).saturating_sub(paid);
    let found = excess(k, paid, sight.payers - k, rest, 0.5);
    let here = sight.world.circle.get(&creator);
    for at in 0..scan.edges.len() {
        let by = scan.payers[at].paid_by;
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
pub(crate) fn circles(book: &Book) -> HashMap<u32, u32> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::Named;
    use crate::scan::{World, scan};
    use crate::taste::Scratch;

    #[test]
    fn only_money_of_the_same_circle_closes_it() {
        let mut book = Named::default();
        let creators: Vec<u32> = ["a", "b", "c", "d"].map(|name| book.creator(name)).to_vec();
        let mut n = 0;
        // Two circles, and two wallets that spend the first one's payouts in the second.
        for (by, to) in [(0, 1), (1, 0), (2, 3), (3, 2), (0, 2)] {
            for _ in 0..2 {
                n += 1;
                let wallet = book.wallet(&format!("w{n}"), 0.0, n);
                book.paid_by(wallet, creators[by]);
                book.claim(wallet, creators[to], 1, NONE, (1.0, n));
            }
        }
        let world = World::estimate(&book, 1e6, false);
        let scan = scan(&book, &world, creators[2], 1e6, &mut Scratch::default());
        let lifts: Vec<f32> =
            scan.vectors.iter().map(|vector| vector[Feature::Ring as usize]).collect();
        assert!(lifts[..2].iter().all(|&lift| lift > RING_OPEN_MAX), "its own: {lifts:?}");
        assert!(lifts[2..].iter().all(|&lift| lift <= RING_OPEN_MAX), "the other's: {lifts:?}");
    }
}
