//! What the ledger remembers, row by row, whatever the store behind it.

mod creator;

use alloc::boxed::Box;
use alloc::string::String;

use farthing_shared::{
    ClaimId, ItemHash, Micros, OriginHash, Outcome, PublicKey, Refund, RefundOutcome, SignedBackup,
    SignedRotation, UnixMillis, claim::Claim,
};

use crate::accounts::Rail;
pub use crate::budget::{BudgetRow, Spent};
pub use crate::ceiling::{Ceiling, InMonth};
use crate::findings::{FindingId, Place, Standing};
pub use creator::{CreatorProfile, CreatorRow};

macro_rules! reference {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u64);
    };
}

reference!(
    /// A wallet's number inside this ledger, given in order of opening from 1.
    WalletRef
);
reference!(
    /// A spending key's number, given in order of registration from 1.
    KeyRef
);
reference!(
    /// A creator's number, given in order of registration from 1.
    CreatorRef
);
reference!(
    /// An item's number, given in order of first pricing from 1; 0 stands for donations.
    ItemRef
);
reference!(
    /// An entry's number: 1, 2, 3 … in commit order without gaps; 0 stands for "none".
    EntryNumber
);

/// SHA-256 of a voucher's code; the code itself is never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VoucherHash(pub [u8; 32]);

/// A visitor's wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalletRow {
    /// Its number.
    pub wallet: WalletRef,
    /// Its name.
    pub root: PublicKey,
    /// What it can spend, free credit included.
    pub balance: Micros,
    /// The free credit in it: spent first, and never payable to a creator.
    pub free: Micros,
    /// Whether it may pay.
    pub standing: Standing,
    /// When it was opened.
    pub opened_at: UnixMillis,
    /// Its newest entry; older ones hang on it as a chain.
    pub last_entry: EntryNumber,
    /// Its newest refund; older ones hang on it as a chain.
    pub last_refund: EntryNumber,
    /// What it may pay at most; `None` until its holder has ever said so.
    pub budget: Option<BudgetRow>,
    /// How often its root key was replaced.
    pub generation: u32,
}

impl WalletRow {
    /// Whether a key was allowed by a root key that has been replaced since.
    #[must_use]
    pub fn has_ended(&self, key: &KeyRow) -> bool {
        key.generation < self.generation
    }

    /// Whether a key of it may still be used: no newer one took its place, and the root key that allowed it is
    /// still the wallet's.
    #[must_use]
    pub fn has_in_force(&self, key: &KeyRow) -> bool {
        !key.revoked && !self.has_ended(key)
    }

    /// What it paid a creator in a month, as far as that opens anything to one of its keys: nothing where the key is
    /// another creator's or is not in force. `first` is the key that counts for it.
    #[must_use]
    pub fn paid_as_seen_by(
        &self,
        key: &KeyRow,
        first: Option<&KeyRow>,
        creator: CreatorRef,
    ) -> InMonth {
        let is_theirs = key.creator == creator && self.has_in_force(key);
        first.filter(|_| is_theirs).map(|first| first.in_month).unwrap_or_default()
    }
}

/// A root key that a passkey has sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupRow {
    /// Whose it is.
    pub wallet: WalletRef,
    /// The name, and what is kept under it.
    pub signed: SignedBackup,
}

/// A root key that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationRow {
    /// Whose it was.
    pub wallet: WalletRef,
    /// How many root keys the wallet had before it.
    pub ended: u32,
    /// When it ended.
    pub at: UnixMillis,
    /// The word of both keys.
    pub signed: SignedRotation,
}

/// What the payer of an accepted claim was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiptRow {
    /// The claim's entry.
    pub entry: EntryNumber,
    /// When it was accepted.
    pub at: UnixMillis,
    /// What was charged.
    pub amount: Micros,
}

