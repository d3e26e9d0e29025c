use super::*;
use crate::book::Named;
use crate::features::{FIRED, innocent};
use crate::scan::{World, scan};
use crate::taste::Scratch;

/// A book that is written payment by payment.
#[derive(Default)]
struct Ledger {
    book: Named,
    n: u64,
}

impl Ledger {
    /// A thousand wallets with a source and a network of their own, which pay fifty creators.
    fn of_others() -> Self {
        let mut ledger = Self::default();
        for other in 0..1_000 {
            let name = format!("other{other}");
            ledger.pay((&name, &name, &name), other % 50, other as f64);
        }
        ledger
    }

    fn pay(&mut self, (name, fund, prefix): (&str, &str, &str), creator: usize, t: f64) -> u32 {
        self.n += 1;
        let (book, n) = (&mut self.book, self.n);
        let wallet = book.wallet(name, t, n);
        let (fund, prefix) = (book.fund(fund), book.prefix(prefix));
        book.wallets[wallet as usize].prefix = prefix;
        book.top_up(wallet, 10, fund, n);
        let creator = book.creator(&format!("c{creator}"));
        book.claim(wallet, creator, 1, prefix, (t, n));
        wallet
    }

    /// A scan of creator 0, in this world.
    fn scan_in(&mut self, world: &World) -> Scan {
        self.scan_at(world, 1e7)
    }

    fn scan_at(&mut self, world: &World, now: f64) -> Scan {
        let creator = self.book.creator("c0");
        scan(&self.book, world, creator, now, &mut Scratch::default())
    }

    /// The greatest lift of this feature at creator 0.
    fn most(&mut self, feature: Feature) -> f32 {
        let world = World::estimate(&self.book, 1e7, false);
        let scan = self.scan_in(&world);
        scan.vectors.iter().map(|vector| vector[feature as usize]).fold(0.0, f32::max)
    }
}

/// The greatest lift of strangers at creator 0, which 24 wallets on networks of their own pay; each `per_source` of
/// them share a source.
fn check(per_source: usize, one_network: bool) -> f32 {
    let mut ledger = Ledger::of_others();
    for at in 0..24 {
        let source = format!("source{}", at / per_source);
        let prefix = if one_network { source.clone() } else { format!("net{at}") };
        ledger.pay((&format!("w{at}"), &source, &prefix), 0, 2_000.0);
    }
    ledger.most(Feature::Strangers)
}

#[test]
fn strangers_share_several_sources() {
    let cards = check(4, false);
    assert!(cards > 1.5, "six cards among 24 networks: {cards}");
    assert!(check(4, true) <= 0.0, "six families");
    assert!(check(24, false) <= 0.0, "one batch of gifts");
    assert!(check(12, false) <= 0.0, "two batches of gifts");
}

#[test]
fn a_batch_beside_a_farm_is_none_of_its_small_sources() {
    let mut ledger = Ledger::of_others();
    for at in 0..24 + 20 {
        let source = if at < 24 { format!("card{}", at / 4) } else { "gift".to_owned() };
        ledger.pay((&format!("w{at}"), &source, &format!("net{at}")), 0, 2_000.0);
    }
    let world = World::estimate(&ledger.book, 1e7, false);
    let scan = ledger.scan_in(&world);
    let (farm, gift) = (scan.edges.len() - 44, scan.edges.len() - 1);
    for feature in [Feature::Strangers, Feature::FundPairs] {
        let lift = |at: usize| scan.vectors[at][feature as usize];
        assert!(
            lift(farm) >= FIRED && lift(gift) <= 0.0,
            "{feature:?}: {}, {}",
            lift(farm),
            lift(gift)
        );
    }
}

#[test]
fn one_of_many_is_as_large_as_the_others() {
    for (sizes, k, alike) in [
        (vec![4, 4, 4], 4, true),
        (vec![4, 4, 10], 10, true),
        (vec![4, 4, 11], 11, false),
        (vec![2, 2, 2, 7], 7, false),
        (vec![6], 6, false),
        (vec![40, 35, 30, 2, 2, 2, 2, 2], 40, true), // pairs beside a farm's few cards
    ] {
        assert_eq!(Many::of(sizes.iter().copied()).has_alike(k), alike, "{k} of {sizes:?}");
    }
}

