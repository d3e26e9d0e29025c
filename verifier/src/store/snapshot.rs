//! A whole ledger in memory, row by row in order: what the model is, and what the contract suite
//! compares.

use std::collections::{BTreeMap, BTreeSet};

use farthing_rules::findings::{ClaimHold, Decision, FindingRef, FindingRow, Observation};
use farthing_rules::rows::{
    Accounts, Counters, CreatorProfile, CreatorRow, Entry, Equivocation, ItemRow, ItemText, KeyRow,
    RefundRow, VoucherRow, WalletRow,
};
use farthing_rules::{Commit, CreatorRef, EntryNumber, ItemRef, KeyRef, VoucherHash, WalletRef};
use farthing_shared::{BackupName, ItemHash, Micros, UnixMillis};

/// Every row of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The next numbers.
    pub counters: Counters,
    /// The accounts that exist once.
    pub accounts: Accounts,
    /// By number.
    pub wallets: BTreeMap<WalletRef, WalletRow>,
    /// By number.
    pub keys: BTreeMap<KeyRef, KeyRow>,
    /// Signed bytes by key and serial.
    pub allowances: BTreeMap<(KeyRef, u64), Vec<u8>>,
    /// Signed bytes of the budget in force, by wallet.
    pub budgets: BTreeMap<WalletRef, Vec<u8>>,
    /// Signed bytes of the newest permission, by wallet and creator.
    pub permissions: BTreeMap<(WalletRef, CreatorRef), Vec<u8>>,
    /// When a wallet's root keys ended, and the signed bytes, by wallet and how many it had before.
    pub rotations: BTreeMap<(WalletRef, u32), (UnixMillis, Vec<u8>)>,
    /// Signed bytes of backups, by wallet and name.
    pub backups: BTreeMap<(WalletRef, BackupName), Vec<u8>>,
    /// By number.
    pub creators: BTreeMap<CreatorRef, CreatorRow>,
    /// By number.
    pub profiles: BTreeMap<CreatorRef, CreatorProfile>,
    /// By hash.
    pub items: BTreeMap<ItemHash, (ItemRow, ItemText)>,
    /// By hash.
    pub vouchers: BTreeMap<VoucherHash, VoucherRow>,
    /// In order of their numbers.
    pub entries: Vec<Entry>,
    /// Wallet, item, entry.
    pub owned: BTreeSet<(WalletRef, ItemHash, u64)>,
    /// Amounts by creator and minute.
    pub holds: BTreeMap<(CreatorRef, u64), Micros>,
    /// Answers to refund requests, by the entry of the claim.
    pub refunds: BTreeMap<EntryNumber, RefundRow>,
    /// Count and sum by day (0: all days), creator, item.
    pub refund_tallies: BTreeMap<(u32, CreatorRef, ItemRef), (u64, Micros)>,
    /// Count, sum and free credit by day (0: all days), creator, item.
    pub tallies: BTreeMap<(u32, CreatorRef, ItemRef), (u64, Micros, Micros)>,
    /// Count and sum by day, creator, outcome.
    pub refusals: BTreeMap<(u32, CreatorRef, u16), (u64, Micros)>,
    /// In order of their arrival.
    pub equivocations: Vec<Equivocation>,
    /// In order of their numbers.
    pub observations: Vec<Observation>,
    /// By number.
    pub findings: BTreeMap<FindingRef, FindingRow>,
    /// In order of their numbers.
    pub decisions: Vec<Decision>,
    /// By the claim's entry.
    pub claim_holds: BTreeMap<EntryNumber, ClaimHold>,
}

impl Default for Snapshot {
    fn default() -> Self {
        Self {
            counters: Counters::FIRST,
            accounts: Accounts::default(),
            wallets: BTreeMap::new(),
            keys: BTreeMap::new(),
            allowances: BTreeMap::new(),
            budgets: BTreeMap::new(),
            permissions: BTreeMap::new(),
            rotations: BTreeMap::new(),
            backups: BTreeMap::new(),
            creators: BTreeMap::new(),
            profiles: BTreeMap::new(),
            items: BTreeMap::new(),
            vouchers: BTreeMap::new(),
            entries: Vec::new(),
            owned: BTreeSet::new(),
            holds: BTreeMap::new(),
            refunds: BTreeMap::new(),
            refund_tallies: BTreeMap::new(),
            tallies: BTreeMap::new(),
            refusals: BTreeMap::new(),
            equivocations: Vec::new(),
            observations: Vec::new(),
            findings: BTreeMap::new(),
            decisions: Vec::new(),
            claim_holds: BTreeMap::new(),
        }
    }
}

