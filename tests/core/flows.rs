//! Requests that are refused, unanswered, renewed, or whose link goes into a Secret.

use serde_json::{Value, json};
use twinconsent_core::consent::apply::Notice;
use twinconsent_core::consent::outcome;
use twinconsent_core::consent::outcome::{Class, FaultKind, Trouble};

use crate::driver::{HOUR, MINUTE, Progress, World};
use crate::model::{Fault, Model};

fn world(spec: Value) -> World {
    World::new(spec, Model::saying(Some("pending")))
}

fn refused(class: Class) -> Option<Fault> {
    Some(Fault::Request(Trouble::of(class)))
}

fn events(world: &World, wanted: &str) -> usize {
    world.notices.iter().filter(|notice| matches!(notice, Notice::Event(report) if report.reason() == wanted)).count()
}

#[test]
fn a_refused_request_is_held_repeated_slowly_with_the_same_key_and_heals() {
    for (class, reason) in [(Class::Invalid, "InvalidRequest"), (Class::AccessDenied, "NotEntitled")] {
        let mut world = world(json!({}));
        world.heygen.fault = refused(class);
        world.live(HOUR);
        assert_eq!((world.ready().1, world.condition("Stalled").map(|c| c.0), world.writes), (reason, Some("True"), 1));
        let posts = world.heygen.posts.len();
        assert!((3..=8).contains(&posts), "{posts} requests in an hour");
        assert!(world.heygen.posts.iter().all(|post| post.key == world.key()), "no error answer changes the key");
        world.heygen.fault = None;
        world.live(25 * MINUTE);
        assert_eq!(world.ready().1, "AwaitingApproval", "what was mended at HeyGen heals by itself");
    }
}

#[test]
fn what_heygen_could_not_fetch_is_tried_a_few_times_before_the_request_counts_as_invalid() {
    let mut world = world(json!({"consentVideo": {"url": "https://example.com/clip.mp4"}}));
    world.heygen.fault = refused(Class::Unfetchable);
    world.live(5);
    assert_eq!(world.ready().1, "Initiating");
    world.live(MINUTE);
    assert_eq!((world.ready().1, world.heygen.posts.len()), ("InvalidRequest", 5));
    world.live(HOUR);
    assert!((8..=13).contains(&world.heygen.posts.len()), "{} requests: not believed the second time", world.heygen.posts.len());
    assert!(world.heygen.posts.iter().all(|post| post.key == world.key()), "no error answer changes the key");
    world.heygen.fault = None;
    world.live(25 * MINUTE);
    assert_eq!((world.ready().1, world.heygen.executed()), ("AwaitingApproval", 1));
}

#[test]
fn a_clip_that_was_out_of_reach_for_a_moment_is_never_told_as_an_invalid_request() {
    let mut world = world(json!({"consentVideo": {"url": "https://example.com/clip.mp4"}}));
    world.heygen.fault = refused(Class::Unfetchable);
    world.live(5);
    assert!(world.heygen.posts.len() >= 2, "not tried again");
    world.heygen.fault = None;
    world.live(MINUTE);
    assert_eq!((world.ready().1, world.heygen.executed()), ("AwaitingApproval", 1));
    assert_eq!(events(&world, "InvalidRequest"), 0);
}

#[test]
fn a_refused_request_is_repeated_at_once_by_a_raised_epoch_or_a_forced_poll() {
    for class in [Class::Invalid, Class::AccessDenied] {
        for forced in [true, false] {
            let mut world = world(json!({}));
            world.heygen.fault = refused(class);
            world.live(30);
            world.heygen.fault = None;
            if forced {
                world.annotate("now")
            } else {
                world.edit(json!({"requestEpoch": 1}))
            }
            world.settle_down();
            assert_eq!((world.ready().1, world.heygen.posts.len()), ("AwaitingApproval", 2), "{class:?}, forced {forced}");
        }
    }
    let mut world = world(json!({}));
    world.heygen.fault = Some(Fault::Trouble(Trouble::of(Class::AccessDenied)));
    world.live(HOUR);
    world.heygen.fault = None;
    world.edit(json!({"requestEpoch": 1}));
    world.settle_down();
    assert_eq!(world.ready().1, "AwaitingApproval", "also when the look was denied");
}

