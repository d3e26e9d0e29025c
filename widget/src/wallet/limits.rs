//! Budgets and permissions to be signed: what the whole wallet may pay at most, whether it may pay at all, and what
//! a creator may be paid without a click. The page reads those in force and asks what is wanted; here it becomes bytes.

use farthing_shared::{Budget, Micros, Permission, PublicKey, UnixMillis};

use super::Wallet;
use crate::fields::{cut, whole};
use crate::signer::creator_of;

impl Wallet {
    /// Of `number US most a day US most a month US 1 when paused US set at (ms)`; a limit of 0 is none.
    #[must_use]
    pub fn budget(&self, root: PublicKey, row: &str) -> Option<Budget> {
        let provider = self.provider.as_ref()?;
        let (number, row) = cut(row);
        let (per_day, row) = cut(row);
        let (per_month, row) = cut(row);
        let (paused, set_at) = cut(row);
        let limit = |text| {
            Some(Micros::parse(text).ok()?).map(|most| Some(most).filter(|m| *m > Micros::ZERO))
        };
        Some(Budget {
            verifier: provider.verifier,
            root,
            number: whole(number)?,
            set_at: UnixMillis(whole(set_at)?),
            per_day: limit(per_day)?,
            per_month: limit(per_month)?,
            paused: paused == "1",
            currency: provider.currency,
        })
    }

    /// Of `number US creator US most a month US set at (ms)`; 0 takes the permission back.
    #[must_use]
    pub fn permission(&self, root: PublicKey, row: &str) -> Option<Permission> {
        let provider = self.provider.as_ref()?;
        let (number, row) = cut(row);
        let (creator, row) = cut(row);
        let (per_month, set_at) = cut(row);
        Some(Permission {
            verifier: provider.verifier,
            root,
            number: whole(number)?,
            set_at: UnixMillis(whole(set_at)?),
            creator: creator_of(creator)?,
            per_month: Micros::parse(per_month).ok()?,
            currency: provider.currency,
        })
    }
}
