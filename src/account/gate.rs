//! The gate of one key: how fast it may be used, and whether it may be used at all for now.
//!
//! Accounts with the same key and base URL share one gate, because HeyGen counts by key.

use std::sync::Mutex;
use std::time::Duration;

use crate::outcome::{Class, Outcome, Trouble};

use super::limiter::Limiter;

/// How long the gate stays closed after a 429 that names no time; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// The longest pause that is not asked for by HeyGen.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// How long a used-up quota is waited for at least.
const QUOTA_PAUSE: Duration = Duration::from_secs(1800);

/// How many failures in a row close the gate.
const FAILURES_THAT_CLOSE: u32 = 5;

/// The gate of one key.
#[derive(Debug)]
pub struct Gate(Mutex<State>);

#[derive(Debug)]
struct State {
    limiter: Limiter,
    closed: Option<Closure>,
    failures: u32,
}

/// Why and until when the gate is closed; times are monotonic, since the process began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closure {
    /// The trouble that closed it.
    pub class: Class,
    /// Until when; `None`: until a probe is accepted.
    pub until: Option<Duration>,
}

/// The answer to a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Go.
    Now,
    /// Come back then.
    At(Duration),
    /// Nobody passes and nobody knows for how long: wait to be woken.
    Shut,
}

/// How a caller stands in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It has just come, and will need so many tokens.
    New(u32),
    /// Its turn has come, or it goes on with what it began.
    Turn,
}

impl Gate {
    /// An open gate with an empty bucket.
    #[must_use]
    pub fn new(per_minute: u32, burst: u32, now: Duration) -> Self {
        Self(Mutex::new(State { limiter: Limiter::new(per_minute, burst, now), closed: None, failures: 0 }))
    }

    /// Changes the rate, if it differs; the new bucket starts empty.
    pub fn set_rate(&self, per_minute: u32, burst: u32, now: Duration) {
        let mut state = self.state();
        if !state.limiter.is_for(per_minute, burst) {
            state.limiter = Limiter::new(per_minute, burst, now);
        }
    }

    /// Lets a request pass, or says when to come back.
    #[must_use]
    pub fn admit(&self, place: Place, now: Duration) -> Admission {
        let state = &mut *self.state();
        let tokens = match place {
            Place::New(tokens) => tokens,
            Place::Turn => 1,
        };
        if state.closed.is_some_and(|closure| closure.until.is_none()) {
            // A turn behind a time that is only guessed would still be waited for after the gate has opened.
            return Admission::Shut;
        }
        if let Some(until) = state.closed_until(now) {
            return Admission::At(state.limiter.reserve(tokens, until, now));
        }
        match place {
            Place::New(_) if state.limiter.has_waiters(now) => Admission::At(state.limiter.reserve(tokens, now, now)),
            Place::New(_) | Place::Turn => match state.limiter.check(now) {
                Ok(()) => Admission::Now,
                Err(wait) if place == Place::Turn => Admission::At(state.limiter.again(wait, now)),
                Err(_) => Admission::At(state.limiter.reserve(tokens, now, now)),
            },
        }
    }

    /// Lets the probe pass, also through a closed gate; it takes a token like any request.
    ///
    /// # Errors
    /// How long until there is one.
    pub fn admit_probe(&self, now: Duration) -> Result<(), Duration> {
        self.state().limiter.check(now)
    }

    /// Learns from an outcome. Returns the closure when the gate has just closed, or opened (`None` inside).
    pub fn learn(&self, outcome: &Outcome, now: Duration) -> Option<Option<Closure>> {
        let state = &mut *self.state();
        let before = state.closed;
        match outcome {
            Outcome::Trouble(trouble) => state.learn_trouble(trouble, now),
            Outcome::Probed => {
                state.failures = 0;
                state.closed = None;
            }
            Outcome::Looked(_) | Outcome::LooksRead(_) | Outcome::Listed(_) | Outcome::Initiated(_) => {
                state.failures = 0;
                // A late answer does not open what a rejected key has closed: only the probe does.
                state.closed = state.closed.filter(|closure| closure.until.is_none_or(|until| until > now));
            }
        }
        (before.map(|closure| closure.class) != state.closed.map(|closure| closure.class)).then_some(state.closed)
    }

    /// Closes the gate until a probe is accepted.
    pub fn shut(&self, class: Class) {
        self.state().closed = Some(Closure { class, until: None });
    }