/// Twenty wallets of one network, the last payers, that spent their free credit at creator 0, beside forty payers of
/// networks of their own, twenty of whom did the same where `dear`.
fn drained(dear: bool) -> Scan {
    let mut ledger = Ledger::of_others();
    for at in 0..40 {
        let name = format!("w{at}");
        let prefix = if at < 20 { name.as_str() } else { "net" };
        let wallet = ledger.pay((&name, &name, prefix), 0, 2_000.0);
        if dear || at >= 20 {
            let row = &mut ledger.book.wallets[wallet as usize];
            (row.free, row.topped_up) = (Some(1), 0);
        }
    }
    let world = World::estimate(&ledger.book, 1e7, false);
    ledger.scan_in(&world)
}

#[test]
fn a_high_price_empties_every_purse() {
    let lift = |scan: Scan| {
        let network = &scan.vectors[scan.edges.len() - 20..];
        network.iter().map(|vector| vector[Feature::Drained as usize]).fold(0.0, f32::max)
    };
    let (cheap, dear) = (lift(drained(false)), lift(drained(true)));
    assert!(cheap > 2.0, "only theirs: {cheap}");
    assert!(dear < FIRED * 0.5, "half of the others' as well: {dear}");
}

#[test]
fn what_is_shown_of_spent_credit_is_what_was_weighed() {
    for (dear, of_network) in [(false, false), (true, true)] {
        let scan = drained(dear);
        let at = scan.edges.len() - 1;
        let (observed, expected) = scan.shown[at][Feature::Drained as usize];
        let weighed = over(f64::from(observed), f64::from(expected), 1.0).lift;
        let lift = scan.vectors[at][Feature::Drained as usize];
        assert!((lift - weighed).abs() < 1e-4, "{dear}: {lift}, {observed} of {expected}");
        assert!((observed - 20.0).abs() < 1e-4, "the network's: {observed}");
        assert_eq!(scan.about[at].drained_by_network, of_network);
    }
}

#[test]
fn what_a_person_lifted_is_held_against_nobody_else() {
    for by_network in [true, false] {
        let mut ledger = Ledger::of_others();
        let mut accused = Vec::new();
        for at in 0..15 {
            let name = format!("w{at}");
            let (fund, prefix) =
                if by_network { (name.as_str(), "shared") } else { ("shared", name.as_str()) };
            let wallet = ledger.pay((&name, fund, prefix), 0, 2_000.0);
            if at < 7 {
                ledger.book.accuse(wallet);
                accused.push(wallet);
            }
        }
        // The last one came when half of the others were accused.
        let scan = ledger.scan_at(&World::default(), 3_000.0);
        let at = scan.edges.len() - 1;
        let vector = scan.vectors[at];
        assert!(vector[Feature::Known as usize] >= FIRED && !innocent(&vector), "{vector:?}");
        assert_eq!(scan.about[at].known_by_network, by_network);
        assert_eq!(scan.shown[at][Feature::Known as usize], (7.0, 14.0));
        for wallet in &accused {
            ledger.book.lift(*wallet);
            ledger.book.lift(*wallet); // once for each claim that was held
        }
        assert!(ledger.book.wallets[accused[0] as usize].accused, "it is not accused again");
        let scan = ledger.scan_at(&World::default(), 3_000.0);
        let vector = scan.vectors[scan.edges.len() - 1];
        assert!(vector[Feature::Known as usize] <= 0.0 && innocent(&vector), "{vector:?}");
    }
}

#[test]
fn a_lift_counts_once_and_only_where_a_wallet_is_accused() {
    let mut ledger = Ledger::default();
    let wallets = [0, 1, 2].map(|at| ledger.pay((&format!("w{at}"), "source", "net"), 0, 1.0));
    let book = &mut ledger.book;
    book.lift(wallets[0]);
    assert_eq!((&book.fund_accused[..], &book.prefix_accused[..]), (&[0][..], &[0][..]));
    wallets.iter().for_each(|wallet| book.accuse(*wallet));
    for _ in 0..2 {
        book.lift(wallets[1]);
    }
    assert_eq!((&book.fund_accused[..], &book.prefix_accused[..]), (&[2][..], &[2][..]));
}

#[test]
fn a_source_is_known_once_most_of_its_other_wallets_are_accused() {
    for (accused, others, known) in [(7, 14, true), (7, 15, false), (7, 7, true), (2, 2, false)] {
        let mut ledger = Ledger::of_others();
        for at in 0..=others {
            let name = format!("w{at}");
            let wallet = ledger.pay((&name, "source", &name), 0, 2_000.0);
            if at < accused {
                ledger.book.accuse(wallet);
                ledger.book.accuse(wallet); // once
            }
        }
        let scan = ledger.scan_in(&World::default());
        // The last one is not accused itself; the first one is, and does not count for itself.
        let last = scan.vectors[scan.edges.len() - 1][Feature::Known as usize];
        assert_eq!(last >= FIRED, known, "{accused} of {others}: {last}");
        let (seen, _) = scan.shown[scan.edges.len() - 1 - others][Feature::Known as usize];
        assert!(seen < accused as f32, "{seen} of {accused}");
    }
}

