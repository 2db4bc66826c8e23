//! PURE. What a decision tells a user who wants to understand a running operator: the step, why, when something is next, and what is waited for.
//!
//! It is made when it is asked for, by deciding once more, and kept nowhere: of a hundred thousand objects one is asked about. Neither
//! link nor key is in it, since a user who reads a log or forwards a port need not be allowed to read either.

use std::borrow::Cow;

use jiff::Timestamp;
use kube::ResourceExt as _;
use serde::Serialize;

use crate::api::conditions::types;
use crate::api::consent::DigitalTwinConsent;
use crate::consent::apply::{Input, apply};
use crate::consent::situation::Actor;
use crate::consent::state::{Attempt, Memory, Unwritten};
use crate::consent::status;
use crate::consent::step::{AccountFact, By, Call, Facts, Finding, PollKind, Rest, Step, Then, View, poll_now};

/// What is done about one object, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Its namespace and name.
    pub object: String,
    /// Its uid.
    pub uid: String,
    /// When this was decided.
    pub decided_at: Timestamp,
    /// What to do now.
    pub step: &'static str,
    /// Why, in words.
    pub why: String,
    /// When something is next, if nothing changes before.
    pub next: Option<Next>,
    /// What it waits for; nothing: for that time alone.
    pub waits_for: Vec<String>,
    /// What the schedule and the account say.
    #[serde(flatten)]
    pub standing: Standing,
    /// What this process remembers of it, as far as there is anything.
    pub in_memory: Remembered,
}

/// When something is next for an object, and what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Next {
    /// When; a time that has passed: as soon as may be.
    pub at: Timestamp,
    /// What.
    #[serde(rename = "for")]
    pub what: &'static str,
    /// With which priority, if it takes a permit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<&'static str>,
}

/// What the schedule and the account say of an object at this moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// What keeps this process from deciding it at all.
    #[serde(skip)]
    pub held_up: Option<&'static str>,
    /// What is next by the schedule.
    #[serde(skip)]
    pub scheduled: Option<Next>,
    /// Its place in the work queue: `waiting` or `running`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_queue: Option<&'static str>,
    /// How many come before it for a permit, about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ahead: Option<usize>,
    /// The account that it names.
    pub account: Account,
}

/// An account at this moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Its kind and name.
    pub name: String,
    /// Whether it can be used.
    pub state: &'static str,
    /// How many calls may be made at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u32>,
    /// Why the circuit breaker lets no call through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_because: Option<&'static str>,
    /// Until when; absent: until a probe of the key is accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_until: Option<Timestamp>,
}

/// What this process remembers of an object: when and whether, never what HeyGen has answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Remembered {
    /// When the group was polled last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub polled_at: Option<Timestamp>,
    /// Whether what that poll showed is still to be acted on.
    pub has_poll_in_hand: bool,
    /// Whether HeyGen has answered a request, and that is still to be recorded.
    pub has_answer_in_hand: bool,
    /// Troubles in a row.
    pub failures: u32,
    /// The last trouble, while it lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// No call before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// The last request is not repeated before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_not_before: Option<Timestamp>,
    /// Since when a request is without a definite answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unanswered_since: Option<Timestamp>,
    /// Since when HeyGen answers that there is no such group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_since: Option<Timestamp>,
    /// Since when HeyGen's word takes an approval back, which a second poll has yet to confirm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withdrawn_since: Option<Timestamp>,
    /// Since when HeyGen says a word after an approval that the policy does not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unrecognized_since: Option<Timestamp>,
    /// When to see whether the link still stands in its Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_check_at: Option<Timestamp>,
    /// Whether it was found gone.
    pub link_is_gone: bool,
    /// How often in a row the status could not be written.
    pub unwritten: u32,
    /// The status is not written before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unwritten_not_before: Option<Timestamp>,
}

/// Why `step` is what `decide` says of an object, and what is next for it.
#[must_use]
pub fn explain(consent: &DigitalTwinConsent, facts: &Facts, step: &Step, standing: Standing, now: Timestamp) -> Explanation {
    let about_to_write = match step {
        Step::Tell(finding, _) => Some(apply(consent, facts, &Input::Found(finding.clone()), now).status),
        Step::RecordAnswer => Some(apply(consent, facts, &Input::AnswerInHand, now).status),
        Step::Call(_) | Step::Rest(_) => None,
    };
    // With what its status is about to tell.
    let consent =
        &about_to_write.map_or(Cow::Borrowed(consent), |status| Cow::Owned(DigitalTwinConsent { status: Some(status), ..consent.clone() }));
    let view = View::of(consent, facts, now);
    Explanation {
        object: format!("{}/{}", consent.namespace().unwrap_or_default(), consent.name_any()),
        uid: consent.uid().unwrap_or_default(),
        decided_at: now,
        step: name_of(step),
        why: why(&view, step),
        // The schedule knows when a poll is due; a request that is decided on waits for its permit alone.
        next: standing.scheduled.filter(|_| !is_request(step)).or_else(|| next(&view, step)),
        waits_for: waits_for(&view, step, &standing),
        standing,
        in_memory: Remembered::of(&facts.memory, facts.polled_at),
    }
}

