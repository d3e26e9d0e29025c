//! The chart of accounts. Each entry's postings sum to zero; `docs/ledger.md` lists each event.

use farthing_shared::Micros;

use crate::findings::Place;
use crate::rows::{CreatorRef, Entry, EntryBody, ReviewEntry, WalletRef};

/// A way money enters or leaves. The number is stored and frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rail {
    /// Codes that the provider issues and sells by itself.
    Voucher,
}

impl Rail {
    /// The stored number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Voucher => 1,
        }
    }

    /// The rail of a stored number.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Voucher),
            _ => None,
        }
    }
}

/// Where money can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Account {
    /// A visitor's prepaid balance; never below zero.
    Wallet(WalletRef),
    /// What a creator can be paid; never below zero.
    CreatorPayable(CreatorRef),
    /// What a creator was credited but cannot be paid yet; never below zero.
    CreatorHeld(CreatorRef),
    /// A creator's shares of claims that a finding is about; never below zero.
    CreatorReview(CreatorRef),
    /// The provider's earnings; never below zero.
    Fees,
    /// What came in by a rail, as a negative number: the ledger owes it to the outside.
    Clearing(Rail),
    /// What was given away as free credit and is not spent yet, as a negative number.
    Welcome,
}

/// One account, one signed amount in micros; positive adds to the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    /// The account that changes.
    pub account: Account,
    /// By how much.
    pub micros: i64,
}

impl Posting {
    const fn new(account: Account, micros: i64) -> Self {
        Self { account, micros }
    }
}

/// Postings of an entry at most.
pub const POSTINGS: usize = 4;

/// What an entry does to the accounts. Postings of zero stand where fewer suffice.
#[must_use]
pub fn postings(entry: &Entry) -> [Posting; POSTINGS] {
    let none = Posting::new(Account::Fees, 0);
    match &entry.body {
        EntryBody::Claim(claim) => {
            let credited = claim.credited().unwrap_or(Micros::ZERO);
            [
                Posting::new(Account::Wallet(claim.wallet), debit(claim.amount)),
                Posting::new(Account::CreatorHeld(claim.creator), credited.signed()),
                Posting::new(Account::Fees, claim.fee.signed()),
                // Free credit goes back to where it came from, and to no creator.
                Posting::new(Account::Welcome, claim.free.signed()),
            ]
        }
        EntryBody::TopUp { wallet, amount, rail, .. } => [
            Posting::new(Account::Clearing(*rail), debit(*amount)),
            Posting::new(Account::Wallet(*wallet), amount.signed()),
            none,
            none,
        ],
        EntryBody::Welcome { wallet, amount, .. } => [
            Posting::new(Account::Welcome, debit(*amount)),
            Posting::new(Account::Wallet(*wallet), amount.signed()),
            none,
            none,
        ],
        EntryBody::Refund(refund) => {
            let taken = refund.taken().unwrap_or(Micros::ZERO);
            [
                Posting::new(Account::Wallet(refund.wallet), refund.amount.signed()),
                Posting::new(Account::CreatorHeld(refund.creator), debit(taken)),
                Posting::new(Account::Fees, debit(refund.fee)),
                Posting::new(Account::Welcome, debit(refund.free)),
            ]
        }
        EntryBody::Release { creator, amount, .. } => [
            Posting::new(Account::CreatorHeld(*creator), debit(*amount)),
            Posting::new(Account::CreatorPayable(*creator), amount.signed()),
            none,
            none,
        ],
        EntryBody::Hold(review) => {
            let [from, fees] = other_side(review, debit(review.amount), none);
            [from, Posting::new(review_of(review), review.amount.signed()), fees, none]
        }
        EntryBody::Lift(review) => {
            let [to, fees] = other_side(review, review.amount.signed(), none);
            [Posting::new(review_of(review), debit(review.amount)), to, fees, none]
        }
    }
}

const fn review_of(review: &ReviewEntry) -> Account {
    Account::CreatorReview(review.creator)
}

/// The posting where a share comes from or goes to, and the fee that a wallet gets back with it.
fn other_side(review: &ReviewEntry, micros: i64, none: Posting) -> [Posting; 2] {
    match review.place {
        Place::Held { .. } => [Posting::new(Account::CreatorHeld(review.creator), micros), none],
        Place::Payable => [Posting::new(Account::CreatorPayable(review.creator), micros), none],
        Place::Wallet { wallet, fee, .. } => {
            let whole = micros.checked_add(fee.signed()).unwrap_or(i64::MAX);
            [Posting::new(Account::Wallet(wallet), whole), Posting::new(Account::Fees, debit(fee))]
        }
    }
}

fn debit(amount: Micros) -> i64 {
    amount.signed().checked_neg().expect("an amount is never negative, so it can be negated")
}

/// Whether postings sum to zero.
#[must_use]
pub fn balanced(postings: &[Posting]) -> bool {
    postings.iter().map(|posting| i128::from(posting.micros)).sum::<i128>() == 0
}
