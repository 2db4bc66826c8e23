//! One state of everything: the API server, HeyGen, the replicas of the operator, and what the checks remember.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};
use twinconsent_core::api::account::ConsentPolicy;
use twinconsent_core::api::consent::{DigitalTwinConsent, DigitalTwinConsentStatus};
use twinconsent_core::consent::policy::{Meaning, Rules};
use twinconsent_core::consent::request::Request;
use twinconsent_core::consent::state::Memory;
use twinconsent_core::consent::step::NextPoll;

use crate::events::{KINDS, Scope};
use crate::heygen::{HeyGen, Word};
use crate::planted::Planted;
use crate::shell::InHand;

/// How much later than an effect its record may come, in seconds: every call has a deadline.
const LONGEST_EFFECT: i64 = 120;

/// An object as the API server or a replica holds it.
pub type Object = Arc<DigitalTwinConsent>;

/// A state. Cheap to clone: what is large is shared.
#[derive(Clone)]
pub struct World {
    /// In seconds.
    pub now: i64,
    /// What the API server holds, by place: each place is a name in a namespace of its own.
    pub kube: Vec<Option<Object>>,
    pub secrets: Vec<LinkSecret>,
    /// Whether the API server refuses every status that is written.
    pub refuses_writes: bool,
    /// Whether the account serves the namespace of a place.
    pub served: Vec<bool>,
    /// The account's policy, one of [`policies`].
    pub policy: usize,
    pub heygen: HeyGen,
    pub replicas: Vec<Replica>,
    pub backup: Option<Vec<Option<Object>>>,
    /// The last resource version that was given.
    pub version: u64,
    pub known: Vec<Known>,
    /// How often each kind of event has happened.
    pub used: [u8; KINDS],
    /// How many disturbances have happened.
    pub disturbed: u8,
    pub counted: Counted,
    pub planted: Option<Planted>,
    /// What was done, for people who want to read it.
    pub log: Option<Vec<String>>,
    /// The first promise that was broken.
    pub broken: Option<String>,
}

/// What the checks know of the object of a place; no part of the operator.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// How many objects there were at this place.
    pub serial: u32,
    /// The words that were read, each with the object that it was read for.
    pub read: Vec<(String, Word)>,
    /// Whether its status came out of a backup and was written for another object.
    pub is_brought: bool,
    /// The object before, whose status can still be brought.
    pub before: Option<Object>,
    /// When which epoch was executed.
    pub executed: Vec<(i64, i64)>,
    /// The statements on the pages of all links of this object that ever stood where a person may get them from.
    pub seen: Vec<Arc<str>>,
}

#[derive(Debug, Clone, Default)]
pub struct LinkSecret {
    pub foreign: bool,
    pub unwritable: bool,
    pub link: Option<String>,
}

/// Effects, for the checks of quiet.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counted {
    pub writes: u32,
    pub calls: u32,
    pub posts: u32,
    pub refused: u32,
    pub steps: u32,
}

/// One process of the operator.
#[derive(Clone)]
pub struct Replica {
    pub started: i64,
    pub entries: Vec<Option<Entry>>,
    /// The owner of the group, as decided last.
    pub owner: Option<usize>,
}

/// What a replica holds of one object.
#[derive(Clone)]
pub struct Entry {
    pub copy: Object,
    pub memory: Arc<Memory>,
    /// The version that it has written last.
    pub written: u64,
    /// Whether the object is to be decided.
    pub woken: bool,
    pub alarm: Option<i64>,
    /// When a request that waits has a permit.
    pub permit_at: Option<i64>,
    pub scheduled: Option<Scheduled>,
    /// When something was asked or written last, for polls that come late.
    pub acted_at: Option<Timestamp>,
    /// A poll by the list, until it is taken up.
    pub handed: Option<(Timestamp, Shown)>,
    /// An effect that has happened and is not recorded.
    pub in_hand: Option<Arc<InHand>>,
    /// For the checks: the last word that was read, and when.
    pub read: Option<(i64, Word)>,
    /// For the checks: since when every word that was read takes an approval back.
    pub withdrawing_since: Option<i64>,
}

/// A poll that is to be made by the list.
#[derive(Debug, Clone)]
pub struct Scheduled {
    pub poll: NextPoll,
    /// The word that was told when the object rested.
    pub word: Option<String>,
    /// When the list was polled last and showed nothing new.
    pub polled_at: Option<Timestamp>,
}

/// What a poll by the list brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    Word(Word),
    Lost,
}

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).unwrap()
}

