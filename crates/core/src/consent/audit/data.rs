//! What an event tells of its object: what stood in spec and status when it was made.
//!
//! Every field is named here, so that nothing comes into an event by itself.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::Resource as _;
use serde::Serialize;

use super::{EventType, is_digest};
use crate::api::account_key::AccountKey;
use crate::api::conditions::types;
use crate::api::consent::{
    AccountKind, Approval, DigitalTwinConsent, DigitalTwinConsentStatus, Revocation, Statement, Subject, Withdrawal,
};
use crate::consent::terms::Terms;

/// The longest uid that is taken from a status, in bytes; those of Kubernetes have 36.
const LONGEST_UID: usize = 64;

/// `data` of an event.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Data<'a> {
    object: Object<'a>,
    account: Account,
    /// The id of the avatar group, as in `subject`.
    #[serde(rename = "groupID")]
    group_id: &'a str,
    /// What the status shows, all of it: an event is made whenever this is another than in the event before.
    #[serde(skip_serializing_if = "Shown::is_empty")]
    conditions: Shown<'a>,
    /// HeyGen's word, as HeyGen wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    consent_status: Option<&'a str>,
    /// `spec.requestEpoch`.
    request_epoch: i64,
    /// What the spec asks the person to consent to.
    terms: Asked<'a>,
    /// `spec.purpose`.
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<&'a str>,
    /// `spec.subject`.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a Subject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawal: Option<&'a Withdrawal>,
    /// The last request that HeyGen took.
    #[serde(skip_serializing_if = "Option::is_none")]
    initiation: Option<Initiation<'a>>,
    /// The last approval, which may be past.
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<&'a Approval>,
    /// How HeyGen took that approval back.
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation: Option<&'a Revocation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link_expiration_time: Option<&'a Time>,
    /// The digest of the event before.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_digest: Option<&'a str>,
    /// Of a restored object: whose status it came with.
    #[serde(skip_serializing_if = "Option::is_none")]
    restored_from: Option<Origin<'a>>,
}

/// Which object, and in which version: the one that the status was written over, so that the events of one write can be told.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Object<'a> {
    api_version: String,
    kind: String,
    namespace: Option<&'a str>,
    name: Option<&'a str>,
    uid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<i64>,
}

#[derive(Serialize)]
struct Account {
    kind: AccountKind,
    name: String,
}

/// Terms, by digests.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Asked<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<Statement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statement_digest: Option<std::borrow::Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose_digest: Option<std::borrow::Cow<'a, str>>,
}

/// A request that HeyGen took.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Initiation<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<&'a Time>,
    request_epoch: i64,
    #[serde(rename = "requestID", skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    renewals: Option<i64>,
    #[serde(flatten)]
    terms: Asked<'a>,
}

/// The chain of another object, of which this one's goes on.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Origin<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_digest: Option<&'a str>,
}

impl<'a> Data<'a> {
    pub(super) fn of(
        event_type: EventType,
        consent: &'a DigitalTwinConsent,
        status: &'a DigitalTwinConsentStatus,
        previous_digest: Option<&'a str>,
    ) -> Self {
        let (spec, metadata) = (&consent.spec, &consent.metadata);
        let AccountKey { kind, name, namespace: _ } = AccountKey::of(consent);
        let Terms { statement, statement_digest, purpose_digest } = Terms::of_spec(spec);
        let origin = || Origin {
            uid: status
                .audit
                .as_ref()
                .and_then(|mark| mark.object_uid.as_deref())
                .or(status.object_uid.as_deref())
                .filter(|uid| is_uid(uid)),
            last_digest: status.audit.as_ref().map(|mark| mark.digest.as_str()).filter(|digest| is_digest(digest)),
        };
        Self {
            object: Object {
                api_version: DigitalTwinConsent::api_version(&()).into_owned(),
                kind: DigitalTwinConsent::kind(&()).into_owned(),
                namespace: metadata.namespace.as_deref(),
                name: metadata.name.as_deref(),
                uid: metadata.uid.as_deref(),
                resource_version: metadata.resource_version.as_deref(),
                generation: metadata.generation,
            },
            account: Account { kind, name },
            group_id: &spec.group_id,
            conditions: shown(status),
            consent_status: status.consent_status.as_deref(),
            request_epoch: spec.request_epoch.unwrap_or(0),
            terms: Asked {
                statement: Some(statement),
                statement_digest: Some(statement_digest.into()),
                purpose_digest: purpose_digest.map(Into::into),
            },
            purpose: spec.purpose.as_deref(),
            subject: spec.subject.as_ref(),
            valid_until: spec.valid_until.as_deref(),
            withdrawal: spec.withdrawal.as_ref(),
            initiation: status.initiation.as_ref().map(|initiation| Initiation {
                time: status.initiation_time.as_ref(),
                request_epoch: initiation.epoch,
                request_id: initiation.request_id.as_deref(),
                renewals: initiation.renewals,
                terms: Asked {
                    statement: initiation.statement,
                    statement_digest: initiation.statement_digest.as_deref().map(Into::into),
                    purpose_digest: initiation.purpose_digest.as_deref().map(Into::into),
                },
            }),
            approval: status.approval.as_ref(),
            revocation: status.revocation.as_ref(),
            link_expiration_time: status.link_expiration_time.as_ref(),
            previous_digest,
            restored_from: (event_type == EventType::Restored).then(origin),
        }
    }
}

/// Status and reason of each condition, by its type.
pub(super) type Shown<'a> = BTreeMap<&'a str, Says<'a>>;

/// What a condition says, but for its message.
#[derive(Serialize, PartialEq, Eq)]
pub(super) struct Says<'a> {
    status: &'a str,
    reason: &'a str,
}

/// What a status shows. Conditions of a type that is none of ours are not the operator's to tell of.
pub(super) fn shown(status: &DigitalTwinConsentStatus) -> Shown<'_> {
    let ours = status.conditions.iter().filter(|condition| types::OF_CONSENTS.contains(&condition.type_.as_str()));
    ours.map(|Condition { type_, status, reason, .. }| (type_.as_str(), Says { status, reason })).collect()
}

/// Whether a text may be the uid of an object; a status that was brought from elsewhere may hold anything.
fn is_uid(text: &str) -> bool {
    text.len() <= LONGEST_UID && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
