use std::collections::BTreeMap;

use kube::ResourceExt as _;
use strum::VariantArray as _;

use super::*;
use twinconsent_core::api::conditions::Situation;
use twinconsent_core::consent::state::Unwritten;

fn consent(name: &str, uid: u8, created: &str, group: &str) -> DigitalTwinConsent {
    serde_json::from_value(serde_json::json!({
        "apiVersion": "twinconsent.io/v1alpha1", "kind": "DigitalTwinConsent",
        "metadata": {"name": name, "namespace": "n", "uid": format!("{uid:08x}-0000-4000-8000-000000000000"), "creationTimestamp": created, "resourceVersion": "5"},
        "spec": {"groupID": group}
    }))
    .unwrap()
}

fn initiated(mut consent: DigitalTwinConsent) -> DigitalTwinConsent {
    consent.status = Some(serde_json::from_value(serde_json::json!({"initiation": {"epoch": 0, "idempotencyKey": "k"}})).unwrap());
    consent
}

const SHOWN: Sighting = Sighting { watch: 0, round: 1 };

fn note(store: &Store, consent: &DigitalTwinConsent) -> bool {
    store.note(consent, SHOWN).unwrap().is_change
}

fn remember(store: &Store, consent: &DigitalTwinConsent) {
    assert_eq!(store.remember(consent, Memory::default(), true, Wall::default()), []);
}

fn owns(store: &Store, consent: &DigitalTwinConsent) -> bool {
    store.standing(consent, Wall::default()).unwrap().owns_group
}

#[test]
fn the_oldest_owns_a_group_until_another_is_seen_to_have_asked() {
    let store = Store::default();
    let (young, old) = (consent("young", 1, "2026-01-02T00:00:00Z", "g"), consent("old", 2, "2026-01-01T00:00:00Z", "g"));
    note(&store, &young);
    note(&store, &old);
    assert!(owns(&store, &old) && !owns(&store, &young));
    note(&store, &initiated(young.clone()));
    assert!(owns(&store, &young) && !owns(&store, &old));
}

#[test]
fn an_owner_stays_the_owner_when_an_older_object_shows_up_after_it_has_begun_to_ask() {
    let store = Store::default();
    let (first, second) = (consent("first", 9, "2026-01-01T00:00:00Z", "g"), consent("second", 1, "2026-01-01T00:00:00Z", "g"));
    note(&store, &first);
    assert!(owns(&store, &first));
    assert!(store.begin_to_ask(uid(&first).unwrap()));
    note(&store, &second);
    assert!(owns(&store, &first) && !owns(&store, &second));
    assert!(!store.begin_to_ask(uid(&second).unwrap()));
    // It was refused, so no person was asked: the rank decides again.
    let moved = store.remember(&first, Memory::default(), false, Wall::default());
    assert_eq!(moved, [uid(&first).unwrap(), uid(&second).unwrap()]);
    assert!(!owns(&store, &first) && owns(&store, &second));
}

#[test]
fn an_owner_whose_request_may_have_arrived_stays_the_owner() {
    let store = Store::default();
    let (first, second) = (consent("first", 9, "2026-01-01T00:00:00Z", "g"), consent("second", 1, "2026-01-01T00:00:00Z", "g"));
    note(&store, &first);
    assert!(store.begin_to_ask(uid(&first).unwrap()));
    let mut memory = Memory::default();
    memory.attempt_of("k").unanswered_since = Some(Timestamp::UNIX_EPOCH);
    assert_eq!(store.remember(&first, memory, false, Wall::default()), []);
    note(&store, &second);
    assert!(owns(&store, &first) && !owns(&store, &second));
}

