//! Permissions in an audit: each is what a root key of its wallet signed, for its own creator. Which claims came without a
//! click is not in the ledger, so that an audit says nothing about single payments.

use farthing_shared::SignedPermission;

use super::{Report, rotations};
use crate::store::Snapshot;

pub(super) fn compare(all: &Snapshot, report: &mut Report) {
    for ((wallet, creator), bytes) in &all.permissions {
        let name = || format!("permission of wallet {} for creator {}", wallet.0, creator.0);
        let Ok(signed) = SignedPermission::decode(bytes) else {
            report.differs(name() + ": it cannot be read");
            continue;
        };
        let terms = *signed.permission();
        let id = all.creators.get(creator).map(|row| row.id);
        report.compare(|| name() + ": creator", &id, &Some(terms.creator));
        if !rotations::had_root(all, *wallet, &terms.root, None) {
            report.differs(name() + ": another wallet's root key signed it");
        }
        if signed.verify().is_err() {
            report.differs(name() + ": its signature does not hold");
        }
    }
}
