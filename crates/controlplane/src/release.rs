//! Which Kubernetes: the newest that is pinned, or the oldest that is supported.
//!
//! Only the API server is of that release: it is what decides what the operator's requests mean.
//! etcd and kubectl stay the newest.

use std::env;

use crate::Error;
use crate::tools::Program;

/// The environment variable that chooses for a run of tests: `newest` or `oldest`.
pub const VARIABLE: &str = "TWINCONSENT_TEST_KUBERNETES";

/// A release of Kubernetes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Release {
    /// The newest that is pinned.
    #[default]
    Newest,
    /// The oldest that is supported.
    Oldest,
}

impl Release {
    /// As [`VARIABLE`] says; the newest when it is not set.
    ///
    /// # Errors
    /// [`Error::Release`] when it says something else.
    pub fn from_environment() -> Result<Release, Error> {
        let value = env::var_os(VARIABLE).filter(|value| !value.is_empty());
        match value.as_ref().map(|value| value.to_str()) {
            None => Ok(Release::Newest),
            Some(Some("newest")) => Ok(Release::Newest),
            Some(Some("oldest")) => Ok(Release::Oldest),
            Some(_) => Err(Error::Release(value.unwrap_or_default().to_string_lossy().into_owned())),
        }
    }

    /// Its API server.
    pub(crate) fn api_server(self) -> Program {
        match self {
            Release::Newest => Program::KubeApiserver,
            Release::Oldest => Program::KubeApiserverOldest,
        }
    }
}
