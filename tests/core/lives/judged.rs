//! Lives in which HeyGen's word, or what the account makes of it, changes in an unusual way.

use serde_json::json;
use twinconsent_core::api::account::ConsentPolicy;
use twinconsent_core::consent::outcome::LookType;
use twinconsent_core::consent::policy::Rules;

use super::{life, pending};
use crate::driver::{HOUR, MINUTE, World};
use crate::model::Model;

/// The rules of an account with this policy.
fn policy(spec: serde_json::Value) -> Rules {
    let spec: ConsentPolicy = serde_json::from_value(spec).unwrap();
    Rules::new(Some(&spec), None, None)
}

#[test]
fn no_word_after_an_approval() {
    let mut world = pending(json!({}));
    world.live(10 * MINUTE);
    world.heygen.word = Some("approved".into());
    world.live(HOUR);
    world.heygen.word = None;
    world.live(24 * HOUR);
    world.heygen.word = Some("approved".into());
    world.live(12 * HOUR);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn unknown_words_before_and_after_an_approval() {
    let mut world = World::new(json!({}), Model::saying(Some("completed")));
    world.live(HOUR);
    world.heygen.word = Some("pending".into());
    world.live(HOUR);
    world.heygen.word = Some("validated".into());
    world.live(HOUR);
    world.heygen.word = Some("accepted".into());
    world.live(HOUR);
    world.heygen.word = Some("completed".into());
    world.live(12 * HOUR);
    world.heygen.word = Some("accepted".into());
    world.live(HOUR);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn a_waived_consent_whose_waiver_ends() {
    let mut world = World::new(json!({}), Model::saying(Some("skipped")));
    world.rules = policy(json!({ "waived": ["skipped"] }));
    world.live(13 * HOUR);
    world.rules = Rules::default();
    world.live(HOUR);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn a_twin_without_a_word_that_counts_as_waived() {
    let mut world = World::new(json!({}), Model::saying(None));
    world.rules = policy(json!({ "absentMeansWaived": true }));
    world.live(13 * HOUR);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn a_group_with_three_pages_of_looks_and_a_twin_on_the_last() {
    let looks = [vec![LookType::PhotoAvatar; 4], vec![LookType::DigitalTwin]].concat();
    let mut world = World::new(json!({}), Model { looks, looks_of_a_page: 2, keeps_word: true, ..Model::saying(None) });
    world.live(5 * MINUTE);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn a_group_without_looks_and_then_with_one_of_an_unknown_kind_and_then_with_a_twin() {
    let mut world = World::new(json!({}), Model { looks: Vec::new(), ..Model::saying(None) });
    world.live(5 * MINUTE);
    world.heygen.looks = vec![LookType::Other];
    world.live(5 * MINUTE);
    world.heygen.looks = vec![LookType::DigitalTwin];
    world.live(15 * MINUTE);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn a_clip_that_yields_no_link() {
    let spec = json!({"consentVideo": {"url": "https://a.example/clip.mp4"}});
    let mut world = World::new(spec, Model { gives_no_link: true, ..Model::saying(Some("pending")) });
    world.live(26 * HOUR);
    world.heygen.word = Some("approved".into());
    world.live(HOUR);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn a_training_that_fails_and_is_repeated() {
    let mut world = pending(json!({}));
    world.heygen.training = Some("failed".into());
    world.live(30 * MINUTE);
    world.heygen.training = Some("completed".into());
    world.live(30 * MINUTE);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn a_consent_that_was_given_before_and_a_raised_epoch() {
    let mut world = World::new(json!({}), Model::saying(Some("accepted")));
    world.live(HOUR);
    world.edit(json!({"requestEpoch": 1}));
    world.live(13 * HOUR);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn an_epoch_that_is_raised_while_the_person_is_awaited() {
    let mut world = pending(json!({}));
    world.live(10 * MINUTE);
    world.edit(json!({"requestEpoch": 1}));
    world.live(10 * MINUTE);
    world.edit(json!({"requestEpoch": 2, "consentText": "I agree."}));
    world.live(10 * MINUTE);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn a_group_that_vanishes_while_the_person_is_awaited_and_after_the_approval() {
    let mut world = pending(json!({}));
    world.live(10 * MINUTE);
    world.heygen.missing = true;
    world.live(HOUR);
    world.heygen.missing = false;
    world.live(2 * HOUR);
    world.heygen.word = Some("approved".into());
    world.live(HOUR);
    world.heygen.missing = true;
    world.live(12 * HOUR);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn a_group_that_another_object_owns_at_first() {
    let mut world = pending(json!({}));
    world.owns_group = false;
    world.live(HOUR);
    world.owns_group = true;
    world.live(5 * MINUTE);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn a_consent_that_counts_as_ready_once_the_person_was_asked_with_a_poll_interval_of_its_own() {
    let mut world = pending(json!({"readyWhen": "Initiated", "pollInterval": "5s"}));
    world.live(5 * MINUTE);
    world.heygen.word = Some("rejected".into());
    world.live(30 * MINUTE);
    insta::assert_snapshot!(life(&world));
}
