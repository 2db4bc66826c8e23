//! What a status tells: the situation and the answers that were recorded before, and the times that follow from them.

use std::borrow::Cow;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::api::conditions::{Situation, types};
use crate::api::consent::{DigitalTwinConsent, DigitalTwinConsentSpec, DigitalTwinConsentStatus, HistoryEntry, Statement};
use crate::api::duration;
use crate::consent::policy::{Meaning, Policy};
use crate::consent::polling;
use crate::consent::request::Request;
use crate::consent::terms::Terms;

/// The status as it is read by a clock that says `now`: a time that lies ahead of it counts as now, for one of the two clocks is wrong.
///
/// The end of the link rightly lies ahead: it keeps its distance from the request.
#[must_use]
pub fn by_now(status: &DigitalTwinConsentStatus, now: Timestamp) -> Cow<'_, DigitalTwinConsentStatus> {
    // Every field is named, so that a time which is added is not forgotten here.
    let DigitalTwinConsentStatus {
        observed_generation: _,
        object_uid: _,
        last_handled_reconcile_at: _,
        url: _,
        link_expiration_time: _,
        consent_status: _,
        group: _,
        initiation: _,
        initiation_time,
        already_begun: _,
        asked_terms: _,
        approval,
        revocation,
        valid_until: _,
        // Another replica's clock has told it: see `landing`.
        landing_time: _,
        audit: _,
        history,
        conditions,
    } = status;
    let observed = history.iter().map(|entry| &entry.observation_time);
    let turned = conditions.iter().map(|condition| &condition.last_transition_time);
    let given = approval.iter().map(|approval| &approval.time).chain(revocation.iter().map(|revocation| &revocation.time));
    if !initiation_time.iter().chain(given).chain(observed).chain(turned).any(|time| time.0 > now) {
        return Cow::Borrowed(status);
    }
    let mut read = status.clone();
    if let (Some(asked), Some(end)) = (&read.initiation_time, &mut read.link_expiration_time) {
        end.0 = polling::shifted(end.0, now.duration_since(asked.0.max(now)));
    }
    let observed = read.history.iter_mut().map(|entry| &mut entry.observation_time);
    let turned = read.conditions.iter_mut().map(|condition| &mut condition.last_transition_time);
    let approval = read.approval.iter_mut().map(|approval| &mut approval.time);
    let given = approval.chain(read.revocation.iter_mut().map(|revocation| &mut revocation.time));
    let times = read.initiation_time.iter_mut().chain(given).chain(observed).chain(turned);
    times.for_each(|time| time.0 = time.0.min(now));
    Cow::Owned(read)
}

/// The situation that `Ready` tells of. It may hide what is known of consent: that stands in `Approved` and `consentStatus`.
#[must_use]
pub fn shown(status: &DigitalTwinConsentStatus) -> Option<Situation> {
    condition(status, types::READY)?.reason.parse().ok()
}

/// The condition of this type, if it is told.
#[must_use]
pub fn condition<'a>(status: &'a DigitalTwinConsentStatus, type_: &str) -> Option<&'a Condition> {
    status.conditions.iter().find(|condition| condition.type_ == type_)
}

/// Whether a condition is True.
#[must_use]
pub fn holds(status: &DigitalTwinConsentStatus, type_: &str) -> bool {
    condition(status, type_).is_some_and(|condition| condition.status == "True")
}

/// Whether HeyGen says, as far as told, that consent was given or waived.
#[must_use]
pub(crate) fn is_approved(status: &DigitalTwinConsentStatus) -> bool {
    holds(status, types::APPROVED)
}

/// Whether the status was written for another object, as one that was restored from a backup, and HeyGen was not read since.
///
/// A status without conditions tells of nothing: its object is new.
#[must_use]
pub(crate) fn is_restored(consent: &DigitalTwinConsent) -> bool {
    consent.status.as_ref().is_some_and(|status| !status.conditions.is_empty() && status.object_uid != consent.metadata.uid)
}

/// Whether an approval that the status tells of is one under this policy: the last word of HeyGen that means anything there is one of
/// consent, or its absence is.
#[must_use]
pub(crate) fn is_backed(status: &DigitalTwinConsentStatus, policy: &Policy) -> bool {
    if approval(status) == Situation::Waived && status.consent_status.is_none() && policy.absent_means_waived {
        return true;
    }
    let words = status.history.iter().rev().filter_map(|entry| entry.consent_status.as_deref());
    let meaning = words.map(|word| policy.read(Some(word))).find(|meaning| *meaning != Meaning::Unknown);
    meaning.is_some_and(Meaning::gives)
}

