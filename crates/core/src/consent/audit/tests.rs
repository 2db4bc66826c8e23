use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;
use sha2::Digest as _;
use strum::VariantArray as _;

use super::*;
use crate::api::conditions::Situation;
use crate::consent::conditions::render;
use crate::consent::terms::Terms;

/// 2026-11-26T12:00:00Z, and so many seconds.
pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_694_400 + second).unwrap()
}

pub(super) fn consent(spec: &Value) -> DigitalTwinConsent {
    let mut whole = json!({ "groupID": "g-1" });
    whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    let mut consent = DigitalTwinConsent::new("ada", serde_json::from_value(whole).unwrap());
    consent.metadata.namespace = Some("studio".to_owned());
    consent.metadata.uid = Some("7c9e6679-7425-40de-944b-e07fc1f90ae7".to_owned());
    consent.metadata.resource_version = Some("1000".to_owned());
    consent.metadata.generation = Some(1);
    consent
}

/// A status with everything in it that a status can hold.
fn full() -> DigitalTwinConsentStatus {
    let status = json!({
        "observedGeneration": 1,
        "objectUID": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
        "lastHandledReconcileAt": "handled-1",
        "url": "https://heygen.example/consent/the-link",
        "linkExpirationTime": "2026-11-27T12:00:00Z",
        "consentStatus": "approved",
        "group": { "name": "Ada Lovelace", "status": "completed", "looksCount": 3, "createdAt": "2026-01-01T00:00:00Z" },
        "initiation": {
            "epoch": 2, "idempotencyKey": "v2:0123:2", "requestID": "req-1", "renewals": 1,
            "statement": "ConsentText", "statementDigest": "sha256:aa", "purposeDigest": "sha256:bb",
        },
        "initiationTime": "2026-11-26T11:00:00Z",
        "alreadyBegun": { "epoch": 1, "idempotencyKey": "v2:4567:1", "requestID": "req-0" },
        "askedTerms": { "digests": ["sha256:cc"], "more": true },
        "approval": {
            "time": "2026-11-26T11:30:00Z", "consentStatus": "approved", "requestEpoch": 2,
            "statement": "ConsentText", "statementDigest": "sha256:aa", "purposeDigest": "sha256:bb", "requestID": "req-1",
        },
        "revocation": { "time": "2026-11-26T11:40:00Z", "consentStatus": "denied" },
        "validUntil": "2027-01-31T00:00:00Z",
        "audit": {
            "objectUID": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "sequence": 4, "digest": format!("sha256:{}", "d".repeat(64)),
            "type": "the-type-of-before", "time": "2026-11-26T11:00:00Z",
        },
        "history": [{ "observationTime": "2026-11-26T11:30:00Z", "consentStatus": "approved", "requestEpoch": 2 }],
        "conditions": [{
            "type": "Ready", "status": "True", "reason": "Approved", "message": "The message.",
            "lastTransitionTime": "2026-11-26T11:30:00Z", "observedGeneration": 1,
        }],
    });
    let full: DigitalTwinConsentStatus = serde_json::from_value(status.clone()).unwrap();
    assert_eq!(serde_json::to_value(&full).unwrap(), status, "every field is in it");
    full
}

/// With what JSON writes in more than one way, or sorts.
const PURPOSE: &str = "Training “für alle”: \"A\\B\" / 日本語 😀 \u{e9}e\u{301}";

/// A spec with everything in it that a spec can hold and an event may tell.
fn whole_spec() -> Value {
    json!({
        "accountRef": { "kind": "HeyGenAccount", "name": "own" },
        "consentText": "I, Ada Lovelace, consent.",
        "rerouteURL": "https://studio.example/thanks",
        "requestEpoch": 2,
        "subject": { "reference": "person-17" },
        "purpose": PURPOSE,
        "validUntil": "2027-01-31T00:00:00Z",
        "withdrawal": { "time": "2026-11-26T11:50:00Z", "reference": "ticket-5" },
    })
}

