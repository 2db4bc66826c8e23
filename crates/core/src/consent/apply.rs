//! PURE. What a finding or an outcome means for the status and for what this process remembers.
//!
//! `decide` says what to do, the shell does it, and `settle` says what that means: the new status as a whole, the new memory, and
//! what is to be reported. It is asked again with a fresh copy of the object when the write met a conflict, so it must give the same
//! meaning to the same outcome, whatever else has changed on the object.
//!
//! An outcome that only prepares the next call (a look before a request, a page of looks) changes the memory and not the status:
//! that is how one consent costs two writes.

mod observed;

use crate::consent::conditions;
use crate::consent::polling::whole;
use crate::consent::status;
use std::borrow::Cow;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::conditions::{Situation, types};
use crate::api::consent::{DigitalTwinConsent, DigitalTwinConsentStatus, GroupStatus, HistoryEntry};
use crate::consent::outcome::{Group, Outcome};
use crate::consent::policy::{Meaning, Terms};
use crate::consent::report::Report;
use crate::consent::state::Memory;
use crate::consent::step;
use crate::consent::step::{AccountFact, Call, Facts, Finding, Wait, verdict};

/// How many changes of HeyGen's word are kept.
const HISTORY: usize = 10;

/// What there is to settle.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there is one for each reconcile in progress, and it does not travel")]
pub enum News {
    /// `decide` found something to tell.
    Found(Finding),
    /// HeyGen answered a call, or failed to.
    Answered(Call, Outcome),
    /// The link Secret was looked at, or written.
    Secret(SecretOutcome),
}

/// What came of an effect on the link Secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretOutcome {
    /// It does not exist, or is ours.
    Free,
    /// The link stands in it; `changed` tells whether it did not before.
    Written {
        /// Whether another link, or none, stood there.
        changed: bool,
    },
    /// It belongs to somebody else.
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

