//! Built by kustomize: the document's overlay below one that prefixes every name and generates the Secret with the key.

use controlplane::Program;

use crate::cluster::{cluster, root};
use crate::consents::{link, until};
use crate::document::{Reader, Section};
use crate::heygen::{self, Beside};
use crate::release::NAMESPACE;

/// Names that kustomize changes are named here as they were: by the account, and by the consent.
const OBJECTS: &str = "
apiVersion: twinconsent.io/v1alpha1
kind: ClusterHeyGenAccount
metadata: {name: studio}
spec: {apiKeySecretRef: {name: heygen, key: apiKey}, polling: {interval: 2s, minimum: 1s}}
---
apiVersion: twinconsent.io/v1alpha1
kind: DigitalTwinConsent
metadata: {name: curie, labels: {tier: gold}}
spec: {groupID: curie, accountRef: {kind: ClusterHeyGenAccount, name: studio}}
";

#[test]
fn an_overlay_with_a_prefix_and_a_generated_secret_installs_it_and_serves_a_consent() {
    let cluster = &*cluster();
    cluster.clear(&[NAMESPACE]);
    let person = Beside::start(cluster, &["curie"]);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let reader = Reader::new(cluster, Program::Helm);
    reader.types(&format!("cp -R deploy '{}'", folder.path().display()), "");
    let shown = Section::of("docs/installing.md", "## Kustomize").blocks("yaml").remove(0);
    assert!(shown.contains("registry.example.com"), "{shown}");
    write("overlay/kustomization.yaml", &shown.replace("registry.example.com", "localhost"));
    write("spring/objects.yaml", OBJECTS);
    write("spring/apiKey", heygen::KEY);
    write("spring/kustomization.yaml", &spring());

    reader.types_in(folder.path(), "kubectl apply --server-side -k deploy/crds", "");
    cluster.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "-f", root().join("crds").to_str().unwrap()]);
    let applied = reader.types_in(folder.path(), "kubectl apply --server-side -k spring", "");
    assert!(applied.contains("deployment.apps/spring-twinconsent ") && applied.contains("secret/spring-heygen-"), "{applied}");
    cluster.kubectl(&["-n", NAMESPACE, "rollout", "status", "deployment/spring-twinconsent", "--timeout=120s"]);
    person.consent(&link(&until(cluster, NAMESPACE, "spring-curie", "AwaitingApproval")));
    until(cluster, NAMESPACE, "spring-curie", "Approved");
    cluster.clear(&[NAMESPACE]);
}

/// The overlay above the document's. The patch is a test's: no real person is asked.
fn spring() -> String {
    let argument = |argument: &str| format!("      - {{op: add, path: /spec/template/spec/containers/0/args/-, value: {argument}}}\n");
    format!(
        "apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: {NAMESPACE}
namePrefix: spring-
resources: [../overlay, objects.yaml]
secretGenerator:
  - name: heygen
    files: [apiKey]
patches:
  - target: {{kind: Deployment}}
    patch: |
{}{}",
        argument(&format!("--heygen-base-url={}", Beside::url())),
        argument("--allow-insecure-base-url=true"),
    )
}
