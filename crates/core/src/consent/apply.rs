//! PURE. What a finding or an outcome means for the status and for what this process remembers.
//!
//! `decide` says what to do, the shell does it, and `settle` says what that means: the new status as a whole, the new memory, and
//! what is to be reported. It is asked again with a fresh copy of the object when the write met a conflict, so it must give the same
//! meaning to the same outcome, whatever else has changed on the object.
//!
//! An outcome that only prepares the next call (a poll before a request, a page of HeyGen's looks) changes the memory and not the status:
//! that is how one consent costs two writes.

mod observed;

use crate::consent::conditions;
use crate::consent::polling::whole;
use crate::consent::status;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::conditions::{Situation, types};
use crate::api::consent::{DigitalTwinConsent, DigitalTwinConsentStatus, GroupStatus, HistoryEntry};
use crate::consent::outcome::{Group, Outcome};
use crate::consent::policy::Terms;
use crate::consent::report::Report;
use crate::consent::state::Memory;
use crate::consent::step;
use crate::consent::step::{AccountFact, By, Call, Facts, Finding};

/// How many changes of HeyGen's word are kept.
const HISTORY: usize = 10;

/// What there is to settle.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there is one for each reconcile in progress, and it does not travel")]
pub enum Input {
    /// `decide` found something to tell.
    Found(Finding),
    /// The answer in hand to a consent request is to be recorded.
    AnswerInHand,
    /// HeyGen answered a call, or failed to.
    Answered(Call, Outcome),
    /// The link Secret was checked, or written.
    Secret(SecretOutcome),
}

/// What came of an effect on the link Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretOutcome {
    /// The one with this name does not exist, or is ours.
    Free(String),
    /// The link stands in it; `changed` tells whether it did not before.
    Written {
        /// Whether another link, or none, stood there.
        changed: bool,
    },
    /// It belongs to another owner.
    Conflict,
    /// Kubernetes refuses it.
    Refused(Refusal),
    /// Kubernetes could not be asked, or could not do it now.
    Unreachable,
    /// Nothing says that the link has gone from it.
    Kept,
    /// It is gone, or the link in it.
    Gone,
}

/// Why Kubernetes refuses something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A quota of the namespace is used up.
    Quota,
    /// A webhook or a policy does not admit it.
    Admission,
    /// The operator has no right to it.
    Forbidden,
    /// Anything else.
    Other,
}

/// What that means.
#[derive(Debug, Clone)]
pub struct Settled {
    /// The whole new status; equal to the old one when nothing is to be written.
    pub status: DigitalTwinConsentStatus,
    /// What this process remembers from now on.
    pub memory: Memory,
    /// What is to be reported once the status is written.
    pub notices: Vec<Notice>,
}

/// Something to be reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// A Kubernetes event.
    Event(Report),
    /// An approval was withdrawn (a metric).
    Revoked,
    /// HeyGen said nothing about a group that was approved (a metric).
    NullAfterGrant,
    /// HeyGen says a word about a group that was approved which the policy does not know (a metric).
    UnrecognizedAfterGrant,
    /// HeyGen refuses for good to be asked about the group, with this code if it is one of the documented ones (a line in the log).
    PollRefused(Option<&'static str>),
    /// A request has gone unanswered for long (a metric).
    Unanswered,
}

/// What `news` mean for `consent`.
#[must_use]
pub fn apply(consent: &DigitalTwinConsent, facts: &Facts, input: &Input, now: Timestamp) -> Settled {
    let mut draft = Draft::new(consent, facts, now);
    match input {
        Input::Found(finding) => draft.found(finding),
        Input::AnswerInHand => draft.said_answer(),
        Input::Answered(call, outcome) => draft.answered(call, outcome),
        Input::Secret(secret) => draft.secret(secret.clone()),
    }
    draft.finish()
}

/// The new status and memory while they are being made.
struct Draft<'a> {
    consent: &'a DigitalTwinConsent,
    facts: &'a Facts,
    now: Timestamp,
    old: DigitalTwinConsentStatus,
    status: DigitalTwinConsentStatus,
    memory: Memory,
    notices: Vec<Notice>,
}

impl<'a> Draft<'a> {
    fn new(consent: &'a DigitalTwinConsent, facts: &'a Facts, now: Timestamp) -> Self {
        let old = consent.status.clone().unwrap_or_default();
        Self { consent, facts, now, status: old.clone(), old, memory: facts.memory.clone(), notices: Vec::new() }
    }

    fn terms(&self) -> std::sync::Arc<Terms> {
        match &self.facts.account {
            AccountFact::Usable(terms) => terms.clone(),
            AccountFact::Resolving | AccountFact::NotReady(_) | AccountFact::NotAllowed(_) => std::sync::Arc::new(Terms::default()),
        }
    }

    fn uid(&self) -> &str {
        self.consent.metadata.uid.as_deref().unwrap_or_default()
    }

