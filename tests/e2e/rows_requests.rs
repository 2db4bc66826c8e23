//! Requests that HeyGen refuses, that cannot be sent, and that have to wait for a permit.

use heygen_simulator::{AccountPatch, FaultAction, FaultRule, GroupDefinition, MAIN_ACCOUNT, PathKind};
use serde_json::json;

use crate::recorded::record;
use crate::support::scene::{APPROVED, AWAITING, BEGUN, INITIATING, NOT_ENTITLED, message, reading};
use crate::support::{Scene, World};

#[tokio::test(flavor = "multi_thread")]
pub async fn a_request_that_heygen_calls_invalid_names_the_field_and_heals_when_heygen_changes_its_mind() {
    let scene = Scene::start("invalid").await;
    let refusal = json!({ "error": { "code": "invalid_parameter", "message": "prose that must not be quoted", "param": "reroute_url" } });
    let fault = FaultRule::new(FaultAction::raw(400, "application/json", refusal.to_string())).on(PathKind::Consent);
    let fault = scene.simulator.add_fault(fault).unwrap();
    scene.ask("ada", json!({ "rerouteURL": "https://example.com/thanks" })).await;
    let shown = scene.until_reading("ada", "Ready=False:InvalidRequest Initiated=False Approved=False Stalled").await;
    record(&scene, "DigitalTwinConsent", "invalid-request", &shown);
    assert!(message(&shown).contains("`reroute_url`") && !message(&shown).contains("prose"), "{}", message(&shown));
    scene.left_alone(&["ada"]).await;
    assert_eq!(scene.executed("ada"), 0);
    scene.simulator.remove_fault(fault).unwrap();
    scene.until_reading("ada", AWAITING).await;
    assert_eq!(scene.executed("ada"), 1);
    assert_eq!(scene.simulator.group_summary("ada").keys.len(), 1, "no error answer changes the key");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_that_the_validation_rules_accept_and_no_browser_can_open_is_never_sent() {
    let scene = Scene::start("port").await;
    scene.ask("ada", json!({ "rerouteURL": "https://example.com:99999/thanks" })).await;
    let shown = scene.until_reading("ada", "Ready=False:InvalidRequest Initiated=False Approved=False Stalled").await;
    assert!(message(&shown).contains("spec.rerouteURL"), "{}", message(&shown));
    // It is polled all the same, for consent may be given without our asking.
    scene.until_read("ada", 4).await;
    assert_eq!(scene.posts("ada").len(), 0);
    scene.change("ada", json!({ "rerouteURL": "https://example.com/thanks", "requestEpoch": 1 })).await;
    scene.until_reading("ada", AWAITING).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn what_an_account_is_not_entitled_to_stops_one_object_and_no_neighbour() {
    let scene = Scene::start("entitled").await;
    scene.fails_to_read("foreign", FaultAction::error(403, "resource_access_denied", "not yours"));
    scene.ask("foreign", json!({})).await;
    scene.ask("clip", json!({ "consentVideo": { "assetID": "clip-1" } })).await;
    scene.ask("neighbour", json!({})).await;
    let foreign = scene.until_reading("foreign", NOT_ENTITLED).await;
    record(&scene, "DigitalTwinConsent", "not-entitled", &foreign);
    assert!(message(&foreign).contains("`resource_access_denied`"), "{}", message(&foreign));
    scene.until_reading("clip", NOT_ENTITLED).await;
    scene.until_reading("neighbour", AWAITING).await;
    scene.simulator.approve("neighbour").unwrap();
    scene.until_reading("neighbour", APPROVED).await;
    scene.left_alone(&["foreign", "clip"]).await;
    assert_eq!((scene.executed("foreign"), scene.executed("clip")), (0, 0));
    scene.until_account("CredentialsAccepted").await;

    scene.mend(&["foreign"]);
    scene.simulator.patch_account(MAIN_ACCOUNT, AccountPatch { enterprise: Some(true), ..AccountPatch::default() }).unwrap();
    scene.until_reading("foreign", AWAITING).await;
    scene.until_it("clip", "asked", |consent| reading(consent).contains("Initiated=True")).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_request_that_waits_for_a_permit_says_so_and_costs_one_write_more() {
    let account = json!({
        "rateLimit": { "requestsPerMinute": 20, "burst": 1 },
        "polling": { "interval": "1s", "minimum": "1s", "approved": "1s", "unknown": "1s" },
    });
    let scene = Scene::of(World::with_account("limited", account).await, &[]).await;
    scene.ask("ada", json!({})).await;
    record(&scene, "DigitalTwinConsent", "initiating", &scene.until_reading("ada", INITIATING).await);
    scene.until_reading("ada", AWAITING).await;
    scene.simulator.approve("ada").unwrap();
    scene.until_reading("ada", APPROVED).await;
    scene.left_alone(&["ada"]).await;
    let shown: Vec<String> = scene.versions("ada").await.iter().map(reading).collect();
    assert_eq!(shown.len(), 4, "created, Initiating, AwaitingApproval, Approved: {shown:?}");
    assert_eq!(scene.executed("ada"), 1);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_consent_that_was_begun_elsewhere_is_asked_for_once_also_by_the_next_process_and_seen_when_given() {
    let scene = Scene::start("begun").await;
    for name in ["ada", "bob"] {
        scene.simulator.create_group(GroupDefinition { begun_elsewhere: true, ..GroupDefinition::twin(name) }).unwrap();
        scene.ask_again(name, json!({})).await;
    }
    let shown = scene.until_reading("ada", BEGUN).await;
    record(&scene, "DigitalTwinConsent", "consent-already-begun", &shown);
    scene.until_reading("bob", BEGUN).await;
    scene.until_events("ada", &["ConsentAlreadyBegun"]).await;
    scene.left_alone(&["ada", "bob"]).await;
    let scene = scene.restart(async |_| ()).await;
    scene.force("ada", "now").await;
    scene
        .until_it("ada", "polled on demand", |consent| {
            consent.status.as_ref().and_then(|status| status.last_handled_reconcile_at.as_deref()) == Some("now")
        })
        .await;
    scene.left_alone(&["ada", "bob"]).await;
    assert_eq!(["ada", "bob"].map(|name| (scene.posts(name).len(), scene.executed(name))), [(1, 0), (1, 0)]);

    // One person finishes in HeyGen's own interface; the other group is deleted, and a new one made.
    scene.simulator.approve("ada").unwrap();
    scene.until_reading("ada", "Ready=True:Approved Initiated=False Approved=True").await;
    scene.simulator.delete_group("bob").unwrap();
    scene.delete("bob").await;
    scene.ask("bob-again", json!({})).await;
    scene.until_reading("bob-again", AWAITING).await;
    assert_eq!(["ada", "bob"].map(|name| scene.posts(name).len()), [1, 1]);
    scene.end().await;
}
