//! Rotations: another root key takes the place of a wallet's present one, and all that the old one allowed
//! ends with it.

use farthing_shared::{PublicKey, SignedRotation, limits};

use super::working::Working;
use crate::commit::RotationRefusal;
use crate::context::FormerRoot;
use crate::policy::Policy;
use crate::rows::{RotationRow, WalletRow};

/// Puts the next root key in the place of the present one, or says why not. What the wallet holds, owns
/// and has paid stays; every spending key of before is refused from now on, in this batch already.
pub(super) fn rotate(
    policy: &Policy,
    working: &mut Working,
    signed: &SignedRotation,
) -> Result<WalletRow, RotationRefusal> {
    let fields = signed.rotation();
    if fields.verifier != policy.verifier {
        return Err(RotationRefusal::WrongVerifier);
    }
    if let Some(former) = working.context.former_roots.get(&fields.root) {
        // The same again, whose answer may have been lost.
        let same = former.next == fields.next;
        let row = working.context.wallets.get(&former.wallet).copied();
        return row.filter(|_| same).ok_or(RotationRefusal::Replaced);
    }
    let wallet = working.context.wallet_refs.get(&fields.root);
    let row = wallet.and_then(|wallet| working.context.wallets.get(wallet));
    let row = *row.ok_or(RotationRefusal::UnknownWallet)?;
    if is_taken(working, &fields.next) {
        return Err(RotationRefusal::KeyTaken);
    }
    let now = working.now;
    if !fields.is_live(now) {
        return Err(RotationRefusal::Expired);
    }
    let generation = row.generation.checked_add(1);
    let generation = generation.filter(|count| *count <= limits::ROTATIONS_PER_WALLET_MAX);
    let generation = generation.ok_or(RotationRefusal::TooMany)?;
    // After this point the old key has ended.
    let rotated = WalletRow { root: fields.next, generation, ..row };
    working.context.wallets.insert(row.wallet, rotated);
    working.context.wallet_refs.remove(&fields.root);
    let former = FormerRoot { wallet: row.wallet, next: fields.next };
    working.context.former_roots.insert(fields.root, former);
    // Not among the wallets' root keys before the next batch: what is in force at the places that it
    // would name was not read with this one.
    working.context.new_roots.insert(fields.next, row.wallet);
    // What was sealed of the old key opens nothing any more.
    working.drop_backups(row.wallet);
    working.keep_rotation(RotationRow {
        wallet: row.wallet,
        ended: row.generation,
        at: now,
        signed: signed.clone(),
    });
    Ok(rotated)
}

fn is_taken(working: &Working, key: &PublicKey) -> bool {
    let context = &working.context;
    context.wallet_refs.contains_key(key)
        || context.new_roots.contains_key(key)
        || context.former_roots.contains_key(key)
        || context.key_refs.contains_key(key)
}
