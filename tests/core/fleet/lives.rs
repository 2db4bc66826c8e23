//! Scripted lives of many objects on one account.

use std::time::Duration;

use serde_json::json;
use twinconsent_core::consent::outcome::{Class, Trouble};

use super::Fleet;
use crate::driver::{HOUR, MINUTE, secs};

/// The limit of an account that says none.
const LIMIT: (u32, u32) = (120, 20);

fn pending(count: usize, (per_minute, burst): (u32, u32)) -> Fleet {
    let mut fleet = Fleet::new(per_minute, burst);
    fleet.create(count, "n", Some("pending"), &json!({}));
    fleet
}

/// Compares both records; the names are those of the test.
macro_rules! assert_recorded {
    ($name:literal, $fleet:expr) => {
        insta::assert_snapshot!(concat!($name, "_calls"), $fleet.calls());
        insta::assert_snapshot!(concat!($name, "_times"), $fleet.times());
    };
}

#[test]
fn a_hundred_and_twenty_that_are_asked_at_once_and_followed_by_the_list() {
    let mut fleet = pending(120, LIMIT);
    fleet.live(10 * MINUTE);
    fleet.says([3], Some("approved"));
    fleet.says([44], Some("rejected"));
    fleet.says([70], Some("weird"));
    fleet.says([119], None);
    fleet.live(15 * MINUTE);
    fleet.says([44, 70, 119], Some("accepted"));
    fleet.live(15 * MINUTE);
    assert_recorded!("followed", fleet);
}

#[test]
fn forty_of_which_none_is_on_a_page_alone() {
    let mut fleet = pending(40, LIMIT);
    fleet.omitted = (10..13).collect();
    fleet.wordless = [20].into();
    fleet.live(20 * MINUTE);
    assert_recorded!("omitted", fleet);
}

#[test]
fn sixty_whose_list_cannot_be_read_for_a_while_and_one_group_vanishes() {
    let mut fleet = pending(60, LIMIT);
    fleet.live(5 * MINUTE);
    fleet.list_trouble = Some(Class::Unavailable);
    fleet.live(15 * MINUTE);
    fleet.list_trouble = None;
    fleet.change([7], |world| world.heygen.missing = true);
    fleet.live(20 * MINUTE);
    fleet.change([7], |world| world.heygen.missing = false);
    fleet.live(25 * MINUTE);
    assert_recorded!("list", fleet);
}

#[test]
fn a_throttle_with_and_without_a_time_while_new_ones_come() {
    let mut fleet = pending(60, LIMIT);
    fleet.live(5 * MINUTE);
    fleet.trouble = Some(Trouble { retry_after: Some(secs(30)), ..Trouble::of(Class::Throttled) });
    fleet.create(10, "n", Some("pending"), &json!({}));
    fleet.live(2 * MINUTE);
    fleet.trouble = Some(Trouble::of(Class::Throttled));
    fleet.live(3 * MINUTE);
    fleet.trouble = None;
    fleet.live(10 * MINUTE);
    assert_recorded!("throttled", fleet);
}

#[test]
fn those_that_were_to_wait_for_a_moment_tell_that_they_wait_when_a_long_throttle_comes_between() {
    // One meets the 429 by a poll of its own, thirty by a page of the list.
    for count in [1, 30] {
        let mut fleet = Fleet::new(6000, 1);
        fleet.trouble = Some(Trouble { retry_after: Some(secs(600)), ..Trouble::of(Class::Throttled) });
        fleet.create(count, "n", Some("pending"), &json!({}));
        fleet.live(2);
        for member in &fleet.members {
            assert_eq!(member.ready(), ("False", "Initiating"), "{}", fleet.calls());
        }
    }
}

#[test]
fn polls_that_are_forced_while_many_wait_to_ask() {
    let mut fleet = pending(10, (60, 1));
    fleet.live(5 * MINUTE);
    fleet.create(60, "n", Some("pending"), &json!({}));
    fleet.live(10);
    fleet.says([2], Some("approved"));
    fleet.change([1, 2, 3], |world| world.annotate("now"));
    fleet.live(10 * MINUTE);
    assert_recorded!("forced", fleet);
}

#[test]
fn a_restart_while_some_wait_to_ask_some_are_awaited_and_some_have_answered() {
    let mut fleet = pending(90, LIMIT);
    fleet.live(10 * MINUTE);
    fleet.says(0..20, Some("approved"));
    fleet.says(20..25, Some("rejected"));
    fleet.live(5 * MINUTE);
    fleet.create(30, "n", Some("pending"), &json!({}));
    fleet.live(8);
    fleet.restart();
    fleet.live(15 * MINUTE);
    assert_recorded!("restarted", fleet);
}

#[test]
fn a_hundred_that_were_approved_and_two_of_which_are_taken_back_or_silent() {
    let mut fleet = Fleet::new(LIMIT.0, LIMIT.1);
    fleet.create(100, "n", Some("approved"), &json!({}));
    fleet.live(HOUR);
    fleet.says([5], Some("revoked"));
    fleet.says([6], None);
    fleet.live(13 * HOUR);
    assert_recorded!("approved", fleet);
}

#[test]
fn a_namespace_with_sixty_and_one_with_three_that_come_later() {
    let mut fleet = Fleet::new(60, 1);
    fleet.create(60, "many", Some("pending"), &json!({}));
    fleet.live(5);
    fleet.create(3, "few", Some("pending"), &json!({}));
    fleet.live(10 * MINUTE);
    assert_recorded!("namespaces", fleet);
}

#[test]
fn groups_without_a_word_whose_looks_are_read() {
    let mut fleet = Fleet::new(LIMIT.0, LIMIT.1);
    fleet.create(10, "n", None, &json!({}));
    fleet.live(5 * MINUTE);
    fleet.change(0..10, |world| world.heygen.word = Some("pending".to_owned()));
    fleet.live(5 * MINUTE);
    assert_recorded!("wordless", fleet);
}

#[test]
fn all_are_asked_anew() {
    let mut fleet = pending(40, LIMIT);
    fleet.live(10 * MINUTE);
    fleet.change(0..40, |world| world.edit(json!({"requestEpoch": 1})));
    fleet.live(10 * MINUTE);
    assert_recorded!("anew", fleet);
}

#[test]
fn links_that_go_into_secrets_and_one_with_an_interval_of_its_own() {
    let mut fleet = Fleet::new(LIMIT.0, LIMIT.1);
    fleet.create(8, "n", Some("pending"), &json!({"linkSecretRef": {"name": "link"}}));
    fleet.create(1, "n", Some("pending"), &json!({"pollInterval": "10s"}));
    fleet.live(30 * MINUTE);
    assert_recorded!("secrets", fleet);
}

#[test]
fn sixty_that_come_one_after_the_other() {
    let mut fleet = Fleet::new(LIMIT.0, LIMIT.1);
    for _ in 0..60 {
        fleet.create(1, "n", Some("pending"), &json!({}));
        fleet.live(1);
    }
    fleet.live(15 * MINUTE);
    assert_recorded!("trickling", fleet);
}

#[test]
fn one_that_is_edited_all_the_time_gets_to_its_request() {
    let mut fleet = Fleet::new(60, 1);
    fleet.create(20, "n", Some("pending"), &json!({}));
    for number in 0..3000_u32 {
        fleet.change([0], |world| world.edit(json!({"pollInterval": format!("{}s", 10 + number % 100)})));
        fleet.live_for(Duration::from_millis(20));
    }
    let calls = fleet.calls();
    assert!(calls.contains(" 20 POSTs, 20 of them executed;"), "{}", calls.lines().last().unwrap());
}
