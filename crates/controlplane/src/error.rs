//! What can go wrong with a control plane.

use std::io;
use std::path::{Path, PathBuf};

use crate::patience::GivenUp;

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

/// Why a program is not there.
#[derive(Debug, thiserror::Error)]
pub enum ToolsError {
    /// No place for the cache.
    #[error("no place for the cache of programs: set HOME, XDG_CACHE_HOME or TWINCONSENT_TOOLS_CACHE")]
    NoCache,

    /// There is nothing to build with.
    #[error("not found: {missing}; and there is no `go` in PATH to build with. {}", ways_out(required))]
    NoGo {
        /// The missing programs.
        missing: String,
        /// The Go version that the modules ask for.
        required: String,
    },

    /// Go is too old to build with.
    #[error("not found: {missing}; and Go is too old to build with: {found}. {}", ways_out(required))]
    OldGo {
        /// The missing programs.
        missing: String,
        /// What Go says about its version, or about the version that is asked for.
        found: String,
        /// The Go version that the modules ask for.
        required: String,
    },

    /// Go could not build it.
    #[error("building {package} failed ({status}); Go's last lines:\n{output}")]
    Build {
        /// The Go package.
        package: &'static str,
        /// Go's exit status.
        status: String,
        /// The end of Go's output.
        output: String,
    },

    /// Cargo could not build.
    #[error("cargo {arguments} failed ({status}):\n{output}")]
    Cargo {
        /// What cargo was told.
        arguments: String,
        /// Its exit status.
        status: String,
        /// What the compiler complained of.
        output: String,
    },

    /// The caller has interrupted it, or something else has failed.
    #[error("interrupted")]
    Cancelled,

    /// A builder could not be run.
    #[error("{0}")]
    Process(Box<Error>),

    /// A program of the machine's distribution is not there, and could not be unpacked from its package.
    #[error(
        "not found: {missing}; and unpacking from Debian's packages failed: {reason}\nInstall {packages} with the package manager of this machine"
    )]
    Package {
        /// The missing programs.
        missing: String,
        /// The packages that hold them, as Debian names them.
        packages: String,
        /// The last lines of what apt and dpkg said.
        reason: String,
    },

    /// The cache cannot be used.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was attempted, as a verb.
        action: &'static str,
        /// With which file or program.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl ToolsError {
    pub(crate) fn process(error: Error) -> ToolsError {
        ToolsError::Process(Box::new(error))
    }

    /// A [`ToolsError::Io`] maker for `map_err`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ToolsError {
        let path = path.to_path_buf();
        move |source| ToolsError::Io { action, path, source }
    }
}

fn ways_out(required: &str) -> String {
    format!(
        "Do one of these:
  - set KUBEBUILDER_ASSETS to a folder that holds etcd, kube-apiserver and kubectl (and, where they are asked for, \
kube-controller-manager and helm)
  - install Go {required} or later, from https://go.dev/dl
  - for the demo: use a cluster that you have, by setting KUBECONFIG"
    )
}