#[test]
fn money_from_a_source_later_counts_an_accused_wallet() {
    for lifted in [false, true] {
        let mut book = Named::default();
        let wallet = book.wallet("w", 0.0, 0);
        book.accuse(wallet);
        if lifted {
            book.lift(wallet);
        }
        let fund = book.fund("source");
        book.top_up(wallet, 1, fund, 1);
        assert_eq!(book.fund_accused, [u32::from(!lifted)]);
    }
}

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

/// The greatest lift of a batch of 40 wallets on networks of their own that spend one source's money at the creators
/// that `pays` says, one after the other `apart_s` seconds later.
fn spread(apart_s: f64, pays: impl Fn(usize) -> Vec<usize>) -> f32 {
    let mut ledger = Ledger::of_others();
    for at in 0..40 {
        let name = format!("gift{at}");
        for (visit, creator) in pays(at).into_iter().enumerate() {
            ledger.pay((&name, "batch", &name), creator, 2_000.0 + visit as f64 * apart_s);
        }
    }
    let mut book = ledger.book;
    let world = World::estimate(&book, 1e6, false);
    let mut scratch = Scratch::default();
    let mut most = 0.0f32;
    // Spots are known from the second look on.
    for _ in 0..2 {
        for creator in 0..52 {
            let creator = book.creator(&format!("c{creator}"));
            let scan = scan(&book, &world, creator, 1e6, &mut scratch);
            for &(fund, lift, mostly) in &scan.spots {
                book.spot(fund, (creator, lift, mostly));
            }
            let lifts = scan.vectors.iter().map(|vector| vector[Feature::FundSpread as usize]);
            most = lifts.fold(most, f32::max);
        }
    }
    most
}

#[test]
fn a_batch_that_is_spent_as_one_at_several_creators_is_no_gift() {
    // All share a shelf of twelve and pay four of it; nobody else pays creators 50 and 51.
    let shelf = |at: usize| (0..4).map(move |step| 4 + (at + 3 * step) % 12);
    let with = |own: &[usize], apart_s: f64| {
        spread(apart_s, |at| own.iter().copied().chain(shelf(at)).collect())
    };
    let spent = with(&[50, 51], 7_200.0);
    assert!(spent >= FIRED, "two creators, hours apart: {spent}");
    for (own, apart_s, what) in [
        (vec![50, 51], 60.0, "one visit"),
        (vec![50], 7_200.0, "fans of one creator who were given cards"),
        (vec![0, 1], 7_200.0, "two creators whom others pay as well"),
        (vec![], 7_200.0, "one shelf"),
    ] {
        let lift = with(&own, apart_s);
        assert!(lift < FIRED * 0.7, "{what}: {lift}");
    }
    let alone = spread(7_200.0, |_| vec![50, 51]);
    assert!(alone <= 0.0, "nothing to compare with: {alone}");
}

/// The greatest lift of mates at creator 0 for eight wallets of one source that pay `besides` as well.
fn mates_lift(one_network: bool, besides: impl Fn(usize) -> Vec<usize>) -> f32 {
    let mut ledger = Ledger::of_others();
    for at in 0..8 {
        let name = format!("mate{at}");
        let prefix = if one_network { "house" } else { name.as_str() };
        for creator in std::iter::once(0).chain(besides(at)) {
            let t = 3_600.0 * (1.0 + f64::from(u32::try_from(ledger.n).expect("small")));
            ledger.pay((name.as_str(), "source", prefix), creator, t);
        }
    }
    ledger.most(Feature::FundMates)
}

#[test]
fn mates_of_a_source_that_meet_at_further_creators_are_a_sign() {
    let list = mates_lift(false, |_| vec![50, 51, 52]);
    assert!(list >= FIRED, "one list on eight networks: {list}");
    assert!(mates_lift(true, |_| vec![50, 51, 52]) <= 0.0, "a family");
    let own = mates_lift(false, |at| vec![at * 5 + 1, at * 5 + 2, at * 5 + 3]);
    assert!(own <= 0.0, "tastes of their own: {own}");
}

