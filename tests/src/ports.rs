//! Ports for servers that are told where to listen before they start.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Mutex;

/// Above 10080, which browsers refuse to call, and below the ports that Linux gives to those who
/// ask for any: so no connection and no listener of another test can take one meanwhile.
const FIRST: u16 = 12_000;
const END: u16 = 32_000;

/// Some more than one test asks for, so that tests side by side look in different places.
const STRIDE: u32 = 61;

/// The sockets that keep a port for this process.
static TAKEN: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());

/// An address of loopback where nobody listens, and which no other test is given while this
/// process lives: its UDP port is kept, and nobody who cannot have that one is given the address.
///
/// # Panics
/// When every port of the range is taken.
#[must_use]
pub fn free_address() -> SocketAddr {
    let mut taken = TAKEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let span = u32::from(END - FIRST);
    let from = (std::process::id() % span) * STRIDE;
    for step in 0..span {
        let offset = u16::try_from((from + step) % span).expect("less than the span, a u16");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST + offset));
        let Ok(mine) = UdpSocket::bind(address) else { continue };
        if TcpListener::bind(address).is_ok() {
            taken.push(mine);
            return address;
        }
    }
    panic!("every port of loopback from {FIRST} to {END} is taken");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_is_given_twice() {
        let addresses: std::collections::HashSet<_> = (0..200).map(|_| free_address()).collect();
        assert_eq!(addresses.len(), 200);
        assert!(addresses.iter().all(|address| TcpListener::bind(address).is_ok()));
    }
}
