//! A row of `redo`: what one batch changed, as bytes.
//!
//! Rows stand as they are after the batch, sums as what to add. Numbers are eight bytes,
//! big-endian; lists begin with their length. Read only by the program that wrote it or a newer
//! one, and only to bring the tables up to date, so the form may change with a new version byte
//! as long as the older ones are still read.

use farthing_rules::findings::Standing;
use farthing_rules::rows::{
    Accounts, Ceiling, Counters, CreatorRow, HoldChange, InMonth, KeyRow, LastAnswer, Ownership,
    ReceiptRow, RefusalTally, Tally, WalletRow,
};
use farthing_rules::{Commit, CreatorRef, EntryNumber, ItemRef, KeyRef, WalletRef};
use farthing_shared::{
    Claim, ClaimId, CreatorId, Micros, OriginHash, Outcome, PublicKey, UnixMillis,
};

use super::columns;

/// What is written. Version 1 knew no refunds, version 2 no findings and no free credit, version 3 no
/// budgets, version 4 no ceilings.
const VERSION: u8 = 5;
/// Set in a wallet's standing when its budget follows: a wallet without one is not a byte longer.
const BUDGET_FOLLOWS: u64 = 1 << 8;
/// How often a wallet's root key was replaced stands above its standing, of a key's allowance above whether it
/// is revoked: a word that was there before, so that nobody's row is longer.
const GENERATION_SHIFT: u32 = 32;
const BELOW_GENERATION: u64 = (1 << GENERATION_SHIFT) - 1;
/// Set in a key's `revoked` when its first key and what was paid in a month follow: a key that is its
/// wallet's only one for a creator without a ceiling is not a byte longer.
const MONTH_FOLLOWS: u64 = 1 << 8;
/// What counters of rows that did not have them stand at.
const FIRST_NUMBER: u64 = 1;

/// A purchase, as a wallet's row keeps it: eight bytes of the item hash, the entry's number.
pub(super) type OwnedPair = [u8; 16];

/// What a batch changed in rows that exist, or will exist, in the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) counters: Counters,
    pub(super) accounts: Accounts,
    pub(super) keys: Vec<KeyRow>,
    pub(super) wallets: Vec<WalletRow>,
    pub(super) creators: Vec<CreatorRow>,
    pub(super) owned: Vec<(WalletRef, OwnedPair)>,
    pub(super) holds: Vec<HoldChange>,
    pub(super) tallies: Vec<Tally>,
    pub(super) refusals: Vec<RefusalTally>,
}

impl Change {
    /// Takes its part out of a commit whose other rows are written.
    pub(super) fn take(commit: &mut Commit, before: Counters) -> Self {
        Self {
            counters: commit.counters.unwrap_or(before),
            accounts: commit.accounts,
            keys: std::mem::take(&mut commit.keys),
            wallets: std::mem::take(&mut commit.wallets),
            creators: std::mem::take(&mut commit.creators),
            owned: commit.owned.drain(..).map(|own| (own.wallet, owned_pair(&own))).collect(),
            holds: std::mem::take(&mut commit.holds_changed),
            tallies: std::mem::take(&mut commit.tallies),
            refusals: std::mem::take(&mut commit.refusals),
        }
    }

