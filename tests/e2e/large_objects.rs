//! Very large objects, as large as the API server takes them, and many: they do not take the operator's memory.

use std::time::Instant;

use controlplane::{ControlPlane, Options};
use futures::{StreamExt as _, stream};
use heygen_simulator::BulkGroups;
use kube::api::{Api, ApiResource, DynamicObject, PostParams};
use serde_json::{Map, Value, json};
use twinconsent::api::REQUESTED_AT;
use twinconsent::api::consent::DigitalTwinConsent;

use crate::support::scene::every_second;
use crate::support::{LONG, World, eventually_within, prepared};

/// The most resident memory, in MB: the chart's limit is 256 Mi.
const MOST: u64 = 200;

/// How many have an annotation as long as it may be, and how many have a megabyte of labels, which costs as much again in
/// `managedFields`: a page of all of them has more than 100 MB.
const ANNOTATED: usize = 30;
const LABELLED: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn long_annotations_and_many_labels_take_no_memory_where_lists_are_streamed() {
    large_objects("large-streamed", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_annotations_and_many_labels_take_no_memory_where_lists_come_by_pages() {
    large_objects("large-paged", Some("WatchList=false".to_owned())).await;
}

async fn large_objects(name: &str, feature_gates: Option<String>) {
    let plane = ControlPlane::start(Options { feature_gates, ..Options::default() }).unwrap();
    let world = World::on(prepared(Box::leak(Box::new(plane))), name).await;
    world.secret(&world.namespace, &world.namespace, &world.key).await;
    world.account(every_second()).await;
    // An annotation may have 256 KiB less what the others take; an object 1.5 MiB.
    let annotated: Vec<Value> =
        (0..ANNOTATED).map(|number| json!({ "annotations": { REQUESTED_AT: format!("{number:06}").repeat(42_500) } })).collect();
    let labels: Map<String, Value> = (0..9_000).map(|number| (format!("{number:05}{}", "l".repeat(55)), json!("v".repeat(55)))).collect();
    let labelled: Vec<Value> = (0..LABELLED).map(|_| json!({ "labels": labels })).collect();
    let began = Instant::now();
    create(&world, "annotated", annotated).await;
    create(&world, "labelled", labelled).await;

    let created = began.elapsed();
    let operator = world.operator(&[]).await;
    for (group, count) in [("annotated", ANNOTATED), ("labelled", LABELLED)] {
        eventually_within(LONG, "every one of them was asked for", || async {
            let asked = (0..count).filter(|number| world.simulator.group_summary(&format!("{group}{number:06}")).executed == 1).count();
            if asked == count { Ok(()) } else { Err(format!("{asked} of {count}")) }
        })
        .await;
    }
    // Some: an API server that is busy with such objects takes its time, and what is asked here is what its answers cost.
    eventually_within(LONG, "links are recorded", || async {
        let waiting = operator.counter("twinconsent_status_writes_total", "result=\"written\"").await;
        if waiting >= (ANNOTATED + LABELLED) as f64 / 3.0 { Ok(()) } else { Err(waiting) }
    })
    .await;
    let most = high_water(operator.pid());
    println!("{name}: {most} MB at most, {:?} after {created:?}", began.elapsed());
    assert!(most < MOST, "{most} MB");
    // Not searched for links: it would take this test the memory that the operator does not take.
    operator.terminate().await;
}

async fn create(world: &World, prefix: &str, metadata: Vec<Value>) {
    world.simulator.create_groups(&BulkGroups { account: None, prefix: prefix.to_owned(), count: metadata.len() }).unwrap();
    let kind = ApiResource::erase::<DigitalTwinConsent>(&());
    let consents: Api<DynamicObject> = Api::namespaced_with(world.client.clone(), &world.namespace, &kind);
    let account = json!({ "kind": "HeyGenAccount", "name": world.namespace });
    stream::iter(metadata.into_iter().enumerate())
        .for_each_concurrent(4, |(number, metadata)| {
            let (consents, name) = (&consents, format!("{prefix}{number:06}"));
            let mut object = DynamicObject::new(&name, &kind).data(json!({ "spec": { "groupID": name, "accountRef": account } }));
            object.metadata = serde_json::from_value(metadata).unwrap();
            object.metadata.name = Some(name);
            async move { drop(consents.create(&PostParams::default(), &object).await.unwrap()) }
        })
        .await;
}

/// The most memory that a process has had resident at once, in MB.
fn high_water(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}
