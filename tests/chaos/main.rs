//! Chaos: the promises of the design under kills, replicas, races, lost answers and restarts, with a thousand objects at a time.
//!
//! The worlds are those of the lifecycles (`tests/e2e`); what is added here is the mass: a fleet of consents, and a watch that writes
//! down every link an object ever showed, because "never replaced" cannot be asked of the last state.
//! Each test that counts also prints its figures; run with `--nocapture` to see them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test tells its figures, and a log when it fails")]

mod fleet;
mod kills;
mod latency;
mod leaks;
mod lost_answers;
mod races;
#[path = "../support/receiver.rs"]
mod receiver;
mod refused_key;
mod restart;
#[path = "../e2e/support.rs"]
mod support;
mod trail;
