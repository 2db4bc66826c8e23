//! Many objects on one account: the shell in small with its schedule, so that what is called, when and how often can be recorded.
//!
//! Each object is a [`World`] of its own with its group; the budget, the list and HeyGen's trouble are common. Calls take a tenth of a
//! second, workers and writes no time. What the schedule decides is the affair of [`budget`] alone.

mod budget;
mod lives;
mod midnight;
mod record;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use twinconsent_core::consent::outcome::{Class, GroupsPage, Outcome, Trouble};
use twinconsent_core::consent::polling;
use twinconsent_core::consent::step;
use twinconsent_core::consent::step::{Call, POLL_STAYS_FRESH, Step};
use twinconsent_core::schedule::{Begun, Grant, Purpose, Shown};

use crate::driver::effects::answered;
use crate::driver::{Decided, Progress, Replica, World, at, secs};
use crate::model::{Fault, Model};
use budget::{Budget, Todo};

/// How long a call takes.
const LATENCY: Duration = Duration::from_millis(100);

/// Groups on a page of the list.
const PAGE: usize = 50;

/// A call that is under way.
struct Flight {
    begun: Begun,
    of: Of,
    outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    /// Of this object.
    Object(usize),
    /// A page of the list.
    Page,
}

pub struct Fleet {
    pub now: Timestamp,
    members: Vec<World>,
    budget: Budget,
    limit: (u32, u32),
    flights: BTreeMap<(Timestamp, u64), Flight>,
    flown: u64,
    /// What HeyGen answers instead, to every call.
    pub trouble: Option<Trouble>,
    /// What it answers to a page of the list instead.
    pub list_trouble: Option<Class>,
    /// The groups that the list leaves out, and those that it shows without their word.
    pub omitted: BTreeSet<usize>,
    pub wordless: BTreeSet<usize>,
    /// When pages were read.
    pages: Vec<Timestamp>,
}

impl Fleet {
    /// With a limit on calls a minute, and at once.
    pub fn new(per_minute: u32, burst: u32) -> Self {
        Self {
            now: at(1),
            members: Vec::new(),
            budget: Budget::new(per_minute, burst, at(1)),
            limit: (per_minute, burst),
            flights: BTreeMap::new(),
            flown: 0,
            trouble: None,
            list_trouble: None,
            omitted: BTreeSet::new(),
            wordless: BTreeSet::new(),
            pages: Vec::new(),
        }
    }

