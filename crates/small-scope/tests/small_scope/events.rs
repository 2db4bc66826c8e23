//! What can happen next, and what it does.

use std::fmt;

use serde_json::Value;
use twinconsent_core::api::REQUESTED_AT;
use twinconsent_core::api::conditions::types;
use twinconsent_core::api::consent::{Approval, Initiate, ReadyWhen, Statement, Withdrawal};
use twinconsent_core::consent::step::Call;

use crate::heygen::{WINDOW, Word};
use crate::owners;
use crate::planted::Planted;
use crate::record;
use crate::shell::{self, Fate};
use crate::world::{Replica, World, at};

/// Longer than a poll stays fresh, in seconds.
const MINUTE: i64 = 61;

/// Longer than a key is replayed.
const DAY: i64 = WINDOW + 1;

/// What is tried: a start, and how often each kind of event may happen on the way.
pub struct Scope {
    pub name: &'static str,
    pub spec: fn() -> Value,
    /// The words that HeyGen may say at the start.
    pub starts: Vec<Word>,
    /// The words that it may say later.
    pub words: Vec<Word>,
    pub places: usize,
    pub replicas: usize,
    pub most: Vec<(Kind, u8)>,
    /// How many disturbances may happen in all: every kind but the passing of time and what prepares another.
    pub disturbances: u8,
    /// A fault that is planted, to see it found.
    pub planted: Option<Planted>,
}

/// A kind of event that does not belong to the work of the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Time passes until something is due.
    Due,
    /// A minute passes, so that a poll is no longer fresh.
    Minute,
    /// A day passes, so that a key is executed anew and a link is dead.
    Day,
    /// A copy of everything is taken.
    Backup,
    /// The API server takes an object that was being deleted away.
    Gone,
    Crash,
    Lost,
    Delay,
    Word,
    Policy,
    Epoch,
    /// Another text, with a higher epoch.
    Terms,
    /// The person withdraws, or the consent lapses, or its author only follows.
    Bar,
    Suspend,
    Refresh,
    Force,
    Recreate,
    /// Deleted, and created again with the status of before.
    Bring,
    /// The same in two steps: the status of before comes while the new object is worked on.
    BringLate,
    /// The whole cluster is as it was when the copy was taken.
    Restore,
    Forge,
    Refuse,
    Serve,
    Terminate,
    Secret,
    /// The consent is begun elsewhere, or that ends.
    Bound,
}

pub const KINDS: usize = Kind::Bound as usize + 1;

impl Kind {
    fn is_free(self) -> bool {
        matches!(self, Self::Due | Self::Minute | Self::Day | Self::Backup | Self::Gone)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Show(usize),
    Begin(usize, usize, Fate),
    Finish(usize, usize),
    PollByList(usize, usize, bool),
    Due,
    Minute,
    Day,
    Crash(usize),
    Word(Word),
    Policy(usize),
    Epoch(usize),
    Terms(usize),
    Withdraw(usize),
    Lapse(usize),
    Follow(usize),
    Suspend(usize),
    Refresh(usize),
    Force(usize),
    Recreate(usize),
    Bring(usize),
    BringNothingYet(usize),
    BringLate(usize),
    Backup,
    Restore,
    Forge(usize),
    Refuse,
    Serve(usize),
    Terminate(usize),
    Gone(usize),
    SecretForeign(usize),
    SecretUnwritable(usize),
    SecretGone(usize),
    Bound,
}

impl Event {
    /// Which kind it counts as; `None` for the work of the operator.
    pub fn kind(self) -> Option<Kind> {
        Some(match self {
            Self::Show(_) | Self::Begin(_, _, Fate::Answered) | Self::Finish(..) | Self::PollByList(_, _, false) => return None,
            Self::Begin(_, _, Fate::Delayed) => Kind::Delay,
            Self::Begin(_, _, Fate::LostBefore | Fate::LostAfter) | Self::PollByList(_, _, true) => Kind::Lost,
            Self::Due => Kind::Due,
            Self::Minute => Kind::Minute,
            Self::Day => Kind::Day,
            Self::Crash(_) => Kind::Crash,
            Self::Word(_) => Kind::Word,
            Self::Policy(_) => Kind::Policy,
            Self::Epoch(_) => Kind::Epoch,
            Self::Terms(_) => Kind::Terms,
            Self::Withdraw(_) | Self::Lapse(_) | Self::Follow(_) => Kind::Bar,
            Self::Suspend(_) => Kind::Suspend,
            Self::Refresh(_) => Kind::Refresh,
            Self::Force(_) => Kind::Force,
            Self::Recreate(_) => Kind::Recreate,
            Self::Bring(_) => Kind::Bring,
            Self::BringNothingYet(_) | Self::BringLate(_) => Kind::BringLate,
            Self::Backup => Kind::Backup,
            Self::Restore => Kind::Restore,
            Self::Forge(_) => Kind::Forge,
            Self::Refuse => Kind::Refuse,
            Self::Serve(_) => Kind::Serve,
            Self::Terminate(_) => Kind::Terminate,
            Self::Gone(_) => Kind::Gone,
            Self::SecretForeign(_) | Self::SecretUnwritable(_) | Self::SecretGone(_) => Kind::Secret,
            Self::Bound => Kind::Bound,
        })
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            Some(_) => write!(f, "-- {self:?}"),
            None => write!(f, "{self:?}"),
        }
    }
}

