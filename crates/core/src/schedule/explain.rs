//! When one object is next, for what, and what it waits for: for a person who asks.

use jiff::Timestamp;

use super::Schedule;
use super::entry::{NEVER, Phase, Priority, timestamp};
use super::shares::Line;
use crate::api::uid::Uid;

/// When an object is next, and for what; times are of the steady clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheduled {
    /// Where it is.
    pub state: State,
    /// When it is decided at the latest; `None`: when something changes.
    pub decide_at: Option<Timestamp>,
    /// When its group is polled next, and with which priority.
    pub poll: Option<(Timestamp, &'static str)>,
    /// How many calls come, at most, before the one that it waits for.
    pub ahead: usize,
}

/// Where an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It waits for a time, or for a permit.
    Resting,
    /// It waits for a worker.
    Ready,
    /// A worker has it.
    Running,
}

impl Schedule {
    /// When an object is next, and for what. `None` for one that is not known.
    #[must_use]
    pub fn explain(&self, uid: Uid, now: Timestamp) -> Option<Scheduled> {
        let entry = self.entries.get(&uid)?;
        let account = self.accounts.get(&entry.account)?;
        let state = match entry.phase {
            Phase::Resting => State::Resting,
            Phase::Ready(..) => State::Ready,
            Phase::Running | Phase::RunningAgain(_) => State::Running,
        };
        let waits_to_poll = entry.poll.as_ref().filter(|poll| poll.due <= now.as_millisecond());
        let line = entry.request.as_ref().map(|_| Line::Request).or_else(|| waits_to_poll.map(|poll| Line::of(poll.priority)));
        let listed = account.listed;
        Some(Scheduled {
            state,
            decide_at: Some(entry.decide_at).filter(|at| *at != NEVER).map(timestamp),
            poll: entry.poll.as_ref().map(|poll| (timestamp(poll.due), poll.priority.word(listed))),
            ahead: line.map_or(0, |line| account.ahead(line, entry.namespace)),
        })
    }
}

impl Priority {
    fn word(self, listed: u32) -> &'static str {
        match self {
            Self::Forced => "forced",
            Self::First => "first",
            Self::Confirmation => "confirmation",
            Self::Routine(interval) if interval >= listed => "listed",
            Self::Routine(_) => "routine",
        }
    }
}
