//! The connections of a listener that any client may reach: each lives briefly, and there are never many.
//!
//! A pod may open as many connections as it likes, and send half a request on each. So one request is answered on a connection, within
//! [`LIFETIME`] from the first byte to the last; and of more than [`MOST`] the oldest goes, not the newest. A probe of the kubelet or a
//! scrape is answered within milliseconds, so that what goes is what dawdles.
//!
//! Rejected: a limit by not accepting, as of axum's `ListenerExt` and tower's `ConcurrencyLimit`. A client that holds all places then keeps the
//! kubelet out, which takes the pod for dead.

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::JoinMap;

/// The connections that are open at once, at most.
pub const MOST: usize = 256;

/// How long a connection lives, at most, whatever is sent on it.
pub const LIFETIME: Duration = Duration::from_secs(10);

/// The memory of a connection for what it has sent, at most: as little as hyper allows, since no header of ours is long.
const BUFFER: usize = 8 * 1024;

/// How long to wait when no connection can be accepted, as when there are no file descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers with `router` until `stop` is cancelled, and then as long as what was begun takes, `drain` at most.
pub async fn serve(listener: TcpListener, router: Router, drain: Duration, stop: CancellationToken) {
    let mut connections = Connections::default();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some((number, _)) = connections.open.join_next() => connections.forget(number),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => connections.add(stream, router.clone(), stop.clone()),
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(drain, async { while connections.open.join_next().await.is_some() {} }).await;
}

/// What is open, by number in order of acceptance.
#[derive(Default)]
struct Connections {
    open: JoinMap<u64, ()>,
    numbers: BTreeSet<u64>,
    accepted: u64,
}

impl Connections {
    fn add(&mut self, stream: TcpStream, router: Router, stop: CancellationToken) {
        if self.numbers.len() >= MOST
            && let Some(oldest) = self.numbers.pop_first()
        {
            self.open.abort(&oldest);
        }
        self.accepted += 1;
        self.numbers.insert(self.accepted);
        self.open.spawn(self.accepted, answer(stream, router, stop));
    }

    fn forget(&mut self, number: u64) {
        self.numbers.remove(&number);
    }
}

/// Answers one request, if it comes in time.
async fn answer(stream: TcpStream, router: Router, stop: CancellationToken) {
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let answered = async {
        let mut connection = pin!(connection);
        tokio::select! {
            // Clients that hang up are everyday.
            _ = connection.as_mut() => {}
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
    };
    let _ = tokio::time::timeout(LIFETIME, answered).await;
}