/// The first whole second that is not before `time`.
pub fn second(time: Timestamp) -> i64 {
    time.as_second() - 1_767_225_600 + i64::from(time.subsec_nanosecond() > 0)
}

/// What counts as consent: as it is, tightened until the word is unknown, tightened until it is a refusal, and loosened.
pub fn policies() -> Vec<Arc<Rules>> {
    let words = |list: &[&str]| Some(list.iter().map(ToString::to_string).collect::<Vec<_>>());
    let policy = |granted, refused, waived| {
        Arc::new(Rules::new(Some(&ConsentPolicy { granted, refused, waived, absent_means_waived: None }), None, None))
    };
    vec![
        policy(None, None, None),
        policy(words(&["accepted"]), None, None),
        policy(None, words(&["approved", "rejected"]), None),
        policy(None, None, words(&["weird"])),
    ]
}

/// The policy without a word about it.
const DEFAULT: usize = 0;

/// The policy by which a word of consent is a refusal.
const REFUSING: usize = 2;

/// The policy that is looser than it was.
pub const LOOSE: usize = 3;

/// The rules with a policy.
pub fn terms_of(policy: usize) -> Arc<Rules> {
    POLICIES.with(|policies| policies[policy].clone())
}

thread_local! {
    static POLICIES: Vec<Arc<Rules>> = policies();
}

impl World {
    pub fn new(scope: &Scope, word: Word) -> Self {
        let mut world = Self {
            now: 0,
            kube: vec![None; scope.places],
            secrets: vec![LinkSecret::default(); scope.places],
            refuses_writes: false,
            served: vec![true; scope.places],
            policy: 0,
            heygen: HeyGen::saying(word),
            replicas: Vec::new(),
            backup: None,
            version: 0,
            known: vec![Known::default(); scope.places],
            used: [0; KINDS],
            disturbed: 0,
            counted: Counted::default(),
            planted: scope.planted,
            log: None,
            broken: None,
        };
        for place in 0..scope.places {
            world.create(place, &(scope.spec)(), None);
            world.now += 1;
        }
        world.replicas = vec![Replica::new(world.now, scope.places); scope.replicas];
        world
    }

    pub fn rules(&self) -> Arc<Rules> {
        terms_of(self.policy)
    }

    /// What HeyGen's word means now.
    ///
    /// Told here once more, and not asked of the code that is checked.
    pub fn meaning(&self) -> Meaning {
        match (self.heygen.word, self.policy) {
            (None, _) => Meaning::Absent,
            (Some("pending"), _) => Meaning::Pending,
            (Some("rejected"), _) | (Some("approved"), REFUSING) => Meaning::Refused,
            (Some("approved"), DEFAULT | LOOSE) => Meaning::Granted,
            (Some("weird"), LOOSE) => Meaning::Waived,
            _ => Meaning::Unknown,
        }
    }

    pub fn next_version(&mut self) -> String {
        self.version += 1;
        self.version.to_string()
    }

    /// Creates an object at a place.
    pub fn create(&mut self, place: usize, spec: &Value, status: Option<DigitalTwinConsentStatus>) {
        let known = &mut self.known[place];
        known.serial += 1;
        known.is_brought = status.is_some();
        known.seen.clear();
        let uid = format!("0a0a0a0a-000{place}-4000-8000-{:012}", known.serial);
        let version = self.next_version();
        let mut object: DigitalTwinConsent = serde_json::from_value(json!({
            "apiVersion": "twinconsent.io/v1alpha1", "kind": "DigitalTwinConsent",
            "metadata": {"name": "ada", "namespace": format!("n{place}"), "uid": uid, "generation": 1, "resourceVersion": version},
            "spec": spec
        }))
        .unwrap();
        object.metadata.creation_timestamp = Some(Time(at(self.now)));
        let fresh = || DigitalTwinConsentStatus { observed_generation: Some(-1), ..DigitalTwinConsentStatus::default() };
        object.status = Some(status.unwrap_or_else(fresh));
        self.secrets[place].link = None;
        self.kube[place] = Some(Arc::new(object));
    }

    /// Changes the object of a place.
    pub fn change(&mut self, place: usize, change: impl FnOnce(&mut DigitalTwinConsent)) {
        let version = self.next_version();
        let Some(object) = &mut self.kube[place] else { return };
        let object = Arc::make_mut(object);
        change(object);
        object.metadata.resource_version = Some(version);
    }

    /// Changes its spec, which makes a new generation.
    pub fn edit(&mut self, place: usize, edit: impl FnOnce(&mut DigitalTwinConsent)) {
        self.change(place, |object| {
            edit(object);
            *object.metadata.generation.as_mut().unwrap() += 1;
        });
    }

