//! `withdraw`: writes down that a person has withdrawn their consent, in every object of their twin that the caller may see.

use clap::ValueEnum;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clock;
use crate::context::{Cluster, Context};
use crate::error::Error;
use crate::manifests;
use crate::names;
use crate::objects::{self, Consent, Unreadable};
use crate::output::{Format, Output};

/// The arguments of `withdraw`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// A consent of the person. All others of the same avatar group are withdrawn as well, in all namespaces that the caller may read.
    #[arg(value_name = "NAME")]
    pub name: String,

    /// Where it is on record that the person withdraws, such as the number of a ticket: printable ASCII, no spaces.
    #[arg(long, value_name = "REFERENCE")]
    pub reference: String,

    /// When the person withdrew, in UTC, as in 2027-01-31T00:00:00Z. [default: now]
    #[arg(long, value_name = "TIME")]
    pub time: Option<String>,

    /// Change nothing: `client` says which consents it concerns, `server` has the API server judge it.
    #[arg(long, value_enum, value_name = "STRATEGY", default_value = "none")]
    pub dry_run: DryRun,

    /// The form of the answer.
    #[arg(short, long, value_enum)]
    pub output: Option<Format>,
}

/// Whether a change is made: as kubectl has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DryRun {
    /// It is made.
    None,
    /// Nothing is sent.
    Client,
    /// It is sent to be judged, and not kept.
    Server,
}

impl DryRun {
    /// What kubectl adds to a line then.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Client => " (dry run)",
            Self::Server => " (server dry run)",
        }
    }
}

/// What became of the objects.
#[derive(Default)]
struct Done {
    withdrawn: Vec<(String, String)>,
    already: Vec<(String, String)>,
    failed: Vec<(String, String, Error)>,
    /// The one namespace that could be read, if not all could.
    only: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// When one could not be changed; the others are changed all the same.
pub async fn run(args: &Args, cluster: &Cluster, output: &mut Output) -> Result<(), Error> {
    let patch = patch(args, clock::now())?;
    let context = Context::of(cluster).await?;
    let first = objects::get(&context, &args.name).await?;
    let mut done = Done::default();
    for consent in of_the_group(&context, &first, &mut done).await? {
        let place = (consent.namespace().to_owned(), consent.name().to_owned());
        if consent.object.spec.withdrawal.is_some() {
            done.already.push(place);
            continue;
        }
        let there = context.at(&place.0);
        let mut patch = patch.clone();
        // The very object that was read, not one that has come in its place.
        patch["metadata"] = json!({ "uid": consent.object.metadata.uid });
        let attempt = format!("withdraw the consent {} in the namespace {}", place.1, place.0);
        let written = match args.dry_run {
            DryRun::Client => Ok(()),
            DryRun::None => objects::patch(&there, &place.1, &attempt, &patch).await.map(drop),
            DryRun::Server => objects::patch_if(&there, &place.1, &attempt, &patch, true).await.map(drop),
        };
        match written {
            Ok(()) => done.withdrawn.push(place),
            Err(error) => done.failed.push((place.0, place.1, error)),
        }
    }
    match args.output {
        Some(Format::Json) => output.json(&done.as_json())?,
        None => output.answer(&done.as_text(args.dry_run))?,
    }
    if let Some(namespace) = &done.only {
        output.note(&format!(
            "Only the namespace {namespace} could be read: consents of this avatar group in other namespaces are not withdrawn. \
             Have an administrator run the same command."
        ));
    }
    if args.dry_run == DryRun::None && done.failed.is_empty() {
        output.note(
            "Write the withdrawal into git too, if the consent is there. For HeyGen the consent stands until the avatar group is deleted \
             there, and what runs already does not stop: docs/evidence.md says what else to do.",
        );
    }
    done.failed.iter().for_each(|(.., error)| output.error(error));
    match done.failed.len() {
        0 => Ok(()),
        failed => Err(Error::failed(format!("{failed} of {} consents could not be withdrawn", failed + done.withdrawn.len()))
            .then("Run the command again once that is mended: those that are withdrawn stay as they are.")),
    }
}

/// All objects of the group of the first one, which comes first: in all namespaces, or in its own where no other can be read.
async fn of_the_group(context: &Context, first: &Consent, done: &mut Done) -> Result<Vec<Consent>, Error> {
    let group = Some(first.object.spec.group_id.as_str());
    let everywhere = objects::list_of(context, None, group, |consent| consent).await;
    let found = match everywhere {
        Err(error) if error.is_forbidden() => {
            done.only = Some(context.namespace.clone());
            match objects::list_of(context, Some(&context.namespace), group, |consent| consent).await {
                // The right to read the one that was named is enough for that one.
                Err(error) if error.is_forbidden() => Vec::new(),
                found => found?,
            }
        }
        found => found?,
    };
    let mut all = vec![first.clone()];
    for consent in found {
        match consent {
            Ok(consent) if consent.object.metadata.uid == first.object.metadata.uid => {}
            Ok(consent) => all.push(consent),
            Err(unreadable) => {
                let Unreadable { namespace, name } = unreadable.clone();
                done.failed.push((namespace, name, unreadable.into()));
            }
        }
    }
    Ok(all)
}

/// PURE. The change.
fn patch(args: &Args, now: Timestamp) -> Result<Value, Error> {
    manifests::reference("--reference", &args.reference)?;
    let time = match &args.time {
        None => format!("{now:.0}"),
        Some(text) => {
            let time = text.parse::<Timestamp>();
            let wrong = || Error::usage("--time takes a time in UTC that has come, as in 2026-01-31T00:00:00Z");
            time.ok().filter(|time| *time <= now && text.len() == 20 && text.ends_with('Z')).map(|_| text.clone()).ok_or_else(wrong)?
        }
    };
    Ok(json!({ "spec": { "withdrawal": { "time": time, "reference": args.reference } } }))
}

impl Done {
    /// PURE. For people.
    fn as_text(&self, dry_run: DryRun) -> String {
        let line = |place: &(String, String), word: &str| format!("{} {word} in the namespace {}", names::of(&place.1), place.0);
        let withdrawn = self.withdrawn.iter().map(|place| format!("{}{}", line(place, "withdrawn"), dry_run.suffix()));
        withdrawn.chain(self.already.iter().map(|place| line(place, "was withdrawn before"))).collect::<Vec<_>>().join("\n")
    }

