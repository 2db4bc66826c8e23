//! The shell in small: what the watch shows, which object owns, decide → act → settle → record, and polls by the list.
//!
//! A step is cut in two: the effect happens in [`begin`], its record in [`finish`], and anything may come in between.

use std::sync::Arc;

use twinconsent_core::consent::apply::{Input, Refusal, SecretOutcome};
use twinconsent_core::consent::outcome::Print;
use twinconsent_core::consent::policy::Meaning;
use twinconsent_core::consent::polling;
use twinconsent_core::consent::step;
use twinconsent_core::consent::step::{AccountFact, Call, Facts, NextPoll, PollKind, Proof, Rest, Step, Then, decide};
use twinconsent_core::consent::terms::Terms;

use crate::heygen::{self, WINDOW, Word};
use crate::owners::rank;
use crate::planted::Planted;
use crate::promises::is_barred;
use crate::record::short;
use crate::world::{self, Entry, LOOSE, Object, Scheduled, Shown, World, at, request, second, version};

/// An effect that has happened and is not recorded.
#[derive(Debug)]
pub struct InHand {
    pub base: Object,
    pub facts: Facts,
    pub input: Input,
    pub then: Then,
    pub at: i64,
}

/// What happens to an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Answered,
    /// Nothing was done, and no answer comes.
    LostBefore,
    /// It was done, and the answer is lost.
    LostAfter,
    /// Others come first: it is not done now.
    Delayed,
}

/// How long a permit takes that does not come at once, in seconds.
const QUEUE: i64 = 30;

/// Whether the watch has something to show to a replica.
pub fn can_continue(world: &World, replica: usize) -> bool {
    let entries = &world.replicas[replica].entries;
    world.kube.iter().zip(entries).any(|(object, entry)| match (object, entry) {
        (Some(object), Some(entry)) => !Arc::ptr_eq(object, &entry.copy) && version(object) != version(&entry.copy),
        (object, entry) => object.is_some() != entry.is_some(),
    })
}

/// The watch shows a replica everything as it is.
pub fn show(world: &mut World, index: usize) {
    let World { kube, replicas, .. } = world;
    let replica = &mut replicas[index];
    for (place, object) in kube.iter().enumerate() {
        let entry = &mut replica.entries[place];
        let is_another = |entry: &Entry, object: &Object| entry.copy.metadata.uid != object.metadata.uid;
        if entry.as_ref().is_some_and(|entry| object.as_ref().is_none_or(|object| is_another(entry, object))) {
            *entry = None;
            replica.owner = replica.owner.filter(|owner| *owner != place);
        }
        match (object, entry) {
            (Some(object), Some(entry)) if version(object) != version(&entry.copy) => {
                entry.copy = object.clone();
                entry.woken = true;
            }
            (Some(object), entry @ None) => *entry = Some(Entry::new(object.clone())),
            _ => {}
        }
    }
    rank(world, index);
}

/// Whether the object of a place is to be decided by a replica.
pub fn can_begin(world: &World, replica: usize, place: usize) -> bool {
    world.replicas[replica].entries[place].as_ref().is_some_and(|entry| entry.woken && entry.in_hand.is_none())
}

pub fn can_finish(world: &World, replica: usize, place: usize) -> bool {
    world.replicas[replica].entries[place].as_ref().is_some_and(|entry| entry.in_hand.is_some())
}

/// Whether a poll by the list is due.
pub fn can_poll_by_list(world: &World, replica: usize, place: usize) -> bool {
    let usable = world.served[place];
    world.replicas[replica].entries[place].as_ref().is_some_and(|entry| {
        let due = entry.scheduled.as_ref().is_some_and(|scheduled| second(scheduled.poll.at) <= world.now);
        usable && due && entry.in_hand.is_none() && (entry.handed.is_none() || !entry.woken)
    })
}

