//! Between the ledger's values and what people and programs read.

use farthing_rules::commit::{
    AllowanceRefusal, BackupRefusal, BudgetRefusal, PermissionRefusal, ReviewRefusal,
    RotationRefusal, SaveRefusal, TopUpRefusal,
};
use farthing_shared::UnixMillis;

use super::problem::{Kind, Problem};

/// Words for a refusal that is not about a claim.
pub trait Clause {
    /// The problem that tells it.
    fn problem(self) -> Problem;
}

impl Clause for AllowanceRefusal {
    fn problem(self) -> Problem {
        match self {
            Self::WrongVerifier => {
                Problem::field("allowance", "it is made out to another provider")
            }
            Self::WrongCurrency => Problem::field("allowance", "it is in another currency"),
            Self::UnknownWallet => Problem::missing("wallet; open it first"),
            Self::UnknownCreator => Problem::missing("creator"),
            Self::WrongOrigin => Problem::new(
                Kind::Forbidden,
                "the creator does not list this site; ask the creator to add its origin",
            ),
            Self::BadExpiry => {
                Problem::field("allowance", "it has expired, or is valid for more than 400 days")
            }
            Self::Superseded => Problem::new(
                Kind::Conflict,
                "a newer allowance is in force for this site; sign one with a higher serial",
            ),
            Self::SerialTooHigh => {
                Problem::field("allowance", "its serial is far above the last one; sign the next")
            }
            Self::KeyTaken => Problem::new(
                Kind::Conflict,
                "this spending key belongs to another wallet, site or browser; make a new one",
            ),
        }
    }
}

impl Clause for BudgetRefusal {
    fn problem(self) -> Problem {
        match self {
            Self::WrongVerifier => Problem::field("budget", "it is made out to another provider"),
            Self::WrongCurrency => Problem::field("budget", "it is in another currency"),
            Self::UnknownWallet => Problem::missing("wallet; open it first"),
            Self::Superseded => Problem::new(
                Kind::Conflict,
                "another budget was set since; read it, and sign one with the next number",
            ),
            Self::Expired => Problem::field(
                "budget",
                "it was signed more than two minutes from now; date it by the time that is read \
                 with the budget",
            ),
        }
    }
}

impl Clause for PermissionRefusal {
    fn problem(self) -> Problem {
        match self {
            Self::WrongVerifier => {
                Problem::field("permission", "it is made out to another provider")
            }
            Self::WrongCurrency => Problem::field("permission", "it is in another currency"),
            Self::UnknownWallet => Problem::missing("wallet; open it first"),
            Self::UnknownCreator => Problem::missing("creator"),
            Self::Superseded => Problem::new(
                Kind::Conflict,
                "another permission was set since; read them, and sign one with the next number",
            ),
            Self::Expired => Problem::field(
                "permission",
                "it was signed more than two minutes from now; date it by the time that is read \
                 with the permissions",
            ),
        }
    }
}

impl Clause for BackupRefusal {
    fn problem(self) -> Problem {
        match self {
            Self::WrongVerifier => Problem::field("backup", "it is made out to another provider"),
            Self::UnknownWallet => Problem::missing("wallet; open it first"),
            Self::NameTaken => {
                Problem::new(Kind::Conflict, "another wallet is kept under this name")
            }
            Self::Expired => {
                Problem::field("backup", "it was signed more than two minutes from now")
            }
            Self::Superseded => Problem::new(Kind::Conflict, "a newer one is kept by this name"),
            Self::TooMany => {
                Problem::new(Kind::Conflict, "this wallet is kept by eight passkeys already")
            }
        }
    }
}

impl Clause for RotationRefusal {
    fn problem(self) -> Problem {
        match self {
            Self::WrongVerifier => Problem::field("rotation", "it is made out to another provider"),
            Self::UnknownWallet => Problem::missing("wallet; open it first"),
            Self::Replaced => Problem::new(
                Kind::Replaced,
                "another key took the place of this one before; only that one can be replaced",
            ),
            Self::KeyTaken => Problem::new(
                Kind::Conflict,
                "the next key was used in this ledger before; make a new one",
            ),
            Self::Expired => {
                Problem::field("rotation", "it was signed more than two minutes from now")
            }
            Self::TooMany => {
                Problem::new(Kind::Conflict, "the key of this wallet was replaced too often")
            }
        }
    }
}

impl Clause for TopUpRefusal {
    fn problem(self) -> Problem {
        match self {
            Self::UnknownWallet => Problem::missing("wallet; open it first"),
            Self::UnknownVoucher => Problem::missing("voucher; check the code letter by letter"),
            Self::UsedByAnother => {
                Problem::new(Kind::Conflict, "this voucher was redeemed by another wallet")
            }
            Self::Expired => Problem::new(Kind::Conflict, "this voucher has expired"),
            Self::WalletFull => Problem::new(Kind::Conflict, "the wallet cannot hold more"),
        }
    }
}

impl Clause for SaveRefusal {
    fn problem(self) -> Problem {
        match self {
            Self::UnknownCreator => Problem::missing("creator"),
            Self::BadPrice => Problem::field("price", "expected 0.000001 to 1000"),
            Self::WrongVerifier => {
                Problem::field("offer", "it is made out to another provider or currency")
            }
            Self::WrongKey => {
                Problem::field("offer", "it is not signed by the creator's registered offer key")
            }
            Self::BadTime => Problem::field("offer", "it has expired, or is dated in the future"),
            Self::Superseded => Problem::new(Kind::Conflict, "a newer price is in force"),
            Self::Exists => Problem::new(Kind::Conflict, "it exists already"),
            Self::BadAmount => Problem::field(
                "amount",
                "a voucher is worth 0.000001 to 10000, and all that are issued together at most 1000000",
            ),
            Self::UnknownVoucher => Problem::missing("voucher"),
        }
    }
}

impl Clause for ReviewRefusal {
    fn problem(self) -> Problem {
        match self {
            Self::UnknownFinding => Problem::missing("finding"),
            Self::UnknownWallet => Problem::missing("wallet"),
            Self::Decided => {
                Problem::new(Kind::Conflict, "it was decided before, and a decision stands")
            }
            Self::Undecided => Problem::new(Kind::Conflict, "nobody has decided it yet"),
            Self::BadWords => Problem::field(
                "why",
                "say who decides (at most 100 bytes) and why (at most 4000 bytes)",
            ),
            Self::TooManyAnswers => {
                let detail = "this finding has as many answers of yours as are kept; nothing was changed. Your \
                              provider reads them, and can be written to";
                Problem::new(Kind::Conflict, detail)
            }
            Self::WrongAct => Problem::new(Kind::Internal, "it is no act upon a finding"),
        }
    }
}

/// RFC 3339 in UTC with milliseconds.
#[must_use]
pub fn time(at: UnixMillis) -> String {
    let millis = i64::try_from(at.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis)
        .map_or_else(|_| "9999-12-31T23:59:59.999Z".into(), |time| format!("{time:.3}"))
}

/// A UTC day as `2026-11-23`.
#[must_use]
pub fn day(day: u32) -> String {
    time(UnixMillis(u64::from(day).saturating_mul(farthing_shared::time::DAY_MS)))
        .split('T')
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_people_expect() {
        assert_eq!(time(UnixMillis(1_764_000_000_123)), "2025-11-24T16:00:00.123Z");
        assert_eq!(time(UnixMillis(u64::MAX)), "9999-12-31T23:59:59.999Z");
        assert_eq!(day(20_416), "2025-11-24");
    }
}
