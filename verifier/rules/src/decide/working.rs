//! The batch while it is being decided: rows change here, and nowhere else do balances move.

use alloc::collections::BTreeMap;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use farthing_shared::{BackupName, Micros, Outcome, SignedAllowance, SignedBudget, UnixMillis};

use crate::accounts::{Account, POSTINGS, Rail, balanced, postings};
use crate::commit::{Answer, Commit};
use crate::context::Context;
use crate::findings::{Act, ClaimHold, Decision, FindingRef, FindingRow, Observation, Seen};
use crate::rows::{
    BackupRow, CreatorProfile, CreatorRef, Entry, EntryBody, EntryNumber, Equivocation, HoldChange,
    HoldRow, ItemRef, ItemRow, ItemText, KeyRef, KeyRow, Ownership, PermissionRow, ReceiptRow,
    RefundRow, RefundTally, RefusalTally, RotationRow, Tally, VoucherHash, WalletRef,
};
use farthing_shared::ItemHash;

/// Rows, what changed among them, and what is new.
pub(super) struct Working {
    pub(super) context: Context,
    pub(super) now: UnixMillis,
    entries: Vec<Entry>,
    owned: Vec<Ownership>,
    disowned: Vec<Ownership>,
    wallets: BTreeSet<WalletRef>,
    keys: BTreeSet<KeyRef>,
    creators: BTreeSet<CreatorRef>,
    profiles: BTreeSet<CreatorRef>,
    items: BTreeSet<ItemHash>,
    vouchers: BTreeSet<VoucherHash>,
    allowances: Vec<(KeyRef, SignedAllowance)>,
    budgets: Vec<(WalletRef, SignedBudget)>,
    permissions: Vec<PermissionRow>,
    rotations: Vec<RotationRow>,
    backups: BTreeMap<BackupName, BackupRow>,
    holds_changed: BTreeMap<(CreatorRef, u64), i64>,
    holds_released: Vec<HoldRow>,
    refunds: BTreeMap<EntryNumber, RefundRow>,
    refund_tallies: BTreeMap<(u32, CreatorRef, ItemRef), (u64, Micros)>,
    tallies: BTreeMap<(u32, CreatorRef, ItemRef), (u64, Micros, Micros)>,
    refusals: BTreeMap<(u32, CreatorRef, u16), (u64, Micros)>,
    equivocations: Vec<Equivocation>,
    observations: Vec<Observation>,
    pub(super) forget_origins: Option<UnixMillis>,
    findings: BTreeSet<FindingRef>,
    decisions: Vec<Decision>,
    claim_holds: BTreeSet<EntryNumber>,
}

/// A balance would go below zero or above what an amount can say; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OutOfRange;

impl Working {
    pub(super) fn new(context: Context, now: UnixMillis) -> Self {
        Self {
            context,
            now,
            entries: Vec::new(),
            owned: Vec::new(),
            disowned: Vec::new(),
            wallets: BTreeSet::new(),
            keys: BTreeSet::new(),
            creators: BTreeSet::new(),
            profiles: BTreeSet::new(),
            items: BTreeSet::new(),
            vouchers: BTreeSet::new(),
            allowances: Vec::new(),
            budgets: Vec::new(),
            permissions: Vec::new(),
            rotations: Vec::new(),
            backups: BTreeMap::new(),
            holds_changed: BTreeMap::new(),
            holds_released: Vec::new(),
            refunds: BTreeMap::new(),
            refund_tallies: BTreeMap::new(),
            tallies: BTreeMap::new(),
            refusals: BTreeMap::new(),
            equivocations: Vec::new(),
            observations: Vec::new(),
            forget_origins: None,
            findings: BTreeSet::new(),
            decisions: Vec::new(),
            claim_holds: BTreeSet::new(),
        }
    }

    /// The number that the next entry gets.
    pub(super) fn next_entry(&self) -> EntryNumber {
        EntryNumber(self.context.counters.entry)
    }

    /// Records an entry and moves its money: all postings or none.
    ///
    /// This is the only place where balances change. The assertion stays on in production: an
    /// entry that does not balance must stop the process before it is written.
    pub(super) fn record(&mut self, body: EntryBody) -> Result<EntryNumber, OutOfRange> {
        let number = self.next_entry();
        let entry = Entry { number, at: self.now, body };
        let postings = postings(&entry);
        assert!(balanced(&postings), "the postings of an entry sum to zero");
        // Every balance is computed before any is set, so that an entry which does not fit
        // leaves no trace. No account stands twice in one entry.
        let mut after = [None; POSTINGS];
        for (posting, slot) in postings.iter().zip(&mut after) {
            if posting.micros != 0 {
                *slot = Some(self.balance_after(posting.account, posting.micros)?);
            }
        }
        for (posting, balance) in postings.iter().zip(after) {
            if let Some(balance) = balance {
                self.set_balance(posting.account, balance);
            }
        }
        self.context.counters.entry =
            number.0.checked_add(1).expect("2^64 entries are never reached");
        self.entries.push(entry);
        Ok(number)
    }

