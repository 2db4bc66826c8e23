//! `request`: creates the object that asks a person for consent.

use clap::ValueEnum;
use serde_json::Value;
use twinconsent_core::api::consent::{
    AccountKind, AccountRef, DigitalTwinConsentSpec, Initiate, LinkRenewal, LinkSecretRef, ReadyWhen, Subject,
};
use twinconsent_core::api::is_name;

use crate::commands::withdraw::DryRun;
use crate::context::{Cluster, Context};
use crate::error::Error;
use crate::manifests::{self, is_group_id, manifest, name_for, yaml};
use crate::names;
use crate::objects;
use crate::output::Output;

/// The arguments of `request`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The id of the avatar group at HeyGen; not of one of its looks.
    #[arg(value_name = "GROUP")]
    pub group: String,

    /// The name of the object. [default: made from the group's id]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// What is said of the consent.
    #[command(flatten)]
    pub said: Said,

    /// `client` prints what would be created, `server` has the API server judge it; nothing is created.
    #[arg(long, value_enum, value_name = "STRATEGY", default_value = "none")]
    pub dry_run: DryRun,

    /// The form of the answer.
    #[arg(short, long, value_enum)]
    pub output: Option<Form>,
}

/// What is said of the consent; `kubectl explain digitaltwinconsent.spec` explains each.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Said {
    /// The account: a HeyGenAccount of the namespace.
    #[arg(long, value_name = "NAME", conflicts_with = "cluster_account")]
    pub account: Option<String>,

    /// The account: a ClusterHeyGenAccount. [default: the one named default]
    #[arg(long, value_name = "NAME")]
    pub cluster_account: Option<String>,

    /// Where the person's browser lands afterwards.
    #[arg(long, value_name = "URL")]
    pub reroute_url: Option<String>,

    /// The wording that replaces HeyGen's on the page.
    #[arg(long, value_name = "TEXT")]
    pub consent_text: Option<String>,

    /// What the twin is to be used for; the person does not read it at HeyGen.
    #[arg(long, value_name = "TEXT")]
    pub purpose: Option<String>,

    /// Your own id of the person: no name, no mail address.
    #[arg(long, value_name = "REFERENCE")]
    pub reference: Option<String>,

    /// Until when the consent counts, in UTC, as in 2027-01-31T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub valid_until: Option<String>,

    /// How long the person may take, as in 72h.
    #[arg(long, value_name = "DURATION")]
    pub approval_deadline: Option<String>,

    /// Put the link into this Secret, and not into the status.
    #[arg(long, value_name = "NAME")]
    pub link_secret: Option<String>,

    /// Have the link renewed when it has died unused.
    #[arg(long)]
    pub renew_link: bool,

    /// Be ready as soon as the person was asked.
    #[arg(long)]
    pub ready_when_initiated: bool,

    /// Only follow what HeyGen says, and never ask the person.
    #[arg(long)]
    pub never_ask: bool,
}

/// The form of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// The object as YAML; with --dry-run=client, a manifest.
    Yaml,
    /// The same as JSON.
    Json,
    /// Its name alone.
    Name,
}

/// Runs the command.
///
/// # Errors
/// When the object cannot be created.
pub async fn run(args: &Args, cluster: &Cluster, output: &mut Output) -> Result<(), Error> {
    let name = name(args)?;
    let spec = args.said.spec(&args.group)?;
    let mut namespace = String::new();
    let object = if args.dry_run == DryRun::Client {
        // Without a cluster, so that a manifest can be made anywhere.
        manifest(&name, cluster.namespace.as_deref(), &spec)
    } else {
        let context = Context::of(cluster).await?;
        let manifest = manifest(&name, Some(&context.namespace), &spec);
        namespace.clone_from(&context.namespace);
        objects::create(&context, &name, &manifest, args.dry_run == DryRun::Server).await?.shown()
    };
    output.answer(&answer(&name, &object, args.dry_run, args.output)?)?;
    if args.dry_run == DryRun::None && args.output.is_none() && !args.said.never_ask {
        let link = names::command(&namespace, "link", &name);
        output.note(&format!("{link} shows the link for the person once HeyGen has given it."));
    }
    Ok(())
}

/// PURE. The name of the object.
fn name(args: &Args) -> Result<String, Error> {
    if !is_group_id(&args.group) {
        return Err(Error::usage("an avatar group's id has 1 to 128 letters, digits, `_` and `-`")
            .then("HeyGen shows it; it is no link and no name."));
    }
    let name = args.name.clone().unwrap_or_else(|| name_for(&args.group));
    if is_name(&name) {
        Ok(name)
    } else {
        Err(Error::usage(format!("{name:?} is no name of an object: lower case letters, digits, `-` and `.`")))
    }
}

