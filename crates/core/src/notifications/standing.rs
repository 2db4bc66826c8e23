//! How a sink stands, for the account's condition and for the metrics.

use jiff::Timestamp;
use strum::VariantArray as _;

use super::answer::{Answer, Dropped};

/// How a sink stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What is wrong with it, if something is.
    pub trouble: Option<Trouble>,
    /// Whether it has taken an event.
    pub has_delivered: bool,
    /// How many events wait, with those under way.
    pub waiting: usize,
    /// Since when the oldest of them has been on its way.
    pub oldest: Option<Timestamp>,
    /// What has become of deliveries and events.
    pub counts: Counts,
}

/// What is wrong with a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// Deliveries have failed in a row since then, the last for this reason, and are tried again.
    Failing(Timestamp, Answer),
    /// Events were dropped, the last of them then.
    Dropping(Timestamp, Dropped),
}

/// What has become of deliveries and events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events that the sink took.
    pub delivered: u64,
    /// Deliveries that are tried again.
    pub failed: u64,
    dropped: [u64; Dropped::VARIANTS.len()],
}

impl Counts {
    /// How many events were dropped for a reason.
    #[must_use]
    pub fn dropped(&self, reason: Dropped) -> u64 {
        self.dropped[reason as usize]
    }

    /// How many events were dropped.
    #[must_use]
    pub fn all_dropped(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// Takes those of another sink in.
    pub fn add(&mut self, other: &Self) {
        self.delivered += other.delivered;
        self.failed += other.failed;
        self.dropped.iter_mut().zip(other.dropped).for_each(|(count, more)| *count += more);
    }

    pub(super) fn drop(&mut self, reason: Dropped) {
        self.dropped[reason as usize] += 1;
    }
}
