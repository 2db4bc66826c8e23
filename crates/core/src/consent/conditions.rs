//! From a situation to conditions.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::situation::{Actor, Permitted, Progress, Row};
use crate::api::conditions::{Situation, reasons, types};
use crate::api::consent::{DigitalTwinConsent, DigitalTwinConsentStatus, ReadyWhen};
use crate::consent::polling::whole;
use crate::consent::request::Request;
use crate::consent::status;

/// Rewrites `observedGeneration` and all conditions of `status` for `situation`, so that they always change in one patch.
///
/// `detail` is the message of `Ready` where the situation's own is too general.
pub fn render(
    consent: &DigitalTwinConsent,
    status: &mut DigitalTwinConsentStatus,
    situation: Situation,
    detail: Option<&str>,
    now: Timestamp,
) {
    let spec = &consent.spec;
    let old = std::mem::take(&mut status.conditions);
    if old.is_empty() {
        // The status of a new object; one that was written for another object is so until HeyGen was read.
        status.object_uid.clone_from(&consent.metadata.uid);
    }
    let old_of = |type_: &str| old.iter().find(|condition| condition.type_ == type_);
    let (is_approved, approved_reason, approved_message) = approved(old_of(types::APPROVED), situation);
    let first = status::first(spec, status, is_approved == "True", situation, now);
    let [overdue, expired] = status::flag_times(spec, status, Some(first)).map(|at| at.is_some_and(|at| at <= now));
    let shown = match first.awaits() {
        true if expired => Situation::LinkExpired,
        true if overdue => Situation::Overdue,
        true => Situation::Awaiting,
        false => first,
    };
    let row = shown.row();
    let suspended = spec.suspend.unwrap_or(false);
    let is_initiated = status::is_initiated(status, &Request::of(consent));
    let mut conditions = Vec::with_capacity(5);
    let mut push = |type_: &str, status: &str, reason: &str, message: &str| {
        let unchanged_since = old_of(type_).filter(|old| old.status == status).map(|old| old.last_transition_time.clone());
        conditions.push(Condition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: message.to_owned(),
            last_transition_time: unchanged_since.unwrap_or_else(|| whole(now)),
            observed_generation: consent.metadata.generation,
        });
    };

    // What was found in detail is not what is told.
    let detail = detail.filter(|_| first == situation);
    let kept_message = old_of(types::READY).filter(|ready| detail.is_none() && has_details(shown) && ready.reason == shown.reason());
    let message = detail.or(kept_message.map(|ready| ready.message.as_str())).unwrap_or_else(|| plain_message(consent, status, shown));
    push(types::READY, ready(&row, spec.ready_when, is_initiated), shown.reason(), message);
    push(types::PERMITTED, row.permitted.word(), shown.reason(), permitted_message(row.permitted));

    if is_initiated {
        push(
            types::INITIATED,
            "True",
            reasons::CONSENT_REQUESTED,
            "This object has asked HeyGen for consent, with the current spec.requestEpoch.",
        );
    } else if status::is_already_begun(status, &Request::of(consent)) {
        let reason = Situation::AlreadyBegun.reason();
        push(types::INITIATED, "False", reason, "HeyGen was asked for this consent, and says that it was begun before.");
    } else {
        push(
            types::INITIATED,
            "False",
            reasons::NOT_INITIATED,
            "This object has not asked HeyGen for consent, or not with the current spec.requestEpoch.",
        );
    }
    push(types::APPROVED, is_approved, approved_reason, approved_message);
    match row.progress {
        Progress::Steady => {}
        Progress::Reconciling if suspended => {}
        Progress::Reconciling => push(types::RECONCILING, "True", shown.reason(), "The operator goes on by itself."),
        Progress::Stalled => {
            let actor = row.actors.first().copied().unwrap_or(Actor::NoOne).name();
            push(types::STALLED, "True", shown.reason(), &format!("Waits for {actor} to act; the message of Ready says what to do."));
        }
    }
    if overdue {
        push(types::OVERDUE, "True", Situation::Overdue.reason(), "The person has not answered within spec.approvalDeadline.");
    }
    if expired {
        push(types::LINK_EXPIRED, "True", Situation::LinkExpired.reason(), "The link presumably no longer works.");
    }
    if suspended {
        push(types::SUSPENDED, "True", Situation::Suspended.reason(), "No new call to HeyGen is made while spec.suspend is true.");
    }
    status.conditions = conditions;
    status.observed_generation = consent.metadata.generation;
    status.valid_until.clone_from(&spec.valid_until);
}

