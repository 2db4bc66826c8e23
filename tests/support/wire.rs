//! A way to the API server that can be cut, and on which answers can be held back while requests go on.

#![allow(dead_code, reason = "several test binaries include this, and none uses all of it")]

use std::io::Write as _;
use std::net::SocketAddr;

use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::support::World;

/// Which way is open. What comes on the other hangs, on old connections and new ones, as when a network loses packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// Both, and what was held back goes on.
    BothWays,
    /// That of requests: answers are held back.
    ForRequests,
    /// Neither.
    Neither,
}

/// A way to the API server.
pub struct Wire {
    /// A kubeconfig that leads over it.
    pub kubeconfig: NamedTempFile,
    open: watch::Sender<Open>,
}

impl Wire {
    /// Lays a wire to the API server of a world, open both ways.
    pub async fn lay(world: &World) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server: SocketAddr = world.plane.server_url().trim_start_matches("https://").parse().unwrap();
        let original = std::fs::read_to_string(world.plane.kubeconfig()).unwrap();
        let mut kubeconfig = NamedTempFile::new().unwrap();
        kubeconfig.write_all(original.replace(world.plane.server_url(), &format!("https://{address}")).as_bytes()).unwrap();
        let open = watch::Sender::new(Open::BothWays);
        tokio::spawn(forward(listener, server, open.subscribe()));
        Self { kubeconfig, open }
    }

    /// Opens and closes it from now on.
    pub fn set(&self, open: Open) {
        self.open.send_replace(open);
    }
}

async fn forward(listener: TcpListener, server: SocketAddr, open: watch::Receiver<Open>) {
    let mut connections = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        let open = open.clone();
        connections.spawn(async move {
            let (requests, to_near) = near.into_split();
            let (answers, to_far) = TcpStream::connect(server).await.unwrap().into_split();
            tokio::select! {
                () = carry(requests, to_far, open.clone(), |open| open != Open::Neither) => {}
                () = carry(answers, to_near, open, |open| open == Open::BothWays) => {}
            }
        });
    }
}

/// Carries bytes while the way is open, until either end is closed.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut open: watch::Receiver<Open>,
    may_pass: fn(Open) -> bool,
) {
    let mut buffer = [0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if open.wait_for(|open| may_pass(*open)).await.is_err() {
            // The test has dropped the wire: what was held back stays so, and the connection is held open until the test ends.
            return std::future::pending().await;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
