//! PURE. A token bucket that starts empty.
//!
//! `check` is the promise: in any window of w seconds at most burst + rate × w requests pass, also across a restart, because a new
//! bucket is empty. Who is next for a token is the book's affair (`sweep`): nobody queues up here.
//!
//! Rejected: a limiter from a crate. The ones at hand read their own clock, which would keep promise 6 out of the property tests,
//! and start full. This one is the generic cell rate algorithm in a dozen lines.
//!
//! Times are monotonic: durations since the process began.

use std::time::Duration;

/// A token bucket.
#[derive(Debug, Clone)]
pub struct Limiter {
    period: Duration,
    burst: u32,
    /// When the bucket is full again.
    full_at: Duration,
}

impl Limiter {
    /// An empty bucket that gains `per_minute` tokens a minute and holds at most `burst`; both at least 1.
    #[must_use]
    pub fn new(per_minute: u32, burst: u32, now: Duration) -> Self {
        let period = Duration::from_secs(60) / per_minute.max(1);
        let burst = burst.max(1);
        Self { period, burst, full_at: now + period * burst }
    }

    /// Whether the bucket was made for these figures.
    #[must_use]
    pub fn is_for(&self, per_minute: u32, burst: u32) -> bool {
        self.period == Duration::from_secs(60) / per_minute.max(1) && self.burst == burst.max(1)
    }

    /// How long it takes until there is another token.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.period
    }

    /// How many tokens there are.
    #[must_use]
    pub fn tokens(&self, now: Duration) -> u32 {
        let missing = self.full_at.saturating_sub(now).as_nanos().div_ceil(self.period.as_nanos().max(1));
        self.burst.saturating_sub(u32::try_from(missing).unwrap_or(u32::MAX))
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

    /// How long until there is a token for somebody who comes behind `ahead` others.
    #[must_use]
    pub fn wait(&self, ahead: usize, now: Duration) -> Duration {
        let tokens = u32::try_from(ahead).unwrap_or(u32::MAX).saturating_add(1);
        (self.full_at.max(now) + self.period.saturating_mul(tokens)).saturating_sub(now + self.period * self.burst)
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
                    _ => {
                        let (told, before) = (limiter.tokens(now), passed.len());
                        while limiter.check(now).is_ok() { passed.push(now); }
                        prop_assert_eq!(passed.len() - before, told as usize, "as many pass as there are tokens");
                    }
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
    fn who_comes_behind_others_is_told_how_long_it_takes() {
        let limiter = Limiter::new(60, 2, Duration::ZERO);
        assert_eq!(limiter.wait(0, Duration::ZERO), Duration::from_secs(1));
        assert_eq!(limiter.wait(9, Duration::ZERO), Duration::from_secs(10));
        assert_eq!(limiter.wait(1, Duration::from_secs(60)), Duration::ZERO);
    }

    #[test]
    fn a_rested_bucket_gives_its_burst_at_once() {
        let mut limiter = Limiter::new(60, 20, Duration::ZERO);
        let later = Duration::from_secs(3600);
        assert_eq!((0..30).filter(|_| limiter.check(later).is_ok()).count(), 20);
    }
}
