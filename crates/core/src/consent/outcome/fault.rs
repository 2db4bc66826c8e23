//! PURE. Why there was no answer: the kind of trouble, and with which host.

use std::fmt::{self, Display};

/// What kept HeyGen's answer away, in words that may stand in a status: hosts and ports, never a path, a key or a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The kind of trouble.
    pub kind: Kind,
    /// HeyGen's host, with its port unless it is the usual one.
    pub host: String,
    /// The proxy on the way there, with its port.
    pub proxy: Option<String>,
    /// Whether it is known that the trouble is with the proxy, and that HeyGen was not reached at all.
    pub at_proxy: bool,
}

/// The kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// DNS gives no address for the name.
    Unresolved,
    /// Nothing listens there, or a firewall says no.
    Refused,
    /// The network knows no way there.
    NoRoute,
    /// There is no connection, for another reason.
    Unconnected,
    /// There was no connection at the deadline, TLS included.
    ConnectDeadline,
    /// There was no whole answer at the deadline.
    AnswerDeadline,
    /// The connection ended before the answer did.
    BrokenOff,
    /// What came is not HTTP.
    NotHttp,
    /// What came is not TLS.
    NotTls,
    /// TLS came to nothing, and not because of a certificate.
    Tls,
    /// The certificate did not pass this check.
    Certificate(Check),
    /// The proxy wants a user and a password, or others.
    ProxyAuthentication,
    /// The proxy does not connect to HeyGen.
    ProxyRefuses,
}

/// What is checked of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Check {
    /// Whether an authority that we trust has issued it.
    Issuer,
    /// Whether it is signed by the issuer that it names, as that one is known here.
    Signature,
    /// Whether its time is not over.
    Expired,
    /// Whether its time has begun.
    NotYetValid,
    /// Whether it is for this host.
    Name,
    /// Whether it was taken back.
    Revoked,
    /// Whether it is for servers.
    Purpose,
    /// Everything else.
    Other,
}

impl Kind {
    /// The value of the log's field `fault`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unresolved => "name not resolved",
            Self::Refused => "connection refused",
            Self::NoRoute => "no route",
            Self::Unconnected => "cannot connect",
            Self::ConnectDeadline => "connect deadline passed",
            Self::AnswerDeadline => "answer deadline passed",
            Self::BrokenOff => "connection broken off",
            Self::NotHttp => "not HTTP",
            Self::NotTls => "not TLS",
            Self::Tls => "TLS failed",
            Self::Certificate(Check::Issuer) => "certificate of an unknown issuer",
            Self::Certificate(Check::Signature) => "certificate of a wrong signature",
            Self::Certificate(Check::Expired) => "certificate expired",
            Self::Certificate(Check::NotYetValid) => "certificate not valid yet",
            Self::Certificate(Check::Name) => "certificate for another host",
            Self::Certificate(Check::Revoked) => "certificate revoked",
            Self::Certificate(Check::Purpose) => "certificate not for servers",
            Self::Certificate(Check::Other) => "certificate not valid",
            Self::ProxyAuthentication => "proxy wants authentication",
            Self::ProxyRefuses => "proxy refuses",
        }
    }
}

impl Check {
    const fn failed(self) -> &'static str {
        match self {
            Self::Issuer => "its issuer is not known here",
            Self::Signature => "it is not signed by the trusted authority of that name",
            Self::Expired => "it has expired",
            Self::NotYetValid => "it is not valid yet",
            Self::Name => "it is for another host name",
            Self::Revoked => "it was revoked",
            Self::Purpose => "it is not for servers",
            Self::Other => "it is not valid",
        }
    }
}