/// Lift and expectation of `feature` at creator 0 for thirty wallets, or six, of one network or one source.
fn cell(feature: Feature, wallets: usize, taste: f32, of: fn(&str) -> (&str, &str)) -> (f32, f32) {
    let mut ledger = Ledger::of_others();
    for at in 0..wallets {
        let name = format!("w{at}");
        let (fund, prefix) = of(&name);
        ledger.pay((&name, fund, prefix), 0, 2_000.0);
    }
    let world = World { taste, ..World::estimate(&ledger.book, 1e7, false) };
    let scan = ledger.scan_in(&world);
    let at = scan.edges.len() - 1;
    (scan.vectors[at][feature as usize], scan.shown[at][feature as usize].1)
}

#[test]
fn a_network_is_measured_against_the_world_outside_it_and_taste_is_taken_off() {
    let farm = |taste| cell(Feature::PrefixCell, 30, taste, |_| ("source", "net"));
    let (lift, expected) = farm(0.0);
    // Twenty of the thousand others pay the creator.
    assert!((expected - 30.0 * 21.0 / 1_002.0).abs() < 0.01, "{expected}");
    let (less, _) = farm(1.0);
    assert!((lift - less - SHARED_TASTE).abs() < 0.01, "{lift} and {less}");
}

#[test]
fn a_card_of_ones_own_and_a_family_halve_what_is_shared() {
    let half = |one: f32, whole: f32, what: &str| {
        assert!(whole > 0.5 && (one - INNOCENT * whole).abs() < 0.01, "{what}: {one} of {whole}");
    };
    let campus = cell(Feature::PrefixCell, 30, 0.0, |name| (name, "net")).0;
    half(campus, cell(Feature::PrefixCell, 30, 0.0, |_| ("source", "net")).0, "campus");
    let family = cell(Feature::FundCell, 6, 0.0, |_| ("source", "home")).0;
    half(family, cell(Feature::FundCell, 6, 0.0, |name| ("source", name)).0, "family");
}

#[test]
fn one_other_creator_with_a_farm_is_half_a_sign() {
    let mut ledger = Ledger::of_others();
    for creator in 0..3 {
        ledger.pay(("w", "w", "w"), creator, 2_000.0 + creator as f64 * 7_200.0);
    }
    let mut lift = |steered: [f32; 2]| {
        let rows = &mut ledger.book.creators;
        (rows[1].steered, rows[2].steered) = (steered[0], steered[1]);
        ledger.most(Feature::Haunts)
    };
    let (one, both) = (lift([0.8, 0.0]), lift([0.8, 0.8]));
    assert!((one - 1.6).abs() < 0.01 && (both - 3.2).abs() < 0.01, "{one} and {both}");
}

#[test]
fn a_wallet_is_no_mate_of_its_own() {
    let mut ledger = Ledger::of_others();
    for at in 0..10 {
        let wallet = ledger.pay((&format!("w{at}"), "source", "net"), 0, 2_000.0);
        ledger.book.raise(wallet, 0.9);
    }
    let scan = ledger.scan_in(&World::default());
    let (steered, _) = scan.shown[scan.edges.len() - 1][Feature::Mates as usize];
    assert!((steered - 9.0 * 0.9).abs() < 0.01, "{steered}");
}

#[test]
fn wallets_born_sixty_hours_apart_are_two_bursts() {
    let mut ledger = Ledger::of_others();
    for at in 0..14 {
        let t = (400.0 + if at < 7 { 0.0 } else { 60.0 }) * HOUR;
        let name = format!("w{at}");
        ledger.pay((&name, &name, &name), 0, t);
    }
    let scan = ledger.scan_in(&World::default());
    let born = scan.shown.iter().map(|shown| shown[Feature::BirthBurst as usize].0);
    let born: Vec<f32> = born.skip(20).collect();
    assert_eq!(born, [7.0; 14]);
}

#[test]
fn two_of_a_large_source_are_no_sign() {
    let mut book = Named::default();
    book.active += 1_000;
    let world = World { taste: 1.0, ..World::default() };
    let sight = Sight { book: &book, world: &world, payers: 20, others: 980 };
    for (k, size, from, to) in [(2, 40, 0.0, 0.01), (4, 4, 1.0, 1.0), (6, 24, 0.5, 0.8)] {
        let share = own_share(&sight, k, size);
        assert!((from..=to).contains(&share), "{k} of {size}: {share}");
    }
}
