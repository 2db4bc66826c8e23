//! `status`: everything about one consent, and what to do next.

mod next;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Api;
use kube::api::ListParams;
use serde_json::{Value, json};
use termtree::Tree;
use twinconsent_core::api::account::{ClusterHeyGenAccount, HeyGenAccount};
use twinconsent_core::api::conditions::types;
use twinconsent_core::api::consent::AccountKind;
use twinconsent_core::consent::permission::{Expected, Permission, permission};
use twinconsent_core::consent::status::{condition, deadline};

use crate::context::{Cluster, Context};
use crate::error::{Error, unseen};
use crate::objects::{self, Consent};
use crate::output::{BAD, FAINT, Format, GOOD, Output, WAITING, styled};
use crate::text::plain;
use crate::times::relative;
use crate::{clock, names};

/// How many events are shown.
const EVENTS: usize = 5;

/// The arguments of `status`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The name of the consent.
    pub name: String,

    /// The form of the answer.
    #[arg(short, long, value_enum)]
    pub output: Option<Format>,
}

/// What is known besides the object itself.
#[derive(Debug, Clone)]
struct Surroundings {
    /// The conditions of the account, or why they are not known.
    account: Result<Vec<Condition>, &'static str>,
    /// The events, newest last, or why they are not known.
    events: Result<Vec<Happened>, &'static str>,
}

/// An event.
#[derive(Debug, Clone, PartialEq)]
struct Happened {
    at: Option<Timestamp>,
    is_warning: bool,
    reason: String,
    note: String,
}

/// Runs the command.
///
/// # Errors
/// When there is no such consent, or it may not be read. That the account or the events cannot be seen is no error.
pub async fn run(args: &Args, cluster: &Cluster, output: &mut Output) -> Result<(), Error> {
    let context = Context::of(cluster).await?;
    let consent = objects::get(&context, &args.name).await?;
    let (account, events) = tokio::join!(account(&context, &consent), events(&context, &consent));
    let (around, now) = (Surroundings { account, events }, clock::now());
    match args.output {
        Some(Format::Json) => output.json(&as_json(&consent, &around, now)),
        None => output.answer(&as_tree(&consent, &around, now)),
    }
}

async fn account(context: &Context, consent: &Consent) -> Result<Vec<Condition>, &'static str> {
    let reference = names::account_ref(&consent.object);
    let name = &reference.name;
    let status = match reference.kind {
        AccountKind::HeyGenAccount => context.api::<HeyGenAccount>().get(name).await.map(|account| account.status),
        AccountKind::ClusterHeyGenAccount => {
            Api::<ClusterHeyGenAccount>::all(context.client.clone()).get(name).await.map(|account| account.status)
        }
        AccountKind::Unrecognized => return Err("of a kind that this version does not know"),
    };
    status.map(|status| status.unwrap_or_default().conditions).map_err(|error| unseen(&error))
}

async fn events(context: &Context, consent: &Consent) -> Result<Vec<Happened>, &'static str> {
    let uid = consent.object.metadata.uid.as_deref().unwrap_or_default();
    let params = ListParams::default().fields(&format!("involvedObject.uid={uid}"));
    let events = context.api::<Event>().list(&params).await.map_err(|error| unseen(&error))?;
    Ok(latest(events.items.iter().map(happened).collect()))
}

/// PURE. What an event says.
fn happened(event: &Event) -> Happened {
    let at = event.event_time.as_ref().map(|time| time.0).or_else(|| event.last_timestamp.as_ref().map(|time| time.0));
    let text = |text: Option<&String>| plain(text.map_or("", String::as_str));
    Happened {
        at,
        is_warning: event.type_.as_deref() == Some("Warning"),
        reason: text(event.reason.as_ref()),
        note: text(event.message.as_ref()),
    }
}

/// PURE. The last of them, in the order of time.
fn latest(mut events: Vec<Happened>) -> Vec<Happened> {
    events.sort_by_key(|event| event.at);
    events.split_off(events.len().saturating_sub(EVENTS))
}

