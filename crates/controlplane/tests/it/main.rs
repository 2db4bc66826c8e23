//! A control plane does what its users rely on, and leaves nothing behind.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod bad_machine;
mod lifecycle;
mod processes;
mod service;
mod tools;

use std::thread;
use std::time::{Duration, Instant};

/// How long anything that must happen may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// Waits until `condition` holds.
#[track_caller]
fn eventually(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