/// What a replica knows when it decides on an object.
pub fn facts(world: &World, replica: usize, place: usize) -> Facts {
    let account = if world.served[place] {
        let rules = if world.planted == Some(Planted::UnknownIsConsent) { world::terms_of(LOOSE) } else { world.rules() };
        AccountFact::Usable(rules)
    } else {
        AccountFact::NotAllowed("The account does not serve this namespace.".into())
    };
    let replica = &world.replicas[replica];
    let owns_group = replica.owner == Some(place) || world.planted == Some(Planted::EveryoneOwns);
    let entry = replica.entries[place].as_ref().unwrap();
    let mut memory = (*entry.memory).clone();
    let polled_at = memory.polled_at.max(entry.scheduled.as_ref().and_then(|scheduled| scheduled.polled_at));
    if memory.polled_at.is_some() {
        memory.polled_at = polled_at;
    }
    Facts { account, owns_group, memory, started: at(replica.started), doubt: None, polled_at, proof: Proof::default() }
}

/// Observes, decides, and lets the effect happen.
pub fn begin(world: &mut World, index: usize, place: usize, fate: Fate) {
    world.counted.steps += 1;
    let entry = world.replicas[index].entries[place].as_mut().unwrap();
    entry.woken = false;
    let base = entry.copy.clone();
    if version(&base) < entry.written {
        return;
    }
    let facts = facts(world, index, place);
    let now = at(world.now);
    let mut step = decide(&base, &facts, now);
    let entry = world.replicas[index].entries[place].as_mut().unwrap();
    if step::would_poll(&step)
        && let Some((seen_at, poll)) = entry.handed.take()
        && entry.acted_at.is_none_or(|acted_at| seen_at >= acted_at)
    {
        let outcome = match poll {
            Shown::Word(word) => heygen::polled(word),
            Shown::Lost => heygen::lost(),
        };
        let input = Input::Answered(Call::Poll, outcome);
        entry.in_hand = Some(Arc::new(InHand { base, facts, input, then: Then::Decide, at: second(seen_at) }));
        return;
    }
    if let Step::Call(call) = &step
        && call.asks_heygen()
        && fate == Fate::Delayed
    {
        let is_request = !matches!(call, Call::Poll);
        step = step::delayed(&base, &facts, call, std::time::Duration::from_secs(30), now);
        if is_request {
            entry.permit_at = Some(world.now + QUEUE);
        }
    }
    let (input, then) = match step {
        Step::Rest(mut rest) => {
            if world.planted == Some(Planted::NoRest) {
                rest.until = rest.earliest().map(|_| now);
            }
            if rest.until.is_some_and(|until| until <= now) {
                world.breaks("promise 6: a rest until the past".into());
            }
            return rests(world, index, place, rest);
        }
        Step::Tell(finding, then) => (Input::Found(finding), then),
        Step::RecordAnswer => (Input::AnswerInHand, Then::Decide),
        Step::Call(call) => (act(world, index, place, &base, call, fate), Then::Decide),
    };
    world.note(|_| format!("{place}: {}", short(&input)));
    let in_hand = InHand { base, facts, input, then, at: world.now };
    world.replicas[index].entries[place].as_mut().unwrap().in_hand = Some(Arc::new(in_hand));
    rank(world, index);
}

/// Whether the next step of an object is a call to HeyGen, whose answer may be lost, or that may be delayed.
pub fn would_call(world: &World, index: usize, place: usize) -> Option<Call> {
    if !can_begin(world, index, place) {
        return None;
    }
    let facts = facts(world, index, place);
    let entry = world.replicas[index].entries[place].as_ref()?;
    if version(&entry.copy) < entry.written || entry.handed.is_some() {
        return None;
    }
    match decide(&entry.copy, &facts, at(world.now)) {
        Step::Call(call) if call.asks_heygen() => Some(call),
        _ => None,
    }
}

pub fn rests(world: &mut World, index: usize, place: usize, rest: Rest) {
    let entry = world.replicas[index].entries[place].as_mut().unwrap();
    entry.alarm = rest.until.map(second);
    let word = entry.copy.status.as_ref().and_then(|status| status.consent_status.clone());
    let polled_at = entry.scheduled.take().and_then(|scheduled| scheduled.polled_at);
    entry.scheduled = rest.poll.map(|poll| Scheduled { poll, word, polled_at });
}

