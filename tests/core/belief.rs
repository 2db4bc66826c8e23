//! What is told of consent is believed only as far as HeyGen has said so: to this object, under the policy as it is, not too long ago.

use serde_json::{Value, json};
use twinconsent_core::api::account::ConsentPolicy;
use twinconsent_core::consent::apply::Notice;
use twinconsent_core::consent::outcome::{Class, LookType, Outcome, Trouble};
use twinconsent_core::consent::policy::Rules;
use twinconsent_core::consent::step::{AccountFact, Proof};

use crate::driver::{HOUR, MINUTE, World, at, secs};
use crate::kstatus::kstatus;
use crate::model::{Fault, Model};

fn policy(spec: Value) -> Rules {
    let spec: ConsentPolicy = serde_json::from_value(spec).unwrap();
    Rules::new(Some(&spec), None, None)
}

/// An object of which HeyGen says this word, seen by an operator that goes on.
fn shown(word: Option<&str>, spec: Value) -> World {
    let mut world = World::new(spec, Model::saying(word));
    world.settle_down();
    world
}

fn unavailable() -> Option<Fault> {
    Some(Fault::Trouble(Trouble::of(Class::Unavailable)))
}

fn approved(world: &World) -> &str {
    world.condition("Approved").unwrap().0
}

#[test]
fn a_tightened_policy_reaches_consents_that_were_approved_before_and_asks_nobody() {
    for asked in [false, true] {
        let mut world = shown(Some(if asked { "pending" } else { "approved" }), json!({}));
        world.heygen.word = Some("approved".into());
        world.live(HOUR);
        assert_eq!(world.ready(), ("True", "Approved"));
        let calls = world.heygen.calls;

        world.rules = policy(json!({ "granted": ["accepted"] }));
        world.settle_down();
        assert_eq!((world.ready(), approved(&world)), (("Unknown", "UnrecognizedConsentStatus"), "Unknown"), "{}", world.trace.join("\n"));
        assert_eq!((world.heygen.calls - calls, kstatus(&world.object)), (1, "InProgress"), "it was read once, at once");

        world.rules = policy(json!({ "granted": ["accepted"], "refused": ["approved"] }));
        world.live(15);
        assert_eq!((world.ready(), approved(&world)), (("False", "ConsentRefused"), "False"));

        world.rules = Rules::default();
        world.live(15);
        assert_eq!((world.ready(), approved(&world)), (("True", "Approved"), "True"), "and back");
        world.live(24 * HOUR);
        assert_eq!(world.heygen.posts.len(), usize::from(asked));
    }
}

#[test]
fn a_tightened_policy_is_told_also_while_heygen_cannot_be_read() {
    let mut world = shown(Some("approved"), json!({}));
    world.heygen.fault = unavailable();
    world.rules = policy(json!({ "granted": ["accepted"] }));
    world.settle_down();
    assert_eq!((world.ready(), approved(&world)), (("Unknown", "Unverified"), "Unknown"));
    world.heygen.fault = None;
    world.live(HOUR);
    assert_eq!((world.ready(), approved(&world)), (("Unknown", "UnrecognizedConsentStatus"), "Unknown"));
}

#[test]
fn a_word_that_the_policy_learns_is_taken_for_what_it_is_at_once() {
    let mut world = shown(Some("validated"), json!({}));
    assert_eq!(world.ready().1, "UnrecognizedConsentStatus");
    world.rules = policy(json!({ "granted": ["approved", "validated"] }));
    world.live(15);
    assert_eq!(world.ready(), ("True", "Approved"));
}

#[test]
fn a_waiver_of_missing_words_that_the_policy_takes_back_asks_the_persons_who_were_not_asked() {
    let mut world = World::new(json!({}), Model::saying(None));
    world.rules = policy(json!({ "absentMeansWaived": true }));
    world.settle_down();
    assert_eq!(world.ready(), ("True", "ConsentWaived"));
    world.live(7 * HOUR);
    assert_eq!(world.ready(), ("True", "ConsentWaived"), "no word is what it was waived for");
    world.rules = Rules::default();
    world.settle_down();
    assert_eq!((world.ready(), world.heygen.posts.len()), (("False", "AwaitingApproval"), 1));
}

/// A user who may write the status can write anything into it; it holds until HeyGen is polled, and no longer.
#[test]
fn an_approval_that_was_forged_over_another_word_is_not_believed() {
    for word in ["pending", "rejected"] {
        let mut world = shown(Some(word), json!({}));
        world.live(MINUTE);
        let (honest, posts) = (world.ready().1.to_owned(), world.heygen.posts.len());
        world.forge("Approved");
        world.live(15);
        assert_eq!((world.ready().1, approved(&world)), (honest.as_str(), "False"), "{}", world.trace.join("\n"));
        world.live(24 * HOUR);
        assert_eq!(world.heygen.posts.len(), posts);
        assert!(!world.notices.contains(&Notice::Revoked), "nothing was given that could be taken back");
    }
}

