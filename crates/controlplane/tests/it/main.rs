//! A control plane does what its users rely on, and leaves nothing behind.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod bad_machine;
mod building;
mod demo;
mod download;
mod lifecycle;
mod processes;
mod service;
mod suites;
mod tools;

use std::time::Duration;

use controlplane::patience;

/// How long anything that must happen may stand still.
const DEADLINE: Duration = Duration::from_secs(60);

/// Waits until `condition` holds.
#[track_caller]
fn eventually(what: &str, condition: impl Fn() -> bool) {
    let holds = patience::until(DEADLINE, Duration::from_millis(20), || if condition() { Ok(()) } else { Err("not yet") });
    holds.unwrap_or_else(|given_up| panic!("{what}: {given_up}"));
}