fn name_of(step: &Step) -> &'static str {
    if let Step::Call(call) = step { call.into() } else { step.into() }
}

fn why(view: &View<'_>, step: &Step) -> String {
    match step {
        Step::Call(call) => why_call(view, call).to_owned(),
        Step::Rest(_) | Step::Tell(..) | Step::RecordAnswer => {
            let ready = status::condition(&view.status, types::READY);
            ready.map_or_else(|| "nothing is known of it yet".to_owned(), |ready| format!("{}: {}", ready.reason, ready.message))
        }
    }
}

fn why_call(view: &View<'_>, call: &Call) -> &'static str {
    let memory = view.memory();
    match call {
        Call::Poll => match poll_now(view).map(|poll| poll.kind) {
            _ if memory.seen.is_some() => "the poll that the next call hangs on has grown old, or has to be confirmed",
            Some(PollKind::Forced) => "the user asks for a poll by the annotation",
            Some(PollKind::Landed) => "the person has come back from HeyGen's page",
            Some(PollKind::Wanted { by_list: false }) => "what was seen before has to be confirmed by a poll of the one group",
            Some(PollKind::Routine { .. }) => "the interval since the last poll has passed",
            Some(PollKind::Wanted { by_list: true }) | None => "what HeyGen says decides what is next",
        },
        Call::ReadLooks(_) => "HeyGen says nothing of consent: the looks of the group tell whether it depicts a person",
        Call::CheckLinkSecret => "before HeyGen is asked, the Secret for the link must be free or ours",
        Call::Initiate(_) if memory.link_gone => "the link is gone from its Secret, and HeyGen repeats it",
        Call::Initiate(_) if view.is_initiated() => "the link has died and is to be renewed",
        Call::Initiate(_) => "consent was neither given nor asked for by this request",
        Call::WriteLinkSecret => "HeyGen has answered with a link that is not in its Secret yet",
        Call::FindLink => "it is time to see whether the link still stands in its Secret",
    }
}

/// Whether the step is a consent request, or reads the pages that belong to it.
fn is_request(step: &Step) -> bool {
    matches!(step, Step::Call(call) if call.is_request())
}

/// What is next by the step alone.
fn next(view: &View<'_>, step: &Step) -> Option<Next> {
    let at_once = |what, priority| Some(Next { at: view.now, what, priority });
    match step {
        Step::Call(Call::Poll) => at_once("poll", poll_now(view).map(|poll| priority(poll.kind))),
        Step::Call(call) if call.is_request() => at_once("request", Some("request")),
        Step::Call(_) | Step::Tell(_, Then::Decide) | Step::RecordAnswer => at_once("decision", None),
        Step::Rest(rest) | Step::Tell(_, Then::Rest(rest)) => after(rest),
    }
}

fn after(rest: &Rest) -> Option<Next> {
    let decision = rest.until.map(|at| Next { at, what: "decision", priority: None });
    let poll = rest.poll.map(|poll| Next { at: poll.at, what: "poll", priority: Some(priority(poll.kind)) });
    decision.into_iter().chain(poll).min_by_key(|next| next.at)
}

const fn priority(kind: PollKind) -> &'static str {
    match kind {
        PollKind::Forced => "forced",
        PollKind::Landed => "landed",
        PollKind::Wanted { by_list: true } => "first",
        PollKind::Wanted { by_list: false } => "confirmation",
        PollKind::Routine { .. } => "routine",
    }
}

fn waits_for(view: &View<'_>, step: &Step, standing: &Standing) -> Vec<String> {
    if let Some(held_up) = standing.held_up {
        return vec![held_up.to_owned()];
    }
    match step {
        Step::Call(call) if call.asks_heygen() => vec![permit(standing)],
        Step::Call(_) | Step::Tell(_, Then::Decide) | Step::RecordAnswer => Vec::new(),
        Step::Rest(_) | Step::Tell(_, Then::Rest(_)) => resting_for(view, step, standing),
    }
}

