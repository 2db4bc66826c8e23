//! The status of a `DigitalTwinConsent`: what the operator has asked for and learned.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was asked, what HeyGen says, and since when.
#[derive(KubeSchema, Clone, Default, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DigitalTwinConsentStatus {
    /// The generation of the spec that this status was written for; -1 until the operator has seen the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// The uid of the object that this status was written for.
    /// Absent or another than the object's own: the status comes from elsewhere, as from a backup, and permits nothing until HeyGen has been polled.
    #[serde(rename = "objectUID", default, skip_serializing_if = "Option::is_none")]
    pub object_uid: Option<String>,

    /// The last value of the annotation `reconcile.twinconsent.io/requestedAt` that was acted on; of a value longer than 256 bytes `sha256:` and its digest in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,

    /// The link for the person. A bearer secret: anyone who has it can act as the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,

    /// When the link presumably stops working: the time of the request plus the account's `linkLifetime`.
    /// HeyGen gives no expiry; for an object that was re-created it is an upper bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_expiration_time: Option<Time>,

    /// The consent status that HeyGen reports, as HeyGen wrote it.
    /// Control characters and marks of the writing direction are replaced by U+FFFD; after 256 characters it is cut and ends in `…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent_status: Option<String>,

    /// The avatar group as HeyGen describes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupStatus>,

    /// The request that was made; absent when consent was there already and HeyGen was not asked by this object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiation: Option<Initiation>,

    /// When the request was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiation_time: Option<Time>,

    /// The request that HeyGen refused because consent was begun before: it gives no link for it, and is not asked for it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub already_begun: Option<AlreadyBegun>,

    /// The terms of every request of this object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_terms: Option<AskedTerms>,

    /// The last approval. A later refusal, withdrawal or request does not erase it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,

    /// How HeyGen took that approval back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation: Option<Revocation>,

    /// The `spec.validUntil` that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<String>,

    /// When the person last came back from HeyGen's page by way of the operator's return page.
    /// That is no proof of consent: it makes HeyGen be polled at once, and again and again for 10 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landing_time: Option<MicroTime>,

    /// The last audit event of this object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<AuditMark>,

    /// The last 10 changes of `consentStatus`, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<HistoryEntry>,

    /// The conditions: Ready, Permitted, Initiated, Approved; while True also Reconciling or Stalled, Overdue, LinkExpired, Suspended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".to_owned()]))]
    pub conditions: Vec<Condition>,
}

// By hand, because the link is a bearer secret and whole objects end up in panic messages and library logs.
impl fmt::Debug for DigitalTwinConsentStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = Self { url: self.url.as_ref().map(|_| "[redacted]".to_owned()), ..self.clone() };
        write!(f, "DigitalTwinConsentStatus {}", serde_json::to_string(&shown).map_err(|_| fmt::Error)?)
    }
}

/// An avatar group as HeyGen describes it.
#[derive(KubeSchema, Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct GroupStatus {
    /// Its display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,

    /// Its training state, as HeyGen wrote it, shown like `consentStatus`.
    /// `completed` proves neither consent nor that the training succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,

    /// How many looks it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looks_count: Option<i64>,

    /// When it was created at HeyGen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Time>,
}

/// A request that was made at HeyGen.
#[derive(KubeSchema, Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Initiation {
    /// The `requestEpoch` that it answered.
    pub epoch: i64,

    /// The idempotency key of the request; it is computed from the namespace and the spec.
    pub idempotency_key: String,

    /// HeyGen's id of the HTTP request, for their support.
    #[serde(rename = "requestID", default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,

    /// How often the link was renewed automatically.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewals: Option<i64>,

    /// What HeyGen was asked to show the person.
    /// `HeyGenDefault`, `ConsentText` or `ConsentVideo`.
    // A bound would make the whole status patch fail, and lose a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub statement: Option<Statement>,

    /// The digest of that statement, `sha256:` and 64 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement_digest: Option<String>,

    /// The digest of the purpose that was declared then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose_digest: Option<String>,
}

