//! What speaks for a group behind one payment edge, each figure against its own null.
//!
//! A feature is a cautious log-lift (see `null`), 0 when nothing is remarkable. Features of one
//! [`Family`] are not independent of each other; families are, which is why an accusation needs two of them.

/// Number of features of an edge.
pub const COUNT: usize = 34;

/// The features, in the order of their weights in `calibrate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Feature {
    /// Payers of the creator from one network prefix.
    PrefixCell = 0,
    /// Payers of the creator with one funding source.
    FundCell,
    /// Many small groups of payers that share a prefix.
    PrefixPairs,
    /// Many small groups of payers that share a funding source.
    FundPairs,
    /// Payers that were registered within one short window.
    BirthBurst,
    /// Wallets of one prefix registered within one short window.
    PrefixBurst,
    /// Wallets of one funding source registered within one short window.
    FundBurst,
    /// Wallets that share both prefix and funding source.
    PrefixAndFund,
    /// Payers that also share other creators, beyond popularity.
    Structure,
    /// Payers that arrive together again and again at several creators.
    Lockstep,
    /// Payers that pay this creator equally often.
    AlikeCount,
    /// Payers that come equally soon after registration.
    AlikeDelay,
    /// Payers with the same rhythm of payments.
    AlikeRhythm,
    /// Payers that pay nobody else, several times.
    Exclusive,
    /// Payers on free credit only.
    FreeOnly,
    /// Payers that spent their free credit to the end.
    Drained,
    /// Payers that were active shortly and vanished.
    Vanished,
    /// Payers whose claims were refunded.
    Refunds,
    /// The wallet's own share of refunds.
    OwnRefunds,
    /// Money that came out of a creator's payout and goes back in.
    Ring,
    /// How many other payers of the creator look steered too: alone, little is worth much.
    Company,
    /// Several of the wallet's creators surprise with each other: a shared list, not a shared taste.
    Block,
    /// The creators it shares with other payers have few payers besides.
    Captive,
    /// Payers that spend most of their money here.
    Mostly,
    /// The wallet's own share of payments here.
    Devotion,
    /// Which share of the other payers looks steered.
    CompanyShare,
    /// Wallets of the same small network or funding source that look steered.
    Mates,
    /// All that the wallet pays besides, taken together, is paid by the other payers too.
    Overlap,
    /// Payers that pay here several times within days and then no more.
    Hasty,
    /// Payers that share small funding sources with payers of other networks, several such sources.
    Strangers,
    /// Of the wallet's other creators, how far the payers of the two worst look steered.
    Haunts,
    /// Further creators at which the wallet's funding source is as concentrated: a batch that is spent as one.
    FundSpread,
    /// Wallets of its small funding source, of other networks, pay the wallet's other creators as well.
    FundMates,
    /// Most other wallets of its funding source or of its network are accused.
    Known,
}

/// Independent kinds of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Family {
    Origin = 1,
    Money = 2,
    Arrival = 4,
    Structure = 8,
    Synchrony = 16,
    Alike = 32,
    Life = 64,
    Refunds = 128,
    Block = 256,
    Audience = 512,
    /// Not evidence of its own: never counts as a family that fired.
    Company = 1024,
}

/// The features of one edge.
pub type Vector = [f32; COUNT];

/// Features with the family each belongs to.
pub const FAMILIES: [(Feature, Family); COUNT] = [
    (Feature::PrefixCell, Family::Origin),
    (Feature::FundCell, Family::Money),
    (Feature::PrefixPairs, Family::Origin),
    (Feature::FundPairs, Family::Money),
    (Feature::BirthBurst, Family::Arrival),
    (Feature::PrefixBurst, Family::Origin),
    (Feature::FundBurst, Family::Money),
    (Feature::PrefixAndFund, Family::Origin),
    (Feature::Structure, Family::Structure),
    (Feature::Lockstep, Family::Synchrony),
    (Feature::AlikeCount, Family::Alike),
    (Feature::AlikeDelay, Family::Alike),
    (Feature::AlikeRhythm, Family::Alike),
    (Feature::Exclusive, Family::Life),
    (Feature::FreeOnly, Family::Life),
    (Feature::Drained, Family::Life),
    (Feature::Vanished, Family::Life),
    (Feature::Refunds, Family::Refunds),
    (Feature::OwnRefunds, Family::Refunds),
    (Feature::Ring, Family::Money),
    (Feature::Company, Family::Company),
    (Feature::Block, Family::Block),
    (Feature::Captive, Family::Audience),
    (Feature::Mostly, Family::Life),
    (Feature::Devotion, Family::Life),
    (Feature::CompanyShare, Family::Company),
    (Feature::Mates, Family::Company),
    (Feature::Overlap, Family::Structure),
    (Feature::Hasty, Family::Alike),
    (Feature::Strangers, Family::Money),
    (Feature::Haunts, Family::Company),
    (Feature::FundSpread, Family::Money),
    (Feature::FundMates, Family::Structure),
    (Feature::Known, Family::Company),
];