impl Snapshot {
    /// Writes a commit.
    pub fn write(&mut self, commit: &Commit) {
        if let Some(counters) = commit.counters {
            self.counters = counters;
        }
        self.accounts = commit.accounts;
        self.wallets.extend(commit.wallets.iter().map(|row| (row.wallet, *row)));
        self.keys.extend(commit.keys.iter().map(|row| (row.key, row.clone())));
        for (key, signed) in &commit.allowances {
            self.allowances.insert((*key, signed.allowance().serial), signed.encode().to_vec());
        }
        for (wallet, signed) in &commit.budgets {
            self.budgets.insert(*wallet, signed.encode().to_vec());
        }
        for row in &commit.permissions {
            let name = (row.wallet, row.creator);
            self.permissions.insert(name, row.signed.encode().to_vec());
        }
        for row in &commit.rotations {
            let signed = row.signed.encode().to_vec();
            self.rotations.insert((row.wallet, row.ended), (row.at, signed));
            self.backups.retain(|(wallet, _), _| *wallet != row.wallet);
        }
        for row in &commit.backups {
            let name = (row.wallet, row.signed.backup().name);
            self.backups.insert(name, row.signed.encode().to_vec());
        }
        self.creators.extend(commit.creators.iter().map(|row| (row.creator, *row)));
        self.profiles.extend(commit.profiles.iter().map(|row| (row.creator, row.clone())));
        for (row, text) in &commit.items {
            self.items.insert(row.hash, (*row, text.clone()));
        }
        self.vouchers.extend(commit.vouchers.iter().map(|row| (row.hash, *row)));
        self.entries.extend(commit.entries.iter().cloned());
        self.owned.extend(commit.owned.iter().map(|own| (own.wallet, own.item, own.entry.0)));
        for own in &commit.disowned {
            self.owned.remove(&(own.wallet, own.item, own.entry.0));
        }
        self.refunds.extend(commit.refunds.iter().map(|row| (row.claim, *row)));
        self.write_sums(commit);
        self.equivocations.extend(commit.equivocations.iter().cloned());
        self.write_findings(commit);
    }

    fn write_findings(&mut self, commit: &Commit) {
        self.observations.extend(commit.observations.iter().copied());
        if let Some(before) = commit.forget_origins {
            let old = self.observations.iter_mut().filter(|seen| seen.at < before);
            old.for_each(|seen| seen.origin = None);
        }
        self.findings.extend(commit.findings.iter().map(|row| (row.finding, row.clone())));
        self.decisions.extend(commit.decisions.iter().cloned());
        self.claim_holds.extend(commit.claim_holds.iter().map(|row| (row.claim, *row)));
    }

    fn write_sums(&mut self, commit: &Commit) {
        for hold in &commit.holds_changed {
            let held = self.holds.entry((hold.creator, hold.minute)).or_default();
            let after = held.signed().saturating_add(hold.micros);
            *held = u64::try_from(after).ok().and_then(Micros::new).unwrap_or_default();
        }
        self.holds.retain(|_, held| *held != Micros::ZERO);
        for tally in &commit.refund_tallies {
            for day in [0, tally.day] {
                let name = (day, tally.creator, tally.item);
                let sum = self.refund_tallies.entry(name).or_default();
                *sum = (sum.0 + tally.count, add(sum.1, tally.taken));
            }
        }
        for hold in &commit.holds_released {
            self.holds.remove(&(hold.creator, hold.minute));
        }
        for tally in &commit.tallies {
            for day in [0, tally.day] {
                let sum = self.tallies.entry((day, tally.creator, tally.item)).or_default();
                *sum = (sum.0 + tally.count, add(sum.1, tally.credited), add(sum.2, tally.free));
            }
        }
        for tally in &commit.refusals {
            let sum = self.refusals.entry((tally.day, tally.creator, tally.code)).or_default();
            *sum = (sum.0 + tally.count, add(sum.1, tally.amount));
        }
    }
}

fn add(a: Micros, b: Micros) -> Micros {
    a.plus(b).unwrap_or(Micros::MAX)
}
