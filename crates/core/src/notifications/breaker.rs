//! The circuit breaker of one sink: how many deliveries may be under way, and not before when.

use std::time::Duration;

use jiff::Timestamp;

use crate::consent::polling;

/// How many deliveries may be under way at once.
pub(super) const AT_ONCE: usize = 8;

/// How many failures in a row leave but one trial at a time.
pub(super) const FAILURES_THAT_OPEN: u32 = 5;

/// How long the pause before a trial is at first; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause before a trial: how late it is noticed, at most, that the sink takes events again.
///
/// Less than the pause of an event, so that one which the sink never takes does not hold back the others for long.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The circuit breaker of one sink.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// Failures in a row.
    pub(super) failures: u32,
    /// Since when there was nothing but failures.
    pub(super) failing_since: Option<Timestamp>,
    /// Since when it is open.
    open_since: Option<Timestamp>,
    /// How many trials have failed since then.
    trials: u32,
    not_before: Option<Timestamp>,
    /// Until when the sink asks to be left alone, and when it said so.
    left_alone: Option<(Timestamp, Timestamp)>,
}

impl Breaker {
    pub(super) fn at_once(&self) -> usize {
        if self.open_since.is_some() { 1 } else { AT_ONCE }
    }

    /// The earliest time at which a delivery may begin.
    pub(super) fn not_before(&self) -> Timestamp {
        self.not_before.max(self.left_alone.map(|(until, _)| until)).unwrap_or(Timestamp::MIN)
    }

    /// Notes that the sink has answered a delivery for good that began then. Returns whether it had been in trouble.
    pub(super) fn succeeded(&mut self, began: Timestamp) -> bool {
        let was_open = self.open_since.is_some();
        // What was under way when the sink asked to be left alone says nothing of that.
        let left_alone = self.left_alone.filter(|(_, said)| began <= *said);
        *self = Self { left_alone, ..Self::default() };
        was_open
    }

    /// Notes that a delivery failed that began then, and that the sink asks to be left alone for so long.
    pub(super) fn failed(&mut self, began: Timestamp, retry_after: Option<Duration>, now: Timestamp, jitter: f64) {
        self.failures = self.failures.saturating_add(1);
        self.failing_since.get_or_insert(now);
        if self.failures >= FAILURES_THAT_OPEN {
            // What was under way when it opened is no trial.
            if self.open_since.is_none_or(|since| began >= since) {
                let pause = pause(FIRST_PAUSE, LONGEST_PAUSE, self.trials, jitter);
                self.trials = self.trials.saturating_add(1);
                self.wait_until(polling::add(now, pause));
            }
            self.open_since.get_or_insert(now);
        }
        if let Some(asked) = retry_after {
            self.left_alone = self.left_alone.max(Some((polling::add(now, asked), now)));
        }
    }

    fn wait_until(&mut self, time: Timestamp) {
        self.not_before = self.not_before.max(Some(time));
    }
}

/// A pause that doubles with each try before it. `jitter`, from 0 to 1, takes up to a quarter away, so that what failed together does not come again together.
pub(super) fn pause(first: Duration, longest: Duration, before: u32, jitter: f64) -> Duration {
    let whole = first.saturating_mul(1_u32.checked_shl(before.min(31)).unwrap_or(u32::MAX)).min(longest);
    whole.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 4.0)
}
