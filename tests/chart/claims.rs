//! What the chart tells the world of itself is so.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::cluster::{TENANTS, kubectl_with, served};
use crate::helm::{parsed, root};

fn chart() -> Value {
    let text = std::fs::read_to_string(root().join("charts/twinconsent/Chart.yaml")).unwrap();
    parsed(&text).remove(0)
}

/// An annotation for Artifact Hub.
fn shown(chart: &Value, name: &str) -> String {
    chart["annotations"][format!("artifacthub.io/{name}")].as_str().unwrap_or_else(|| panic!("{name} is not told")).to_owned()
}

#[test]
fn the_chart_has_the_version_of_the_operator() {
    let (chart, version) = (chart(), env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["version"], version);
    assert_eq!(chart["appVersion"], version);
    for image in ["twinconsent-operator", "heygen-simulator"] {
        let line = format!("image: {image}:{version}\n");
        assert!(shown(&chart, "images").contains(&line), "{line} is not told to Artifact Hub");
    }
    assert_eq!(shown(&chart, "prerelease"), version.starts_with("0.").to_string());
}

#[test]
fn no_capability_is_claimed_but_the_one_that_is_tested() {
    let chart = chart();
    // `releases` upgrades, rolls back and removes. The next level would be backups that the operator makes itself.
    assert_eq!(shown(&chart, "operatorCapabilities"), "Seamless Upgrades");
    assert_eq!(shown(&chart, "license"), env!("CARGO_PKG_LICENSE"));
    let licence = std::fs::read_to_string(root().join("LICENSE")).unwrap();
    assert!(licence.contains("Apache License") && licence.contains("Version 2.0"), "{}", licence.lines().next().unwrap_or_default());
    // Everything that is claimed stands here, so that a new claim asks for its test.
    let claims: BTreeSet<String> = chart["annotations"].as_object().unwrap().keys().cloned().collect();
    let known = ["category", "crds", "crdsExamples", "images", "license", "operator", "operatorCapabilities", "prerelease"];
    assert_eq!(claims, known.map(|name| format!("artifacthub.io/{name}")).into());
}

#[test]
fn the_definitions_that_are_told_are_those_that_come() {
    let shown = parsed(&shown(&chart(), "crds")).remove(0);
    let mut shown: Vec<[String; 3]> = shown
        .as_array()
        .unwrap()
        .iter()
        .map(|crd| ["kind", "version", "name"].map(|part| crd[part].as_str().unwrap().to_owned()))
        .collect();
    let mut come: Vec<[String; 3]> = twinconsent_core::api::crd_files()
        .unwrap()
        .iter()
        .map(|(_, yaml)| {
            let definition = parsed(yaml).remove(0);
            let spec = &definition["spec"];
            let versions = spec["versions"].as_array().unwrap();
            assert_eq!(versions.len(), 1, "Artifact Hub is told of one version of each");
            [&spec["names"]["kind"], &versions[0]["name"], &definition["metadata"]["name"]].map(|part| part.as_str().unwrap().to_owned())
        })
        .collect();
    shown.sort();
    come.sort();
    assert_eq!(shown, come);
}

#[test]
fn the_examples_that_are_told_are_taken_by_the_api_server() {
    let examples = parsed(&shown(&chart(), "crdsExamples")).remove(0);
    let examples = examples.as_array().unwrap();
    assert_eq!(examples.len(), 3);
    for example in examples {
        let arguments = ["create", "--dry-run=server", "--validate=strict", "--namespace", TENANTS[0], "-o", "name", "-f", "-"];
        kubectl_with(served(), &arguments, &example.to_string()).ok();
    }
}
