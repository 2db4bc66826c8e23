//! "Security code already binded": consent was begun before, and no call gives the link of then.

use serde_json::{Value, json};
use twinconsent_core::consent::apply::Notice;
use twinconsent_core::consent::outcome::{Class, Trouble};
use twinconsent_core::consent::step::AccountFact;

use crate::driver::{HOUR, MINUTE, World};
use crate::model::{Fault, Model};

const DAY: u64 = 24 * HOUR;

type Change = fn(&mut World);

fn world(spec: Value) -> World {
    World::new(spec, Model::saying(Some("pending")))
}

fn bound() -> Option<Fault> {
    Some(Fault::Request(Trouble::of(Class::AlreadyBound)))
}

/// A consent whose first request is refused.
fn begun(spec: Value) -> World {
    let mut world = world(spec);
    world.heygen.fault = bound();
    world.settle_down();
    assert_is_begun(&world);
    world
}

#[track_caller]
fn assert_is_begun(world: &World) {
    assert_eq!(world.ready(), ("False", "ConsentAlreadyBegun"), "{}", world.trace.join("\n"));
    assert_eq!(world.condition("Stalled").map(|stalled| stalled.0), Some("True"));
    assert_eq!(world.condition("Reconciling"), None);
}

fn message(world: &World) -> &str {
    &world.status().conditions.iter().find(|condition| condition.type_ == "Ready").unwrap().message
}

fn events(world: &World, wanted: &str) -> usize {
    world.notices.iter().filter(|notice| matches!(notice, Notice::Event(report) if report.reason() == wanted)).count()
}

fn posts(world: &World) -> usize {
    world.heygen.posts.len()
}

#[test]
fn a_consent_that_was_begun_before_is_asked_for_once_and_followed_until_it_is_given() {
    let mut world = begun(json!({}));
    assert_eq!(world.condition("Initiated"), Some(("False", "ConsentAlreadyBegun")));
    for way_out in ["HeyGen's own interface", "delete the group", "higher spec.requestEpoch may be refused"] {
        assert!(message(&world).contains(way_out), "{}", message(&world));
    }
    let (reported, calls) = (world.object.clone(), world.heygen.calls);
    // What was mended at HeyGen cannot be known without asking, and so it is not.
    world.heygen.fault = None;
    world.live(7 * DAY);
    assert_eq!((posts(&world), &world.object), (1, &reported));
    let polls = world.heygen.calls - calls;
    assert!((7 * 24 * 5..7 * 24 * 8).contains(&polls), "{polls} polls in a week");
    assert_eq!((events(&world, "ConsentAlreadyBegun"), events(&world, "RequestUnanswered")), (1, 0));

    world.heygen.word = Some("accepted".into());
    world.live(11 * MINUTE);
    assert_eq!((world.ready(), world.condition("Initiated").unwrap().0, posts(&world)), (("True", "Approved"), "False", 1));
}

#[test]
fn what_is_given_soon_is_seen_soon() {
    let mut world = begun(json!({}));
    world.live(5 * MINUTE);
    world.heygen.word = Some("approved".into());
    world.live(2 * MINUTE);
    assert_eq!(world.ready(), ("True", "Approved"));
}

/// Of all that wakes an object, only a higher epoch is the user's word that HeyGen is to be asked once more.
#[test]
fn nothing_but_a_higher_epoch_asks_again() {
    let mut world = begun(json!({}));
    let wakes: [Change; 4] = [
        |world| world.crash(0),
        |world| world.annotate("now"),
        |world| world.edit(json!({"pollInterval": "5m"})),
        |world| world.edit(json!({"suspend": true})),
    ];
    for (number, wake) in wakes.iter().enumerate() {
        wake(&mut world);
        world.live(HOUR);
        world.edit(json!({"suspend": null}));
        world.live(HOUR);
        assert_eq!(posts(&world), 1, "wake {number}:\n{}", world.trace.join("\n"));
        assert_is_begun(&world);
        assert_eq!(world.status().observed_generation, world.object.metadata.generation, "wake {number}");
    }
    world.edit(json!({"requestEpoch": 1}));
    world.settle_down();
    assert_is_begun(&world);
    world.live(2 * DAY);
    assert_eq!(posts(&world), 2);
    assert_ne!(world.heygen.posts[0].key, world.heygen.posts[1].key);
    let refused = world.status().already_begun.clone().unwrap();
    assert_eq!((refused.epoch, refused.idempotency_key), (1, world.key()));

    world.heygen.fault = None;
    world.edit(json!({"requestEpoch": 2}));
    world.settle_down();
    assert_eq!((world.ready().1, posts(&world), world.status().already_begun.is_some()), ("AwaitingApproval", 3, false));
}

#[test]
fn a_detour_does_not_make_it_forgotten() {
    let detours: [(&str, Change, Change); 6] = [
        ("AvatarGroupNotFound", |world| world.heygen.missing = true, |world| world.heygen.missing = false),
        ("AvatarFailed", |world| world.heygen.training = Some("failed".into()), |world| world.heygen.training = None),
        ("UnrecognizedConsentStatus", |world| world.heygen.word = Some("weird".into()), |world| world.heygen.word = Some("pending".into())),
        ("ConsentRefused", |world| world.heygen.word = Some("rejected".into()), |world| world.heygen.word = Some("pending".into())),
        ("DuplicateAvatarGroup", |world| world.owns_group = false, |world| world.owns_group = true),
        ("ConsentAlreadyBegun", |world| world.account = Some(AccountFact::NotReady("no key".into())), |world| world.account = None),
    ];
    for (reason, there, back) in detours {
        let mut world = begun(json!({}));
        world.heygen.fault = None;
        there(&mut world);
        world.live(HOUR);
        assert_eq!(world.ready().1, reason);
        back(&mut world);
        world.crash(0);
        world.live(HOUR);
        assert_eq!(posts(&world), 1, "{reason}:\n{}", world.trace.join("\n"));
        assert_is_begun(&world);
    }
    let mut world = begun(json!({}));
    world.heygen.fault = None;
    world.restore_status_elsewhere(2);
    world.live(HOUR);
    assert_eq!(posts(&world), 1, "the same request, also from a backup");
    assert_is_begun(&world);
}

