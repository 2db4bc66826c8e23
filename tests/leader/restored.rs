//! The cluster is restored from a backup while the operator runs on: what was written since has never been.

use std::process::Command;
use std::time::Instant;

use controlplane::{ControlPlane, Options};
use heygen_simulator::GroupDefinition;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt as _;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use twinconsent::api::consent::DigitalTwinConsent;

use crate::replicas::pair;
use crate::support::scene::link;
use crate::support::{LONG, Operator, World, condition, eventually_within, prepared};

/// How many of each: whose approval was written after the backup, who was asked for anew after it, who was created after it.
const EACH: usize = 15;

/// How the versions go on after the restore.
#[derive(Clone, Copy, PartialEq)]
enum Versions {
    /// From the backup: a plain copy of etcd's folder.
    GivenOutAgain,
    /// Beyond all that were ever given out, and watches from before are refused (410), as `etcdutl snapshot restore --bump-revision
    /// --mark-compacted` does it.
    Bumped,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_cluster_is_served_by_an_operator_that_runs_on() {
    let (world, operator) = (world("restored").await, async |world: &World| vec![world.operator(&[]).await]);
    restored(world, operator, Versions::GivenOutAgain).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_cluster_with_bumped_versions_is_served_by_an_operator_that_runs_on() {
    let (world, operator) = (world("bumped").await, async |world: &World| vec![world.operator(&[]).await]);
    restored(world, operator, Versions::Bumped).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_cluster_is_served_by_whichever_replica_leads_then() {
    let replicas = async |world: &World| {
        let (leader, standby) = pair(world).await;
        vec![leader, standby]
    };
    restored(world("replicas").await, replicas, Versions::GivenOutAgain).await;
}

async fn world(name: &str) -> World {
    let plane = ControlPlane::start(Options::default()).unwrap();
    let world = World::on(prepared(Box::leak(Box::new(plane))), name).await;
    world.secret(&world.namespace, &world.namespace, &world.key).await;
    let account = json!({
        "rateLimit": { "requestsPerMinute": 60000, "burst": 1000 },
        "polling": { "interval": "1s", "minimum": "1s", "approved": "1s", "unknown": "1s" },
    });
    world.account(account).await;
    world
}

async fn restored(world: World, start: impl AsyncFn(&World) -> Vec<Operator>, versions: Versions) {
    let [lost, again, late] = ["lost", "again", "late"].map(|kind| (0..EACH).map(|number| format!("{kind}-{number}")).collect::<Vec<_>>());
    for name in lost.iter().chain(&again).chain(&late) {
        world.simulator.create_group(GroupDefinition::twin(name)).unwrap();
    }
    let first = world.operator(&[]).await;
    for name in lost.iter().chain(&again) {
        world.consent(name, json!({ "groupID": name })).await;
    }
    until_all(&world, lost.iter().chain(&again), "AwaitingApproval").await;
    first.terminate().await;
    world.plane.back_up().unwrap();

    let operators = start(&world).await;
    for name in &lost {
        world.simulator.approve(name).unwrap();
    }
    for name in &again {
        world.change(name, json!({ "requestEpoch": 1 })).await;
    }
    for name in &late {
        world.consent(name, json!({ "groupID": name })).await;
    }
    until_all(&world, &lost, "Approved").await;
    until_all(&world, &late, "AwaitingApproval").await;
    eventually_within(LONG, "everybody was asked anew", || async {
        let asked = again.iter().filter(|name| world.simulator.group_summary(name).executed == 2).count();
        if asked == EACH { Ok(()) } else { Err(asked) }
    })
    .await;
    if versions == Versions::Bumped {
        operators.iter().for_each(|operator| signal(operator, "STOP"));
    }
    world.plane.restore().unwrap();
    if versions == Versions::Bumped {
        bump(&world).await;
        operators.iter().for_each(|operator| signal(operator, "CONT"));
    }
    let began = Instant::now();
    // Whoever looks after the cluster applies again what was lost.
    for name in &late {
        world.consent(name, json!({ "groupID": name })).await;
    }
    for name in &again {
        world.change(name, json!({ "requestEpoch": 1 })).await;
    }
    until_all(&world, &lost, "Approved").await;
    for name in again.iter().chain(&late) {
        let epochs = if again.contains(name) { 2 } else { 1 };
        let held = |consent: &DigitalTwinConsent| {
            let links = &world.simulator.group(name).unwrap().links;
            link(consent).is_some_and(|link| links.last().is_some_and(|last| last.url == link))
        };
        world.until_it(name, "the link that HeyGen holds", held).await;
        assert_eq!(world.simulator.group_summary(name).executed, epochs, "{name}");
    }
    for name in &lost {
        assert_eq!(world.simulator.group_summary(name).executed, 1, "{name}");
    }
    println!("{}: all is as HeyGen says {:?} after the restore", world.namespace, began.elapsed());
    let mut alive = Vec::new();
    for operator in operators {
        if operator.metrics().await.is_some() {
            alive.push(operator);
        }
    }
    assert!(!alive.is_empty(), "nobody is left");
    world.end(alive).await;
}

/// Gives out more versions than were ever given out, and lets the API server forget them.
async fn bump(world: &World) {
    let maps: Api<ConfigMap> = Api::namespaced(world.client.clone(), &world.namespace);
    let patch = |number: usize| {
        Patch::Apply(
            json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "bump" }, "data": { "n": number.to_string() } }),
        )
    };
    let mut first = None;
    for number in 0.. {
        let written = maps.patch("bump", &PatchParams::apply("test").force(), &patch(number)).await.unwrap();
        let version: u64 = written.resource_version().unwrap().parse().unwrap();
        // No test has written so much since its backup.
        if version > *first.get_or_insert(version) + 1000 {
            break;
        }
    }
    world.plane.stop_api_server();
    world.plane.start_api_server().unwrap();
}

async fn until_all<'a>(world: &World, names: impl IntoIterator<Item = &'a String>, reason: &str) {
    let names: Vec<&String> = names.into_iter().collect();
    eventually_within(LONG, reason, || async {
        let consents = world.consents().list(&Default::default()).await.map_err(|error| error.to_string())?;
        let are = consents.iter().filter(|consent| names.contains(&&consent.name_any()));
        let told = are.filter(|consent| condition(consent, "Ready").is_some_and(|(_, was)| was == reason)).count();
        if told == names.len() { Ok(()) } else { Err(format!("{told} of {} are {reason}", names.len())) }
    })
    .await;
}

fn signal(operator: &Operator, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &operator.pid().to_string()]).status().unwrap();
    assert!(sent.success());
}
