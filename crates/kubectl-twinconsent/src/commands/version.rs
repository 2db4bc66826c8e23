//! `version`: of this plugin, and of what is installed, as far as that can be seen.

use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::api::{GetParams, ListParams};
use kube::core::Request;
use serde_json::{Value, json};
use twinconsent_core::api::{self, GROUP, VERSION};

use crate::context::{Cluster, Context};
use crate::error::{Error, unseen};
use crate::output::{Format, Output};
use crate::text::plain;

/// The labels of the operator's Deployment, as the chart sets them.
const OPERATOR: &str = "app.kubernetes.io/component=operator,twinconsent.io/release";

/// The label with its version.
const VERSION_LABEL: &str = "app.kubernetes.io/version";

/// The arguments of `version`.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Args {
    /// Ask no cluster.
    #[arg(long)]
    pub client: bool,

    /// The form of the answer.
    #[arg(short, long, value_enum)]
    pub output: Option<Format>,
}

/// The definition of a consent that a cluster serves, by the fields that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Definition {
    /// It has the fields that this plugin knows.
    Same,
    /// It lacks these: what is written there is refused, and never read.
    Older(Vec<String>),
    /// It has these besides: this plugin does not know of them.
    Newer(Vec<String>),
    /// There is none.
    Absent,
}

/// An operator that is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    namespace: String,
    name: String,
    version: String,
}

/// What is known of a cluster.
struct Installed {
    definition: Definition,
    /// Or why they are not known.
    operators: Result<Vec<Operator>, &'static str>,
}

/// Runs the command.
///
/// # Errors
/// When a cluster is asked and does not answer; what the caller may not see is no error.
pub async fn run(args: &Args, cluster: &Cluster, output: &mut Output) -> Result<(), Error> {
    let installed = if args.client { None } else { Some(installed(&Context::of(cluster).await?).await?) };
    match args.output {
        Some(Format::Json) => output.json(&as_json(installed.as_ref())),
        None => output.answer(&as_text(installed.as_ref())),
    }
}

async fn installed(context: &Context) -> Result<Installed, Error> {
    let definition = definition(context).await?;
    let operators = operators(context).await.map(|operators| operators.iter().map(operator).collect());
    Ok(Installed { definition, operators })
}

/// The definition that the cluster serves; everyone with a login may read it.
///
/// # Errors
/// When the cluster does not answer.
pub async fn definition(context: &Context) -> Result<Definition, Error> {
    let request = Request::new(format!("/openapi/v3/apis/{GROUP}")).get(VERSION, &GetParams::default());
    let request = request.map_err(|error| Error::failed(error.to_string()))?;
    match context.client.request::<Value>(request).await {
        Ok(document) => Ok(compared(&fields_served(&document), &fields_known())),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Definition::Absent),
        Err(error) => Err(context.failed("read which definitions the cluster serves", &error)),
    }
}

/// The operators that a chart has installed, or why they are not known.
pub(crate) async fn operators(context: &Context) -> Result<Vec<Deployment>, &'static str> {
    let deployments: Api<Deployment> = Api::all(context.client.clone());
    let found = deployments.list(&ListParams::default().labels(OPERATOR)).await;
    found.map(|found| found.items).map_err(|error| unseen(&error))
}

/// PURE. What a Deployment says of the operator that it runs.
fn operator(deployment: &Deployment) -> Operator {
    let metadata = &deployment.metadata;
    let labels = metadata.labels.as_ref();
    let text = |text: Option<&String>| plain(text.map_or("", String::as_str));
    let version = text(labels.and_then(|labels| labels.get(VERSION_LABEL)));
    Operator { namespace: text(metadata.namespace.as_ref()), name: text(metadata.name.as_ref()), version }
}

/// PURE. The fields of `spec` and `status` in an OpenAPI document.
fn fields_served(document: &Value) -> Vec<String> {
    let schemas = document.pointer("/components/schemas").and_then(Value::as_object);
    let schema = schemas.and_then(|schemas| schemas.iter().find(|(name, _)| name.ends_with(".DigitalTwinConsent")));
    schema.map(|(_, schema)| fields_of(schema)).unwrap_or_default()
}

/// PURE. Those that this plugin knows.
fn fields_known() -> Vec<String> {
    let known = api::crds().into_iter().find(|crd| crd.spec.names.kind == "DigitalTwinConsent");
    let schema = known.and_then(|crd| crd.spec.versions.into_iter().next()?.schema?.open_api_v3_schema);
    schema.and_then(|schema| serde_json::to_value(schema).ok()).map(|schema| fields_of(&schema)).unwrap_or_default()
}