/// Whether HeyGen's words, as far as they are told, end with one that takes back a consent given before, and that is not what became of a
/// request of this object.
#[must_use]
pub(crate) fn was_taken_back(status: &DigitalTwinConsentStatus, policy: &Policy) -> bool {
    let meaning = |entry: &HistoryEntry| policy.read(entry.consent_status.as_deref());
    let known = || status.history.iter().rev().filter(|entry| !matches!(meaning(entry), Meaning::Absent | Meaning::Unknown));
    let Some(last) = known().next() else { return false };
    let has_asked = status.initiation.as_ref().is_some_and(|initiation| initiation.epoch >= last.request_epoch);
    meaning(last).takes_back() && !has_asked && known().any(|entry| meaning(entry).gives())
}

/// Whether the policy makes of the word that the status tells what the status tells of it.
///
/// It does not after the policy has changed, or after a user has written into the status.
#[must_use]
pub fn agrees(status: &DigitalTwinConsentStatus, situation: Situation, policy: &Policy) -> bool {
    use Meaning as M;
    use Situation as S;
    let meaning = policy.read(status.consent_status.as_deref());
    match situation {
        S::Approved => matches!(meaning, M::Granted | M::Absent),
        S::Waived => matches!(meaning, M::Waived | M::Absent),
        S::NotRequired => meaning == M::Absent,
        S::Refused => meaning == M::Refused,
        S::Revoked => !meaning.gives(),
        S::TrainingFailed => meaning != M::Refused,
        S::Unrecognized => matches!(meaning, M::Unknown | M::Absent),
        S::Unverified => false,
        // A word from before the request that is waited for says nothing about it.
        S::Awaiting | S::LinkExpired | S::Overdue | S::AlreadyBegun => {
            let initiated = status.initiation.as_ref().map(|initiation| initiation.epoch);
            let asked = initiated.max(status.already_begun.as_ref().map(|begun| begun.epoch));
            let is_older = status.history.last().is_some_and(|entry| Some(entry.request_epoch) < asked);
            is_older || matches!(meaning, M::Pending | M::Expired | M::Absent)
        }
        // Nothing is told of a word.
        S::Suspended | S::Duplicate | S::Restored | S::GroupMissing | S::AccountNotReady | S::AccountNotAllowed => true,
        S::InvalidRequest | S::NotEntitled | S::LinkSecretConflict | S::LinkSecretNotWritable | S::Initiating => true,
        S::Withdrawn | S::TermsChanged | S::Lapsed => true,
        S::InitiationDisabled => !meaning.gives(),
    }
}

/// Since when `Ready` is as it is.
#[must_use]
pub(crate) fn ready_since(status: &DigitalTwinConsentStatus) -> Option<Timestamp> {
    condition(status, types::READY).map(|ready| ready.last_transition_time.0)
}

/// Which kind of approval the status tells of.
#[must_use]
pub(crate) fn approval(status: &DigitalTwinConsentStatus) -> Situation {
    if approved_says(status, Situation::Waived) { Situation::Waived } else { Situation::Approved }
}

/// Which kind of approval the status tells of under a policy: the word that it was given for says so, as long as the policy knows that.
#[must_use]
pub(crate) fn approval_under(status: &DigitalTwinConsentStatus, policy: &Policy) -> Situation {
    match policy.read(status.consent_status.as_deref()) {
        Meaning::Granted => Situation::Approved,
        Meaning::Waived => Situation::Waived,
        Meaning::Refused | Meaning::Pending | Meaning::Expired | Meaning::Absent | Meaning::Unknown => approval(status),
    }
}

/// Whether an approval is told, and a later word of HeyGen that the policy does not know.
#[must_use]
pub(crate) fn is_unrecognized(status: &DigitalTwinConsentStatus, policy: &Policy) -> bool {
    is_approved(status) && policy.read(status.consent_status.as_deref()) == Meaning::Unknown
}

/// Whether an approval was withdrawn and nothing has been asked nor granted since.
///
/// `Approved` tells it, not `Ready`, whose reason gives way to the account's trouble and comes back without it.
#[must_use]
pub(crate) fn is_revoked(status: &DigitalTwinConsentStatus) -> bool {
    approved_says(status, Situation::Revoked)
}

