//! Consents as the roster keeps them: folded to the bytes that a decision needs.
//!
//! A typed object takes several times the memory of its text, most of it in the little allocations of its conditions, and nearly all
//! objects of a large organisation lie idle nearly all of the time. So the roster keeps text; whoever decides on an object unfolds it.
//! The texts differ in a few names, ids and times only: what they share stands once, in a dictionary, and each is compressed against it,
//! to a quarter. That costs a few microseconds for a change and for a decision.
//!
//! Rejected: keeping metadata only and reading the object when something happens to it. That would cost a request to the API server
//! for each change, just when there are many of them.

use std::borrow::Cow;
use std::sync::LazyLock;

use kube::core::ObjectMeta;
use lz4_flex::block::{compress_prepend_size_with_dict, decompress_size_prepended_with_dict};
use serde::{Deserialize, Serialize};

use crate::api::REQUESTED_AT;
use crate::api::consent::{DigitalTwinConsent, DigitalTwinConsentSpec, DigitalTwinConsentStatus};
use crate::settle::example;
use crate::settle::situation::Situation;

/// A folded consent: JSON, compressed against [`DICTIONARY`].
#[derive(Debug, Clone)]
pub struct Folded(Box<[u8]>);

/// What is kept of an object.
#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    #[serde(rename = "m")]
    metadata: Cow<'a, ObjectMeta>,
    #[serde(rename = "s")]
    spec: Cow<'a, DigitalTwinConsentSpec>,
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    status: Option<Cow<'a, DigitalTwinConsentStatus>>,
}

/// What most texts say: they are of people who are awaited or have consented.
static DICTIONARY: LazyLock<Vec<u8>> =
    LazyLock::new(|| [Situation::Approved, Situation::Awaiting].map(example::of).iter().flat_map(text_of).collect());

/// Drops what nobody reads: three quarters of an object are `managedFields`.
pub fn prune(meta: &mut ObjectMeta) {
    meta.managed_fields = None;
    meta.labels = None;
    meta.owner_references = None;
    if let Some(annotations) = &mut meta.annotations {
        annotations.retain(|key, _| key == REQUESTED_AT);
        if annotations.is_empty() {
            meta.annotations = None;
        }
    }
}

impl From<DigitalTwinConsent> for Folded {
    fn from(mut consent: DigitalTwinConsent) -> Self {
        prune(&mut consent.metadata);
        Self(compress_prepend_size_with_dict(&text_of(&consent), &DICTIONARY).into_boxed_slice())
    }
}

impl Folded {
    /// The consent; `None` never happens, for the text was written from one.
    #[must_use]
    pub fn unfold(&self) -> Option<DigitalTwinConsent> {
        let text = decompress_size_prepended_with_dict(&self.0, &DICTIONARY).ok()?;
        let Kept { metadata, spec, status } = serde_json::from_slice(&text).ok()?;
        let status = status.map(Cow::into_owned);
        Some(DigitalTwinConsent { metadata: metadata.into_owned(), spec: spec.into_owned(), status })
    }
}

fn text_of(consent: &DigitalTwinConsent) -> Vec<u8> {
    let kept = Kept {
        metadata: Cow::Borrowed(&consent.metadata),
        spec: Cow::Borrowed(&consent.spec),
        status: consent.status.as_ref().map(Cow::Borrowed),
    };
    // What came as JSON can be written as JSON.
    serde_json::to_vec(&kept).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unfolded_is_what_was_folded_without_what_nobody_reads() {
        let consent: DigitalTwinConsent = serde_json::from_value(serde_json::json!({
            "apiVersion": "twinconsent.io/v1alpha1", "kind": "DigitalTwinConsent",
            "metadata": {
                "name": "ada", "namespace": "n", "uid": "u", "resourceVersion": "5", "generation": 2, "creationTimestamp": "2026-01-01T00:00:00Z",
                "deletionTimestamp": "2026-01-02T00:00:00Z",
                "labels": {"a": "b"}, "annotations": {"a": "b", REQUESTED_AT: "now"}, "managedFields": [{"manager": "m"}]
            },
            "spec": {"groupID": "g", "rerouteURL": "https://example.com", "requestEpoch": 3},
            "status": {"observedGeneration": 2, "url": "https://heygen.example/consent/1", "consentStatus": "pending"}
        }))
        .unwrap();
        let mut expected = consent.clone();
        expected.metadata.managed_fields = None;
        expected.metadata.labels = None;
        expected.metadata.annotations = Some([(REQUESTED_AT.to_owned(), "now".to_owned())].into());
        let unfolded = Folded::from(consent).unfold().unwrap();
        assert_eq!(serde_json::to_value(&unfolded).unwrap(), serde_json::to_value(&expected).unwrap());
    }
    #[test]
    fn a_pending_consent_takes_less_than_a_quarter_of_its_text() {
        let status = serde_json::json!({
            "observedGeneration": 1, "url": "https://app.heygen.com/consent/1962fe69c0ffee8b7a4d", "linkExpirationTime": "2026-01-02T10:11:12Z",
            "consentStatus": "pending",
            "group": {"name": "Ada Lovelace", "status": "completed", "looksCount": 3, "createdAt": "2025-12-24T08:09:10Z"},
            "initiation": {"epoch": 0, "idempotencyKey": "v1:44136fa355b3678a1146ad16f7e8649e:0", "requestID": "7c1f5b2e-93a8-4f0f-8d0a-0d5c2f1e7a66"},
            "initiationTime": "2026-01-01T10:11:12Z",
            "history": [{"observationTime": "2026-01-01T10:11:12Z", "consentStatus": "pending", "requestEpoch": 0}]
        });
        let mut consent = example::of(Situation::Awaiting);
        consent.spec.group_id = "5f2c8e0b9d3a4c719a0c3ddc1c9a5b44".to_owned();
        consent.metadata.uid = Some("3b1f0c52-7f3d-4c55-9d8a-3a8c8b7a1f10".to_owned());
        let conditions = consent.status.take().unwrap().conditions;
        consent.status = Some(serde_json::from_value(status).unwrap());
        consent.status.as_mut().unwrap().conditions = conditions;
        let (text, folded) = (text_of(&consent).len(), Folded::from(consent).0.len());
        assert!(folded * 4 < text, "{text} bytes became {folded}");
    }
}