impl Said {
    /// PURE. The spec of a consent that says this.
    ///
    /// # Errors
    /// Wrong usage. Everything else is for the API server to judge.
    pub fn spec(&self, group: &str) -> Result<DigitalTwinConsentSpec, Error> {
        if let Some(reference) = &self.reference {
            manifests::reference("--reference", reference)?;
        }
        Ok(DigitalTwinConsentSpec {
            group_id: group.to_owned(),
            reroute_url: self.reroute_url.clone(),
            consent_text: self.consent_text.clone(),
            account_ref: account(self.account.as_deref(), self.cluster_account.as_deref()),
            ready_when: self.ready_when_initiated.then_some(ReadyWhen::Initiated),
            approval_deadline: self.approval_deadline.clone(),
            link_renewal: self.renew_link.then_some(LinkRenewal::Automatic),
            link_secret_ref: self.link_secret.clone().map(|name| LinkSecretRef { name }),
            subject: self.reference.clone().map(|reference| Subject { reference: Some(reference) }),
            purpose: self.purpose.clone(),
            valid_until: self.valid_until.clone(),
            initiate: self.never_ask.then_some(Initiate::Never),
            ..DigitalTwinConsentSpec::default()
        })
    }
}

/// PURE. The account that is named; `None` stands for the cluster's default.
#[must_use]
pub fn account(namespaced: Option<&str>, cluster: Option<&str>) -> Option<AccountRef> {
    match (namespaced, cluster) {
        (Some(name), _) => Some(AccountRef { kind: AccountKind::HeyGenAccount, name: name.to_owned() }),
        (None, Some(name)) => Some(AccountRef { kind: AccountKind::ClusterHeyGenAccount, name: name.to_owned() }),
        (None, None) => None,
    }
}

/// PURE. The answer, as kubectl words it.
fn answer(name: &str, object: &Value, dry_run: DryRun, form: Option<Form>) -> Result<String, Error> {
    Ok(match form {
        None => format!("{} created{}", names::of(name), dry_run.suffix()),
        Some(Form::Name) => names::of(name),
        Some(Form::Json) => format!("{object:#}"),
        Some(Form::Yaml) => yaml(&[object])?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn args(group: &str, name: Option<&str>) -> Args {
        let name = name.map(str::to_owned);
        Args { group: group.to_owned(), name, said: Said::default(), dry_run: DryRun::Client, output: Some(Form::Yaml) }
    }

    #[test]
    fn the_spec_says_what_was_said_and_nothing_else() {
        assert_eq!(json!(Said::default().spec("ada").unwrap()), json!({ "groupID": "ada" }));
        let text = |text: &str| Some(text.to_owned());
        let said = Said {
            account: text("team"),
            purpose: text("training videos"),
            reference: text("hr-4711"),
            link_secret: text("link"),
            renew_link: true,
            ready_when_initiated: true,
            never_ask: true,
            ..Said::default()
        };
        let expected = json!({
            "groupID": "ada", "accountRef": { "kind": "HeyGenAccount", "name": "team" }, "purpose": "training videos",
            "subject": { "reference": "hr-4711" }, "linkSecretRef": { "name": "link" }, "linkRenewal": "Automatic",
            "readyWhen": "Initiated", "initiate": "Never",
        });
        assert_eq!(json!(said.spec("ada").unwrap()), expected);
        let cluster = Said { cluster_account: text("all"), ..Said::default() };
        assert_eq!(json!(cluster.spec("ada").unwrap())["accountRef"], json!({ "kind": "ClusterHeyGenAccount", "name": "all" }));
    }

    #[test]
    fn a_group_or_a_name_that_is_none_is_wrong_usage() {
        assert_eq!(name(&args("ada", None)).unwrap(), "ada");
        assert_eq!(name(&args("ADA", Some("lovelace"))).unwrap(), "lovelace");
        for wrong in [args("https://heygen.example/x", None), args("", None), args("ada", Some("Ada"))] {
            assert_eq!(name(&wrong).unwrap_err().exit() as u8, 2);
        }
    }

    #[test]
    fn the_answer_is_worded_as_kubectl_words_it() {
        let of = |dry_run, form| answer("ada", &json!({ "a": 1 }), dry_run, form).unwrap();
        assert_eq!(of(DryRun::None, None), "digitaltwinconsent.twinconsent.io/ada created");
        assert_eq!(of(DryRun::Server, None), "digitaltwinconsent.twinconsent.io/ada created (server dry run)");
        assert_eq!(of(DryRun::Client, Some(Form::Name)), "digitaltwinconsent.twinconsent.io/ada");
        assert_eq!(of(DryRun::Client, Some(Form::Yaml)), "a: 1\n");
    }
}
