//! Many objects on one account: the shell in small with its schedule, so that what is called, when and how often can be recorded.
//!
//! Each object is a [`World`] of its own with its group; the budget, the list and HeyGen's trouble are common. Calls take a tenth of a
//! second, workers and writes no time. What the schedule decides is the affair of [`budget`] alone.

mod budget;
mod lives;
mod record;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use twinconsent_core::consent::outcome::{Class, GroupsPage, ListedGroup, Outcome, Trouble};
use twinconsent_core::consent::polling;
use twinconsent_core::consent::step;
use twinconsent_core::consent::step::{Call, LOOK_STAYS_FRESH, Rest, Step};

use crate::driver::effects::{POLL, answered};
use crate::driver::{Progress, Replica, World, at, secs};
use crate::model::{Fault, Model};
use budget::{Budget, Priority, Todo, UnderWay};

/// How long a call takes.
const LATENCY: Duration = Duration::from_millis(100);

/// Groups on a page of the list.
const PAGE: usize = 50;

/// How many polls of one group may be under way at once.
const POLLS_AT_ONCE: usize = 16;

/// One object, and what the shell holds of it.
struct Member {
    world: World,
    alarm: Option<Timestamp>,
    is_busy: bool,
    /// Whether it is to be decided again when it is no longer busy.
    again: bool,
    /// What a poll of the schedule has shown, and when that began.
    handed: Option<(Timestamp, Outcome)>,
    /// When it has called last.
    acted_at: Option<Timestamp>,
}

/// A call that is under way.
struct Flight {
    under_way: UnderWay,
    began: Timestamp,
    of: Of,
    outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    /// The object makes it itself.
    Own(usize),
    /// The schedule polls the group of this object.
    Poll(usize),
    /// The schedule reads a page of the list.
    Page,
}

