//! The person comes back: HeyGen is polled at once, and again until its word changes.

use serde_json::json;

use crate::driver::{HOUR, MINUTE, World, secs};
use crate::model::Model;
use twinconsent_core::consent::polling;

/// A person who has the link for an hour and is polled every minute or more seldom.
fn awaited() -> World {
    let mut world = World::new(json!({}), Model::saying(Some("pending")));
    world.rules.cadence.interval = secs(10 * MINUTE);
    world.live(HOUR);
    assert_eq!(world.ready().1, "AwaitingApproval");
    world
}

/// How long after now the next polls come, in seconds, within the next so many.
fn polls(world: &mut World, within: u64) -> Vec<u64> {
    let (began, mut polls) = (world.now, Vec::new());
    let end = polling::add(began, secs(within));
    while world.now < end {
        let before = world.heygen.calls;
        let next = world.settle_down();
        if world.heygen.calls > before {
            polls.push(polling::since(began, world.now).as_secs());
        }
        world.now = next.unwrap_or(end).min(end);
    }
    polls
}

#[test]
fn a_person_who_comes_back_is_polled_for_at_once_and_ever_more_seldom() {
    let mut world = awaited();
    let writes = world.writes;
    world.land(0);
    let seen = polls(&mut world, 10 * MINUTE - 1);
    assert_eq!(seen[..5], [0, 10, 20, 40, 60], "{seen:?}");
    assert!(seen.len() <= 15, "{seen:?}");
    assert_eq!(world.writes, writes, "polls that show nothing new write nothing");
    let later = polls(&mut world, HOUR);
    assert!(later.len() <= 8, "{later:?}: at the pace of before");
}

#[test]
fn the_polls_end_when_the_word_changes() {
    let mut world = awaited();
    world.land(0);
    assert_eq!(polls(&mut world, 5), [0]);
    world.heygen.word = Some("being_reviewed".into());
    let seen = polls(&mut world, 9 * MINUTE);
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(world.ready().1, "UnrecognizedConsentStatus");
    world.heygen.word = Some("approved".into());
    world.land(0);
    assert_eq!(polls(&mut world, 5), [0], "another landing is another matter");
    assert_eq!(world.ready().1, "Approved");
    world.land(0);
    assert_eq!(polls(&mut world, MINUTE), [] as [u64; 0], "it is known");
}

#[test]
fn the_clock_of_the_replica_that_was_asked_does_not_matter() {
    for ahead in [-300, -2, 2, 300] {
        let mut world = awaited();
        world.land(ahead);
        let seen = polls(&mut world, 50);
        assert_eq!(seen, [0, 10, 20, 40], "{ahead} s ahead");
    }
}

#[test]
fn a_restart_polls_once_more_for_a_landing_of_a_moment_ago_and_not_for_one_of_long_ago() {
    let mut world = awaited();
    world.land(0);
    polls(&mut world, 30);
    world.crash(0);
    assert_eq!(polls(&mut world, 5), [0]);
    polls(&mut world, 20 * MINUTE);
    world.crash(0);
    assert_eq!(polls(&mut world, 5), [] as [u64; 0]);
}

#[test]
fn a_suspended_consent_is_polled_for_no_landing() {
    let mut world = awaited();
    world.edit(json!({ "suspend": true }));
    world.live(MINUTE);
    world.land(0);
    assert_eq!(polls(&mut world, 10 * MINUTE), [] as [u64; 0]);
}
