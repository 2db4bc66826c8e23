//! The kill switch of an account: not one request while it is set.

use std::time::Duration;

use heygen_simulator::MAIN_ACCOUNT;
use serde_json::{Value, json};

use crate::fleet::{create, groups, until_all, until_each_is_polled};
use crate::support::bystander::{bystander, watch_bystander};
use crate::support::{LONG, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_account_sends_nothing_whatever_is_asked_of_it() {
    let world = World::with_account("suspended", account(false)).await;
    let operator = world.operator(&[]).await;
    bystander(&world).await;
    let names = groups(&world, "pending-", 50);
    create(&world, &names).await;
    until_all(&world, names.len() + 1, "AwaitingApproval", LONG).await;

    world.account(account(true)).await;
    world.until_account("Suspended").await;
    // What was sent before the switch has arrived when the bystander's next poll has.
    let (_, settled) = watch_bystander(&world, Duration::from_secs(1)).await;
    let new = groups(&world, "new-", 5);
    create(&world, &new).await;
    world.force(&names[3], "now").await;
    world.simulator.approve(&names[3]).unwrap();
    watch_bystander(&world, Duration::from_secs(15)).await;
    let sent = world.requests_of(MAIN_ACCOUNT, settled.sequence);
    assert!(sent.is_empty(), "{} requests of a suspended account, the first {:?}", sent.len(), sent[0]);

    world.simulator.reset_record();
    world.account(account(false)).await;
    world.until(&names[3], "Approved").await;
    until_each_is_polled(&world, &names).await;
    for name in &new {
        world.until(name, "AwaitingApproval").await;
    }
    world.end([operator]).await;
}

fn account(suspend: bool) -> Value {
    json!({
        "suspend": suspend,
        "rateLimit": { "requestsPerMinute": 6000, "burst": 100 },
        "polling": { "interval": "1s", "minimum": "1s" },
    })
}