#[test]
fn an_approval_over_no_word_is_not_believed() {
    let mut world = shown(None, json!({}));
    assert_eq!(world.ready().1, "AwaitingApproval");
    world.heygen.word = None;
    world.live(MINUTE);
    world.forge("Approved");
    world.live(15);
    assert_eq!((world.ready().1, approved(&world), world.heygen.posts.len()), ("AwaitingApproval", "False", 1));
}

#[test]
fn a_restored_status_permits_nothing_until_heygen_was_read() {
    for (says, ready) in
        [("approved", ("True", "Approved")), ("pending", ("False", "AwaitingApproval")), ("rejected", ("False", "ConsentRefused"))]
    {
        for when in ["Approved", "Initiated"] {
            let mut world = shown(Some("pending"), json!({ "readyWhen": when }));
            world.heygen.word = Some("approved".into());
            world.live(HOUR);
            let link = world.status().url.clone();
            world.heygen.word = Some(says.into());
            world.heygen.fault = unavailable();
            world.restore_status_elsewhere(2);
            world.settle_down();
            assert_eq!((world.ready(), approved(&world)), (("Unknown", "Restored"), "Unknown"), "{}", world.trace.join("\n"));
            assert_eq!((kstatus(&world.object), &world.status().url), ("InProgress", &link), "links stay");
            assert_ne!(world.status().object_uid, world.object.metadata.uid);

            world.crash(0);
            world.live(MINUTE);
            assert_eq!(world.ready(), ("Unknown", "Restored"), "also to the next process");

            world.heygen.fault = None;
            world.live(10 * MINUTE);
            let expected = if when == "Initiated" && says == "pending" { ("True", "AwaitingApproval") } else { ready };
            assert_eq!((world.ready(), world.heygen.posts.len()), (expected, 1), "{}", world.trace.join("\n"));
            assert_eq!((&world.status().object_uid, &world.status().url), (&world.object.metadata.uid, &link));
            let writes = world.writes;
            world.live(5 * HOUR);
            assert_eq!(world.writes, writes);
        }
    }
}

#[test]
fn a_status_that_is_restored_while_the_request_is_under_way_is_believed_no_more_than_any_other() {
    let mut before = shown(Some("approved"), json!({}));
    before.live(HOUR);
    let mut restored = before.status().clone();
    (restored.object_uid, restored.url) = (Some("of another".to_owned()), Some("https://example.com/of-another".to_owned()));
    for (says, ready) in [("pending", ("False", "AwaitingApproval")), ("expired", ("False", "AwaitingApproval"))] {
        let mut world = World::new(json!({}), Model::saying(Some(says)));
        while !matches!(world.answer_in_hand(0), Some(Outcome::Initiated(_))) {
            world.finish(0);
            world.begin(0);
        }
        world.object.status = Some(restored.clone());
        world.object.metadata.resource_version = Some("99".to_owned());
        world.finish(0);
        world.settle_down();
        assert_eq!((world.ready(), approved(&world)), (("Unknown", "Restored"), "Unknown"), "{}", world.trace.join("\n"));
        assert_eq!(world.condition("Permitted").unwrap().0, "Unknown");
        world.live(MINUTE);
        assert_eq!((world.ready(), approved(&world), world.heygen.posts.len()), (ready, "False", 1), "{}", world.trace.join("\n"));
        assert_eq!(world.condition("Permitted").unwrap().0, "False");
        assert_eq!(world.status().object_uid, world.object.metadata.uid);
        assert_ne!(world.status().url, restored.url, "the link is that of its own request");
    }
}

#[test]
fn a_restored_status_stays_so_while_it_may_not_be_read_and_a_suspended_object_asks_nobody() {
    let mut world = shown(Some("approved"), json!({ "suspend": true }));
    world.edit(json!({ "suspend": null }));
    world.settle_down();
    world.edit(json!({ "suspend": true }));
    world.settle_down();
    world.restore_status_elsewhere(2);
    let calls = world.heygen.calls;
    world.live(24 * HOUR);
    assert_eq!((world.ready(), world.heygen.calls), (("Unknown", "Restored"), calls));
    world.account = Some(AccountFact::NotReady("There is no such account.".into()));
    world.edit(json!({ "suspend": null }));
    world.live(HOUR);
    assert_eq!((world.ready(), approved(&world)), (("Unknown", "Restored"), "Unknown"));
    world.account = None;
    world.settle_down();
    assert_eq!(world.ready(), ("True", "Approved"));
}

