//! The key is refused for a while, under a thousand approved consents.

use std::time::Duration;

use futures::future::join;
use heygen_simulator::{MAIN_ACCOUNT, PathKind};
use serde_json::json;

use crate::fleet::{LinkWatch, alone, create, generous_account, groups, until_all, until_each_is_polled, until_requests, versions};
use crate::support::bystander::{bystander, watch_bystander};
use crate::support::{LONG, World};

/// How long the key is refused.
const REFUSED: Duration = Duration::from_secs(10);

/// How many requests may be under way when the first one learns of the refusal, and how many probes may follow.
const CONCURRENCY: usize = 64;
const PROBES: usize = 4;

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
    watch.until_linked(initiated.len(), LONG).await;
    for name in &initiated {
        world.simulator.approve(name).unwrap();
    }
    until_all(&world, 1000, "Approved", LONG).await;
    bystander(&world).await;

    // From now on a hundred polls are due each second.
    let polling = json!({ "interval": "5s", "minimum": "1s", "approved": "2s" });
    world.account(json!({ "rateLimit": { "requestsPerMinute": 6000, "burst": 100 }, "polling": polling })).await;
    let before = versions(&world).await;
    world.simulator.reset_record();
    until_requests(&world, 300, LONG).await;
    drop(alone);

    let since = world.next_request();
    world.simulator.set_key_refused(MAIN_ACCOUNT, true).unwrap();
    world.until_account("CredentialsRejected").await;
    watch_bystander(&world, REFUSED).await;
    let refused = || world.requests_of(MAIN_ACCOUNT, since).into_iter().filter(|request| request.status == Some(401));
    let probes = refused().filter(|request| request.kind == PathKind::Me).count();
    let meanwhile = refused().count();
    world.simulator.set_key_refused(MAIN_ACCOUNT, false).unwrap();
    world.until_account("CredentialsAccepted").await;
    println!(
        "refused for {REFUSED:?} at 100 looks a second due: {meanwhile} requests, {probes} of them probes; until accepted again: {} refusals",
        refused().count(),
    );
    assert!((1..=CONCURRENCY + PROBES).contains(&meanwhile), "{meanwhile} requests with a refused key");

    // It goes on afterwards: every group is polled again, and still nothing is written.
    world.simulator.reset_record();
    until_each_is_polled(&world, &[adopted, initiated].concat()).await;
    let after = versions(&world).await;
    let written: Vec<_> = after.iter().filter(|(name, version)| before.get(*name) != Some(version)).map(|(name, _)| name).collect();
    assert_eq!(written, Vec::<&String>::new());
    assert_eq!((before.len(), world.simulator.summary().executed), (1000 + 1, 0));
    world.end([operator]).await;
}
