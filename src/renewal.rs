//! What may change while the operator runs: the root certificates of `--ca-bundle` and the proxies of `--proxy-folder`.
//!
//! Kubernetes writes what a Secret or a ConfigMap has become into the files of a pod within about a minute, and into no variable. So
//! these files are read again every [`PERIOD`], and when they say something else, the client of HeyGen goes by that from then on. What is
//! under way ends as it began. Content that makes no sense changes nothing: it is told once, and what was understood last goes on.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::config::{self, Config, read_bundle};
use crate::heygen::{ExtraRoots, HeyGen};
use crate::proxies::{Proxies, VARIABLES};

/// How long until the files are read again.
pub const PERIOD: Duration = Duration::from_secs(10);

/// The files that are followed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// Of `--ca-bundle`.
    pub ca_bundle: Option<PathBuf>,
    /// Of `--proxy-folder`: one for each variable that it stands for.
    pub proxy_folder: Option<PathBuf>,
}

impl Files {
    /// Those that the configuration names.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Self { ca_bundle: config.ca_bundle_file.clone(), proxy_folder: config.proxy_folder.clone() }
    }

    /// The proxies that the files and, where there is none of that name, the variables of the process name; and what a user should
    /// hear of them.
    ///
    /// # Errors
    ///
    /// One line about the file or the variable that makes no sense.
    pub fn proxies(&self) -> Result<(Proxies, Vec<String>), String> {
        let files = match &self.proxy_folder {
            Some(folder) => variables(folder).map_err(|error| format!("--proxy-folder: cannot read {folder:?}: {error}"))?,
            None => BTreeMap::new(),
        };
        let told = |name: &str| files.get(name).cloned().or_else(|| std::env::var_os(name));
        Proxies::from_variables(told).map_err(|error| error.to_string())
    }

    fn read(&self) -> Result<(ExtraRoots, Proxies), String> {
        let roots = self.ca_bundle.as_deref().map(|path| config::ca_bundle(path, read_bundle)).transpose();
        Ok((roots.map_err(|error| error.to_string())?.unwrap_or_default(), self.proxies()?.0))
    }
}

/// The variables that the files of a folder stand for.
fn variables(folder: &Path) -> io::Result<BTreeMap<&'static str, OsString>> {
    // One that is not there is no empty one.
    std::fs::read_dir(folder)?;
    let mut found = BTreeMap::new();
    for name in VARIABLES {
        match read_bundle(&folder.join(name)) {
            Ok(content) => drop(found.insert(name, OsString::from_vec(content.trim_ascii().to_vec()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Follows the files until `stopping`; `now` is what they have said at the start.
pub async fn follow(files: Files, mut now: (ExtraRoots, Proxies), heygen: HeyGen, stopping: CancellationToken) {
    if files == Files::default() {
        return;
    }
    let mut told = None;
    while stopping.run_until_cancelled(tokio::time::sleep(PERIOD)).await.is_some() {
        let again = files.clone();
        let Ok(read) = tokio::task::spawn_blocking(move || again.read()).await else { continue };
        let problem = match read {
            Ok(new) if new == now => None,
            Ok(new) => heygen.renew(&new.0, new.1.clone()).map_err(|error| error.to_string()).err().or_else(|| {
                tracing::info!("root certificates or proxies have changed: HeyGen is reached as they say now");
                now = new;
                None
            }),
            Err(problem) => Some(problem),
        };
        if let Some(problem) = problem.as_ref().filter(|problem| told.as_ref() != Some(*problem)) {
            tracing::warn!(problem, "root certificates or proxies have changed and make no sense: those before go on");
        }
        told = problem;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_goes_before_the_variable_of_its_name_and_may_end_in_a_newline() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("HTTPS_PROXY"), "http://user:hunter2@proxy.test:3128\n").unwrap();
        std::fs::write(folder.path().join("NO_PROXY"), "").unwrap();
        std::fs::write(folder.path().join("README"), "not a proxy").unwrap();
        let files = Files { proxy_folder: Some(folder.path().to_owned()), ..Files::default() };
        let (proxies, _) = files.proxies().unwrap();
        assert_eq!(proxies.to(&"https://heygen.test".parse().unwrap()).unwrap().host(), "proxy.test:3128");
        assert!(!format!("{proxies:?}").contains("hunter2"));
    }

    #[test]
    fn a_folder_or_a_file_that_cannot_be_read_or_understood_is_no_way_past_the_proxy() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = |path: &Path| Files { proxy_folder: Some(path.to_owned()), ..Files::default() }.proxies().unwrap_err();
        let missing = refusal(&folder.path().join("missing"));
        assert!(missing.starts_with("--proxy-folder: cannot read ") && missing.contains("missing"), "{missing}");
        std::fs::create_dir(folder.path().join("HTTPS_PROXY")).unwrap();
        let unreadable = refusal(folder.path());
        assert!(unreadable.starts_with("--proxy-folder: cannot read "), "{unreadable}");
        std::fs::remove_dir(folder.path().join("HTTPS_PROXY")).unwrap();
        std::fs::write(folder.path().join("HTTPS_PROXY"), "ftp://user:hunter2@proxy.test").unwrap();
        let senseless = refusal(folder.path());
        assert!(senseless.starts_with("HTTPS_PROXY: ") && !senseless.contains("hunter2"), "{senseless}");
    }
}