fn fields_of(schema: &Value) -> Vec<String> {
    let of = |part: &str| {
        let fields = schema.pointer(&format!("/properties/{part}/properties")).and_then(Value::as_object);
        fields.into_iter().flatten().map(|(name, _)| format!("{part}.{name}")).collect::<Vec<_>>()
    };
    [of("spec"), of("status")].concat()
}

/// PURE. What those served are to those known.
fn compared(served: &[String], known: &[String]) -> Definition {
    let without = |all: &[String], others: &[String]| all.iter().filter(|field| !others.contains(field)).cloned().collect::<Vec<_>>();
    let (lacking, more) = (without(known, served), without(served, known));
    match (served.is_empty(), lacking.is_empty(), more.is_empty()) {
        (true, ..) => Definition::Absent,
        (_, false, _) => Definition::Older(lacking),
        (_, true, false) => Definition::Newer(more),
        (_, true, true) => Definition::Same,
    }
}

/// PURE. For people.
fn as_text(installed: Option<&Installed>) -> String {
    let mut lines = vec![format!("plugin       {}", env!("CARGO_PKG_VERSION"))];
    let Some(Installed { definition, operators }) = installed else { return lines.concat() };
    lines.push(match definition {
        Definition::Same => format!("definitions  {VERSION}, as this plugin knows them"),
        Definition::Older(fields) => format!("definitions  {VERSION}, older than this plugin: without {}", fields.join(", ")),
        Definition::Newer(fields) => format!("definitions  {VERSION}, newer than this plugin: also with {}", fields.join(", ")),
        Definition::Absent => "definitions  not installed".to_owned(),
    });
    match operators.as_deref() {
        Err(why) => lines.push(format!("operator     {why}: seeing it needs the right to list Deployments")),
        Ok([]) => lines.push("operator     none that a chart has installed".to_owned()),
        Ok(some) => {
            lines.extend(some.iter().map(|Operator { namespace, name, version }| format!("operator     {version}, {namespace}/{name}")))
        }
    }
    lines.join("\n")
}

/// PURE. For programs.
fn as_json(installed: Option<&Installed>) -> Value {
    let mut answer = json!({ "plugin": env!("CARGO_PKG_VERSION") });
    let Some(Installed { definition, operators }) = installed else { return answer };
    answer["definitions"] = match definition {
        Definition::Same => json!({ "version": VERSION, "compared": "same" }),
        Definition::Older(fields) => json!({ "version": VERSION, "compared": "older", "fields": fields }),
        Definition::Newer(fields) => json!({ "version": VERSION, "compared": "newer", "fields": fields }),
        Definition::Absent => json!({ "compared": "absent" }),
    };
    answer["operators"] = operators.as_ref().map_or(Value::Null, |operators| {
        let one = |Operator { namespace, name, version }: &Operator| json!({ "namespace": namespace, "name": name, "version": version });
        operators.iter().map(one).collect()
    });
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(change: impl Fn(&mut Value)) -> Definition {
        let known = api::crds().remove(0).spec.versions.remove(0).schema.unwrap().open_api_v3_schema.unwrap();
        let mut document = json!({ "components": { "schemas": { "io.twinconsent.v1alpha1.DigitalTwinConsent": known } } });
        change(&mut document["components"]["schemas"]["io.twinconsent.v1alpha1.DigitalTwinConsent"]["properties"]);
        compared(&fields_served(&document), &fields_known())
    }

    #[test]
    fn definitions_are_compared_by_their_fields() {
        assert_eq!(served(|_| {}), Definition::Same);
        let older = served(|fields| drop(fields["spec"]["properties"].as_object_mut().unwrap().remove("withdrawal")));
        assert_eq!(older, Definition::Older(vec!["spec.withdrawal".to_owned()]));
        let newer = served(|fields| fields["status"]["properties"]["later"] = json!({ "type": "string" }));
        assert_eq!(newer, Definition::Newer(vec!["status.later".to_owned()]));
        assert_eq!(compared(&fields_served(&json!({})), &fields_known()), Definition::Absent);
    }

    #[test]
    fn what_cannot_be_seen_is_said() {
        let text = as_text(Some(&Installed { definition: Definition::Absent, operators: Err("not visible to you") }));
        assert!(text.contains("not installed") && text.contains("not visible"), "{text}");
        let operators = vec![Operator { namespace: "system".to_owned(), name: "twinconsent".to_owned(), version: "0.1.0".to_owned() }];
        let installed = Installed { definition: Definition::Same, operators: Ok(operators) };
        assert!(as_text(Some(&installed)).ends_with("operator     0.1.0, system/twinconsent"));
        assert_eq!(as_json(Some(&installed))["operators"][0]["version"], "0.1.0");
    }
}
