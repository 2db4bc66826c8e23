//! Which replica acts: the holder of a Lease, with the semantics of client-go.
//!
//! ```text
//!   standby ──▶ leading ──▶ over (the process ends)
//!     │  ▲         │
//!     └──┘         └── every 2 s the Lease is renewed
//! ```
//!
//! A standby watches what the leader watches, so that it is ready when it is needed; it calls HeyGen for nothing and writes nothing but
//! its bids. The election saves calls, and is no lock: what keeps a person from getting two links is the key of a request ([`request`](
//! crate::request)), which is the same in every replica.
//!
//! Three rules make it as safe as an election without a lock can be:
//!
//! - A Lease is over when *this* process has not seen it change for as long as it is valid, by a clock that no adjustment moves. The times
//!   that stand in it are for people.
//! - A leader stops [`RENEW_DEADLINE`] after it *began* its last successful renewal, which is [`LEASE_DURATION`] minus 5 s: before any
//!   standby can take over.
//! - Every write of the Lease carries `resourceVersion`, so that of two bids one fails.
//!
//! Rejected: the published crates, which patch the Lease without a precondition, or judge its expiry by the wall clock.
//!
//! - `candidate` is pure: what to write, given what the Lease says and the time.
//! - [`election`] does it, again and again.

mod candidate;
pub mod election;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::clock;

/// How long a Lease is valid that is not renewed.
pub const LEASE_DURATION: Duration = Duration::from_secs(15);

/// How long after its last renewal a leader stops.
pub const RENEW_DEADLINE: Duration = Duration::from_secs(10);

/// How often the Lease is renewed, or looked at by a standby.
pub const RETRY_PERIOD: Duration = Duration::from_secs(2);

/// Whether this process may act. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Leadership(Arc<watch::Sender<Standing>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// There is no election.
    Unopposed,
    /// Another one leads, or nobody yet.
    Standby,
    /// This one leads, until then by [`clock::monotonic`] unless it renews.
    Leading(Duration),
    /// This one led, or could have led, and does no more.
    Over,
}

impl Leadership {
    /// For a process that need not ask anybody.
    #[must_use]
    pub fn unopposed() -> Self {
        Self::new(Standing::Unopposed)
    }

    fn standby() -> Self {
        Self::new(Standing::Standby)
    }

    fn new(standing: Standing) -> Self {
        Self(Arc::new(watch::Sender::new(standing)))
    }

    /// Whether this process may act right now: asked again before each request for consent and before each status write.
    #[must_use]
    pub fn holds(&self) -> bool {
        match *self.0.borrow() {
            Standing::Unopposed => true,
            Standing::Leading(until) => clock::monotonic() < until,
            Standing::Standby | Standing::Over => false,
        }
    }

    /// Comes back once this process may act. Never, if it never may.
    pub async fn won(&self) {
        self.is(|standing| matches!(standing, Standing::Unopposed | Standing::Leading(_))).await;
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
    fn lead(&self, until: Duration) {
        self.0.send_replace(Standing::Leading(until));
    }

    /// Acts no more.
    fn end(&self) {
        self.0.send_replace(Standing::Over);
    }

    /// Until when this process leads, if it does.
    fn until(&self) -> Option<Duration> {
        match *self.0.borrow() {
            Standing::Leading(until) => Some(until),
            Standing::Unopposed | Standing::Standby | Standing::Over => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_needs_nobody_acts_and_who_stands_by_does_not() {
        assert!(Leadership::unopposed().holds());
        assert!(!Leadership::standby().holds());
    }

    #[tokio::test]
    async fn a_leader_acts_until_its_time_is_over_whether_anybody_tells_it_or_not() {
        let leadership = Leadership::standby();
        leadership.lead(clock::monotonic() + LEASE_DURATION);
        leadership.won().await;
        assert!(leadership.holds());
        leadership.lead(clock::monotonic());
        assert!(!leadership.holds());
    }

    #[tokio::test]
    async fn whose_leadership_has_ended_acts_no_more() {
        let leadership = Leadership::standby();
        leadership.lead(clock::monotonic() + LEASE_DURATION);
        leadership.end();
        leadership.lost().await;
        assert!(!leadership.holds());
    }
}