/// A clause that says it, such as `api.heygen.com refuses the connection`.
impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, host, proxy, at_proxy } = self;
        let peer = match proxy {
            Some(proxy) if *at_proxy => format!("the proxy {proxy}"),
            Some(proxy) => format!("{host} through the proxy {proxy}"),
            None => host.clone(),
        };
        // What a verb is said of: with the way to it, a name would read as if it were far from its verb.
        let subject = if *at_proxy { &peer } else { host };
        let way = if let (Some(proxy), false) = (proxy, at_proxy) { format!(" (through the proxy {proxy})") } else { String::new() };
        match kind {
            // DNS knows no ports.
            Kind::Unresolved => {
                let name = peer_name(if *at_proxy { proxy.as_deref().unwrap_or_default() } else { host });
                write!(f, "the name {}{name} cannot be resolved (DNS)", if *at_proxy { "of the proxy " } else { "" })
            }
            Kind::Refused => write!(f, "{subject} refuses the connection{way}"),
            Kind::NoRoute => write!(f, "there is no route to {peer}"),
            Kind::Unconnected => write!(f, "there is no connection to {peer}"),
            Kind::ConnectDeadline => write!(f, "connecting to {peer} takes too long, DNS and TLS included"),
            Kind::AnswerDeadline => write!(f, "{subject} has accepted the connection and does not answer in time{way}"),
            Kind::BrokenOff => write!(f, "the connection to {peer} breaks off"),
            Kind::NotHttp => write!(f, "{subject} does not answer in HTTP{way}"),
            Kind::NotTls => write!(f, "{subject} does not speak TLS{way}"),
            Kind::Tls => write!(f, "TLS with {peer} fails"),
            Kind::Certificate(check) => write!(f, "the certificate of {subject} is not accepted, because {}{way}", check.failed()),
            Kind::ProxyAuthentication => write!(f, "{peer} asks for a user and a password, or refuses those that it was given"),
            Kind::ProxyRefuses => write!(f, "{peer} does not connect to {host}"),
        }
    }
}

fn peer_name(host: &str) -> &str {
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consent::outcome::{Class, Trouble};

    fn fault(kind: Kind, proxy: Option<&str>, at_proxy: bool) -> String {
        let fault = Fault { kind, host: "api.heygen.com".to_owned(), proxy: proxy.map(str::to_owned), at_proxy };
        Trouble { fault: Some(Box::new(fault)), ..Trouble::of(Class::Unreachable) }.cause().unwrap()
    }

    fn status(status: u16) -> String {
        Trouble { status: Some(status), ..Trouble::of(Class::Unavailable) }.cause().unwrap()
    }

    #[test]
    fn a_cause_reads_as_a_sentence_that_names_the_host_it_is_about() {
        let proxy = Some("proxy.corp:3128");
        for (cause, said) in [
            (fault(Kind::Unresolved, None, false), "HeyGen cannot be reached: the name api.heygen.com cannot be resolved (DNS)"),
            (fault(Kind::Unresolved, proxy, true), "HeyGen cannot be reached: the name of the proxy proxy.corp cannot be resolved (DNS)"),
            (fault(Kind::Refused, proxy, true), "HeyGen cannot be reached: the proxy proxy.corp:3128 refuses the connection"),
            (
                fault(Kind::ConnectDeadline, proxy, false),
                "HeyGen cannot be reached: connecting to api.heygen.com through the proxy proxy.corp:3128 takes too long, DNS and TLS included",
            ),
            (
                fault(Kind::Certificate(Check::Issuer), proxy, false),
                "HeyGen cannot be reached: the certificate of api.heygen.com is not accepted, because its issuer is not known here (through the proxy proxy.corp:3128)",
            ),
            (
                fault(Kind::ProxyRefuses, proxy, true),
                "HeyGen cannot be reached: the proxy proxy.corp:3128 does not connect to api.heygen.com",
            ),
            (status(503), "HeyGen answers with the status 503"),
        ] {
            assert_eq!(cause, said);
        }
    }

    #[test]
    fn every_cause_stands_in_the_documentation_as_it_is_said() {
        let documentation = include_str!("../../../../../docs/heygenaccount.md");
        let checks = [
            Check::Issuer,
            Check::Signature,
            Check::Expired,
            Check::NotYetValid,
            Check::Name,
            Check::Revoked,
            Check::Purpose,
            Check::Other,
        ];
        let kinds = [
            Kind::Unresolved,
            Kind::Refused,
            Kind::NoRoute,
            Kind::Unconnected,
            Kind::ConnectDeadline,
            Kind::AnswerDeadline,
            Kind::BrokenOff,
            Kind::NotHttp,
            Kind::NotTls,
            Kind::Tls,
            Kind::ProxyAuthentication,
            Kind::ProxyRefuses,
        ];
        for kind in kinds {
            let at_proxy = matches!(kind, Kind::ProxyAuthentication | Kind::ProxyRefuses);
            let fault = Fault { kind, host: "…".to_owned(), proxy: at_proxy.then(|| "…".to_owned()), at_proxy };
            assert!(documentation.contains(&format!("\n| {fault} |")), "{fault}");
        }
        for check in checks {
            let said = fault(Kind::Certificate(check), None, false);
            let (_, why) = said.split_once(" is not accepted").unwrap();
            assert!(
                documentation.contains(&format!("…{why}"))
                    || documentation.contains(&format!("| the certificate of … is not accepted{why} |")),
                "{why}"
            );
        }
        assert!(documentation.contains(&format!("\n| {} |", status(0).replace('0', "…"))));
    }
}
