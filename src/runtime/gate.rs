//! The gate of one key: how fast it may be used, and whether it may be used at all for now.
//!
//! Accounts with the same key and base URL share one gate, because HeyGen counts by key.

use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::watch;

use twinconsent_core::consent::outcome::{Cause, Class, Concern, Outcome, Trouble};

use super::limiter::Limiter;

/// How long a turn to ask stays good.
pub const TURN_STAYS_GOOD: Duration = Duration::from_secs(10);

/// How long the gate stays closed after a 429 that names no time; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// The longest pause that is not asked for by HeyGen.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// How long a used-up quota is waited for at least.
const QUOTA_PAUSE: Duration = Duration::from_secs(1800);

/// How many failures in a row close the gate.
const FAILURES_THAT_CLOSE: u32 = 5;

/// How long the others wait for the request that goes first after a pause: longer than any request takes.
const LONGEST_SCOUT: Duration = Duration::from_secs(90);

/// How much longer than until there is a token for it a probe is waited for.
const PROBE_COMES_BACK: Duration = Duration::from_secs(5);

/// The gate of one key.
#[derive(Debug)]
pub struct Gate {
    state: Mutex<State>,
    changes: watch::Sender<()>,
}

#[derive(Debug)]
struct State {
    limiter: Limiter,
    closed: Option<Closure>,
    /// Until when the others wait for the request that goes first after a pause.
    scout: Option<Duration>,
    /// Until when all others leave the next token to a probe that found none.
    probe: Option<Duration>,
    failures: u32,
    /// Why HeyGen could not be reached by the last request that did not reach it.
    cause: Option<Cause>,
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
    /// Go, and before all others: they wait for what comes of it. What is learned from it ends that, or [`Gate::first_is_lost`].
    First,
    /// Nobody passes before this time.
    At(Duration),
    /// Nobody passes until the gate changes, and nobody knows when: [`Gate::changes`] tells.
    Shut,
}

impl Gate {
    /// An open gate with an empty bucket.
    #[must_use]
    pub fn new(per_minute: u32, burst: u32, now: Duration) -> Self {
        let state =
            State { limiter: Limiter::new(per_minute, burst, now), closed: None, scout: None, probe: None, failures: 0, cause: None };
        Self { state: Mutex::new(state), changes: watch::Sender::new(()) }
    }

    /// Changes the rate, if it differs; the new bucket starts empty.
    pub fn set_rate(&self, per_minute: u32, burst: u32, now: Duration) {
        let mut state = self.state();
        if !state.limiter.is_for(per_minute, burst) {
            state.limiter = Limiter::new(per_minute, burst, now);
            self.changes.send_replace(());
        }
    }

    /// Lets a request pass, or says when to come back.
    ///
    /// After a pause one request goes first, and the others wait for what comes of it: were all to go, an account that is still
    /// throttled would answer each of them with another 429.
    #[must_use]
    pub fn admit(&self, now: Duration) -> Admission {
        self.admit_for(LONGEST_SCOUT, now)
    }

    /// Lets somebody pass who was given a turn and may have changed its mind: the others wait for it no longer than a turn is good, unless
    /// it goes.
    #[must_use]
    pub fn admit_turn(&self, now: Duration) -> Admission {
        self.admit_for(TURN_STAYS_GOOD, now)
    }

    /// Notes that somebody goes who was given a turn. Returns whether it goes before all others.
    pub fn go(&self, now: Duration) -> bool {
        let state = &mut *self.state();
        state.scout = state.scout.map(|_| now + LONGEST_SCOUT);
        state.scout.is_some()
    }

    /// Notes that nothing will be learned from the request that went first: another one may go.
    pub fn first_is_lost(&self) {
        if self.state().scout.take().is_some() {
            self.changes.send_replace(());
        }
    }

    fn admit_for(&self, longest: Duration, now: Duration) -> Admission {
        let state = &mut *self.state();
        if let Some(closure) = state.closed {
            let Some(until) = closure.until else { return Admission::Shut };
            if until > now {
                return Admission::At(until);
            }
            if let Some(back) = state.scout.filter(|back| *back > now) {
                return Admission::At(back);
            }
        }
        if state.probe.is_some_and(|until| until > now) {
            return Admission::At(now + state.limiter.wait(1, now));
        }
        match state.limiter.check(now) {
            Ok(()) => {
                state.scout = state.closed.map(|_| now + longest);
                if state.scout.is_some() { Admission::First } else { Admission::Now }
            }
            Err(wait) => Admission::At(now + wait),
        }
    }

