//! The schedule as the shell uses it: what a worker is given, what it asks for, and how a call ends.
//!
//! This file alone knows the code that gives out work and the budget. Times are steady, and no clock is read.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use twinconsent_core::api::account_key::AccountKey;
use twinconsent_core::api::consent::AccountKind;
use twinconsent_core::consent::outcome::Outcome;
use twinconsent_core::consent::policy::Rules;
use twinconsent_core::consent::step::Rest;
use twinconsent_core::schedule::{Begun, Ending, Grant, Job, Purpose, Schedule};

/// What the schedule does next.
#[derive(Debug)]
pub enum Todo {
    /// Decide this object.
    Decide(usize, Option<Grant>),
    /// Read a page of the list: the first, or the one behind a cursor.
    Page(Option<String>, Begun),
    /// Nothing before this time.
    At(Timestamp),
}

#[derive(Debug)]
pub struct Budget {
    schedule: Schedule,
    budget: Arc<twinconsent_core::schedule::Budget>,
    account: AccountKey,
}

/// How an object is named here, by its number.
fn uid(member: usize) -> u128 {
    member as u128 + 1
}

fn member(uid: u128) -> usize {
    usize::try_from(uid - 1).unwrap()
}

impl Budget {
    pub fn new(per_minute: u32, burst: u32, now: Timestamp) -> Self {
        let account = AccountKey { kind: AccountKind::ClusterHeyGenAccount, namespace: None, name: "default".to_owned() };
        let budget = Arc::new(twinconsent_core::schedule::Budget::new(per_minute, burst, now));
        let mut schedule = Schedule::default();
        schedule.open(&account, &budget, Rules::default().cadence, now);
        Self { schedule, budget, account }
    }

    /// The watch shows an object for the first time.
    pub fn add(&mut self, number: usize, namespace: &str, group: &str) {
        self.schedule.add(uid(number), &self.account, namespace, group);
    }

    /// An object has changed.
    pub fn change(&mut self, number: usize) {
        self.schedule.change(uid(number));
    }

    /// Every object is to be decided.
    pub fn wake_all(&mut self, count: usize) {
        self.schedule.wake((0..count).map(uid));
    }

    /// What is next for a worker.
    pub fn take(&mut self, now: Timestamp) -> Todo {
        match self.schedule.take(now) {
            Ok((Job::Object { uid, grant }, _)) => Todo::Decide(member(uid), grant),
            Ok((Job::Page { cursor, begun, .. }, _)) => Todo::Page(cursor, begun),
            Err(at) => Todo::At(at),
        }
    }

    /// Lets an object call, or says how long it takes, about, until it may.
    pub fn ask(&mut self, number: usize, purpose: Purpose, now: Timestamp) -> Result<Begun, Duration> {
        self.schedule.ask(uid(number), purpose, now)
    }

    /// An object does not need what it came with.
    pub fn give_back(&mut self, begun: Begun, now: Timestamp) {
        self.schedule.end(begun, Ending::Unused, now);
    }

    /// An object rests.
    pub fn rest(&mut self, number: usize, rest: Rest, now: Timestamp) {
        self.schedule.rest(uid(number), rest, now);
    }

    /// A worker has done with an object.
    pub fn done(&mut self, number: usize, unused: Option<Grant>, now: Timestamp) {
        let unused = match unused {
            Some(Grant::Poll(permit) | Grant::Request(permit)) => {
                self.give_back(permit, now);
                None
            }
            Some(Grant::Shown(shown)) => Some(shown),
            None => None,
        };
        self.schedule.done(uid(number), unused, now);
    }

    /// When a page has shown an object's group last without anything new.
    pub fn polled_at(&self, number: usize) -> Option<Timestamp> {
        self.schedule.polled_at(uid(number))
    }

    /// A call has ended. Returns whether what came is not the affair of its object.
    pub fn end(&mut self, begun: Begun, outcome: Outcome, now: Timestamp) -> bool {
        self.schedule.learn(&self.budget, &outcome, now);
        self.schedule.end(begun, Ending::Came(outcome), now)
    }
}
