//! PURE. Status patches: merge patches of what differs, under the precondition of the version that was read.

use serde_json::{Map, Value, json};

use crate::account::settings::Settings;
use crate::api::account::AccountStatus;
use crate::api::consent::{DigitalTwinConsent, DigitalTwinConsentStatus};

/// The patch that turns the object's status into `status`; `None` when nothing differs.
///
/// Only what differs is sent, a cleared field as an explicit null. `observedGeneration` and `conditions` are always sent together,
/// so that no reader ever sees the one without the other.
pub(super) fn of_consent(consent: &DigitalTwinConsent, status: &DigitalTwinConsentStatus) -> Option<Value> {
    let old = fields(consent.status.as_ref().map_or_else(|| json!({}), |old| json!(old)));
    let new = fields(json!(status));
    if old == new {
        return None;
    }
    let mut changed: Map<String, Value> = old.keys().filter(|key| !new.contains_key(*key)).map(|key| (key.clone(), Value::Null)).collect();
    for (key, value) in &new {
        if old.get(key) != Some(value) || key == "conditions" || key == "observedGeneration" {
            changed.insert(key.clone(), replaced(old.get(key), value));
        }
    }
    Some(json!({ "metadata": { "resourceVersion": consent.metadata.resource_version }, "status": changed }))
}

/// The patch that writes an account's status.
pub(super) fn of_account(settings: &Settings, status: &AccountStatus) -> Value {
    json!({ "metadata": { "resourceVersion": settings.resource_version }, "status": status })
}

/// The value for a merge patch that must leave nothing of the old object behind.
fn replaced(old: Option<&Value>, new: &Value) -> Value {
    let (Some(Value::Object(old)), Value::Object(new)) = (old, new) else { return new.clone() };
    let mut value = new.clone();
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        value.insert(key.clone(), Value::Null);
    }
    Value::Object(value)
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

    fn consent(status: &Value) -> DigitalTwinConsent {
        serde_json::from_value(json!({
            "apiVersion": "twinconsent.io/v1alpha1", "kind": "DigitalTwinConsent",
            "metadata": {"name": "ada", "resourceVersion": "7"}, "spec": {"groupID": "g"}, "status": status
        }))
        .unwrap()
    }

    #[test]
    fn an_unchanged_status_needs_no_patch() {
        let consent = consent(&json!({"observedGeneration": 1, "consentStatus": "pending"}));
        assert_eq!(of_consent(&consent, consent.status.as_ref().unwrap()), None);
    }

    #[test]
    fn a_cleared_field_is_patched_with_an_explicit_null_and_the_version_is_a_precondition() {
        let before = consent(
            &json!({"url": "https://x", "initiation": {"epoch": 1, "idempotencyKey": "k", "renewals": 2}, "observedGeneration": 1}),
        );
        let after = consent(&json!({"initiation": {"epoch": 2, "idempotencyKey": "l"}, "observedGeneration": 1}));
        assert_eq!(
            of_consent(&before, after.status.as_ref().unwrap()),
            Some(json!({
                "metadata": {"resourceVersion": "7"},
                "status": {"url": null, "initiation": {"epoch": 2, "idempotencyKey": "l", "renewals": null}, "observedGeneration": 1}
            }))
        );
    }
}
