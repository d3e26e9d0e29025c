//! What the ledger remembers of suspected fraud: observations, findings, what people decided about
//! them, and which claims' money is held because of one. Who finds is `farthing-fraud`; what a
//! finding may do to money is decided in `decide/findings.rs`.

use alloc::string::String;
use alloc::vec::Vec;

use farthing_shared::{Micros, UnixMillis};

use crate::rows::{CreatorRef, EntryNumber, WalletRef};

/// A finding's number, in the order of recording from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FindingRef(pub u64);

/// Names what a finding says: a hash of its content, so that the entries which hold money because of
/// it fix every word of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FindingId(pub [u8; 24]);

macro_rules! coded {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// The stored number; frozen.
            #[must_use]
            pub const fn code(self) -> u8 {
                match self { $(Self::$variant => $code,)* }
            }

            /// What a stored number stands for.
            #[must_use]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }

            /// The name in JSON and on the command line.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

coded! {
    /// Whether a wallet may pay.
    Standing {
        /// As every wallet.
        Free = 0, "free";
        /// A few claims a minute and no more.
        Slowed = 1, "slowed";
        /// None at all. Its money stays its own.
        Frozen = 2, "frozen";
    }
}

coded! {
    /// What a finding is about.
    SubjectKind {
        /// A wallet, by its number.
        Wallet = 1, "wallet";
        /// Whoever sends from one network on one day, by the day's tag of it.
        Sender = 2, "sender";
    }
}

coded! {
    /// What its subject did, if the finding is right.
    Role {
        /// It signed: only its key can.
        Signer = 1, "signer";
        /// It handed in what others had not signed.
        Submitter = 2, "submitter";
        /// It pays as one of a steered group.
        Steered = 3, "steered";
    }
}

coded! {
    /// How far a finding has come.
    FindingState {
        /// Nobody has decided.
        Open = 1, "open";
        /// Somebody concerned has answered, and nobody has decided.
        Appealed = 2, "appealed";
        /// A person found it right.
        Upheld = 3, "upheld";
        /// A person found it wrong, or not worth holding on to.
        Lifted = 4, "lifted";
    }
}

impl FindingState {
    /// Whether a person may still decide.
    #[must_use]
    pub const fn is_undecided(self) -> bool {
        matches!(self, Self::Open | Self::Appealed)
    }
}

coded! {
    /// What somebody did about a finding or a wallet.
    Act {
        /// Found it right: the payments are undone.
        Uphold = 1, "uphold";
        /// Found it wrong: the money goes on its way.
        Lift = 2, "lift";
        /// Somebody concerned answered.
        Answer = 3, "answer";
        /// Let a wallet pay slowly only.
        Slow = 4, "slow";
        /// Let a wallet pay nothing.
        Freeze = 5, "freeze";
        /// Let a wallet pay as before.
        Thaw = 6, "thaw";
    }
}

coded! {
    /// What the running verifier saw that leaves no entry.
    Seen {
        /// A wallet was opened.
        Opened = 1, "opened";
        /// Claims came whose signature does not hold.
        Forged = 2, "forged";
        /// A key signed two claims under one number; the proof is kept beside.
        Equivocation = 3, "equivocation";
        /// An hour went by in which something had happened.
        Hour = 4, "hour";
    }
}

/// Whom a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// What it is.
    pub kind: SubjectKind,
    /// Its number, or a sender's tag.
    pub number: u64,
}

/// Something seen that leaves no entry, in the order of commits: with the entries it is all that
/// findings are made from, so that they can be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// Its number, from 1 without gaps.
    pub number: u64,
    /// When.
    pub at: UnixMillis,
    /// The newest entry when it was seen.
    pub after: EntryNumber,
    /// What.
    pub seen: Seen,
    /// Whose wallet; 0 where it concerns none.
    pub wallet: WalletRef,
    /// The creator named; 0 where it concerns none.
    pub creator: CreatorRef,
    /// The day's tag of the network it came from (docs/decisions/0017-origins.md); none after some weeks.
    pub origin: Option<u64>,
    /// Free credit of a new wallet, or the sum of what was refused.
    pub amount: Micros,
    /// How many.
    pub count: u64,
}

/// An observation as the edge reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighting {
    /// Claims of one sender, all naming one creator, whose signatures do not hold.
    Forged {
        /// The creator that they name.
        creator: farthing_shared::CreatorId,
        /// The day's tag of the sender's network.
        origin: u64,
        /// How many.
        count: u64,
        /// Their sum.
        amount: Micros,
    },
    /// An hour went by.
    Hour,
}

/// What a finding says, before it has a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingDraft {
    /// Hash of what follows.
    pub id: FindingId,
    /// Whom it is about.
    pub subject: Subject,
    /// What that one did, if it is right.
    pub role: Role,
    /// The kind of fraud.
    pub kind: String,
    /// Rule and version.
    pub rule: String,
    /// Probability in millionths.
    pub score_ppm: u32,
    /// How many honest wallets in a million the rule accused where that was measured.
    pub error_ppm: u32,
    /// Whether it accuses; otherwise it only watches.
    pub accuse: bool,
    /// The creator whose money stems from it; 0 where none does.
    pub creator: CreatorRef,
    /// The time of the newest event that it rests on.
    pub at: UnixMillis,
    /// Entries that existed then: no evidence is newer.
    pub horizon: EntryNumber,
    /// Entries that concern the subject, ascending.
    pub entries: Vec<EntryNumber>,
    /// Observations that concern it, ascending.
    pub observations: Vec<u64>,
    /// For people.
    pub explanation: String,
}

/// A finding as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingRow {
    /// Its number.
    pub finding: FindingRef,
    /// What it says.
    pub said: FindingDraft,
    /// When it was recorded.
    pub recorded_at: UnixMillis,
    /// How far it has come.
    pub state: FindingState,
    /// Under review because of it at present.
    pub held: Micros,
    /// Claims whose money that is.
    pub held_claims: u64,
    /// Claims whose money was ever held because of it.
    pub ever_held: u64,
}

/// A line of the trail: who did what, when, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Its number, from 1 without gaps.
    pub number: u64,
    /// When.
    pub at: UnixMillis,
    /// What.
    pub act: Act,
    /// About which finding; 0 for a wallet's standing.
    pub finding: FindingRef,
    /// About which wallet; 0 for a finding.
    pub wallet: WalletRef,
    /// Who, in words.
    pub who: String,
    /// Why, in words.
    pub why: String,
}

/// A claim whose creator's share is, or was, under review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimHold {
    /// The claim's entry.
    pub claim: EntryNumber,
    /// Because of which finding.
    pub finding: FindingRef,
    /// Whose share.
    pub creator: CreatorRef,
    /// Who paid.
    pub wallet: WalletRef,
    /// How much is held: at most what the claim credited.
    pub amount: Micros,
    /// The entry that settled it; 0 while it is held.
    pub settled: EntryNumber,
    /// Whether that gave it back to the wallet.
    pub returned: bool,
}

/// Where a share under review came from, or goes to. The number is stored and frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The creator's money within its refund window.
    Held {
        /// The bucket.
        release_minute: u64,
    },
    /// The creator's payable money.
    Payable,
    /// The wallet that paid.
    Wallet {
        /// Which.
        wallet: WalletRef,
        /// The provider's fee, given back too.
        fee: Micros,
        /// The entry before this one of the same wallet.
        previous_of_wallet: EntryNumber,
    },
}

impl Place {
    /// The stored number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Held { .. } => 0,
            Self::Payable => 1,
            Self::Wallet { .. } => 2,
        }
    }
}
