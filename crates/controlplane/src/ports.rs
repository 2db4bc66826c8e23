//! Ports of loopback for programs that are about to start.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
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

fn try_reserve(port: u16) -> io::Result<()> {
    let reservation = UdpSocket::bind((Ipv4Addr::LOCALHOST, port))?;
    drop(TcpListener::bind((Ipv4Addr::LOCALHOST, port))?);
    RESERVED.lock().unwrap_or_else(PoisonError::into_inner).push(reservation);
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn a_port_is_given_once_and_no_port_that_is_taken() {
        let port = reserve().unwrap();
        assert!(try_reserve(port).is_err(), "it is given already");
        drop(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap());
        let taken = loop {
            let port = FIRST + u16::try_from(RandomState::new().build_hasher().finish() % COUNT).unwrap();
            if let Ok(taken) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
                break taken;
            }
        };
        let taken_port = taken.local_addr().unwrap().port();
        assert!(try_reserve(taken_port).is_err(), "a program listens there");
        drop(taken);
        try_reserve(taken_port).unwrap();
    }
}
