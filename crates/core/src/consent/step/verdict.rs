//! What the last look calls for: the table "look before calling".

use jiff::Timestamp;

use super::{Call, Finding, LookKind, NextLook, Rest, Step, Then, View, Wait, invalid_field};
use crate::api::conditions::Situation;
use crate::api::consent::LinkRenewal;
use crate::consent::outcome::{Group, LookType};
use crate::consent::policy::{Meaning, Terms};
use crate::consent::polling;
use crate::consent::situation;
use crate::consent::situation::{CONFIRM_UNRECOGNIZED, CONFIRM_WITHDRAWN};
use crate::consent::state::Looks;
use crate::consent::status;

/// HeyGen repeats its first answer to a key for 24 hours; a renewal sooner would get the dead link again.
const REPLAY_WINDOW: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// How much later than HeyGen's window a renewal starts, for clocks that differ.
const RENEWAL_MARGIN: std::time::Duration = std::time::Duration::from_secs(600);

/// How often to see whether a link still stands in its Secret.
pub(crate) const LINK_CHECK: std::time::Duration = std::time::Duration::from_secs(600);

/// How many links are asked for by ourselves for one request.
const MOST_RENEWALS: i64 = 14;

/// What the fresh look in memory calls for; the next look is due at `due`.
pub(super) fn of(view: &View<'_>, terms: &Terms, due: Timestamp) -> Step {
    let Some(seen) = view.memory().seen.as_deref() else { return Step::Rest(Rest::until([due])) };
    let Some(group) = &seen.group else { return Step::Tell(Finding::GroupMissing, Then::Decide) };
    let meaning = terms.policy.read(group.consent_status.as_deref());
    if status::is_approved(&view.status) && situation::takes_back(meaning) {
        // A look from before the approval was told, by whomever, takes nothing back: only two looks that knew of it do.
        let since = view.memory().withdrawn_since;
        let confirmed = since.is_some_and(|since| polling::since(since, seen.at) >= CONFIRM_WITHDRAWN);
        return if confirmed { Step::Tell(Finding::Revoked, Then::Decide) } else { Step::Call(Call::Look) };
    }
    if status::is_approved(&view.status) && meaning == Meaning::Unknown && view.remembered != Some(Situation::Unrecognized) {
        let since = view.memory().unrecognized_since;
        let confirmed = since.is_some_and(|since| polling::since(since, seen.at) >= CONFIRM_UNRECOGNIZED);
        return if confirmed { Step::Tell(Finding::Seen, Then::Decide) } else { Step::Call(Call::Look) };
    }
    let refused_before = status::is_revoked(&view.status) || meaning == Meaning::Refused;
    match meaning {
        Meaning::Granted | Meaning::Waived => Step::Tell(Finding::Seen, Then::Decide),
        _ if training_failed(group) && !refused_before => Step::Tell(Finding::Seen, Then::Decide),
        // Whoever refused, or took consent back, is not asked again unless the user says so.
        _ if refused_before && (view.is_initiated() || !view.asks_anew()) => Step::Tell(Finding::Seen, Then::Decide),
        Meaning::Refused | Meaning::Pending | Meaning::Expired if refused_before => request(view),
        Meaning::Pending | Meaning::Expired if view.is_initiated() => {
            if renewal_is_due(view, terms) || link_is_to_come_back(view, terms) {
                request(view)
            } else {
                Step::Tell(Finding::Seen, Then::Decide)
            }
        }
        Meaning::Pending | Meaning::Expired => request(view),
        Meaning::Absent if status::is_approved(&view.status) => Step::Tell(Finding::Seen, Then::Decide),
        Meaning::Absent => by_looks(view, terms),
        Meaning::Refused | Meaning::Unknown => Step::Tell(Finding::Seen, Then::Decide),
    }
}

/// A group without any word: its looks tell whether it depicts a person at all.
fn by_looks(view: &View<'_>, terms: &Terms) -> Step {
    let Some(looks) = view.memory().looks.as_deref() else { return Step::Call(Call::ReadLooks(None)) };
    let Looks { types, pages: _ } = looks;
    if let Some(cursor) = &types.next {
        return Step::Call(Call::ReadLooks(Some(cursor.clone())));
    }
    let only_photos = !types.types.is_empty() && types.types.iter().all(|look| *look == LookType::PhotoAvatar);
    if only_photos {
        return Step::Tell(Finding::NotRequired, Then::Decide);
    }
    if view.is_initiated() {
        return Step::Tell(Finding::Seen, Then::Decide);
    }
    if types.types.contains(&LookType::DigitalTwin) {
        return if terms.policy.absent_means_waived { Step::Tell(Finding::WaivedByAbsence, Then::Decide) } else { request(view) };
    }
    if view.is_already_begun() {
        return Step::Tell(Finding::AlreadyBegun, Then::Decide);
    }
    Step::Tell(Finding::Waiting(Wait::Looks), Then::Decide)
}

