//! What waits for one sink, and which delivery is next.
//!
//! The events of one object go strictly one after the other: a later one waits until the one before it was taken or dropped. Different
//! objects do not wait for each other. Times are of the steady clock.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use jiff::Timestamp;

use super::answer::{Answer, Dropped, Meaning};
use super::breaker::{Breaker, pause};
use super::standing::{Counts, Standing, Trouble};
use crate::api::uid::Uid;
use crate::consent::polling;

/// How many events may wait for one sink.
pub const MOST_EVENTS: usize = 8192;

/// How many bytes they may take, with what is kept beside each.
pub const MOST_BYTES: usize = 5 << 20;

/// What is kept beside an event, in bytes, about: its places in the four collections, of which most are two thirds full, and what the
/// allocator adds.
const BESIDE: usize = 448;

/// How long an event is tried, since it was made.
const LONGEST_TRIED: Duration = Duration::from_secs(24 * 3600);

/// The pause after the first failure of an event; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause between two tries of an event.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// So many failures in a row are told; fewer come and go.
const WORTH_TELLING: u32 = 3;

/// For how long it is told that events were dropped.
const DROPS_ARE_REPORTED: Duration = Duration::from_secs(3600);

/// What waits for one sink.
#[derive(Debug)]
pub struct Outbox<P> {
    /// By their numbers, which count up.
    events: BTreeMap<u64, Waiting<P>>,
    lanes: HashMap<Uid, Lane>,
    /// The first event of each lane that has none under way, by when it is due.
    due: BTreeSet<(Timestamp, u64)>,
    /// The same events, by when they were made: none that waits behind one of them is older.
    by_age: BTreeSet<(Timestamp, u64)>,
    bytes: usize,
    next: u64,
    under_way: usize,
    breaker: Breaker,
    counts: Counts,
    last_failure: Option<Answer>,
    last_drop: Option<(Timestamp, Dropped)>,
}

#[derive(Debug)]
struct Waiting<P> {
    object: Uid,
    /// When it was made, or an earlier one of its object, if that was later.
    made: Timestamp,
    /// The next event of its object.
    next: Option<u64>,
    bytes: usize,
    payload: P,
}

/// The events of one object.
#[derive(Debug)]
struct Lane {
    first: u64,
    last: u64,
    /// How often the first has failed.
    failures: u32,
    /// When the first is due; if it is under way, when that began.
    at: Timestamp,
    is_under_way: bool,
}

impl<P> Default for Outbox<P> {
    fn default() -> Self {
        Self {
            events: BTreeMap::new(),
            lanes: HashMap::new(),
            due: BTreeSet::new(),
            by_age: BTreeSet::new(),
            bytes: 0,
            next: 0,
            under_way: 0,
            breaker: Breaker::default(),
            counts: Counts::default(),
            last_failure: None,
            last_drop: None,
        }
    }
}

impl<P> Outbox<P> {
    /// Takes an event once more that an earlier process may have delivered. It may take half of the room, so that the other half is left for
    /// what is new.
    pub fn push_again(&mut self, object: Uid, payload: P, bytes: usize, made: Timestamp, now: Timestamp) -> bool {
        self.expire(now);
        if self.events.len() >= MOST_EVENTS / 2 || self.bytes >= MOST_BYTES / 2 {
            self.note_drop(Dropped::NoRoom, now);
            return false;
        }
        self.push(object, payload, bytes, made, now)
    }

    /// Takes an event of an object, made at `made`, whose payload takes so many bytes. Returns whether there is room for it; if not, it is dropped.
    pub fn push(&mut self, object: Uid, payload: P, bytes: usize, made: Timestamp, now: Timestamp) -> bool {
        self.expire(now);
        let bytes = bytes.saturating_add(BESIDE);
        if self.events.len() >= MOST_EVENTS || self.bytes.saturating_add(bytes) > MOST_BYTES {
            self.note_drop(Dropped::NoRoom, now);
            return false;
        }
        let number = self.next;
        self.next += 1;
        self.bytes += bytes;
        let mut made = made.min(now);
        if let Some(lane) = self.lanes.get_mut(&object) {
            let last = std::mem::replace(&mut lane.last, number);
            if let Some(last) = self.events.get_mut(&last) {
                made = made.max(last.made);
                last.next = Some(number);
            }
        } else {
            self.lanes.insert(object, Lane { first: number, last: number, failures: 0, at: now, is_under_way: false });
            self.due.insert((now, number));
            self.by_age.insert((made, number));
        }
        self.events.insert(number, Waiting { object, made, next: None, bytes, payload });
        true
    }

    /// What waits of an object, in order.
    pub fn waiting_of(&self, object: Uid) -> impl Iterator<Item = &P> {
        let first = self.lanes.get(&object).and_then(|lane| self.events.get(&lane.first));
        std::iter::successors(first, |event| self.events.get(&event.next?)).map(|event| &event.payload)
    }

