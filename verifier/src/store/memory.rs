//! The reference model: a [`Snapshot`] that commits are written to. Says nothing about disks; it can
//! be told to fail before or after a commit, which is what callers must be tested against.

use farthing_rules::command::{ClaimName, Names};
use farthing_rules::context::{FormerRoot, PastClaim};
use farthing_rules::findings::{Act, Place};
use farthing_rules::past::{Met, Walk};
use farthing_rules::rows::{
    BackupRow, ClaimEntry, Entry, EntryBody, HoldRow, InMonth, PermissionRow, ReceiptRow, Spent,
};
use farthing_rules::{
    Answer, Command, Context, CreatorRef, EntryNumber, ItemRef, KeyRef, Policy, WalletRef, decide,
};
use farthing_shared::{
    BackupName, ItemHash, Micros, Outcome, PublicKey, SignedBackup, SignedClaim, SignedPermission,
    SignedRotation, UnixMillis, limits,
};

use super::{Snapshot, StoreError};

/// A failure to be played once, at the next write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nothing is written, and the caller is told so.
    BeforeCommit,
    /// Nothing is written, and the caller cannot know.
    LostCommit,
    /// Everything is written, and the caller cannot know.
    LostReply,
}

/// The model.
#[derive(Debug, Default)]
pub struct MemoryStore {
    rows: Snapshot,
    failure: Option<Failure>,
}

impl MemoryStore {
    /// Plays a failure at the next write.
    pub fn fail_next(&mut self, failure: Failure) {
        self.failure = Some(failure);
    }

