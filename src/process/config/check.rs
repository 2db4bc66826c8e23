//! PURE. The checks of single arguments; an `Err` says what is wrong, in one line without the flag's name.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use url::{Host, Url};

use super::MOST_CONCURRENCY;
use crate::heygen::ExtraRoots;
use crate::process::audit_log::Target;
use twinconsent_core::api;
use twinconsent_core::api::duration;
use twinconsent_core::heygen::address;

/// The longest URL of a return page, in bytes: with a token behind it, HeyGen is told an address as long as the longest `rerouteURL`.
const LONGEST_RETURN_PAGE_URL: usize = 2000;

/// Never repeats the URL: a password may stand in it.
pub(super) fn return_page_url(text: &str, allow_insecure: bool) -> Result<Url, String> {
    let parsed = Url::parse(text);
    let is_local = parsed.as_ref().is_ok_and(|url| match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    });
    if !allow_insecure && !is_local && parsed.is_ok_and(|url| url.scheme() == "http") {
        return Err("http would send tokens unencrypted; use https, or add --allow-insecure-base-url for a simulator".to_owned());
    }
    let url = address::base(text, true)?;
    if url.as_str().len() > LONGEST_RETURN_PAGE_URL {
        return Err(format!("must not be longer than {LONGEST_RETURN_PAGE_URL} bytes"));
    }
    Ok(url)
}

/// What was read from the file of certificates. The path is quoted, which keeps an odd one on one line.
pub(super) fn ca_bundle(path: &Path, read: io::Result<Vec<u8>>) -> Result<ExtraRoots, String> {
    let pem = read.map_err(|error| format!("cannot read {path:?}: {error}"))?;
    ExtraRoots::from_pem(&pem).map_err(|error| format!("{path:?} {error}"))
}

/// An RFC 1123 subdomain, as Kubernetes wants the names of most objects.
pub(super) fn name(name: String) -> Result<String, String> {
    if api::is_name(&name) {
        Ok(name)
    } else {
        Err(format!("not a name: {name:?} (1 to 253 of a-z, 0-9, - and ., no - or . at either end)"))
    }
}

/// An RFC 1123 label, as Kubernetes wants namespaces.
pub(super) fn namespace(name: String) -> Result<String, String> {
    if api::is_label(&name) { Ok(name) } else { Err(format!("not a namespace: {name:?} (1 to 63 of a-z, 0-9 and -, no - at either end)")) }
}

pub(super) fn namespaces(list: &str) -> Result<BTreeSet<String>, String> {
    if list.trim().is_empty() {
        return Err("names no namespace; leave it out to serve all".to_owned());
    }
    list.split(',').map(|name| namespace(name.trim().to_owned())).collect()
}

pub(super) fn cluster_accounts(list: &str, watch_namespaces: &BTreeSet<String>) -> Result<BTreeSet<String>, String> {
    if watch_namespaces.is_empty() {
        return Err("every account is read already; leave it out, or add --watch-namespaces".to_owned());
    }
    list.split(',').map(|account| name(account.trim().to_owned())).collect()
}

/// The syntax is checked by the API server, which knows it best.
pub(super) fn label_selector(selector: String) -> Result<String, String> {
    if selector.trim().is_empty() {
        return Err("selects nothing; leave it out to serve all".to_owned());
    }
    Ok(selector)
}

pub(super) fn concurrency(text: &str) -> Result<u16, String> {
    let within = |count: &u16| (1..=MOST_CONCURRENCY).contains(count);
    text.trim().parse().ok().filter(within).ok_or_else(|| format!("must be a number from 1 to {MOST_CONCURRENCY}, not {text:?}"))
}

pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    text.trim().parse().map_err(|_| format!("must be an IP address and a port, such as 127.0.0.1:8080 or [::]:8080, not {text:?}"))
}

/// It tells of every consent: only what runs in the same pod reaches it, and `kubectl port-forward`.
pub(super) fn debug_listen(text: &str) -> Result<Option<SocketAddr>, String> {
    match text.trim() {
        "off" => Ok(None),
        address => address.parse().ok().filter(|address: &SocketAddr| address.ip().is_loopback()).map(Some).ok_or_else(|| {
            format!("must be an address on loopback and a port, such as 127.0.0.1:8081 or [::1]:8081, or off, not {text:?}")
        }),
    }
}

pub(super) fn shutdown_grace(text: &str) -> Result<Duration, String> {
    duration::parse(text.trim()).ok_or_else(|| format!("must be a duration such as 25s or 1m30s, not {text:?}"))
}

/// Whether the file can be written is seen when it is: a full disk must not keep the operator from its work.
pub(super) fn audit_log(text: String) -> Result<Target, String> {
    match text.as_str() {
        "-" => Ok(Target::Stdout),
        "" => Err("must not be empty; - is stdout, and without the flag there is no audit log".to_owned()),
        path if path.ends_with('/') => Err(format!("must be the path of a file, not of a folder: {path:?}")),
        _ => Ok(Target::File(text.into())),
    }
}

pub(super) fn log_filter(filter: String) -> Result<String, String> {
    // An empty filter would silence everything but errors, which cannot be meant.
    if filter.trim().is_empty() {
        return Err("must not be empty; `info` is the default, `off` logs nothing".to_owned());
    }
    match EnvFilter::try_new(&filter) {
        Ok(_) => Ok(filter),
        Err(error) => Err(format!("{filter:?} is not a filter such as `info,twinconsent::heygen=debug`: {error}")),
    }
}
