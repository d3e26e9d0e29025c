//! What can be wrong with a statement: each lie with its name and its entry.

use alloc::boxed::Box;
use core::fmt;

use crate::amount::Micros;
use crate::encoding::DecodeError;
use crate::ids::CreatorId;
use crate::note::NoteError;

/// What is wrong with a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadStatement {
    /// It is not in the form of one.
    Malformed(&'static str),
    /// The checkpoint in it.
    Checkpoint(NoteError),
    /// It is of somebody else.
    OtherCreator {
        /// Of whom.
        found: CreatorId,
    },
    /// A record cannot be read.
    Record {
        /// Its place in the statement, from 1.
        record: usize,
        /// Why.
        why: DecodeError,
    },
    /// Payments are missing: the running numbers have a gap.
    Dropped {
        /// First running number that is missing.
        first: u64,
        /// Last one.
        last: u64,
        /// The entry after the gap.
        entry: u64,
    },
    /// Running numbers do not ascend, or entries do not ascend with them.
    Reordered {
        /// The entry that stands in the wrong place.
        entry: u64,
    },
    /// The running total is not the one before plus this payment.
    WrongTotal {
        /// The entry.
        entry: u64,
        /// What it should be; `None` beyond what an amount can hold.
        expected: Option<Micros>,
        /// What the entry says.
        found: Micros,
    },
    /// The claim's signature does not hold: nobody gave this money away.
    Invented {
        /// The entry.
        entry: u64,
    },
    /// The number of a claim is not above those that its payer's key had used: the visitor signed once for two
    /// payments.
    CountedTwice {
        /// The entry.
        entry: u64,
        /// The entry by which the number was used up.
        before: u64,
    },
    /// One of these entries is not what the log holds under its number.
    NotInLog {
        /// First entry that shares the proof.
        first: u64,
        /// Last one.
        last: u64,
    },
    /// The entry is newer than the checkpoint.
    NotCovered {
        /// The entry.
        entry: u64,
        /// Entries that the checkpoint signs.
        size: u64,
    },
    /// In the refunds' own numbers, totals and proofs.
    InRefunds(Box<BadStatement>),
    /// A refund takes back what no payment of this creator had brought, or takes it back again.
    FalseRefund {
        /// The refund's entry.
        entry: u64,
        /// The entry of the payment that it names.
        claim: u64,
    },
    /// The payments end before the number that the provider shows.
    CutShort {
        /// Last running number that is proven.
        last: u64,
        /// Payments that are shown.
        shown: u64,
    },
    /// Payments that were proven at an earlier time are not there any more.
    Vanished {
        /// Last running number now.
        last: u64,
        /// Last running number that was proven then.
        before: u64,
    },
    /// A running number that was proven at an earlier time stands at another entry now, or with another
    /// total: it was given twice.
    Replaced {
        /// The running number.
        number: u64,
        /// Its entry then.
        before: u64,
        /// Its entry now.
        entry: u64,
    },
    /// The payments add up to another total than the provider shows.
    OtherTotal {
        /// Running number up to which both count.
        number: u64,
        /// What is proven.
        proven: Micros,
        /// What is shown.
        shown: Micros,
    },
    /// The checkpoint seen earlier is of a log with another name.
    OtherLog,
    /// A checkpoint seen earlier signs more entries.
    RolledBack {
        /// Entries seen earlier.
        seen: u64,
        /// Entries now.
        size: u64,
    },
    /// A checkpoint seen earlier signs other entries under the same numbers.
    SplitView {
        /// Entries seen earlier.
        seen: u64,
    },
    /// The statement does not say how it follows from the checkpoint seen earlier.
    NoProofSince {
        /// Entries seen earlier.
        seen: u64,
    },
}

impl BadStatement {
    pub(crate) fn of_refunds(lie: Self) -> Self {
        Self::InRefunds(Box::new(lie))
    }

