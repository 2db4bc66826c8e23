//! PURE. The audit trail: what has become of a consent, as events that outlive the object.
//!
//! One transition of a status makes one event, and one write of a status may carry several; none that shows another condition than before
//! carries none. So the last event before any time says what the object showed then. The events of an object form a chain: each has a
//! number, counted from 1, and names the digest of the one before; `status.audit` names the last.
//! An event is a JSON object of [CloudEvents 1.0](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md), and its line in the
//! log is the [RFC 8785](https://www.rfc-editor.org/rfc/rfc8785) form of it:
//!
//! | attribute | meaning |
//! |---|---|
//! | `specversion` | `1.0` |
//! | `id` | the uid of the object, `/`, and the number of the event |
//! | `source` | the path of the object at the API server |
//! | `type` | `io.twinconsent.consent.` + [`EventType::word`] + `.v1` |
//! | `subject` | the id of the avatar group |
//! | `time` | when the operator learned what the event tells, in UTC, with fractions of a second; HeyGen tells no times |
//! | `datacontenttype` | `application/json` |
//! | `data` | the object as it was then, see below |
//! | `digest` | `sha256:` and the hex digits of SHA-256 over the RFC 8785 form of the event without `digest` |
//!
//! | in `data` | meaning |
//! |---|---|
//! | `object` | which object, and the `resourceVersion` that the status was written over: the events of one write have it in common |
//! | `account` | kind and name of its account |
//! | `groupID` | the id of the avatar group |
//! | `conditions` | status and reason of each condition, by its type; `Permitted` says whether the twin might be used |
//! | `consentStatus` | HeyGen's word, as HeyGen wrote it |
//! | `requestEpoch`, `purpose`, `subject`, `validUntil`, `withdrawal` | as the spec has them |
//! | `terms` | kind and digest of the statement that the spec asks for, and the digest of its purpose |
//! | `initiation` | the last request that HeyGen took: the time of the first answer to it, epoch, HeyGen's id, renewals, its terms |
//! | `approval`, `revocation` | the last approval, which may be past, and how HeyGen took it back, as in the status |
//! | `linkExpirationTime` | when the link presumably stops working |
//! | `previousDigest` | the digest of the event before; absent in the first |
//! | `restoredFrom` | of a restored object: the uid, and the digest of the last event, that it came with |
//!
//! What is sent to a sink may have two fields more in `data`, which are in no line of the log: `url`, the link, which is outside of the
//! digest, and `resent`, of an event that was made once more from the status and has no digests ([`notifications`](crate::notifications)).
//!
//! `digest` is an extension attribute, whose name has small letters and digits only, so that every CloudEvents SDK takes it.
//! The digest of the event before stands in `data`, as `previousDigest`, since the name of an attribute may have no capital.
//! Neither the link nor the idempotency key, which would give it again to holders of the API key, nor the name of the group, which is the
//! person's, nor the text of the statement is in any event.
//!
//! [`verify()`] reads such lines again.

mod again;
mod data;
mod schema;
mod transition;
mod verify;

use jiff::Timestamp;
use kube::Resource as _;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::api::consent::{AuditMark, DigitalTwinConsent, DigitalTwinConsentStatus};
use crate::consent::digest::digest;
use crate::consent::polling::whole;
use data::Data;
use transition::Transition;

pub use crate::api::event_type::EventType;
pub(crate) use again::last_again;
pub use schema::schema;
pub use verify::{Problem, Unconfirmed, Verified, verify};

/// One event of the audit trail.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    event_type: EventType,
    sequence: i64,
    digest: String,
    body: Value,
}

/// An event of a consent: an object of CloudEvents 1.0.
// Its attributes, without `digest`. The comments are those of the schema.
#[derive(JsonSchema, Serialize)]
#[schemars(title = "Event of a DigitalTwinConsent")]
struct Attributes<'a> {
    /// `1.0`.
    specversion: &'static str,
    /// The uid of the object, `/`, and the number of the event, counted from 1. An event that comes again has the same.
    id: String,
    /// The path of the object at the API server.
    source: String,
    /// What happened: `io.twinconsent.consent.`, a word, and `.v1`.
    r#type: String,
    /// The id of the avatar group.
    #[serde(skip_serializing_if = "str::is_empty")]
    subject: &'a str,
    /// When the operator learned of it, in UTC, with fractions of a second; HeyGen tells no times.
    time: String,
    /// `application/json`.
    datacontenttype: &'static str,
    data: Data<'a>,
}