/// What a person is shown, or has recorded, to consent to.
#[derive(JsonSchema, Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq, Hash)]
pub enum Statement {
    /// HeyGen's own wording.
    HeyGenDefault,
    /// `spec.consentText`.
    ConsentText,
    /// `spec.consentVideo`. The reference of a clip proves nothing of what is said in it.
    ConsentVideo,
    /// Not known: others may have asked as well, or this object with other terms.
    // A word of a later version as well.
    #[default]
    #[serde(other)]
    Unknown,
}

/// The terms (statement and purpose) of every request of an object.
#[derive(KubeSchema, Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
pub struct AskedTerms {
    /// Their digests, `sha256:` and 64 hex digits, at most 4, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digests: Vec<String>,

    /// Whether there may be others: more than 4, or requests of which nothing is recorded here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<bool>,
}

/// An approval, as far as it is known.
#[derive(KubeSchema, Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// When the operator saw it; HeyGen tells no time.
    pub time: Time,

    /// HeyGen's word, as HeyGen wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent_status: Option<String>,

    /// The `requestEpoch` under which it was seen.
    pub request_epoch: i64,

    /// What the person was shown: `HeyGenDefault`, `ConsentText` or `ConsentVideo`; `Unknown` unless it is certain.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub statement: Statement,

    /// The digest of that statement, `sha256:` and 64 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement_digest: Option<String>,

    /// The digest of the purpose that was declared with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose_digest: Option<String>,

    /// HeyGen's id of the request that asked for it.
    #[serde(rename = "requestID", default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// How an approval was taken back at HeyGen.
#[derive(KubeSchema, Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Revocation {
    /// When the operator held it for certain.
    pub time: Time,

    /// HeyGen's word, as HeyGen wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent_status: Option<String>,
}

/// The end of an object's chain of audit events.
#[derive(KubeSchema, Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AuditMark {
    /// The uid of the object that the event is about. Another than the object's own: the status comes from elsewhere, as from a backup, and the next event begins a new chain.
    #[serde(rename = "objectUID", default, skip_serializing_if = "Option::is_none")]
    pub object_uid: Option<String>,

    /// The number of the event, counted from 1.
    pub sequence: i64,

    /// Its digest, `sha256:` and 64 hex digits.
    pub digest: String,

    /// Its type, such as `io.twinconsent.consent.approved.v1`.
    #[serde(rename = "type")]
    pub type_: String,

    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
}

/// A request that HeyGen refused because consent was begun before.
#[derive(KubeSchema, Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct AlreadyBegun {
    /// The `requestEpoch` of the request.
    pub epoch: i64,

    /// The idempotency key of the request; it is computed from the namespace and the spec.
    pub idempotency_key: String,

    /// HeyGen's id of the HTTP request, for their support.
    #[serde(rename = "requestID", default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// One change of the consent status.
#[derive(KubeSchema, Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// When the change was seen.
    pub observation_time: Time,

    /// The consent status; absent when HeyGen reported none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent_status: Option<String>,

    /// The `requestEpoch` under which it was seen.
    pub request_epoch: i64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::consent::{DigitalTwinConsent, DigitalTwinConsentSpec};

    #[test]
    fn a_status_prints_whatever_it_holds_but_the_link() {
        let url = Some("https://heygen.example/consent/secret".to_owned());
        let status = DigitalTwinConsentStatus { url, consent_status: Some("pending".to_owned()), ..DigitalTwinConsentStatus::default() };
        assert_eq!(format!("{status:?}"), r#"DigitalTwinConsentStatus {"url":"[redacted]","consentStatus":"pending"}"#);
        let mut whole = DigitalTwinConsent::new("ada", DigitalTwinConsentSpec::default());
        whole.status = Some(status);
        assert!(!format!("{whole:#?}").contains("heygen.example"), "{whole:#?}");
    }
}
