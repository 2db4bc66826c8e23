//! The owner of the group, as a replica sees it: asked of the real owners.

use std::cell::RefCell;
use std::collections::HashMap;

use twinconsent::process::clock::Wall;
use twinconsent::runtime::store::{Sighting, Store};
use twinconsent_core::api::uid::uid;
use twinconsent_core::consent::apply::Input;
use twinconsent_core::consent::state::Memory;
use twinconsent_core::consent::step::Call;

use crate::world::{Entry, Object, Replica, World, at};

/// What an object ranks by: its place, whether it is served, being deleted, suspended, has asked by its status, and is about to.
type Claimant = (usize, [bool; 5]);

/// The owner of before, and the claimants of the group.
type Question = (Option<usize>, Vec<Claimant>);

thread_local! {
    static OWNERS: RefCell<HashMap<Question, Option<usize>>> = RefCell::default();
}

fn claimant(place: usize, entry: &Entry, served: bool) -> Claimant {
    let copy = &entry.copy;
    let has_asked = copy.status.as_ref().is_some_and(|status| status.initiation.is_some());
    let asks = entry.in_hand.as_ref().is_some_and(|in_hand| matches!(in_hand.input, Input::Answered(Call::Initiate(_), _)));
    let suspended = copy.spec.suspend.unwrap_or(false);
    (place, [served, copy.metadata.deletion_timestamp.is_some(), suspended, has_asked, asks || entry.memory.may_have_asked()])
}

/// Decides anew which object owns the group, as a replica sees it, and wakes those that this concerns.
///
/// Asks the real owners, which have seen the same: the owner of before first.
pub fn rank(world: &mut World, index: usize) {
    let World { replicas, served, .. } = world;
    let Replica { entries, owner, .. } = &mut replicas[index];
    if entries.len() == 1 {
        *owner = Some(0);
        return;
    }
    let shown: Vec<(Claimant, &Object)> = entries
        .iter()
        .enumerate()
        .filter_map(|(place, entry)| entry.as_ref().map(|entry| (claimant(place, entry, served[place]), &entry.copy)))
        .collect();
    let key = (*owner, shown.iter().map(|(claimant, _)| *claimant).collect::<Vec<_>>());
    let known = OWNERS.with(|owners| owners.borrow().get(&key).copied());
    let new = known.unwrap_or_else(|| {
        let new = owner_by_the_owners(*owner, &shown);
        OWNERS.with(|owners| owners.borrow_mut().insert(key, new));
        new
    });
    if new != *owner {
        for place in [*owner, new].into_iter().flatten() {
            if let Some(entry) = &mut entries[place] {
                entry.woken = true;
            }
        }
        *owner = new;
    }
}

fn owner_by_the_owners(before: Option<usize>, shown: &[(Claimant, &Object)]) -> Option<usize> {
    let store = Store::default();
    let owns = |copy: &Object| store.standing(copy, Wall::default()).is_some_and(|standing| standing.owns_group);
    let (first, others): (Vec<_>, Vec<_>) = shown.iter().partition(|((place, _), _)| Some(*place) == before);
    for ((place, [served, _, _, _, asking]), copy) in first.into_iter().chain(others) {
        store.note(copy, Sighting { watch: 0, round: 1 });
        if Some(place) == before {
            owns(copy);
        }
        if let Some(uid) = uid(copy) {
            let _ = store.note_served(uid, served);
        }
        let mut memory = Memory::default();
        memory.attempt_of("k").unanswered_since = asking.then(|| at(0));
        let _ = store.remember(copy, memory, false, Wall::default());
    }
    shown.iter().find(|(_, copy)| owns(copy)).map(|((place, _), _)| *place)
}
