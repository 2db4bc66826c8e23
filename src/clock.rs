//! The one place where the wall clock is read.
//!
//! Everything else takes the time as an argument: the pure core stays a function of what it is given, and a test can stand at any
//! moment. Clippy's `disallowed-methods` refuses every other reading.
//! Spans of time inside one effect (how long did this request take) are measured with `std::time::Instant`, which no clock
//! adjustment moves.

use jiff::Timestamp;

/// The present moment by the wall clock, which may be wrong and may jump: use it for what is written into a status, never to measure
/// how long something took.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one clock module")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// How long this process has been running, by a clock that no adjustment moves: use it for limits and pauses.
#[must_use]
pub fn monotonic() -> std::time::Duration {
    static BEGAN: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    BEGAN.elapsed()
}

/// The wall clock's time when this process began, and as much later as the process has been running: moved by no adjustment.
#[must_use]
pub fn steady() -> Timestamp {
    static BEGAN: std::sync::LazyLock<(Timestamp, std::time::Duration)> = std::sync::LazyLock::new(|| (now(), monotonic()));
    let (began, then) = *BEGAN;
    began.checked_add(monotonic().saturating_sub(then)).unwrap_or(Timestamp::MAX)
}
