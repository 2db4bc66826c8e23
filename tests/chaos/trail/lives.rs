//! What may become of a consent, each in a life of its own.

use kube::ResourceExt as _;
use serde_json::{Value, json};
use tokio::sync::watch;
use twinconsent::process::clock;
use twinconsent_core::api::consent::DigitalTwinConsent;

use super::Begun;
use super::witness::Witness;
use crate::support::{World, condition};

/// What becomes of a consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// HeyGen takes the approval back.
    Revoked,
    /// The person refuses, is asked with a higher epoch, and approves.
    Refused,
    /// The link dies and is renewed.
    Renewed,
    /// The person withdraws, and tells the author.
    Withdrawn,
    /// The consent lapses, and counts again for longer.
    Lapsed,
    /// HeyGen says an unknown word, and later the object is suspended for a while.
    Doubted,
    /// The object is deleted after the approval.
    Deleted,
    /// The object is deleted, and created again with the status of before.
    Restored,
    /// The person does not answer in time, and the object is deleted.
    Overdue,
    /// The spec has other terms after the approval.
    TermsChanged,
}

impl Kind {
    const ALL: [Self; 10] = [
        Self::Revoked,
        Self::Refused,
        Self::Renewed,
        Self::Withdrawn,
        Self::Lapsed,
        Self::Doubted,
        Self::Deleted,
        Self::Restored,
        Self::Overdue,
        Self::TermsChanged,
    ];

    pub fn of(number: usize) -> Self {
        Self::ALL[number % Self::ALL.len()]
    }

    /// What its trail tells at least, in this order.
    pub fn words(self) -> &'static [&'static str] {
        match self {
            Self::Revoked => &["requested", "approved", "revoked"],
            Self::Refused => &["requested", "refused", "requested", "approved"],
            Self::Renewed => &["requested", "renewed", "approved"],
            Self::Withdrawn => &["requested", "approved", "withdrawn"],
            Self::Lapsed => &["requested", "approved", "term-moved", "lapsed", "term-moved", "approved"],
            Self::Doubted => &["requested", "condition-changed", "approved", "condition-changed", "condition-changed"],
            Self::Deleted => &["requested", "approved"],
            Self::Restored => &["requested", "approved", "restored", "approved"],
            Self::Overdue => &["requested", "overdue"],
            Self::TermsChanged => &["requested", "approved", "terms-changed"],
        }
    }

    pub fn spec(self, world: &World, name: &str) -> Value {
        let mut spec = match self {
            Self::Renewed => json!({ "linkRenewal": "Automatic", "pollInterval": "1s" }),
            Self::Overdue => json!({ "approvalDeadline": "1s" }),
            Self::TermsChanged => json!({ "consentText": "I consent." }),
            _ => json!({}),
        };
        spec["groupID"] = json!(name);
        spec["accountRef"] = json!({ "kind": "ClusterHeyGenAccount", "name": world.namespace });
        spec
    }

    /// Whether it may be set back, if it is to be.
    pub fn is_ready_to_be_set_back(self, latest: Option<&DigitalTwinConsent>) -> bool {
        let reads = |reason| latest.and_then(|latest| condition(latest, "Ready")).is_some_and(|(_, was)| was == reason);
        match self {
            Self::Renewed => reads("AwaitingApproval"),
            Self::Restored => reads("Approved"),
            _ => true,
        }
    }
}

/// One consent, its group and its person.
pub struct Life<'a> {
    pub world: &'a World,
    pub witness: &'a Witness,
    pub name: &'a str,
    pub begun: watch::Receiver<Begun>,
}

impl Life<'_> {
    /// Lives through it, once its batch has begun.
    pub async fn live(mut self, kind: Kind, batch: usize) {
        let (world, heygen, name) = (self.world, &self.world.simulator, self.name);
        self.begun.wait_for(|begun| begun.batches > batch).await.unwrap();
        world.consent(name, kind.spec(world, name)).await;
        self.until("AwaitingApproval or ApprovalOverdue", |ready, _| ["AwaitingApproval", "ApprovalOverdue"].contains(&ready)).await;
        match kind {
            Kind::Revoked => {
                self.approve().await;
                heygen.set_consent_status(name, Some("rejected")).unwrap();
                self.reads("ConsentRevoked").await;
            }
            Kind::Refused => {
                heygen.reject(name).unwrap();
                self.reads("ConsentRefused").await;
                world.change(name, json!({ "requestEpoch": 1 })).await;
                self.reads("AwaitingApproval").await;
                self.approve().await;
            }
            Kind::Renewed => {
                let renewals = |consent: &DigitalTwinConsent| consent.status.as_ref()?.initiation.as_ref()?.renewals;
                self.until("a renewal", |_, consent| renewals(consent) == Some(1)).await;
                self.approve().await;
            }
            Kind::Withdrawn => {
                self.approve().await;
                world.change(name, json!({ "withdrawal": { "time": "2026-01-01T00:00:00Z", "reference": "ticket-5" } })).await;
                self.reads("ConsentWithdrawn").await;
            }
            Kind::Lapsed => {
                self.approve().await;
                let soon = clock::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
                world.change(name, json!({ "validUntil": soon })).await;
                self.reads("ConsentLapsed").await;
                world.change(name, json!({ "validUntil": "2199-01-01T00:00:00Z" })).await;
                self.reads("Approved").await;
            }
            Kind::Doubted => {
                heygen.set_consent_status(name, Some("weird")).unwrap();
                self.reads("UnrecognizedConsentStatus").await;
                self.approve().await;
                let is_suspended = |consent: &DigitalTwinConsent| condition(consent, "Suspended").is_some();
                world.change(name, json!({ "suspend": true })).await;
                self.until("Suspended", |_, consent| is_suspended(consent)).await;
                world.change(name, json!({ "suspend": false })).await;
                self.until("no longer Suspended", |_, consent| !is_suspended(consent)).await;
            }
            Kind::Deleted => {
                self.approve().await;
                world.delete(name).await;
            }
            Kind::Restored => {
                self.approve().await;
                let before = self.witness.latest(name).unwrap().uid();
                self.begun.wait_for(|begun| begun.is_set_back).await.unwrap();
                let is_another = |consent: &DigitalTwinConsent| consent.uid() != before;
                let is_own = |consent: &DigitalTwinConsent| consent.status.as_ref().unwrap().object_uid == consent.uid();
                self.until("approved anew", |ready, consent| ready == "Approved" && is_another(consent) && is_own(consent)).await;
            }
            Kind::Overdue => {
                self.reads("ApprovalOverdue").await;
                world.delete(name).await;
            }
            Kind::TermsChanged => {
                self.approve().await;
                world.change(name, json!({ "consentText": "I consent to all.", "requestEpoch": 1 })).await;
                self.reads("TermsChanged").await;
            }
        }
    }

    async fn approve(&self) {
        self.world.simulator.approve(self.name).unwrap();
        self.reads("Approved").await;
    }

    async fn reads(&self, reason: &str) {
        self.until(reason, |ready, _| ready == reason).await;
    }

    async fn until(&self, what: &str, holds: impl Fn(&str, &DigitalTwinConsent) -> bool) {
        let ready = |consent: &DigitalTwinConsent| condition(consent, "Ready").map_or_else(String::new, |(_, reason)| reason);
        self.witness.until_it(self.name, what, |consent| holds(&ready(consent), consent)).await;
    }
}
