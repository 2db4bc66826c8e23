//! Consents as the watch's store keeps them: folded to the bytes that a decision needs.
//!
//! A typed object takes several times the memory of its text, most of it in the little allocations of its conditions, and nearly all
//! objects of a large organisation lie idle nearly all of the time. So the store keeps text; whoever decides on an object unfolds it.
//!
//! Rejected: keeping metadata only and reading the object when something happens to it. That would cost a request to the API server
//! for each change, just when there are many of them.

use std::borrow::Cow;

use kube::Resource;
use kube::core::ObjectMeta;
use serde::{Deserialize, Serialize};

use crate::api::REQUESTED_AT;
use crate::api::consent::{DigitalTwinConsent, DigitalTwinConsentSpec, DigitalTwinConsentStatus};

/// A folded consent.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "DigitalTwinConsent")]
pub struct Folded {
    /// Name and namespace, which the store sorts by; the rest is in the text.
    meta: ObjectMeta,
    text: Box<[u8]>,
}

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
        let meta = &mut consent.metadata;
        let (name, namespace) = (meta.name.take(), meta.namespace.take());
        prune(meta);
        let kept = Kept {
            metadata: Cow::Borrowed(&consent.metadata),
            spec: Cow::Borrowed(&consent.spec),
            status: consent.status.as_ref().map(Cow::Borrowed),
        };
        // What came as JSON can be written as JSON.
        let text = serde_json::to_vec(&kept).unwrap_or_default().into_boxed_slice();
        Self { meta: ObjectMeta { name, namespace, ..ObjectMeta::default() }, text }
    }
}

impl Folded {
    /// The consent; `None` never happens, for the text was written from one.
    #[must_use]
    pub fn unfold(&self) -> Option<DigitalTwinConsent> {
        let kept: Kept<'_> = serde_json::from_slice(&self.text).ok()?;
        let mut metadata = kept.metadata.into_owned();
        metadata.name.clone_from(&self.meta.name);
        metadata.namespace.clone_from(&self.meta.namespace);
        Some(DigitalTwinConsent { metadata, spec: kept.spec.into_owned(), status: kept.status.map(Cow::into_owned) })
    }
}

impl Resource for Folded {
    type DynamicType = ();
    type Scope = <DigitalTwinConsent as Resource>::Scope;

    fn kind(dt: &()) -> Cow<'_, str> {
        DigitalTwinConsent::kind(dt)
    }

    fn group(dt: &()) -> Cow<'_, str> {
        DigitalTwinConsent::group(dt)
    }

    fn version(dt: &()) -> Cow<'_, str> {
        DigitalTwinConsent::version(dt)
    }

    fn plural(dt: &()) -> Cow<'_, str> {
        DigitalTwinConsent::plural(dt)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
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
}