/// An event of each type, of one object each, as they are recorded for other implementations.
fn one_of_each() -> Vec<Event> {
    let consent = consent(&whole_spec());
    let status = full();
    // The first is of a restored object: that of another one.
    let audit = AuditMark { object_uid: Some("0a1b2c3d".to_owned()), ..status.audit.clone().unwrap() };
    let restored = DigitalTwinConsentStatus { audit: Some(audit), ..Default::default() };
    let mut events: Vec<Event> = Vec::new();
    for (second, event_type) in (0..).zip(EventType::VARIANTS) {
        let last = events.last().map(|event| (event.sequence, event.digest.as_str()));
        let status = if second == 0 { &restored } else { &status };
        events.push(Event::after(last, *event_type, &consent, status, at(second)));
    }
    events
}

fn lines(events: &[Event]) -> Vec<String> {
    events.iter().map(Event::line).collect()
}

/// Go's SDK reads them in `tests/cloudevents`, and computes their digests anew.
#[test]
fn the_recorded_events_are_those_of_the_core() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cloudevents/events.jsonl");
    let expected = lines(&one_of_each()).join("\n") + "\n";
    if std::env::var("TWINCONSENT_GENERATE").as_deref() == Ok("1") {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "tests/cloudevents/events.jsonl is not as the sources make it: run `make generate`");
}

#[test]
fn an_event_names_its_object_its_type_and_what_stood_there() {
    let consent = consent(&whole_spec());
    let event = Event::after(Some((4, "sha256:before")), EventType::NotRequired, &consent, &full(), at(0));
    let mut body: Value = serde_json::from_str(&event.line()).unwrap();
    assert_eq!(body["digest"], event.digest());
    let data = body["data"].take();
    body.as_object_mut().unwrap().remove("digest");
    assert_eq!(
        body,
        json!({
            "specversion": "1.0",
            "id": "7c9e6679-7425-40de-944b-e07fc1f90ae7/5",
            "source": "/apis/twinconsent.io/v1alpha1/namespaces/studio/digitaltwinconsents/ada",
            "type": "io.twinconsent.consent.not-required.v1",
            "subject": "g-1",
            "time": "2026-11-26T12:00:00Z",
            "datacontenttype": "application/json",
            "data": null,
        })
    );
    let Terms { statement_digest, purpose_digest, .. } = Terms::of_spec(&consent.spec);
    assert_eq!(
        data,
        json!({
            "object": {
                "apiVersion": "twinconsent.io/v1alpha1", "kind": "DigitalTwinConsent", "namespace": "studio", "name": "ada",
                "uid": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "resourceVersion": "1000", "generation": 1,
            },
            "account": { "kind": "HeyGenAccount", "name": "own" },
            "groupID": "g-1",
            "conditions": { "Ready": { "status": "True", "reason": "Approved" } },
            "consentStatus": "approved",
            "requestEpoch": 2,
            "terms": { "statement": "ConsentText", "statementDigest": statement_digest, "purposeDigest": purpose_digest },
            "purpose": PURPOSE,
            "subject": { "reference": "person-17" },
            "validUntil": "2027-01-31T00:00:00Z",
            "withdrawal": { "time": "2026-11-26T11:50:00Z", "reference": "ticket-5" },
            "initiation": {
                "time": "2026-11-26T11:00:00Z", "requestEpoch": 2, "requestID": "req-1", "renewals": 1,
                "statement": "ConsentText", "statementDigest": "sha256:aa", "purposeDigest": "sha256:bb",
            },
            "approval": {
                "time": "2026-11-26T11:30:00Z", "consentStatus": "approved", "requestEpoch": 2,
                "statement": "ConsentText", "statementDigest": "sha256:aa", "purposeDigest": "sha256:bb", "requestID": "req-1",
            },
            "revocation": { "time": "2026-11-26T11:40:00Z", "consentStatus": "denied" },
            "linkExpirationTime": "2026-11-27T12:00:00Z",
            "previousDigest": "sha256:before",
        })
    );
}

