//! The documents name values that exist, and what they say of rendering without a cluster works with every Helm.

use std::path::Path;

use controlplane::Program;
use tempfile::TempDir;

use crate::cluster::write;
use crate::helm::{self, Helm, Said, argument, copy_folder, parsed, root, shielded, tools};

#[test]
fn every_value_that_a_document_sets_exists() {
    let values = &parsed(&std::fs::read_to_string(root().join("charts/twinconsent/values.yaml")).unwrap())[0];
    let mut seen = 0;
    for page in ["README.md", "docs/installing.md", "docs/operating.md", "charts/twinconsent/README.md"] {
        let text = std::fs::read_to_string(root().join(page)).unwrap();
        for setting in text.split("--set ").skip(1) {
            let path = setting.trim_start_matches(['\'', '"']).split('=').next().unwrap();
            let mut value = values;
            for key in path.split('.') {
                if value.as_object().is_some_and(serde_json::Map::is_empty) {
                    break; // what it may hold is the schema's to say
                }
                if path.starts_with("podSecurityContext.") {
                    break; // the API server knows what a security context may hold
                }
                value = value.get(key).unwrap_or_else(|| panic!("{page} sets {path}, which is no value of the chart"));
            }
            seen += 1;
        }
    }
    assert!(seen > 5, "only {seen} settings were found");
}

#[test]
fn what_is_rendered_without_a_cluster_is_rendered_by_a_helm_that_knows_no_new_kubernetes() {
    let page = std::fs::read_to_string(root().join("docs/installing.md")).unwrap().replace("\\\n", " ");
    let commands: Vec<&str> = page.lines().filter(|line| line.starts_with("helm template ")).collect();
    assert!(!commands.is_empty());
    for command in commands {
        let arguments: Vec<&str> =
            command.split('|').next().unwrap().split_whitespace().skip(1).map(|word| word.trim_matches('\'')).collect();
        for helm in Helm::ALL {
            helm.run(&arguments).ok();
        }
    }
    // The Helm 3 of these tests is one of those for which it matters.
    let refusal = Helm::Three.run(&["template", "twinconsent", "charts/twinconsent"]).refusal();
    assert!(refusal.contains("kubeVersion"), "{refusal}");
}

#[test]
fn kustomize_renders_the_chart_with_both_helms() {
    let page = std::fs::read_to_string(root().join("docs/installing.md")).unwrap();
    let (_, rest) = page.split_once("```yaml\n# kustomization.yaml, beside charts/\n").unwrap();
    let (kustomization, _) = rest.split_once("```").unwrap();
    let folder = TempDir::new().unwrap();
    copy_folder(&root().join("charts"), &folder.path().join("charts"));
    for helm in Helm::ALL {
        let built = kustomize(folder.path(), helm, kustomization).ok();
        let rights =
            parsed(&built).into_iter().find(|object| object["kind"] == "ClusterRole" && object["rules"].to_string().contains("secrets"));
        assert!(rights.is_some(), "{helm:?}: the values did not reach the chart:\n{built}");
    }
    let without = kustomization.replace("    kubeVersion: 1.33.0\n", "");
    let refusal = kustomize(folder.path(), Helm::Three, &without).refusal();
    assert!(refusal.contains("kubeVersion"), "{refusal}");
}

fn kustomize(folder: &Path, helm: Helm, kustomization: &str) -> Said {
    write(folder, "kustomization.yaml", kustomization);
    let program = tools().path(helm.program());
    let mut kubectl = shielded(Program::Kubectl);
    helm::run(kubectl.args(["kustomize", "--enable-helm", "--helm-command", argument(program), argument(folder)]))
}