#[test]
fn the_deletion_of_the_owner_names_the_heir() {
    let store = Store::default();
    let (owner, heir) = (consent("owner", 1, "2026-01-01T00:00:00Z", "g"), consent("heir", 2, "2026-01-02T00:00:00Z", "g"));
    let other = consent("other", 3, "2026-01-03T00:00:00Z", "g");
    [&owner, &heir, &other].iter().for_each(|consent| assert!(note(&store, consent)));
    assert!(!owns(&store, &heir));
    assert_eq!(store.forget(uid(&owner).unwrap()), [uid(&heir).unwrap()]);
    assert_eq!(store.copy(uid(&heir).unwrap()).unwrap().name_any(), "heir");
    assert!(owns(&store, &heir));
    assert_eq!(store.forget(uid(&other).unwrap()), []);
    assert!(owns(&store, &heir));
}

#[test]
fn an_older_object_that_cannot_ask_gives_way_and_both_are_woken() {
    let store = Store::default();
    let (old, young) = (consent("old", 1, "2026-01-01T00:00:00Z", "g"), consent("young", 2, "2026-01-02T00:00:00Z", "g"));
    let mut young = young;
    young.metadata.namespace = Some("other".into());
    let both = [uid(&old).unwrap(), uid(&young).unwrap()];
    note(&store, &old);
    note(&store, &young);
    assert!(owns(&store, &old));
    let moved = |consent: &DigitalTwinConsent| store.note(consent, SHOWN).unwrap().moved;

    let mut suspended = old.clone();
    suspended.spec.suspend = Some(true);
    assert_eq!(moved(&suspended), both);
    assert!(owns(&store, &young) && !owns(&store, &old));
    assert_eq!(moved(&old), [both[1], both[0]]);
    assert!(owns(&store, &old));

    assert_eq!(store.other_owner(both[1]), Some((both[0], "n".to_owned())));
    assert_eq!(store.note_served(both[0], false), both);
    assert_eq!(store.note_served(both[0], false), []);
    assert!(owns(&store, &young));
    assert_eq!(store.note_served(both[0], true), [both[1], both[0]]);

    let mut terminating = initiated(old.clone());
    terminating.metadata.deletion_timestamp = terminating.metadata.creation_timestamp.clone();
    assert_eq!(moved(&terminating), both);
    assert!(owns(&store, &young) && !owns(&store, &old));
}

#[test]
fn an_account_is_named_until_the_last_object_that_names_it_is_gone() {
    let store = Store::default();
    let named = |name: &str, uid| {
        let mut consent = consent("c", uid, "2026-01-01T00:00:00Z", "g");
        consent.spec.account_ref = serde_json::from_value(serde_json::json!({"kind": "ClusterHeyGenAccount", "name": name})).unwrap();
        consent
    };
    let (first, second) = (named("invented", 1), named("invented", 2));
    assert!(store.note(&first, SHOWN).unwrap().new_account.is_some());
    assert!(store.note(&second, SHOWN).unwrap().new_account.is_none());
    assert_eq!(store.of_account(&AccountKey::of(&first)).len(), 2);
    store.forget(uid(&first).unwrap());
    assert_eq!(store.cluster_accounts(), ["invented"]);
    store.forget(uid(&second).unwrap());
    assert_eq!(store.cluster_accounts(), Vec::<String>::new());
}

#[test]
fn groups_of_different_accounts_are_different_claims() {
    let store = Store::default();
    let here = consent("here", 1, "2026-01-01T00:00:00Z", "g");
    let mut there = consent("there", 2, "2026-01-01T00:00:00Z", "g");
    there.spec.account_ref = serde_json::from_value(serde_json::json!({"kind": "HeyGenAccount", "name": "default"})).unwrap();
    note(&store, &here);
    note(&store, &there);
    assert!(owns(&store, &here) && owns(&store, &there));
}

