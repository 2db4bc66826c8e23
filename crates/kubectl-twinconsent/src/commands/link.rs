//! `link`: the link for the person, for a user that may read it. No other command prints one.

mod qr;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use twinconsent_core::api::conditions::{Situation, types};
use twinconsent_core::api::consent::DigitalTwinConsent;
use twinconsent_core::api::{OWNER_UID_LABEL, REQUEST_EPOCH_ANNOTATION};
use twinconsent_core::consent::link::Link;
use twinconsent_core::consent::permission::{Expected, Obstacle, Permission, permission};
use twinconsent_core::consent::status::{condition, holds, shown};

use crate::clock;
use crate::context::{Cluster, Context};
use crate::error::Error;
use crate::names;
use crate::objects::{self, Consent};
use crate::output::Output;
use crate::text::plain;
use crate::times::relative;

pub use qr::Background;

/// The key of a link Secret under which the link stands.
const KEY: &str = "url";

/// What to do about the link of a request before.
const WAIT_FOR_THE_NEW_ONE: &str = "Wait for the new one: `kubectl twinconsent status` says where it stands.";

/// The arguments of `link`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The name of the consent.
    pub name: String,

    /// Draw a QR code as well. Where there are no colours, it is drawn for a terminal with this background.
    #[arg(long, value_enum, value_name = "BACKGROUND", num_args = 0..=1, require_equals = true, default_missing_value = "dark")]
    pub qr: Option<Background>,
}

/// Runs the command.
///
/// # Errors
/// When there is no link, or the caller may not read it.
pub async fn run(args: &Args, cluster: &Cluster, output: &mut Output) -> Result<(), Error> {
    let context = Context::of(cluster).await?;
    let consent = objects::get(&context, &args.name).await?;
    let secret = match &consent.object.spec.link_secret_ref {
        Some(reference) => Some(secret(&context, &reference.name).await?),
        None => None,
    };
    let link = link(&consent, secret.as_ref())?;
    is_of_use(&consent.object, clock::now())?;
    if let Some(note) = note(&consent.object, clock::now()) {
        output.note(&note);
    }
    let Some(background) = args.qr else { return output.answer(link.expose()) };
    let code = qr::code(link.expose()).map_err(|()| Error::failed("the link is too long for a QR code"))?;
    let drawn = if output.has_colours() { qr::in_colours(&code) } else { qr::in_characters(&code, background) };
    output.answer(&format!("{drawn}\n{}", link.expose()))
}

async fn secret(context: &Context, name: &str) -> Result<Option<Secret>, Error> {
    context.api::<Secret>().get_opt(name).await.map_err(|error| context.failed(&format!("read the Secret {name} with the link"), &error))
}

/// PURE. The link of a consent, from its status or, where the spec names one, from its Secret.
fn link(consent: &Consent, secret: Option<&Option<Secret>>) -> Result<Link, Error> {
    let object = &consent.object;
    let found = match secret {
        None => consent.link().cloned(),
        Some(secret) => secret.as_ref().map(|secret| in_secret(object, secret)).transpose()?.flatten(),
    };
    let link = found.ok_or_else(|| none(object))?;
    // What is no link could move the cursor of a terminal.
    let is_link = link.expose().bytes().all(|byte| byte.is_ascii_graphic());
    if is_link { Ok(link) } else { Err(Error::failed("what stands where the link should be is no link")) }
}