/// `Approved` changes only where HeyGen's word decides; everywhere else it stays as it was.
fn approved(old: Option<&Condition>, situation: Situation) -> (&str, &str, &str) {
    use Situation as S;
    let was = |status: &str| old.is_some_and(|old| old.status == status);
    let not_approved = ("False", reasons::NOT_APPROVED, "HeyGen has not reported consent.");
    match situation {
        S::Approved => ("True", situation.reason(), "HeyGen reports the person's consent."),
        S::Waived => ("True", situation.reason(), "The account's consentPolicy waives consent."),
        S::Refused => ("False", situation.reason(), "HeyGen reports that the person refused, or that the recording was rejected."),
        S::Revoked => ("False", situation.reason(), "HeyGen no longer reports the consent."),
        // Whether an approval holds whose word the policy does not know any more, is not known.
        S::Unrecognized if was("Unknown") => {
            ("Unknown", situation.reason(), "HeyGen reports a consent status that the account's consentPolicy does not know.")
        }
        // A new request leaves the refusal of the one before behind.
        S::Unrecognized | S::AlreadyBegun | S::LinkExpired | S::Overdue | S::Awaiting if !was("True") => not_approved,
        S::Unrecognized | S::AlreadyBegun | S::LinkExpired | S::Overdue | S::Awaiting => unchanged(old, not_approved),
        S::Suspended | S::Duplicate | S::Restored | S::GroupMissing | S::TrainingFailed => unchanged(old, not_approved),
        S::Unverified | S::NotRequired | S::AccountNotReady | S::AccountNotAllowed => unchanged(old, not_approved),
        S::InvalidRequest | S::NotEntitled | S::LinkSecretConflict | S::LinkSecretNotWritable => unchanged(old, not_approved),
        S::Initiating | S::InitiationDisabled | S::Withdrawn | S::TermsChanged | S::Lapsed => unchanged(old, not_approved),
    }
}

/// What a condition says, if it is there.
fn unchanged<'a>(old: Option<&'a Condition>, otherwise: (&'a str, &'a str, &'a str)) -> (&'a str, &'a str, &'a str) {
    old.map_or(otherwise, |old| (&old.status, &old.reason, &old.message))
}

/// `Ready` is `Permitted`; with `readyWhen: Initiated` it is True as well once the person was asked, while no one but the person has to act.
fn ready(row: &Row, when: Option<ReadyWhen>, is_initiated: bool) -> &'static str {
    let is_asking_enough = when == Some(ReadyWhen::Initiated) && is_initiated && row.progress == Progress::Steady;
    if is_asking_enough { Permitted::True.word() } else { row.permitted.word() }
}

fn permitted_message(permitted: Permitted) -> &'static str {
    match permitted {
        Permitted::True => "The twin may be used.",
        Permitted::False => "The twin may not be used; the message of Ready says why.",
        Permitted::Unknown => "Whether the twin may be used is not known, so it may not; the message of Ready says why.",
    }
}

fn has_details(situation: Situation) -> bool {
    use Situation as S;
    match situation {
        S::AccountNotReady | S::AccountNotAllowed | S::InvalidRequest | S::NotEntitled => true,
        S::LinkSecretNotWritable | S::Initiating => true,
        S::Suspended | S::Duplicate | S::Restored | S::Revoked | S::Refused | S::GroupMissing | S::TrainingFailed => false,
        S::Unrecognized | S::Unverified | S::Approved | S::Waived | S::NotRequired | S::AlreadyBegun => false,
        S::LinkSecretConflict | S::LinkExpired | S::Overdue | S::Awaiting => false,
        S::Withdrawn | S::TermsChanged | S::Lapsed | S::InitiationDisabled => false,
    }
}

fn plain_message(consent: &DigitalTwinConsent, status: &DigitalTwinConsentStatus, situation: Situation) -> &'static str {
    if situation == Situation::AlreadyBegun && status.url.is_some() {
        return "HeyGen says that consent to this avatar group was begun before, and gives no new link. The earlier link stays in status.url. If it no longer works, let the person finish in HeyGen's own interface, or delete the group there and make a new one.";
    }
    if situation == Situation::AlreadyBegun && consent.spec.link_secret_ref.is_some() && status.link_expiration_time.is_some() {
        return "HeyGen says that consent to this avatar group was begun before, and gives no new link. The earlier link stays in the Secret that it was written into. If it no longer works, let the person finish in HeyGen's own interface, or delete the group there and make a new one.";
    }
    if situation == Situation::Awaiting && consent.spec.consent_video.is_some() {
        return "The consent video was handed in. HeyGen reviews it.";
    }
    if situation == Situation::Awaiting && consent.spec.link_secret_ref.is_some() {
        return "Waiting for the person. Send them the link in the Secret named by spec.linkSecretRef.";
    }
    if situation == Situation::Awaiting {
        return "Waiting for the person. Send them the link in status.url.";
    }
    situation.row().message
}
