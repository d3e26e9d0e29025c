//! The rows a batch depends on, as a store read them inside its transaction.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use farthing_shared::{
    BackupName, ClaimId, CreatorId, ItemHash, Micros, PublicKey, UnixMillis, claim::Claim,
};
use hashbrown::{HashMap, HashSet};

use crate::budget::Spent;
use crate::command::Slot;
use crate::findings::{ClaimHold, FindingId, FindingRef, FindingRow};
use crate::rows::{
    Accounts, BackupRow, ClaimEntry, Counters, CreatorProfile, CreatorRef, CreatorRow, EntryNumber,
    HoldRow, InMonth, ItemRow, ItemText, KeyRef, KeyRow, PermissionRow, ReceiptRow, RefundRow,
    VoucherHash, VoucherRow, WalletRef, WalletRow,
};

/// An accepted claim under an older number of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastClaim {
    /// Its id.
    pub claim: ClaimId,
    /// Its receipt.
    pub receipt: ReceiptRow,
    /// The signed claim.
    pub signed: Box<[u8; Claim::SIGNED_LEN]>,
}

/// A root key that another one has replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormerRoot {
    /// Whose it was.
    pub wallet: WalletRef,
    /// The key that took its place.
    pub next: PublicKey,
}

/// Everything the decision may look at. Rows that do not exist are absent.
#[derive(Debug)]
pub struct Context {
    /// The next numbers to give.
    pub counters: Counters,
    /// The accounts that exist once.
    pub accounts: Accounts,
    /// Spending keys of claims, allowances and slots.
    pub keys: HashMap<KeyRef, KeyRow>,
    /// Their numbers by public key.
    pub key_refs: HashMap<PublicKey, KeyRef>,
    /// The key in force at each slot named.
    pub slots: HashMap<Slot, KeyRef>,
    /// The first key of the wallet for the creator of each slot named, where there is one.
    pub first_keys: HashMap<(WalletRef, CreatorRef), KeyRef>,
    /// Wallets of keys and root keys.
    pub wallets: HashMap<WalletRef, WalletRow>,
    /// Their numbers by root key.
    pub wallet_refs: HashMap<PublicKey, WalletRef>,
    /// Those of the root keys named that were replaced; their wallets are read too.
    pub former_roots: HashMap<PublicKey, FormerRoot>,
    /// Root keys that this batch put in the place of others.
    pub new_roots: HashMap<PublicKey, WalletRef>,
    /// Backups named, and all of the wallets that name one.
    pub backups: HashMap<BackupName, BackupRow>,
    /// Creators of keys and those named.
    pub creators: HashMap<CreatorRef, CreatorRow>,
    /// Their numbers by public id.
    pub creator_refs: HashMap<CreatorId, CreatorRef>,
    /// Profiles of the creators named by id (not those of claims).
    pub profiles: HashMap<CreatorRef, CreatorProfile>,
    /// Items of claims and those named.
    pub items: HashMap<ItemHash, ItemRow>,
    /// Words of the items named (not those of claims).
    pub texts: HashMap<ItemHash, ItemText>,
    /// Which of the claims' items are owned, with the receipt of the purchase.
    pub owned: HashMap<(WalletRef, ItemHash), ReceiptRow>,
    /// Permissions named, and those of automatic claims.
    pub permissions: HashMap<(WalletRef, CreatorRef), PermissionRow>,
    /// Of automatic claims: what the wallet paid the creator for items in this month, less what was refunded; [`Micros::MAX`]
    /// where that was too much to add up.
    pub paid_this_month: HashMap<(WalletRef, CreatorRef), Micros>,
    /// Which of the automatic claims' items the wallet had bought before and had its money back for.
    pub given_back: HashSet<(WalletRef, ItemHash)>,
    /// Accepted claims under the older numbers that claims of this batch use again.
    pub past: HashMap<(KeyRef, u64), PastClaim>,
    /// Numbers of these keys for which a proof of equivocation is kept already.
    pub proved: HashSet<(KeyRef, u64)>,
    /// Vouchers named.
    pub vouchers: HashMap<VoucherHash, VoucherRow>,
    /// Receipts of the vouchers' top-up entries.
    pub top_ups: HashMap<EntryNumber, ReceiptRow>,
    /// The claims that refund requests and holds name, and those held by a finding to be settled.
    pub claims: HashMap<EntryNumber, ClaimEntry>,
    /// When those claims were accepted.
    pub claimed_at: HashMap<EntryNumber, UnixMillis>,
    /// What the wallets of those claims had paid their creators for items in the claims' month, less what was refunded,
    /// where the month that is counted has moved on ([`crate::ceiling::Ceiling::has_moved_on`]).
    pub paid_before: HashMap<EntryNumber, InMonth>,
    /// What wallets that may get their first budget paid in this month.
    pub spent: HashMap<WalletRef, Spent>,
    /// Answers to earlier refund requests, of those claims and of claims that are sent again.
    pub refunds: HashMap<EntryNumber, RefundRow>,
    /// What is held in the buckets of those claims.
    pub holds: HashMap<(CreatorRef, u64), Micros>,
    /// Of the wallets of those claims, and of automatic ones: when and by whom they were refunded, newest first, at most
    /// [`farthing_shared::limits::REFUNDS_PER_WALLET_MAX`].
    pub recent_refunds: HashMap<WalletRef, Vec<(UnixMillis, CreatorRef)>>,
    /// Holds that are due, in order of creator and minute.
    pub holds_due: Vec<HoldRow>,
    /// Findings named.
    pub findings: HashMap<FindingRef, FindingRow>,
    /// How often each party has answered them.
    pub answers: HashMap<(FindingRef, String), u64>,
    /// Those of the findings named by content that are known.
    pub finding_refs: HashMap<FindingId, FindingRef>,
    /// Claims among them that are, or were, under review.
    pub claim_holds: HashMap<EntryNumber, ClaimHold>,
    /// Claims that a finding to be settled holds, as many as one batch may settle.
    pub to_settle: HashMap<FindingRef, Vec<EntryNumber>>,
}

