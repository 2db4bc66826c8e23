//! Notifications: the events of consents, sent to the sinks of their account.
//!
//! What was written into a status is handed in here, in order for each object, and waits in its sink's outbox
//! ([`Outbox`]). Handing in never waits, and nothing waits for a delivery: one task of its own begins
//! them (`sender`). Nothing is stored, so a process that begins to decide sends the last event of each object again that may not have been
//! delivered by the one before.
//!
//! A sink is known by account and name as soon as the account is shown, and keeps what is handed in also while its address or its signing
//! secret cannot be used (`target`).

pub(crate) mod condition;
pub(crate) mod delivery;
mod parcel;
pub(crate) mod target;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use tokio::sync::Notify;

use crate::process::clock;
use crate::process::clock::Wall;
use crate::process::metrics::population::SinkFigures;
use condition::{Health, Kinds, Said};
use parcel::Parcel;
use target::{Target, Unusable};
use twinconsent_core::api::account::{AllowedNamespaces, NotificationSink};
use twinconsent_core::api::account_key::AccountKey;
use twinconsent_core::api::consent::DigitalTwinConsent;
use twinconsent_core::api::event_type::EventType;
use twinconsent_core::api::uid::Uid;
use twinconsent_core::consent::audit::Event;
use twinconsent_core::consent::link::Link;
use twinconsent_core::consent::polling;
use twinconsent_core::notifications::{Answer, Notice, Outbox};

/// How often, at most, an account tells what has become of its sinks.
pub(crate) const REPORTED_EVERY: Duration = Duration::from_secs(10);

/// How many objects' events are kept of which it is not known whether they were written.
const MOST_IN_DOUBT: usize = 4096;

/// Of how many tries to write a status of one object.
const MOST_TRIES_IN_DOUBT: usize = 4;

/// A link, and the time at which it stops working.
pub(crate) type LinkUntil = (Link, Option<Timestamp>);

/// The sinks of all accounts.
#[derive(Debug, Default)]
pub struct Notifications {
    state: Mutex<State>,
    bell: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Those with sinks.
    accounts: BTreeMap<AccountKey, Sinks>,
    /// Events of statuses of which it is not known whether they were written, by their object, one list for each try.
    in_doubt: HashMap<Uid, Vec<Vec<Event>>>,
    /// Accounts that were shown.
    shown: HashSet<AccountKey>,
    /// Accounts that are known to exist since this process began to decide, and were not shown yet.
    awaited: HashSet<AccountKey>,
    next_serial: u64,
}

#[derive(Debug, Default)]
struct Sinks {
    sinks: BTreeMap<String, Sink>,
    /// The namespaces that the account serves; `None`: all.
    allowed: Option<Arc<AllowedNamespaces>>,
    reported: Option<(Kinds, Said)>,
    woken_at: Option<Duration>,
}

#[derive(Debug)]
struct Sink {
    /// Another one for each sink that this process has known, also of the same name.
    serial: u64,
    spec: NotificationSink,
    /// Where it is and what signs, as far as that is known.
    target: Option<Result<Arc<Target>, Unusable>>,
    outbox: Outbox<Arc<Parcel>>,
}

/// One delivery that is to be made.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) account: AccountKey,
    pub(crate) sink: String,
    serial: u64,
    pub(crate) number: u64,
    parcel: Arc<Parcel>,
    target: Arc<Target>,
    include_link: bool,
}

impl Notifications {
    /// Notes the sinks that an account names. One that is named no longer drops what waits for it. Returns whether its consents' last
    /// events are to be sent again now.
    pub(crate) fn define(&self, account: &AccountKey, specs: &[NotificationSink], allowed: Option<Arc<AllowedNamespaces>>) -> bool {
        let state = &mut *self.state();
        let is_awaited = state.awaited.remove(account);
        state.shown.insert(account.clone());
        if specs.is_empty() {
            state.accounts.remove(account);
            return false;
        }
        let known = state.accounts.entry(account.clone()).or_default();
        known.allowed = allowed;
        let mut before = std::mem::take(&mut known.sinks);
        for spec in specs {
            let sink = match before.remove(&spec.name) {
                Some(sink) if leads_as(&sink.spec, spec) => Sink { spec: spec.clone(), ..sink },
                Some(sink) => Sink { spec: spec.clone(), target: None, ..sink },
                None => {
                    state.next_serial += 1;
                    Sink { serial: state.next_serial, spec: spec.clone(), target: None, outbox: Outbox::default() }
                }
            };
            known.sinks.insert(spec.name.clone(), sink);
        }
        is_awaited
    }

    /// Forgets the sinks of an account that is gone, or left to others.
    pub(crate) fn forget(&self, account: &AccountKey) {
        let mut state = self.state();
        state.accounts.remove(account);
        state.awaited.remove(account);
        state.shown.remove(account);
    }

