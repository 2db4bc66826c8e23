//! PURE. What to do next for one object, from the object, the facts and the time.
//!
//! `decide` answers with one [`Step`]; the shell takes it, `settle` says what came of it, and `decide` is asked again, until it says
//! "rest". It reads top-down as the conditions table does: what needs no look comes first, then whether a look is due, then what
//! the last look calls for.
//!
//! Rest names the next look as well, and what that look may find without anybody having to hear of it: the sweep makes that look,
//! alone or by a page of the list, and hands over only what has changed.
//!
//! Rejected: a state machine with a stored state. The status already is the state, and a second copy of it would have to be kept
//! right through crashes; deriving the step anew from status, memory and clock cannot go stale.

mod looks;
pub(crate) mod verdict;
mod view;

use std::borrow::Cow;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt as _;

use crate::api::consent::DigitalTwinConsent;
use crate::api::{REQUESTED_AT, brief};
use crate::consent::outcome::{Class, Print};
use crate::consent::policy::Terms;
use crate::consent::polling;
use crate::consent::polling::{Doubt, Rhythm};
use crate::consent::request::Request;
use crate::consent::state::Memory;
use crate::consent::status;
use view::View;

/// A look older than this does not count as "right before" a consent request.
pub const LOOK_STAYS_FRESH: Duration = Duration::from_secs(60);

/// A wait shorter than this is not told.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// How soon an account's `allowedNamespaces` are asked again about a namespace they did not select.
const RECHECK_NAMESPACE: Duration = Duration::from_secs(60);

/// What is known besides the object itself.
#[derive(Debug, Clone)]
pub struct Facts {
    /// What the account allows.
    pub account: AccountFact,
    /// Whether the object may ask on behalf of its group.
    pub ownership: Ownership,
    /// What this process remembers of the object.
    pub memory: Memory,
    /// When this process began to look: looks that were due before are not made up for.
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
    /// When HeyGen was last read with the account, as far as its status tells.
    pub last_poll: Option<Timestamp>,
}

impl Default for Proof {
    fn default() -> Self {
        Self { stale_after: Terms::default().cadence.stale_after, last_poll: None }
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
    Usable(std::sync::Arc<Terms>),
}

/// Whether an object may ask on behalf of its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// It is the one.
    Owner,
    /// Another object owns the group on this account.
    Other,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing, for now.
    Rest(Rest),
    /// Say what is the case, then do as [`Then`] says.
    Tell(Finding, Then),
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

/// How long nothing is to be done, unless something changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rest {
    /// Decide again at this time at the latest.
    pub until: Option<Timestamp>,
    /// The next look at the group; `None`: none is due as things are.
    pub look: Option<NextLook>,
}

/// When to look at a group next, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextLook {
    /// When.
    pub at: Timestamp,
    /// What for.
    pub kind: LookKind,
}

/// What a look is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookKind {
    /// The user asks for it: a read of the one group, before all others.
    Forced,
    /// Something hangs on it: whatever it shows has to be told.
    Wanted {
        /// Whether a page of the list will do; else it takes a read of the one group.
        by_list: bool,
    },
    /// Nobody expects a change: only a look that shows something else than `print` has to be told.
    Routine {
        /// What was told of the group.
        print: Print,
        /// How often to look.
        rhythm: Rhythm,
        /// From this time on the look is wanted, whatever it shows.
        wanted_from: Option<Timestamp>,
        /// Whether a page of the list will do to tell something new; else it takes a read of the one group besides.
        by_list: bool,
    },
}

impl NextLook {
    /// The same by another clock that is ahead by so much.
    #[must_use]
    pub fn shifted(self, by: SignedDuration) -> Self {
        let kind = match self.kind {
            LookKind::Routine { print, rhythm, wanted_from, by_list } => {
                let rhythm = match rhythm {
                    Rhythm::Fixed(_) => rhythm,
                    Rhythm::Growing { since, own } => Rhythm::Growing { since: polling::shifted(since, by), own },
                };
                LookKind::Routine { print, rhythm, wanted_from: wanted_from.map(|from| polling::shifted(from, by)), by_list }
            }
            LookKind::Forced | LookKind::Wanted { .. } => self.kind,
        };
        Self { at: polling::shifted(self.at, by), kind }
    }
}

impl Rest {
    /// The earlier of the two times.
    #[must_use]
    pub fn earliest(&self) -> Option<Timestamp> {
        self.until.into_iter().chain(self.look.map(|look| look.at)).min()
    }

    fn until(until: impl IntoIterator<Item = Timestamp>) -> Self {
        Self { until: until.into_iter().min(), look: None }
    }

    fn with_look(self, look: NextLook) -> Self {
        Self { look: Some(look), ..self }
    }
}

