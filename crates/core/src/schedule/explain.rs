//! When one object is next, for what, and what it waits for: for a person who asks.

use jiff::Timestamp;

use super::Schedule;
use super::entry::{NEVER, Phase, Poll, timestamp};
use super::shares::Priority;
use crate::api::uid::Uid;

/// When an object is next, and for what; times are of the steady clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheduled {
    /// Its place in the work queue: `waiting` for a worker, or `running` with one; `None`: it waits for a time, or for a permit.
    pub work_queue: Option<&'static str>,
    /// When it is decided at the latest; `None`: when something changes.
    pub decide_at: Option<Timestamp>,
    /// When its group is polled next, and with which priority.
    pub poll: Option<(Timestamp, &'static str)>,
    /// How many calls come, at most, before the one that it waits for.
    pub ahead: usize,
}

impl Schedule {
    /// When an object is next, and for what. `None` for one that is not known.
    #[must_use]
    pub fn explain(&self, uid: Uid, now: Timestamp) -> Option<Scheduled> {
        let entry = self.entries.get(&uid)?;
        let account = self.accounts.get(&entry.account)?;
        let work_queue = match entry.phase {
            Phase::Resting => None,
            Phase::Ready(..) => Some("waiting"),
            Phase::Running | Phase::RunningAgain(_) => Some("running"),
        };
        let waits_to_poll = entry.poll.as_ref().filter(|poll| poll.due <= now.as_millisecond());
        let priority = entry.request.as_ref().map(|_| Priority::Request).or_else(|| waits_to_poll.map(|poll| poll.priority));
        let is_listed = |poll: &Poll| poll.priority == Priority::Routine && poll.interval >= account.listed;
        let word = |poll: &Poll| if is_listed(poll) { "listed" } else { poll.priority.into() };
        Some(Scheduled {
            work_queue,
            decide_at: Some(entry.decide_at).filter(|at| *at != NEVER).map(timestamp),
            poll: entry.poll.as_ref().map(|poll| (timestamp(poll.due), word(poll))),
            ahead: priority.map_or(0, |priority| account.ahead(priority, entry.namespace)),
        })
    }
}
