use serde_json::{Value, json};

use super::*;

fn read(object: &Value) -> Slim<DigitalTwinConsent> {
    Slim::read(&object.to_string()).unwrap()
}

fn decoded(object: &Value) -> DigitalTwinConsent {
    match read(object) {
        Slim::Read(consent) => consent,
        Slim::Undecodable(undecodable) => panic!("{undecodable:?}"),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "a status is written in place")]
fn with_status(status: Value) -> Value {
    json!({ "metadata": { "name": "ada", "uid": "u" }, "spec": { "groupID": "g" }, "status": status })
}

fn status_of(status: Value) -> DigitalTwinConsentStatus {
    decoded(&with_status(status)).status.unwrap()
}

#[test]
fn everything_that_is_read_of_an_object_is_kept_and_nothing_else() {
    let object = json!({
        "apiVersion": "twinconsent.io/v1alpha1", "kind": "DigitalTwinConsent",
        "metadata": {
            "name": "ada", "namespace": "n", "uid": "u", "resourceVersion": "5", "generation": 2, "creationTimestamp": "2026-01-01T00:00:00Z",
            "deletionTimestamp": "2026-01-02T00:00:00Z", "labels": {"a": "b"}, "annotations": {"a": "b", REQUESTED_AT: "now"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "y"}], "finalizers": ["f"],
            "managedFields": [{"manager": "m", "fieldsV1": {"f:spec": {}}}]
        },
        "spec": {"groupID": "g", "rerouteURL": "https://example.com", "requestEpoch": 3},
        "status": {"observedGeneration": 2, "url": "https://heygen.example/consent/1", "consentStatus": "pending"}
    });
    let mut expected: DigitalTwinConsent = serde_json::from_value(object.clone()).unwrap();
    let meta = &mut expected.metadata;
    (meta.managed_fields, meta.labels, meta.owner_references, meta.finalizers) = (None, None, None, None);
    meta.annotations = Some([(REQUESTED_AT.to_owned(), "now".to_owned())].into());
    assert_eq!(decoded(&object), expected);
    let mut large = object;
    large["metadata"]["labels"]["a"] = json!("l".repeat(2 * LONG));
    large["metadata"]["annotations"]["a"] = json!("a".repeat(2 * LONG));
    assert_eq!(decoded(&large), expected, "however large the rest is");
}

#[test]
fn an_object_without_annotations_status_or_times_is_read() {
    for annotations in [json!(null), json!({}), json!({"a": "b"})] {
        let object =
            json!({ "metadata": { "name": "ada", "creationTimestamp": null, "annotations": annotations }, "spec": { "groupID": "g" } });
        let slim = decoded(&object);
        assert_eq!((slim.metadata.annotations, slim.status), (None, None));
    }
}

