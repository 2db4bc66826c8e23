//! HeyGen acts and the answer is lost, or it is still at work: the link arrives by replay.

use std::time::Duration;

use futures::future::join_all;
use heygen_simulator::{FaultAction, FaultRule, PathKind};
use serde_json::json;

use crate::fleet::{LinkWatch, assert_one_link_each, generous_account, groups};
use crate::support::World;

/// What stands between the first request and its answer, how often.
fn faults() -> Vec<(&'static str, FaultAction, u64)> {
    vec![
        ("dropped-once", FaultAction::DropAfter, 1),
        ("dropped-thrice", FaultAction::DropAfter, 3),
        ("failed-after-acting", FaultAction::server_error(500).acting_first(), 2),
        ("gateway-timed-out", FaultAction::html(504).acting_first(), 2),
        ("unreadable", FaultAction::not_json(200).acting_first(), 2),
        ("empty", FaultAction::empty(200).acting_first(), 1),
        ("throttled-after-acting", FaultAction::rate_limited(Some(Duration::from_secs(1))).acting_first(), 1),
        ("in-progress", FaultAction::error(409, "request_in_progress", "The first request is still being worked on"), 2),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_comes_by_replay_whatever_took_it() {
    let world = World::with_account("lost", generous_account()).await;
    let operator = world.operator(&[]).await;
    let watch = LinkWatch::start(&world);
    let names = join_all(faults().into_iter().map(|(name, fault, times)| get_link_despite(&world, name, fault, times))).await;
    assert_one_link_each(&world, &names).await;
    assert_eq!(watch.replaced(), Vec::<String>::new());
    world.end([operator]).await;
}

/// Creates a consent whose first requests meet a fault, and returns the name it has when its link has come.
async fn get_link_despite(world: &World, name: &str, fault: FaultAction, times: u64) -> String {
    let group = groups(world, &format!("{name}-"), 1).remove(0);
    world.simulator.add_fault(FaultRule::new(fault).on(PathKind::Consent).group(&group).times(times)).unwrap();
    world.consent(&group, json!({ "groupID": group })).await;
    world.until(&group, "AwaitingApproval").await;
    let asked = world.simulator.group_summary(&group);
    // All but this one acted before they failed.
    let replayed = if name == "in-progress" { 0 } else { times };
    assert_eq!((asked.executed, asked.replayed, asked.keys.len()), (1, replayed, 1), "{name}");
    group
}
