//! The graph as the periodic analysis sees it: wallets, creators and one edge per pair that paid.
//!
//! Owns counts and first and last event numbers (the evidence); leaves judging to `detect`. Constant work per event,
//! memory linear in wallets + pairs (an edge is 56 bytes, and 12 in its wallet).

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};

/// "No prefix", "no fund": a trace need not have them.
pub const NONE: u32 = u32::MAX;

/// What is known of a wallet.
#[derive(Debug, Clone)]
pub struct Wallet {
    /// Registration; first sight when the trace has no register events. Seconds.
    pub born_t: f64,
    pub born_n: u64,
    /// Where it registered, or else where its first claim came from.
    pub prefix: u32,
    /// Source of its first top-up.
    pub fund: u32,
    pub fund_n: u64,
    /// Welcome credit, or `None` where the trace does not say.
    pub free: Option<u64>,
    /// The creator whose payout it was topped up with.
    pub paid_by: u32,
    pub topped_up: u64,
    pub spent: u64,
    pub claims: u32,
    pub refunds: u32,
    pub last_claim_t: f64,
    pub edges: Vec<u32>,
    /// Creator and first payment of each edge, in the order of `edges`: what scans of other creators read.
    pub basket: Vec<(u32, f32)>,
    /// Highest score without company so far: what its mates are judged by.
    pub score: f32,
    /// Score as last written in a finding.
    pub told: f32,
    pub accused: bool,
    /// A person lifted what it was accused of. It is not accused a second time, and counts against nobody who shares
    /// its network or its source.
    pub lifted: bool,
    /// Distinct confirmed co-arrivals with a group (`lockstep`).
    pub locks: u16,
    pub registered: bool,
}

/// What is known of a creator.
#[derive(Debug, Clone, Default)]
pub struct Creator {
    pub edges: Vec<u32>,
    pub claims: u32,
    /// Work that new claims have paid for; a scan costs one per payer.
    pub credit: f64,
    pub dirty: bool,
    /// Middle log-lift of its pairs with other creators (`taste`).
    pub taste: Option<f32>,
    /// Share of its payers that look steered, from their scores without company.
    pub steered: f32,
}

/// A wallet and a creator it paid.
#[derive(Debug, Clone)]
pub struct Edge {
    pub wallet: u32,
    pub creator: u32,
    pub count: u32,
    pub amount: u64,
    pub first_t: f64,
    pub last_t: f64,
    pub first_n: u64,
    pub last_n: u64,
}

/// All of it.
#[derive(Debug, Default)]
pub struct Book {
    pub wallets: Vec<Wallet>,
    pub creators: Vec<Creator>,
    pub edges: Vec<Edge>,
    hasher: DefaultHashBuilder,
    /// Places in `edges`.
    edge_of: HashTable<u32>,
    /// Wallets of each prefix that paid, and of each fund that were topped up from it, whether they paid or not.
    pub at_prefix: Vec<Vec<u32>>,
    pub at_fund: Vec<Vec<u32>>,
    /// When the wallets of each prefix and each fund were born, ascending.
    pub prefix_births: Vec<Vec<f64>>,
    pub fund_births: Vec<Vec<f64>>,
    /// Birth times of all wallets, ascending because the trace is.
    pub births: Vec<f64>,
    /// For each ten minutes since the first birth, how many were born before.
    born_before: Vec<u32>,
    /// Sums of `Wallet::score` by prefix and fund.
    pub prefix_scores: Vec<f32>,
    pub fund_scores: Vec<f32>,
    /// How many of `at_prefix` and `at_fund` are accused, without those of whom that was lifted.
    pub prefix_accused: Vec<u32>,
    pub fund_accused: Vec<u32>,
    /// Of each funding source the creators at which it was found concentrated, with the lift.
    pub fund_spots: HashMap<u32, Vec<(u32, f32, bool)>>,
    /// Wallets topped up out of creators' payouts.
    pub paid_wallets: u32,
    /// Wallets with at least one accepted claim.
    pub active: u32,
    pub claims: u64,
}

impl Book {
    /// A wallet is named. The next number that was never seen is a wallet that is born now.
    pub fn wallet(&mut self, number: u32, t: f64, n: u64) {
        if number as usize == self.wallets.len() {
            self.wallets.push(Wallet::born(t, n));
            let slot = self.birth_slot(t);
            if slot >= self.born_before.len() {
                let before = u32::try_from(self.births.len()).unwrap_or(u32::MAX);
                self.born_before.resize(slot + 1, before);
            }
            self.births.push(t);
        }
    }

