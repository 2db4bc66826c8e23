//! A real Kubernetes control plane on loopback, for tests, the demo and benchmarks.
//!
//! [`ControlPlane::start`] runs the programs that a cluster runs, etcd and kube-apiserver, and on request
//! kube-controller-manager, with their own certificates and RBAC, and is ready in about two seconds.
//! There are no nodes and no scheduler: objects live, pods do not run.
//! [`Node::start`] runs those, too, on a Linux machine where this process is root: pods run.
//!
//! A fake API server was rejected: what the operator relies on (preconditions, admission by CEL, pruning, watch
//! semantics, RBAC) is the very thing that a fake gets subtly wrong.
//!
//! Reading order:
//!
//! 1. [`tools`]: where the programs come from: a folder of the user's, a cache, a download, or Go.
//! 2. `certificates` and `kubeconfig`: the authority, the keys, and the users that may log in with them.
//! 3. `supervisor`: why nothing stays behind, not even after a SIGKILL.
//! 4. [`plane`]: the flags of the programs, their order, and when they count as ready.
//! 5. [`release`]: the newest Kubernetes or the oldest.
//! 6. `requests`: what a test does with a running control plane; [`companion`]: programs beside it; `backup`: the way back; `etcd`: room
//!    for more.
//! 7. [`node`]: a control plane with a node; `node/world`: how all of it is kept apart from the machine.
//! 8. [`image`]: images of one program, for the pods of such a node.
//! 9. [`patience`]: how long to wait for anything, on a slow machine too.
//! 10. [`suite`]: runs the tests of the workspace, and tells how far they are.
//!
//! Everything is synchronous: tests with and without an async runtime use the same calls.
//! Unix only: the supervisors are `sh` scripts.

mod backup;
mod certificates;
pub mod companion;
mod error;
mod etcd;
mod home;
pub mod image;
mod kubeconfig;
mod kubectl;
pub mod node;
pub mod patience;
pub mod plane;
pub mod ports;
mod progress;
mod readiness;
pub mod release;
mod requests;
pub mod suite;
mod supervisor;
pub mod tools;

pub use companion::Companion;
pub use error::{Error, ToolsError};
pub use image::Image;
pub use kubeconfig::MARK as KUBECONFIG_MARK;
pub use node::{Node, NodeOptions};
pub use patience::Patience;
pub use plane::{ControlPlane, Options, shared};
pub use release::Release;
pub use tools::{Program, Tools};
