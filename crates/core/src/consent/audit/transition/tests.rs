use serde_json::{Value, json};

use super::*;
use crate::api::conditions::Situation as S;
use crate::api::consent::{AuditMark, Initiation};
use crate::consent::audit::EventType as E;
use crate::consent::audit::tests::{at, consent};
use crate::consent::conditions::render;
use crate::consent::request::Request;

/// An object whose status is written again and again.
struct Life {
    consent: DigitalTwinConsent,
    status: DigitalTwinConsentStatus,
    second: i64,
}

impl Life {
    fn new(spec: &Value) -> Self {
        Self { consent: consent(spec), status: DigitalTwinConsentStatus::default(), second: 0 }
    }

    /// One that has asked, and whose person is awaited.
    fn asked(spec: &Value) -> Self {
        let mut life = Self::new(spec);
        assert_eq!(life.asks(None), [E::Requested]);
        life
    }

    /// Writes a situation, after what else changes in the status.
    fn writes(&mut self, situation: S, change: impl FnOnce(&mut DigitalTwinConsentStatus)) -> Vec<E> {
        self.second += 60;
        let before = self.status.clone();
        change(&mut self.status);
        render(&self.consent, &mut self.status, situation, None, at(self.second));
        super::super::record(&self.consent, &before, &mut self.status, at(self.second)).iter().map(|event| event.event_type()).collect()
    }

    fn tells(&mut self, situation: S) -> Vec<E> {
        self.writes(situation, |_| {})
    }

    fn asks(&mut self, renewals: Option<i64>) -> Vec<E> {
        let Request { epoch, idempotency_key, .. } = Request::of(&self.consent);
        self.writes(S::Awaiting, |status| {
            status.initiation = Some(Initiation { epoch, idempotency_key, renewals, ..Initiation::default() })
        })
    }

    fn approves(&mut self) -> Vec<E> {
        let time = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(self.second));
        let approval = serde_json::from_value(json!({ "time": time, "requestEpoch": 0 })).unwrap();
        self.writes(S::Approved, |status| status.approval = approval)
    }

    fn spec(&mut self, change: &Value) {
        let mut spec = serde_json::to_value(&self.consent.spec).unwrap();
        spec.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        self.consent.spec = serde_json::from_value(spec).unwrap();
    }

    /// The object as another one that was made from a backup of it.
    fn restored(&mut self, uid: &str) {
        self.consent.metadata.uid = Some(uid.to_owned());
    }

    /// HeyGen was read for this object.
    fn polled(&mut self, situation: S) -> Vec<E> {
        let uid = self.consent.metadata.uid.clone();
        self.writes(situation, |status| status.object_uid = uid)
    }
}

#[test]
fn a_consent_that_is_given_makes_two_events_and_one_if_it_has_to_wait_before() {
    for (waits, expected) in [(false, 2), (true, 3)] {
        let mut life = Life::new(&json!({}));
        if waits {
            assert_eq!(life.tells(S::Initiating), [E::ConditionChanged]);
            assert_eq!(life.tells(S::Initiating), []);
        }
        assert_eq!(life.asks(None), [E::Requested]);
        assert_eq!(life.tells(S::Awaiting), []);
        assert_eq!(life.approves(), [E::Approved]);
        assert_eq!(life.tells(S::Approved), []);
        assert_eq!(life.status.audit.unwrap().sequence, expected);
    }
}

/// What an officer asks of the trail: whether the twin might be used, and why.
#[test]
fn whatever_is_shown_is_told_and_the_last_event_says_what_is_shown() {
    for from in S::VARIANTS.iter().copied() {
        for to in S::VARIANTS.iter().copied() {
            let mut life = Life::asked(&json!({}));
            life.tells(from);
            for (situation, suspend) in [(to, false), (to, true), (to, false)] {
                life.spec(&json!({ "suspend": suspend }));
                life.second += 60;
                let before = life.status.clone();
                render(&life.consent, &mut life.status, situation, None, at(life.second));
                let events = super::super::record(&life.consent, &before, &mut life.status, at(life.second));
                assert_eq!(events.is_empty(), shown(&before) == shown(&life.status), "{from:?} to {situation:?}, suspended: {suspend}");
                let said = events.last().map(|last| last.data()["conditions"].clone());
                let is_right = |said: Value| said == serde_json::to_value(shown(&life.status)).unwrap();
                assert!(said.is_none_or(is_right), "{from:?} to {situation:?}, suspended: {suspend}");
            }
        }
    }
}

