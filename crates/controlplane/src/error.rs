//! What can go wrong with a control plane.

use std::io;
use std::path::{Path, PathBuf};

use crate::patience::GivenUp;
use crate::tools::ToolsError;

/// Why a control plane did not start, or did not do what it was asked.
///
/// Carries the last lines of a program's log where there is one; carries no key and no token.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program could be neither found nor built.
    #[error(transparent)]
    Tools(#[from] ToolsError),

    /// A file or a process could not be handled.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was attempted, as a verb.
        action: &'static str,
        /// With which file or program.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// A key or a certificate could not be made.
    #[error("cannot make the certificates: {0}")]
    Certificate(#[from] rcgen::Error),

    /// Another control plane runs in this folder.
    #[error("{} is in use by another control plane", .0.display())]
    FolderInUse(PathBuf),

    /// A program ended by itself.
    #[error("{program} ended ({status}); the end of its log:\n{log_tail}")]
    Ended {
        /// The program's name.
        program: &'static str,
        /// Its exit status, as the operating system words it.
        status: String,
        /// The last lines of its log.
        log_tail: String,
    },

    /// A program runs but does not get ready.
    #[error("{program} is not ready, {given_up}: {reason}\nthe end of its log:\n{log_tail}")]
    NotReady {
        /// The program's name.
        program: &'static str,
        /// Why it was not given longer.
        given_up: GivenUp,
        /// What the last question was answered with.
        reason: String,
        /// The last lines of its log.
        log_tail: String,
    },

    /// etcd, or a tool of its, did not do what it was asked.
    #[error("etcd did not do {asked}: {answer}")]
    Etcd {
        /// What it was asked.
        asked: String,
        /// What it said.
        answer: String,
    },

    /// A release of Kubernetes that there is not.
    #[error("{variable}={value}: say newest or oldest")]
    Release {
        /// The environment variable that names it.
        variable: &'static str,
        /// What it says.
        value: String,
    },

    /// This machine cannot run a node.
    #[error(
        "a node cannot run here: {0}.\nIt needs Linux, root, util-linux and iproute2; without them, use a cluster that you have, by setting KUBECONFIG"
    )]
    NoNode(String),

    /// The namespaces and cgroups of a node could not be made, ended by themselves, or could not be removed.
    #[error("the node's namespaces and cgroups: {0}")]
    World(String),

    /// An image could not be imported.
    #[error("cannot import the image {}: {reason}", archive.display())]
    Image {
        /// The archive.
        archive: PathBuf,
        /// What containerd's client said.
        reason: String,
    },

    /// A container does not run.
    #[error("the container {container} of pod {pod} in {namespace} does not run")]
    NoContainer {
        /// The namespace of the pod.
        namespace: String,
        /// The pod.
        pod: String,
        /// The container.
        container: String,
    },

    /// `kubectl` ended with an error.
    #[error("kubectl {arguments} failed ({status}): {stderr}")]
    Kubectl {
        /// The arguments, joined by spaces.
        arguments: String,
        /// The exit status, as the operating system words it.
        status: String,
        /// What `kubectl` said.
        stderr: String,
    },
}

impl Error {
    /// An [`Error::Io`] maker for `map_err`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_path_buf();
        move |source| Error::Io { action, path, source }
    }
}
