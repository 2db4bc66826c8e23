//! PURE. The circuit breaker of one key: whether it may be used at all for now.
//!
//! It opens for a pause when HeyGen asks for one or does not answer, and for good, until a probe is accepted, when HeyGen refuses the key.
//! After a pause one call is tried, and the others wait for what comes of it: were all to go, an account that is still throttled would
//! answer each of them with another 429.

use std::time::Duration;

use jiff::Timestamp;

use crate::consent::outcome::{Class, Concern, Outcome, Trouble};
use crate::consent::polling;

/// How long a pause is after a 429 that names no time; doubles up to [`LONGEST_PAUSE`].
pub(super) const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// The longest pause that is not asked for by HeyGen.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// How long a used-up quota is waited for at least.
const QUOTA_PAUSE: Duration = Duration::from_secs(1800);

/// How many failures in a row make a pause.
const FAILURES_THAT_CLOSE: u32 = 5;

/// How long the others wait for the trial after a pause: longer than any call takes.
pub(super) const LONGEST_TRIAL: Duration = Duration::from_secs(90);

/// Why and until when nothing passes; times are of the steady clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closure {
    /// The trouble that made the pause.
    pub class: Class,
    /// Until when; `None`: until a probe is accepted.
    pub until: Option<Timestamp>,
}

/// The circuit breaker of one key.
#[derive(Debug, Default)]
pub(super) struct CircuitBreaker {
    /// Why nothing passes, if so.
    pub(super) closed: Option<Closure>,
    /// Until when the others wait for the trial.
    trial: Option<Timestamp>,
    failures: u32,
    /// Why HeyGen could not be reached by the last call that did not reach it.
    pub(super) cause: Option<String>,
}

impl CircuitBreaker {
    /// The earliest time at which a call may pass; `None`: not before a probe was accepted.
    pub(super) fn lets_through_at(&self) -> Option<Timestamp> {
        let Some(closure) = self.closed else { return Some(Timestamp::MIN) };
        Some(closure.until?.max(self.trial.unwrap_or(Timestamp::MIN)))
    }

    /// Notes that a call passes. Returns whether it is the trial that the others wait for.
    pub(super) fn let_through(&mut self, now: Timestamp) -> bool {
        self.trial = self.closed.map(|_| polling::add(now, LONGEST_TRIAL));
        self.trial.is_some()
    }

    /// Notes that nothing will be learned from the trial: another call may go.
    pub(super) fn trial_is_lost(&mut self) {
        self.trial = None;
    }

    /// Lets nothing pass until a probe is accepted.
    pub(super) fn shut(&mut self, class: Class) {
        self.closed = Some(Closure { class, until: None });
    }

    /// Learns from an outcome. Returns whether anything passes at another time than before.
    pub(super) fn learn(&mut self, outcome: &Outcome, now: Timestamp) -> bool {
        let before = self.closed;
        let pause_is_over = before.is_some_and(|closure| closure.until.is_some_and(|until| until <= now));
        match outcome {
            Outcome::Trouble(trouble) => self.learn_trouble(trouble, now),
            Outcome::Probed => {
                self.failures = 0;
                self.closed = None;
            }
            Outcome::Polled(_) | Outcome::LooksRead(_) | Outcome::Listed(_) | Outcome::Initiated(_) => {
                // A late answer does not open what a rejected key has closed: only the probe does.
                self.failures = 0;
            }
        }
        if pause_is_over && self.closed == before {
            // An answer, or trouble of another kind than the one that made the pause.
            self.closed = None;
        }
        if self.closed != before {
            self.trial = None;
        }
        self.closed != before
    }

    fn learn_trouble(&mut self, trouble: &Trouble, now: Timestamp) {
        let concern = trouble.class.concern();
        if concern == Concern::HeyGen {
            self.cause = trouble.cause();
        }
        let is_timed = trouble.retry_after.is_some();
        let pause = match concern {
            Concern::Key => return self.shut(trouble.class),
            Concern::Budget if trouble.class == Class::QuotaExceeded => trouble.pause(QUOTA_PAUSE),
            Concern::HeyGen if self.failures + 1 >= FAILURES_THAT_CLOSE => trouble.pause(self.growing_pause(FAILURES_THAT_CLOSE - 1)),
            // For just as long as HeyGen asks for.
            Concern::Budget | Concern::HeyGen if is_timed => trouble.pause(Duration::ZERO),
            Concern::Budget => self.growing_pause(0),
            Concern::HeyGen => {
                self.failures += 1;
                return;
            }
            // About one object; or it says that HeyGen works.
            Concern::Call | Concern::Access | Concern::Group | Concern::Request => {
                self.failures = 0;
                return;
            }
        };
        let until = polling::add(now, pause);
        match &mut self.closed {
            // Calls that were under way when the pause began bring the same answer, and count once.
            Some(closure) if closure.until.is_none_or(|closed_until| closed_until > now) => {
                let is_asked_for = is_timed || trouble.class == Class::QuotaExceeded;
                if is_asked_for && closure.until.is_some_and(|closed_until| closed_until < until) {
                    *closure = Closure { class: trouble.class, until: Some(until) };
                }
                return;
            }
            closed => *closed = Some(Closure { class: trouble.class, until: Some(until) }),
        }
        self.failures += 1;
    }

    fn growing_pause(&self, from: u32) -> Duration {
        FIRST_PAUSE.saturating_mul(1 << self.failures.saturating_sub(from).min(10)).min(LONGEST_PAUSE)
    }
}
