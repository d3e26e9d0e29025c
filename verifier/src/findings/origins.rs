//! Tags of networks: wallets opened from one network prefix on one day carry the same tag, and nothing
//! else can be learnt from it (docs/decisions/0017-origins.md).
//!
//! A tag is a keyed hash of the prefix. The key is random, lives in memory for one UTC day and is then
//! forgotten, so that afterwards nobody, the provider included, can get from a tag to a network, or
//! from a network to its tags.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use farthing_rules::findings::Sighting;
use farthing_shared::{CreatorId, Micros, UnixMillis};

use crate::http::Prefix;
use crate::secrets::Mac256;

/// Senders and creators counted between two looks at most: 4,096 × some 80 B.
const FORGED_MAX: usize = 4_096;

/// Makes tags, and counts forged claims by their sender's tag until they are written down.
#[derive(Debug, Default)]
pub struct Origins(Mutex<Day>);

#[derive(Debug, Default)]
struct Day {
    day: u32,
    key: Option<Mac256>,
    forged: HashMap<(u64, CreatorId), (u64, Micros)>,
}

impl Day {
    /// `None` where the machine gives no randomness: then nothing is told.
    fn tag(&mut self, prefix: Prefix, now: UnixMillis) -> Option<u64> {
        if self.day != now.day() || self.key.is_none() {
            self.day = now.day();
            self.key = Mac256::forgotten().ok();
        }
        let tag = self.key.as_ref()?.tag(&[&prefix.bytes()]);
        // One bit less, so that every store can hold it as a number.
        Some(u64::from_be_bytes(*tag.first_chunk()?) >> 1)
    }
}

impl Origins {
    /// The tag of a network today.
    #[must_use]
    pub fn tag(&self, prefix: Prefix, now: UnixMillis) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).tag(prefix, now)
    }

    /// Counts a forged claim against whoever sent it.
    pub fn count_forged(
        &self,
        prefix: Prefix,
        creator: CreatorId,
        amount: Micros,
        now: UnixMillis,
    ) {
        let mut day = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(origin) = day.tag(prefix, now) else { return };
        let full = day.forged.len() >= FORGED_MAX;
        let name = (origin, creator);
        if full && !day.forged.contains_key(&name) {
            return;
        }
        let sum = day.forged.entry(name).or_default();
        *sum = (sum.0.saturating_add(1), sum.1.plus(amount).unwrap_or(Micros::MAX));
    }

    /// What was counted since the last look, in a fixed order.
    #[must_use]
    pub fn take_forged(&self) -> Vec<Sighting> {
        let mut day = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut forged: Vec<_> = std::mem::take(&mut day.forged).into_iter().collect();
        drop(day);
        forged.sort_unstable_by_key(|((origin, creator), _)| (*origin, creator.0));
        let one = |((origin, creator), (count, amount))| Sighting::Forged {
            creator,
            origin,
            count,
            amount,
        };
        forged.into_iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_one_day_share_a_tag_and_nothing_else_does() {
        let origins = Origins::default();
        let prefix = |text: &str| Prefix::of(text.parse().unwrap());
        let (today, tomorrow) = (UnixMillis(1_000), UnixMillis(86_400_000));
        let tag = origins.tag(prefix("192.0.2.1"), today);
        assert!(tag.is_some());
        assert_eq!(tag, origins.tag(prefix("192.0.2.200"), today));
        assert_ne!(tag, origins.tag(prefix("192.0.3.1"), today));
        assert_ne!(tag, origins.tag(prefix("192.0.2.1"), tomorrow));
        // The key of the first day is gone, also when the clock goes back.
        assert_ne!(tag, origins.tag(prefix("192.0.2.1"), today));
        assert_ne!(tag, Origins::default().tag(prefix("192.0.2.1"), today));
    }

    #[test]
    fn forgeries_are_counted_by_sender_and_bounded() {
        let origins = Origins::default();
        let now = UnixMillis(1_000);
        let one = Micros::new(1).unwrap();
        for sender in 0..=FORGED_MAX {
            let address = std::net::Ipv4Addr::from(u32::try_from(sender << 8).unwrap());
            origins.count_forged(Prefix::of(address.into()), CreatorId([1; 16]), one, now);
            origins.count_forged(Prefix::of(address.into()), CreatorId([1; 16]), one, now);
        }
        let taken = origins.take_forged();
        assert_eq!(taken.len(), FORGED_MAX);
        assert!(taken.iter().all(|seen| matches!(seen, Sighting::Forged { count: 2, .. })));
        assert!(origins.take_forged().is_empty());
    }
}
