//! PURE. The proxies on the way to HeyGen, as the environment names them.
//!
//! The HTTP library reads these variables too, and silently goes without a proxy where it does not understand one: `socks5h://` without
//! that feature, a `#` in a password, an empty `HTTPS_PROXY` before an `https_proxy`. A company that has a proxy does not want that. So
//! they are read here, every one of them, whatever the others say: what is not understood ends the start, and the library is told what to
//! do and reads nothing itself.
//!
//! What is printed is the name of a variable, a host and a port. The rest of a proxy's URL may be a password.

mod exceptions;
mod proxy;

#[cfg(test)]
mod tests;

use std::ffi::OsString;

use thiserror::Error;
use url::{Host, Url};

use exceptions::Exception;
pub use proxy::Proxy;

/// Every variable that is read.
pub const VARIABLES: [&str; 8] =
    ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"];

/// Those of them that name a proxy.
pub const NAMING: [&str; 6] = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/// Those that list what is reached past it, the one that counts first.
pub const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];

const HTTPS: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
const HTTP: [&str; 2] = ["HTTP_PROXY", "http_proxy"];
const ALL: [&str; 2] = ["ALL_PROXY", "all_proxy"];

/// Which way each URL is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    https: Option<Proxy>,
    http: Option<Proxy>,
    exceptions: Vec<Exception>,
}

/// A variable that names no proxy which could be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{variable}: {problem}")]
pub struct ProxyError {
    variable: &'static str,
    problem: &'static str,
}

impl ProxyError {
    /// The variable.
    #[must_use]
    pub const fn variable(&self) -> &'static str {
        self.variable
    }
}

impl Proxies {
    /// What these variables say, and what a user should hear of it: one line each, which names the variable.
    ///
    /// A variable in lower case counts where the one in upper case is not set, or empty.
    ///
    /// # Errors
    ///
    /// The first variable that names a proxy which could not be used.
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<(Self, Vec<String>), ProxyError> {
        let mut notes = Vec::new();
        let https = proxy(HTTPS, &variable, &mut notes)?;
        let http = proxy(HTTP, &variable, &mut notes)?;
        let all = proxy(ALL, &variable, &mut notes)?;
        if let (None, None, Some(http)) = (&https, &all, &http) {
            let variable = http.variable();
            notes
                .push(format!("{variable} is for http:// URLs only: https:// URLs are reached directly, unless HTTPS_PROXY names a proxy"));
        }
        let (https, http) = (https.or_else(|| all.clone()), http.or(all));
        let [upper, lower] = EXCEPTIONS.map(|name| text(name, &variable).map(|text| text.map(|text| (name, text))));
        let (upper, lower) = (upper?, lower?);
        if https.is_none() && http.is_none() {
            return Ok((Self::default(), Vec::new()));
        }
        if let (Some((_, upper)), Some((_, lower))) = (&upper, &lower)
            && upper != lower
        {
            notes.push(other_is_ignored(EXCEPTIONS));
        }
        let (name, list) = upper.or(lower).unwrap_or_default();
        let mut exceptions = Vec::new();
        for (number, entry) in (1..).zip(exceptions::entries(&list)) {
            match Exception::parse(entry) {
                Some(exception) => exceptions.push(exception),
                None => notes.push(exceptions::not_understood(name, &list, number, entry)),
            }
        }
        Ok((Self { https, http, exceptions }, notes))
    }

    /// The proxy that leads to this URL; `None`: it is reached directly.
    ///
    /// A URL on loopback is, whatever the variables say, as Go programs do it: a simulator on `127.0.0.1` must not be looked for on the
    /// proxy's machine.
    #[must_use]
    pub fn to(&self, url: &Url) -> Option<&Proxy> {
        let proxy = if url.scheme() == "https" { &self.https } else { &self.http };
        proxy.as_ref().filter(|_| !is_loopback(url) && !self.exceptions.iter().any(|exception| exception.holds_for(url)))
    }

    /// The proxies for https and for http URLs.
    #[must_use]
    pub fn both(&self) -> [Option<&Proxy>; 2] {
        [self.https.as_ref(), self.http.as_ref()]
    }
}

/// The proxy that a variable names, or else the one of the same name in lower case. Both must make sense.
fn proxy(
    names: [&'static str; 2],
    variable: impl Fn(&str) -> Option<OsString>,
    notes: &mut Vec<String>,
) -> Result<Option<Proxy>, ProxyError> {
    let [upper, lower] = names.map(|name| text(name, &variable)?.map(|text| Proxy::parse(name, &text)).transpose());
    let (upper, lower) = (upper?, lower?);
    if let (Some(upper), Some(lower)) = (&upper, &lower)
        && !upper.leads_as(lower)
    {
        notes.push(other_is_ignored(names));
    }
    Ok(upper.or(lower))
}

fn other_is_ignored([used, ignored]: [&str; 2]) -> String {
    format!("{used} counts, and {ignored}, which says something else, is ignored")
}

/// What a variable says, if it is set and not empty.
fn text(name: &'static str, variable: impl Fn(&str) -> Option<OsString>) -> Result<Option<String>, ProxyError> {
    let Some(value) = variable(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    value.into_string().map(Some).map_err(|_| ProxyError { variable: name, problem: "is not UTF-8" })
}

/// Whether the URL points to this machine by its own words; names are not resolved.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}
