//! One value with every effect of a batch, and the answers to those who asked.

use alloc::vec::Vec;

use farthing_shared::{ClaimId, Outcome, RefundOutcome, SignedAllowance, SignedBudget};

use crate::findings::{ClaimHold, Decision, FindingRef, FindingRow, Observation};
use crate::rows::{
    Accounts, BackupRow, BudgetRow, Counters, CreatorProfile, CreatorRow, Entry, EntryNumber,
    Equivocation, HoldChange, HoldRow, ItemRow, ItemText, KeyRef, KeyRow, Ownership, PermissionRow,
    ReceiptRow, RefundRow, RefundTally, RefusalTally, RotationRow, Tally, VoucherRow, WalletRef,
    WalletRow,
};

/// A receipt as it is answered.
pub type Receipt = ReceiptRow;

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimAnswer {
    /// The claim.
    pub claim: ClaimId,
    /// Its outcome, the first one when this is a repeat.
    pub outcome: Outcome,
    /// Whether this same claim was answered before.
    pub repeat: bool,
    /// For accepted and already owned.
    pub receipt: Option<Receipt>,
    /// Whether the money of that receipt was given back since: nothing is owned by it any more.
    pub refunded: bool,
}

/// What became of a refund request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefundAnswer {
    /// The claim it names.
    pub claim: ClaimId,
    /// Its outcome, the first one when this is a repeat.
    pub outcome: RefundOutcome,
    /// Whether this same request was answered before.
    pub repeat: bool,
    /// The refund's entry, for refunded and already refunded.
    pub receipt: Option<Receipt>,
}

/// Why an allowance was not put in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AllowanceRefusal {
    /// It is made out to another verifier.
    WrongVerifier,
    /// It is in another currency.
    WrongCurrency,
    /// The wallet was never opened.
    UnknownWallet,
    /// The creator is not known.
    UnknownCreator,
    /// The site is not one of the creator's.
    WrongOrigin,
    /// It has expired, or expires too far ahead.
    BadExpiry,
    /// A newer allowance is in force, or this serial was used for other terms.
    Superseded,
    /// Its serial is too far above the one before it.
    SerialTooHigh,
    /// The spending key belongs to another wallet, creator, site or browser.
    KeyTaken,
}

/// Why a budget was not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BudgetRefusal {
    /// It is made out to another verifier.
    WrongVerifier,
    /// It is in another currency.
    WrongCurrency,
    /// The wallet was never opened.
    UnknownWallet,
    /// Another budget was set since, or this number was used for another one.
    Superseded,
    /// It was signed too long ago, or too far ahead.
    Expired,
}

/// Why a permission was not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PermissionRefusal {
    /// It is made out to another verifier.
    WrongVerifier,
    /// It is in another currency.
    WrongCurrency,
    /// The wallet was never opened.
    UnknownWallet,
    /// There is no such creator.
    UnknownCreator,
    /// Another permission was set since, or this number was used for another one.
    Superseded,
    /// It was signed too long ago, or too far ahead.
    Expired,
}

/// Why a root key was not put in another one's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotationRefusal {
    /// It is made out to another verifier.
    WrongVerifier,
    /// The wallet was never opened.
    UnknownWallet,
    /// Another key took this one's place already.
    Replaced,
    /// The next key is, or was, a root key or a spending key of this ledger.
    KeyTaken,
    /// It was signed too long ago, or too far ahead.
    Expired,
    /// The wallet's key was replaced too often.
    TooMany,
}

/// Why a backup was not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupRefusal {
    /// It is made out to another verifier.
    WrongVerifier,
    /// The wallet was never opened.
    UnknownWallet,
    /// Another wallet keeps one under this name.
    NameTaken,
    /// It was signed too long ago, or too far ahead.
    Expired,
    /// A newer one is kept under this name.
    Superseded,
    /// The wallet keeps as many as it may.
    TooMany,
}

/// Why a voucher was not redeemed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopUpRefusal {
    /// The wallet was never opened.
    UnknownWallet,
    /// No such voucher.
    UnknownVoucher,
    /// Another wallet redeemed it.
    UsedByAnother,
    /// Too late.
    Expired,
    /// The wallet would hold more than an amount can say.
    WalletFull,
}

/// Why an item, offer, creator or voucher was not saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaveRefusal {
    /// The creator is not known.
    UnknownCreator,
    /// The price is out of range for one claim.
    BadPrice,
    /// The offer is made out to another verifier or currency.
    WrongVerifier,
    /// The offer is not signed by the creator's registered offer key.
    WrongKey,
    /// The offer is dated too far ahead or has expired.
    BadTime,
    /// A newer price is in force.
    Superseded,
    /// A voucher with this code exists.
    Exists,
    /// A voucher of nothing, or of more than one may be worth, or all of them together.
    BadAmount,
    /// No such voucher.
    UnknownVoucher,
}

/// Why nothing was decided about a finding or a wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReviewRefusal {
    /// There is no such finding.
    UnknownFinding,
    /// There is no such wallet.
    UnknownWallet,
    /// A person has decided it before; that stands.
    Decided,
    /// Nobody has decided it yet.
    Undecided,
    /// It says who or why with nothing, or with more than may be kept.
    BadWords,
    /// The same party has answered it as often as it may.
    TooManyAnswers,
    /// It is no act upon a finding.
    WrongAct,
}

/// A redeemed voucher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopUpReceipt {
    /// Its entry and amount.
    pub receipt: Receipt,
    /// Whether it was redeemed before, by this same wallet.
    pub repeat: bool,
}

