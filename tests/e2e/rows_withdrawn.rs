//! What takes two looks, minutes apart, to be believed: a withdrawn approval and a missing group.

use std::time::{Duration, Instant};

use heygen_simulator::GroupDefinition;
use serde_json::json;
use twinconsent::api::consent::DigitalTwinConsent;

use crate::recorded::record;
use crate::support::scene::{APPROVED, AWAITING, INITIATING, reading};
use crate::support::{Scene, eventually_within};

/// Both take minutes of real time, so they share them.
#[tokio::test(flavor = "multi_thread")]
pub async fn an_approval_is_withdrawn_and_a_group_missing_only_after_two_looks_far_apart() {
    let scene = Scene::start("twice").await;
    for name in ["withdrawn", "refused", "wavering", "deleted"] {
        scene.ask(name, json!({})).await;
        scene.until_told(name, AWAITING).await;
        scene.simulator.approve(name).unwrap();
        scene.until_told(name, APPROVED).await;
    }
    tokio::join!(withdrawn(&scene), refused_after_approval(&scene), wavering(&scene), never_there(&scene), deleted(&scene));
    let wavered: Vec<String> = scene.versions("wavering").iter().map(reading).filter(|told| told.contains("Revoked")).collect();
    assert!(wavered.is_empty(), "{wavered:?}");
    assert_eq!(scene.operator().counter("twinconsent_revocations_total", "").await, 2.0);
    scene.end().await;
}

async fn withdrawn(scene: &Scene) {
    let began = Instant::now();
    scene.simulator.set_consent_status("withdrawn", Some("pending")).unwrap();
    let told = until_slowly(scene, "withdrawn", "Ready=False:ConsentRevoked Initiated=True Approved=False Stalled").await;
    record(scene, "DigitalTwinConsent", "consent-revoked", &told);
    assert!(began.elapsed() >= Duration::from_secs(60), "after {:?}", began.elapsed());
    scene.until_events("withdrawn", &["ConsentRequested", "Approved", "ConsentRevoked"]).await;
    scene.left_alone(&["withdrawn"]).await;
    assert_eq!(scene.executed("withdrawn"), 1);
    scene.simulator.approve("withdrawn").unwrap();
    scene.until_told("withdrawn", APPROVED).await;
}

async fn refused_after_approval(scene: &Scene) {
    scene.simulator.reject("refused").unwrap();
    until_slowly(scene, "refused", "Ready=False:ConsentRevoked Initiated=True Approved=False Stalled").await;
    scene.left_alone(&["refused"]).await;
    scene.change("refused", json!({ "requestEpoch": 1 })).await;
    scene.until_told("refused", AWAITING).await;
    assert_eq!(scene.executed("refused"), 2);
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
    scene.until_told("never-there", INITIATING).await;
    let told = until_slowly(scene, "never-there", "Ready=False:AvatarGroupNotFound Initiated=False Approved=False Stalled").await;
    record(scene, "DigitalTwinConsent", "avatar-group-not-found", &told);
    assert!(began.elapsed() >= Duration::from_secs(120), "after {:?}", began.elapsed());
    scene.left_alone(&["never-there"]).await;
    scene.simulator.create_group(GroupDefinition::twin("never-there")).unwrap();
    scene.until_told("never-there", AWAITING).await;
    assert_eq!(scene.executed("never-there"), 1);
}

async fn deleted(scene: &Scene) {
    let began = Instant::now();
    scene.simulator.delete_group("deleted").unwrap();
    until_slowly(scene, "deleted", "Ready=False:AvatarGroupNotFound Initiated=True Approved=True Stalled").await;
    assert!(began.elapsed() >= Duration::from_secs(120), "after {:?}", began.elapsed());
    let back = GroupDefinition { consent_status: Some("approved".into()), ..GroupDefinition::twin("deleted") };
    scene.simulator.create_group(back).unwrap();
    scene.until_told("deleted", APPROVED).await;
}

async fn until_slowly(scene: &Scene, name: &str, expected: &str) -> DigitalTwinConsent {
    let api = scene.consents();
    eventually_within(Duration::from_secs(200), expected, || async {
        let consent = api.get(name).await.map_err(|error| error.to_string())?;
        let told = reading(&consent);
        if told == expected { Ok(consent) } else { Err(format!("{name}: {told}")) }
    })
    .await
}
