//! Which Kubernetes: the newest that is pinned, or the oldest that is supported.
//!
//! Only the API server is of that release: it is what decides what the operator's requests mean.
//! etcd and kubectl stay the newest.

use std::env;
use std::ffi::OsStr;

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
        Release::parse(&env::var_os(VARIABLE).unwrap_or_default())
    }

    fn parse(value: &OsStr) -> Result<Release, Error> {
        match value.to_str() {
            Some("" | "newest") => Ok(Release::Newest),
            Some("oldest") => Ok(Release::Oldest),
            _ => Err(Error::Release { variable: VARIABLE, value: value.to_string_lossy().into_owned() }),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_asks_for_the_newest_and_nonsense_is_an_error_that_names_the_variable() {
        assert_eq!(Release::parse(OsStr::new("")).ok(), Some(Release::Newest));
        assert_eq!(Release::parse(OsStr::new("newest")).ok(), Some(Release::Newest));
        assert_eq!(Release::parse(OsStr::new("oldest")).ok(), Some(Release::Oldest));
        let refusal = Release::parse(OsStr::new("1.20")).map_err(|error| error.to_string());
        assert_eq!(refusal, Err("TWINCONSENT_TEST_KUBERNETES=1.20: say newest or oldest".to_owned()));
    }
}
