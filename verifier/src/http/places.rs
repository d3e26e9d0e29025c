//! Places for connections: so many from one network prefix at most, so that nobody takes them all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::network::{Network, Prefix};

/// Counts open connections by prefix; clones share the count.
#[derive(Debug, Clone)]
pub struct Places {
    open: Arc<Mutex<HashMap<Prefix, usize>>>,
    /// Connections of one prefix at once.
    max: usize,
    /// Proxies, which bring everybody's connections.
    trusted: Arc<[Network]>,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    places: Places,
    prefix: Option<Prefix>,
}

impl Places {
    /// `max` connections for each prefix; addresses in `trusted` are not counted.
    #[must_use]
    pub fn new(max: usize, trusted: &[Network]) -> Self {
        Self { open: Arc::default(), max, trusted: trusted.into() }
    }

    /// A place for a connection from an address; `None` when its prefix has as many as it may.
    #[must_use]
    pub fn take(&self, from: IpAddr) -> Option<Place> {
        let address = from.to_canonical();
        if self.trusted.iter().any(|network| network.contains(address)) {
            return Some(Place { places: self.clone(), prefix: None });
        }
        let prefix = Prefix::of(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(prefix).or_default();
        if *count >= self.max {
            return None;
        }
        *count = count.saturating_add(1);
        drop(open);
        Some(Place { places: self.clone(), prefix: Some(prefix) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(prefix) = self.prefix else { return };
        let mut open = self.places.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&prefix) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&prefix);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_has_so_many_places_and_a_proxy_is_not_counted() {
        let proxy = Network::parse("10.0.0.1").into_iter().collect::<Vec<_>>();
        let places = Places::new(2, &proxy);
        let at = |text: &str| text.parse::<IpAddr>().expect("an address");
        let first = places.take(at("192.0.2.1"));
        let second = places.take(at("::ffff:192.0.2.77"));
        assert!(first.is_some() && second.is_some());
        assert!(places.take(at("192.0.2.3")).is_none(), "the third of a /24");
        assert!(places.take(at("192.0.3.3")).is_some(), "another /24");
        drop(first);
        assert!(places.take(at("192.0.2.3")).is_some(), "a place was given back");
        let through_proxy: Vec<_> = (0..5).map(|_| places.take(at("10.0.0.1"))).collect();
        assert!(through_proxy.iter().all(Option::is_some));
    }
}
