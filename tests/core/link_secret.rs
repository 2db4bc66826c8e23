//! The link Secret: what is told when Kubernetes does not take it, and how a link that is gone from it comes back.

use serde_json::json;
use twinconsent_core::consent::apply::{Input, Refusal, SecretOutcome, apply};
use twinconsent_core::consent::outcome::Group;
use twinconsent_core::consent::state::Seen;
use twinconsent_core::consent::step::{Call, Step, decide};

use crate::driver::effects::FIND_LINK;
use crate::driver::{HOUR, MINUTE, World};
use crate::model::Model;

fn world() -> World {
    World::new(json!({ "linkSecretRef": { "name": "link" } }), Model::saying(None))
}

fn message(world: &World) -> &str {
    &world.status().conditions.iter().find(|condition| condition.type_ == "Ready").unwrap().message
}

fn looked_for(world: &World) -> usize {
    world.called.iter().filter(|called| called.what == FIND_LINK).count()
}

#[test]
fn a_link_that_is_gone_from_its_secret_comes_back_within_ten_minutes_for_as_long_as_heygen_repeats_it() {
    // The last is within the ten minutes that clocks may differ.
    for (hours, comes_back) in [(0, true), (1, true), (12, true), (23, true), (24, false), (48, false)] {
        let mut world = world();
        world.live(hours * HOUR + MINUTE);
        let (link, status) = (world.secret.link.clone(), world.status().clone());
        world.secret.link = None;
        world.live(11 * MINUTE);
        let posts = if comes_back { 2 } else { 1 };
        assert_eq!((world.heygen.posts.len(), world.heygen.executed()), (posts, 1), "after {hours} h:\n{}", world.trace.join("\n"));
        assert_eq!(world.secret.link, link.filter(|_| comes_back), "after {hours} h");
        assert_eq!(*world.status(), status, "after {hours} h: nothing about the request has changed");
    }
}

#[test]
fn a_link_that_is_gone_comes_back_at_once_when_the_user_asks_for_a_poll() {
    let mut world = world();
    world.live(HOUR);
    let link = world.secret.link.take();
    world.annotate("now");
    world.settle_down();
    assert_eq!((world.secret.link, world.heygen.executed()), (link, 1));
    assert_eq!(world.object.status.unwrap().last_handled_reconcile_at.as_deref(), Some("now"));
}

#[test]
fn a_secret_is_checked_every_ten_minutes_while_its_link_lives_and_the_person_is_awaited() {
    let mut world = world();
    world.live(10 * HOUR);
    assert!((55..=60).contains(&looked_for(&world)), "{}", looked_for(&world));
    // A restart neither forgets it nor makes all of them be read at once.
    let before = looked_for(&world);
    world.crash(0);
    world.live(HOUR);
    assert!((5..=7).contains(&(looked_for(&world) - before)));
    world.heygen.word = Some("approved".into());
    world.live(HOUR);
    let before = looked_for(&world);
    world.live(5 * HOUR);
    assert_eq!(looked_for(&world), before, "nobody waits with the link any more");
}

#[test]
fn a_person_who_has_answered_gets_no_link_back() {
    for word in ["approved", "rejected"] {
        let mut world = world();
        world.live(HOUR);
        world.secret.link = None;
        world.heygen.word = Some(word.into());
        world.live(2 * HOUR);
        assert_eq!((world.heygen.posts.len(), world.secret.link), (1, None), "{word}");
    }
}

#[test]
fn a_secret_that_cannot_be_reached_is_no_fault_and_is_tried_again() {
    let mut world = world();
    world.secret.unreachable = true;
    world.settle_down();
    assert!(world.status().conditions.is_empty(), "one failure is not told");
    world.live(MINUTE);
    assert_eq!((world.ready().1, world.condition("Stalled")), ("Initiating", None));
    assert_eq!(
        message(&world),
        "The Secret named by spec.linkSecretRef cannot be read or written at the moment. The operator tries again."
    );
    assert!(world.heygen.posts.is_empty());
    world.secret.unreachable = false;
    world.live(3 * MINUTE);
    assert_eq!((world.ready().1, world.heygen.posts.len()), ("AwaitingApproval", 1));
}

#[test]
fn a_link_in_hand_waits_for_a_secret_that_cannot_be_reached() {
    let mut world = world();
    world.settle_down();
    world.edit(json!({ "requestEpoch": 1 }));
    // Reached before the request, and no longer after it.
    while !matches!(world.heygen.posts.len(), 2) {
        world.deliver(0);
        world.begin(0);
        world.finish(0);
    }
    world.secret.unreachable = true;
    world.live(HOUR);
    assert_eq!((world.heygen.posts.len(), world.condition("Stalled")), (2, None));
    world.secret.unreachable = false;
    world.live(6 * MINUTE);
    assert_eq!(world.heygen.posts.len(), 2);
    assert_eq!(world.secret.link.as_deref(), Some("https://heygen.example/consent/2"));
}

#[test]
fn what_kubernetes_refuses_is_told_by_its_cause() {
    let world = world();
    let facts = world.facts_of(0);
    let mut shown = std::collections::HashSet::new();
    for (refusal, says) in
        [(Refusal::Quota, "quota"), (Refusal::Admission, "admission"), (Refusal::Forbidden, "no right"), (Refusal::Other, "operator's log")]
    {
        let settled = apply(&world.object, &facts, &Input::Secret(SecretOutcome::Refused(refusal)), world.now);
        let ready = settled.status.conditions.iter().find(|condition| condition.type_ == "Ready").unwrap();
        assert!(ready.reason == "LinkSecretNotWritable" && ready.message.contains(says), "{refusal:?}: {}", ready.message);
        shown.insert(ready.message.clone());
    }
    assert_eq!(shown.len(), 4);
}

#[test]
fn a_poll_that_outlives_an_edit_vouches_for_no_other_secret() {
    let world = world();
    let mut facts = world.facts_of(0);
    let group = Some(Group { consent_status: Some("pending".to_owned()), ..Group::default() });
    facts.memory.seen = Some(Box::new(Seen { at: world.now, group }));
    facts.memory.free_link_secret = Some("link".to_owned());
    let mut edited = world.object.clone();
    edited.metadata.generation = Some(7);
    edited.spec.request_epoch = Some(1);
    assert!(matches!(decide(&edited, &facts, world.now), Step::Call(Call::Initiate(_))));
    edited.spec.link_secret_ref.as_mut().unwrap().name = "other".to_owned();
    assert_eq!(decide(&edited, &facts, world.now), Step::Call(Call::CheckLinkSecret));
}
