//! Walks through the generated definitions: what they demand, and whether they keep the conventions.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

/// The three kinds.
pub const KINDS: [&str; 3] = ["DigitalTwinConsent", "HeyGenAccount", "ClusterHeyGenAccount"];

/// Schema keywords that refuse values; `x-kubernetes-validations` do as well, see [`Demand::Rule`].
const KEYWORDS: [&str; 10] =
    ["enum", "maxItems", "maxLength", "maximum", "minItems", "minLength", "minimum", "pattern", "required", "x-kubernetes-list-type"];

/// Schema keywords that refuse nothing, or no more than a wrong type.
const OTHER_KEYWORDS: [&str; 10] = [
    "additionalProperties",
    "description",
    "format",
    "items",
    "nullable",
    "properties",
    "type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
    "x-kubernetes-validations",
];

/// What stands between a value and its acceptance.
pub struct Constraint {
    kind: &'static str,
    /// As the API server names it, but with `[*]` for every index.
    field: String,
    demand: Demand,
}

enum Demand {
    Keyword(&'static str),
    /// A CEL rule, by its message; of a computed message the words before the first computed one.
    Rule(String),
}

/// One reason for which a sample is refused.
pub struct Refusal {
    pub field: String,
    /// A schema keyword, or the message of a rule.
    pub demand: String,
}

impl Constraint {
    pub fn is_proven_by(&self, refusal: &Refusal) -> bool {
        any_index(&refusal.field) == self.field
            && match &self.demand {
                Demand::Keyword(keyword) => refusal.demand == *keyword,
                Demand::Rule(message) => refusal.demand.starts_with(message.as_str()),
            }
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Constraint { kind, field, demand } = self;
        match demand {
            Demand::Keyword(keyword) => write!(formatter, "{kind} {field}: {keyword}"),
            Demand::Rule(message) => write!(formatter, "{kind} {field}: the rule '{message}'"),
        }
    }
}

/// Everything that a kind demands of its spec.
pub fn constraints(kind: &'static str) -> Vec<Constraint> {
    let root = root(kind);
    let mut found = Vec::new();
    let required = root["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    found.extend(required.map(|field| Constraint { kind, field: field.to_owned(), demand: Demand::Keyword("required") }));
    walk("spec", &root["properties"]["spec"], &mut |field, schema| {
        for (keyword, value) in schema.as_object().expect("a schema") {
            let keyword = keyword.as_str();
            let constraint = |field: &str, demand| Constraint { kind, field: field.to_owned(), demand };
            match keyword {
                "required" => {
                    let names = value.as_array().into_iter().flatten().filter_map(Value::as_str);
                    found.extend(names.map(|name| constraint(&format!("{field}.{name}"), Demand::Keyword("required"))));
                }
                // Of the kinds of list a set demands something of its items, and a map of their names.
                "x-kubernetes-list-type" if value == "set" || value == "map" => {
                    found.push(constraint(&format!("{field}[*]"), Demand::Keyword("unique")))
                }
                "x-kubernetes-list-type" => {}
                "x-kubernetes-validations" => {
                    for rule in value.as_array().into_iter().flatten() {
                        let field = format!("{field}{}", rule["fieldPath"].as_str().unwrap_or_default());
                        found.push(constraint(&field, Demand::Rule(message_of(rule))));
                    }
                }
                _ => match KEYWORDS.into_iter().find(|known| *known == keyword) {
                    Some(keyword) => found.push(constraint(field, Demand::Keyword(keyword))),
                    None => {
                        assert!(OTHER_KEYWORDS.contains(&keyword), "{kind} {field}: is {keyword} a constraint? Tell tests/crds/schema.rs")
                    }
                },
            }
        }
    });
    found
}

fn message_of(rule: &Value) -> String {
    match (rule["message"].as_str(), rule["messageExpression"].as_str()) {
        (Some(message), _) => message.to_owned(),
        // 'words %d'.format([…])
        (None, Some(expression)) => expression.trim_start_matches('\'').split(['%', '\'']).next().unwrap_or_default().to_owned(),
        (None, None) => panic!("a rule without a message: {rule}"),
    }
}

/// How the API server words the refusal by a keyword of a field, or by a rule with this message.
pub fn refusal_text(kind: &str, field: &str, demand: &str) -> String {
    match demand {
        "type" => return "must be of type".to_owned(),
        "unique" => return "Duplicate value".to_owned(),
        "required" => return "Required value".to_owned(),
        _ if !KEYWORDS.contains(&demand) => return demand.to_owned(),
        _ => {}
    }
    let mut schema = root(kind);
    for step in any_index(field).replace("[*]", ".[*]").split('.') {
        schema = if step == "[*]" { schema["items"].clone() } else { schema["properties"][step].clone() };
    }
    let value = &schema[demand];
    assert!(!value.is_null(), "{kind}: {field} has no {demand}, a sample says that it has");
    match (demand, value) {
        ("pattern", Value::String(pattern)) => format!("should match '{pattern}'"),
        // It counts characters, although it says bytes.
        ("maxLength", bound) => format!("may not be more than {bound} bytes"),
        ("minLength", bound) => format!("should be at least {bound} chars long"),
        ("maximum", bound) => format!("should be less than or equal to {}", whole(bound)),
        ("minimum", bound) => format!("should be greater than or equal to {}", whole(bound)),
        ("maxItems", bound) => format!("must have at most {bound} items"),
        ("minItems", bound) => format!("should have at least {bound} items"),
        ("enum", Value::Array(words)) => {
            format!("supported values: {}", words.iter().map(Value::to_string).collect::<Vec<_>>().join(", "))
        }
        _ => panic!("{kind}: {field}: how is {demand} {value} refused? Tell tests/crds/schema.rs"),
    }
}

fn whole(bound: &Value) -> String {
    bound.as_f64().expect("a number").to_string()
}

/// What users of other Kubernetes kinds would stumble over.
pub fn breaches_of_convention(kind: &'static str) -> Vec<String> {
    let root = root(kind);
    let mut breaches = Vec::new();
    for part in ["spec", "status"] {
        walk(part, &root["properties"][part], &mut |field, schema| {
            let mut breach = |what: &str| breaches.push(format!("{kind} {field}: {what}"));
            let name = field.rsplit('.').next().unwrap_or_default();
            if name.ends_with("Id") || name.ends_with("Url") {
                breach("initialisms are upper case: ID, URL");
            }
            let is_time = schema["format"] == "date-time";
            // `createdAt` is HeyGen's name for it.
            if is_time && name != "time" && !name.ends_with("Time") && field != "status.group.createdAt" {
                breach("the name of a time is `time`, or ends in Time");
            }
            if schema["format"].as_str().is_some_and(|format| format.starts_with("uint")) {
                breach("there are no unsigned integers");
            }
            if part == "spec" && !schema["default"].is_null() {
                breach("a default in the schema makes GitOps tools see a difference: it belongs in the code");
            }
            if !field.ends_with("[*]") && schema["description"].as_str().is_none_or(str::is_empty) {
                breach("it has no description");
            }
            if part == "status"
                && KEYWORDS.iter().any(|keyword| !["required", "x-kubernetes-list-type"].contains(keyword) && !schema[*keyword].is_null())
            {
                breach("a bound on what HeyGen says makes the whole status patch fail, and loses a link");
            }
            if part == "status" && !schema["x-kubernetes-validations"].is_null() {
                breach("a rule in the status makes the whole status patch fail, and loses a link");
            }
        });
    }
    breaches
}

/// An object in a spec or a status, and the words about its fields.
pub struct DescribedObject {
    /// As `kubectl explain` wants it: `.spec.consentVideo`.
    pub path: String,
    pub fields: Vec<(String, String)>,
}

/// Every object in a kind that has fields, from the kind itself downwards.
pub fn described_objects(kind: &str) -> Vec<DescribedObject> {
    let root = root(kind);
    let mut found = Vec::new();
    for part in ["spec", "status"] {
        walk(part, &root["properties"][part], &mut |field, schema| {
            let fields = schema["properties"].as_object().into_iter().flatten();
            let fields: Vec<(String, String)> =
                fields.map(|(name, schema)| (name.clone(), schema["description"].as_str().unwrap_or_default().to_owned())).collect();
            if !fields.is_empty() {
                found.push(DescribedObject { path: format!(".{}", field.replace("[*]", "")), fields });
            }
        });
    }
    found
}

/// The names of the fields of a spec.
pub fn spec_fields(kind: &str) -> BTreeSet<String> {
    root(kind)["properties"]["spec"]["properties"].as_object().expect("properties").keys().cloned().collect()
}

/// What `kubectl` calls one of them.
pub fn singular(kind: &str) -> &'static str {
    match kind {
        "DigitalTwinConsent" => "digitaltwinconsent",
        "HeyGenAccount" => "heygenaccount",
        "ClusterHeyGenAccount" => "clusterheygenaccount",
        _ => panic!("{kind} is none of ours"),
    }
}

fn root(kind: &str) -> Value {
    let definitions = twinconsent_core::api::crds();
    let definition = definitions.iter().find(|definition| definition.spec.names.kind == kind).expect("one of the three kinds");
    let schema = definition.spec.versions[0].schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref());
    serde_json::to_value(schema).expect("JSON")
}

/// Visits a field and all that is in it.
fn walk(field: &str, schema: &Value, visit: &mut impl FnMut(&str, &Value)) {
    visit(field, schema);
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        walk(&format!("{field}.{name}"), inner, visit);
    }
    if schema["items"].is_object() {
        walk(&format!("{field}[*]"), &schema["items"], visit);
    }
}

fn any_index(field: &str) -> String {
    let mut parts = field.split('[');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |before, part| format!("{before}[*]{}", part.split_once(']').map_or("", |(_, rest)| rest)))
}