    /// Notes which accounts there are when this process begins to decide. Returns those whose consents' last events are to be sent
    /// again; of the others, [`define`](Self::define) tells.
    pub(crate) fn begin(&self, accounts: Vec<AccountKey>) -> Vec<AccountKey> {
        let state = &mut *self.state();
        let (shown, awaited): (Vec<_>, Vec<_>) = accounts.into_iter().partition(|account| state.shown.contains(account));
        state.awaited = awaited.into_iter().collect();
        shown.into_iter().filter(|account| state.accounts.contains_key(account)).collect()
    }

    /// Notes what the Secrets of a sink say, unless the sink has become another one meanwhile.
    fn set_target(&self, account: &AccountKey, spec: &NotificationSink, target: Result<Target, Unusable>) {
        let mut state = self.state();
        let Some(sink) = state.accounts.get_mut(account).and_then(|sinks| sinks.sinks.get_mut(&spec.name)) else { return };
        if !leads_as(&sink.spec, spec) {
            return;
        }
        match (target, &sink.target) {
            (Ok(target), Some(Ok(known))) if **known == target => {}
            (Ok(target), _) => {
                sink.outbox.mended(clock::steady());
                sink.target = Some(Ok(Arc::new(target)));
                self.bell.notify_one();
            }
            // What was read before goes on while it cannot be read.
            (Err(Unusable { may_be_passing: true, .. }), Some(Ok(_))) => {}
            (Err(unusable), _) => sink.target = Some(Err(unusable)),
        }
    }

    /// Which namespaces an account with sinks serves (`None` inside: all), by its spec, also while it was not reconciled yet.
    pub(crate) fn allowed(&self, account: &AccountKey) -> Option<Option<Arc<AllowedNamespaces>>> {
        self.state().accounts.get(account).map(|sinks| sinks.allowed.clone())
    }

    /// Whether anything is sent for the consents of an account.
    pub(crate) fn has_sinks(&self, account: &AccountKey) -> bool {
        self.state().accounts.contains_key(account)
    }

    /// Takes events of an object, in order; of those that give a link, with it and the time at which it stops working.
    pub(crate) fn push(&self, account: &AccountKey, object: Uid, notices: &[Notice], link: Option<&LinkUntil>, wall: Wall) {
        self.hand_in(account, object, notices, link, wall, false);
    }

    /// Takes the last event of an object once more, as long as half of the room is left. Where anything of the object waits, it waits already.
    pub(crate) fn push_again(&self, account: &AccountKey, object: Uid, notice: Notice, link: Option<&LinkUntil>, wall: Wall) {
        self.hand_in(account, object, &[notice], link, wall, true);
    }

    fn hand_in(&self, account: &AccountKey, object: Uid, notices: &[Notice], link: Option<&LinkUntil>, wall: Wall, is_again: bool) {
        let now = clock::steady();
        let mut state = self.state();
        let Some(sinks) = state.accounts.get_mut(account) else { return };
        for notice in notices {
            let is_asked_for = sinks.sinks.values().any(|sink| sink.wants(notice.event_type) && sink.spec.include_link == Some(true));
            let link = link.filter(|_| is_asked_for && matches!(notice.event_type, EventType::Requested | EventType::Renewed));
            if notice.event_type.supersedes_links() && !is_again {
                sinks.sinks.values().flat_map(|sink| sink.outbox.waiting_of(object)).for_each(|waiting| waiting.leave_link_out());
            }
            let parcel = Arc::new(Parcel::of(&notice.line, link.cloned()));
            for sink in sinks.sinks.values_mut().filter(|sink| sink.wants(notice.event_type)) {
                let (parcel, bytes, made) = (parcel.clone(), parcel.bytes(), wall.steady(notice.time));
                if !is_again {
                    sink.outbox.push(object, parcel, bytes, made, now);
                } else if sink.outbox.waiting_of(object).next().is_none() {
                    sink.outbox.push_again(object, parcel, bytes, made, now);
                }
            }
        }
        self.bell.notify_one();
    }

    /// Begins all deliveries that may begin now. Returns them, and when there is something to do next.
    pub(crate) fn take(&self, now: Timestamp) -> (Vec<Job>, Option<Timestamp>) {
        let (mut jobs, mut next) = (Vec::new(), None::<Timestamp>);
        for (account, sinks) in &mut self.state().accounts {
            for (name, sink) in &mut sinks.sinks {
                let target = sink.target.as_ref().and_then(|target| target.as_ref().ok());
                while let Some((target, (number, parcel))) = target.and_then(|target| Some((target, sink.outbox.take(now)?))) {
                    jobs.push(Job {
                        account: account.clone(),
                        sink: name.clone(),
                        serial: sink.serial,
                        number,
                        parcel: parcel.clone(),
                        target: target.clone(),
                        include_link: sink.spec.include_link == Some(true),
                    });
                }
                sink.outbox.expire(now);
                next = [next, sink.outbox.next_at(target.is_some())].into_iter().flatten().min();
            }
        }
        (jobs, next)
    }