    /// Leaves only rows, which can be folded twice without harm.
    pub(super) fn forget_sums(&mut self) {
        self.holds.clear();
        self.tallies.clear();
        self.refusals.clear();
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Out(Vec::with_capacity(256 + self.keys.len() * 512));
        out.0.push(VERSION);
        let Counters { entry, wallet, key, creator, item, finding, observation, decision } =
            self.counters;
        out.nats([entry, wallet, key, creator, item, finding, observation, decision]);
        let Accounts { fees, vouchers, welcome } = self.accounts;
        for balance in [fees, vouchers, welcome] {
            out.0.extend(balance.to_be_bytes());
        }
        out.list(&self.keys, Out::key);
        out.list(&self.wallets, |out, row| {
            out.0.extend(row.root.0);
            out.nats([row.wallet.0, row.balance.get(), row.opened_at.0, row.last_entry.0]);
            out.nats([row.last_refund.0]);
            let follows = if row.budget.is_some() { BUDGET_FOLLOWS } else { 0 };
            out.nats([
                row.free.get(),
                u64::from(row.standing.code()) | follows | above(row.generation),
            ]);
            row.budget.iter().for_each(|budget| out.0.extend(columns::encode_budget(budget)));
        });
        out.list(&self.creators, |out, row| {
            out.0.extend(row.id.0);
            out.nats([row.creator.0, row.payable.get(), row.held.get()]);
            out.nats([row.number, row.total.get(), row.last_entry.0]);
            out.nats([row.refunds, row.refunded.get(), row.last_refund.0]);
            let window: Vec<u64> = row.refund_window_ms.into_iter().collect();
            out.list(&window, |out, window| out.nats([*window]));
            out.nats([row.review.get(), row.free.get()]);
            let Ceiling { before, most, from } = row.ceiling;
            let known: &[_] = if row.ceiling.is_known() { &[(before, most, from)] } else { &[] };
            out.list(known, |out, (before, most, from)| {
                for amount in [before, most] {
                    let amount: Vec<Micros> = amount.iter().copied().collect();
                    out.list(&amount, |out, amount| out.nats([amount.get()]));
                }
                out.nats([u64::from(*from)]);
            });
        });
        out.list(&self.owned, |out, (wallet, pair)| {
            out.nats([wallet.0]);
            out.0.extend(pair);
        });
        out.list(&self.holds, |out, row| {
            out.nats([row.creator.0, row.minute]);
            out.0.extend(row.micros.to_be_bytes());
        });
        out.list(&self.tallies, |out, row| {
            out.nats([row.day.into(), row.creator.0, row.item.0, row.count]);
            out.nats([row.credited.get(), row.free.get()]);
        });
        out.list(&self.refusals, |out, row| {
            let code = row.code.into();
            out.nats([row.day.into(), row.creator.0, code, row.count, row.amount.get()]);
        });
        out.0
    }

    /// `None` when the bytes are not such a row.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&version, rest) = bytes.split_first()?;
        if !(1..=VERSION).contains(&version) {
            return None;
        }
        let mut from = From(rest, version);
        let counters = from.counters()?;
        let mut balance = || from.bytes().map(i64::from_be_bytes);
        let accounts = Accounts { fees: balance()?, vouchers: balance()?, welcome: balance()? };
        let change = Self {
            counters,
            accounts,
            keys: from.list(From::key)?,
            wallets: from.list(From::wallet)?,
            creators: from.list(From::creator)?,
            owned: from.list(|from| Some((WalletRef(from.nat()?), from.bytes()?)))?,
            holds: from.list(|from| {
                let creator = CreatorRef(from.nat()?);
                let minute = from.nat()?;
                Some(HoldChange { creator, minute, micros: from.bytes().map(i64::from_be_bytes)? })
            })?,
            tallies: from.list(|from| {
                Some(Tally {
                    day: from.small()?,
                    creator: CreatorRef(from.nat()?),
                    item: ItemRef(from.nat()?),
                    count: from.nat()?,
                    credited: from.micros()?,
                    free: Micros::new(from.nat_since(3)?)?,
                })
            })?,
            refusals: from.list(|from| {
                Some(RefusalTally {
                    day: from.small()?,
                    creator: CreatorRef(from.nat()?),
                    code: u16::try_from(from.nat()?).ok()?,
                    count: from.nat()?,
                    amount: from.micros()?,
                })
            })?,
        };
        from.0.is_empty().then_some(change)
    }
}

fn owned_pair(own: &Ownership) -> OwnedPair {
    let mut pair = [0; 16];
    let (prefix, entry) = pair.split_at_mut(8);
    prefix.copy_from_slice(&own.item.prefix());
    entry.copy_from_slice(&own.entry.0.to_be_bytes());
    pair
}

struct Out(Vec<u8>);

impl Out {
    fn nats<const N: usize>(&mut self, values: [u64; N]) {
        for value in values {
            self.0.extend(value.to_be_bytes());
        }
    }

