//! The return page: what a person who comes back sees, how soon the operator learns of it, and that no other client gets anything out of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test tells its figures, and a log when it fails")]

mod attacks;
mod keys;
mod landings;
mod page;
#[path = "../e2e/support.rs"]
mod support;
