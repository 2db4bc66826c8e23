//! What tools that know only conditions make of every situation: kstatus' rules, and a gallery with one object per situation.

use serde_json::{Value, json};
use strum::VariantArray as _;
use twinconsent_core::api::conditions::Situation;
use twinconsent_core::api::consent::DigitalTwinConsent;
use twinconsent_core::consent::outcome::{Class, LookType, Trouble};
use twinconsent_core::consent::status::shown;
use twinconsent_core::consent::step::AccountFact;

use crate::columns;
use crate::driver::{HOUR, World};
use crate::model::{Fault, Model};

/// kstatus' rules for a custom resource.
pub fn kstatus(consent: &DigitalTwinConsent) -> &'static str {
    let status = consent.status.clone().unwrap_or_default();
    let is = |type_: &str, wanted: &str| status.conditions.iter().any(|condition| condition.type_ == type_ && condition.status == wanted);
    let is_outdated = status.observed_generation.is_some() && status.observed_generation != consent.metadata.generation;
    if is_outdated || is("Reconciling", "True") {
        "InProgress"
    } else if is("Stalled", "True") {
        "Failed"
    } else if is("Ready", "False") || is("Ready", "Unknown") {
        "InProgress"
    } else {
        "Current"
    }
}

/// An object in this situation, with these additions to its spec.
pub fn object_in(situation: Situation, extra: &Value) -> World {
    let mut spec = extra.clone();
    match situation {
        Situation::Suspended => spec["suspend"] = true.into(),
        Situation::LinkSecretConflict | Situation::LinkSecretNotWritable => spec["linkSecretRef"] = json!({"name": "link"}),
        Situation::Overdue => spec["approvalDeadline"] = "1h".into(),
        Situation::Withdrawn => spec["withdrawal"] = json!({"time": "2026-01-01T00:00:00Z"}),
        Situation::Lapsed => spec["validUntil"] = "2001-01-01T00:00:00Z".into(),
        Situation::InitiationDisabled => spec["initiate"] = "Never".into(),
        _ => {}
    }
    let word = match situation {
        Situation::Revoked | Situation::Approved | Situation::Restored | Situation::Unverified => Some("approved"),
        Situation::Refused => Some("rejected"),
        Situation::Waived => Some("skipped"),
        Situation::NotRequired | Situation::TermsChanged => None,
        Situation::Unrecognized => Some("weird"),
        _ => Some("pending"),
    };
    let mut world = World::new(spec, Model::saying(word));
    match situation {
        Situation::Duplicate => world.owns_group = false,
        Situation::GroupMissing => world.heygen.missing = true,
        Situation::TrainingFailed => world.heygen.training = Some("failed".into()),
        Situation::Waived => {
            world.rules = twinconsent_core::consent::policy::Rules::new(
                serde_json::from_value(json!({"waived": ["skipped"]})).ok().as_ref(),
                None,
                None,
            )
        }
        Situation::NotRequired => world.heygen.looks = vec![LookType::PhotoAvatar],
        Situation::AccountNotReady => world.account = Some(AccountFact::NotReady("There is no such account.".into())),
        Situation::AccountNotAllowed => world.account = Some(AccountFact::NotAllowed("Not this namespace.".into())),
        Situation::InvalidRequest => world.heygen.fault = Some(Fault::Request(Trouble::of(Class::Invalid))),
        Situation::NotEntitled => world.heygen.fault = Some(Fault::Request(Trouble::of(Class::AccessDenied))),
        Situation::AlreadyBegun => world.heygen.fault = Some(Fault::Request(Trouble::of(Class::AlreadyBound))),
        Situation::LinkSecretConflict => world.secret.foreign = true,
        Situation::LinkSecretNotWritable => world.secret.unwritable = true,
        Situation::Initiating => world.heygen.fault = Some(Fault::Trouble(Trouble::of(Class::Unavailable))),
        _ => {}
    }
    world.settle_down();
    match situation {
        Situation::Revoked => world.heygen.word = Some("pending".into()),
        Situation::TermsChanged => {
            world.heygen.word = Some("approved".into());
            world.live(2 * HOUR);
            world.edit(json!({"consentText": "Another text", "requestEpoch": 1}));
        }
        Situation::Restored => {
            world.heygen.fault = Some(Fault::Trouble(Trouble::of(Class::Unavailable)));
            world.restore_status_elsewhere(2);
        }
        Situation::Unverified => {
            world.heygen.fault = Some(Fault::Trouble(Trouble::of(Class::Unavailable)));
            world.live(74 * HOUR);
        }
        _ => {}
    }
    if situation != Situation::Awaiting {
        world.live(if matches!(situation, Situation::Revoked | Situation::LinkExpired) { 24 * HOUR } else { 2 * HOUR });
    }
    world
}

#[test]
fn kstatus_says_of_every_situation_what_the_table_says() {
    for &situation in Situation::VARIANTS {
        let words: Vec<_> = columns::kstatus(situation).split(" / ").collect();
        for (when, expected) in [("Approved", words[0]), ("Initiated", words[words.len() - 1])] {
            let world = object_in(situation, &json!({"readyWhen": when}));
            assert_eq!(shown(world.status()), Some(situation), "{}", world.trace.join("\n"));
            // It counts as asked for only if it was.
            let is_asked = world.condition("Initiated").unwrap().0 == "True";
            assert_eq!(kstatus(&world.object), if is_asked { expected } else { words[0] }, "{situation:?} with readyWhen {when}");
        }
    }
}

#[test]
fn the_conditions_beside_ready_are_those_of_the_table() {
    for &situation in Situation::VARIANTS {
        let world = object_in(situation, &json!({}));
        for type_ in ["Stalled", "Reconciling", "Overdue", "LinkExpired", "Suspended"] {
            let reported = world.condition(type_).is_some_and(|(status, _)| status == "True");
            assert_eq!(reported, columns::besides(situation).contains(&format!("`{type_}`")), "{situation:?}: {type_}");
            assert!(reported || world.condition(type_).is_none(), "{type_} stands there only while it is True");
        }
        let approved = matches!(situation, Situation::Approved | Situation::Waived | Situation::Unverified | Situation::TermsChanged);
        assert_eq!(world.condition("Approved").unwrap().0 == "True", approved, "{situation:?}");
        assert!(columns::besides(situation).contains("`Approved`") || !approved);
    }
}

#[test]
fn an_object_that_was_never_decided_and_one_with_a_new_generation_are_in_progress() {
    let mut world = World::new(json!({}), Model::saying(Some("approved")));
    assert_eq!(kstatus(&world.object), "InProgress");
    world.settle_down();
    assert_eq!(kstatus(&world.object), "Current");
    world.edit(json!({"pollInterval": "5m"}));
    assert_eq!(kstatus(&world.object), "InProgress");
    world.settle_down();
    assert_eq!(kstatus(&world.object), "Current");
}