/// Lift from which a family counts as having fired: e, 2.7 times what chance explains, cautiously.
pub const FIRED: f32 = 1.0;

/// The same for what honest crowds share by themselves too: it only supports what is hard, so less of it is enough.
pub const SOFT_FIRED: f32 = 0.6;

/// Families that can fire.
pub const FAMILY_COUNT: usize = 10;
/// Pairs of different families.
pub const PAIRS: usize = FAMILY_COUNT * (FAMILY_COUNT - 1) / 2;

/// For each pair of families the weaker one's strongest lift: what both together say.
#[must_use]
pub fn pairs(vector: &Vector) -> [f32; PAIRS] {
    let mut best = [0.0f32; FAMILY_COUNT];
    for (feature, family) in FAMILIES {
        let place = (family as u16).trailing_zeros() as usize;
        if place < FAMILY_COUNT {
            best[place] = best[place].max(vector[feature as usize]);
        }
    }
    let mut pairs = [0.0; PAIRS];
    let mut at = 0;
    for a in 0..FAMILY_COUNT {
        for b in a + 1..FAMILY_COUNT {
            pairs[at] = best[a].min(best[b]);
            at += 1;
        }
    }
    pairs
}

/// Whether both families of each pair are hard (2), one (1) or none (0).
#[must_use]
pub fn hardness(pair: usize) -> u32 {
    let mut at = 0;
    for a in 0..FAMILY_COUNT {
        for b in a + 1..FAMILY_COUNT {
            if at == pair {
                return u32::from(HARD >> a & 1) + u32::from(HARD >> b & 1);
            }
            at += 1;
        }
    }
    0
}

fn fires_from(family: Family) -> f32 {
    if HARD & family as u16 == 0 { SOFT_FIRED } else { FIRED }
}

/// The families that fired, as a set of bits.
#[must_use]
pub fn fired(vector: &Vector) -> u16 {
    let mut set = 0;
    for (feature, family) in FAMILIES {
        if family != Family::Company && vector[feature as usize] >= fires_from(family) {
            set |= family as u16;
        }
    }
    set
}

/// Families that no honest crowd shares by itself: a viral hour arrives together, is alike and vanishes, but it does
/// not come from one card or one address, nor act in step at several creators. Shared taste is soft: bundles and
/// communities have it; a long list of creators that hardly anybody else combines (`Block`) is not taste.
pub const HARD: u16 = Family::Origin as u16
    | Family::Money as u16
    | Family::Synchrony as u16
    | Family::Refunds as u16
    | Family::Block as u16;

/// Lift from which money supports what one common network suggests.
const SUPPORTS: f32 = 0.4;

/// Log of one plus the other payers that look steered, and thrice their share, from which a creator's payers are a farm's:
/// about as many as a group that may be accused has (a sum of probabilities, 6.03), and three in ten.
const FARM_COMPANY: f32 = 1.95;
const FARM_SHARE: f32 = 0.9;

/// Two independent families, at least one of them hard. Among a farm's payers several small sources that strangers share
/// need no second family: its other members have it.
#[must_use]
pub fn enough(vector: &Vector) -> bool {
    let fired = fired(vector);
    (fired.count_ones() >= 2 || farmed(vector)) && fired & HARD != 0 && !innocent(vector)
}

fn farmed(vector: &Vector) -> bool {
    let lift = |feature: Feature| vector[feature as usize];
    lift(Feature::Strangers) >= FIRED
        && lift(Feature::Company) >= FARM_COMPANY
        && lift(Feature::CompanyShare) >= FARM_SHARE
}

/// One common network and nothing else hard: what students of one campus share, who may come at once and like the same.
/// Wallets that also share money, or burn their free credit and go, are no students.
#[must_use]
pub fn campus(vector: &Vector) -> bool {
    let lift = |feature: Feature| vector[feature as usize];
    let many_networks = || lift(Feature::PrefixPairs) >= FIRED;
    let money = || {
        FAMILIES
            .iter()
            .any(|(feature, family)| *family == Family::Money && lift(*feature) >= SUPPORTS)
    };
    fired(vector) & HARD == Family::Origin as u16 && !(many_networks() || burnt(vector) || money())
}

