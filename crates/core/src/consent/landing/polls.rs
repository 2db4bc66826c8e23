//! PURE. When HeyGen is polled after a landing: at once, 10, 20 and 40 s later, and then every minute for ten, until HeyGen's word changes.

use std::time::Duration;

use jiff::Timestamp;

use crate::consent::polling;

/// For how long a landing makes HeyGen be polled more often.
pub const POLLED_FOR: Duration = Duration::from_secs(600);

/// How long after the first poll the next ones come; behind them every [`EVERY`].
const AT_FIRST: [Duration; 3] = [Duration::from_secs(10), Duration::from_secs(20), Duration::from_secs(40)];

/// How far apart the later ones are.
const EVERY: Duration = Duration::from_secs(60);

/// The landing that polls are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Landed {
    /// When the person came back, as the status tells: by the clock of whichever replica was asked.
    pub time: Timestamp,
    /// When HeyGen was first polled for it, by the clock of this process.
    pub since: Timestamp,
    /// Whether HeyGen's word has changed since.
    pub is_settled: bool,
}

/// When HeyGen is to be polled for a landing at `time`, if it is still to be; `landed` is the landing that it was polled for before.
///
/// The clocks of two replicas may differ: that a landing is new is seen by its time being another, and the polls are counted from the first.
#[must_use]
pub fn poll_at(time: Timestamp, landed: Option<Landed>, polled_at: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let Some(landed) = landed.filter(|landed| landed.time == time) else {
        // One that follows too soon was not noted by a replica, which leaves half a minute between two.
        let not_before = landed.map_or(now, |before| polling::add(before.since, AT_FIRST[0]).max(now));
        return is_young(time, now).then_some(not_before);
    };
    let polled_at = polled_at.unwrap_or(landed.since);
    let later = (1..=POLLED_FOR.as_secs() / EVERY.as_secs()).map(|minutes| Duration::from_secs(minutes * EVERY.as_secs()));
    let pauses = AT_FIRST.into_iter().chain(later);
    pauses.map(|pause| polling::add(landed.since, pause)).find(|at| *at > polled_at).filter(|_| !landed.is_settled)
}

/// The landing that polls are made for after one at `now`, while the status tells of a landing at `time`.
#[must_use]
pub fn after_poll(time: Option<Timestamp>, landed: Option<Landed>, now: Timestamp) -> Option<Landed> {
    let time = time?;
    let Some(landed) = landed.filter(|landed| landed.time == time) else {
        return is_young(time, now).then_some(Landed { time, since: now, is_settled: false });
    };
    // Not forgotten before its time says that it is over, or it would be a new one.
    (is_young(time, now) || now < polling::add(landed.since, POLLED_FOR)).then_some(landed)
}

/// Whether a landing is worth polls; one that lies far ahead of this clock is not one.
fn is_young(time: Timestamp, now: Timestamp) -> bool {
    now.duration_since(time).unsigned_abs() < POLLED_FOR
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_800_000_000;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(START + second).unwrap()
    }

    /// The seconds of the polls that a landing at second 0 makes, for a process whose clock is ahead of the one that told it by so much.
    fn polls(ahead: i64, settled_at: Option<i64>, until: i64) -> Vec<i64> {
        let (mut landed, mut polled_at, mut polls) = (None, Some(at(ahead - 1)), Vec::new());
        for second in ahead..until {
            if poll_at(at(0), landed, polled_at, at(second)).is_some_and(|due| due <= at(second)) {
                polls.push(second - ahead);
                (landed, polled_at) = (after_poll(Some(at(0)), landed, at(second)), Some(at(second)));
            }
            if settled_at == Some(second - ahead)
                && let Some(landed) = &mut landed
            {
                landed.is_settled = true;
            }
        }
        polls
    }

    #[test]
    fn a_landing_is_polled_for_at_once_and_ever_more_seldom_for_ten_minutes() {
        let expected = [0, 10, 20, 40, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600];
        assert_eq!(polls(0, None, 7200), expected);
        assert_eq!(polls(0, Some(45), 7200), expected[..4], "until the word changes");
    }

    #[test]
    fn clocks_that_differ_neither_lose_a_landing_nor_poll_for_it_twice() {
        for ahead in [-590, -30, -1, 1, 30, 590] {
            assert_eq!(polls(ahead, None, 7200 + ahead), polls(0, None, 7200), "{ahead} s ahead");
        }
        assert_eq!(polls(-1800, None, -700), [] as [i64; 0], "a time that lies far ahead is no landing");
        assert_eq!(polls(601, None, 7200), [] as [i64; 0], "nor is one of long ago, as after a restart");
    }

    #[test]
    fn landings_that_follow_without_a_pause_are_polled_for_every_ten_seconds() {
        let (mut landed, mut polled_at, mut polls) = (None, None, Vec::new());
        for second in 0..60 {
            if poll_at(at(second), landed, polled_at, at(second)).is_some_and(|due| due <= at(second)) {
                polls.push(second);
                (landed, polled_at) = (after_poll(Some(at(second)), landed, at(second)), Some(at(second)));
            }
        }
        assert_eq!(polls, [0, 10, 20, 30, 40, 50]);
    }

    #[test]
    fn a_new_landing_begins_anew_and_none_is_kept_for_ever() {
        let first = after_poll(Some(at(0)), None, at(1));
        assert_eq!(poll_at(at(45), first, Some(at(44)), at(46)), Some(at(46)));
        assert_eq!(after_poll(Some(at(0)), first, at(650)), None);
        assert_eq!(after_poll(None, first, at(2)), None);
    }
}