/// The final answer to a key's newest number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastAnswer {
    /// The number.
    pub sequence: u64,
    /// The claim that used it up.
    pub claim: ClaimId,
    /// What became of it.
    pub outcome: Outcome,
    /// The receipt, for accepted and already owned.
    pub receipt: Option<ReceiptRow>,
    /// The signed claim where no entry keeps it, as evidence should the number be used twice.
    pub signed: Option<Box<[u8; Claim::SIGNED_LEN]>>,
}

/// Every so many entries of a key one is a mark, and marks hang together, so that an old number is
/// found in n / 64 + 64 steps instead of n: at most 320 of some 1.5 µs.
pub const MARK_EVERY: u64 = 64;

/// A spending key with the terms of its newest allowance and the state of its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Its number.
    pub key: KeyRef,
    /// The public key.
    pub public: PublicKey,
    /// The wallet that pays.
    pub wallet: WalletRef,
    /// The only creator it may pay.
    pub creator: CreatorRef,
    /// The only site it may pay from.
    pub origin: OriginHash,
    /// The browser it was given in.
    pub device: u32,
    /// Most it may spend in all.
    pub cap: Micros,
    /// Most for one claim.
    pub per_claim_max: Micros,
    /// No claim is accepted from this time on.
    pub expires_at: UnixMillis,
    /// Of its newest allowance.
    pub serial: u64,
    /// The consent it belongs to.
    pub grant: u64,
    /// A newer key took its place.
    pub revoked: bool,
    /// How often the wallet's root key had been replaced when it signed these terms.
    pub generation: u32,
    /// Spent under this grant.
    pub spent: Micros,
    /// The answer to its newest number.
    pub last: Option<LastAnswer>,
    /// Its newest entry; older ones hang on it as a chain.
    pub last_entry: EntryNumber,
    /// Accepted claims so far.
    pub accepted: u64,
    /// The newest entry of it whose count is a multiple of [`MARK_EVERY`].
    pub mark: EntryNumber,
    /// Proofs of equivocation kept so far.
    pub equivocations: u32,
    /// The minute that `in_minute` counts.
    pub minute: u64,
    /// Claims decided within that minute.
    pub in_minute: u32,
    /// The first key of its wallet for its creator, itself perhaps: there `in_month` counts for all of
    /// them. Never changes.
    pub first: KeyRef,
    /// What the wallet paid the creator within a month, where this is the first key.
    pub in_month: InMonth,
}

impl KeyRow {
    /// The highest number used, 0 when none was.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.last.as_ref().map_or(0, |last| last.sequence)
    }
}

/// An item's price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItemRow {
    /// Its number.
    pub item: ItemRef,
    /// Whose it is.
    pub creator: CreatorRef,
    /// Hash of creator and name.
    pub hash: ItemHash,
    /// What it costs.
    pub price: Micros,
    /// Whether it can be bought.
    pub on_sale: bool,
    /// When the price was set or the offer signed; older offers change nothing.
    pub priced_at: UnixMillis,
    /// The price holds before this time; `None` for a price list entry.
    pub expires_at: Option<UnixMillis>,
}

impl ItemRow {
    /// Whether it can be bought now.
    #[must_use]
    pub fn is_for_sale(&self, now: UnixMillis) -> bool {
        self.on_sale && self.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}

/// An item's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemText {
    /// Canonical name.
    pub name: String,
    /// For people.
    pub title: String,
}

/// A voucher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoucherRow {
    /// Names it.
    pub hash: VoucherHash,
    /// What it is worth.
    pub amount: Micros,
    /// When it was issued.
    pub issued_at: UnixMillis,
    /// It cannot be redeemed from this time on.
    pub expires_at: UnixMillis,
    /// Who redeemed it, and the top-up entry.
    pub used: Option<(WalletRef, EntryNumber)>,
}

