use kube::ResourceExt as _;

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

const SHOWN: Sighting = Sighting { watch: 0, round: 1 };

fn note(roster: &Roster, consent: &DigitalTwinConsent) -> bool {
    roster.note(consent, SHOWN).unwrap().is_news
}

fn owns(roster: &Roster, consent: &DigitalTwinConsent) -> bool {
    roster.standing(consent).unwrap().ownership == Ownership::Owner
}

#[test]
fn the_oldest_owns_a_group_until_another_has_asked() {
    let roster = Roster::default();
    let (young, old) = (consent("young", 1, "2026-01-02T00:00:00Z", "g"), consent("old", 2, "2026-01-01T00:00:00Z", "g"));
    note(&roster, &young);
    note(&roster, &old);
    assert!(owns(&roster, &old) && !owns(&roster, &young));
    note(&roster, &initiated(young.clone()));
    assert!(owns(&roster, &young) && !owns(&roster, &old));
}

#[test]
fn an_owner_stays_the_owner_when_an_older_object_shows_up_later() {
    let roster = Roster::default();
    let (first, second) = (consent("first", 9, "2026-01-01T00:00:00Z", "g"), consent("second", 1, "2026-01-01T00:00:00Z", "g"));
    note(&roster, &first);
    assert!(owns(&roster, &first));
    note(&roster, &second);
    assert!(owns(&roster, &first) && !owns(&roster, &second));
}

#[test]
fn the_deletion_of_the_owner_names_the_heirs() {
    let roster = Roster::default();
    let (owner, heir) = (consent("owner", 1, "2026-01-01T00:00:00Z", "g"), consent("heir", 2, "2026-01-02T00:00:00Z", "g"));
    note(&roster, &owner);
    note(&roster, &heir);
    assert!(!owns(&roster, &heir));
    assert_eq!(roster.forget(uid(&owner).unwrap()), [uid(&heir).unwrap()]);
    assert_eq!(roster.copy(uid(&heir).unwrap()).unwrap().name_any(), "heir");
    assert!(owns(&roster, &heir));
}

#[test]
fn groups_of_different_accounts_are_different_claims() {
    let roster = Roster::default();
    let here = consent("here", 1, "2026-01-01T00:00:00Z", "g");
    let mut there = consent("there", 2, "2026-01-01T00:00:00Z", "g");
    there.spec.account_ref = serde_json::from_value(serde_json::json!({"kind": "HeyGenAccount", "name": "default"})).unwrap();
    note(&roster, &here);
    note(&roster, &there);
    assert!(owns(&roster, &here) && owns(&roster, &there));
}

#[test]
fn what_a_complete_list_does_not_show_is_gone_of_that_watch_only() {
    let roster = Roster::default();
    let (gone, elsewhere) = (consent("gone", 1, "2026-01-01T00:00:00Z", "g"), consent("elsewhere", 2, "2026-01-01T00:00:00Z", "h"));
    note(&roster, &gone);
    roster.note(&elsewhere, Sighting { watch: 1, round: 1 });
    assert_eq!(roster.gone(Sighting { round: 2, ..SHOWN }), [uid(&gone).unwrap()]);
    assert_eq!(roster.gone(SHOWN), []);
}

#[test]
fn a_copy_from_before_our_own_write_is_stale() {
    let roster = Roster::default();
    let before = consent("ada", 1, "2026-01-01T00:00:00Z", "g");
    note(&roster, &before);
    let mut after = before.clone();
    after.metadata.resource_version = Some("6".into());
    roster.remember(&after, Memory::default(), true, None);
    assert!(roster.standing(&before).unwrap().is_stale);
    assert!(!roster.standing(&after).unwrap().is_stale);
}

#[test]
fn our_own_write_is_no_news_unless_somebody_has_waited_for_it() {
    let roster = Roster::default();
    let at = |version: &str| {
        let mut ada = consent("ada", 1, "2026-01-01T00:00:00Z", "g");
        ada.metadata.resource_version = Some(version.into());
        ada
    };
    assert!(note(&roster, &at("5")));
    roster.remember(&at("6"), Memory::default(), true, None);
    assert!(!note(&roster, &at("6")), "it was decided on when it was written");
    assert!(note(&roster, &at("7")), "somebody else has written");
    roster.remember(&at("8"), Memory::default(), true, None);
    assert!(roster.standing(&at("7")).unwrap().is_stale);
    assert!(note(&roster, &at("8")), "whoever was woken meanwhile was sent away");
    roster.remember(&at("9"), Memory::default(), true, None);
    assert!(!note(&roster, &at("9")));
    assert_eq!(roster.copy(uid(&at("9")).unwrap()).unwrap().resource_version(), Some("9".into()));
}

#[test]
fn a_look_from_before_the_object_itself_asked_is_not_handed_over() {
    let roster = Roster::default();
    let ada = consent("ada", 1, "2026-01-01T00:00:00Z", "g");
    let at = |second| Timestamp::from_second(second).unwrap();
    let handed = |second| Handed { at: at(second), outcome: crate::outcome::Outcome::Probed };
    note(&roster, &ada);
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
    note(&roster, &ada);
    note(&roster, &ben);
    roster.set_alarm(a, Some(at(5)));
    roster.set_alarm(a, Some(at(20)));
    roster.set_alarm(b, Some(at(10)));
    assert_eq!(roster.due(at(9)), (vec![], Some(at(10))));
    assert_eq!(roster.due(at(15)), (vec![b], Some(at(20))));
    roster.forget(a);
    assert_eq!(roster.due(at(99)), (vec![], None));
}
