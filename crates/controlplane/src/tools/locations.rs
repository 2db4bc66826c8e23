//! The folders in which programs are looked for.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::{Program, ToolsError, pinned, published};
use crate::progress::say;

/// The two folders, the user's and the cache; and where on the network something may be looked for.
#[derive(Debug)]
pub(super) struct Locations {
    assets: Option<PathBuf>,
    cache: PathBuf,
    /// Of what is published; the Kubernetes project's own when absent.
    index: Option<String>,
    may_download: bool,
}

impl Locations {
    /// As the environment variables say.
    ///
    /// # Errors
    /// When none of those that tell a place for the cache is set, or the working folder is gone.
    pub(super) fn from_environment() -> Result<Locations, ToolsError> {
        Locations::from_variables(|name| {
            let value = env::var_os(name).filter(|value| !value.is_empty())?;
            Some(PathBuf::from(value))
        })
    }

    fn from_variables(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<Locations, ToolsError> {
        let below = |name: &str, rest: &str| Some(variable(name)?.join(rest));
        let cache = variable("TWINCONSENT_TOOLS_CACHE")
            .or_else(|| below("XDG_CACHE_HOME", "twinconsent/tools"))
            .or_else(|| below("HOME", ".cache/twinconsent/tools"))
            .ok_or(ToolsError::NoCache)?;
        Ok(Locations {
            assets: variable("KUBEBUILDER_ASSETS").map(|assets| absolute(&assets)).transpose()?,
            cache: absolute(&cache)?,
            index: variable("TWINCONSENT_ENVTEST_INDEX").map(|index| index.to_string_lossy().into_owned()),
            // By this one setup-envtest itself is told to download nothing.
            may_download: variable("ENVTEST_INSTALLED_ONLY").is_none(),
        })
    }

    /// The program, if it need be neither downloaded nor built.
    ///
    /// Says so when the user's folder lacks one that such a folder should hold: a build for minutes would surprise.
    pub(super) fn find(&self, program: Program) -> Option<PathBuf> {
        if let Some(assets) = &self.assets {
            let path = assets.join(program.name());
            if is_executable(&path) {
                return Some(path);
            }
            if program.is_usual_asset() {
                say(&format!(
                    "KUBEBUILDER_ASSETS={} holds no {program}: it is taken from the cache, downloaded, or built",
                    assets.display()
                ));
            }
        }
        let installed = (!program.debian_packages().is_empty()).then(|| find_installed(program)).flatten();
        installed.or_else(|| self.find_built(program)).or_else(|| self.find_published(program))
    }

    /// The program in the cache, if it was built.
    pub(super) fn find_built(&self, program: Program) -> Option<PathBuf> {
        let path = self.cache_folder(program).join("bin").join(program.name());
        is_executable(&path).then_some(path)
    }

    /// The program in the cache, if it was downloaded.
    pub(super) fn find_published(&self, program: Program) -> Option<PathBuf> {
        let path = self.published_folder().join("bin").join(program.name());
        is_executable(&path).then_some(path)
    }

    /// The folder in the cache for what is downloaded; it may not exist yet.
    pub(super) fn published_folder(&self) -> PathBuf {
        self.cache.join(published::cache_folder())
    }

    /// The index of what is published, if it is not the Kubernetes project's own.
    pub(super) fn index(&self) -> Option<&str> {
        self.index.as_deref()
    }

    /// Whether anything may be downloaded.
    pub(super) fn may_download(&self) -> bool {
        self.may_download
    }

    /// The folder for the program's module in the cache, or for the packages; it may not exist yet.
    pub(super) fn cache_folder(&self, program: Program) -> PathBuf {
        let name = if program.debian_packages().is_empty() { pinned::module(program).cache_folder() } else { debian_folder() };
        self.cache.join(name)
    }
}

/// The folder in the cache for what Debian packages hold. Another release of the distribution has another one: libraries belong together.
fn debian_folder() -> String {
    // A machine without that file is no Debian, and apt will say so.
    let release = fs::read("/etc/os-release").unwrap_or_default();
    let key: String = Sha256::digest(release).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("debian-{key}")
}

/// The program in `PATH`, or where programs for administrators are even when `PATH` does not say so.
fn find_installed(program: Program) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(usual).map(|folder| folder.join(program.name())).find(|path| is_executable(path))
}

fn absolute(path: &Path) -> Result<PathBuf, ToolsError> {
    std::path::absolute(path).map_err(ToolsError::io("resolve", path))
}

pub(super) fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn below(root: &Path) -> Locations {
        Locations { assets: Some(root.join("assets")), cache: root.join("cache"), index: None, may_download: true }
    }

    fn put(path: &Path, mode: u32) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_users_folder_is_preferred_to_the_cache_and_there_what_was_built_to_what_was_downloaded() {
        let root = tempfile::tempdir().unwrap();
        let locations = below(root.path());
        assert_eq!(locations.find(Program::Kubectl), None);

        let downloaded = locations.published_folder().join("bin/kubectl");
        put(&downloaded, 0o555);
        assert_eq!(locations.find(Program::Kubectl), Some(downloaded));

        let cached = locations.cache_folder(Program::Kubectl).join("bin/kubectl");
        put(&cached, 0o755);
        assert_eq!(locations.find(Program::Kubectl), Some(cached));

        let asset = root.path().join("assets/kubectl");
        put(&asset, 0o755);
        assert_eq!(locations.find(Program::Kubectl), Some(asset));
    }

    #[test]
    fn a_file_that_cannot_be_run_is_not_the_program() {
        let root = tempfile::tempdir().unwrap();
        let locations = below(root.path());
        put(&root.path().join("assets/etcd"), 0o644);
        put(&locations.published_folder().join("bin/etcd"), 0o444);
        assert_eq!(locations.find(Program::Etcd), None);
    }

    #[test]
    fn the_cache_is_where_the_most_specific_variable_says() {
        let cache = |set: &[&str]| {
            let locations = Locations::from_variables(|name| set.contains(&name).then(|| PathBuf::from("/").join(name)));
            locations.map(|locations| locations.cache.to_str().unwrap().to_owned())
        };
        let (own, xdg, home) = ("TWINCONSENT_TOOLS_CACHE", "XDG_CACHE_HOME", "HOME");
        assert_eq!(cache(&[own, xdg, home]).unwrap(), "/TWINCONSENT_TOOLS_CACHE");
        assert_eq!(cache(&[xdg, home]).unwrap(), "/XDG_CACHE_HOME/twinconsent/tools");
        assert_eq!(cache(&[home]).unwrap(), "/HOME/.cache/twinconsent/tools");
        assert!(matches!(cache(&[]), Err(ToolsError::NoCache)));
    }

    #[test]
    fn the_index_can_be_another_one_and_downloading_can_be_forbidden() {
        let read = |set: &[&str]| {
            let home = |name: &str| (name == "HOME" || set.contains(&name)).then(|| PathBuf::from("/").join(name));
            let locations = Locations::from_variables(home).unwrap();
            (locations.index().map(str::to_owned), locations.may_download())
        };
        assert_eq!(read(&[]), (None, true));
        assert_eq!(read(&["TWINCONSENT_ENVTEST_INDEX"]), (Some("/TWINCONSENT_ENVTEST_INDEX".to_owned()), true));
        assert_eq!(read(&["ENVTEST_INSTALLED_ONLY"]), (None, false));
    }
}