/// An accepted claim with the running figures it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimEntry {
    /// The signed claim.
    pub signed: [u8; Claim::SIGNED_LEN],
    /// The key that signed it.
    pub key: KeyRef,
    /// The wallet that paid.
    pub wallet: WalletRef,
    /// Who was paid.
    pub creator: CreatorRef,
    /// For what; 0 for a donation.
    pub item: ItemRef,
    /// What the wallet paid.
    pub amount: Micros,
    /// How much of it was free credit.
    pub free: Micros,
    /// The provider's share of it.
    pub fee: Micros,
    /// Held until this minute of Unix time.
    pub release_minute: u64,
    /// The creator's running number, from 1.
    pub creator_number: u64,
    /// The creator's running total of what was credited (amount less free credit and fee).
    pub creator_total: Micros,
    /// The entry before this one of the same key.
    pub previous_of_key: EntryNumber,
    /// The key's mark before this entry: a shortcut along its chain.
    pub mark_of_key: EntryNumber,
    /// The entry before this one of the same wallet.
    pub previous_of_wallet: EntryNumber,
    /// The entry before this one of the same creator.
    pub previous_of_creator: EntryNumber,
}

/// A claim's money given back, with the running figures it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundEntry {
    /// The payer's signed request.
    pub signed: [u8; Refund::SIGNED_LEN],
    /// The entry of the claim.
    pub claim: EntryNumber,
    /// The wallet that had paid.
    pub wallet: WalletRef,
    /// Who had been paid.
    pub creator: CreatorRef,
    /// For what; 0 for a donation.
    pub item: ItemRef,
    /// What the wallet had paid.
    pub amount: Micros,
    /// How much of it had been free credit, and is again.
    pub free: Micros,
    /// The provider's share of it, given back too.
    pub fee: Micros,
    /// The bucket it was held in.
    pub release_minute: u64,
    /// The running number of the creator's refunds, from 1.
    pub creator_number: u64,
    /// The running total of what refunds took back (amount less free credit and fee).
    pub creator_total: Micros,
    /// The entry before this one of the same wallet.
    pub previous_of_wallet: EntryNumber,
    /// The refund before this one of the same creator.
    pub previous_of_creator: EntryNumber,
    /// The refund before this one of the same wallet.
    pub previous_refund_of_wallet: EntryNumber,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryBody {
    /// A visitor paid a creator.
    Claim(Box<ClaimEntry>),
    /// Money came into a wallet by a rail.
    TopUp {
        /// Whose wallet.
        wallet: WalletRef,
        /// How much.
        amount: Micros,
        /// By which rail.
        rail: Rail,
        /// The rail's name for it: a voucher's hash.
        reference: [u8; 32],
        /// The entry before this one of the same wallet.
        previous_of_wallet: EntryNumber,
    },
    /// A new wallet was given its welcome credit.
    Welcome {
        /// Whose wallet.
        wallet: WalletRef,
        /// How much.
        amount: Micros,
        /// How much of it is free credit: all, but for entries of before there was any.
        free: Micros,
        /// The entry before this one of the same wallet.
        previous_of_wallet: EntryNumber,
    },
    /// A creator's held money became payable.
    Release {
        /// Whose money.
        creator: CreatorRef,
        /// How much.
        amount: Micros,
        /// The bucket it was held in.
        release_minute: u64,
    },
    /// A creator gave a claim's money back.
    Refund(Box<RefundEntry>),
    /// A creator's share of a claim came under review because of a finding.
    Hold(ReviewEntry),
    /// A creator's share of a claim came out of review.
    Lift(ReviewEntry),
}

/// A creator's share of one claim goes into review, or out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewEntry {
    /// Whose share.
    pub creator: CreatorRef,
    /// The claim's entry.
    pub claim: EntryNumber,
    /// How much.
    pub amount: Micros,
    /// Where it comes from, or goes to.
    pub place: Place,
    /// What the finding says.
    pub finding: FindingId,
}

impl RefundEntry {
    /// What it takes back from the creator: the amount less free credit and fee.
    #[must_use]
    pub fn taken(&self) -> Option<Micros> {
        self.amount.minus(self.free)?.minus(self.fee)
    }
}

impl ClaimEntry {
    /// What the creator was credited: the amount less free credit and fee.
    #[must_use]
    pub fn credited(&self) -> Option<Micros> {
        self.amount.minus(self.free)?.minus(self.fee)
    }
}

