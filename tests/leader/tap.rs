//! A way to HeyGen that is listened to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::support::World;

/// Forwards to HeyGen, and counts what is sent there.
pub struct Tap {
    /// Where to send.
    pub base_url: String,
    sent: Arc<AtomicU64>,
}

impl Tap {
    /// Taps the way to the HeyGen of a world.
    pub async fn lay(world: &World) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let server: SocketAddr = world.base_url.trim_start_matches("http://").trim_end_matches('/').parse().unwrap();
        let sent = Arc::new(AtomicU64::new(0));
        tokio::spawn(count(listener, server, sent.clone()));
        Self { base_url, sent }
    }

    /// How many bytes were sent so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

async fn count(listener: TcpListener, server: SocketAddr, sent: Arc<AtomicU64>) {
    let mut connections = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        let sent = sent.clone();
        connections.spawn(async move {
            let (mut from, mut to) = near.into_split();
            let (mut answers, mut requests) = TcpStream::connect(server).await.unwrap().into_split();
            let there = async {
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = from.read(&mut buffer).await {
                    sent.fetch_add(u64::try_from(length).unwrap(), Ordering::Relaxed);
                    if requests.write_all(&buffer[..length]).await.is_err() {
                        return;
                    }
                }
            };
            tokio::select! {
                () = there => {}
                _ = copy(&mut answers, &mut to) => {}
            }
        });
    }
}
