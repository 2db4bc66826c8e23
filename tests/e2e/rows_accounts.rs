//! Consents whose account cannot be used: each says what was looked for and where, and heals without a restart.

use heygen_simulator::MAIN_ACCOUNT;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;
use twinconsent_core::api::account::ClusterHeyGenAccount;

use crate::recorded::record;
use crate::support::scene::{APPROVED, AWAITING, INITIATING, every_second, message, reading};
use crate::support::{Scene, World, eventually, eventually_within};

const NOT_READY: &str = "Ready=False:AccountNotReady Initiated=False Approved=False Reconciling";
const NOT_ALLOWED: &str = "Ready=False:AccountNotAllowed Initiated=False Approved=False Reconciling";

#[tokio::test(flavor = "multi_thread")]
pub async fn a_consent_names_the_account_and_the_account_the_secret_then_the_key_that_is_missing() {
    let scene = Scene::of(World::without_account("missing").await, &[]).await;
    let namespace = scene.namespace.clone();
    scene.ask("ada", json!({})).await;
    let says = |text: String| move |consent: &_| reading(consent) == NOT_READY && message(consent).contains(&text);
    let account = format!("HeyGenAccount \"{namespace}/{namespace}\"");
    let shown = scene.until_it("ada", "the account", says(format!("{account} does not exist"))).await;
    record(&scene, "DigitalTwinConsent", "account-not-ready", &shown);
    scene.account(every_second()).await;
    let secret = format!("Secret \"{namespace}/{namespace}\"");
    let shown = scene.until_it("ada", "the account's key", says(format!("{account} has no API key that the operator can read"))).await;
    assert!(!message(&shown).contains("Secret"), "whoever reads consents need not know where keys lie: {}", message(&shown));
    until_account_says(&scene, &format!("{secret} does not exist. Create it, with the API key under \"key\".")).await;
    let empty: Secret = serde_json::from_value(json!({ "metadata": { "name": namespace }, "stringData": { "other": "x" } })).unwrap();
    scene.secrets(&namespace).create(&PostParams::default(), &empty).await.unwrap();
    until_account_says(&scene, &format!("{secret} has no usable API key under \"key\". Put it there.")).await;
    assert_eq!(scene.simulator.summary().requests, 0);
    scene.secret(&namespace, &namespace, &scene.key).await;
    scene.until_reading("ada", AWAITING).await;
    assert_eq!(scene.executed("ada"), 1);
    scene.end().await;
}