#[test]
fn a_consent_that_was_not_asked_for_is_adopted() {
    assert_eq!(Life::new(&json!({})).approves(), [E::Adopted, E::Approved]);
    assert_eq!(Life::new(&json!({})).tells(S::Waived), [E::Waived]);
    assert_eq!(Life::new(&json!({})).tells(S::NotRequired), [E::NotRequired]);
}

#[test]
fn a_new_link_is_a_renewal_and_a_higher_epoch_a_request() {
    let mut life = Life::asked(&json!({ "requestEpoch": 1 }));
    assert_eq!(life.asks(Some(1)), [E::Renewed]);
    assert_eq!(life.asks(Some(1)), []);
    assert_eq!(life.asks(Some(2)), [E::Renewed]);
    life.spec(&json!({ "requestEpoch": 2 }));
    assert_eq!(life.asks(None), [E::Requested]);
}

#[test]
fn what_heygen_says_is_told_once_and_again_after_a_new_request() {
    let mut life = Life::asked(&json!({}));
    assert_eq!(life.tells(S::Refused), [E::Refused]);
    assert_eq!(life.tells(S::Refused), []);
    life.spec(&json!({ "requestEpoch": 1 }));
    assert_eq!(life.asks(None), [E::Requested]);
    assert_eq!(life.tells(S::Refused), [E::Refused]);
    life.spec(&json!({ "requestEpoch": 2 }));
    assert_eq!(life.asks(None), [E::Requested]);
    assert_eq!(life.approves(), [E::Approved]);
    assert_eq!(life.tells(S::Waived), [E::Waived]);
    assert_eq!(life.tells(S::Revoked), [E::Revoked]);
    assert_eq!(life.tells(S::Revoked), []);
    assert_eq!(life.approves(), [E::Approved]);
}

#[test]
fn a_doubt_and_its_end_change_a_condition_and_what_was_told_before_another_event_is_told_again() {
    let mut life = Life::asked(&json!({}));
    life.approves();
    for doubt in [S::Unverified, S::Unrecognized] {
        assert_eq!(life.tells(doubt), [E::ConditionChanged], "{doubt:?}");
        assert_eq!(life.tells(S::Approved), [E::ConditionChanged], "{doubt:?}");
    }
    for (trouble, expected) in
        [(S::Duplicate, E::Stalled), (S::GroupMissing, E::Stalled), (S::TermsChanged, E::TermsChanged), (S::Lapsed, E::Lapsed)]
    {
        assert_eq!(life.tells(trouble), [expected], "{trouble:?}");
        assert_eq!(life.tells(trouble), [], "{trouble:?}");
        assert_eq!(life.tells(S::Approved), [E::Approved], "{trouble:?}");
    }
    // The account's policy did not count it as consent for a while.
    assert_eq!(life.writes(S::Unverified, doubt_approval), [E::ConditionChanged]);
    assert_eq!(life.tells(S::Approved), [E::Approved]);
}

fn doubt_approval(status: &mut DigitalTwinConsentStatus) {
    let approved = status.conditions.iter_mut().find(|condition| condition.type_ == types::APPROVED).unwrap();
    (approved.status, approved.reason) = ("Unknown".to_owned(), S::Unverified.reason().to_owned());
}

#[test]
fn every_reason_why_an_object_is_stalled_has_an_event() {
    for situation in S::VARIANTS.iter().copied() {
        let expected = event_of(situation);
        if situation.row().progress == crate::consent::situation::Progress::Stalled {
            assert!(expected.is_some(), "{situation:?}");
        }
        if expected == Some(E::Stalled) {
            let mut life = Life::asked(&json!({}));
            assert_eq!(life.tells(situation), [E::Stalled]);
            let another = if situation == S::Duplicate { S::GroupMissing } else { S::Duplicate };
            assert_eq!(life.tells(another), [E::Stalled], "another reason");
        }
    }
}

#[test]
fn time_makes_events_and_each_once() {
    let mut life = Life::asked(&json!({ "approvalDeadline": "1h" }));
    let start = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(0));
    let end = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(86_400));
    let times = |status: &mut DigitalTwinConsentStatus| (status.initiation_time, status.link_expiration_time) = (Some(start), Some(end));
    assert_eq!(life.writes(S::Awaiting, times), []);
    life.second = 4000;
    assert_eq!(life.tells(S::Awaiting), [E::Overdue]);
    assert_eq!(life.tells(S::Awaiting), []);
    life.second = 90_000;
    assert_eq!(life.tells(S::Awaiting), [E::LinkExpired]);
    assert_eq!(life.tells(S::Awaiting), []);
    assert_eq!(life.approves(), [E::Approved]);
}

