use super::*;

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

fn owns(roster: &Roster, consent: &DigitalTwinConsent) -> bool {
    roster.standing(consent).unwrap().ownership == Ownership::Owner
}

#[test]
fn the_oldest_owns_a_group_until_another_has_asked() {
    let roster = Roster::default();
    let (young, old) = (consent("young", 1, "2026-01-02T00:00:00Z", "g"), consent("old", 2, "2026-01-01T00:00:00Z", "g"));
    roster.note(&young, 1);
    roster.note(&old, 1);
    assert!(owns(&roster, &old) && !owns(&roster, &young));
    roster.note(&initiated(young.clone()), 1);
    assert!(owns(&roster, &young) && !owns(&roster, &old));
}

#[test]
fn an_owner_stays_the_owner_when_an_older_object_shows_up_later() {
    let roster = Roster::default();
    let (first, second) = (consent("first", 9, "2026-01-01T00:00:00Z", "g"), consent("second", 1, "2026-01-01T00:00:00Z", "g"));
    roster.note(&first, 1);
    assert!(owns(&roster, &first));
    roster.note(&second, 1);
    assert!(owns(&roster, &first) && !owns(&roster, &second));
}

#[test]
fn the_deletion_of_the_owner_names_the_heirs() {
    let roster = Roster::default();
    let (owner, heir) = (consent("owner", 1, "2026-01-01T00:00:00Z", "g"), consent("heir", 2, "2026-01-02T00:00:00Z", "g"));
    roster.note(&owner, 1);
    roster.note(&heir, 1);
    assert!(!owns(&roster, &heir));
    assert_eq!(roster.forget(uid(&owner).unwrap()), [uid(&heir).unwrap()]);
    assert_eq!(roster.reference(uid(&heir).unwrap()), Some(ObjectRef::new("heir").within("n")));
    assert!(owns(&roster, &heir));
}

#[test]
fn groups_of_different_accounts_are_different_claims() {
    let roster = Roster::default();
    let here = consent("here", 1, "2026-01-01T00:00:00Z", "g");
    let mut there = consent("there", 2, "2026-01-01T00:00:00Z", "g");
    there.spec.account_ref = serde_json::from_value(serde_json::json!({"kind": "HeyGenAccount", "name": "default"})).unwrap();
    roster.note(&here, 1);
    roster.note(&there, 1);
    assert!(owns(&roster, &here) && owns(&roster, &there));
}

#[test]
fn what_a_complete_list_does_not_show_is_gone_in_that_namespace_only() {
    let roster = Roster::default();
    let gone = consent("gone", 1, "2026-01-01T00:00:00Z", "g");
    let mut elsewhere = consent("elsewhere", 2, "2026-01-01T00:00:00Z", "h");
    elsewhere.metadata.namespace = Some("m".into());
    roster.note(&gone, 1);
    roster.note(&elsewhere, 1);
    assert_eq!(roster.gone(Some("n"), 2), [uid(&gone).unwrap()]);
    assert_eq!(roster.gone(Some("n"), 1), []);
}

#[test]
fn a_copy_from_before_our_own_write_is_stale() {
    let roster = Roster::default();
    let before = consent("ada", 1, "2026-01-01T00:00:00Z", "g");
    roster.note(&before, 1);
    let mut after = before.clone();
    after.metadata.resource_version = Some("6".into());
    roster.remember(&after, Memory::default(), true, None);
    assert!(roster.standing(&before).unwrap().is_stale);
    assert!(!roster.standing(&after).unwrap().is_stale);
}

#[test]
fn a_look_from_before_the_object_itself_asked_is_not_handed_over() {
    let roster = Roster::default();
    let ada = consent("ada", 1, "2026-01-01T00:00:00Z", "g");
    let at = |second| Timestamp::from_second(second).unwrap();
    let handed = |second| Handed { at: at(second), outcome: crate::outcome::Outcome::Probed };
    roster.note(&ada, 1);
    roster.remember(&ada, Memory::default(), false, Some(at(10)));
    roster.hand(uid(&ada).unwrap(), handed(9));
    assert!(roster.take_handed(&ada).is_none());
    roster.hand(uid(&ada).unwrap(), handed(11));
    assert!(roster.take_handed(&ada).is_some() && roster.take_handed(&ada).is_none());
}

#[test]
fn an_alarm_goes_off_once_and_the_last_one_set_counts() {
    let roster = Roster::default();
    let (ada, ben) = (consent("ada", 1, "2026-01-01T00:00:00Z", "g"), consent("ben", 2, "2026-01-01T00:00:00Z", "h"));
    let (a, b) = (uid(&ada).unwrap(), uid(&ben).unwrap());
    let at = |second| Timestamp::from_second(second).unwrap();
    roster.note(&ada, 1);
    roster.note(&ben, 1);
    roster.set_alarm(a, Some(at(5)));
    roster.set_alarm(a, Some(at(20)));
    roster.set_alarm(b, Some(at(10)));
    assert_eq!(roster.due(at(9)), (vec![], Some(at(10))));
    assert_eq!(roster.due(at(15)), (vec![b], Some(at(20))));
    roster.forget(a);
    assert_eq!(roster.due(at(99)), (vec![], None));
}
