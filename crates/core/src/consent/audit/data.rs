//! What an event tells of its object: what stood in spec and status when it was made.
//!
//! Every field is named here, so that nothing comes into an event by itself.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::Resource as _;
use schemars::JsonSchema;
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

/// The object, as it was then.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Data<'a> {
    /// Which object.
    object: Object<'a>,
    /// Which account it uses.
    account: Account,
    /// The id of the avatar group, as in `subject`.
    #[serde(rename = "groupID")]
    group_id: &'a str,
    /// What each condition of the object says, by its type: `Permitted` says whether the twin may be used.
    // An event is made whenever this is another than in the event before.
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
    /// The person, as in `spec.subject`.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a Subject>,
    /// `spec.validUntil`.
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until: Option<&'a str>,
    /// `spec.withdrawal`: the person took the consent back.
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
    /// When the link presumably stops working.
    #[serde(skip_serializing_if = "Option::is_none")]
    link_expiration_time: Option<&'a Time>,
    /// The digest of the event before; absent in the first of an object.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_digest: Option<&'a str>,
    /// In `restored`: whose status the object came with.
    #[serde(skip_serializing_if = "Option::is_none")]
    restored_from: Option<Origin<'a>>,
}

/// Which object.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
struct Object<'a> {
    /// Its API version.
    api_version: String,
    /// `DigitalTwinConsent`.
    kind: String,
    /// Its namespace.
    namespace: Option<&'a str>,
    /// Its name.
    name: Option<&'a str>,
    /// Its uid: another object of the same name has another one.
    uid: Option<&'a str>,
    /// The version that the status was written over: the events of one write have it in common.
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_version: Option<&'a str>,
    /// The generation of its spec.
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<i64>,
}

#[derive(JsonSchema, Serialize)]
struct Account {
    /// Its kind.
    kind: AccountKind,
    /// Its name.
    name: String,
}

/// What a person is asked to consent to, by digests.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
struct Asked<'a> {
    /// What kind of statement HeyGen shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<Statement>,
    /// Its digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    statement_digest: Option<std::borrow::Cow<'a, str>>,
    /// The digest of the declared purpose.
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose_digest: Option<std::borrow::Cow<'a, str>>,
}

/// A request that HeyGen took.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
struct Initiation<'a> {
    /// When HeyGen first answered it.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<&'a Time>,
    /// Its epoch.
    request_epoch: i64,
    /// HeyGen's id of it.
    #[serde(rename = "requestID", skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    /// How often its link was renewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    renewals: Option<i64>,
    #[serde(flatten)]
    terms: Asked<'a>,
}

/// The chain of another object, of which this one's goes on.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
struct Origin<'a> {
    /// The uid of the object that it was written for.
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<&'a str>,
    /// The digest of the last event that it names.
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
#[derive(JsonSchema, Serialize, PartialEq, Eq)]
pub(super) struct Says<'a> {
    /// `True`, `False` or `Unknown`.
    status: &'a str,
    /// Why, as one of a fixed list of words.
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