    fn found(&mut self, Finding { situation, message, by }: &Finding) {
        match by {
            By::Known | By::Permit => {}
            By::Poll => {
                self.count_doubts(*situation);
                self.take_seen();
            }
            By::FailedPoll => self.echo_request(),
            By::Doubt(because) => self.doubt_approval(*because),
        }
        self.render(*situation, message.as_deref());
    }

    /// Counts what a poll says against an approval.
    fn count_doubts(&mut self, situation: Situation) {
        if !status::is_approved(&self.old) {
            return;
        }
        if situation == Situation::Revoked {
            self.notices.push(Notice::Revoked);
        }
        if situation == Situation::Unrecognized && !status::is_unrecognized(&self.old, &self.terms().policy) {
            self.notices.push(Notice::UnrecognizedAfterGrant);
        }
    }

    /// Takes the last poll out of the memory and writes its facts into the status.
    fn take_seen(&mut self) -> Option<Group> {
        let seen = self.memory.seen.take();
        self.memory.forget_seen();
        self.memory.link_gone = false;
        self.memory.unrecognized_since = None;
        self.memory.failures = 0;
        self.echo_request();
        // HeyGen was read for this very object: what the status tells from now on is its own.
        let seen = seen?;
        self.status.object_uid.clone_from(&self.consent.metadata.uid);
        let group = seen.group?;
        self.note_group(&group);
        Some(group)
    }

    fn note_group(&mut self, group: &Group) {
        self.status.group = Some(GroupStatus {
            name: group.name.clone(),
            status: group.status.clone(),
            looks_count: group.looks_count,
            created_at: group.created_at.and_then(|second| Timestamp::from_second(second).ok()).map(Time),
        });
        // No word after a grant changes nothing; the group may be in the middle of an update.
        if group.consent_status.is_some() || !status::is_approved(&self.old) {
            self.note_word(group.consent_status.clone());
        }
    }

    fn note_word(&mut self, word: Option<String>) {
        let first = self.status.history.is_empty() && word.is_some();
        if self.status.consent_status == word && !first {
            return;
        }
        self.status.consent_status.clone_from(&word);
        let epoch = self.consent.spec.request_epoch.unwrap_or(0);
        self.status.history.push(HistoryEntry { observation_time: whole(self.now), consent_status: word, request_epoch: epoch });
        while self.status.history.len() > HISTORY {
            // The word that an approval was given for is kept, however many unknown ones come after it.
            let policy = &self.terms().policy;
            let is_grant = |entry: &HistoryEntry| policy.read(entry.consent_status.as_deref()).gives();
            let grant = self.status.history.iter().rposition(is_grant);
            self.status.history.remove(usize::from(grant == Some(0)));
        }
    }

    /// An approval that is told and not known to hold is neither one nor none, until HeyGen was read.
    fn doubt_approval(&mut self, because: Situation) {
        let approved = self.status.conditions.iter_mut().find(|condition| condition.type_ == types::APPROVED && condition.status == "True");
        if let Some(approved) = approved {
            approved.status = "Unknown".to_owned();
            approved.reason = because.reason().to_owned();
            approved.message = "Not known: HeyGen has not confirmed this consent for this object. The next poll decides.".to_owned();
            approved.last_transition_time = whole(self.now);
        }
    }

    /// Notes that HeyGen was asked about the group for the spec as it is now.
    fn note_poll(&mut self) {
        self.memory.polled_at = Some(self.now);
        self.memory.reread_at = None;
        self.memory.generation = self.consent.metadata.generation.unwrap_or_default();
    }

    /// Echoes the annotation that asks for a poll.
    fn echo_request(&mut self) {
        if let Some(requested) = step::requested(self.consent) {
            self.status.last_handled_reconcile_at = Some(requested.into_owned());
        }
    }

    fn render(&mut self, situation: Situation, detail: Option<&str>) {
        conditions::render(self.consent, &mut self.status, situation, detail, self.now);
    }

    fn finish(mut self) -> Settled {
        self.report_transition();
        Settled { status: self.status, memory: self.memory, notices: self.notices }
    }

    /// An event on a transition of `Ready`'s reason, and on nothing else.
    fn report_transition(&mut self) {
        let (before, after) = (status::shown(&self.old), status::shown(&self.status));
        if before == after {
            return;
        }
        self.notices.extend(after.and_then(Report::of_situation).map(Notice::Event));
    }
}

/// What the user is told of a refusal.
const fn refusal_message(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Quota => {
            "The operator cannot create the Secret named by spec.linkSecretRef: a quota of this namespace is used up. Raise the quota, or delete what is not needed."
        }
        Refusal::Admission => {
            "An admission webhook or policy of this cluster refuses the Secret named by spec.linkSecretRef. Let it accept Secrets of the operator."
        }
        Refusal::Forbidden => {
            "The operator has no right to the Secret named by spec.linkSecretRef. Grant it get, create and patch on Secrets in this namespace."
        }
        Refusal::Other => "Kubernetes refuses the Secret named by spec.linkSecretRef. The operator's log says why.",
    }
}
