//! What every connection shares: the state, and how all of it ends.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::state::State;

/// The state behind its lock.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Rings for the requests that a rule delays.
    pub(crate) faults_removed: Notify,
}

impl Shared {
    pub(crate) fn new(state: State) -> Self {
        Self { state: Mutex::new(state), faults_removed: Notify::new() }
    }

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
