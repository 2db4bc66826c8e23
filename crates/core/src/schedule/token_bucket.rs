//! PURE. A token bucket that starts empty.
//!
//! `take` is the promise: in any window of w seconds at most burst + rate × w calls pass, also across a restart, because a new bucket is
//! empty. Which is next for a token is the schedule's affair: nothing queues up here.
//!
//! Rejected: a limiter from a crate. governor, the one that fits best, can neither take back the token of a call that was not sent nor tell
//! how long it takes until there is one behind so many others, which is when the schedule gives the next permit. This one is the generic
//! cell rate algorithm in a few lines.

use std::time::Duration;

use jiff::Timestamp;

use crate::consent::polling;

/// A token bucket.
#[derive(Debug)]
pub(super) struct TokenBucket {
    period: Duration,
    burst: u32,
    /// When the bucket is full again.
    full_at: Timestamp,
    /// How many tokens were taken.
    taken: u64,
}

/// A token that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    number: u64,
    full_at_before: Timestamp,
}

impl TokenBucket {
    /// An empty bucket that gains `per_minute` tokens a minute and holds at most `burst`; both at least 1.
    pub(super) fn new(per_minute: u32, burst: u32, now: Timestamp) -> Self {
        let (period, burst) = (Duration::from_secs(60) / per_minute.max(1), burst.max(1));
        Self { period, burst, full_at: polling::add(now, period * burst), taken: 0 }
    }

    /// Changes the figures, if they differ: the bucket is empty then, and takes back no token of before. Returns whether they did.
    pub(super) fn set_rate(&mut self, per_minute: u32, burst: u32, now: Timestamp) -> bool {
        let new = Self { taken: self.taken + 1, ..Self::new(per_minute, burst, now) };
        let differs = (new.period, new.burst) != (self.period, self.burst);
        if differs {
            *self = new;
        }
        differs
    }

    /// How long it takes until there is another token.
    pub(super) fn period(&self) -> Duration {
        self.period
    }

    /// How many tokens there are.
    pub(super) fn tokens(&self, now: Timestamp) -> u32 {
        let missing = polling::since(now, self.full_at).as_nanos().div_ceil(self.period.as_nanos().max(1));
        self.burst.saturating_sub(u32::try_from(missing).unwrap_or(u32::MAX))
    }

    /// Takes a token, if there is one.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<Taken> {
        if !self.wait(0, now).is_zero() {
            return None;
        }
        self.taken += 1;
        let taken = Taken { number: self.taken, full_at_before: self.full_at };
        self.full_at = polling::add(self.full_at.max(now), self.period);
        Some(taken)
    }

    /// Takes back a token with which nothing was sent. Once another was taken it is lost: the bucket may have been full meanwhile.
    pub(super) fn give_back(&mut self, taken: Taken) {
        if taken.number == self.taken {
            (self.taken, self.full_at) = (self.taken - 1, taken.full_at_before);
        }
    }

    /// How long until there is a token for what comes behind `ahead` others.
    pub(super) fn wait(&self, ahead: usize, now: Timestamp) -> Duration {
        let tokens = u32::try_from(ahead).unwrap_or(u32::MAX).saturating_add(1);
        let level = polling::since(now, self.full_at);
        (level + self.period.saturating_mul(tokens)).saturating_sub(self.period * self.burst)
    }
}

#[cfg(test)]
mod tests;
