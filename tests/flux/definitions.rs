//! The definitions of the kinds of Flux and Argo CD, from the Go modules that are used of them.

#[path = "../support/go_module.rs"]
mod go_module;

use std::path::{Path, PathBuf};

use go_module::folder_of;

/// Flux's controller of Helm releases: its definition is all that is needed here, so that nothing is built of it.
const HELM_CONTROLLER: (&str, &str) = ("github.com/fluxcd/helm-controller", "v1.6.0");

/// The definitions of all kinds of Flux's in the examples.
pub fn all() -> Vec<String> {
    let source = pinned("tools/flux-source-controller", "github.com/fluxcd/source-controller");
    let kustomize = pinned("tools/flux-kustomize-controller", "github.com/fluxcd/kustomize-controller");
    let (helm, version) = HELM_CONTROLLER;
    let mut definitions = Vec::new();
    for (module, version) in [source, kustomize, (helm.to_owned(), version.to_owned())] {
        let folder = folder_of(&module, &version).join("config/crd/bases");
        let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        assert!(!files.is_empty(), "{} is empty", folder.display());
        definitions.extend(files.iter().map(|file| std::fs::read_to_string(file).unwrap()));
    }
    definitions
}

/// Argo CD's definition of Applications.
pub fn of_applications() -> PathBuf {
    let (module, version) = pinned("tests/gitops/argo-cd", "github.com/argoproj/argo-cd/v3");
    folder_of(&module, &version).join("manifests/crds/application-crd.yaml")
}

/// A module and the version that is pinned for it in this folder.
fn pinned(folder: &str, module: &str) -> (String, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join("go.mod");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let version = text.lines().find_map(|line| {
        let mut words = line.trim().trim_start_matches("require ").split_whitespace();
        (words.next() == Some(module)).then(|| words.next()).flatten()
    });
    (module.to_owned(), version.unwrap_or_else(|| panic!("{} does not name {module}", path.display())).to_owned())
}
