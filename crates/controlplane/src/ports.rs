//! Ports of loopback for programs that are about to start.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io;
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::sync::{Mutex, PoisonError};

/// Below the range from which kernels take ports for outgoing connections and for those that ask for any: they could take the port before
/// the program does, or while it is stopped.
const FIRST: u16 = 15_000;
const COUNT: u64 = 15_000;

/// What keeps other callers, also those of other processes, from being given the same: the UDP port of the same number, which nothing else
/// uses, until this process ends.
static RESERVED: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());

/// A TCP port that is free right now, and is given to no other caller.
///
/// # Errors
/// When a hundred were all taken, or no socket can be had.
pub fn reserve() -> io::Result<u16> {
    let mut last_error = io::Error::other("no attempt");
    for _ in 0..100 {
        // A RandomState is the standard library's only source of randomness.
        let offset = RandomState::new().build_hasher().finish() % COUNT;
        let port = FIRST + u16::try_from(offset).unwrap_or_default();
        match try_reserve(port) {
            Ok(()) => return Ok(port),
            Err(error) => last_error = error,
        }
    }
    Err(last_error)
}

/// Whether anything listens is found out by a connection, and not by a listener of our own: a program that another thread starts right then
/// would have a copy of that for a moment, in which the port would not be free.
fn try_reserve(port: u16) -> io::Result<()> {
    let reservation = UdpSocket::bind((Ipv4Addr::LOCALHOST, port))?;
    match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
        Err(error) => return Err(error),
        Ok(_) => return Err(io::ErrorKind::AddrInUse.into()),
    }
    RESERVED.lock().unwrap_or_else(PoisonError::into_inner).push(reservation);
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_port_is_given_once_and_no_port_that_is_taken() {
        let port = reserve().unwrap();
        assert_eq!(try_reserve(port).unwrap_err().kind(), io::ErrorKind::AddrInUse, "it is given already");
        drop(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap());
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let refused = try_reserve(taken.local_addr().unwrap().port()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse, "a program listens there");
    }
}
