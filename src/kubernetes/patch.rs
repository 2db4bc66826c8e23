//! PURE. Status patches: what differs, on condition that what the decision rests on is still the case.
//!
//! A decision rests on the object (its uid), on its spec (its generation) and on the status that was read. JSON Patch can test just
//! that, so that an edit of a label or an annotation neither fails a write nor makes it start anew.
//!
//! Rejected: `resourceVersion` in a merge patch. Every edit of the object changes it, and where edits come faster than a read and a
//! write together take, nothing is ever written.

use serde::Serialize;
use serde_json::{Map, Value, json};

use twinconsent_core::account::Settings;
use twinconsent_core::api::account::AccountStatus;

/// What a decision rests on.
// Without `Debug`: a status holds a link.
#[derive(Clone, PartialEq)]
pub(super) struct Basis {
    uid: Option<String>,
    generation: Option<i64>,
    status: Value,
}

impl Basis {
    /// As it was decoded; a status that another program has written may stand there in other words, and then the test of it fails.
    pub(super) fn of_read(uid: Option<&str>, generation: Option<i64>, status: Option<&impl Serialize>) -> Self {
        Self { uid: uid.map(str::to_owned), generation, status: status.map_or(Value::Null, |status| json!(status)) }
    }

    /// As the API server has it, word by word.
    pub(super) fn of_raw(object: &Value) -> Self {
        let metadata = &object["metadata"];
        Self {
            uid: metadata["uid"].as_str().map(str::to_owned),
            generation: metadata["generation"].as_i64(),
            status: object["status"].clone(),
        }
    }
}

/// The JSON Patch that makes the status `old`, decoded from `basis`, to `new`; `None` when nothing differs.
///
/// Only fields that differ are sent, each as a whole. `observedGeneration` and `conditions` are always sent together, so that no reader
/// ever sees the one without the other.
pub(super) fn of_status<S: Serialize>(basis: &Basis, old: Option<&S>, new: &S) -> Option<String> {
    let (old, new) = (fields(old.map_or_else(|| json!({}), |old| json!(old))), fields(json!(new)));
    if old == new {
        return None;
    }
    let mut steps = vec![
        json!({ "op": "test", "path": "/metadata/uid", "value": basis.uid }),
        json!({ "op": "test", "path": "/metadata/generation", "value": basis.generation }),
        json!({ "op": "test", "path": "/status", "value": basis.status }),
    ];
    if basis.status.is_null() {
        steps.push(json!({ "op": "add", "path": "/status", "value": {} }));
    }
    let gone = old.keys().filter(|key| !new.contains_key(*key) && basis.status.get(key).is_some());
    steps.extend(gone.map(|key| json!({ "op": "remove", "path": format!("/status/{key}") })));
    for (key, value) in &new {
        if old.get(key) != Some(value) || key == "conditions" || key == "observedGeneration" {
            steps.push(json!({ "op": "add", "path": format!("/status/{key}"), "value": value }));
        }
    }
    Some(spelled(&Value::Array(steps)))
}

/// The JSON Patch that writes an account's status, on condition of the status that was read; or, for one that stands there in other words
/// than ours, of the version (`by_version`).
pub(super) fn of_account(settings: &Settings, by_version: bool, status: &AccountStatus) -> String {
    let read = if by_version {
        json!({ "op": "test", "path": "/metadata/resourceVersion", "value": settings.resource_version })
    } else {
        json!({ "op": "test", "path": "/status", "value": settings.status })
    };
    spelled(&json!([
        { "op": "test", "path": "/metadata/uid", "value": settings.uid },
        { "op": "test", "path": "/metadata/generation", "value": settings.generation },
        read,
        { "op": "add", "path": "/status", "value": status },
    ]))
}

/// JSON as the API server spells it: it compares texts as they are spelled, and Go spells these characters as escapes.
fn spelled(json: &Value) -> String {
    let mut text = json.to_string();
    // Outside of texts JSON has none of them.
    for character in ['<', '>', '&', '\u{2028}', '\u{2029}'] {
        if text.contains(character) {
            text = text.replace(character, &format!("\\u{:04x}", u32::from(character)));
        }
    }
    text
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinconsent_core::api::consent::DigitalTwinConsentStatus;

    fn status(json: Value) -> DigitalTwinConsentStatus {
        serde_json::from_value(json).unwrap()
    }

    fn patch(before: Option<&DigitalTwinConsentStatus>, after: &DigitalTwinConsentStatus) -> Option<Value> {
        let basis = Basis::of_read(Some("u"), Some(3), before);
        Some(serde_json::from_str(&of_status(&basis, before, after)?).unwrap())
    }

    #[test]
    fn an_unchanged_status_needs_no_patch() {
        let shown = status(json!({ "observedGeneration": 1, "consentStatus": "pending" }));
        assert_eq!(patch(Some(&shown), &shown), None);
    }

    #[test]
    fn what_differs_is_sent_on_condition_of_all_that_was_read() {
        let read =
            json!({ "url": "https://x", "initiation": { "epoch": 1, "idempotencyKey": "k", "renewals": 2 }, "observedGeneration": 1 });
        let after = status(json!({ "initiation": { "epoch": 2, "idempotencyKey": "l" }, "observedGeneration": 1 }));
        assert_eq!(
            patch(Some(&status(read.clone())), &after),
            Some(json!([
                { "op": "test", "path": "/metadata/uid", "value": "u" },
                { "op": "test", "path": "/metadata/generation", "value": 3 },
                { "op": "test", "path": "/status", "value": read },
                { "op": "remove", "path": "/status/url" },
                { "op": "add", "path": "/status/initiation", "value": { "epoch": 2, "idempotencyKey": "l" } },
                { "op": "add", "path": "/status/observedGeneration", "value": 1 },
            ]))
        );
    }

    #[test]
    fn a_status_that_was_not_there_is_begun() {
        let steps = patch(None, &status(json!({ "observedGeneration": 1 }))).unwrap();
        assert_eq!(steps[2], json!({ "op": "test", "path": "/status", "value": null }));
        assert_eq!(steps[3], json!({ "op": "add", "path": "/status", "value": {} }));
        assert_eq!(steps[4], json!({ "op": "add", "path": "/status/observedGeneration", "value": 1 }));
    }

    #[test]
    fn a_status_in_other_words_is_tested_word_by_word_and_only_what_stands_there_is_removed() {
        let raw =
            json!({ "metadata": { "uid": "u", "generation": 3 }, "status": { "initiationTime": "2026-01-01T00:00:00+00:00", "extra": 1 } });
        let read = status(json!({ "initiationTime": "2026-01-01T00:00:00Z", "url": "https://never-there" }));
        let text = of_status(&Basis::of_raw(&raw), Some(&read), &status(json!({ "consentStatus": "pending" }))).unwrap();
        let steps: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(steps[2]["value"], raw["status"]);
        assert_eq!(steps[3], json!({ "op": "remove", "path": "/status/initiationTime" }));
        assert_eq!(steps[4]["path"], "/status/consentStatus");
    }

    #[test]
    fn a_text_is_spelled_as_the_api_server_spells_it() {
        assert_eq!(spelled(&json!({ "url": "https://x/?a=<1>&b=\u{2028}é" })), r#"{"url":"https://x/?a=\u003c1\u003e\u0026b=\u2028é"}"#);
    }
}