#[test]
fn what_a_complete_list_does_not_show_is_gone_of_that_watch_only() {
    let store = Store::default();
    let (gone, elsewhere) = (consent("gone", 1, "2026-01-01T00:00:00Z", "g"), consent("elsewhere", 2, "2026-01-01T00:00:00Z", "h"));
    note(&store, &gone);
    store.note(&elsewhere, Sighting { watch: 1, round: 1 });
    assert_eq!(store.gone(Sighting { round: 2, ..SHOWN }), [uid(&gone).unwrap()]);
    assert_eq!(store.gone(SHOWN), []);
}

#[test]
fn a_copy_from_before_our_own_write_is_stale() {
    let store = Store::default();
    let before = consent("ada", 1, "2026-01-01T00:00:00Z", "g");
    note(&store, &before);
    let mut after = before.clone();
    after.metadata.resource_version = Some("6".into());
    remember(&store, &after);
    assert!(store.standing(&before, Wall::default()).unwrap().is_stale);
    assert!(!store.standing(&after, Wall::default()).unwrap().is_stale);
}

#[test]
fn our_own_write_is_nothing_new_unless_it_was_waited_for() {
    let store = Store::default();
    let at = |version: &str| {
        let mut ada = consent("ada", 1, "2026-01-01T00:00:00Z", "g");
        ada.metadata.resource_version = Some(version.into());
        ada
    };
    assert!(note(&store, &at("5")));
    remember(&store, &at("6"));
    assert!(store.standing_as_seen(&at("5"), Wall::default()).unwrap().is_stale, "who only looks waits for nothing");
    assert!(!note(&store, &at("6")), "it was decided on when it was written");
    assert!(note(&store, &at("7")), "somebody else has written");
    remember(&store, &at("8"));
    assert!(store.standing(&at("7"), Wall::default()).unwrap().is_stale);
    assert!(note(&store, &at("8")), "whoever was woken meanwhile was sent away");
    remember(&store, &at("9"));
    assert!(!note(&store, &at("9")));
    assert_eq!(store.copy(uid(&at("9")).unwrap()).unwrap().resource_version(), Some("9".into()));
}

#[test]
fn a_write_that_the_watch_has_passed_by_without_showing_it_makes_no_copy_stale() {
    let store = Store::default();
    let restored = consent("ada", 1, "2026-01-01T00:00:00Z", "g");
    note(&store, &restored);
    let mut written = restored.clone();
    written.metadata.resource_version = Some("9".into());
    let _ = store.remember(&written, Memory::default(), true, Wall::default());
    for (reached, is_stale) in [(5, true), (8, true), (9, false), (1_000_000_005, false)] {
        store.reached(SHOWN.watch, reached);
        assert_eq!(store.standing(&restored, Wall::default()).unwrap().is_stale, is_stale, "{reached}");
    }
}

#[test]
fn what_was_remembered_in_another_history_is_forgotten_but_for_what_heygen_answered() {
    let store = Store::default();
    let (ada, elsewhere) = (consent("ada", 1, "2026-01-01T00:00:00Z", "g"), consent("elsewhere", 2, "2026-01-01T00:00:00Z", "h"));
    note(&store, &ada);
    let _ = store.note(&elsewhere, Sighting { watch: 1, round: 1 });
    let at = |second| Timestamp::from_second(second).unwrap();
    let attempt = twinconsent_core::consent::state::Attempt { idempotency_key: "k".into(), ..Default::default() };
    let memory =
        Memory { polled_at: Some(at(5)), generation: 3, retry_at: Some(at(9000)), attempt: Some(Box::new(attempt)), ..Memory::default() };
    let mut written = initiated(ada.clone());
    written.metadata.resource_version = Some("9".into());
    for consent in [&written, &elsewhere] {
        let _ = store.remember(consent, memory.clone(), true, Wall::default());
    }
    let before = store.standing(&ada, Wall::default()).unwrap().memory;
    let _ = store.forget_history(SHOWN.watch, at(100));
    let standing = store.standing(&ada, Wall::default()).unwrap();
    assert!(!standing.is_stale);
    assert_eq!((standing.memory.polled_at, standing.memory.generation, standing.memory.retry_at), (None, 0, None));
    assert!(standing.memory.attempt.is_some(), "a request that was sent was sent");
    let reread_at = standing.memory.reread_at.unwrap();
    assert!(reread_at > at(100) && reread_at <= at(110), "{reread_at}");
    assert_eq!(store.standing(&elsewhere, Wall::default()).unwrap().memory.polled_at, Some(at(5)), "another watch is as it was");
    // Whatever was under way is decided anew.
    let _ = store.remember(&written, before, true, Wall::default());
    let standing = store.standing(&ada, Wall::default()).unwrap();
    assert_eq!((standing.memory.polled_at, standing.is_stale), (None, false));
}