#[test]
fn a_photo_group_that_is_restored_is_one_again() {
    let mut world = World::new(json!({}), Model::saying(None));
    world.heygen.looks = vec![LookType::PhotoAvatar];
    world.settle_down();
    assert_eq!(world.ready(), ("True", "ConsentNotRequired"));
    world.restore_status_elsewhere(2);
    world.settle_down();
    assert_eq!((world.ready(), &world.status().object_uid), (("True", "ConsentNotRequired"), &world.object.metadata.uid));
}

/// The cluster is set back to before an epoch was raised, and the epoch is raised again: the same generation comes a second time.
#[test]
fn an_epoch_that_comes_again_after_a_restore_is_asked_for() {
    for restarted in [false, true] {
        for between in [0, 20 * MINUTE, 30 * HOUR] {
            let mut world = shown(Some("pending"), json!({}));
            world.live(HOUR);
            let before = world.object.clone();
            world.edit(json!({ "requestEpoch": 1 }));
            world.live(MINUTE);
            assert_eq!(world.heygen.executed(), 2);
            let (key, link) = (world.key(), world.status().url.clone());

            world.roll_back(before);
            if between > 0 {
                world.live(between);
            }
            world.edit(json!({ "requestEpoch": 1 }));
            if restarted {
                world.crash(0);
            }
            // At once: a routine poll that shows the same would not be written.
            world.settle_down();
            let asked = world.status().initiation.as_ref().map(|initiation| initiation.idempotency_key.clone());
            assert_eq!(asked, Some(key), "{}", world.trace.join("\n"));
            if between < 24 * HOUR {
                assert_eq!((world.heygen.executed(), &world.status().url), (2, &link), "the request that was made is replayed");
            }
        }
    }
}

#[test]
fn a_generation_that_was_told_as_observed_before_its_request_was_made_is_made_good() {
    let mut world = shown(Some("pending"), json!({}));
    world.live(HOUR);
    // Young, so that the next routine poll may be far ahead.
    world.crash(0);
    world.edit(json!({ "requestEpoch": 1 }));
    let status = world.object.status.as_mut().unwrap();
    status.observed_generation = Some(2);
    status.conditions.iter_mut().for_each(|condition| condition.observed_generation = Some(2));
    world.settle_down();
    assert_eq!((world.heygen.executed(), world.status().initiation.as_ref().map(|initiation| initiation.epoch)), (2, Some(1)));
}

#[test]
fn a_consent_that_is_not_verified_for_three_days_is_told_to_be_so_once_and_heals_with_the_next_answer() {
    let mut world = shown(Some("approved"), json!({}));
    world.heygen.fault = unavailable();
    world.live(71 * HOUR);
    assert_eq!(world.ready(), ("True", "Approved"));
    let writes = world.writes;
    world.live(3 * HOUR);
    assert_eq!((world.ready(), approved(&world)), (("Unknown", "Unverified"), "True"));
    world.live(72 * HOUR);
    assert_eq!(world.writes - writes, 1);
    world.heygen.fault = None;
    world.live(10 * MINUTE);
    assert_eq!((world.ready(), world.heygen.posts.len()), (("True", "Approved"), 0));
}

#[test]
fn what_is_waived_or_not_required_is_verified_too() {
    for (word, poll, reason) in
        [(Some("skipped"), LookType::DigitalTwin, "ConsentWaived"), (None, LookType::PhotoAvatar, "ConsentNotRequired")]
    {
        let mut world = World::new(json!({}), Model::saying(word));
        world.rules = policy(json!({ "waived": ["skipped"] }));
        world.heygen.looks = vec![poll];
        world.settle_down();
        assert_eq!(world.ready(), ("True", reason));
        world.heygen.fault = unavailable();
        world.live(74 * HOUR);
        assert_eq!(world.ready(), ("Unknown", "Unverified"));
        world.heygen.fault = None;
        world.live(20 * MINUTE);
        assert_eq!(world.ready(), ("True", reason), "{}", world.trace.join("\n"));
    }
}

