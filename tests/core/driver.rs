//! The shell in small: decide → act on the model → settle → write under a precondition, one step at a time.
//!
//! A step is cut in two, so that replicas can interleave and crash between the effect and its record.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use twinconsent::api::consent::{DigitalTwinConsent, DigitalTwinConsentStatus};
use twinconsent::clock::steps::Steps;
use twinconsent::decide::{self, AccountFact, Call, Facts, Finding, Ownership, Proof, Rest, Step, Then, decide};
use twinconsent::memory::{LONGEST_UNWRITTEN, Memory, Unwritten};
use twinconsent::outcome::{Group, Outcome};
use twinconsent::pace;
use twinconsent::request::Request;
use twinconsent::settle::situation;
use twinconsent::settle::{News, Notice, Refusal, SecretNews, settle};
use twinconsent::terms::{Meaning, Terms};

use crate::model::Model;

/// One process that runs the operator.
#[derive(Debug, Default)]
pub struct Replica {
    /// By the steady clock, as are the other times here.
    pub memory: Memory,
    pub copy: Option<DigitalTwinConsent>,
    pub started: Timestamp,
    pub in_hand: Option<InHand>,
    /// When its turn comes, once it has queued up.
    pub turn: Option<Timestamp>,
    /// The version of its own last write.
    pub written: u64,
    /// The key of the request that HeyGen has accepted from it last.
    pub accepted: Option<String>,
    /// What it last saw at HeyGen, and when.
    pub last_look: Option<(Timestamp, Group)>,
    /// Since when every look of its own that told a word takes an approval back.
    pub withdrawing_since: Option<Timestamp>,
}

/// An effect that happened and was not recorded yet.
#[derive(Debug)]
pub struct InHand {
    base: DigitalTwinConsent,
    facts: Facts,
    news: News,
    then: Then,
    at: Timestamp,
    ahead: SignedDuration,
}

/// The link Secret: whose it is, and what it holds.
#[derive(Debug, Clone, Default)]
pub struct LinkSecret {
    pub foreign: bool,
    pub unwritable: bool,
    pub unreachable: bool,
    pub link: Option<String>,
}

pub struct World {
    /// By the steady clock, which is HeyGen's as well.
    pub now: Timestamp,
    /// What the operator knows of its wall clock.
    clock: Steps,
    pub object: DigitalTwinConsent,
    pub heygen: Model,
    pub terms: Terms,
    pub account: Option<AccountFact>,
    pub ownership: Ownership,
    pub proof: Proof,
    pub secret: LinkSecret,
    pub replicas: Vec<Replica>,
    /// How long a newcomer waits for its turn.
    pub queue: Duration,
    pub writes: usize,
    /// Whether the API server refuses every status, and when it has refused one.
    pub refuses: bool,
    pub refused: Vec<Timestamp>,
    pub notices: Vec<Notice>,
    pub trace: Vec<String>,
    begun: Timestamp,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Going,
    Rest(Option<Timestamp>),
}

pub fn at(seconds: i64) -> Timestamp {
    "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap().checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap()
}

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub const MINUTE: u64 = 60;
pub const HOUR: u64 = 3600;

impl World {
    pub fn new(spec: Value, heygen: Model) -> Self {
        let mut full = json!({"groupID": "g1"});
        full.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        let object = serde_json::from_value(json!({
            "apiVersion": "twinconsent.io/v1alpha1", "kind": "DigitalTwinConsent",
            "metadata": {"name": "ada", "namespace": "n", "uid": "0a0a0a0a-0000-4000-8000-000000000001", "generation": 1,
                "creationTimestamp": at(0), "resourceVersion": "1"},
            "spec": full, "status": {"observedGeneration": -1}
        }))
        .unwrap();
        Self {
            now: at(1),
            clock: Steps::NONE,
            object,
            heygen,
            terms: Terms::default(),
            account: None,
            ownership: Ownership::Owner,
            proof: Proof::default(),
            secret: LinkSecret::default(),
            replicas: vec![Replica { started: at(1), ..Replica::default() }],
            queue: Duration::ZERO,
            writes: 0,
            refuses: false,
            refused: Vec::new(),
            notices: Vec::new(),
            trace: Vec::new(),
            begun: at(0),
        }
    }

