//! Rebuilds everything that follows from the entries and compares it with what is stored: balances,
//! running numbers, holds, ownership, sums. Checks every signature. Trusts nothing but the entries
//! and the allowances.

mod budgets;
mod ceilings;
mod findings;
mod permissions;
mod refunds;
mod rotations;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use farthing_rules::accounts::{balanced, postings};
use farthing_rules::rows::{ClaimEntry, Entry, EntryBody, MARK_EVERY, Spent};
use farthing_rules::{Account, CreatorRef, EntryNumber, ItemRef, KeyRef, WalletRef};
use farthing_shared::{
    Allowance, ItemHash, Micros, Outcome, PublicKey, SignedAllowance, SignedClaim, UnixMillis,
    VerifyingKey,
};
use serde::Serialize;

use crate::store::Snapshot;

/// What an audit found.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Entries read.
    pub entries: u64,
    /// Claims whose signature was checked.
    pub signatures: u64,
    /// Every difference, in words, with the row it is about.
    pub differences: Vec<String>,
}

/// Differences listed at most; a broken ledger has more than anybody reads.
const DIFFERENCES_MAX: usize = 1_000;

impl Report {
    /// Adds a difference, up to a bound.
    pub fn differs(&mut self, what: String) {
        if self.differences.len() < DIFFERENCES_MAX {
            self.differences.push(what);
        }
    }

    fn compare<T: PartialEq + std::fmt::Debug>(
        &mut self,
        what: impl Fn() -> String,
        stored: &T,
        rebuilt: &T,
    ) {
        if stored != rebuilt {
            self.differs(format!("{}: stored {stored:?}, by the entries {rebuilt:?}", what()));
        }
    }
}

/// Figures rebuilt from the entries.
#[derive(Default)]
struct Rebuilt {
    balances: HashMap<Account, i64>,
    number: HashMap<CreatorRef, u64>,
    total: HashMap<CreatorRef, Micros>,
    /// Entries whose count within their key is a multiple of [`MARK_EVERY`].
    counted: HashMap<(KeyRef, u64), EntryNumber>,
    accepted: HashMap<KeyRef, u64>,
    last_of_key: HashMap<KeyRef, EntryNumber>,
    last_of_wallet: HashMap<WalletRef, EntryNumber>,
    last_of_creator: HashMap<CreatorRef, EntryNumber>,
    last_sequence: HashMap<KeyRef, u64>,
    owned: BTreeSet<(WalletRef, ItemHash, u64)>,
    refunds: HashMap<CreatorRef, (u64, Micros)>,
    last_refund_of_creator: HashMap<CreatorRef, EntryNumber>,
    last_refund_of_wallet: HashMap<WalletRef, EntryNumber>,
    /// By the claim's entry: the refund's entry, the request's id and time.
    refunded: BTreeMap<EntryNumber, (EntryNumber, [u8; 32], UnixMillis)>,
    refund_tallies: BTreeMap<(u32, CreatorRef, ItemRef), (u64, u64)>,
    holds: BTreeMap<(CreatorRef, u64), i64>,
    tallies: BTreeMap<(u32, CreatorRef, ItemRef), (u64, u64, u64)>,
    vouchers: HashMap<[u8; 32], (WalletRef, EntryNumber, Micros)>,
    free_of_wallet: HashMap<WalletRef, Micros>,
    free_of_creator: HashMap<CreatorRef, Micros>,
    claim_holds: BTreeMap<EntryNumber, farthing_rules::findings::ClaimHold>,
    spent: HashMap<WalletRef, Spent>,
    /// The newest UTC day of all entries, and whether one of an older day came after it.
    newest_day: u32,
    set_back: bool,
    in_month: HashMap<(WalletRef, CreatorRef), ceilings::Counted>,
}

