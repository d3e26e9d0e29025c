//! Proofs: what the claims themselves show, at the claim, in constant time.
//!
//! | what arrived | outcome | whom to blame |
//! |---|---|---|
//! | a bad signature | `forged` | who handed it in, never the wallet it names |
//! | known bytes, from the wallet | a retry, not fraud | – |
//! | known bytes, from somebody else | `replay` | who handed it in |
//! | a known id around other content | `moved` | who handed it in |
//! | other bytes under a used number | `equivocation` | the signer: nobody else can make both |
//! | more than the wallet has | `overspend` | the signer; accused from the third in a day (honest cards fail once) |
//!
//! A forged claim leaves no trace: it uses no number up, so it cannot spoil the real one.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashMap, HashSet, HashTable};

/// Overspends within [`OVERSPEND_WINDOW_S`] from which the wallet itself is accused.
pub const OVERSPENDS_MAX: u8 = 3;
/// One day.
pub const OVERSPEND_WINDOW_S: f64 = 86_400.0;

/// A claim as the table needs it.
#[derive(Debug, Clone, Copy)]
pub struct Handed<'a> {
    pub id: &'a str,
    pub wallet: u32,
    pub creator: u32,
    pub seq: Option<u64>,
    pub amount: u64,
    /// The wallet itself handed it in.
    pub by_wallet: bool,
    pub sig_ok: bool,
    pub n: u64,
    pub t: f64,
}

/// What the table says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// New, valid, funded: charged.
    Accepted,
    /// The same bytes from the wallet again: answered as the first time.
    Retry,
    Forged,
    /// The first hand-in's number, and whether it was charged.
    Replay {
        first_n: u64,
    },
    /// The id is known with another content.
    Moved {
        first_n: u64,
    },
    /// The number of the claim that used this sequence number first.
    Equivocation {
        first_n: u64,
    },
    /// What the wallet had, and how many overspends within the window, this one included.
    Overspend {
        balance: u64,
        times: u8,
    },
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    /// Hash of its id.
    key: u64,
    n: u64,
    amount: u64,
    seq: u64,
    wallet: u32,
    creator: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Purse {
    balance: u64,
    /// The trace told where its money comes from.
    known: bool,
    overspends: u8,
    window_from: f64,
}

/// The table of all claims seen and each wallet's balance. Both indexes hold places in `seen` only, and what few claims
/// have is kept beside it: a claim costs some 50 bytes.
#[derive(Debug, Default)]
pub struct Exact {
    hasher: DefaultHashBuilder,
    by_id: HashTable<u32>,
    by_slot: HashTable<u32>,
    seen: Vec<Seen>,
    /// Places of claims that were refused after they had been seen.
    uncharged: HashSet<u32>,
    /// What went back, by place.
    refunded: HashMap<u32, u64>,
    purses: Vec<Purse>,
    /// Some wallet was given money: only then can "no money" mean anything.
    money_seen: bool,
}

impl Exact {
    fn purse(&mut self, wallet: u32) -> &mut Purse {
        let at = wallet as usize;
        if at >= self.purses.len() {
            self.purses.resize(at + 1, Purse::default());
        }
        &mut self.purses[at]
    }

    /// Money came in: welcome credit or a top-up. `None` says that the trace does not tell.
    pub fn money_in(&mut self, wallet: u32, amount: Option<u64>) {
        let Some(amount) = amount else { return };
        self.money_seen |= amount > 0;
        let purse = self.purse(wallet);
        purse.known = true;
        purse.balance = purse.balance.saturating_add(amount);
    }

    /// A refund of a charged claim, at most once its amount. Says whether the claim is known.
    pub fn refund(&mut self, id: &str, wallet: u32, amount: u64) -> bool {
        let Some(at) = self.known(self.hasher.hash_one(id)) else { return false };
        let seen = self.seen[at as usize];
        if seen.wallet != wallet || self.uncharged.contains(&at) {
            return false;
        }
        let refunded = self.refunded.entry(at).or_default();
        let back = amount.min(seen.amount - *refunded);
        *refunded += back;
        let purse = self.purse(wallet);
        purse.balance = purse.balance.saturating_add(back);
        true
    }

    /// The place of the claim with this hash of its id.
    fn known(&self, key: u64) -> Option<u32> {
        self.by_id.find(key, |&at| self.seen[at as usize].key == key).copied()
    }

