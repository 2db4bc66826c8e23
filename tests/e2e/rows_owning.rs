//! One owner of a group, across namespaces.

use kube::api::DeleteParams;
use serde_json::json;

use crate::recorded::record;
use crate::support::scene::{AWAITING, create, every_second, link, message, until_reading};
use crate::support::{Scene, World};

#[tokio::test(flavor = "multi_thread")]
pub async fn the_second_consent_for_a_group_waits_in_its_namespace_until_the_first_is_gone() {
    let world = World::without_account("owner").await;
    world.cluster_account(every_second()).await;
    let (elsewhere, others) = world.namespace_beside("elsewhere").await;
    let both = format!("--watch-namespaces={},{elsewhere}", world.namespace);
    let account = json!({ "kind": "ClusterHeyGenAccount", "name": world.namespace });
    let scene = Scene::of(world, &[&both]).await;

    scene.ask("ada", json!({ "accountRef": account })).await;
    let first = scene.until_reading("ada", AWAITING).await;
    create(&others, "lovelace", &json!({ "groupID": "ada", "accountRef": account })).await;
    let duplicate = until_reading(&others, "lovelace", "Ready=False:DuplicateAvatarGroup Initiated=False Approved=False Stalled").await;
    record(&scene, "DigitalTwinConsent", "duplicate-avatar-group", &duplicate);
    let text = serde_json::to_string(&duplicate.status).unwrap();
    assert!(
        !text.contains(&format!("{}\"", scene.namespace)) && !text.contains(&format!("{}/", scene.namespace)),
        "{}",
        message(&duplicate)
    );
    scene.left_alone(&["ada"]).await;
    let later = others.get("lovelace").await.unwrap();
    assert_eq!(later.metadata.resource_version, duplicate.metadata.resource_version);
    assert_eq!(scene.posts("ada").len(), 1);

    scene.consents().delete("ada", &DeleteParams::default()).await.unwrap();
    let heir = until_reading(&others, "lovelace", AWAITING).await;
    // The consent that waits in another namespace has a link of its own in the end: the one that was made for the first is not replayed to it.
    assert!(link(&heir).is_some() && link(&heir) != link(&first), "a link has crossed a namespace");
    let summary = scene.simulator.group_summary("ada");
    assert_eq!((summary.executed, summary.replayed), (2, 0));
    scene.end().await;
}
