//! The link in a Secret of the user's choice.

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use twinconsent_core::api::OWNER_UID_LABEL;

use crate::recorded::record;
use crate::support::scene::{APPROVED, AWAITING, link, message};
use crate::support::{OPERATOR_NAMESPACE, Scene, World, plane};

const NOT_WRITABLE: &str = "Ready=False:LinkSecretNotWritable Initiated=False Approved=False Stalled";

#[tokio::test(flavor = "multi_thread")]
async fn a_link_goes_into_the_secret_that_was_asked_for_and_nowhere_else() {
    let scene = Scene::start("secret").await;
    scene.ask("ada", json!({ "linkSecretRef": { "name": "ada-link" } })).await;
    let awaiting = scene.until_reading("ada", AWAITING).await;
    assert_eq!(link(&awaiting), None);
    assert!(message(&awaiting).contains("Secret"), "{}", message(&awaiting));
    let secret = scene.secrets(&scene.namespace).get("ada-link").await.unwrap();
    assert_eq!(url_in(&secret), scene.simulator.group("ada").unwrap().links[0].url);
    assert_eq!(secret.labels().get(OWNER_UID_LABEL), awaiting.metadata.uid.as_ref());
    let owner = &secret.owner_references()[0];
    assert_eq!((owner.kind.as_str(), owner.name.as_str(), Some(&owner.uid)), ("DigitalTwinConsent", "ada", awaiting.metadata.uid.as_ref()));
    assert!(scene.versions("ada").await.iter().all(|version| link(version).is_none()));
    scene.left_alone(&["ada"]).await;

    scene.change("ada", json!({ "requestEpoch": 1 })).await;
    let is_second = |consent: &twinconsent_core::api::consent::DigitalTwinConsent| {
        consent.status.as_ref().and_then(|status| status.initiation.as_ref()).is_some_and(|initiation| initiation.epoch == 1)
    };
    scene.until_it("ada", "the second request", is_second).await;
    let secret = scene.secrets(&scene.namespace).get("ada-link").await.unwrap();
    assert_eq!(url_in(&secret), scene.simulator.group("ada").unwrap().links[1].url);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_secret_of_another_owner_is_never_touched_and_the_person_not_asked_until_it_is_gone() {
    let scene = Scene::start("conflict").await;
    scene.secret(&scene.namespace, "ada-link", "the user's own").await;
    let before = scene.secrets(&scene.namespace).get("ada-link").await.unwrap();
    scene.ask("ada", json!({ "linkSecretRef": { "name": "ada-link" } })).await;
    let shown = scene.until_reading("ada", "Ready=False:LinkSecretConflict Initiated=False Approved=False Stalled").await;
    record(&scene, "DigitalTwinConsent", "link-secret-conflict", &shown);
    scene.left_alone(&["ada"]).await;
    assert!(scene.posts("ada").is_empty());
    let after = scene.secrets(&scene.namespace).get("ada-link").await.unwrap();
    assert_eq!(after.resource_version(), before.resource_version());

    scene.secrets(&scene.namespace).delete("ada-link", &DeleteParams::default()).await.unwrap();
    scene.until_reading("ada", AWAITING).await;
    let secret = scene.secrets(&scene.namespace).get("ada-link").await.unwrap();
    assert_eq!(url_in(&secret), scene.simulator.group("ada").unwrap().links[0].url);
    assert_eq!(scene.executed("ada"), 1);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_cannot_be_read_keeps_the_person_from_being_asked() {
    let scene = with_rights_to_secrets("unreadable", &[]).await;
    scene.ask("ada", json!({ "linkSecretRef": { "name": "ada-link" } })).await;
    scene.until_reading("ada", NOT_WRITABLE).await;
    assert!(scene.posts("ada").is_empty());
    allow_secrets(&scene, &["get", "create", "patch"]).await;
    scene.until_reading("ada", AWAITING).await;
    assert_eq!(scene.executed("ada"), 1);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_link_in_hand_reaches_its_secret_once_that_can_be_written() {
    let scene = with_rights_to_secrets("unwritable", &["get"]).await;
    scene.ask("ada", json!({ "linkSecretRef": { "name": "ada-link" } })).await;
    record(&scene, "DigitalTwinConsent", "link-secret-not-writable", &scene.until_reading("ada", NOT_WRITABLE).await);
    assert_eq!(scene.posts("ada").len(), 1);
    allow_secrets(&scene, &["get", "create", "patch"]).await;
    scene.until_reading("ada", AWAITING).await;
    let secret = scene.secrets(&scene.namespace).get("ada-link").await.unwrap();
    assert_eq!(url_in(&secret), scene.simulator.group("ada").unwrap().links[0].url);
    assert_eq!(scene.posts("ada").len(), 1, "the answer was kept");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_read_is_used_as_long_as_its_secret_may_not_be_read() {
    let scene = with_rights_to_secrets("key", &[]).await;
    let namespace = scene.namespace.clone();
    scene.ask("ada", json!({})).await;
    scene.until_reading("ada", AWAITING).await;
    allow(&scene, &namespace, json!([])).await;
    // An account that changes is read at once, Secret and all.
    scene.account(json!({ "polling": { "interval": "1s", "minimum": "1s", "approved": "2s" } })).await;
    let (ready, message) = scene.until_other_account(&namespace, "SecretForbidden").await;
    assert_eq!(ready, "False");
    assert!(message.contains(&format!("Secret \"{namespace}/{namespace}\", which holds the API key under \"key\",")), "{message}");
    scene.simulator.approve("ada").unwrap();
    scene.until_reading("ada", APPROVED).await;
    scene.ask("bob", json!({})).await;
    scene.until_reading("bob", AWAITING).await;

    allow(&scene, &namespace, key_rules(&namespace)).await;
    scene.until_other_account(&namespace, "CredentialsAccepted").await;
    scene.end().await;
}

fn url_in(secret: &Secret) -> String {
    String::from_utf8(secret.data.as_ref().unwrap()["url"].0.clone()).unwrap()
}

/// An operator that may do with the namespace's Secrets only this, besides reading its account's key.
async fn with_rights_to_secrets(name: &str, verbs: &[&str]) -> Scene {
    let world = World::start(name).await;
    let namespace = &world.namespace;
    let subject = json!([{ "kind": "ServiceAccount", "name": namespace, "namespace": OPERATOR_NAMESPACE }]);
    let role = |kind: &str| json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": namespace });
    let rules = json!([
        { "apiGroups": ["twinconsent.io"], "resources": ["*"], "verbs": ["*"] },
        { "apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create"] },
    ]);
    apply(&json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": namespace, "namespace": OPERATOR_NAMESPACE } }));
    apply(&json!({ "apiVersion": RBAC, "kind": "ClusterRole", "metadata": { "name": namespace }, "rules": rules }));
    apply(
        &json!({ "apiVersion": RBAC, "kind": "ClusterRoleBinding", "metadata": { "name": namespace }, "roleRef": role("ClusterRole"), "subjects": subject }),
    );
    let meta = json!({ "name": namespace, "namespace": namespace });
    apply(&json!({ "apiVersion": RBAC, "kind": "Role", "metadata": meta, "rules": key_rules(namespace) }));
    apply(&json!({ "apiVersion": RBAC, "kind": "RoleBinding", "metadata": meta, "roleRef": role("Role"), "subjects": subject }));
    let links = json!({ "name": "links", "namespace": namespace });
    let link_rules = if verbs.is_empty() { json!([]) } else { link_rules(verbs) };
    apply(&json!({ "apiVersion": RBAC, "kind": "Role", "metadata": links, "rules": link_rules }));
    let links_role = json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "links" });
    apply(&json!({ "apiVersion": RBAC, "kind": "RoleBinding", "metadata": links, "roleRef": links_role, "subjects": subject }));
    let kubeconfig = plane().service_account_kubeconfig(OPERATOR_NAMESPACE, namespace).unwrap().display().to_string();
    Scene::logged_in_with(world, &kubeconfig).await
}

const RBAC: &str = "rbac.authorization.k8s.io/v1";

async fn allow_secrets(scene: &Scene, verbs: &[&str]) {
    allow(scene, "links", link_rules(verbs)).await;
}

async fn allow(scene: &Scene, role: &str, rules: Value) {
    let roles: kube::Api<k8s_openapi::api::rbac::v1::Role> = kube::Api::namespaced(scene.client.clone(), &scene.namespace);
    roles.patch(role, &PatchParams::default(), &Patch::Merge(json!({ "rules": rules }))).await.unwrap();
}

fn key_rules(secret: &str) -> Value {
    json!([{ "apiGroups": [""], "resources": ["secrets"], "resourceNames": [secret], "verbs": ["get"] }])
}

fn link_rules(verbs: &[&str]) -> Value {
    json!([{ "apiGroups": [""], "resources": ["secrets"], "verbs": verbs }])
}

fn apply(manifest: &Value) {
    plane().apply(&manifest.to_string()).unwrap();
}
