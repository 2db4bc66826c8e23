//! Every order in which two or three objects in two namespaces are created, asked for, suspended, resumed, deleted with and without a
//! finalizer, while their namespaces are allowed and refused.

use std::collections::{HashSet, VecDeque};

use super::*;

const CLAIM: Claim = 7;

/// Which objects claim, which the account serves, and what was made of it.
#[derive(Debug, Clone)]
struct World {
    objects: Vec<Option<Claimant>>,
    served: [bool; 2],
    claims: Claims,
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Create(usize),
    /// Its owner relies on being it, and a request is sent.
    Ask(usize),
    /// The owner is asked for.
    Poll,
    Suspend(usize, bool),
    Withdraw(usize),
    Finalize(usize),
    Delete(usize),
    Serve(usize, bool),
}

impl World {
    fn of(objects: usize) -> Self {
        Self { objects: vec![None; objects], served: [true; 2], claims: Claims::default() }
    }

    /// Object 0 lives in one namespace, 1 and 2 in the other. 1 is the oldest; 0 and 2 are of the same second.
    fn create(&self, index: usize) -> Claimant {
        let (created, namespace) = (if index == 1 { 10 } else { 20 }, usize::from(index > 0));
        Claimant {
            served: self.served[namespace],
            withdrawn: false,
            terminating: false,
            asked: false,
            may_ask: true,
            created,
            uid: index as Uid,
        }
    }

    fn events(&self) -> Vec<Event> {
        let mut events = vec![Event::Poll];
        for (index, object) in self.objects.iter().enumerate() {
            let Some(object) = object else {
                events.push(Event::Create(index));
                continue;
            };
            events.extend([Event::Suspend(index, object.may_ask), Event::Withdraw(index), Event::Finalize(index), Event::Delete(index)]);
            if object.may_ask && object.stands() && self.owner() == Some(object.uid) {
                events.push(Event::Ask(index));
            }
        }
        events.extend([0, 1].map(|namespace| Event::Serve(namespace, !self.served[namespace])));
        events
    }

    /// Lets something happen. Returns those that are said to own by it, or to own no longer.
    fn happen(&mut self, event: Event) -> Vec<Uid> {
        let Self { objects, served, claims } = self;
        match event {
            Event::Create(index) => {
                objects[index] = Some(World { objects: Vec::new(), served: *served, claims: Claims::default() }.create(index));
                claims.add(CLAIM, index as Uid, |uid| objects[uid as usize])
            }
            Event::Poll => {
                claims.owner(CLAIM, |uid| objects[uid as usize]);
                Vec::new()
            }
            Event::Delete(index) => {
                objects[index] = None;
                claims.remove(CLAIM, index as Uid, |uid| objects[uid as usize])
            }
            Event::Serve(namespace, serves) => {
                served[namespace] = serves;
                let members = if namespace == 0 { 0..1 } else { 1..objects.len() };
                members.for_each(|index| objects[index].iter_mut().for_each(|object| object.served = serves));
                claims.changed(CLAIM, None, |uid| objects[uid as usize])
            }
            Event::Ask(index) | Event::Suspend(index, _) | Event::Withdraw(index) | Event::Finalize(index) => {
                if matches!(event, Event::Ask(_)) {
                    claims.owner(CLAIM, |uid| objects[uid as usize]);
                }
                let object = objects[index].as_mut().unwrap();
                match event {
                    Event::Ask(_) => object.asked = true,
                    Event::Suspend(_, suspend) => object.may_ask = !suspend,
                    Event::Withdraw(_) => object.withdrawn = true,
                    _ => object.terminating = true,
                }
                claims.changed(CLAIM, Some(index as Uid), |uid| objects[uid as usize])
            }
        }
    }

    /// The owner, if that was relied on.
    fn known_owner(&self) -> Option<Uid> {
        match self.claims.0.get(&CLAIM)? {
            Claimants::One { uid, is_known } => is_known.then_some(*uid),
            Claimants::Several(several) => several.owner,
        }
    }

