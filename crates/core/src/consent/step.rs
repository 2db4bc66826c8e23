//! PURE. What to do next for one object, from the object, the facts and the time.
//!
//! `decide` answers with one [`Step`]; the shell takes it, `apply` says what came of it, and `decide` is asked again, until it says
//! "rest". It reads top-down as the conditions table does: what needs no poll comes first, then whether a poll is due, then what
//! the last poll calls for.
//!
//! Rest names the next poll as well, and what that poll may find without anything having to be decided: the schedule permits that poll,
//! alone or by a page of the list, and hands over only what has changed.
//!
//! Rejected: a state machine with a stored state. The status already is the state, and a second copy of it would have to be kept
//! right through crashes; deriving the step anew from status, memory and clock cannot go stale.

mod call;
mod finding;
mod polls;
mod rest;
pub(crate) mod verdict;
mod view;
mod waits;

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt as _;
use strum::IntoStaticStr;

use crate::api::conditions::Situation;
use crate::api::consent::DigitalTwinConsent;
use crate::api::{REQUESTED_AT, brief};
use crate::consent::policy::Rules;
use crate::consent::polling;
use crate::consent::polling::Doubt;
use crate::consent::state::Memory;
use crate::consent::status;

pub use call::Call;
pub use finding::{By, Finding};
pub(crate) use polls::poll_now;
pub use rest::{NextPoll, PollKind, Rest};
pub(crate) use view::View;

/// A poll older than this does not count as "right before" a consent request.
pub const POLL_STAYS_FRESH: Duration = Duration::from_secs(60);

/// A wait shorter than this is not told.
pub(crate) const WORTH_TELLING: Duration = Duration::from_secs(1);

/// How soon an account's `allowedNamespaces` are asked again about a namespace they did not select.
const RECHECK_NAMESPACE: Duration = Duration::from_secs(60);

/// What is known besides the object itself.
#[derive(Debug, Clone)]
pub struct Facts {
    /// What the account allows.
    pub account: AccountFact,
    /// Whether the object may ask on behalf of its group; else another object owns the group on this account.
    pub owns_group: bool,
    /// What this process remembers of the object.
    pub memory: Memory,
    /// When this process began to poll: polls that were due before are not made up for.
    pub started: Timestamp,
    /// What is to be doubted of the clock.
    pub doubt: Option<Doubt>,
    /// When this process has last read the group, whatever that showed.
    pub polled_at: Option<Timestamp>,
    /// What the account says of how long a consent counts as verified.
    pub proof: Proof,
}

/// How long a consent counts as verified, and by what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// The account's `polling.staleAfter`.
    pub stale_after: Duration,
    /// When HeyGen was last read with the account before this process read it, as far as the account's status tells.
    pub last_poll: Option<Timestamp>,
}

impl Proof {
    /// By what the status of the account tells by now, of an account that this process has read, or has not.
    ///
    /// What this process reads verifies the consents for which it was read, and they remember it. So the time of before stays, or one consent
    /// that is answered would verify all those that are not.
    #[must_use]
    pub fn after(self, stale_after: Duration, reported: Option<Timestamp>, has_read: bool) -> Self {
        Self { stale_after, last_poll: self.last_poll.filter(|_| has_read).or(reported) }
    }
}

impl Default for Proof {
    fn default() -> Self {
        Self { stale_after: Rules::default().cadence.stale_after, last_poll: None }
    }
}

/// What an account allows its consents.
#[derive(Debug, Clone)]
pub enum AccountFact {
    /// Not known yet: the account is being read for the first time.
    Resolving,
    /// It cannot be used; the message says what is missing, and where.
    NotReady(String),
    /// It does not serve the object's namespace; the message says so.
    NotAllowed(String),
    /// It can be used.
    Usable(std::sync::Arc<Rules>),
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq, IntoStaticStr)]
pub enum Step {
    /// Nothing, for now.
    Rest(Rest),
    /// Say what is the case, then do as [`Then`] says.
    Tell(Finding, Then),
    /// Record what HeyGen answered to the consent request, then decide again.
    RecordAnswer,
    /// Do this, then decide again.
    Call(Call),
}

/// What to do after telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Decide again: what was told changes what is next.
    Decide,
    /// Nothing, for now.
    Rest(Rest),
}