/// An accepted change of the ledger. Never changed, never removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number in commit order.
    pub number: EntryNumber,
    /// The verifier's clock when it was accepted.
    pub at: UnixMillis,
    /// What happened.
    pub body: EntryBody,
}

/// The next numbers to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// Next entry.
    pub entry: u64,
    /// Next wallet.
    pub wallet: u64,
    /// Next spending key.
    pub key: u64,
    /// Next creator.
    pub creator: u64,
    /// Next item.
    pub item: u64,
    /// Next finding.
    pub finding: u64,
    /// Next observation.
    pub observation: u64,
    /// Next line of the trail.
    pub decision: u64,
}

impl Counters {
    /// Of an empty ledger.
    pub const FIRST: Self = Self {
        entry: 1,
        wallet: 1,
        key: 1,
        creator: 1,
        item: 1,
        finding: 1,
        observation: 1,
        decision: 1,
    };
}

/// Balances of the accounts that exist once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Accounts {
    /// The provider's earnings.
    pub fees: i64,
    /// Voucher clearing.
    pub vouchers: i64,
    /// Welcome credit.
    pub welcome: i64,
}

/// Held money of one creator that is released at one minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldRow {
    /// Whose money.
    pub creator: CreatorRef,
    /// Released at this minute of Unix time.
    pub minute: u64,
    /// How much.
    pub amount: Micros,
}

/// By how much the money held in a bucket changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldChange {
    /// Whose money.
    pub creator: CreatorRef,
    /// Released at this minute of Unix time.
    pub minute: u64,
    /// More or less, never nothing.
    pub micros: i64,
}

/// What became of the newest request to refund a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefundRow {
    /// The entry of the claim.
    pub claim: EntryNumber,
    /// Id of the request.
    pub request: [u8; 32],
    /// When it was asked; an older request is answered as this one.
    pub asked_at: UnixMillis,
    /// What became of it.
    pub outcome: RefundOutcome,
    /// The refund's entry, where there is one.
    pub receipt: Option<ReceiptRow>,
}

/// Refunds of one creator, item and day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefundTally {
    /// UTC day since 1970-01-01.
    pub day: u32,
    /// Whose.
    pub creator: CreatorRef,
    /// Of which item; 0 for donations.
    pub item: ItemRef,
    /// How many more.
    pub count: u64,
    /// What they took back (amount less free credit and fee).
    pub taken: Micros,
}

/// Accepted claims of one creator, item and day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// UTC day since 1970-01-01.
    pub day: u32,
    /// Whose.
    pub creator: CreatorRef,
    /// Of which item; 0 for donations.
    pub item: ItemRef,
    /// How many more.
    pub count: u64,
    /// What they credited (amount less free credit and fee).
    pub credited: Micros,
    /// The free credit that they were paid with.
    pub free: Micros,
}

/// Claims of one creator and day that were not charged, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusalTally {
    /// UTC day since 1970-01-01.
    pub day: u32,
    /// The creator they named; 0 when none is known.
    pub creator: CreatorRef,
    /// The outcome's number; 0 for repeats.
    pub code: u16,
    /// How many more.
    pub count: u64,
    /// Their amounts.
    pub amount: Micros,
}

/// Two signed claims of one key with one number: proof that its holder signed both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Equivocation {
    /// When the second one came.
    pub at: UnixMillis,
    /// The key.
    pub key: KeyRef,
    /// The creator that the key pays.
    pub creator: CreatorRef,
    /// The number.
    pub sequence: u64,
    /// The claim that was answered first.
    pub first: Box<[u8; Claim::SIGNED_LEN]>,
    /// The claim that came later.
    pub second: Box<[u8; Claim::SIGNED_LEN]>,
}

/// A wallet owns an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ownership {
    /// The wallet.
    pub wallet: WalletRef,
    /// The item.
    pub item: ItemHash,
    /// The claim entry that bought it.
    pub entry: EntryNumber,
}
