//! `renew`: asks for a new link, or once more after a refusal.

use serde_json::{Value, json};
use twinconsent_core::api::conditions::types::APPROVED;
use twinconsent_core::api::consent::Initiate;

use crate::changes::{Several, each};
use crate::context::{Cluster, Context};
use crate::error::Error;
use crate::names;
use crate::objects::{self, Consent};
use crate::output::Output;

/// Runs the command.
///
/// # Errors
/// Exit code 3 when the person has withdrawn; else when one cannot be changed.
pub async fn run(several: &Several, cluster: &Cluster, output: &mut Output) -> Result<(), Error> {
    let context = Context::of(cluster).await?;
    each(several, "renewed", output, async |name, output| {
        let consent = objects::get(&context, name).await?;
        let patch = patch(&consent)?;
        let renewed = objects::patch(&context, name, &format!("renew the request of the consent {name}"), &patch).await?;
        output.note(&note(&consent));
        Ok(renewed)
    })
    .await
}

/// PURE. The change, to the very object that was read: the next epoch. Two at the same time raise it once, and ask once.
fn patch(consent: &Consent) -> Result<Value, Error> {
    let (name, spec) = (consent.name(), &consent.object.spec);
    if spec.withdrawal.is_some() {
        return Err(Error::refused(format!("the person of the consent {name} has withdrawn: nobody is asked again for this group")));
    }
    let epoch = spec.request_epoch.unwrap_or_default().saturating_add(1);
    Ok(json!({ "metadata": { "uid": consent.object.metadata.uid }, "spec": { "requestEpoch": epoch } }))
}

/// PURE. What comes of it.
fn note(consent: &Consent) -> String {
    let (name, spec) = (consent.name(), &consent.object.spec);
    let command = |command: &str| names::command(consent.namespace(), command, name);
    let conditions = consent.object.status.iter().flat_map(|status| &status.conditions);
    let is_approved = conditions.into_iter().any(|condition| condition.type_ == APPROVED && condition.status == "True");
    let what = if is_approved {
        "HeyGen says that there is consent, so nobody is asked again".to_owned()
    } else if spec.suspend == Some(true) {
        format!("it is suspended: the person is asked once {} was run", command("resume"))
    } else if spec.initiate.is_some_and(|initiate| initiate != Initiate::Automatic) {
        "it only follows what HeyGen says (`initiate: Never`), so nobody is asked".to_owned()
    } else if spec.consent_video.is_some() {
        "HeyGen is asked to review the clip once more".to_owned()
    } else {
        format!("{} shows the new link once HeyGen has given it; the old one may work until it dies", command("link"))
    };
    let epoch = spec.request_epoch.unwrap_or_default().saturating_add(1);
    format!(
        "{}: requestEpoch is {epoch}, and stays at least that: write it into git too, if the consent is there.\n{what}.",
        names::of(name)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consent(spec: &Value, approved: &str) -> Consent {
        let condition =
            json!({ "type": "Approved", "status": approved, "reason": "R", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z" });
        let mut object = json!({
            "metadata": { "name": "ada", "namespace": "team", "uid": "u" }, "spec": { "groupID": "ada" },
            "status": { "observedGeneration": 1, "conditions": [condition] },
        });
        for (field, value) in spec.as_object().unwrap() {
            object["spec"][field] = value.clone();
        }
        Consent::read(serde_json::value::to_raw_value(&object).unwrap()).unwrap()
    }

    #[test]
    fn the_next_epoch_is_asked_for_of_the_very_object_that_was_read() {
        assert_eq!(patch(&consent(&json!({}), "False")).unwrap(), json!({ "metadata": { "uid": "u" }, "spec": { "requestEpoch": 1 } }));
        assert_eq!(patch(&consent(&json!({ "requestEpoch": 4 }), "False")).unwrap()["spec"]["requestEpoch"], 5);
        let withdrawn = consent(&json!({ "withdrawal": { "time": "2026-01-01T00:00:00Z" } }), "True");
        assert_eq!(patch(&withdrawn).unwrap_err().exit() as u8, 3);
    }

    #[test]
    fn what_comes_of_it_is_said() {
        let cases = [
            (json!({}), "False", "link ada` shows the new link"),
            (json!({}), "True", "nobody is asked again"),
            (json!({ "suspend": true }), "False", "resume ada` was run"),
            (json!({ "initiate": "Never" }), "False", "only follows"),
            (json!({ "consentVideo": { "assetID": "a" } }), "False", "review the clip"),
        ];
        for (spec, approved, expected) in cases {
            let note = note(&consent(&spec, approved));
            assert!(note.contains(expected) && note.contains("requestEpoch is 1"), "{note}");
        }
    }
}
