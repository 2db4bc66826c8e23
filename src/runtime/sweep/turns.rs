//! PURE. The turns to ask for consent: first come, first served, as long as the look before the request is fresh.

use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;

use super::seats::Millis;
use crate::runtime::gate::TURN_STAYS_GOOD;
use twinconsent_core::api::uid::Uid;
use twinconsent_core::consent::polling;

/// How many turns are given and not used yet, at most: were there more, those who have them could not all be decided while they are good.
const GIVEN_AT_ONCE: usize = 64;

/// The turns of one account.
#[derive(Debug, Default)]
pub(super) struct Turns {
    waiting: VecDeque<Uid>,
    /// Until when the look before each request is fresh; who is not here any more waits no more.
    fresh_until: HashMap<Uid, Millis>,
    /// Until when each turn that was given is good.
    given: HashMap<Uid, Millis>,
}

impl Turns {
    /// Queues a request that is good until then.
    pub(super) fn queue(&mut self, uid: Uid, fresh_until: Timestamp) {
        if self.fresh_until.insert(uid, fresh_until.as_millisecond()).is_none() {
            self.waiting.push_back(uid);
        }
    }

    /// Forgets an object.
    pub(super) fn remove(&mut self, uid: Uid) {
        self.given.remove(&uid);
        self.fresh_until.remove(&uid);
    }

    /// Whether an object waits.
    pub(super) fn waits(&self, uid: Uid) -> bool {
        self.fresh_until.contains_key(&uid)
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether another turn can be given.
    pub(super) fn has_room(&mut self, now: Timestamp) -> bool {
        if self.given.len() >= GIVEN_AT_ONCE {
            self.given.retain(|_, good_until| *good_until > now.as_millisecond());
        }
        self.given.len() < GIVEN_AT_ONCE
    }

    /// When the first turn that was given and not used is over.
    pub(super) fn first_over(&self) -> Option<Millis> {
        self.given.values().min().copied()
    }

    /// Who is next, after those whose look has grown old were dropped: they are looked at again.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<Uid> {
        while let Some(&first) = self.waiting.front() {
            if self.fresh_until.get(&first).is_some_and(|fresh_until| *fresh_until > now.as_millisecond()) {
                return Some(first);
            }
            self.fresh_until.remove(&first);
            self.waiting.pop_front();
        }
        None
    }

    /// Gives an object its turn.
    pub(super) fn give(&mut self, uid: Uid, now: Timestamp) {
        if self.waiting.front() == Some(&uid) {
            self.waiting.pop_front();
        }
        self.fresh_until.remove(&uid);
        self.given.insert(uid, polling::add(now, TURN_STAYS_GOOD).as_millisecond());
    }

    /// Uses the turn that an object was given. Returns whether there was one.
    pub(super) fn take(&mut self, uid: Uid, now: Timestamp) -> bool {
        self.given.remove(&uid).is_some_and(|good_until| good_until > now.as_millisecond())
    }
}
