//! The chart of accounts. Each entry's postings sum to zero; `docs/ledger.md` lists each event.

use farthing_shared::Micros;

use crate::rows::{CreatorRef, Entry, EntryBody, WalletRef};

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
    /// The provider's earnings; never below zero.
    Fees,
    /// What came in by a rail, as a negative number: the ledger owes it to the outside.
    Clearing(Rail),
    /// What was given away as welcome credit, as a negative number.
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

/// What an entry does to the accounts. A third posting of zero stands where two suffice.
#[must_use]
pub fn postings(entry: &Entry) -> [Posting; 3] {
    match &entry.body {
        EntryBody::Claim(claim) => {
            let credited = claim.amount.minus(claim.fee).unwrap_or(Micros::ZERO);
            [
                Posting::new(Account::Wallet(claim.wallet), debit(claim.amount)),
                Posting::new(Account::CreatorHeld(claim.creator), credited.signed()),
                Posting::new(Account::Fees, claim.fee.signed()),
            ]
        }
        EntryBody::TopUp { wallet, amount, rail, .. } => [
            Posting::new(Account::Clearing(*rail), debit(*amount)),
            Posting::new(Account::Wallet(*wallet), amount.signed()),
            Posting::new(Account::Fees, 0),
        ],
        EntryBody::Welcome { wallet, amount, .. } => [
            Posting::new(Account::Welcome, debit(*amount)),
            Posting::new(Account::Wallet(*wallet), amount.signed()),
            Posting::new(Account::Fees, 0),
        ],
        EntryBody::Refund(refund) => {
            let taken = refund.amount.minus(refund.fee).unwrap_or(Micros::ZERO);
            [
                Posting::new(Account::Wallet(refund.wallet), refund.amount.signed()),
                Posting::new(Account::CreatorHeld(refund.creator), debit(taken)),
                Posting::new(Account::Fees, debit(refund.fee)),
            ]
        }
        EntryBody::Release { creator, amount, .. } => [
            Posting::new(Account::CreatorHeld(*creator), debit(*amount)),
            Posting::new(Account::CreatorPayable(*creator), amount.signed()),
            Posting::new(Account::Fees, 0),
        ],
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
