//! PURE. When whom to decide anew.

use std::collections::BTreeSet;

use jiff::Timestamp;

use twinconsent_core::api::uid::Uid;

/// No alarm.
pub(super) const NEVER: i64 = i64::MAX;

/// The alarms, by time in milliseconds since 1970. Whose alarm is when is kept by the owner of the alarms, too.
#[derive(Debug, Default)]
pub(super) struct Alarms(BTreeSet<(i64, Uid)>);

impl Alarms {
    /// Moves an alarm; [`NEVER`] at either end is none. Returns whether it is the first of all now.
    pub(super) fn set(&mut self, uid: Uid, old: i64, new: i64) -> bool {
        if old != NEVER {
            self.0.remove(&(old, uid));
        }
        new != NEVER && self.0.insert((new, uid)) && self.0.first() == Some(&(new, uid))
    }

    /// Takes the first alarm out, if it has gone off by now.
    pub(super) fn pop(&mut self, now: Timestamp) -> Option<Uid> {
        self.0.first().filter(|(at, _)| *at <= now.as_millisecond())?;
        self.0.pop_first().map(|(_, uid)| uid)
    }

    /// When the first alarm goes off.
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.0.first().and_then(|(at, _)| Timestamp::from_millisecond(*at).ok())
    }
}
