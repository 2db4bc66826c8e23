//! The chart, with the programs that its users have: what it renders, refuses, installs, upgrades, grants and leaves behind.
//!
//! Pods do not run here: there is no kubelet, so a release that is to be waited for has no replicas.
//! `values/*.yaml` are sets of values; each is linted, rendered, compared with schemas, scored and shown to an API server.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod alerts;
mod claims;
mod cluster;
mod documents;
mod generated;
#[path = "../support/go_module.rs"]
mod go_module;
mod helm;
mod kustomized;
mod labels;
mod linters;
mod names;
mod refusals;
mod releases;
mod rendered;
mod return_page;
mod rights;
mod schemas;
mod simulated;
mod statics;
#[path = "../e2e/support.rs"]
#[expect(clippy::print_stderr, reason = "an operator's log is told when its test fails")]
mod support;
mod suspended;
mod tenants;
mod tested;
mod tracked;
mod umbrella;
mod withdrawals;
