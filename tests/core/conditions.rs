//! The conditions table: what each row looks like, which row wins, and what suspension, ownership and the account do.

use serde_json::{Value, json};
use twinconsent_core::api::account::ConsentPolicy;
use twinconsent_core::api::conditions::Situation;
use twinconsent_core::consent::apply::Notice;
use twinconsent_core::consent::outcome::{Class, LookType, Trouble};
use twinconsent_core::consent::policy::Rules;
use twinconsent_core::consent::step::AccountFact;

use crate::driver::{HOUR, MINUTE, World, at, describe, secs};
use crate::model::{Fault, Model};

fn world(spec: Value, word: &str) -> World {
    World::new(spec, Model::saying(Some(word)))
}

fn not_ready() -> Option<AccountFact> {
    Some(AccountFact::NotReady("There is no such account.".into()))
}

fn not_allowed() -> Option<AccountFact> {
    Some(AccountFact::NotAllowed("It does not serve this namespace.".into()))
}

/// What can be the case at once, strongest first, as far as it can be the case at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Case {
    Suspended,
    Duplicate,
    AccountNotReady,
    Refused,
    TrainingFailed,
    Approved,
    InvalidSpec,
    SecretConflict,
}

const CASES: [(Case, &str); 8] = [
    (Case::Suspended, "Suspended"),
    (Case::Duplicate, "DuplicateAvatarGroup"),
    // Before any poll nothing is known of HeyGen's word, so that the account comes first here.
    (Case::AccountNotReady, "AccountNotReady"),
    (Case::Refused, "ConsentRefused"),
    (Case::TrainingFailed, "AvatarFailed"),
    (Case::Approved, "Approved"),
    (Case::InvalidSpec, "InvalidRequest"),
    (Case::SecretConflict, "LinkSecretConflict"),
];

#[test]
fn where_two_rows_apply_the_upper_one_is_told() {
    for (upper, (first, reason)) in CASES.iter().enumerate() {
        for (second, _) in &CASES[upper..] {
            let is = |case: Case| *first == case || *second == case;
            if is(Case::Refused) && is(Case::Approved) {
                continue;
            }
            let mut spec = json!({"suspend": is(Case::Suspended)});
            if is(Case::SecretConflict) {
                spec["linkSecretRef"] = json!({"name": "link"});
            }
            if is(Case::InvalidSpec) {
                spec["rerouteURL"] = "https://a.example:99999/".into();
            }
            let mut world = world(
                spec,
                if is(Case::Refused) {
                    "rejected"
                } else if is(Case::Approved) {
                    "approved"
                } else {
                    "pending"
                },
            );
            world.heygen.training = is(Case::TrainingFailed).then(|| "failed".to_owned());
            world.secret.foreign = is(Case::SecretConflict);
            if is(Case::Duplicate) {
                world.owns_group = false;
            }
            if is(Case::AccountNotReady) {
                world.account = not_ready();
            }
            world.live(HOUR);
            assert_eq!(world.ready().1, *reason, "{first:?} with {second:?}");
            assert!(world.heygen.posts.is_empty());
            let writes = world.writes;
            world.live(HOUR);
            assert_eq!(world.writes, writes, "{first:?} with {second:?} is quiet");
        }
    }
}

/// What the spec, the account and other objects make the case, without a poll, in an order in which it can come about.
const KNOWN: [Situation; 7] = [
    Situation::Restored,
    Situation::Withdrawn,
    Situation::Suspended,
    Situation::Duplicate,
    Situation::Lapsed,
    Situation::AccountNotReady,
    Situation::AccountNotAllowed,
];

fn bring_about(world: &mut World, cause: Situation) {
    match cause {
        Situation::Restored => {
            world.settle_down();
            world.restore_status_elsewhere(2);
        }
        Situation::Withdrawn => world.edit(json!({ "withdrawal": { "time": "2026-01-01T00:00:00Z" } })),
        Situation::Lapsed => world.edit(json!({ "validUntil": "2001-01-01T00:00:00Z" })),
        Situation::Suspended => world.edit(json!({ "suspend": true })),
        Situation::Duplicate => world.owns_group = false,
        Situation::AccountNotReady => world.account = not_ready(),
        Situation::AccountNotAllowed => world.account = not_allowed(),
        other => panic!("{other:?} takes a poll"),
    }
}

