//! The container images as `make image` has left them in `dist/`: what is in them, what is said of them, and how they run.
//!
//! `hack/image-check.sh` builds them and runs this; `cargo test` by itself does not, for a build takes minutes.
//! The programs run as a node would run them: in a root that holds the image's files and nothing else, which cannot be written to,
//! as the user 65532. That takes root.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test tells its figures, and a log when it fails")]

mod bill;
mod contents;
mod images;
mod name_server;
mod network;
mod runs;
mod sandbox;
#[path = "../e2e/support.rs"]
mod support;
#[path = "../heygen_wire/tls.rs"]
mod tls;