async fn until_account_says(scene: &Scene, expected: &str) {
    eventually(expected, || async {
        let (_, message) = scene.until_other_account(&scene.namespace, "SecretNotFound").await;
        if message == expected { Ok(()) } else { Err(message) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kill_switch_of_an_account_stops_it_and_lets_it_go_on() {
    let scene = Scene::start("killed").await;
    scene.ask("before", json!({})).await;
    let before = scene.until_reading("before", AWAITING).await;
    let mut account = every_second();
    account["suspend"] = json!(true);
    scene.account(account).await;
    scene.until_account("Suspended").await;
    scene.ask("after", json!({})).await;
    let shown = scene.until_reading("after", NOT_READY).await;
    assert!(message(&shown).contains("while spec.suspend is true"), "{}", message(&shown));
    assert_eq!(scene.reads("after"), 0);
    let untouched = scene.consents().get("before").await.unwrap();
    assert_eq!(untouched.metadata.resource_version, before.metadata.resource_version, "an account's trouble is not its consents'");
    record(&scene, "DigitalTwinConsent", "awaiting-approval-then-account-suspended", &untouched);
    scene.account(every_second()).await;
    scene.until_reading("after", AWAITING).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_refused_before_the_request_is_told_and_a_rotation_heals_at_once() {
    let scene = Scene::start("rotated").await;
    scene.until_account("CredentialsAccepted").await;
    scene.ask("ada", json!({})).await;
    scene.until_reading("ada", AWAITING).await;
    let new_key = format!("{}_rotated", scene.key);
    scene.secret(&scene.namespace, &scene.namespace, &new_key).await;
    scene.simulator.set_key(MAIN_ACCOUNT, new_key).unwrap();
    scene.simulator.approve("ada").unwrap();
    let (_, took) = scene.time_until_it("ada", APPROVED, |consent| reading(consent) == APPROVED).await;
    assert!(took < std::time::Duration::from_secs(30), "it waited for the regular re-reading: {took:?}");
    // None at all, if the Secret was due to be read again just then.
    assert!(scene.simulator.summary().by_status.get(&401).is_none_or(|refusals| *refusals <= 3));
    assert_eq!(scene.versions("ada").await.len(), 3, "created, AwaitingApproval, Approved: the key changed the account alone");

    scene.simulator.set_key_refused(MAIN_ACCOUNT, true).unwrap();
    scene.ask("bob", json!({})).await;
    let shown = scene.until_reading("bob", NOT_READY).await;
    assert!(message(&shown).contains("refuses the API key"), "{}", message(&shown));
    scene.until_account("CredentialsRejected").await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_never_sent_in_the_clear_unless_that_is_allowed() {
    let world = World::without_account("insecure").await;
    let mut account = every_second();
    account["baseURL"] = json!(world.base_url);
    world.cluster_account(account.clone()).await;
    let reference = json!({ "kind": "ClusterHeyGenAccount", "name": world.namespace });
    let secure = ["--allow-insecure-base-url=false", "--heygen-base-url=https://127.0.0.1:9"];
    let scene = Scene::of(world, &secure).await;
    scene.ask("ada", json!({ "accountRef": reference })).await;
    let shown = scene.until_reading("ada", NOT_READY).await;
    assert!(message(&shown).contains("spec.baseURL is http"), "{}", message(&shown));
    let accounts: Api<ClusterHeyGenAccount> = Api::all(scene.client.clone());
    record(&scene, "ClusterHeyGenAccount", "insecure-base-url", &accounts.get(&scene.namespace).await.unwrap());
    assert_eq!(scene.simulator.summary().requests, 0);
    account["baseURL"] = json!(scene.base_url.replace("http://", "https://"));
    scene.cluster_account(account).await;
    // The simulator speaks no TLS: the account is usable and HeyGen cannot be reached.
    scene.until_reading("ada", INITIATING).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_account_that_only_consents_name_is_found_missed_once_it_is_gone_and_found_again() {
    let world = World::without_account("named").await;
    world.cluster_account(every_second()).await;
    // An account of the flag that does not exist stops no consent.
    let scene = Scene::of(world, &["--cluster-accounts=never-made"]).await;
    let account = json!({ "kind": "ClusterHeyGenAccount", "name": scene.namespace });
    scene.ask("ada", json!({ "accountRef": account })).await;
    scene.until_reading("ada", AWAITING).await;
    assert_eq!(scene.versions("ada").await.len(), 2, "created, AwaitingApproval: never that the account is missing");

    for name in ["never-made", "unheard-of"] {
        scene.ask(name, json!({ "accountRef": { "kind": "ClusterHeyGenAccount", "name": name } })).await;
        let shown = scene.until_reading(name, NOT_READY).await;
        assert!(message(&shown).contains(&format!("ClusterHeyGenAccount \"{name}\" does not exist")), "{}", message(&shown));
    }

    let accounts: Api<ClusterHeyGenAccount> = Api::all(scene.client.clone());
    accounts.delete(&scene.namespace, &DeleteParams::default()).await.unwrap();
    let missing = format!("ClusterHeyGenAccount \"{}\" does not exist", scene.namespace);
    // It is read every few seconds: a consent that comes before that is still served.
    let asked = std::sync::atomic::AtomicU32::new(0);
    let late = eventually("a consent misses the account that is gone", || async {
        let name = format!("late-{}", asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        scene.ask(&name, json!({ "accountRef": account })).await;
        let shown = scene.until_it(&name, "decided", |consent| [AWAITING, NOT_READY].contains(&reading(consent).as_str())).await;
        if reading(&shown) == NOT_READY && message(&shown).contains(&missing) { Ok(name) } else { Err(reading(&shown)) }
    })
    .await;
    scene.cluster_account(every_second()).await;
    scene.until_reading(&late, AWAITING).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn an_account_serves_the_namespaces_that_it_names_or_selects() {
    let world = World::without_account("allowed").await;
    let mut named = every_second();
    named["allowedNamespaces"] = json!({ "names": ["somewhere-else"] });
    world.cluster_account(named.clone()).await;
    let account = json!({ "kind": "ClusterHeyGenAccount", "name": world.namespace });
    let scene = Scene::of(world, &[]).await;
    scene.ask("ada", json!({ "accountRef": account })).await;
    let shown = scene.until_reading("ada", NOT_ALLOWED).await;
    record(&scene, "DigitalTwinConsent", "account-not-allowed", &shown);
    assert!(message(&shown).contains(&format!("does not serve namespace \"{}\"", scene.namespace)), "{}", message(&shown));
    assert!(!message(&shown).contains("somewhere-else"), "{}", message(&shown));
    assert_eq!(scene.reads("ada"), 0);
    named["allowedNamespaces"] = json!({ "names": ["somewhere-else", scene.namespace] });
    scene.cluster_account(named.clone()).await;
    scene.until_reading("ada", AWAITING).await;

    named["allowedNamespaces"] = json!({ "selector": { "matchLabels": { "twins": "yes" } } });
    scene.cluster_account(named).await;
    eventually("the operator leaves the account to others", || async {
        if scene.operator().log().matches("and is ignored").count() == 2 { Ok(()) } else { Err("not yet") }
    })
    .await;
    scene.ask("bob", json!({ "accountRef": account })).await;
    scene.until_reading("bob", NOT_ALLOWED).await;
    let namespaces: Api<Namespace> = Api::all(scene.client.clone());
    let labels = json!({ "metadata": { "labels": { "twins": "yes" } } });
    namespaces.patch(&scene.namespace, &PatchParams::default(), &Patch::Merge(labels)).await.unwrap();
    // Labels are believed for a minute.
    eventually_within(std::time::Duration::from_secs(120), "the label is noticed", || async {
        let bob = scene.consents().get("bob").await.unwrap();
        if reading(&bob) == AWAITING { Ok(()) } else { Err(reading(&bob)) }
    })
    .await;
    scene.end().await;
}