#[test]
fn of_two_causes_that_need_no_poll_the_first_by_precedence_is_told() {
    for (place, &first) in KNOWN.iter().enumerate() {
        for &second in &KNOWN[place + 1..] {
            match (first, second) {
                // Of the account one thing is known.
                (Situation::AccountNotReady, Situation::AccountNotAllowed) => continue,
                // The table says "suspended before the first poll", and the object of a status was polled.
                (Situation::Restored, Situation::Suspended) => continue,
                // A poll ends the former, and nothing is in its way.
                (Situation::Restored, Situation::Lapsed) => continue,
                _ => {}
            }
            let mut world = world(json!({}), "pending");
            bring_about(&mut world, first);
            bring_about(&mut world, second);
            world.settle_down();
            assert_eq!(world.ready().1, first.min(second).reason(), "{first:?} and {second:?}:\n{}", world.trace.join("\n"));
        }
    }
}

#[test]
fn an_object_of_which_nothing_was_seen_has_generation_minus_one_and_no_condition() {
    let mut world = world(json!({}), "pending");
    world.account = Some(AccountFact::Resolving);
    assert_eq!(world.settle_down(), None);
    assert_eq!((world.status().observed_generation, world.status().conditions.len()), (Some(-1), 0));
}

#[test]
fn suspended_later_leaves_ready_as_it_is_and_calls_nothing() {
    for (word, ready) in
        [("pending", ("False", "AwaitingApproval")), ("approved", ("True", "Approved")), ("rejected", ("False", "ConsentRefused"))]
    {
        let mut world = world(json!({}), "pending");
        world.settle_down();
        world.heygen.word = Some(word.into());
        world.live(HOUR);
        let calls = world.heygen.calls;
        world.edit(json!({"suspend": true}));
        world.live(20 * HOUR);
        assert_eq!((world.ready(), world.condition("Suspended").map(|c| c.0), world.heygen.calls), (ready, Some("True"), calls));
        assert_eq!(world.status().observed_generation, Some(2));
        world.edit(json!({"suspend": null}));
        world.live(MINUTE);
        assert_eq!((world.ready(), world.condition("Suspended")), (ready, None));
        assert!(world.heygen.calls > calls, "looked at once after the pause");
        assert_eq!(world.heygen.posts.len(), 1);
    }
}

#[test]
fn the_accounts_trouble_is_told_only_before_the_request() {
    for trouble in [not_ready(), not_allowed()] {
        for word in ["pending", "approved", "rejected"] {
            let mut world = world(json!({}), word);
            world.live(HOUR);
            let before = world.object.clone();
            world.account = trouble.clone();
            world.crash(0);
            world.live(HOUR);
            assert_eq!(world.object, before, "{word}");
        }
    }
    let mut world = world(json!({}), "pending");
    world.account = not_ready();
    world.settle_down();
    assert_eq!((world.ready(), world.condition("Reconciling").map(|c| c.0)), (("False", "AccountNotReady"), Some("True")));
    world.account = None;
    world.settle_down();
    assert_eq!(world.ready().1, "AwaitingApproval");
}

#[test]
fn a_new_request_that_the_account_holds_up_says_so() {
    let mut world = world(json!({}), "pending");
    world.settle_down();
    world.account = not_ready();
    world.edit(json!({"requestEpoch": 1}));
    world.settle_down();
    assert_eq!((world.ready().1, world.condition("Initiated").unwrap().0), ("AccountNotReady", "False"));
}

#[test]
fn a_group_is_missing_after_two_404s_two_minutes_apart() {
    let mut world = world(json!({}), "pending");
    world.heygen.missing = true;
    world.live(119);
    assert_eq!(world.ready(), ("False", "Initiating"));
    world.live(10);
    assert_eq!((world.ready(), world.heygen.calls), (("False", "AvatarGroupNotFound"), 2));
    world.heygen.missing = false;
    world.live(HOUR);
    assert_eq!(world.ready().1, "AwaitingApproval");
}

