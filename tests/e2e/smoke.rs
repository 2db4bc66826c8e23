//! The shortest life: applied, linked, approved.

use crate::support::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_goes_from_applied_to_linked_to_approved() {
    let world = World::start("smoke").await;
    let operator = world.operator(&[]).await;
    world.simulator.create_group(heygen_simulator::GroupDefinition::twin("ada")).unwrap();
    world.consent("ada", serde_json::json!({ "groupID": "ada" })).await;
    let linked = world.until("ada", "AwaitingApproval").await;
    let url = linked.status.unwrap().url.unwrap();
    assert_eq!(world.simulator.group("ada").unwrap().links[0].url, url);
    world.simulator.approve("ada").unwrap();
    world.until("ada", "Approved").await;
    assert_eq!(world.simulator.group_summary("ada").executed, 1);
    world.end([operator]).await;
}
