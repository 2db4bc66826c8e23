//! What can go wrong with a control plane.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

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

    /// A program runs but did not get ready in time.
    #[error("{program} was not ready after {} s: {reason}\nthe end of its log:\n{log_tail}", deadline.as_secs())]
    NotReady {
        /// The program's name.
        program: &'static str,
        /// How long it was given.
        deadline: Duration,
        /// What the last question was answered with.
        reason: String,
        /// The last lines of its log.
        log_tail: String,
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
