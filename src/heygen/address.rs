//! PURE. Where a request goes.

use url::{Host, Url};

use crate::outcome::{Class, Trouble};

/// The URL of a resource below the base, each segment escaped.
///
/// A segment that would lead elsewhere is refused without a request: empty and dotted ones name a different resource.
pub(super) fn of(base_url: &Url, segments: &[&str]) -> Result<Url, Trouble> {
    let leads_elsewhere = |segment: &&str| matches!(*segment, "" | "." | "..") || segment.chars().any(char::is_control);
    if segments.iter().any(leads_elsewhere) {
        return Err(Trouble { param: Some("group_id"), ..Trouble::of(Class::Invalid) });
    }
    let mut url = base_url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Only a URL such as `mailto:` has no path, and configuration refuses those.
    url.path_segments_mut().map_err(|()| Trouble::of(Class::Unreachable))?.pop_if_empty().extend(segments);
    Ok(url)
}

/// Whether the URL points to this machine by its own words; names are not resolved.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_known_by_address_and_by_name() {
        for url in ["http://127.0.0.1:9000", "http://127.9.9.9", "http://[::1]:9000/x", "http://localhost", "https://heygen.localhost"] {
            assert!(is_loopback(&url.parse().unwrap()), "{url}");
        }
        for url in ["https://api.heygen.com", "http://10.0.0.1", "http://localhost.example", "http://notlocalhost", "http://[::2]"] {
            assert!(!is_loopback(&url.parse().unwrap()), "{url}");
        }
    }
}
