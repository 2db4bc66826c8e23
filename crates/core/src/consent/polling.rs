//! PURE. When to poll again: intervals, growth, jitter, backoff.
//!
//! Jitter comes from a hash of the object's uid, not from random numbers: the times are the same after a restart.
//! The first poll of a process stands on a grid that is anchored at a time from the status, shifted by the hash. A restart therefore
//! neither moves the polls nor bunches them, and a process that keeps crashing still polls whenever a grid point passes. Later polls
//! follow one another, so that many that were made together, by the list, stay together.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::consent::policy::Cadence;

/// The slowest that a pending consent is polled, however long the person has waited.
pub const SLOWEST_PENDING: Duration = Duration::from_secs(600);

/// The longest pause after troubles in a row.
pub const LONGEST_BACKOFF: Duration = Duration::from_secs(300);

/// How often to poll for a consent whose person has waited for `waited`.
///
/// At first the account's interval; it doubles whenever the time waited has become `60 ×` as long as the doubled interval, up to
/// [`SLOWEST_PENDING`].
/// The object's own interval caps it, but never below the account's minimum.
///
/// It grows in steps because the polls stand on a grid: a grid whose interval grows with every second moves under the polls, and
/// one poll's end is the next one's time.
#[must_use]
pub fn pending_interval(cadence: &Cadence, own: Option<Duration>, waited: Duration) -> Duration {
    let mut grown = cadence.interval.max(Duration::from_millis(1));
    while grown < SLOWEST_PENDING && grown * 120 <= waited {
        grown = (grown * 2).min(SLOWEST_PENDING);
    }
    own.map_or(grown, |own| grown.min(own)).max(cadence.minimum)
}

/// How often to poll a group that has been missing for `missing_for`.
///
/// At first as often as anything that a person has to mend; a group that is not mended soon hardly ever is, so the interval doubles
/// whenever that time has become four times as long as it, up to the one of approved groups: names of groups that there are not
/// do not use the budget up.
#[must_use]
pub fn missing_interval(cadence: &Cadence, missing_for: Duration) -> Duration {
    let mut grown = cadence.unknown.max(Duration::from_millis(1));
    while grown < cadence.approved && grown * 4 <= missing_for {
        grown = (grown * 2).min(cadence.approved);
    }
    grown
}

/// How often a group is polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rhythm {
    /// Always after this time.
    Fixed(Duration),
    /// As often as [`pending_interval`] says for a person who has waited since then.
    Growing {
        /// Since when.
        since: Timestamp,
        /// The object's own interval.
        own: Option<Duration>,
    },
}

impl Rhythm {
    /// How long after a poll at `at` the next one is due.
    #[must_use]
    pub fn interval(&self, cadence: &Cadence, at: Timestamp) -> Duration {
        match *self {
            Self::Fixed(interval) => interval,
            Self::Growing { since: waiting, own } => pending_interval(cadence, own, since(waiting, at)),
        }
    }
}

/// When to poll again after a poll at `polled_at`: up to a twentieth sooner than the interval says, by the uid's share.
#[must_use]
pub fn after_poll(polled_at: Timestamp, interval: Duration, share: f64) -> Timestamp {
    add(polled_at, interval.mul_f64(0.95 + share / 20.0))
}

/// The first point after `after` of the grid `anchor + share + k × interval`, where `share` is the uid's share of the interval.
#[must_use]
pub(crate) fn next_on_grid(anchor: Timestamp, interval: Duration, uid: &str, after: Timestamp) -> Timestamp {
    let interval = interval.max(Duration::from_millis(1));
    let first = add(anchor, interval.mul_f64(share(uid, 0)));
    let behind = after.duration_since(first);
    if behind.is_negative() {
        return if first.duration_since(after).unsigned_abs() > interval { add(after, interval) } else { first };
    }
    let passed = behind.unsigned_abs().as_nanos() / interval.as_nanos();
    let ahead = interval.as_nanos() - (behind.unsigned_abs().as_nanos() - passed * interval.as_nanos());
    add(after, Duration::from_nanos(u64::try_from(ahead).unwrap_or(u64::MAX)))
}

/// The pause after the `failures`-th trouble in a row: 1 s doubling to [`LONGEST_BACKOFF`], times 0.75 to 1.25 by the uid.
#[must_use]
pub fn backoff(failures: u32, uid: &str) -> Duration {
    let doubled = Duration::from_secs(1).saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled.min(LONGEST_BACKOFF).mul_f64(0.75 + share(uid, failures) / 2.0)
}

/// A number in `[0, 1)` that depends on nothing but the uid and `salt`.
#[must_use]
pub fn share(uid: &str, salt: u32) -> f64 {
    // FNV-1a with a final mix: spreads uids well and, unlike the standard hasher, is the same in every process and version.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ u64::from(salt);
    for byte in uid.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    f64::from((hash >> 32) as u32) / 4_294_967_296.0
}

/// How much of the time that seems to have passed may never have: before `since`, the clock showed less by so much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doubt {
    /// By how much.
    pub by: Duration,
    /// Since when it shows what it shows.
    pub since: Timestamp,
}

impl Doubt {
    /// When surely `after` has passed since a time that was written by the clock, which now tells `due` for that.
    #[must_use]
    pub(crate) fn surely(self, due: Timestamp, after: Duration) -> Timestamp {
        due.max(add(due, self.by).min(add(self.since, after)))
    }
}

