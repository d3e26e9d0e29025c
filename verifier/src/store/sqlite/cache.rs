//! Rows of the tables that the writer has read or folded: valid as long as nobody else writes.

use farthing_rules::rows::{CreatorRow, ItemRow, KeyRow, WalletRow};
use farthing_rules::{CreatorRef, KeyRef, WalletRef};
use farthing_shared::ItemHash;
use quick_cache::unsync::Cache as Bounded;

use super::redo::OwnedPair;

/// Keys, and wallets, kept: some 500 B for both together, 32 MB when full.
const WALLETS: usize = 65_536;
/// Creators, and items, kept: some 250 B for both together, 4 MB when full.
const ITEMS: usize = 16_384;

/// The newest items that a wallet owns, as they stand in its row.
#[derive(Debug, Default, Clone)]
pub(super) struct OwnedWindow {
    pub(super) pairs: Vec<OwnedPair>,
    /// Whether older ones stand in the table `owned`.
    pub(super) moved: bool,
}

/// Rows as the tables have them.
#[derive(Debug)]
pub(super) struct Cache {
    pub(super) keys: Bounded<KeyRef, KeyRow>,
    pub(super) wallets: Bounded<WalletRef, (WalletRow, OwnedWindow)>,
    pub(super) creators: Bounded<CreatorRef, CreatorRow>,
    pub(super) items: Bounded<ItemHash, ItemRow>,
}

impl Default for Cache {
    fn default() -> Self {
        Self::with_room(WALLETS, ITEMS)
    }
}

impl Cache {
    /// Keeps about so many keys and wallets, and creators and items. What was put in may be gone at
    /// the next look, so nothing may follow from a row's absence.
    pub(super) fn with_room(wallets: usize, items: usize) -> Self {
        Self {
            keys: Bounded::new(wallets),
            wallets: Bounded::new(wallets),
            creators: Bounded::new(items),
            items: Bounded::new(items),
        }
    }

    /// Forgets all: somebody else has written, or a transaction was rolled back.
    pub(super) fn clear(&mut self) {
        self.keys.clear();
        self.wallets.clear();
        self.creators.clear();
        self.items.clear();
    }
}