/// What to do next for `consent`.
#[must_use]
pub fn decide(consent: &DigitalTwinConsent, facts: &Facts, now: Timestamp) -> Step {
    if consent.metadata.deletion_timestamp.is_some() {
        return Step::Rest(Rest::default());
    }
    if let Some(unwritten) = &facts.memory.unwritten
        && unwritten.holds(consent, now)
    {
        // Whatever is found could not be told.
        return Step::Rest(Rest::until([unwritten.not_before]));
    }
    let view = View::of(consent, facts, now);
    if let Some(answer) = facts.memory.answer.as_deref().filter(|answer| answer.request == view.request) {
        // An answer in hand is recorded whatever has happened to the object since: it is the only copy of the link.
        return match facts.memory.retry_at {
            _ if !answer.wants_secret(consent) => Step::RecordAnswer,
            Some(retry_at) if retry_at > now => Step::Rest(Rest::until([retry_at])),
            _ => Step::Call(Call::WriteLinkSecret),
        };
    }
    if view.has_foreign_status() {
        let doubted = Finding::known(Situation::Restored).by(By::Doubt(Situation::Restored));
        return Step::Tell(doubted, Then::Decide);
    }
    if let AccountFact::Usable(rules) = &facts.account
        && status::is_approved(&view.status)
        && !status::is_backed(&view.status, &rules.policy)
    {
        // Whatever was written over it, a person who took consent back is not asked again unless the user says so.
        let finding = if status::was_taken_back(&view.status, &rules.policy) {
            Finding::known(Situation::Revoked)
        } else {
            Finding::known(Situation::Unverified).by(By::Doubt(Situation::Unverified))
        };
        return Step::Tell(finding, Then::Decide);
    }
    if consent.spec.suspend.unwrap_or(false) {
        let reported = view.shown.filter(|situation| !situation.is_before_any_poll());
        let situation = if view.is_stale() { Situation::Unverified } else { reported.unwrap_or(Situation::Suspended) };
        let changes = view.stale_at().filter(|&at| at > now).into_iter().chain(view.lapses_at());
        return Step::Tell(Finding::known(situation), Then::Rest(Rest::until(changes)));
    }
    let rules = match &facts.account {
        // Which namespaces the account serves is not known yet, and so not whose the group is.
        AccountFact::Resolving => return Step::Rest(Rest::default()),
        _ if !facts.owns_group => {
            // The labels of the owner's namespace are not watched: they are read again from time to time.
            let by = if status::is_restored(consent) { By::Doubt(Situation::Restored) } else { By::Known };
            let again = Rest::until([polling::add(now, polling::SLOWEST_PENDING)]);
            return Step::Tell(Finding::known(Situation::Duplicate).by(by), Then::Rest(again));
        }
        AccountFact::NotReady(why) if view.is_unsettled() => {
            let finding = Finding::known(Situation::AccountNotReady).saying(why.clone());
            return Step::Tell(finding, Then::Rest(Rest::until(view.lapses_at())));
        }
        AccountFact::NotAllowed(why) if view.is_unsettled() => {
            // The labels of a namespace are not watched: they are read again from time to time.
            let finding = Finding::known(Situation::AccountNotAllowed).saying(why.clone());
            return Step::Tell(finding, Then::Rest(Rest::until([polling::add(now, RECHECK_NAMESPACE)])));
        }
        // An account's trouble changes the account, not its settled consents; only time goes on for them.
        AccountFact::NotReady(_) => return view.refresh_or_rest(Rest::until(view.next_flag())),
        AccountFact::NotAllowed(_) => {
            let again = polling::add(now, polling::SLOWEST_PENDING);
            return view.refresh_or_rest(Rest::until(view.next_flag().into_iter().chain([again])));
        }
        AccountFact::Usable(rules) => rules,
    };
    let due = polls::due(&view, rules);
    if due <= now {
        return Step::Call(Call::Poll);
    }
    let link_check = verdict::link_check(&view, rules);
    if link_check.is_some_and(|at| at <= now) {
        return Step::Call(Call::FindLink);
    }
    if facts.memory.seen.is_some() {
        return verdict::of(&view, rules, due);
    }
    if let Some(trouble) = facts.memory.trouble
        && view.is_unsettled()
    {
        let poll = polls::next(&view, rules, due);
        let message = waits::for_heygen(trouble, facts.memory.trouble_code);
        let finding = Finding::known(Situation::Initiating).saying(message).by(By::FailedPoll);
        return Step::Tell(finding, Then::Rest(Rest::default().with_poll(poll)));
    }
    view.refresh_or_rest(Rest::until(view.next_flag().into_iter().chain(link_check)).with_poll(polls::next(&view, rules, due)))
}