/// `time + by`, or the end of time at that side.
#[must_use]
pub fn shifted(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(if by.is_negative() { Timestamp::MIN } else { Timestamp::MAX })
}

/// `time + pause`, or the end of time.
#[must_use]
pub fn add(time: Timestamp, pause: Duration) -> Timestamp {
    time.checked_add(pause).unwrap_or(Timestamp::MAX)
}

/// How long from `from` to `to`; zero when `to` is earlier.
#[must_use]
pub fn since(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO)
}

/// Times in a status have whole seconds, as everywhere in Kubernetes; what is only remembered keeps the fraction.
#[must_use]
pub(crate) fn whole(now: Timestamp) -> Time {
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::consent::policy::Rules;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn a_group_whose_person_was_just_asked_is_polled_soon_and_one_that_waits_for_a_week_seldom() {
        let cadence = Rules::default().cadence;
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        assert_eq!(pending_interval(&cadence, None, Duration::ZERO), minutes(1));
        assert_eq!(pending_interval(&cadence, None, minutes(60)), minutes(1));
        assert_eq!(pending_interval(&cadence, None, minutes(300)), minutes(4));
        assert_eq!(pending_interval(&cadence, None, minutes(7 * 24 * 60)), minutes(10));
    }

    #[test]
    fn an_object_may_ask_for_more_polls_but_not_for_more_than_the_account_allows() {
        let cadence = Rules::default().cadence;
        let week = Duration::from_secs(7 * 24 * 3600);
        assert_eq!(pending_interval(&cadence, Some(Duration::from_secs(120)), week), Duration::from_secs(120));
        assert_eq!(pending_interval(&cadence, Some(Duration::from_secs(1)), week), Duration::from_secs(10));
    }

    #[test]
    fn a_group_that_stays_missing_is_polled_ever_more_seldom_but_no_less_often_than_an_approved_one() {
        let cadence = Rules::default().cadence;
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        for (missing_for, interval) in [(0, 10), (39, 10), (40, 20), (80, 40), (24 * 60, 6 * 60), (365 * 24 * 60, 6 * 60)] {
            assert_eq!(missing_interval(&cadence, minutes(missing_for)), minutes(interval), "missing for {missing_for} min");
        }
        let (mut elapsed, mut polls) = (Duration::ZERO, 0);
        while elapsed < minutes(24 * 60) {
            elapsed += missing_interval(&cadence, elapsed);
            polls += 1;
        }
        assert!(polls <= 15, "{polls} looks in a day");
        let quick = Cadence { approved: minutes(1), ..cadence };
        assert_eq!(missing_interval(&quick, minutes(24 * 60)), cadence.unknown);
    }

    proptest! {
        #[test]
        fn no_group_is_polled_much_more_often_than_the_interval_says_however_the_interval_grows(uid in "[a-f0-9-]{36}") {
            let cadence = Rules::default().cadence;
            let (anchor, day) = (at(0), Duration::from_secs(24 * 3600));
            let (mut polled_at, mut polls) = (anchor, 0);
            while since(anchor, polled_at) < day {
                let rhythm = Rhythm::Growing { since: anchor, own: None };
                polled_at = after_poll(polled_at, rhythm.interval(&cadence, polled_at), share(&uid, 0));
                polls += 1;
            }
            // 120 at a minute each, 60 each at 2, 4 and 8 minutes, the rest of the day at 10, and up to a tenth more for the jitter.
            prop_assert!((340..=400).contains(&polls), "{polls} looks in a day");
        }

        #[test]
        fn the_next_poll_lies_ahead_and_at_most_one_interval_away(anchor in 0i64..2_000_000, interval in 1u64..100_000, after in 0i64..4_000_000, uid in "[a-f0-9-]{36}") {
            let next = next_on_grid(at(anchor), Duration::from_secs(interval), &uid, at(after));
            prop_assert!(next > at(after));
            prop_assert!(since(at(after), next) <= Duration::from_secs(interval));
        }

        #[test]
        fn a_restart_does_not_move_the_polls(anchor in 0i64..1_000_000, interval in 1u64..100_000, after in 1_200_000i64..2_000_000, uid in "[a-f0-9-]{36}") {
            let interval = Duration::from_secs(interval);
            let next = next_on_grid(at(anchor), interval, &uid, at(after));
            let halfway = add(at(after), since(at(after), next) / 2);
            prop_assert_eq!(next_on_grid(at(anchor), interval, &uid, halfway), next);
        }

        #[test]
        fn backoff_stays_within_its_bounds(failures in 0u32..1000, uid in "[a-f0-9-]{36}") {
            let pause = backoff(failures, &uid);
            prop_assert!(pause >= Duration::from_millis(750) && pause <= LONGEST_BACKOFF.mul_f64(1.25));
        }
    }

    #[test]
    fn polls_of_many_objects_spread_over_the_interval() {
        let mut tenths = [0; 10];
        for object in 0..10_000 {
            let uid = format!("{object:08x}-0000-4000-8000-000000000000");
            tenths[(share(&uid, 0) * 10.0) as usize] += 1;
        }
        assert!(tenths.iter().all(|&count| (800..1200).contains(&count)), "{tenths:?}");
    }
}
