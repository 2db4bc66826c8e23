//! What came of a step is settled, and written on condition that the object is as it was decided on.

use std::sync::Arc;

use twinconsent_core::consent::apply::{Input, apply};
use twinconsent_core::consent::outcome::Outcome;
use twinconsent_core::consent::state::{LONGEST_UNWRITTEN, Memory, Unwritten};
use twinconsent_core::consent::step::{AccountFact, Call, Then};

use crate::heygen::{self, Word};
use crate::owners::rank;
use crate::planted::Planted;
use crate::shell::{InHand, reads, rests};
use crate::world::{Object, World, at, condition, request, second, version};

/// Settles and records what the last step brought.
pub fn finish(world: &mut World, index: usize, place: usize) {
    record(world, index, place);
    rank(world, index);
}

fn record(world: &mut World, index: usize, place: usize) {
    let now = world.now;
    let entry = world.replicas[index].entries[place].as_mut().unwrap();
    let Some(in_hand) = entry.in_hand.take() else { return };
    let InHand { base, facts, input, then, at: done_at } = &*in_hand;
    if let Input::Answered(Call::Poll, Outcome::Polled(group)) = input {
        reads(world, index, place, *done_at, word_of(group.consent_status.as_deref()));
    }
    let input = &taken_in(world, input);
    let mut current = base.clone();
    let mut settled = apply(&current, facts, input, at(*done_at));
    let mut written = None;
    if settled.status != current.status.clone().unwrap_or_default() {
        let Some(object) = world.kube[place].clone() else { return };
        if !is_as_decided_on(&object, &current) {
            if !asks_the_same(base, &object) {
                return;
            }
            if matches!(input, Input::Found(_)) {
                let not_before = facts.memory.unwritten.as_ref().map(|unwritten| second(unwritten.not_before));
                return again_at(world, index, place, not_before.unwrap_or(now).max(now + 1));
            }
            current = object;
            settled = apply(&current, facts, input, at(*done_at));
        }
        if settled.status != current.status.clone().unwrap_or_default() {
            if world.refuses_writes {
                world.counted.refused += 1;
                let unwritten = Unwritten::after(facts.memory.unwritten.as_deref(), base, LONGEST_UNWRITTEN, at(now));
                if world.planted == Some(Planted::NoPause) {
                    return again_at(world, index, place, now + 1);
                }
                let not_before = second(unwritten.not_before);
                let memory = Memory { unwritten: Some(Box::new(unwritten)), ..facts.memory.clone() };
                world.replicas[index].entries[place].as_mut().unwrap().memory = Arc::new(memory);
                return again_at(world, index, place, not_before);
            }
            if let AccountFact::Usable(rules) = &facts.account {
                crate::promises::check_write(world, index, place, &current, &settled.status, rules);
            }
            if world.planted == Some(Planted::LinkLeftOut) {
                settled.status.url = None;
            }
            if world.planted == Some(Planted::RefusalLeftOut) {
                settled.status.already_begun = None;
            }
            match (world.planted, &mut settled.status.asked_terms) {
                (Some(Planted::OthersLeftOut), Some(asked)) => asked.more = None,
                (Some(Planted::TermsLeftOut), Some(asked)) => asked.digests.truncate(1),
                _ => {}
            }
            if world.planted == Some(Planted::EventLeftOut) {
                settled.events.pop();
            }
            crate::trail::check(world, &current, &settled);
            let status = settled.status.clone();
            world.change(place, |object| object.status = Some(status));
            world.counted.writes += 1;
            world.note(|world| format!("   wrote {}", world.summary()));
            settled.memory.unwritten = None;
            written = world.kube[place].clone();
        }
    }
    let asked = matches!(input, Input::Answered(..)).then(|| at(*done_at));
    let entry = world.replicas[index].entries[place].as_mut().unwrap();
    // What was decided on in a history that is no more is not remembered.
    if settled.memory.history == entry.memory.history {
        entry.memory = Arc::new(settled.memory);
        entry.acted_at = entry.acted_at.max(asked);
        entry.written = written.as_deref().map_or(entry.written, version);
    }
    if let Some(written) = written {
        entry.copy = written;
    }
    match then {
        Then::Decide => entry.woken = true,
        Then::Rest(rest) => rests(world, index, place, *rest),
    }
}

/// What is taken in of what has come.
fn taken_in(world: &World, input: &Input) -> Input {
    let Input::Answered(Call::Poll, Outcome::Polled(group)) = input else { return input.clone() };
    let misread = match (world.planted, group.consent_status.as_deref()) {
        (Some(Planted::DeafToConsent), Some("approved")) => Some("pending"),
        (Some(Planted::AbsentIsRefusal), None) => Some("rejected"),
        _ => return input.clone(),
    };
    Input::Answered(Call::Poll, heygen::polled(misread))
}

fn word_of(text: Option<&str>) -> Word {
    ["approved", "rejected", "pending", "weird"].into_iter().find(|word| Some(*word) == text)
}

fn again_at(world: &mut World, index: usize, place: usize, at: i64) {
    world.replicas[index].entries[place].as_mut().unwrap().alarm = Some(at);
}

/// The precondition of a write.
fn is_as_decided_on(object: &Object, base: &Object) -> bool {
    object.metadata.uid == base.metadata.uid && object.metadata.generation == base.metadata.generation && object.status == base.status
}

/// The conflict rule of the writer.
fn asks_the_same(before: &Object, after: &Object) -> bool {
    before.metadata.uid == after.metadata.uid
        && before.spec.link_secret_ref == after.spec.link_secret_ref
        && request(before) == request(after)
}

/// What has come, in a line.
pub fn short(input: &Input) -> String {
    format!("{input:?}").chars().take(90).collect()
}

/// Whether `Ready=True` can be read there.
pub fn is_ready(object: &Object) -> bool {
    condition(object, "Ready").0 == "True"
}
