//! `check`: whether everything is there that a consent needs, what is wrong, and by which team it is mended.

mod findings;

use futures::future::join_all;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Api;
use kube::api::{ListParams, PostParams};
use serde_json::json;
use twinconsent_core::api::GROUP;
use twinconsent_core::api::account::{AccountStatus, ClusterHeyGenAccount, HeyGenAccount};

use crate::commands::version;
use crate::context::{Cluster, Context};
use crate::error::{Error, unseen};
use crate::output::{Format, Output};

use findings::{Account, Finding, Mark, Right, Seen};

/// The rights that the commands need in a namespace: the verb, the group of the API, the resource, and for what.
const RIGHTS: [(&str, &str, &str, &str); 6] = [
    ("list", GROUP, "digitaltwinconsents", "list"),
    ("get", GROUP, "digitaltwinconsents", "status, link"),
    ("watch", GROUP, "digitaltwinconsents", "wait"),
    ("create", GROUP, "digitaltwinconsents", "asking a person"),
    ("patch", GROUP, "digitaltwinconsents", "every change"),
    ("get", "", "secrets", "link, where a Secret holds it"),
];

/// The arguments of `check`.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Args {
    /// The form of the answer.
    #[arg(short, long, value_enum)]
    pub output: Option<Format>,
}

/// Runs the command.
///
/// # Errors
/// When the cluster does not answer, or something is wrong. What the caller may not see is not wrong, but said.
pub async fn run(args: &Args, cluster: &Cluster, output: &mut Output) -> Result<(), Error> {
    let context = Context::of(cluster).await?;
    let definition = version::definition(&context).await?;
    let mut findings = vec![findings::of_definition(&definition)];
    if definition != version::Definition::Absent {
        let (operators, cluster_accounts, accounts, rights) =
            tokio::join!(version::operators(&context), cluster_accounts(&context), accounts(&context), rights(&context));
        findings.extend(findings::of_operators(&operators));
        findings.extend(findings::of_accounts("ClusterHeyGenAccount", &cluster_accounts));
        findings.extend(findings::of_accounts("HeyGenAccount", &accounts));
        findings.extend(findings::of_no_account(&cluster_accounts, &accounts));
        findings.push(findings::of_rights(&context.namespace, &rights?));
    }
    match args.output {
        Some(Format::Json) => output.json(&json!({ "findings": findings.iter().map(Finding::as_json).collect::<Vec<_>>() }))?,
        None => output.answer(&findings.iter().map(Finding::as_text).collect::<Vec<_>>().join("\n"))?,
    }
    match findings.iter().filter(|finding| finding.mark == Mark::Wrong).count() {
        0 => Ok(()),
        1 => Err(Error::failed("one thing is wrong")),
        many => Err(Error::failed(format!("{many} things are wrong"))),
    }
}

async fn cluster_accounts(context: &Context) -> Seen<Account> {
    let accounts: Api<ClusterHeyGenAccount> = Api::all(context.client.clone());
    let listed = accounts.list(&ListParams::default()).await.map_err(|error| unseen(&error))?.items.into_iter();
    Ok(listed.map(|account| self::account(account.metadata.name, account.status)).collect())
}

async fn accounts(context: &Context) -> Seen<Account> {
    let listed = context.api::<HeyGenAccount>().list(&ListParams::default()).await.map_err(|error| unseen(&error))?.items.into_iter();
    Ok(listed.map(|account| self::account(account.metadata.name, account.status)).collect())
}

fn account(name: Option<String>, status: Option<AccountStatus>) -> Account {
    let conditions: Vec<Condition> = status.unwrap_or_default().conditions;
    Account { name: name.unwrap_or_default(), conditions }
}

async fn rights(context: &Context) -> Result<Vec<Right>, Error> {
    let reviews: Api<SelfSubjectAccessReview> = Api::all(context.client.clone());
    let asked = RIGHTS.iter().map(|&(verb, group, resource, needed_by)| {
        let attributes = ResourceAttributes {
            namespace: Some(context.namespace.clone()),
            verb: Some(verb.to_owned()),
            group: Some(group.to_owned()),
            resource: Some(resource.to_owned()),
            ..ResourceAttributes::default()
        };
        let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..SelfSubjectAccessReviewSpec::default() };
        let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
        let reviews = &reviews;
        async move {
            let answer = reviews.create(&PostParams::default(), &review).await?;
            let is_granted = answer.status.is_some_and(|status| status.allowed);
            Ok(Right { what: format!("{verb} {resource}"), needed_by, is_granted })
        }
    });
    let answers: Result<Vec<Right>, kube::Error> = join_all(asked).await.into_iter().collect();
    answers.map_err(|error| context.failed("ask which rights you have", &error))
}
