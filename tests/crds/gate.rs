//! The command with which a gate looks at a consent: what it lets through, on the real API server.

use serde_json::{Value, json};

use crate::cluster::{self, Cluster};
use crate::manifests;

/// Runs the command of the page about trust on objects that lack one thing each, and on one that lacks nothing.
pub fn lets_through_what_the_page_says(cluster: &Cluster) {
    let page = manifests::read("docs/trust.md");
    let command =
        page.lines().find_map(|line| line.strip_prefix("kubectl get digitaltwinconsent ada -o go-template=")).expect("the command");
    let template = format!("-o=go-template={}", command.trim_matches('\''));
    let namespace = cluster.namespace("gate");
    let studio = json!({ "kind": "ClusterHeyGenAccount", "name": "studio" });
    let lacking: [(&str, Value, Value); 9] = [
        ("nothing", json!({}), json!({})),
        ("its-own-uid", json!({}), json!({ "objectUID": "6a1c2f6e-9d0b-4f0e-8c53-0f6f2f8d7a11" })),
        ("any-uid", json!({}), json!({ "objectUID": null })),
        ("its-generation", json!({}), json!({ "observedGeneration": 0 })),
        ("consent", json!({ "readyWhen": "Initiated" }), json!({ "conditions": [ready("True", "AwaitingApproval")] })),
        ("certainty", json!({}), json!({ "conditions": [ready("Unknown", "Unverified")] })),
        ("the-group", json!({ "groupID": "another" }), json!({})),
        ("the-account", json!({ "accountRef": studio }), json!({})),
        ("a-follower", json!({ "suspend": true }), json!({})),
    ];
    for (name, spec, status) in lacking {
        let mut whole = json!({ "groupID": "5f2c8e0b9d3a4c71ada" });
        merge(&mut whole, &spec);
        cluster.create(&cluster::object("DigitalTwinConsent", namespace, name, &whole));
        let uid = cluster.kubectl(&["get", "dtc", name, "-n", namespace, "-o", "jsonpath={.metadata.uid}"]).stdout;
        let mut told = json!({ "objectUID": uid, "observedGeneration": 1, "conditions": [ready("True", "Approved")] });
        merge(&mut told, &status);
        assert_eq!(cluster.patch_status("DigitalTwinConsent", namespace, name, &told).stderr, "", "{name}");
        let answer = cluster.kubectl(&["get", "dtc", name, "-n", namespace, &template]);
        let is_permitted = answer.succeeded && answer.stdout == "permitted";
        assert_eq!(is_permitted, name == "nothing", "an object that lacks {name}: {answer:?}");
    }
}

fn ready(status: &str, reason: &str) -> Value {
    json!({ "type": "Ready", "status": status, "reason": reason, "message": "", "lastTransitionTime": "2026-01-02T03:04:05Z" })
}

fn merge(whole: &mut Value, part: &Value) {
    for (field, value) in part.as_object().expect("fields") {
        whole[field] = value.clone();
    }
}
