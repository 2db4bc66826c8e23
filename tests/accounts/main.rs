//! What a throttle, a rotated key, an unpaid bill, one foreign group or the kill switch does to hundreds of consents.
//!
//! "Nothing happens for so long" is measured beside a bystander: a consent of another account that is polled every second, in the
//! same operator, so that the time that has passed is time in which the operator worked.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test tells its figures, and a log when it fails")]

#[allow(dead_code, reason = "shared with the chaos tests, which use all of it")]
#[path = "../chaos/fleet.rs"]
mod fleet;
mod forced;
mod foreign;
mod in_flight;
mod invented;
mod limiters;
mod paused;
mod rotated;
mod starved;
#[path = "../e2e/support.rs"]
mod support;
mod suspended;
mod throttled;
