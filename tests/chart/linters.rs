//! What the tools of the trade say of the chart, and of what it renders for each set of values.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use controlplane::Program;
use tempfile::TempDir;

use crate::cluster::{kubectl_with, served, write};
use crate::helm::{self, ACCOUNT_KIND, Helm, MONITORING, NAMESPACE, OLDEST_KUBERNETES, argument, shielded, template, value_files};
use crate::schemas;

#[test]
fn both_helms_lint_the_chart_with_every_set_of_values() {
    for values in value_files() {
        for helm in Helm::ALL {
            let said = helm.run(&["lint", "charts/twinconsent", "--strict", "--kube-version", OLDEST_KUBERNETES, "-f", argument(&values)]);
            assert!(said.succeeded, "{helm:?}, {}: {}{}", values.display(), said.stdout, said.stderr);
        }
    }
}

#[test]
fn both_helms_render_the_same() {
    for values in value_files() {
        let kinds = [&[ACCOUNT_KIND], &MONITORING[..]].concat().join(",");
        let arguments = ["template", "twinconsent", "charts/twinconsent", "--namespace", NAMESPACE];
        let where_ = ["--kube-version", OLDEST_KUBERNETES, "--api-versions", &kinds, "-f", argument(&values)];
        let [three, four] = Helm::ALL.map(|helm| helm::parsed(&helm.run(&[&arguments[..], &where_].concat()).ok()));
        let names = |objects: &[serde_json::Value]| {
            objects.iter().map(|object| (object["kind"].to_string() + &object["metadata"]["name"].to_string(), object.clone())).collect()
        };
        let (three, four): (std::collections::BTreeMap<_, _>, std::collections::BTreeMap<_, _>) = (names(&three), names(&four));
        assert_eq!(three, four, "{}", values.display());
    }
}

#[test]
fn the_suites_of_helm_unittest_pass() {
    let said = helm::run(shielded(Program::HelmUnittest).args(["--strict", "charts/twinconsent"]));
    assert!(said.succeeded, "{}{}", said.stdout, said.stderr);
    let files = std::fs::read_dir(helm::root().join("charts/twinconsent/tests")).unwrap();
    // It leaves a folder for snapshots beside them.
    let suites = files.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().ends_with("_test.yaml")).count();
    assert!(said.stdout.contains(&format!("Test Suites: {suites} passed, {suites} total")), "not every suite ran:\n{}", said.stdout);
}

#[test]
fn everything_that_is_rendered_fits_the_schemas_of_a_real_api_server() {
    let folder = TempDir::new().unwrap();
    let rendered = render_all(folder.path());
    let said = kubeconform(&rendered);
    assert!(said.succeeded, "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("Invalid: 0, Errors: 0, Skipped: 0"), "{}", said.stdout);

    // It would find something if there were something to find.
    let misspelt = template(&[]).replace("maxUnavailable: 1", "maxUnavailabel: 1");
    let said = kubeconform(&[write(folder.path(), "misspelt.yaml", &misspelt)]).refusal();
    assert!(said.contains("maxUnavailabel"), "{said}");
}

fn kubeconform(files: &[PathBuf]) -> helm::Said {
    let folder = TempDir::new().unwrap();
    let used: BTreeSet<String> = files
        .iter()
        .flat_map(|file| helm::parsed(&std::fs::read_to_string(file).unwrap()))
        .map(|object| object["apiVersion"].as_str().unwrap().to_owned())
        .collect();
    schemas::write(served(), &used, folder.path());
    let location = format!("{}/{}", folder.path().display(), schemas::LOCATION);
    helm::run(shielded(Program::Kubeconform).args(["-strict", "-summary", "-schema-location", &location]).args(files))
}

#[test]
fn an_api_server_would_take_everything_that_is_rendered_without_a_warning() {
    let plane = served();
    // A pod needs the account that a dry run does not make.
    plane.kubectl_ok(&["create", "serviceaccount", "twinconsent-helm-test", "--namespace", NAMESPACE]).unwrap();
    let folder = TempDir::new().unwrap();
    for file in render_all(folder.path()) {
        let yaml = std::fs::read_to_string(&file).unwrap();
        let said = kubectl_with(plane, &["apply", "--dry-run=server", "--server-side", "--force-conflicts", "-f", "-"], &yaml);
        assert_eq!(said.stderr, "", "{}", file.display());
        assert_eq!(said.stdout.lines().count(), helm::parsed(&yaml).len(), "{}: {}", file.display(), said.stdout);
    }
    // The namespace warns of pods that are not restricted.
    let privileged = template(&["--set", "securityContext.allowPrivilegeEscalation=true"]);
    let said = kubectl_with(plane, &["apply", "--dry-run=server", "--server-side", "--force-conflicts", "-f", "-"], &privileged);
    assert!(said.stderr.contains("would violate PodSecurity"), "{}", said.stderr);
}

#[test]
fn kube_score_finds_nothing_that_the_chart_does_not_explain() {
    let folder = TempDir::new().unwrap();
    for file in render_all(folder.path()) {
        let said = kube_score(&file);
        assert!(said.succeeded && findings(&said.stdout).is_empty(), "{}:\n{:#?}{}", file.display(), findings(&said.stdout), said.stderr);
    }
    // It would find something if there were something to find.
    let writable = template(&["--set", "securityContext.readOnlyRootFilesystem=false"]);
    let said = kube_score(&write(folder.path(), "writable.yaml", &writable));
    assert!(findings(&said.stdout).iter().any(|finding| finding.contains("writable root filesystem")), "{said:?}");
}

#[test]
fn what_kube_score_is_told_to_ignore_is_explained_beside_it() {
    for values in value_files() {
        for object in helm::objects(&["-f", argument(&values)]) {
            let annotations = &object["metadata"]["annotations"];
            let both = [&annotations["kube-score/ignore"], &annotations["twinconsent.io/kube-score"]].map(serde_json::Value::is_string);
            assert_eq!(both[0], both[1], "{}: {object}", values.display());
        }
    }
}

fn kube_score(file: &Path) -> helm::Said {
    let mut kube_score = shielded(Program::KubeScore);
    helm::run(kube_score.args(["score", "--output-format", "ci", "--kubernetes-version", "v1.33"]).arg(file))
}

fn findings(report: &str) -> Vec<&str> {
    report.lines().filter(|line| line.starts_with("[WARNING]") || line.starts_with("[CRITICAL]")).collect()
}

/// What the chart renders for each set of values, as a file each.
fn render_all(folder: &Path) -> Vec<PathBuf> {
    let rendered = value_files().into_iter().map(|values| {
        let name = values.file_name().unwrap().to_str().unwrap();
        write(folder, name, &template(&["-f", argument(&values)]))
    });
    rendered.collect()
}