fn permit(Standing { account, ahead, .. }: &Standing) -> String {
    let name = &account.name;
    match (account.stopped_because, account.stopped_until, ahead) {
        (Some(why), Some(until), _) => format!("the circuit breaker of {name}, which lets no call through until {until} ({why})"),
        (Some(why), None, _) => format!("the circuit breaker of {name}, which lets no call through until its key is accepted ({why})"),
        (None, _, Some(ahead)) if *ahead > 0 => format!("a permit of {name}, behind {ahead} others"),
        (None, ..) => format!("a permit of {name}"),
    }
}

/// What keeps an object from going on that rests, in the order in which `decide` asks.
fn resting_for(view: &View<'_>, step: &Step, standing: &Standing) -> Vec<String> {
    let View { consent, facts: Facts { memory, account, owns_group, .. }, request, now, .. } = view;
    let until = |what: String, at: Option<Timestamp>| vec![at.map_or_else(|| what.clone(), |at| format!("{what}, until {at}"))];
    if consent.metadata.deletion_timestamp.is_some() {
        return vec!["Kubernetes, to delete it".to_owned()];
    }
    if let Some(unwritten) = memory.unwritten.as_deref().filter(|unwritten| unwritten.holds(consent, *now)) {
        return until("Kubernetes, which has not taken its status".to_owned(), Some(unwritten.not_before));
    }
    if memory.answer.as_ref().is_some_and(|answer| answer.request == *request) {
        return until("Kubernetes, which has not taken the Secret for the link".to_owned(), memory.retry_at);
    }
    if consent.spec.suspend.unwrap_or(false) {
        return vec!["its spec.suspend to become false".to_owned()];
    }
    match account {
        AccountFact::Resolving => return vec![format!("{}, which is being read", standing.account.name)],
        _ if !owns_group => return vec!["the object that owns the group".to_owned()],
        AccountFact::NotReady(why) | AccountFact::NotAllowed(why) => return vec![why.clone()],
        AccountFact::Usable(_) => {}
    }
    if let Step::Tell(Finding { by: By::Permit, .. }, _) = step {
        return vec![permit(standing)];
    }
    if let Some(trouble) = trouble(memory) {
        return until(format!("HeyGen ({trouble})"), memory.retry_at);
    }
    if let Some(not_before) = memory.request_waits_until(&request.idempotency_key, *now) {
        return until("the end of a pause: HeyGen has refused the request, or answered with the same link".to_owned(), Some(not_before));
    }
    let actors = view.shown.map_or(&[][..], |situation| situation.row().actors);
    actors.iter().filter(|actor| **actor != Actor::NoOne).map(|actor| actor.name().to_owned()).collect()
}

fn trouble(memory: &Memory) -> Option<String> {
    let class: &'static str = memory.trouble?.into();
    Some(memory.trouble_code.map_or_else(|| class.to_owned(), |code| format!("{class}, {code}")))
}

impl Remembered {
    fn of(memory: &Memory, polled_at: Option<Timestamp>) -> Self {
        // Every field is named, so that one which is added is not forgotten here.
        let Memory {
            generation: _,
            polled_at: _,
            seen,
            looks: _,
            retry_at,
            failures,
            trouble: _,
            trouble_code: _,
            missing_since,
            withdrawn_since,
            unrecognized_since,
            attempt,
            answer,
            unwritten,
            free_link_secret: _,
            link_check,
            link_gone,
            reread_at,
            landed: _,
            history: _,
        } = memory;
        let attempt = attempt.as_deref();
        let unwritten = unwritten.as_deref();
        Self {
            polled_at,
            has_poll_in_hand: seen.is_some(),
            has_answer_in_hand: answer.is_some(),
            failures: *failures,
            trouble: trouble(memory),
            not_before: retry_at.or(*reread_at),
            request_not_before: attempt.and_then(|Attempt { not_before, .. }| *not_before),
            unanswered_since: attempt.and_then(|Attempt { unanswered_since, .. }| *unanswered_since),
            missing_since: *missing_since,
            withdrawn_since: *withdrawn_since,
            unrecognized_since: *unrecognized_since,
            link_check_at: *link_check,
            link_is_gone: *link_gone,
            unwritten: unwritten.map_or(0, |Unwritten { failures, .. }| *failures),
            unwritten_not_before: unwritten.map(|Unwritten { not_before, .. }| *not_before),
        }
    }
}