/// What the news mean.
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
pub fn apply(consent: &DigitalTwinConsent, facts: &Facts, news: &News, now: Timestamp) -> Settled {
    let mut draft = Draft::new(consent, facts, now);
    match news {
        News::Found(finding) => draft.found(finding),
        News::Answered(call, outcome) => draft.answered(call, outcome),
        News::Secret(secret) => draft.secret(*secret),
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
            _ => std::sync::Arc::new(Terms::default()),
        }
    }

    fn uid(&self) -> &str {
        self.consent.metadata.uid.as_deref().unwrap_or_default()
    }

    fn found(&mut self, finding: &Finding) {
        let remembered = status::remembered(&self.old);
        match finding {
            Finding::Suspended => {
                let told = remembered.filter(|situation| !situation.is_before_any_look());
                self.render(told.unwrap_or(Situation::Suspended), None);
            }
            Finding::Duplicate => {
                if status::is_restored(self.consent) {
                    self.doubt_approval(Situation::Restored);
                }
                self.render(Situation::Duplicate, None);
            }
            Finding::Restored => {
                self.doubt_approval(Situation::Restored);
                self.render(Situation::Restored, None);
            }
            // Whatever was written over it, whoever took consent back is not asked again unless the user says so.
            Finding::Doubted if status::was_taken_back(&self.old, &self.terms().policy) => self.render(Situation::Revoked, None),
            Finding::Doubted => {
                self.doubt_approval(Situation::Unverified);
                self.render(Situation::Unverified, None);
            }
            Finding::Stale => self.render(Situation::Unverified, None),
            Finding::AccountNotReady(why) => self.render(Situation::AccountNotReady, Some(why)),
            Finding::AccountNotAllowed(why) => self.render(Situation::AccountNotAllowed, Some(why)),
            Finding::InvalidSpec(field) => {
                self.take_seen();
                let message = format!("spec.{field} cannot be sent as it is. Correct it and raise spec.requestEpoch in the same change.");
                self.render(Situation::InvalidRequest, Some(&message));
            }
            Finding::Waiting(wait) => {
                if *wait == Wait::Looks {
                    self.take_seen();
                }
                if *wait != Wait::Turn {
                    self.echo_request();
                }
                // A turn that is waited for between two tries is no news: what keeps the request waiting stays told.
                let waits_already = remembered == Some(Situation::Initiating) && *wait == Wait::Turn;
                self.render(Situation::Initiating, (!waits_already).then(|| wait_message(*wait)).as_deref());
            }
            Finding::AlreadyBegun => {
                self.take_seen();
                self.render(Situation::AlreadyBegun, None);
            }
            Finding::Answered => self.told_answer(),
            Finding::Refresh => self.render(remembered.unwrap_or(Situation::Initiating), None),
            Finding::Seen => self.seen(),
            Finding::Revoked => {
                self.take_seen();
                self.notices.push(Notice::Revoked);
                self.render(Situation::Revoked, None);
            }
            Finding::GroupMissing => {
                self.take_seen();
                // Both are the case, and the upper row of the table wins.
                let revoked = remembered == Some(Situation::Revoked);
                self.render(if revoked { Situation::Revoked } else { Situation::GroupMissing }, None);
            }
            Finding::NotRequired => {
                self.take_seen();
                self.render(Situation::NotRequired, None);
            }
            Finding::WaivedByAbsence => {
                self.take_seen();
                self.render(Situation::Waived, None);
            }
        }
    }

    /// Tells what the last look found.
    fn seen(&mut self) {
        let Some(group) = self.take_seen() else { return };
        let meaning = self.terms().policy.read(group.consent_status.as_deref());
        let remembered = status::remembered(&self.old);
        let revoked = status::is_revoked(&self.old);
        let request = crate::consent::request::Request::of(self.consent);
        let initiated = status::is_initiated(&self.old, &request);
        let situation = match meaning {
            Meaning::Refused | Meaning::Pending | Meaning::Expired | Meaning::Absent | Meaning::Unknown if revoked => Situation::Revoked,
            Meaning::Refused => Situation::Refused,
            _ if verdict::training_failed(&group) => Situation::TrainingFailed,
            Meaning::Granted => Situation::Approved,
            Meaning::Waived => Situation::Waived,
            // Neither makes or breaks an approval; but whether the twin may be used is unknown then.
            Meaning::Unknown => {
                if status::is_approved(&self.old) && remembered != Some(Situation::Unrecognized) {
                    self.notices.push(Notice::UnrecognizedAfterGrant);
                }
                Situation::Unrecognized
            }
            // No word at all is no news after an approval.
            _ if status::is_approved(&self.old) && remembered == Some(Situation::Unrecognized) => Situation::Unrecognized,
            // What kind of approval it is, the policy says of the word that it was given for.
            _ if status::is_approved(&self.old) => match self.terms().policy.read(self.status.consent_status.as_deref()) {
                Meaning::Granted => Situation::Approved,
                Meaning::Waived => Situation::Waived,
                _ => status::approval(&self.old),
            },
            _ if status::is_already_begun(&self.old, &request) => Situation::AlreadyBegun,
            _ if initiated => Situation::Awaiting,
            _ => remembered.unwrap_or(Situation::Initiating),
        };
        self.render(situation, None);
    }

    /// Takes the last look out of the memory and writes its facts into the status.
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
            let is_grant =
                |entry: &HistoryEntry| matches!(policy.read(entry.consent_status.as_deref()), Meaning::Granted | Meaning::Waived);
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
    fn note_look(&mut self) {
        self.memory.looked_at = Some(self.now);
        self.memory.reread_at = None;
        self.memory.generation = self.consent.metadata.generation.unwrap_or_default();
    }

    /// Echoes the annotation that asks for a look.
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
        let (before, after) = (status::remembered(&self.old), status::remembered(&self.status));
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

fn wait_message(wait: Wait) -> Cow<'static, str> {
    let fixed = match wait {
        Wait::Refused(Some(code)) => {
            return format!("HeyGen refuses to tell about this avatar group, with the code `{code}`. The operator tries again.").into();
        }
        Wait::Refused(None) => "HeyGen refuses to tell about this avatar group. The operator tries again.",
        Wait::Turn => {
            "HeyGen has not been asked yet: the account's rateLimit, or a pause that HeyGen asked for, does not allow it. The operator asks as soon as it may."
        }
        Wait::HeyGen(Some(why)) => return format!("HeyGen has not given a usable answer yet ({why}). The operator tries again.").into(),
        Wait::HeyGen(None) => "HeyGen has not given a usable answer yet. The operator tries again.",
        Wait::Group => {
            "HeyGen does not know this avatar group, at least not yet. The operator polls again before it says that the group is missing."
        }
        Wait::Looks => {
            "HeyGen lists no look of the group that shows whether the group depicts a person. The operator reads the list again."
        }
        Wait::LinkSecret => "The Secret named by spec.linkSecretRef cannot be read or written at the moment. The operator tries again.",
    };
    fixed.into()
}
