//! PURE. Whose the next token is, while several want it.
//!
//! ```text
//! requests 4 : polls 1
//!                └── forced 4 : others 1
//!                               └── (first polls 4 : confirmations 1) 4 : routine 1
//! ```
//!
//! Nobody waits for ever behind somebody else's storm, and a share that nobody uses passes on: a count only runs while others wait.
//! An account's probe comes before all of them ([`Gate::admit_probe`](crate::runtime::gate::Gate::admit_probe)).

use jiff::Timestamp;
use strum::IntoStaticStr;

use crate::runtime::sweep::seats::{Millis, Queue};

/// How many of one kind pass in a row while those behind it wait: they get one token in five.
pub(super) const IN_A_ROW: u32 = 4;

/// What a poll is for, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub(super) enum Level {
    /// A user forces it.
    Forced,
    /// Something hangs on it, usually a new object's first link.
    First,
    /// It confirms, by a read of the one group, what was seen before.
    Confirmation,
    /// Nobody expects a change; a read of the one group.
    Routine,
    /// The same, by a page of the list.
    Listed,
}

impl Level {
    pub(super) const ALL: [Self; 5] = [Self::Forced, Self::First, Self::Confirmation, Self::Routine, Self::Listed];

    /// What a read of the one group is for that stands in this queue.
    pub(super) fn of(queue: Queue) -> Self {
        match queue {
            Queue::Forced => Self::Forced,
            Queue::Later | Queue::Wanted => Self::First,
            Queue::Alone => Self::Confirmation,
            Queue::Routine(_) => Self::Routine,
        }
    }
}

/// How many of each kind have passed in a row, and when the last poll of each level began.
#[derive(Debug)]
pub(super) struct Shares {
    requests: u32,
    forced: u32,
    /// Polls that are first or confirm.
    pressing: u32,
    first: u32,
    began: [Millis; 5],
}

impl Default for Shares {
    fn default() -> Self {
        Self { requests: 0, forced: 0, pressing: 0, first: 0, began: [Millis::MIN; 5] }
    }
}

impl Shares {
    /// The request or the poll.
    pub(super) fn of_requests<T>(&self, request: Option<T>, poll: Option<T>) -> Option<T> {
        prefer(self.requests, request, poll)
    }

    /// One of the polls.
    pub(super) fn of_polls<T>(&self, forced: Option<T>, first: Option<T>, confirmation: Option<T>, routine: Option<T>) -> Option<T> {
        let pressing = prefer(self.first, first, confirmation);
        prefer(self.forced, forced, prefer(self.pressing, pressing, routine))
    }

    /// Whether a request comes before the polls, if any wait.
    pub(super) fn requests_may_lead(&self, polls_wait: bool) -> bool {
        !polls_wait || self.requests < IN_A_ROW
    }

    /// Whether a poll comes before the requests, if any wait.
    pub(super) fn polls_may_lead(&self, requests_wait: bool) -> bool {
        !requests_wait || self.requests >= IN_A_ROW
    }

    /// Whether a poll of this level comes before those behind it, if any wait.
    pub(super) fn may_lead(&self, level: Level, others_wait: bool) -> bool {
        let in_a_row = match level {
            Level::Forced => self.forced,
            Level::First | Level::Confirmation => self.pressing,
            Level::Routine | Level::Listed => 0,
        };
        !others_wait || in_a_row < IN_A_ROW
    }

    /// Notes that a request has passed.
    pub(super) fn took_request(&mut self) {
        self.requests = self.requests.saturating_add(1);
    }

    /// Notes that a poll of this level has begun.
    pub(super) fn took(&mut self, level: Level, now: Timestamp) {
        self.requests = 0;
        self.began[level as usize] = now.as_millisecond();
        let count = |count: &mut u32, again: bool| *count = if again { count.saturating_add(1) } else { 0 };
        count(&mut self.forced, level == Level::Forced);
        match level {
            Level::Forced => {}
            Level::First | Level::Confirmation => {
                count(&mut self.first, level == Level::First);
                count(&mut self.pressing, true);
            }
            Level::Routine | Level::Listed => count(&mut self.pressing, false),
        }
    }

    /// When the last poll of this level began.
    pub(super) fn began(&self, level: Level) -> Millis {
        self.began[level as usize]
    }
}

/// The one before the other, unless its kind has passed so often in a row that the other one's turn has come.
fn prefer<T>(in_a_row: u32, one: Option<T>, other: Option<T>) -> Option<T> {
    if in_a_row < IN_A_ROW { one.or(other) } else { other.or(one) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of `tokens` each of those gets who always wait: requests, and the polls by level.
    fn shares(requests: bool, waiting: [bool; 4], tokens: usize) -> (usize, [usize; 4]) {
        let mut shares = Shares::default();
        let mut got = (0, [0; 4]);
        let levels = [Level::Forced, Level::First, Level::Confirmation, Level::Listed];
        for _ in 0..tokens {
            let [forced, first, confirmation, routine] = std::array::from_fn(|place| waiting[place].then_some(Some(place)));
            let poll = shares.of_polls(forced, first, confirmation, routine);
            match shares.of_requests(requests.then_some(None), poll) {
                Some(Some(place)) => {
                    shares.took(levels[place], Timestamp::UNIX_EPOCH);
                    got.1[place] += 1;
                }
                Some(None) => {
                    shares.took_request();
                    got.0 += 1;
                }
                None => {}
            }
        }
        got
    }

    #[test]
    fn whoever_waits_gets_its_share_whatever_all_others_want() {
        assert_eq!(shares(true, [true; 4], 3125), (2500, [500, 80, 20, 25]));
        assert_eq!(shares(false, [true; 4], 625), (0, [500, 80, 20, 25]));
    }

    #[test]
    fn a_share_that_nobody_uses_passes_on() {
        assert_eq!(shares(true, [false; 4], 100), (100, [0; 4]));
        assert_eq!(shares(true, [true, false, false, false], 100), (80, [20, 0, 0, 0]));
        assert_eq!(shares(false, [true, true, false, false], 100), (0, [80, 20, 0, 0]));
        assert_eq!(shares(false, [false, true, true, false], 100), (0, [0, 80, 20, 0]));
        assert_eq!(shares(false, [false, false, true, true], 100), (0, [0, 0, 80, 20]));
        assert_eq!(shares(false, [false, false, false, true], 100), (0, [0, 0, 0, 100]));
    }
}