    fn list<T>(&mut self, rows: &[T], one: impl Fn(&mut Self, &T)) {
        self.nats([rows.len() as u64]);
        for row in rows {
            one(self, row);
        }
    }

    fn key(&mut self, row: &KeyRow) {
        self.0.extend(row.public.0);
        self.0.extend(row.origin.0);
        self.nats([row.key.0, row.wallet.0, row.creator.0, row.device.into()]);
        self.nats([row.cap.get(), row.per_claim_max.get(), row.expires_at.0, row.serial]);
        let follows = row.first != row.key || row.in_month != InMonth::default();
        let month_follows = if follows { MONTH_FOLLOWS } else { 0 };
        let revoked = u64::from(row.revoked) | month_follows | above(row.generation);
        self.nats([row.grant, revoked, row.spent.get(), row.last_entry.0]);
        self.nats([row.accepted, row.mark.0, row.equivocations.into()]);
        self.nats([row.minute, row.in_minute.into()]);
        let last: Vec<&LastAnswer> = row.last.iter().collect();
        self.list(&last, |out, last| {
            out.nats([last.sequence, last.outcome.code().into()]);
            out.0.extend(last.claim.0);
            let receipt: Vec<&ReceiptRow> = last.receipt.iter().collect();
            out.list(&receipt, |out, row| out.nats([row.entry.0, row.at.0, row.amount.get()]));
            let signed: Vec<&[u8]> = last.signed.iter().map(|signed| &signed[..]).collect();
            out.list(&signed, |out, signed| out.0.extend(*signed));
        });
        if follows {
            self.nats([row.first.0, row.in_month.month.into(), row.in_month.paid.get()]);
        }
    }
}

fn above(generation: u32) -> u64 {
    u64::from(generation) << GENERATION_SHIFT
}

/// A generation, and what stands below it.
fn apart(word: u64) -> Option<(u32, u64)> {
    Some((u32::try_from(word >> GENERATION_SHIFT).ok()?, word & BELOW_GENERATION))
}

/// What is left to read, and the version it is written in.
struct From<'a>(&'a [u8], u8);

