//! The cluster is restored from a backup while the operator runs on: what was written since has never been.

use std::time::{Duration, Instant};

use controlplane::{ControlPlane, Options};
use futures::StreamExt as _;
use heygen_simulator::GroupDefinition;
use serde_json::json;
use twinconsent_core::api::consent::DigitalTwinConsent;

use crate::replicas::pair;
use crate::support::scene::link;
use crate::support::{LONG, Operator, World, condition, eventually_within, prepared};

/// How many of each: those whose approval was written after the backup, those that were asked for anew after it, those created after it.
const FEW: usize = 15;

/// The same where the figure is measured: about a thousand in all.
const MANY: usize = 333;

/// How long it may take until a thousand are as HeyGen says; a busy machine is given five times as long.
const HEALED: Duration = Duration::from_secs(120);

/// How many requests of a test are under way at once.
const AT_ONCE: usize = 32;

/// How the versions go on after the restore.
#[derive(Clone, Copy, PartialEq)]
enum Versions {
    /// From the backup: a plain copy of etcd's folder.
    GivenOutAgain,
    /// Beyond all that were ever given out, and watches from before are refused (410): `etcdutl snapshot restore --bump-revision
    /// --mark-compacted`.
    Bumped,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_consents_of_a_restored_cluster_are_served_by_an_operator_that_runs_on() {
    let (world, operator) = (world("restored").await, async |world: &World| vec![world.operator(&[]).await]);
    restored(world, MANY, operator, Versions::GivenOutAgain).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_cluster_with_bumped_versions_is_served_by_an_operator_that_runs_on() {
    let (world, operator) = (world("bumped").await, async |world: &World| vec![world.operator(&[]).await]);
    restored(world, FEW, operator, Versions::Bumped).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_cluster_is_served_by_whichever_replica_leads_then() {
    let replicas = async |world: &World| {
        let (leader, standby) = pair(world).await;
        vec![leader, standby]
    };
    restored(world("replicas").await, FEW, replicas, Versions::GivenOutAgain).await;
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

async fn restored(world: World, each: usize, start: impl AsyncFn(&World) -> Vec<Operator>, versions: Versions) {
    let [lost, again, late] = ["lost", "again", "late"].map(|kind| (0..each).map(|number| format!("{kind}-{number}")).collect::<Vec<_>>());
    for name in lost.iter().chain(&again).chain(&late) {
        world.simulator.create_group(GroupDefinition::twin(name)).unwrap();
    }
    let first = world.operator(&[]).await;
    create(&world, lost.iter().chain(&again)).await;
    until_all(&world, lost.iter().chain(&again), "AwaitingApproval").await;
    first.terminate().await;
    world.plane.back_up().unwrap();

    let operators = start(&world).await;
    for name in &lost {
        world.simulator.approve(name).unwrap();
    }
    ask_again(&world, &again).await;
    create(&world, &late).await;
    until_all(&world, &lost, "Approved").await;
    until_all(&world, &late, "AwaitingApproval").await;
    eventually_within(LONG, "everybody was asked anew", || async {
        let asked = again.iter().filter(|name| world.simulator.group_summary(name).executed == 2).count();
        if asked == each { Ok(()) } else { Err(asked) }
    })
    .await;
    match versions {
        Versions::GivenOutAgain => world.plane.restore().unwrap(),
        Versions::Bumped => world.plane.restore_bumped().unwrap(),
    }
    let began = Instant::now();
    // The cluster's admin applies again what was lost.
    create(&world, &late).await;
    ask_again(&world, &again).await;
    let applied = began.elapsed();
    until_all(&world, &lost, "Approved").await;
    for name in again.iter().chain(&late) {
        let held = |consent: &DigitalTwinConsent| {
            let links = &world.simulator.group(name).unwrap().links;
            link(consent).is_some_and(|link| links.last().is_some_and(|last| last.url == link))
        };
        until_it(&world, name, "the link that HeyGen holds", held).await;
    }
    let healed = began.elapsed();
    println!("{}: of {} all is as HeyGen says {healed:.1?} after the restore, {applied:.1?} for applying", world.namespace, 3 * each);
    assert!(healed <= HEALED * 5, "{healed:?}");
    for (names, executed) in [(&lost, 1), (&again, 2), (&late, 1)] {
        for name in names {
            assert_eq!(world.simulator.group_summary(name).executed, executed, "{name}");
        }
    }
    let mut alive = Vec::new();
    for operator in operators {
        if operator.metrics().await.is_some() {
            alive.push(operator);
        }
    }
    assert!(!alive.is_empty(), "nobody is left");
    world.end(alive).await;
}

async fn create(world: &World, names: impl IntoIterator<Item = &String>) {
    let created = futures::stream::iter(names).map(|name| world.consent(name, json!({ "groupID": name })));
    created.buffer_unordered(AT_ONCE).for_each(async |_| {}).await;
}

async fn ask_again(world: &World, names: impl IntoIterator<Item = &String>) {
    let changed = futures::stream::iter(names).map(|name| world.change(name, json!({ "requestEpoch": 1 })));
    changed.buffer_unordered(AT_ONCE).for_each(async |_| {}).await;
}

/// One after the other: a wait for a thousand must not get all of them at every check.
async fn until_all(world: &World, names: impl IntoIterator<Item = &String>, reason: &str) {
    for name in names {
        until_it(world, name, reason, |consent| condition(consent, "Ready").is_some_and(|(_, was)| was == reason)).await;
    }
}

async fn until_it(world: &World, name: &str, what: &str, holds: impl Fn(&DigitalTwinConsent) -> bool) {
    // The first is waited for as long as all of them may take.
    eventually_within(HEALED * 5, &format!("{name}: {what}"), || async {
        let consent = world.consents().get(name).await.map_err(|error| error.to_string())?;
        if holds(&consent) { Ok(()) } else { Err(format!("{:?}", condition(&consent, "Ready"))) }
    })
    .await;
}