    /// What is wrong with the log rather than with a payment.
    fn of_log(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherLog => f.write_str("the checkpoint seen earlier is of another log"),
            Self::RolledBack { seen, size } => {
                write!(f, "rolled back: {seen} entries were signed earlier, this log has {size}")
            }
            Self::SplitView { seen } => write!(
                f,
                "split view: the checkpoint over {seen} entries seen earlier is not of this log's beginning"
            ),
            Self::NoProofSince { seen } => write!(
                f,
                "it does not say how the log follows from the {seen} entries seen earlier; download it \
                 with since={seen}"
            ),
            payments => f.write_str(payments.name()),
        }
    }

    /// A name for programs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Malformed(_) | Self::Record { .. } => "malformed",
            Self::Checkpoint(_) => "checkpoint",
            Self::OtherCreator { .. } => "other_creator",
            Self::Dropped { .. } => "dropped",
            Self::Reordered { .. } => "reordered",
            Self::WrongTotal { .. } => "wrong_total",
            Self::Invented { .. } => "invented",
            Self::CountedTwice { .. } => "counted_twice",
            Self::NotInLog { .. } => "not_in_log",
            Self::NotCovered { .. } => "not_covered",
            Self::InRefunds(lie) => lie.name(),
            Self::FalseRefund { .. } => "false_refund",
            Self::CutShort { .. } => "cut_short",
            Self::Vanished { .. } => "vanished",
            Self::Replaced { .. } => "replaced",
            Self::OtherTotal { .. } => "other_total",
            Self::OtherLog => "other_log",
            Self::RolledBack { .. } => "rolled_back",
            Self::SplitView { .. } => "split_view",
            Self::NoProofSince { .. } => "no_proof_since",
        }
    }
}

impl fmt::Display for BadStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "it is not a statement: {why}"),
            Self::Checkpoint(why) => write!(f, "its checkpoint: {why}"),
            Self::OtherCreator { found } => write!(f, "it is the statement of creator {found}"),
            Self::Record { record, why } => write!(f, "its payment in place {record}: {why}"),
            Self::Dropped { first, last, entry } => {
                write!(f, "dropped: payments {first} to {last} are missing before entry {entry}")
            }
            Self::Reordered { entry } => {
                write!(f, "reordered: entry {entry} stands twice or in the wrong place")
            }
            Self::WrongTotal { entry, expected: Some(expected), found } => write!(
                f,
                "wrong total: entry {entry} says {found}, the payments add up to {expected}"
            ),
            Self::WrongTotal { entry, expected: None, found } => write!(
                f,
                "wrong total: entry {entry} says {found}, which is less than the payment itself or \
                 more than an amount can be"
            ),
            Self::Invented { entry } => write!(
                f,
                "invented or altered: the signature of the claim in entry {entry} does not hold"
            ),
            Self::CountedTwice { entry, before } => write!(
                f,
                "counted twice: the claim in entry {entry} has a number that its payer had used up by entry \
                 {before}"
            ),
            Self::NotInLog { first, last } if first == last => {
                write!(f, "altered: entry {first} is not what the log holds under this number")
            }
            Self::NotInLog { first, last } => write!(
                f,
                "altered: one of the payments in the entries {first} to {last} is not what the log \
                 holds under its number"
            ),
            Self::NotCovered { entry, size } => {
                write!(f, "entry {entry} is not in the log: its checkpoint signs {size} entries")
            }
            Self::InRefunds(lie) => write!(f, "in the refunds: {lie}"),
            Self::FalseRefund { entry, claim } => write!(
                f,
                "false refund: entry {entry} takes back what the payment in entry {claim} did not bring, or \
                 takes it back twice"
            ),
            Self::CutShort { last, shown } => {
                write!(f, "cut short: it ends with payment {last}, but {shown} payments are shown")
            }
            Self::Vanished { last, before } => write!(
                f,
                "vanished: it ends with payment {last}, but {before} payments were proven before"
            ),
            Self::Replaced { number, before, entry } => {
                write!(
                    f,
                    "replaced: payment {number} is in entry {entry}, it was proven in {before}"
                )
            }
            Self::OtherTotal { number, proven, shown } => write!(
                f,
                "other total: payments 1 to {number} add up to {proven}, but {shown} is shown"
            ),
            log => log.of_log(f),
        }
    }
}

impl core::error::Error for BadStatement {}
