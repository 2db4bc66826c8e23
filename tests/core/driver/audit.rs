//! The audit log of a world: what would stand in it, and what is checked of every status that is written.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde_json::{Value, json};
use strum::VariantArray as _;
use twinconsent_core::api::conditions::{Situation, types};
use twinconsent_core::api::consent::{AuditMark, DigitalTwinConsent, DigitalTwinConsentStatus};
use twinconsent_core::consent::apply::Settled;
use twinconsent_core::consent::audit::{EventType, Problem, verify};
use twinconsent_core::consent::status::shown;

use super::World;

/// The lines, and what the statuses name.
#[derive(Debug, Default)]
pub struct AuditLog {
    pub lines: Vec<String>,
    /// What was told by statuses that were written, in order.
    pub events: Vec<EventType>,
    /// What each event says that its object shows, by its digest.
    said: BTreeMap<String, Value>,
    /// The last mark of every object that there was.
    pub marks: BTreeMap<String, AuditMark>,
    /// Whether the cluster was set back, so that the chain goes on from an earlier event once more.
    pub is_set_back: bool,
}

impl AuditLog {
    /// What the event that a status names says of its object.
    fn said_of(&self, object: &DigitalTwinConsent, status: &DigitalTwinConsentStatus) -> Value {
        let mark = status.audit.as_ref().filter(|mark| mark.object_uid == object.metadata.uid);
        mark.and_then(|mark| self.said.get(&mark.digest)).cloned().unwrap_or_default()
    }
}

/// The conditions of a status, as an event tells of them.
fn shows(status: &DigitalTwinConsentStatus) -> Value {
    let says = |condition: &Condition| json!({ "status": condition.status, "reason": condition.reason });
    status.conditions.iter().map(|condition| (condition.type_.clone(), says(condition))).collect()
}

impl World {
    /// Logs what a status would tell, before it is written.
    pub(super) fn log(&mut self, current: &DigitalTwinConsent, settled: &Settled) {
        let Settled { status, events, .. } = settled;
        let is_changed = current.status.as_ref() != Some(status);
        assert!(is_changed || events.is_empty(), "an event of nothing");
        assert!(events.iter().all(|event| event.event_type() != EventType::Deleted));
        let mark = status.audit.as_ref().filter(|_| !events.is_empty());
        assert_eq!(mark.map(|mark| mark.digest.as_str()), events.last().map(|event| event.digest()), "the status names the last event");
        for event in events {
            let line = event.line();
            for hidden in ["heygen.example", "v2:", "Ada"] {
                assert!(!line.contains(hidden), "{hidden} in {line}");
            }
            // A clock with fractions of a second tells two tries apart.
            if !self.audit.lines.contains(&line) {
                self.audit.lines.push(line);
            }
        }
    }

    /// Checks that a status which is written has an event for all that it shows and that the one before did not.
    pub(super) fn check_events(&mut self, settled: &Settled) {
        for event in &settled.events {
            self.audit.said.insert(event.digest().to_owned(), event.data()["conditions"].clone());
        }
        let events: Vec<_> = settled.events.iter().map(|event| event.event_type()).collect();
        let has = |any: &[EventType]| any.iter().any(|event_type| events.contains(event_type));
        let (before, after) = (self.status(), &settled.status);
        let is_new = |changed: bool, any: &[EventType], what: &str| {
            assert!(!changed || has(any), "{what}: {events:?}\n{before:?}\n{after:?}\n{}", self.trace.join("\n"));
        };
        let doubts = [Some(Situation::Unverified), Some(Situation::Unrecognized)];
        let was_doubt = doubts.contains(&shown(before));
        let says = |status: &DigitalTwinConsentStatus, type_: &str, word: &str| {
            status.conditions.iter().any(|condition| condition.type_ == type_ && condition.status == word)
        };
        let permits = |status| says(status, types::PERMITTED, "True");
        let given = [EventType::Approved, EventType::Waived, EventType::NotRequired];
        is_new(permits(after) && !permits(before) && !was_doubt, &given, "permitted");
        is_new(before.approval != after.approval, &given[..2], "an approval");
        is_new(before.revocation != after.revocation && after.revocation.is_some(), &[EventType::Revoked], "a revocation");
        is_new(before.initiation != after.initiation, &[EventType::Requested, EventType::Renewed], "a request");
        for (type_, event_type) in [("Overdue", EventType::Overdue), ("LinkExpired", EventType::LinkExpired)] {
            is_new(says(after, type_, "True") && !says(before, type_, "True"), &[event_type], type_);
        }
        let is_stuck = says(after, "Stalled", "True") && shown(after) != shown(before) && !was_doubt;
        is_new(is_stuck, EventType::VARIANTS, "why somebody has to act");
        let is_own = before.object_uid == self.object.metadata.uid;
        is_new(is_own && before.valid_until != after.valid_until, &[EventType::TermMoved], "a term");
        let is_alien = !before.conditions.is_empty() && !is_own;
        let is_in_another_chain = before.audit.as_ref().is_none_or(|mark| mark.object_uid != self.object.metadata.uid);
        is_new(is_alien && is_in_another_chain, &[EventType::Restored], "a restore");
        // What another client has written over it stands there untold until the operator writes what it knows.
        let agrees = |status: &DigitalTwinConsentStatus| self.audit.said_of(&self.object, status) == shows(status);
        let is_ours = before.conditions.is_empty() || agrees(before) || shows(before) != shows(after);
        assert!(!is_ours || agrees(after), "the event that the status names shows something else\n{after:?}\n{}", self.trace.join("\n"));
        self.audit.events.extend(events);
        if let (Some(uid), Some(mark)) = (&self.object.metadata.uid, &settled.status.audit) {
            self.audit.marks.insert(uid.clone(), mark.clone());
        }
    }

    /// Checks that the log is as it was written, and that every status names a line of it.
    pub fn check_audit(&self) {
        let AuditLog { lines, marks, is_set_back, .. } = &self.audit;
        let mut problems = verify(lines, marks).problems;
        problems.retain(|problem| !(*is_set_back && matches!(problem, Problem::Forked { .. })));
        assert!(problems.is_empty(), "{problems:#?}\n{}\n{}", lines.join("\n"), self.trace.join("\n"));
    }
}