    fn balance_after(&self, account: Account, micros: i64) -> Result<i64, OutOfRange> {
        let now = match account {
            Account::Wallet(wallet) => self.wallet_balance(wallet)?,
            Account::CreatorPayable(creator) => self.creator(creator)?.payable.signed(),
            Account::CreatorHeld(creator) => self.creator(creator)?.held.signed(),
            Account::CreatorReview(creator) => self.creator(creator)?.review.signed(),
            Account::Fees => self.context.accounts.fees,
            Account::Clearing(Rail::Voucher) => self.context.accounts.vouchers,
            Account::Welcome => self.context.accounts.welcome,
        };
        let after = now.checked_add(micros).ok_or(OutOfRange)?;
        let owes = matches!(account, Account::Clearing(_) | Account::Welcome);
        if !owes && after < 0 {
            return Err(OutOfRange);
        }
        let magnitude = after.unsigned_abs();
        if magnitude > Micros::MAX.get() { Err(OutOfRange) } else { Ok(after) }
    }

    fn wallet_balance(&self, wallet: WalletRef) -> Result<i64, OutOfRange> {
        self.context.wallets.get(&wallet).map(|row| row.balance.signed()).ok_or(OutOfRange)
    }

    fn creator(&self, creator: CreatorRef) -> Result<&crate::rows::CreatorRow, OutOfRange> {
        self.context.creators.get(&creator).ok_or(OutOfRange)
    }

    fn set_balance(&mut self, account: Account, balance: i64) {
        let amount = u64::try_from(balance).ok().and_then(Micros::new).unwrap_or(Micros::ZERO);
        match account {
            Account::Wallet(wallet) => {
                if let Some(row) = self.context.wallets.get_mut(&wallet) {
                    row.balance = amount;
                }
                self.wallets.insert(wallet);
            }
            Account::CreatorPayable(creator) => {
                if let Some(row) = self.context.creators.get_mut(&creator) {
                    row.payable = amount;
                }
                self.creators.insert(creator);
            }
            Account::CreatorHeld(creator) => {
                if let Some(row) = self.context.creators.get_mut(&creator) {
                    row.held = amount;
                }
                self.creators.insert(creator);
            }
            Account::CreatorReview(creator) => {
                if let Some(row) = self.context.creators.get_mut(&creator) {
                    row.review = amount;
                }
                self.creators.insert(creator);
            }
            Account::Fees => self.context.accounts.fees = balance,
            Account::Clearing(Rail::Voucher) => self.context.accounts.vouchers = balance,
            Account::Welcome => self.context.accounts.welcome = balance,
        }
    }

    /// The entry that this batch made under a number, if it made one.
    pub(super) fn entry_of_this_batch(&self, number: EntryNumber) -> Option<&Entry> {
        let first = self.entries.first()?.number.0;
        let index = usize::try_from(number.0.checked_sub(first)?).ok()?;
        self.entries.get(index)
    }

    pub(super) fn touch_wallet(&mut self, wallet: WalletRef) {
        self.wallets.insert(wallet);
    }

    pub(super) fn touch_key(&mut self, key: KeyRef) {
        self.keys.insert(key);
    }

    pub(super) fn touch_creator(&mut self, creator: CreatorRef) {
        self.creators.insert(creator);
    }

    /// Whether a key's allowance ended because its wallet's root key was replaced.
    pub(super) fn has_ended(&self, key: &KeyRow) -> bool {
        self.context.wallets.get(&key.wallet).is_some_and(|wallet| wallet.has_ended(key))
    }

    /// Whether a key is neither revoked nor ended.
    pub(super) fn is_in_force(&self, key: &KeyRow) -> bool {
        self.context.wallets.get(&key.wallet).is_some_and(|wallet| wallet.has_in_force(key))
    }

    pub(super) fn keep_budget(&mut self, wallet: WalletRef, signed: &SignedBudget) {
        self.budgets.push((wallet, signed.clone()));
        self.touch_wallet(wallet);
    }

    pub(super) fn put_permission(&mut self, row: PermissionRow) {
        self.context.permissions.insert((row.wallet, row.creator), row.clone());
        self.permissions.push(row);
    }

    pub(super) fn keep_rotation(&mut self, row: RotationRow) {
        self.touch_wallet(row.wallet);
        self.rotations.push(row);
    }