/// A consent request, unless it was refused a short while ago.
fn request(view: &View<'_>) -> Step {
    if let Some(not_before) = view.memory().request_waits_until(&view.request.idempotency_key, view.now) {
        let look = NextLook { at: not_before, kind: LookKind::Wanted { by_list: true } };
        return view.refresh_or_rest(Rest::default().with_look(look));
    }
    if view.is_already_begun() {
        return Step::Tell(Finding::AlreadyBegun, Then::Decide);
    }
    if let Some(field) = invalid_field(view.consent) {
        return Step::Tell(Finding::InvalidSpec(field), Then::Decide);
    }
    if view.consent.spec.link_secret_ref.is_some() && !view.memory().link_secret_free {
        return Step::Call(Call::CheckLinkSecret);
    }
    Step::Call(Call::Initiate(view.request.clone()))
}

/// When to see whether the link still stands in its Secret; `None`: as things are, never.
pub(super) fn link_check(view: &View<'_>, terms: &Terms) -> Option<Timestamp> {
    if view.memory().link_gone || !link_can_come_back(view, terms) {
        return None;
    }
    let after_a_start = || polling::add(view.facts.started, LINK_CHECK.mul_f64(polling::share(view.uid(), 1)));
    Some(view.memory().link_check.unwrap_or_else(after_a_start))
}

/// Whether the link was found gone from its Secret, and HeyGen still repeats it.
pub(super) fn link_is_to_come_back(view: &View<'_>, terms: &Terms) -> bool {
    view.memory().link_gone && link_can_come_back(view, terms)
}

/// Whether a person waits with a link in a Secret that lives, and that HeyGen gives again for the key of its request.
fn link_can_come_back(view: &View<'_>, terms: &Terms) -> bool {
    let status = &view.status;
    let Some(expiry) = status.link_expiration_time.as_ref().map(|time| time.0) else { return false };
    let renewed = status.initiation.as_ref().is_some_and(|initiation| initiation.renewals.is_some());
    let answered = match &status.initiation_time {
        Some(time) if !renewed => time.0,
        // The time of a renewal stands nowhere else.
        _ => expiry.checked_sub(terms.link_lifetime).unwrap_or(Timestamp::MIN),
    };
    view.consent.spec.link_secret_ref.is_some()
        && view.is_initiated()
        && !view.is_already_begun()
        && view.remembered.is_some_and(|situation| matches!(situation, Situation::Awaiting | Situation::Overdue))
        && view.now < expiry
        && polling::add(view.now, RENEWAL_MARGIN) < polling::add(answered, REPLAY_WINDOW)
}

fn renewal_is_due(view: &View<'_>, terms: &Terms) -> bool {
    renewal_from(view, terms).is_some_and(|from| from <= view.now)
}

/// From when on a look that finds the person still awaited leads to a renewal of the link; `None`: as things are, never.
pub(super) fn renewal_from(view: &View<'_>, terms: &Terms) -> Option<Timestamp> {
    let spec = &view.consent.spec;
    let expiry = view.status.link_expiration_time.as_ref()?;
    let renewals = view.status.initiation.as_ref().and_then(|initiation| initiation.renewals).unwrap_or(0);
    let from = polling::add(expiry.0, REPLAY_WINDOW.saturating_sub(terms.link_lifetime) + RENEWAL_MARGIN);
    let from = view.facts.doubt.map_or(from, |doubt| doubt.surely(from, terms.link_lifetime.max(REPLAY_WINDOW) + RENEWAL_MARGIN));
    let from = view.memory().request_waits_until(&view.request.idempotency_key, view.now).map_or(from, |held| from.max(held));
    let overdue = status::deadline(spec, &view.status).is_some_and(|deadline| deadline <= from.max(view.now));
    let renews = spec.link_renewal == Some(LinkRenewal::Automatic) && renewals < MOST_RENEWALS && !view.is_already_begun();
    (renews && !overdue).then_some(from)
}

/// HeyGen's training state `failed`.
pub(crate) fn training_failed(group: &Group) -> bool {
    group.status.as_deref().is_some_and(|status| status.eq_ignore_ascii_case("failed"))
}