/// Whether the user asked for a poll by the annotation, and none was made since.
#[must_use]
pub fn is_forced(consent: &DigitalTwinConsent) -> bool {
    let requested = requested(consent);
    let handled = consent.status.as_ref().and_then(|status| status.last_handled_reconcile_at.as_deref());
    requested.is_some() && requested != handled.map(brief)
}

/// What a poll of the object is for as things are: a permit for it is asked for by that.
#[must_use]
pub fn urgency(consent: &DigitalTwinConsent, facts: &Facts, now: Timestamp) -> Urgency {
    if is_forced(consent) {
        return Urgency::Forced;
    }
    let landed = polls::after_landing(&View::of(consent, facts, now)).is_some_and(|due| due <= now);
    if landed { Urgency::Landed } else { Urgency::Ordinary }
}

/// How urgent a poll is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// The user asks for it.
    Forced,
    /// The person has come back from HeyGen's page.
    Landed,
    /// As any other.
    Ordinary,
}

/// The value of the annotation by which the user asks for a poll, as it is echoed.
#[must_use]
pub fn requested(consent: &DigitalTwinConsent) -> Option<Cow<'_, str>> {
    consent.annotations().get(REQUESTED_AT).map(|value| brief(value))
}

/// Whether the step writes down what HeyGen has answered to a consent request, so that it is taken also when nothing new is begun.
#[must_use]
pub fn records_an_answer(step: &Step) -> bool {
    match step {
        Step::RecordAnswer => true,
        Step::Call(call) => call.records_an_answer(),
        Step::Tell(..) | Step::Rest(_) => false,
    }
}

/// Whether a poll that was made elsewhere can be taken up in place of this step.
#[must_use]
pub fn would_poll(step: &Step) -> bool {
    match step {
        Step::Rest(rest) => rest.poll.is_some(),
        Step::Call(call) => call.asks_heygen(),
        Step::Tell(..) | Step::RecordAnswer => false,
    }
}

/// What to do when `call` has to wait in the account's queue, for about so long.
///
/// A poll that waits is due; a request that waits is looked for again when the poll before it is too old.
#[must_use]
pub fn delayed(consent: &DigitalTwinConsent, facts: &Facts, call: &Call, wait: Duration, now: Timestamp) -> Step {
    let view = View::of(consent, facts, now);
    let AccountFact::Usable(rules) = &facts.account else { return Step::Rest(Rest::default()) };
    let poll = match (call, &facts.memory.seen) {
        (Call::Poll, _) | (_, None) => polls::next(&view, rules, now),
        (_, Some(seen)) => polls::next(&view, rules, polling::add(seen.at, POLL_STAYS_FRESH)),
    };
    let rest = Rest::until(view.next_flag()).with_poll(poll);
    if !view.is_unsettled() {
        return view.refresh_or_rest(rest);
    }
    // A short wait is not told at all: a generation that was told as observed would not be polled at once any more. If the account comes
    // into trouble meanwhile, the schedule has what waits for it decided anew.
    if wait < WORTH_TELLING {
        return Step::Rest(rest);
    }
    // A permit that is waited for between two tries changes nothing: what keeps the request waiting stays in the status.
    let waits_already = view.shown == Some(Situation::Initiating);
    let message = (!waits_already).then_some(Cow::Borrowed(waits::FOR_A_PERMIT));
    Step::Tell(Finding { situation: Situation::Initiating, message, by: By::Permit }, Then::Rest(rest))
}

/// The field that the validation rules cannot check: the port of a URL, which CEL's URL library does not check.
fn invalid_field(consent: &DigitalTwinConsent) -> Option<&'static str> {
    let unreadable = |url: &Option<String>| url.as_ref().is_some_and(|url| url::Url::parse(url).is_err());
    if unreadable(&consent.spec.reroute_url) {
        return Some("rerouteURL");
    }
    let video = consent.spec.consent_video.as_ref()?;
    (unreadable(&video.url) || video.url.is_some() == video.asset_id.is_some()).then_some("consentVideo")
}
