//! What a person sees: Chromium on the pages that a link leads to, from the link to the end.
//!
//! Chromium is Debian's or the machine's, never one that a library downloads; axe, which checks what people with other needs can use, comes
//! by npm. Where either cannot be had, these tests fail.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test tells its figures, and a log when it fails")]

mod axe;
mod checks;
mod chromium;
mod pictures;
#[path = "../support/plugin.rs"]
mod plugin;
mod return_page;
mod simulator_page;
#[path = "../e2e/support.rs"]
mod support;
