//! PURE. What is reached past the proxy: the entries of `NO_PROXY`.
//!
//! No standard says how they are written. What curl, Go and the HTTP library take is taken here, with a port as Go takes one; the rest is
//! told at the start.

use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exception {
    hosts: Hosts,
    /// `None`: every port.
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Hosts {
    All,
    /// The name, unless only what is below it counts, and every name below it.
    Names {
        name: String,
        only_below: bool,
    },
    Addresses(IpNet),
}

/// The entries of a list: separated by commas, or by blanks as curl allows.
pub(super) fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty())
}

/// What a user is told of an entry of this list that means nothing here.
pub(super) fn not_understood(variable: &str, list: &str, number: usize, entry: &str) -> String {
    // It may be a whole URL, with a password in it, of which a comma or a blank makes several entries.
    let entry = if list.contains('@') { format!("entry {number}") } else { format!("{entry:?}") };
    format!(
        "{variable}: {entry} is not understood and ignored; write a name (with all names below it), *.name (only those below), an address, a range such as 10.0.0.0/8, each but a range with a port if need be, or *"
    )
}

impl Exception {
    /// What an entry means; `None`: nothing that is known here.
    pub(super) fn parse(entry: &str) -> Option<Self> {
        if entry == "*" {
            return Some(Self { hosts: Hosts::All, port: None });
        }
        if let Some(addresses) = addresses(entry) {
            return Some(Self { hosts: Hosts::Addresses(addresses), port: None });
        }
        let (host, port) = match entry.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok().filter(|port| *port > 0)?)),
            None => (entry, None),
        };
        if let Some(address) = address(host) {
            return Some(Self { hosts: Hosts::Addresses(address.into()), port });
        }
        let (below, name) = host.strip_prefix("*.").map_or((false, host), |name| (true, name));
        let name = if below { name } else { name.strip_prefix('.').unwrap_or(name) };
        let name = name.strip_suffix('.').unwrap_or(name);
        // A star elsewhere, or a scheme and a path.
        if name.is_empty() || name.starts_with('.') || name.contains(['*', '?', '/', '@', '%', '[', ']', '<', '>', ':']) {
            return None;
        }
        match Host::parse(name).ok()? {
            Host::Domain(name) => Some(Self { hosts: Hosts::Names { name, only_below: below }, port }),
            Host::Ipv4(_) if below => None,
            Host::Ipv4(address) => Some(Self { hosts: Hosts::Addresses(IpAddr::V4(address).into()), port }),
            Host::Ipv6(_) => None,
        }
    }

    /// Whether this URL is reached past the proxy.
    pub(super) fn holds_for(&self, url: &Url) -> bool {
        if self.port.is_some_and(|port| url.port_or_known_default() != Some(port)) {
            return false;
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address).to_canonical()),
            Some(Host::Domain(_)) | None => None,
        };
        match &self.hosts {
            Hosts::All => true,
            Hosts::Addresses(addresses) => address.is_some_and(|address| addresses.contains(&address)),
            Hosts::Names { name, only_below } => {
                let Some(host) = url.domain().map(|host| host.strip_suffix('.').unwrap_or(host)) else { return false };
                let above = host.strip_suffix(name.as_str());
                above.is_some_and(|above| above.ends_with('.') || above.is_empty() && !only_below)
            }
        }
    }
}

/// A range, or one address of either kind.
fn addresses(entry: &str) -> Option<IpNet> {
    entry.parse().ok().or_else(|| address(entry).map(IpNet::from))
}

/// An address, in brackets where a URL has it so.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    match bare {
        Some(bare) => bare.parse().ok().filter(IpAddr::is_ipv6).map(|address: IpAddr| address.to_canonical()),
        None => text.parse().ok().map(|address: IpAddr| address.to_canonical()),
    }
}