fn in_secret(object: &DigitalTwinConsent, secret: &Secret) -> Result<Option<Link>, Error> {
    let label = secret.metadata.labels.as_ref().and_then(|labels| labels.get(OWNER_UID_LABEL));
    if label.is_none() || label != object.metadata.uid.as_ref() {
        return Err(Error::failed("the Secret that spec.linkSecretRef names belongs to another owner")
            .then("`kubectl twinconsent status` says what to do."));
    }
    let annotations = secret.metadata.annotations.as_ref();
    let epoch = annotations.and_then(|annotations| annotations.get(REQUEST_EPOCH_ANNOTATION)).and_then(|epoch| epoch.parse::<i64>().ok());
    if epoch.is_some_and(|epoch| epoch < object.spec.request_epoch.unwrap_or_default()) {
        return Err(Error::failed("the Secret still holds the link of an earlier request").then(WAIT_FOR_THE_NEW_ONE));
    }
    let bytes = secret.data.as_ref().and_then(|data| data.get(KEY));
    Ok(bytes.and_then(|bytes| String::from_utf8(bytes.0.clone()).ok()).map(Link::new))
}

/// There is no link: why, and what to do.
fn none(object: &DigitalTwinConsent) -> Error {
    let name = object.metadata.name.as_deref().unwrap_or_default();
    let status = object.status.clone().unwrap_or_default();
    let Some(ready) = condition(&status, types::READY) else {
        return Error::failed(format!("there is no link for {name} yet: the operator has not seen it"))
            .then("`kubectl twinconsent version` shows whether an operator is installed.");
    };
    let what = format!("there is no link for {name}: {}", plain(&ready.reason));
    let error = if holds(&status, types::STALLED) { Error::refused(what) } else { Error::failed(what) };
    error.then(plain(&ready.message))
}

/// PURE. A link that must not be sent is not shown.
fn is_of_use(object: &DigitalTwinConsent, now: Timestamp) -> Result<(), Error> {
    let name = object.metadata.name.as_deref().unwrap_or_default();
    match permission(object, Expected::default(), now) {
        Permission::Ended(Obstacle::Withdrawn) => {
            return Err(Error::refused(format!("the person of {name} has withdrawn: no link is to be sent")));
        }
        Permission::Ended(Obstacle::Lapsed) => {
            return Err(Error::refused(format!("spec.validUntil of {name} has passed: no link is to be sent"))
                .then("If the person is to agree to a longer time, move it."));
        }
        _ => {}
    }
    let asked = object.status.as_ref().and_then(|status| status.initiation.as_ref());
    if asked.is_some_and(|asked| asked.epoch < object.spec.request_epoch.unwrap_or_default()) {
        return Err(Error::failed("the status still holds the link of an earlier request").then(WAIT_FOR_THE_NEW_ONE));
    }
    Ok(())
}

