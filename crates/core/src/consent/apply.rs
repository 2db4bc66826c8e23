//! PURE. What a finding or an outcome means for the status and for what this process remembers.
//!
//! `decide` says what to do, the shell does it, and `apply` says what that means: the new status as a whole, the new memory, and
//! what is to be reported. It is asked again with a fresh copy of the object when the write met a conflict, so it must give the same
//! meaning to the same outcome, whatever else has changed on the object.
//!
//! An outcome that only prepares the next call (a poll before a request, a page of HeyGen's looks) changes the memory and not the status:
//! that is how one consent costs two writes.

mod link_secret;
mod polled;
mod requested;

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::conditions::{Situation, types};
use crate::api::consent::{Approval, DigitalTwinConsent, DigitalTwinConsentStatus, GroupStatus, HistoryEntry, Revocation, Statement};
use crate::consent::audit;
use crate::consent::audit::Event;
use crate::consent::conditions;
use crate::consent::landing;
use crate::consent::outcome::{Class, Group, Outcome, Trouble};
use crate::consent::policy::{Meaning, Rules};
use crate::consent::polling;
use crate::consent::polling::whole;
use crate::consent::report::Report;
use crate::consent::request::Request;
use crate::consent::state::{Answer, Memory};
use crate::consent::status;
use crate::consent::step;
use crate::consent::step::{AccountFact, By, Call, Facts, Finding};
use crate::consent::terms;
use crate::consent::terms::Terms;

pub use link_secret::{Refusal, SecretOutcome};

/// How many changes of HeyGen's word are kept.
const HISTORY: usize = 10;

/// What there is to apply.
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

