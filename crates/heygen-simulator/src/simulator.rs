//! The running simulator: a listener, its connections, and how they end.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::control::Control;
use crate::listen;
use crate::server;
use crate::settings::Settings;
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

/// The state behind its lock.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Rings for the requests that a rule delays.
    pub(crate) faults_removed: Notify,
}

impl Shared {
    /// Never keep the guard across an await: the type forbids it in spawned tasks, the lint everywhere.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // Every change is complete before it can panic, so a poisoned state is still a good one; a test that failed in one
        // thread should not hide its reason behind failures in all others.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How the accept loop and the connections learn of the end.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    /// No new connections, the old ones finish what they are at.
    pub(crate) graceful: CancellationToken,
    /// Everything ends where it stands.
    pub(crate) at_once: CancellationToken,
    pub(crate) tasks: TaskTracker,
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
        let shared = Arc::new(Shared { state: Mutex::new(state), faults_removed: Notify::new() });
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
