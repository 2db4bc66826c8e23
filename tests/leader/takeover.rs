//! The leader goes, and the standby goes on.

use std::time::Duration;

use heygen_simulator::GroupDefinition;
use serde_json::json;

use crate::replicas::{pair, replica, until_held_by};
use crate::support::{DEADLINE, World, eventually_within};

/// The longest that no replica acts after a leader was killed.
const LONGEST_GAP: Duration = Duration::from_secs(20);

/// The longest that no replica acts after a leader has left of its own accord.
const LONGEST_HANDOVER: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_leader_is_followed_within_20_seconds_and_nobody_gets_a_second_link() {
    let world = World::start("killed-leader").await;
    let (leader, standby) = pair(&world).await;
    for number in 0..50 {
        world.simulator.create_group(GroupDefinition::twin(format!("pending-{number}"))).unwrap();
        world.consent(&format!("pending-{number}"), json!({ "groupID": format!("pending-{number}") })).await;
    }
    for number in 0..50 {
        world.until(&format!("pending-{number}"), "AwaitingApproval").await;
    }
    // Just created: some were asked for, some answered, some not even seen when the leader is killed.
    for number in 0..50 {
        world.simulator.create_group(GroupDefinition::twin(format!("new-{number}"))).unwrap();
        world.consent(&format!("new-{number}"), json!({ "groupID": format!("new-{number}") })).await;
    }
    leader.kill();
    let gap = until_held_by(&world, "second").await;
    println!("the standby led {gap:?} after the kill");
    assert!(gap <= LONGEST_GAP, "{gap:?}");
    for number in 0..50 {
        world.until(&format!("new-{number}"), "AwaitingApproval").await;
    }
    world.simulator.approve("pending-7").unwrap();
    world.until("pending-7", "Approved").await;
    for kind in ["pending", "new"] {
        for number in 0..50 {
            let summary = world.simulator.group_summary(&format!("{kind}-{number}"));
            assert_eq!(summary.executed, 1, "{kind}-{number}: {summary:?}");
        }
    }
    world.end([standby]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_told_to_stop_hands_over_at_once() {
    let world = World::start("handover").await;
    let (leader, standby) = pair(&world).await;
    world.simulator.create_group(GroupDefinition::twin("ada")).unwrap();
    world.consent("ada", json!({ "groupID": "ada" })).await;
    world.until("ada", "AwaitingApproval").await;
    let log = leader.terminate().await;
    assert!(log.contains("the Lease was given back"), "{log}");
    let gap = until_held_by(&world, "second").await;
    println!("the standby led {gap:?} after the leader had ended");
    assert!(gap <= LONGEST_HANDOVER, "{gap:?}");
    world.simulator.approve("ada").unwrap();
    world.until("ada", "Approved").await;
    assert_eq!(world.simulator.group_summary("ada").executed, 1);
    world.end([standby]).await;
}

/// Nothing else wakes it: there is no account that could change.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_leader_decides_what_was_there_before() {
    let world = World::without_account("before").await;
    world.consent("lonely", json!({ "groupID": "lonely" })).await;
    let leader = replica(&world, "first");
    world.until("lonely", "AccountNotReady").await;
    world.end([leader]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_is_ready_and_asks_heygen_for_nothing() {
    let world = World::start("standby").await;
    let (leader, standby) = pair(&world).await;
    world.simulator.create_group(GroupDefinition::twin("ada")).unwrap();
    world.consent("ada", json!({ "groupID": "ada" })).await;
    world.until("ada", "AwaitingApproval").await;
    // The leader polls every second: when it has polled a few times, the standby had its chance.
    let asked = async || leader.counter("twinconsent_heygen_requests_total", "").await;
    let before = asked().await;
    eventually_within(DEADLINE, "the leader looks", || async {
        let now = asked().await;
        if now >= before + 4.0 { Ok(()) } else { Err(now) }
    })
    .await;
    assert!(standby.get("/readyz").await.is_some_and(|(code, _)| code == 200));
    for counter in ["twinconsent_heygen_requests_total", "twinconsent_status_writes_total", "twinconsent_reconciles_total"] {
        assert_eq!(standby.counter(counter, "").await, 0.0, "{counter}");
    }
    let (_, explained) = standby.explain(&world.namespace, "ada").await.unwrap();
    assert!(explained.contains("\"this replica to lead, once every watch is synced\""), "{explained}");
    assert_eq!((leader.counter("twinconsent_leader", "").await, standby.counter("twinconsent_leader", "").await), (1.0, 0.0));
    world.end([leader, standby]).await;
}
