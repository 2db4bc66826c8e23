//! Replicas: which of them acts, how fast another one takes over, and that no person gets a second link by that; and what keeps one from beginning.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test tells its figures, and a log when it fails")]

mod clock;
mod lost;
mod preflight;
mod replicas;
mod restored;
#[path = "../e2e/support.rs"]
mod support;
mod takeover;
mod tap;
#[path = "../support/wire.rs"]
mod wire;
