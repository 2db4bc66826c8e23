//! Promise 6, in numbers: how many requests a life may cost.

use serde_json::json;
use twinconsent_core::consent::outcome::{Class, Trouble};

use crate::driver::{HOUR, World};
use crate::model::{Fault, Model};

fn with_share(serial: u32, word: &str) -> World {
    let mut world = World::new(json!({}), Model::saying(Some(word)));
    world.object.metadata.uid = Some(format!("{serial:08x}-0000-4000-8000-000000000000"));
    world
}

#[test]
fn a_waiting_consent_is_polled_as_often_as_its_age_says_whatever_its_uid() {
    for serial in 0..40 {
        let mut world = with_share(serial, "pending");
        world.live(24 * HOUR);
        assert!((350..=385).contains(&world.heygen.calls), "{} calls on the first day for uid {serial}", world.heygen.calls);
        assert_eq!(world.writes, 2, "the request, and LinkExpired");
    }
}

#[test]
fn a_settled_consent_is_polled_every_six_hours_and_an_unknown_one_every_ten_minutes() {
    for (word, expected) in [("approved", 4..=6), ("weird", 144..=160), ("rejected", 144..=160)] {
        let mut world = with_share(7, word);
        world.live(24 * HOUR);
        assert!(expected.contains(&world.heygen.calls), "{word}: {}", world.heygen.calls);
        assert_eq!(world.writes, 1, "{word}");
    }
}

#[test]
fn trouble_with_polls_after_a_settled_consent_costs_few_requests_and_no_write() {
    for class in [Class::AccessDenied, Class::NotFound, Class::Unavailable, Class::Unreadable] {
        let mut world = with_share(7, "approved");
        world.settle_down();
        world.heygen.fault = Some(Fault::Trouble(Trouble::of(class)));
        world.live(48 * HOUR);
        assert!(world.heygen.calls < 700 && world.writes <= 2, "{class:?}: {} calls, {} writes", world.heygen.calls, world.writes);
    }
}

/// At 120 requests a minute, 1,300 consents that name missing groups would use more than the whole budget if each were asked about every
/// ten minutes for ever.
#[test]
fn a_group_that_stays_missing_is_polled_ever_more_seldom_and_found_when_it_is_there() {
    for serial in 0..40 {
        let mut world = with_share(serial, "pending");
        world.heygen.missing = true;
        world.live(2 * HOUR);
        assert!((6..=9).contains(&world.heygen.calls), "{} calls in the first two hours for uid {serial}", world.heygen.calls);
        world.live(7 * 24 * HOUR);
        let before = world.heygen.calls;
        world.live(24 * HOUR);
        assert!((3..=5).contains(&(world.heygen.calls - before)), "{} calls a day after a week", world.heygen.calls - before);
        world.heygen.missing = false;
        world.live(7 * HOUR);
        assert_eq!(world.ready().1, "AwaitingApproval");
    }
}

/// Whatever wakes the object while its poll waits for a permit must not make it forget that it wants one. In a young process, whose polls
/// stand on a grid, the next routine poll may be ten minutes away.
#[test]
fn a_new_epoch_is_asked_for_as_soon_as_a_token_is_there_whatever_wakes_the_object_meanwhile() {
    let mut world = with_share(7, "pending");
    world.settle_down();
    world.edit(json!({ "requestEpoch": 1 }));
    world.queue = std::time::Duration::from_millis(600);
    let permit_at = world.settle_down().unwrap();
    // Another's change: the object is decided anew before it has a permit.
    world.settle_down();
    world.now = permit_at;
    world.settle_down();
    assert_eq!(world.status().initiation.as_ref().map(|initiation| initiation.epoch), Some(1), "{}", world.trace.join("\n"));
}