    /// Why the gate is closed, if it is.
    #[must_use]
    pub fn closure(&self) -> Option<Closure> {
        self.state().closed
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl State {
    fn closed_until(&self, now: Duration) -> Option<Duration> {
        self.closed?.until.filter(|until| *until > now)
    }

    fn learn_trouble(&mut self, trouble: &Trouble, now: Duration) {
        let pause = match trouble.class {
            Class::CredentialsRejected | Class::BillingRequired => {
                self.closed = Some(Closure { class: trouble.class, until: None });
                return;
            }
            Class::Throttled => trouble.retry_after.unwrap_or_else(|| self.growing_pause(0)),
            Class::QuotaExceeded => trouble.retry_after.unwrap_or_default().max(QUOTA_PAUSE),
            Class::Unreachable | Class::Unavailable if self.failures + 1 >= FAILURES_THAT_CLOSE => {
                trouble.retry_after.unwrap_or_default().max(self.growing_pause(FAILURES_THAT_CLOSE - 1))
            }
            Class::Unreachable | Class::Unavailable if trouble.retry_after.is_none() => {
                self.failures += 1;
                return;
            }
            Class::Unavailable => trouble.retry_after.unwrap_or_default(),
            // The rest is about one object, or says that HeyGen works.
            _ => {
                self.failures = 0;
                return;
            }
        };
        let until = now + pause;
        match &mut self.closed {
            // Calls that were under way when the gate closed bring the same news: they neither prolong nor shorten the pause much.
            Some(closure) if closure.until.is_none_or(|closed_until| closed_until >= until) => return,
            closed => *closed = Some(Closure { class: trouble.class, until: Some(until) }),
        }
        self.failures += 1;
    }

    fn growing_pause(&self, from: u32) -> Duration {
        FIRST_PAUSE.saturating_mul(1 << self.failures.saturating_sub(from).min(10)).min(LONGEST_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(class: Class, retry_after: Option<u64>) -> Outcome {
        Outcome::Trouble(Trouble { retry_after: retry_after.map(Duration::from_secs), ..Trouble::of(class) })
    }

    fn open_gate() -> Gate {
        Gate::new(6000, 100, Duration::ZERO)
    }

    const LATER: Duration = Duration::from_secs(100);

    #[test]
    fn retry_after_closes_the_gate_for_everybody_and_the_waiters_come_back_one_by_one() {
        let gate = open_gate();
        assert_eq!(gate.learn(&trouble(Class::Throttled, Some(5)), LATER).flatten().map(|closure| closure.class), Some(Class::Throttled));
        let turns: Vec<_> = (0..3).map(|_| gate.admit(Place::Turn, LATER)).collect();
        let first = LATER + Duration::from_secs(5);
        let period = Duration::from_millis(10);
        assert_eq!(turns, [Admission::At(first), Admission::At(first + period), Admission::At(first + 2 * period)]);
        assert_eq!(gate.admit(Place::Turn, first), Admission::Now);
    }

    #[test]
    fn a_rejected_key_stays_shut_until_a_probe_is_accepted() {
        let gate = open_gate();
        gate.learn(&trouble(Class::CredentialsRejected, None), LATER);
        assert_eq!(gate.admit(Place::Turn, LATER + Duration::from_secs(86_400)), Admission::Shut);
        gate.learn(&Outcome::Looked(crate::outcome::Group::default()), LATER);
        assert!(gate.closure().is_some());
        assert_eq!(gate.learn(&Outcome::Probed, LATER), Some(None));
        assert_eq!(gate.admit(Place::Turn, LATER), Admission::Now);
    }

    #[test]
    fn who_asks_while_the_gate_is_shut_keeps_nobody_waiting_after_it_has_opened() {
        let gate = open_gate();
        gate.learn(&trouble(Class::CredentialsRejected, None), LATER);
        for _ in 0..10 {
            assert_eq!(gate.admit(Place::New(2), LATER), Admission::Shut);
        }
        gate.learn(&Outcome::Probed, LATER);
        assert_eq!(gate.admit(Place::New(2), LATER), Admission::Now);
    }

    #[test]
    fn a_few_failures_are_the_objects_affair_and_many_in_a_row_the_accounts() {
        let gate = open_gate();
        for _ in 0..4 {
            assert_eq!(gate.learn(&trouble(Class::Unavailable, None), LATER), None);
        }
        assert!(gate.learn(&trouble(Class::Unreachable, None), LATER).flatten().is_some());
        let reopened = LATER + FIRST_PAUSE;
        assert_eq!(gate.admit(Place::Turn, reopened), Admission::Now);
        gate.learn(&trouble(Class::Unreachable, None), reopened);
        assert!(matches!(gate.closure(), Some(Closure { until: Some(until), .. }) if until == reopened + 2 * FIRST_PAUSE));
    }

    /// A thousand objects want five times what the account allows, and the process stands still for a while. The objects are always
    /// tried in the same order, which is what the controller's queue does under load.
    #[test]
    fn after_a_standstill_everybody_has_a_turn_before_anybody_has_many() {
        let gate = Gate::new(6000, 100, Duration::ZERO);
        let mut objects: Vec<(Duration, Place, u32)> = vec![(Duration::ZERO, Place::New(1), 0); 1000];
        for tick in 0..4500 {
            let now = LATER + Duration::from_millis(10) * tick;
            if (500..1000).contains(&tick) {
                continue;
            }
            if tick == 1000 {
                objects.iter_mut().for_each(|(_, _, passed)| *passed = 0);
            }
            for (next, place, passed) in objects.iter_mut().filter(|(next, ..)| *next <= now) {
                match gate.admit(*place, now) {
                    Admission::Now => (*next, *place, *passed) = (now + Duration::from_secs(2), Place::New(1), *passed + 1),
                    Admission::At(at) => (*next, *place) = (at, Place::Turn),
                    Admission::Shut => unreachable!(),
                }
            }
        }
        let passed = || objects.iter().map(|(.., passed)| *passed);
        // A few tokens are lost while the queue sorts itself out.
        assert!(passed().sum::<u32>() >= 3000, "{} of 3500 tokens were used", passed().sum::<u32>());
        assert!(passed().min() >= Some(2), "somebody passed {:?} times and somebody else {:?} times", passed().min(), passed().max());
    }

    #[test]
    fn whoever_comes_new_stands_behind_those_who_wait() {
        let gate = Gate::new(60, 1, Duration::ZERO);
        let Admission::At(first) = gate.admit(Place::New(2), Duration::ZERO) else { panic!("the bucket starts empty") };
        let Admission::At(second) = gate.admit(Place::New(1), Duration::ZERO) else { panic!("somebody waits") };
        assert_eq!(second - first, Duration::from_secs(2));
        assert_eq!(gate.admit(Place::Turn, first), Admission::Now);
    }
}
