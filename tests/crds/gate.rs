//! The command with which a gate checks a consent: what it lets through, on the real API server.

use serde_json::{Value, json};

use crate::LINK;
use crate::cluster::{self, Cluster};
use crate::manifests;

/// Runs the command of the page about trust on objects that lack one thing each, and on one that lacks nothing.
pub fn lets_through_what_the_page_says(cluster: &Cluster) {
    let page = manifests::read("docs/trust.md");
    let command =
        page.lines().find_map(|line| line.strip_prefix("kubectl get digitaltwinconsent ada -o go-template=")).expect("the command");
    // What it is tried with here holds for the recipe that waits as well.
    assert!(manifests::read("docs/gitops.md").contains(&format!("{command} | grep -qx permitted")), "the same command in docs/gitops.md");
    let (from, now) = ("'\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\"'", "2026-11-01T10:00:00Z");
    assert!(command.contains(from), "the time of the check");
    let template = format!("-o=go-template={}", command.replace(from, now).trim_matches('\''));
    let namespace = cluster.namespace("gate");
    let studio = json!({ "kind": "ClusterHeyGenAccount", "name": "studio" });
    let withdrawal = json!({ "time": "2026-10-31T00:00:00Z" });
    let lacking: [(&str, Value, Value); 15] = [
        ("nothing", json!({}), json!({})),
        ("its-own-uid", json!({}), json!({ "objectUID": "6a1c2f6e-9d0b-4f0e-8c53-0f6f2f8d7a11" })),
        ("any-uid", json!({}), json!({ "objectUID": null })),
        ("any-generation", json!({}), json!({ "observedGeneration": null })),
        ("its-generation", json!({}), json!({ "observedGeneration": 0 })),
        ("nothing-yet", json!({ "validUntil": "2026-11-01T10:00:01Z" }), json!({})),
        ("its-time", json!({ "validUntil": "2026-11-01T10:00:00Z" }), json!({})),
        ("its-time-long-ago", json!({ "validUntil": "2026-09-01T23:00:00Z" }), json!({})),
        ("the-will", json!({ "withdrawal": withdrawal }), json!({})),
        ("a-condition", json!({}), json!({ "conditions": [] })),
        ("consent", json!({}), json!({ "conditions": [permitted("False", "AwaitingApproval")] })),
        ("certainty", json!({}), json!({ "conditions": [permitted("Unknown", "Unverified")] })),
        ("the-group", json!({ "groupID": "another" }), json!({})),
        ("the-account", json!({ "accountRef": studio }), json!({})),
        ("a-follower", json!({ "suspend": true }), json!({})),
    ];
    // With another account, as the page says.
    let (_, other) = page.split_once("name another one with `").expect("another account");
    let of_studio = template.replace("(not $c.spec.accountRef)", other.split('`').next().expect("a comparison"));
    // What the page warns of: kubectl prints the object where a template fails.
    let failing = "-o=go-template={{index .spec.groupID \"x\"}}";
    for (name, spec, status) in lacking {
        let mut whole = json!({ "groupID": "5f2c8e0b9d3a4c71ada" });
        merge(&mut whole, &spec);
        cluster.create(&cluster::object("DigitalTwinConsent", namespace, name, &whole));
        let uid = cluster.kubectl(&["get", "dtc", name, "-n", namespace, "-o", "jsonpath={.metadata.uid}"]).stdout;
        let mut shown = json!({ "url": LINK, "objectUID": uid, "observedGeneration": 1, "conditions": [permitted("True", "Approved")] });
        merge(&mut shown, &status);
        assert_eq!(cluster.patch_status("DigitalTwinConsent", namespace, name, &shown).stderr, "", "{name}");
        let answer = cluster.kubectl(&["get", "dtc", name, "-n", namespace, &template]);
        let leaking = cluster.kubectl(&["get", "dtc", name, "-n", namespace, failing]);
        assert!(!leaking.succeeded && leaking.stdout.contains(LINK), "{leaking:?}");
        assert!(answer.succeeded && !answer.stdout.contains(LINK), "an object that lacks {name}: {answer:?}");
        let is_permitted = answer.stdout == "permitted";
        assert_eq!(is_permitted, name.starts_with("nothing"), "an object that lacks {name}: {answer:?}");
        let answer = cluster.kubectl(&["get", "dtc", name, "-n", namespace, &of_studio]);
        assert!(answer.succeeded, "{answer:?}");
        assert_eq!(answer.stdout == "permitted", name == "the-account", "with the account studio, an object that lacks {name}: {answer:?}");
    }
}

fn permitted(status: &str, reason: &str) -> Value {
    json!({ "type": "Permitted", "status": status, "reason": reason, "message": "", "lastTransitionTime": "2026-01-02T03:04:05Z" })
}

fn merge(whole: &mut Value, part: &Value) {
    for (field, value) in part.as_object().expect("fields") {
        whole[field] = value.clone();
    }
}
