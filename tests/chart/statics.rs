//! The static manifests from their installation to their removal, and the way from there to Helm and back, word for word as the
//! document says it, on a real API server with both Helms: definitions, consents and accounts outlive it all.

use std::path::Path;
use std::process::Command;

use controlplane::{ControlPlane, Program};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cluster::{eventually, fresh, get};
use crate::helm::{self, Helm, NAMESPACE, Said, argument, root, shielded, tools};

const OURS: &str = "apiVersion: twinconsent.io/v1alpha1
kind: ClusterHeyGenAccount
metadata: {name: default}
spec: {apiKeySecretRef: {name: heygen, key: apiKey}}
---
apiVersion: twinconsent.io/v1alpha1
kind: DigitalTwinConsent
metadata: {name: ada, namespace: default}
spec: {groupID: 5f2c8e0b9d3a4c71ada}
";

#[test]
fn static_manifests_become_a_release_and_the_other_way_round_with_helm_3() {
    there_and_back(Helm::Three);
}

#[test]
fn static_manifests_become_a_release_and_the_other_way_round_with_helm_4() {
    there_and_back(Helm::Four);
}

fn there_and_back(helm: Helm) {
    let plane = fresh();
    let shell = Shell::new(&plane, helm);
    shell.run(&block("## Static manifests", 0)).ok();
    plane.apply(OURS).unwrap();
    let status = json!({ "status": { "observedGeneration": 1, "url": "https://app.heygen.com/consent/s3cret" } }).to_string();
    plane.kubectl_ok(&["patch", "digitaltwinconsent", "ada", "--subresource=status", "--type=merge", "-p", &status]).unwrap();
    let kept = ours(&plane);
    let deployment = uid(&deployment(&plane));

    // Taken over, not made anew, and Helm's to change from then on.
    shell.run(&block("### From static manifests to Helm", 0)).ok();
    assert_eq!(ours(&plane), kept);
    assert_eq!(uid(&self::deployment(&plane)), deployment, "the Deployment was made anew");
    for values in ["replicas=3,image.tag=other", "replicas=1,log.filter=debug,service.port=9090,commonLabels.team=video"] {
        shell.run(&format!("helm upgrade twinconsent charts/twinconsent --namespace {NAMESPACE} --set {values}")).ok();
    }
    assert_eq!(self::deployment(&plane)["spec"]["replicas"], 1);
    assert_eq!(get(&plane, &["crd", "digitaltwinconsents.twinconsent.io"])["metadata"]["labels"]["team"], "video");
    assert_eq!(ours(&plane), kept);

    // And back, and there again: what is left of the release keeps neither way closed.
    shell.run(&block("### From Helm to static manifests", 0)).ok();
    assert_eq!(ours(&plane), kept);
    assert_eq!(self::deployment(&plane)["spec"]["replicas"], 2);
    shell.run(&block("### From static manifests to Helm", 0)).ok();
    shell.run(&format!("helm uninstall twinconsent --namespace {NAMESPACE}")).ok();
    assert_eq!(deployment_count(&plane), 0);
    assert_eq!(ours(&plane), kept);
}

#[test]
fn deleting_the_static_manifests_deletes_no_definition_and_no_consent() {
    let plane = fresh();
    let shell = Shell::new(&plane, Helm::Four);
    shell.run(&block("## Static manifests", 0)).ok();
    plane.apply(OURS).unwrap();
    let kept = ours(&plane);
    shell.run(&block("## Removing", 2)).ok();
    eventually("the namespace is gone", || get(&plane, &["namespace", NAMESPACE]).is_null());
    assert_eq!(deployment_count(&plane), 0);
    assert!(get(&plane, &["clusterroles", "-l", "app.kubernetes.io/instance=twinconsent"]).is_null());
    assert_eq!(ours(&plane), kept);
    // Installed again, everything is as it was.
    shell.run(&block("## Static manifests", 0)).ok();
    assert_eq!(ours(&plane), kept);
    assert_eq!(deployment_count(&plane), 1);
}

/// The block of commands with this number under a heading of the document.
fn block(heading: &str, number: usize) -> String {
    let page = std::fs::read_to_string(root().join("docs/installing.md")).unwrap();
    let (_, rest) = page.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("{heading} is gone"));
    let rest = rest.split("\n## ").next().unwrap();
    let block = rest.split("```sh\n").nth(number + 1).unwrap_or_else(|| panic!("{heading} has fewer commands"));
    block.split_once("```").unwrap().0.to_owned()
}

/// What must outlive everything, with all that is written about it, and which definitions hold it.
fn ours(plane: &ControlPlane) -> Vec<Value> {
    let mut kept = vec![
        get(plane, &["digitaltwinconsent", "ada", "--namespace=default", "--show-managed-fields"]),
        get(plane, &["clusterheygenaccount", "default", "--show-managed-fields"]),
    ];
    assert!(kept.iter().all(|object| !object.is_null()), "{kept:?}");
    for kind in ["digitaltwinconsents", "heygenaccounts", "clusterheygenaccounts"] {
        kept.push(json!(uid(&get(plane, &["crd", &format!("{kind}.twinconsent.io")]))));
    }
    kept
}

fn deployment(plane: &ControlPlane) -> Value {
    get(plane, &["deployment", "twinconsent", "--namespace", NAMESPACE])
}

fn deployment_count(plane: &ControlPlane) -> usize {
    get(plane, &["deployments", "--all-namespaces"])["items"].as_array().map_or(0, Vec::len)
}

fn uid(object: &Value) -> String {
    object["metadata"]["uid"].as_str().unwrap().to_owned()
}

/// A shell at the root of the repository, whose `kubectl` and `helm` are those of the tests, with this cluster.
struct Shell<'a> {
    plane: &'a ControlPlane,
    programs: TempDir,
}

impl<'a> Shell<'a> {
    fn new(plane: &'a ControlPlane, helm: Helm) -> Self {
        let programs = TempDir::new().unwrap();
        for (name, program) in [("kubectl", Program::Kubectl), ("helm", helm.program())] {
            std::os::unix::fs::symlink(tools().path(program), programs.path().join(name)).unwrap();
        }
        Self { plane, programs }
    }

    fn run(&self, commands: &str) -> Said {
        let path = std::env::join_paths(
            std::iter::once(self.programs.path().to_owned()).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        let mut shell = Command::new("sh");
        for (name, value) in shielded(Program::Kubectl).get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell.args(["-euc", commands]).env("PATH", path.unwrap()).env("KUBECONFIG", argument(self.plane.kubeconfig() as &Path));
        helm::run(shell.current_dir(root()))
    }
}
