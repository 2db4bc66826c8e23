//! The budget of the account as the shell uses it: which may call, what the schedule does by itself, and how a call ends.
//!
//! This file alone knows the code that gives out the budget. Times are steady, and no clock is read.

use std::time::Duration;

use jiff::Timestamp;
use twinconsent::runtime::gate::{Admission, Gate};
use twinconsent::runtime::sweep::book::{Begun, Book, Ending, Lane, Next, Poll, Work};
use twinconsent_core::consent::outcome::Outcome;
use twinconsent_core::consent::polling;
use twinconsent_core::consent::step::NextLook;

/// What an object wants to call for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// A poll that the user forces.
    Forced,
    /// A consent request, and the pages of looks that belong to it.
    Request,
    Poll,
}

/// A call that was begun.
#[derive(Debug)]
pub struct UnderWay(Begun);

/// What the schedule does next.
#[derive(Debug)]
pub enum Todo {
    /// This object may call now.
    Wake(usize),
    /// A poll of this object's group begins.
    Poll(usize, UnderWay),
    /// A page of the list begins: the first, or the one behind a cursor.
    Page(Option<String>, UnderWay),
    /// Nothing before this time.
    At(Timestamp),
    Nothing,
}

#[derive(Debug)]
pub struct Budget {
    book: Book,
    gate: Gate,
    began: Timestamp,
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
        Self { book: Book::default(), gate: Gate::new(per_minute, burst, Duration::ZERO), began: now }
    }

    fn elapsed(&self, now: Timestamp) -> Duration {
        polling::since(self.began, now)
    }

    /// Lets an object call, or says how long it takes, about, until it may.
    pub fn permit(&mut self, who: usize, priority: Priority, now: Timestamp) -> Result<UnderWay, Duration> {
        let (uid, elapsed) = (uid(who), self.elapsed(now));
        let lane = match priority {
            Priority::Forced => Lane::Forced,
            Priority::Request => Lane::Request,
            Priority::Poll => Lane::Look,
        };
        if lane == Lane::Request && self.book.take_turn(uid, now) {
            let _ = self.gate.go(elapsed);
        } else {
            let admission = if self.book.may_pass(uid, lane, now) { self.gate.admit(elapsed) } else { Admission::Shut };
            if let Admission::At(_) | Admission::Shut = admission {
                return Err(self.gate.wait(self.book.ahead(lane), elapsed));
            }
        }
        Ok(UnderWay(self.book.begin_own(uid, lane, now)))
    }

    /// An object waits to send its request, for as long as the poll before it is fresh.
    pub fn wait(&mut self, who: usize, fresh_until: Timestamp) {
        self.book.request(uid(who), fresh_until);
    }

    /// An object rests until its group is polled.
    pub fn rest(&mut self, who: usize, (_namespace, group): (&str, &str), share: f64, poll: Option<NextLook>, now: Timestamp) {
        match poll {
            Some(poll) => drop(self.book.enlist(uid(who), group, share, NextLook { at: poll.at.max(now), ..poll }, now)),
            None => self.book.dismiss(uid(who)),
        }
    }

    /// When the schedule has polled an object's group last without anything new.
    pub fn polled_at(&self, who: usize) -> Option<Timestamp> {
        self.book.looked_at(uid(who))
    }

    /// What is next; polls of one group only while there is room for another.
    pub fn next(&mut self, has_room: bool, now: Timestamp) -> Todo {
        let soonest = polling::add(now, Duration::from_millis(1));
        let work = match self.book.next(has_room, now) {
            Next::Do(work) => work,
            Next::At(at) => return Todo::At(at.max(soonest)),
            Next::Idle => return Todo::Nothing,
        };
        let elapsed = self.elapsed(now);
        let admission = if matches!(work, Work::Turn(_)) { self.gate.admit_turn(elapsed) } else { self.gate.admit(elapsed) };
        match admission {
            Admission::Now | Admission::First => {}
            Admission::At(at) => return Todo::At(polling::add(self.began, at).max(soonest)),
            Admission::Shut => return Todo::Nothing,
        }
        match work {
            Work::Turn(uid) => {
                self.book.give_turn(uid, now);
                Todo::Wake(member(uid))
            }
            Work::Poll(poll) => {
                let under_way = UnderWay(self.book.begin(&poll, now));
                match poll {
                    Poll::Read(uid, _) => Todo::Poll(member(uid), under_way),
                    Poll::Page(cursor) => Todo::Page(cursor, under_way),
                }
            }
        }
    }

    /// A call has ended. Returns the objects that have to hear of it, with what it shows of them.
    pub fn end(&mut self, UnderWay(begun): UnderWay, outcome: Outcome, now: Timestamp) -> Vec<(usize, Outcome)> {
        let _ = self.gate.learn(&outcome, self.elapsed(now));
        self.book.end(begun, Ending::Came(outcome), now).into_iter().map(|(uid, outcome)| (member(uid), outcome)).collect()
    }
}
