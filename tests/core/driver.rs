//! The shell in small: decide → act on the model → settle → write under a precondition, one step at a time.
//!
//! A step is cut in two, so that replicas can interleave and crash between the effect and its record.

// The paths are for the test of `docs/answers.md`, which has this file in another folder.
#[path = "driver/audit.rs"]
pub mod audit;
#[path = "driver/checks.rs"]
mod checks;
#[path = "driver/effects.rs"]
pub mod effects;
#[path = "driver/happenings.rs"]
mod happenings;
#[path = "driver/life.rs"]
mod life;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use twinconsent::process::clock::steps::Steps;
use twinconsent_core::api::consent::{DigitalTwinConsent, DigitalTwinConsentStatus};
use twinconsent_core::consent::apply::{Input, Notice, apply};
use twinconsent_core::consent::outcome::{Group, Outcome};
use twinconsent_core::consent::policy::Rules;
use twinconsent_core::consent::polling;
use twinconsent_core::consent::request::Request;
use twinconsent_core::consent::state::{LONGEST_UNWRITTEN, Memory, Unwritten};
use twinconsent_core::consent::step;
use twinconsent_core::consent::step::{AccountFact, Call, Facts, Proof, Rest, Step, Then, decide};

use crate::model::Model;
use audit::AuditLog;
use effects::Called;
pub use life::describe;

/// One process that runs the operator.
#[derive(Debug, Default)]
pub struct Replica {
    /// By the steady clock, as are the other times here.
    pub memory: Memory,
    pub copy: Option<DigitalTwinConsent>,
    pub started: Timestamp,
    pub in_hand: Option<InHand>,
    /// How it rests, by the wall clock.
    pub rest: Rest,
    /// When the schedule has polled the group last without anything new.
    pub polled_at: Option<Timestamp>,
    /// When it gets a permit, once it waits for one.
    pub permit_at: Option<Timestamp>,
    /// The version of its own last write.
    pub written: u64,
    /// The key of the request that HeyGen has accepted from it last.
    pub accepted: Option<String>,
    /// The last poll: when, and what it showed.
    pub last_poll: Option<(Timestamp, Group)>,
    /// Since when every poll of its own that told a word takes an approval back.
    pub withdrawing_since: Option<Timestamp>,
}

/// An effect that happened and was not recorded yet.
#[derive(Debug)]
pub struct InHand {
    base: DigitalTwinConsent,
    facts: Facts,
    input: Input,
    then: Then,
    at: Timestamp,
    ahead: SignedDuration,
}

/// What a replica has decided to do.
#[derive(Debug)]
pub struct Decided {
    pub base: DigitalTwinConsent,
    pub facts: Facts,
    pub step: Step,
    /// By the wall clock.
    pub at: Timestamp,
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
    pub rules: Rules,
    pub account: Option<AccountFact>,
    pub owns_group: bool,
    pub proof: Proof,
    pub secret: LinkSecret,
    pub replicas: Vec<Replica>,
    /// How long a newcomer waits for a permit.
    pub queue: Duration,
    pub writes: usize,
    /// Whether the API server refuses every status, and when it has refused one.
    pub refuses: bool,
    pub refused: Vec<Timestamp>,
    pub notices: Vec<Notice>,
    pub trace: Vec<String>,
    /// What was asked of HeyGen and of the link Secret, and what came of it.
    pub called: Vec<Called>,
    pub audit: AuditLog,
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
            rules: Rules::default(),
            account: None,
            owns_group: true,
            proof: Proof::default(),
            secret: LinkSecret::default(),
            replicas: vec![Replica { started: at(1), ..Replica::default() }],
            queue: Duration::ZERO,
            writes: 0,
            refuses: false,
            refused: Vec::new(),
            notices: Vec::new(),
            trace: Vec::new(),
            called: Vec::new(),
            audit: AuditLog::default(),
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

    fn version(object: &DigitalTwinConsent) -> u64 {
        object.metadata.resource_version.as_deref().unwrap().parse().unwrap()
    }

    fn bump(&mut self) {
        self.object.metadata.resource_version = Some((Self::version(&self.object) + 1).to_string());
    }

    pub fn note(&mut self, line: String) {
        let passed = polling::since(self.begun, self.now).as_secs();
        let stamp = format!("{}+{:02}:{:02}:{:02}", passed / 86400, passed / 3600 % 24, passed / 60 % 60, passed % 60);
        self.trace.push(format!("{stamp}  {line}"));
    }

