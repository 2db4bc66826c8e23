//! Samples of specs, and what the API server has to say to them: the files `*.yaml` beside this one.
//!
//! ```yaml
//! kinds: [DigitalTwinConsent]          # each sample is tried with each of these kinds
//! samples:
//! - name: the group cannot be changed
//!   create: {groupID: one}             # the spec; null makes an object without any
//!   update: {groupID: other}           # optional: the spec that is to replace it
//!   expect: accepted                   # or: every reason for the refusal, by field
//!   expect: {refused: {spec.groupID: pattern}}
//! ```
//!
//! A reason is a keyword of the schema (`unique` for the items of a set), whose text is made from the generated definition,
//! or the whole message of a rule.
//! A sample is refused for exactly the given reasons: one that is refused for another reason proves nothing.
//! Long values are written `{text: [before, repeated, times]}`, long lists `{words: [before, count]}`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures::StreamExt as _;
use kube::api::{Api, DynamicObject, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, Config};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::cluster::{self, Cluster};
use crate::schema::{self, Refusal};

const NAMESPACE: &str = "samples";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    kinds: Vec<String>,
    samples: Vec<Sample>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    name: String,
    create: Value,
    #[serde(default, deserialize_with = "given")]
    update: Option<Value>,
    expect: Expect,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expect {
    Accepted,
    Refused(BTreeMap<String, Reasons>),
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Reasons {
    One(String),
    Several(Vec<String>),
}

/// A given null is not an absent one.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Tries every sample; the answer tells of each that was not answered as it says.
pub fn run(cluster: &Cluster) -> Vec<String> {
    cluster.namespace(NAMESPACE);
    let tries: Vec<(String, Sample)> = files().into_iter().flat_map(per_kind).collect();
    let mut failures = repeated_names(&tries);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    failures.extend(runtime.block_on(async {
        let client = client(cluster).await;
        let tries = tries.iter().enumerate().map(|(number, (kind, sample))| {
            let client = client.clone();
            async move {
                let said = answer(client, kind, &format!("sample-{number}"), sample).await;
                said.err().map(|complaint| format!("{kind}: {}\n    {complaint}", sample.name))
            }
        });
        let failures: Vec<Option<String>> = futures::stream::iter(tries).buffered(16).collect().await;
        failures.into_iter().flatten()
    }));
    failures
}

/// Every reason for which some sample of a kind is refused.
pub fn refusals(kind: &str) -> Vec<Refusal> {
    let samples = files().into_iter().filter(|file| file.kinds.iter().any(|known| known == kind)).flat_map(|file| file.samples);
    samples.flat_map(|sample| sample.expect.refusals()).collect()
}

impl Expect {
    fn refusals(&self) -> Vec<Refusal> {
        let Expect::Refused(fields) = self else { return Vec::new() };
        let reasons = fields.iter().flat_map(|(field, reasons)| match reasons {
            Reasons::One(reason) => vec![(field, reason)],
            Reasons::Several(reasons) => reasons.iter().map(|reason| (field, reason)).collect(),
        });
        reasons.map(|(field, reason)| Refusal { field: field.clone(), demand: reason.clone() }).collect()
    }
}

fn files() -> Vec<File> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crds");
    let mut paths: Vec<_> = std::fs::read_dir(folder).expect("tests/crds").map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    let read = |path: &Path| -> File {
        let text = std::fs::read_to_string(path).expect("a file of samples");
        serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    paths.iter().map(|path| read(path)).collect()
}

fn per_kind(file: File) -> Vec<(String, Sample)> {
    let File { kinds, samples } = file;
    kinds.iter().flat_map(|kind| samples.iter().map(|sample| (kind.clone(), sample.clone()))).collect()
}

fn repeated_names(tries: &[(String, Sample)]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    tries
        .iter()
        .filter(|(kind, sample)| !seen.insert((kind, &sample.name)))
        .map(|(kind, sample)| format!("{kind}: {}\n    is there twice", sample.name))
        .collect()
}

async fn client(cluster: &Cluster) -> Client {
    let kubeconfig = Kubeconfig::read_from(cluster.plane().kubeconfig()).expect("a kubeconfig");
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.expect("a configuration");
    // That of this machine leads elsewhere.
    config.proxy_url = None;
    Client::try_from(config).expect("a client")
}

/// Tries one sample; an error says what was not as expected.
async fn answer(client: Client, kind: &str, name: &str, sample: &Sample) -> Result<(), String> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("twinconsent.io", "v1alpha1", kind));
    let api: Api<DynamicObject> =
        if kind.starts_with("Cluster") { Api::all_with(client, &resource) } else { Api::namespaced_with(client, NAMESPACE, &resource) };
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };

    let (spec, said) = match &sample.update {
        None => {
            let spec = expanded(&sample.create);
            let said = api.create(&dry_run, &object(kind, name, &spec)).await;
            (spec, said)
        }
        Some(update) => {
            let stored = api.create(&PostParams::default(), &object(kind, name, &expanded(&sample.create))).await;
            let stored = stored.map_err(|error| format!("could not be created before its update: {error}"))?;
            let spec = expanded(update);
            let mut object = object(kind, name, &spec);
            object.metadata.resource_version = stored.metadata.resource_version;
            let said = api.replace(name, &dry_run, &object).await;
            (spec, said)
        }
    };
    match (said, &sample.expect) {
        // What the schema does not know is pruned: the sample would prove nothing.
        (Ok(object), Expect::Accepted) if without_nulls(&object.data["spec"]) == without_nulls(&spec) => Ok(()),
        (Ok(object), Expect::Accepted) => Err(format!("was accepted as something else: {}", object.data["spec"])),
        (Ok(_), Expect::Refused(_)) => Err("was accepted".to_owned()),
        (Err(kube::Error::Api(status)), expect) => compare(kind, &expect.refusals(), causes(&status)),
        (Err(error), _) => Err(format!("got no answer: {error}")),
    }
}

