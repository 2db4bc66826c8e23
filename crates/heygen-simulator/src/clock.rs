//! The simulator's time: the real clock plus an offset that only grows.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// Milliseconds since the Unix epoch, in simulated time.
pub(crate) type SimulatedMillis = u64;

/// What the clock says, as `GET /_sim/clock` answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ClockView {
    /// Simulated time in milliseconds since the Unix epoch.
    pub simulated_ms: u64,
    /// Real (monotonic) milliseconds since the simulator started; the scale of [`crate::RecordedRequest::real_ms`].
    pub real_ms: u64,
}

#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    started_unix: Duration,
    offset: Duration,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "this is the simulator's one clock")]
    pub(crate) fn start() -> Self {
        Self {
            started: Instant::now(),
            // A machine whose clock stands before 1970 gets a simulator that begins in 1970.
            started_unix: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            offset: Duration::ZERO,
        }
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.offset = self.offset.saturating_add(by);
    }

    pub(crate) fn real_ms(&self) -> u64 {
        millis(self.started.elapsed())
    }

    pub(crate) fn now(&self) -> SimulatedMillis {
        millis(self.started_unix.saturating_add(self.started.elapsed()).saturating_add(self.offset))
    }

    pub(crate) fn view(&self) -> ClockView {
        ClockView { simulated_ms: self.now(), real_ms: self.real_ms() }
    }
}

/// Whole milliseconds, saturating where a duration is longer than the type can say.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
