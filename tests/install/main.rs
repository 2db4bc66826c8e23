//! Installed as users install it: the real images by the real Helm on a real node, in namespaces that enforce restricted pods.
//!
//! On Linux as root a node of the tests' own is started; elsewhere, or with `KUBECONFIG` set, an existing cluster is used that has the
//! images already. `make e2e` builds the images and runs this; `make test` does not.
//!
//! One test after the other on the same cluster. A story for each Helm: the second installs where the first has left its definitions.
//! The others are played on a node of the tests' own only: what the documents say, word for word, and clusters that are stricter than most.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test tells how far it is, and its figures")]

mod cluster;
mod consents;
mod document;
mod heygen;
mod kustomized;
mod lease;
mod others_users;
mod readme;
mod registry;
mod release;
mod story;
mod tenant;

use controlplane::Program;

#[test]
fn with_helm_4_it_is_installed_survives_its_leader_is_upgraded_rolled_back_and_removed() {
    story::play(Program::Helm, "v4");
}

#[test]
fn with_helm_3_it_is_installed_survives_its_leader_is_upgraded_rolled_back_and_removed() {
    story::play(Program::Helm3, "v3");
}
