//! What the ledger remembers of a creator.

use alloc::string::String;
use alloc::vec::Vec;

use farthing_shared::{CreatorId, Micros, PublicKey};

use super::{Ceiling, CreatorRef, EntryNumber};

/// A creator's balances and running figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreatorRow {
    /// Its number.
    pub creator: CreatorRef,
    /// Its public id.
    pub id: CreatorId,
    /// What can be paid out.
    pub payable: Micros,
    /// What is still held.
    pub held: Micros,
    /// What is held because of findings.
    pub review: Micros,
    /// What visitors paid with free credit so far; never payable, and in no other figure here.
    pub free: Micros,
    /// Number of its newest claim entry.
    pub number: u64,
    /// Sum credited by its claims so far.
    pub total: Micros,
    /// Its newest claim entry; older ones hang on it as a chain.
    pub last_entry: EntryNumber,
    /// Number of its newest refund entry.
    pub refunds: u64,
    /// Sum that refunds took back so far; never more than `total`.
    pub refunded: Micros,
    /// Its newest refund entry; older ones hang on it as a chain.
    pub last_refund: EntryNumber,
    /// How long its payers may ask for refunds; `None` for as long as the provider says.
    pub refund_window_ms: Option<u64>,
    /// What it takes from one wallet in a month at most.
    pub ceiling: Ceiling,
}

impl CreatorRow {
    /// Of a creator that nobody has paid yet.
    #[must_use]
    pub fn new(creator: CreatorRef, id: CreatorId) -> Self {
        Self {
            creator,
            id,
            payable: Micros::ZERO,
            held: Micros::ZERO,
            review: Micros::ZERO,
            free: Micros::ZERO,
            number: 0,
            total: Micros::ZERO,
            last_entry: EntryNumber(0),
            refunds: 0,
            refunded: Micros::ZERO,
            last_refund: EntryNumber(0),
            refund_window_ms: None,
            ceiling: Ceiling::default(),
        }
    }
}

/// What a creator is called and where it publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatorProfile {
    /// Its number.
    pub creator: CreatorRef,
    /// Its public id.
    pub id: CreatorId,
    /// For people.
    pub name: String,
    /// Origins of its sites, as browsers write them.
    pub sites: Vec<String>,
    /// Payable amount from which it wants to be paid out.
    pub threshold: Micros,
    /// The key that signs its offers, where it has one.
    pub offer_key: Option<PublicKey>,
    /// Sign-in links and sessions of other generations are void.
    pub link_generation: u32,
}
