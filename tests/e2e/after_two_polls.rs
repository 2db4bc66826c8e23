//! What takes two polls, minutes apart, to be believed: a withdrawn approval and a missing group.
//!
//! This takes longer than nearly all others, so it begins first: tests begin in the order of their names.

use std::time::{Duration, Instant};

use heygen_simulator::{FaultAction, GroupDefinition};
use serde_json::json;
use twinconsent_core::api::consent::DigitalTwinConsent;

use crate::recorded::record;
use crate::support::scene::{APPROVED, AWAITING, INITIATING, reading};
use crate::support::{Scene, eventually_within};

/// Both take minutes of real time, so they share them.
#[tokio::test(flavor = "multi_thread")]
pub async fn an_approval_is_withdrawn_and_a_group_missing_only_after_two_polls_far_apart() {
    let scene = Scene::start("twice").await;
    for name in ["withdrawn", "refused", "revoked", "frozen", "wavering", "deleted"] {
        scene.ask(name, json!({})).await;
        scene.until_reading(name, AWAITING).await;
        scene.simulator.approve(name).unwrap();
        scene.until_reading(name, APPROVED).await;
    }
    tokio::join!(
        withdrawn(&scene),
        refused_after_approval(&scene),
        revoked_in_words(&scene),
        an_unknown_word(&scene),
        wavering(&scene),
        never_there(&scene),
        no_id_of_a_group(&scene),
        deleted(&scene)
    );
    let wavered: Vec<String> = scene.versions("wavering").await.iter().map(reading).filter(|shown| shown.contains("Revoked")).collect();
    assert!(wavered.is_empty(), "{wavered:?}");
    assert_eq!(scene.operator().counter("twinconsent_revocations_total", "").await, 3.0);
    assert_eq!(scene.operator().counter("twinconsent_unrecognized_after_grant_total", "").await, 1.0);
    scene.end().await;
}

async fn withdrawn(scene: &Scene) {
    let began = Instant::now();
    scene.simulator.set_consent_status("withdrawn", Some("pending")).unwrap();
    let shown = until_slowly(scene, "withdrawn", "Ready=False:ConsentRevoked Initiated=True Approved=False Stalled").await;
    record(scene, "DigitalTwinConsent", "consent-revoked", &shown);
    assert!(began.elapsed() >= Duration::from_secs(60), "after {:?}", began.elapsed());
    scene.until_events("withdrawn", &["ConsentRequested", "Approved", "ConsentRevoked"]).await;
    scene.left_alone(&["withdrawn"]).await;
    assert_eq!(scene.executed("withdrawn"), 1);
    scene.simulator.approve("withdrawn").unwrap();
    scene.until_reading("withdrawn", APPROVED).await;
}

async fn refused_after_approval(scene: &Scene) {
    scene.simulator.reject("refused").unwrap();
    until_slowly(scene, "refused", "Ready=False:ConsentRevoked Initiated=True Approved=False Stalled").await;
    scene.left_alone(&["refused"]).await;
    scene.change("refused", json!({ "requestEpoch": 1 })).await;
    scene.until_reading("refused", AWAITING).await;
    assert_eq!(scene.executed("refused"), 2);
}

async fn revoked_in_words(scene: &Scene) {
    scene.simulator.set_consent_status("revoked", Some("Revoked")).unwrap();
    until_slowly(scene, "revoked", "Ready=False:ConsentRevoked Initiated=True Approved=False Stalled").await;
    assert_eq!(scene.executed("revoked"), 1);
}

/// Neither makes nor breaks an approval; but it is not known any more whether the twin may be used.
async fn an_unknown_word(scene: &Scene) {
    let approval = scene.consents().get("frozen").await.unwrap().status.unwrap().approval;
    let began = Instant::now();
    scene.simulator.set_consent_status("frozen", Some("frozen")).unwrap();
    let shown = until_slowly(scene, "frozen", "Ready=Unknown:UnrecognizedConsentStatus Initiated=True Approved=True").await;
    assert!(began.elapsed() >= Duration::from_secs(60), "after {:?}", began.elapsed());
    let status = shown.status.unwrap();
    assert_eq!((status.consent_status.as_deref(), status.approval), (Some("frozen"), approval));
    scene.until_events("frozen", &["ConsentRequested", "Approved", "UnrecognizedConsentStatus"]).await;
    scene.left_alone(&["frozen"]).await;
    scene.simulator.approve("frozen").unwrap();
    scene.until_reading("frozen", APPROVED).await;
    assert_eq!(scene.executed("frozen"), 1);
}

/// HeyGen can also say with a 400 that there is no such group.
async fn no_id_of_a_group(scene: &Scene) {
    let body = r#"{"error": {"code": "invalid_parameter", "message": "no", "param": "group_id"}}"#;
    scene.fails_to_read("no-id", FaultAction::raw(400, "application/json", body));
    let began = Instant::now();
    scene.ask_again("no-id", json!({})).await;
    scene.until_reading("no-id", INITIATING).await;
    until_slowly(scene, "no-id", "Ready=False:AvatarGroupNotFound Initiated=False Approved=False Stalled").await;
    assert!(began.elapsed() >= Duration::from_secs(120), "after {:?}", began.elapsed());
    let log = scene.operator().log();
    let lines = log.lines().filter(|line| line.contains("no-id") && line.contains("HeyGen refuses to tell about the group")).count();
    assert_eq!(lines, 1, "one line says so");
}

async fn wavering(scene: &Scene) {
    scene.simulator.set_consent_status("wavering", Some("pending")).unwrap();
    scene.until_read("wavering", scene.reads("wavering") + 1).await;
    scene.simulator.approve("wavering").unwrap();
    let confirmed = scene.reads("wavering") + 3;
    eventually_within(Duration::from_secs(120), "the look that was to confirm", || async {
        if scene.reads("wavering") >= confirmed { Ok(()) } else { Err(scene.reads("wavering")) }
    })
    .await;
}

async fn never_there(scene: &Scene) {
    let began = Instant::now();
    scene.ask_again("never-there", json!({})).await;
    scene.until_reading("never-there", INITIATING).await;
    let shown = until_slowly(scene, "never-there", "Ready=False:AvatarGroupNotFound Initiated=False Approved=False Stalled").await;
    record(scene, "DigitalTwinConsent", "avatar-group-not-found", &shown);
    assert!(began.elapsed() >= Duration::from_secs(120), "after {:?}", began.elapsed());
    scene.left_alone(&["never-there"]).await;
    scene.simulator.create_group(GroupDefinition::twin("never-there")).unwrap();
    scene.until_reading("never-there", AWAITING).await;
    assert_eq!(scene.executed("never-there"), 1);
}

async fn deleted(scene: &Scene) {
    let began = Instant::now();
    scene.simulator.delete_group("deleted").unwrap();
    until_slowly(scene, "deleted", "Ready=False:AvatarGroupNotFound Initiated=True Approved=True Stalled").await;
    assert!(began.elapsed() >= Duration::from_secs(120), "after {:?}", began.elapsed());
    let back = GroupDefinition { consent_status: Some("approved".into()), ..GroupDefinition::twin("deleted") };
    scene.simulator.create_group(back).unwrap();
    scene.until_reading("deleted", APPROVED).await;
}

async fn until_slowly(scene: &Scene, name: &str, expected: &str) -> DigitalTwinConsent {
    let api = scene.consents();
    eventually_within(Duration::from_secs(200), expected, || async {
        let consent = api.get(name).await.map_err(|error| error.to_string())?;
        let shown = reading(&consent);
        if shown == expected { Ok(consent) } else { Err(format!("{name}: {shown}")) }
    })
    .await
}
