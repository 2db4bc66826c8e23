//! The promises of the design, against random lives: words, faults, crashes, lost writes, stale copies, two replicas, edits,
//! re-creations and jumps of time.
//!
//! The driver itself checks at every request that a poll right before it said neither granted nor waived (promise 1), and of every
//! status that is written what holds of all of them.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::json;
use twinconsent_core::consent::outcome::{Class, Trouble};
use twinconsent_core::consent::polling;
use twinconsent_core::consent::step::{Call, Step, decide};

use crate::driver::{HOUR, Progress, World, secs};
use crate::model::{Fault, Model, WINDOW};

/// Something that happens.
#[derive(Debug, Clone)]
enum Event {
    /// A replica decides, and lets the effect happen.
    Begin(usize),
    /// A replica records what its last effect brought.
    Finish(usize),
    /// A replica goes on until it rests, without anything in between.
    Run(usize),
    /// The watch shows a replica the object as it is.
    Deliver(usize),
    Crash(usize),
    Word(Option<&'static str>),
    Fault(Option<Fault>),
    Missing(bool),
    Wait(u64),
    Suspend(bool),
    ReadyWhen(bool),
    /// The API server refuses every status from now on, or no longer.
    Refuse(bool),
    /// The link Secret is deleted.
    Gone,
    Epoch,
    Force,
    Recreate,
}

fn fault() -> impl Strategy<Value = Option<Fault>> {
    let class = prop::sample::select(vec![
        Class::Unreachable,
        Class::Unavailable,
        Class::Busy,
        Class::Unreadable,
        Class::Throttled,
        Class::QuotaExceeded,
        Class::CredentialsRejected,
        Class::BillingRequired,
        Class::Forbidden,
        Class::AccessDenied,
        Class::NotFound,
        Class::Invalid,
        Class::Unfetchable,
        Class::AlreadyBound,
    ]);
    prop_oneof![
        3 => Just(None),
        1 => Just(Some(Fault::LostBefore)),
        2 => Just(Some(Fault::LostAfter)),
        2 => class.clone().prop_map(|class| Some(Fault::Trouble(Trouble::of(class)))),
        2 => class.prop_map(|class| Some(Fault::Request(Trouble::of(class)))),
    ]
}

fn word() -> impl Strategy<Value = Option<&'static str>> {
    prop::sample::select(vec![
        None,
        Some("pending"),
        Some("Pending"),
        Some("approved"),
        Some("accepted"),
        Some("rejected"),
        Some("expired"),
        Some("weird"),
        Some(""),
    ])
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => (0..2usize).prop_map(Event::Begin),
        12 => (0..2usize).prop_map(Event::Finish),
        8 => (0..2usize).prop_map(Event::Run),
        6 => (0..2usize).prop_map(Event::Deliver),
        2 => (0..2usize).prop_map(Event::Crash),
        3 => word().prop_map(Event::Word),
        3 => fault().prop_map(Event::Fault),
        1 => any::<bool>().prop_map(Event::Missing),
        8 => prop_oneof![0..5u64, 30..100u64, 60..4000u64, 3600..200_000u64].prop_map(Event::Wait),
        1 => any::<bool>().prop_map(Event::Suspend),
        1 => any::<bool>().prop_map(Event::ReadyWhen),
        1 => any::<bool>().prop_map(Event::Refuse),
        1 => Just(Event::Gone),
        1 => Just(Event::Epoch),
        1 => Just(Event::Force),
        1 => Just(Event::Recreate),
    ]
}

fn spec() -> impl Strategy<Value = serde_json::Value> {
    (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(automatic, secret, deadline)| {
        let mut spec = json!({"linkRenewal": if automatic { "Automatic" } else { "Manual" }});
        if secret {
            spec["linkSecretRef"] = json!({"name": "link"});
        }
        if deadline {
            spec["approvalDeadline"] = "50h".into();
        }
        spec
    })
}

fn world(spec: serde_json::Value, word: Option<&str>) -> World {
    let mut world = World::new(spec, Model::saying(word));
    world.replicas.push(crate::driver::Replica { started: world.now, ..Default::default() });
    world
}

