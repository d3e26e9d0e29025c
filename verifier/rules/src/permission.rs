//! Which payments may be made without a click: what a wallet's holder permitted for a creator, and what was paid of it.
//!
//! What counts is what the wallet paid the creator for items in this calendar month of UTC, clicked or not, less what
//! came back of those payments: "pay here without asking, up to 3.00 a month" is then true of all that is paid there. The
//! sum is added up from the wallet's own entries when a payment of this kind comes, so wallets and creators without a
//! permission have no row for it and cost nothing (docs/decisions/0022-automatic-payments.md).

use farthing_shared::{Micros, SignedPermission, UnixMillis, limits};

use crate::findings::Standing;
use crate::policy::Policy;
use crate::rows::{CreatorRef, CreatorRow, KeyRow, WalletRef, WalletRow};

/// The newest permission of a wallet for a creator, as it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionRow {
    /// Whose money.
    pub wallet: WalletRef,
    /// Who may be paid.
    pub creator: CreatorRef,
    /// The root key's word.
    pub signed: SignedPermission,
}

impl PermissionRow {
    /// Up to how much a month; zero where every payment is asked for. A permission ends with the root key that
    /// signed it, as allowances do.
    #[must_use]
    pub fn most(&self, wallet: &WalletRow) -> Micros {
        let fields = self.signed.permission();
        if fields.root == wallet.root { fields.per_month } else { Micros::ZERO }
    }
}

/// What a payment without a click is weighed by.
#[derive(Debug, Clone, Copy)]
pub struct Unasked<'a> {
    /// Who pays.
    pub wallet: &'a WalletRow,
    /// With which key, this payment counted in its minute.
    pub key: &'a KeyRow,
    /// Who is paid.
    pub creator: &'a CreatorRow,
    /// The newest permission, if there ever was one.
    pub permission: Option<&'a PermissionRow>,
    /// What the wallet paid the creator for items in this month; [`Micros::MAX`] where that was too much to add up.
    pub paid: Micros,
    /// When and by whom the wallet was refunded, newest first, as far as limits look.
    pub refunds: &'a [(UnixMillis, CreatorRef)],
    /// The wallet had the money of this very item back before.
    pub given_back: bool,
}

impl Unasked<'_> {
    /// Whether so much may be paid for the item now, by its own conditions and by all that a claim meets.
    ///
    /// The payment must be one that can still be undone: within the limits of refunds, and not the one that reaches
    /// the creator's ceiling, which does not go back once anything follows it.
    #[must_use]
    pub fn may_pay(&self, policy: &Policy, amount: Micros, now: UnixMillis) -> bool {
        let Self { wallet, key, creator, .. } = *self;
        let most = self.permission.map_or(Micros::ZERO, |row| row.most(wallet));
        let Some(after) = self.paid.plus(amount) else { return false };
        let reaches_ceiling = creator.ceiling.at(now).is_some_and(|ceiling| after >= ceiling);
        let window_ms = creator.refund_window_ms.unwrap_or(policy.refund_window_ms);
        let is_kept_to = after <= most && !self.given_back;
        let goes_back = window_ms >= limits::AUTOMATIC_REFUND_MS_MIN
            && !reaches_ceiling
            && !too_many_refunds(self.refunds, creator.creator, now);
        is_kept_to && goes_back && can_pay(policy, (wallet, key), amount, now)
    }
}

/// What every claim of the key has to meet, as far as it depends on the key and its wallet; and a frame asks for a little
/// more of an allowance that is about to end.
fn can_pay(
    policy: &Policy,
    (wallet, key): (&WalletRow, &KeyRow),
    amount: Micros,
    now: UnixMillis,
) -> bool {
    let budget = wallet.budget.as_ref();
    let within_budget =
        budget.is_none_or(|budget| !budget.paused && budget.over(now, amount).is_none());
    wallet.has_in_force(key)
        && now.plus_ms(limits::ALLOWANCE_MARGIN_MS) < key.expires_at
        && key.in_minute <= policy.claims_per_key_per_minute
        && key.accepted < limits::CLAIMS_PER_KEY_MAX
        && wallet.standing == Standing::Free
        && amount <= key.per_claim_max
        && key.spent.plus(amount).is_some_and(|spent| spent <= key.cap)
        && amount <= wallet.balance
        && within_budget
}

/// Whether a wallet was refunded too often within a day, by all creators or by this one.
#[must_use]
pub fn too_many_refunds(
    refunds: &[(UnixMillis, CreatorRef)],
    creator: CreatorRef,
    now: UnixMillis,
) -> bool {
    let since = |(at, _): &&(UnixMillis, _)| now < at.plus_ms(limits::REFUNDS_WITHIN_MS);
    let within = || refunds.iter().filter(since);
    within().count() >= limits::REFUNDS_PER_WALLET_MAX
        || within().filter(|(_, of)| *of == creator).count() >= limits::REFUNDS_PER_CREATOR_MAX
}
