//! The client of HeyGen's API: one request in, one [`Outcome`] out.
//!
//! Five requests are all that is ever sent: read a group, read its avatar looks, list the account's groups, start a consent, probe the
//! credentials.
//! Each goes the same way: address → send under a deadline → read the body under a cap → understand.
//! What came of it is a value, whatever happened: a lost answer is [`Class::Unreachable`], HTML from a gateway goes by its status,
//! a success that cannot be believed is [`Class::Unreadable`]. Nothing here retries, waits, or knows of limits and objects:
//! whether and when to ask again is decided where the object is known.
//!
//! - `exchange` sends the request and reads what comes back; [`twinconsent_core::heygen`] says where it goes and what the answer means.
//! - `fault` says what kept an answer away.
//! - `roots` reads the certificates that the user trusts besides the system's.
//!
//! One call sends one request: redirects are not followed (the key would travel with them) and no layer below retries.
//!
//! Nothing leaks: keys are sent as sensitive headers, links leave as [`Link`](twinconsent_core::consent::link::Link), and neither prose, URL nor body of
//! an answer reaches a log, a metric or an [`Outcome`].
//!
//! Certificates are checked against the root certificates of the system (`SSL_CERT_FILE` and `SSL_CERT_DIR` override where they are
//! read) and those of `--ca-bundle`, for HeyGen as for an HTTPS proxy. Which proxy leads to which base URL is handed in
//! ([`Proxies`]); the library reads no variable itself.

mod exchange;
mod fault;
pub mod renewal;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, ClientBuilder, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use thiserror::Error;
use url::Url;

use crate::process::metrics::{Metrics, Operation};
use crate::process::proxies::Proxies;
use twinconsent_core::api::account::Auth;
use twinconsent_core::consent::outcome::{Class, Outcome, Started, Trouble};
use twinconsent_core::consent::request::Content;
use twinconsent_core::heygen::{PER_PAGE, address, wire};

use exchange::Attempted;

pub use crate::process::roots::{ExtraRoots, RootsError};
pub(crate) use exchange::retry_after;
pub(crate) use fault::Route;

/// How long connecting may take, name resolution and TLS included.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// How long a read may take in all, body included (HeyGen's own CLI allows 30 s: HeyGen API notes, section 8).
pub const READ_DEADLINE: Duration = Duration::from_secs(30);

/// How long a consent request may take in all. Longer than a read, for giving up early costs a replay that may answer
/// `request_in_progress`; HeyGen's own CLI allows 120 s.
pub const INITIATE_DEADLINE: Duration = Duration::from_secs(60);

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Where to send requests and with which key. `Debug` shows no key.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The root below which `v3/…` lies; may have a path of its own. Checked where it was configured.
    pub base_url: Url,
    /// How the key is presented (HeyGen API notes, section 1).
    pub auth: Auth,
    /// The API key or OAuth token. White space around it is not part of it: a Secret made with `echo` ends in a newline.
    pub key: SecretString,
}

/// The time that requests are given; only tests need others than the default.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// See [`CONNECT_DEADLINE`].
    pub connect: Duration,
    /// See [`READ_DEADLINE`].
    pub read: Duration,
    /// See [`INITIATE_DEADLINE`].
    pub initiate: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { connect: CONNECT_DEADLINE, read: READ_DEADLINE, initiate: INITIATE_DEADLINE }
    }
}

/// The client could not be set up.
#[derive(Debug, Error)]
#[error(
    "cannot set up the HTTPS client for HeyGen: {reason}; are root certificates installed (package ca-certificates, SSL_CERT_FILE, or --ca-bundle)?"
)]
pub struct BuildError {
    reason: String,
}

/// The client. Clones share connections and are cheap.
#[derive(Debug, Clone)]
pub struct HeyGen {
    routes: Arc<RwLock<Arc<Routes>>>,
    deadlines: Deadlines,
    metrics: Arc<Metrics>,
}

/// The routes to HeyGen; others take their place when certificates or proxies change.
#[derive(Debug)]
struct Routes {
    /// For what is reached directly.
    direct: Client,
    /// For what a proxy leads to; the same where there is none.
    proxied: Client,
    proxies: Proxies,
}

impl Routes {
    fn new(deadlines: Deadlines, roots: &ExtraRoots, proxies: Proxies) -> Result<Self, BuildError> {
        let client = |proxies: &Proxies| {
            client_builder(deadlines, roots, proxies).and_then(ClientBuilder::build).map_err(|error| build_error(&error))
        };
        let direct = client(&Proxies::default())?;
        let proxied = if proxies.both() == [None, None] { direct.clone() } else { client(&proxies)? };
        Ok(Self { direct, proxied, proxies })
    }

    fn client_for(&self, url: &Url) -> &Client {
        if self.proxies.to(url).is_some() { &self.proxied } else { &self.direct }
    }
}