#[test]
fn a_missing_group_leaves_an_approval_as_it_was() {
    let mut world = world(json!({}), "approved");
    world.settle_down();
    world.heygen.missing = true;
    world.live(24 * HOUR);
    assert_eq!((world.ready().1, world.condition("Approved").unwrap().0), ("AvatarGroupNotFound", "True"));
    world.heygen.missing = false;
    world.heygen.word = None;
    world.live(24 * HOUR);
    assert_eq!(world.ready(), ("True", "Approved"));
}

#[test]
fn an_approval_is_withdrawn_by_two_polls_a_minute_apart() {
    let mut world = world(json!({}), "approved");
    world.settle_down();
    world.heygen.word = Some("pending".into());
    world.now = world.settle_down().unwrap();
    let next = world.settle_down().unwrap();
    assert_eq!(world.ready(), ("True", "Approved"), "one look is not enough");
    assert!(world.status().approval.is_some() && world.status().revocation.is_none());
    assert_eq!((world.heygen.calls, next.duration_since(world.now).as_secs()), (2, 60));
    world.now = next;
    world.settle_down();
    assert_eq!((world.ready(), world.condition("Approved")), (("False", "ConsentRevoked"), Some(("False", "ConsentRevoked"))));
    assert!(world.status().approval.is_some(), "what was is not erased");
    assert_eq!(world.status().revocation.as_ref().and_then(|revocation| revocation.consent_status.as_deref()), Some("pending"));
    assert!(world.notices.contains(&Notice::Revoked));
    world.heygen.word = Some("approved".into());
    world.live(HOUR);
    assert_eq!(world.ready(), ("True", "Approved"), "a later grant heals it");
}

#[test]
fn a_poll_from_before_another_replica_wrote_the_approval_takes_nothing_back() {
    let mut world = world(json!({}), "pending");
    world.replicas.push(crate::driver::Replica { started: world.now, ..Default::default() });
    world.begin(0);
    world.finish(0);
    world.heygen.word = Some("approved".into());
    world.begin(1);
    world.finish(1);
    world.begin(1);
    world.finish(1);
    assert_eq!(world.ready(), ("True", "Approved"));
    world.settle_down();
    assert_eq!((world.ready(), world.heygen.posts.len()), (("True", "Approved"), 0));
}

#[test]
fn a_word_that_comes_back_within_the_minute_withdraws_nothing() {
    let mut world = world(json!({}), "approved");
    world.settle_down();
    world.heygen.word = Some("pending".into());
    world.now = world.settle_down().unwrap();
    world.settle_down();
    world.heygen.word = Some("approved".into());
    world.live(7 * 24 * HOUR);
    assert!(!world.notices.contains(&Notice::Revoked));
}

#[test]
fn no_word_after_an_approval_changes_nothing_and_an_unknown_one_whether_the_twin_may_be_used() {
    for (policy_waives, reason) in [(false, "Approved"), (true, "ConsentWaived")] {
        for (word, ready) in [(None, ("True", reason)), (Some("under_review"), ("Unknown", "UnrecognizedConsentStatus"))] {
            let mut world = world(json!({}), "approved");
            if policy_waives {
                let waived =
                    ConsentPolicy { waived: Some(vec!["approved".into()]), granted: None, refused: None, absent_means_waived: None };
                world.rules = Rules::new(Some(&waived), None, None);
            }
            world.settle_down();
            world.heygen.word = word.map(str::to_owned);
            world.live(24 * HOUR);
            assert_eq!((world.ready(), world.condition("Approved")), (ready, Some(("True", reason))));
            assert_eq!(world.notices.contains(&Notice::NullAfterGrant), word.is_none());
            assert_eq!(world.notices.contains(&Notice::UnrecognizedAfterGrant), word.is_some());
            world.heygen.word = None;
            world.live(24 * HOUR);
            assert_eq!((world.ready(), world.condition("Approved")), (ready, Some(("True", reason))), "no word is no news");
            world.heygen.word = Some("approved".to_owned());
            world.live(24 * HOUR);
            assert_eq!((world.ready(), world.condition("Approved")), (("True", reason), Some(("True", reason))));
        }
    }
}