/// Whether consent was refused or an approval withdrawn, and nothing has been asked nor granted since.
#[must_use]
pub(crate) fn is_refused(status: &DigitalTwinConsentStatus) -> bool {
    is_revoked(status) || approved_says(status, Situation::Refused)
}

/// Whether `Approved`, be it True or False, has the reason of this situation.
pub(crate) fn approved_says(status: &DigitalTwinConsentStatus, situation: Situation) -> bool {
    condition(status, types::APPROVED).is_some_and(|approved| approved.reason == situation.reason())
}

/// Whether `request` was made: the key names content and epoch.
#[must_use]
pub(crate) fn is_initiated(status: &DigitalTwinConsentStatus, request: &Request) -> bool {
    status.initiation.as_ref().is_some_and(|initiation| initiation.idempotency_key == request.idempotency_key)
}

/// Whether HeyGen refused `request` because consent was begun before, so that sending it again is of no use.
#[must_use]
pub(crate) fn is_already_begun(status: &DigitalTwinConsentStatus, request: &Request) -> bool {
    status.already_begun.as_ref().is_some_and(|begun| begun.idempotency_key == request.idempotency_key)
}

/// What is told of a situation: what the spec and the time say of the consent comes before it, where it is first in the order of
/// [`Situation`].
#[must_use]
pub(crate) fn first(
    spec: &DigitalTwinConsentSpec,
    status: &DigitalTwinConsentStatus,
    is_approved: bool,
    situation: Situation,
    now: Timestamp,
) -> Situation {
    let withdrawn = spec.withdrawal.is_some().then_some(Situation::Withdrawn);
    let changed = (is_approved && terms_changed(spec, status)).then_some(Situation::TermsChanged);
    let lapsed = has_lapsed(spec, now).then_some(Situation::Lapsed);
    [Some(situation), withdrawn, changed, lapsed].into_iter().flatten().min().unwrap_or(situation)
}

/// Whether the person consented to terms that are known, and it is certain that they were never asked for those of the spec.
#[must_use]
pub(crate) fn terms_changed(spec: &DigitalTwinConsentSpec, status: &DigitalTwinConsentStatus) -> bool {
    status.approval.as_ref().is_some_and(|approval| approval.statement != Statement::Unknown)
        && Terms::of_spec(spec).were_surely_never_asked(status)
}

/// When the consent lapses; a time that cannot be read counts as long past.
#[must_use]
pub(crate) fn lapses_at(spec: &DigitalTwinConsentSpec) -> Option<Timestamp> {
    Some(spec.valid_until.as_ref()?.parse().unwrap_or(Timestamp::MIN))
}

/// Whether the consent has lapsed.
#[must_use]
pub(crate) fn has_lapsed(spec: &DigitalTwinConsentSpec, now: Timestamp) -> bool {
    lapses_at(spec).is_some_and(|at| at <= now)
}

/// The end of the time that the person was given.
#[must_use]
pub fn deadline(spec: &DigitalTwinConsentSpec, status: &DigitalTwinConsentStatus) -> Option<Timestamp> {
    let allowed = duration::parse(spec.approval_deadline.as_deref()?)?;
    Some(polling::add(status.initiation_time.as_ref()?.0, allowed))
}

/// When `Overdue` and `LinkExpired` become True, for an object on whose person we wait.
#[must_use]
pub(crate) fn flag_times(
    spec: &DigitalTwinConsentSpec,
    status: &DigitalTwinConsentStatus,
    situation: Option<Situation>,
) -> [Option<Timestamp>; 2] {
    if !situation.is_some_and(Situation::is_waiting) || status.initiation.is_none() {
        return [None, None];
    }
    [deadline(spec, status), status.link_expiration_time.as_ref().map(|time| time.0)]
}

/// Whether `Overdue` or `LinkExpired` no longer say what the time says.
#[must_use]
pub(crate) fn flags_have_turned(spec: &DigitalTwinConsentSpec, status: &DigitalTwinConsentStatus, now: Timestamp) -> bool {
    let [overdue, expired] = flag_times(spec, status, shown(status)).map(|at| at.is_some_and(|at| at <= now));
    overdue != holds(status, types::OVERDUE) || expired != holds(status, types::LINK_EXPIRED)
}
