//! Asking again: by annotation, by epoch, by deletion; and how much all of it writes.

use serde_json::json;

use crate::support::scene::{APPROVED, AWAITING, link, reading};
use crate::support::{Scene, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_is_forced_by_annotation_and_echoed_also_when_nothing_has_changed() {
    let slow = json!({
        "rateLimit": { "requestsPerMinute": 60000, "burst": 1000 },
        "polling": { "interval": "1h", "minimum": "1s", "approved": "10h", "unknown": "10h" },
    });
    let scene = Scene::of(World::with_account("forced", slow).await, &[]).await;
    for name in ["waiting", "stalled", "approved"] {
        scene.ask(name, json!({})).await;
        scene.until_reading(name, AWAITING).await;
    }
    let forced = async |name: &str, value: &str, expected: &str| {
        let reads = scene.reads(name);
        scene.force(name, value).await;
        let is_echoed = |consent: &twinconsent_core::api::consent::DigitalTwinConsent| {
            let status = consent.status.as_ref().unwrap();
            status.last_handled_reconcile_at.as_deref() == Some(value) && reading(consent) == expected
        };
        scene.until_it(name, "the annotation is echoed", is_echoed).await;
        assert_eq!(scene.reads(name), reads + 1, "{name}: one look for one wish");
    };
    forced("waiting", "1", AWAITING).await;
    scene.simulator.reject("stalled").unwrap();
    forced("stalled", "1", "Ready=False:ConsentRefused Initiated=True Approved=False Stalled").await;
    forced("stalled", "2", "Ready=False:ConsentRefused Initiated=True Approved=False Stalled").await;
    scene.simulator.approve("approved").unwrap();
    forced("approved", "1", APPROVED).await;
    forced("approved", "2", APPROVED).await;
    assert_eq!(["waiting", "stalled", "approved"].map(|name| scene.posts(name).len()), [1, 1, 1]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_higher_epoch_asks_anew_and_replaces_the_link() {
    let scene = Scene::start("epoch").await;
    scene.ask("ada", json!({})).await;
    let first = link(&scene.until_reading("ada", AWAITING).await);
    scene.change("ada", json!({ "requestEpoch": 1, "rerouteURL": "https://example.com/thanks" })).await;
    let second = link(&scene.until_reading("ada", AWAITING).await);
    assert!(second.is_some() && second != first);
    assert_eq!(scene.executed("ada"), 2);
    scene.left_alone(&["ada"]).await;
    scene.until_events("ada", &["ConsentRequested", "ConsentRequested"]).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_deleted_and_created_again_gets_the_same_link() {
    let scene = Scene::start("re-created").await;
    scene.ask("ada", json!({ "rerouteURL": "https://example.com/thanks" })).await;
    let first = link(&scene.until_reading("ada", AWAITING).await);
    scene.delete("ada").await;
    assert!(scene.consents().get_opt("ada").await.unwrap().is_none(), "the deletion waits");
    scene.ask_again("ada", json!({ "rerouteURL": "https://example.com/thanks" })).await;
    let second = link(&scene.until_reading("ada", AWAITING).await);
    assert_eq!(second, first);
    let summary = scene.simulator.group_summary("ada");
    assert_eq!((summary.executed, summary.replayed), (1, 1));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_creation_to_approval_there_are_two_writes_and_two_events() {
    let scene = Scene::start("quiet").await;
    // The account's first probe, which the first consent would wait for.
    scene.until_account("CredentialsAccepted").await;
    scene.ask("ada", json!({})).await;
    scene.until_reading("ada", AWAITING).await;
    scene.left_alone(&["ada"]).await;
    scene.simulator.approve("ada").unwrap();
    scene.until_reading("ada", APPROVED).await;
    scene.left_alone(&["ada"]).await;
    let shown: Vec<String> = scene.versions("ada").await.iter().map(reading).collect();
    assert_eq!(shown, ["", AWAITING, APPROVED]);
    let consents = "kind=\"DigitalTwinConsent\"";
    assert_eq!(scene.operator().counter("twinconsent_status_writes_total", consents).await, 2.0);
    scene.until_events("ada", &["ConsentRequested", "Approved"]).await;
    scene.end().await;
}
