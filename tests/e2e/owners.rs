//! The owner of a group is decided by one rank: a consent that can do nothing for a group keeps no other from it.

use heygen_simulator::GroupDefinition;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use twinconsent_core::api::consent::DigitalTwinConsent;

use crate::support::scene::{AWAITING, create, every_second, link, until_reading};
use crate::support::{Scene, World};

const DUPLICATE: &str = "Ready=False:DuplicateAvatarGroup Initiated=False Approved=False Stalled";
const NOT_ALLOWED: &str = "Ready=False:AccountNotAllowed Initiated=False Approved=False Reconciling";
const SUSPENDED: &str = "Ready=Unknown:Suspended Initiated=False Approved=False Suspended";

/// Two namespaces under one cluster account, which serves both, or the first alone.
struct Stage {
    scene: Scene,
    others: Api<DigitalTwinConsent>,
    elsewhere: String,
    spec: Value,
}

impl Stage {
    async fn start(name: &str, serves_both: bool) -> Self {
        let world = World::without_account(name).await;
        let (elsewhere, others) = world.namespace_beside("elsewhere").await;
        let spec = json!({ "groupID": "ada", "accountRef": { "kind": "ClusterHeyGenAccount", "name": world.namespace } });
        let both = format!("--watch-namespaces={},{elsewhere}", world.namespace);
        world.simulator.create_group(GroupDefinition::twin("ada")).unwrap();
        serve(&world, serves_both.then_some(elsewhere.as_str())).await;
        let scene = Scene::of(world, &[&both]).await;
        Self { scene, others, elsewhere, spec }
    }

    async fn until_here(&self, expected: &str) -> DigitalTwinConsent {
        until_reading(&self.scene.consents(), "ada", expected).await
    }

    async fn until_there(&self, expected: &str) -> DigitalTwinConsent {
        until_reading(&self.others, "there", expected).await
    }
}

async fn serve(world: &World, besides: Option<&str>) {
    let mut account = every_second();
    let names: Vec<&str> = [world.namespace.as_str()].into_iter().chain(besides).collect();
    account["allowedNamespaces"] = json!({ "names": names });
    world.cluster_account(account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_consent_of_a_namespace_that_is_refused_blocks_no_other_whether_it_has_asked_or_not() {
    let stage = Stage::start("refused", false).await;
    create(&stage.others, "there", &stage.spec).await;
    stage.until_there(NOT_ALLOWED).await;
    stage.scene.consent("ada", stage.spec.clone()).await;
    let first = stage.until_here(AWAITING).await;

    // A consent that has asked keeps the group, also from an older one that is served by now.
    serve(&stage.scene, Some(&stage.elsewhere)).await;
    stage.until_there(DUPLICATE).await;
    stage.scene.left_alone(&["ada"]).await;

    // They own it once the one that has asked is gone, and lose it again with the account.
    stage.scene.delete("ada").await;
    let second = stage.until_there(AWAITING).await;
    assert!(link(&second).is_some() && link(&second) != link(&first), "a link has crossed a namespace");
    stage.scene.consent("ada", stage.spec.clone()).await;
    stage.until_here(DUPLICATE).await;
    serve(&stage.scene, None).await;
    let third = stage.until_here(AWAITING).await;
    assert!(link(&third) == link(&first), "the same request replays the same link");
    let summary = stage.scene.simulator.group_summary("ada");
    assert_eq!((summary.executed, summary.replayed), (2, 1));
    stage.scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_consent_that_is_suspended_before_it_has_asked_blocks_no_other() {
    let stage = Stage::start("sleeping", true).await;
    let mut spec = stage.spec.clone();
    spec["suspend"] = json!(true);
    create(&stage.others, "there", &spec).await;
    stage.until_there(SUSPENDED).await;
    stage.scene.consent("ada", stage.spec.clone()).await;
    stage.until_here(AWAITING).await;
    let resume = Patch::Merge(json!({ "spec": { "suspend": false } }));
    stage.others.patch("there", &PatchParams::default(), &resume).await.unwrap();
    stage.until_there(DUPLICATE).await;
    // A consent that has asked keeps it while it is suspended.
    stage.scene.change("ada", json!({ "suspend": true })).await;
    stage.until_here(&format!("{AWAITING} Suspended")).await;
    stage.until_there(DUPLICATE).await;
    assert_eq!(stage.scene.posts("ada").len(), 1);
    stage.scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_a_foreign_finalizer_holds_while_it_is_deleted_blocks_no_other() {
    let stage = Stage::start("held", true).await;
    create(&stage.others, "there", &stage.spec).await;
    stage.until_there(AWAITING).await;
    stage.scene.consent("ada", stage.spec.clone()).await;
    stage.until_here(DUPLICATE).await;
    let finalizers = |held: Value| Patch::Merge(json!({ "metadata": { "finalizers": held } }));
    stage.others.patch("there", &PatchParams::default(), &finalizers(json!(["example.com/held"]))).await.unwrap();
    stage.others.delete("there", &DeleteParams::default()).await.unwrap();
    stage.until_here(AWAITING).await;
    stage.others.patch("there", &PatchParams::default(), &finalizers(json!(null))).await.unwrap();
    stage.scene.end().await;
}
