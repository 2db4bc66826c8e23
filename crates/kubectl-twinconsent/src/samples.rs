//! Consents for tests.

use serde_json::{Value, json};
use twinconsent_core::api::conditions::types;

use crate::objects::Consent;

/// The present moment of tests.
pub const NOW: &str = "2026-06-10T00:00:00Z";

/// A link.
pub const LINK: &str = "https://heygen.example/consent/secret";

/// A consent of which `Ready` has this reason and `Permitted` this status; `stalled` in the changed status stands for that condition.
pub fn consent(name: &str, reason: &str, permitted: &str, change: impl Fn(&mut Value)) -> Consent {
    let condition = |type_: &str, status: &str| json!({ "type": type_, "status": status, "reason": reason, "message": format!("Why {reason}."), "lastTransitionTime": NOW, "observedGeneration": 1 });
    let mut status = json!({
        "observedGeneration": 1, "objectUID": "uid-1", "consentStatus": "pending",
        "conditions": [condition(types::READY, permitted), condition(types::PERMITTED, permitted)],
    });
    change(&mut status);
    if status["stalled"] == true {
        status["conditions"].as_array_mut().unwrap().push(condition(types::STALLED, "True"));
    }
    read(&json!({
        "apiVersion": "twinconsent.io/v1alpha1", "kind": "DigitalTwinConsent",
        "metadata": { "name": name, "namespace": "team", "uid": "uid-1", "generation": 1 },
        "spec": { "groupID": format!("{name}-group"), "approvalDeadline": "72h", "subject": { "reference": "hr-4711" } },
        "status": status,
    }))
}

/// A consent as JSON, read.
pub fn read(value: &Value) -> Consent {
    Consent::read(serde_json::value::to_raw_value(value).unwrap()).unwrap()
}
