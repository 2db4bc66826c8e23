//! Whether the API server serves the fields that the operator reads and writes.
//!
//! The definitions are installed by people, and Helm upgrades them only where it is allowed to. An API server prunes a field that its
//! definition does not know, and says nothing: the link would be gone. What is served is read from the OpenAPI document, which every
//! service account may read, so that the operator needs no right on the definitions themselves.

use axum::http::Request;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use kube::Client;
use serde_json::Value;

use super::Problem;
use twinconsent_core::api;

/// How many missing fields are named.
const NAMED: usize = 5;

/// Compares what is served with what the operator needs.
///
/// # Errors
/// [`Problem::Definitions`] with what is missing, or when the API server could not be asked.
pub async fn check(client: &Client) -> Result<(), Problem> {
    // Ours are made while the API server looks for its own.
    let (served, wanted) = tokio::join!(document(client), async { api::crds() });
    let missing = missing(&wanted, &served?);
    if missing.is_empty() { Ok(()) } else { Err(Problem::Definitions(missing.join("; "))) }
}

async fn document(client: &Client) -> Result<Value, kube::Error> {
    let path = format!("/openapi/v3/apis/{}/{}", api::GROUP, api::VERSION);
    let request = Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError)?;
    match client.request::<Value>(request).await {
        // Nothing of the group is served.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Value::Null),
        other => other,
    }
}

/// PURE. What the document lacks, a line for each kind.
fn missing(wanted: &[CustomResourceDefinition], document: &Value) -> Vec<String> {
    wanted.iter().filter_map(|crd| missing_of(crd, document)).collect()
}

fn missing_of(crd: &CustomResourceDefinition, document: &Value) -> Option<String> {
    let kind = &crd.spec.names.kind;
    let Some(served) = schema(document, kind) else {
        return Some(format!("the API server does not serve {kind}s of {}/{}: install the definitions", api::GROUP, api::VERSION));
    };
    let wanted = crd.spec.versions.first().and_then(|version| version.schema.as_ref()?.open_api_v3_schema.as_ref())?;
    let mut fields = Vec::new();
    for part in ["spec", "status"] {
        if let Some(wanted) = wanted.properties.as_ref().and_then(|properties| properties.get(part)) {
            lacking(wanted, served.get("properties").and_then(|properties| properties.get(part)), part, &mut fields);
        }
    }
    if fields.is_empty() {
        return None;
    }
    let more = fields.len().saturating_sub(NAMED);
    fields.truncate(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Some(format!("the definition of {kind} is older than this operator and lacks {}{more}: upgrade the definitions", fields.join(", ")))
}

fn schema<'a>(document: &'a Value, kind: &str) -> Option<&'a Value> {
    document.get("components")?.get("schemas")?.as_object()?.values().find(|schema| {
        let kinds = schema.get("x-kubernetes-group-version-kind").and_then(Value::as_array);
        kinds.is_some_and(|kinds| kinds.iter().any(|served| served["kind"] == kind && served["group"] == api::GROUP))
    })
}

/// Collects the paths of the fields that `wanted` has and `served` has not.
fn lacking(wanted: &JSONSchemaProps, served: Option<&Value>, path: &str, fields: &mut Vec<String>) {
    let Some(served) = served else {
        fields.push(path.to_owned());
        return;
    };
    for (name, wanted) in wanted.properties.iter().flatten() {
        lacking(wanted, served.get("properties").and_then(|properties| properties.get(name)), &format!("{path}.{name}"), fields);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(wanted)) = &wanted.items {
        lacking(wanted, served.get("items"), &format!("{path}[]"), fields);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The OpenAPI document of an API server that serves exactly our definitions.
    fn served() -> Value {
        let schemas: serde_json::Map<String, Value> = api::crds()
            .iter()
            .map(|crd| {
                let kind = &crd.spec.names.kind;
                let mut schema = json!(crd.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema);
                schema["x-kubernetes-group-version-kind"] = json!([{ "group": api::GROUP, "kind": kind, "version": api::VERSION }]);
                (format!("io.twinconsent.{}.{kind}", api::VERSION), schema)
            })
            .collect();
        json!({ "components": { "schemas": schemas } })
    }

    fn remove(document: &mut Value, kind: &str, path: &str) {
        let schema = format!("/components/schemas/io.twinconsent.{}.{kind}{path}", api::VERSION);
        let (parent, name) = schema.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
    }

    #[test]
    fn our_own_definitions_lack_nothing() {
        assert_eq!(missing(&api::crds(), &served()), Vec::<String>::new());
    }

    #[test]
    fn a_cluster_without_the_definitions_is_told_to_install_each() {
        let missing = missing(&api::crds(), &Value::Null);
        assert_eq!(missing.len(), 3);
        assert_eq!(missing[0], "the API server does not serve DigitalTwinConsents of twinconsent.io/v1alpha1: install the definitions");
    }

    #[test]
    fn every_missing_field_is_named_however_deep_it_lies() {
        let mut document = served();
        remove(&mut document, "DigitalTwinConsent", "/properties/spec/properties/linkRenewal");
        remove(&mut document, "DigitalTwinConsent", "/properties/status/properties/history/items/properties/consentStatus");
        remove(&mut document, "ClusterHeyGenAccount", "/properties/spec/properties/polling/properties/approved");
        assert_eq!(
            missing(&api::crds(), &document),
            [
                "the definition of DigitalTwinConsent is older than this operator and lacks spec.linkRenewal, \
                 status.history[].consentStatus: upgrade the definitions",
                "the definition of ClusterHeyGenAccount is older than this operator and lacks spec.polling.approved: upgrade the definitions",
            ]
        );
    }

    #[test]
    fn a_definition_of_another_age_names_its_first_missing_fields_and_counts_the_others() {
        let mut document = served();
        let schema = format!("/components/schemas/io.twinconsent.{}.DigitalTwinConsent/properties/spec", api::VERSION);
        document.pointer_mut(&schema).unwrap()["properties"] = json!({ "groupID": {} });
        let missing = missing(&api::crds(), &document);
        assert!(missing[0].contains(" and ") && missing[0].ends_with(" more: upgrade the definitions"), "{missing:?}");
    }
}