#[test]
fn a_request_that_fails_while_polls_succeed_backs_off() {
    for class in [Class::Unreachable, Class::Unavailable, Class::Busy, Class::Unreadable] {
        let mut world = world(json!({}));
        world.heygen.fault = refused(class);
        world.live(HOUR);
        let posts = world.heygen.posts.len();
        assert!((8..=30).contains(&posts), "{class:?}: {posts} requests in an hour");
        assert_eq!((world.ready(), world.writes), (("False", "Initiating"), 1));
    }
}

#[test]
fn a_consent_that_waits_for_heygen_says_what_keeps_it_away_and_not_where_that_is() {
    let mut world = world(json!({}));
    for kind in [FaultKind::Unresolved, FaultKind::ProxyAuthentication] {
        let unanswered =
            outcome::Fault { kind, host: "secret.heygen.test".to_owned(), proxy: Some("secret.corp:1".to_owned()), at_proxy: true };
        world.heygen.fault = Some(Fault::Trouble(Trouble { fault: Some(Box::new(unanswered)), ..Trouble::of(Class::Unreachable) }));
        world.live(HOUR);
        let message = &world.status().conditions[0].message;
        assert_eq!(*message, format!("HeyGen has not given a usable answer yet ({}). The operator tries again.", kind.word()));
    }
    world.heygen.fault = Some(Fault::Trouble(Trouble::of(Class::Unreachable)));
    world.live(HOUR);
    assert_eq!(world.status().conditions[0].message, "HeyGen has not given a usable answer yet. The operator tries again.");
}

#[test]
fn a_bare_forbidden_that_comes_again_belongs_to_the_object() {
    let mut world = world(json!({}));
    world.heygen.fault = refused(Class::Forbidden);
    world.live(HOUR);
    assert_eq!(world.ready(), ("False", "NotEntitled"));
}

#[test]
fn pages_of_avatar_looks_that_fail_while_the_group_can_be_read_back_off() {
    let mut world = World::new(json!({}), Model::saying(None));
    world.heygen.fault = Some(Fault::Looks(Trouble::of(Class::Unavailable)));
    world.live(HOUR);
    assert!((16..=60).contains(&world.heygen.calls), "{} calls in an hour", world.heygen.calls);
    world.heygen.fault = None;
    world.live(10 * MINUTE);
    assert_eq!(world.ready().1, "AwaitingApproval");
}

#[test]
fn an_unanswered_request_is_reported_once_after_ten_minutes() {
    for fault in [Fault::LostAfter, Fault::Request(Trouble::of(Class::Unavailable))] {
        let mut world = world(json!({}));
        world.deliver(0);
        world.begin(0);
        world.finish(0);
        world.heygen.fault = Some(fault.clone());
        world.live(9 * MINUTE);
        assert_eq!(events(&world, "RequestUnanswered"), 0, "{fault:?}");
        world.live(24 * HOUR);
        assert_eq!(events(&world, "RequestUnanswered"), 1, "{fault:?}");
        assert_eq!(world.notices.iter().filter(|notice| **notice == Notice::Unanswered).count(), 1);
        let unanswered = world.heygen.executed();
        world.heygen.fault = None;
        world.live(HOUR);
        assert_eq!(world.ready().1, "AwaitingApproval");
        assert!(world.heygen.executed() <= unanswered + 1);
    }
}

#[test]
fn a_link_is_renewed_after_a_day_and_ten_minutes_and_never_more_than_fourteen_times() {
    let mut world = world(json!({"linkRenewal": "Automatic"}));
    world.settle_down();
    let first = world.heygen.posts[0].at;
    world.live(40 * 24 * HOUR);
    assert_eq!(world.heygen.posts.len(), 15);
    let mut before = first;
    for post in &world.heygen.posts[1..] {
        assert!(post.executed && post.at.duration_since(before).as_secs() >= 24 * 3600 + 600);
        before = post.at;
    }
    assert_eq!(world.ready().1, "LinkExpired");
    assert_eq!(world.status().initiation.as_ref().unwrap().renewals, Some(14));
    assert_eq!(world.status().url.as_deref(), Some("https://heygen.example/consent/15"));
}