impl<'a> Attributes<'a> {
    fn of(consent: &'a DigitalTwinConsent, event_type: EventType, sequence: i64, time: Timestamp, data: Data<'a>) -> Self {
        let uid = consent.metadata.uid.as_deref().unwrap_or_default();
        let namespace = consent.metadata.namespace.as_deref();
        let name = consent.metadata.name.as_deref().unwrap_or_default();
        Self {
            specversion: "1.0",
            id: format!("{uid}/{sequence}"),
            source: format!("{}/{name}", DigitalTwinConsent::url_path(&(), namespace)),
            r#type: event_type.name(),
            subject: &consent.spec.group_id,
            time: time.to_string(),
            datacontenttype: "application/json",
            data,
        }
    }
}

impl Event {
    /// What it tells of.
    #[must_use]
    pub const fn event_type(&self) -> EventType {
        self.event_type
    }

    /// Its number in the chain of its object, counted from 1.
    #[must_use]
    pub const fn sequence(&self) -> i64 {
        self.sequence
    }

    /// The attribute `id`.
    #[must_use]
    pub fn id(&self) -> &str {
        self.body.get("id").and_then(Value::as_str).unwrap_or_default()
    }

    /// Its digest, `sha256:` and 64 hex digits.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What it tells of its object.
    #[must_use]
    pub fn data(&self) -> &Value {
        &self.body["data"]
    }

    /// Its line in the log: the RFC 8785 form, without an end of line.
    #[must_use]
    pub fn line(&self) -> String {
        serde_json_canonicalizer::to_string(&self.body).unwrap_or_default()
    }

    /// The event of this type that follows another one (its number and its digest), or is the first.
    fn after(
        last: Option<(i64, &str)>,
        event_type: EventType,
        consent: &DigitalTwinConsent,
        status: &DigitalTwinConsentStatus,
        now: Timestamp,
    ) -> Self {
        let sequence = last.map_or(1, |(sequence, _)| sequence + 1);
        let data = Data::of(event_type, consent, status, last.map(|(_, digest)| digest));
        let attributes = Attributes::of(consent, event_type, sequence, now, data);
        // Strings and whole numbers always have a JSON form; the fallback keeps the function total.
        let mut body = serde_json::to_value(attributes).unwrap_or_default();
        let digest = digest(&body);
        if let Value::Object(attributes) = &mut body {
            attributes.insert(DIGEST.to_owned(), Value::from(digest.clone()));
        }
        Self { event_type, sequence, digest, body }
    }

    /// What the status says of it, as the last one.
    fn mark(&self, consent: &DigitalTwinConsent, now: Timestamp) -> AuditMark {
        AuditMark {
            object_uid: consent.metadata.uid.clone(),
            sequence: self.sequence,
            digest: self.digest.clone(),
            type_: self.event_type.name(),
            time: Some(whole(now)),
        }
    }
}

/// The attribute with the digest of the event.
const DIGEST: &str = "digest";

/// The events of a status that is to be written over another one, in order; the new status then names the last of them.
///
/// A status that says what the other said makes none, so that no event costs a write.
pub(crate) fn record(
    consent: &DigitalTwinConsent,
    before: &DigitalTwinConsentStatus,
    after: &mut DigitalTwinConsentStatus,
    now: Timestamp,
) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    for event_type in Transition::of(consent, before, after).events() {
        let last = events.last().map(|event| (event.sequence, event.digest.as_str())).or_else(|| last_of(consent, before));
        events.push(Event::after(last, event_type, consent, after, now));
    }
    if let Some(last) = events.last() {
        after.audit = Some(last.mark(consent, now));
    }
    events
}

/// The event of an object that is going, or is gone: the last of its chain, which nothing names.
#[must_use]
pub fn deleted(consent: &DigitalTwinConsent, now: Timestamp) -> Event {
    let status = consent.status.clone().unwrap_or_default();
    Event::after(last_of(consent, &status), EventType::Deleted, consent, &status, now)
}

/// Number and digest of the last event of this very object, as far as its status tells.
///
/// A status that was brought from elsewhere names the event of another object, and one that was written by hand may name none at all: either
/// begins a new chain.
fn last_of<'a>(consent: &DigitalTwinConsent, status: &'a DigitalTwinConsentStatus) -> Option<(i64, &'a str)> {
    let mark = status.audit.as_ref().filter(|mark| mark.object_uid == consent.metadata.uid)?;
    ((1..i64::MAX).contains(&mark.sequence) && is_digest(&mark.digest)).then_some((mark.sequence, mark.digest.as_str()))
}

/// Whether a text is a digest, so that nothing else can come into an event where one is expected.
fn is_digest(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:").unwrap_or_default();
    hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests;
