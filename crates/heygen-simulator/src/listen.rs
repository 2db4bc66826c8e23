//! The address that the simulator takes.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket};

/// How many connections may wait to be accepted; as many as `TcpListener::bind` lets.
const BACKLOG: u32 = 1024;

/// Takes the address; `[::]` is every address of this machine, also those of IPv4, and without IPv6 it is `0.0.0.0`.
pub(crate) fn on(address: SocketAddr) -> io::Result<TcpListener> {
    by(address, open)
}

fn by<L>(address: SocketAddr, open: impl Fn(SocketAddr) -> io::Result<L>) -> io::Result<L> {
    open(address).or_else(|error| {
        // A system without IPv6 says so in one of several ways; a port that is taken is taken.
        if address.ip() == Ipv6Addr::UNSPECIFIED && error.kind() != io::ErrorKind::AddrInUse {
            return open((Ipv4Addr::UNSPECIFIED, address.port()).into()).map_err(|_| error);
        }
        Err(error)
    })
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    if address.ip() == Ipv6Addr::UNSPECIFIED {
        // Whatever net.ipv6.bindv6only says.
        SockRef::from(&socket).set_only_v6(false)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv6Addr};

    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn every_address_is_those_of_ipv6_and_of_ipv4() -> io::Result<()> {
        let listener = on((Ipv6Addr::UNSPECIFIED, 0).into())?;
        let port = listener.local_addr()?.port();
        for host in [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)] {
            let (client, served) = tokio::join!(TcpStream::connect((host, port)), listener.accept());
            assert!(client.is_ok() && served.is_ok(), "{host}");
        }
        Ok(())
    }

    #[test]
    fn where_there_is_no_ipv6_every_address_is_those_of_ipv4() {
        let bound = |address: SocketAddr, code: i32| {
            let bound = by(address, |address| if address.is_ipv6() { Err(io::Error::from_raw_os_error(code)) } else { Ok(address) });
            bound.map_err(|error| error.raw_os_error())
        };
        let everywhere = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 8090));
        // What Linux says without IPv6, and what sandboxes say.
        for code in [97, 99] {
            assert_eq!(bound(everywhere, code), Ok((Ipv4Addr::UNSPECIFIED, 8090).into()));
        }
        assert_eq!(bound(everywhere, 98), Err(Some(98)), "another one's port");
        assert_eq!(bound((Ipv6Addr::LOCALHOST, 8090).into(), 99), Err(Some(99)), "every address was not asked for");
    }
}