pub struct Fleet {
    pub now: Timestamp,
    members: Vec<Member>,
    budget: Budget,
    limit: (u32, u32),
    woken: VecDeque<usize>,
    flights: BTreeMap<(Timestamp, u64), Flight>,
    flown: u64,
    scheduled_at: Option<Timestamp>,
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
            woken: VecDeque::new(),
            flights: BTreeMap::new(),
            flown: 0,
            scheduled_at: None,
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
            self.members.push(Member { world, alarm: None, is_busy: false, again: false, handed: None, acted_at: None });
            self.woken.push_back(number);
        }
    }

    /// Changes some objects or their groups; the watch shows the objects.
    pub fn change(&mut self, which: impl IntoIterator<Item = usize>, change: impl Fn(&mut World)) {
        for number in which {
            self.members[number].world.now = self.now;
            let version = self.members[number].world.object.metadata.resource_version.clone();
            change(&mut self.members[number].world);
            if self.members[number].world.object.metadata.resource_version != version {
                self.woken.push_back(number);
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
        self.woken = (0..self.members.len()).collect();
        let now = self.now;
        for member in &mut self.members {
            member.world.now = now;
            member.world.note("-- restart".into());
            member.world.replicas[0] = Replica { started: now, ..Replica::default() };
            (member.alarm, member.is_busy, member.again, member.handed, member.acted_at) = (None, false, false, None, None);
        }
    }

    /// Lets time pass.
    pub fn live(&mut self, seconds: u64) {
        let end = polling::add(self.now, secs(seconds));
        for _ in 0..1_000_000 {
            self.settle();
            let alarms = self.members.iter().filter_map(|member| member.alarm);
            let flight = self.flights.first_key_value().map(|((ends, _), _)| *ends);
            let next = alarms.chain(flight).chain(self.scheduled_at).filter(|next| *next > self.now).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = next;
            for (number, member) in self.members.iter_mut().enumerate() {
                if member.alarm.take_if(|alarm| *alarm <= next).is_some() {
                    self.woken.push_back(number);
                }
            }
            while let Some(flight) = self.flights.first_entry().filter(|first| first.key().0 <= next) {
                let flight = flight.remove();
                self.lands(flight);
            }
        }
        panic!("a hot loop");
    }

    /// Does everything that is to be done now.
    fn settle(&mut self) {
        loop {
            while let Some(number) = self.woken.pop_front() {
                self.work(number);
            }
            let polls = self.flights.values().filter(|flight| !matches!(flight.of, Of::Own(_))).count();
            self.scheduled_at = None;
            match self.budget.next(polls < POLLS_AT_ONCE, self.now) {
                Todo::Wake(number) => self.woken.push_back(number),
                Todo::Poll(number, under_way) => {
                    let fault = self.fault();
                    let world = &mut self.members[number].world;
                    (world.now, world.heygen.fault) = (self.now, fault);
                    let outcome = world.heygen.look();
                    world.calls(POLL, answered(&outcome));
                    self.begin(under_way, Of::Poll(number), outcome);
                }
                Todo::Page(cursor, under_way) => {
                    self.pages.push(self.now);
                    let outcome = self.page(cursor.map_or(0, |cursor| cursor.parse().unwrap()));
                    self.begin(under_way, Of::Page, outcome);
                }
                Todo::At(at) => {
                    self.scheduled_at = Some(at);
                    return;
                }
                Todo::Nothing => return,
            }
        }
    }

    fn begin(&mut self, under_way: UnderWay, of: Of, outcome: Outcome) {
        self.flown += 1;
        let flight = Flight { under_way, began: self.now, of, outcome };
        self.flights.insert((polling::add(self.now, LATENCY), self.flown), flight);
    }

    fn lands(&mut self, Flight { under_way, began, of, outcome }: Flight) {
        let news = self.budget.end(under_way, outcome, self.now);
        for (number, outcome) in news {
            let member = &mut self.members[number];
            if of == Of::Page {
                member.world.now = self.now;
                member.world.note(format!("page → {}", answered(&outcome)));
            }
            member.handed = Some((began, outcome));
            self.woken.push_back(number);
        }
        if let Of::Own(number) = of {
            let member = &mut self.members[number];
            (member.is_busy, member.acted_at) = (false, Some(began));
            member.world.now = self.now;
            let goes_on = member.world.finish(0) == Progress::Going;
            if !goes_on {
                self.rests(number);
            }
            if std::mem::take(&mut self.members[number].again) || goes_on {
                self.woken.push_back(number);
            }
        }
    }

    /// Decides one object, until it rests or has called.
    fn work(&mut self, number: usize) {
        if self.members[number].is_busy {
            self.members[number].again = true;
            return;
        }
        for _ in 0..64 {
            let (polled_at, fault) = (self.budget.polled_at(number), self.fault());
            let member = &mut self.members[number];
            let world = &mut member.world;
            (world.now, world.heygen.fault, world.replicas[0].polled_at) = (self.now, fault, polled_at);
            world.deliver(0);
            let Some(mut decided) = world.decided(0) else { return };
            if step::would_look(&decided.step)
                && let Some((seen_at, outcome)) = member.handed.take()
                && member.acted_at.is_none_or(|acted_at| seen_at >= acted_at)
            {
                world.take_up(0, decided, seen_at, outcome);
                member.acted_at = member.acted_at.max(Some(seen_at));
                if world.finish(0) != Progress::Going {
                    return self.rests(number);
                }
                continue;
            }
            let mut under_way = None;
            if let Step::Call(call) = &decided.step
                && call.asks_heygen()
            {
                let priority = match call {
                    Call::Look if step::is_forced(&decided.base) => Priority::Forced,
                    Call::Look => Priority::Poll,
                    _ => Priority::Request,
                };
                match self.budget.permit(number, priority, self.now) {
                    Ok(permit) => under_way = Some(permit),
                    Err(wait) => {
                        if let (Priority::Request, Some(seen)) = (priority, &decided.facts.memory.seen) {
                            self.budget.wait(number, polling::add(seen.at, LOOK_STAYS_FRESH));
                        }
                        decided.step = step::delayed(&decided.base, &decided.facts, call, wait, decided.at);
                    }
                }
            }
            let world = &mut self.members[number].world;
            let progress = world.take(0, decided);
            if let Some(under_way) = under_way {
                let outcome = world.answer_in_hand(0).unwrap().clone();
                self.members[number].is_busy = true;
                return self.begin(under_way, Of::Own(number), outcome);
            }
            if progress != Progress::Going || world.finish(0) != Progress::Going {
                return self.rests(number);
            }
        }
        panic!("an object took too many steps at once");
    }

    fn rests(&mut self, number: usize) {
        let member = &mut self.members[number];
        let Rest { until, look } = member.world.replicas[0].rest;
        member.alarm = until;
        let metadata = &member.world.object.metadata;
        let share = polling::share(metadata.uid.as_deref().unwrap_or_default(), 0);
        let place = (metadata.namespace.as_deref().unwrap_or_default(), member.world.object.spec.group_id.as_str());
        self.budget.rest(number, place, share, look, self.now);
    }

    fn fault(&self) -> Option<Fault> {
        self.trouble.clone().map(Fault::Trouble)
    }

    fn page(&self, from: usize) -> Outcome {
        if let Some(trouble) = self.trouble.clone().or_else(|| self.list_trouble.map(Trouble::of)) {
            return Outcome::Trouble(trouble);
        }
        let shown = |(number, member): (usize, &Member)| {
            let mut group = member.world.heygen.group();
            group.consent_status = group.consent_status.filter(|_| !self.wordless.contains(&number));
            ListedGroup { id: member.world.object.spec.group_id.clone(), group }
        };
        let is_there = |(number, member): &(usize, &Member)| !self.omitted.contains(number) && !member.world.heygen.missing;
        let all: Vec<ListedGroup> = self.members.iter().enumerate().filter(is_there).map(shown).collect();
        let next = (from + PAGE < all.len()).then(|| (from + PAGE).to_string());
        Outcome::Listed(GroupsPage { groups: all.into_iter().skip(from).take(PAGE).collect(), next, cut_short: false, unreadable: 0 })
    }
}
