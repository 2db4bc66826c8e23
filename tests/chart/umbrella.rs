//! The chart as a part of another one, with both Helms.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cluster::{get, served, write};
use crate::helm::{Helm, MONITORING, OLDEST_KUBERNETES, Said, argument, object, parsed, root};

/// What the parent hands to all its subcharts, in the spellings that parents use, and what it gives to this one.
const VALUES: &str = "
global:
  imageRegistry: registry.example.com/mirror/
  imagePullSecrets: [everybodys, {name: everybodys}, {name: another}]
  somethingOfAnotherChart: {a: 1}
twinconsent:
  enabled: true
  crds: {enabled: false}
  replicas: 0
  image: {registry: overridden.example.com}
  imagePullSecrets: [{name: own}]
  simulator: {enabled: true}
  account: {name: umbrella}
";

#[test]
fn a_parent_chart_gives_registry_and_pull_secrets_to_every_image() {
    for helm in Helm::ALL {
        let parent = Parent::new(helm, "condition: twinconsent.enabled");
        let objects = parsed(&parent.template(VALUES).ok());
        for (name, image) in [("video-twinconsent", "twinconsent-operator"), ("video-twinconsent-simulator", "heygen-simulator")] {
            let pod = &object(&objects, "Deployment", name)["spec"]["template"]["spec"];
            let version = env!("CARGO_PKG_VERSION");
            assert_eq!(pod["containers"][0]["image"], format!("registry.example.com/mirror/{image}:{version}"), "{helm:?}");
            assert_eq!(pod["imagePullSecrets"], json!([{ "name": "own" }, { "name": "everybodys" }, { "name": "another" }]), "{helm:?}");
        }
        // A parent may also hand over nothing.
        let objects = parsed(&parent.template("global: null\ntwinconsent: {enabled: true}").ok());
        let pod = &object(&objects, "Deployment", "video-twinconsent")["spec"]["template"]["spec"];
        assert_eq!(pod["imagePullSecrets"], Value::Null, "{helm:?}");
    }
}

#[test]
fn a_parent_chart_switches_it_on_and_off() {
    for helm in Helm::ALL {
        let namespace = format!("umbrella-{helm:?}").to_lowercase();
        let parent = Parent::new(helm, "condition: twinconsent.enabled");
        let install = |values: &str| {
            let values = write(parent.folder.path(), "given.yaml", values);
            let arguments = ["upgrade", "--install", "video", parent.path(), "--namespace", &namespace, "--create-namespace"];
            helm.run_on(served().kubeconfig(), &[&arguments[..], &["-f", argument(&values)]].concat()).ok();
            get(served(), &["deployment", "video-twinconsent", "--namespace", &namespace])
        };
        // The account is the cluster's, and the next Helm's release could not have it.
        let on = VALUES.replace("name: umbrella", &format!("name: {namespace}"));
        assert_eq!(install(&on)["metadata"]["labels"]["app.kubernetes.io/instance"], "video", "{helm:?}");
        assert_eq!(install(&on.replace("enabled: true\n  crds", "enabled: false\n  crds")), Value::Null, "{helm:?}");
    }
}

#[test]
fn a_switch_that_no_parent_reads_is_refused() {
    for helm in Helm::ALL {
        let parent = Parent::new(helm, "tags: [twins]");
        let refusal = parent.template("twinconsent: {enabled: false}").refusal();
        assert!(refusal.contains("give its dependency `condition: twinconsent.enabled`"), "{helm:?}: {refusal}");
        parent.template("twinconsent: {enabled: true}").ok();
    }
}

#[test]
fn a_parent_chart_may_call_it_as_it_likes() {
    for helm in Helm::ALL {
        // Helm's rule for these names is wider than Kubernetes' for any.
        let parent = Parent::new(helm, "alias: _Twins_");
        let objects = parsed(&parent.template("_Twins_: {replicas: 1}").ok());
        let service = objects.iter().find(|object| object["kind"] == "Service").unwrap();
        let name = service["metadata"]["name"].as_str().unwrap();
        assert!(crate::names::is_of_a_service(name), "{helm:?}: {name}");
        for (key, value) in service["metadata"]["labels"].as_object().unwrap() {
            assert!(crate::names::is_of_a_label(value.as_str().unwrap()), "{helm:?}: {key}: {value}");
        }
    }
}

/// A chart that has ours as its dependency.
struct Parent {
    helm: Helm,
    folder: TempDir,
}

impl Parent {
    /// Its dependency has this besides; Helm packs ours for it.
    fn new(helm: Helm, besides: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let (ours, version) = (root().join("charts/twinconsent"), env!("CARGO_PKG_VERSION"));
        let dependency = format!("{{name: twinconsent, version: {version}, repository: 'file://{}', {besides}}}", ours.display());
        let chart = format!("apiVersion: v2\nname: video\nversion: 1.0.0\ndependencies: [{dependency}]\n");
        write(folder.path(), "Chart.yaml", &chart);
        let parent = Self { helm, folder };
        helm.run(&["dependency", "update", parent.path()]).ok();
        parent
    }

    fn path(&self) -> &str {
        argument(self.folder.path() as &Path)
    }

    fn template(&self, values: &str) -> Said {
        let values = write(self.folder.path(), "given.yaml", values);
        let kinds = MONITORING.join(",");
        let where_ = ["--namespace", "studio", "--kube-version", OLDEST_KUBERNETES, "--api-versions", &kinds, "-f", argument(&values)];
        self.helm.run(&[&["template", "video", self.path()], &where_[..]].concat())
    }
}