#[test]
fn ready_when_initiated_is_true_while_the_person_is_awaited() {
    let mut world = world(json!({"readyWhen": "Initiated"}), "pending");
    world.settle_down();
    assert_eq!(world.ready(), ("True", "AwaitingApproval"));
    let since = world.status().conditions[0].last_transition_time.clone();
    world.now = at(90);
    world.edit(json!({"readyWhen": null}));
    world.settle_down();
    assert_eq!(world.ready(), ("False", "AwaitingApproval"));
    assert_ne!(world.status().conditions[0].last_transition_time, since, "the status has changed");
}

#[test]
fn flags_change_by_time_alone_also_while_no_poll_is_possible() {
    let mut world = world(json!({"approvalDeadline": "30m0.5s"}), "pending");
    world.settle_down();
    world.account = not_ready();
    world.live(30 * MINUTE + 5);
    assert_eq!((world.ready().1, world.condition("Overdue").map(|c| c.0)), ("ApprovalOverdue", Some("True")));
    world.live(24 * HOUR);
    assert_eq!(describe(world.status()), "Ready=False/LinkExpired Initiated Approved=False Overdue LinkExpired url");
    assert_eq!(world.writes, 3);
}

#[test]
fn the_history_keeps_the_last_ten_changes_and_each_once() {
    let mut world = world(json!({}), "pending");
    world.settle_down();
    for round in 0..14 {
        world.heygen.word = Some(format!("word{round}"));
        world.live(HOUR);
    }
    let words: Vec<_> = world.status().history.iter().filter_map(|entry| entry.consent_status.as_deref()).collect();
    assert_eq!((words.len(), words[0], words[9]), (10, "word4", "word13"));
}

#[test]
fn a_photo_group_that_gets_a_twin_is_asked_for() {
    let mut world = World::new(json!({}), Model { looks: vec![LookType::PhotoAvatar], ..Model::saying(None) });
    world.live(HOUR);
    assert_eq!(world.ready(), ("True", "ConsentNotRequired"));
    world.heygen.looks.push(LookType::DigitalTwin);
    world.live(24 * HOUR);
    assert_eq!((world.ready().1, world.heygen.posts.len()), ("AwaitingApproval", 1));
}

#[test]
fn a_wait_of_a_second_or_more_is_told_once_and_then_ends_in_the_request() {
    let mut world = world(json!({}), "pending");
    world.queue = secs(30);
    world.live(20);
    assert_eq!((world.ready(), world.writes), (("False", "Initiating"), 1));
    world.live(20);
    assert_eq!((world.ready().1, world.writes), ("AwaitingApproval", 2));
}

#[test]
fn an_account_without_access_to_the_group_is_told_and_heals_by_itself() {
    let mut world = world(json!({}), "pending");
    world.heygen.fault = Some(Fault::Trouble(Trouble::of(Class::AccessDenied)));
    world.live(HOUR);
    assert_eq!((world.ready().1, world.condition("Stalled").map(|c| c.0), world.writes), ("NotEntitled", Some("True"), 1));
    assert!(world.heygen.calls <= 10, "looked at slowly: {}", world.heygen.calls);
    world.heygen.fault = None;
    world.live(25 * MINUTE);
    assert_eq!(world.ready().1, "AwaitingApproval");
}

/// Neither a new link when the old one has died, nor the old one again when it is gone from its Secret.
#[test]
fn what_the_spec_bars_is_never_asked_for_again() {
    for (bar, reason) in [
        (json!({ "withdrawal": { "time": "2026-01-01T00:00:00Z" } }), "ConsentWithdrawn"),
        (json!({ "validUntil": "2001-01-01T00:00:00Z" }), "ConsentLapsed"),
        // The person was asked, and their link has died: there is nothing more to say of it.
        (json!({ "initiate": "Never" }), "LinkExpired"),
    ] {
        for spec in [json!({ "linkRenewal": "Automatic" }), json!({ "linkSecretRef": { "name": "link" } })] {
            let mut world = world(spec.clone(), "pending");
            world.settle_down();
            world.secret.link = None;
            world.edit(bar.clone());
            world.live(80 * HOUR);
            let trace = world.trace.join("\n");
            assert_eq!((world.heygen.posts.len(), world.ready().1), (1, reason), "{bar} with {spec}:\n{trace}");
        }
    }
}
