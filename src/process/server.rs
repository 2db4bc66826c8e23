//! The operator's own HTTP server: `/livez`, `/readyz` and `/metrics`; [another one](debug), on loopback; and [one for persons](return_page).
//!
//! Alive means that the process answers. Ready means that every named check was passed once, such as a synced cache; a check is not
//! taken back, since trouble with HeyGen or the API server is not mended by taking the operator out of service.

pub mod connections;
pub mod debug;
pub mod return_page;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use socket2::SockRef;
use strum::{IntoStaticStr, VariantArray};
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;

use crate::process::metrics::Metrics;

/// How long open connections may keep the server up once it is to stop.
const DRAIN: Duration = Duration::from_secs(2);

/// How many connections may wait to be accepted; as many as `TcpListener::bind` lets.
const BACKLOG: u32 = 1024;

/// OpenMetrics text, as [`Metrics::encode`] writes it.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What must have happened before the operator is ready, each once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Check {
    /// The ClusterHeyGenAccounts were read.
    ClusterHeyGenAccounts,
    /// The API server serves the definitions that the operator needs.
    Definitions,
    /// The DigitalTwinConsents were listed.
    DigitalTwinConsents,
    /// The HeyGenAccounts were listed.
    HeyGenAccounts,
    /// RBAC grants what the operator needs.
    Rights,
}

/// Whether the operator is ready, and what is missing. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Readiness {
    /// The checks that have not passed, each with the reason if it is known.
    waiting: Arc<Mutex<BTreeMap<Check, Option<String>>>>,
    /// The namespaces that are not served for want of rights, and why.
    refused: Arc<Mutex<BTreeMap<String, String>>>,
    /// Why the audit log cannot be written.
    audit_log: Arc<Mutex<Option<String>>>,
}

impl Default for Readiness {
    /// Nothing has passed yet.
    fn default() -> Self {
        let waiting = Check::VARIANTS.iter().map(|&check| (check, None)).collect();
        Self { waiting: Arc::new(Mutex::new(waiting)), refused: Arc::default(), audit_log: Arc::default() }
    }
}

impl Readiness {
    /// Marks a check as passed, for good.
    pub fn set(&self, check: Check) {
        self.waiting().remove(&check);
    }

    /// Says why a check has not passed; without effect once it has. Returns whether that was not said of any check already.
    pub fn explain(&self, check: Check, why: &str) -> bool {
        let mut waiting = self.waiting();
        let is_new = !waiting.values().any(|known| known.as_deref() == Some(why));
        if let Some(known) = waiting.get_mut(&check) {
            *known = Some(why.to_owned());
        }
        is_new
    }

    /// Says why a namespace is not served although the operator is ready. Returns whether that is new.
    pub fn explain_refused(&self, namespace: &str, why: String) -> bool {
        let before = self.refused().insert(namespace.to_owned(), why.clone());
        before != Some(why)
    }

    /// Notes that a namespace is served now.
    pub fn accept(&self, namespace: &str) {
        self.refused().remove(namespace);
    }

    /// Says why the audit log cannot be written, although the operator is ready: it goes on without.
    pub fn explain_audit_log(&self, trouble: Option<String>) {
        *self.audit_log() = trouble;
    }

