//! What the last poll calls for: the table "poll before asking".

use std::time::Duration;

use jiff::Timestamp;
use strum::VariantArray as _;

use super::{By, Call, Finding, NextPoll, PollKind, Rest, Step, Then, View, invalid_field, waits};
use crate::api::conditions::Situation;
use crate::api::consent::LinkRenewal;
use crate::consent::outcome::{Group, LookType};
use crate::consent::policy::{Meaning, Rules};
use crate::consent::polling;
use crate::consent::situation::{CONFIRM_UNRECOGNIZED, CONFIRM_WITHDRAWN};
use crate::consent::state::Looks;
use crate::consent::status;

/// HeyGen repeats its first answer to a key for 24 hours; a renewal sooner would get the dead link again.
const REPLAY_WINDOW: Duration = Duration::from_secs(24 * 3600);

/// How much later than HeyGen's window a renewal starts, for clocks that differ.
const RENEWAL_MARGIN: Duration = Duration::from_secs(600);

/// How often to see whether a link still stands in its Secret.
pub(crate) const LINK_CHECK: Duration = Duration::from_secs(600);

/// How many links are asked for by ourselves for one request.
const MOST_RENEWALS: i64 = 14;

/// What the fresh poll in memory calls for; the next poll is due at `due`.
pub(super) fn of(view: &View<'_>, rules: &Rules, due: Timestamp) -> Step {
    let Some(seen) = view.memory().seen.as_deref() else { return Step::Rest(Rest::until([due])) };
    let Some(group) = &seen.group else {
        let both = status::is_revoked(&view.status).then_some(Situation::Revoked);
        return tell(Situation::GroupMissing.min(both.unwrap_or(Situation::GroupMissing)));
    };
    let meaning = rules.policy.read(group.consent_status.as_deref());
    let situation = Situation::VARIANTS.iter().copied().find(|situation| shows(view, rules, group, meaning, *situation));
    let situation = situation.unwrap_or(Situation::Initiating);
    let is_approved = status::is_approved(&view.status);
    if is_approved && let Some((since, needed)) = suspicion(view, rules, meaning) {
        // A poll from before the approval was told, by any replica, takes nothing back: only two polls that knew of it do.
        let is_confirmed = since.is_some_and(|since| polling::since(since, seen.at) >= needed);
        return if is_confirmed { tell(situation) } else { Step::Call(Call::Poll) };
    }
    let was_refused = status::is_revoked(&view.status) || meaning == Meaning::Refused;
    let asks = match meaning {
        Meaning::Granted | Meaning::Waived | Meaning::Unknown => false,
        _ if situation == Situation::TrainingFailed => false,
        // A person who refused, or took consent back, is not asked again unless the user says so.
        _ if was_refused && (view.is_initiated() || !view.asks_anew()) => false,
        Meaning::Absent if is_approved => false,
        Meaning::Absent => return by_looks(view, rules, situation),
        Meaning::Pending | Meaning::Expired if view.is_initiated() => renewal_is_due(view, rules) || link_is_to_come_back(view, rules),
        Meaning::Refused | Meaning::Pending | Meaning::Expired => true,
    };
    if asks { request(view) } else { tell(situation) }
}

/// Whether a poll of the group shows that this is the case. Of several, the first in the order of [`Situation`] is told.
fn shows(view: &View<'_>, rules: &Rules, group: &Group, meaning: Meaning, situation: Situation) -> bool {
    use Situation as S;
    let (status, policy) = (&*view.status, &rules.policy);
    let is_approved = status::is_approved(status);
    // No word at all says nothing new after an approval: what was told of HeyGen's word before goes on.
    let goes_on = meaning == Meaning::Absent && is_approved;
    match situation {
        S::Revoked => (is_approved && meaning.takes_back()) || (status::is_revoked(status) && !meaning.gives()),
        S::Refused => meaning == Meaning::Refused,
        S::TrainingFailed => training_failed(group),
        S::Unrecognized => meaning == Meaning::Unknown || (goes_on && status::is_unrecognized(status, policy)),
        S::Approved => meaning == Meaning::Granted || (goes_on && status::approval_under(status, policy) == S::Approved),
        S::Waived => meaning == Meaning::Waived || (goes_on && status::approval_under(status, policy) == S::Waived),
        S::AlreadyBegun => view.is_already_begun(),
        S::Awaiting => view.is_initiated(),
        // Not by the group itself: by the spec, the account, HeyGen's looks, the answer to a request, the link Secret or the time.
        S::Suspended | S::Duplicate | S::Restored | S::GroupMissing | S::Unverified | S::NotRequired => false,
        S::AccountNotReady | S::AccountNotAllowed | S::InvalidRequest | S::NotEntitled => false,
        S::Withdrawn | S::TermsChanged | S::Lapsed | S::InitiationDisabled => false,
        S::LinkSecretConflict | S::LinkSecretNotWritable | S::Initiating | S::LinkExpired | S::Overdue => false,
    }
}

/// What a single poll does not undo of an approval: since when polls show it, and for how long they have to.
fn suspicion(view: &View<'_>, rules: &Rules, meaning: Meaning) -> Option<(Option<Timestamp>, Duration)> {
    match meaning {
        Meaning::Refused | Meaning::Pending | Meaning::Expired => Some((view.memory().withdrawn_since, CONFIRM_WITHDRAWN)),
        Meaning::Unknown if status::is_unrecognized(&view.status, &rules.policy) => None,
        Meaning::Unknown => Some((view.memory().unrecognized_since, CONFIRM_UNRECOGNIZED)),
        Meaning::Granted | Meaning::Waived | Meaning::Absent => None,
    }
}

