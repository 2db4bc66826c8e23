//! "Poll before asking": every cell of the table, and what a higher epoch changes.

use serde_json::{Value, json};
use twinconsent_core::api::account::ConsentPolicy;
use twinconsent_core::consent::outcome::{Class, LookType, Trouble};
use twinconsent_core::consent::policy::Rules;
use twinconsent_core::consent::polling;
use twinconsent_core::consent::step::AccountFact;

use crate::driver::{HOUR, MINUTE, World, secs};
use crate::model::{Fault, Model};

const TWIN: &[LookType] = &[LookType::PhotoAvatar, LookType::DigitalTwin];
const PHOTOS: &[LookType] = &[LookType::PhotoAvatar, LookType::PhotoAvatar];
const NONE: &[LookType] = &[];
const OTHER: &[LookType] = &[LookType::PhotoAvatar, LookType::Other];

/// Plain, with `skipped` waived, and with a twin without any word waived.
#[derive(Debug, Clone, Copy)]
enum Policy {
    Plain,
    Waives,
    AbsentWaives,
}

/// A row of the table: HeyGen's word, the looks, the policy; whether a request is sent and how `Ready` reads, when it was not
/// initiated before and when it was.
type Row = (Option<&'static str>, &'static [LookType], Policy, (bool, &'static str), &'static str);

const TABLE: &[Row] = &[
    (Some("approved"), TWIN, Policy::Plain, (false, "Approved"), "Approved"),
    (Some("ACCEPTED"), TWIN, Policy::Plain, (false, "Approved"), "Approved"),
    (Some("skipped"), TWIN, Policy::Waives, (false, "ConsentWaived"), "ConsentWaived"),
    (Some("pending"), TWIN, Policy::Plain, (true, "AwaitingApproval"), "AwaitingApproval"),
    (Some("expired"), TWIN, Policy::Plain, (true, "AwaitingApproval"), "AwaitingApproval"),
    (None, PHOTOS, Policy::Plain, (false, "ConsentNotRequired"), "ConsentNotRequired"),
    (None, TWIN, Policy::Plain, (true, "AwaitingApproval"), "AwaitingApproval"),
    (None, TWIN, Policy::AbsentWaives, (false, "ConsentWaived"), "AwaitingApproval"),
    (None, NONE, Policy::Plain, (false, "Initiating"), "AwaitingApproval"),
    (None, OTHER, Policy::Plain, (false, "Initiating"), "AwaitingApproval"),
    (None, NONE, Policy::AbsentWaives, (false, "Initiating"), "AwaitingApproval"),
    (Some("rejected"), TWIN, Policy::Plain, (false, "ConsentRefused"), "ConsentRefused"),
    (Some("Declined"), TWIN, Policy::Plain, (false, "ConsentRefused"), "ConsentRefused"),
    (Some("validated"), TWIN, Policy::Plain, (false, "UnrecognizedConsentStatus"), "UnrecognizedConsentStatus"),
    (Some("completed"), TWIN, Policy::Plain, (false, "UnrecognizedConsentStatus"), "UnrecognizedConsentStatus"),
    (Some("skipped"), TWIN, Policy::Plain, (false, "UnrecognizedConsentStatus"), "UnrecognizedConsentStatus"),
    (Some(""), TWIN, Policy::Plain, (false, "UnrecognizedConsentStatus"), "UnrecognizedConsentStatus"),
];

fn rules(policy: Policy) -> Rules {
    let (waived, absent) = match policy {
        Policy::Plain => (vec![], false),
        Policy::Waives => (vec!["Skipped".to_owned()], false),
        Policy::AbsentWaives => (vec![], true),
    };
    Rules::new(Some(&ConsentPolicy { granted: None, refused: None, waived: Some(waived), absent_means_waived: Some(absent) }), None, None)
}

#[test]
fn what_a_poll_finds_decides_whether_the_person_is_asked() {
    for row in TABLE {
        let (word, looks, policy, (asks, reason), _) = row;
        let mut world = World::new(json!({}), Model { looks: looks.to_vec(), keeps_word: true, ..Model::saying(*word) });
        world.rules = rules(*policy);
        world.live(HOUR);
        assert_eq!((world.heygen.posts.len(), world.ready().1), (usize::from(*asks), *reason), "{row:?}");
        assert_eq!(world.condition("Initiated").unwrap().0, if *asks { "True" } else { "False" }, "{row:?}");
        if *word != Some("") {
            assert_eq!(world.status().consent_status.as_deref(), *word, "shown verbatim: {row:?}");
        }
    }
}

#[test]
fn what_a_poll_finds_after_the_request_is_followed_and_asks_nobody_again() {
    for row in TABLE {
        let (word, looks, policy, _, reason) = row;
        let mut world = World::new(json!({}), Model::saying(Some("pending")));
        world.rules = rules(*policy);
        world.settle_down();
        world.heygen.word = word.map(str::to_owned);
        world.heygen.looks = looks.to_vec();
        world.live(HOUR);
        assert_eq!((world.heygen.posts.len(), world.ready().1), (1, *reason), "{row:?}");
    }
}

#[test]
fn an_unreadable_poll_asks_nobody_and_changes_nothing() {
    for class in
        [Class::Unreachable, Class::Unavailable, Class::Busy, Class::Unreadable, Class::Throttled, Class::QuotaExceeded, Class::Invalid]
    {
        let mut world = World::new(json!({}), Model::saying(Some("pending")));
        world.heygen.fault = Some(Fault::Trouble(Trouble::of(class)));
        world.live(HOUR);
        assert_eq!((world.heygen.posts.len(), world.ready().1), (0, "Initiating"), "{class:?}");
        assert!(world.heygen.calls < 40, "{class:?}: {} calls in an hour of trouble", world.heygen.calls);
        assert!(world.writes <= 1, "{class:?}");

        let mut settled = World::new(json!({}), Model::saying(Some("pending")));
        settled.settle_down();
        let before = settled.object.clone();
        settled.heygen.fault = Some(Fault::Trouble(Trouble::of(class)));
        settled.live(HOUR);
        assert_eq!(settled.object, before, "{class:?}");
    }
}

fn after(word: &str, before: Option<&str>) -> World {
    let mut world = World::new(json!({}), Model::saying(before.or(Some("pending"))));
    world.settle_down();
    world.heygen.word = Some(word.to_owned());
    world.live(24 * HOUR);
    world
}

fn epoch(number: i64) -> Value {
    json!({"requestEpoch": number})
}

#[test]
fn a_refused_person_is_asked_again_by_a_higher_epoch_only() {
    for initiated in [true, false] {
        let mut world = after("rejected", None);
        if !initiated {
            world = World::new(json!({}), Model::saying(Some("rejected")));
            world.live(HOUR);
        }
        let posts = world.heygen.posts.len();
        world.edit(json!({"readyWhen": "Initiated"}));
        world.live(HOUR);
        assert_eq!((world.heygen.posts.len(), world.ready()), (posts, ("False", "ConsentRefused")));
        world.edit(epoch(1));
        world.settle_down();
        assert_eq!((world.heygen.posts.len(), world.ready().1), (posts + 1, "AwaitingApproval"));
        assert_eq!(world.condition("Approved"), Some(("False", "NotApproved")), "the refusal of before is no reason any more");
        world.heygen.word = Some("rejected".into());
        world.live(HOUR);
        assert_eq!((world.heygen.posts.len(), world.ready().1), (posts + 1, "ConsentRefused"));
    }
}

#[test]
fn a_withdrawn_approval_is_asked_for_again_by_a_higher_epoch_only() {
    for adopted in [true, false] {
        for word in [Some("pending"), Some("expired"), Some("rejected"), None, Some("weird")] {
            let mut world = after("approved", if adopted { Some("approved") } else { None });
            let posts = world.heygen.posts.len();
            assert_eq!(posts, usize::from(!adopted));
            world.heygen.word = Some("pending".into());
            world.live(24 * HOUR);
            assert_eq!(world.ready().1, "ConsentRevoked");
            world.heygen.word = word.map(str::to_owned);
            world.crash(0);
            world.live(24 * HOUR);
            assert_eq!((world.heygen.posts.len(), world.ready().1), (posts, "ConsentRevoked"), "{word:?}, adopted {adopted}");
            world.edit(epoch(1));
            world.live(HOUR);
            let asks = usize::from(word != Some("weird"));
            assert_eq!(world.heygen.posts.len(), posts + asks, "{word:?}, adopted {adopted}");
        }
    }
}

#[test]
fn trouble_in_between_does_not_make_a_withdrawal_forgotten() {
    let mut world = after("approved", Some("approved"));
    world.heygen.word = Some("pending".into());
    world.live(24 * HOUR);
    world.heygen.missing = true;
    world.live(HOUR);
    world.heygen.missing = false;
    world.owns_group = false;
    world.live(HOUR);
    assert_eq!(world.ready().1, "DuplicateAvatarGroup");
    world.owns_group = true;
    world.live(HOUR);
    assert_eq!((world.heygen.posts.len(), world.ready().1), (0, "ConsentRevoked"));
}

#[test]
fn the_owner_of_a_group_is_named_once_the_account_is_known_and_asked_for_again_within_ten_minutes() {
    let mut world = World::new(json!({}), Model::saying(Some("pending")));
    world.owns_group = false;
    world.account = Some(AccountFact::Resolving);
    assert_eq!((world.settle_down(), world.writes), (None, 0), "whom the account serves is not known, and so not who owns");
    world.account = None;
    let again = world.settle_down().unwrap();
    assert_eq!((world.ready().1, world.writes), ("DuplicateAvatarGroup", 1));
    assert!(polling::since(world.now, again) <= secs(10 * MINUTE), "{again}");
    world.live(24 * HOUR);
    assert_eq!((world.writes, world.heygen.calls), (1, 0), "that costs nothing");
}

#[test]
fn a_granted_consent_is_adopted_and_not_asked_for_also_after_a_higher_epoch() {
    let mut world = after("approved", Some("approved"));
    world.edit(json!({"requestEpoch": 5, "rerouteURL": "https://a.example/"}));
    world.live(24 * HOUR);
    assert_eq!((world.heygen.posts.len(), world.ready()), (0, ("True", "Approved")));
    assert_eq!(world.status().observed_generation, Some(2));
}

#[test]
fn a_group_whose_training_failed_asks_nobody_and_heals_by_itself() {
    let mut world = World::new(json!({}), Model { training: Some("FAILED".into()), ..Model::saying(Some("pending")) });
    world.live(HOUR);
    assert_eq!((world.heygen.posts.len(), world.ready()), (0, ("False", "AvatarFailed")));
    world.heygen.training = Some("completed".into());
    world.live(HOUR);
    assert_eq!((world.heygen.posts.len(), world.ready().1), (1, "AwaitingApproval"));
}