/// Audits a ledger.
#[must_use]
pub fn audit(all: &Snapshot) -> Report {
    let mut report = Report::default();
    let mut rebuilt = Rebuilt { in_month: ceilings::to_count(all), ..Rebuilt::default() };
    let mut expected = 1_u64;
    for entry in &all.entries {
        if entry.number.0 != expected {
            report.differs(format!("entry {expected} is missing: {} follows", entry.number.0));
        }
        expected = entry.number.0.saturating_add(1);
        report.entries = report.entries.saturating_add(1);
        take(all, entry, &mut rebuilt, &mut report);
    }
    report.compare(|| "the next entry number".into(), &all.counters.entry, &expected);
    compare_wallets(all, &rebuilt, &mut report);
    compare_keys(all, &rebuilt, &mut report);
    compare_creators(all, &rebuilt, &mut report);
    compare_sums(all, &rebuilt, &mut report);
    rotations::compare(all, &mut report);
    rotations::compare_backups(all, &mut report);
    permissions::compare(all, &mut report);
    refunds::compare(all, &rebuilt, &mut report);
    findings::compare(all, &rebuilt, &mut report);
    report
}

fn take(all: &Snapshot, entry: &Entry, rebuilt: &mut Rebuilt, report: &mut Report) {
    rebuilt.set_back |= entry.at.day() < rebuilt.newest_day;
    rebuilt.newest_day = rebuilt.newest_day.max(entry.at.day());
    let postings = postings(entry);
    if !balanced(&postings) {
        report.differs(format!("entry {}: its postings do not sum to zero", entry.number.0));
    }
    for posting in postings {
        let balance = rebuilt.balances.entry(posting.account).or_default();
        *balance = balance.saturating_add(posting.micros);
        let owes = matches!(posting.account, Account::Clearing(_) | Account::Welcome);
        if *balance < 0 && !owes {
            report.differs(format!(
                "entry {}: {:?} falls to {balance} micros",
                entry.number.0, posting.account
            ));
        }
    }
    match &entry.body {
        EntryBody::Claim(claim) => take_claim(all, entry, claim, rebuilt, report),
        EntryBody::TopUp { wallet, amount, reference, previous_of_wallet, .. } => {
            follow_wallet(entry, *wallet, *previous_of_wallet, rebuilt, report);
            let used = (*wallet, entry.number, *amount);
            if rebuilt.vouchers.insert(*reference, used).is_some() {
                report
                    .differs(format!("entry {}: its voucher was redeemed before", entry.number.0));
            }
        }
        EntryBody::Welcome { wallet, free, previous_of_wallet, .. } => {
            follow_wallet(entry, *wallet, *previous_of_wallet, rebuilt, report);
            let sum = rebuilt.free_of_wallet.entry(*wallet).or_default();
            *sum = sum.plus(*free).unwrap_or(Micros::MAX);
        }
        EntryBody::Refund(refund) => refunds::take(all, entry, refund, rebuilt, report),
        EntryBody::Release { creator, amount, release_minute } => {
            let hold = rebuilt.holds.entry((*creator, *release_minute)).or_default();
            *hold = hold.saturating_sub(amount.signed());
        }
        EntryBody::Hold(review) => findings::take_hold(all, entry, review, rebuilt, report),
        EntryBody::Lift(review) => findings::take_lift(all, entry, review, rebuilt, report),
    }
}

fn follow_wallet(
    entry: &Entry,
    wallet: WalletRef,
    previous: EntryNumber,
    rebuilt: &mut Rebuilt,
    report: &mut Report,
) {
    let last = rebuilt.last_of_wallet.insert(wallet, entry.number).unwrap_or_default();
    report.compare(
        || format!("entry {}: previous entry of its wallet", entry.number.0),
        &previous,
        &last,
    );
}

