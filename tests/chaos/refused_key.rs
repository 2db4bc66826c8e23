//! The key is refused for a while, under a thousand approved consents.

use std::time::Duration;

use futures::future::join;
use heygen_simulator::MAIN_ACCOUNT;
use serde_json::json;
use twinconsent::api::account::HeyGenAccount;

use crate::fleet::{LinkWatch, alone, create, generous_account, groups, until_all, until_requests, versions};
use crate::support::{World, eventually_within};

/// How long a mass may take.
const DEADLINE: Duration = Duration::from_secs(120);

/// How many requests may be under way when the first one learns of the refusal, and how many probes may follow.
const CONCURRENCY: u64 = 64;
const PROBES: u64 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_changes_the_account_and_not_one_of_its_thousand_approved_consents() {
    let alone = alone().await;
    let mut account = generous_account();
    account["polling"] = json!({ "interval": "5s", "minimum": "1s", "approved": "1h" });
    let world = World::with_account("refused", account).await;
    let operator = world.operator(&[]).await;
    let (adopted, initiated) = (groups(&world, "adopted-", 500), groups(&world, "initiated-", 500));
    for name in &adopted {
        world.simulator.approve(name).unwrap();
    }
    let watch = LinkWatch::start(&world);
    join(create(&world, &adopted), create(&world, &initiated)).await;
    watch.until_linked(initiated.len(), DEADLINE).await;
    for name in &initiated {
        world.simulator.approve(name).unwrap();
    }
    until_all(&world, 1000, "Approved", DEADLINE).await;

    // From now on a hundred looks are due each second.
    let polling = json!({ "interval": "5s", "minimum": "1s", "approved": "2s" });
    world.account(json!({ "rateLimit": { "requestsPerMinute": 6000, "burst": 100 }, "polling": polling })).await;
    let before = versions(&world).await;
    world.simulator.reset_record();
    until_requests(&world, 300, DEADLINE).await;
    drop(alone);

    world.simulator.set_key_refused(MAIN_ACCOUNT, true).unwrap();
    world.simulator.reset_record();
    world.until_account("CredentialsRejected").await;
    // Nothing comes of the refusal, so there is nothing to wait for: this is how long it lasts.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let meanwhile = world.simulator.summary();
    world.simulator.set_key_refused(MAIN_ACCOUNT, false).unwrap();
    until_account_accepted(&world).await;
    println!(
        "refused for 10 s at 100 looks a second due: {} requests, {} of them probes; until accepted again: {} refusals",
        meanwhile.requests,
        meanwhile.by_kind.get(&heygen_simulator::PathKind::Me).unwrap_or(&0),
        world.simulator.summary().by_status.get(&401).unwrap_or(&0),
    );
    assert!(meanwhile.requests <= CONCURRENCY + PROBES, "{} requests with a refused key", meanwhile.requests);

    // It goes on afterwards: every group is looked at again, and still nothing is written.
    world.simulator.reset_record();
    eventually_within(DEADLINE, "each group is looked at again", || async {
        let unread = world.simulator.group_summaries().iter().filter(|group| group.reads + group.listed == 0).count();
        if unread == 0 { Ok(()) } else { Err(format!("{unread} groups were not looked at")) }
    })
    .await;
    let after = versions(&world).await;
    let written: Vec<_> = after.iter().filter(|(name, version)| before.get(*name) != Some(version)).map(|(name, _)| name).collect();
    assert_eq!(written, Vec::<&String>::new());
    assert_eq!((before.len(), world.simulator.summary().executed), (1000, 0));
    world.end([operator]).await;
}

async fn until_account_accepted(world: &World) {
    // The probe comes a minute after the one that was refused.
    let accounts: kube::Api<HeyGenAccount> = kube::Api::namespaced(world.client.clone(), &world.namespace);
    eventually_within(Duration::from_secs(100), "the key is accepted again", || async {
        let status = accounts.get(&world.namespace).await.unwrap().status.unwrap_or_default();
        let accepted = status.conditions.iter().any(|condition| condition.reason == "CredentialsAccepted");
        if accepted { Ok(()) } else { Err(status) }
    })
    .await;
}
