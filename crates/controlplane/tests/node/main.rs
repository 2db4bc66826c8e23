//! A node runs pods as a cluster does, and leaves nothing behind.
//!
//! Needs Linux and root, and thus the feature `node-tests`: `make e2e` runs it, `make test` does not.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod leaving;
mod pods;

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use controlplane::{Image, Node, NodeOptions, Program, Tools, patience};

/// How long anything that must happen may stand still.
const DEADLINE: Duration = Duration::from_secs(60);

/// The image of the pods in these tests.
const PROBE_IMAGE: &str = "localhost/probe:1";

/// A node for the tests that do not end it; it ends with the process.
fn shared() -> &'static Node {
    static SHARED: OnceLock<Node> = OnceLock::new();
    SHARED.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let image = probe_image(folder.path());
        Node::start(NodeOptions { images: vec![image], audit_log: true, dir: None }).unwrap_or_else(|error| panic!("{error}"))
    })
}

fn probe_image(folder: &Path) -> std::path::PathBuf {
    let tools = Tools::ensure(&[Program::Probe]).unwrap();
    let archive = folder.join("probe.tar");
    Image { name: PROBE_IMAGE, program: tools.path(Program::Probe), user: 65532 }.write(&archive).unwrap();
    archive
}

/// Waits until `question` has an answer; `what` was the last that it said instead.
#[track_caller]
fn eventually<T>(what: &str, question: impl Fn() -> Result<T, String>) -> T {
    let answered = patience::until(DEADLINE, Duration::from_millis(100), question);
    answered.unwrap_or_else(|given_up| panic!("{what}: {given_up}"))
}
