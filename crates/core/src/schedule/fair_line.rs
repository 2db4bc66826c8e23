//! PURE. What waits, in turns by namespace; and whose turn it is of two kinds that wait.
//!
//! A namespace with something in the line has one place in the round, at whose end it is put when one of its own has gone. So one
//! namespace's thousand delay another one's next by at most one turn each.
//!
//! The place stays its own while an object is with a worker that may come back to the line: else one that is woken all the time would
//! never have its turn.
//!
//! Rejected: numbers by which all stand in one set (start-time fair queueing). What leaves the line before its turn has used up a number,
//! and its namespace pays for what it never got.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::api::uid::Uid;

/// A namespace, by a number that two of them share by chance only; they would share their turns as well.
pub(super) type Namespace = u64;

/// What waits, in turns by namespace.
#[derive(Debug, Default)]
pub(super) struct FairLine {
    round: BTreeMap<u64, Namespace>,
    waiting: HashMap<Namespace, Waiting>,
    last_place: u64,
    len: usize,
}

/// What waits of one namespace, and what stood there and is with a worker: never nothing.
#[derive(Debug, Default)]
struct Waiting {
    place: u64,
    items: BTreeSet<(i64, Uid)>,
    held: u32,
}

impl FairLine {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds an object; those of one namespace stand by `order`.
    pub(super) fn push(&mut self, namespace: Namespace, order: i64, uid: Uid) {
        let waiting = self.waiting.entry(namespace).or_default();
        if waiting.is_empty() {
            self.last_place += 1;
            waiting.place = self.last_place;
            self.round.insert(self.last_place, namespace);
        }
        self.len += usize::from(waiting.items.insert((order, uid)));
    }

    /// Takes an object out, wherever it stands, without a turn of its namespace. Returns whether it was there.
    pub(super) fn remove(&mut self, namespace: Namespace, order: i64, uid: Uid) -> bool {
        self.change(namespace, |waiting| waiting.items.remove(&(order, uid)))
    }

    /// The same, and keeps its namespace's place in the round until [`release`](Self::release).
    pub(super) fn hold(&mut self, namespace: Namespace, order: i64, uid: Uid) -> bool {
        self.change(namespace, |waiting| {
            let was_there = waiting.items.remove(&(order, uid));
            waiting.held += u32::from(was_there);
            was_there
        })
    }

    /// Keeps the place no longer that was kept for one object.
    pub(super) fn release(&mut self, namespace: Namespace) {
        self.change(namespace, |waiting| {
            waiting.held = waiting.held.saturating_sub(1);
            false
        });
    }

    /// Takes an object out whose turn it is: the other namespaces come before its own one's next.
    pub(super) fn take(&mut self, namespace: Namespace, order: i64, uid: Uid) -> bool {
        let (round, last_place) = (&mut self.round, &mut self.last_place);
        if let Some(waiting) = self.waiting.get_mut(&namespace) {
            round.remove(&waiting.place);
            *last_place += 1;
            waiting.place = *last_place;
            round.insert(waiting.place, namespace);
        }
        self.remove(namespace, order, uid)
    }

    /// Whose turn it is: its order, and itself.
    pub(super) fn first(&self) -> Option<(i64, Uid)> {
        self.round.values().find_map(|namespace| self.waiting.get(namespace)?.items.first().copied())
    }

    /// Changes what waits of a namespace, by which one goes or none. Returns whether one did.
    fn change(&mut self, namespace: Namespace, change: impl FnOnce(&mut Waiting) -> bool) -> bool {
        let Some(waiting) = self.waiting.get_mut(&namespace) else { return false };
        let has_gone = change(waiting);
        self.len -= usize::from(has_gone);
        if waiting.is_empty() {
            self.round.remove(&waiting.place);
            self.waiting.remove(&namespace);
            if self.waiting.is_empty() {
                self.waiting.shrink_to(64);
            }
        }
        has_gone
    }

    /// How many pass, at most, before the next one that is added of a namespace.
    pub(super) fn ahead(&self, namespace: Namespace) -> usize {
        let own = self.waiting.get(&namespace).map_or(0, |waiting| waiting.items.len());
        self.len.min((own + 1).saturating_mul(self.waiting.len()))
    }

    /// The lowest order of all that wait. Reads every namespace.
    pub(super) fn earliest(&self) -> Option<i64> {
        self.waiting.values().filter_map(|waiting| waiting.items.first()).map(|(order, _)| *order).min()
    }

    /// All of them, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Uid> {
        self.waiting.values().flat_map(|waiting| &waiting.items).map(|(_, uid)| *uid)
    }
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.items.is_empty() && self.held == 0
    }
}

/// How many of the first kind pass in a row while the second waits: that gets one in five.
pub(super) const IN_A_ROW: u32 = 4;

/// Whose turn it is of two kinds: four of the first, then one of the second. A share that is not used passes on.
#[derive(Debug, Default)]
pub(super) struct Split {
    in_a_row: u32,
}

impl Split {
    /// The one, if it waits, unless the other's turn has come.
    pub(super) fn prefer<T>(&self, one: Option<T>, other: Option<T>) -> Option<T> {
        if self.in_a_row < IN_A_ROW { one.or(other) } else { other.or(one) }
    }

    /// Notes that one of the first kind has passed, or one of the second.
    pub(super) fn passed(&mut self, is_first: bool) {
        self.in_a_row = if is_first { self.in_a_row.saturating_add(1) } else { 0 };
    }
}

#[cfg(test)]
mod tests;
