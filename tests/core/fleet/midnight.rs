//! A hundred thousand consents that lapse at one midnight, and others that are new just then.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write as _;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;
use twinconsent_core::api::conditions::Situation;
use twinconsent_core::api::consent::DigitalTwinConsent;
use twinconsent_core::consent::apply::{Input, apply};
use twinconsent_core::consent::audit::EventType;
use twinconsent_core::consent::outcome::{Group, Outcome};
use twinconsent_core::consent::state::Memory;
use twinconsent_core::consent::status::shown;
use twinconsent_core::consent::step::Urgency;
use twinconsent_core::consent::step::{Call, Facts, Rest, Step, Then, decide};
use twinconsent_core::schedule::{Begun, Purpose};

use super::budget::{Budget, Todo};
use crate::driver::{HOUR, MINUTE, World, at};
use crate::model::Model;

const LAPSING: usize = 100_000;

/// Of so many that lapse, one is decided and settled.
const ALIKE: usize = 100;

/// How many objects are worked on at once, as `--concurrency` has it.
const WORKERS: usize = 64;

/// The limit of an account that says none.
const LIMIT: (u32, u32) = (120, 20);

/// How many statuses of those that lapse may be written, at most, from when a consent comes until it is given to a worker, whatever waits:
/// all workers have one under way, the first of them to be free may take another, and then it is next.
const MOST_AHEAD: usize = 2;

/// So many statuses are written before another consent comes; their number has no part in common with that of the workers.
const NEW_EVERY: usize = 997;

/// How many are new: as many as the account's burst lets poll at once.
const NEW: usize = LIMIT.1 as usize;

/// What lapses, as it was before and is after.
struct Lapsing {
    object: DigitalTwinConsent,
    facts: Facts,
    rest: Rest,
}

impl Lapsing {
    /// One that was approved, a minute before midnight.
    fn new(midnight: Timestamp) -> Self {
        let mut world = World::new(json!({ "validUntil": midnight.to_string() }), Model::saying(Some("approved")));
        world.live(24 * HOUR - 2 * MINUTE);
        assert_eq!(world.ready(), ("True", "Approved"));
        let rest = world.replicas[0].rest;
        assert_eq!(rest.until, Some(midnight), "its time stands in the schedule");
        Self { object: world.object.clone(), facts: world.facts_of(0), rest }
    }

    /// What a worker does with one of them at midnight: a status, and a rest.
    fn lapses(&self, number: usize, now: Timestamp) -> Rest {
        let mut object = self.object.clone();
        object.metadata.name = Some(format!("c{number:06}"));
        let Step::Tell(finding, Then::Rest(rest)) = decide(&object, &self.facts, now) else { panic!("{number} does not lapse at once") };
        let settled = apply(&object, &self.facts, &Input::Found(finding), now);
        assert_eq!(shown(&settled.status), Some(Situation::Lapsed));
        assert_eq!(settled.events.iter().map(|event| event.event_type()).collect::<Vec<_>>(), [EventType::Lapsed]);
        rest
    }
}

/// Consents that were never seen before.
struct Newcomer {
    object: DigitalTwinConsent,
    facts: Facts,
}

impl Newcomer {
    fn new(now: Timestamp) -> Self {
        let mut world = World::new(json!({}), Model::saying(Some("pending")));
        world.now = now;
        let facts = Facts { memory: Memory::default(), ..world.facts_of(0) };
        Self { object: world.object, facts }
    }

    /// Polls at once, as the account allows it.
    fn polls(&self, number: usize, budget: &mut Budget, now: Timestamp) -> Begun {
        assert!(matches!(decide(&self.object, &self.facts, now), Step::Call(Call::Poll)));
        budget.ask(number, Purpose::Poll { urgency: Urgency::Ordinary }, now).expect("a token is there, and nothing comes first")
    }
}

#[test]
fn a_hundred_thousand_that_lapse_at_one_midnight_keep_no_new_consent_waiting() {
    let midnight = at(24 * HOUR as i64);
    let (lapsing, new) = (Lapsing::new(midnight), Newcomer::new(midnight));
    let mut budget = Budget::new(LIMIT.0, LIMIT.1, at(1));
    for number in 0..LAPSING {
        budget.add(number, &format!("n{}", number % 10), &format!("g{number}"));
        budget.rest(number, lapsing.rest, at(1));
    }
    let after = lapsing.lapses(0, midnight);
    let began = Instant::now();
    let (mut running, mut written, mut longest, mut slowest) = (VecDeque::new(), 0, 0, Duration::ZERO);
    // The next that is new, and after how many writes each came that waits.
    let (mut next_new, mut came) = (LAPSING, BTreeMap::new());
    let mut permits: Vec<Begun> = Vec::new();
    loop {
        while running.len() < WORKERS {
            let asked = Instant::now();
            let next = budget.take(midnight);
            slowest = slowest.max(asked.elapsed());
            let Todo::Decide(number, grant) = next else { break };
            assert!(grant.is_none(), "no call is made for one that lapses");
            if number < LAPSING {
                // They are alike: what one does, all do.
                let rest = if number % ALIKE == 0 { lapsing.lapses(number, midnight) } else { after };
                running.push_back((number, rest));
                continue;
            }
            longest = longest.max(written - came.remove(&number).unwrap());
            permits.push(new.polls(number, &mut budget, midnight));
            budget.rest(number, Rest::default(), midnight);
            budget.done(number, None, midnight);
        }
        if running.len() == WORKERS && written % NEW_EVERY == 0 && next_new < LAPSING + NEW {
            budget.add(next_new, "n0", "g-new");
            budget.change(next_new);
            came.insert(next_new, written);
            next_new += 1;
        }
        let Some((number, rest)) = running.pop_front() else { break };
        budget.rest(number, rest, midnight);
        budget.done(number, None, midnight);
        written += 1;
        for begun in permits.drain(..) {
            budget.end(begun, Outcome::Polled(Group::default()), midnight);
        }
    }
    let took = began.elapsed();
    let _ = writeln!(
        std::io::stderr(),
        "{written} given out in {took:.1?}, the slowest in {slowest:.1?}; a new one waited for {longest} of their writes at most"
    );
    assert_eq!((written, next_new), (LAPSING, LAPSING + NEW), "each once, and no new one was forgotten");
    assert!(longest <= MOST_AHEAD, "{longest}");
}

/// What comes in numbers just then neither waits for those that lapse, nor keeps them from it.
#[test]
fn of_five_that_are_given_to_workers_at_midnight_four_are_new_and_one_lapses() {
    let midnight = at(24 * HOUR as i64);
    let rest = Lapsing::new(midnight).rest;
    let mut budget = Budget::new(LIMIT.0, LIMIT.1, at(1));
    for number in 0..LAPSING {
        budget.add(number, "n", &format!("g{number}"));
        if number < LAPSING / 2 {
            budget.rest(number, rest, at(1));
        }
    }
    (LAPSING / 2..LAPSING).for_each(|number| budget.change(number));
    let mut given = [0, 0];
    for _ in 0..LAPSING / 2 {
        let Todo::Decide(number, None) = budget.take(midnight) else { panic!("nothing, or a call") };
        given[usize::from(number < LAPSING / 2)] += 1;
    }
    assert_eq!(given, [LAPSING * 2 / 5, LAPSING / 10]);
}
