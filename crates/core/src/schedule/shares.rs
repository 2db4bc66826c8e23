//! PURE. Whose the next token of an account is, while several lines want it.
//!
//! ```text
//! requests 4 : polls 1
//!                └── forced 4 : others 1
//!                               └── (first polls 4 : confirmations 1) 4 : routine 1
//! ```
//!
//! Nothing waits for ever behind another one's storm. An account's probe comes before all of them
//! ([`Schedule::probe`](super::Schedule::probe)).

use super::entry::Priority;
use super::fair_line::Split;

/// The lines of what waits for a permit, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    Request,
    Forced,
    First,
    Confirmation,
    Routine,
}

/// The shares of an account.
#[derive(Debug, Default)]
pub(super) struct Shares {
    requests: Split,
    forced: Split,
    /// First polls and confirmations.
    pressing: Split,
    first: Split,
}

impl Shares {
    /// The request or the poll.
    pub(super) fn of_requests<T>(&self, request: Option<T>, poll: Option<T>) -> Option<T> {
        self.requests.prefer(request, poll)
    }

    /// One of the polls.
    pub(super) fn of_polls<T>(&self, forced: Option<T>, first: Option<T>, confirmation: Option<T>, routine: Option<T>) -> Option<T> {
        self.forced.prefer(forced, self.pressing.prefer(self.first.prefer(first, confirmation), routine))
    }

    /// Notes that one of this line has begun.
    pub(super) fn passed(&mut self, line: Line) {
        self.requests.passed(line == Line::Request);
        if line != Line::Request {
            self.forced.passed(line == Line::Forced);
        }
        match line {
            Line::Request | Line::Forced => {}
            Line::First | Line::Confirmation => {
                self.first.passed(line == Line::First);
                self.pressing.passed(true);
            }
            Line::Routine => self.pressing.passed(false),
        }
    }
}

impl Line {
    pub(super) fn of(priority: Priority) -> Self {
        match priority {
            Priority::Forced => Self::Forced,
            Priority::First => Self::First,
            Priority::Confirmation => Self::Confirmation,
            Priority::Routine(_) => Self::Routine,
        }
    }
}
