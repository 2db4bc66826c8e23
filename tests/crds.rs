//! The three kinds on a real API server: what it accepts, refuses, fills in, explains and prints.
//!
//! The rules are data: `crds/*.yaml` holds samples, each with what the API server has to say to it, and `crds/schema.rs`
//! finds every rule of the generated definitions that no sample proves.

#[path = "crds/cluster.rs"]
mod cluster;
#[path = "crds/gate.rs"]
mod gate;
#[path = "crds/manifests.rs"]
mod manifests;
#[path = "crds/samples.rs"]
mod samples;
#[path = "crds/schema.rs"]
mod schema;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use cluster::Cluster;

/// A bearer secret, as far as these tests are concerned.
const LINK: &str = "https://app.heygen.com/consent/s3cret";

#[test]
fn the_definitions_are_established_without_a_warning() {
    assert_eq!(Cluster::shared().installation_notes(), "", "kubectl apply wrote to stderr");
}

#[test]
fn every_sample_is_accepted_or_refused_as_it_says() {
    let failures = samples::run(Cluster::shared());
    assert!(failures.is_empty(), "{} samples were not answered as they say:\n\n{}\n", failures.len(), failures.join("\n"));
}

/// A text that is written as a time and is none makes the rule fail; the refusal still says which rule, and so how a time is written.
#[test]
fn a_time_that_is_none_is_refused_and_the_refusal_says_how_a_time_is_written() {
    let cluster = Cluster::shared();
    for time in ["2027-01-31T24:00:00Z", "2027-01-31T00:00:60Z", "2027-02-30T00:00:00Z", "2027-13-01T00:00:00Z"] {
        for spec in [json!({ "groupID": "group", "validUntil": time }), json!({ "groupID": "group", "withdrawal": { "time": time } })] {
            let object = cluster::object("DigitalTwinConsent", "default", "no-time", &spec);
            let answer = cluster.kubectl_with(&["create", "--dry-run=server", "-f", "-"], &object.to_string());
            assert!(!answer.succeeded && answer.stderr.contains("must be a time in UTC between 2000 and 2199, as in 2027"), "{answer:?}");
        }
    }
}

#[test]
fn every_rule_and_bound_has_a_sample_that_it_refuses() {
    let unproven: Vec<String> = schema::KINDS
        .into_iter()
        .flat_map(|kind| {
            let refusals = samples::refusals(kind);
            schema::constraints(kind).into_iter().filter(move |constraint| !refusals.iter().any(|refusal| constraint.is_proven_by(refusal)))
        })
        .map(|constraint| constraint.to_string())
        .collect();
    assert!(unproven.is_empty(), "no sample in tests/crds/*.yaml is refused by:\n{}\n", unproven.join("\n"));
}

#[test]
fn the_schema_keeps_the_kubernetes_conventions() {
    let breaches: Vec<String> = schema::KINDS.into_iter().flat_map(schema::breaches_of_convention).collect();
    assert!(breaches.is_empty(), "{}\n", breaches.join("\n"));
}

#[test]
fn a_new_object_counts_as_unobserved_even_when_it_brings_a_null_status() {
    let cluster = Cluster::shared();
    for kind in schema::KINDS {
        for status in [None, Some(Value::Null)] {
            let mut object = minimal(kind, "unobserved", "default");
            if let Some(status) = &status {
                object["status"] = status.clone();
            }
            let answer = cluster.kubectl_with(&["create", "--dry-run=server", "-o", "json", "-f", "-"], &object.to_string());
            let created: Value = serde_json::from_str(&answer.stdout).unwrap_or_else(|_| panic!("{kind}: {}", answer.stderr));
            assert_eq!(created["status"], json!({ "observedGeneration": -1 }), "{kind} created with status {status:?}");
        }
    }
}