    /// PURE. For programs.
    fn as_json(&self) -> Value {
        let place = |(namespace, name): &(String, String)| json!({ "namespace": namespace, "name": name });
        let failed = |(namespace, name, error): &(String, String, Error)| json!({ "namespace": namespace, "name": name, "message": error.to_string() });
        json!({
            "withdrawn": self.withdrawn.iter().map(place).collect::<Vec<_>>(),
            "withdrawnBefore": self.already.iter().map(place).collect::<Vec<_>>(),
            "failed": self.failed.iter().map(failed).collect::<Vec<_>>(),
            "onlyNamespace": self.only,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(reference: &str, time: Option<&str>) -> Args {
        let time = time.map(str::to_owned);
        Args { name: "ada".to_owned(), reference: reference.to_owned(), time, dry_run: DryRun::None, output: None }
    }

    #[test]
    fn a_withdrawal_has_a_time_that_has_come_and_a_reference() {
        let now: Timestamp = "2026-06-01T10:00:00.5Z".parse().unwrap();
        let of = |args: &Args| patch(args, now);
        assert_eq!(
            of(&args("t-1", None)).unwrap(),
            json!({ "spec": { "withdrawal": { "time": "2026-06-01T10:00:00Z", "reference": "t-1" } } })
        );
        assert_eq!(of(&args("t-1", Some("2026-05-31T00:00:00Z"))).unwrap()["spec"]["withdrawal"]["time"], "2026-05-31T00:00:00Z");
        for wrong in ["yesterday", "2026-05-31", "2026-05-31T00:00:00+02:00", "2026-06-02T00:00:00Z", "2026-05-31T00:00:00.5Z"] {
            assert_eq!(of(&args("t-1", Some(wrong))).unwrap_err().exit() as u8, 2, "{wrong}");
        }
        assert_eq!(of(&args("a b", None)).unwrap_err().exit() as u8, 2);
    }

    #[test]
    fn what_could_not_be_changed_is_named() {
        let place = |name: &str| ("team".to_owned(), name.to_owned());
        let failed = ("other".to_owned(), "ada".to_owned(), Error::failed("why"));
        let done = Done { withdrawn: vec![place("ada")], already: vec![place("old")], failed: vec![failed], only: None };
        let text = done.as_text(DryRun::Server);
        assert_eq!(
            text,
            "digitaltwinconsent.twinconsent.io/ada withdrawn in the namespace team (server dry run)\n\
             digitaltwinconsent.twinconsent.io/old was withdrawn before in the namespace team"
        );
        let json = done.as_json();
        assert_eq!((&json["failed"][0]["namespace"], &json["failed"][0]["message"]), (&json!("other"), &json!("why")));
    }
}
