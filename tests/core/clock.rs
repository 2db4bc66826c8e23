//! The wall clock is set, back or ahead, and corrected again, at every state of an object.

use jiff::Timestamp;
use serde_json::json;
use twinconsent_core::consent::outcome::{Class, Trouble};
use twinconsent_core::consent::polling;
use twinconsent_core::consent::polling::{LONGEST_BACKOFF, SLOWEST_PENDING};
use twinconsent_core::consent::status;
use twinconsent_core::consent::step::AccountFact;

use crate::driver::{HOUR, MINUTE, World, secs};
use crate::model::{Fault, Model};

/// A state: what the spec says, how it comes about, and how often HeyGen is asked in it at least (`None`: not at all).
struct State {
    name: &'static str,
    spec: &'static str,
    word: Option<&'static str>,
    comes_about: fn(&mut World),
    interval: Option<u64>,
}

const PENDING: u64 = SLOWEST_PENDING.as_secs();
const APPROVED: u64 = 6 * HOUR;

const fn state(name: &'static str, interval: Option<u64>, comes_about: fn(&mut World)) -> State {
    State { name, spec: "{}", word: Some("pending"), comes_about, interval }
}

fn trouble(class: Class) -> Option<Fault> {
    Some(Fault::Trouble(Trouble::of(class)))
}

fn refused_request(class: Class) -> Option<Fault> {
    Some(Fault::Request(Trouble::of(class)))
}