/// PURE. For programs.
fn as_json(consent: &Consent, around: &Surroundings, now: Timestamp) -> Value {
    let permission = permission(&consent.object, Expected::default(), now);
    let account = match &around.account {
        Ok(conditions) => json!({ "conditions": conditions }),
        Err(why) => json!({ "unknown": why }),
    };
    let event = |event: &Happened| {
        let type_ = if event.is_warning { "Warning" } else { "Normal" };
        json!({ "time": event.at, "type": type_, "reason": event.reason, "message": event.note })
    };
    json!({
        "consent": consent.shown(),
        "permitted": permission == Permission::Permitted,
        "next": next::next(consent, permission),
        "account": { "name": names::account(&consent.object), "status": account },
        "events": around.events.as_ref().map_or(Value::Null, |events| events.iter().map(event).collect()),
    })
}

/// PURE. For people.
fn as_tree(consent: &Consent, around: &Surroundings, now: Timestamp) -> String {
    let permission = permission(&consent.object, Expected::default(), now);
    let shown = match permission {
        Permission::Permitted => styled(GOOD, "permitted"),
        Permission::NotYet(_) => styled(WAITING, "not permitted"),
        Permission::Ended(_) => styled(BAD, "not permitted"),
    };
    let root = format!("{} {}/{}: {shown}", names::KIND, consent.namespace(), consent.name());
    let branch = |title: &str, leaves: Vec<String>| Tree::new(title.to_owned()).with_leaves(leaves);
    let tree = Tree::new(root).with_leaves([
        branch("consent", facts(consent, now)),
        branch("conditions", conditions(consent, now)),
        branch(&format!("account {}", names::account(&consent.object)), of_account(around, now)),
        branch("next", vec![next::next(consent, permission)]),
        branch("events", of_events(around, now)),
    ]);
    tree.to_string()
}

/// What was asked, and what is known.
fn facts(consent: &Consent, now: Timestamp) -> Vec<String> {
    let (spec, status) = (&consent.object.spec, consent.object.status.clone().unwrap_or_default());
    let at = |time: Timestamp| format!("{time}, {}", relative(time, now));
    let group = status.group.as_ref().and_then(|group| group.name.as_deref()).map(|name| format!(" ({})", plain(name)));
    let epoch = status.initiation.as_ref().map(|initiation| format!(" (requestEpoch {})", initiation.epoch));
    let withdrawn = |withdrawal: &twinconsent_core::api::consent::Withdrawal| {
        let reference = withdrawal.reference.as_deref().map(|reference| format!(", reference {}", plain(reference)));
        format!("{}{}", plain(&withdrawal.time), reference.unwrap_or_default())
    };
    let facts = [
        ("group", Some(format!("{}{}", plain(&spec.group_id), group.unwrap_or_default()))),
        ("subject", spec.subject.as_ref().and_then(|subject| subject.reference.as_deref()).map(plain)),
        ("purpose", spec.purpose.as_deref().map(plain)),
        ("HeyGen says", status.consent_status.as_deref().map(plain)),
        ("asked", status.initiation_time.as_ref().map(|time| format!("{}{}", at(time.0), epoch.unwrap_or_default()))),
        ("deadline", deadline(spec, &status).map(at)),
        ("link expires", status.link_expiration_time.as_ref().map(|time| at(time.0))),
        ("link stands in", spec.link_secret_ref.as_ref().map(|secret| format!("the Secret {}", plain(&secret.name)))),
        ("approved", status.approval.as_ref().map(|approval| at(approval.time.0))),
        ("revoked", status.revocation.as_ref().map(|revocation| at(revocation.time.0))),
        ("valid until", spec.valid_until.as_deref().map(plain)),
        ("withdrawn", spec.withdrawal.as_ref().map(withdrawn)),
    ];
    facts.into_iter().filter_map(|(what, fact)| Some(format!("{what}: {}", fact?))).collect()
}

fn conditions(consent: &Consent, now: Timestamp) -> Vec<String> {
    let Some(status) = consent.object.status.as_ref().filter(|status| !status.conditions.is_empty()) else {
        return vec!["none yet: the operator has not seen it".to_owned()];
    };
    status.conditions.iter().map(|condition| line(condition, now)).collect()
}

