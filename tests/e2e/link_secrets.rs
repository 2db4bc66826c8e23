//! The link Secret after it was written: new links are patched into it, it comes back when it is gone, and it survives a backup.

use k8s_openapi::api::core::v1::{ResourceQuota, Secret};
use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;
use twinconsent_core::api::OWNER_UID_LABEL;
use twinconsent_core::api::consent::DigitalTwinConsent;

use crate::support::scene::{AWAITING, message};
use crate::support::{Scene, eventually};
use crate::writes::Refusal;

const NOT_WRITABLE: &str = "Ready=False:LinkSecretNotWritable Initiated=False Approved=False Stalled";

#[tokio::test(flavor = "multi_thread")]
async fn a_new_link_is_patched_into_its_secret_under_a_full_quota_and_what_others_have_added_survives() {
    let scene = Scene::start("patched").await;
    scene.ask("ada", json!({ "linkSecretRef": { "name": "ada-link" } })).await;
    scene.until_reading("ada", AWAITING).await;
    let added = json!({ "metadata": { "labels": { "team": "video" }, "annotations": { "note": "x" } }, "stringData": { "other": "y" } });
    scene.secrets(&scene.namespace).patch("ada-link", &PatchParams::default(), &Patch::Merge(added)).await.unwrap();
    let before = secret(&scene, "ada-link").await;

    let quota = full_quota(&scene).await;
    scene.change("ada", json!({ "requestEpoch": 1 })).await;
    scene.until_it("ada", "the second request", |consent| epoch(consent) == Some(1)).await;
    let after = secret(&scene, "ada-link").await;
    assert_eq!(text(&after, "url"), scene.simulator.group("ada").unwrap().links[1].url);
    assert_eq!((after.uid(), text(&after, "other")), (before.uid(), "y".to_owned()));
    assert_eq!((after.labels().get("team"), after.annotations().get("note")), (Some(&"video".to_owned()), Some(&"x".to_owned())));
    assert_eq!(after.annotations().get("twinconsent.io/request-epoch"), Some(&"1".to_owned()));

    // One that has to be created waits for room, with its link in hand.
    scene.ask("bob", json!({ "linkSecretRef": { "name": "bob-link" } })).await;
    let shown = scene.until_reading("bob", NOT_WRITABLE).await;
    assert!(message(&shown).contains("quota"), "{}", message(&shown));
    quota.delete("full", &DeleteParams::default()).await.unwrap();
    scene.until_reading("bob", AWAITING).await;
    assert_eq!(text(&secret(&scene, "bob-link").await, "url"), scene.simulator.group("bob").unwrap().links[0].url);
    assert_eq!((scene.posts("bob").len(), scene.posts("ada").len()), (1, 2));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_admits_no_new_secret_is_named_and_loses_no_link() {
    let scene = Scene::start("admitted").await;
    scene.ask("ada", json!({ "linkSecretRef": { "name": "ada-link" } })).await;
    scene.until_reading("ada", AWAITING).await;
    let refusal = Refusal::begin(&scene, "secrets", "CREATE").await;
    scene.change("ada", json!({ "requestEpoch": 1 })).await;
    scene.until_it("ada", "the second request", |consent| epoch(consent) == Some(1)).await;
    scene.ask("bob", json!({ "linkSecretRef": { "name": "bob-link" } })).await;
    let shown = scene.until_reading("bob", NOT_WRITABLE).await;
    assert!(message(&shown).contains("admission") && !message(&shown).contains("not here"), "{}", message(&shown));
    refusal.end().await;
    scene.until_reading("bob", AWAITING).await;
    assert_eq!((scene.posts("bob").len(), scene.posts("ada").len()), (1, 2));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_secret_that_is_deleted_comes_back_with_the_same_link_when_the_user_asks() {
    let scene = Scene::start("deleted").await;
    scene.ask("ada", json!({ "linkSecretRef": { "name": "ada-link" } })).await;
    let before = scene.until_reading("ada", AWAITING).await;
    let link = text(&secret(&scene, "ada-link").await, "url");
    scene.secrets(&scene.namespace).delete("ada-link", &DeleteParams::default()).await.unwrap();
    scene.force("ada", "again").await;
    let back = eventually("the Secret is back", || async {
        scene.secrets(&scene.namespace).get("ada-link").await.map_err(|error| error.to_string())
    })
    .await;
    assert_eq!(text(&back, "url"), link);
    scene.until_events("ada", &["ConsentRequested", "LinkRestored"]).await;
    let after = scene.consents().get("ada").await.unwrap().status.unwrap();
    let before = before.status.unwrap();
    assert_eq!((after.initiation, after.link_expiration_time), (before.initiation, before.link_expiration_time));
    assert_eq!((scene.executed("ada"), scene.posts("ada").len()), (1, 2));
    scene.left_alone(&["ada"]).await;
    scene.end().await;
}

/// A backup holds the object and its Secret; both come back, the object with another uid, and the Secret with the old owner.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_secret_that_was_restored_with_its_object_is_taken_over() {
    let scene = Scene::start("restored").await;
    let spec = json!({ "linkSecretRef": { "name": "ada-link" } });
    scene.ask("ada", spec.clone()).await;
    scene.until_reading("ada", AWAITING).await;
    let kept = secret(&scene, "ada-link").await;
    scene.delete("ada").await;
    let mut restored = kept.clone();
    (restored.metadata.uid, restored.metadata.resource_version, restored.metadata.managed_fields) = (None, None, None);
    let _ = scene.secrets(&scene.namespace).delete("ada-link", &DeleteParams::default()).await;
    scene.secrets(&scene.namespace).create(&PostParams::default(), &restored).await.unwrap();

    scene.ask_again("ada", spec).await;
    let awaiting = scene.until_reading("ada", AWAITING).await;
    let taken = secret(&scene, "ada-link").await;
    assert_eq!(taken.labels().get(OWNER_UID_LABEL), awaiting.metadata.uid.as_ref());
    let owners: Vec<_> = taken.owner_references().iter().map(|owner| Some(&owner.uid)).collect();
    assert_eq!(owners, [awaiting.metadata.uid.as_ref()], "the owner of before is replaced");
    assert_eq!((text(&taken, "url"), scene.executed("ada")), (text(&kept, "url"), 1));

    // The same Secret for another group belongs to another consent.
    scene.delete("ada").await;
    scene.ask("bob", json!({ "linkSecretRef": { "name": "ada-link" } })).await;
    scene.until_reading("bob", "Ready=False:LinkSecretConflict Initiated=False Approved=False Stalled").await;
    scene.end().await;
}

/// A quota that allows not one Secret more.
async fn full_quota(scene: &Scene) -> Api<ResourceQuota> {
    let quotas: Api<ResourceQuota> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let full = json!({ "count/secrets": "1" });
    let quota = json!({ "metadata": { "name": "full" }, "spec": { "hard": full } });
    quotas.create(&PostParams::default(), &serde_json::from_value(quota).unwrap()).await.unwrap();
    // What a controller would count.
    let status = Patch::Merge(json!({ "status": { "hard": full, "used": full } }));
    quotas.patch_status("full", &PatchParams::default(), &status).await.unwrap();
    eventually("the quota takes effect", || async {
        let secret = serde_json::from_value(json!({ "metadata": { "name": "probe" } })).unwrap();
        let dry_run = PostParams { dry_run: true, ..PostParams::default() };
        match scene.secrets(&scene.namespace).create(&dry_run, &secret).await {
            Ok(_) => Err("not yet"),
            Err(_) => Ok(()),
        }
    })
    .await;
    quotas
}

async fn secret(scene: &Scene, name: &str) -> Secret {
    scene.secrets(&scene.namespace).get(name).await.unwrap()
}

fn text(secret: &Secret, key: &str) -> String {
    String::from_utf8(secret.data.as_ref().unwrap()[key].0.clone()).unwrap()
}

fn epoch(consent: &DigitalTwinConsent) -> Option<i64> {
    consent.status.as_ref()?.initiation.as_ref().map(|initiation| initiation.epoch)
}
