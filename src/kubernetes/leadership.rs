//! Whether this replica may act, which is asked before each effect.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::process::clock;

/// Whether this process may act. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Leadership(Arc<watch::Sender<Standing>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Another one leads, or none yet.
    Standby,
    /// This one leads, until then by [`clock::monotonic`] unless it renews.
    Leading(Duration),
    /// This one led, or could have led, and does no more.
    Over,
}

impl Leadership {
    /// For a process that is the only one.
    #[must_use]
    pub fn unopposed() -> Self {
        Self::new(Standing::Leading(Duration::MAX))
    }

    pub(crate) fn standby() -> Self {
        Self::new(Standing::Standby)
    }

    fn new(standing: Standing) -> Self {
        Self(Arc::new(watch::Sender::new(standing)))
    }

    /// Whether this process may act right now: asked again before each request for consent and before each status write.
    #[must_use]
    pub fn holds(&self) -> bool {
        match *self.0.borrow() {
            Standing::Leading(until) => clock::monotonic() < until,
            Standing::Standby | Standing::Over => false,
        }
    }

    /// Comes back once this process may act. Never, if it never may.
    pub async fn won(&self) {
        self.is(|standing| matches!(standing, Standing::Leading(_))).await;
    }

    /// Comes back when this process must act no more, because it could not renew the Lease or another one holds it.
    pub async fn lost(&self) {
        self.is(|standing| *standing == Standing::Over).await;
    }

    /// Lets `work` go on until it ends by itself or must not go on. Returns `None` if it must not.
    pub async fn while_it_lasts<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.lost() => None,
        }
    }

    async fn is(&self, wanted: impl FnMut(&Standing) -> bool) {
        // The sender lives in `self`, so the channel cannot close meanwhile.
        let _ = self.0.subscribe().wait_for(wanted).await;
    }

    /// Notes that the Lease is ours until then.
    pub(crate) fn lead(&self, until: Duration) {
        self.0.send_replace(Standing::Leading(until));
    }

    /// Acts no more.
    pub(crate) fn end(&self) {
        self.0.send_replace(Standing::Over);
    }

    /// Until when this process leads, if it does.
    pub(crate) fn until(&self) -> Option<Duration> {
        match *self.0.borrow() {
            Standing::Leading(until) => Some(until),
            Standing::Standby | Standing::Over => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A_WHILE: Duration = Duration::from_secs(15);

    #[test]
    fn a_single_replica_acts_and_a_standby_does_not() {
        assert!(Leadership::unopposed().holds());
        assert!(!Leadership::standby().holds());
    }

    #[tokio::test]
    async fn a_leader_acts_until_its_time_is_over_whether_it_is_told_or_not() {
        let leadership = Leadership::standby();
        leadership.lead(clock::monotonic() + A_WHILE);
        leadership.won().await;
        assert!(leadership.holds());
        leadership.lead(clock::monotonic());
        assert!(!leadership.holds());
    }

    #[tokio::test]
    async fn whose_leadership_has_ended_acts_no_more() {
        let leadership = Leadership::standby();
        leadership.lead(clock::monotonic() + A_WHILE);
        leadership.end();
        leadership.lost().await;
        assert!(!leadership.holds());
    }
}