#[test]
fn a_link_is_not_renewed_when_the_user_does_it_nor_after_the_deadline() {
    for spec in [json!({}), json!({"linkRenewal": "Manual"}), json!({"linkRenewal": "Automatic", "approvalDeadline": "12h"})] {
        let mut world = world(spec);
        world.live(5 * 24 * HOUR);
        assert_eq!((world.heygen.posts.len(), world.ready().1), (1, "LinkExpired"));
    }
}

#[test]
fn a_link_that_lives_longer_than_a_day_is_renewed_when_it_has_died() {
    let mut world = world(json!({"linkRenewal": "Automatic"}));
    world.rules.link_lifetime = crate::driver::secs(48 * HOUR);
    world.live(48 * HOUR);
    assert_eq!(world.heygen.posts.len(), 1);
    world.live(HOUR);
    assert_eq!(world.heygen.posts.len(), 2);
}

#[test]
fn a_renewal_that_brings_the_same_link_stays_expired_and_is_tried_an_hour_later() {
    let mut world = world(json!({"linkRenewal": "Automatic"}));
    world.rules.link_lifetime = crate::driver::secs(24 * HOUR);
    world.settle_down();
    world.live(23 * HOUR);
    // The object was re-created elsewhere meanwhile: HeyGen's window began later than the status says.
    let key = world.key();
    world.now = crate::driver::at(1 + 24 * 3600);
    world.heygen.post(&key, world.now);
    let link = world.heygen.link(&key, world.now).unwrap().to_owned();
    world.object.status.as_mut().unwrap().url = Some(link);
    world.live(4 * HOUR);
    let renewals: Vec<_> = world.heygen.posts[2..].iter().map(|post| post.at).collect();
    assert_eq!(world.ready().1, "LinkExpired");
    assert!((3..=4).contains(&renewals.len()), "{renewals:?}");
    assert!(renewals.windows(2).all(|pair| pair[1].duration_since(pair[0]).as_secs() >= 3600), "{renewals:?}");
    world.live(24 * HOUR);
    assert_eq!(world.ready().1, "AwaitingApproval");
}

#[test]
fn a_refused_renewal_changes_nothing_and_is_tried_again_after_an_hour() {
    for class in [Class::Invalid, Class::AccessDenied] {
        let mut world = world(json!({"linkRenewal": "Automatic"}));
        world.live(24 * HOUR + MINUTE);
        world.heygen.fault = refused(class);
        let (before, posts) = (world.object.clone(), world.heygen.posts.len());
        world.live(10 * HOUR);
        assert_eq!(world.object.status, before.status, "{class:?}");
        assert!((8..=11).contains(&(world.heygen.posts.len() - posts)), "{class:?}");
        world.heygen.fault = None;
        world.live(2 * HOUR);
        assert_eq!(world.ready().1, "AwaitingApproval");
    }
}

#[test]
fn a_forced_poll_is_made_at_once_and_once_and_echoed_whatever_comes_of_it() {
    for fault in [None, Some(Fault::Trouble(Trouble::of(Class::Unavailable))), Some(Fault::Trouble(Trouble::of(Class::NotFound)))] {
        for word in ["pending", "approved", "rejected"] {
            let mut world = World::new(json!({}), Model::saying(Some(word)));
            world.settle_down();
            let calls = world.heygen.calls;
            world.heygen.fault = fault.clone();
            world.annotate("one");
            world.settle_down();
            assert_eq!(world.heygen.calls, calls + 1, "{fault:?} {word}");
            assert_eq!(world.status().last_handled_reconcile_at.as_deref(), Some("one"));
        }
        let mut unsettled = world(json!({}));
        unsettled.heygen.fault = Some(Fault::Trouble(Trouble::of(Class::Unavailable)));
        unsettled.live(HOUR);
        let calls = unsettled.heygen.calls;
        unsettled.heygen.fault = fault.clone().or(unsettled.heygen.fault);
        unsettled.annotate("one");
        unsettled.settle_down();
        assert_eq!(unsettled.heygen.calls, calls + 1, "{fault:?} before anything was told");
    }
}