    /// Ends a delivery. Returns what is worth telling of the sink, unless it is gone.
    pub(crate) fn end(&self, job: &Job, answer: Answer, now: Timestamp, jitter: f64) -> Option<Health> {
        let mut state = self.state();
        let sink = state.accounts.get_mut(&job.account)?.sinks.get_mut(&job.sink).filter(|sink| sink.serial == job.serial)?;
        sink.outbox.end(job.number, answer, now, jitter);
        Some(sink.health(now))
    }

    /// Which accounts have something else to tell than they reported last. Each comes every [`REPORTED_EVERY`] at most.
    pub(crate) fn changed(&self, now: Timestamp) -> Vec<AccountKey> {
        let passed = clock::monotonic();
        let mut changed = Vec::new();
        for (account, sinks) in &mut self.state().accounts {
            let is_rested = sinks.woken_at.is_none_or(|at| passed.saturating_sub(at) >= REPORTED_EVERY);
            if is_rested && sinks.reported.as_ref().is_some_and(|(kinds, _)| *kinds != sinks.kinds(now)) {
                sinks.woken_at = Some(passed);
                changed.push(account.clone());
            }
        }
        changed
    }

    /// What an account says of its sinks, if it has any, `known` being what its status says. The same as before, unless the kind of it has changed.
    pub(crate) fn say(&self, account: &AccountKey, known: Option<&Condition>, wall: Wall) -> Option<Said> {
        let now = clock::steady();
        let mut state = self.state();
        let sinks = state.accounts.get_mut(account)?;
        let kinds = sinks.kinds(now);
        if let Some((_, said)) = sinks.reported.as_ref().filter(|(reported, _)| *reported == kinds) {
            return Some(said.clone());
        }
        let said = condition::say(sinks.health(now), known, wall);
        sinks.reported = Some((kinds, said.clone()));
        Some(said)
    }

    /// Keeps events of an object whose status may have been written, although the answer to that was lost.
    pub(crate) fn doubt(&self, object: Uid, events: Vec<Event>) {
        let mut state = self.state();
        if events.is_empty() || state.in_doubt.len() >= MOST_IN_DOUBT && !state.in_doubt.contains_key(&object) {
            return;
        }
        let tries = state.in_doubt.entry(object).or_default();
        if tries.len() < MOST_TRIES_IN_DOUBT {
            tries.push(events);
        }
    }

    /// The events that were in doubt and were written after all, as the object shows by now. What it cannot show yet stays in doubt.
    pub(crate) fn written_after_all(&self, object: Uid, consent: &DigitalTwinConsent) -> Vec<Event> {
        let mut state = self.state();
        let (Some(tries), Some(mark)) = (state.in_doubt.get(&object), consent.status.as_ref().and_then(|status| status.audit.as_ref()))
        else {
            return Vec::new();
        };
        if tries.iter().flatten().all(|event| event.sequence() > mark.sequence) {
            return Vec::new();
        }
        let tries = state.in_doubt.remove(&object).unwrap_or_default();
        let is_named = |events: &Vec<Event>| events.last().is_some_and(|last| last.digest() == mark.digest);
        tries.into_iter().find(is_named).unwrap_or_default()
    }

    /// Forgets what was in doubt of an object that is gone.
    pub(crate) fn no_doubt(&self, object: Uid) {
        self.state().in_doubt.remove(&object);
    }

    /// What the metrics tell of each sink.
    pub(crate) fn figures(&self) -> Vec<(AccountKey, String, SinkFigures)> {
        let now = clock::steady();
        let state = self.state();
        let sinks = state.accounts.iter().flat_map(|(account, sinks)| sinks.sinks.iter().map(move |(name, sink)| (account, name, sink)));
        let figures = sinks.map(|(account, name, sink)| {
            let standing = sink.outbox.standing(now);
            let oldest = standing.oldest.map_or(Duration::ZERO, |oldest| polling::since(oldest, now));
            let figures = SinkFigures { waiting: standing.waiting, oldest: oldest.as_secs_f64(), counts: standing.counts };
            (account.clone(), name.clone(), figures)
        });
        figures.collect()
    }

    /// Waits until something was handed in, or can be sent now.
    pub(crate) async fn rung(&self) {
        self.bell.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether what was read for one is what the other needs.
fn leads_as(one: &NotificationSink, other: &NotificationSink) -> bool {
    let read = |sink: &NotificationSink| (sink.url.clone(), sink.url_secret_ref.clone(), sink.signing_secret_ref.clone());
    read(one) == read(other)
}

impl Sinks {
    fn health(&self, now: Timestamp) -> impl Iterator<Item = (&str, Health)> {
        self.sinks.iter().map(move |(name, sink)| (name.as_str(), sink.health(now)))
    }

    fn kinds(&self, now: Timestamp) -> Kinds {
        condition::kinds(self.health(now))
    }
}

impl Sink {
    fn wants(&self, event_type: EventType) -> bool {
        self.spec.events.as_ref().is_none_or(|events| events.iter().any(|word| word == event_type.word()))
    }

    fn health(&self, now: Timestamp) -> Health {
        Health { unusable: self.target.as_ref().and_then(|target| target.as_ref().err().cloned()), standing: self.outbox.standing(now) }
    }
}

#[cfg(test)]
mod tests;