#[test]
fn a_refusal_of_the_request_before_stays_behind_and_one_of_this_request_counts() {
    let mut world = World::new(json!({}), Model::saying(Some("rejected")));
    world.settle_down();
    world.heygen.fault = bound();
    world.edit(json!({"requestEpoch": 1}));
    world.live(DAY);
    assert_is_begun(&world);
    assert_eq!((posts(&world), world.condition("Approved")), (1, Some(("False", "NotApproved"))));
    for word in ["pending", "rejected"] {
        world.heygen.word = Some(word.into());
        world.live(HOUR);
    }
    assert_eq!((posts(&world), world.ready().1), (1, "ConsentRefused"));
}

#[test]
fn the_link_of_before_stays_where_it_is_when_a_higher_epoch_gets_none() {
    for secret in [false, true] {
        let mut world = world(if secret { json!({"linkSecretRef": {"name": "link"}}) } else { json!({}) });
        world.settle_down();
        let link = |world: &World| if secret { world.secret.link.clone() } else { world.status().url.clone() };
        let first = link(&world);
        world.heygen.fault = bound();
        world.edit(json!({"requestEpoch": 1}));
        world.live(HOUR);
        assert_is_begun(&world);
        assert!(first.is_some() && link(&world) == first, "the link that the person has is shown no more");
        assert!(message(&world).contains(if secret { "the Secret" } else { "status.url" }), "{}", message(&world));
        assert_eq!(world.condition("LinkExpired"), None);
        world.live(3 * DAY);
        assert_is_begun(&world);
        assert_eq!((posts(&world), link(&world) == first), (2, true));
        assert_eq!(world.condition("LinkExpired").map(|expired| expired.0), Some("True"), "it has died meanwhile");
        world.heygen.word = Some("accepted".into());
        world.live(11 * MINUTE);
        assert_eq!((world.ready(), posts(&world)), (("True", "Approved"), 2));
    }
}

#[test]
fn a_renewal_that_is_refused_so_is_told_and_not_repeated() {
    let mut world = world(json!({"linkRenewal": "Automatic"}));
    world.live(DAY + MINUTE);
    assert_eq!(world.ready().1, "LinkExpired");
    world.heygen.fault = bound();
    world.live(HOUR);
    assert_is_begun(&world);
    assert_eq!(world.condition("Initiated").unwrap().0, "True");
    assert_eq!(world.condition("LinkExpired").unwrap().0, "True");
    world.heygen.fault = None;
    world.live(3 * DAY);
    assert_eq!(posts(&world), 2);
    world.edit(json!({"requestEpoch": 1}));
    world.settle_down();
    assert_eq!((world.ready().1, posts(&world)), ("AwaitingApproval", 3));
}

#[test]
fn a_link_that_is_gone_from_its_secret_and_not_given_again_is_told() {
    let mut world = world(json!({"linkSecretRef": {"name": "link"}}));
    world.live(HOUR);
    world.secret.link = None;
    // HeyGen has forgotten the key.
    world.heygen.keys.clear();
    world.heygen.fault = bound();
    world.live(HOUR);
    assert_is_begun(&world);
    assert!(!message(&world).contains("Secret"), "there is none any more: {}", message(&world));
    world.live(2 * DAY);
    assert_eq!(posts(&world), 2);
}

/// HeyGen replays its first answer to a key (HeyGen API notes, section 3), so that an answer which was lost is no dead end.
#[test]
fn an_answer_that_was_lost_comes_by_its_key_though_the_group_is_bound_since() {
    let mut world = world(json!({}));
    world.deliver(0);
    world.begin(0);
    world.finish(0);
    world.heygen.fault = Some(Fault::LostAfter);
    world.begin(0);
    world.finish(0);
    assert_eq!((world.heygen.executed(), world.status().url.is_some()), (1, false));
    world.heygen.fault = bound();
    world.live(HOUR);
    assert_eq!((world.ready().1, world.heygen.executed()), ("AwaitingApproval", 1));
    assert!(world.status().url.is_some());
}

/// Another replica has recorded the link of this very request by then: there is nothing to be told.
#[test]
fn it_is_nothing_new_to_a_person_who_waits_with_a_link_that_lives() {
    let mut world = world(json!({}));
    world.settle_down();
    let reported = world.object.clone();
    let request = twinconsent_core::consent::request::Request::of(&world.object);
    let outcome = twinconsent_core::consent::outcome::Outcome::Trouble(Trouble::of(Class::AlreadyBound));
    let mut facts = world.facts_of(0);
    let terms = twinconsent_core::consent::terms::Terms::of_spec(&world.object.spec);
    let answer = twinconsent_core::consent::state::Answer { at: world.now, request, terms, outcome, in_secret: None };
    facts.memory.answer = Some(Box::new(answer));
    let found = twinconsent_core::consent::apply::Input::AnswerInHand;
    let settled = twinconsent_core::consent::apply::apply(&world.object, &facts, &found, world.now);
    assert_eq!(Some(settled.status), reported.status);
    assert!(settled.notices.is_empty());
}
