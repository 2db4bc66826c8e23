//! What is said when something is wrong, and what to do next.

use std::path::PathBuf;

use controlplane::{ControlPlane, Options};
use serde_json::json;
use tempfile::TempDir;

use crate::nowhere;
use crate::plugin::{Answer, Plugin};
use crate::support::{World, client, eventually};

/// Every command that asks a cluster.
const COMMANDS: [&[&str]; 5] =
    [&["list"], &["status", "ada"], &["link", "ada"], &["wait", "ada"], &["wait", "ada", "--for-creation", "--timeout=30s"]];

fn refused(ran: &Answer, command: &[&str], parts: &[&str]) {
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{command:?}: {ran:?}");
    assert!(ran.stderr.starts_with("error: "), "{command:?}: {ran:?}");
    for part in parts {
        assert!(ran.stderr.contains(part), "{command:?}: {part}: {ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_rights_reads_which_are_missing() {
    let world = World::start("plugin-rights").await;
    world.plane.kubectl_ok(&["-n", &world.namespace, "create", "serviceaccount", "stranger"]).unwrap();
    let kubeconfig = world.plane.service_account_kubeconfig(&world.namespace, "stranger").unwrap();
    let plugin = Plugin::new(&kubeconfig, &world.namespace);
    for command in COMMANDS {
        refused(&plugin.run(command), command, &["stranger", "digitaltwinconsents", "docs/rbac.md"]);
    }
    // What everyone may see is shown.
    let version = plugin.run(&["version", "-o", "json"]).json();
    assert_eq!((&version["definitions"]["compared"], &version["operators"]), (&json!("same"), &json!(null)));
    world.end([]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_cannot_be_reached_is_named() {
    let (_taken, address) = nowhere::at_an_address();
    let folder = TempDir::new().unwrap();
    let kubeconfig = kubeconfig(&folder, &format!("https://{address}"));
    let plugin = Plugin::new(&kubeconfig, "default");
    for command in COMMANDS.into_iter().chain([&["version"][..]]) {
        refused(
            &plugin.run(command),
            command,
            &[&format!("cannot reach the cluster at https://{address}"), "kubectl config current-context"],
        );
    }
    let missing = Plugin::new(&folder.path().join("none"), "default").run(&["list"]);
    refused(&missing, &["list"], &["no usable kubeconfig", "--kubeconfig"]);
    let other = plugin.run(&["list", "--context", "another"]);
    refused(&other, &["list"], &["no usable kubeconfig", "another"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_without_our_definitions_or_with_older_ones_is_told() {
    let plane = ControlPlane::start(Options::default()).unwrap();
    let plugin = Plugin::new(plane.kubeconfig(), "default");
    for command in COMMANDS {
        refused(&plugin.run(command), command, &["definitions are not installed", "docs/installing.md"]);
    }
    assert_eq!(plugin.run(&["version", "-o", "json"]).json()["definitions"]["compared"], "absent");

    // An older release, which knows neither `withdrawal` nor `objectUID`.
    let (_, definition) = &twinconsent_core::api::crd_files().unwrap()[0];
    let mut definition: serde_json::Value = serde_saphyr::from_str(definition).unwrap();
    let schema = &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
    drop(schema["spec"]["properties"].as_object_mut().unwrap().remove("withdrawal"));
    drop(schema["status"]["properties"].as_object_mut().unwrap().remove("objectUID"));
    let rules = schema["spec"]["x-kubernetes-validations"].as_array_mut().unwrap();
    rules.retain(|rule| !rule.to_string().contains("withdrawal"));
    plane.apply(&definition.to_string()).unwrap();
    eventually("the definition is served", || async {
        let compared = plugin.run(&["version", "-o", "json"]).json()["definitions"]["compared"].clone();
        if compared == "older" { Ok(()) } else { Err(compared) }
    })
    .await;
    assert_eq!(plugin.run(&["version", "-o", "json"]).json()["definitions"]["fields"], json!(["spec.withdrawal", "status.objectUID"]));
    let kind = json!({ "apiVersion": "twinconsent.io/v1alpha1", "kind": "DigitalTwinConsent" });
    let mut consent = kind.clone();
    consent["metadata"] = json!({ "name": "ada", "namespace": "default" });
    consent["spec"] = json!({ "groupID": "ada" });
    plane.apply(&consent.to_string()).unwrap();
    assert!(plugin.run(&["list"]).done().contains("ada"));

    // Its operator says nothing of `Permitted`.
    let ready =
        json!({ "type": "Ready", "status": "True", "reason": "Approved", "message": "m", "lastTransitionTime": "2026-01-01T00:00:00Z" });
    let consents: kube::Api<twinconsent_core::api::consent::DigitalTwinConsent> = kube::Api::namespaced(client(&plane).await, "default");
    let patch = json!({ "status": { "observedGeneration": 1, "conditions": [ready] } });
    consents.patch_status("ada", &kube::api::PatchParams::default(), &kube::api::Patch::Merge(patch)).await.unwrap();
    let waited = plugin.run(&["wait", "ada", "--timeout=1s"]);
    assert_eq!(waited.code, 4, "{waited:?}");
    assert!(waited.stderr.contains("older than this program"), "{waited:?}");
    assert!(plugin.run(&["status", "ada"]).done().contains("Upgrade the operator"));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_ends_with_2() {
    let plugin = Plugin::new(std::path::Path::new("/nowhere"), "default");
    let wrong: [&[&str]; 6] = [
        &[],
        &["lists"],
        &["list", "-A", "-n", "team"],
        &["list", "-o", "yaml"],
        &["wait", "ada", "--timeout=soon"],
        &["wait", "ada", "grace", "--group=ada"],
    ];
    for command in wrong {
        let ran = plugin.run(command);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{command:?}: {ran:?}");
    }
    let help = plugin.run(&["--help"]);
    assert_eq!(help.code, 0);
    assert!(help.stdout.contains("Exit codes: 0 done, or permitted; 1 an error; 2 wrong usage; 3 refused or stalled; 4 timeout"));
}

fn kubeconfig(folder: &TempDir, server: &str) -> PathBuf {
    let path = folder.path().join("kubeconfig");
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{ "name": "test", "cluster": { "server": server } }],
        "users": [{ "name": "test", "user": { "token": "token-of-the-test" } }],
        "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "test" } }],
    });
    std::fs::write(&path, config.to_string()).unwrap();
    path
}