    pub(super) fn put_backup(&mut self, row: BackupRow) {
        let name = row.signed.backup().name;
        self.context.backups.insert(name, row.clone());
        self.backups.insert(name, row);
    }

    pub(super) fn drop_backups(&mut self, wallet: WalletRef) {
        self.context.backups.retain(|_, row| row.wallet != wallet);
        self.backups.retain(|_, row| row.wallet != wallet);
    }

    pub(super) fn put_profile(&mut self, profile: CreatorProfile) {
        self.profiles.insert(profile.creator);
        self.context.profiles.insert(profile.creator, profile);
    }

    pub(super) fn put_item(&mut self, row: ItemRow, text: ItemText) {
        self.items.insert(row.hash);
        self.context.texts.insert(row.hash, text);
        self.context.items.insert(row.hash, row);
    }

    pub(super) fn put_voucher(&mut self, row: crate::rows::VoucherRow) {
        self.vouchers.insert(row.hash);
        self.context.vouchers.insert(row.hash, row);
    }

    pub(super) fn put_allowance(&mut self, key: KeyRef, allowance: SignedAllowance) {
        self.allowances.push((key, allowance));
    }

    pub(super) fn own(&mut self, wallet: WalletRef, item: ItemHash, receipt: ReceiptRow) {
        self.context.owned.insert((wallet, item), receipt);
        self.owned.push(Ownership { wallet, item, entry: receipt.entry });
    }

    pub(super) fn hold(&mut self, creator: CreatorRef, minute: u64, micros: i64) {
        let held = self.holds_changed.entry((creator, minute)).or_default();
        *held = held.checked_add(micros).expect("the creator's held balance was checked to fit");
    }

    /// Ends the ownership that a claim's entry had begun.
    pub(super) fn disown(&mut self, wallet: WalletRef, item: ItemHash, entry: EntryNumber) {
        let owned = self.context.owned.get(&(wallet, item));
        if owned.is_some_and(|receipt| receipt.entry == entry) {
            self.context.owned.remove(&(wallet, item));
        }
        self.disowned.push(Ownership { wallet, item, entry });
    }

    /// Keeps the answer to a refund request.
    pub(super) fn keep_refund(&mut self, row: RefundRow) {
        self.context.refunds.insert(row.claim, row);
        self.refunds.insert(row.claim, row);
    }

    pub(super) fn count_refund(&mut self, creator: CreatorRef, item: ItemRef, taken: Micros) {
        let tally = self.refund_tallies.entry((self.now.day(), creator, item)).or_default();
        tally.0 = tally.0.saturating_add(1);
        tally.1 = tally.1.plus(taken).unwrap_or(Micros::MAX);
    }

    pub(super) fn release(&mut self, hold: HoldRow) {
        // What this batch took out of it is gone with it.
        self.holds_changed.remove(&(hold.creator, hold.minute));
        self.holds_released.push(hold);
    }

    /// What is left of a hold that is due after findings of this batch took from it.
    pub(super) fn left_in(&self, hold: HoldRow) -> Micros {
        let taken = self.holds_changed.get(&(hold.creator, hold.minute)).copied().unwrap_or(0);
        let left = hold.amount.signed().saturating_add(taken.min(0));
        u64::try_from(left).ok().and_then(Micros::new).unwrap_or(Micros::ZERO)
    }

    /// Takes an amount out of a bucket, if it is still there and holds so much.
    pub(super) fn take_from_bucket(
        &mut self,
        creator: CreatorRef,
        minute: u64,
        amount: Micros,
    ) -> bool {
        let is_released =
            self.holds_released.iter().any(|hold| (hold.creator, hold.minute) == (creator, minute));
        let Some(held) = self.context.holds.get_mut(&(creator, minute)) else { return false };
        let Some(left) = held.minus(amount).filter(|_| !is_released) else { return false };
        *held = left;
        let less = amount.signed().checked_neg().expect("an amount is never negative");
        self.hold(creator, minute, less);
        true
    }

    pub(super) fn observe(
        &mut self,
        seen: Seen,
        (wallet, creator): (WalletRef, CreatorRef),
        origin: Option<u64>,
        (count, amount): (u64, Micros),
    ) {
        let number = self.context.counters.observation;
        self.context.counters.observation = number.saturating_add(1);
        let after = EntryNumber(self.next_entry().0.saturating_sub(1));
        let at = self.now;
        self.observations.push(Observation {
            number,
            at,
            after,
            seen,
            wallet,
            creator,
            origin,
            amount,
            count,
        });
    }

