//! Flux, for real: its source-controller and kustomize-controller deploy consents from a git repository.
//!
//! The Kustomizations are those of `examples/gitops/flux`, the operator is the real binary, and the persons are the simulator's.
//! The tests share the controllers and keep apart by namespaces, as their users do.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test tells its figures, and a log when it fails")]

mod definitions;
mod gates;
mod git;
mod history;
mod manifests;
#[path = "../support/plugin.rs"]
mod plugin;
mod plugin_changes;
mod stage;
#[path = "../e2e/support.rs"]
mod support;
#[path = "../plugin/users.rs"]
mod users;