/// A group without any word: its looks tell whether it depicts a person at all.
fn by_looks(view: &View<'_>, rules: &Rules, situation: Situation) -> Step {
    let Some(looks) = view.memory().looks.as_deref() else { return Step::Call(Call::ReadLooks(None)) };
    let Looks { types, next, pages: _ } = looks;
    if let Some(cursor) = next {
        return Step::Call(Call::ReadLooks(Some(cursor.clone())));
    }
    let only_photos = !types.is_empty() && types.iter().all(|type_| *type_ == LookType::PhotoAvatar);
    if only_photos {
        return tell(Situation::NotRequired);
    }
    if view.is_initiated() {
        return tell(situation);
    }
    if types.contains(&LookType::DigitalTwin) {
        return if rules.policy.absent_means_waived { tell(Situation::Waived) } else { request(view) };
    }
    if view.is_already_begun() {
        return tell(Situation::AlreadyBegun);
    }
    Step::Tell(seen(Situation::Initiating).saying(waits::FOR_LOOKS), Then::Decide)
}

/// A consent request, unless it is barred, or was refused a short while ago.
fn request(view: &View<'_>) -> Step {
    if let Some(bar) = view.bar() {
        return tell(if view.is_already_begun() { bar.min(Situation::AlreadyBegun) } else { bar });
    }
    if let Some(not_before) = view.memory().request_waits_until(&view.request.idempotency_key, view.now) {
        let poll = NextPoll { at: not_before, kind: PollKind::Wanted { by_list: true } };
        return view.refresh_or_rest(Rest::default().with_poll(poll));
    }
    if view.is_already_begun() {
        return tell(Situation::AlreadyBegun);
    }
    if let Some(field) = invalid_field(view.consent) {
        let message = format!("spec.{field} cannot be sent as it is. Correct it and raise spec.requestEpoch in the same change.");
        return Step::Tell(seen(Situation::InvalidRequest).saying(message), Then::Decide);
    }
    let link_secret = view.consent.spec.link_secret_ref.as_ref().map(|secret| &secret.name);
    if link_secret.is_some() && link_secret != view.memory().free_link_secret.as_ref() {
        return Step::Call(Call::CheckLinkSecret);
    }
    Step::Call(Call::Initiate(view.request.clone()))
}

/// What the last poll has shown.
fn seen(situation: Situation) -> Finding {
    Finding::known(situation).by(By::Poll)
}

fn tell(situation: Situation) -> Step {
    Step::Tell(seen(situation), Then::Decide)
}

/// When to see whether the link still stands in its Secret; `None`: as things are, never.
pub(super) fn link_check(view: &View<'_>, rules: &Rules) -> Option<Timestamp> {
    if view.memory().link_gone || !link_can_come_back(view, rules) {
        return None;
    }
    let after_a_start = || polling::add(view.facts.started, LINK_CHECK.mul_f64(polling::share(view.uid(), 1)));
    Some(view.memory().link_check.unwrap_or_else(after_a_start))
}

/// Whether the link was found gone from its Secret, and HeyGen still repeats it.
pub(super) fn link_is_to_come_back(view: &View<'_>, rules: &Rules) -> bool {
    view.memory().link_gone && link_can_come_back(view, rules)
}

/// Whether a person waits with a link in a Secret that lives, and that HeyGen gives again for the key of its request.
fn link_can_come_back(view: &View<'_>, rules: &Rules) -> bool {
    let status = &view.status;
    let Some(expiry) = status.link_expiration_time.as_ref().map(|time| time.0) else { return false };
    let renewed = status.initiation.as_ref().is_some_and(|initiation| initiation.renewals.is_some());
    let answered = match &status.initiation_time {
        Some(time) if !renewed => time.0,
        // The time of a renewal stands nowhere else.
        _ => expiry.checked_sub(rules.link_lifetime).unwrap_or(Timestamp::MIN),
    };
    view.bar().is_none()
        && view.consent.spec.link_secret_ref.is_some()
        && view.is_initiated()
        && !view.is_already_begun()
        && view.shown.is_some_and(Situation::awaits)
        && view.now < expiry
        && polling::add(view.now, RENEWAL_MARGIN) < polling::add(answered, REPLAY_WINDOW)
}

fn renewal_is_due(view: &View<'_>, rules: &Rules) -> bool {
    renewal_from(view, rules).is_some_and(|from| from <= view.now)
}

/// From when on a poll that finds the person still awaited leads to a renewal of the link; `None`: as things are, never.
pub(super) fn renewal_from(view: &View<'_>, rules: &Rules) -> Option<Timestamp> {
    let spec = &view.consent.spec;
    let expiry = view.status.link_expiration_time.as_ref()?;
    let renewals = view.status.initiation.as_ref().and_then(|initiation| initiation.renewals).unwrap_or(0);
    let from = polling::add(expiry.0, REPLAY_WINDOW.saturating_sub(rules.link_lifetime) + RENEWAL_MARGIN);
    let from = view.facts.doubt.map_or(from, |doubt| doubt.surely(from, rules.link_lifetime.max(REPLAY_WINDOW) + RENEWAL_MARGIN));
    let from = view.memory().request_waits_until(&view.request.idempotency_key, view.now).map_or(from, |held| from.max(held));
    let overdue = status::deadline(spec, &view.status).is_some_and(|deadline| deadline <= from.max(view.now));
    let renews = spec.link_renewal == Some(LinkRenewal::Automatic) && renewals < MOST_RENEWALS;
    let renews = renews && view.bar().is_none() && !view.is_already_begun();
    (renews && !overdue).then_some(from)
}

/// HeyGen's training state `failed`.
pub(crate) fn training_failed(group: &Group) -> bool {
    group.status.as_deref().is_some_and(|status| status.eq_ignore_ascii_case("failed"))
}
