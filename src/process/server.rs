//! The operator's own HTTP server: `/livez`, `/readyz` and `/metrics`; and [another one](debug), on loopback.
//!
//! Alive means that the process answers. Ready means that every named check was passed once, such as a synced cache; a check is not
//! taken back, since trouble with HeyGen or the API server is not mended by taking the operator out of service.

pub mod connections;
pub mod debug;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use socket2::SockRef;
use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::process::metrics::Metrics;

/// How long open connections may keep the server up once it is to stop.
const DRAIN: Duration = Duration::from_secs(2);

/// How many connections may wait to be accepted; as many as `TcpListener::bind` lets.
const BACKLOG: u32 = 1024;

/// OpenMetrics text, as [`Metrics::encode`] writes it.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The server could not start.
#[derive(Debug, Error)]
pub enum ServerError {
    /// The address is taken or not ours.
    #[error("{flag}: cannot listen on {address}: {source}")]
    Bind {
        /// The flag that asks for it.
        flag: &'static str,
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
}

/// What must have happened before the operator is ready: named checks, each passed once. Clones are the same list.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    checks: Arc<watch::Sender<BTreeMap<&'static str, Standing>>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    /// Not yet passed; why, if that is known.
    Waiting(Option<String>),
    Passed,
    /// Passed, for what works; what does not, and why.
    PassedBut(String),
}

impl Standing {
    fn is_passed(&self) -> bool {
        matches!(self, Self::Passed | Self::PassedBut(_))
    }
}

/// One check of a [`Readiness`], not passed until it is [`set`](Check::set).
#[derive(Debug, Clone)]
pub struct Check {
    name: &'static str,
    readiness: Readiness,
}

impl Readiness {
    /// Adds a check that is yet to pass. Register all of them before serving: without any, the operator is ready.
    #[must_use = "a check that nobody sets keeps the operator unready"]
    pub fn register(&self, name: &'static str) -> Check {
        self.checks.send_modify(|checks| {
            checks.insert(name, Standing::Waiting(None));
        });
        Check { name, readiness: self.clone() }
    }

    /// Whether every check has passed.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.checks.borrow().values().all(Standing::is_passed)
    }

    /// The names of the checks that have not passed, in alphabetical order, each with the reason if it is known.
    #[must_use]
    pub fn waiting_for(&self) -> Vec<String> {
        let line = |(name, state): (&&str, &Standing)| match state {
            Standing::Passed | Standing::PassedBut(_) => None,
            Standing::Waiting(None) => Some((*name).to_owned()),
            Standing::Waiting(Some(why)) => Some(format!("{name}: {why}")),
        };
        self.checks.borrow().iter().filter_map(line).collect()
    }

    /// What does not work although the operator is ready, in alphabetical order, each with the reason.
    #[must_use]
    pub fn all_but(&self) -> Vec<String> {
        let line = |(name, state): (&&str, &Standing)| match state {
            Standing::PassedBut(why) => Some(format!("{name}: {why}")),
            Standing::Passed | Standing::Waiting(_) => None,
        };
        self.checks.borrow().iter().filter_map(line).collect()
    }

    /// Comes back once every check has passed.
    pub async fn ready(&self) {
        // The sender lives in `self`, so the channel cannot close meanwhile.
        let _ = self.checks.subscribe().wait_for(|checks| checks.values().all(Standing::is_passed)).await;
    }
}

impl Check {
    /// Marks the check as passed, for good.
    pub fn set(&self) {
        self.readiness.checks.send_modify(|checks| {
            checks.insert(self.name, Standing::Passed);
        });
    }

    /// Marks the check as passed for what works, and says what does not.
    pub fn set_but(&self, why: String) {
        self.readiness.checks.send_modify(|checks| {
            checks.insert(self.name, Standing::PassedBut(why));
        });
    }

    /// Says why the check has not passed; without effect once it has.
    pub fn explain(&self, why: String) {
        self.readiness.checks.send_modify(|checks| {
            if let Some(state) = checks.get_mut(self.name).filter(|state| !state.is_passed()) {
                *state = Standing::Waiting(Some(why));
            }
        });
    }
}

/// Takes the address that a flag asks for, so that one that is taken is an error before anything else starts.
///
/// `[::]` is every address of this machine, also those of IPv4, and where there is no IPv6 it is `0.0.0.0`: one setting is right in
/// clusters of either kind, and of both.
///
/// # Errors
///
/// [`ServerError::Bind`] when the address is taken or does not belong to this machine.
pub fn bind(flag: &'static str, address: SocketAddr) -> Result<TcpListener, ServerError> {
    bind_by(address, open).map_err(|source| ServerError::Bind { flag, address, source })
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
    let waiting_for = readiness.waiting_for();
    if waiting_for.is_empty() {
        let but: String = readiness.all_but().iter().map(|name| format!("\nnot yet: {name}")).collect();
        return (StatusCode::OK, format!("ok{but}"));
    }
    let lines: String = waiting_for.iter().map(|name| format!("not yet: {name}\n")).collect();
    (StatusCode::SERVICE_UNAVAILABLE, lines)
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
        let _check = served.readiness.register("consents");
        let (status, _, text) = page(&served, "/livez").await;
        assert_eq!((status, text.as_str()), (200, "ok"));
    }

    #[tokio::test]
    async fn readyz_names_what_is_missing_until_all_checks_have_passed() {
        let served = served().await;
        let (accounts, consents) = (served.readiness.register("accounts"), served.readiness.register("consents"));
        let (status, _, text) = page(&served, "/readyz").await;
        assert_eq!((status, text.as_str()), (503, "not yet: accounts\nnot yet: consents\n"));
        accounts.set();
        accounts.explain("too late to matter".to_owned());
        consents.explain("RBAC does not let the operator list them".to_owned());
        let (status, _, text) = page(&served, "/readyz").await;
        assert_eq!((status, text.as_str()), (503, "not yet: consents: RBAC does not let the operator list them\n"));
        assert!(!served.readiness.is_ready());
        consents.set();
        served.readiness.ready().await;
        let (status, _, text) = page(&served, "/readyz").await;
        assert_eq!((status, text.as_str()), (200, "ok"));
        assert!(served.readiness.is_ready());
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
