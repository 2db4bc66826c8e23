//! The form of an event as JSON Schema, for documents and receivers.

use schemars::transform::transform_subschemas;
use schemars::{Schema, generate::SchemaSettings};
use serde_json::{Value, json};

use super::{Attributes, DIGEST};

/// What stands in the data of events that are sent, and never in the audit log: name, type, and meaning.
const SENT_ONLY: [(&str, &str, &str); 2] = [
    ("resent", "boolean", "`true` in an event that is sent once more by another process; it has no digests."),
    (
        "url",
        "string",
        "In `requested` and `renewed` to a sink with `includeLink`: the person's link, unless it has expired or something has made it useless meanwhile, such as a refusal. It is outside of the digest.",
    ),
];

/// The form of an event, as JSON Schema of 2020-12. What is not named in it may be added in later versions.
#[must_use]
pub fn schema() -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Attributes<'static>>();
    without_extensions(&mut schema);
    let digest = json!({ "type": "string", "description": "`sha256:` and the hex digits of SHA-256 over the RFC 8785 form of the event without this attribute." });
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.insert(DIGEST.to_owned(), digest);
        if let Some(Value::Object(in_data)) = properties.get_mut("data").and_then(|data| data.get_mut("properties")) {
            in_data.extend(
                SENT_ONLY.map(|(name, type_, description)| (name.to_owned(), json!({ "type": type_, "description": description }))),
            );
        }
    }
    schema
}

/// Takes away what only Kubernetes reads.
fn without_extensions(schema: &mut Schema) {
    if let Some(object) = schema.as_object_mut() {
        object.retain(|name, _| !name.starts_with("x-kubernetes"));
    }
    transform_subschemas(&mut without_extensions, schema);
}
