//! Whether RBAC grants what the operator cannot do without.
//!
//! It asks the API server, which knows of every way in which a right can be granted. Rights that only some objects need (Secrets,
//! namespaces) are not asked for: they may be granted for some and not for others, and the objects tell.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::api::PostParams;
use kube::{Api, Client};

use super::Problem;
use crate::process::config::Config;
use twinconsent_core::api::GROUP;

/// How many questions are asked at once: each of them takes a connection, and to begin one costs the API server more than an answer.
const AT_ONCE: usize = 4;

/// One right.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Right {
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
    subresource: Option<&'static str>,
    /// `None`: in the whole cluster.
    namespace: Option<String>,
    /// The one object that it is about.
    name: Option<String>,
}

/// Asks for every right that the operator needs. Returns the namespaces in which some are missing, as long as there is one in which none
/// is: an operator for several serves those that it may.
///
/// # Errors
/// [`Problem::Rights`] with all that are missing, or when the API server could not be asked.
pub async fn check(client: &Client, config: &Config) -> Result<BTreeSet<String>, Problem> {
    let missing = missing(client, needed(config)).await?;
    let refused: BTreeSet<String> = missing
        .iter()
        .filter_map(|right| right.namespace.clone())
        .filter(|namespace| config.watch_namespaces.contains(namespace))
        .collect();
    let is_enough =
        refused.len() < config.watch_namespaces.len() && missing.iter().all(|right| right.group == GROUP && right.namespace.is_some());
    if missing.is_empty() || is_enough { Ok(refused) } else { Err(Problem::Rights(list(&missing))) }
}

/// Asks for what is needed in one namespace.
///
/// # Errors
/// [`Problem::Rights`] with all that are missing, or when the API server could not be asked.
pub async fn check_namespace(client: &Client, namespace: &str) -> Result<(), Problem> {
    let missing = missing(client, in_namespace(Some(namespace))).await?;
    if missing.is_empty() { Ok(()) } else { Err(Problem::Rights(list(&missing))) }
}

async fn missing(client: &Client, needed: Vec<Right>) -> Result<Vec<Right>, Problem> {
    let api: &Api<SelfSubjectAccessReview> = &Api::all(client.clone());
    let missing = futures::stream::iter(needed)
        .map(async |right| Ok::<_, kube::Error>((!is_granted(api, &right).await?).then_some(right)))
        .buffered(AT_ONCE)
        .try_filter_map(async |missing| Ok(missing))
        .try_collect();
    Ok(missing.await?)
}

fn list(rights: &[Right]) -> String {
    rights.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

async fn is_granted(api: &Api<SelfSubjectAccessReview>, right: &Right) -> Result<bool, kube::Error> {
    let Right { verb, group, resource, subresource, namespace, name } = right;
    let question = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                verb: Some((*verb).to_owned()),
                group: Some((*group).to_owned()),
                resource: Some((*resource).to_owned()),
                subresource: subresource.map(str::to_owned),
                namespace: namespace.clone(),
                name: name.clone(),
                ..ResourceAttributes::default()
            }),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let answer = api.create(&PostParams::default(), &question).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

/// PURE. What the operator cannot do without.
fn needed(config: &Config) -> Vec<Right> {
    let namespaces: Vec<Option<String>> =
        if config.watch_namespaces.is_empty() { vec![None] } else { config.watch_namespaces.iter().cloned().map(Some).collect() };
    let mut needed = Vec::new();
    for namespace in namespaces {
        needed.extend(in_namespace(namespace.as_deref()));
    }
    if config.watch_namespaces.is_empty() {
        needed.extend(of_kind("clusterheygenaccounts", None));
    } else {
        let right = |verb, subresource| Right { verb, subresource, ..own("clusterheygenaccounts", None) };
        needed.extend([right("get", None), right("patch", Some("status"))]);
    }
    if let Some(lease) = &config.lease {
        let right = |verb, name| Right {
            verb,
            group: "coordination.k8s.io",
            resource: "leases",
            subresource: None,
            namespace: Some(config.operator_namespace.clone()),
            name,
        };
        needed.extend([right("create", None), right("get", Some(lease.clone())), right("update", Some(lease.clone()))]);
    }
    needed
}

/// PURE. What it needs in a namespace, or in all.
fn in_namespace(namespace: Option<&str>) -> Vec<Right> {
    let mut needed: Vec<Right> =
        ["digitaltwinconsents", "heygenaccounts"].into_iter().flat_map(|resource| of_kind(resource, namespace)).collect();
    needed.push(Right { verb: "get", ..own("digitaltwinconsents", namespace) });
    needed
}

/// What every kind of ours needs: it is watched, and its status is written.
fn of_kind(resource: &'static str, namespace: Option<&str>) -> [Right; 3] {
    let right = |verb, subresource| Right { verb, subresource, ..own(resource, namespace) };
    [right("list", None), right("watch", None), right("patch", Some("status"))]
}

/// As an administrator would say it, with the words of a role.
impl Display for Right {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { verb, group, resource, subresource, namespace, name } = self;
        write!(f, "{verb} {resource}")?;
        if let Some(subresource) = subresource {
            write!(f, "/{subresource}")?;
        }
        write!(f, " in API group \"{group}\"")?;
        if let Some(name) = name {
            write!(f, " named \"{name}\"")?;
        }
        match namespace {
            Some(namespace) => write!(f, " in namespace \"{namespace}\""),
            None => f.write_str(" in the whole cluster"),
        }
    }
}

fn own(resource: &'static str, namespace: Option<&str>) -> Right {
    Right { verb: "", group: GROUP, resource, subresource: None, namespace: namespace.map(str::to_owned), name: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::config::tests::config;

    fn shown(arguments: &[&str]) -> Vec<String> {
        needed(&config(arguments).unwrap()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_operator_for_the_whole_cluster_needs_its_rights_there() {
        let shown = shown(&["--leader-elect=false"]);
        for right in [
            "list digitaltwinconsents in API group \"twinconsent.io\" in the whole cluster",
            "patch digitaltwinconsents/status in API group \"twinconsent.io\" in the whole cluster",
            "watch clusterheygenaccounts in API group \"twinconsent.io\" in the whole cluster",
        ] {
            assert!(shown.iter().any(|shown| shown == right), "{right} is not among {shown:#?}");
        }
        assert!(!shown.iter().any(|shown| shown.contains("lease") || shown.contains("secret")), "{shown:#?}");
    }

    #[test]
    fn an_operator_for_some_namespaces_needs_them_there_and_one_that_is_elected_its_lease() {
        let shown = shown(&["--watch-namespaces=a,b", "--operator-namespace=here", "--lease-name=shard"]);
        for right in [
            "list digitaltwinconsents in API group \"twinconsent.io\" in namespace \"a\"",
            "watch heygenaccounts in API group \"twinconsent.io\" in namespace \"b\"",
            "get clusterheygenaccounts in API group \"twinconsent.io\" in the whole cluster",
            "create leases in API group \"coordination.k8s.io\" in namespace \"here\"",
            "update leases in API group \"coordination.k8s.io\" named \"shard\" in namespace \"here\"",
        ] {
            assert!(shown.iter().any(|shown| shown == right), "{right} is not among {shown:#?}");
        }
        let in_the_cluster: Vec<_> = shown.iter().filter(|shown| shown.contains("whole cluster")).collect();
        assert!(in_the_cluster.iter().all(|shown| shown.starts_with("get ") || shown.starts_with("patch ")), "{in_the_cluster:#?}");
    }
}