#[test]
fn a_field_of_the_status_that_cannot_be_read_counts_as_absent_and_takes_nothing_else_with_it() {
    let status = status_of(json!({
        "observedGeneration": 1e20, "url": "https://heygen.example/consent/1", "consentStatus": "pending",
        "linkExpirationTime": "10000-01-01T00:00:00Z", "initiationTime": "2026-02-30T00:00:00Z",
        "approval": { "time": "9999-12-31T23:59:59Z", "requestEpoch": 0 }, "audit": { "sequence": 1, "digest": "d", "type": "t", "time": 7 },
        "group": { "name": "Ada", "looksCount": 1e30, "createdAt": "yesterday" },
        "initiation": { "epoch": 0, "idempotencyKey": "k", "renewals": "many" },
        "history": [
            { "observationTime": "2026-01-01T00:00:00+00:00:99", "requestEpoch": 0 },
            { "observationTime": "2026-01-01T00:00:00Z", "consentStatus": "pending", "requestEpoch": 0 },
            { "observationTime": "2026-01-01T00:00:00Z", "requestEpoch": 99999999999999999999u128 as f64 },
        ],
        "conditions": [
            { "type": "Ready", "status": "False", "reason": "R", "message": "", "lastTransitionTime": "2026-01-01T24:00:01Z" },
            { "type": "Approved", "status": "False", "reason": "R", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z" },
        ],
    }));
    let expected = json!({
        "url": "https://heygen.example/consent/1", "consentStatus": "pending", "group": { "name": "Ada" },
        "initiation": { "epoch": 0, "idempotencyKey": "k" }, "audit": { "sequence": 1, "digest": "d", "type": "t" },
        "history": [{ "observationTime": "2026-01-01T00:00:00Z", "consentStatus": "pending", "requestEpoch": 0 }],
        "conditions": [{ "type": "Approved", "status": "False", "reason": "R", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z" }],
    });
    assert_eq!(json!(status), expected);
}

#[test]
fn what_a_part_cannot_do_without_takes_the_part_with_it() {
    let status = status_of(json!({ "initiation": { "epoch": 1e20, "idempotencyKey": "k" }, "consentStatus": "pending" }));
    assert_eq!((status.initiation, status.consent_status.as_deref()), (None, Some("pending")));
    assert_eq!(status_of(json!("no object")), DigitalTwinConsentStatus::default());
}

#[test]
fn a_field_with_very_many_wrong_parts_is_absent_as_a_whole_and_costs_few_readings() {
    let wrong: Vec<Value> = (0..20_000).map(|entry| json!({ "observationTime": entry, "requestEpoch": 0 })).collect();
    let status = status_of(json!({ "history": wrong[..500], "consentStatus": "pending" }));
    assert_eq!((status.history.len(), status.consent_status.as_deref()), (0, Some("pending")));
    let began = std::time::Instant::now();
    assert_eq!(status_of(json!({ "history": wrong, "consentStatus": "pending" })).consent_status.as_deref(), Some("pending"));
    assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn a_field_of_the_status_longer_than_anything_that_is_written_counts_as_absent() {
    let status = status_of(
        json!({ "consentStatus": "a".repeat(LONG), "url": "https://heygen.example/consent/1", "group": { "name": "g".repeat(LONG) } }),
    );
    assert_eq!((status.consent_status, status.group, status.url.is_some()), (None, None, true));
}

#[test]
fn an_object_without_a_readable_spec_or_metadata_is_named_with_the_field_and_without_its_value() {
    for (part, field, value) in [
        ("spec", "groupID", json!(7)),
        ("spec", "suspend", json!("https://secret.example")),
        ("spec", "requestEpoch", json!(1e20)),
        ("spec", "linkSecretRef", json!({})),
        ("spec", "accountRef", json!([])),
        ("metadata", "deletionTimestamp", json!("2026-02-30T00:00:00Z")),
        ("metadata", "generation", json!("x")),
    ] {
        let mut object = with_status(json!({}));
        object["metadata"]["resourceVersion"] = json!("9");
        object[part][field] = value;
        let Slim::Undecodable(undecodable) = read(&object) else { panic!("{part}.{field} was read") };
        assert_eq!(undecodable.field, format!("{part}.{field}"));
        assert_eq!(undecodable.metadata.name.as_deref(), Some("ada"));
        assert_eq!(undecodable.metadata.resource_version.as_deref(), Some("9"), "{part}.{field}");
    }
    assert!(matches!(read(&json!({ "metadata": { "name": "ada" } })), Slim::Undecodable(undecodable) if undecodable.field == "spec"));
    assert!(matches!(read(&json!({ "spec": { "groupID": "g" }, "metadata": 7 })), Slim::Undecodable(_)));
}

#[test]
fn a_long_request_and_its_echo_are_kept_as_digests() {
    let long = "x".repeat(255_000);
    let mut object = with_status(json!({ "lastHandledReconcileAt": "y" }));
    object["metadata"]["annotations"] = json!({ REQUESTED_AT: long });
    let consent = decoded(&object);
    assert!(twinconsent_core::consent::step::is_forced(&consent));
    assert_eq!(twinconsent_core::consent::step::requested(&consent), Some(brief(&long)));
    assert!(consent.metadata.annotations.unwrap()[REQUESTED_AT].len() < 100);
    for echo in [brief(&long).into_owned(), "x".repeat(1000)] {
        object["status"]["lastHandledReconcileAt"] = json!(echo);
        assert_eq!(
            twinconsent_core::consent::step::is_forced(&decoded(&object)),
            echo.len() == 1000,
            "the digest answers the request, another long text does not"
        );
    }
}
