//! A sink that takes everything.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::http::StatusCode;
use tokio_util::task::AbortOnDropHandle;

/// A sink that takes everything, and counts.
pub struct Sink {
    pub url: String,
    taken: Arc<AtomicU64>,
    _server: AbortOnDropHandle<()>,
}

impl Sink {
    pub async fn start() -> anyhow::Result<Self> {
        let taken = Arc::<AtomicU64>::default();
        let counting = taken.clone();
        let take = async move || {
            counting.fetch_add(1, Ordering::Relaxed);
            StatusCode::NO_CONTENT
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let server = tokio::spawn(async move {
            // It ends with the bench.
            let _ = axum::serve(listener, Router::new().fallback(take)).await;
        });
        Ok(Self { url, taken, _server: AbortOnDropHandle::new(server) })
    }

    /// How many events it has taken.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}
