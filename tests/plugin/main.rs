//! `kubectl twinconsent` as a process, against the real API server, the operator's binary and a simulated HeyGen.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test tells its figures, and a log when it fails")]

mod changes;
mod checks;
mod evidence;
mod imports;
mod links;
mod many;
#[path = "../support/nowhere.rs"]
mod nowhere;
#[path = "../support/plugin.rs"]
mod plugin;
mod reads;
#[path = "../e2e/support.rs"]
mod support;
mod troubles;
mod users;
mod waits;
mod withdrawals;
