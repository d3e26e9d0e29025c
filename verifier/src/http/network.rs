//! Where a request comes from, and how many may come from there.
//!
//! The limit is a token bucket per network prefix (IPv4 /24, IPv6 /48), kept as one number: the
//! time at which the bucket would be full again (GCRA). Prefixes are held in memory only, and only
//! so many of them; the least used are forgotten first.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::http::HeaderMap;
use quick_cache::sync::Cache;

use crate::clock::monotonic;

/// Prefixes remembered at once: 65,536 × some 100 B = 6.5 MB when full.
const PREFIXES_MAX: usize = 65_536;
/// A bucket holds this many seconds' worth of requests.
const BURST_SECONDS: u64 = 5;
/// A bucket can owe this many seconds' worth.
const DEBT_SECONDS_MAX: u64 = 60;

/// A network in CIDR form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    bits: u128,
    length: u8,
}

impl Network {
    /// Reads `10.0.0.0/8`, `::1/128`, or a single address.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let (own, offset) = if address.is_ipv4() { (32, 96) } else { (128, 0) };
        let length = length.unwrap_or(own);
        (length <= own).then(|| Self { bits: bits(address), length: length.saturating_add(offset) })
    }

    /// Whether an address lies in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let shift = 128_u32.saturating_sub(u32::from(self.length));
        let cut = |bits: u128| bits.checked_shr(shift).unwrap_or(0);
        cut(bits(address)) == cut(self.bits)
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// A network prefix: what limits are kept for. Never logged, never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefix(u64);

impl Prefix {
    /// /24 of an IPv4 address, /48 of an IPv6 address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        let v6 = match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        let bytes = match v6.to_ipv4_mapped() {
            Some(v4) => {
                let [a, b, c, _] = v4.octets();
                [0xff, 0xff, 0xff, 0xff, 0xff, a, b, c]
            }
            None => {
                let [a, b, c, d, e, f, ..] = Ipv6Addr::octets(&v6);
                [0, 0, a, b, c, d, e, f]
            }
        };
        Self(u64::from_be_bytes(bytes))
    }

    /// Its bytes, to be bound into a challenge.
    #[must_use]
    pub fn bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

/// The address a request comes from. `X-Forwarded-For` is believed only as far as it was written by
/// trusted proxies: read from the right, the first address that is not one of them counts.
#[must_use]
pub fn client(peer: SocketAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut at = peer.ip().to_canonical();
    if trusted.is_empty() {
        return at;
    }
    let lines: Vec<&str> =
        headers.get_all("x-forwarded-for").iter().filter_map(|v| v.to_str().ok()).collect();
    let mut hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
    while is_trusted(at) {
        match hops.next().and_then(|hop| hop.trim().parse::<IpAddr>().ok()) {
            Some(hop) => at = hop.to_canonical(),
            None => break,
        }
    }
    at
}

/// Token buckets by network prefix.
#[derive(Debug)]
pub struct Buckets {
    started: Instant,
    nanos_per_request: u64,
    full_at: Cache<Prefix, Arc<AtomicU64>>,
}

impl Buckets {
    /// Buckets that fill with so many requests a second; 0 means no limit.
    #[must_use]
    pub fn new(per_second: u32) -> Self {
        let nanos_per_request = 1_000_000_000_u64.checked_div(u64::from(per_second)).unwrap_or(0);
        Self { started: monotonic(), nanos_per_request, full_at: Cache::new(PREFIXES_MAX) }
    }

    /// Takes `cost` requests from a prefix's bucket.
    ///
    /// # Errors
    /// Seconds after which it holds enough again; nothing is taken then.
    pub fn take(&self, prefix: Prefix, cost: u32) -> Result<(), u32> {
        let now = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.take_at(prefix, cost, now)
    }

    /// Takes so many seconds' worth of requests.
    ///
    /// # Errors
    /// As [`Buckets::take`].
    pub fn take_seconds(&self, prefix: Prefix, seconds: u32) -> Result<(), u32> {
        if self.nanos_per_request == 0 || seconds == 0 {
            return Ok(());
        }
        let cost = u64::from(seconds)
            .saturating_mul(1_000_000_000)
            .checked_div(self.nanos_per_request)
            .unwrap_or(0);
        self.take(prefix, u32::try_from(cost).unwrap_or(u32::MAX))
    }

