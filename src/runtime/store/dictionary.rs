//! Objects as they are in a situation, for what needs to know what most objects are like.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use twinconsent_core::api::conditions::Situation;
use twinconsent_core::api::consent::{
    Approval, AskedTerms, AuditMark, DigitalTwinConsent, DigitalTwinConsentSpec, DigitalTwinConsentStatus, GroupStatus, HistoryEntry,
    Initiation,
};
use twinconsent_core::consent::audit::EventType;
use twinconsent_core::consent::conditions::render;
use twinconsent_core::consent::request::Request;
use twinconsent_core::consent::terms::Terms;

/// An object that was asked for, in this situation.
#[must_use]
pub fn of(situation: Situation) -> DigitalTwinConsent {
    let then = Timestamp::UNIX_EPOCH;
    let spec = DigitalTwinConsentSpec { group_id: String::new(), ..DigitalTwinConsentSpec::default() };
    let metadata = ObjectMeta {
        creation_timestamp: Some(Time(then)),
        generation: Some(1),
        resource_version: Some(String::new()),
        uid: Some(String::new()),
        ..ObjectMeta::default()
    };
    let consent = DigitalTwinConsent { metadata, spec, status: None };
    let (word, request) = ("pending", Request::of(&consent));
    let terms = Terms::of_spec(&consent.spec);
    let mut status = DigitalTwinConsentStatus {
        url: Some("https://".to_owned()),
        link_expiration_time: Some(Time(then)),
        consent_status: Some(word.to_owned()),
        group: Some(GroupStatus {
            name: Some(String::new()),
            status: Some("completed".to_owned()),
            looks_count: Some(1),
            created_at: Some(Time(then)),
        }),
        initiation: Some(Initiation {
            epoch: request.epoch,
            idempotency_key: request.idempotency_key,
            request_id: Some(String::new()),
            renewals: None,
            statement: Some(terms.statement),
            statement_digest: Some(terms.statement_digest.clone()),
            purpose_digest: None,
        }),
        asked_terms: Some(AskedTerms { digests: vec![terms.digest()], more: None }),
        approval: (situation == Situation::Approved).then(|| Approval {
            time: Time(then),
            consent_status: Some("approved".to_owned()),
            request_epoch: 0,
            statement: terms.statement,
            statement_digest: Some(terms.statement_digest),
            purpose_digest: None,
            request_id: Some(String::new()),
        }),
        initiation_time: Some(Time(then)),
        audit: Some(AuditMark {
            object_uid: Some(String::new()),
            sequence: 1,
            digest: "sha256:".to_owned(),
            type_: if situation == Situation::Approved { EventType::Approved } else { EventType::Requested }.name(),
            time: Some(Time(then)),
        }),
        history: vec![HistoryEntry { observation_time: Time(then), consent_status: Some(word.to_owned()), request_epoch: 0 }],
        ..DigitalTwinConsentStatus::default()
    };
    render(&consent, &mut status, situation, None, then);
    DigitalTwinConsent { status: Some(status), ..consent }
}
