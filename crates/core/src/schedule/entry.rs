//! PURE. The entry of one object: when it is next, for what, with which priority, not before when.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use super::Shown;
use super::fair_line::Namespace;
use super::shares::{PRIORITIES, Priority};
use crate::api::uid::Uid;
use crate::consent::outcome::{Group, Print};
use crate::consent::policy::Cadence;
use crate::consent::polling;
use crate::consent::step::{NextPoll, PollKind};

/// How many milliseconds later the poll of a group that a user forces is forced again, however often the user asks for it.
const FORCED_AGAIN: Millis = 10_000;

/// When an object whose poll is under way, or was shown by a page, is polled again if it has not rested since.
pub(super) const SAFETY_NET: Duration = Duration::from_secs(300);

/// Milliseconds since 1970 of the steady clock.
pub(super) type Millis = i64;

/// At no time.
pub(super) const NEVER: Millis = Millis::MAX;

/// It has not happened yet.
pub(super) const NOT_YET: Millis = Millis::MIN;

/// All entries. Boxed, so that a table that grows does not copy them all.
pub(super) type Entries = HashMap<Uid, Box<Entry>>;

/// The entry of one object. There are as many as there are objects, so it is kept small.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) account: u32,
    pub(super) namespace: Namespace,
    pub(super) group: Box<str>,
    pub(super) phase: Phase,
    pub(super) decide_at: Millis,
    pub(super) poll: Option<Poll>,
    pub(super) request: Option<Waiting>,
    /// When the group was last polled without anything new.
    pub(super) polled_at: Millis,
    /// Before this time HeyGen was asked for the object itself.
    pub(super) asked_at: Millis,
    pub(super) forced_at: Millis,
    /// What a page has shown and was not heard yet.
    pub(super) shown: Option<Box<Shown>>,
    /// The lines that keep a place for it while it is with a worker.
    pub(super) held: [bool; PRIORITIES],
}

/// Where an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It waits for a time, or a permit.
    Resting,
    /// It waits to be decided: why, and its order among those of its namespace.
    Ready(Why, i64),
    /// It is with a worker.
    Running,
    /// The same, and something has happened since it was given to it.
    RunningAgain(Why),
}

/// Why an object is to be decided, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    /// A user has changed it, or a page of the list has shown something of it.
    Changed,
    /// Its time has come, or something that it depends on has changed.
    Woken,
}

/// The next poll.
#[derive(Debug)]
pub(super) struct Poll {
    pub(super) kind: PollKind,
    pub(super) priority: Priority,
    /// Its interval in milliseconds if it is a routine one, by which it may come by the list.
    pub(super) interval: u32,
    pub(super) due: Millis,
    /// What was read before is older than what this knows.
    pub(super) since: Millis,
}

/// A request that waits for its permit.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) since: Millis,
    pub(super) good_until: Millis,
    /// Whether it was asked for since the object was given to a worker.
    pub(super) is_asked: bool,
}