    fn take_at(&self, prefix: Prefix, cost: u32, now: u64) -> Result<(), u32> {
        if self.nanos_per_request == 0 {
            return Ok(());
        }
        let cell = self.cell(prefix);
        let need = self.nanos_per_request.saturating_mul(u64::from(cost));
        let burst = BURST_SECONDS.saturating_mul(1_000_000_000).max(need);
        let latest = now.saturating_add(burst);
        let taken = cell.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
            let after = full_at.max(now).saturating_add(need);
            (after <= latest).then_some(after)
        });
        taken.map(|_| ()).map_err(|full_at| {
            let wait = full_at.saturating_add(need).saturating_sub(latest);
            u32::try_from(wait.div_ceil(1_000_000_000)).unwrap_or(u32::MAX).max(1)
        })
    }

    /// Takes without asking, into debt if need be: what was done anyway and should not be done
    /// often. A debt is never more than a minute's worth.
    pub fn charge(&self, prefix: Prefix, cost: u32) {
        let now = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.charge_at(prefix, cost, now);
    }

    fn charge_at(&self, prefix: Prefix, cost: u32, now: u64) {
        if self.nanos_per_request == 0 || cost == 0 {
            return;
        }
        let need = self.nanos_per_request.saturating_mul(u64::from(cost));
        let latest = now.saturating_add(DEBT_SECONDS_MAX.saturating_mul(1_000_000_000));
        let cell = self.cell(prefix);
        let _always = cell.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
            Some(full_at.max(now).saturating_add(need).min(latest.max(full_at)))
        });
    }

    fn cell(&self, prefix: Prefix) -> Arc<AtomicU64> {
        self.full_at.get(&prefix).unwrap_or_else(|| {
            let cell = Arc::new(AtomicU64::new(0));
            self.full_at.insert(prefix, cell.clone());
            cell
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", axum::http::HeaderValue::from_static(line));
        }
        headers
    }

    #[test]
    fn a_forged_header_changes_nothing() {
        let proxy = [Network::parse("10.0.0.0/8").unwrap()];
        let rows: [(&str, &[&str], &[Network], &str); 7] = [
            ("9.9.9.9:1", &["1.1.1.1"], &[], "9.9.9.9"),
            ("9.9.9.9:1", &["1.1.1.1"], &proxy, "9.9.9.9"),
            ("10.0.0.1:1", &["1.1.1.1"], &proxy, "1.1.1.1"),
            ("10.0.0.1:1", &["6.6.6.6, 1.1.1.1"], &proxy, "1.1.1.1"),
            ("10.0.0.1:1", &["6.6.6.6", "1.1.1.1, 10.2.2.2"], &proxy, "1.1.1.1"),
            ("10.0.0.1:1", &["nonsense"], &proxy, "10.0.0.1"),
            ("10.0.0.1:1", &[], &proxy, "10.0.0.1"),
        ];
        for (peer, lines, trusted, expected) in rows {
            let lines: Vec<&'static str> =
                lines.iter().map(|line| &*Box::leak((*line).to_owned().into_boxed_str())).collect();
            let found = client(peer.parse().unwrap(), &headers(&lines), trusted);
            assert_eq!(found.to_string(), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn neighbours_share_a_prefix_and_families_do_not_mix() {
        let prefix = |text: &str| Prefix::of(text.parse().unwrap());
        assert_eq!(prefix("192.0.2.1"), prefix("192.0.2.254"));
        assert_eq!(prefix("192.0.2.1"), prefix("::ffff:192.0.2.9"));
        assert_ne!(prefix("192.0.2.1"), prefix("192.0.3.1"));
        assert_eq!(prefix("2001:db8:1::1"), prefix("2001:db8:1:ffff::9"));
        assert_ne!(prefix("2001:db8:1::1"), prefix("2001:db8:2::1"));
    }

    #[test]
    fn a_bucket_empties_and_fills() {
        let buckets = Buckets::new(10);
        let prefix = Prefix(1);
        let second = 1_000_000_000;
        assert!((0..50).all(|_| buckets.take_at(prefix, 1, 0).is_ok()));
        assert_eq!(buckets.take_at(prefix, 1, 0), Err(1));
        assert_eq!(buckets.take_at(prefix, 20, 0), Err(2));
        assert!(buckets.take_at(Prefix(2), 1, 0).is_ok());
        assert!((0..10).all(|_| buckets.take_at(prefix, 1, second).is_ok()));
        assert_eq!(buckets.take_at(prefix, 1, second), Err(1));
        assert!(Buckets::new(0).take_at(prefix, u32::MAX, 0).is_ok());
    }

    #[test]
    fn junk_is_paid_for_even_from_an_empty_bucket() {
        let buckets = Buckets::new(10);
        let prefix = Prefix(1);
        // Ten forged claims at twenty requests each are twenty seconds of this bucket.
        (0..10).for_each(|_| buckets.charge_at(prefix, 20, 0));
        assert_eq!(buckets.take_at(prefix, 1, 0), Err(16));
        assert!(buckets.take_at(prefix, 1, 16_000_000_000).is_ok());
        (0..1_000).for_each(|_| buckets.charge_at(prefix, 20, 0));
        assert!(buckets.take_at(prefix, 1, 61_000_000_000).is_ok(), "a debt is bounded");
    }
}
