//! A status that cannot be written: whatever HeyGen has answered is kept, and nothing is asked twice because of it.

use serde_json::json;
use twinconsent_core::consent::outcome::{Class, Trouble};
use twinconsent_core::consent::polling;
use twinconsent_core::consent::state::{LONGEST_UNWRITTEN, Unwritten, longest_in_common};

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
            world.now = polling::add(world.now, LONGEST_UNWRITTEN);
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
fn what_a_poll_finds_is_asked_for_no_more_often_than_it_can_be_written() {
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

#[test]
fn in_a_trouble_that_all_have_the_api_server_is_tried_about_as_often_however_many_wait_and_none_waits_for_long_after_it() {
    for (waiting, longest) in [(1, 30), (600, 30), (1_000, 50), (10_000, 500), (72_000, 3_600), (1_000_000, 3_600)] {
        assert_eq!(longest_in_common(waiting), secs(longest), "{waiting}");
        let consent = World::new(json!({}), Model::saying(None)).object;
        let (mut now, mut unwritten) = (World::new(json!({}), Model::saying(None)).now, None);
        for _ in 0..20 {
            let next = Unwritten::after(unwritten.as_ref(), &consent, longest_in_common(waiting), now);
            let pause = polling::since(now, next.not_before);
            assert!(pause <= secs(longest), "{waiting}: {pause:?}");
            (now, unwritten) = (next.not_before, Some(next));
        }
        let pause = polling::since(now, Unwritten::after(unwritten.as_ref(), &consent, longest_in_common(waiting), now).not_before);
        let tries_a_second = waiting as f64 / pause.as_secs_f64();
        assert!(tries_a_second <= 27.0 || longest == 3_600, "{waiting}: {tries_a_second}");
    }
}

#[test]
fn trouble_is_told_once_it_is_no_short_one_and_then_about_once_an_hour_however_short_the_pauses_are() {
    let consent = World::new(json!({}), Model::saying(None)).object;
    for longest in [secs(30), secs(300), LONGEST_UNWRITTEN] {
        let began = World::new(json!({}), Model::saying(None)).now;
        let (mut now, mut unwritten, mut reported) = (began, None, Vec::new());
        while polling::since(began, now) < secs(24 * 3600) {
            let next = Unwritten::after(unwritten.as_ref(), &consent, longest, now);
            reported.extend(next.is_worth_telling().then_some(now));
            (now, unwritten) = (next.not_before, Some(next));
        }
        let first = polling::since(began, reported[0]);
        assert!(first >= secs(11) && first <= secs(15), "{longest:?}: {first:?}");
        let soonest = reported.windows(2).map(|pair| polling::since(pair[0], pair[1])).min();
        assert!(soonest >= Some(secs(2_700)), "{longest:?}: told again after {soonest:?}");
        assert!((12..=32).contains(&reported.len()), "{longest:?}: told {} times in a day", reported.len());
    }
}

/// Each pause is about twice as long as the one before, and none longer than an hour.
fn pauses_grow(world: &World, what: &str) {
    let pauses: Vec<_> = world.refused.windows(2).map(|pair| polling::since(pair[0], pair[1])).collect();
    assert!(pauses.len() >= 15, "{what}: only {} tries", pauses.len());
    for (number, pause) in pauses.iter().enumerate() {
        let full = secs(1 << number.min(16)).min(LONGEST_UNWRITTEN);
        assert!(*pause <= full && *pause >= full.mul_f64(0.75), "{what}: pause {number} is {pause:?} and not about {full:?}");
    }
}
