//! Very large objects, as large as the API server takes them, and many: they do not take the operator's memory.
//!
//! As many and as large as those that took it twice in a row under the chart's limit. A tenth of them would prove nothing: a reader of a
//! whole page at once, or keeps what it was shown, stays below the limit with so few.

use controlplane::{ControlPlane, Options};
use futures::{StreamExt as _, stream};
use heygen_simulator::{BulkGroups, GroupSummary};
use kube::Resource as _;
use kube::api::PostParams;
use kube::core::Request;
use serde_json::{Map, Value, json};
use twinconsent_core::api::REQUESTED_AT;
use twinconsent_core::api::consent::DigitalTwinConsent;

use crate::support::scene::every_second;
use crate::support::{LONG, Operator, World, eventually_within, prepared};

/// The most resident memory, in MB: the chart's limit is 256 Mi.
const MOST: u64 = 200;

/// How many have an annotation as long as it may be, which is 256 KiB less what the others take.
const LONG_ANNOTATIONS: usize = 300;

/// How many have one that the API server spells with six bytes for each of 240,000 characters. All of them stand in the first page.
const ESCAPED: usize = 130;

/// How many have a megabyte of labels. Few: the API server works longer on one than on ten of the others, which are larger.
const LABELLED: usize = 8;

const ALL: usize = LONG_ANNOTATIONS + ESCAPED + LABELLED;

/// How many are created at once: enough that the API server never waits.
const AT_ONCE: usize = 6;

/// The same objects for both ways to list them; the second operator lists what the first has written, too.
#[tokio::test(flavor = "multi_thread")]
async fn long_annotations_and_many_labels_take_no_memory_whether_lists_are_streamed_or_come_by_pages() {
    let plane = ControlPlane::start(Options::default()).unwrap();
    let world = World::on(prepared(Box::leak(Box::new(plane))), "large").await;
    world.secret(&world.namespace, &world.namespace, &world.key).await;
    world.account(every_second()).await;
    let annotated = |text| json!({ "annotations": { REQUESTED_AT: text } });
    create(&world, "escaped", ESCAPED, |number| annotated(noise(number, 240_000, b"<>&"))).await;
    let labels: Map<String, Value> = (0..9_000).map(|number| (format!("{number:05}{}", "l".repeat(55)), json!("v".repeat(55)))).collect();
    create(&world, "labelled", LABELLED, |_| json!({ "labels": labels })).await;
    create(&world, "long", LONG_ANNOTATIONS, |number| annotated(noise(number, 255_000, b"0123456789abcdefghijklmnopqrstuvwxyz-:TZ"))).await;

    let operator = listing(&world).await;
    small(&operator, "listed, streamed");
    every(&world, "was asked for", |group| group.executed == 1).await;
    small(&operator, "asked for");
    assert!(!lists_by_pages(&operator));
    // Not searched for links: it would take this test the memory that the operator does not take.
    operator.terminate().await;

    world.plane.stop_api_server();
    world.plane.start_api_server_with(&["--feature-gates=WatchList=false"]).unwrap();
    world.simulator.reset_record();
    let operator = listing(&world).await;
    small(&operator, "listed, by pages");
    every(&world, "is followed", |group| group.reads + group.listed > 0).await;
    small(&operator, "followed");
    assert!(lists_by_pages(&operator));
    operator.terminate().await;
    // It has all of them in its memory, which other tests may want.
    world.plane.stop_api_server();
}

/// A text that cannot be packed, and is another for each object: keeping it costs its whole length.
fn noise(seed: usize, length: usize, letters: &[u8]) -> String {
    let mut state = seed as u64 + 1;
    let letter = || {
        // Knuth's linear congruence, of which the upper bits are random enough.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(letters[(state >> 33) as usize % letters.len()])
    };
    std::iter::repeat_with(letter).take(length).collect()
}

async fn create(world: &World, prefix: &str, count: usize, metadata: impl Fn(usize) -> Value) {
    world.simulator.create_groups(&BulkGroups { account: None, prefix: prefix.to_owned(), count }).unwrap();
    let account = json!({ "kind": "HeyGenAccount", "name": world.namespace });
    let requests = Request::new(DigitalTwinConsent::url_path(&(), Some(&world.namespace)));
    let created = stream::iter(0..count).map(|number| {
        let name = format!("{prefix}{number:06}");
        let mut object = json!({
            "apiVersion": "twinconsent.io/v1alpha1", "kind": "DigitalTwinConsent", "metadata": metadata(number),
            "spec": { "groupID": name, "accountRef": account },
        });
        object["metadata"]["name"] = json!(name);
        let request = requests.create(&PostParams::default(), object.to_string().into_bytes()).unwrap();
        // Its text is not decoded, which would take longer than to store it.
        async move { drop(world.client.request_text(request).await.unwrap()) }
    });
    created.buffer_unordered(AT_ONCE).collect::<()>().await;
}

/// It is ready once it has listed all, which takes a busy machine a while.
async fn listing(world: &World) -> Operator {
    let operator = Operator::start(world, &[]);
    operator.until_ready_within(LONG).await;
    operator
}

async fn every(world: &World, what: &str, holds: impl Fn(&GroupSummary) -> bool) {
    eventually_within(LONG, &format!("every one of them {what}"), || async {
        let count = world.simulator.group_summaries().iter().filter(|group| holds(group)).count();
        if count == ALL { Ok(()) } else { Err(format!("{count} of {ALL}")) }
    })
    .await;
}

fn lists_by_pages(operator: &Operator) -> bool {
    operator.log().contains("the API server does not stream lists")
}

/// Fails when the operator has ever had too much memory resident.
fn small(operator: &Operator, when: &str) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", operator.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    let most = line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024;
    println!("{when}: {most} MB at most");
    assert!(most < MOST, "{when}: {most} MB");
}