impl Entry {
    pub(super) fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Ready(..))
    }

    /// Whether it waits to be decided with what a page has shown.
    pub(super) fn is_to_hear(&self) -> bool {
        self.shown.is_some() && self.is_ready()
    }

    pub(super) fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running | Phase::RunningAgain(_))
    }

    /// Before when no poll is to be forced again.
    pub(super) fn forced_not_before(&self) -> Millis {
        self.forced_at.saturating_add(FORCED_AGAIN)
    }

    /// Lets the group be polled then, as its kind of poll wants it.
    pub(super) fn poll_at(&mut self, at: Timestamp, cadence: &Cadence) {
        if let Some(poll) = &mut self.poll {
            (poll.priority, poll.interval) = priority(poll.kind, cadence, at);
            poll.due = at.as_millisecond();
        }
        self.keep_forced_apart();
    }

    /// Puts off a poll that is forced too early again.
    pub(super) fn keep_forced_apart(&mut self) {
        let not_before = self.forced_not_before();
        if let Some(poll) = self.poll.as_mut().filter(|poll| poll.priority == Priority::Forced) {
            poll.due = poll.due.max(not_before);
        }
    }

    /// Lets the group be polled by a read of its own, now.
    pub(super) fn confirm(&mut self, now: Timestamp) {
        if let Some(poll) = &mut self.poll {
            (poll.priority, poll.due) = (Priority::Confirmation, now.as_millisecond());
        }
    }

    /// What is under way, or was shown, is followed by a rest; if it is not, the group is polled later.
    pub(super) fn set_aside(&mut self, now: Timestamp) {
        if let Some(poll) = &mut self.poll {
            (poll.priority, poll.due) = (Priority::First, polling::add(now, SAFETY_NET).as_millisecond());
        }
    }

    /// A page has shown nothing new: the next poll is due an interval later.
    ///
    /// Groups that a page has shown share the share, so that they come due in the order of the list and the next scan finds it so.
    pub(super) fn note_nothing_new(&mut self, read_at: Timestamp, cadence: &Cadence) {
        if let Some(poll) = &mut self.poll
            && let PollKind::Routine { rhythm, .. } = poll.kind
        {
            let interval = rhythm.interval(cadence, read_at);
            (poll.priority, poll.interval) = (Priority::Routine, millis_of(interval));
            poll.due = polling::after_poll(read_at, interval, 0.0).as_millisecond();
        }
        self.polled_at = read_at.as_millisecond();
    }

    /// Whether it has been polled neither by its own call nor by the list since then, and was there before.
    pub(super) fn is_unseen_since(&self, began: Timestamp) -> bool {
        let began = began.as_millisecond();
        self.polled_at < began && self.poll.as_ref().is_some_and(|poll| poll.since < began)
    }
}

impl Poll {
    pub(super) fn new(poll: NextPoll, cadence: &Cadence, now: Timestamp) -> Self {
        let (priority, interval) = priority(poll.kind, cadence, now);
        Self { kind: poll.kind, priority, interval, due: poll.at.max(now).as_millisecond(), since: now.as_millisecond() }
    }

    /// Whether it stood as it stands before a read that began then.
    pub(super) fn is_older_than(&self, read_at: Timestamp) -> bool {
        self.since <= read_at.as_millisecond()
    }

    /// Whether the object has to hear of a poll at `read_at` that shows `group`.
    pub(super) fn is_new(&self, group: &Group, read_at: Timestamp) -> bool {
        match self.kind {
            PollKind::Forced | PollKind::Landed | PollKind::Wanted { .. } => true,
            PollKind::Routine { print, wanted_from, .. } => print != Print::of(group) || wanted_from.is_some_and(|from| from <= read_at),
        }
    }

    /// Whether the poll shows nothing else than what was told, so that nothing hangs on how it was made.
    pub(super) fn shows_what_was_said(&self, group: &Group) -> bool {
        matches!(self.kind, PollKind::Routine { print, .. } if print == Print::of(group))
    }

    /// Whether the object takes what a page of the list shows.
    pub(super) fn believes_the_list(&self) -> bool {
        match self.kind {
            PollKind::Forced | PollKind::Landed => false,
            PollKind::Wanted { by_list } | PollKind::Routine { by_list, .. } => by_list,
        }
    }
}

/// The priority of a poll of this kind, and its interval.
fn priority(kind: PollKind, cadence: &Cadence, now: Timestamp) -> (Priority, u32) {
    match kind {
        PollKind::Forced => (Priority::Forced, 0),
        PollKind::Landed => (Priority::Landed, 0),
        PollKind::Wanted { by_list: false } => (Priority::Confirmation, 0),
        PollKind::Wanted { by_list: true } => (Priority::First, 0),
        PollKind::Routine { rhythm, .. } => (Priority::Routine, millis_of(rhythm.interval(cadence, now))),
    }
}

pub(super) fn timestamp(millis: Millis) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(if millis < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// The first millisecond that is not before this time.
pub(super) fn millis_from(at: Timestamp) -> Millis {
    at.as_millisecond() + Millis::from(at.subsec_nanosecond() % 1_000_000 > 0)
}

/// An interval in milliseconds, cut to five binary digits: users choose intervals of their own, and there are to be few different ones.
fn millis_of(interval: Duration) -> u32 {
    let millis = u32::try_from(interval.as_millis()).unwrap_or(u32::MAX);
    let cut = (u32::BITS - millis.leading_zeros()).saturating_sub(5);
    (millis >> cut << cut).min(u32::MAX - 1)
}
