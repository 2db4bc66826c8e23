//! Whether a twin may be used, for whatever is about to use it: the one strict expression.
//!
//! `Permitted=True` alone does not suffice: a status that was restored from a backup shows it, and so does one that the operator has not
//! renewed since a withdrawal or the end of `validUntil` (`docs/trust.md`).

use jiff::Timestamp;

use crate::api::conditions::types;
use crate::api::consent::DigitalTwinConsent;
use crate::consent::status::{condition, has_lapsed, holds};

/// What a consent is to be, as far as the asker knows: another one permits nothing, whatever it says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expected<'a> {
    /// The uid of the object.
    pub uid: Option<&'a str>,
    /// The avatar group that is about to be used.
    pub group: Option<&'a str>,
}

/// Whether the twin may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// It may, now.
    Permitted,
    /// It may not, and that may change without a user.
    NotYet(Obstacle),
    /// It may not, and that changes only when a user acts.
    Ended(Obstacle),
}

/// What is in the way, the first of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// It is another object of the same name.
    Replaced,
    /// It is about another avatar group.
    OtherGroup,
    /// It is being deleted.
    BeingDeleted,
    /// The person has withdrawn their consent, as the spec says.
    Withdrawn,
    /// `spec.validUntil` has passed, by the clock of the asker.
    Lapsed,
    /// The operator has not seen this generation of the spec.
    NotObserved,
    /// The status was written for another object, as one that was restored from a backup.
    Restored,
    /// The status lacks `Permitted`: an older version of the operator wrote it.
    NotSaid,
    /// `Permitted` is not True; the message of `Ready` says why.
    NotPermitted,
}