/// One condition in a line.
fn line(condition: &Condition, now: Timestamp) -> String {
    let said = format!("{}={} {}", plain(&condition.type_), plain(&condition.status), plain(&condition.reason));
    let since = styled(FAINT, &relative(condition.last_transition_time.0, now));
    format!("{said}, {since}: {}", plain(&condition.message))
}

fn of_account(around: &Surroundings, now: Timestamp) -> Vec<String> {
    match &around.account {
        Ok(conditions) if conditions.is_empty() => vec!["no conditions yet: the operator has not seen it".to_owned()],
        Ok(conditions) => conditions.iter().map(|condition| line(condition, now)).collect(),
        Err(why) => vec![(*why).to_owned()],
    }
}

fn of_events(around: &Surroundings, now: Timestamp) -> Vec<String> {
    let line = |event: &Happened| {
        let at = event.at.map_or_else(|| "-".to_owned(), |at| relative(at, now));
        let reason = if event.is_warning { styled(WAITING, &event.reason) } else { event.reason.clone() };
        format!("{at}  {reason}: {}", event.note)
    };
    match &around.events {
        Ok(events) if events.is_empty() => vec!["none in the last hour, for which Kubernetes keeps them".to_owned()],
        Ok(events) => events.iter().map(line).collect(),
        Err(why) => vec![(*why).to_owned()],
    }
}

/// The message of `Ready`, as far as it is there.
fn ready_message(consent: &Consent) -> Option<String> {
    let status = consent.object.status.as_ref()?;
    Some(plain(&condition(status, types::READY)?.message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{LINK, NOW, consent};

    fn pending() -> Consent {
        consent("ada", "AwaitingApproval", "False", |status| {
            status["url"] = json!(LINK);
            status["initiationTime"] = json!("2026-06-09T20:00:00Z");
            status["linkExpirationTime"] = json!("2026-06-10T20:00:00Z");
        })
    }

    fn around() -> Surroundings {
        let event = |hour: i8, reason: &str| Happened {
            at: Some(format!("2026-06-09T{hour:02}:00:00Z").parse().unwrap()),
            is_warning: false,
            reason: reason.to_owned(),
            note: "Note.".to_owned(),
        };
        let events = latest((10..18).rev().map(|hour| event(hour, &format!("At{hour}"))).collect());
        Surroundings { account: Err("not visible to you"), events: Ok(events) }
    }

    #[test]
    fn the_tree_has_everything_and_no_link() {
        let tree = anstream::adapter::strip_str(&as_tree(&pending(), &around(), NOW.parse().unwrap())).to_string();
        let parts = [
            "DigitalTwinConsent team/ada: not permitted",
            "group: ada-group",
            "subject: hr-4711",
            "HeyGen says: pending",
            "asked: 2026-06-09T20:00:00Z, 4h ago",
            "deadline: 2026-06-12T20:00:00Z, in 2d 20h",
            "link expires: 2026-06-10T20:00:00Z, in 20h",
            "Ready=False AwaitingApproval, 0s ago: Why AwaitingApproval.",
            "account ClusterHeyGenAccount/default",
            "not visible to you",
            "`kubectl twinconsent -n team link ada`",
            "7h ago  At17: Note.",
        ];
        for part in parts {
            assert!(tree.contains(part), "{part}:\n{tree}");
        }
        assert!(!tree.contains("At12") && tree.contains("At13"), "the last five events:\n{tree}");
        assert!(!tree.contains("heygen.example"), "{tree}");
    }

    #[test]
    fn the_json_has_the_object_and_no_link() {
        let answer = as_json(&pending(), &around(), NOW.parse().unwrap());
        assert_eq!((&answer["permitted"], &answer["consent"]["metadata"]["name"]), (&json!(false), &json!("ada")));
        assert_eq!(answer["events"].as_array().map(Vec::len), Some(EVENTS));
        assert!(!answer.to_string().contains("heygen.example"), "{answer}");
    }
}
