//! The wall clock of the leader is set: by a day ahead, two hours back, and right again.

use std::fs;
use std::time::Instant;

use heygen_simulator::{FaultAction, GroupDefinition};
use serde_json::json;

use crate::replicas::{LEASE, leases, replica, replica_in, until_held_by};
use crate::support::World;

/// How far ahead, one after the other, in seconds. The standby has a clock that is right.
const STEPS: [i32; 5] = [90_000, 0, -7_200, 90_000, 0];

/// How many people consent, and how many requests meet trouble, before each step.
const EACH: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn whenever_the_clock_is_set_approvals_are_seen_requests_are_repeated_and_the_lease_stays_where_it_is() {
    let world = World::start("clock").await;
    let clock = world.logs.path().join("clock");
    let set = |ahead: i32| {
        // Put in place as a whole: it may be read at any moment.
        fs::write(clock.with_extension("new"), ahead.to_string()).unwrap();
        fs::rename(clock.with_extension("new"), &clock).unwrap();
    };
    set(STEPS[0]);
    let leader = replica_in(&world, "first", &[("TWINCONSENT_TEST_CLOCK", clock.to_str().unwrap())]);
    until_held_by(&world, "first").await;
    leader.until_ready().await;
    let standby = replica(&world, "second");
    standby.until_ready().await;
    let acquired = lease(&world).await;

    for (round, (before, after)) in STEPS.into_iter().zip(STEPS.into_iter().skip(1)).enumerate() {
        let named = |kind: &str| (0..EACH).map(|number| format!("{kind}-{round}-{number}")).collect::<Vec<_>>();
        let (pending, failing) = (named("pending"), named("failing"));
        for name in pending.iter().chain(&failing) {
            world.simulator.create_group(GroupDefinition::twin(name)).unwrap();
            if name.starts_with("failing") {
                world.fails_to_ask(name, FaultAction::error(503, "unavailable", "later"));
            }
            world.consent(name, json!({ "groupID": name })).await;
        }
        for name in &pending {
            world.until(name, "AwaitingApproval").await;
        }
        for name in &failing {
            world.until(name, "Initiating").await;
        }
        set(after);
        let began = Instant::now();
        pending.iter().for_each(|name| world.simulator.approve(name).unwrap());
        world.mend(&failing.iter().map(String::as_str).collect::<Vec<_>>());
        for name in &pending {
            world.until(name, "Approved").await;
        }
        let approved = began.elapsed();
        for name in &failing {
            world.until(name, "AwaitingApproval").await;
        }
        println!("from {before} s to {after} s: approved after {approved:.1?}, linked after {:.1?}", began.elapsed());
        for name in pending.iter().chain(&failing) {
            assert_eq!(world.simulator.group_summary(name).executed, 1, "{name}");
        }
    }
    assert_eq!(lease(&world).await, acquired, "the Lease changed hands");
    world.end([leader, standby]).await;
}

/// The holder of the Lease, and how often it has changed hands.
async fn lease(world: &World) -> (Option<String>, Option<i32>) {
    let spec = leases(world).get(LEASE).await.unwrap().spec.unwrap();
    (spec.holder_identity, spec.lease_transitions)
}