/// One effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Read the avatar group.
    Look,
    /// Read a page of the group's looks: the first, or the one behind this cursor.
    ReadLooks(Option<String>),
    /// See whether the link Secret is free or ours.
    CheckLinkSecret,
    /// Ask HeyGen for consent.
    Initiate(Request),
    /// Write the link in hand into its Secret.
    WriteLinkSecret,
    /// See whether the link that the person waits with still stands in its Secret.
    FindLink,
}

impl Call {
    /// Whether the effect writes down what HeyGen has answered.
    #[must_use]
    pub fn records_an_answer(&self) -> bool {
        matches!(self, Self::WriteLinkSecret)
    }

    /// Whether the effect is a request to HeyGen, which takes a turn of the account.
    #[must_use]
    pub fn asks_heygen(&self) -> bool {
        matches!(self, Self::Look | Self::ReadLooks(_) | Self::Initiate(_))
    }
}

/// Something to be told in the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The object is suspended.
    Suspended,
    /// Another object owns the group.
    Duplicate,
    /// The status was written for another object.
    Restored,
    /// An approval is told that HeyGen's words, as they are told, do not make under the account's policy.
    Doubted,
    /// HeyGen was not read for too long to go on calling this consent.
    Stale,
    /// The account cannot be used: why.
    AccountNotReady(String),
    /// The account does not serve the namespace: why.
    AccountNotAllowed(String),
    /// The spec cannot be sent as it is: which field.
    InvalidSpec(&'static str),
    /// The request has to wait: for what.
    Waiting(Wait),
    /// What the last look found.
    Seen,
    /// The approval was taken back, seen twice.
    Revoked,
    /// The group is gone, seen twice.
    GroupMissing,
    /// No look of the group depicts a person.
    NotRequired,
    /// Waived, because the policy says so of a twin without any word.
    WaivedByAbsence,
    /// HeyGen was asked, and said that consent was begun before.
    AlreadyBegun,
    /// Only time has passed, or a part of the spec has changed that asks for no look.
    Refresh,
    /// What HeyGen answered to the consent request.
    Answered,
}

/// What a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Its turn.
    Turn,
    /// HeyGen, which could not be reached or did not answer as it should: why, in a word.
    HeyGen(Option<&'static str>),
    /// HeyGen, which refuses to be asked about the group, with this code if it is one of the documented ones.
    Refused(Option<&'static str>),
    /// HeyGen, which does not know the group yet.
    Group,
    /// The group's looks, which do not tell yet whether a person is depicted.
    Looks,
    /// Kubernetes, which cannot be asked about the link Secret.
    LinkSecret,
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
            _ if !answer.wants_secret(consent) => Step::Tell(Finding::Answered, Then::Decide),
            Some(retry_at) if retry_at > now => Step::Rest(Rest::until([retry_at])),
            _ => Step::Call(Call::WriteLinkSecret),
        };
    }
    if view.has_foreign_status() {
        return Step::Tell(Finding::Restored, Then::Decide);
    }
    if let AccountFact::Usable(terms) = &facts.account
        && status::is_approved(&view.status)
        && !status::is_backed(&view.status, &terms.policy)
    {
        return Step::Tell(Finding::Doubted, Then::Decide);
    }
    if consent.spec.suspend.unwrap_or(false) {
        let finding = if view.is_stale() { Finding::Stale } else { Finding::Suspended };
        return Step::Tell(finding, Then::Rest(Rest::until(view.stale_at().filter(|&at| at > now))));
    }
    // Whom the account serves is not known yet, and so not whose the group is.
    if matches!(facts.account, AccountFact::Resolving) {
        return Step::Rest(Rest::default());
    }
    if facts.ownership == Ownership::Other {
        // The labels of the owner's namespace are not watched: look at them again from time to time.
        return Step::Tell(Finding::Duplicate, Then::Rest(Rest::until([polling::add(now, polling::SLOWEST_PENDING)])));
    }
    let terms = match &facts.account {
        AccountFact::Resolving => return Step::Rest(Rest::default()),
        AccountFact::NotReady(why) if view.is_unsettled() => {
            return Step::Tell(Finding::AccountNotReady(why.clone()), Then::Rest(Rest::default()));
        }
        AccountFact::NotAllowed(why) if view.is_unsettled() => {
            // The labels of a namespace are not watched: look at them again from time to time.
            return Step::Tell(Finding::AccountNotAllowed(why.clone()), Then::Rest(Rest::until([polling::add(now, RECHECK_NAMESPACE)])));
        }
        // An account's trouble changes the account, not its settled consents; only time goes on for them.
        AccountFact::NotReady(_) => return view.refresh_or_rest(Rest::until(view.next_flag())),
        AccountFact::NotAllowed(_) => {
            let again = polling::add(now, polling::SLOWEST_PENDING);
            return view.refresh_or_rest(Rest::until(view.next_flag().into_iter().chain([again])));
        }
        AccountFact::Usable(terms) => terms,
    };
    let due = looks::due(&view, terms);
    if due <= now {
        return Step::Call(Call::Look);
    }
    let link_check = verdict::link_check(&view, terms);
    if link_check.is_some_and(|at| at <= now) {
        return Step::Call(Call::FindLink);
    }
    if facts.memory.seen.is_some() {
        return verdict::of(&view, terms, due);
    }
    if let Some(trouble) = facts.memory.trouble
        && view.is_unsettled()
    {
        let look = looks::next(&view, terms, due);
        return Step::Tell(Finding::Waiting(wait_of(trouble, facts.memory.trouble_code)), Then::Rest(Rest::default().with_look(look)));
    }
    view.refresh_or_rest(Rest::until(view.next_flag().into_iter().chain(link_check)).with_look(looks::next(&view, terms, due)))
}

