//! PURE. When the wall clock was set, and by how much, seen beside the steady clock.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Wall;

/// How far the two may drift apart before the wall clock counts as set. Clocks that are only slewed drift less in a process's life.
const DRIFT: SignedDuration = SignedDuration::from_secs(5);

/// How the wall clock has stood against the steady one, which began with it.
#[derive(Debug)]
pub struct Steps {
    ahead: SignedDuration,
    /// The lowest that it stood before, and until when it stood lower than now.
    lowest: SignedDuration,
    lower_until: Option<Timestamp>,
}

impl Steps {
    /// It was never set.
    pub const NONE: Self = Self { ahead: SignedDuration::ZERO, lowest: SignedDuration::ZERO, lower_until: None };

    /// Notes what both clocks say. Returns by how much the wall clock was set since it was last read, if it was.
    pub fn note(&mut self, wall: Timestamp, steady: Timestamp) -> Option<SignedDuration> {
        let ahead = wall.duration_since(steady);
        let by = ahead - self.ahead;
        if by.abs() <= DRIFT {
            return None;
        }
        self.ahead = ahead;
        self.lowest = self.lowest.min(ahead);
        self.lower_until = if by.is_positive() { Some(steady) } else { self.lower_until.filter(|_| self.lowest < ahead) };
        Some(by)
    }

    /// How the wall clock stands.
    #[must_use]
    pub fn wall(&self) -> Wall {
        let lower_by = Duration::try_from(self.ahead - self.lowest).unwrap_or_default();
        Wall { ahead: self.ahead, lower: self.lower_until.map(|until| (lower_by, until)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    /// What is noted when the wall clock is so many seconds ahead at a time of the steady clock.
    fn note(steps: &mut Steps, steady: i64, ahead: i64) -> Option<i64> {
        steps.note(at(steady + ahead), at(steady)).map(|by| by.as_secs())
    }

    #[test]
    fn a_clock_that_is_slewed_is_not_set_and_one_that_jumps_is_followed() {
        let mut steps = Steps::NONE;
        assert_eq!(note(&mut steps, 100, 4), None);
        assert_eq!((steps.wall().of(at(100)), steps.wall().doubt()), (at(100), None));
        assert_eq!(note(&mut steps, 200, -2 * HOUR), Some(-2 * HOUR));
        assert_eq!(note(&mut steps, 300, -2 * HOUR), None);
        let wall = steps.wall();
        assert_eq!((wall.of(at(300)), wall.steady(at(300 - 2 * HOUR))), (at(300 - 2 * HOUR), at(300)));
        assert_eq!(wall.doubt(), None, "set back, it makes nothing older");
    }

    #[test]
    fn a_clock_that_was_set_ahead_may_not_have_let_that_time_pass() {
        let mut steps = Steps::NONE;
        note(&mut steps, 100, 25 * HOUR);
        let doubt = steps.wall().doubt().unwrap();
        assert_eq!((doubt.by.as_secs(), doubt.since), (25 * 3600, at(100 + 25 * HOUR)));
        note(&mut steps, 200, 0);
        assert_eq!(steps.wall().doubt(), None, "corrected, it is as low as ever");
        note(&mut steps, 300, -2 * HOUR);
        note(&mut steps, 400, 0);
        let doubt = steps.wall().doubt().unwrap();
        assert_eq!((doubt.by.as_secs(), doubt.since), (2 * 3600, at(400)), "what was written while it was behind looks older by that");
        note(&mut steps, 500, -HOUR);
        assert_eq!(steps.wall().doubt().unwrap().by.as_secs(), 3600);
    }
}