    /// Changes whenever a closed gate may have opened.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// About how long it takes until `ahead` requests have passed, and one more.
    #[must_use]
    pub fn wait(&self, ahead: usize, now: Duration) -> Duration {
        let state = self.state();
        let closed = state.closed.map_or(Duration::ZERO, |closure| closure.until.map_or(LONGEST_PAUSE, |until| until.saturating_sub(now)));
        closed.max(state.limiter.wait(ahead, now))
    }

    /// Lets the probe pass, also through a closed gate; it takes a token like any request, and the next one if there is none.
    ///
    /// # Errors
    /// How long until there is one.
    pub fn admit_probe(&self, now: Duration) -> Result<(), Duration> {
        let state = &mut *self.state();
        let admitted = state.limiter.check(now);
        // Until it comes back for it, or somewhat longer, if it never does.
        state.probe = admitted.err().map(|wait| now + wait + PROBE_COMES_BACK);
        admitted
    }

    /// How many requests could pass at once.
    #[must_use]
    pub fn tokens(&self, now: Duration) -> u32 {
        self.state().limiter.tokens(now)
    }

    /// How long it takes until there is another token.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.state().limiter.period()
    }

    /// Learns from an outcome. Returns the closure when the gate has just closed, or opened (`None` inside).
    pub fn learn(&self, outcome: &Outcome, now: Duration) -> Option<Option<Closure>> {
        let state = &mut *self.state();
        let before = state.closed;
        let pause_is_over = before.is_some_and(|closure| closure.until.is_some_and(|until| until <= now));
        match outcome {
            Outcome::Trouble(trouble) => state.learn_trouble(trouble, now),
            Outcome::Probed => {
                state.failures = 0;
                state.closed = None;
            }
            Outcome::Looked(_) | Outcome::LooksRead(_) | Outcome::Listed(_) | Outcome::Initiated(_) => {
                state.failures = 0;
                // A late answer does not open what a rejected key has closed: only the probe does.
                state.closed = state.closed.filter(|_| !pause_is_over);
            }
        }
        if pause_is_over && state.closed == before {
            // Trouble of another kind than the one that closed the gate.
            state.closed = None;
        }
        if state.closed != before {
            state.scout = None;
            self.changes.send_replace(());
        }
        (before.map(|closure| closure.class) != state.closed.map(|closure| closure.class)).then_some(state.closed)
    }

    /// Closes the gate until a probe is accepted.
    pub fn shut(&self, class: Class) {
        self.state().closed = Some(Closure { class, until: None });
        self.changes.send_replace(());
    }

    /// Why the gate is closed, if it is.
    #[must_use]
    pub fn closure(&self) -> Option<Closure> {
        self.state().closed
    }

    /// Why HeyGen could not be reached by the last request that did not reach it.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        self.state().cause.clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl State {
    fn learn_trouble(&mut self, trouble: &Trouble, now: Duration) {
        let concern = trouble.class.concern();
        if concern == Concern::HeyGen {
            self.cause = trouble.cause();
        }
        let pause = match concern {
            Concern::Key => {
                self.closed = Some(Closure { class: trouble.class, until: None });
                return;
            }
            Concern::Budget if trouble.class == Class::QuotaExceeded => trouble.retry_after.unwrap_or_default().max(QUOTA_PAUSE),
            Concern::Budget => trouble.retry_after.unwrap_or_else(|| self.growing_pause(0)),
            Concern::HeyGen if self.failures + 1 >= FAILURES_THAT_CLOSE => {
                trouble.retry_after.unwrap_or_default().max(self.growing_pause(FAILURES_THAT_CLOSE - 1))
            }
            Concern::HeyGen => match trouble.retry_after {
                Some(pause) => pause,
                None => {
                    self.failures += 1;
                    return;
                }
            },
            // About one object; or it says that HeyGen works.
            Concern::Call | Concern::Access | Concern::Group | Concern::Request => {
                self.failures = 0;
                return;
            }
        };
        let until = now + pause;
        match &mut self.closed {
            // Calls that were under way when the gate closed bring the same news, and count once.
            Some(closure) if closure.until.is_none_or(|closed_until| closed_until > now) => {
                let is_asked_for = trouble.retry_after.is_some() || trouble.class == Class::QuotaExceeded;
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

#[cfg(test)]
mod tests {
    use super::*;
    use twinconsent_core::consent::outcome::{Fault, FaultKind};

    fn trouble(class: Class, retry_after: Option<u64>) -> Outcome {
        Outcome::Trouble(Trouble { retry_after: retry_after.map(Duration::from_secs), ..Trouble::of(class) })
    }

    fn open_gate() -> Gate {
        Gate::new(6000, 100, Duration::ZERO)
    }

    const LATER: Duration = Duration::from_secs(100);

    fn closes_at(gate: &Gate, now: Duration) -> Duration {
        match gate.admit(now) {
            Admission::At(at) => at,
            other => panic!("the gate is closed: {other:?}"),
        }
    }

    #[test]
    fn after_a_pause_one_goes_first_and_the_others_wait_for_what_comes_of_it() {
        let gate = open_gate();
        assert_eq!(gate.learn(&trouble(Class::Throttled, Some(5)), LATER).flatten().map(|closure| closure.class), Some(Class::Throttled));
        let over = LATER + Duration::from_secs(5);
        assert_eq!(closes_at(&gate, LATER), over);
        assert_eq!(gate.admit(over), Admission::First);
        assert!(closes_at(&gate, over) > over, "a second one went as well");
        gate.learn(&trouble(Class::Throttled, Some(5)), over);
        assert_eq!(closes_at(&gate, over), over + Duration::from_secs(5));

        let over = over + Duration::from_secs(5);
        assert_eq!(gate.admit(over), Admission::First);
        assert_eq!(gate.learn(&Outcome::Looked(twinconsent_core::consent::outcome::Group::default()), over), Some(None));
        assert!((0..10).all(|_| gate.admit(over) == Admission::Now));
    }

    #[test]
    fn one_that_goes_first_and_is_never_heard_of_again_keeps_nobody_waiting_for_ever() {
        let gate = open_gate();
        gate.learn(&trouble(Class::Throttled, Some(5)), LATER);
        let over = LATER + Duration::from_secs(5);
        assert_eq!(gate.admit(over), Admission::First);
        assert_eq!(gate.admit(over + LONGEST_SCOUT), Admission::First);
    }

    #[test]
    fn one_that_goes_first_and_is_known_to_be_lost_keeps_nobody_waiting() {
        let gate = open_gate();
        gate.learn(&trouble(Class::Throttled, Some(5)), LATER);
        let over = LATER + Duration::from_secs(5);
        assert_eq!(gate.admit(over), Admission::First);
        let changes = gate.changes();
        gate.first_is_lost();
        assert!(changes.has_changed().unwrap());
        assert_eq!(gate.admit(over), Admission::First);
    }

    #[test]
    fn a_probe_that_finds_no_token_gets_the_next_one_whoever_else_wants_it() {
        let gate = Gate::new(60, 1, Duration::ZERO);
        let second = Duration::from_secs(1);
        let mut others = 0;
        let mut probed_at = None;
        // The others try at every tenth of a second, the probe comes back as late as it is told to.
        let mut back = Duration::from_secs(2);
        for tenth in 0..100 {
            let now = LATER + second * tenth / 10;
            others += u32::from(gate.admit(now) == Admission::Now);
            if probed_at.is_none() && now >= LATER + back {
                match gate.admit_probe(now) {
                    Ok(()) => probed_at = Some(now),
                    Err(wait) => back += wait,
                }
            }
        }
        assert_eq!(probed_at, Some(LATER + second * 3));
        assert_eq!(others, 9);
    }

    #[test]
    fn a_probe_that_never_comes_back_for_its_token_keeps_nobody_waiting_for_ever() {
        let gate = Gate::new(60, 1, Duration::ZERO);
        assert_eq!(gate.admit(LATER), Admission::Now);
        assert!(gate.admit_probe(LATER).is_err());
        let over = LATER + Duration::from_secs(1) + PROBE_COMES_BACK;
        assert!(matches!(gate.admit(over - Duration::from_millis(1)), Admission::At(_)));
        assert_eq!(gate.admit(over), Admission::Now);
    }

    #[test]
    fn a_turn_that_is_not_used_keeps_nobody_waiting_and_one_that_is_used_goes_first() {
        let gate = open_gate();
        gate.learn(&trouble(Class::Throttled, Some(5)), LATER);
        let over = LATER + Duration::from_secs(5);
        assert_eq!(gate.admit_turn(over), Admission::First);
        assert_eq!(gate.admit(over), Admission::At(over + TURN_STAYS_GOOD));
        assert_eq!(gate.admit_turn(over + TURN_STAYS_GOOD), Admission::First);
        assert!(gate.go(over + TURN_STAYS_GOOD));
        assert_eq!(gate.admit(over + TURN_STAYS_GOOD * 2), Admission::At(over + TURN_STAYS_GOOD + LONGEST_SCOUT));
    }

    #[test]
    fn trouble_of_one_object_opens_the_gate_after_a_pause_and_another_pause_keeps_it_closed() {
        let gate = open_gate();
        gate.learn(&trouble(Class::Throttled, Some(5)), LATER);
        let over = LATER + Duration::from_secs(5);
        assert_eq!(gate.admit(over), Admission::First);
        gate.learn(&trouble(Class::NotFound, None), over);
        assert_eq!(gate.closure(), None);
    }

    #[test]
    fn calls_under_way_when_the_gate_closed_do_not_make_the_pause_grow() {
        let gate = open_gate();
        for _ in 0..20 {
            gate.learn(&trouble(Class::Throttled, None), LATER);
        }
        assert_eq!(closes_at(&gate, LATER), LATER + FIRST_PAUSE);
    }

    #[test]
    fn a_rejected_key_stays_shut_until_a_probe_is_accepted() {
        let gate = open_gate();
        gate.learn(&trouble(Class::CredentialsRejected, None), LATER);
        assert_eq!(gate.admit(LATER + Duration::from_secs(86_400)), Admission::Shut);
        gate.learn(&Outcome::Looked(twinconsent_core::consent::outcome::Group::default()), LATER);
        assert!(gate.closure().is_some());
        let changes = gate.changes();
        assert_eq!(gate.learn(&Outcome::Probed, LATER), Some(None));
        assert!(changes.has_changed().unwrap());
        assert_eq!(gate.admit(LATER), Admission::Now);
    }

    #[test]
    fn the_cause_is_that_of_the_last_request_that_did_not_reach_heygen() {
        let gate = open_gate();
        let unanswered = |kind| {
            let fault = Fault { kind, host: "heygen.test".to_owned(), proxy: None, at_proxy: false };
            Outcome::Trouble(Trouble { fault: Some(Box::new(fault)), ..Trouble::of(Class::Unreachable) })
        };
        let told = || gate.cause().map(|cause| cause.to_string()).unwrap_or_default();
        gate.learn(&unanswered(FaultKind::Unresolved), LATER);
        assert!(told().contains("DNS"), "{}", told());
        gate.learn(&unanswered(FaultKind::Refused), LATER);
        gate.learn(&trouble(Class::NotFound, None), LATER);
        assert!(told().contains("refuses"), "{}", told());
        gate.learn(&Outcome::Trouble(Trouble { status: Some(503), ..Trouble::of(Class::Unavailable) }), LATER);
        assert!(told().contains("503"), "{}", told());
    }

    #[test]
    fn a_few_failures_are_the_objects_affair_and_many_in_a_row_the_accounts() {
        let gate = open_gate();
        for _ in 0..4 {
            assert_eq!(gate.learn(&trouble(Class::Unavailable, None), LATER), None);
        }
        assert!(gate.learn(&trouble(Class::Unreachable, None), LATER).flatten().is_some());
        let reopened = LATER + FIRST_PAUSE;
        assert_eq!(gate.admit(reopened), Admission::First);
        gate.learn(&trouble(Class::Unreachable, None), reopened);
        assert!(matches!(gate.closure(), Some(Closure { until: Some(until), .. }) if until == reopened + 2 * FIRST_PAUSE));
    }
}