/// What that means.
#[derive(Debug, Clone)]
pub struct Settled {
    /// The whole new status; equal to the old one when nothing is to be written.
    pub status: DigitalTwinConsentStatus,
    /// What this process remembers from now on.
    pub memory: Memory,
    /// What is to be reported once the status is written.
    pub notices: Vec<Notice>,
    /// The events of the audit trail that the new status tells of, in order; none when nothing is to be written.
    /// Their lines belong into the log before the status is written, and stay unconfirmed if that comes to nothing.
    pub events: Vec<Event>,
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

/// What `input` means for `consent`.
#[must_use]
pub fn apply(consent: &DigitalTwinConsent, facts: &Facts, input: &Input, now: Timestamp) -> Settled {
    let mut draft = Draft::new(consent, facts, now);
    match input {
        Input::Found(finding) => draft.found(finding),
        Input::AnswerInHand => draft.said_answer(),
        Input::Answered(call, outcome) => draft.answered(call, outcome),
        Input::Secret(secret) => draft.secret(secret),
    }
    draft.finish(now)
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

    fn rules(&self) -> std::sync::Arc<Rules> {
        match &self.facts.account {
            AccountFact::Usable(rules) => rules.clone(),
            AccountFact::Resolving | AccountFact::NotReady(_) | AccountFact::NotAllowed(_) => std::sync::Arc::new(Rules::default()),
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

    fn answered(&mut self, call: &Call, outcome: &Outcome) {
        match (call, outcome) {
            (Call::Poll, Outcome::Polled(group)) => self.polled(group),
            (Call::ReadLooks(_), Outcome::LooksRead(page)) => self.looks_read(page),
            (Call::Initiate(request), Outcome::Initiated(_) | Outcome::Trouble(_)) => {
                let terms = Terms::of(&request.content, self.consent.spec.purpose.as_deref());
                let answer = Answer { at: self.now, request: request.clone(), terms, outcome: outcome.clone(), in_secret: None };
                self.memory.forget_trouble();
                self.memory.answer = Some(Box::new(answer));
            }
            (_, Outcome::Trouble(trouble)) => self.poll_failed(trouble),
            // An outcome of another call: the client never gives one.
            _ => self.poll_failed(&Trouble::of(Class::Unreadable)),
        }
        // Echoed whatever came of the poll: one that fails is repeated by its backoff, not by the annotation.
        // An object of which nothing was told yet gets its echo together with its conditions.
        if matches!(call, Call::Poll) && status::shown(&self.old).is_some() {
            self.echo_request();
        }
    }

    /// The object's group or feature is out of the key's reach; told unless consent was settled before.
    fn not_entitled(&mut self, trouble: &Trouble) {
        self.hold_request(&Request::of(self.consent), self.slowly());
        self.take_seen();
        self.note_poll();
        let message = trouble.code.map(|code| format!("HeyGen answers with the code `{code}`. {}", Situation::NotEntitled.row().message));
        self.render(Situation::NotEntitled, message.as_deref());
    }

    /// How long to wait until something is mended; a little less than the time between two polls, so that a poll finds it over.
    fn slowly(&self) -> Duration {
        self.rules().cadence.unknown.mul_f64(0.9)
    }

    fn back_off(&mut self, trouble: &Trouble, least: Duration) {
        self.memory.failures = self.memory.failures.saturating_add(1);
        self.memory.trouble = Some(trouble.class);
        // Hosts stand in the account's status: a reader of the object need not know the way to HeyGen.
        self.memory.trouble_code = trouble.code.or(trouble.fault.as_ref().map(|fault| fault.kind.word()));
        self.memory.forget_seen();
        let pause = trouble.pause(polling::backoff(self.memory.failures, self.uid()).max(least));
        self.memory.retry_at = Some(polling::add(self.now, pause));
    }

    /// Counts what a poll says against an approval.
    fn count_doubts(&mut self, situation: Situation) {
        if !status::is_approved(&self.old) {
            return;
        }
        if situation == Situation::Revoked {
            self.notices.push(Notice::Revoked);
        }
        if situation == Situation::Unrecognized && !status::is_unrecognized(&self.old, &self.rules().policy) {
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
        self.note_own();
        let group = seen.group?;
        self.note_group(&group);
        Some(group)
    }

    /// What the status tells from now on is this object's own. One that was brought from elsewhere may know less than was asked since.
    fn note_own(&mut self) {
        if status::is_restored(self.consent) && self.old.object_uid == self.status.object_uid {
            terms::note_others_asked(&mut self.status);
        }
        self.status.object_uid.clone_from(&self.consent.metadata.uid);
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
        if let Some(landed) = &mut self.memory.landed {
            landed.is_settled = true;
        }
        let epoch = self.consent.spec.request_epoch.unwrap_or(0);
        self.status.history.push(HistoryEntry { observation_time: whole(self.now), consent_status: word, request_epoch: epoch });
        while self.status.history.len() > HISTORY {
            // The word that an approval was given for is kept, however many unknown ones come after it.
            let policy = &self.rules().policy;
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
        self.memory.landed = landing::after_poll(landing::time(&self.old), self.memory.landed, self.now);
        self.memory.generation = self.consent.metadata.generation.unwrap_or_default();
    }

    /// Echoes the annotation that asks for a poll.
    fn echo_request(&mut self) {
        if let Some(requested) = step::requested(self.consent) {
            self.status.last_handled_reconcile_at = Some(requested.into_owned());
        }
    }

    /// Records an approval, or that HeyGen has taken it back.
    fn note_approval(&mut self, situation: Situation) {
        let gives = situation == Situation::Approved || situation == Situation::Waived;
        let is_recorded = self.old.approval.is_some() && (status::is_approved(&self.old) || self.is_approval_of_before());
        if gives && !is_recorded {
            let seen = if situation == Situation::Approved && self.was_awaited() && self.has_recorded_all_requests() {
                terms::surely_seen(&self.status)
            } else {
                None
            };
            let initiation = self.status.initiation.as_ref();
            self.status.approval = Some(Approval {
                time: whole(self.now),
                consent_status: self.status.consent_status.clone(),
                request_epoch: initiation.map_or(self.consent.spec.request_epoch.unwrap_or(0), |initiation| initiation.epoch),
                statement: seen.as_ref().map_or(Statement::Unknown, |terms| terms.statement),
                statement_digest: seen.as_ref().map(|terms| terms.statement_digest.clone()),
                purpose_digest: seen.and_then(|terms| terms.purpose_digest),
                request_id: initiation.and_then(|initiation| initiation.request_id.clone()),
            });
            self.status.revocation = None;
        }
        if situation == Situation::Revoked && !status::is_revoked(&self.old) {
            self.status.revocation = Some(Revocation { time: whole(self.now), consent_status: self.status.consent_status.clone() });
        }
    }

    /// Whether the word that HeyGen said before was one of a person who is awaited, or none.
    fn was_awaited(&self) -> bool {
        matches!(self.rules().policy.read(self.old.consent_status.as_deref()), Meaning::Pending | Meaning::Expired | Meaning::Absent)
    }

    /// Whether it is certain that the person got no link of this object but those whose terms the status knows.
    ///
    /// A link stands in its Secret before the status tells of its request, and a process may end in between. What was asked for before the
    /// cluster was set back to a backup stands in no status any more.
    fn has_recorded_all_requests(&self) -> bool {
        let spec = &self.consent.spec;
        let recorded = self.status.initiation.as_ref().map(|initiation| initiation.epoch);
        let unrecorded = recorded.map(|recorded| spec.request_epoch.unwrap_or(0) - recorded);
        let all = match unrecorded {
            Some(0) => true,
            // The request of the spec as it is, whose link would stand in the status.
            Some(1) => spec.link_secret_ref.is_none(),
            _ => false,
        };
        all && self.memory.history == 0
    }

    /// Whether an approval that was doubted holds: HeyGen's word for it is the same, and so is the object.
    fn is_approval_of_before(&self) -> bool {
        let doubted = status::condition(&self.old, types::APPROVED);
        let doubted = doubted.is_some_and(|approved| approved.status == "Unknown" && approved.reason == Situation::Unverified.reason());
        let word = |approval: &Approval| approval.consent_status == self.status.consent_status;
        doubted && !status::is_restored(self.consent) && self.old.approval.as_ref().is_some_and(word)
    }

    fn render(&mut self, situation: Situation, detail: Option<&str>) {
        self.note_approval(situation);
        conditions::render(self.consent, &mut self.status, situation, detail, self.now);
    }

    /// Adds the Kubernetes event on a transition of `Ready`'s reason, and the events of the audit trail.
    ///
    /// They have the time of this very `now`, not of an answer that is told later: what is tried again makes another line.
    fn finish(mut self, now: Timestamp) -> Settled {
        let (before, after) = (status::shown(&self.old), status::shown(&self.status));
        if before != after {
            self.notices.extend(after.and_then(Report::of_situation).map(Notice::Event));
        }
        let events = audit::record(self.consent, &self.old, &mut self.status, now);
        Settled { status: self.status, memory: self.memory, notices: self.notices, events }
    }
}
