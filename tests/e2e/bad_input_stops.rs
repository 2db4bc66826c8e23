//! Ends and outages in the middle of a request: the link arrives, and the person is asked once.

use std::time::Duration;

use heygen_simulator::{FaultAction, FaultRule, GroupDefinition, PathKind};
use serde_json::json;

use crate::support::scene::{AWAITING, link, reading};
use crate::support::{World, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_under_way_at_the_end_is_recorded_and_nothing_new_is_begun() {
    let world = World::start("sigterm").await;
    let operator = world.operator(&[]).await;
    let log = answer_under_way(&world, operator, async |world| {
        world.simulator.create_group(GroupDefinition::twin("late")).unwrap();
        world.consent("late", json!({ "groupID": "late" })).await;
        world.simulator.clear_faults();
    })
    .await;
    assert!(log.contains("stopping"), "{log}");
    let ada = world.consents().get("ada").await.unwrap();
    assert_eq!(reading(&ada), AWAITING);
    assert_eq!(link(&ada), Some(world.simulator.group("ada").unwrap().links[0].url.clone()));
    let late = world.simulator.group_summary("late");
    assert_eq!((late.reads, late.executed), (0, 0));
    assert_eq!(world.simulator.group_summary("ada").executed, 1);
    world.end([]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_after_the_grace_is_replayed_to_the_next_operator() {
    let world = World::start("short-grace").await;
    let operator = world.operator(&["--shutdown-grace=500ms"]).await;
    answer_under_way(&world, operator, async |_| {}).await;
    let asked = world.simulator.requests_since(0).into_iter().find(|request| request.kind == PathKind::Consent).unwrap();
    assert_eq!(asked.status, None, "it waited for the answer");
    assert_eq!(reading(&world.consents().get("ada").await.unwrap()), "");
    world.simulator.clear_faults();
    let operator = world.operator(&[]).await;
    let ada = world.until("ada", "AwaitingApproval").await;
    assert_eq!(link(&ada), Some(world.simulator.group("ada").unwrap().links[0].url.clone()));
    assert_eq!(world.simulator.group_summary("ada").executed, 1);
    world.end([operator]).await;
}

/// How long HeyGen takes to answer, unless it is let go before: less than the operator waits for it.
const HELD: Duration = Duration::from_secs(50);

/// Ends the operator while HeyGen, which has acted, takes its time to answer. Returns the log.
async fn answer_under_way(world: &World, mut operator: crate::support::Operator, meanwhile: impl AsyncFnOnce(&World)) -> String {
    world.simulator.add_fault(FaultRule::new(FaultAction::delay_after(HELD)).on(PathKind::Consent)).unwrap();
    world.simulator.create_group(GroupDefinition::twin("ada")).unwrap();
    world.consent("ada", json!({ "groupID": "ada" })).await;
    eventually("the request is under way", || async {
        if world.simulator.group_summary("ada").executed == 1 { Ok(()) } else { Err("not yet") }
    })
    .await;
    operator.signal_terminate();
    meanwhile(world).await;
    let status = operator.until_ended().await;
    assert!(status.success(), "{status}: {}", operator.log());
    operator.log()
}
