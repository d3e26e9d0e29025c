//! Rotations and backups in an audit: each wallet's root keys follow one another by the word of both, up to the one it
//! has, and what a root key signed was signed while it was the wallet's.

use std::collections::HashSet;

use farthing_rules::WalletRef;
use farthing_rules::rows::WalletRow;
use farthing_shared::{PublicKey, SignedBackup, SignedRotation, UnixMillis};

use super::Report;
use crate::store::Snapshot;

fn ended(all: &Snapshot, wallet: WalletRef, ended: u32) -> Option<(UnixMillis, SignedRotation)> {
    let (at, bytes) = all.rotations.get(&(wallet, ended))?;
    Some((*at, SignedRotation::decode(bytes).ok()?))
}

/// The root key that a wallet had after so many rotations.
pub(super) fn root_of(all: &Snapshot, wallet: WalletRef, generation: u32) -> Option<PublicKey> {
    let row = all.wallets.get(&wallet)?;
    if generation == row.generation {
        return Some(row.root);
    }
    ended(all, wallet, generation).map(|(_, signed)| signed.rotation().root)
}

/// Whether a key was a wallet's root key, and at a time had not been replaced yet. A key that signed before its turn is none of
/// a stranger's: the clock was set back.
pub(super) fn had_root(
    all: &Snapshot,
    wallet: WalletRef,
    root: &PublicKey,
    at: Option<UnixMillis>,
) -> bool {
    let Some(row) = all.wallets.get(&wallet) else { return false };
    let end = |generation| ended(all, wallet, generation).map(|(end, _)| end);
    (0..=row.generation).any(|generation| {
        root_of(all, wallet, generation) == Some(*root)
            && at.is_none_or(|at| end(generation).is_none_or(|end| at <= end))
    })
}

pub(super) fn compare(all: &Snapshot, report: &mut Report) {
    let mut seen = HashSet::new();
    for row in all.wallets.values() {
        compare_wallet(all, row, &mut seen, report);
    }
    for (wallet, number) in all.rotations.keys() {
        if all.wallets.get(wallet).is_none_or(|row| *number >= row.generation) {
            report.differs(format!("wallet {}: rotation {number} is not counted", wallet.0));
        }
    }
}

/// Each backup is what the wallet's present root key signed, and stands under its own name.
pub(super) fn compare_backups(all: &Snapshot, report: &mut Report) {
    for ((wallet, name), bytes) in &all.backups {
        let what = || format!("a backup of wallet {}", wallet.0);
        let Ok(signed) = SignedBackup::decode(bytes) else {
            report.differs(what() + ": it cannot be read");
            continue;
        };
        let root = all.wallets.get(wallet).map(|row| row.root);
        report.compare(|| what() + ": root key", &root, &Some(signed.backup().root));
        report.compare(|| what() + ": name", name, &signed.backup().name);
        if signed.verify().is_err() {
            report.differs(what() + ": its signature does not hold");
        }
    }
}

fn compare_wallet(
    all: &Snapshot,
    row: &WalletRow,
    seen: &mut HashSet<PublicKey>,
    report: &mut Report,
) {
    for generation in 0..=row.generation {
        let name = || format!("wallet {} rotation {generation}", row.wallet.0);
        let root = root_of(all, row.wallet, generation);
        if !root.is_some_and(|root| seen.insert(root)) {
            report.differs(name() + ": its root key is missing, or is another wallet's too");
        }
        if generation == row.generation {
            break;
        }
        let Some((at, signed)) = ended(all, row.wallet, generation) else { continue };
        let fields = *signed.rotation();
        let next = root_of(all, row.wallet, generation.saturating_add(1));
        report.compare(|| name() + ": the key that follows", &next, &Some(fields.next));
        if !fields.is_live(at) {
            report.differs(name() + ": it was signed at another time");
        }
        if signed.verify().is_err() {
            report.differs(name() + ": a signature of it does not hold");
        }
    }
}