/// The answer to one command, in the order of the commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To [`crate::Command::Claim`] and [`crate::Command::AutomaticClaim`].
    Claim(ClaimAnswer),
    /// To [`crate::Command::OpenWallet`]; `opened` is false when it was open.
    Wallet {
        /// The wallet.
        wallet: WalletRow,
        /// Whether it was opened now.
        opened: bool,
    },
    /// To [`crate::Command::RegisterAllowance`].
    Allowance(Result<KeyRow, AllowanceRefusal>),
    /// To [`crate::Command::SetBudget`].
    Budget(Result<BudgetRow, BudgetRefusal>),
    /// To [`crate::Command::SetPermission`].
    Permission(Result<PermissionRow, PermissionRefusal>),
    /// To [`crate::Command::OpenWallet`] by a root key that another one has replaced.
    Replaced,
    /// To [`crate::Command::Rotate`].
    Rotated(Result<WalletRow, RotationRefusal>),
    /// To [`crate::Command::KeepBackup`].
    Kept(Result<(), BackupRefusal>),
    /// To [`crate::Command::TopUp`].
    TopUp(Result<TopUpReceipt, TopUpRefusal>),
    /// To the commands that save things without moving money.
    Saved(Result<(), SaveRefusal>),
    /// To [`crate::Command::Refund`].
    Refund(RefundAnswer),
    /// To [`crate::Command::ReleaseHolds`]: how many buckets were released.
    Released(u64),
    /// To [`crate::Command::RecordFindings`]: their numbers, and whether each is new.
    Recorded(Vec<(FindingRef, bool)>),
    /// To [`crate::Command::HoldClaims`].
    Held {
        /// Claims held now.
        claims: u64,
        /// Their sum.
        amount: farthing_shared::Micros,
    },
    /// To [`crate::Command::Review`] and [`crate::Command::SetStanding`].
    Reviewed(Result<(), ReviewRefusal>),
    /// To [`crate::Command::SettleFinding`]: claims settled now, and those still held.
    Settled(Result<(u64, u64), ReviewRefusal>),
}

/// Every effect of a batch. A store writes all of it or nothing.
#[derive(Debug, Default)]
pub struct Commit {
    /// One for each command, in their order.
    pub answers: Vec<Answer>,
    /// New entries, in the order of their numbers.
    pub entries: Vec<Entry>,
    /// New ownerships.
    pub owned: Vec<Ownership>,
    /// Ownerships that end with a refund; a store may as well see it by the refund.
    pub disowned: Vec<Ownership>,
    /// Wallets that are new or changed, as they are now.
    pub wallets: Vec<WalletRow>,
    /// Spending keys that are new or changed, as they are now.
    pub keys: Vec<KeyRow>,
    /// Creators that are new or changed, as they are now.
    pub creators: Vec<CreatorRow>,
    /// Profiles that are new or changed, as they are now.
    pub profiles: Vec<CreatorProfile>,
    /// Items that are new or changed, as they are now.
    pub items: Vec<(ItemRow, ItemText)>,
    /// Allowances put in force, to be kept for the audit.
    pub allowances: Vec<(KeyRef, SignedAllowance)>,
    /// Budgets put in force, to be kept for the audit in place of older ones.
    pub budgets: Vec<(WalletRef, SignedBudget)>,
    /// Permissions put in force in place of older ones.
    pub permissions: Vec<PermissionRow>,
    /// Rotations of root keys, each with the row of its wallet among `wallets`.
    pub rotations: Vec<RotationRow>,
    /// Backups that are new, or take the place of one of the same name. All that a wallet kept before one
    /// of `rotations` are gone with it.
    pub backups: Vec<BackupRow>,
    /// Vouchers that are new or changed, as they are now.
    pub vouchers: Vec<VoucherRow>,
    /// By how much holds change; a hold of nothing is removed.
    pub holds_changed: Vec<HoldChange>,
    /// Holds to remove.
    pub holds_released: Vec<HoldRow>,
    /// Answers to refund requests, to be kept in place of older ones of the same claim.
    pub refunds: Vec<RefundRow>,
    /// Counts to add.
    pub refund_tallies: Vec<RefundTally>,
    /// Counts to add.
    pub tallies: Vec<Tally>,
    /// Counts to add.
    pub refusals: Vec<RefusalTally>,
    /// Proofs to keep.
    pub equivocations: Vec<Equivocation>,
    /// New observations, in the order of their numbers.
    pub observations: Vec<Observation>,
    /// Observations of before this time forget their origin.
    pub forget_origins: Option<farthing_shared::UnixMillis>,
    /// Findings that are new or changed, as they are now.
    pub findings: Vec<FindingRow>,
    /// New lines of the trail.
    pub decisions: Vec<Decision>,
    /// Claims under review that are new or changed, as they are now.
    pub claim_holds: Vec<ClaimHold>,
    /// The single accounts as they are now.
    pub accounts: Accounts,
    /// The next numbers.
    pub counters: Option<Counters>,
}

impl Commit {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
            && self.wallets.is_empty()
            && self.keys.is_empty()
            && self.creators.is_empty()
            && self.profiles.is_empty()
            && self.items.is_empty()
            && self.allowances.is_empty()
            && self.budgets.is_empty()
            && self.permissions.is_empty()
            && self.rotations.is_empty()
            && self.backups.is_empty()
            && self.vouchers.is_empty()
            && self.refusals.is_empty()
            && self.refunds.is_empty()
            && self.equivocations.is_empty()
            && self.observations.is_empty()
            && self.forget_origins.is_none()
            && self.findings.is_empty()
            && self.decisions.is_empty()
    }

    /// The newest entry's number, if any entry was made.
    #[must_use]
    pub fn newest_entry(&self) -> Option<EntryNumber> {
        self.entries.last().map(|entry| entry.number)
    }
}