    fn birth_slot(&self, t: f64) -> usize {
        let passed = (t - self.births.first().copied().unwrap_or(t)) / SLOT_S;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded")]
        let slot = passed.clamp(0.0, SLOTS_MAX) as usize;
        slot
    }

    /// A creator is named.
    pub fn creator(&mut self, number: u32) {
        if number as usize == self.creators.len() {
            self.creators.push(Creator::default());
        }
    }

    /// A prefix is named, or [`NONE`].
    pub fn prefix(&mut self, number: u32) {
        if number as usize == self.at_prefix.len() {
            self.at_prefix.push(Vec::new());
            self.prefix_scores.push(0.0);
            self.prefix_accused.push(0);
            self.prefix_births.push(Vec::new());
        }
    }

    /// A funding source is named, or [`NONE`].
    pub fn fund(&mut self, number: u32) {
        if number as usize == self.at_fund.len() {
            self.at_fund.push(Vec::new());
            self.fund_scores.push(0.0);
            self.fund_accused.push(0);
            self.fund_births.push(Vec::new());
        }
    }

    /// A wallet was topped up with a creator's payout.
    pub fn paid_by(&mut self, wallet: u32, creator: u32) {
        let row = &mut self.wallets[wallet as usize];
        if row.paid_by == NONE {
            row.paid_by = creator;
            self.paid_wallets += 1;
        }
    }

    /// Money from a source; the first source names the wallet's fund.
    pub fn top_up(&mut self, wallet: u32, amount: u64, fund: u32, n: u64) {
        let row = &mut self.wallets[wallet as usize];
        row.topped_up = row.topped_up.saturating_add(amount);
        if row.fund == NONE && fund != NONE {
            row.fund = fund;
            row.fund_n = n;
            self.fund_scores[fund as usize] += row.score;
            self.fund_accused[fund as usize] += u32::from(row.counts_as_accused());
            self.at_fund[fund as usize].push(wallet);
            insert(&mut self.fund_births[fund as usize], row.born_t);
        }
    }

    /// An accepted claim.
    pub fn claim(
        &mut self,
        wallet: u32,
        creator: u32,
        amount: u64,
        prefix: u32,
        (t, n): (f64, u64),
    ) -> u32 {
        self.claims += 1;
        let row = &mut self.wallets[wallet as usize];
        if row.claims == 0 {
            self.active += 1;
            if row.prefix == NONE {
                row.prefix = prefix;
            }
            if row.prefix != NONE {
                self.at_prefix[row.prefix as usize].push(wallet);
                insert(&mut self.prefix_births[row.prefix as usize], row.born_t);
            }
        }
        row.claims += 1;
        row.last_claim_t = t;
        row.spent = row.spent.saturating_add(amount);
        let target = &mut self.creators[creator as usize];
        target.claims += 1;
        target.dirty = true;
        let next = u32::try_from(self.edges.len()).unwrap_or(NONE - 1);
        let Self { hasher, edge_of, edges, .. } = self;
        let pair = |&at: &u32| (edges[at as usize].wallet, edges[at as usize].creator);
        let hash = hasher.hash_one((wallet, creator));
        let known = edge_of.find(hash, |at| pair(at) == (wallet, creator)).copied();
        let number = known.unwrap_or_else(|| {
            edge_of.insert_unique(hash, next, |at| hasher.hash_one(pair(at)));
            next
        });
        if known.is_none() {
            self.edges.push(Edge {
                wallet,
                creator,
                count: 0,
                amount: 0,
                first_t: t,
                last_t: t,
                first_n: n,
                last_n: n,
            });
            row.edges.push(number);
            #[expect(clippy::cast_possible_truncation, reason = "hours, to a few seconds")]
            row.basket.push((creator, (t / 3_600.0) as f32));
            target.edges.push(number);
        }
        let edge = &mut self.edges[number as usize];
        edge.count += 1;
        edge.amount = edge.amount.saturating_add(amount);
        edge.last_t = t;
        edge.last_n = n;
        number
    }

    /// Money went back.
    pub fn refund(&mut self, wallet: u32, creator: u32) {
        self.wallets[wallet as usize].refunds += 1;
        self.creators[creator as usize].dirty = true;
    }

    /// How many wallets were born in `[from, to]`, to ten minutes.
    #[must_use]
    pub fn births_between(&self, from: f64, to: f64) -> usize {
        let before = |slot: usize| {
            self.born_before.get(slot).map_or(self.births.len(), |&count| count as usize)
        };
        before(self.birth_slot(to) + 1).saturating_sub(before(self.birth_slot(from)))
    }

