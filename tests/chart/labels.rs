//! Labels and annotations of several sources: each key comes once, and what selects the pods cannot be changed.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::helm::{ACCOUNT_KIND, MONITORING, argument, object, objects, parsed, root, template_where};

/// The values that are labels, and the objects that have them.
const LABELS: [(&str, &[&str]); 5] = [
    ("commonLabels", &["Deployment", "Service", "ServiceMonitor", "PrometheusRule", "ClusterRole"]),
    ("podLabels", &["Deployment"]),
    ("serviceMonitor.labels", &["ServiceMonitor"]),
    ("podMonitor.labels", &["PodMonitor"]),
    ("prometheusRule.labels", &["PrometheusRule"]),
];

/// The labels that only the chart can give.
const RESERVED: [&str; 5] = [
    "app.kubernetes.io/component",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/name",
    "twinconsent.io/release",
];

#[test]
fn the_parser_of_these_tests_refuses_a_key_that_comes_twice() {
    let twice = serde_saphyr::from_multiple::<Value>("metadata:\n  labels:\n    a: b\n    a: b\n");
    assert!(twice.is_err(), "{twice:?}");
}

#[test]
fn every_label_of_the_chart_is_given_once_or_refused() {
    let all = ["--set=serviceMonitor.enabled=true,prometheusRule.enabled=true"];
    let own: BTreeSet<String> = objects(&all).iter().flat_map(|object| keys(&object["metadata"]["labels"])).collect();
    let mut refused = BTreeSet::new();
    for label in own {
        for (value, kinds) in LABELS {
            let set = format!("--set-string={value}.{}=given", label.replace('.', "\\."));
            let pods = format!(
                "--set=serviceMonitor.enabled={},podMonitor.enabled={}",
                value != "podMonitor.labels",
                value == "podMonitor.labels"
            );
            let said = template_where(&[&[ACCOUNT_KIND], &MONITORING[..]].concat(), &[all[0], &pods, &set]);
            if !said.succeeded {
                assert!(said.stderr.contains(&format!("{value}: {label} ")), "{set}: {}", said.stderr);
                refused.insert(label.clone());
                continue;
            }
            let objects = parsed(&said.stdout);
            for kind in kinds {
                let object = objects.iter().find(|object| object["kind"] == *kind).unwrap();
                let labels = if value == "podLabels" { &object["spec"]["template"]["metadata"] } else { &object["metadata"] };
                assert_eq!(labels["labels"][&label], "given", "{set}: {kind}");
            }
        }
    }
    // Of those that people's roles have, the operator's rights would reach people.
    assert!(refused.remove("rbac.authorization.k8s.io/aggregate-to-edit"), "{refused:?}");
    assert_eq!(refused, RESERVED.map(str::to_owned).into());
}

#[test]
fn of_two_labels_the_more_specific_one_is_taken() {
    let values = root().join("tests/chart/values/labels.yaml");
    let objects = objects(&["-f", argument(&values)]);
    let team = |kind: &str| object(&objects, kind, "twinconsent")["metadata"]["labels"]["example.com/team"].clone();
    assert_eq!(["Service", "Deployment", "ServiceMonitor", "PrometheusRule"].map(team), ["video", "video", "monitoring", "monitoring"]);
    let deployment = &object(&objects, "Deployment", "twinconsent");
    assert_eq!(deployment["metadata"]["labels"]["app.kubernetes.io/version"], "ours");
    let pod = &deployment["spec"]["template"]["metadata"];
    assert_eq!(pod["labels"]["example.com/team"], "pods");
    assert_eq!(pod["labels"]["app.kubernetes.io/version"], "", "an empty value is a value");
    assert_eq!(pod["annotations"]["kubectl.kubernetes.io/default-container"], "sidecar");
    // What the chart remembers by, it must find again.
    assert_ne!(pod["annotations"]["checksum/ca-bundle"], "forged");
    assert_eq!(object(&objects, "Service", "twinconsent")["metadata"]["annotations"]["twinconsent.io/holds-account"], "default");
    let spread = &deployment["spec"]["template"]["spec"]["topologySpreadConstraints"][0];
    assert_eq!(spread["labelSelector"]["matchLabels"], deployment["spec"]["selector"]["matchLabels"]);
}

fn keys(map: &Value) -> Vec<String> {
    map.as_object().into_iter().flat_map(|map| map.keys().cloned()).collect()
}
