//! Whole lives as text: what was asked when, what came of it, what was written, and how many of each. Reviewed like code.
//!
//! They are what must stay the same whenever the code is moved: uids and clock are fixed, so every difference is one of behaviour.

mod disturbed;
mod judged;

use serde_json::json;
use twinconsent_core::consent::apply::Notice;
use twinconsent_core::consent::outcome::{Class, LookType, Trouble};
use twinconsent_core::consent::step::AccountFact;

use crate::driver::effects::{LOOKS, POLL, POST};
use crate::driver::{HOUR, MINUTE, World, secs};
use crate::model::{Fault, Model};

fn pending(spec: serde_json::Value) -> World {
    World::new(spec, Model::saying(Some("pending")))
}

/// The trace, with polls that found the same again and wrote nothing folded into a count, and the counts of all that was done.
fn life(world: &World) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut folded = 0;
    let of = |line: &str| line.split_once("  ").map(|(_, what)| what.to_owned()).unwrap_or_default();
    for (index, line) in world.trace.iter().enumerate() {
        let again = index > 0 && index + 1 < world.trace.len() && of(line).starts_with("poll") && of(line) == of(&world.trace[index - 1]);
        if again && of(&world.trace[index + 1]) == of(line) {
            folded += 1;
            continue;
        }
        if folded > 0 {
            lines.push(format!("            ({folded} more of the same)"));
            folded = 0;
        }
        lines.push(line.clone());
    }
    let called = |what: &str| world.called.iter().filter(|called| called.what == what).count();
    let events = world.notices.iter().filter(|notice| matches!(notice, Notice::Event(_))).count();
    lines.push(format!(
        "in all: {} polls, {} pages of looks, {} POSTs, {} of them executed; {} status writes, {events} events",
        called(POLL),
        called(LOOKS),
        called(POST),
        world.heygen.executed(),
        world.writes
    ));
    let audit: Vec<_> = world.audit.events.iter().map(|event_type| event_type.word()).collect();
    lines.push(format!("audit: {}", audit.join(", ")));
    world.check_audit();
    lines.join("\n")
}

#[test]
fn a_person_who_consents_after_half_an_hour() {
    let mut world = pending(json!({"rerouteURL": "https://a.example/thanks"}));
    world.live(30 * MINUTE);
    world.heygen.word = Some("accepted".into());
    world.live(24 * HOUR);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn a_person_who_refuses_and_is_asked_again() {
    let mut world = pending(json!({}));
    world.live(5 * MINUTE);
    world.heygen.word = Some("rejected".into());
    world.live(HOUR);
    world.edit(json!({"requestEpoch": 1}));
    world.live(5 * MINUTE);
    world.heygen.word = Some("approved".into());
    world.live(5 * MINUTE);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn a_person_who_never_answers_with_automatic_renewal_and_a_deadline() {
    let mut world = pending(json!({"linkRenewal": "Automatic", "approvalDeadline": "60h"}));
    world.live(5 * 24 * HOUR);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn an_approval_that_is_withdrawn_and_granted_again() {
    let mut world = World::new(json!({}), Model::saying(Some("approved")));
    world.live(HOUR);
    world.heygen.word = Some("rejected".into());
    world.live(24 * HOUR);
    world.heygen.word = Some("approved".into());
    world.live(HOUR);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn an_answer_that_is_lost_and_a_crash_before_the_record() {
    let mut world = pending(json!({}));
    world.deliver(0);
    world.begin(0);
    world.finish(0);
    world.heygen.fault = Some(Fault::LostAfter);
    world.live(MINUTE);
    world.crash(0);
    world.heygen.fault = None;
    world.live(MINUTE);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn an_account_that_comes_late_and_a_long_queue() {
    let mut world = pending(json!({}));
    world.account = Some(AccountFact::NotReady("There is no ClusterHeyGenAccount \"default\".".into()));
    world.live(MINUTE);
    world.account = None;
    world.queue = secs(90);
    world.live(5 * MINUTE);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn a_link_secret_that_belongs_to_another_at_first() {
    let mut world = pending(json!({"linkSecretRef": {"name": "link"}}));
    world.secret.foreign = true;
    world.live(3 * MINUTE);
    world.secret.foreign = false;
    world.live(3 * MINUTE);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn a_photo_group_after_an_hour_of_trouble() {
    let mut world = World::new(json!({}), Model { looks: vec![LookType::PhotoAvatar], ..Model::saying(None) });
    world.heygen.fault = Some(Fault::Trouble(Trouble::of(Class::Unavailable)));
    world.live(HOUR);
    world.heygen.fault = None;
    world.live(13 * HOUR);
    insta::assert_snapshot!(life(&world));
}

#[test]
fn a_group_that_is_created_a_minute_later_than_its_object() {
    let mut world = pending(json!({}));
    world.heygen.missing = true;
    world.live(MINUTE);
    world.heygen.missing = false;
    world.live(3 * MINUTE);
    insta::assert_snapshot!(life(&world));
}
