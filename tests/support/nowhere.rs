//! Servers that cannot be reached, on any machine and without a network.

use std::net::SocketAddr;

use tokio::net::TcpSocket;

/// Takes an address and does not listen there: connections are refused, and no other process gets the port while this is held.
pub fn at_an_address() -> (TcpSocket, SocketAddr) {
    let taken = TcpSocket::new_v4().unwrap();
    taken.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = taken.local_addr().unwrap();
    (taken, address)
}

#[allow(dead_code, reason = "several test binaries include this, and one asks by addresses only")]
/// A name that cannot be: its label has more than 63 characters, so no name server is asked, and none can be slow.
pub fn by_name(label: &str) -> String {
    format!("{}.invalid", label.repeat(64 / label.len() + 1))
}
