//! A status that cannot be written, or stands there in other words than ours.

use std::time::{Duration, Instant};

use controlplane::{ControlPlane, Options};
use heygen_simulator::{FaultAction, GroupDefinition};
use k8s_openapi::api::admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::support::scene::{APPROVED, AWAITING, every_second, link};
use crate::support::{Scene, World, eventually, prepared};

/// What HeyGen may say of a group, and Kubernetes would refuse or a terminal obey.
fn unfit() -> Vec<(&'static str, Value)> {
    vec![
        ("before-christ", json!({ "created_at": -100_000_000_000_i64 })),
        ("far-future", json!({ "created_at": 253_402_300_800_i64 })),
        // Six bytes a character as the API server spells it: more than etcd takes.
        ("endless-name", json!({ "name": "<".repeat(900_000) })),
        ("steering", json!({ "name": "\u{1b}]0;owned\u{7}\r\n\u{202e}", "status": "\u{9b}2J" })),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_kubernetes_cannot_hold_costs_neither_the_link_nor_a_second_request() {
    let scene = Scene::start("unfit").await;
    for (name, fields) in unfit() {
        let mut group = json!({ "id": name, "consent_status": "pending", "status": "completed" });
        group.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        scene.fails_to_read(name, FaultAction::raw(200, "application/json", json!({ "data": group }).to_string()));
        scene.ask(name, json!({})).await;
    }
    for (name, _) in unfit() {
        let awaiting = scene.until_reading(name, AWAITING).await;
        assert_eq!(link(&awaiting), Some(scene.simulator.group(name).unwrap().links[0].url.clone()), "{name}");
        scene.until_read(name, 4).await;
        assert_eq!(scene.posts(name).len(), 1, "{name}");
        let shown = awaiting.status.unwrap().group.unwrap();
        let texts = [shown.name, shown.status].into_iter().flatten().collect::<String>();
        assert!(!texts.contains(|character: char| character.is_control() || character == '\u{202e}'), "{name}: {texts:?}");
    }
    let names: Vec<&str> = unfit().iter().map(|(name, _)| *name).collect();
    scene.left_alone(&names).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_is_refused_is_tried_ever_more_seldom_and_told_and_costs_one_request() {
    let scene = Scene::start("refused").await;
    let refusal = Refusal::begin(&scene, "digitaltwinconsents/status", "UPDATE").await;
    let began = Instant::now();
    scene.ask("ada", json!({})).await;
    scene.until_events("ada", &["StatusNotWritten"]).await;
    let reported = began.elapsed();
    let (failed, posts) = (scene.operator().counter("twinconsent_status_writes", "failed").await, scene.posts("ada").len());
    println!("told after {reported:.1?}: {failed} writes failed, {posts} requests");
    assert_eq!(posts, 1);
    // 1 + 2 + 4 + 8 s, each up to a quarter shorter.
    assert!(reported >= Duration::from_secs(11) && failed <= 6.0, "{failed} writes within {reported:?}");
    assert_eq!(scene.operator().counter("twinconsent_unwritten_statuses", "").await, 1.0);

    refusal.end().await;
    // Once it is mended, the pause need not be waited for.
    scene.force("ada", "mended").await;
    let awaiting = scene.until_reading("ada", AWAITING).await;
    assert_eq!(link(&awaiting), Some(scene.simulator.group("ada").unwrap().links[0].url.clone()));
    assert_eq!(scene.posts("ada").len(), 1, "the answer was kept");
    scene.end().await;
}

/// How many consents are asked for when etcd is full.
const ASKED: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_etcd_costs_no_second_request_and_no_link() {
    // Never dropped: it ends with this process.
    let options = Options { etcd_quota: Some(40_000_000), ..Options::default() };
    let plane = prepared(Box::leak(Box::new(ControlPlane::start(options).unwrap())));
    let world = World::on(plane, "full").await;
    world.secret(&world.namespace, &world.namespace, &world.key).await;
    world.account(every_second()).await;
    let names: Vec<String> = (0..ASKED).map(|number| format!("group-{number}")).collect();
    for name in &names {
        world.simulator.create_group(GroupDefinition::twin(name)).unwrap();
        world.consent(name, json!({ "groupID": name })).await;
    }
    fill(&world).await;
    // Nothing that it needs to begin is written.
    let operator = world.operator(&[]).await;
    let began = Instant::now();
    let failed = async || operator.counter("twinconsent_status_writes", "failed").await;
    eventually("each status is tried four times", || async {
        let failed = failed().await;
        if failed >= 4.0 * ASKED as f64 { Ok(()) } else { Err(failed) }
    })
    .await;
    let posts = || -> usize {
        names.iter().map(|name| world.simulator.group_summary(name)).map(|asked| (asked.executed + asked.replayed) as usize).sum()
    };
    let (failed, before) = (failed().await, posts());
    println!("{failed} writes failed within {:.1?} under a full etcd; {before} requests for {ASKED} objects", began.elapsed());
    assert_eq!(before, ASKED);

    let maps: Api<ConfigMap> = Api::namespaced(world.client.clone(), &world.namespace);
    maps.delete_collection(&DeleteParams::default(), &ListParams::default().labels("filler")).await.unwrap();
    world.plane.make_room().unwrap();
    let began = Instant::now();
    for name in &names {
        let held = Some(world.simulator.group(name).unwrap().links[0].url.clone());
        world.until_it(name, "its link", |consent| link(consent) == held).await;
    }
    println!("{ASKED} links written {:.1?} after etcd had room again", began.elapsed());
    assert_eq!(posts(), ASKED);
    world.end([operator]).await;
}

/// Writes until etcd takes nothing more.
async fn fill(world: &World) {
    let maps: Api<ConfigMap> = Api::namespaced(world.client.clone(), &world.namespace);
    let metadata = json!({ "generateName": "filler-", "labels": { "filler": "" } });
    let map = serde_json::from_value(json!({ "metadata": metadata, "data": { "text": "x".repeat(900_000) } })).unwrap();
    // More than the quota holds.
    for _ in 0..100 {
        match maps.create(&PostParams::default(), &map).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.message.contains("database space exceeded") => return,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("etcd is larger than its quota");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_stands_there_in_other_words_is_written_all_the_same() {
    let world = World::start("spelled").await;
    let scene = Scene::of(world, &[]).await;
    scene.ask("ada", json!({})).await;
    scene.until_reading("ada", AWAITING).await;
    let scene = scene
        .restart(async |world| {
            // As a backup tool, or a hand, may write it: characters that Go escapes, and a time that we would spell otherwise.
            let history =
                json!([{ "observationTime": "2026-01-01T02:00:00.000+02:00", "consentStatus": "a<b>&c\u{2028}", "requestEpoch": 0 }]);
            world.rewrite_status("ada", json!({ "history": history, "group": { "name": "<&>" } })).await;
        })
        .await;
    scene.simulator.approve("ada").unwrap();
    scene.until_reading("ada", APPROVED).await;
    assert!(scene.consents().get("ada").await.unwrap().status.unwrap().history.len() >= 2);
    scene.end().await;
}

/// An admission policy that refuses something in the world's namespace.
pub struct Refusal {
    client: kube::Client,
    name: String,
}

impl Refusal {
    /// Refuses this operation on this resource from now on.
    pub async fn begin(world: &World, resource: &str, operation: &str) -> Self {
        let (client, name) = (world.client.clone(), world.namespace.clone());
        let group = if resource.starts_with("secrets") { "" } else { "twinconsent.io" };
        let policy = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": { "name": name },
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {
                    "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": name } },
                    "resourceRules": [{ "apiGroups": [group], "apiVersions": ["*"], "resources": [resource], "operations": [operation] }],
                },
                "validations": [{ "expression": "false", "message": "not here" }],
            },
        });
        let binding = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": { "name": name },
            "spec": { "policyName": name, "validationActions": ["Deny"] },
        });
        apply::<ValidatingAdmissionPolicy>(&client, &name, &policy).await;
        apply::<ValidatingAdmissionPolicyBinding>(&client, &name, &binding).await;
        let refusal = Self { client, name };
        // A policy takes effect some time after it was created.
        if group.is_empty() {
            eventually("the policy takes effect", || async {
                let secret = serde_json::from_value(json!({ "metadata": { "name": "probe" } })).unwrap();
                let dry_run = PostParams { dry_run: true, ..PostParams::default() };
                match world.secrets(&world.namespace).create(&dry_run, &secret).await {
                    Ok(_) => Err("not yet"),
                    Err(_) => Ok(()),
                }
            })
            .await;
            return refusal;
        }
        world.consent("probe", json!({ "groupID": "probe", "suspend": true })).await;
        eventually("the policy takes effect", || async {
            let status = Patch::Merge(json!({ "status": { "consentStatus": "probe" } }));
            match world.consents().patch_status("probe", &PatchParams { dry_run: true, ..PatchParams::default() }, &status).await {
                Ok(_) => Err("not yet"),
                Err(_) => Ok(()),
            }
        })
        .await;
        world.delete("probe").await;
        refusal
    }

    /// Refuses nothing any more.
    pub async fn end(self) {
        let api: Api<ValidatingAdmissionPolicyBinding> = Api::all(self.client.clone());
        api.delete(&self.name, &DeleteParams::default()).await.unwrap();
        let api: Api<ValidatingAdmissionPolicy> = Api::all(self.client);
        api.delete(&self.name, &DeleteParams::default()).await.unwrap();
    }
}

async fn apply<K>(client: &kube::Client, name: &str, object: &Value)
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let api: Api<K> = Api::all(client.clone());
    let applied = api.patch(name, &PatchParams::apply("test").force(), &Patch::Apply(object)).await.unwrap();
    assert_eq!(applied.name_any(), name);
}
