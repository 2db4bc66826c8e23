//! Every field of a definition, and objects in which one of them holds something else.

use serde_json::{Map, Value, json};

/// Where a field stands: names, and `[]` for the entry of a list.
pub type Path = Vec<String>;

/// The leaves of a schema below `part` (`spec` or `status`), each with its own schema.
pub fn leaves(root: &Value, part: &str) -> Vec<(Path, Value)> {
    let mut found = Vec::new();
    walk(&root["properties"][part], vec![part.to_owned()], &mut found);
    found
}

fn walk(schema: &Value, path: Path, found: &mut Vec<(Path, Value)>) {
    let below = |name: &str| [path.clone(), vec![name.to_owned()]].concat();
    match (schema["properties"].as_object(), schema["items"].is_object()) {
        (Some(fields), _) => fields.iter().for_each(|(name, field)| walk(field, below(name), found)),
        (None, true) => walk(&schema["items"], below("[]"), found),
        (None, false) => found.push((path, schema.clone())),
    }
}

/// An object with a value at this path, and around it only what must be there.
pub fn with(root: &Value, mut object: Value, path: &[String], value: Value) -> Value {
    put(root, &mut object, path, value);
    object
}

fn put(schema: &Value, into: &mut Value, path: &[String], value: Value) {
    let Some((step, rest)) = path.split_first() else {
        *into = value;
        return;
    };
    if step == "[]" {
        *into = json!([least(&schema["items"])]);
        return put(&schema["items"], &mut into[0], rest, value);
    }
    if !into.is_object() {
        *into = least(schema);
    }
    put(&schema["properties"][step], &mut into[step], rest, value);
}

/// The least that a schema accepts.
fn least(schema: &Value) -> Value {
    if schema["properties"].is_object() {
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let fields: Map<String, Value> = required.map(|name| (name.to_owned(), least(&schema["properties"][name]))).collect();
        return Value::Object(fields);
    }
    match (schema["enum"][0].as_str(), schema["type"].as_str(), schema["format"].as_str()) {
        (Some(word), ..) => json!(word),
        (_, Some("integer"), _) => json!(0),
        (_, Some("boolean"), _) => json!(false),
        (_, Some("array"), _) => json!([]),
        (_, _, Some("date-time")) => json!("2026-01-01T00:00:00Z"),
        _ => json!("x"),
    }
}

/// What an API server may take for a value of this schema, and what a program may not be able to hold.
pub fn oddities(schema: &Value) -> Vec<Value> {
    match (schema["type"].as_str(), schema["format"].as_str()) {
        (Some("integer"), _) => [
            "1e20",
            "-1e20",
            "100000000000000000000",
            "9223372036854775808",
            "9223372036854775807",
            "-9223372036854775808",
            "1.0",
            "1e3",
            "-1",
            "1e300",
        ]
        .map(|number| serde_json::from_str(number).unwrap())
        .into(),
        (_, Some("date-time")) => [
            "10000-01-01T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "0000-01-01T00:00:00+23:59",
            "-0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59-23:59",
            "2026-02-30T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T23:59:60Z",
            "2016-12-31T23:59:60Z",
            "2026-01-01T00:00:61Z",
            "2026-01-01T00:00:00+00:00:99",
            "2026-01-01T00:00:00+25:00",
            "2026-01-01T00:00:00+99:99",
            "2026-01-01T00:00:00-00:00",
            "2026-01-01T00:00:00+0100",
            "2026-01-01 00:00:00Z",
            "2026-01-01t00:00:00z",
            "2026-01-01T00:00:00,5Z",
            "2026-01-01T00:00:00.0000000000000000001Z",
            "2026-01-01T00:00Z",
            "2026-1-1T0:0:0Z",
            "2026-01-01T00:00:00",
            "2026-W01-1T00:00:00Z",
            "2026-001T00:00:00Z",
            "20260101T000000Z",
            "2026-01-01",
            "now",
            "",
        ]
        .map(|time| json!(time))
        .into(),
        (Some("string"), _) => {
            vec![json!(""), json!("\u{0}"), json!("\u{202e}\u{1b}[31m"), json!("a".repeat(100_000)), json!("\u{1f44d}".repeat(20_000))]
        }
        (Some("boolean"), _) => vec![json!(true)],
        _ => vec![json!({}), json!([]), json!("x")],
    }
}