    /// Judges one claim. The order of the rules is the order of blame: see the module's table.
    pub fn judge(&mut self, claim: Handed<'_>) -> Verdict {
        if !claim.sig_ok {
            return Verdict::Forged;
        }
        let key = self.hasher.hash_one(claim.id);
        if let Some(at) = self.known(key) {
            let first = self.seen[at as usize];
            let same = first.wallet == claim.wallet
                && first.creator == claim.creator
                && first.amount == claim.amount;
            return match (same, claim.by_wallet) {
                (true, true) => Verdict::Retry,
                (true, false) => Verdict::Replay { first_n: first.n },
                (false, _) => Verdict::Moved { first_n: first.n },
            };
        }
        let at = u32::try_from(self.seen.len()).unwrap_or(u32::MAX);
        self.seen.push(Seen {
            key,
            n: claim.n,
            amount: claim.amount,
            seq: claim.seq.unwrap_or(0),
            wallet: claim.wallet,
            creator: claim.creator,
        });
        let Self { hasher, by_id, by_slot, seen, .. } = self;
        by_id.insert_unique(key, at, |&at| seen[at as usize].key);
        if let Some(seq) = claim.seq {
            let slot = |wallet: u32, seq: u64| hasher.hash_one((wallet, seq));
            let of = |at: u32| (seen[at as usize].wallet, seen[at as usize].seq);
            let hash = slot(claim.wallet, seq);
            if let Some(&used) = by_slot.find(hash, |&at| of(at) == (claim.wallet, seq)) {
                self.uncharged.insert(at);
                return Verdict::Equivocation { first_n: seen[used as usize].n };
            }
            by_slot.insert_unique(hash, at, |&at| slot(of(at).0, of(at).1));
        }
        let money_seen = self.money_seen;
        let purse = self.purse(claim.wallet);
        if purse.known && money_seen {
            if purse.balance < claim.amount {
                if claim.t - purse.window_from > OVERSPEND_WINDOW_S || purse.overspends == 0 {
                    purse.window_from = claim.t;
                    purse.overspends = 0;
                }
                purse.overspends = purse.overspends.saturating_add(1);
                let (balance, times) = (purse.balance, purse.overspends);
                self.uncharged.insert(at);
                return Verdict::Overspend { balance, times };
            }
            purse.balance -= claim.amount;
        }
        Verdict::Accepted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Handed<'_> = Handed {
        id: "a",
        wallet: 1,
        creator: 1,
        seq: Some(1),
        amount: 40,
        by_wallet: true,
        sig_ok: true,
        n: 10,
        t: 0.0,
    };

    /// Wallet 1 has 100 and paid 40 with claim "a"; then `next` arrives.
    fn check(next: Handed<'_>, expected: Verdict) {
        let mut exact = Exact::default();
        exact.money_in(1, Some(100));
        assert_eq!(exact.judge(FIRST), Verdict::Accepted);
        assert_eq!(exact.judge(next), expected, "{next:?}");
    }

    #[test]
    fn the_table_of_blame() {
        let again = Handed { n: 11, t: 5.0, ..FIRST };
        let new = Handed { id: "b", seq: Some(2), ..again };
        check(again, Verdict::Retry);
        check(new, Verdict::Accepted);
        check(Handed { sig_ok: false, ..new }, Verdict::Forged);
        check(Handed { sig_ok: false, ..again }, Verdict::Forged);
        check(Handed { by_wallet: false, ..again }, Verdict::Replay { first_n: 10 });
        check(Handed { by_wallet: false, ..new }, Verdict::Accepted);
        check(Handed { creator: 2, by_wallet: false, ..again }, Verdict::Moved { first_n: 10 });
        check(Handed { id: "b", ..again }, Verdict::Equivocation { first_n: 10 });
        check(
            Handed { id: "b", creator: 2, amount: 900, ..again },
            Verdict::Equivocation { first_n: 10 },
        );
        check(Handed { seq: None, ..new }, Verdict::Accepted);
        check(Handed { amount: 60, ..new }, Verdict::Accepted);
        check(Handed { amount: 61, ..new }, Verdict::Overspend { balance: 60, times: 1 });
        check(Handed { wallet: 2, amount: 61, ..new }, Verdict::Accepted);
    }

    #[test]
    fn a_forged_copy_does_not_use_the_number_up() {
        let mut exact = Exact::default();
        assert_eq!(exact.judge(Handed { sig_ok: false, ..FIRST }), Verdict::Forged);
        assert_eq!(exact.judge(FIRST), Verdict::Accepted);
    }

    #[test]
    fn a_refund_gives_back_once_and_only_what_was_charged() {
        let mut exact = Exact::default();
        exact.money_in(1, Some(40));
        assert_eq!(exact.judge(FIRST), Verdict::Accepted);
        assert!(!exact.refund("a", 2, 40));
        assert!(exact.refund("a", 1, 30));
        assert!(exact.refund("a", 1, 30));
        let next = Handed { id: "b", seq: Some(2), amount: 41, ..FIRST };
        assert_eq!(exact.judge(next), Verdict::Overspend { balance: 40, times: 1 });
    }

    #[test]
    fn what_was_refused_is_not_given_back() {
        let mut exact = Exact::default();
        exact.money_in(1, Some(40));
        assert_eq!(exact.judge(FIRST), Verdict::Accepted);
        let twice = Handed { id: "b", ..FIRST };
        assert_eq!(exact.judge(twice), Verdict::Equivocation { first_n: 10 });
        let dear = Handed { id: "c", seq: Some(2), ..FIRST };
        assert_eq!(exact.judge(dear), Verdict::Overspend { balance: 0, times: 1 });
        assert!(!exact.refund("b", 1, 40) && !exact.refund("c", 1, 40));
    }

    #[test]
    fn without_any_money_in_the_trace_nobody_overspends() {
        let mut exact = Exact::default();
        exact.money_in(1, Some(0));
        assert_eq!(exact.judge(FIRST), Verdict::Accepted);
    }
}