impl HeyGen {
    /// A client with deadlines of one's own that trusts these root certificates besides the system's, and goes by these proxies.
    ///
    /// # Errors
    ///
    /// When there are no root certificates at all, neither of the system nor here.
    pub fn with(metrics: Arc<Metrics>, deadlines: Deadlines, roots: &ExtraRoots, proxies: Proxies) -> Result<Self, BuildError> {
        // `main` has done so already; an `Err` says just that.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self { routes: Arc::new(RwLock::new(Arc::new(Routes::new(deadlines, roots, proxies)?))), deadlines, metrics })
    }

    /// Trusts these root certificates from now on, and no others besides the system's, and goes by these proxies; what is under way
    /// ends as it began.
    ///
    /// # Errors
    ///
    /// As [`with`](Self::with); nothing has changed then.
    pub fn renew(&self, roots: &ExtraRoots, proxies: Proxies) -> Result<(), BuildError> {
        let routes = Arc::new(Routes::new(self.deadlines, roots, proxies)?);
        *self.routes.write().unwrap_or_else(PoisonError::into_inner) = routes;
        Ok(())
    }

    /// The client that leads to a URL which is none of HeyGen's, by the same certificates and proxies, and these proxies.
    pub(crate) fn way_to(&self, url: &Url) -> (Client, Proxies) {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner).clone();
        (routes.client_for(url).clone(), routes.proxies.clone())
    }

    /// Reads one avatar group: `GET /v3/avatars/{group_id}` (HeyGen API notes, section 5).
    ///
    /// Answers [`Outcome::Polled`] or [`Outcome::Trouble`].
    pub async fn group(&self, credentials: &Credentials, group_id: &str) -> Outcome {
        let read = |json: &Value| wire::group(json, group_id).map(Outcome::Polled);
        self.exchange(Operation::Group, credentials, &["v3", "avatars", group_id], Client::get, read).await
    }

    /// Reads one page of a group's avatar looks: `GET /v3/avatars/looks` (HeyGen API notes, sections 2 and 6). `page` is the cursor that
    /// the page before gave, `None` for the first.
    ///
    /// Answers [`Outcome::LooksRead`] or [`Outcome::Trouble`].
    pub async fn looks(&self, credentials: &Credentials, group_id: &str, page: Option<&str>) -> Outcome {
        let request = |client: &Client, url| client.get(at_page(url, ("group_id", group_id), page));
        let read = |json: &Value| wire::looks(json, group_id).map(Outcome::LooksRead);
        self.exchange(Operation::Looks, credentials, &["v3", "avatars", "looks"], request, read).await
    }

    /// Reads one page of the account's own groups: `GET /v3/avatars?ownership=private` (HeyGen API notes, section 6). `token` is the
    /// cursor that the page before gave, `None` for the first.
    ///
    /// Answers [`Outcome::Listed`] or [`Outcome::Trouble`].
    pub async fn list_groups(&self, credentials: &Credentials, token: Option<&str>) -> Outcome {
        let request = |client: &Client, url| client.get(at_page(url, ("ownership", "private"), token));
        self.exchange(Operation::List, credentials, &["v3", "avatars"], request, |json| wire::groups(json).map(Outcome::Listed)).await
    }

    /// Starts a consent: `POST /v3/avatars/{group_id}/consent` (HeyGen API notes, section 3). `idempotency_key` matches
    /// `^[A-Za-z0-9_\-:.]{1,255}$`; the same one within 24 hours replays the first answer.
    ///
    /// Answers [`Outcome::Initiated`] or [`Outcome::Trouble`].
    pub async fn initiate(&self, credentials: &Credentials, group_id: &str, content: &Content, idempotency_key: &str) -> Outcome {
        debug_assert!(is_idempotency_key(idempotency_key), "not an idempotency key: {idempotency_key:?}");
        let request = |client: &Client, url| client.post(url).header(IDEMPOTENCY_KEY, idempotency_key).json(content);
        let read = |json: &Value| started(json, group_id, content);
        self.exchange(Operation::Initiate, credentials, &["v3", "avatars", group_id, "consent"], request, read).await
    }

    /// Asks whether the credentials are accepted: `GET /v3/users/me` (HeyGen API notes, section 1).
    ///
    /// Answers [`Outcome::Probed`] or [`Outcome::Trouble`].
    pub async fn probe(&self, credentials: &Credentials) -> Outcome {
        let read = |json: &Value| json.is_object().then_some(Outcome::Probed);
        self.exchange(Operation::Probe, credentials, &["v3", "users", "me"], Client::get, read).await
    }

    /// One request for what lies below `segments`, and its answer, counted and logged.
    async fn exchange(
        &self,
        operation: Operation,
        credentials: &Credentials,
        segments: &[&str],
        request: impl FnOnce(&Client, Url) -> RequestBuilder,
        read: impl FnOnce(&Value) -> Option<Outcome>,
    ) -> Outcome {
        let url = match address::of(&credentials.base_url, segments) {
            Ok(url) => url,
            Err(trouble) => return Outcome::Trouble(trouble),
        };
        let Some((name, value)) = authorization(credentials) else {
            // A key that no header can carry is one that HeyGen cannot accept.
            return Outcome::Trouble(Trouble::of(Class::CredentialsRejected));
        };
        let deadline = if operation == Operation::Initiate { self.deadlines.initiate } else { self.deadlines.read };
        // Taken once, so that what is told of the request is the route that it went.
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner).clone();
        let request = request(routes.client_for(&url), url).header(name, value).timeout(deadline);

        let began = Instant::now();
        let route = Route::to(&credentials.base_url, &routes.proxies);
        let attempted = exchange::attempt(operation, request, &route, read).await;
        let elapsed = began.elapsed();

        let trouble = match &attempted.outcome {
            Outcome::Polled(_) | Outcome::LooksRead(_) | Outcome::Listed(_) | Outcome::Initiated(_) | Outcome::Probed => None,
            Outcome::Trouble(trouble) => Some(trouble.class),
        };
        self.metrics.heygen_request(operation, trouble, elapsed.as_secs_f64());
        log(operation, &attempted, elapsed);
        attempted.outcome
    }
}

