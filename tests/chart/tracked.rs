//! What the chart renders, deployed by Argo CD with label tracking: it writes the Application's name into `app.kubernetes.io/instance`
//! of every object (tests/gitops/argo-cd does so with its own code), and nothing that selects may notice.

use serde_json::Value;

use crate::helm::{argument, objects, value_files};

#[test]
fn every_selector_selects_what_it_did_when_argo_cd_has_labelled_the_objects() {
    let mut kinds = std::collections::BTreeSet::new();
    for file in value_files() {
        let rendered = objects(&["-f", argument(&file)]);
        let mut tracked = rendered.clone();
        for object in &mut tracked {
            object["metadata"]["labels"]["app.kubernetes.io/instance"] = "an-application".into();
        }
        for object in &tracked {
            let (selector, pods) = match object["kind"].as_str().unwrap() {
                "Deployment" | "PodDisruptionBudget" | "PodMonitor" => (&object["spec"]["selector"]["matchLabels"], true),
                "Service" => (&object["spec"]["selector"], true),
                "NetworkPolicy" => (&object["spec"]["podSelector"]["matchLabels"], true),
                "ServiceMonitor" => (&object["spec"]["selector"]["matchLabels"], false),
                _ => continue,
            };
            let of = |object: &Value| match (pods, object["kind"].as_str().unwrap()) {
                (true, "Deployment") => object["spec"]["template"]["metadata"]["labels"].clone(),
                (false, "Service") => object["metadata"]["labels"].clone(),
                _ => Value::Null,
            };
            let selected: Vec<&Value> = tracked
                .iter()
                .filter(|other| {
                    let labels = of(other);
                    !labels.is_null() && selector.as_object().unwrap().iter().all(|(key, value)| &labels[key] == value)
                })
                .map(|other| &other["metadata"]["name"])
                .collect();
            // The return page's Service has a name of its own, and the operator's pods.
            let name = object["metadata"]["name"].as_str().unwrap();
            let meant = if object["kind"] == "Service" { name.trim_end_matches("-return-page") } else { name };
            assert_eq!(selected, [meant], "{}: {} {selector}", file.display(), object["kind"]);
            kinds.insert(object["kind"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(kinds.len(), 6, "{kinds:?}");
}
