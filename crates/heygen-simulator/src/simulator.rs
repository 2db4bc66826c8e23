//! The running simulator: a listener, its connections, and how they end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::control::Control;
use crate::listen;
use crate::server;
use crate::settings::Settings;
use crate::shared::{Ending, Shared};
use crate::state::State;

/// How long a stop waits for requests that are under way.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// A running simulator; it stops when it is dropped.
#[derive(Debug)]
pub struct Simulator {
    addr: SocketAddr,
    base_url: String,
    shared: Arc<Shared>,
    ending: Ending,
}

impl Simulator {
    /// Binds [`Settings::listen`] and serves from now on.
    ///
    /// # Errors
    ///
    /// When the address cannot be bound, and `InvalidInput` when the settings contradict themselves.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let listener = listen::on(settings.listen)?;
        let addr = listener.local_addr()?;
        let base_url = match &settings.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{addr}"),
        };
        let state = State::new(settings, base_url.clone()).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let shared = Arc::new(Shared::new(state));
        let ending = Ending { graceful: CancellationToken::new(), at_once: CancellationToken::new(), tasks: TaskTracker::new() };
        let served = server::accept(listener, Arc::clone(&shared), ending.clone());
        ending.tasks.spawn(served);
        Ok(Self { addr, base_url, shared, ending })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What a client takes for HeyGen's base URL, without a slash at the end; links begin with it.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// A handle on the switches.
    pub fn control(&self) -> Control {
        Control::new(Arc::clone(&self.shared))
    }

    /// Takes no more connections, lets requests under way finish for at most 2 s, cuts the rest.
    pub async fn stop(self) {
        self.ending.graceful.cancel();
        self.ending.tasks.close();
        if tokio::time::timeout(STOP_GRACE, self.ending.tasks.wait()).await.is_err() {
            self.ending.at_once.cancel();
            self.ending.tasks.wait().await;
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.ending.graceful.cancel();
        self.ending.at_once.cancel();
    }
}
