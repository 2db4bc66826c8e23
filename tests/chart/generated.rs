//! What is generated around the chart is as its sources make it; `make generate` writes it.

use std::process::Command;

use controlplane::Program;

use crate::helm::{self, root, shielded, tools};

/// The static manifests of the definitions.
const DEFINITIONS: &str = "deploy/crds/crds.yaml";

/// Compares a generated file with what it should hold, or writes it when `TWINCONSENT_GENERATE` is 1.
pub fn compare(path: &str, expected: &str) {
    let path = root().join(path);
    if std::env::var("TWINCONSENT_GENERATE").as_deref() == Ok("1") {
        std::fs::create_dir_all(path.parent().unwrap_or(root())).unwrap();
        std::fs::write(&path, expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let difference = found.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
    let line = difference.unwrap_or_else(|| found.lines().count().min(expected.lines().count())) + 1;
    assert!(found == expected, "{} is not as its sources make it, from line {line} on: run `make generate`", path.display());
}

#[test]
fn the_definitions_in_the_chart_are_those_of_the_rust_types() {
    let mut expected = Vec::new();
    for (name, yaml) in twinconsent_core::api::crd_files().unwrap() {
        let plural = name.trim_start_matches("twinconsent.io_");
        expected.push(plural.to_owned());
        compare(&format!("charts/twinconsent/templates/crds/{plural}"), &as_template(&name, &yaml));
    }
    let mut found: Vec<String> = std::fs::read_dir(root().join("charts/twinconsent/templates/crds"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "nothing generates the others");
}

/// A definition as a template: whether it is there, its labels and whether it stays are the user's to say.
fn as_template(name: &str, yaml: &str) -> String {
    assert!(!yaml.contains("{{"), "{name} holds what a template would take for an instruction");
    let (head, spec) = yaml.split_once("spec:\n").unwrap();
    assert!(head.contains("metadata:\n  name: ") && head.lines().count() == 4, "{name} begins otherwise than expected:\n{head}");
    format!(
        r#"{{{{- /* Generated from crds/{name} by `make generate`. Do not edit. */ -}}}}
{{{{- if .Values.crds.enabled }}}}
{head}  labels:
    {{{{- include "twinconsent.labels" . | nindent 4 }}}}
  {{{{- if .Values.crds.keep }}}}
  annotations:
    # With a definition goes every consent and its record, so no tool removes one by itself.
    argocd.argoproj.io/sync-options: Prune=false,Delete=false
    helm.sh/resource-policy: keep
    kustomize.toolkit.fluxcd.io/prune: disabled
  {{{{- end }}}}
spec:
{spec}{{{{- end }}}}
"#
    )
}

#[test]
fn the_charts_readme_is_what_helm_docs_makes_of_the_values() {
    let mut helm_docs = shielded(Program::HelmDocs);
    helm_docs.args(["--dry-run", "--chart-search-root", "charts", "--sort-values-order", "file", "--log-level", "warning"]);
    compare("charts/twinconsent/README.md", &helm::run(&mut helm_docs).ok());
}

#[test]
fn every_value_is_documented() {
    let values = std::fs::read_to_string(root().join("charts/twinconsent/values.yaml")).unwrap();
    let readme = std::fs::read_to_string(root().join("charts/twinconsent/README.md")).unwrap();
    let (_, tables) = readme.split_once("## Values").unwrap();
    let undocumented: Vec<&str> =
        tables.lines().filter(|line| line.starts_with('|') && line.trim_end().trim_end_matches('|').trim_end().ends_with('|')).collect();
    assert!(undocumented.is_empty(), "without a description:\n{}", undocumented.join("\n"));
    // A comment that helm-docs does not see leaves a value out of the table.
    let documented = values.lines().filter(|line| line.trim_start().starts_with("# -- ")).count();
    let rows = tables.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Key ")).count();
    assert_eq!(rows, documented, "rows of the table, and comments in values.yaml");
}

#[test]
fn the_static_manifests_are_what_the_chart_makes() {
    for (part, file) in [("definitions", DEFINITIONS), ("rest", "deploy/install.yaml")] {
        let mut script = Command::new(root().join("hack/static-manifests.sh"));
        script.arg(part).env("HELM", tools().path(Program::Helm)).env("KUBECONFIG", "/nonexistent/kubeconfig");
        compare(file, &helm::run(&mut script).ok());
    }
}

#[test]
fn kustomize_builds_the_bases_into_the_static_manifests() {
    for (base, file) in [("deploy/crds", DEFINITIONS), ("deploy", "deploy/install.yaml")] {
        let mut kustomize = shielded(Program::Kubectl);
        let built = helm::run(kustomize.args(["kustomize", base])).ok();
        let names = |yaml: &str| {
            let mut names: Vec<String> =
                helm::parsed(yaml).iter().map(|object| format!("{} {}", object["kind"], object["metadata"]["name"])).collect();
            names.sort();
            names
        };
        assert_eq!(names(&built), names(&std::fs::read_to_string(root().join(file)).unwrap()), "{base}");
    }
}

/// A user who deletes what was installed must not delete every consent and its record.
#[test]
fn definitions_are_in_a_file_of_their_own_and_no_tool_removes_them() {
    let read = |file: &str| helm::parsed(&std::fs::read_to_string(root().join(file)).unwrap());
    let definitions = read(DEFINITIONS);
    assert_eq!(definitions.len(), twinconsent_core::api::crd_files().unwrap().len());
    for definition in &definitions {
        assert_eq!(definition["kind"], "CustomResourceDefinition");
        let marks = &definition["metadata"]["annotations"];
        assert_eq!(marks["argocd.argoproj.io/sync-options"], "Prune=false,Delete=false");
        assert_eq!(marks["kustomize.toolkit.fluxcd.io/prune"], "disabled");
    }
    let rest = read("deploy/install.yaml");
    assert!(rest.len() > 5 && rest.iter().all(|object| object["kind"] != "CustomResourceDefinition"));
}