fn states() -> Vec<State> {
    let automatic = r#"{"linkRenewal": "Automatic"}"#;
    let secret = r#"{"linkSecretRef": {"name": "link"}}"#;
    vec![
        state("new", Some(PENDING), |_| {}),
        state("just asked", Some(PENDING), |world| world.live(1)),
        state("asked an hour ago", Some(PENDING), |world| world.live(HOUR)),
        state("asked a week ago", Some(PENDING), |world| world.live(7 * 24 * HOUR)),
        state("asked before a restart", Some(PENDING), |world| {
            world.live(HOUR);
            world.crash(0);
        }),
        State { spec: automatic, ..state("its link is about to be renewed", Some(PENDING), |world| world.live(24 * HOUR + 5 * MINUTE)) },
        State { spec: automatic, ..state("its link may be renewed", Some(PENDING), |world| world.live(HOUR)) },
        State { spec: r#"{"approvalDeadline": "3h"}"#, ..state("soon overdue", Some(PENDING), |world| world.live(2 * HOUR)) },
        state("approved", Some(APPROVED), |world| {
            world.live(HOUR);
            world.heygen.word = Some("approved".into());
            world.live(10 * HOUR);
        }),
        State {
            word: Some("approved"),
            ..state("found approved, before a restart", Some(APPROVED), |world| {
                world.live(10 * HOUR);
                world.crash(0);
            })
        },
        state("suspected to be withdrawn", Some(APPROVED), |world| {
            world.live(MINUTE);
            world.heygen.word = Some("approved".into());
            world.live(HOUR);
            world.heygen.word = Some("rejected".into());
            world.annotate("look");
            world.settle_down();
        }),
        state("refused", Some(PENDING), |world| {
            world.live(MINUTE);
            world.heygen.word = Some("rejected".into());
            world.live(HOUR);
        }),
        State { word: Some("weird"), ..state("an unknown word", Some(PENDING), |world| world.live(HOUR)) },
        // A missing group is polled ever more seldom, in the end as often as an approved one.
        state("suspected to be missing", Some(APPROVED), |world| {
            world.heygen.missing = true;
            world.live(1);
        }),
        state("missing", Some(APPROVED), |world| {
            world.heygen.missing = true;
            world.live(HOUR);
        }),
        state("HeyGen is away", Some(PENDING), |world| {
            world.heygen.fault = trouble(Class::Unavailable);
            world.live(20 * MINUTE);
        }),
        state("asked without an answer", Some(PENDING), |world| {
            world.heygen.fault = Some(Fault::LostAfter);
            world.live(20 * MINUTE);
        }),
        state("the request is wrong", Some(PENDING), |world| {
            world.heygen.fault = refused_request(Class::Invalid);
            world.live(HOUR);
        }),
        state("the request is not allowed", Some(PENDING), |world| {
            world.heygen.fault = refused_request(Class::AccessDenied);
            world.live(HOUR);
        }),
        state("begun before", Some(PENDING), |world| {
            world.heygen.fault = refused_request(Class::AlreadyBound);
            world.live(HOUR);
        }),
        State { spec: secret, ..state("its link is in a Secret", Some(PENDING), |world| world.live(HOUR)) },
        State {
            spec: secret,
            ..state("its link is in hand", None, |world| {
                world.settle_down_until_answered();
                world.secret.unwritable = true;
                world.live(MINUTE);
            })
        },
        state("its status cannot be written", None, |world| {
            world.refuses = true;
            world.live(20 * MINUTE);
        }),
        state("a duplicate", None, |world| {
            world.owns_group = false;
            world.live(HOUR);
        }),
        state("without an account", None, |world| {
            world.account = Some(AccountFact::NotReady("none".into()));
            world.live(HOUR);
        }),
        State { spec: r#"{"suspend": true}"#, ..state("suspended", None, |world| world.live(HOUR)) },
    ]
}

impl State {
    /// How long it is watched afterwards: until a link would be renewed, or until what is polled most seldom is polled again.
    fn afterwards(&self) -> u64 {
        if self.spec.contains("Automatic") { 27 * HOUR } else { self.interval.unwrap_or_default() + 2 * HOUR }
    }

    fn world(&self, ahead: i64) -> World {
        let mut world = World::new(serde_json::from_str(self.spec).unwrap(), Model::saying(self.word));
        if ahead != 0 {
            world.set_clock(ahead);
        }
        (self.comes_about)(&mut world);
        world
    }

    /// Lives for a while, and sees that HeyGen is asked as often as ever.
    fn live(&self, world: &mut World, seconds: u64, shown: &str) {
        let end = polling::add(world.now, secs(seconds));
        let mut asked_at = world.now;
        let silence = |asked_at: Timestamp, now: Timestamp, world: &World| {
            let (longest, silence) =
                (self.interval.map(|interval| secs(interval) + LONGEST_BACKOFF.mul_f64(1.25)), polling::since(asked_at, now));
            assert!(longest.is_none_or(|longest| silence <= longest), "{shown}: nobody asks for {silence:?}:\n{}", world.trace.join("\n"));
        };
        for wakes in 0.. {
            assert!(wakes < 20 + seconds, "{shown}: woken more than once a second");
            let calls = world.heygen.calls;
            let next = world.settle_down();
            if world.heygen.calls > calls {
                silence(asked_at, world.now, world);
                asked_at = world.now;
            }
            match next {
                Some(next) if next <= end => world.now = next,
                _ => break,
            }
        }
        silence(asked_at, end, world);
        world.now = end;
    }
}

/// How long the clock is wrong.
const WRONG_FOR: [u64; 2] = [0, 40 * MINUTE];

/// By how much it is.
const STEPS: [i64; 4] = [25 * HOUR as i64, -25 * HOUR as i64, 2 * HOUR as i64, -2 * HOUR as i64];

#[test]
fn whenever_the_clock_is_set_and_corrected_polling_goes_on_and_nobody_is_asked_for_it() {
    let mut lives = 0;
    for state in states() {
        for wrong_for in WRONG_FOR {
            let mut undisturbed = state.world(0);
            state.live(&mut undisturbed, wrong_for, state.name);
            state.live(&mut undisturbed, state.afterwards(), state.name);
            let posts = |world: &World| world.heygen.posts.iter().map(|post| (post.key.clone(), post.executed)).collect::<Vec<_>>();
            for (step, corrected, restarts) in STEPS.into_iter().flat_map(|step| [(step, 0, false), (step, step, false), (step, 0, true)]) {
                let shown = format!("{}, {step} s for {wrong_for} s, then {corrected} s, restarted: {restarts}", state.name);
                let mut world = state.world(0);
                world.set_clock(step);
                state.live(&mut world, wrong_for, &shown);
                if restarts {
                    world.crash(0);
                }
                world.set_clock(corrected);
                state.live(&mut world, state.afterwards(), &shown);
                let (expected, made) = (posts(&undisturbed), posts(&world));
                let surplus = made.len().saturating_sub(expected.len());
                // A restarted process has forgotten that a refused request waits: it is repeated, with the same key, as after any restart.
                assert!(surplus <= usize::from(restarts), "{shown}: {surplus} surplus requests:\n{}", world.trace.join("\n"));
                let executed = |posts: &[(String, bool)]| posts.iter().filter(|(_, executed)| *executed).count();
                assert!(executed(&made) <= executed(&expected), "{shown}: a second link:\n{}", world.trace.join("\n"));
                lives += 1;
            }
        }
    }
    println!("{lives} lives");
}

#[test]
fn a_person_asked_under_a_wrong_clock_is_followed_once_it_is_right() {
    for state in states() {
        for step in STEPS {
            let shown = format!("{}, begun {step} s ahead", state.name);
            let mut world = state.world(step);
            world.set_clock(0);
            state.live(&mut world, state.afterwards(), &shown);
            let executed = world.heygen.posts.iter().filter(|post| post.executed).count();
            let mut undisturbed = state.world(0);
            state.live(&mut undisturbed, state.afterwards(), &shown);
            let expected = undisturbed.heygen.posts.iter().filter(|post| post.executed).count();
            assert!(executed <= expected, "{shown}: {executed} requests, not {expected}:\n{}", world.trace.join("\n"));
        }
    }
}

#[test]
fn a_time_in_a_status_that_lies_ahead_counts_as_now_and_the_end_of_the_link_keeps_its_distance() {
    let mut world = World::new(json!({}), Model::saying(Some("pending")));
    world.set_clock(25 * HOUR as i64);
    world.live(MINUTE);
    let written = world.status();
    let now = polling::add(world.now, secs(HOUR));
    let read = status::by_now(written, now);
    let times = read.conditions.iter().map(|condition| &condition.last_transition_time);
    let times = times.chain(read.history.iter().map(|entry| &entry.observation_time)).chain(&read.initiation_time);
    assert!(times.clone().count() >= 4 && times.clone().all(|time| time.0 == now), "{read:?}");
    assert_eq!(read.link_expiration_time.as_ref().unwrap().0, polling::add(now, secs(24 * HOUR)));
    let later = polling::add(now, secs(30 * HOUR));
    assert!(matches!(status::by_now(written, later), std::borrow::Cow::Borrowed(_)), "by then they lie behind");
}

#[test]
fn a_link_is_renewed_no_sooner_because_the_clock_was_set_ahead() {
    let mut world = World::new(json!({"linkRenewal": "Automatic"}), Model::saying(Some("pending")));
    world.live(HOUR);
    world.set_clock(25 * HOUR as i64);
    world.live(22 * HOUR);
    assert_eq!(world.heygen.posts.len(), 1, "{}", world.trace.join("\n"));
    world.live(3 * HOUR);
    assert_eq!(world.heygen.posts.len(), 2, "a day has passed by now:\n{}", world.trace.join("\n"));
    world.live(25 * HOUR);
    assert_eq!(
        world.heygen.posts.len(),
        3,
        "the link that was given under the new time lives no longer than others:\n{}",
        world.trace.join("\n")
    );
}