fn object(kind: &str, name: &str, spec: &Value) -> DynamicObject {
    serde_json::from_value(cluster::object(kind, NAMESPACE, name, spec)).expect("an object")
}

/// The reasons that the API server gave, by field, without the remarks on what it could not check because of them.
fn causes(status: &kube::core::Status) -> Vec<(String, String)> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let causes: Vec<_> = causes
        .filter(|cause| {
            !["some validation rules were not checked", "Checked value must be of type", "type conversion error"]
                .iter()
                .any(|remark| cause.message.contains(remark))
        })
        .map(|cause| (cause.field.clone(), cause.message.clone()))
        .collect();
    if causes.is_empty() { vec![(String::new(), status.message.clone())] } else { causes }
}

fn compare(kind: &str, expected: &[Refusal], mut actual: Vec<(String, String)>) -> Result<(), String> {
    let mut complaints = Vec::new();
    for Refusal { field, demand } in expected {
        let text = schema::refusal_text(kind, field, demand);
        match actual.iter().position(|(actual_field, message)| actual_field == field && message.contains(&text)) {
            Some(position) => drop(actual.remove(position)),
            None => complaints.push(format!("was not refused for {field}: {text}")),
        }
    }
    complaints.extend(actual.into_iter().map(|(field, message)| format!("was refused for {field}: {message}")));
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n    ")) }
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: Map<String, Value> =
                fields.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.clone(), without_nulls(value))).collect();
            Value::Object(fields)
        }
        other => other.clone(),
    }
}

/// Writes out the long texts and lists.
fn expanded(value: &Value) -> Value {
    match value {
        Value::Object(fields) => match (fields.get("text").and_then(Value::as_array), fields.get("words").and_then(Value::as_array)) {
            (Some(text), None) => {
                let [before, repeated, times] = text.as_slice() else { panic!("text: [before, repeated, times], not {value}") };
                let times = usize::try_from(times.as_u64().expect("times")).expect("few");
                Value::String(format!("{}{}", before.as_str().expect("text"), repeated.as_str().expect("text").repeat(times)))
            }
            (None, Some(words)) => {
                let [before, count] = words.as_slice() else { panic!("words: [before, count], not {value}") };
                let before = before.as_str().expect("text");
                (1..=count.as_u64().expect("count")).map(|number| Value::String(format!("{before}{number}"))).collect()
            }
            _ => Value::Object(fields.iter().map(|(name, value)| (name.clone(), expanded(value))).collect()),
        },
        Value::Array(items) => items.iter().map(expanded).collect(),
        other => other.clone(),
    }
}