#[test]
fn a_misspelt_field_is_refused_by_kubectl() {
    let cluster = Cluster::shared();
    let mut object = minimal("DigitalTwinConsent", "misspelt", "default");
    object["spec"]["rerouteUrl"] = json!("https://example.com/");
    let answer = cluster.kubectl_with(&["apply", "--dry-run=server", "-f", "-"], &object.to_string());
    assert!(answer.stderr.contains(r#"unknown field "spec.rerouteUrl""#), "{answer:?}");
}

#[test]
fn kubectl_explain_tells_every_field() {
    let cluster = Cluster::shared();
    let mut missing = Vec::new();
    for kind in schema::KINDS {
        for object in schema::described_objects(kind) {
            let page = words(&cluster.kubectl(&["explain", &format!("{}{}", schema::singular(kind), object.path)]).stdout);
            for (field, description) in object.fields {
                if !page.contains(&words(&description)) {
                    missing.push(format!("{kind}{}.{field}", object.path));
                }
            }
        }
    }
    assert!(missing.is_empty(), "kubectl explain lacks the words of:\n{}\n", missing.join("\n"));
}

#[test]
fn kubectl_explain_of_a_consent_reads_like_documentation() {
    let cluster = Cluster::shared();
    for part in ["spec", "status"] {
        let page = cluster.kubectl(&["explain", &format!("digitaltwinconsent.{part}")]).stdout;
        insta::assert_snapshot!(format!("explain_digitaltwinconsent_{part}"), page);
    }
}

#[test]
fn consents_are_selected_by_their_group() {
    let cluster = Cluster::shared();
    let namespace = cluster.namespace("selection");
    for name in ["ada", "grace"] {
        cluster.create(&minimal("DigitalTwinConsent", name, namespace));
    }
    let found = cluster.kubectl(&["get", "dtc", "-n", namespace, "-o", "name", "--field-selector", "spec.groupID=group-of-ada"]);
    assert_eq!(found.stdout.trim(), "digitaltwinconsent.twinconsent.io/ada");
}

#[test]
fn the_kinds_answer_to_their_short_names_and_their_category() {
    let table = Cluster::shared().kubectl(&["api-resources", "--categories=twinconsent", "--no-headers"]).stdout;
    let found: BTreeSet<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    let expected = [
        "clusterheygenaccounts chga twinconsent.io/v1alpha1 false ClusterHeyGenAccount",
        "digitaltwinconsents dtc twinconsent.io/v1alpha1 true DigitalTwinConsent",
        "heygenaccounts hga twinconsent.io/v1alpha1 true HeyGenAccount",
    ];
    assert_eq!(found, expected.iter().map(|line| line.split_whitespace().collect()).collect());
}

#[test]
fn a_second_condition_of_a_type_is_refused() {
    let cluster = Cluster::shared();
    let namespace = cluster.namespace("conditions");
    for kind in schema::KINDS {
        cluster.create(&minimal(kind, "twice", namespace));
        let condition =
            json!({ "type": "Ready", "status": "True", "reason": "Approved", "message": "", "lastTransitionTime": "2026-01-02T03:04:05Z" });
        let answer = cluster.patch_status(kind, namespace, "twice", &json!({ "conditions": [condition, condition] }));
        // Before 1.34 the value is told as Go writes it, since then as JSON.
        let values = [r#"{"type":"Ready"}"#, r#"map[string]interface {}{"type":"Ready"}"#];
        let refusals = values.map(|value| format!("status.conditions[1]: Duplicate value: {value}"));
        assert!(refusals.iter().any(|refusal| answer.stderr.contains(refusal)), "{kind}: {answer:?}");
    }
}

#[test]
fn no_column_shows_the_link() {
    let cluster = Cluster::shared();
    let namespace = cluster.namespace("columns");
    cluster.create(&minimal("DigitalTwinConsent", "ada", namespace));
    let status = json!({
        "observedGeneration": 1,
        "url": LINK,
        "linkExpirationTime": "2099-12-31T23:59:59Z",
        "consentStatus": "pending",
        "conditions": [
            { "type": "Ready", "status": "False", "reason": "AwaitingApproval", "message": "", "lastTransitionTime": "2026-01-02T03:04:05Z" },
            { "type": "Permitted", "status": "False", "reason": "AwaitingApproval", "message": "", "lastTransitionTime": "2026-01-02T03:04:05Z" },
            { "type": "Approved", "status": "Unknown", "reason": "AwaitingApproval", "message": "", "lastTransitionTime": "2026-01-02T03:04:05Z" },
        ],
    });
    let answer = cluster.patch_status("DigitalTwinConsent", namespace, "ada", &status);
    assert_eq!(answer.stderr, "");

    let columns = |arguments: &[&str]| -> Vec<Vec<String>> {
        let table = cluster.kubectl(&[&["get", "dtc", "-n", namespace], arguments].concat()).stdout;
        assert!(!table.contains("s3cret"), "the link stands in a column:\n{table}");
        table.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
    };
    let narrow = columns(&[]);
    assert_eq!(narrow[0], ["NAME", "GROUP", "CONSENT", "READY", "REASON", "AGE"]);
    assert_eq!(narrow[1][..5], ["ada", "group-of-ada", "pending", "False", "AwaitingApproval"]);
    let wide = columns(&["-o", "wide"]);
    assert_eq!(wide[0], ["NAME", "GROUP", "CONSENT", "READY", "REASON", "AGE", "PERMITTED", "APPROVED", "LINKEXPIRES"]);
    // A date column would print `<invalid>` for the future.
    assert_eq!(wide[1][6..], ["False", "Unknown", "2099-12-31T23:59:59Z"]);
    // It is there all the same.
    assert_eq!(cluster.kubectl(&["get", "dtc", "ada", "-n", namespace, "-o", "jsonpath={.status.url}"]).stdout, LINK);
}

#[test]
fn the_columns_of_the_accounts_tell_whether_they_can_be_used() {
    let cluster = Cluster::shared();
    let namespace = cluster.namespace("account-columns");
    for (kind, headings) in [("HeyGenAccount", "NAME READY REASON AGE"), ("ClusterHeyGenAccount", "NAME READY REASON AGE BASEURL")] {
        cluster.create(&minimal(kind, "shown", namespace));
        let table = cluster.kubectl(&["get", schema::singular(kind), "shown", "-n", namespace, "-o", "wide"]).stdout;
        let found: Vec<&str> = table.lines().next().unwrap_or_default().split_whitespace().collect();
        assert_eq!(found, headings.split_whitespace().collect::<Vec<_>>());
    }
}

#[test]
fn a_tenant_chooses_neither_what_counts_as_consent_nor_where_keys_and_events_are_sent() {
    let tenant = schema::spec_fields("HeyGenAccount");
    let cluster = schema::spec_fields("ClusterHeyGenAccount");
    let only_the_cluster: Vec<&str> = cluster.difference(&tenant).map(String::as_str).collect();
    assert_eq!(only_the_cluster, ["allowedNamespaces", "baseURL", "consentPolicy", "notifications"]);
    assert!(tenant.is_subset(&cluster), "{tenant:?}");
}

#[test]
fn every_example_that_was_promised_is_there() {
    let found: BTreeSet<String> = manifests::examples().into_iter().map(|manifest| manifest.name).collect();
    for name in
        ["minimal", "full", "namespaced-account", "cluster-account", "consent-video", "pipeline-that-invites", "pipeline-that-waits"]
    {
        assert!(found.contains(&format!("examples/{name}.yaml")), "examples/{name}.yaml is not among {found:?}");
    }
}

#[test]
fn every_example_is_accepted_without_a_warning() {
    accepted_without_a_warning(manifests::examples());
}

#[test]
fn what_lies_in_the_repositories_for_gitops_is_accepted_without_a_warning() {
    let manifests = manifests::in_repositories();
    assert!(manifests.len() >= 8, "{} manifests", manifests.len());
    accepted_without_a_warning(manifests);
}

#[test]
fn the_settings_of_argo_cd_are_patched_as_the_documentation_says() {
    let cluster = Cluster::shared();
    let namespace = cluster.namespace("argocd");
    let before = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "argocd-cm", "namespace": namespace, "labels": { "a": "b" } }, "data": { "url": "https://cd.example.com" } });
    cluster.create(&before);
    let page = manifests::read("docs/gitops.md");
    let command = page.lines().find_map(|line| line.strip_prefix("kubectl -n argocd patch ")).expect("the command");
    let arguments: Vec<&str> = ["-n", namespace, "patch"].into_iter().chain(command.split(' ')).collect();
    let answer = cluster.kubectl(&arguments);
    assert!(answer.succeeded, "{answer:?}");
    let after = cluster.kubectl(&["-n", namespace, "get", "configmap", "argocd-cm", "-o", "json"]).stdout;
    let after: Value = serde_json::from_str(&after).expect("JSON");
    assert_eq!(
        (&after["data"]["url"], &after["metadata"]["labels"]),
        (&before["data"]["url"], &before["metadata"]["labels"]),
        "the user's own"
    );
    let health = &after["data"]["resource.customizations.health.twinconsent.io_DigitalTwinConsent"];
    let script = "examples/gitops/argo-cd/resource_customizations/twinconsent.io/DigitalTwinConsent/health.lua";
    assert_eq!(health.as_str(), Some(manifests::read(script).as_str()));
}

