//! Stopping: the first SIGTERM or SIGINT asks, the grace period or a second signal insists.
//!
//! Two tokens. [`Shutdown::stopping`] is for every loop: take nothing new, finish what is in hand, so that an answer of HeyGen still
//! gets written. [`Shutdown::over`] is for `main`: whatever has not ended by then is left behind, which is safe, since every
//! request to HeyGen can be repeated under the same key.

use std::task::Poll;
use std::time::Duration;

use futures::stream::{self, Stream, StreamExt as _};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The state of stopping. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    stopping: CancellationToken,
    over: CancellationToken,
}

impl Shutdown {
    /// Listens for SIGTERM and SIGINT from now on; `grace` counts from the first of them. Call it inside a Tokio runtime.
    ///
    /// # Errors
    ///
    /// When the signal handlers cannot be installed.
    pub fn on_signals(grace: Duration) -> std::io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = Self::default();
        let conducted = shutdown.clone();
        let signals = stream::poll_fn(move |context| {
            let came = terminate.poll_recv(context).is_ready() || interrupt.poll_recv(context).is_ready();
            if came { Poll::Ready(Some(())) } else { Poll::Pending }
        });
        tokio::spawn(async move { conducted.conduct(grace, signals).await });
        Ok(shutdown)
    }

    /// Cancelled by the first signal: start nothing new, finish what is in hand.
    #[must_use]
    pub fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// Cancelled when the grace period has passed or a second signal came: leave now.
    #[must_use]
    pub fn over(&self) -> &CancellationToken {
        &self.over
    }

    /// Lives through one stop; `signals` never ends.
    async fn conduct(&self, grace: Duration, mut signals: impl Stream<Item = ()> + Unpin) {
        signals.next().await;
        tracing::info!(grace_seconds = grace.as_secs(), "stopping");
        self.stopping.cancel();
        tokio::select! {
            () = tokio::time::sleep(grace) => tracing::warn!("the grace period has passed: leaving"),
            _ = signals.next() => tracing::warn!("a second signal: leaving at once"),
        }
        self.over.cancel();
    }
}

#[cfg(test)]
mod tests {
    use futures::channel::mpsc;

    use super::*;

    const SOON: Duration = Duration::from_secs(20);
    const FAR: Duration = Duration::from_secs(3600);

    fn conducted(grace: Duration) -> (Shutdown, mpsc::UnboundedSender<()>) {
        let (sender, signals) = mpsc::unbounded();
        let shutdown = Shutdown::default();
        let conducted = shutdown.clone();
        tokio::spawn(async move { conducted.conduct(grace, signals).await });
        (shutdown, sender)
    }

    async fn happens(token: &CancellationToken) {
        tokio::time::timeout(SOON, token.cancelled()).await.unwrap();
    }

    #[tokio::test]
    async fn the_first_signal_asks_and_the_second_insists() {
        let (shutdown, signals) = conducted(FAR);
        assert!(!shutdown.stopping().is_cancelled());
        signals.unbounded_send(()).unwrap();
        happens(shutdown.stopping()).await;
        assert!(!shutdown.over().is_cancelled());
        signals.unbounded_send(()).unwrap();
        happens(shutdown.over()).await;
    }

    #[tokio::test]
    async fn the_grace_period_ends_without_a_second_signal() {
        let (shutdown, signals) = conducted(Duration::from_millis(20));
        signals.unbounded_send(()).unwrap();
        happens(shutdown.over()).await;
        assert!(shutdown.stopping().is_cancelled());
    }

    // The only test that may send this process a signal: handlers are shared by all of them.
    #[tokio::test]
    async fn both_sigterm_and_sigint_are_heard() {
        let shutdown = Shutdown::on_signals(FAR).unwrap();
        for (name, token) in [("TERM", shutdown.stopping()), ("INT", shutdown.over())] {
            let status = std::process::Command::new("kill").args(["-s", name, &std::process::id().to_string()]).status().unwrap();
            assert!(status.success());
            happens(token).await;
        }
    }
}
