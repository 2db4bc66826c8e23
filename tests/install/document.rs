//! What a document tells its reader to do, done as the reader would: its own words, in a shell.

use std::path::Path;
use std::process::Command;

use controlplane::{Program, Tools};
use tempfile::TempDir;

use crate::cluster::{Cluster, output, root};

/// A section of a document: all below its heading, up to the next heading of the same depth or above.
pub struct Section(String);

impl Section {
    /// The section with this heading, such as `## Use it on a cluster`.
    #[track_caller]
    pub fn of(page: &str, heading: &str) -> Self {
        let text = std::fs::read_to_string(root().join(page)).unwrap();
        let (_, rest) = text.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("{page} has no section {heading:?}"));
        let depth = heading.split(' ').next().unwrap().len();
        let mut is_code = false;
        let own = rest.lines().take_while(|line| {
            // A comment in a block of code begins as a heading does.
            is_code ^= line.starts_with("```");
            let level = line.bytes().take_while(|byte| *byte == b'#').count();
            is_code || level == 0 || level > depth
        });
        Self(own.map(|line| format!("{line}\n")).collect())
    }

    /// Its blocks of code in a language, in their order.
    #[track_caller]
    pub fn blocks(&self, language: &str) -> Vec<String> {
        let blocks: Vec<String> =
            self.0.split(&format!("```{language}\n")).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect();
        assert!(!blocks.is_empty(), "there is no block of {language}:\n{}", self.0);
        blocks
    }
}

/// A user with a shell in the repository, kubectl, and one of the two Helms as `helm`.
pub struct Reader<'a> {
    cluster: &'a Cluster,
    programs: TempDir,
}

impl<'a> Reader<'a> {
    pub fn new(cluster: &'a Cluster, helm: Program) -> Self {
        let programs = TempDir::new().unwrap();
        let helm = Tools::ensure(&[helm]).unwrap().path(helm).to_path_buf();
        std::os::unix::fs::symlink(helm, programs.path().join("helm")).unwrap();
        Self { cluster, programs }
    }

    /// Types this in the root of the repository, and then what the command asks for. Returns what it prints.
    #[track_caller]
    pub fn types(&self, block: &str, input: &str) -> String {
        self.types_in(root(), block, input)
    }

    /// The same in another folder.
    #[track_caller]
    pub fn types_in(&self, folder: &Path, block: &str, input: &str) -> String {
        output(self.shell(folder).args(["sh", "-euc", block]), input).unwrap_or_else(|error| {
            panic!("{block}\n{error}\n{}", self.cluster.diagnosis());
        })
    }

    fn shell(&self, folder: &Path) -> Command {
        let mut command = self.cluster.command(Path::new("env"));
        // A node gives its commands a home of its own, where no user keeps compilers.
        command.arg(format!("HOME={}", std::env::var("HOME").unwrap())).current_dir(folder);
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            // What cargo and make tell their children is not for this shell, and a setting of Helm is the caller's own.
            if ["CARGO_PKG_", "CARGO_MANIFEST_", "MAKE", "MFLAGS", "HELM"].iter().any(|prefix| name.starts_with(prefix)) {
                command.env_remove(name);
            }
        }
        for folder in ["CACHE", "CONFIG", "DATA"] {
            command.env(format!("HELM_{folder}_HOME"), self.programs.path().join(folder));
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = [self.programs.path().to_path_buf()].into_iter().chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(folders).unwrap());
        command
    }
}
