//! What came of a delivery, and what it means for the event.

use std::fmt::{self, Display};
use std::time::Duration;

use strum::{IntoStaticStr, VariantArray};

/// The longest time that a sink may ask to be left alone; more counts as this much.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// What came of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The sink answered with this status, and asks to be left alone for so long.
    Status(u16, Option<Duration>),
    /// There was no answer: why, in a few words without an address.
    None(&'static str),
}

/// Why an event was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Dropped {
    /// The sink answered with a status that says that another try would be of no use.
    Refused,
    /// The sink answered with a redirect, which is not followed.
    Redirected,
    /// It was tried for as long as it may be.
    TooOld,
    /// There was no room for it.
    NoRoom,
}

/// What an answer means for the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Delivered,
    Dropped(Dropped),
    /// It is tried again, and the sink left alone for so long.
    Again(Option<Duration>),
}

impl Answer {
    pub(super) fn meaning(self) -> Meaning {
        match self {
            Self::Status(200..=299, _) => Meaning::Delivered,
            Self::Status(300..=399, _) => Meaning::Dropped(Dropped::Redirected),
            // The request came too late or too often, which says nothing of the event.
            Self::Status(408 | 425 | 429, after) => Meaning::Again(after.map(|after| after.min(LONGEST_RETRY_AFTER))),
            Self::Status(400..=499, _) => Meaning::Dropped(Dropped::Refused),
            Self::Status(_, after) => Meaning::Again(after.map(|after| after.min(LONGEST_RETRY_AFTER))),
            Self::None(_) => Meaning::Again(None),
        }
    }
}

/// A few words without an address, such as `status 503`.
impl Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status, _) => write!(f, "status {status}"),
            Self::None(why) => f.write_str(why),
        }
    }
}

impl Dropped {
    /// The word in the metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_means_what_the_documentation_says() {
        let hour = Duration::from_secs(3600);
        for (status, meaning) in [
            (200, Meaning::Delivered),
            (204, Meaning::Delivered),
            (299, Meaning::Delivered),
            (301, Meaning::Dropped(Dropped::Redirected)),
            (307, Meaning::Dropped(Dropped::Redirected)),
            (400, Meaning::Dropped(Dropped::Refused)),
            (401, Meaning::Dropped(Dropped::Refused)),
            (404, Meaning::Dropped(Dropped::Refused)),
            (410, Meaning::Dropped(Dropped::Refused)),
            (408, Meaning::Again(Some(hour))),
            (425, Meaning::Again(Some(hour))),
            (429, Meaning::Again(Some(hour))),
            (500, Meaning::Again(Some(hour))),
            (503, Meaning::Again(Some(hour))),
            (100, Meaning::Again(Some(hour))),
            (999, Meaning::Again(Some(hour))),
        ] {
            assert_eq!(Answer::Status(status, Some(hour * 30)).meaning(), meaning, "{status}");
        }
        assert_eq!(Answer::None("connection refused").meaning(), Meaning::Again(None));
    }
}
