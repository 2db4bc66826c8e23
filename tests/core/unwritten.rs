//! A status that cannot be written: whatever HeyGen has answered is kept, and nothing is asked twice because of it.

use serde_json::json;
use twinconsent::memory::LONGEST_UNWRITTEN;
use twinconsent::outcome::{Class, Trouble};
use twinconsent::pace;

use crate::driver::{HOUR, World, secs};
use crate::model::{Fault, Model};

#[test]
fn a_record_that_fails_for_days_leads_to_no_second_request_and_pauses_that_grow_to_an_hour() {
    for secret in [false, true] {
        for class in [None, Some(Class::Invalid), Some(Class::AccessDenied), Some(Class::AlreadyBound)] {
            let what = format!("{class:?}, Secret: {secret}");
            let spec = if secret { json!({ "linkSecretRef": { "name": "link" } }) } else { json!({}) };
            let mut world = World::new(spec, Model::saying(None));
            world.heygen.fault = class.map(|class| Fault::Request(Trouble::of(class)));
            world.refuses = true;
            world.live(3 * 24 * HOUR);
            assert_eq!(world.heygen.posts.len(), 1, "{what}:\n{}", world.trace.join("\n"));
            pauses_grow(&world, &what);

            // It is told as soon as it can be, and the answer is the one of three days before.
            world.refuses = false;
            world.heygen.fault = None;
            let asked = world.heygen.posts.len();
            world.now = pace::add(world.now, LONGEST_UNWRITTEN);
            world.settle_down();
            if class.is_none() {
                assert_eq!(world.heygen.posts.len(), asked, "{what}");
                let shown = if secret { world.secret.link.as_ref() } else { world.status().url.as_ref() };
                assert_eq!(shown.map(String::as_str), Some("https://heygen.example/consent/1"), "{what}");
                assert_eq!(world.ready().1, "LinkExpired", "{what}: of three days before");
            }
        }
    }
}

#[test]
fn what_a_look_finds_is_asked_for_no_more_often_than_it_can_be_told() {
    for word in [Some("approved"), Some("rejected"), Some("weird")] {
        let mut world = World::new(json!({}), Model::saying(word));
        world.refuses = true;
        world.live(24 * HOUR);
        pauses_grow(&world, &format!("{word:?}"));
        assert!(world.heygen.calls <= world.refused.len(), "{} calls for {} tries", world.heygen.calls, world.refused.len());
    }
}

#[test]
fn a_user_who_changes_the_object_is_not_made_to_wait() {
    let mut world = World::new(json!({}), Model::saying(None));
    world.refuses = true;
    world.live(20 * HOUR);
    world.refuses = false;
    world.edit(json!({ "pollInterval": "1m" }));
    world.settle_down();
    assert_eq!((world.ready().1, world.heygen.posts.len()), ("AwaitingApproval", 1));
}

/// Each pause is about twice as long as the one before, and none longer than an hour.
fn pauses_grow(world: &World, what: &str) {
    let pauses: Vec<_> = world.refused.windows(2).map(|pair| pace::since(pair[0], pair[1])).collect();
    assert!(pauses.len() >= 15, "{what}: only {} tries", pauses.len());
    for (number, pause) in pauses.iter().enumerate() {
        let full = secs(1 << number.min(16)).min(LONGEST_UNWRITTEN);
        assert!(*pause <= full && *pause >= full.mul_f64(0.75), "{what}: pause {number} is {pause:?} and not about {full:?}");
    }
}
