//! How long nothing is to be done about an object, and the poll that comes next.

use jiff::{SignedDuration, Timestamp};

use crate::consent::outcome::Print;
use crate::consent::polling;
use crate::consent::polling::Rhythm;

/// How long nothing is to be done, unless something changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rest {
    /// Decide again at this time at the latest.
    pub until: Option<Timestamp>,
    /// The next poll of the group; `None`: none is due as things are.
    pub poll: Option<NextPoll>,
}

/// When to poll a group next, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextPoll {
    /// When.
    pub at: Timestamp,
    /// What for.
    pub kind: PollKind,
}

/// What a poll is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PollKind {
    /// The user asks for it: a read of the one group, before all others.
    Forced,
    /// The person has come back from HeyGen's page: a read of the one group, before all but the forced ones.
    Landed,
    /// Something hangs on it: whatever it shows has to be told.
    Wanted {
        /// Whether a page of the list will do; else it takes a read of the one group.
        by_list: bool,
    },
    /// No change is expected: only a poll that shows something else than `print` has to be told.
    Routine {
        /// What was told of the group.
        print: Print,
        /// How often to poll.
        rhythm: Rhythm,
        /// From this time on the poll is wanted, whatever it shows.
        wanted_from: Option<Timestamp>,
        /// Whether a page of the list will do to tell something new; else it takes a read of the one group besides.
        by_list: bool,
    },
}

impl NextPoll {
    /// The same by another clock that is ahead by so much.
    #[must_use]
    pub(crate) fn shifted(self, by: SignedDuration) -> Self {
        let kind = match self.kind {
            PollKind::Routine { print, rhythm, wanted_from, by_list } => {
                let rhythm = match rhythm {
                    Rhythm::Fixed(_) => rhythm,
                    Rhythm::Growing { since, own } => Rhythm::Growing { since: polling::shifted(since, by), own },
                };
                PollKind::Routine { print, rhythm, wanted_from: wanted_from.map(|from| polling::shifted(from, by)), by_list }
            }
            PollKind::Forced | PollKind::Landed | PollKind::Wanted { .. } => self.kind,
        };
        Self { at: polling::shifted(self.at, by), kind }
    }
}

impl Rest {
    /// The earlier of the two times.
    #[must_use]
    pub fn earliest(&self) -> Option<Timestamp> {
        self.until.into_iter().chain(self.poll.map(|poll| poll.at)).min()
    }

    /// The same by another clock that is ahead by so much.
    #[must_use]
    pub fn shifted(self, by: SignedDuration) -> Self {
        Self { until: self.until.map(|until| polling::shifted(until, by)), poll: self.poll.map(|poll| poll.shifted(by)) }
    }

    pub(super) fn until(until: impl IntoIterator<Item = Timestamp>) -> Self {
        Self { until: until.into_iter().min(), poll: None }
    }

    pub(super) fn with_poll(self, poll: NextPoll) -> Self {
        Self { poll: Some(poll), ..self }
    }
}
