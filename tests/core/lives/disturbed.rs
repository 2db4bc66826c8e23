//! Lives that something disturbs: the user, the account, HeyGen, Kubernetes, the clock, a backup.

use serde_json::json;
use twinconsent_core::consent::outcome::{Class, Trouble};
use twinconsent_core::consent::step::AccountFact;

use super::{life, pending};
use crate::driver::{HOUR, MINUTE, World, secs};
use crate::model::{Fault, Model};

fn request_fails(class: Class) -> Option<Fault> {
    Some(Fault::Request(Trouble::of(class)))
}

#[test]
fn a_consent_that_is_suspended_before_any_poll_and_again_while_the_person_is_awaited() {
    let mut world = pending(json!({"suspend": true}));
    world.live(HOUR);
    world.edit(json!({"suspend": null}));
    world.live(5 * MINUTE);
    world.edit(json!({"suspend": true}));
    world.heygen.word = Some("approved".into());
    world.live(80 * HOUR);
    world.edit(json!({"suspend": null}));
    world.live(HOUR);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn polls_that_the_user_forces_in_every_state() {
    let mut world = pending(json!({}));
    world.live(5 * MINUTE);
    for (value, word) in [("1", "pending"), ("2", "approved"), ("3", "rejected"), ("4", "rejected"), ("5", "weird")] {
        world.heygen.word = Some(word.into());
        world.annotate(value);
        world.live(2 * MINUTE);
    }
    world.heygen.fault = Some(Fault::Trouble(Trouble::of(Class::Unavailable)));
    world.annotate("6");
    world.live(2 * MINUTE);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn a_throttle_that_names_a_time_before_the_request() {
    let mut world = pending(json!({}));
    world.heygen.fault = Some(Fault::Trouble(Trouble { retry_after: Some(secs(30)), ..Trouble::of(Class::Throttled) }));
    world.live(2 * MINUTE);
    world.heygen.fault = None;
    world.live(5 * MINUTE);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn requests_that_are_refused_in_every_way() {
    for class in [Class::Invalid, Class::Unfetchable, Class::AccessDenied, Class::Forbidden, Class::AlreadyBound, Class::Busy] {
        let mut world = pending(json!({}));
        world.heygen.fault = request_fails(class);
        world.live(HOUR);
        world.heygen.fault = None;
        world.live(HOUR);
        world.edit(json!({"requestEpoch": 1}));
        world.live(5 * MINUTE);
        insta::assert_snapshot!(format!("a_request_that_is_refused_as_{class:?}"), life(&world));
    }
}

#[test]
fn a_request_whose_answer_is_lost_for_an_hour() {
    let mut world = pending(json!({}));
    world.heygen.fault = request_fails(Class::Unreachable);
    world.live(HOUR);
    world.heygen.fault = None;
    world.live(20 * MINUTE);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn pages_of_looks_that_cannot_be_read_for_an_hour() {
    let mut world = World::new(json!({}), Model::saying(None));
    world.heygen.fault = Some(Fault::Looks(Trouble::of(Class::Unavailable)));
    world.live(HOUR);
    world.heygen.fault = None;
    world.live(20 * MINUTE);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn an_approval_that_is_not_verified_for_four_days() {
    let mut world = World::new(json!({}), Model::saying(Some("approved")));
    world.live(HOUR);
    world.heygen.fault = Some(Fault::Trouble(Trouble::of(Class::Unavailable)));
    world.live(96 * HOUR);
    world.heygen.fault = None;
    world.live(24 * HOUR);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn a_link_that_is_deleted_from_its_secret() {
    let mut world = pending(json!({"linkSecretRef": {"name": "link"}}));
    world.live(15 * MINUTE);
    world.secret.link = None;
    world.live(25 * MINUTE);
    world.secret.unreachable = true;
    world.live(30 * MINUTE);
    world.secret.unreachable = false;
    world.live(15 * MINUTE);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn a_secret_that_is_taken_while_the_request_runs() {
    let mut world = pending(json!({"linkSecretRef": {"name": "link"}}));
    while world.replicas[0].memory.answer.is_none() {
        world.deliver(0);
        world.begin(0);
        world.finish(0);
    }
    world.secret.foreign = true;
    world.live(10 * MINUTE);
    world.secret.foreign = false;
    world.live(10 * MINUTE);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn an_account_that_is_lost_after_the_request_and_one_that_does_not_serve_the_namespace() {
    let mut world = pending(json!({}));
    world.account = Some(AccountFact::NotAllowed("The account does not serve this namespace.".into()));
    world.live(5 * MINUTE);
    world.account = None;
    world.live(5 * MINUTE);
    world.account = Some(AccountFact::NotReady("The key was refused.".into()));
    world.live(30 * HOUR);
    world.account = None;
    world.live(30 * MINUTE);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn an_api_server_that_refuses_every_status_for_an_hour() {
    let mut world = pending(json!({}));
    world.refuses = true;
    world.live(HOUR);
    world.refuses = false;
    world.live(HOUR);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn an_object_that_is_created_anew_and_one_that_gets_its_status_in_another_cluster() {
    let mut world = pending(json!({}));
    world.live(10 * MINUTE);
    world.recreate(2);
    world.live(10 * MINUTE);
    world.heygen.word = Some("approved".into());
    world.live(10 * MINUTE);
    world.restore_status_elsewhere(3);
    world.live(7 * HOUR);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn an_object_that_is_set_back_to_before_its_request_and_to_before_its_approval() {
    let mut world = pending(json!({}));
    let unasked = world.object.clone();
    world.live(10 * MINUTE);
    let waiting = world.object.clone();
    world.roll_back(unasked);
    world.crash(0);
    world.live(10 * MINUTE);
    world.heygen.word = Some("approved".into());
    world.live(10 * MINUTE);
    world.roll_back(waiting);
    world.crash(0);
    world.live(10 * MINUTE);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn a_status_that_says_consent_was_given_by_hand() {
    let mut world = pending(json!({}));
    world.live(10 * MINUTE);
    world.forge("Approved");
    world.live(10 * MINUTE);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn a_process_that_is_killed_every_ten_minutes() {
    let mut world = pending(json!({}));
    for _ in 0..6 {
        world.live(10 * MINUTE);
        world.crash(0);
    }
    world.heygen.word = Some("approved".into());
    for _ in 0..6 {
        world.live(10 * MINUTE);
        world.crash(0);
    }
    insta::assert_snapshot!(life(&world));
}

#[test]
fn two_replicas_that_ask_at_the_same_time() {
    let mut world = pending(json!({}));
    world.replicas.push(crate::driver::Replica { started: world.now, ..Default::default() });
    for _ in 0..4 {
        for replica in [0, 1] {
            world.begin(replica);
        }
        for replica in [0, 1] {
            world.finish(replica);
        }
    }
    world.live(10 * MINUTE);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn a_clock_that_is_set_two_days_ahead_and_right_again() {
    let mut world = pending(json!({"linkRenewal": "Automatic"}));
    world.live(10 * MINUTE);
    world.set_clock(48 * 3600);
    world.live(HOUR);
    world.set_clock(0);
    world.live(HOUR);
    insta::assert_snapshot!(life(&world));
}
