//! When one object is next, for what, and what it waits for: for a person who asks.

use jiff::Timestamp;

use super::Schedule;
use super::entry::{NEVER, Phase, Poll, timestamp};
use super::shares::Priority;
use crate::api::uid::Uid;
use crate::consent::explain::{Next, Standing};

impl Schedule {
    /// When an object is next, by the steady clock, for what, and where it stands; of its decision and its poll, whichever comes first.
    /// `None` for one that is not known.
    #[must_use]
    pub fn explain(&self, uid: Uid, now: Timestamp) -> Option<Standing> {
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
        let decision =
            Some(entry.decide_at).filter(|at| *at != NEVER).map(|at| Next { at: timestamp(at), what: "decision", priority: None });
        let poll = entry.poll.as_ref().map(|poll| Next { at: timestamp(poll.due), what: "poll", priority: Some(word(poll)) });
        Some(Standing {
            scheduled: decision.into_iter().chain(poll).min_by_key(|next| next.at),
            work_queue,
            ahead: Some(priority.map_or(0, |priority| account.ahead(priority, entry.namespace))),
            ..Standing::default()
        })
    }
}
