//! One group of another HeyGen account among two hundred.

use serde_json::json;
use twinconsent_core::api::account::HeyGenAccount;

use crate::fleet::{assert_one_link_each, create, generous_account, groups, until_all};
use crate::support::bystander::{OTHER, other_groups};
use crate::support::scene::{INITIATING, NOT_ENTITLED, reading};
use crate::support::{LONG, Scene, World};

#[tokio::test(flavor = "multi_thread")]
async fn one_foreign_group_among_two_hundred_consents_stops_no_other() {
    let scene = Scene::of(World::with_account("foreign", generous_account()).await, &[]).await;
    scene.separate_account(OTHER, json!({})).await;
    scene.until_account("CredentialsAccepted").await;
    let account = scene.accounts().get(&scene.namespace).await.unwrap();
    let own = groups(&scene, "own-", 199);
    let foreign = other_groups(&scene, "foreign-", 1);
    create(&scene, &[&own[..100], &foreign, &own[100..]].concat()).await;
    until_all(&scene, own.len(), "AwaitingApproval", LONG).await;
    scene.until_reading(&foreign[0], NOT_ENTITLED).await;
    assert_one_link_each(&scene, &own).await;
    assert_eq!((scene.executed(&foreign[0]), scene.posts(&foreign[0]).len()), (0, 0));

    // A refusal that is taken for the key's is over in a moment, because the next probe is accepted: so the whole past is asked.
    for name in own.iter().chain(&foreign) {
        for shown in scene.versions(name).await.iter().map(reading) {
            assert!(!shown.contains("AccountNotReady"), "{name} was told {shown}");
        }
    }
    let shown: Vec<String> = scene.versions(&foreign[0]).await.iter().map(reading).collect();
    assert!(shown.iter().all(|shown| ["", INITIATING, NOT_ENTITLED].contains(&shown.as_str())), "{shown:?}");
    let after = scene.accounts().get(&scene.namespace).await.unwrap();
    let conditions = |account: &HeyGenAccount| account.status.clone().unwrap_or_default().conditions;
    assert_eq!(conditions(&after), conditions(&account), "the account was told of it");
    scene.until_events(&scene.namespace, &["CredentialsAccepted"]).await;
    scene.end().await;
}