impl From<'_> {
    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }

    fn counters(&mut self) -> Option<Counters> {
        Some(Counters {
            entry: self.nat()?,
            wallet: self.nat()?,
            key: self.nat()?,
            creator: self.nat()?,
            item: self.nat()?,
            finding: self.nat_since(3)?.max(FIRST_NUMBER),
            observation: self.nat_since(3)?.max(FIRST_NUMBER),
            decision: self.nat_since(3)?.max(FIRST_NUMBER),
        })
    }

    fn nat(&mut self) -> Option<u64> {
        self.bytes().map(u64::from_be_bytes)
    }

    /// A number that older versions left out, where it was 0.
    fn nat_since(&mut self, version: u8) -> Option<u64> {
        if self.1 < version { Some(0) } else { self.nat() }
    }

    fn small(&mut self) -> Option<u32> {
        u32::try_from(self.nat()?).ok()
    }

    fn micros(&mut self) -> Option<Micros> {
        Micros::new(self.nat()?)
    }

    fn list<T>(&mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.nat()?;
        // Each row has bytes of its own, so a false count ends where the bytes end.
        let mut rows = Vec::new();
        for _ in 0..count {
            rows.push(one(self)?);
        }
        Some(rows)
    }

    fn wallet(&mut self) -> Option<WalletRow> {
        let row = WalletRow {
            root: PublicKey(self.bytes()?),
            wallet: WalletRef(self.nat()?),
            balance: self.micros()?,
            opened_at: UnixMillis(self.nat()?),
            last_entry: EntryNumber(self.nat()?),
            last_refund: EntryNumber(self.nat_since(2)?),
            free: Micros::new(self.nat_since(3)?)?,
            standing: Standing::Free,
            budget: None,
            generation: 0,
        };
        let (generation, standing) = apart(self.nat_since(3)?)?;
        let budget = match standing & BUDGET_FOLLOWS {
            0 => None,
            _ => Some(columns::decode_budget(&self.bytes()?)?),
        };
        let code = u8::try_from(standing & !BUDGET_FOLLOWS).ok()?;
        let standing = Standing::from_code(code)?;
        Some(WalletRow { standing, budget, generation, ..row })
    }

    fn creator(&mut self) -> Option<CreatorRow> {
        Some(CreatorRow {
            id: CreatorId(self.bytes()?),
            creator: CreatorRef(self.nat()?),
            payable: self.micros()?,
            held: self.micros()?,
            number: self.nat()?,
            total: self.micros()?,
            last_entry: EntryNumber(self.nat()?),
            refunds: self.nat_since(2)?,
            refunded: Micros::new(self.nat_since(2)?)?,
            last_refund: EntryNumber(self.nat_since(2)?),
            refund_window_ms: match self.1 {
                1 => None,
                _ => self.list(Self::nat)?.pop(),
            },
            review: Micros::new(self.nat_since(3)?)?,
            free: Micros::new(self.nat_since(3)?)?,
            ceiling: match self.1 {
                ..5 => Ceiling::default(),
                _ => self.list(Self::ceiling)?.pop().unwrap_or_default(),
            },
        })
    }

    fn ceiling(&mut self) -> Option<Ceiling> {
        let (before, most) = (self.list(Self::micros)?.pop(), self.list(Self::micros)?.pop());
        Some(Ceiling { before, most, from: self.small()? })
    }

    fn key(&mut self) -> Option<KeyRow> {
        let (public, origin) = (PublicKey(self.bytes()?), OriginHash(self.bytes()?));
        let key = KeyRef(self.nat()?);
        let row = KeyRow {
            public,
            origin,
            key,
            wallet: WalletRef(self.nat()?),
            creator: CreatorRef(self.nat()?),
            device: self.small()?,
            cap: self.micros()?,
            per_claim_max: self.micros()?,
            expires_at: UnixMillis(self.nat()?),
            serial: self.nat()?,
            grant: self.nat()?,
            revoked: false,
            generation: 0,
            spent: Micros::ZERO,
            last_entry: EntryNumber(0),
            accepted: 0,
            mark: EntryNumber(0),
            equivocations: 0,
            minute: 0,
            in_minute: 0,
            last: None,
            first: key,
            in_month: InMonth::default(),
        };
        let (generation, revoked) = apart(self.nat()?)?;
        let row = KeyRow {
            revoked: revoked & !MONTH_FOLLOWS != 0,
            generation,
            spent: self.micros()?,
            last_entry: EntryNumber(self.nat()?),
            accepted: self.nat()?,
            mark: EntryNumber(self.nat()?),
            equivocations: self.small()?,
            minute: self.nat()?,
            in_minute: self.small()?,
            last: self.list(Self::last_answer)?.pop(),
            ..row
        };
        if revoked & MONTH_FOLLOWS == 0 {
            return Some(row);
        }
        let first = KeyRef(self.nat()?);
        Some(KeyRow {
            first,
            in_month: InMonth { month: self.small()?, paid: self.micros()? },
            ..row
        })
    }

    fn last_answer(&mut self) -> Option<LastAnswer> {
        let sequence = self.nat()?;
        let outcome = Outcome::from_code(u16::try_from(self.nat()?).ok()?)?;
        let claim = ClaimId(self.bytes()?);
        let receipt = self.list(|from| {
            let entry = EntryNumber(from.nat()?);
            Some(ReceiptRow { entry, at: UnixMillis(from.nat()?), amount: from.micros()? })
        })?;
        let signed = self.list(|from| from.bytes::<{ Claim::SIGNED_LEN }>().map(Box::new))?;
        let (receipt, signed) = (receipt.into_iter().next(), signed.into_iter().next());
        Some(LastAnswer { sequence, claim, outcome, receipt, signed })
    }
}

#[cfg(test)]
mod tests {
    use farthing_rules::rows::{BudgetRow, Spent};

    use super::*;

