//! PURE. Whose the next token of an account is, while calls of several priorities want it.
//!
//! ```text
//! requests 4 : polls 1
//!                └── forced 4 : others 1
//!                               └── landed 4 : others 1
//!                                              └── (first polls 4 : confirmations 1) 4 : routine 1
//! ```
//!
//! Nothing waits for ever behind another one's storm. An account's probe comes before all of them
//! ([`Schedule::probe`](super::Schedule::probe)).

use strum::IntoStaticStr;

use super::fair_line::Split;

/// What a call is for, in order of precedence; what waits for its permit stands in the line of its priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub(super) enum Priority {
    /// A request for consent, or what belongs to it.
    Request,
    /// A poll that a user forces.
    Forced,
    /// One of a group whose person has come back from HeyGen's page.
    Landed,
    /// One on which something hangs, usually a new object's first link.
    First,
    /// One that confirms, by a read of the one group, what was seen before.
    Confirmation,
    /// One of which no change is expected.
    Routine,
}

/// How many priorities there are, each with a line.
pub(super) const PRIORITIES: usize = Priority::Routine as usize + 1;

/// The first poll of each line.
#[derive(Debug)]
pub(super) struct Polls<T> {
    pub(super) forced: Option<T>,
    pub(super) landed: Option<T>,
    pub(super) first: Option<T>,
    pub(super) confirmation: Option<T>,
    pub(super) routine: Option<T>,
}

/// The shares of an account.
#[derive(Debug, Default)]
pub(super) struct Shares {
    /// Requests and polls.
    pub(super) requests: Split,
    forced: Split,
    landed: Split,
    /// First polls and confirmations.
    pressing: Split,
    first: Split,
}

impl Shares {
    /// One of the polls, of the first of each line.
    pub(super) fn of_polls<T>(&self, firsts: Polls<T>) -> Option<T> {
        let Polls { forced, landed, first, confirmation, routine } = firsts;
        let others = self.pressing.prefer(self.first.prefer(first, confirmation), routine);
        self.forced.prefer(forced, self.landed.prefer(landed, others))
    }

    /// Notes that one of this priority has begun.
    pub(super) fn passed(&mut self, priority: Priority) {
        self.requests.passed(priority == Priority::Request);
        if priority != Priority::Request {
            self.forced.passed(priority == Priority::Forced);
        }
        if !matches!(priority, Priority::Request | Priority::Forced) {
            self.landed.passed(priority == Priority::Landed);
        }
        match priority {
            Priority::Request | Priority::Forced | Priority::Landed => {}
            Priority::First | Priority::Confirmation => {
                self.first.passed(priority == Priority::First);
                self.pressing.passed(true);
            }
            Priority::Routine => self.pressing.passed(false),
        }
    }
}
