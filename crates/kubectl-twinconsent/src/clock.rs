//! The one place that reads the time; everything else takes it as an argument.

use jiff::Timestamp;

/// The present moment.
#[expect(clippy::disallowed_methods, reason = "this is the place")]
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::now()
}
