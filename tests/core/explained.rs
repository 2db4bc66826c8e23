//! What is explained of one object at a moment: the step, why, what is next, and what it waits for. The driver checks the same of every
//! decision of every life: that no link and no key is in it.

use serde_json::json;
use twinconsent_core::consent::explain::{Account, Explanation, Next, Standing, explain};
use twinconsent_core::consent::outcome::{Class, Trouble};
use twinconsent_core::consent::step::AccountFact;

use crate::driver::{Decided, HOUR, World, at};
use crate::model::{Fault, Model};

/// How the present moment is explained.
fn explained(world: &mut World, standing: Standing) -> Explanation {
    let Decided { base, facts, step, at, .. } = world.decided(0).unwrap();
    explain(&base, &facts, &step, standing, at)
}

/// The step, with which priority something is next, and what it waits for.
fn shown(world: &mut World) -> (&'static str, Option<&'static str>, Vec<String>) {
    let explained = explained(world, Standing { account: Account { name: "X/a".to_owned(), ..Account::default() }, ..Standing::default() });
    (explained.step, explained.next.and_then(|next| next.priority), explained.waits_for)
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[test]
fn a_new_object_waits_for_a_permit_then_for_the_person_and_an_approved_one_for_nothing_but_time() {
    let mut world = World::new(json!({}), Model::saying(None));
    assert_eq!(shown(&mut world), ("Poll", Some("first"), words(&["a permit of X/a"])));
    world.settle_down();
    assert_eq!(shown(&mut world), ("Rest", Some("routine"), words(&["the author of this object", "the person"])));
    assert_eq!(
        explained(&mut world, Standing::default()).why,
        "AwaitingApproval: Waiting for the person. Send them the link in status.url."
    );
    world.heygen.word = Some("approved".into());
    world.live(HOUR);
    assert_eq!(shown(&mut world), ("Rest", Some("routine"), Vec::new()));
}

#[test]
fn the_schedule_says_when_a_poll_is_due_and_a_request_waits_for_nothing_but_its_permit() {
    let scheduled = Some(Next { at: at(7), what: "poll", priority: Some("listed") });
    let mut world = World::new(json!({}), Model::saying(None));
    let next = |world: &mut World| explained(world, Standing { scheduled, ..Standing::default() }).next.map(|next| (next.at, next.what));
    assert_eq!(next(&mut world), Some((at(7), "poll")));
    world.begin(0);
    world.finish(0);
    assert_eq!(next(&mut world), Some((at(1), "request")));
    world.settle_down();
    assert_eq!(next(&mut world), Some((at(7), "poll")));
}

#[test]
fn whatever_else_is_in_the_way_is_named() {
    let new = || World::new(json!({}), Model::saying(None));
    let resting = |mut world: World, waits_for: &str| {
        world.settle_down();
        let (_, _, shown) = shown(&mut world);
        assert_eq!(shown, [waits_for]);
    };
    resting(World::new(json!({ "suspend": true }), Model::saying(None)), "its spec.suspend to become false");
    let with_account = |account| {
        let mut world = new();
        world.account = Some(account);
        world
    };
    resting(with_account(AccountFact::Resolving), "X/a, which is being read");
    resting(with_account(AccountFact::NotReady("no key".to_owned())), "no key");
    resting(with_account(AccountFact::NotAllowed("not served".to_owned())), "not served");
    let mut other = new();
    other.owns_group = false;
    resting(other, "the object that owns the group");
    let mut world = new();
    world.heygen.fault = Some(Fault::Trouble(Trouble::of(Class::Unavailable)));
    world.settle_down();
    let (.., shown) = shown(&mut world);
    assert!(shown[0].starts_with("HeyGen (unavailable), until 2026-01-01T00:00:0"), "{shown:?}");
}

#[test]
fn a_link_in_hand_waits_for_kubernetes_and_is_in_no_explanation() {
    let mut world = World::new(json!({ "linkSecretRef": { "name": "link" } }), Model::saying(None));
    world.settle_down_until_answered();
    world.secret.unreachable = true;
    world.settle_down();
    let shown = explained(&mut world, Standing::default());
    assert!(shown.in_memory.has_answer_in_hand);
    assert!(shown.waits_for[0].starts_with("Kubernetes, which has not taken the Secret for the link, until "), "{shown:?}");
    let link = world.heygen.keys.values().next().unwrap().1.rsplit('/').next().unwrap().to_owned();
    assert!(!serde_json::to_string(&shown).unwrap().contains(&format!("consent/{link}")));
}

#[test]
fn a_permit_that_does_not_come_says_why() {
    let mut world = World::new(json!({}), Model::saying(None));
    let mut waits_for = |ahead, account| explained(&mut world, Standing { ahead, account, ..Standing::default() }).waits_for;
    let account = || Account { name: "X/a".to_owned(), ..Account::default() };
    let stopped = || Account { stopped_because: Some("throttled"), ..account() };
    assert_eq!(waits_for(Some(0), account()), ["a permit of X/a"]);
    assert_eq!(waits_for(Some(7), account()), ["a permit of X/a, behind 7 others"]);
    assert_eq!(
        waits_for(Some(7), stopped()),
        ["the circuit breaker of X/a, which lets no call through until its key is accepted (throttled)"]
    );
    let until = Account { stopped_until: Some(at(5)), ..stopped() };
    assert_eq!(waits_for(None, until), ["the circuit breaker of X/a, which lets no call through until 2026-01-01T00:00:05Z (throttled)"]);
    let held_up = Some("this replica to lead");
    assert_eq!(explained(&mut world, Standing { held_up, ..Standing::default() }).waits_for, ["this replica to lead"]);
}