    fn audit_log(&self) -> MutexGuard<'_, Option<String>> {
        self.audit_log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<Check, Option<String>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the address that a flag asks for, so that one that is taken is an error before anything else starts.
///
/// `[::]` is every address of this machine, also those of IPv4, and where there is no IPv6 it is `0.0.0.0`: one setting is right in
/// clusters of either kind, and of both.
///
/// # Errors
///
/// When the address is taken or does not belong to this machine, in one line that names the flag.
pub fn bind(flag: &'static str, address: SocketAddr) -> io::Result<TcpListener> {
    bind_by(address, open).map_err(|error| io::Error::new(error.kind(), format!("{flag}: cannot listen on {address}: {error}")))
}

/// The same, with what asks the system as an argument.
fn bind_by<L>(address: SocketAddr, open: impl Fn(SocketAddr) -> io::Result<L>) -> io::Result<L> {
    open(address).or_else(|error| {
        let everywhere = address.ip() == Ipv6Addr::UNSPECIFIED;
        // A system without IPv6 says so in one of several ways; a port that is taken is taken.
        if everywhere && error.kind() != io::ErrorKind::AddrInUse {
            return open((Ipv4Addr::UNSPECIFIED, address.port()).into()).map_err(|_| error);
        }
        Err(error)
    })
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // As `TcpListener::bind` does, so that a restart can take the port at once.
    socket.set_reuseaddr(true)?;
    if address.ip() == Ipv6Addr::UNSPECIFIED {
        // Whatever the node's net.ipv6.bindv6only says.
        SockRef::from(&socket).set_only_v6(false)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `stop` is cancelled, and then as long as open requests take, 2 s at most.
pub async fn serve(listener: TcpListener, readiness: Readiness, metrics: Arc<Metrics>, stop: CancellationToken) {
    let router = Router::new()
        .route("/livez", get("ok"))
        .route("/readyz", get(readyz).with_state(readiness))
        .route("/metrics", get(metrics_page).with_state(metrics));
    connections::serve(listener, router, DRAIN, stop).await;
}

async fn readyz(State(readiness): State<Readiness>) -> impl IntoResponse {
    let line = |(check, why): (&Check, &Option<String>)| {
        let name: &str = check.into();
        why.as_ref().map_or_else(|| format!("not yet: {name}\n"), |why| format!("not yet: {name}: {why}\n"))
    };
    let waiting: String = readiness.waiting().iter().map(line).collect();
    if !waiting.is_empty() {
        return (StatusCode::SERVICE_UNAVAILABLE, waiting);
    }
    let refused: Vec<String> = readiness.refused().values().cloned().collect();
    let mut page = "ok".to_owned();
    if !refused.is_empty() {
        page += &format!("\nnot yet: rights: {}", refused.join("; "));
    }
    if let Some(trouble) = &*readiness.audit_log() {
        page += &format!("\nthe audit log cannot be written: {trouble}");
    }
    (StatusCode::OK, page)
}

async fn metrics_page(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, OPENMETRICS)], metrics.encode())
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::task::JoinHandle;

    use super::*;

    struct Served {
        base: String,
        readiness: Readiness,
        stop: CancellationToken,
        task: JoinHandle<()>,
    }

    async fn served() -> Served {
        let listener = bind("--listen", "127.0.0.1:0".parse().unwrap()).unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (readiness, stop) = (Readiness::default(), CancellationToken::new());
        let task = tokio::spawn(serve(listener, readiness.clone(), Arc::new(Metrics::new()), stop.clone()));
        Served { base, readiness, stop, task }
    }