#[test]
fn a_link_for_a_secret_is_written_there_and_nowhere_else() {
    let mut world = world(json!({"linkSecretRef": {"name": "link"}}));
    world.settle_down();
    assert_eq!((world.ready().1, world.status().url.as_deref()), ("AwaitingApproval", None));
    assert_eq!(world.secret.link.as_deref(), Some("https://heygen.example/consent/1"));
    assert!(world.status().link_expiration_time.is_some());
    assert_eq!(world.writes, 1);
}

#[test]
fn a_secret_that_is_not_ours_or_cannot_be_written_stops_the_request_before_it_is_sent() {
    for foreign in [true, false] {
        let mut world = world(json!({"linkSecretRef": {"name": "link"}}));
        (world.secret.foreign, world.secret.unwritable) = (foreign, !foreign);
        world.live(HOUR);
        assert_eq!((world.ready().1, world.heygen.posts.len()), (if foreign { "LinkSecretConflict" } else { "LinkSecretNotWritable" }, 0));
        assert!(world.heygen.calls <= 65 && world.writes == 1, "{} calls, {} writes", world.heygen.calls, world.writes);
        (world.secret.foreign, world.secret.unwritable) = (false, false);
        world.live(2 * MINUTE);
        assert_eq!(world.ready().1, "AwaitingApproval");
    }
}

/// Lives until the request was answered and its link is in hand.
fn with_answer_in_hand() -> World {
    let mut world = world(json!({"linkSecretRef": {"name": "link"}}));
    while world.replicas[0].memory.answer.is_none() {
        world.deliver(0);
        assert_eq!(world.begin(0), Progress::Going);
        world.finish(0);
    }
    world
}

#[test]
fn a_link_in_hand_is_written_when_the_secret_can_be_written_again_without_asking_heygen() {
    let mut world = with_answer_in_hand();
    world.secret.unwritable = true;
    world.live(HOUR);
    let calls = world.heygen.calls;
    assert_eq!((world.ready().1, calls, world.writes), ("LinkSecretNotWritable", 2, 1));
    world.secret.unwritable = false;
    world.live(7 * MINUTE);
    assert_eq!((world.ready().1, world.secret.link.is_some(), world.heygen.posts.len()), ("AwaitingApproval", true, 1));
}

#[test]
fn a_link_in_hand_is_recorded_although_the_object_was_suspended_meanwhile() {
    let mut world = with_answer_in_hand();
    world.edit(json!({"suspend": true}));
    world.live(MINUTE);
    assert!(world.secret.link.is_some());
    assert_eq!((world.ready().1, world.condition("Suspended").map(|c| c.0)), ("AwaitingApproval", Some("True")));
}

#[test]
fn a_link_in_hand_for_an_older_epoch_is_not_recorded_for_the_newer_one() {
    let mut world = with_answer_in_hand();
    world.edit(json!({"requestEpoch": 1}));
    world.settle_down();
    assert_eq!((world.secret.link.as_deref(), world.heygen.posts.len()), (Some("https://heygen.example/consent/2"), 2));
}

#[test]
fn a_secret_that_was_taken_while_the_request_ran_gets_no_link_and_the_key_replays_it_later() {
    let mut world = with_answer_in_hand();
    world.secret.foreign = true;
    world.live(10 * MINUTE);
    assert_eq!((world.ready().1, world.secret.link.as_deref(), world.heygen.posts.len()), ("LinkSecretConflict", None, 1));
    world.secret.foreign = false;
    world.live(2 * MINUTE);
    assert_eq!((world.secret.link.as_deref(), world.heygen.executed()), (Some("https://heygen.example/consent/1"), 1));
}