fn take_claim(
    all: &Snapshot,
    entry: &Entry,
    claim: &ClaimEntry,
    rebuilt: &mut Rebuilt,
    report: &mut Report,
) {
    let name = || format!("entry {}", entry.number.0);
    follow_wallet(entry, claim.wallet, claim.previous_of_wallet, rebuilt, report);
    let last = rebuilt.last_of_key.insert(claim.key, entry.number).unwrap_or_default();
    report.compare(|| name() + ": previous entry of its key", &claim.previous_of_key, &last);
    let last = rebuilt.last_of_creator.insert(claim.creator, entry.number).unwrap_or_default();
    report.compare(
        || name() + ": previous entry of its creator",
        &claim.previous_of_creator,
        &last,
    );

    findings::take_free(entry, claim, rebuilt, report);
    budgets::take_claim(entry, claim, rebuilt);
    ceilings::take_claim(entry, claim, rebuilt);
    let credited = claim.credited().unwrap_or(Micros::ZERO);
    let number = rebuilt.number.entry(claim.creator).or_default();
    *number = number.saturating_add(1);
    report.compare(|| name() + ": running number", &claim.creator_number, number);
    let total = rebuilt.total.entry(claim.creator).or_default();
    *total = total.plus(credited).unwrap_or(Micros::MAX);
    report.compare(|| name() + ": running total", &claim.creator_total, total);

    let accepted = rebuilt.accepted.entry(claim.key).or_default();
    let before = accepted.checked_sub(accepted.checked_rem(MARK_EVERY).unwrap_or(0));
    let mark = before.and_then(|count| rebuilt.counted.get(&(claim.key, count)).copied());
    report.compare(|| name() + ": mark of its key", &claim.mark_of_key, &mark.unwrap_or_default());
    *accepted = accepted.saturating_add(1);
    if accepted.is_multiple_of(MARK_EVERY) {
        rebuilt.counted.insert((claim.key, *accepted), entry.number);
    }
    let hold = rebuilt.holds.entry((claim.creator, claim.release_minute)).or_default();
    *hold = hold.saturating_add(credited.signed());
    for day in [0, entry.at.day()] {
        let tally = rebuilt.tallies.entry((day, claim.creator, claim.item)).or_default();
        *tally = (
            tally.0.saturating_add(1),
            tally.1.saturating_add(credited.get()),
            tally.2.saturating_add(claim.free.get()),
        );
    }
    check_signed(all, entry, claim, rebuilt, report);
}

/// The signed claim says what the entry says, under a key with an allowance for it.
fn check_signed(
    all: &Snapshot,
    entry: &Entry,
    claim: &ClaimEntry,
    rebuilt: &mut Rebuilt,
    report: &mut Report,
) {
    let name = format!("entry {}", entry.number.0);
    let Ok(signed) = SignedClaim::decode(&claim.signed) else {
        report.differs(format!("{name}: its signed claim cannot be read"));
        return;
    };
    let fields = *signed.claim();
    report.compare(|| name.clone() + ": amount", &claim.amount, &fields.amount);
    let creator = all.creators.get(&claim.creator).map(|row| row.id);
    report.compare(|| name.clone() + ": creator", &creator, &Some(fields.creator));
    let key = all.keys.get(&claim.key);
    report.compare(
        || name.clone() + ": spending key",
        &key.map(|row| row.public),
        &Some(fields.key),
    );
    report.compare(
        || name.clone() + ": wallet of its key",
        &key.map(|row| row.wallet),
        &Some(claim.wallet),
    );
    report.compare(|| name.clone() + ": site", &key.map(|row| row.origin), &Some(fields.origin));
    let allowance = all.allowances.range((claim.key, 0)..=(claim.key, u64::MAX)).next();
    let allowance = allowance.and_then(|(_, bytes)| SignedAllowance::decode(bytes).ok());
    let here = allowance.map(|signed| (signed.allowance().verifier, signed.allowance().currency));
    let said = Some((fields.verifier, fields.currency));
    report.compare(|| name.clone() + ": verifier and currency", &here, &said);
    let last = rebuilt.last_sequence.insert(claim.key, fields.sequence).unwrap_or(0);
    if fields.sequence <= last {
        report.differs(format!("{name}: number {} does not follow {last}", fields.sequence));
    }
    if fields.item != ItemHash::NONE {
        let item = all.items.get(&fields.item).map(|(row, _)| row.item);
        report.compare(|| name.clone() + ": item", &item, &Some(claim.item));
        let own = (claim.wallet, fields.item, entry.number.0);
        let before = rebuilt.owned.range((own.0, own.1, 0)..=(own.0, own.1, u64::MAX)).next();
        if before.is_some() {
            report.differs(format!("{name}: the wallet was charged twice for one item"));
        }
        rebuilt.owned.insert(own);
    }
    let holds = VerifyingKey::new(&fields.key).and_then(|key| signed.verify(&key));
    report.signatures = report.signatures.saturating_add(1);
    if holds.is_err() {
        report.differs(format!("{name}: the signature of its claim does not hold"));
    }
}

