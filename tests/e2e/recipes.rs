//! The recipes of `docs/gitops.md`, run as they stand there.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{ExitStatus, Stdio};

use serde_json::json;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::support::scene::AWAITING;
use crate::support::{DEADLINE, Scene, plane};

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_waits_for_the_object_and_then_for_the_person() {
    let scene = Scene::start("waiting").await;
    let kubectl = kubectl_in(&scene.namespace);
    let mut pipeline = started(&kubectl, &recipe(0));
    scene.ask("ada", json!({})).await;
    scene.until_told("ada", AWAITING).await;
    scene.left_alone(&["ada"]).await;
    assert_eq!(pipeline.try_wait().unwrap(), None, "it did not wait for the person");
    scene.simulator.approve("ada").unwrap();
    assert!(ended(&mut pipeline).await.success());
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_that_waits_for_either_answer_ends_on_a_refusal_too() {
    let scene = Scene::start("either").await;
    let kubectl = kubectl_in(&scene.namespace);
    let mut pipelines = Vec::new();
    for name in ["ada", "bob"] {
        scene.ask(name, json!({})).await;
        scene.until_told(name, AWAITING).await;
        pipelines.push(started(&kubectl, &recipe(1).replace("ada", name)));
    }
    scene.left_alone(&["ada", "bob"]).await;
    for pipeline in &mut pipelines {
        assert_eq!(pipeline.try_wait().unwrap(), None, "it did not wait for the person");
    }
    scene.simulator.approve("ada").unwrap();
    scene.simulator.reject("bob").unwrap();
    assert!(ended(&mut pipelines[0]).await.success(), "ada has consented");
    assert_eq!(ended(&mut pipelines[1]).await.code(), Some(1), "bob has refused");
    scene.end().await;
}

/// A block of commands below the heading about `kubectl wait`.
fn recipe(number: usize) -> String {
    let page = include_str!("../../docs/gitops.md");
    let section = page.split("\n## ").find(|section| section.starts_with("kubectl wait\n")).unwrap();
    let block = section.split("```sh\n").nth(number + 1).and_then(|rest| rest.split("```").next());
    block.unwrap_or_else(|| panic!("there is no recipe {number}")).to_owned()
}

/// A folder with a `kubectl` that talks to the control plane, in this namespace.
fn kubectl_in(namespace: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let (program, kubeconfig) = (plane().kubectl().get_program().to_owned(), plane().kubeconfig().display().to_string());
    let program = program.display();
    let script = format!("#!/bin/sh\nexec '{program}' --kubeconfig '{kubeconfig}' --namespace '{namespace}' \"$@\"\n");
    let path = folder.path().join("kubectl");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// Starts a recipe as a pipeline does: in a shell that ends at the first error.
fn started(kubectl: &TempDir, recipe: &str) -> Child {
    let path = format!("{}:{}", kubectl.path().display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.args(["-ec", recipe]).env("PATH", path).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    bash.spawn().unwrap_or_else(|error| panic!("bash, for which the recipe is written, cannot be run: {error}"))
}

async fn ended(pipeline: &mut Child) -> ExitStatus {
    tokio::time::timeout(DEADLINE, pipeline.wait()).await.expect("the pipeline ends").unwrap()
}