/// Goes through every text of spec and status, so that a field which is added is judged here.
#[test]
fn no_link_key_or_name_of_a_group_and_no_text_of_a_statement_stands_in_an_event() {
    let hidden = [
        "the-link",
        "Ada Lovelace",
        "v2:",
        "handled-1",
        "studio.example",
        "completed",
        "sha256:cc",
        "The message",
        "req-0",
        "the-type-of-before",
    ];
    let consent = consent(&whole_spec());
    let all = lines(&EventType::VARIANTS.iter().map(|each| Event::after(None, *each, &consent, &full(), at(0))).collect::<Vec<_>>());
    for line in &all {
        for secret in hidden {
            assert!(!line.contains(secret), "{secret} stands in {line}");
        }
    }
    let status = serde_json::to_value(full()).unwrap();
    let mut texts = Vec::new();
    texts_of(&status, &mut texts);
    let unknown: Vec<_> =
        texts.into_iter().filter(|text| !all[0].contains(text.as_str()) && !hidden.iter().any(|hidden| text.contains(hidden))).collect();
    assert_eq!(unknown, ["2026-01-01T00:00:00Z"], "told neither in an event nor hidden from it: when the group was made");
}

fn texts_of(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| texts_of(value, texts)),
        Value::Object(values) => values.values().for_each(|value| texts_of(value, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn the_digest_is_that_of_the_line_without_it() {
    for event in one_of_each() {
        let line = event.line();
        let part = format!(r#""digest":"{}","#, event.digest());
        assert_eq!(line.matches(r#""digest":"#).count(), 1, "only one attribute has this name: {line}");
        let without = line.replacen(&part, "", 1);
        assert_eq!(digest(&serde_json::from_str(&without).unwrap()), event.digest());
        let hex = sha2::Sha256::digest(&without).iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"));
        assert_eq!(hex, event.digest(), "as a shell computes it");
    }
}

#[test]
fn the_events_of_an_object_are_a_chain_and_its_status_names_the_last() {
    let mut consent = consent(&json!({}));
    let mut status = DigitalTwinConsentStatus::default();
    let mut all = Vec::new();
    for (step, situation) in
        [Situation::Duplicate, Situation::GroupMissing, Situation::Lapsed, Situation::Initiating].into_iter().enumerate()
    {
        consent.metadata.resource_version = Some(step.to_string());
        let before = status.clone();
        render(&consent, &mut status, situation, None, at(step as i64));
        let events = record(&consent, &before, &mut status, at(step as i64));
        assert!(record(&consent, &status, &mut status.clone(), at(9)).is_empty(), "nothing has changed");
        all.extend(events);
    }
    let types: Vec<_> = all.iter().map(|event| (event.sequence(), event.event_type())).collect();
    assert_eq!(types, [(1, EventType::Stalled), (2, EventType::Stalled), (3, EventType::Lapsed), (4, EventType::ConditionChanged)]);
    let mark = status.audit.clone().unwrap();
    assert_eq!((mark.sequence, mark.digest.as_str()), (4, all[3].digest()));
    assert_eq!(mark.type_, "io.twinconsent.consent.condition-changed.v1");
    assert_eq!(mark.time.unwrap().0, at(3));
    consent.status = Some(status);
    all.push(deleted(&consent, at(9)));
    assert_eq!((all[4].sequence(), all[4].event_type()), (5, EventType::Deleted));
    let marks = BTreeMap::from([(consent.metadata.uid.clone().unwrap(), consent.status.unwrap().audit.unwrap())]);
    let verified = verify(lines(&all), &marks);
    assert_eq!((verified.problems, verified.events), (vec![], 5));
    assert_eq!(verified.unconfirmed.iter().map(|each| each.line).collect::<Vec<_>>(), [5], "nothing names the last");
}

#[test]
fn a_mark_that_is_none_begins_a_new_chain() {
    let consent = consent(&json!({}));
    let marks = [
        json!({ "sequence": 0 }),
        json!({ "sequence": -3 }),
        json!({ "sequence": i64::MAX }),
        json!({ "digest": "https://heygen.example/consent/the-link" }),
        json!({ "digest": format!("sha256:{}", "D".repeat(64)) }),
        json!({ "objectUID": "another" }),
        json!({ "objectUID": null }),
    ];
    for mark in marks {
        let mut status = serde_json::to_value(full()).unwrap();
        status["audit"].as_object_mut().unwrap().extend(mark.as_object().unwrap().clone());
        let mut consent = consent.clone();
        consent.status = Some(serde_json::from_value(status).unwrap());
        let event = deleted(&consent, at(0));
        assert_eq!(event.sequence(), 1, "{mark}");
        assert!(!event.line().contains("previousDigest") && !event.line().contains("the-link"), "{mark}");
    }
    let mut of_before = consent;
    of_before.status = Some(full());
    assert_eq!(deleted(&of_before, at(0)).sequence(), 5);
}

#[test]
fn a_restored_object_names_the_chain_that_it_came_with_and_nothing_else() {
    let consent = consent(&json!({}));
    let origin = |status: &DigitalTwinConsentStatus| {
        let line = Event::after(None, EventType::Restored, &consent, status, at(0)).line();
        serde_json::from_str::<Value>(&line).unwrap()["data"]["restoredFrom"].clone()
    };
    let mut status = full();
    status.audit.as_mut().unwrap().object_uid = Some("1b4e28ba-2fa1-11d2-883f-0016d3cca427".to_owned());
    let digest = format!("sha256:{}", "d".repeat(64));
    assert_eq!(origin(&status), json!({ "uid": "1b4e28ba-2fa1-11d2-883f-0016d3cca427", "lastDigest": digest }));
    status.audit = None;
    assert_eq!(origin(&status), json!({ "uid": "7c9e6679-7425-40de-944b-e07fc1f90ae7" }));
    status.object_uid = Some("https://heygen.example/consent/the-link".to_owned());
    assert_eq!(origin(&status), json!({}));
}

/// Whatever the object is: sent again, an event says what it said, but for its digests, its version, and a fraction of a second.
#[test]
fn the_last_event_again_says_what_it_said_but_for_what_the_status_does_not_know() {
    let mut consent = consent(&whole_spec());
    for &event_type in EventType::VARIANTS.iter().filter(|event_type| **event_type != EventType::Deleted) {
        let made = Timestamp::from_millisecond(at(0).as_millisecond() + 250).unwrap();
        let mut status = full();
        let event = Event::after(last_of(&consent, &status), event_type, &consent, &status, made);
        status.audit = Some(event.mark(&consent, made));
        consent.status = Some(status);
        let mut said = event.body.clone();
        said.as_object_mut().unwrap().remove("digest");
        let data = said["data"].as_object_mut().unwrap();
        assert!(data.remove("previousDigest").is_some());
        assert_eq!(data.remove("restoredFrom").is_some(), event_type == EventType::Restored);
        data.insert("resent".to_owned(), json!(true));
        data["object"].as_object_mut().unwrap().remove("resourceVersion");
        said["time"] = json!(at(0).to_string());
        assert_eq!(last_again(&consent), Some((event_type, at(0), said)));
    }
    // Of another object, of a type that is not known, and of none at all there is nothing to say.
    let mark = |change: fn(&mut AuditMark)| {
        let mut other = consent.clone();
        change(other.status.as_mut().unwrap().audit.as_mut().unwrap());
        last_again(&other)
    };
    assert_eq!(mark(|mark| mark.object_uid = Some("another".to_owned())), None);
    assert_eq!(mark(|mark| mark.type_ = "io.twinconsent.consent.celebrated.v1".to_owned()), None);
    assert_eq!(mark(|mark| mark.time = None), None);
    consent.status = None;
    assert_eq!(last_again(&consent), None);
}