    /// Creates objects, each with a group that says `word`.
    pub fn create(&mut self, count: usize, namespace: &str, word: Option<&str>, spec: &Value) {
        for number in self.members.len()..self.members.len() + count {
            let mut world = World::new(spec.clone(), Model::saying(word));
            let metadata = &mut world.object.metadata;
            metadata.name = Some(format!("c{number:03}"));
            metadata.namespace = Some(namespace.to_owned());
            metadata.uid = Some(format!("0a0a0a0a-0000-4000-8000-{number:012}"));
            metadata.creation_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(self.now));
            world.object.spec.group_id = format!("g{number:03}");
            (world.now, world.replicas[0].started) = (self.now, at(1));
            self.members.push(world);
            self.add(number);
            self.budget.change(number);
        }
    }

    fn add(&mut self, number: usize) {
        let object = &self.members[number].object;
        self.budget.add(number, object.metadata.namespace.as_deref().unwrap_or_default(), &object.spec.group_id);
    }

    /// Changes some objects or their groups; the watch shows the objects.
    pub fn change(&mut self, which: impl IntoIterator<Item = usize>, change: impl Fn(&mut World)) {
        for number in which {
            self.members[number].now = self.now;
            let version = self.members[number].object.metadata.resource_version.clone();
            change(&mut self.members[number]);
            if self.members[number].object.metadata.resource_version != version {
                self.budget.change(number);
            }
        }
    }

    /// HeyGen's word about some groups is another from now on.
    pub fn says(&mut self, which: impl IntoIterator<Item = usize>, word: Option<&str>) {
        self.change(which, |world| world.heygen.word = word.map(str::to_owned));
    }

    /// The process is killed and starts again: it knows what the objects say, and nothing else.
    pub fn restart(&mut self) {
        self.budget = Budget::new(self.limit.0, self.limit.1, self.now);
        self.flights.clear();
        let now = self.now;
        for world in &mut self.members {
            world.now = now;
            world.note("-- restart".into());
            world.replicas[0] = Replica { started: now, ..Replica::default() };
        }
        (0..self.members.len()).for_each(|number| self.add(number));
        self.budget.wake_all(self.members.len());
    }

    /// Lets seconds pass.
    pub fn live(&mut self, seconds: u64) {
        self.live_for(secs(seconds));
    }

    /// Lets time pass.
    pub fn live_for(&mut self, time: Duration) {
        let end = polling::add(self.now, time);
        for _ in 0..1_000_000 {
            let scheduled_at = self.take_all();
            let flight = self.flights.first_key_value().map(|((ends, _), _)| *ends);
            let next = flight.map_or(scheduled_at, |ends| ends.min(scheduled_at));
            if next > end {
                self.now = end;
                return;
            }
            self.now = next;
            while let Some(flight) = self.flights.first_entry().filter(|first| first.key().0 <= next) {
                let flight = flight.remove();
                self.lands(flight);
            }
        }
        panic!("a hot loop");
    }

    /// Does everything that is to be done now. Returns when there is more.
    fn take_all(&mut self) -> Timestamp {
        loop {
            match self.budget.take(self.now) {
                Todo::Decide(number, grant) => self.work(number, grant),
                Todo::Page(cursor, begun) => {
                    self.pages.push(self.now);
                    let outcome = self.page(cursor.map_or(0, |cursor| cursor.parse().unwrap()));
                    self.begin(begun, Of::Page, outcome);
                }
                Todo::At(at) => return at,
            }
        }
    }

    fn begin(&mut self, begun: Begun, of: Of, outcome: Outcome) {
        self.flown += 1;
        self.flights.insert((polling::add(self.now, LATENCY), self.flown), Flight { begun, of, outcome });
    }

    fn lands(&mut self, Flight { begun, of, outcome }: Flight) {
        let is_the_accounts = self.budget.end(begun, outcome, self.now);
        let Of::Object(number) = of else { return };
        let world = &mut self.members[number];
        world.now = self.now;
        if is_the_accounts {
            // That changes the account, and its objects by that alone.
            world.replicas[0].in_hand = None;
            self.work(number, None);
        } else if world.finish(0) == Progress::Going {
            self.work(number, None);
        } else {
            self.rests(number, None);
        }
    }

    /// Decides one object, until it rests or calls.
    fn work(&mut self, number: usize, mut grant: Option<Grant>) {
        for _ in 0..64 {
            let (polled_at, fault) = (self.budget.polled_at(number), self.fault());
            let world = &mut self.members[number];
            (world.now, world.heygen.fault, world.replicas[0].polled_at) = (self.now, fault, polled_at);
            world.deliver(0);
            let Some(mut decided) = world.decided(0) else { return self.budget.done(number, grant, self.now) };
            let mut permit = None;
            match grant.take() {
                Some(Grant::Shown(Shown { at, outcome })) if step::would_poll(&decided.step) => {
                    world.note(format!("page → {}", answered(&outcome)));
                    world.take_up(0, decided, at, outcome);
                    if world.finish(0) != Progress::Going {
                        return self.rests(number, None);
                    }
                    continue;
                }
                Some(Grant::Poll(begun)) if step::would_poll(&decided.step) => {
                    decided.step = Step::Call(Call::Poll);
                    permit = Some(begun);
                }
                given => match decided.step.clone() {
                    Step::Call(call) if call.asks_heygen() => permit = self.permit(number, &call, given, &mut decided),
                    _ => grant = given,
                },
            }
            let world = &mut self.members[number];
            let progress = world.take(0, decided);
            if let Some(begun) = permit {
                let outcome = world.answer_in_hand(0).unwrap().clone();
                return self.begin(begun, Of::Object(number), outcome);
            }
            if progress != Progress::Going || world.finish(0) != Progress::Going {
                return self.rests(number, grant);
            }
        }
        panic!("an object took too many steps at once");
    }

    /// The permit for a call, or another step while there is none; what was given for another call goes back.
    fn permit(&mut self, number: usize, call: &Call, given: Option<Grant>, decided: &mut Decided) -> Option<Begun> {
        let is_request = *call != Call::Poll;
        match given {
            Some(Grant::Request(begun)) if is_request => return Some(begun),
            Some(Grant::Poll(begun) | Grant::Request(begun)) => self.budget.give_back(begun, self.now),
            Some(Grant::Shown(..)) | None => {}
        }
        let seen_at = decided.facts.memory.seen.as_ref().map_or(self.now, |seen| seen.at);
        let purpose = if is_request {
            Purpose::Request { good_until: polling::add(seen_at, POLL_STAYS_FRESH) }
        } else {
            Purpose::Poll { urgency: step::urgency(&decided.base, &decided.facts, decided.at) }
        };
        match self.budget.ask(number, purpose, self.now) {
            Ok(begun) => Some(begun),
            Err(wait) => {
                decided.step = step::delayed(&decided.base, &decided.facts, call, wait, decided.at);
                None
            }
        }
    }

    fn rests(&mut self, number: usize, unused: Option<Grant>) {
        self.budget.rest(number, self.members[number].replicas[0].rest, self.now);
        self.budget.done(number, unused, self.now);
    }

    fn fault(&self) -> Option<Fault> {
        self.trouble.clone().map(Fault::Trouble)
    }

    fn page(&self, from: usize) -> Outcome {
        if let Some(trouble) = self.trouble.clone().or_else(|| self.list_trouble.map(Trouble::of)) {
            return Outcome::Trouble(trouble);
        }
        let shown = |(number, world): (usize, &World)| {
            let mut group = world.heygen.group();
            group.consent_status = group.consent_status.filter(|_| !self.wordless.contains(&number));
            (world.object.spec.group_id.clone(), group)
        };
        let is_there = |(number, world): &(usize, &World)| !self.omitted.contains(number) && !world.heygen.missing;
        let all: Vec<_> = self.members.iter().enumerate().filter(is_there).map(shown).collect();
        let next = (from + PAGE < all.len()).then(|| (from + PAGE).to_string());
        Outcome::Listed(GroupsPage { groups: all.into_iter().skip(from).take(PAGE).collect(), next, cut_short: false, unreadable: 0 })
    }
}