#[test]
fn every_manifest_in_the_documentation_of_the_kinds_is_accepted_without_a_warning() {
    accepted_without_a_warning(manifests::in_documentation());
}

#[test]
fn the_full_example_has_every_field_that_can_go_together() {
    let full = manifests::examples().into_iter().find(|manifest| manifest.name == "examples/full.yaml").expect("examples/full.yaml");
    let objects: Vec<Value> = serde_saphyr::from_multiple(&full.yaml).expect("YAML");
    let given: BTreeSet<&str> = objects[0]["spec"].as_object().expect("a spec").keys().map(String::as_str).collect();
    let mut known = schema::spec_fields("DigitalTwinConsent");
    assert!(known.remove("consentVideo"), "it excludes others, and has an example of its own");
    assert!(known.remove("withdrawal"), "it ends a consent for good");
    assert_eq!(given, known.iter().map(String::as_str).collect());
}

#[test]
fn the_gate_of_the_documents_lets_through_an_approval_that_lacks_nothing() {
    gate::lets_through_what_the_page_says(Cluster::shared());
}

fn accepted_without_a_warning(manifests: Vec<manifests::Manifest>) {
    let cluster = Cluster::shared();
    cluster.namespace("twinconsent-system");
    let failures: Vec<String> = manifests
        .into_iter()
        .filter_map(|manifest| {
            let answer = cluster.kubectl_with(&["apply", "--dry-run=server", "-f", "-"], &manifest.yaml);
            (!answer.stderr.is_empty()).then(|| format!("{}: {}", manifest.name, answer.stderr))
        })
        .collect();
    assert!(failures.is_empty(), "{}\n", failures.join("\n"));
}

/// The least that a kind accepts.
fn minimal(kind: &str, name: &str, namespace: &str) -> Value {
    let spec = match kind {
        "DigitalTwinConsent" => json!({ "groupID": format!("group-of-{name}") }),
        _ => json!({ "apiKeySecretRef": { "name": "heygen", "key": "apiKey" } }),
    };
    cluster::object(kind, namespace, name, &spec)
}

/// The text without its line breaks and indentation, which `kubectl explain` changes.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