/// Everything that can happen to `world` within `scope`.
pub fn possible(world: &World, scope: &Scope) -> Vec<Event> {
    let mut events = Vec::new();
    let allows = |kind: Kind| {
        let most = scope.most.iter().find(|(of, _)| *of == kind).map_or(0, |(_, most)| *most);
        world.used[kind as usize] < most && (kind.is_free() || world.disturbed < scope.disturbances)
    };
    for replica in 0..world.replicas.len() {
        if shell::can_continue(world, replica) {
            events.push(Event::Show(replica));
        }
        for place in 0..scope.places {
            if shell::can_finish(world, replica, place) {
                events.push(Event::Finish(replica, place));
            }
            if shell::can_begin(world, replica, place) {
                events.push(Event::Begin(replica, place, Fate::Answered));
            }
            if shell::can_poll_by_list(world, replica, place) {
                events.push(Event::PollByList(replica, place, false));
            }
            if allows(Kind::Lost) && shell::can_poll_by_list(world, replica, place) {
                events.push(Event::PollByList(replica, place, true));
            }
            if allows(Kind::Lost) || allows(Kind::Delay) {
                let call = shell::would_call(world, replica, place);
                if allows(Kind::Lost) && call.is_some() {
                    events.push(Event::Begin(replica, place, Fate::LostBefore));
                }
                if allows(Kind::Lost) && matches!(call, Some(Call::Initiate(_))) {
                    events.push(Event::Begin(replica, place, Fate::LostAfter));
                }
                if allows(Kind::Delay) && call.is_some() {
                    events.push(Event::Begin(replica, place, Fate::Delayed));
                }
            }
        }
        if allows(Kind::Crash) && world.replicas[replica].entries.iter().any(Option::is_some) {
            events.push(Event::Crash(replica));
        }
    }
    let mut on = |kind: Kind, event: Event| {
        if allows(kind) {
            events.push(event);
        }
    };
    if world.next_due().is_some_and(|due| world.may_advance(due)) {
        on(Kind::Due, Event::Due);
    }
    if world.may_advance(world.now + MINUTE) {
        on(Kind::Minute, Event::Minute);
    }
    if world.may_advance(world.now + DAY) {
        on(Kind::Day, Event::Day);
    }
    for word in scope.words.iter().filter(|word| **word != world.heygen.word) {
        on(Kind::Word, Event::Word(*word));
    }
    for policy in (0..4).filter(|policy| *policy != world.policy) {
        on(Kind::Policy, Event::Policy(policy));
    }
    on(Kind::Refuse, Event::Refuse);
    on(Kind::Bound, Event::Bound);
    if world.backup.is_none() {
        on(Kind::Backup, Event::Backup);
    } else {
        on(Kind::Restore, Event::Restore);
    }
    for place in 0..scope.places {
        let Some(object) = &world.kube[place] else { continue };
        let is_terminating = object.metadata.deletion_timestamp.is_some();
        if is_terminating {
            on(Kind::Gone, Event::Gone(place));
            continue;
        }
        if object.spec.withdrawal.is_none() {
            on(Kind::Epoch, Event::Epoch(place));
            on(Kind::Terms, Event::Terms(place));
            on(Kind::Bar, Event::Withdraw(place));
        }
        on(Kind::Bar, Event::Lapse(place));
        on(Kind::Bar, Event::Follow(place));
        on(Kind::Suspend, Event::Suspend(place));
        on(Kind::Refresh, Event::Refresh(place));
        on(Kind::Force, Event::Force(place));
        on(Kind::Recreate, Event::Recreate(place));
        on(Kind::Forge, Event::Forge(place));
        on(Kind::Serve, Event::Serve(place));
        on(Kind::Terminate, Event::Terminate(place));
        if object.status.as_ref().is_some_and(|status| !status.conditions.is_empty()) {
            on(Kind::Bring, Event::Bring(place));
            on(Kind::BringLate, Event::BringNothingYet(place));
        }
        if world.known[place].before.is_some() {
            on(Kind::BringLate, Event::BringLate(place));
        }
        if object.spec.link_secret_ref.is_some() {
            // A Secret that the link was written into is ours, until it is deleted.
            if world.secrets[place].link.is_none() {
                on(Kind::Secret, Event::SecretForeign(place));
            } else {
                on(Kind::Secret, Event::SecretGone(place));
            }
            on(Kind::Secret, Event::SecretUnwritable(place));
        }
    }
    events
}