fn compare_wallets(all: &Snapshot, rebuilt: &Rebuilt, report: &mut Report) {
    for (number, row) in &all.wallets {
        let name = || format!("wallet {}", number.0);
        let balance = balance(rebuilt, Account::Wallet(*number));
        report.compare(|| name() + " balance (micros)", &row.balance.signed(), &balance);
        let last = rebuilt.last_of_wallet.get(number).copied().unwrap_or_default();
        report.compare(|| name() + " newest entry", &row.last_entry, &last);
        let last = rebuilt.last_refund_of_wallet.get(number).copied().unwrap_or_default();
        report.compare(|| name() + " newest refund", &row.last_refund, &last);
        budgets::compare(all, row, rebuilt, report);
    }
    missing("wallet", rebuilt.last_of_wallet.keys(), |n| all.wallets.contains_key(n), report);
    missing("budget of wallet", all.budgets.keys(), |n| all.wallets.contains_key(n), report);
    for gone in all.owned.difference(&rebuilt.owned) {
        report.differs(format!("wallet {} owns an item that no entry sold it", gone.0.0));
    }
    for lost in rebuilt.owned.difference(&all.owned) {
        report.differs(format!("wallet {} lost the item of entry {}", lost.0.0, lost.2));
    }
    for (hash, (wallet, entry, amount)) in &rebuilt.vouchers {
        let row = all.vouchers.get(&farthing_rules::VoucherHash(*hash));
        let stored = row.map(|row| (row.used, row.amount));
        let name = || format!("voucher of entry {}", entry.0);
        report.compare(name, &stored, &Some((Some((*wallet, *entry)), *amount)));
    }
    for row in all.vouchers.values().filter(|row| row.used.is_some()) {
        if !rebuilt.vouchers.contains_key(&row.hash.0) {
            report.differs("a voucher is marked as redeemed and no entry did it".into());
        }
    }
}

fn missing<'a, N: Copy + std::fmt::Debug + 'a>(
    what: &str,
    numbers: impl Iterator<Item = &'a N>,
    known: impl Fn(&N) -> bool,
    report: &mut Report,
) {
    for number in numbers.filter(|number| !known(number)) {
        report.differs(format!("{what} {number:?} has entries but no row"));
    }
}

fn compare_keys(all: &Snapshot, rebuilt: &Rebuilt, report: &mut Report) {
    let mut in_force = BTreeSet::new();
    for (number, row) in &all.keys {
        let name = || format!("spending key {}", number.0);
        let accepted = rebuilt.accepted.get(number).copied().unwrap_or(0);
        report.compare(|| name() + " accepted claims", &row.accepted, &accepted);
        let last = rebuilt.last_of_key.get(number).copied().unwrap_or_default();
        report.compare(|| name() + " newest entry", &row.last_entry, &last);
        let sequence = rebuilt.last_sequence.get(number).copied().unwrap_or(0);
        if row.last_sequence() < sequence {
            report.differs(format!("{}: its newest number fell below {sequence}", name()));
        }
        if let Some(last) = &row.last
            && last.outcome == Outcome::Accepted
            && last.receipt.map(|receipt| receipt.entry) != Some(row.last_entry)
        {
            report.differs(format!("{}: its newest answer names another entry", name()));
        }
        let slot = (row.wallet, row.creator, row.origin.0, row.device);
        if !row.revoked && !in_force.insert(slot) {
            report.differs(format!("{}: another key is in force at its place", name()));
        }
        let mark = row.accepted.checked_sub(row.accepted.checked_rem(MARK_EVERY).unwrap_or(0));
        let mark = mark.and_then(|count| rebuilt.counted.get(&(*number, count)).copied());
        report.compare(|| name() + " mark", &row.mark, &mark.unwrap_or_default());
        check_allowance(all, *number, row, report);
        ceilings::compare(all, row, rebuilt, report);
    }
    missing("spending key", rebuilt.last_of_key.keys(), |n| all.keys.contains_key(n), report);
}