    fn key(first: u64, month: u32, cents: u64) -> KeyRow {
        let paid = Micros::new(cents * 10_000).expect("some cents");
        KeyRow {
            key: KeyRef(2),
            public: PublicKey([7; 32]),
            wallet: WalletRef(1),
            creator: CreatorRef(1),
            origin: OriginHash([9; 32]),
            device: 1,
            cap: paid,
            per_claim_max: paid,
            expires_at: UnixMillis(5),
            serial: 3,
            grant: 4,
            revoked: month == 1,
            generation: month,
            spent: paid,
            last: None,
            last_entry: EntryNumber(6),
            accepted: 8,
            mark: EntryNumber(0),
            equivocations: 0,
            minute: 10,
            in_minute: 11,
            first: KeyRef(first),
            in_month: InMonth { month, paid },
        }
    }

    fn wallet() -> WalletRow {
        WalletRow {
            wallet: WalletRef(1),
            root: PublicKey([3; 32]),
            balance: Micros::ZERO,
            free: Micros::ZERO,
            standing: Standing::Free,
            opened_at: UnixMillis(4),
            last_entry: EntryNumber(5),
            last_refund: EntryNumber(0),
            budget: None,
            generation: 0,
        }
    }

    fn creator(ceiling: Ceiling) -> CreatorRow {
        CreatorRow {
            creator: CreatorRef(1),
            id: CreatorId([5; 16]),
            payable: Micros::ZERO,
            held: Micros::ZERO,
            review: Micros::ZERO,
            free: Micros::ZERO,
            number: 1,
            total: Micros::ZERO,
            last_entry: EntryNumber(1),
            refunds: 0,
            refunded: Micros::ZERO,
            last_refund: EntryNumber(0),
            refund_window_ms: None,
            ceiling,
        }
    }

    fn change(keys: Vec<KeyRow>, creators: Vec<CreatorRow>) -> Change {
        Change {
            counters: Counters::FIRST,
            accounts: Accounts::default(),
            keys,
            wallets: Vec::new(),
            creators,
            owned: Vec::new(),
            holds: Vec::new(),
            tallies: Vec::new(),
            refusals: Vec::new(),
        }
    }

    #[test]
    fn generations_come_back_beside_what_shares_their_word() {
        let mut all = change(Vec::new(), Vec::new());
        for generation in [0, 1, u32::MAX] {
            for (first, month) in [(2, 0), (1, 0), (2, 683), (1, 683)] {
                for revoked in [false, true] {
                    let row = key(first, month, u64::from(month != 0));
                    all.keys.push(KeyRow { revoked, generation, ..row });
                }
            }
            let budget = BudgetRow {
                number: 3,
                per_day: Micros::new(5),
                per_month: None,
                paused: true,
                spent: Spent::default(),
            };
            for (standing, budget) in [
                (Standing::Free, None),
                (Standing::Frozen, None),
                (Standing::Slowed, Some(budget)),
                (Standing::Frozen, Some(budget)),
            ] {
                all.wallets.push(WalletRow { standing, budget, generation, ..wallet() });
            }
        }
        assert_eq!(Change::decode(&all.encode()), Some(all));
    }

    #[test]
    fn months_come_back_and_cost_nothing_where_there_are_none() {
        let some = |cents: u64| Micros::new(cents * 10_000);
        let keys = vec![key(2, 0, 0), key(1, 0, 0), key(2, 683, 4), key(2, 1, 4), key(1, 683, 0)];
        let ceilings = [
            Ceiling::default(),
            Ceiling { before: None, most: some(5), from: 0 },
            Ceiling { before: some(5), most: None, from: 683 },
            Ceiling { before: some(5), most: some(9), from: 683 },
        ];
        let all = change(keys, ceilings.map(creator).into());
        assert_eq!(Change::decode(&all.encode()), Some(all));
        let alone = change(vec![key(2, 0, 0)], Vec::new()).encode();
        assert_eq!(change(vec![key(1, 0, 0)], Vec::new()).encode().len(), alone.len() + 24);
        // A row of version 4, which knew neither: it has the same bytes where no creator is in it.
        let older = [&[4], &alone[1..]].concat();
        assert_eq!(Change::decode(&older), Some(change(vec![key(2, 0, 0)], Vec::new())));
    }
}