/// The poll that would be made if it were due now, and what it would be for; `None`: the account cannot be used.
#[must_use]
pub fn poll_now(consent: &DigitalTwinConsent, facts: &Facts, now: Timestamp) -> Option<NextLook> {
    let AccountFact::Usable(terms) = &facts.account else { return None };
    Some(looks::next(&View::of(consent, facts, now), terms, now))
}

/// Whether the user asked for a look by the annotation, and none was made since.
#[must_use]
pub fn is_forced(consent: &DigitalTwinConsent) -> bool {
    let requested = requested(consent);
    let handled = consent.status.as_ref().and_then(|status| status.last_handled_reconcile_at.as_deref());
    requested.is_some() && requested != handled.map(brief)
}

/// The value of the annotation by which the user asks for a look, as it is echoed.
#[must_use]
pub fn requested(consent: &DigitalTwinConsent) -> Option<Cow<'_, str>> {
    consent.annotations().get(REQUESTED_AT).map(|value| brief(value))
}

/// Whether the step writes down what HeyGen has answered to a consent request, so that it is taken also when nothing new is begun.
#[must_use]
pub fn records_an_answer(step: &Step) -> bool {
    match step {
        Step::Tell(finding, _) => *finding == Finding::Answered,
        Step::Call(call) => call.records_an_answer(),
        Step::Rest(_) => false,
    }
}

/// Whether a look that somebody else has made can be taken up in place of this step.
#[must_use]
pub fn would_look(step: &Step) -> bool {
    match step {
        Step::Rest(rest) => rest.look.is_some(),
        Step::Call(call) => call.asks_heygen(),
        Step::Tell(..) => false,
    }
}

/// What to do when `call` has to wait in the account's queue, for about so long.
///
/// A look that waits is due; a request that waits is looked for again when the look before it is too old.
#[must_use]
pub fn delayed(consent: &DigitalTwinConsent, facts: &Facts, call: &Call, wait: Duration, now: Timestamp) -> Step {
    let view = View::of(consent, facts, now);
    let AccountFact::Usable(terms) = &facts.account else { return Step::Rest(Rest::default()) };
    let look = match (call, &facts.memory.seen) {
        (Call::Look, _) | (_, None) => looks::next(&view, terms, now),
        (_, Some(seen)) => looks::next(&view, terms, polling::add(seen.at, LOOK_STAYS_FRESH)),
    };
    let rest = Rest::until(view.next_flag()).with_look(look);
    if !view.is_unsettled() {
        return view.refresh_or_rest(rest);
    }
    // A short wait is not told at all: a generation that was told as observed would not be looked at for at once any more.
    if wait >= WORTH_TELLING { Step::Tell(Finding::Waiting(Wait::Turn), Then::Rest(rest)) } else { Step::Rest(rest) }
}

fn wait_of(trouble: Class, code: Option<&'static str>) -> Wait {
    match trouble {
        Class::NotFound => Wait::Group,
        Class::Invalid | Class::Unfetchable | Class::AlreadyBound => Wait::Refused(code),
        _ => Wait::HeyGen(code),
    }
}

/// The field that the validation rules cannot check: the port of a URL, which CEL's URL library does not look at.
fn invalid_field(consent: &DigitalTwinConsent) -> Option<&'static str> {
    let unreadable = |url: &Option<String>| url.as_ref().is_some_and(|url| url::Url::parse(url).is_err());
    if unreadable(&consent.spec.reroute_url) {
        return Some("rerouteURL");
    }
    let video = consent.spec.consent_video.as_ref()?;
    (unreadable(&video.url) || video.url.is_some() == video.asset_id.is_some()).then_some("consentVideo")
}
