//! Backups: root keys sealed by passkeys, kept under names that only those tell.

use farthing_shared::{SignedBackup, limits};

use super::working::Working;
use crate::commit::BackupRefusal;
use crate::policy::Policy;
use crate::rows::BackupRow;

/// Keeps a backup, in the place of an older one of the same name, or says why not.
pub(super) fn keep(
    policy: &Policy,
    working: &mut Working,
    signed: &SignedBackup,
) -> Result<(), BackupRefusal> {
    let fields = signed.backup();
    if fields.verifier != policy.verifier {
        return Err(BackupRefusal::WrongVerifier);
    }
    let wallet = working.context.wallet_refs.get(&fields.root);
    let wallet = *wallet.ok_or(BackupRefusal::UnknownWallet)?;
    let known = working.context.backups.get(&fields.name);
    if known.is_some_and(|row| row.wallet != wallet) {
        return Err(BackupRefusal::NameTaken);
    }
    // The same again, whose answer may have been lost.
    if known.is_some_and(|row| row.signed == *signed) {
        return Ok(());
    }
    if !fields.is_live(working.now) {
        return Err(BackupRefusal::Expired);
    }
    if known.is_some_and(|row| row.signed.backup().at > fields.at) {
        return Err(BackupRefusal::Superseded);
    }
    let of_wallet = working.context.backups.values().filter(|row| row.wallet == wallet);
    if known.is_none() && of_wallet.count() >= limits::BACKUPS_PER_WALLET_MAX {
        return Err(BackupRefusal::TooMany);
    }
    // After this point it is kept.
    working.put_backup(BackupRow { wallet, signed: signed.clone() });
    Ok(())
}
