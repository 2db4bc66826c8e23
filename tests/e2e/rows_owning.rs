//! One owner of a group, across namespaces.

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;
use twinconsent::api::consent::DigitalTwinConsent;

use crate::support::scene::{AWAITING, every_second, link, message, reading};
use crate::support::{Scene, World, eventually};

#[tokio::test(flavor = "multi_thread")]
pub async fn the_second_consent_for_a_group_waits_in_its_namespace_until_the_first_is_gone() {
    let world = World::without_account("owner").await;
    world.cluster_account(every_second()).await;
    let elsewhere = format!("{}-elsewhere", world.namespace);
    let namespaces: Api<Namespace> = Api::all(world.client.clone());
    let new = serde_json::from_value(json!({ "metadata": { "name": elsewhere } })).unwrap();
    namespaces.create(&PostParams::default(), &new).await.unwrap();
    let both = format!("--watch-namespaces={},{elsewhere}", world.namespace);
    let account = json!({ "kind": "ClusterHeyGenAccount", "name": world.namespace });
    let scene = Scene::of(world, &[&both]).await;

    scene.ask("ada", json!({ "accountRef": account })).await;
    let first = scene.until_told("ada", AWAITING).await;
    let others: Api<DigitalTwinConsent> = Api::namespaced(scene.client.clone(), &elsewhere);
    let second = json!({
        "apiVersion": "twinconsent.io/v1alpha1", "kind": "DigitalTwinConsent", "metadata": { "name": "lovelace" },
        "spec": { "groupID": "ada", "accountRef": account },
    });
    others.create(&PostParams::default(), &serde_json::from_value(second).unwrap()).await.unwrap();
    let duplicate = until(&others, "Ready=False:DuplicateAvatarGroup Initiated=False Approved=False Stalled").await;
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
    let heir = until(&others, AWAITING).await;
    assert_eq!(link(&heir), link(&first), "the same request replays the same link");
    let summary = scene.simulator.group_summary("ada");
    assert_eq!((summary.executed, summary.replayed), (1, 1));
    scene.end().await;
}

async fn until(api: &Api<DigitalTwinConsent>, expected: &str) -> DigitalTwinConsent {
    eventually(expected, || async {
        let consent = api.get("lovelace").await.map_err(|error| error.to_string())?;
        if reading(&consent) == expected { Ok(consent) } else { Err(reading(&consent)) }
    })
    .await
}