/// Lets something happen, and checks what holds after every single step.
fn happen(world: &mut World, event: &Event, serial: u32) -> Result<(), TestCaseError> {
    match event {
        Event::Begin(replica) => {
            if world.replicas[*replica].in_hand.is_none() {
                world.begin(*replica);
            }
        }
        Event::Finish(replica) => {
            finish(world, *replica)?;
        }
        Event::Run(replica) => {
            finish(world, *replica)?;
            world.deliver(*replica);
            let mut steps = 0;
            while world.begin(*replica) == Progress::Going && finish(world, *replica)? == Progress::Going {
                steps += 1;
                prop_assert!(steps < 40, "a hot loop:\n{}", world.trace.join("\n"));
            }
        }
        Event::Deliver(replica) => world.deliver(*replica),
        Event::Crash(replica) => world.crash(*replica),
        Event::Word(word) => world.heygen.word = word.map(str::to_owned),
        Event::Fault(fault) => world.heygen.fault.clone_from(fault),
        Event::Missing(missing) => world.heygen.missing = *missing,
        Event::Wait(seconds) => world.now = polling::add(world.now, secs(*seconds)),
        Event::Suspend(suspend) => world.edit(json!({"suspend": suspend})),
        Event::ReadyWhen(initiated) => world.edit(json!({"readyWhen": if *initiated { "Initiated" } else { "Approved" }})),
        Event::Refuse(refuses) => world.refuses = *refuses,
        Event::Gone => world.secret.link = None,
        Event::Epoch => {
            let epoch = world.object.spec.request_epoch.unwrap_or(0) + 1;
            world.edit(json!({"requestEpoch": epoch}));
        }
        Event::Force => world.annotate(&serial.to_string()),
        Event::Recreate => world.recreate(serial),
    }
    Ok(())
}

/// Promise 3: only an explicit word, seen by this very replica, moves `Approved`.
fn finish(world: &mut World, replica: usize) -> Result<Progress, TestCaseError> {
    let approved = |world: &World| world.condition("Approved").is_some_and(|(status, _)| status == "True");
    let before = approved(world);
    let seen = world.replicas[replica].last_poll.as_ref().map(|(_, group)| group.consent_status.clone().unwrap_or_default().to_lowercase());
    let progress = world.finish(replica);
    let seen = seen.unwrap_or_default();
    match (before, approved(world)) {
        (false, true) => {
            prop_assert!(["approved", "accepted"].contains(&seen.as_str()), "approved by {seen:?}:\n{}", world.trace.join("\n"))
        }
        (true, false) => {
            let looks = &world.replicas[replica];
            let apart = looks.withdrawing_since.zip(looks.last_poll.as_ref()).map(|(first, (last, _))| polling::since(first, *last));
            prop_assert!(["pending", "rejected", "expired"].contains(&seen.as_str()), "withdrawn by {seen:?}:\n{}", world.trace.join("\n"));
            prop_assert!(apart >= Some(secs(60)), "withdrawn by looks {apart:?} apart:\n{}", world.trace.join("\n"));
        }
        _ => {}
    }
    Ok(progress)
}

/// One request leads to one executed POST in any 24 hours.
fn promise_one(world: &World) -> Result<(), TestCaseError> {
    let executed: Vec<_> = world.heygen.posts.iter().filter(|post| post.executed).collect();
    for (index, first) in executed.iter().enumerate() {
        for second in &executed[index + 1..] {
            prop_assert!(
                first.key != second.key || polling::since(first.at, second.at) >= WINDOW,
                "two requests:\n{}",
                world.trace.join("\n")
            );
        }
    }
    Ok(())
}

/// Everything is well again, and one replica is left.
fn calm(world: &mut World) {
    world.heygen.fault = None;
    world.heygen.missing = false;
    world.refuses = false;
    world.replicas.truncate(1);
    world.replicas[0].in_hand = None;
    world.edit(json!({"suspend": null}));
}

