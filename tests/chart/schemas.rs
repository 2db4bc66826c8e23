//! JSON schemas for kubeconform, from what a running API server says of its kinds.
//!
//! Fields that the schema does not name are refused, as `kubectl` refuses them.

use std::collections::BTreeSet;
use std::path::Path;

use controlplane::ControlPlane;
use serde_json::{Map, Value, json};

/// Where kubeconform finds the schema of a kind in the folder.
pub const LOCATION: &str = "{{.Group}}_{{.ResourceKind}}_{{.ResourceAPIVersion}}.json";

/// Writes the schemas of every kind in these API versions, such as `apps/v1` or `v1`.
pub fn write(plane: &ControlPlane, api_versions: &BTreeSet<String>, folder: &Path) {
    let index: Value = serde_json::from_str(&plane.kubectl_ok(&["get", "--raw", "/openapi/v3"]).unwrap()).unwrap();
    for api_version in api_versions {
        let path = if api_version.contains('/') { format!("apis/{api_version}") } else { format!("api/{api_version}") };
        let url = index["paths"][&path]["serverRelativeURL"].as_str().unwrap_or_else(|| panic!("{path} is not served"));
        let document: Value = serde_json::from_str(&plane.kubectl_ok(&["get", "--raw", url]).unwrap()).unwrap();
        let mut definitions = document["components"]["schemas"].clone();
        close(&mut definitions);
        for definition in definitions.as_object().unwrap().values() {
            for kind in definition["x-kubernetes-group-version-kind"].as_array().into_iter().flatten() {
                write_kind(kind, api_version, definition, &definitions, folder);
            }
        }
    }
}

fn write_kind(kind: &Value, api_version: &str, definition: &Value, definitions: &Value, folder: &Path) {
    let part = |name: &str| kind[name].as_str().unwrap_or_default();
    let (group, version) = (part("group"), part("version"));
    // kubeconform takes what stands before the slash for the group, also where nothing but the version stands.
    let (own, group) = if group.is_empty() { (version.to_owned(), version) } else { (format!("{group}/{version}"), group) };
    // Options of requests are listed under every version.
    if own != api_version {
        return;
    }
    let mut schema = definition.clone();
    schema["definitions"] = definitions.clone();
    let name = format!("{group}_{}_{version}.json", part("kind").to_lowercase());
    std::fs::write(folder.join(name), schema.to_string()).unwrap();
}

/// Makes OpenAPI a JSON schema that refuses what it does not name.
fn close(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Object(fields) => {
            close_object(fields);
            fields.values_mut().for_each(close);
        }
        _ => {}
    }
}

fn close_object(fields: &mut Map<String, Value>) {
    if let Some(Value::String(reference)) = fields.get_mut("$ref") {
        *reference = reference.replace("#/components/schemas/", "#/definitions/");
    }
    let is = |name: &str| fields.get(name).is_some_and(|value| value == true);
    let is_open = is("x-kubernetes-preserve-unknown-fields") || is("x-kubernetes-embedded-resource");
    let is_int_or_string = fields.get("format").is_some_and(|format| format == "int-or-string") || is("x-kubernetes-int-or-string");
    let is_nullable = is("nullable");
    // A property may itself be called `properties`; then it has no type beside it.
    if fields.get("properties").is_some_and(Value::is_object) && !fields.contains_key("additionalProperties") && !is_open {
        fields.insert("additionalProperties".to_owned(), json!(false));
    }
    if is_int_or_string {
        fields.remove("type");
        fields.remove("format");
        fields.insert("oneOf".to_owned(), json!([{ "type": "string" }, { "type": "integer" }]));
    }
    if is_nullable && let Some(kind @ Value::String(_)) = fields.get("type").cloned() {
        fields.insert("type".to_owned(), json!([kind, "null"]));
    }
}
