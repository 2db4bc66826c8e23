//! What happens to the object and to the replicas that work on it.

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};
use twinconsent_core::api::REQUESTED_AT;
use twinconsent_core::api::consent::{Approval, DigitalTwinConsent, DigitalTwinConsentStatus, Statement};
use twinconsent_core::consent::polling;
use twinconsent_core::consent::state::Memory;

use super::{Replica, World};

impl World {
    /// A user edits the spec: a new generation.
    pub fn edit(&mut self, change: Value) {
        let mut spec = json!(self.object.spec);
        for (field, value) in change.as_object().unwrap() {
            spec[field] = value.clone();
        }
        self.object.spec = serde_json::from_value(spec).unwrap();
        *self.object.metadata.generation.as_mut().unwrap() += 1;
        self.bump();
        self.note(format!("-- edit {change}"));
    }

    pub fn annotate(&mut self, value: &str) {
        self.object.metadata.annotations.get_or_insert_default().insert(REQUESTED_AT.into(), value.into());
        self.bump();
    }

    /// The person comes back from HeyGen's page to another replica, whose clock is so many seconds ahead.
    pub fn land(&mut self, ahead: i64) {
        let time = polling::shifted(self.now, SignedDuration::from_secs(ahead));
        self.object.status.get_or_insert_default().landing_time = Some(time.into());
        self.bump();
        self.note("-- the person comes back".into());
    }

    /// Deleted and created again: the same spec, nothing else.
    pub fn recreate(&mut self, serial: u32) {
        self.object.status = Some(DigitalTwinConsentStatus { observed_generation: Some(-1), ..DigitalTwinConsentStatus::default() });
        self.object.metadata.uid = Some(format!("0a0a0a0a-0000-4000-8000-{serial:012}"));
        self.object.metadata.generation = Some(1);
        self.object.metadata.creation_timestamp = Some(Time(self.now));
        self.object.metadata.annotations = None;
        self.secret.link = None;
        self.bump();
        for replica in &mut self.replicas {
            (replica.memory, replica.accepted) = (Memory::default(), None);
        }
        self.note("-- re-created".into());
    }

    /// The operator's wall clock is set: so many seconds ahead of what it showed at first.
    pub fn set_clock(&mut self, ahead: i64) {
        let ahead = SignedDuration::from_secs(ahead);
        self.clock.note(polling::shifted(self.now, ahead), self.now);
        self.note(format!("-- the clock is {} s ahead", ahead.as_secs()));
    }

    /// The cluster is gone; the object is made anew elsewhere and gets the status that was saved, as a backup tool does it.
    pub fn restore_status_elsewhere(&mut self, serial: u32) {
        let status = self.object.status.clone();
        self.recreate(serial);
        self.object.status = status;
        self.bump();
        self.note("   with its old status".into());
    }

    /// The cluster is restored from a backup: the very object as it was, in a history in which versions go on from higher numbers.
    pub fn roll_back(&mut self, before: DigitalTwinConsent) {
        let version = Self::version(&self.object) + 1000;
        self.object = before;
        self.object.metadata.resource_version = Some(version.to_string());
        self.audit.is_set_back = true;
        // What was recorded is lost with the history in which it was.
        self.replicas.iter_mut().for_each(|replica| replica.accepted = None);
        self.note("-- set back".into());
    }

    /// The status is overwritten by hand: consent was given.
    pub fn forge(&mut self, reason: &str) {
        for condition in &mut self.object.status.as_mut().unwrap().conditions {
            if matches!(condition.type_.as_str(), "Ready" | "Approved") {
                (condition.status, condition.reason) = ("True".into(), reason.into());
            }
        }
        self.object.status.as_mut().unwrap().conditions.retain(|condition| !matches!(condition.type_.as_str(), "Stalled" | "Reconciling"));
        self.object.status.as_mut().unwrap().approval.get_or_insert(Approval {
            time: Time(self.now),
            consent_status: None,
            request_epoch: 0,
            statement: Statement::Unknown,
            statement_digest: None,
            purpose_digest: None,
            request_id: None,
        });
        self.bump();
        self.note("-- forged".into());
    }

    pub fn crash(&mut self, replica: usize) {
        self.replicas[replica] = Replica { started: self.now, ..Replica::default() };
        self.note("-- crash".into());
    }
}