    fn owner(&self) -> Option<Uid> {
        self.clone().claims.owner(CLAIM, |uid| self.objects[uid as usize])
    }

    fn get(&self, uid: Uid) -> Option<Claimant> {
        self.objects[uid as usize]
    }

    /// The rank in the words of the documentation: the first rule on which two differ decides.
    fn outranks(a: &Claimant, b: &Claimant) -> bool {
        let bars = |claimant: &Claimant| claimant.withdrawn && claimant.served;
        if bars(a) != bars(b) {
            return bars(a);
        }
        let served = |claimant: &Claimant| claimant.served && !claimant.terminating;
        if served(a) != served(b) {
            return served(a);
        }
        if a.asked != b.asked {
            return a.asked;
        }
        if a.may_ask != b.may_ask {
            return a.may_ask;
        }
        (a.created, a.uid) < (b.created, b.uid)
    }

    fn check(&self, before: &Self, event: Event, moved: &[Uid]) {
        let present: Vec<Claimant> = self.objects.iter().flatten().copied().collect();
        let owner = self.owner().and_then(|owner| self.get(owner));
        let shown = format!("{event:?} led from {before:?} to {self:?}");
        assert_eq!(owner.is_some(), !present.is_empty(), "one of those who claim owns: {shown}");
        let Some(owner) = owner else { return };
        let kept = before.known_owner().and_then(|owner| self.get(owner)).filter(|owner| owner.asked && owner.served && !owner.terminating);
        let is_barred = present.iter().any(|claimant| claimant.withdrawn && claimant.served);
        match kept.filter(|kept| !is_barred || kept.withdrawn) {
            Some(kept) => assert_eq!(owner.uid, kept.uid, "who has asked keeps it: {shown}"),
            None => {
                assert!(!present.iter().any(|other| other.uid != owner.uid && Self::outranks(other, &owner)), "the rank decides: {shown}")
            }
        }
        let any_can = present.iter().any(|claimant| claimant.served && !claimant.terminating);
        let can = owner.served && (!owner.terminating || owner.withdrawn);
        assert!(!any_can || can, "one that can do nothing blocks another: {shown}");
        if let Some(lost) = before.known_owner()
            && lost != owner.uid
        {
            assert!(moved.contains(&owner.uid) || matches!(event, Event::Create(_)), "the heir is not woken: {shown}");
            assert!(moved.contains(&lost) || matches!(event, Event::Delete(_)), "who has lost it is not woken: {shown}");
        }
    }

    fn key(&self) -> (Vec<Option<Claimant>>, [bool; 2], Option<Uid>) {
        (self.objects.clone(), self.served, self.known_owner())
    }
}

impl Clone for Claims {
    fn clone(&self) -> Self {
        let copy = |claimants: &Claimants| match claimants {
            Claimants::One { uid, is_known } => Claimants::One { uid: *uid, is_known: *is_known },
            Claimants::Several(several) => Claimants::Several(Box::new(Several { owner: several.owner, members: several.members.clone() })),
        };
        Self(self.0.iter().map(|(claim, claimants)| (*claim, copy(claimants))).collect())
    }
}

fn explore(objects: usize) -> usize {
    let first = World::of(objects);
    let (mut seen, mut waiting) = (HashSet::from([first.key()]), VecDeque::from([first]));
    while let Some(before) = waiting.pop_front() {
        for event in before.events() {
            let mut after = before.clone();
            let moved = after.happen(event);
            after.check(&before, event, &moved);
            if seen.insert(after.key()) {
                waiting.push_back(after);
            }
        }
    }
    seen.len()
}

#[test]
fn in_whatever_order_things_happen_the_rank_says_which_owns_and_one_that_has_asked_keeps_it_unless_the_person_withdrew() {
    let states = [2, 3].map(explore);
    println!("{} states of two objects, {} of three", states[0], states[1]);
    assert!(states[0] > 400 && states[1] > 3_000, "{states:?}");
}
