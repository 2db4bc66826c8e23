//! How fast one key may be used, and whether it may be used at all for now: a token bucket and a circuit breaker.
//!
//! Accounts with the same key and base URL share one budget, because HeyGen counts by key. Only the schedule takes from it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::circuit_breaker::{CircuitBreaker, Closure, LONGEST_PAUSE};
use super::token_bucket::{Taken, TokenBucket};
use crate::consent::outcome::{Class, Outcome};
use crate::consent::polling;

/// How much longer than until there is a token for it a probe is waited for.
pub(super) const PROBE_COMES_BACK: Duration = Duration::from_secs(5);

/// The budget of one key.
#[derive(Debug)]
pub struct Budget(Mutex<State>);

#[derive(Debug)]
struct State {
    bucket: TokenBucket,
    breaker: CircuitBreaker,
    /// Until when all others leave the next token to a probe that found none.
    probe: Option<Timestamp>,
}

/// A token that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    taken: Taken,
    /// Whether it is for the call that the others wait for after a pause.
    pub(super) is_trial: bool,
}

impl Budget {
    /// An empty bucket and no trouble.
    #[must_use]
    pub fn new(per_minute: u32, burst: u32, now: Timestamp) -> Self {
        let bucket = TokenBucket::new(per_minute, burst, now);
        Self(Mutex::new(State { bucket, breaker: CircuitBreaker::default(), probe: None }))
    }

    /// Why the key is not used, if so.
    #[must_use]
    pub fn closure(&self) -> Option<Closure> {
        self.state().breaker.closed
    }

    /// Why HeyGen could not be reached by the last call that did not reach it.
    #[must_use]
    pub fn cause(&self) -> Option<String> {
        self.state().breaker.cause.clone()
    }

    /// How many calls could be made at once.
    #[must_use]
    pub fn tokens(&self, now: Timestamp) -> u32 {
        self.state().bucket.tokens(now)
    }

    /// How long it takes until there is another token.
    pub(super) fn period(&self) -> Duration {
        self.state().bucket.period()
    }

    /// About how long it takes until `ahead` calls have passed, and one more.
    pub(super) fn wait(&self, ahead: usize, now: Timestamp) -> Duration {
        let state = self.state();
        let closed = state.breaker.closed.map(|closure| closure.until.map_or(LONGEST_PAUSE, |until| polling::since(now, until)));
        closed.unwrap_or_default().max(state.bucket.wait(ahead, now))
    }

    /// The earliest time from now on at which there may be a token; `None`: not before a probe was accepted.
    pub(super) fn token_at(&self, now: Timestamp) -> Option<Timestamp> {
        let state = self.state();
        let token_at = polling::add(now, state.bucket.wait(0, now));
        Some(state.breaker.lets_through_at()?.max(token_at).max(state.probe.unwrap_or(Timestamp::MIN)))
    }

    /// Takes a token, if there is one and the breaker lets a call pass.
    pub(super) fn take(&self, now: Timestamp) -> Option<Token> {
        let state = &mut *self.state();
        let is_let_through = state.breaker.lets_through_at().is_some_and(|at| at <= now) && state.probe.is_none_or(|until| until <= now);
        let taken = if is_let_through { state.bucket.take(now) } else { None };
        taken.map(|taken| Token { taken, is_trial: state.breaker.let_through(now) })
    }

    /// Takes back a token with which nothing was sent.
    pub(super) fn give_back(&self, token: Token) {
        let state = &mut *self.state();
        state.bucket.give_back(token.taken);
        if token.is_trial {
            state.breaker.trial_is_lost();
        }
    }

    /// Notes that nothing will be learned from the call with this token, which may have been sent.
    pub(super) fn lose(&self, token: Token) {
        if token.is_trial {
            self.state().breaker.trial_is_lost();
        }
    }

    /// Lets a probe pass, also while nothing else does; it takes a token like any call, and the next one if there is none.
    ///
    /// # Errors
    /// How long until there is one.
    pub(super) fn probe(&self, now: Timestamp) -> Result<(), Duration> {
        let state = &mut *self.state();
        let admitted = state.bucket.take(now).map(drop).ok_or_else(|| state.bucket.wait(0, now));
        // Until it comes back for it, or somewhat longer, if it never does.
        state.probe = admitted.err().map(|wait| polling::add(now, wait + PROBE_COMES_BACK));
        admitted
    }

    /// Learns from an outcome. Returns whether anything passes at another time than before, and whether that is for another reason.
    pub(super) fn learn(&self, outcome: &Outcome, now: Timestamp) -> (bool, bool) {
        let breaker = &mut self.state().breaker;
        let class = |breaker: &CircuitBreaker| breaker.closed.map(|closure| closure.class);
        let before = class(breaker);
        (breaker.learn(outcome, now), class(breaker) != before)
    }

    /// Lets nothing pass until a probe is accepted.
    pub fn shut(&self, class: Class) {
        self.state().breaker.shut(class);
    }

    /// Changes the rate, if it differs; the new bucket starts empty. Returns whether it did.
    pub(super) fn set_rate(&self, per_minute: u32, burst: u32, now: Timestamp) -> bool {
        self.state().bucket.set_rate(per_minute, burst, now)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