    /// Lets every replica decide every object anew: the account has changed.
    pub fn wake_all(&mut self) {
        for entry in self.replicas.iter_mut().flat_map(|replica| replica.entries.iter_mut().flatten()) {
            entry.woken = true;
        }
    }

    /// Lets time pass, and alarms go off.
    pub fn advance(&mut self, until: i64) {
        self.now = until;
        for entry in self.replicas.iter_mut().flat_map(|replica| replica.entries.iter_mut().flatten()) {
            for due in [&mut entry.alarm, &mut entry.permit_at] {
                entry.woken |= due.take_if(|due| *due <= until).is_some();
            }
        }
    }

    /// When the next thing is due that is not due now.
    pub fn next_due(&self) -> Option<i64> {
        let entries = self.replicas.iter().flat_map(|replica| replica.entries.iter().flatten());
        entries.filter_map(|entry| entry.next_due(self.now)).min()
    }

    /// Whether time may pass until then: every effect has a deadline, and its record follows.
    pub fn may_advance(&self, until: i64) -> bool {
        let entries = self.replicas.iter().flat_map(|replica| replica.entries.iter().flatten());
        entries.filter_map(|entry| entry.in_hand.as_ref()).all(|in_hand| until - in_hand.at <= LONGEST_EFFECT)
    }

    /// The link that HeyGen holds for what the object of a place asks now.
    pub fn link_held(&self, place: usize) -> Option<String> {
        let object = self.kube[place].as_ref()?;
        self.heygen.link(&request(object).idempotency_key, self.now)
    }

    pub fn note(&mut self, line: impl FnOnce(&Self) -> String) {
        if self.log.is_some() {
            let line = format!("{:>7} s  {}", self.now, line(self));
            self.log.get_or_insert_default().push(line);
        }
    }

    /// The objects, in one line.
    pub fn summary(&self) -> String {
        let objects = self.kube.iter().flatten().map(|object| {
            let ((ready, reason), (approved, _)) = (condition(object, "Ready"), condition(object, "Approved"));
            let status = object.status.clone().unwrap_or_default();
            let epoch = status.initiation.map(|initiation| initiation.epoch);
            format!("Ready={ready}/{reason} Approved={approved} asked={epoch:?} word={:?}", status.consent_status)
        });
        objects.collect::<Vec<_>>().join(" | ")
    }

    pub fn breaks(&mut self, promise: String) {
        self.broken.get_or_insert(promise);
    }
}

/// What an object asks.
pub fn request(object: &DigitalTwinConsent) -> Request {
    Request::of(object)
}

impl Known {
    fn words(&self, object: &DigitalTwinConsent) -> impl Iterator<Item = Word> {
        self.read.iter().filter(|(uid, _)| Some(uid) == object.metadata.uid.as_ref()).map(|(_, word)| *word)
    }

    /// Whether HeyGen was read for this very object.
    pub fn is_read(&self, object: &DigitalTwinConsent) -> bool {
        self.words(object).next().is_some()
    }

    /// Whether a word was read for this very object that means consent by these rules.
    pub fn is_given(&self, object: &DigitalTwinConsent, rules: &Rules) -> bool {
        self.words(object).any(|word| matches!(rules.policy.read(word), Meaning::Granted | Meaning::Waived))
    }
}

impl Replica {
    pub fn new(started: i64, places: usize) -> Self {
        Self { started, entries: vec![None; places], owner: None }
    }
}

impl Entry {
    /// When the next thing is due that is not due now.
    pub fn next_due(&self, now: i64) -> Option<i64> {
        let times = [self.alarm, self.permit_at, self.scheduled.as_ref().map(|scheduled| second(scheduled.poll.at))];
        times.into_iter().flatten().filter(|due| *due > now).min()
    }

    pub fn new(copy: Object) -> Self {
        Self {
            copy,
            memory: Arc::default(),
            written: 0,
            woken: true,
            alarm: None,
            permit_at: None,
            scheduled: None,
            acted_at: None,
            handed: None,
            in_hand: None,
            read: None,
            withdrawing_since: None,
        }
    }
}

pub fn version(object: &DigitalTwinConsent) -> u64 {
    object.metadata.resource_version.as_deref().unwrap().parse().unwrap()
}

/// A condition's status and reason.
pub fn condition<'a>(object: &'a DigitalTwinConsent, type_: &str) -> (&'a str, &'a str) {
    let conditions = object.status.iter().flat_map(|status| &status.conditions);
    conditions.into_iter().find(|condition| condition.type_ == type_).map_or(("", ""), |found| (&found.status, &found.reason))
}
