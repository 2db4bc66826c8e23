//! When the next poll is due, and what it is for.

use std::time::Duration;

use jiff::Timestamp;

use super::{AccountFact, NextPoll, POLL_STAYS_FRESH, PollKind, View, is_forced, verdict};
use crate::api::conditions::Situation;
use crate::api::duration;
use crate::consent::landing;
use crate::consent::outcome::{Class, Print};
use crate::consent::policy::Rules;
use crate::consent::polling;
use crate::consent::polling::Rhythm;
use crate::consent::status;

/// When HeyGen is to be asked about the group next; a time that has passed means now.
pub(super) fn due(view: &View<'_>, rules: &Rules) -> Timestamp {
    let memory = view.memory();
    let served = memory.generation == view.consent.metadata.generation.unwrap_or_default();
    let polled_at = memory.polled_at.filter(|_| served);
    if view.shown.is_some() && is_forced(view.consent) && view.memory().seen.is_none() {
        return view.now;
    }
    // HeyGen's trouble is waited for whatever the spec has become; "not this, not you" only until the spec asks for something else.
    if let Some(retry_at) = memory.retry_at
        && (served || memory.trouble.is_some_and(|trouble| trouble != Class::AccessDenied))
    {
        return retry_at;
    }
    if let Some(seen) = &memory.seen {
        // A poll is kept while a call hangs on it. It serves a request whatever the spec has become since, for it shows the same group: an
        // object that is edited all the time would never get to its request otherwise. When the permit came too late, poll again.
        return if served || view.is_open() { polling::add(seen.at, POLL_STAYS_FRESH) } else { view.now };
    }
    if verdict::link_is_to_come_back(view, rules) {
        // No request without a poll right before it.
        return view.now;
    }
    if (polled_at.is_none() && wants_poll_at_once(view)) || view.owes_request() {
        return view.now;
    }
    if let Some(reread_at) = memory.reread_at {
        return reread_at;
    }
    let interval = rhythm(view, rules).interval(&rules.cadence, view.now);
    let due = if disagrees(view, rules) {
        // As soon as the budget allows, and at the account's fastest pace for as long as that settles nothing.
        polled_at.map_or(view.now, |polled_at| polling::add(polled_at, rules.cadence.minimum))
    } else {
        on_rhythm(view, polled_at, interval)
    };
    after_landing(view).map_or(due, |landed| landed.min(due))
}

/// When HeyGen is to be asked next as often as the interval says.
fn on_rhythm(view: &View<'_>, polled_at: Option<Timestamp>, interval: Duration) -> Timestamp {
    match polled_at {
        Some(polled_at) => polling::after_poll(polled_at, interval, polling::share(view.uid(), 0)),
        // After a restart the polls stand on a grid, so that they neither bunch nor start anew whenever a process ends early.
        None => polling::next_on_grid(anchor(view), interval, view.uid(), view.facts.started),
    }
}

/// When HeyGen is to be asked because the person has come back from its page; `None`: not for that.
pub(super) fn after_landing(view: &View<'_>) -> Option<Timestamp> {
    let memory = view.memory();
    landing::time(&view.status)
        .filter(|_| view.shown.is_some_and(landing::is_awaited))
        .and_then(|time| landing::poll_at(time, memory.landed, memory.polled_at, view.now))
}

/// The next poll, due at `at`: what it is for.
pub(super) fn next(view: &View<'_>, rules: &Rules, at: Timestamp) -> NextPoll {
    let memory = view.memory();
    let routine = view.shown.is_some_and(expects_no_change) && memory.is_quiet() && !view.is_unsettled() && !view.owes_request();
    let kind = if is_forced(view.consent) && view.shown.is_some() && at <= view.now {
        PollKind::Forced
    } else if memory.withdrawn_since.is_some() || memory.unrecognized_since.is_some() || memory.missing_since.is_some() {
        PollKind::Wanted { by_list: false }
    } else if after_landing(view).is_some_and(|due| due <= at) {
        PollKind::Landed
    } else if routine {
        let wanted_from = if disagrees(view, rules) { Some(Timestamp::MIN) } else { verdict::renewal_from(view, rules) };
        // What takes an approval back counts only when two reads of the one group have shown it.
        let by_list = !status::is_approved(&view.status);
        PollKind::Routine { print: Print::of_status(&view.status), rhythm: rhythm(view, rules), wanted_from, by_list }
    } else {
        PollKind::Wanted { by_list: true }
    };
    NextPoll { at, kind }
}