/// What stops proof without a sign: a suspension, a namespace taken away, a refused key, a 403, a restart in the middle.
#[test]
fn proof_that_stops_is_told_whatever_stops_it() {
    type Stop = fn(&mut World);
    let cases: [(&str, Stop); 5] = [
        ("suspended", |world| world.edit(json!({ "suspend": true }))),
        ("not allowed", |world| world.account = Some(AccountFact::NotAllowed("Not this namespace.".into()))),
        ("not ready", |world| world.account = Some(AccountFact::NotReady("The key is refused.".into()))),
        ("denied", |world| world.heygen.fault = Some(Fault::Trouble(Trouble::of(Class::AccessDenied)))),
        ("restarted", |world| {
            world.heygen.fault = unavailable();
            // The account's status tells of its last readable answer.
            world.proof.last_poll = Some(world.now);
            world.crash(0);
        }),
    ];
    for (name, stop) in cases {
        let mut world = shown(Some("approved"), json!({}));
        // Ten days of proof: what counts is the last one.
        world.live(240 * HOUR);
        stop(&mut world);
        world.heygen.word = Some("rejected".into());
        world.live(64 * HOUR);
        assert_eq!(world.ready(), ("True", "Approved"), "{name}");
        let writes = world.writes;
        world.live(12 * HOUR);
        assert_eq!((world.ready(), approved(&world)), (("Unknown", "Unverified"), "True"), "{name}:\n{}", world.trace.join("\n"));
        assert_eq!(world.writes - writes, 1, "{name}");
    }
}

#[test]
fn what_is_answered_about_one_consent_does_not_verify_another() {
    let stale_after = secs(72 * HOUR);
    let fresh = Proof::default().after(stale_after, Some(at(1)), false);
    assert_eq!(fresh, Proof { stale_after, last_poll: Some(at(1)) });
    assert_eq!(fresh.after(stale_after, Some(at(9)), false).last_poll, Some(at(9)), "another replica has read, and is the newest there is");
    assert_eq!(fresh.after(stale_after, Some(at(9)), true).last_poll, Some(at(1)), "that was read for other consents");
    assert_eq!(Proof::default().after(stale_after, Some(at(9)), true).last_poll, Some(at(9)), "nobody has told before");
}

#[test]
fn a_thousand_consents_do_not_become_unverified_at_once() {
    let mut minutes = std::collections::BTreeMap::<u64, usize>::new();
    for serial in 0..200u32 {
        let mut world = World::new(json!({}), Model::saying(Some("approved")));
        world.object.metadata.uid = Some(format!("{serial:08x}-0000-4000-8000-000000000000"));
        world.settle_down();
        world.account = Some(AccountFact::NotReady("The key is refused.".into()));
        let next = world.settle_down().unwrap();
        *minutes.entry(twinconsent_core::consent::polling::since(world.now, next).as_secs() / 60).or_default() += 1;
    }
    assert!(minutes.keys().all(|minute| (72 * 60..73 * 60).contains(minute)), "{minutes:?}");
    assert!(minutes.values().all(|count| *count < 20), "{minutes:?}");
}

#[test]
fn an_account_says_how_long_a_consent_counts_as_verified() {
    let mut world = shown(Some("approved"), json!({}));
    world.proof = Proof { stale_after: secs(6 * HOUR), last_poll: None };
    world.heygen.fault = unavailable();
    world.live(7 * HOUR);
    assert_eq!(world.ready(), ("Unknown", "Unverified"));
}

#[test]
fn an_unknown_word_after_an_approval_counts_when_it_was_seen_twice() {
    let mut world = shown(Some("approved"), json!({}));
    world.heygen.word = Some("frozen".into());
    let next = world.settle_down().unwrap();
    world.now = next;
    world.settle_down();
    assert_eq!(world.ready(), ("True", "Approved"), "once is not enough");
    world.heygen.word = Some("approved".into());
    world.live(MINUTE);
    world.heygen.word = Some("frozen".into());
    world.live(6 * HOUR);
    world.live(2 * MINUTE);
    assert_eq!((world.ready(), approved(&world)), (("Unknown", "UnrecognizedConsentStatus"), "True"));
    assert_eq!(world.status().consent_status.as_deref(), Some("frozen"));
    assert!(world.notices.contains(&Notice::UnrecognizedAfterGrant));
    world.heygen.word = Some("rejected".into());
    world.live(HOUR);
    assert_eq!(world.ready(), ("False", "ConsentRevoked"), "a known word takes it back, as before");
}

#[test]
fn the_word_of_an_approval_is_remembered_however_many_unknown_ones_follow() {
    let mut world = shown(Some("approved"), json!({}));
    for serial in 0..30 {
        world.heygen.word = Some(format!("word-{}", char::from(b'a' + serial)));
        world.live(HOUR);
    }
    world.live(6 * HOUR);
    assert_eq!((world.ready(), approved(&world)), (("Unknown", "UnrecognizedConsentStatus"), "True"), "{:?}", world.status().history);
}
