//! The manifests of the examples, judged by the definitions of the tools that they are for.
//!
//! The chart that one of them installs is tried elsewhere.

use std::path::{Path, PathBuf};

use crate::definitions;
use crate::stage::{Stage, examples, flux_runs};
use crate::support::{eventually, plane};

#[tokio::test(flavor = "multi_thread")]
async fn flux_knows_every_field_of_its_manifests() {
    let stage = Stage::start("manifests").await;
    plane().apply("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: flux-system\n").unwrap();
    are_accepted(examples(), 5);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn argo_cd_knows_every_field_of_its_manifests() {
    // Whose start waits for all definitions, and stumbles over this one: its conditions are null at first.
    flux_runs().await;
    let definition = definitions::of_applications();
    plane().kubectl_ok(&["apply", "--server-side", "-f", definition.to_str().unwrap()]).unwrap();
    eventually("Applications are known", || async {
        plane().kubectl_ok(&["wait", "--for=condition=Established", "crd/applications.argoproj.io", "--timeout=1s"])
    })
    .await;
    plane().apply("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: argocd\n").unwrap();
    are_accepted(&examples().with_file_name("argo-cd"), 3);
}

/// Every manifest in this folder is, and there are so many.
fn are_accepted(folder: &Path, count: usize) {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let manifests: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
    assert_eq!(manifests.len(), count, "{manifests:?}");
    for path in manifests {
        let arguments = ["apply", "--dry-run=server", "--server-side", "--validate=strict", "-f", path.to_str().unwrap()];
        let answer = plane().kubectl_ok(&arguments).unwrap();
        assert!(answer.contains("serverside-applied (server dry run)"), "{}: {answer}", path.display());
    }
}
