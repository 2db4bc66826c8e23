//! A leader that may not lead any more.

use std::process::Command;
use std::time::{Duration, Instant};

use heygen_simulator::{FaultAction, FaultRule, GroupDefinition, PathKind};
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::replicas::{LEASE, leases, pair, replica, replica_by, replica_to, until_held_by};
use crate::support::{World, eventually};
use crate::tap::Tap;
use crate::wire::{Open, Wire};

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_whose_lease_another_one_holds_ends_with_a_message_and_code_1() {
    let world = World::start("robbed").await;
    let mut leader = replica(&world, "first");
    until_held_by(&world, "first").await;
    let robbery = json!({ "spec": { "holderIdentity": "somebody", "leaseDurationSeconds": 3600 } });
    leases(&world).patch(LEASE, &PatchParams::default(), &Patch::Merge(robbery)).await.unwrap();
    assert_eq!(leader.until_ended().await.code(), Some(1));
    let log = leader.log();
    assert!(log.contains("another process holds the Lease") && log.contains("the Lease was lost"), "{log}");
    let lease = leases(&world).get(LEASE).await.unwrap().spec.unwrap();
    assert_eq!(lease.holder_identity.as_deref(), Some("somebody"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_cut_off_from_the_api_server_stops_before_another_one_begins() {
    let world = World::start("cut-off").await;
    let wire = Wire::lay(&world).await;
    let mut leader = replica_by(&world, "first", wire.kubeconfig.path().to_str().unwrap());
    until_held_by(&world, "first").await;
    leader.until_ready().await;
    let standby = replica(&world, "second");
    standby.until_ready().await;
    // Its answer is on its way when the wire is cut: the next leader asks again, under the same key.
    let held = FaultRule::new(FaultAction::delay_after(Duration::from_secs(50))).on(PathKind::Consent).group("ada");
    let held = world.simulator.add_fault(held).unwrap();
    world.simulator.create_group(GroupDefinition::twin("ada")).unwrap();
    world.consent("ada", json!({ "groupID": "ada" })).await;
    eventually("the request is under way", || async {
        if world.simulator.group_summary("ada").executed == 1 { Ok(()) } else { Err("not yet") }
    })
    .await;
    wire.set(Open::Neither);
    let cut = Instant::now();
    world.simulator.remove_fault(held).unwrap();
    assert_eq!(leader.until_ended().await.code(), Some(1));
    let (ended, log) = (cut.elapsed(), leader.log());
    println!("the leader ended {ended:?} after it was cut off");
    assert!(log.contains("the Lease could not be renewed in time"), "{log}");
    let lease = leases(&world).get(LEASE).await.unwrap().spec.unwrap();
    assert!(lease.holder_identity.is_some_and(|holder| holder.starts_with("first_")), "another one led while the first was there");
    until_held_by(&world, "second").await;
    let ada = world.until("ada", "AwaitingApproval").await;
    assert!(ada.status.unwrap().url.is_some());
    assert_eq!(world.simulator.group_summary("ada").executed, 1);
    world.end([standby]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_slept_too_long_wakes_up_and_does_nothing_more() {
    let world = World::start("sleeper").await;
    let (mut leader, standby) = pair(&world).await;
    signal(leader.pid(), "STOP");
    // Seen only after it has woken up, in the lists of its watches.
    world.simulator.create_group(GroupDefinition::twin("ada")).unwrap();
    world.consent("ada", json!({ "groupID": "ada" })).await;
    until_held_by(&world, "second").await;
    world.until("ada", "AwaitingApproval").await;
    let posts = leader_posts(&world);
    signal(leader.pid(), "CONT");
    assert_eq!(leader.until_ended().await.code(), Some(1));
    assert_eq!((posts, leader_posts(&world)), (1, 1));
    world.end([standby]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_slept_while_it_followed_many_asks_heygen_for_nothing_when_it_wakes_up() {
    let world = World::start("sleepy-follower").await;
    let tap = Tap::lay(&world).await;
    let mut leader = replica_to(&world, "first", &tap.base_url);
    until_held_by(&world, "first").await;
    leader.until_ready().await;
    let standby = replica(&world, "second");
    standby.until_ready().await;
    for name in ["ada", "bob", "eve"] {
        world.simulator.create_group(GroupDefinition::twin(name)).unwrap();
        world.consent(name, json!({ "groupID": name })).await;
        world.until(name, "AwaitingApproval").await;
    }
    signal(leader.pid(), "STOP");
    // Its next polls have been due for long when it wakes up, and another one has taken over.
    until_held_by(&world, "second").await;
    let before = world.next_request();
    eventually("the other one follows", || async {
        let polls = world.simulator.requests_since(before).len();
        if polls >= 3 { Ok(()) } else { Err(polls) }
    })
    .await;
    let sent = tap.sent();
    assert!(sent > 0, "the tap was passed by");
    signal(leader.pid(), "CONT");
    assert_eq!(leader.until_ended().await.code(), Some(1));
    assert_eq!(tap.sent() - sent, 0, "bytes were sent to HeyGen by a leader that is none any more");
    world.end([standby]).await;
}

/// The requests for consent, of all replicas.
fn leader_posts(world: &World) -> usize {
    world.simulator.requests_since(0).iter().filter(|request| request.kind == PathKind::Consent).count()
}

fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &pid.to_string()]).status().unwrap();
    assert!(sent.success());
}
