//! Waiting for the person: how long, with which link, and what happens when it dies.

use std::time::Duration;

use heygen_simulator::{AccountPatch, BehaviourPatch, MAIN_ACCOUNT};
use jiff::SignedDuration;
use serde_json::json;
use twinconsent::process::clock;

use crate::recorded::record;
use crate::support::scene::{APPROVED, AWAITING, every_second, link, message};
use crate::support::{Scene, World};

#[tokio::test(flavor = "multi_thread")]
pub async fn a_person_is_awaited_and_a_pipeline_may_go_on_meanwhile() {
    let scene = Scene::start("awaiting").await;
    scene.ask("ada", json!({})).await;
    scene.ask("bob", json!({ "readyWhen": "Initiated" })).await;
    let ada = scene.until_reading("ada", AWAITING).await;
    let bob = scene.until_reading("bob", "Ready=True:AwaitingApproval Initiated=True Approved=False").await;
    record(&scene, "DigitalTwinConsent", "not-seen", &scene.versions("ada").await[0]);
    record(&scene, "DigitalTwinConsent", "awaiting-approval", &ada);
    record(&scene, "DigitalTwinConsent", "awaiting-approval-ready-when-initiated", &bob);
    assert_eq!(link(&ada), Some(scene.simulator.group("ada").unwrap().links[0].url.clone()));
    let status = ada.status.unwrap();
    let lifetime = status.link_expiration_time.unwrap().0.duration_since(status.initiation_time.unwrap().0);
    assert_eq!(lifetime, SignedDuration::from_hours(24));
    scene.left_alone(&["ada", "bob"]).await;
    assert_eq!((scene.executed("ada"), scene.executed("bob")), (1, 1));
    scene.change("bob", json!({ "readyWhen": "Approved" })).await;
    scene.until_reading("bob", AWAITING).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_link_that_has_died_is_told_and_not_renewed_unless_asked() {
    let mut account = every_second();
    account["linkLifetime"] = json!("2s");
    let scene = Scene::of(World::with_account("expired", account).await, &[]).await;
    scene.ask("ada", json!({})).await;
    scene.ask("bob", json!({ "readyWhen": "Initiated" })).await;
    let ada = scene.until_reading("ada", "Ready=False:LinkExpired Initiated=True Approved=False LinkExpired").await;
    let bob = scene.until_reading("bob", "Ready=True:LinkExpired Initiated=True Approved=False LinkExpired").await;
    record(&scene, "DigitalTwinConsent", "link-expired", &ada);
    record(&scene, "DigitalTwinConsent", "link-expired-ready-when-initiated", &bob);
    scene.left_alone(&["ada", "bob"]).await;
    assert_eq!((scene.posts("ada").len(), scene.posts("bob").len()), (1, 1));
    scene.simulator.approve("ada").unwrap();
    scene.until_reading("ada", APPROVED).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_deadline_that_has_passed_is_told_and_ends_nothing() {
    let mut account = every_second();
    account["linkLifetime"] = json!("4s");
    let scene = Scene::of(World::with_account("overdue", account).await, &[]).await;
    scene.ask("ada", json!({ "approvalDeadline": "2s" })).await;
    scene.ask("bob", json!({ "approvalDeadline": "2s", "readyWhen": "Initiated" })).await;
    let (ada, bob) = tokio::join!(
        scene.until_reading("ada", "Ready=False:ApprovalOverdue Initiated=True Approved=False Overdue"),
        scene.until_reading("bob", "Ready=True:ApprovalOverdue Initiated=True Approved=False Overdue"),
    );
    record(&scene, "DigitalTwinConsent", "approval-overdue", &ada);
    record(&scene, "DigitalTwinConsent", "approval-overdue-ready-when-initiated", &bob);
    scene.until_reading("ada", "Ready=False:LinkExpired Initiated=True Approved=False Overdue LinkExpired").await;
    scene.left_alone(&["ada"]).await;
    assert_eq!(scene.posts("ada").len(), 1);
    scene.until_events("ada", &["ConsentRequested", "ApprovalOverdue", "LinkExpired"]).await;
    scene.simulator.approve("ada").unwrap();
    scene.until_reading("ada", APPROVED).await;
    scene.end().await;
}

/// Lets a consent look as if its link had been asked for 25 hours ago.
async fn age(world: &World, name: &str) {
    let hours_ago = |hours| clock::now().checked_sub(SignedDuration::from_hours(hours)).unwrap().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    world.rewrite_status(name, json!({ "initiationTime": hours_ago(25), "linkExpirationTime": hours_ago(1) })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_link_is_renewed_with_the_same_key_once_heygen_has_forgotten_it() {
    let scene = Scene::start("renewed").await;
    scene.ask("ada", json!({ "linkRenewal": "Automatic", "pollInterval": "1s" })).await;
    scene.ask("late", json!({ "linkRenewal": "Automatic", "pollInterval": "1s", "approvalDeadline": "20h" })).await;
    scene.ask("manual", json!({ "pollInterval": "1s" })).await;
    let first = scene.until_reading("ada", AWAITING).await;
    scene.until_reading("late", AWAITING).await;
    scene.until_reading("manual", AWAITING).await;
    let scene = scene
        .restart(async |world| {
            age(world, "ada").await;
            age(world, "late").await;
            age(world, "manual").await;
            world.simulator.advance(Duration::from_hours(25));
        })
        .await;
    let is_new = |consent: &_| link(consent).is_some() && link(consent) != link(&first);
    let second = scene.until_it("ada", "another link", is_new).await;
    let initiation = second.status.unwrap().initiation.unwrap();
    assert_eq!(initiation.renewals, Some(1));
    assert_eq!(initiation.idempotency_key, first.status.unwrap().initiation.unwrap().idempotency_key);
    scene.until_reading("ada", AWAITING).await;
    scene.until_reading("late", "Ready=False:LinkExpired Initiated=True Approved=False Overdue LinkExpired").await;
    scene.until_reading("manual", "Ready=False:LinkExpired Initiated=True Approved=False LinkExpired").await;
    assert!(scene.simulator.group("manual").unwrap().links[0].expired, "HeyGen's link died as well");
    scene.left_alone(&["ada", "late", "manual"]).await;
    assert_eq!(scene.executed("ada"), 2);
    assert_eq!(scene.posts("manual").len(), 1, "it was renewed unasked");
    assert_eq!(scene.posts("late").len(), 1, "it was renewed after the deadline");
    scene.until_events("ada", &["ConsentRequested", "LinkExpired", "LinkRenewed"]).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_brings_the_same_link_is_not_repeated_for_an_hour() {
    let scene = Scene::start("replayed").await;
    scene.ask("ada", json!({ "linkRenewal": "Automatic", "pollInterval": "1s" })).await;
    let first = scene.until_reading("ada", AWAITING).await;
    let scene = scene.restart(async |world| age(world, "ada").await).await;
    scene.until_reading("ada", "Ready=False:LinkExpired Initiated=True Approved=False LinkExpired").await;
    scene.until_read("ada", scene.reads("ada") + 2).await;
    scene.left_alone(&["ada"]).await;
    let summary = scene.simulator.group_summary("ada");
    assert_eq!((summary.executed, summary.replayed), (1, 1));
    assert_eq!(link(&scene.consents().get("ada").await.unwrap()), link(&first));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_video_goes_straight_to_review_and_yields_no_link() {
    let scene = Scene::start("video").await;
    scene.simulator.patch_account(MAIN_ACCOUNT, AccountPatch { enterprise: Some(true), ..AccountPatch::default() }).unwrap();
    let review = Duration::from_hours(1);
    scene.simulator.change_behaviour(BehaviourPatch { review_time: Some(review), ..BehaviourPatch::default() }).unwrap();
    scene.ask("ada", json!({ "consentVideo": { "url": "https://example.com/ada.mp4" } })).await;
    scene.ask("bob", json!({ "consentVideo": { "assetID": "clip-1" } })).await;
    for name in ["ada", "bob"] {
        let awaiting = scene.until_reading(name, AWAITING).await;
        assert!(message(&awaiting).contains("review"), "{}", message(&awaiting));
        let status = awaiting.status.unwrap();
        assert!(status.url.is_none() && status.link_expiration_time.is_none());
    }
    scene.left_alone(&["ada", "bob"]).await;
    scene.simulator.advance(review);
    for name in ["ada", "bob"] {
        scene.until_reading(name, APPROVED).await;
        assert_eq!(scene.executed(name), 1);
    }
    scene.end().await;
}
