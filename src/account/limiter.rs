//! PURE. A token bucket that starts empty and gives out turns.
//!
//! `check` is the promise: in any window of w seconds at most burst + rate × w requests pass, also across a restart, because a new
//! bucket is empty. `reserve` is courtesy: it tells one of many waiters when to come back, so that nobody waits inside a
//! reconcile slot and ten thousand waiters do not ask in a circle.
//!
//! Rejected: a limiter from a crate. The ones at hand read their own clock, which would keep promise 6 out of the property tests,
//! and know no turns. This one is the generic cell rate algorithm in a dozen lines.
//!
//! Times are monotonic: durations since the process began.

use std::time::Duration;

/// A token bucket with turns.
#[derive(Debug, Clone)]
pub struct Limiter {
    period: Duration,
    burst: u32,
    /// When the bucket is full again.
    full_at: Duration,
    /// When the last of the waiters has had its turn.
    tail: Duration,
    /// When the last of those has had it whose turn came to nothing before.
    again: Duration,
}

impl Limiter {
    /// An empty bucket that gains `per_minute` tokens a minute and holds at most `burst`; both at least 1.
    #[must_use]
    pub fn new(per_minute: u32, burst: u32, now: Duration) -> Self {
        let period = Duration::from_secs(60) / per_minute.max(1);
        let burst = burst.max(1);
        Self { period, burst, full_at: now + period * burst, tail: now, again: now }
    }

    /// Whether the bucket was made for these figures.
    #[must_use]
    pub fn is_for(&self, per_minute: u32, burst: u32) -> bool {
        self.period == Duration::from_secs(60) / per_minute.max(1) && self.burst == burst.max(1)
    }

    /// Takes a token.
    ///
    /// # Errors
    /// How long until there is one.
    pub fn check(&mut self, now: Duration) -> Result<(), Duration> {
        let full_at = self.full_at.max(now) + self.period;
        match (full_at).checked_sub(now + self.period * self.burst) {
            None | Some(Duration::ZERO) => {
                self.full_at = full_at;
                Ok(())
            }
            Some(wait) => Err(wait),
        }
    }

    /// Whether somebody was given a turn that has yet to come.
    #[must_use]
    pub fn has_waiters(&self, now: Duration) -> bool {
        self.tail > now
    }

    /// Gives out the next turn for a caller that will take `tokens`, not before `earliest`.
    pub fn reserve(&mut self, tokens: u32, earliest: Duration, now: Duration) -> Duration {
        let first_token = (self.full_at.max(now) + self.period).saturating_sub(self.period * self.burst);
        let turn = self.tail.max(earliest).max(first_token);
        self.tail = turn + self.period * tokens;
        turn
    }

    /// Gives a caller whose turn came, but no token for another `wait`, a turn of its own ahead of the queue, which moves back by one.
    ///
    /// More turns than tokens come up when the process stood still: the bucket overflows meanwhile, and the turns all pass. Were they
    /// all told to come for the next token, the same few would win it each time.
    pub fn again(&mut self, wait: Duration, now: Duration) -> Duration {
        let turn = self.again.max(now + wait);
        self.again = turn + self.period;
        self.tail = self.tail.max(now) + self.period;
        turn
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Promise 6: requests to HeyGen stay within burst + rate × w in any window of w seconds, also right after a restart.
        #[test]
        fn in_any_window_at_most_burst_plus_rate_times_window_requests_pass(
            per_minute in 1u32..6000,
            burst in 1u32..50,
            gaps in prop::collection::vec((0u64..3000, any::<prop::sample::Index>()), 1..400),
        ) {
            let mut now = Duration::from_secs(1);
            let mut limiter = Limiter::new(per_minute, burst, now);
            let mut passed = Vec::new();
            for (gap, dice) in gaps {
                now += Duration::from_millis(gap);
                match dice.index(40) {
                    0 => limiter = Limiter::new(per_minute, burst, now),
                    1..4 => { limiter.reserve(2, now, now); }
                    4 => { limiter.again(Duration::ZERO, now); }
                    _ => while limiter.check(now).is_ok() { passed.push(now); },
                }
            }
            // (last - first + 1) <= burst + rate * (to - from) for every pair, as one pass: `behind` is the least of first - rate * from.
            let rate = f64::from(per_minute) / 60.0;
            let mut behind = f64::INFINITY;
            for (index, at) in passed.iter().enumerate() {
                behind = behind.min(index as f64 - rate * at.as_secs_f64());
                let most = (index + 1) as f64 - rate * at.as_secs_f64() - behind;
                prop_assert!(most <= f64::from(burst) + 1e-4, "{most} requests more than the rate gives by {at:?}");
            }
        }

        #[test]
        fn turns_are_given_out_in_order_and_no_faster_than_the_rate(tokens in prop::collection::vec(1u32..4, 2..100)) {
            let now = Duration::from_secs(5);
            let mut limiter = Limiter::new(120, 3, now);
            let turns: Vec<_> = tokens.iter().map(|&tokens| limiter.reserve(tokens, now, now)).collect();
            for (pair, tokens) in turns.windows(2).zip(&tokens) {
                prop_assert!(pair[1] - pair[0] >= Duration::from_millis(500) * *tokens);
            }
        }
    }

    #[test]
    fn a_token_is_there_when_the_bucket_said_so() {
        let mut now = Duration::from_secs(1);
        let mut limiter = Limiter::new(120, 20, now);
        for _ in 0..100 {
            if let Err(wait) = limiter.check(now) {
                now += wait;
                assert_eq!(limiter.check(now), Ok(()));
            }
        }
    }

    #[test]
    fn a_rested_bucket_gives_its_burst_at_once() {
        let mut limiter = Limiter::new(60, 20, Duration::ZERO);
        let later = Duration::from_secs(3600);
        assert_eq!((0..30).filter(|_| limiter.check(later).is_ok()).count(), 20);
    }
}