    pub(super) fn decided(
        &mut self,
        act: Act,
        (finding, wallet): (FindingRef, WalletRef),
        who: &str,
        why: &str,
    ) {
        let number = self.context.counters.decision;
        self.context.counters.decision = number.saturating_add(1);
        let (who, why) = (who.into(), why.into());
        self.decisions.push(Decision { number, at: self.now, act, finding, wallet, who, why });
    }

    pub(super) fn put_finding(&mut self, row: FindingRow) {
        self.findings.insert(row.finding);
        self.context.finding_refs.insert(row.said.id, row.finding);
        self.context.findings.insert(row.finding, row);
    }

    pub(super) fn put_claim_hold(&mut self, row: ClaimHold) {
        self.claim_holds.insert(row.claim);
        self.context.claim_holds.insert(row.claim, row);
    }

    pub(super) fn count_credit(
        &mut self,
        creator: CreatorRef,
        item: ItemRef,
        (credited, free): (Micros, Micros),
    ) {
        let tally = self.tallies.entry((self.now.day(), creator, item)).or_default();
        tally.0 = tally.0.saturating_add(1);
        tally.1 = tally.1.plus(credited).unwrap_or(Micros::MAX);
        tally.2 = tally.2.plus(free).unwrap_or(Micros::MAX);
    }

    pub(super) fn count_refusal(
        &mut self,
        day: u32,
        creator: CreatorRef,
        code: u16,
        (count, amount): (u64, Micros),
    ) {
        let tally = self.refusals.entry((day, creator, code)).or_default();
        tally.0 = tally.0.saturating_add(count);
        tally.1 = tally.1.plus(amount).unwrap_or(Micros::MAX);
    }

    pub(super) fn count_outcome(&mut self, creator: CreatorRef, outcome: Outcome, amount: Micros) {
        self.count_refusal(self.now.day(), creator, outcome.code(), (1, amount));
    }

    pub(super) fn keep_equivocation(&mut self, proof: Equivocation) {
        self.equivocations.push(proof);
    }

    pub(super) fn into_commit(self, answers: Vec<Answer>) -> Commit {
        let Self { context, .. } = self;
        Commit {
            answers,
            entries: self.entries,
            owned: self.owned,
            disowned: self.disowned,
            wallets: rows(&self.wallets, |wallet| context.wallets.get(wallet).copied()),
            keys: rows(&self.keys, |key| context.keys.get(key).cloned()),
            creators: rows(&self.creators, |creator| context.creators.get(creator).copied()),
            profiles: rows(&self.profiles, |creator| context.profiles.get(creator).cloned()),
            items: rows(&self.items, |hash| {
                Some((*context.items.get(hash)?, context.texts.get(hash)?.clone()))
            }),
            allowances: self.allowances,
            budgets: self.budgets,
            permissions: self.permissions,
            rotations: self.rotations,
            backups: self.backups.into_values().collect(),
            vouchers: rows(&self.vouchers, |hash| context.vouchers.get(hash).copied()),
            holds_changed: holds_changed(self.holds_changed),
            holds_released: self.holds_released,
            refunds: self.refunds.into_values().collect(),
            refund_tallies: refund_tallies(self.refund_tallies),
            tallies: self
                .tallies
                .into_iter()
                .map(|((day, creator, item), (count, credited, free))| Tally {
                    day,
                    creator,
                    item,
                    count,
                    credited,
                    free,
                })
                .collect(),
            refusals: self
                .refusals
                .into_iter()
                .map(|((day, creator, code), (count, amount))| RefusalTally {
                    day,
                    creator,
                    code,
                    count,
                    amount,
                })
                .collect(),
            equivocations: self.equivocations,
            observations: self.observations,
            forget_origins: self.forget_origins,
            findings: rows(&self.findings, |finding| context.findings.get(finding).cloned()),
            decisions: self.decisions,
            claim_holds: rows(&self.claim_holds, |claim| context.claim_holds.get(claim).copied()),
            accounts: context.accounts,
            counters: Some(context.counters),
        }
    }
}

fn holds_changed(changes: BTreeMap<(CreatorRef, u64), i64>) -> Vec<HoldChange> {
    let changed = changes.into_iter().filter(|(_, micros)| *micros != 0);
    changed.map(|((creator, minute), micros)| HoldChange { creator, minute, micros }).collect()
}

fn refund_tallies(sums: BTreeMap<(u32, CreatorRef, ItemRef), (u64, Micros)>) -> Vec<RefundTally> {
    let tally =
        |((day, creator, item), (count, taken))| RefundTally { day, creator, item, count, taken };
    sums.into_iter().map(tally).collect()
}

/// The rows that changed, as they are now.
fn rows<Name, Row>(changed: &BTreeSet<Name>, row: impl Fn(&Name) -> Option<Row>) -> Vec<Row> {
    changed.iter().filter_map(row).collect()
}