impl Context {
    /// Of an empty ledger.
    #[must_use]
    pub fn new(counters: Counters, accounts: Accounts) -> Self {
        Self {
            counters,
            accounts,
            keys: HashMap::new(),
            key_refs: HashMap::new(),
            slots: HashMap::new(),
            first_keys: HashMap::new(),
            wallets: HashMap::new(),
            wallet_refs: HashMap::new(),
            backups: HashMap::new(),
            former_roots: HashMap::new(),
            new_roots: HashMap::new(),
            creators: HashMap::new(),
            creator_refs: HashMap::new(),
            profiles: HashMap::new(),
            items: HashMap::new(),
            texts: HashMap::new(),
            owned: HashMap::new(),
            permissions: HashMap::new(),
            paid_this_month: HashMap::new(),
            given_back: HashSet::new(),
            past: HashMap::new(),
            proved: HashSet::new(),
            vouchers: HashMap::new(),
            top_ups: HashMap::new(),
            claims: HashMap::new(),
            claimed_at: HashMap::new(),
            paid_before: HashMap::new(),
            spent: HashMap::new(),
            refunds: HashMap::new(),
            holds: HashMap::new(),
            recent_refunds: HashMap::new(),
            holds_due: Vec::new(),
            findings: HashMap::new(),
            finding_refs: HashMap::new(),
            claim_holds: HashMap::new(),
            to_settle: HashMap::new(),
            answers: HashMap::new(),
        }
    }

    /// Adds a spending key.
    pub fn put_key(&mut self, row: KeyRow) {
        self.key_refs.insert(row.public, row.key);
        self.keys.insert(row.key, row);
    }

    /// Adds a wallet.
    pub fn put_wallet(&mut self, row: WalletRow) {
        self.wallet_refs.insert(row.root, row.wallet);
        self.wallets.insert(row.wallet, row);
    }

    /// Adds a creator's balances.
    pub fn put_creator(&mut self, row: CreatorRow) {
        self.creator_refs.insert(row.id, row.creator);
        self.creators.insert(row.creator, row);
    }
}