/// A list scan shows the group, and hands over what is new.
pub fn poll_by_list(world: &mut World, index: usize, place: usize, is_lost: bool) {
    world.counted.calls += 1;
    world.counted.steps += 1;
    let now = at(world.now);
    let rules = world.rules();
    let poll = if is_lost || world.heygen.is_down { Shown::Lost } else { Shown::Word(world.heygen.word) };
    let entry = world.replicas[index].entries[place].as_mut().unwrap();
    let (Some(scheduled), uid) = (&mut entry.scheduled, entry.copy.metadata.uid.clone().unwrap_or_default()) else { return };
    let is_new = match (&scheduled.poll.kind, poll) {
        (_, Shown::Lost) | (PollKind::Forced | PollKind::Landed | PollKind::Wanted { .. }, _) => true,
        (PollKind::Routine { print, wanted_from, .. }, Shown::Word(word)) => {
            *print != Print::of(&heygen::group(word)) || wanted_from.is_some_and(|from| from <= now)
        }
    };
    if is_new {
        scheduled.poll = NextPoll { at: polling::add(now, std::time::Duration::from_secs(300)), kind: PollKind::Wanted { by_list: true } };
        entry.handed = Some((now, poll));
        entry.woken = true;
    } else {
        if let PollKind::Routine { rhythm, .. } = scheduled.poll.kind {
            scheduled.poll.at = polling::after_poll(now, rhythm.interval(&rules.cadence, now), polling::share(&uid, 0));
        }
        scheduled.polled_at = Some(now);
    }
    world.note(|_| format!("{place}: the sweep saw {poll:?}{}", if is_new { ", which is news" } else { "" }));
    if let (Shown::Word(word), false) = (poll, is_new) {
        reads(world, index, place, world.now, word);
    }
}

/// Notes for the checks that a replica has taken in a word.
pub fn reads(world: &mut World, index: usize, place: usize, read_at: i64, word: Word) {
    let meaning = world.rules().policy.read(word);
    let entry = world.replicas[index].entries[place].as_mut().unwrap();
    entry.read = Some((read_at, word));
    if meaning.takes_back() {
        entry.withdrawing_since.get_or_insert(read_at);
    } else if matches!(meaning, Meaning::Granted | Meaning::Waived) {
        entry.withdrawing_since = None;
    }
    let read = (entry.copy.metadata.uid.clone().unwrap_or_default(), word);
    let all = &mut world.known[place].read;
    if let Err(gap) = all.binary_search(&read) {
        all.insert(gap, read);
    }
    if world.planted == Some(Planted::PollsWritten) {
        world.counted.writes += 1;
        world.change(place, |_| {});
    }
}