    /// A copy of everything.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.rows.clone()
    }

    pub(super) fn apply(
        &mut self,
        policy: &Policy,
        commands: &[Command],
        now: UnixMillis,
    ) -> Result<Vec<Answer>, StoreError> {
        let failure = self.failure.take();
        if failure == Some(Failure::BeforeCommit) {
            return Err(StoreError::NotDone("told to fail before the commit".into()));
        }
        let context = self.load(&Names::of(commands), now);
        let commit = decide(policy, context, commands, now);
        if failure == Some(Failure::LostCommit) {
            return Err(StoreError::Unknown("told to lose the commit".into()));
        }
        self.rows.write(&commit);
        if failure == Some(Failure::LostReply) {
            return Err(StoreError::Unknown("told to lose the reply".into()));
        }
        Ok(commit.answers)
    }

    fn load(&self, names: &Names, now: UnixMillis) -> Context {
        let mut context = Context::new(self.rows.counters, self.rows.accounts);
        for claim in &names.claims {
            self.load_claim(&mut context, claim, now);
        }
        for root in &names.roots {
            let wallet = self.rows.wallets.values().find(|row| row.root == *root);
            match wallet {
                Some(row) => context.put_wallet(*row),
                None => self.load_former_root(&mut context, root),
            }
        }
        for (root, name) in &names.backups {
            self.load_backups(&mut context, root, *name);
        }
        for root in &names.spent {
            let wallet = self.rows.wallets.values().find(|row| row.root == *root);
            if let Some(row) = wallet.filter(|row| row.budget.is_none()) {
                context.spent.insert(row.wallet, self.spent(row.wallet, now));
            }
        }
        for public in &names.keys {
            let key = self.rows.keys.values().find(|row| row.public == *public);
            key.into_iter().for_each(|row| context.put_key(row.clone()));
        }
        for id in &names.creators {
            if let Some(row) = self.rows.creators.values().find(|row| row.id == *id) {
                context.put_creator(*row);
                if let Some(profile) = self.rows.profiles.get(&row.creator) {
                    context.profiles.insert(row.creator, profile.clone());
                }
            }
        }
        for slot in &names.slots {
            self.load_slot(&mut context, slot);
        }
        self.load_permissions(&mut context, names);
        for hash in &names.items {
            if let Some((row, text)) = self.rows.items.get(hash) {
                context.items.insert(*hash, *row);
                context.texts.insert(*hash, text.clone());
            }
        }
        for hash in &names.vouchers {
            self.load_voucher(&mut context, *hash);
        }
        for number in &names.refunds {
            self.load_refund(&mut context, *number);
        }
        if names.holds {
            context.holds_due = self
                .rows
                .holds
                .iter()
                .map(|((creator, minute), amount)| HoldRow {
                    creator: *creator,
                    minute: *minute,
                    amount: *amount,
                })
                .collect();
            for hold in &context.holds_due.clone() {
                self.rows
                    .creators
                    .get(&hold.creator)
                    .into_iter()
                    .for_each(|row| context.put_creator(*row));
            }
        }
        self.load_findings(&mut context, names);
        context
    }

    fn load_backups(&self, context: &mut Context, root: &PublicKey, named: BackupName) {
        let own = context.wallet_refs.get(root).copied();
        for ((wallet, name), signed) in &self.rows.backups {
            let wanted = Some(*wallet) == own || *name == named;
            let signed = SignedBackup::decode(signed).ok().filter(|_| wanted);
            let row = signed.map(|signed| BackupRow { wallet: *wallet, signed });
            context.backups.extend(row.map(|row| (*name, row)));
        }
    }

    fn load_permissions(&self, context: &mut Context, names: &Names) {
        for (root, creator) in &names.permissions {
            let wallet = context.wallet_refs.get(root).copied();
            if let Some(of) = wallet.zip(context.creator_refs.get(creator).copied()) {
                self.load_permission(context, of);
            }
        }
    }

    fn load_permission(&self, context: &mut Context, of: (WalletRef, CreatorRef)) {
        let bytes = self.rows.permissions.get(&of);
        if let Some(signed) = bytes.and_then(|bytes| SignedPermission::decode(bytes).ok()) {
            let row = PermissionRow { wallet: of.0, creator: of.1, signed };
            context.permissions.insert(of, row);
        }
    }

    /// What an automatic claim depends on besides.
    fn load_unasked(
        &self,
        context: &mut Context,
        (of, item): ((WalletRef, CreatorRef), ItemHash),
        now: UnixMillis,
    ) {
        self.load_permission(context, of);
        context.paid_this_month.insert(of, self.paid_in_month(of, now).paid);
        context.recent_refunds.insert(of.0, self.recent_refunds(of.0));
        let bought = self.rows.entries.iter().filter_map(|entry| match &entry.body {
            EntryBody::Claim(claim) if claim.wallet == of.0 => {
                let signed = SignedClaim::decode(&claim.signed).ok()?;
                (signed.claim().item == item).then_some(entry.number)
            }
            _ => None,
        });
        let (mut bought, refunds) = (bought, &self.rows.refunds);
        if bought.any(|entry| refunds.get(&entry).is_some_and(|row| row.outcome.is_success())) {
            context.given_back.insert((of.0, item));
        }
    }

    fn recent_refunds(&self, wallet: WalletRef) -> Vec<(UnixMillis, CreatorRef)> {
        let refunds = self.rows.entries.iter().rev().filter_map(|entry| match &entry.body {
            EntryBody::Refund(refund) if refund.wallet == wallet => {
                Some((entry.at, refund.creator))
            }
            _ => None,
        });
        refunds.take(limits::REFUNDS_PER_WALLET_MAX).collect()
    }

    fn load_former_root(&self, context: &mut Context, root: &PublicKey) {
        for ((wallet, _), (_, signed)) in &self.rows.rotations {
            let Ok(signed) = SignedRotation::decode(signed) else { continue };
            if signed.rotation().root == *root {
                self.rows.wallets.get(wallet).into_iter().for_each(|row| context.put_wallet(*row));
                let next = signed.rotation().next;
                context.former_roots.insert(*root, FormerRoot { wallet: *wallet, next });
            }
        }
    }

    fn spent(&self, wallet: WalletRef, now: UnixMillis) -> Spent {
        let mut walk = Walk::over(now);
        let met = self.chain(wallet).take_while(|entry| walk.meet(entry.at) != Met::End);
        Spent::of(now, met.filter_map(|entry| Some((entry.at, self.kept(entry)?.amount))))
    }

    /// A wallet's entries, newest first.
    fn chain(&self, wallet: WalletRef) -> impl Iterator<Item = &Entry> {
        let is_in = move |entry: &&Entry| match &entry.body {
            EntryBody::Claim(claim) => claim.wallet == wallet,
            EntryBody::Refund(refund) => refund.wallet == wallet,
            EntryBody::TopUp { wallet: of, .. } | EntryBody::Welcome { wallet: of, .. } => {
                *of == wallet
            }
            EntryBody::Lift(review) => {
                matches!(review.place, Place::Wallet { wallet: of, .. } if of == wallet)
            }
            EntryBody::Hold(_) | EntryBody::Release { .. } => false,
        };
        self.rows.entries.iter().rev().filter(is_in)
    }

    /// The claim of an entry, if its money did not go back.
    fn kept<'e>(&self, entry: &'e Entry) -> Option<&'e ClaimEntry> {
        let EntryBody::Claim(claim) = &entry.body else { return None };
        let refund = self.rows.refunds.get(&entry.number);
        let back = refund.is_some_and(|row| row.outcome.is_success());
        (!back).then_some(claim)
    }

    /// What a claim's wallet paid the claim's creator for items in its month.
    fn paid_before(&self, claim: &ClaimEntry, paid_at: UnixMillis) -> InMonth {
        self.paid_in_month((claim.wallet, claim.creator), paid_at)
    }

    /// What a wallet paid a creator for items in the month of a time; without end where its entries are too many.
    fn paid_in_month(&self, of: (WalletRef, CreatorRef), paid_at: UnixMillis) -> InMonth {
        let (mut walk, mut paid) = (Walk::over(paid_at), InMonth::default());
        for entry in self.chain(of.0) {
            match walk.meet(entry.at) {
                Met::TooMany => {
                    return InMonth { paid: Micros::MAX, ..InMonth::default().at(paid_at) };
                }
                Met::End => break,
                Met::Outside => {}
                Met::Inside => {
                    let claim = self.kept(entry);
                    let is_counted = |c: &&ClaimEntry| c.creator == of.1 && c.item != ItemRef(0);
                    if let Some(claim) = claim.filter(is_counted) {
                        paid = paid.and(entry.at, claim.amount);
                    }
                }
            }
        }
        paid
    }

    fn load_findings(&self, context: &mut Context, names: &Names) {
        for id in &names.finding_ids {
            let known = self.rows.findings.values().find(|row| row.said.id == *id);
            known.into_iter().for_each(|row| {
                context.finding_refs.insert(*id, row.finding);
            });
        }
        for finding in &names.findings {
            if let Some(row) = self.rows.findings.get(finding) {
                context.findings.insert(*finding, row.clone());
            }
            let answers = self.rows.decisions.iter();
            let answers = answers.filter(|row| row.finding == *finding && row.act == Act::Answer);
            let parties: Vec<&String> = answers.map(|line| &line.who).collect();
            for who in &parties {
                let count = parties.iter().filter(|other| *other == who).count();
                let count = u64::try_from(count).unwrap_or(u64::MAX);
                context.answers.insert((*finding, (*who).clone()), count);
            }
        }
        let mut claims = names.refunds.clone();
        for finding in &names.settled {
            let held = self.rows.claim_holds.values();
            let held = held.filter(|row| row.finding == *finding && row.settled.0 == 0);
            let held: Vec<_> = held.map(|row| row.claim).take(super::SETTLED_TOGETHER).collect();
            for claim in &held {
                self.load_refund(context, *claim);
            }
            claims.extend(&held);
            context.to_settle.insert(*finding, held);
        }
        for claim in claims {
            if let Some(row) = self.rows.claim_holds.get(&claim) {
                context.claim_holds.insert(claim, *row);
            }
        }
        for wallet in &names.wallets {
            self.rows.wallets.get(wallet).into_iter().for_each(|row| context.put_wallet(*row));
        }
    }

    fn load_claim(&self, context: &mut Context, name: &ClaimName, now: UnixMillis) {
        let Some(key) = self.rows.keys.get(&name.key) else { return };
        let sequence = key.last_sequence();
        let replaced = key.last.as_ref().is_some_and(|last| {
            last.sequence == name.sequence
                && last.claim != name.id
                && last.outcome == Outcome::Accepted
        });
        if (name.sequence < sequence || replaced)
            && let Some(past) = self.past(key.key, key.last_entry, name.sequence)
        {
            context.past.insert((key.key, name.sequence), past);
        }
        if name.sequence <= sequence {
            let newest = key.last.as_ref().filter(|last| last.sequence == name.sequence);
            let past = context.past.get(&(key.key, name.sequence)).map(|past| past.receipt);
            let receipt = newest.and_then(|last| last.receipt).or(past);
            if let Some(row) = receipt.and_then(|receipt| self.rows.refunds.get(&receipt.entry)) {
                context.refunds.insert(row.claim, *row);
            }
        }
        let proofs = self.rows.equivocations.iter().filter(|proof| proof.key == key.key);
        context.proved.extend(proofs.map(|proof| (proof.key, proof.sequence)));
        if let Some(receipt) = self.receipt_of_owned(key.wallet, name.item) {
            context.owned.insert((key.wallet, name.item), receipt);
        }
        if let Some((row, _)) = self.rows.items.get(&name.item) {
            context.items.insert(name.item, *row);
        }
        self.rows.wallets.get(&key.wallet).into_iter().for_each(|row| context.put_wallet(*row));
        self.rows.creators.get(&key.creator).into_iter().for_each(|row| context.put_creator(*row));
        self.rows.keys.get(&key.first).into_iter().for_each(|row| context.put_key(row.clone()));
        context.put_key(key.clone());
        if name.automatic {
            self.load_unasked(context, ((key.wallet, key.creator), name.item), now);
        }
    }

    fn past(&self, key: KeyRef, _last: EntryNumber, sequence: u64) -> Option<PastClaim> {
        self.rows.entries.iter().find_map(|entry| match &entry.body {
            EntryBody::Claim(body) if body.key == key => {
                let signed = SignedClaim::decode(&body.signed).ok()?;
                (signed.claim().sequence == sequence).then(|| PastClaim {
                    claim: signed.id(),
                    receipt: ReceiptRow { entry: entry.number, at: entry.at, amount: body.amount },
                    signed: Box::new(body.signed),
                })
            }
            _ => None,
        })
    }

    fn receipt_of_owned(&self, wallet: WalletRef, item: ItemHash) -> Option<ReceiptRow> {
        let range = (wallet, item, 0)..=(wallet, item, u64::MAX);
        let number = self.rows.owned.range(range).next()?.2;
        self.receipt(EntryNumber(number))
    }

    fn receipt(&self, number: EntryNumber) -> Option<ReceiptRow> {
        let entry = self.rows.entries.iter().find(|entry| entry.number == number)?;
        let amount = match &entry.body {
            EntryBody::Claim(body) => body.amount,
            EntryBody::Refund(body) => body.amount,
            EntryBody::TopUp { amount, .. }
            | EntryBody::Welcome { amount, .. }
            | EntryBody::Release { amount, .. } => *amount,
            EntryBody::Hold(review) | EntryBody::Lift(review) => review.amount,
        };
        Some(ReceiptRow { entry: number, at: entry.at, amount })
    }

    fn load_slot(&self, context: &mut Context, slot: &farthing_rules::command::Slot) {
        let wallet = self.rows.wallets.values().find(|row| row.root == slot.root);
        let creator = self.rows.creators.values().find(|row| row.id == slot.creator);
        let (Some(wallet), Some(creator)) = (wallet, creator) else { return };
        let place = (wallet.wallet, creator.creator);
        let same = self.rows.keys.values().find(|row| (row.wallet, row.creator) == place);
        if let Some(row) = same {
            context.first_keys.insert(place, row.first);
        }
        let key = self.rows.keys.values().find(|row| {
            !row.revoked
                && row.wallet == wallet.wallet
                && row.creator == creator.creator
                && row.origin == slot.origin
                && row.device == slot.device
        });
        if let Some(key) = key {
            context.put_key(key.clone());
            context.slots.insert(*slot, key.key);
        }
    }

    fn load_refund(&self, context: &mut Context, number: EntryNumber) {
        let entry = self.rows.entries.iter().find(|entry| entry.number == number);
        let Some(Entry { at, body: EntryBody::Claim(claim), .. }) = entry else { return };
        context.claimed_at.insert(number, *at);
        context.claims.insert(number, (**claim).clone());
        if let Some(row) = self.rows.refunds.get(&number) {
            context.refunds.insert(number, *row);
        }
        if let Some(key) = self.rows.keys.get(&claim.key) {
            let first = self.rows.keys.get(&key.first);
            let counted = first.map(|first| first.in_month).unwrap_or_default();
            let creator = self.rows.creators.get(&claim.creator);
            if creator.is_some_and(|row| row.ceiling.has_moved_on(counted, *at)) {
                context.paid_before.insert(number, self.paid_before(claim, *at));
            }
            first.into_iter().chain([key]).for_each(|row| context.put_key(row.clone()));
        }
        let bucket = (claim.creator, claim.release_minute);
        if let Some(held) = self.rows.holds.get(&bucket) {
            context.holds.insert(bucket, *held);
        }
        self.rows.wallets.get(&claim.wallet).into_iter().for_each(|row| context.put_wallet(*row));
        let creator = self.rows.creators.get(&claim.creator);
        creator.into_iter().for_each(|row| context.put_creator(*row));
        context.recent_refunds.insert(claim.wallet, self.recent_refunds(claim.wallet));
    }

    fn load_voucher(&self, context: &mut Context, hash: farthing_rules::VoucherHash) {
        let Some(voucher) = self.rows.vouchers.get(&hash) else { return };
        context.vouchers.insert(hash, *voucher);
        if let Some((_, entry)) = voucher.used
            && let Some(receipt) = self.receipt(entry)
        {
            context.top_ups.insert(entry, receipt);
        }
    }
}