#[test]
fn a_term_is_moved_when_it_was_another_one_before() {
    let mut life = Life::new(&json!({ "validUntil": "2027-01-31T00:00:00Z" }));
    assert_eq!(life.asks(None), [E::Requested], "the first term is no move");
    life.spec(&json!({ "validUntil": "2028-01-31T00:00:00Z" }));
    assert_eq!(life.tells(S::Awaiting), [E::TermMoved]);
    assert_eq!(life.tells(S::Awaiting), []);
    life.spec(&json!({ "validUntil": null }));
    assert_eq!(life.approves(), [E::TermMoved, E::Approved]);
    life.spec(&json!({ "validUntil": "2026-11-26T11:00:00Z" }));
    assert_eq!(life.tells(S::Approved), [E::TermMoved, E::Lapsed]);
    life.spec(&json!({ "validUntil": "2028-01-31T00:00:00Z" }));
    assert_eq!(life.tells(S::Approved), [E::TermMoved, E::Approved]);
}

#[test]
fn a_withdrawal_comes_last_and_hides_what_follows_but_not_what_heygen_says() {
    let mut life = Life::asked(&json!({}));
    life.spec(&json!({ "withdrawal": { "time": "2026-11-26T11:00:00Z" } }));
    assert_eq!(life.approves(), [E::Approved, E::Withdrawn]);
    assert_eq!(life.tells(S::Lapsed), []);
    assert_eq!(life.tells(S::Revoked), [E::Revoked]);
}

#[test]
fn a_restored_object_tells_first_that_it_is_one_and_then_what_heygen_says_of_it() {
    let mut life = Life::asked(&json!({}));
    life.approves();
    let mark = life.status.audit.clone();
    life.restored("1b4e28ba-2fa1-11d2-883f-0016d3cca427");
    assert_eq!(life.tells(S::Restored), [E::Restored]);
    assert_eq!(life.status.audit.as_ref().unwrap().sequence, 1);
    assert_eq!(life.tells(S::Restored), []);
    // It was approved by the backup, and is by HeyGen.
    assert_eq!(life.polled(S::Approved), [E::Approved]);
    assert_eq!(life.status.audit.as_ref().unwrap().sequence, 2);
    // Once more, while HeyGen could not be read in between; the mark is that of a chain long before.
    life.restored("6fa459ea-ee8a-3ca4-894e-db77e160355e");
    life.status.audit = mark;
    assert_eq!(life.tells(S::Restored), [E::Restored]);
    life.restored("16fd2706-8baf-433b-82eb-8c7fada847da");
    assert_eq!(life.polled(S::Refused), [E::Restored, E::Refused]);
}

#[test]
fn a_restored_object_tells_anew_what_its_spec_says() {
    let mut life = Life::asked(&json!({ "validUntil": "2027-01-31T00:00:00Z" }));
    life.spec(&json!({ "withdrawal": { "time": "2026-11-26T11:00:00Z" } }));
    assert_eq!(life.tells(S::Refused), [E::Refused, E::Withdrawn]);
    life.restored("1b4e28ba-2fa1-11d2-883f-0016d3cca427");
    life.spec(&json!({ "validUntil": "2029-01-31T00:00:00Z" }));
    assert_eq!(life.tells(S::Restored), [E::Restored, E::Withdrawn], "what the term was in the backup is not known to this chain");
    assert_eq!(life.polled(S::Refused), [E::Refused]);
}

#[test]
fn a_status_whose_mark_is_gone_begins_anew_without_telling_of_a_restore() {
    let mut life = Life::asked(&json!({}));
    life.status.audit = Some(AuditMark::default());
    assert_eq!(life.approves(), [E::Approved]);
    assert_eq!(life.status.audit.unwrap().sequence, 1);
}

#[test]
fn the_words_are_those_of_the_contract() {
    let words: Vec<_> = E::VARIANTS.iter().map(|event_type| event_type.word()).collect();
    let mut expected = vec![
        "requested",
        "renewed",
        "adopted",
        "approved",
        "waived",
        "not-required",
        "refused",
        "revoked",
        "withdrawn",
        "lapsed",
        "terms-changed",
        "term-moved",
        "overdue",
        "link-expired",
        "stalled",
        "restored",
        "condition-changed",
        "deleted",
    ];
    assert_eq!(words.len(), expected.len());
    expected.retain(|word| !words.contains(word));
    assert!(expected.is_empty(), "{expected:?}");
}