/// One common batch of vouchers and nothing else hard: hundreds get gift cards, at one time and with one taste.
#[must_use]
pub fn batch(vector: &Vector) -> bool {
    let lift = |feature: Feature| vector[feature as usize];
    let other = [Feature::FundPairs, Feature::Strangers, Feature::Ring, Feature::FundSpread];
    let several = other.iter().any(|&feature| lift(feature) >= FIRED);
    fired(vector) & HARD == Family::Money as u16 && !(several || burnt(vector))
}

/// A campus or a batch of gift cards: signs that an innocent crowd has too. One of which most wallets are accused is none;
/// everybody who is accused counts, also who was accused only for that reason, but nobody whom a person cleared.
#[must_use]
pub fn innocent(vector: &Vector) -> bool {
    vector[Feature::Known as usize] < FIRED && (campus(vector) || batch(vector))
}

fn burnt(vector: &Vector) -> bool {
    vector[Feature::Drained as usize] >= FIRED || vector[Feature::Vanished as usize] >= FIRED
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(features: &[(Feature, f32)], expected: bool) {
        let mut vector = [0.0; COUNT];
        for &(feature, lift) in features {
            vector[feature as usize] = lift;
        }
        assert_eq!(enough(&vector), expected, "{features:?}");
    }

    #[test]
    fn two_kinds_of_evidence_and_one_of_them_hard() {
        check(&[], false);
        check(&[(Feature::FundCell, 4.0)], false);
        check(&[(Feature::BirthBurst, 4.0), (Feature::Structure, 4.0)], false); // a fan club
        check(&[(Feature::Strangers, 1.5), (Feature::BirthBurst, 1.5)], true);
        check(&[(Feature::Strangers, FIRED), (Feature::BirthBurst, SOFT_FIRED)], true);
        check(&[(Feature::Strangers, FIRED), (Feature::BirthBurst, SOFT_FIRED - 0.01)], false);
        check(&[(Feature::Strangers, FIRED - 0.01), (Feature::BirthBurst, 4.0)], false);
        check(&[(Feature::FundCell, 1.5), (Feature::FundPairs, 4.0)], false); // one kind
        check(&[(Feature::Company, 4.0), (Feature::FundCell, 1.5)], false); // no kind of its own
        check(&[(Feature::Block, 1.5), (Feature::Captive, 1.5)], true);
    }

    #[test]
    fn students_are_no_farm() {
        let campus = [(Feature::PrefixCell, 3.0), (Feature::BirthBurst, 3.0)];
        check(&campus, false);
        check(&[campus[0], campus[1], (Feature::FundPairs, 0.5)], true);
        check(&[campus[0], campus[1], (Feature::Drained, 2.0)], true);
        check(&[campus[0], campus[1], (Feature::Lockstep, 2.0)], true);
    }

    #[test]
    fn a_batch_of_gift_cards_is_no_farm() {
        let batch = [(Feature::FundCell, 3.0), (Feature::BirthBurst, 3.0)];
        check(&batch, false);
        check(&[batch[0], batch[1], (Feature::Strangers, 2.0)], true);
        check(&[batch[0], batch[1], (Feature::FundSpread, FIRED)], true);
        check(&[batch[0], batch[1], (Feature::FundSpread, FIRED - 0.01)], false);
        check(&[batch[0], batch[1], (Feature::PrefixPairs, 1.0)], true);
        check(&[batch[0], batch[1], (Feature::Drained, 2.0)], true);
    }

    #[test]
    fn a_crowd_of_which_most_are_accused_is_not_innocent() {
        for cell in [Feature::PrefixCell, Feature::FundCell] {
            let crowd = [(cell, 3.0), (Feature::BirthBurst, 3.0)];
            check(&[crowd[0], crowd[1], (Feature::Known, FIRED)], true);
            check(&[crowd[0], crowd[1], (Feature::Known, FIRED - 0.01)], false);
            check(&[crowd[0], (Feature::Known, 3.0)], false); // one kind of its own
        }
        check(&[(Feature::BirthBurst, 3.0), (Feature::Known, 3.0)], false); // nothing hard of its own
    }

    #[test]
    fn small_sources_of_strangers_are_enough_among_a_farm_only() {
        let signs = [
            (Feature::Strangers, FIRED),
            (Feature::Company, FARM_COMPANY),
            (Feature::CompanyShare, FARM_SHARE),
        ];
        check(&signs, true);
        for at in 0..signs.len() {
            let mut less = signs;
            less[at].1 -= 0.01;
            check(&less, false);
        }
    }
}
