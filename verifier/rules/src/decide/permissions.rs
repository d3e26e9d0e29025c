//! Permissions: what a creator may be paid without a click.

use farthing_shared::SignedPermission;

use super::working::Working;
use crate::commit::PermissionRefusal;
use crate::permission::PermissionRow;
use crate::policy::Policy;

/// Puts a permission in force, or says why not. It holds for every claim decided after it.
pub(super) fn set(
    policy: &Policy,
    working: &mut Working,
    signed: &SignedPermission,
) -> Result<PermissionRow, PermissionRefusal> {
    let fields = signed.permission();
    if fields.verifier != policy.verifier {
        return Err(PermissionRefusal::WrongVerifier);
    }
    if fields.currency != policy.currency {
        return Err(PermissionRefusal::WrongCurrency);
    }
    let wallet = working.context.wallet_refs.get(&fields.root);
    let wallet = *wallet.ok_or(PermissionRefusal::UnknownWallet)?;
    let creator = working.context.creator_refs.get(&fields.creator);
    let creator = *creator.ok_or(PermissionRefusal::UnknownCreator)?;
    let known = working.context.permissions.get(&(wallet, creator));
    let last = known.map(|row| (row, row.signed.permission()));
    if let Some((row, last)) = last.filter(|(_, last)| last.number == fields.number) {
        // The same again, whose answer may have been lost.
        let same = (last.root, last.per_month) == (fields.root, fields.per_month);
        return if same { Ok(row.clone()) } else { Err(PermissionRefusal::Superseded) };
    }
    let number = last.map_or(0, |(_, last)| last.number);
    if number.checked_add(1) != Some(fields.number) {
        return Err(PermissionRefusal::Superseded);
    }
    if !fields.is_live(working.now) {
        return Err(PermissionRefusal::Expired);
    }
    // After this point it is set.
    let row = PermissionRow { wallet, creator, signed: signed.clone() };
    working.put_permission(row.clone());
    Ok(row)
}