    fn facts(&self, replica: &Replica) -> Facts {
        let account = self.account.clone().unwrap_or_else(|| AccountFact::Usable(Arc::new(self.rules.clone())));
        let wall = self.clock.wall();
        let mut memory = replica.memory.clone().shifted(wall.ahead());
        let (started, polled_at) = (wall.of(replica.started), memory.polled_at.max(replica.polled_at));
        memory.polled_at = memory.polled_at.and(polled_at);
        Facts { account, owns_group: self.owns_group, memory, started, doubt: wall.doubt(), polled_at, proof: self.proof }
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

    /// What a replica would do now; `None` while its copy is older than its own last write.
    pub fn decided(&mut self, index: usize) -> Option<Decided> {
        if self.replicas[index].copy.is_none() {
            self.deliver(index);
        }
        let replica = &self.replicas[index];
        let base = replica.copy.clone().unwrap();
        if Self::version(&base) < replica.written {
            return None;
        }
        let facts = self.facts(replica);
        let (at, ahead) = (self.clock.wall().of(self.now), self.clock.wall().ahead());
        let step = decide(&base, &facts, at);
        let decided = Decided { base, facts, step, at, ahead };
        checks::check_explained(&decided);
        Some(decided)
    }

    /// Decides, and lets the effect happen.
    pub fn begin(&mut self, index: usize) -> Progress {
        let Some(mut decided) = self.decided(index) else { return Progress::Rest(None) };
        if let Step::Call(call @ Call::Poll) = &decided.step {
            let permit_at = self.replicas[index].permit_at.unwrap_or_else(|| polling::add(self.now, self.queue));
            self.replicas[index].permit_at = Some(permit_at).filter(|permit_at| *permit_at > self.now);
            if permit_at > self.now {
                let wait = polling::since(self.now, permit_at);
                decided.step = step::delayed(&decided.base, &decided.facts, call, wait, decided.at);
                if let Step::Rest(Rest { poll: Some(poll), .. }) | Step::Tell(_, Then::Rest(Rest { poll: Some(poll), .. })) =
                    &mut decided.step
                {
                    poll.at = polling::shifted(permit_at, decided.ahead);
                }
            }
        }
        self.take(index, decided)
    }

    /// Takes a step: rests, or lets the effect happen.
    pub fn take(&mut self, index: usize, Decided { base, facts, step, at, ahead }: Decided) -> Progress {
        let (input, then) = match step {
            Step::Rest(rest) => return self.rest(index, rest, ahead),
            Step::Tell(finding, then) => (Input::Found(finding), then),
            Step::RecordAnswer => (Input::AnswerInHand, Then::Decide),
            Step::Call(call) => (self.act(index, &base, call), Then::Decide),
        };
        self.replicas[index].in_hand = Some(InHand { base, facts, input, then, at, ahead });
        Progress::Going
    }

    /// Takes up what a poll of the schedule has shown, in place of the step that was decided.
    pub fn take_up(&mut self, index: usize, Decided { base, facts, ahead, .. }: Decided, at: Timestamp, outcome: Outcome) {
        self.note_poll(index, at, &outcome);
        let input = Input::Answered(Call::Poll, outcome);
        self.replicas[index].in_hand = Some(InHand { base, facts, input, then: Then::Decide, at, ahead });
    }

    /// What HeyGen has answered to the call that is not recorded yet.
    pub fn answer_in_hand(&self, index: usize) -> Option<&Outcome> {
        match &self.replicas[index].in_hand.as_ref()?.input {
            Input::Answered(_, outcome) => Some(outcome),
            Input::Found(_) | Input::AnswerInHand | Input::Secret(_) => None,
        }
    }

    fn rest(&mut self, index: usize, rest: Rest, ahead: SignedDuration) -> Progress {
        self.replicas[index].rest = rest;
        Progress::Rest(rest.earliest().map(|at| polling::shifted(at, -ahead)))
    }

    /// Settles and writes what the last step brought.
    pub fn finish(&mut self, index: usize) -> Progress {
        let Some(InHand { base, facts, input, then, at, ahead }) = self.replicas[index].in_hand.take() else { return Progress::Going };
        let mut current = base.clone();
        let mut settled = apply(&current, &facts, &input, at);
        self.log(&current, &settled);
        if settled.status != current.status.clone().unwrap_or_default()
            && current.metadata.resource_version != self.object.metadata.resource_version
        {
            let gone = current.metadata.uid != self.object.metadata.uid;
            let same = base.spec.link_secret_ref == self.object.spec.link_secret_ref && Request::of(&base) == Request::of(&self.object);
            if gone || !same || matches!(&input, Input::Found(_)) {
                self.note("   (conflict, dropped)".into());
                self.deliver(index);
                return Progress::Going;
            }
            current = self.object.clone();
            settled = apply(&current, &facts, &input, at);
            self.log(&current, &settled);
        }
        if self.refuses && settled.status != current.status.clone().unwrap_or_default() {
            let before = facts.memory.unwritten.as_deref();
            let unwritten = Unwritten::after(before, &current, LONGEST_UNWRITTEN, at);
            self.refused.push(self.now);
            self.note(format!("   (refused, {} in a row)", unwritten.failures));
            let until = polling::shifted(unwritten.not_before, -ahead);
            let replica = &mut self.replicas[index];
            replica.memory = Memory { unwritten: Some(Box::new(unwritten)), ..facts.memory }.shifted(-ahead);
            replica.copy = Some(current);
            return Progress::Rest(Some(until));
        }
        if settled.status != current.status.clone().unwrap_or_default() {
            self.check_status(&settled.status);
            self.check_events(&settled);
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
            Then::Rest(rest) => self.rest(index, rest, ahead),
        }
    }
}