/// PURE. Whether the twin may be used, by an object as it was just read.
#[must_use]
pub fn permission(consent: &DigitalTwinConsent, expected: Expected<'_>, now: Timestamp) -> Permission {
    let (metadata, spec) = (&consent.metadata, &consent.spec);
    if expected.uid.is_some_and(|uid| metadata.uid.as_deref() != Some(uid)) {
        return Permission::Ended(Obstacle::Replaced);
    }
    if expected.group.is_some_and(|group| spec.group_id != group) {
        return Permission::Ended(Obstacle::OtherGroup);
    }
    if metadata.deletion_timestamp.is_some() {
        return Permission::Ended(Obstacle::BeingDeleted);
    }
    if spec.withdrawal.is_some() {
        return Permission::Ended(Obstacle::Withdrawn);
    }
    if has_lapsed(spec, now) {
        return Permission::Ended(Obstacle::Lapsed);
    }
    let Some(status) = &consent.status else { return Permission::NotYet(Obstacle::NotObserved) };
    // An object without a generation was read from no API server.
    if metadata.generation.is_none() || status.observed_generation != metadata.generation {
        return Permission::NotYet(Obstacle::NotObserved);
    }
    if status.object_uid.is_none() || status.object_uid != metadata.uid {
        let is_of_an_older_operator = status.object_uid.is_none() && condition(status, types::PERMITTED).is_none();
        return Permission::NotYet(if is_of_an_older_operator { Obstacle::NotSaid } else { Obstacle::Restored });
    }
    let Some(permitted) = condition(status, types::PERMITTED) else { return Permission::NotYet(Obstacle::NotSaid) };
    if permitted.observed_generation.is_some_and(|observed| Some(observed) != metadata.generation) {
        return Permission::NotYet(Obstacle::NotObserved);
    }
    match permitted.status.as_str() {
        "True" => Permission::Permitted,
        _ if holds(status, types::STALLED) => Permission::Ended(Obstacle::NotPermitted),
        _ => Permission::NotYet(Obstacle::NotPermitted),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: &str = "2026-06-01T00:00:00Z";

    /// A consent that permits the use of its twin, but for what is changed.
    fn changed(change: impl Fn(&mut Value)) -> Permission {
        asked(Expected { uid: Some("uid-1"), group: Some("ada") }, change)
    }

    fn asked(expected: Expected<'_>, change: impl Fn(&mut Value)) -> Permission {
        let mut value = json!({
            "apiVersion": "twinconsent.io/v1alpha1",
            "kind": "DigitalTwinConsent",
            "metadata": { "name": "ada", "uid": "uid-1", "generation": 2 },
            "spec": { "groupID": "ada", "validUntil": "2026-06-01T00:00:01Z" },
            "status": {
                "observedGeneration": 2,
                "objectUID": "uid-1",
                "conditions": [condition("Permitted", "True", 2), condition("Ready", "True", 2)],
            },
        });
        change(&mut value);
        permission(&serde_json::from_value(value).unwrap(), expected, NOW.parse().unwrap())
    }

    fn condition(type_: &str, status: &str, generation: i64) -> Value {
        json!({ "type": type_, "status": status, "reason": "R", "message": "", "lastTransitionTime": NOW, "observedGeneration": generation })
    }

    #[test]
    fn a_consent_permits_when_everything_is_right() {
        assert_eq!(changed(|_| {}), Permission::Permitted);
        assert_eq!(asked(Expected::default(), |_| {}), Permission::Permitted, "of an object and a group that nothing is known of");
        assert_eq!(changed(|consent| drop(consent["spec"].as_object_mut().unwrap().remove("validUntil"))), Permission::Permitted);
    }

    #[test]
    fn each_part_of_the_expression_alone_refuses() {
        type Change = fn(&mut Value);
        let cases: [(Permission, Change); 14] = [
            (Permission::Ended(Obstacle::Replaced), |consent| {
                consent["metadata"]["uid"] = json!("uid-2");
                consent["status"]["objectUID"] = json!("uid-2");
            }),
            (Permission::Ended(Obstacle::OtherGroup), |consent| consent["spec"]["groupID"] = json!("grace")),
            (Permission::Ended(Obstacle::BeingDeleted), |consent| consent["metadata"]["deletionTimestamp"] = json!(NOW)),
            (Permission::Ended(Obstacle::Withdrawn), |consent| consent["spec"]["withdrawal"] = json!({ "time": NOW })),
            (Permission::Ended(Obstacle::Lapsed), |consent| consent["spec"]["validUntil"] = json!(NOW)),
            (Permission::Ended(Obstacle::Lapsed), |consent| consent["spec"]["validUntil"] = json!("some day")),
            (Permission::NotYet(Obstacle::NotObserved), |consent| consent["metadata"]["generation"] = json!(3)),
            (Permission::NotYet(Obstacle::NotObserved), |consent| drop(consent.as_object_mut().unwrap().remove("status"))),
            (Permission::NotYet(Obstacle::NotObserved), |consent| {
                consent["status"]["conditions"][0]["observedGeneration"] = json!(1);
            }),
            (Permission::NotYet(Obstacle::Restored), |consent| consent["status"]["objectUID"] = json!("uid-0")),
            (Permission::NotYet(Obstacle::Restored), |consent| {
                drop(consent["status"].as_object_mut().unwrap().remove("objectUID"));
            }),
            (Permission::NotYet(Obstacle::NotSaid), |consent| consent["status"]["conditions"][0] = condition("Approved", "True", 2)),
            (Permission::NotYet(Obstacle::NotPermitted), |consent| consent["status"]["conditions"][0]["status"] = json!("Unknown")),
            (Permission::Ended(Obstacle::NotPermitted), |consent| {
                consent["status"]["conditions"] = json!([condition("Permitted", "False", 2), condition("Stalled", "True", 2)]);
            }),
        ];
        for (expected, change) in cases {
            assert_eq!(changed(change), expected);
        }
    }

    #[test]
    fn what_stalled_an_earlier_generation_ends_nothing() {
        let stalled_before = |consent: &mut Value| {
            consent["metadata"]["generation"] = json!(3);
            consent["status"]["conditions"] = json!([condition("Permitted", "False", 2), condition("Stalled", "True", 2)]);
        };
        assert_eq!(changed(stalled_before), Permission::NotYet(Obstacle::NotObserved));
    }
}
