//! The pure core without Kubernetes and network: a small driver plays the shell, a model plays HeyGen, the clock is a number.

#![allow(clippy::needless_pass_by_value, reason = "a fixture is written in place")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod audit;
mod begun;
mod belief;
mod changed;
mod clock;
#[path = "../conditions/columns.rs"]
mod columns;
mod conditions;
mod decoding;
mod driver;
mod explained;
mod fleet;
mod flows;
mod kstatus;
mod landings;
#[path = "../e2e/support/leaves.rs"]
mod leaves;
mod link_secret;
mod lives;
mod model;
mod polls;
mod promises;
mod repeats;
mod unwritten;
