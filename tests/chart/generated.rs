//! What is generated around the chart is as its sources make it; `make generate` writes it.

use std::process::Command;

use controlplane::Program;

use crate::helm::{self, root, shielded, tools};

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
    for (name, yaml) in twinconsent::api::crd_files().unwrap() {
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
    helm.sh/resource-policy: keep
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
    let mut script = Command::new(root().join("hack/static-manifests.sh"));
    script.env("HELM", tools().path(Program::Helm)).env("KUBECONFIG", "/nonexistent/kubeconfig");
    compare("deploy/install.yaml", &helm::run(&mut script).ok());
}

#[test]
fn kustomize_builds_the_base_into_the_static_manifests() {
    let mut kustomize = shielded(Program::Kubectl);
    let built = helm::run(kustomize.args(["kustomize", "deploy"])).ok();
    let names = |yaml: &str| {
        let mut names: Vec<String> =
            helm::parsed(yaml).iter().map(|object| format!("{} {}", object["kind"], object["metadata"]["name"])).collect();
        names.sort();
        names
    };
    let install = std::fs::read_to_string(root().join("deploy/install.yaml")).unwrap();
    assert_eq!(names(&built), names(&install));
}
