//! What one tenant of a shared account wants does not keep another one from its link.

use std::collections::HashMap;
use std::time::Duration;

use heygen_simulator::PathKind;
use serde_json::{Value, json};

use crate::fleet::{create, groups, until_all};
use crate::support::{DEADLINE, LONG, World, eventually_within, timed};

/// One request a second.
const RATE: u32 = 60;

/// How many objects' annotations are changed all the time.
const STORMY: usize = 20;

/// How many milliseconds lie between two forced polls of a group at least, less what the two take to arrive.
const FORCED_AGAIN: u64 = 9_500;

/// How many consents name groups that there are not: a minute and a half of the budget, if each is polled.
const MISSING: usize = 90;

/// How long a new consent may take to its link: its poll comes after four others, its request at once after that.
const LINKED_WITHIN: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_annotations_costs_each_object_a_poll_in_ten_seconds_and_delays_no_link() {
    let world = World::with_account("storm", account(60_000, 1000)).await;
    let operator = world.operator(&[]).await;
    let stormy = groups(&world, "stormy-", STORMY);
    create(&world, &stormy).await;
    until_all(&world, STORMY, "AwaitingApproval", LONG).await;
    world.account(account(RATE, 1)).await;
    world.until_account("CredentialsAccepted").await;

    let stormy_since = world.next_request();
    let storm = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(250));
        for value in 0.. {
            ticks.tick().await;
            world.force(&stormy[value % STORMY], &value.to_string()).await;
        }
    };
    let newcomer = async {
        // The storm uses the whole budget.
        until_read(&world, stormy_since, 8).await;
        let since = world.next_request();
        let waited = time_to_link(&world, "new-").await;
        println!(
            "a new consent had its link {waited:.1?} after its creation, amid {} requests",
            world.simulator.requests_since(since).len()
        );
        assert!(waited <= LINKED_WITHIN, "the link took {waited:?}");
        let read = world.simulator.requests_since(stormy_since).into_iter().filter(|request| request.kind == PathKind::Group);
        let mut reads: HashMap<String, Vec<u64>> = HashMap::new();
        read.for_each(|read| reads.entry(read.group.unwrap()).or_default().push(read.real_ms));
        for (name, times) in reads {
            let gaps: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(gaps.iter().all(|gap| *gap >= FORCED_AGAIN), "{name} was looked at after {gaps:?} ms");
        }
    };
    tokio::select! {
        () = storm => {}
        () = newcomer => {}
    }
    world.end([operator]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn consents_that_name_missing_groups_delay_no_link() {
    let world = World::with_account("missing", account(RATE, 1)).await;
    let operator = world.operator(&[]).await;
    let missing: Vec<String> = (0..MISSING).map(|number| format!("missing-{number:06}")).collect();
    let since = world.next_request();
    create(&world, &missing).await;
    // The list does not show them, so each is read by itself.
    until_read(&world, since, 5).await;
    let waited = time_to_link(&world, "new-").await;
    println!("a new consent had its link {waited:.1?} after its creation, beside {MISSING} missing groups");
    assert!(waited <= LINKED_WITHIN, "the link took {waited:?}");
    world.end([operator]).await;
}

async fn until_read(world: &World, since: u64, count: usize) {
    eventually_within(LONG, "groups are read", || async {
        let read = world.simulator.requests_since(since).into_iter().filter(|request| request.kind == PathKind::Group).count();
        if read >= count { Ok(()) } else { Err(format!("{read} of {count}")) }
    })
    .await;
}

/// Creates a consent of a group that HeyGen knows. Returns how long it took until it showed its link.
async fn time_to_link(world: &World, prefix: &str) -> Duration {
    let name = groups(world, prefix, 1).remove(0);
    create(world, std::slice::from_ref(&name)).await;
    let ((), took) = timed(DEADLINE, "the new consent has its link", || async {
        let consent = world.consents().get(&name).await.unwrap();
        if consent.status.is_some_and(|status| status.url.is_some()) { Ok(()) } else { Err("no link") }
    })
    .await;
    took
}

fn account(per_minute: u32, burst: u32) -> Value {
    json!({ "rateLimit": { "requestsPerMinute": per_minute, "burst": burst }, "polling": { "interval": "10m" } })
}
