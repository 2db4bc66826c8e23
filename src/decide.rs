//! PURE. What to do next for one object, from the object, the facts and the time.
//!
//! `decide` answers with one [`Step`]; the shell takes it, `settle` says what came of it, and `decide` is asked again, until it says
//! "rest". It reads top-down as the conditions table does: what needs no look comes first, then whether a look is due, then what
//! the last look calls for.
//!
//! Rejected: a state machine with a stored state. The status already is the state, and a second copy of it would have to be kept
//! right through crashes; deriving the step anew from status, memory and clock cannot go stale.

mod looks;
pub(crate) mod verdict;

use jiff::Timestamp;
use kube::ResourceExt as _;

use crate::api::REQUESTED_AT;
use crate::api::consent::{DigitalTwinConsent, DigitalTwinConsentStatus};
use crate::memory::Memory;
use crate::pace;
use crate::request::Request;
use crate::settle::situation::{self, Situation};
use crate::terms::Terms;

/// A look older than this does not count as "right before" a consent request.
pub const LOOK_STAYS_FRESH: std::time::Duration = std::time::Duration::from_secs(60);

/// A turn that comes sooner than this is waited for without telling.
const WORTH_TELLING: std::time::Duration = std::time::Duration::from_secs(1);

/// How soon an account's `allowedNamespaces` are asked again about a namespace they did not select.
const RECHECK_NAMESPACE: std::time::Duration = std::time::Duration::from_secs(60);

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
    /// Nothing until then; `None`: until something changes.
    Rest(Option<Timestamp>),
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
    /// Nothing until then; `None`: until something changes.
    Rest(Option<Timestamp>),
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
}

impl Call {
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
    /// Only time has passed, or a part of the spec has changed that asks for no look.
    Refresh,
}

/// What a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Its turn.
    Turn,
    /// HeyGen, which could not be reached or did not answer as it should.
    HeyGen,
    /// HeyGen, which does not know the group yet.
    Group,
    /// The group's looks, which do not tell yet whether a person is depicted.
    Looks,
    /// HeyGen, which says that consent was begun before and gives no link.
    AlreadyBound,
}

/// What to do next for `consent`.
#[must_use]
pub fn decide(consent: &DigitalTwinConsent, facts: &Facts, now: Timestamp) -> Step {
    if consent.metadata.deletion_timestamp.is_some() {
        return Step::Rest(None);
    }
    let view = View::of(consent, facts, now);
    if let Some(answer) = &facts.memory.answer
        && answer.idempotency_key == view.request.idempotency_key
    {
        // An answer in hand is recorded whatever has happened to the object since: it is the only copy of the link.
        return match facts.memory.retry_at {
            Some(retry_at) if retry_at > now => Step::Rest(Some(retry_at)),
            _ => Step::Call(Call::WriteLinkSecret),
        };
    }
    if consent.spec.suspend.unwrap_or(false) {
        return Step::Tell(Finding::Suspended, Then::Rest(None));
    }
    if facts.ownership == Ownership::Other {
        return Step::Tell(Finding::Duplicate, Then::Rest(None));
    }
    let terms = match &facts.account {
        AccountFact::Resolving => return Step::Rest(None),
        AccountFact::NotReady(why) if view.is_unsettled() => return Step::Tell(Finding::AccountNotReady(why.clone()), Then::Rest(None)),
        AccountFact::NotAllowed(why) if view.is_unsettled() => {
            // The labels of a namespace are not watched: look at them again from time to time.
            return Step::Tell(Finding::AccountNotAllowed(why.clone()), Then::Rest(Some(pace::add(now, RECHECK_NAMESPACE))));
        }
        // An account's trouble changes the account, not its settled consents; only time goes on for them.
        AccountFact::NotReady(_) => return view.refresh_or_rest(view.next_flag()),
        AccountFact::NotAllowed(_) => {
            let again = pace::add(now, pace::SLOWEST_PENDING);
            return view.refresh_or_rest(view.next_flag().into_iter().chain([again]).min());
        }
        AccountFact::Usable(terms) => terms,
    };
    if let Some(field) = invalid_field(consent) {
        return Step::Tell(Finding::InvalidSpec(field), Then::Rest(None));
    }
    let due = looks::due(&view, terms);
    if due <= now {
        return Step::Call(Call::Look);
    }
    if facts.memory.seen.is_some() {
        return verdict::of(&view, terms, due);
    }
    if let Some(trouble) = facts.memory.trouble
        && view.is_unsettled()
    {
        return Step::Tell(Finding::Waiting(wait_of(trouble)), Then::Rest(Some(due)));
    }
    view.refresh_or_rest(view.next_flag().into_iter().chain([due]).min())
}

