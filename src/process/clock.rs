//! The one place where clocks are read.
//!
//! Everything else takes the time as an argument: the pure core stays a function of what it is given, and a test can stand at any
//! moment. Clippy's `disallowed-methods` refuses every other reading of the wall clock.
//!
//! There are two. The *steady* clock is moved by no adjustment: whatever this process waits for or remembers is kept by it. The *wall*
//! clock may be set at any moment, back or ahead; it is what stands in a status. How the one stands against the other is a value
//! ([`Wall`]), read once for each decision, so that all its times are of one clock: what is remembered is brought to the wall clock as
//! it is now, and back when it is put away. That is why nothing has to be moved when the wall clock is set.
//! Spans of time inside one effect (how long did this request take) are measured with `std::time::Instant`.

pub mod steps;

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use steps::Steps;
use twinconsent_core::consent::polling;
use twinconsent_core::consent::polling::Doubt;

/// How the wall clock stands against the steady one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wall {
    ahead: SignedDuration,
    /// By how much it stood lower before, and until when by the steady clock.
    lower: Option<(Duration, Timestamp)>,
}

impl Wall {
    /// The present moment.
    #[must_use]
    pub fn now(self) -> Timestamp {
        self.of(steady())
    }

    /// A time of the steady clock, by the wall clock.
    #[must_use]
    pub fn of(self, steady: Timestamp) -> Timestamp {
        polling::shifted(steady, self.ahead)
    }

    /// A time of the wall clock, by the steady one.
    #[must_use]
    pub fn steady(self, wall: Timestamp) -> Timestamp {
        polling::shifted(wall, -self.ahead)
    }

    /// How far the wall clock is ahead of the steady one.
    #[must_use]
    pub fn ahead(self) -> SignedDuration {
        self.ahead
    }

    /// How much of the time that seems to have passed may never have, because the clock was set ahead.
    #[must_use]
    pub fn doubt(self) -> Option<Doubt> {
        self.lower.map(|(by, until)| Doubt { by, since: self.of(until) })
    }
}

/// How the wall clock stands now, which may be wrong.
#[must_use]
pub fn wall() -> Wall {
    static STEPS: Mutex<Steps> = Mutex::new(Steps::NONE);
    let (steady, wall) = (steady(), read());
    let mut steps = STEPS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(by) = steps.note(wall, steady) {
        tracing::warn!(seconds = by.as_secs(), "the wall clock was set");
    }
    steps.wall()
}

/// The present moment by the wall clock: use it for what is written into a status, never to measure how long something took.
#[must_use]
pub fn now() -> Timestamp {
    wall().now()
}

/// How long this process has been running, by a clock that no adjustment moves: use it for limits and pauses.
#[must_use]
pub fn monotonic() -> Duration {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGAN.elapsed()
}

/// The wall clock's time when this process began, and as much later as the process has been running: moved by no adjustment.
#[must_use]
pub fn steady() -> Timestamp {
    static BEGAN: LazyLock<(Timestamp, Duration)> = LazyLock::new(|| (read(), monotonic()));
    let (began, then) = *BEGAN;
    polling::add(began, monotonic().saturating_sub(then))
}

#[expect(clippy::disallowed_methods, reason = "this is the one clock module")]
fn read() -> Timestamp {
    #[cfg(feature = "test-clock")]
    return polling::shifted(Timestamp::now(), test_clock::ahead());
    #[cfg(not(feature = "test-clock"))]
    Timestamp::now()
}

/// A wall clock that a test sets: not in the programs that are released.
#[cfg(feature = "test-clock")]
mod test_clock {
    use std::path::PathBuf;
    use std::sync::LazyLock;

    use jiff::SignedDuration;

    /// By how many seconds the file that the variable names says that the wall clock is ahead.
    pub(super) fn ahead() -> SignedDuration {
        static FILE: LazyLock<Option<PathBuf>> = LazyLock::new(|| std::env::var_os("TWINCONSENT_TEST_CLOCK").map(PathBuf::from));
        let text = FILE.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
        SignedDuration::from_secs(text.and_then(|text| text.trim().parse().ok()).unwrap_or(0))
    }
}
