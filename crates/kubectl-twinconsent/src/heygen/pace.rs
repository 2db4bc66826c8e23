//! PURE. How fast requests are sent: as the account's `rateLimit` says.

use std::time::{Duration, Instant};

/// Between any two moments that are w seconds apart, at most burst + rate × w requests.
#[derive(Debug)]
pub(super) struct Pace {
    period: Duration,
    burst: u32,
    /// When as many may be sent at once again as at the beginning.
    full_at: Instant,
}

impl Pace {
    pub(super) fn new(per_minute: u32, burst: u32, now: Instant) -> Self {
        Self { period: Duration::from_secs(60) / per_minute.max(1), burst: burst.max(1), full_at: now }
    }

    /// The next request is sent; the pause before it.
    pub(super) fn next(&mut self, now: Instant) -> Duration {
        let full_at = self.full_at.max(now);
        self.full_at = full_at + self.period;
        full_at.saturating_duration_since(now).saturating_sub(self.period * (self.burst - 1))
    }

    /// How long so many requests take, apart from their answers.
    pub(super) fn time_for(&self, requests: usize, now: Instant) -> Duration {
        let requests = u32::try_from(requests).unwrap_or(u32::MAX);
        let owed = self.full_at.saturating_duration_since(now);
        (owed + self.period.saturating_mul(requests)).saturating_sub(self.period * self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let begun = Instant::now();
        let mut pace = Pace::new(60, 3, begun);
        assert_eq!(pace.time_for(5, begun), Duration::from_secs(2));
        let pauses: Vec<u64> = (0..5).map(|_| pace.next(begun).as_secs()).collect();
        assert_eq!(pauses, [0, 0, 0, 1, 2]);
        assert_eq!(pace.time_for(1, begun), Duration::from_secs(3));
    }

    #[test]
    fn a_long_wait_saves_up_no_more_than_a_burst() {
        let begun = Instant::now();
        let mut pace = Pace::new(60, 2, begun);
        let later = begun + Duration::from_secs(600);
        let pauses: Vec<u64> = (0..4).map(|_| pace.next(later).as_secs()).collect();
        assert_eq!(pauses, [0, 0, 1, 2]);
    }
}
