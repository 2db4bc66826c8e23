//! PURE. One proxy: what a variable such as `HTTPS_PROXY` says.

use std::fmt;

use hyper_util::client::proxy::matcher::Matcher;
use url::{ParseError, Url};

use super::ProxyError;

/// A proxy that the HTTP library takes. `Debug` shows no password.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    variable: &'static str,
    /// Scheme, user info, host and port, each written out.
    url: String,
    host: String,
}

/// A scheme that the HTTP library speaks, and the port that it stands for.
const SCHEMES: [(&str, u16); 4] = [("http", 80), ("https", 443), ("socks5", 1080), ("socks5h", 1080)];

const RESERVED: &str =
    "holds a user or a password with an unescaped character: write / as %2F, ? as %3F, # as %23, \\ as %5C, and a space as %20";

impl Proxy {
    /// What `variable` says.
    ///
    /// # Errors
    ///
    /// When it is not the URL of a proxy, or of one that we do not speak. Nothing of it is repeated.
    pub(super) fn parse(variable: &'static str, text: &str) -> Result<Self, ProxyError> {
        let error = |problem| ProxyError { variable, problem };
        // A value from a file often ends in a newline.
        let text = text.trim();
        if text.is_empty() {
            return Err(error("is blank; leave it out or empty to use no proxy"));
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let known = SCHEMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(scheme));
        let Some((scheme, usual_port)) = known else {
            return Err(error("must begin with http://, https://, socks5:// or socks5h://"));
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(|c: char| matches!(c, '/' | '?' | '#' | '\\') || c.is_whitespace() || c.is_control()) {
            let has_user = authority.contains('@');
            return Err(error(if has_user { RESERVED } else { "must be a host and a port, without a path, query or fragment" }));
        }
        // Of one scheme whatever the proxy's, because others are read less strictly; and of two, because a port that is usual is left out.
        let [http, https] = ["http", "https"].map(|scheme| Url::parse(&format!("{scheme}://{authority}")));
        let url = http.map_err(|problem| error(explain(problem)))?;
        let port = url.port().or_else(|| https.ok().and_then(|url| url.port())).unwrap_or(*usual_port);
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| error(explain(ParseError::EmptyHost)))?;
        if port == 0 {
            return Err(error("has the port 0, at which nobody listens"));
        }
        let host = format!("{host}:{port}");
        let user = match (url.username(), url.password()) {
            ("", None) => String::new(),
            (user, None) => format!("{user}@"),
            (user, Some(password)) => format!("{user}:{password}@"),
        };
        let url = format!("{scheme}://{user}{host}");
        if !is_taken(&url, &host) {
            return Err(error("is no proxy for the HTTP library"));
        }
        Ok(Self { variable, url, host })
    }

    /// Whether this text names a proxy.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        Self::parse("", text).is_ok()
    }

    /// The variable that names it.
    #[must_use]
    pub fn variable(&self) -> &'static str {
        self.variable
    }

    /// Its host and port.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether it tunnels http URLs as well, instead of passing requests on.
    #[must_use]
    pub fn is_socks(&self) -> bool {
        self.url.starts_with("socks")
    }

    /// Everything, with the password.
    #[must_use]
    pub(crate) fn expose(&self) -> &str {
        &self.url
    }

    /// Whether the other one is the same, wherever it is named.
    pub(super) fn leads_as(&self, other: &Self) -> bool {
        self.url == other.url
    }
}

/// Whether the HTTP library would go by this proxy: where it does not understand one it goes directly.
fn is_taken(url: &str, host: &str) -> bool {
    let matcher = Matcher::builder().all(url).build();
    let heygen = hyper::Uri::from_static("https://heygen.invalid/");
    matcher.intercept(&heygen).is_some_and(|intercept| intercept.uri().authority().is_some_and(|authority| authority.as_str() == host))
}

const fn explain(problem: ParseError) -> &'static str {
    match problem {
        ParseError::EmptyHost => "names no host",
        ParseError::InvalidPort => "has a port that is no number up to 65535, or a password with an unescaped @, which is written %40",
        _ => "is not the URL of a host",
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("variable", &self.variable).field("host", &self.host).finish_non_exhaustive()
    }
}