/// The URL of a page of what `of` selects: the first, or the one behind a cursor.
fn at_page(mut url: Url, of: (&str, &str), cursor: Option<&str>) -> Url {
    let limit = ("limit", PER_PAGE);
    url.query_pairs_mut().extend_pairs([of, limit]).extend_pairs(cursor.map(|token| ("token", token)));
    url
}

/// Without a clip the answer is for the person, and one without a link is useless (HeyGen API notes, section 3).
fn started(json: &Value, group_id: &str, content: &Content) -> Option<Outcome> {
    let is_complete = |started: &Started| started.link.is_some() || content.consent_video.is_some();
    wire::started(json, group_id).filter(is_complete).map(Outcome::Initiated)
}

fn client_builder(deadlines: Deadlines, roots: &ExtraRoots, proxies: &Proxies) -> reqwest::Result<ClientBuilder> {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let [https, http] = proxies.both();
    let https = https.map(|proxy| reqwest::Proxy::https(proxy.expose())).transpose()?;
    let http = http.map(|proxy| reqwest::Proxy::http(proxy.expose())).transpose()?;
    let builder = Client::builder()
        // None but these: the library does not read the environment.
        .no_proxy()
        .user_agent(concat!("twinconsent-operator/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(deadlines.connect)
        .tls_certs_merge(roots.certificates()?);
    Ok(https.into_iter().chain(http).fold(builder, ClientBuilder::proxy))
}

fn build_error(error: &reqwest::Error) -> BuildError {
    // The cause sits at the bottom of the chain ("No CA certificates were loaded from the system").
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    BuildError { reason: cause.to_string() }
}

fn authorization(credentials: &Credentials) -> Option<(HeaderName, HeaderValue)> {
    let key = credentials.key.expose_secret().trim();
    if key.is_empty() {
        return None;
    }
    let (name, value) = match credentials.auth {
        Auth::ApiKey | Auth::Unrecognized => (API_KEY, HeaderValue::from_str(key)),
        Auth::Bearer => (header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {key}"))),
    };
    let mut value = value.ok()?;
    value.set_sensitive(true);
    Some((name, value))
}

/// HeyGen API notes, section 3, headers.
fn is_idempotency_key(key: &str) -> bool {
    (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-:.".contains(&byte))
}

/// Which object it was about stands in the enclosing span.
///
/// A consent request is told at `info`, with the request id by which HeyGen's support finds it: it is what a person hears of, and no
/// object sends many. Reads are told at `debug`.
fn log(operation: Operation, attempted: &Attempted, elapsed: Duration) {
    let Attempted { outcome, request_id, fault } = attempted;
    let name: &'static str = operation.into();
    let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    match outcome {
        Outcome::Trouble(Trouble { class, status, code, param, .. }) => {
            let outcome: &'static str = (*class).into();
            if operation == Operation::Initiate {
                tracing::info!(operation = name, status, outcome, code, param, request_id, fault, elapsed_ms, "HeyGen request failed");
            } else {
                tracing::debug!(operation = name, status, outcome, code, param, request_id, fault, elapsed_ms, "HeyGen request failed");
            }
        }
        Outcome::Initiated(_) => {
            tracing::info!(operation = name, outcome = "ok", request_id, elapsed_ms, "HeyGen request answered");
        }
        Outcome::Listed(page) => {
            let (groups, unreadable, last) = (page.groups.len(), page.unreadable, page.next.is_none());
            tracing::debug!(operation = name, outcome = "ok", groups, unreadable, last, request_id, elapsed_ms, "HeyGen request answered");
        }
        Outcome::Polled(_) | Outcome::LooksRead(_) | Outcome::Probed => {
            tracing::debug!(operation = name, outcome = "ok", request_id, elapsed_ms, "HeyGen request answered");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idempotency_key_has_the_characters_and_the_length_that_heygen_takes() {
        for good in ["v1:0123456789abcdef:0", "A-z_9.:", &"a".repeat(255)] {
            assert!(is_idempotency_key(good), "{good}");
        }
        for bad in ["", "a b", "a/b", "é", "a\n", &"a".repeat(256)] {
            assert!(!is_idempotency_key(bad), "{bad}");
        }
    }
}