    async fn page(served: &Served, path: &str) -> (u16, String, String) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let response = client.get(format!("{}{path}", served.base)).send().await.unwrap();
        let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
        (response.status().as_u16(), content_type, response.text().await.unwrap())
    }

    #[tokio::test]
    async fn livez_is_ok_whether_ready_or_not() {
        let served = served().await;
        let (status, _, text) = page(&served, "/livez").await;
        assert_eq!((status, text.as_str()), (200, "ok"));
    }

    #[tokio::test]
    async fn readyz_names_what_is_missing_until_all_checks_have_passed() {
        let served = served().await;
        let readyz = async || page(&served, "/readyz").await;
        let all = ["clusterheygenaccounts", "definitions", "digitaltwinconsents", "heygenaccounts", "rights"];
        let (status, _, text) = readyz().await;
        assert_eq!((status, text), (503, all.map(|name| format!("not yet: {name}\n")).concat()));
        let readiness = &served.readiness;
        let (rights, others) = Check::VARIANTS.split_last().unwrap();
        others.iter().for_each(|&check| readiness.set(check));
        readiness.explain(Check::Definitions, "too late to matter");
        assert!(readiness.explain(*rights, "RBAC does not let the operator list them"));
        assert!(!readiness.explain(*rights, "RBAC does not let the operator list them"), "it was said");
        let (status, _, text) = readyz().await;
        assert_eq!((status, text.as_str()), (503, "not yet: rights: RBAC does not let the operator list them\n"));
        readiness.set(*rights);
        let (status, _, text) = readyz().await;
        assert_eq!((status, text.as_str()), (200, "ok"));
    }

    #[tokio::test]
    async fn readyz_names_the_namespaces_that_are_not_served_while_the_operator_is_ready() {
        let served = served().await;
        let readiness = &served.readiness;
        Check::VARIANTS.iter().for_each(|&check| readiness.set(check));
        assert!(readiness.explain_refused("b", "not b".to_owned()) && readiness.explain_refused("a", "not a".to_owned()));
        assert!(!readiness.explain_refused("a", "not a".to_owned()), "it was said");
        let (status, _, text) = page(&served, "/readyz").await;
        assert_eq!((status, text.as_str()), (200, "ok\nnot yet: rights: not a; not b"));
        readiness.accept("a");
        let (_, _, text) = page(&served, "/readyz").await;
        assert_eq!(text, "ok\nnot yet: rights: not b");
    }

    #[tokio::test]
    async fn readyz_tells_of_an_audit_log_that_cannot_be_written_while_the_operator_is_ready() {
        let served = served().await;
        Check::VARIANTS.iter().for_each(|&check| served.readiness.set(check));
        served.readiness.explain_audit_log(Some("the disk is full".to_owned()));
        let (status, _, text) = page(&served, "/readyz").await;
        assert_eq!((status, text.as_str()), (200, "ok\nthe audit log cannot be written: the disk is full"));
        served.readiness.explain_audit_log(None);
        let (_, _, text) = page(&served, "/readyz").await;
        assert_eq!(text, "ok");
    }

    #[tokio::test]
    async fn metrics_are_openmetrics_text() {
        let (status, content_type, text) = page(&served().await, "/metrics").await;
        assert_eq!((status, content_type.as_str()), (200, OPENMETRICS));
        assert!(text.contains("twinconsent_build_info{") && text.ends_with("# EOF\n"), "{text}");
    }

    #[tokio::test]
    async fn a_taken_port_is_one_clear_line() {
        let first = bind("--listen", "127.0.0.1:0".parse().unwrap()).unwrap();
        let address = first.local_addr().unwrap();
        let error = bind("--listen", address).unwrap_err().to_string();
        assert!(error.starts_with(&format!("--listen: cannot listen on {address}: ")), "{error}");
        assert_eq!(error.lines().count(), 1);
    }

    #[tokio::test]
    async fn every_address_is_those_of_ipv6_and_of_ipv4() {
        let listener = bind("--listen", "[::]:0".parse().unwrap()).unwrap();
        let port = listener.local_addr().unwrap().port();
        for host in ["127.0.0.1", "::1"] {
            let address: SocketAddr = (host.parse::<std::net::IpAddr>().unwrap(), port).into();
            let (client, served) = tokio::join!(tokio::net::TcpStream::connect(address), listener.accept());
            client.unwrap_or_else(|error| panic!("{address}: {error}"));
            served.unwrap();
        }
    }

    #[test]
    fn where_there_is_no_ipv6_every_address_is_those_of_ipv4() {
        // What Linux says without IPv6, and what sandboxes say.
        let says = |code: i32| move || io::Error::from_raw_os_error(code);
        let (no_family, no_address, taken, forbidden) = (says(97), says(99), says(98), says(13));
        let bound = |address: &str, refusal: &dyn Fn() -> io::Error| {
            bind_by(address.parse().unwrap(), |address| if address.is_ipv6() { Err(refusal()) } else { Ok(address.to_string()) })
                .map_err(|error| error.raw_os_error())
        };
        for refusal in [&no_family as &dyn Fn() -> io::Error, &no_address, &forbidden] {
            assert_eq!(bound("[::]:8080", refusal), Ok("0.0.0.0:8080".to_owned()));
        }
        assert_eq!(bound("[::]:8080", &taken), Err(Some(98)), "another one's port");
        assert_eq!(bound("[::1]:8080", &no_address), Err(Some(99)), "nobody asked for every address");
        assert_eq!(bound("127.0.0.1:8080", &no_address), Ok("127.0.0.1:8080".to_owned()));
        // When neither can be had, what was asked for is told.
        let neither: io::Result<()> =
            bind_by("[::]:80".parse().unwrap(), |address| Err(if address.is_ipv6() { no_family() } else { forbidden() }));
        assert_eq!(neither.unwrap_err().raw_os_error(), Some(97));
    }

    #[tokio::test]
    async fn serving_ends_when_told_also_with_a_request_that_never_ends() {
        let served = served().await;
        let mut slow = tokio::net::TcpStream::connect(served.base.trim_start_matches("http://")).await.unwrap();
        slow.write_all(b"GET /livez HTTP/1.1\r\nHost: ").await.unwrap();
        let _ = page(&served, "/livez").await;
        served.stop.cancel();
        tokio::time::timeout(DRAIN * 5, served.task).await.unwrap().unwrap();
    }
}
