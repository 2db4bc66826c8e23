//! Consents as the API server sends them, without what nobody reads.
//!
//! Three quarters of an object are `managedFields`. Whoever decodes them only to drop them spends most of the time and memory of a watch
//! on that; here they are passed over while the text is read.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Resource;
use kube::core::ObjectMeta;
use serde::Deserialize;

use crate::api::REQUESTED_AT;
use crate::api::consent::{DigitalTwinConsent, DigitalTwinConsentSpec, DigitalTwinConsentStatus};

/// A consent whose metadata are those that are read.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "Text")]
pub struct Slim(pub DigitalTwinConsent);

/// What is read of an object; everything else is passed over.
#[derive(Deserialize)]
struct Text {
    #[serde(default)]
    metadata: Metadata,
    spec: DigitalTwinConsentSpec,
    status: Option<DigitalTwinConsentStatus>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    creation_timestamp: Option<Timestamp>,
    deletion_timestamp: Option<Timestamp>,
    annotations: Annotations,
}

/// The one annotation that is read; others can be as long as the whole object.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Annotations {
    #[serde(rename = "reconcile.twinconsent.io/requestedAt")]
    requested_at: Option<String>,
}

impl From<Text> for Slim {
    fn from(text: Text) -> Self {
        let Metadata { name, namespace, uid, resource_version, generation, creation_timestamp, deletion_timestamp, annotations } =
            text.metadata;
        let metadata = ObjectMeta {
            name,
            namespace,
            uid,
            resource_version,
            generation,
            creation_timestamp: creation_timestamp.map(Time),
            deletion_timestamp: deletion_timestamp.map(Time),
            annotations: annotations.requested_at.map(|at| BTreeMap::from([(REQUESTED_AT.to_owned(), at)])),
            ..ObjectMeta::default()
        };
        Self(DigitalTwinConsent { metadata, spec: text.spec, status: text.status })
    }
}

impl Resource for Slim {
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
        &self.0.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.0.metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_read_of_an_object_is_kept_and_nothing_else() {
        let object = serde_json::json!({
            "apiVersion": "twinconsent.io/v1alpha1", "kind": "DigitalTwinConsent",
            "metadata": {
                "name": "ada", "namespace": "n", "uid": "u", "resourceVersion": "5", "generation": 2, "creationTimestamp": "2026-01-01T00:00:00Z",
                "deletionTimestamp": "2026-01-02T00:00:00Z", "labels": {"a": "b"}, "annotations": {"a": "b", REQUESTED_AT: "now"},
                "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "y"}], "finalizers": ["f"],
                "managedFields": [{"manager": "m", "fieldsV1": {"f:spec": {}}}]
            },
            "spec": {"groupID": "g", "rerouteURL": "https://example.com", "requestEpoch": 3},
            "status": {"observedGeneration": 2, "url": "https://heygen.example/consent/1", "consentStatus": "pending"}
        });
        let mut expected: DigitalTwinConsent = serde_json::from_value(object.clone()).unwrap();
        let meta = &mut expected.metadata;
        (meta.managed_fields, meta.labels, meta.owner_references, meta.finalizers) = (None, None, None, None);
        meta.annotations = Some([(REQUESTED_AT.to_owned(), "now".to_owned())].into());
        let Slim(slim) = serde_json::from_value(object).unwrap();
        assert_eq!(slim, expected);
    }

    #[test]
    fn an_object_without_annotations_status_or_times_is_read() {
        for annotations in [serde_json::json!(null), serde_json::json!({}), serde_json::json!({"a": "b"})] {
            let mut object = serde_json::json!({ "metadata": { "name": "ada", "creationTimestamp": null }, "spec": { "groupID": "g" } });
            if !annotations.is_null() {
                object["metadata"]["annotations"] = annotations;
            }
            let Slim(slim) = serde_json::from_value(object).unwrap();
            assert_eq!((slim.metadata.annotations, slim.status), (None, None));
        }
    }
}
