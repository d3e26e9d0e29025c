//! What speaks for a group behind one payment edge, each figure against its own null.
//!
//! A feature is a cautious log-lift (see `null`), 0 when nothing is remarkable. Features of one
//! [`Family`] are not independent of each other; families are, which is why an accusation needs two of them.

/// Number of features of an edge.
pub const COUNT: usize = 21;

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
    /// Not evidence of its own: never counts as a family that fired.
    Company = 256,
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
];

/// Lift from which a family counts as having fired: e^1.2, three times what chance explains, cautiously.
pub const FIRED: f32 = 1.2;

/// Families that can fire.
pub const FAMILY_COUNT: usize = 8;
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

/// The families that fired, as a set of bits.
#[must_use]
pub fn fired(vector: &Vector) -> u16 {
    let mut set = 0;
    for (feature, family) in FAMILIES {
        if feature != Feature::Company && vector[feature as usize] >= FIRED {
            set |= family as u16;
        }
    }
    set
}

/// Families that no honest crowd shares by itself: a viral hour arrives together, is alike and vanishes, but it does
/// not come from one card or one address, nor act in step at several creators. Shared taste is soft too: bundles and
/// communities have it.
pub const HARD: u16 = Family::Origin as u16
    | Family::Money as u16
    | Family::Synchrony as u16
    | Family::Refunds as u16;

/// Two independent families, at least one of them hard.
#[must_use]
pub fn enough(fired: u16) -> bool {
    fired.count_ones() >= 2 && fired & HARD != 0
}