/// The poll that would be made if it were due now, and what it would be for; `None`: the account cannot be used.
pub(crate) fn poll_now(view: &View<'_>) -> Option<NextPoll> {
    let AccountFact::Usable(rules) = &view.facts.account else { return None };
    Some(next(view, rules, view.now))
}

/// Whether another poll that shows the same would change nothing: in every other situation a poll leads to a call.
fn expects_no_change(situation: Situation) -> bool {
    use Situation as S;
    match situation {
        S::Approved | S::Waived | S::NotRequired | S::Awaiting | S::LinkExpired | S::Overdue => true,
        S::Revoked | S::Refused | S::TrainingFailed | S::Unrecognized | S::Unverified | S::AlreadyBegun => true,
        S::Withdrawn | S::TermsChanged | S::Lapsed | S::InitiationDisabled => true,
        S::Suspended | S::Duplicate | S::Restored | S::AccountNotReady | S::AccountNotAllowed => false,
        S::GroupMissing | S::InvalidRequest | S::NotEntitled | S::LinkSecretConflict | S::LinkSecretNotWritable | S::Initiating => false,
    }
}

/// Whether the object is one of those that were not polled for what they ask now.
fn wants_poll_at_once(view: &View<'_>) -> bool {
    view.shown.is_none_or(Situation::is_before_any_poll)
        || status::is_restored(view.consent)
        || (view.generation_is_new() && !view.is_initiated())
}

/// Whether what is told of HeyGen's word is not what the policy makes of it, so that the next poll has to be told whatever it shows.
fn disagrees(view: &View<'_>, rules: &Rules) -> bool {
    view.is_outlived() || view.shown.is_some_and(|situation| !status::agrees(&view.status, situation, &rules.policy))
}

fn rhythm(view: &View<'_>, rules: &Rules) -> Rhythm {
    use Situation as S;
    let cadence = &rules.cadence;
    let own = view.consent.spec.poll_interval.as_deref().and_then(duration::parse);
    let from = |since: Option<Timestamp>| Rhythm::Growing { since: since.unwrap_or(view.now), own };
    match view.shown {
        None => from(None),
        Some(S::Approved | S::Waived | S::NotRequired | S::Withdrawn | S::TermsChanged | S::Lapsed) => Rhythm::Fixed(cadence.approved),
        Some(S::Awaiting | S::LinkExpired | S::Overdue) => from(view.status.initiation_time.as_ref().map(|since| since.0)),
        // The person may still finish, by a link of before or in HeyGen's own interface.
        Some(S::AlreadyBegun | S::InitiationDisabled) => from(status::ready_since(&view.status)),
        Some(S::GroupMissing) => {
            let missing_for = view.memory().missing_since.map_or(Duration::ZERO, |since| polling::since(since, view.now));
            Rhythm::Fixed(polling::missing_interval(cadence, missing_for))
        }
        Some(S::Revoked | S::Refused | S::TrainingFailed | S::Unrecognized | S::Unverified) => Rhythm::Fixed(cadence.unknown),
        Some(S::InvalidRequest | S::NotEntitled) => Rhythm::Fixed(cadence.unknown),
        // The link Secret is Kubernetes' trouble, mended by the user at any moment: asked about at the ordinary pace.
        Some(S::LinkSecretConflict | S::LinkSecretNotWritable) => from(None),
        Some(S::Suspended | S::Duplicate | S::Restored | S::AccountNotReady | S::AccountNotAllowed | S::Initiating) => from(None),
    }
}

/// The time from the status on which the grid of polls stands.
fn anchor(view: &View<'_>) -> Timestamp {
    let status = &view.status;
    let approved_at = status.approval.as_ref().map(|approval| &approval.time);
    let settled = if status::is_approved(status) { approved_at } else { status.initiation_time.as_ref() };
    settled.or(view.consent.metadata.creation_timestamp.as_ref()).map_or(view.facts.started, |time| time.0)
}
