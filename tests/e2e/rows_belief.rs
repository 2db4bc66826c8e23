//! What a status says of consent is believed only as far as HeyGen has said so: to this object, under the policy as it is, not too long ago.

use heygen_simulator::{FaultAction, GroupDefinition};
use serde_json::{Value, json};
use twinconsent_core::api::consent::DigitalTwinConsent;

use crate::recorded::record;
use crate::support::scene::{APPROVED, AWAITING, create, every_second, link, message, until_reading};
use crate::support::{Scene, World};

/// A status as a backup tool writes it, without what belongs to the object that it was taken from.
fn saved(consent: &DigitalTwinConsent) -> Value {
    json!(consent.status)
}

/// An account that polls every second, and calls a consent verified for so long.
fn stale_after(time: &str) -> Value {
    let mut account = every_second();
    account["polling"]["staleAfter"] = json!(time);
    account
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_restored_status_permits_nothing_until_heygen_was_read() {
    let scene = Scene::start("restored").await;
    for name in ["given", "taken", "unread"] {
        scene.ask(name, json!({ "readyWhen": "Initiated" })).await;
        scene.until_reading(name, "Ready=True:AwaitingApproval Initiated=True Approved=False").await;
        scene.simulator.approve(name).unwrap();
        scene.until_reading(name, APPROVED).await;
    }
    let links = scene.links(&["given", "taken"]).await;
    let scene = scene
        .restart(async |world| {
            for name in ["given", "taken", "unread"] {
                let old = world.consents().get(name).await.unwrap();
                world.delete(name).await;
                world.consent(name, json!({ "groupID": name, "readyWhen": "Initiated" })).await;
                world.rewrite_status(name, saved(&old)).await;
            }
            world.simulator.set_consent_status("taken", Some("pending")).unwrap();
            world.fails_to_read("unread", FaultAction::server_error(503));
        })
        .await;
    // HeyGen cannot be read about one of them.
    let shown = scene.until_reading("unread", "Ready=Unknown:Restored Initiated=True Approved=Unknown Reconciling").await;
    record(&scene, "DigitalTwinConsent", "restored", &shown);
    assert!(link(&shown).is_some(), "a link stays");
    scene.until_reading("given", APPROVED).await;
    scene.until_reading("taken", "Ready=True:AwaitingApproval Initiated=True Approved=False").await;
    assert_eq!(scene.links(&["given", "taken"]).await, links);
    scene.until_read("unread", scene.reads("unread") + 2).await;
    scene.until_reading("unread", "Ready=Unknown:Restored Initiated=True Approved=Unknown Reconciling").await;
    scene.mend(&["unread"]);
    let healed = scene.until_reading("unread", APPROVED).await;
    assert_eq!(healed.status.unwrap().object_uid, healed.metadata.uid);
    assert_eq!(["given", "taken", "unread"].map(|name| scene.executed(name)), [1, 1, 1]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_that_was_forged_in_the_status_holds_until_the_next_poll() {
    let scene = Scene::start("forged").await;
    scene.ask("ada", json!({})).await;
    let honest = scene.until_reading("ada", AWAITING).await;
    let mut conditions = json!(honest.status.as_ref().unwrap().conditions);
    for condition in conditions.as_array_mut().unwrap() {
        if condition["type"] == "Ready" || condition["type"] == "Approved" {
            condition["status"] = json!("True");
            condition["reason"] = json!("Approved");
        }
    }
    scene
        .rewrite_status("ada", json!({ "conditions": conditions, "approval": { "time": "2026-01-01T00:00:00Z", "requestEpoch": 0 } }))
        .await;
    let forged = scene.versions("ada").await.len();
    scene.until_reading("ada", AWAITING).await;
    scene.left_alone(&["ada"]).await;
    let shown = scene.versions("ada").await[forged..].iter().filter(|consent| crate::support::scene::reading(consent) == APPROVED).count();
    assert!(shown <= 1, "{shown} versions say that consent was given");
    assert_eq!((link(&scene.consents().get("ada").await.unwrap()), scene.posts("ada").len()), (link(&honest), 1));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_policy_reaches_every_consent_of_the_account_and_asks_nobody() {
    let world = World::without_account("policy").await;
    let mut account = every_second();
    // What was approved is read again once in six hours: the policy must not wait for that.
    account["polling"]["approved"] = json!("6h");
    world.cluster_account(account.clone()).await;
    let reference = json!({ "kind": "ClusterHeyGenAccount", "name": world.namespace });
    let scene = Scene::of(world, &[]).await;
    for name in ["asked", "found"] {
        scene.ask(name, json!({ "accountRef": reference, "suspend": name == "found" })).await;
    }
    scene.until_reading("asked", AWAITING).await;
    for name in ["asked", "found"] {
        scene.simulator.approve(name).unwrap();
    }
    scene.change("found", json!({ "suspend": null })).await;
    let found = APPROVED.replace("Initiated=True", "Initiated=False");
    scene.until_reading("asked", APPROVED).await;
    scene.until_reading("found", &found).await;

    account["consentPolicy"] = json!({ "granted": ["accepted"] });
    scene.cluster_account(account.clone()).await;
    scene.until_reading("asked", "Ready=Unknown:UnrecognizedConsentStatus Initiated=True Approved=Unknown").await;
    scene.until_reading("found", "Ready=Unknown:UnrecognizedConsentStatus Initiated=False Approved=Unknown").await;
    account["consentPolicy"] = json!({ "granted": ["accepted"], "refused": ["approved"] });
    scene.cluster_account(account.clone()).await;
    scene.until_reading("asked", "Ready=False:ConsentRefused Initiated=True Approved=False Stalled").await;
    account.as_object_mut().unwrap().remove("consentPolicy");
    scene.cluster_account(account).await;
    scene.until_reading("asked", APPROVED).await;
    scene.until_reading("found", &found).await;
    assert_eq!((scene.posts("asked").len(), scene.posts("found").len()), (1, 0));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn what_is_not_verified_for_too_long_is_told_whatever_stopped_it_and_heals_by_itself() {
    let world = World::without_account("unverified").await;
    world.secret(&world.namespace, &world.namespace, &world.key).await;
    world.account(stale_after("5s")).await;
    let mut shared = stale_after("5s");
    let (elsewhere, others) = world.namespace_beside("elsewhere").await;
    shared["allowedNamespaces"] = json!({ "names": [world.namespace, elsewhere] });
    world.cluster_account(shared.clone()).await;
    let both = format!("--watch-namespaces={},{elsewhere}", world.namespace);
    let reference = json!({ "kind": "ClusterHeyGenAccount", "name": world.namespace });
    let scene = Scene::of(world, &[&both]).await;
    for name in ["unread", "suspended", "verified"] {
        scene.ask(name, json!({})).await;
        scene.until_reading(name, AWAITING).await;
        scene.simulator.approve(name).unwrap();
        scene.until_reading(name, APPROVED).await;
    }
    let given = GroupDefinition { consent_status: Some("approved".into()), ..GroupDefinition::twin("fenced") };
    scene.simulator.create_group(given).unwrap();
    create(&others, "fenced", &json!({ "groupID": "fenced", "accountRef": reference })).await;
    until_reading(&others, "fenced", "Ready=True:Approved Initiated=False Approved=True").await;

    // From now on HeyGen says otherwise, and the operator does not learn of it.
    for name in ["unread", "suspended", "fenced"] {
        scene.simulator.reject(name).unwrap();
    }
    scene.fails_to_read("unread", FaultAction::server_error(503));
    scene.change("suspended", json!({ "suspend": true })).await;
    shared["allowedNamespaces"] = json!({ "names": [scene.namespace] });
    scene.cluster_account(shared.clone()).await;
    let shown = scene.until_reading("unread", "Ready=Unknown:Unverified Initiated=True Approved=True").await;
    record(&scene, "DigitalTwinConsent", "unverified", &shown);
    assert!(message(&shown).contains("for too long"), "{}", message(&shown));
    scene.until_reading("suspended", "Ready=Unknown:Unverified Initiated=True Approved=True Suspended").await;
    until_reading(&others, "fenced", "Ready=Unknown:Unverified Initiated=False Approved=True").await;
    scene.left_alone(&["verified"]).await;
    assert_eq!(scene.versions("verified").await.len(), 3, "created, asked, approved: whoever is verified is not touched");

    for name in ["unread", "suspended", "fenced"] {
        scene.simulator.approve(name).unwrap();
    }
    scene.mend(&["unread"]);
    scene.change("suspended", json!({ "suspend": null })).await;
    shared["allowedNamespaces"] = json!({ "names": [scene.namespace, elsewhere] });
    scene.cluster_account(shared).await;
    scene.until_reading("unread", APPROVED).await;
    scene.until_reading("suspended", APPROVED).await;
    until_reading(&others, "fenced", "Ready=True:Approved Initiated=False Approved=True").await;
    scene.end().await;
}