    pub fn status(&self) -> &DigitalTwinConsentStatus {
        self.object.status.as_ref().unwrap()
    }

    pub fn condition(&self, type_: &str) -> Option<(&str, &str)> {
        let found = self.status().conditions.iter().find(|condition| condition.type_ == type_)?;
        Some((&found.status, &found.reason))
    }

    pub fn ready(&self) -> (&str, &str) {
        self.condition("Ready").unwrap_or(("", ""))
    }

    pub fn key(&self) -> String {
        Request::of(&self.object).idempotency_key
    }

    /// Somebody edits the spec: a new generation.
    pub fn edit(&mut self, change: Value) {
        let mut spec = json!(self.object.spec);
        for (field, value) in change.as_object().unwrap() {
            spec[field] = value.clone();
        }
        self.object.spec = serde_json::from_value(spec).unwrap();
        *self.object.metadata.generation.as_mut().unwrap() += 1;
        self.bump();
        self.note(format!("-- edit {change}"));
    }

    pub fn annotate(&mut self, value: &str) {
        self.object.metadata.annotations.get_or_insert_default().insert(twinconsent::api::REQUESTED_AT.into(), value.into());
        self.bump();
    }

    /// Deleted and created again: the same spec, nothing else.
    pub fn recreate(&mut self, serial: u32) {
        self.object.status = Some(DigitalTwinConsentStatus { observed_generation: Some(-1), ..DigitalTwinConsentStatus::default() });
        self.object.metadata.uid = Some(format!("0a0a0a0a-0000-4000-8000-{serial:012}"));
        self.object.metadata.generation = Some(1);
        self.object.metadata.creation_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(self.now));
        self.object.metadata.annotations = None;
        self.secret.link = None;
        self.bump();
        for replica in &mut self.replicas {
            (replica.memory, replica.accepted) = (Memory::default(), None);
        }
        self.note("-- re-created".into());
    }

    /// Somebody sets the operator's wall clock: so many seconds ahead of what it showed at first.
    pub fn set_clock(&mut self, ahead: i64) {
        let ahead = SignedDuration::from_secs(ahead);
        self.clock.note(pace::shifted(self.now, ahead), self.now);
        self.note(format!("-- the clock is {} s ahead", ahead.as_secs()));
    }

    /// The cluster is gone; the object is made anew elsewhere and gets the status that was saved, as a backup tool does it.
    pub fn restore_status_elsewhere(&mut self, serial: u32) {
        let status = self.object.status.clone();
        self.recreate(serial);
        self.object.status = status;
        self.bump();
        self.note("   with its old status".into());
    }

    /// The cluster is restored from a backup: the very object as it was, in a history in which versions go on from higher numbers.
    pub fn roll_back(&mut self, before: DigitalTwinConsent) {
        let version = Self::version(&self.object) + 1000;
        self.object = before;
        self.object.metadata.resource_version = Some(version.to_string());
        // What was recorded is lost with the history in which it was.
        self.replicas.iter_mut().for_each(|replica| replica.accepted = None);
        self.note("-- set back".into());
    }

    /// Somebody who may write the status writes that consent was given.
    pub fn forge(&mut self, reason: &str) {
        for condition in &mut self.object.status.as_mut().unwrap().conditions {
            if matches!(condition.type_.as_str(), "Ready" | "Approved") {
                (condition.status, condition.reason) = ("True".into(), reason.into());
            }
        }
        self.object.status.as_mut().unwrap().conditions.retain(|condition| !matches!(condition.type_.as_str(), "Stalled" | "Reconciling"));
        self.object.status.as_mut().unwrap().approval_time = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(self.now));
        self.bump();
        self.note("-- forged".into());
    }

    pub fn crash(&mut self, replica: usize) {
        self.replicas[replica] = Replica { started: self.now, ..Replica::default() };
        self.note("-- crash".into());
    }

    fn version(object: &DigitalTwinConsent) -> u64 {
        object.metadata.resource_version.as_deref().unwrap().parse().unwrap()
    }

    fn bump(&mut self) {
        self.object.metadata.resource_version = Some((Self::version(&self.object) + 1).to_string());
    }

    fn note(&mut self, line: String) {
        let passed = pace::since(self.begun, self.now).as_secs();
        let stamp = format!("{}+{:02}:{:02}:{:02}", passed / 86400, passed / 3600 % 24, passed / 60 % 60, passed % 60);
        self.trace.push(format!("{stamp}  {line}"));
    }

    fn facts(&self, replica: &Replica) -> Facts {
        let account = self.account.clone().unwrap_or_else(|| AccountFact::Usable(Arc::new(self.terms.clone())));
        let wall = self.clock.wall();
        let memory = replica.memory.clone().shifted(wall.ahead());
        let (started, polled_at) = (wall.of(replica.started), memory.looked_at);
        Facts { account, ownership: self.ownership, memory, started, doubt: wall.doubt(), polled_at, proof: self.proof }
    }

    /// What a replica knows besides the object.
    pub fn facts_of(&self, replica: usize) -> Facts {
        self.facts(&self.replicas[replica])
    }

    /// The watch shows a replica the object as it is.
    pub fn deliver(&mut self, replica: usize) {
        let replica = &mut self.replicas[replica];
        if replica.copy.as_ref().is_some_and(|copy| copy.metadata.uid != self.object.metadata.uid) {
            (replica.memory, replica.accepted) = (Memory::default(), None);
        }
        replica.copy = Some(self.object.clone());
    }

    /// Observes, decides, and lets the effect happen.
    pub fn begin(&mut self, index: usize) -> Progress {
        if self.replicas[index].copy.is_none() {
            self.deliver(index);
        }
        let replica = &self.replicas[index];
        let base = replica.copy.clone().unwrap();
        if Self::version(&base) < replica.written {
            return Progress::Rest(None);
        }
        let facts = self.facts(replica);
        let (now, ahead) = (self.clock.wall().of(self.now), self.clock.wall().ahead());
        let mut step = decide(&base, &facts, now);
        if let Step::Call(call @ Call::Look) = &step {
            let turn = replica.turn.unwrap_or_else(|| pace::add(self.now, self.queue));
            self.replicas[index].turn = Some(turn).filter(|turn| *turn > self.now);
            if turn > self.now {
                step = decide::delayed(&base, &facts, call, pace::since(self.now, turn), now);
                if let Step::Rest(Rest { look: Some(look), .. }) | Step::Tell(_, Then::Rest(Rest { look: Some(look), .. })) = &mut step {
                    look.at = pace::shifted(turn, ahead);
                }
            }
        }
        let (news, then) = match step {
            Step::Rest(rest) => return Progress::Rest(rest.earliest().map(|at| pace::shifted(at, -ahead))),
            Step::Tell(finding, then) => (News::Found(finding), then),
            Step::Call(call) => (self.act(index, &base, call), Then::Decide),
        };
        self.replicas[index].in_hand = Some(InHand { base, facts, news, then, at: now, ahead });
        Progress::Going
    }

    fn act(&mut self, index: usize, base: &DigitalTwinConsent, call: Call) -> News {
        let news = match &call {
            Call::Look => {
                let outcome = self.heygen.look();
                if let Outcome::Looked(group) = &outcome {
                    let meaning = self.terms.policy.read(group.consent_status.as_deref());
                    let replica = &mut self.replicas[index];
                    replica.last_look = Some((self.now, group.clone()));
                    if situation::takes_back(meaning) {
                        replica.withdrawing_since.get_or_insert(self.now);
                    } else if matches!(meaning, Meaning::Granted | Meaning::Waived) {
                        replica.withdrawing_since = None;
                    }
                }
                News::Answered(call.clone(), outcome)
            }
            Call::ReadLooks(_) => News::Answered(call.clone(), self.heygen.read_looks()),
            Call::Initiate(request) => {
                self.check_promise_one(index);
                assert_eq!(*request, Request::of(base));
                self.check_answer_in_hand(index, &request.idempotency_key);
                let outcome = self.heygen.post(&request.idempotency_key, self.now);
                if matches!(outcome, Outcome::Initiated(_)) {
                    self.replicas[index].accepted = Some(request.idempotency_key.clone());
                }
                News::Answered(call.clone(), outcome)
            }
            Call::CheckLinkSecret | Call::WriteLinkSecret if self.secret.unreachable => News::Secret(SecretNews::Unreachable),
            Call::CheckLinkSecret if self.secret.unwritable => News::Secret(SecretNews::Refused(Refusal::Forbidden)),
            Call::FindLink if self.secret.unreachable || self.secret.unwritable || self.secret.foreign => News::Secret(SecretNews::Kept),
            Call::FindLink => News::Secret(if self.secret.link.is_some() { SecretNews::Kept } else { SecretNews::Gone }),
            Call::CheckLinkSecret => News::Secret(if self.secret.foreign { SecretNews::Conflict } else { SecretNews::Free }),
            Call::WriteLinkSecret if self.secret.unwritable => News::Secret(SecretNews::Refused(Refusal::Forbidden)),
            Call::WriteLinkSecret if self.secret.foreign => {
                self.replicas[index].accepted = None;
                News::Secret(SecretNews::Conflict)
            }
            Call::WriteLinkSecret => {
                let answer = self.replicas[index].memory.answer.as_ref().unwrap();
                let link = answer.link().map(|link| link.expose().to_owned());
                let changed = self.secret.link != link;
                self.secret.link = link;
                News::Secret(SecretNews::Written { changed })
            }
        };
        let line = match (&call, &news) {
            (_, News::Answered(_, Outcome::Looked(group))) => format!("look → {}", group.consent_status.as_deref().unwrap_or("null")),
            (_, News::Answered(_, Outcome::LooksRead(page))) => format!("read looks → {:?}", page.types),
            (_, News::Answered(_, Outcome::Initiated(_))) => "request → accepted".to_owned(),
            (Call::Initiate(_), News::Answered(_, Outcome::Trouble(trouble))) => format!("request → {:?}", trouble.class),
            (_, News::Answered(_, Outcome::Trouble(trouble))) => format!("look → {:?}", trouble.class),
            (_, news) => format!("{call:?} → {news:?}"),
        };
        self.note(line);
        news
    }

    /// Promise 1: no POST without a look right before it, and none when that look says granted.
    fn check_promise_one(&self, index: usize) {
        let (seen_at, group) = self.replicas[index].last_look.as_ref().expect("a look comes before every request");
        let meaning = self.terms.policy.read(group.consent_status.as_deref());
        assert!(pace::since(*seen_at, self.now) < secs(60), "the look before the request is {:?} old", pace::since(*seen_at, self.now));
        assert!(!matches!(meaning, Meaning::Granted | Meaning::Waived), "asked although {meaning:?}");
    }

    /// A process that was given an answer asks again only for a link that has died: however the record of the first one fails.
    fn check_answer_in_hand(&self, index: usize, key: &str) {
        let is_recorded = self.status().initiation.as_ref().is_some_and(|initiation| initiation.idempotency_key == key);
        let has_answer = self.replicas[index].accepted.as_deref() == Some(key);
        assert!(is_recorded || !has_answer, "asked again with an answer in hand:\n{}", self.trace.join("\n"));
    }

    /// Settles and writes what the last step brought.
    pub fn finish(&mut self, index: usize) -> Progress {
        let Some(InHand { base, facts, news, then, at, ahead }) = self.replicas[index].in_hand.take() else { return Progress::Going };
        let mut current = base.clone();
        let mut settled = settle(&current, &facts, &news, at);
        if settled.status != current.status.clone().unwrap_or_default()
            && current.metadata.resource_version != self.object.metadata.resource_version
        {
            let gone = current.metadata.uid != self.object.metadata.uid;
            let same = base.spec.link_secret_ref == self.object.spec.link_secret_ref && Request::of(&base) == Request::of(&self.object);
            if gone || !same || matches!(&news, News::Found(finding) if *finding != Finding::Answered) {
                self.note("   (conflict, dropped)".into());
                self.deliver(index);
                return Progress::Going;
            }
            current = self.object.clone();
            settled = settle(&current, &facts, &news, at);
        }
        if self.refuses && settled.status != current.status.clone().unwrap_or_default() {
            let before = facts.memory.unwritten.as_deref();
            let unwritten = Unwritten::after(before, &current, LONGEST_UNWRITTEN, at);
            self.refused.push(self.now);
            self.note(format!("   (refused, {} in a row)", unwritten.failures));
            let until = pace::shifted(unwritten.not_before, -ahead);
            let replica = &mut self.replicas[index];
            replica.memory = Memory { unwritten: Some(Box::new(unwritten)), ..facts.memory }.shifted(-ahead);
            replica.copy = Some(current);
            return Progress::Rest(Some(until));
        }
        if settled.status != current.status.clone().unwrap_or_default() {
            self.check_status(&settled.status);
            settled.memory.unwritten = None;
            self.object.status = Some(settled.status);
            self.bump();
            self.writes += 1;
            self.note(format!("   write {}", describe(self.status())));
            self.replicas[index].written = Self::version(&self.object);
            current = self.object.clone();
        }
        for notice in &settled.notices {
            self.note(match notice {
                Notice::Event(report) => format!("   event {}{}", report.reason(), if report.is_warning() { " (warning)" } else { "" }),
                other => format!("   metric {other:?}"),
            });
        }
        self.notices.extend(settled.notices);
        let replica = &mut self.replicas[index];
        if current.metadata.uid == self.object.metadata.uid {
            replica.memory = settled.memory.shifted(-ahead);
            replica.copy = Some(current);
        }
        match then {
            Then::Decide => Progress::Going,
            Then::Rest(rest) => Progress::Rest(rest.earliest().map(|at| pace::shifted(at, -ahead))),
        }
    }

    /// What holds of every status that is ever written.
    fn check_status(&self, status: &DigitalTwinConsentStatus) {
        let has = |type_: &str| status.conditions.iter().any(|condition| condition.type_ == type_);
        assert!(!(has("Stalled") && has("Reconciling")), "{status:?}");
        assert!(status.history.len() <= 10);
        if !status.conditions.is_empty() {
            assert!(has("Ready") && has("Initiated") && has("Approved"));
        }
        let approved = status.conditions.iter().any(|condition| condition.type_ == "Approved" && condition.status == "True");
        assert_eq!(approved, status.approval_time.is_some(), "approvalTime tells of an approval, and of nothing else");
        for old in &self.status().conditions {
            if let Some(new) = status.conditions.iter().find(|new| new.type_ == old.type_ && new.status == old.status) {
                assert_eq!(new.last_transition_time, old.last_transition_time, "{} has not changed", old.type_);
            }
        }
        let generations: Vec<_> = status.conditions.iter().map(|condition| condition.observed_generation).collect();
        assert!(generations.iter().all(|generation| *generation == status.observed_generation), "{status:?}");
        for condition in &status.conditions {
            assert!(!condition.message.contains("heygen.example"), "a link in a message");
        }
    }

    /// Goes on until nothing is due, and returns the next time; panics when it spins.
    pub fn settle_down(&mut self) -> Option<Timestamp> {
        for _ in 0..64 {
            self.deliver(0);
            let mut progress = self.begin(0);
            if progress == Progress::Going {
                progress = self.finish(0);
            }
            if let Progress::Rest(until) = progress {
                assert!(until.is_none_or(|until| until > self.now), "a rest until the past");
                return until;
            }
        }
        panic!("a hot loop:\n{}", self.trace.join("\n"));
    }

    /// Goes on until HeyGen has accepted the request.
    pub fn settle_down_until_answered(&mut self) {
        while self.heygen.posts.is_empty() {
            self.deliver(0);
            self.begin(0);
            self.finish(0);
        }
    }

    /// Lives for a while, waking when the core asks for it.
    pub fn live(&mut self, for_seconds: u64) {
        let end = pace::add(self.now, secs(for_seconds));
        let mut wakes = 0;
        loop {
            match self.settle_down() {
                Some(next) if next <= end => self.now = next,
                _ => break,
            }
            wakes += 1;
            assert!(wakes < 20 + for_seconds, "woken more than once a second:\n{}", self.trace.join("\n"));
        }
        self.now = end;
        self.settle_down();
    }
}

/// A status in one line, without what is the same in all.
pub fn describe(status: &DigitalTwinConsentStatus) -> String {
    let flags = status.conditions.iter().map(|condition| match (condition.type_.as_str(), condition.status.as_str()) {
        ("Ready", ready) => format!("Ready={ready}/{}", condition.reason),
        ("Initiated" | "Approved", "False") => format!("{}=False", condition.type_),
        (type_, _) => type_.to_owned(),
    });
    let mut words: Vec<String> = flags.collect();
    words.extend(status.url.as_ref().map(|_| "url".to_owned()));
    words.join(" ")
}
