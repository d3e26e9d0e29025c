//! What the provider chose, as plain values.

use farthing_shared::{Currency, Micros, OriginHash, VerifierId};

/// The provider's choices that decisions depend on.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Claims made out to another verifier are refused.
    pub verifier: VerifierId,
    /// The one currency of this ledger.
    pub currency: Currency,
    /// The provider's own origin: its wallet page may pay every creator.
    pub provider_origin: OriginHash,
    /// The provider's share of each claim in millionths, rounded down; 0 to 1,000,000.
    pub fee_ppm: u32,
    /// How long a creator's money is held so that a refund can still be paid, in milliseconds,
    /// where the creator has not chosen.
    pub refund_window_ms: u64,
    /// What a new wallet is given; more than zero only for demo money.
    pub welcome: Micros,
    /// Claims that one spending key may make within one minute of the clock.
    pub claims_per_key_per_minute: u32,
    /// Claims that one spending key of a slowed wallet may make within one minute of the clock.
    pub claims_per_slowed_key_per_minute: u32,
}
