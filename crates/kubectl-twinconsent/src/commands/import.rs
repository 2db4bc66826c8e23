//! `import`: manifests for the avatar groups of an account that have no object yet.
//!
//! They say `initiate: Never`: the operator follows what HeyGen says about the group and asks nobody. Nothing is created, and nothing is
//! asked at HeyGen but which groups there are, and what depicts a person among those without a word of consent.

mod access;
mod selection;

use std::collections::{BTreeMap, HashMap, HashSet};

use clap::{ArgAction, ValueEnum};
use serde_json::json;
use twinconsent_core::api::account_key::AccountKey;
use twinconsent_core::api::consent::{DigitalTwinConsent, DigitalTwinConsentSpec};

use crate::commands::request::account;
use crate::context::{Cluster, Context};
use crate::error::Error;
use crate::heygen::{Depicts, Groups, HeyGen};
use crate::manifests::yaml;
use crate::names;
use crate::objects::{self, Consent, Unreadable};
use crate::output::Output;

use selection::{Existing, Selection};

/// The arguments of `import`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The account: a HeyGenAccount of the namespace.
    #[arg(long, value_name = "NAME", conflicts_with = "cluster_account")]
    pub account: Option<String>,

    /// The account: a ClusterHeyGenAccount. [default: the one named default]
    #[arg(long, value_name = "NAME")]
    pub cluster_account: Option<String>,

    /// Leave out what has an object in any namespace, and not only in that of the manifests.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,

    /// The namespace of the operator, where the Secret of a ClusterHeyGenAccount is.
    #[arg(long, value_name = "NAMESPACE", default_value = "twinconsent-system")]
    pub operator_namespace: String,

    /// Base URL of HeyGen's API, where the account names none: that of the operator's flag of this name.
    #[arg(long, value_name = "URL", env = "TWINCONSENT_HEYGEN_BASE_URL", hide_env_values = true, default_value = "https://api.heygen.com")]
    pub heygen_base_url: String,

    /// Accept an http base URL: the key is then sent unencrypted. For simulators.
    #[arg(
        long, value_name = "BOOL", env = "TWINCONSENT_ALLOW_INSECURE_BASE_URL", hide_env_values = true,
        action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true"
    )]
    pub allow_insecure_base_url: bool,

    /// The form of the answer. [default: yaml]
    #[arg(short, long, value_enum, hide_default_value = true, default_value = "yaml")]
    pub output: Form,
}

/// The form of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// A stream of manifests.
    Yaml,
    /// A list of them as JSON.
    Json,
    /// Their names alone.
    Name,
}

/// Runs the command.
///
/// # Errors
/// When the cluster, the key or HeyGen cannot be read, or HeyGen's list could not be read to its end.
pub async fn run(args: &Args, cluster: &Cluster, output: &mut Output) -> Result<(), Error> {
    let context = Context::of(cluster).await?;
    let reference = account(args.account.as_deref(), args.cluster_account.as_deref());
    let spec = DigitalTwinConsentSpec { account_ref: reference, ..DigitalTwinConsentSpec::default() };
    let mut example = DigitalTwinConsent::new("", spec.clone());
    example.metadata.namespace = Some(context.namespace.clone());
    let key = AccountKey::of(&example);

    // The cluster is asked first: without it there is no use for the key.
    let (existing, unreadable) = existing(&context, &key, args.all_namespaces).await?;
    let mut heygen = HeyGen::new(access::of(&context, &key, args, output).await?)?;
    let groups = heygen.groups(output).await?;
    let mut selection = Selection::of(&groups, &existing);
    let depicts = depicts(&mut heygen, &selection.undecided, output).await?;
    selection.decide(&depicts);
    let (manifests, nameless) = selection.manifests(&context.namespace, &spec, &existing);

    output.answer(&match args.output {
        Form::Yaml if manifests.is_empty() => String::new(),
        Form::Yaml => yaml(&manifests)?,
        Form::Json => format!("{:#}", json!({ "apiVersion": "v1", "kind": "List", "items": manifests })),
        Form::Name => {
            let name = |manifest: &serde_json::Value| names::of(manifest["metadata"]["name"].as_str().unwrap_or_default());
            manifests.iter().map(name).collect::<Vec<_>>().join("\n")
        }
    })?;
    selection.report(manifests.len(), &nameless, &groups, args.all_namespaces).iter().for_each(|line| output.note(line));
    for Unreadable { namespace, name } in &unreadable {
        output.note(&format!("The object {namespace}/{name} cannot be read: if it is about one of these groups, leave that group out."));
    }
    whole(&groups)
}

/// The objects that there are, and those of them that cannot be read.
async fn existing(context: &Context, key: &AccountKey, everywhere: bool) -> Result<(Existing, Vec<Unreadable>), Error> {
    let (mut groups, mut names, mut unreadable) = (HashMap::new(), HashSet::new(), Vec::new());
    let mut take = |read: Result<Consent, Unreadable>| match read {
        Ok(consent) => {
            if consent.namespace() == context.namespace {
                names.insert(consent.name().to_owned());
            }
            let is_ours = AccountKey::of(&consent.object) == *key;
            *groups.entry(consent.object.spec.group_id).or_insert(false) |= is_ours;
        }
        Err(object) => {
            if object.namespace == context.namespace {
                names.insert(object.name.clone());
            }
            unreadable.push(object);
        }
    };
    if everywhere {
        objects::list(context, None, &mut take).await.map_err(|error| match error.is_forbidden() {
            true => error.then("Without -A, which needs that right, the objects of the one namespace are considered."),
            false => error,
        })?;
    } else {
        objects::list(context, Some(&context.namespace), &mut take).await?;
    }
    Ok((Existing { groups, names }, unreadable))
}

/// What each group without a word of consent shows, by its looks.
async fn depicts(heygen: &mut HeyGen, undecided: &[String], output: &mut Output) -> Result<BTreeMap<String, Depicts>, Error> {
    if !undecided.is_empty() {
        let seconds = heygen.time_for(undecided.len()).as_secs();
        let time = if seconds == 0 { String::new() } else { format!("; at the account's rate that takes {seconds} s") };
        output.note(&format!("Reading the looks of {} groups without a word of consent{time}.", undecided.len()));
    }
    let mut depicts = BTreeMap::new();
    for group in undecided {
        depicts.insert(group.clone(), heygen.depicts(group, output).await?);
    }
    Ok(depicts)
}

fn whole(groups: &Groups) -> Result<(), Error> {
    if groups.is_cut_short {
        return Err(Error::failed("HeyGen's list of groups breaks off before its end: there are more, and no way to them")
            .then("What was read stands in the answer; run the command again later for the rest."));
    }
    Ok(())
}