/// The terms in force are those of the newest allowance, signed by the root key that the wallet had then.
fn check_allowance(
    all: &Snapshot,
    number: KeyRef,
    row: &farthing_rules::rows::KeyRow,
    report: &mut Report,
) {
    let newest = all.allowances.range((number, 0)..=(number, u64::MAX)).next_back();
    let signed = newest.and_then(|(_, bytes)| SignedAllowance::decode(bytes).ok());
    let Some(signed) = signed else {
        report.differs(format!("spending key {} has no readable allowance", number.0));
        return;
    };
    let terms = *signed.allowance();
    if signed.verify().is_err() {
        report.differs(format!(
            "spending key {}: the signature of its allowance does not hold",
            number.0
        ));
    }
    let root = rotations::root_of(all, row.wallet, row.generation);
    let creator = all.creators.get(&row.creator).map(|creator| creator.id);
    let said = Allowance {
        root: root.unwrap_or(PublicKey([0; 32])),
        creator: creator.unwrap_or(terms.creator),
        key: row.public,
        origin: row.origin,
        cap: row.cap,
        per_claim_max: row.per_claim_max,
        expires_at: row.expires_at,
        serial: row.serial,
        grant: row.grant,
        device: row.device,
        ..terms
    };
    report.compare(|| format!("spending key {} terms", number.0), &said, &terms);
}

fn compare_creators(all: &Snapshot, rebuilt: &Rebuilt, report: &mut Report) {
    for (number, row) in &all.creators {
        let name = || format!("creator {}", row.id);
        let payable = balance(rebuilt, Account::CreatorPayable(*number));
        report.compare(|| name() + " payable (micros)", &row.payable.signed(), &payable);
        let held = balance(rebuilt, Account::CreatorHeld(*number));
        report.compare(|| name() + " held (micros)", &row.held.signed(), &held);
        let running = rebuilt.number.get(number).copied().unwrap_or(0);
        report.compare(|| name() + " running number", &row.number, &running);
        let total = rebuilt.total.get(number).copied().unwrap_or_default();
        report.compare(|| name() + " running total", &row.total, &total);
        let last = rebuilt.last_of_creator.get(number).copied().unwrap_or_default();
        report.compare(|| name() + " newest entry", &row.last_entry, &last);
        let refunds = rebuilt.refunds.get(number).copied().unwrap_or_default();
        let stored = (row.refunds, row.refunded);
        report.compare(|| name() + " refunds, and their total", &stored, &refunds);
        let last = rebuilt.last_refund_of_creator.get(number).copied().unwrap_or_default();
        report.compare(|| name() + " newest refund", &row.last_refund, &last);
    }
    missing("creator", rebuilt.number.keys(), |n| all.creators.contains_key(n), report);
}

fn compare_sums(all: &Snapshot, rebuilt: &Rebuilt, report: &mut Report) {
    use farthing_rules::Rail;
    let fees = balance(rebuilt, Account::Fees);
    report.compare(|| "fees (micros)".into(), &all.accounts.fees, &fees);
    let vouchers = balance(rebuilt, Account::Clearing(Rail::Voucher));
    report.compare(|| "voucher clearing (micros)".into(), &all.accounts.vouchers, &vouchers);
    let welcome = balance(rebuilt, Account::Welcome);
    report.compare(|| "welcome credit (micros)".into(), &all.accounts.welcome, &welcome);
    let all_money: i128 = rebuilt.balances.values().map(|micros| i128::from(*micros)).sum();
    report.compare(|| "the sum of all accounts (micros)".into(), &all_money, &0);

    let holds: BTreeMap<_, _> =
        all.holds.iter().map(|(name, amount)| (*name, amount.signed())).collect();
    let mut rebuilt_holds = rebuilt.holds.clone();
    rebuilt_holds.retain(|_, amount| *amount != 0);
    for name in holds.keys().chain(rebuilt_holds.keys()).collect::<BTreeSet<_>>() {
        let label = || format!("held for creator {} until minute {} (micros)", name.0.0, name.1);
        report.compare(label, &holds.get(name), &rebuilt_holds.get(name));
    }
    let tallies: BTreeMap<_, _> = all
        .tallies
        .iter()
        .map(|(name, (n, sum, free))| (*name, (*n, sum.get(), free.get())))
        .collect();
    for name in tallies.keys().chain(rebuilt.tallies.keys()).collect::<BTreeSet<_>>() {
        let label = || format!("sum of day {}, creator {}, item {}", name.0, name.1.0, name.2.0);
        report.compare(label, &tallies.get(name), &rebuilt.tallies.get(name));
    }
}

fn balance(rebuilt: &Rebuilt, account: Account) -> i64 {
    rebuilt.balances.get(&account).copied().unwrap_or(0)
}