/// What to do when a call has to wait until `until`, because the account is closed or gives a later turn.
#[must_use]
pub fn delayed(consent: &DigitalTwinConsent, facts: &Facts, until: Timestamp, now: Timestamp) -> Step {
    let view = View::of(consent, facts, now);
    if view.is_unsettled() && pace::since(now, until) >= WORTH_TELLING {
        return Step::Tell(Finding::Waiting(Wait::Turn), Then::Rest(Some(until)));
    }
    view.refresh_or_rest(view.next_flag().into_iter().chain([until]).min())
}

/// How many requests to HeyGen a look at `consent` may lead to at once: the look and, while its request is not made, the request.
#[must_use]
pub fn tokens(consent: &DigitalTwinConsent) -> u32 {
    let settled = |status| situation::is_approved(status) || situation::is_initiated(status, &Request::of(&consent.spec));
    if consent.status.as_ref().is_some_and(settled) { 1 } else { 2 }
}

fn wait_of(trouble: crate::outcome::Class) -> Wait {
    match trouble {
        crate::outcome::Class::AlreadyBound => Wait::AlreadyBound,
        crate::outcome::Class::NotFound => Wait::Group,
        _ => Wait::HeyGen,
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

/// The object as the rules ask about it.
struct View<'a> {
    consent: &'a DigitalTwinConsent,
    facts: &'a Facts,
    now: Timestamp,
    request: Request,
    status: std::borrow::Cow<'a, DigitalTwinConsentStatus>,
    remembered: Option<Situation>,
}

impl<'a> View<'a> {
    fn of(consent: &'a DigitalTwinConsent, facts: &'a Facts, now: Timestamp) -> Self {
        let status = consent
            .status
            .as_ref()
            .map_or_else(|| std::borrow::Cow::Owned(DigitalTwinConsentStatus::default()), std::borrow::Cow::Borrowed);
        let remembered = situation::remembered(&status);
        Self { consent, facts, now, request: Request::of(&consent.spec), status, remembered }
    }

    fn memory(&self) -> &Memory {
        &self.facts.memory
    }

    fn uid(&self) -> &str {
        self.consent.metadata.uid.as_deref().unwrap_or_default()
    }

    /// Whether the current request was made.
    fn is_initiated(&self) -> bool {
        situation::is_initiated(&self.status, &self.request)
    }

    /// Whether nothing about the object's consent was settled yet, so that the state of the account is its state.
    fn is_unsettled(&self) -> bool {
        self.remembered.is_none_or(Situation::is_before_any_look)
            || (self.generation_is_new() && self.is_open() && !situation::is_approved(&self.status))
    }

    /// Whether the current request may still have to be made.
    fn is_open(&self) -> bool {
        let refused = matches!(self.remembered, Some(Situation::Refused | Situation::Revoked));
        !self.is_initiated() && (!refused || self.asks_anew())
    }

    /// Whether the user asked again after the request that was refused or revoked.
    ///
    /// The epoch of that request is the one of the initiation or, when somebody else had asked, the one under which the word was seen.
    /// A refusal that was never told counts as seen under the current epoch: nobody who refused is asked again unless the user says so.
    fn asks_anew(&self) -> bool {
        let initiated = self.status.initiation.as_ref().map(|initiation| initiation.epoch);
        let seen = self.status.history.last().map(|entry| entry.request_epoch);
        initiated.max(seen).is_some_and(|answered| self.request.epoch > answered)
    }

    fn generation_is_new(&self) -> bool {
        self.status.observed_generation != self.consent.metadata.generation
    }

    /// Whether the user asked for a look by the annotation, and none was made since.
    fn is_forced(&self) -> bool {
        let requested = self.consent.annotations().get(REQUESTED_AT);
        requested.is_some() && requested != self.status.last_handled_reconcile_at.as_ref()
    }

    /// The next time at which a flag of a waiting consent turns by itself.
    fn next_flag(&self) -> Option<Timestamp> {
        situation::flag_times(&self.consent.spec, &self.status, self.remembered).into_iter().flatten().filter(|&at| at > self.now).min()
    }

    /// Tells what time or the spec alone have changed, if anything, and rests.
    fn refresh_or_rest(&self, until: Option<Timestamp>) -> Step {
        if self.remembered.is_some() && (self.generation_is_new() || situation::flags_have_turned(&self.consent.spec, &self.status, self.now)) {
            return Step::Tell(Finding::Refresh, Then::Rest(until));
        }
        Step::Rest(until)
    }
}
