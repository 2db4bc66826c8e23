//! A tenant names hundreds of accounts that do not exist: the kill switch of those that do is noticed all the same.

use std::time::Duration;

use futures::{StreamExt as _, stream};
use heygen_simulator::{GroupDefinition, MAIN_ACCOUNT};
use kube::api::{DeleteParams, ListParams};
use serde_json::{Value, json};

use crate::support::bystander::{bystander, watch_bystander};
use crate::support::{World, condition, eventually};

const INVENTED: usize = 600;

/// How late a change of a cluster account may be noticed that is read every five seconds, on a machine that is busy with other tests.
const NOTICED: Duration = Duration::from_secs(25);

#[tokio::test(flavor = "multi_thread")]
async fn however_many_accounts_are_invented_the_kill_switch_of_one_that_exists_stops_its_calls() {
    let world = World::without_account("invented").await;
    world.cluster_account(account(false)).await;
    // The account is known by the consent alone.
    let operator = world.operator(&["--cluster-accounts=never-made"]).await;
    bystander(&world).await;
    world.simulator.create_group(GroupDefinition::twin("ada")).unwrap();
    world.consent("ada", json!({ "groupID": "ada", "accountRef": reference(&world.namespace) })).await;
    world.until("ada", "AwaitingApproval").await;

    let invent = |number: usize| {
        let world = &world;
        async move {
            let name = format!("invented-{number}");
            let account = reference(&format!("{}-{name}", world.namespace));
            world.consent(&name, json!({ "groupID": name, "accountRef": account })).await;
            // Some are taken back at once, and named by no consent any more.
            if number.is_multiple_of(3) {
                world.delete(&name).await;
            }
        }
    };
    stream::iter(0..INVENTED).for_each_concurrent(16, invent).await;
    world.until("invented-1", "AccountNotReady").await;

    world.cluster_account(account(true)).await;
    let noticed = world.until_cluster_account_is_observed().await;
    println!("{}: the kill switch is noticed after {noticed:.1?}", world.namespace);
    assert!(noticed < NOTICED, "the kill switch was noticed after {noticed:?}");
    // What was sent before has arrived when the bystander's next poll has.
    let (_, settled) = watch_bystander(&world, Duration::from_secs(1)).await;
    watch_bystander(&world, Duration::from_secs(4)).await;
    let sent = world.requests_of(MAIN_ACCOUNT, settled.sequence);
    assert!(sent.is_empty(), "{} requests of a suspended account, the first {:?}", sent.len(), sent[0]);

    world.consents().delete_collection(&DeleteParams::default(), &ListParams::default().fields("metadata.name!=ada")).await.unwrap();
    world.cluster_account(account(false)).await;
    world.simulator.approve("ada").unwrap();
    eventually("the account goes on", || async {
        let ada = world.consents().get("ada").await.unwrap();
        let ready = condition(&ada, "Ready");
        if ready.as_ref().is_some_and(|(_, reason)| reason == "Approved") { Ok(()) } else { Err(ready) }
    })
    .await;
    world.end([operator]).await;
}

fn reference(account: &str) -> Value {
    json!({ "kind": "ClusterHeyGenAccount", "name": account })
}

fn account(suspend: bool) -> Value {
    json!({
        "suspend": suspend,
        "rateLimit": { "requestsPerMinute": 6000, "burst": 100 },
        "polling": { "interval": "1s", "minimum": "1s" },
    })
}