#[test]
fn whose_status_could_not_be_written_counts_until_it_was_or_is_gone_or_belongs_to_another_history() {
    let store = Store::default();
    let consents = [1, 2, 3].map(|uid| consent("c", uid, "2026-01-01T00:00:00Z", &format!("g{uid}")));
    for consent in &consents {
        note(&store, consent);
        let unwritten = Unwritten::after(None, consent, Duration::from_secs(30), Timestamp::UNIX_EPOCH);
        let memory = Memory { unwritten: Some(Box::new(unwritten)), ..Memory::default() };
        for _ in 0..2 {
            assert_eq!(store.remember(consent, memory.clone(), false, Wall::default()), []);
        }
    }
    assert_eq!(store.unwritten(), 3);
    remember(&store, &consents[0]);
    assert_eq!(store.unwritten(), 2);
    let _ = store.forget(uid(&consents[1]).unwrap());
    assert_eq!(store.unwritten(), 1);
    let _ = store.forget_history(SHOWN.watch, Timestamp::UNIX_EPOCH);
    assert_eq!(store.unwritten(), 0);
}

#[test]
fn consents_are_counted_by_account_and_by_what_they_tell_whatever_comes_changes_and_goes() {
    let store = Store::default();
    let telling = |number: u8, account: u8, shown: Option<Situation>| {
        let mut consent = consent("x", number, "2026-01-01T00:00:00Z", &number.to_string());
        consent.metadata.namespace = Some(format!("n{}", number % 3));
        consent.spec.account_ref =
            Some(serde_json::from_value(serde_json::json!({"kind": "ClusterHeyGenAccount", "name": account.to_string()})).unwrap());
        if let Some(situation) = shown {
            let ready = serde_json::json!({"type": "Ready", "status": "True", "reason": situation.reason(), "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"});
            consent.status = Some(serde_json::from_value(serde_json::json!({"observedGeneration": 1, "conditions": [ready]})).unwrap());
        }
        consent
    };
    let mut there: HashMap<u8, (u8, Option<Situation>)> = HashMap::new();
    // Steps that have no common divisor with how many there are of each: every object meets every situation and goes now and then.
    for step in 0..4000_usize {
        let (number, shown) = ((step * 7 % 50) as u8, Situation::VARIANTS.get(step * 5 % 23).copied());
        let account = number % 4;
        if step % 11 == 0 {
            let _ = store.forget(uid(&telling(number, account, None)).unwrap());
            there.remove(&number);
        } else {
            note(&store, &telling(number, account, shown));
            there.insert(number, (account, shown));
        }
        let mut expected = BTreeMap::new();
        for (account, shown) in there.values() {
            *expected.entry((account.to_string(), *shown)).or_insert(0) += 1;
        }
        assert_eq!(store.tally(|account| account.name.clone()), expected, "after {step}");
    }
    assert!(there.values().map(|(_, shown)| shown).collect::<HashSet<_>>().len() > 10);
    for number in 0..50 {
        let _ = store.forget(uid(&telling(number, 0, None)).unwrap());
    }
    assert_eq!(store.tally(|account| account.name.clone()), BTreeMap::new(), "nothing is left of accounts that nobody names");
}
