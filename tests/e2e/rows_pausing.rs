//! Suspension, before any poll and later.

use serde_json::json;

use crate::recorded::record;
use crate::support::Scene;
use crate::support::scene::{APPROVED, AWAITING};

#[tokio::test(flavor = "multi_thread")]
pub async fn a_consent_that_is_suspended_before_any_poll_asks_nothing_until_it_is_resumed() {
    let scene = Scene::start("suspended").await;
    scene.ask("ada", json!({ "suspend": true })).await;
    let shown = "Ready=Unknown:Suspended Initiated=False Approved=False Suspended";
    record(&scene, "DigitalTwinConsent", "suspended", &scene.until_reading("ada", shown).await);
    scene.ask("bob", json!({})).await;
    scene.until_read("bob", 4).await;
    assert_eq!((scene.reads("ada"), scene.posts("ada").len()), (0, 0));
    assert_eq!(scene.versions("ada").await.len(), 2, "created, told");
    scene.change("ada", json!({ "suspend": null })).await;
    scene.until_reading("ada", AWAITING).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_is_suspended_later_keeps_its_status_until_it_is_resumed() {
    let scene = Scene::start("suspended-later").await;
    scene.ask("ada", json!({})).await;
    scene.ask("bob", json!({})).await;
    let awaiting = AWAITING;
    scene.until_reading("ada", awaiting).await;
    scene.change("ada", json!({ "suspend": true })).await;
    let suspended = scene.until_reading("ada", &format!("{awaiting} Suspended")).await;
    record(&scene, "DigitalTwinConsent", "awaiting-approval-then-suspended", &suspended);
    let reads = scene.reads("ada");
    scene.simulator.approve("ada").unwrap();
    scene.until_read("bob", scene.reads("bob") + 4).await;
    let later = scene.consents().get("ada").await.unwrap();
    assert_eq!(later.metadata.resource_version, suspended.metadata.resource_version);
    assert!(scene.reads("ada") <= reads + 1, "one look may have been under way");
    scene.change("ada", json!({ "suspend": false })).await;
    scene.until_reading("ada", APPROVED).await;
    assert_eq!(scene.executed("ada"), 1);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_before_a_suspension_stands_through_it() {
    let scene = Scene::start("suspended-after").await;
    let refused = "Ready=False:ConsentRefused Initiated=True Approved=False Stalled";
    for (name, answer) in [("ada", APPROVED), ("bob", refused)] {
        scene.ask(name, json!({})).await;
        scene.until_reading(name, AWAITING).await;
        if answer == APPROVED {
            scene.simulator.approve(name).unwrap()
        } else {
            scene.simulator.reject(name).unwrap()
        };
        scene.until_reading(name, answer).await;
        scene.change(name, json!({ "suspend": true })).await;
    }
    record(&scene, "DigitalTwinConsent", "approved-then-suspended", &scene.until_reading("ada", &format!("{APPROVED} Suspended")).await);
    record(
        &scene,
        "DigitalTwinConsent",
        "consent-refused-then-suspended",
        &scene.until_reading("bob", &format!("{refused} Suspended")).await,
    );
    scene.end().await;
}