/// What `event` makes of `world`.
pub fn apply(world: &mut World, event: Event) {
    if let Some(kind) = event.kind() {
        world.used[kind as usize] += 1;
        world.disturbed += u8::from(!kind.is_free());
    }
    let places = world.kube.len();
    match event {
        Event::Show(replica) => shell::show(world, replica),
        Event::Begin(replica, place, fate) => shell::begin(world, replica, place, fate),
        Event::Finish(replica, place) => record::finish(world, replica, place),
        Event::PollByList(replica, place, is_lost) => shell::poll_by_list(world, replica, place, is_lost),
        Event::Due => {
            let due = world.next_due().unwrap_or(world.now);
            world.advance(due);
        }
        Event::Minute => world.advance(world.now + MINUTE),
        Event::Day => world.advance(world.now + DAY),
        Event::Crash(replica) => world.replicas[replica] = Replica::new(world.now, places),
        Event::Word(word) => world.heygen.word = word,
        Event::Policy(policy) => {
            world.policy = policy;
            world.wake_all();
        }
        Event::Epoch(place) => world.edit(place, |object| {
            object.spec.request_epoch = Some(object.spec.request_epoch.unwrap_or(0) + 1);
        }),
        Event::Terms(place) => world.edit(place, |object| {
            object.spec.request_epoch = Some(object.spec.request_epoch.unwrap_or(0) + 1);
            object.spec.consent_text = if object.spec.consent_text.is_none() { Some("Another text".to_owned()) } else { None };
        }),
        Event::Withdraw(place) => world.edit(place, |object| {
            object.spec.withdrawal = Some(Withdrawal { time: "2026-01-01T00:00:00Z".to_owned(), reference: None });
        }),
        Event::Lapse(place) => world.edit(place, |object| {
            object.spec.valid_until = if object.spec.valid_until.is_none() { Some("2001-01-01T00:00:00Z".to_owned()) } else { None };
        }),
        Event::Follow(place) => world.edit(place, |object| {
            object.spec.initiate = if object.spec.initiate.is_none() { Some(Initiate::Never) } else { None };
        }),
        Event::Suspend(place) => world.edit(place, |object| {
            object.spec.suspend = if object.spec.suspend.is_none() { Some(true) } else { None };
        }),
        Event::Refresh(place) => world.edit(place, |object| {
            object.spec.ready_when = if object.spec.ready_when.is_none() { Some(ReadyWhen::Initiated) } else { None };
        }),
        Event::Force(place) => world.change(place, |object| {
            object.metadata.annotations.get_or_insert_default().insert(REQUESTED_AT.into(), "now".into());
        }),
        Event::Recreate(place) | Event::Bring(place) | Event::BringNothingYet(place) => {
            let object = world.kube[place].clone().unwrap();
            let spec = serde_json::to_value(&object.spec).unwrap();
            let status = object.status.clone().filter(|_| matches!(event, Event::Bring(_)));
            world.create(place, &spec, status);
            world.known[place].before = Some(object).filter(|_| matches!(event, Event::BringNothingYet(_)));
        }
        Event::BringLate(place) => {
            let before = world.known[place].before.take();
            world.known[place].is_brought = true;
            world.change(place, |object| object.status = before.and_then(|before| before.status.clone()));
        }
        Event::Backup => world.backup = Some(world.kube.clone()),
        Event::Restore => restore(world),
        Event::Forge(place) => forge(world, place),
        Event::Refuse => world.refuses_writes = !world.refuses_writes,
        Event::Serve(place) => {
            world.served[place] = !world.served[place];
            world.wake_all();
            for replica in 0..world.replicas.len() {
                owners::rank(world, replica);
            }
        }
        Event::Terminate(place) => {
            let time = at(world.now);
            world.change(place, |object| {
                object.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(time))
            });
        }
        Event::Gone(place) => world.kube[place] = None,
        Event::SecretForeign(place) => world.secrets[place].foreign = !world.secrets[place].foreign,
        Event::SecretGone(place) => world.secrets[place].link = None,
        Event::Bound => world.heygen.is_bound = !world.heygen.is_bound,
        Event::SecretUnwritable(place) => world.secrets[place].unwritable = !world.secrets[place].unwritable,
    }
}