fn act(world: &mut World, index: usize, place: usize, base: &Object, call: Call, fate: Fate) -> Input {
    if call.asks_heygen() {
        world.counted.calls += 1;
    }
    let is_lost = |outcome| if fate == Fate::Answered { outcome } else { heygen::lost() };
    match &call {
        Call::Poll => {
            let outcome = is_lost(world.heygen.poll());
            Input::Answered(call, outcome)
        }
        Call::ReadLooks(_) => Input::Answered(call, is_lost(world.heygen.read_looks())),
        Call::Initiate(asked) => {
            checks_request(world, index, place, asked.epoch);
            if is_barred(base) {
                world.breaks("promise 7: asked although the person has withdrawn, the consent has lapsed, or nobody is to be asked".into());
            }
            if *asked != request(base) {
                world.breaks("promise 1: another request than the object asks".into());
            }
            if fate == Fate::LostBefore {
                return Input::Answered(call, heygen::lost());
            }
            world.counted.posts += 1;
            checks_owner(world, place);
            let is_refused = |object: &Object| {
                let begun = object.status.as_ref().and_then(|status| status.already_begun.as_ref());
                begun.is_some_and(|begun| begun.idempotency_key == asked.idempotency_key)
            };
            // Another replica's word may not have come yet, and a backup knows nothing of it.
            if world.replicas.len() == 1 && world.kube[place].as_ref().is_some_and(is_refused) {
                world.breaks("promise 6: a request that was refused for good is sent again".into());
            }
            let of_which = match world.planted {
                Some(Planted::KeyOfObject) => base.metadata.uid.clone().unwrap_or_default(),
                Some(Planted::KeyOfReplica) => index.to_string(),
                _ => String::new(),
            };
            let uid = base.metadata.uid.clone().unwrap_or_default();
            let statement = Terms::of(&asked.content, None).statement_digest;
            let (executed, outcome) =
                world.heygen.post(&format!("{}{of_which}", asked.idempotency_key), &statement, (place, &uid), world.now);
            if executed {
                let (now, epoch) = (world.now, asked.epoch);
                let known = &mut world.known[place];
                known.executed.retain(|(at, _)| now - at < WINDOW);
                if known.executed.iter().any(|(_, before)| *before == epoch) {
                    world.breaks("promise 1: one request was executed twice in 24 hours".into());
                }
                world.known[place].executed.push((now, epoch));
            }
            Input::Answered(call, is_lost(outcome))
        }
        Call::CheckLinkSecret => Input::Secret(match &world.secrets[place] {
            secret if secret.unwritable => SecretOutcome::Refused(Refusal::Forbidden),
            secret if secret.foreign => SecretOutcome::Conflict,
            _ => SecretOutcome::Free(base.spec.link_secret_ref.as_ref().map_or_else(String::new, |secret| secret.name.clone())),
        }),
        Call::FindLink => Input::Secret(match &world.secrets[place] {
            secret if secret.unwritable => SecretOutcome::Kept,
            secret if secret.foreign => SecretOutcome::Kept,
            secret if secret.link.is_some() => SecretOutcome::Kept,
            _ => SecretOutcome::Gone,
        }),
        Call::WriteLinkSecret => {
            let entry = world.replicas[index].entries[place].as_ref().unwrap();
            let answer = entry.memory.answer.as_ref();
            let link = answer.and_then(|answer| answer.link()).map(|link| link.expose().to_owned());
            let secret = &mut world.secrets[place];
            Input::Secret(match secret {
                secret if secret.unwritable => SecretOutcome::Refused(Refusal::Forbidden),
                secret if secret.foreign => SecretOutcome::Conflict,
                secret => {
                    let changed = secret.link != link;
                    if world.planted != Some(Planted::SecretLeftOut) {
                        secret.link = link;
                    }
                    SecretOutcome::Written { changed }
                }
            })
        }
    }
}

/// Promise 1: no request without a poll right before it, and none when that poll says granted.
fn checks_request(world: &mut World, index: usize, place: usize, epoch: i64) {
    let entry = world.replicas[index].entries[place].as_ref().unwrap();
    let Some((read_at, word)) = entry.read else { return world.breaks("promise 1: no look before a request".into()) };
    let (age, meaning) = (world.now - read_at, world.rules().policy.read(word));
    if age >= 60 {
        world.breaks(format!("promise 1: the look before the request for epoch {epoch} is {age} s old"));
    }
    if matches!(meaning, Meaning::Granted | Meaning::Waived) {
        world.breaks(format!("promise 1: asked although the look right before said {word:?}"));
    }
}

/// No request for a group that another object owns, as far as the one replica there is can know.
fn checks_owner(world: &mut World, place: usize) {
    let has_asked = |object: &Object| object.status.as_ref().is_some_and(|status| status.initiation.is_some());
    let owns = |(other, object): (usize, &Object)| {
        other != place && world.served[other] && object.metadata.deletion_timestamp.is_none() && has_asked(object)
    };
    let mut objects = world.kube.iter().enumerate().filter_map(|(other, object)| Some((other, object.as_ref()?)));
    if world.replicas.len() == 1 && objects.any(owns) {
        world.breaks("ownership: asked although another object owns the group".into());
    }
}