    /// The next delivery, if one may begin now: its number, by which it is to be [ended](Self::end), and what is to be sent.
    pub fn take(&mut self, now: Timestamp) -> Option<(u64, &P)> {
        self.expire(now);
        if self.under_way >= self.breaker.at_once() || self.breaker.not_before() > now {
            return None;
        }
        let (_, number) = self.due.first().copied().filter(|(at, _)| *at <= now)?;
        let event = self.events.get(&number)?;
        let lane = self.lanes.get_mut(&event.object)?;
        self.due.remove(&(lane.at, number));
        self.by_age.remove(&(event.made, number));
        (lane.is_under_way, lane.at) = (true, now);
        self.under_way += 1;
        Some((number, &event.payload))
    }

    /// Ends a delivery that was taken. `jitter`, from 0 to 1, shortens what is waited by up to a quarter.
    pub fn end(&mut self, number: u64, answer: Answer, now: Timestamp, jitter: f64) {
        let Some(event) = self.events.get(&number) else { return };
        let Some(lane) = self.lanes.get_mut(&event.object).filter(|lane| lane.first == number && lane.is_under_way) else { return };
        self.under_way -= 1;
        lane.is_under_way = false;
        let began = lane.at;
        match answer.meaning() {
            Meaning::Delivered => {
                self.remove_first(number, now);
                self.counts.delivered += 1;
                self.answered(began, now);
            }
            Meaning::Dropped(reason) => {
                self.remove_first(number, now);
                self.note_drop(reason, now);
                self.answered(began, now);
            }
            Meaning::Again(retry_after) => {
                lane.at = polling::add(now, pause(FIRST_PAUSE, LONGEST_PAUSE, lane.failures, jitter));
                lane.failures = lane.failures.saturating_add(1);
                self.due.insert((lane.at, number));
                self.by_age.insert((event.made, number));
                self.breaker.failed(began, retry_after, now, jitter);
                self.counts.failed += 1;
                self.last_failure = Some(answer);
                self.expire(now);
            }
        }
    }

    /// When there is something to do next: to begin a delivery or, where the sink cannot be used for now, to drop what is too old.
    #[must_use]
    pub fn next_at(&self, is_usable: bool) -> Option<Timestamp> {
        let too_old = self.by_age.first().map(|(made, _)| polling::add(*made, LONGEST_TRIED));
        let may_begin = is_usable && self.under_way < self.breaker.at_once();
        let due = self.due.first().filter(|_| may_begin).map(|(at, _)| (*at).max(self.breaker.not_before()));
        [too_old, due].into_iter().flatten().min()
    }

    /// Drops what has been tried for as long as it may be.
    pub fn expire(&mut self, now: Timestamp) {
        while let Some((_, number)) = self.by_age.first().copied().filter(|(made, _)| polling::add(*made, LONGEST_TRIED) <= now) {
            self.remove_first(number, now);
            self.note_drop(Dropped::TooOld, now);
        }
    }

    /// Notes that the sink has another address or another secret: what waits is tried anew at once.
    pub fn mended(&mut self, now: Timestamp) {
        self.breaker = Breaker::default();
        self.all_are_due(now);
    }

    /// How it stands.
    #[must_use]
    pub fn standing(&self, now: Timestamp) -> Standing {
        let failing = self.breaker.failing_since.zip(self.last_failure).filter(|_| self.breaker.failures >= WORTH_TELLING);
        let dropping = self.last_drop.filter(|(at, _)| polling::since(*at, now) < DROPS_ARE_REPORTED);
        Standing {
            trouble: failing
                .map(|(since, answer)| Trouble::Failing(since, answer))
                .or(dropping.map(|(at, reason)| Trouble::Dropping(at, reason))),
            has_delivered: self.counts.delivered > 0,
            waiting: self.events.len(),
            oldest: self.events.values().next().map(|event| event.made).into_iter().chain(self.by_age.first().map(|(made, _)| *made)).min(),
            counts: self.counts.clone(),
        }
    }

    fn answered(&mut self, began: Timestamp, now: Timestamp) {
        if self.breaker.succeeded(began) {
            self.all_are_due(now);
        }
    }

    fn all_are_due(&mut self, now: Timestamp) {
        for (_, number) in std::mem::take(&mut self.due) {
            if let Some(lane) = self.events.get(&number).and_then(|event| self.lanes.get_mut(&event.object)) {
                lane.at = lane.at.min(now);
                self.due.insert((lane.at, number));
            }
        }
    }

    fn note_drop(&mut self, reason: Dropped, now: Timestamp) {
        self.counts.drop(reason);
        self.last_drop = Some((now, reason));
    }

    /// Removes the first event of its lane, which is not under way.
    fn remove_first(&mut self, number: u64, now: Timestamp) {
        let Some(event) = self.events.remove(&number) else { return };
        self.bytes -= event.bytes;
        self.by_age.remove(&(event.made, number));
        let Some(lane) = self.lanes.get_mut(&event.object) else { return };
        self.due.remove(&(lane.at, number));
        match event.next {
            Some(next) => {
                (lane.first, lane.failures, lane.at) = (next, 0, now);
                self.due.insert((now, next));
                let made = self.events.get(&next).map_or(now, |event| event.made);
                self.by_age.insert((made, next));
            }
            None => drop(self.lanes.remove(&event.object)),
        }
    }
}

#[cfg(test)]
mod tests;