/// The API server's store is that of the backup, and its revision is bumped: objects keep their versions, later writes get higher ones.
fn restore(world: &mut World) {
    let Some(backup) = world.backup.clone() else { return };
    world.kube = backup;
    // The watches learn that the revision they know is compacted, and list anew: what was remembered belongs to another history.
    for index in 0..world.replicas.len() {
        for entry in world.replicas[index].entries.iter_mut().flatten() {
            let memory = (*entry.memory).clone().in_another_history(at(world.now + 1));
            entry.memory = std::sync::Arc::new(memory);
            if world.planted != Some(Planted::VersionKept) {
                entry.written = 0;
            }
            (entry.handed, entry.acted_at) = (None, None);
            entry.woken = true;
        }
        owners::rank(world, index);
    }
}

/// A user who may write a status says that consent was given.
fn forge(world: &mut World, place: usize) {
    let time = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(world.now));
    world.change(place, |object| {
        let generation = object.metadata.generation;
        let status = object.status.get_or_insert_default();
        status.observed_generation = generation;
        status.approval = Some(Approval {
            time: time.clone(),
            consent_status: Some("approved".to_owned()),
            request_epoch: 0,
            statement: Statement::Unknown,
            statement_digest: None,
            purpose_digest: None,
            request_id: None,
        });
        let condition = |type_: &str, status: &str, reason: &str| k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition {
            type_: type_.into(),
            status: status.into(),
            reason: reason.into(),
            message: String::new(),
            last_transition_time: time.clone(),
            observed_generation: generation,
        };
        let initiated = status.conditions.iter().find(|condition| condition.type_ == types::INITIATED).cloned();
        status.conditions = vec![
            condition(types::READY, "True", "Approved"),
            initiated.unwrap_or_else(|| condition(types::INITIATED, "False", "NotInitiated")),
            condition(types::APPROVED, "True", "Approved"),
        ];
    });
}
