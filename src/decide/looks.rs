//! When the next look is due.

use std::time::Duration;

use jiff::Timestamp;

use super::{LOOK_STAYS_FRESH, View};
use crate::api::duration;
use crate::outcome::Class;
use crate::pace;
use crate::settle::situation::{self, Situation};
use crate::terms::Terms;

/// When HeyGen is to be asked about the group next; a time that has passed means now.
pub(super) fn due(view: &View<'_>, terms: &Terms) -> Timestamp {
    let memory = view.memory();
    let served = memory.generation == view.consent.metadata.generation.unwrap_or_default();
    let looked_at = memory.looked_at.filter(|_| served);
    if view.remembered.is_some() && view.is_forced() && view.memory().seen.is_none() {
        return view.now;
    }
    // HeyGen's trouble is waited for whatever the spec has become; "not this, not you" only until the spec asks for something else.
    if let Some(retry_at) = memory.retry_at
        && (served || memory.trouble.is_some_and(|trouble| trouble != Class::AccessDenied))
    {
        return retry_at;
    }
    if let Some(seen) = &memory.seen {
        // A look is kept while a call hangs on it; when the call's turn came too late, or the spec has become another, look again.
        return if served { pace::add(seen.at, LOOK_STAYS_FRESH) } else { view.now };
    }
    if looked_at.is_none() && wants_look_at_once(view) {
        return view.now;
    }
    let interval = interval(view, terms);
    let after = looked_at.unwrap_or(view.facts.started);
    match looked_at {
        // What is not settled yet has no anchor in its status: its looks follow one another.
        Some(looked_at) if view.is_unsettled() => pace::add(looked_at, interval.mul_f64(0.9 + pace::share(view.uid(), 0) / 5.0)),
        _ => pace::next_on_grid(anchor(view), interval, view.uid(), after),
    }
}

/// Whether the object is one of those that were not looked at for what they ask now.
fn wants_look_at_once(view: &View<'_>) -> bool {
    match view.remembered {
        None | Some(Situation::Duplicate) => true,
        Some(situation) if situation.is_before_any_look() => true,
        Some(_) => view.generation_is_new() && !view.is_initiated(),
    }
}

fn interval(view: &View<'_>, terms: &Terms) -> Duration {
    let cadence = &terms.cadence;
    let pending = |waited| pace::pending_interval(cadence, view.consent.spec.poll_interval.as_deref().and_then(duration::parse), waited);
    match view.remembered {
        Some(Situation::Approved | Situation::Waived | Situation::NotRequired) => cadence.approved,
        Some(Situation::Awaiting | Situation::LinkExpired | Situation::Overdue) => pending(waited(view)),
        // The link Secret is Kubernetes' trouble, mended by the user at any moment: asked about at the ordinary pace.
        Some(Situation::LinkSecretConflict | Situation::LinkSecretNotWritable) => pending(Duration::ZERO),
        Some(situation) if !situation.is_before_any_look() => cadence.unknown,
        _ => pending(Duration::ZERO),
    }
}

fn waited(view: &View<'_>) -> Duration {
    view.status.initiation_time.as_ref().map_or(Duration::ZERO, |since| pace::since(since.0, view.now))
}

/// The time from the status on which the grid of looks stands.
fn anchor(view: &View<'_>) -> Timestamp {
    let status = &view.status;
    let settled = if situation::is_approved(status) { status.approval_time.as_ref() } else { status.initiation_time.as_ref() };
    settled.or(view.consent.metadata.creation_timestamp.as_ref()).map_or(view.facts.started, |time| time.0)
}