proptest! {
    // The same lives in every run, so that a red run is about the change at hand; for others, change the seed and add cases.
    #![proptest_config(ProptestConfig { cases: 512, max_shrink_iters: 4000, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    /// Promises 1, 3 and 6 in any life, and 2 at its end.
    #[test]
    fn whatever_happens_one_request_is_executed_once_only_heygen_approves_and_no_link_is_lost(
        spec in spec(),
        first in word(),
        events in prop::collection::vec(event(), 1..120),
    ) {
        let mut world = world(spec, first);
        for (serial, event) in events.iter().enumerate() {
            happen(&mut world, event, 2 + u32::try_from(serial).unwrap())?;
        }
        promise_one(&world)?;
        world.check_audit();

        calm(&mut world);
        world.heygen.word = Some("pending".into());
        world.live(2 * HOUR);
        promise_one(&world)?;
        // Promise 2: what HeyGen replays for the current request stands where the user asked for it.
        if let Some(link) = world.heygen.link(&world.key(), world.now) {
            let shown = if world.object.spec.link_secret_ref.is_some() { &world.secret.link } else { &world.status().url };
            let asked = world.status().initiation.as_ref().is_some_and(|initiation| initiation.idempotency_key == world.key());
            let held = world.ready().1 == "ConsentRevoked" || world.ready().1 == "ConsentRefused";
            // The one gap: the answer to an automatic renewal was lost, and after the deadline no renewal is repeated.
            let renews = world.object.spec.link_renewal == Some(twinconsent_core::api::consent::LinkRenewal::Automatic);
            let held = held || (asked && renews && shown.is_some() && world.condition("Overdue").is_some());
            // A link that is deleted comes back only while it lives and HeyGen repeats it for certain.
            let held = held || (events.iter().any(|event| matches!(event, Event::Gone)) && shown.is_none());
            prop_assert!(held || (asked && shown.as_deref() == Some(link)), "a lost link, {:?}:\n{}", world.ready(), world.trace.join("\n"));
        }

        // Promise 6: an object whose world does not change is written no more often than its flags change, and asked about at its pace.
        world.live(2 * HOUR);
        let (writes, calls, notices) = (world.writes, world.heygen.calls, world.notices.len());
        world.live(3 * HOUR);
        let turned = 2 + 2 * usize::from(world.object.spec.link_renewal == Some(twinconsent_core::api::consent::LinkRenewal::Automatic));
        prop_assert!(world.writes - writes <= turned, "{} writes in a quiet time:\n{}", world.writes - writes, world.trace.join("\n"));
        prop_assert!(world.heygen.calls - calls <= 200, "{} calls in three quiet hours", world.heygen.calls - calls);
        prop_assert!(world.notices.len() - notices <= 2 * turned);
        world.check_audit();
    }

    /// Promise 3: no failed poll, absent field, unknown word, edit or crash breaks an approval.
    #[test]
    fn nothing_but_a_known_word_breaks_an_approval(
        events in prop::collection::vec(event().prop_filter("nobody says anything known", |event| match event {
            Event::Word(word) => matches!(word, None | Some("approved" | "accepted" | "weird" | "")),
            Event::Recreate => false,
            _ => true,
        }), 1..120),
    ) {
        let mut world = world(json!({}), Some("approved"));
        world.settle_down();
        let since = world.status().approval.clone();
        for (serial, event) in events.iter().enumerate() {
            happen(&mut world, event, 2 + u32::try_from(serial).unwrap())?;
            prop_assert_eq!(world.condition("Approved"), Some(("True", "Approved")), "after {:?}", event);
        }
        prop_assert_eq!(&world.status().approval, &since);
        prop_assert!(world.heygen.posts.is_empty());
    }

    /// Promise 6: whatever state an object is in, the next wake lies ahead, and polls do not follow one another without a pause.
    #[test]
    fn whatever_has_happened_the_next_poll_lies_ahead(
        spec in spec(),
        first in word(),
        events in prop::collection::vec(event(), 1..80),
        last in fault(),
    ) {
        let mut world = world(spec, first);
        for (serial, event) in events.iter().enumerate() {
            happen(&mut world, event, 2 + u32::try_from(serial).unwrap())?;
        }
        world.replicas.truncate(1);
        world.replicas[0].in_hand = None;
        world.refuses = false;
        world.heygen.fault = last;
        let suspended = world.object.spec.suspend.unwrap_or(false);
        for _ in 0..30 {
            let calls = world.heygen.calls;
            let next = world.settle_down();
            prop_assert!(world.heygen.calls - calls <= 6, "{} calls at once:\n{}", world.heygen.calls - calls, world.trace.join("\n"));
            // Never asleep for good while the person could still answer.
            prop_assert!(suspended || next.is_some(), "asleep, {:?}:\n{}", world.ready(), world.trace.join("\n"));
            let Some(next) = next else { break };
            world.now = next;
        }
        prop_assert!(polling::since(world.replicas[0].started, world.now) > secs(10) || suspended);
        let replica = &world.replicas[0];
        let facts = twinconsent_core::consent::step::Facts {
            account: twinconsent_core::consent::step::AccountFact::Resolving,
            owns_group: false,
            memory: replica.memory.clone(),
            started: replica.started,
            doubt: None,
            polled_at: None,
            proof: twinconsent_core::consent::step::Proof::default(),
        };
        // Neither a duplicate nor an object without an account calls HeyGen.
        prop_assert!(!matches!(decide(&world.object, &facts, world.now), Step::Call(call) if call != Call::WriteLinkSecret));
    }
}
