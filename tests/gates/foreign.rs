//! One group of somebody else among two hundred.

use serde_json::json;

use crate::bystander::{LONG, other_account, other_groups, until_account};
use crate::fleet::{assert_one_link_each, create, generous_account, groups, until_all};
use crate::support::World;

#[tokio::test(flavor = "multi_thread")]
async fn one_foreign_group_among_two_hundred_consents_stops_nobody_else() {
    let world = World::with_account("foreign", generous_account()).await;
    let operator = world.operator(&[]).await;
    other_account(&world, json!({})).await;
    let own = groups(&world, "own-", 199);
    let foreign = other_groups(&world, "foreign-", 1);
    create(&world, &[&own[..100], &foreign, &own[100..]].concat()).await;
    until_all(&world, own.len(), "AwaitingApproval", LONG).await;
    world.until(&foreign[0], "NotEntitled").await;
    assert_one_link_each(&world, &own).await;
    assert_eq!(world.simulator.group_summary(&foreign[0]).executed, 0);
    until_account(&world, "CredentialsAccepted").await;
    world.end([operator]).await;
}