    /// A funding source was found concentrated at a creator; the newest lift counts.
    pub fn spot(&mut self, fund: u32, (creator, lift, mostly): (u32, f32, bool)) {
        let spots = self.fund_spots.entry(fund).or_default();
        if let Some(spot) = spots.iter_mut().find(|spot| spot.0 == creator) {
            (spot.1, spot.2) = (lift, mostly);
        } else if spots.len() < SPOTS_MAX {
            spots.push((creator, lift, mostly));
        }
    }

    /// A wallet is accused; its prefix and fund keep count.
    pub fn accuse(&mut self, wallet: u32) {
        let row = &mut self.wallets[wallet as usize];
        if std::mem::replace(&mut row.accused, true) {
            return;
        }
        if let Some(count) = self.prefix_accused.get_mut(row.prefix as usize) {
            *count += 1;
        }
        if let Some(count) = self.fund_accused.get_mut(row.fund as usize) {
            *count += 1;
        }
    }

    /// What a wallet was accused of is lifted; its prefix and fund count it no longer.
    pub fn lift(&mut self, wallet: u32) {
        let row = &mut self.wallets[wallet as usize];
        // Each claim that was held is given back by an entry of its own, so this comes more than once.
        if !row.counts_as_accused() {
            return;
        }
        row.lifted = true;
        if let Some(count) = self.prefix_accused.get_mut(row.prefix as usize) {
            *count = count.saturating_sub(1);
        }
        if let Some(count) = self.fund_accused.get_mut(row.fund as usize) {
            *count = count.saturating_sub(1);
        }
    }

    /// Raises a wallet's score without company; its prefix and fund keep the sums.
    pub fn raise(&mut self, wallet: u32, score: f32) {
        let row = &mut self.wallets[wallet as usize];
        let more = score - row.score;
        if more <= 0.0 {
            return;
        }
        row.score = score;
        if let Some(sum) = self.prefix_scores.get_mut(row.prefix as usize) {
            *sum += more;
        }
        if let Some(sum) = self.fund_scores.get_mut(row.fund as usize) {
            *sum += more;
        }
    }
}

/// Creators remembered of one funding source.
const SPOTS_MAX: usize = 64;
/// Births are counted in steps of ten minutes, for at most some twenty years.
const SLOT_S: f64 = 600.0;
const SLOTS_MAX: f64 = 1_000_000.0;

/// How many of the ascending `times` lie in `[from, to]`.
#[must_use]
pub fn between(times: &[f64], from: f64, to: f64) -> usize {
    times.partition_point(|&t| t <= to) - times.partition_point(|&t| t < from)
}

/// Keeps `times` ascending. Wallets mostly come in order of birth, so little is moved.
fn insert(times: &mut Vec<f64>, t: f64) {
    let at = times.partition_point(|&other| other <= t);
    times.insert(at, t);
}

impl Wallet {
    /// Whether it is accused and nobody has lifted that.
    #[must_use]
    pub const fn counts_as_accused(&self) -> bool {
        self.accused && !self.lifted
    }

    fn born(t: f64, n: u64) -> Self {
        Self {
            born_t: t,
            born_n: n,
            prefix: NONE,
            fund: NONE,
            fund_n: n,
            free: None,
            paid_by: NONE,
            topped_up: 0,
            spent: 0,
            claims: 0,
            refunds: 0,
            last_claim_t: t,
            edges: Vec::new(),
            basket: Vec::new(),
            score: 0.0,
            told: 0.0,
            accused: false,
            lifted: false,
            locks: 0,
            registered: false,
        }
    }
}

/// A book that is written with names.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct Named {
    pub book: Book,
    pub names: crate::names::Tables,
}

#[cfg(test)]
impl Named {
    pub fn wallet(&mut self, name: &str, t: f64, n: u64) -> u32 {
        let number = self.names.wallets.number(name);
        self.book.wallet(number, t, n);
        number
    }

    pub fn creator(&mut self, name: &str) -> u32 {
        let number = self.names.creators.number(name);
        self.book.creator(number);
        number
    }

    pub fn prefix(&mut self, name: &str) -> u32 {
        let number = self.names.prefixes.number(name);
        self.book.prefix(number);
        number
    }

    pub fn fund(&mut self, name: &str) -> u32 {
        let number = self.names.funds.number(name);
        self.book.fund(number);
        number
    }
}

#[cfg(test)]
impl std::ops::Deref for Named {
    type Target = Book;

    fn deref(&self) -> &Book {
        &self.book
    }
}

#[cfg(test)]
impl std::ops::DerefMut for Named {
    fn deref_mut(&mut self) -> &mut Book {
        &mut self.book
    }
}
