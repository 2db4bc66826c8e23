//! What kept an answer away: an error of the HTTP client as a [`Fault`].
//!
//! The error itself stays here, for it may hold the URL. Where the library keeps the type of an error to itself, its text is compared;
//! tests/heygen_wire/causes.rs meets each of them on a real connection, so that a library that says it in other words is noticed.

use std::error::Error;
use std::io::{self, ErrorKind};

use rustls::CertificateError;
use url::Url;

use crate::process::proxies::{Proxies, Proxy};
use twinconsent_core::consent::outcome::{Check, Fault, FaultKind};

/// Where a request goes, and through what.
pub(crate) struct Route<'a> {
    base_url: &'a Url,
    proxy: Option<&'a Proxy>,
}

impl<'a> Route<'a> {
    pub(crate) fn to(base_url: &'a Url, proxies: &'a Proxies) -> Self {
        Self { base_url, proxy: proxies.to(base_url) }
    }

    /// What went wrong.
    pub(crate) fn fault(&self, error: &reqwest::Error) -> Fault {
        let (kind, at_proxy) = judge(error, self.passes_on());
        self.of(kind, at_proxy)
    }

    /// What a proxy that forwards requests answers in HeyGen's place.
    pub(crate) fn answered_by_the_proxy(&self, status: u16) -> Option<Fault> {
        (self.proxy.is_some() && status == 407).then(|| self.of(FaultKind::ProxyAuthentication, true))
    }

    /// Whether the proxy is spoken to as if it were HeyGen, so that connecting means connecting to it.
    fn passes_on(&self) -> bool {
        self.base_url.scheme() == "http" && self.proxy.is_some_and(|proxy| !proxy.is_socks())
    }

    fn of(&self, kind: FaultKind, at_proxy: bool) -> Fault {
        let name = self.base_url.host_str().unwrap_or_default();
        let host = self.base_url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
        let proxy = self.proxy.map(|proxy| proxy.host().to_owned());
        Fault { kind, host, at_proxy: at_proxy && proxy.is_some(), proxy }
    }
}

/// The kind of trouble, and whether it is with the proxy.
fn judge(error: &reqwest::Error, passes_on: bool) -> (FaultKind, bool) {
    let causes = || causes(error);
    let says = |text: &str| causes().any(|cause| cause.to_string() == text);
    // Of a proxy that is asked for a tunnel: hyper-util's `TunnelError` and `SocksError`.
    if says("tunnel error: proxy authorization required") {
        return (FaultKind::ProxyAuthentication, true);
    }
    if says("tunnel error: unsuccessful") || says("tunnel error: proxy response headers too long") {
        return (FaultKind::ProxyRefuses, true);
    }
    if says("tunnel error: unexpected end of file") || says("tunnel error: io error establishing tunnel") {
        return (FaultKind::BrokenOff, true);
    }
    if let Some(text) = causes().map(ToString::to_string).find_map(|text| text.strip_prefix("SOCKS error: ").map(str::to_owned)) {
        let kind = match text.as_str() {
            "failed to create underlying connection" => FaultKind::Unconnected,
            "io error during SOCKS handshake" => FaultKind::BrokenOff,
            "credentials not accepted" | "server implements authentication incorrectly" => FaultKind::ProxyAuthentication,
            text if text.starts_with("server does not support user/") => FaultKind::ProxyAuthentication,
            _ => FaultKind::ProxyRefuses,
        };
        return (kind, true);
    }
    let at_proxy = says("tunnel error: failed to create underlying connection") || passes_on && error.is_connect();
    (kind(error), at_proxy)
}

fn kind(error: &reqwest::Error) -> FaultKind {
    if let Some(kind) = causes(error).find_map(|cause| cause.downcast_ref()).map(of_tls) {
        return kind;
    }
    if error.is_timeout() {
        return if error.is_connect() { FaultKind::ConnectDeadline } else { FaultKind::AnswerDeadline };
    }
    if error.is_dns() {
        return FaultKind::Unresolved;
    }
    if let Some(kind) = causes(error).filter_map(|cause| cause.downcast_ref()).find_map(of_io) {
        return kind;
    }
    let is_parse = |error: &hyper::Error| error.is_parse();
    match error.is_connect() {
        true => FaultKind::Unconnected,
        false if causes(error).any(|cause| cause.downcast_ref().is_some_and(is_parse)) => FaultKind::NotHttp,
        false => FaultKind::BrokenOff,
    }
}

fn of_io(error: &io::Error) -> Option<FaultKind> {
    match error.kind() {
        ErrorKind::ConnectionRefused => Some(FaultKind::Refused),
        ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => Some(FaultKind::NoRoute),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => {
            Some(FaultKind::BrokenOff)
        }
        _ => None,
    }
}

fn of_tls(error: &rustls::Error) -> FaultKind {
    let rustls::Error::InvalidCertificate(error) = error else {
        return if matches!(error, rustls::Error::InvalidMessage(_)) { FaultKind::NotTls } else { FaultKind::Tls };
    };
    FaultKind::Certificate(match error {
        CertificateError::UnknownIssuer => Check::Issuer,
        CertificateError::BadSignature => Check::Signature,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Check::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Check::NotYetValid,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Check::Name,
        CertificateError::Revoked => Check::Revoked,
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => Check::Purpose,
        // As rustls-platform-verifier says the same.
        CertificateError::Other(other) if other.0.to_string() == "certificate had invalid extensions" => Check::Purpose,
        _ => Check::Other,
    })
}

/// The error and what is below it. Some are wrapped into `io::Error`s, which a chain of sources skips.
fn causes<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let first: &'a (dyn Error + 'static) = error;
    std::iter::successors(Some(first), |error| {
        let error: &'a (dyn Error + 'static) = *error;
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        wrapped.map(|wrapped| wrapped as &(dyn Error + 'static)).or_else(|| error.source())
    })
}