/// PURE. What to know of the link before it is sent.
fn note(object: &DigitalTwinConsent, now: Timestamp) -> Option<String> {
    let status = object.status.as_ref()?;
    let name = object.metadata.name.as_deref().unwrap_or_default();
    if holds(status, types::PERMITTED) {
        return Some(format!("{name} needs no link any more: consent is there."));
    }
    let renew = names::command(object.metadata.namespace.as_deref().unwrap_or_default(), "renew", name);
    if let Some(Situation::Refused | Situation::Revoked) = shown(status) {
        return Some(format!(
            "HeyGen has had an answer, and it is no consent: the link has presumably been used. {renew} asks for a new one."
        ));
    }
    let expires = status.link_expiration_time.as_ref()?.0;
    Some(if expires > now {
        format!(
            "The link presumably works until {expires}, {}. Send it to the person alone: it lets its holder act as the person.",
            relative(expires, now)
        )
    } else {
        format!("The link presumably stopped working {}. {renew} asks for a new one.", relative(expires, now))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::error::Exit;
    use crate::samples::{LINK, NOW, consent};

    fn secret(change: impl Fn(&mut Value)) -> Option<Secret> {
        let mut value = json!({
            "metadata": { "labels": { OWNER_UID_LABEL: "uid-1" }, "annotations": { REQUEST_EPOCH_ANNOTATION: "0" } },
            // `https://heygen.example/consent/secret`, as the API server sends it.
            "data": { "url": "aHR0cHM6Ly9oZXlnZW4uZXhhbXBsZS9jb25zZW50L3NlY3JldA==" },
        });
        change(&mut value);
        Some(serde_json::from_value(value).unwrap())
    }

    #[test]
    fn the_link_comes_from_the_status_or_from_the_secret_of_this_very_object() {
        let pending = consent("ada", "AwaitingApproval", "False", |status| status["url"] = json!(LINK));
        assert_eq!(link(&pending, None).unwrap().expose(), LINK);
        let without = consent("ada", "AwaitingApproval", "False", |_| {});
        assert_eq!(link(&without, Some(&secret(|_| {}))).unwrap().expose(), LINK);
        let foreign = secret(|secret| secret["metadata"]["labels"][OWNER_UID_LABEL] = json!("uid-2"));
        assert!(link(&without, Some(&foreign)).unwrap_err().to_string().contains("another owner"));
        let earlier = secret(|secret| secret["metadata"]["annotations"][REQUEST_EPOCH_ANNOTATION] = json!("-1"));
        assert!(link(&without, Some(&earlier)).unwrap_err().to_string().contains("earlier request"));
    }

    #[test]
    fn without_a_link_it_is_said_why() {
        let error = link(&consent("ada", "Initiating", "False", |_| {}), None).unwrap_err();
        assert_eq!((error.exit(), error.to_string().starts_with("there is no link for ada: Initiating\n  ")), (Exit::Failed, true));
        let error = link(&consent("ada", "ConsentAlreadyBegun", "False", |status| status["stalled"] = json!(true)), None).unwrap_err();
        assert_eq!(error.exit(), Exit::Refused);
        let odd = consent("ada", "AwaitingApproval", "False", |status| status["url"] = json!("https://a\u{1b}[2J"));
        assert!(link(&odd, None).unwrap_err().to_string().contains("no link"));
    }

    #[test]
    fn it_is_said_until_when_a_link_works() {
        let noted = |until: &str| {
            let consent = consent("ada", "AwaitingApproval", "False", |status| status["linkExpirationTime"] = json!(until));
            note(&consent.object, NOW.parse().unwrap()).unwrap()
        };
        assert!(noted("2026-06-10T20:00:00Z").contains("in 20h"));
        assert!(noted("2026-06-09T20:00:00Z").contains("`kubectl twinconsent -n team renew ada`"));
        let refused = consent("ada", "ConsentRefused", "False", |status| status["linkExpirationTime"] = json!("2026-06-10T20:00:00Z"));
        assert!(note(&refused.object, NOW.parse().unwrap()).unwrap().contains("presumably been used"));
    }

    #[test]
    fn a_link_that_must_not_be_sent_is_not_shown() {
        let at = |change: &dyn Fn(&mut DigitalTwinConsent)| {
            let mut object = consent("ada", "AwaitingApproval", "False", |status| {
                status["initiation"] = json!({ "epoch": 1, "idempotencyKey": "k" });
            })
            .object;
            object.spec.request_epoch = Some(1);
            change(&mut object);
            is_of_use(&object, NOW.parse().unwrap()).map_err(|error| (error.exit(), error.to_string()))
        };
        assert_eq!(at(&|_| {}), Ok(()));
        let withdrawn = serde_json::from_value(json!({ "time": "2026-06-01T00:00:00Z" })).unwrap();
        let error = at(&|object| object.spec.withdrawal = Some(Clone::clone(&withdrawn))).unwrap_err();
        assert!(error.0 == Exit::Refused && error.1.contains("has withdrawn"), "{error:?}");
        let until = serde_json::from_value(json!("2026-06-01T00:00:00Z")).unwrap();
        let error = at(&|object| object.spec.valid_until = Some(Clone::clone(&until))).unwrap_err();
        assert!(error.0 == Exit::Refused && error.1.contains("validUntil"), "{error:?}");
        let error = at(&|object| object.spec.request_epoch = Some(2)).unwrap_err();
        assert!(error.0 == Exit::Failed && error.1.contains("earlier request"), "{error:?}");
    }
}
