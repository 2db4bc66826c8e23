//! What the spec and the time say of a consent: a withdrawal, the end of its time, other terms, and a group that is only followed.

use serde_json::json;
use twinconsent::process::clock;

use crate::recorded::record;
use crate::support::Scene;
use crate::support::scene::{APPROVED, AWAITING};

const WITHDRAWN: &str = "Ready=False:ConsentWithdrawn Initiated=True Approved=True Stalled";

#[tokio::test(flavor = "multi_thread")]
pub async fn a_withdrawal_ends_what_was_permitted_and_nobody_is_asked_any_more() {
    let scene = Scene::start("told-us").await;
    scene.ask("ada", json!({})).await;
    scene.until_reading("ada", AWAITING).await;
    scene.simulator.approve("ada").unwrap();
    scene.until_reading("ada", APPROVED).await;
    scene.change("ada", json!({ "withdrawal": { "time": "2026-11-01T10:00:00Z", "reference": "ticket-4711" } })).await;
    let shown = scene.until_reading("ada", WITHDRAWN).await;
    record(&scene, "DigitalTwinConsent", "consent-withdrawn", &shown);
    assert_eq!(shown.status.unwrap().approval.unwrap().consent_status.as_deref(), Some("approved"), "what was is not erased");
    // One that was never asked for stays so, and another object of the group has to wait for it.
    scene.ask("bob", json!({ "withdrawal": { "time": "2026-11-01T10:00:00Z" } })).await;
    scene.until_reading("bob", "Ready=False:ConsentWithdrawn Initiated=False Approved=False Stalled").await;
    scene.consent("bob-again", json!({ "groupID": "bob" })).await;
    scene.until_reading("bob-again", "Ready=False:DuplicateAvatarGroup Initiated=False Approved=False Stalled").await;
    scene.left_alone(&["ada", "bob"]).await;
    assert_eq!((scene.executed("ada"), scene.posts("bob").len()), (1, 0));
    scene.until_events("ada", &["ConsentRequested", "Approved", "ConsentWithdrawn"]).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_consent_lapses_at_its_time_and_counts_again_when_that_is_moved() {
    let scene = Scene::start("lapsing").await;
    let soon = clock::now() + jiff::SignedDuration::from_secs(12);
    let soon = soon.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    scene.ask("ada", json!({ "validUntil": soon })).await;
    scene.until_reading("ada", AWAITING).await;
    scene.simulator.approve("ada").unwrap();
    scene.until_reading("ada", APPROVED).await;
    let lapsed = scene.until_reading("ada", "Ready=False:ConsentLapsed Initiated=True Approved=True Stalled").await;
    record(&scene, "DigitalTwinConsent", "consent-lapsed", &lapsed);
    scene.change("ada", json!({ "validUntil": "2199-12-31T23:59:59Z" })).await;
    let shown = scene.until_reading("ada", APPROVED).await;
    assert_eq!(shown.status.unwrap().valid_until.as_deref(), Some("2199-12-31T23:59:59Z"));
    // With nothing approved nobody is asked.
    scene.ask("bob", json!({ "validUntil": "2026-01-01T00:00:00Z" })).await;
    scene.until_reading("bob", "Ready=False:ConsentLapsed Initiated=False Approved=False Stalled").await;
    scene.left_alone(&["ada", "bob"]).await;
    assert_eq!((scene.executed("ada"), scene.posts("bob").len()), (1, 0));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn an_approval_is_none_for_terms_that_the_person_was_never_asked_for() {
    let scene = Scene::start("other-terms").await;
    scene.ask("ada", json!({})).await;
    scene.until_reading("ada", AWAITING).await;
    scene.simulator.approve("ada").unwrap();
    scene.until_reading("ada", APPROVED).await;
    // A purpose that is declared later changes nothing of what was asked.
    scene.change("ada", json!({ "purpose": "A film for the fair in May" })).await;
    scene
        .until_it("ada", "its purpose is observed", |consent| {
            consent.status.as_ref().is_some_and(|status| status.observed_generation == consent.metadata.generation)
        })
        .await;
    scene.until_reading("ada", APPROVED).await;
    scene.change("ada", json!({ "consentText": "My twin may speak for the company.", "requestEpoch": 1 })).await;
    let changed = scene.until_reading("ada", "Ready=False:TermsChanged Initiated=False Approved=True Stalled").await;
    record(&scene, "DigitalTwinConsent", "terms-changed", &changed);
    scene.left_alone(&["ada"]).await;
    scene.change("ada", json!({ "consentText": null, "requestEpoch": 2 })).await;
    scene.until_reading("ada", "Ready=True:Approved Initiated=False Approved=True").await;
    assert_eq!(scene.executed("ada"), 1, "HeyGen asks nobody twice");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_consent_that_only_follows_never_asks_and_sees_what_others_asked_for() {
    let scene = Scene::start("following").await;
    for name in ["ada", "bob"] {
        scene.ask(name, json!({ "initiate": "Never" })).await;
    }
    let follows = "Ready=False:InitiationDisabled Initiated=False Approved=False";
    let shown = scene.until_reading("ada", follows).await;
    record(&scene, "DigitalTwinConsent", "initiation-disabled", &shown);
    scene.until_reading("bob", follows).await;
    scene.simulator.set_consent_status("ada", Some("approved")).unwrap();
    let approved = scene.until_reading("ada", "Ready=True:Approved Initiated=False Approved=True").await;
    let approval = approved.status.unwrap().approval.unwrap();
    assert_eq!(json!(approval.statement), "Unknown", "what others have asked is not known");
    scene.left_alone(&["ada", "bob"]).await;
    assert_eq!((scene.posts("ada").len(), scene.posts("bob").len()), (0, 0));
    scene.change("bob", json!({ "initiate": "Automatic" })).await;
    scene.until_reading("bob", AWAITING).await;
    assert_eq!(scene.executed("bob"), 1);
    scene.end().await;
}
