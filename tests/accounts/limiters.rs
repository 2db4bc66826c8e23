//! Which accounts share a limiter: those that send the same key the same way to the same base URL, and no others.

use std::time::Duration;

use heygen_simulator::{FaultAction, FaultRule, MAIN_ACCOUNT};
use serde_json::json;

use crate::fleet::{create, generous_account, groups, until_all, until_each_is_polled};
use crate::support::bystander::{OTHER, other_consent, other_groups};
use crate::support::scene::most_within;
use crate::support::{LONG, World, eventually_within};

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_throttled_for_an_hour_does_not_slow_one_with_another_key() {
    let world = World::with_account("unshared", generous_account()).await;
    let operator = world.operator(&[]).await;
    world.separate_account(OTHER, generous_account()).await;
    world.until_account("CredentialsAccepted").await;
    let hour = FaultAction::rate_limited(Some(Duration::from_secs(3600)));
    world.simulator.add_fault(FaultRule::new(hour).account(MAIN_ACCOUNT)).unwrap();
    create(&world, &groups(&world, "throttled-", 50)).await;
    world.until_account("Throttled").await;
    let names = other_groups(&world, "free-", 50);
    for name in &names {
        other_consent(&world, name).await;
    }
    until_all(&world, names.len(), "AwaitingApproval", LONG).await;
    let throttled = world.requests_of(MAIN_ACCOUNT, 0).len();
    assert!(throttled < 50, "{throttled} requests of a throttled account");
    assert!(world.requests_of(OTHER, 0).len() >= names.len());
    world.end([operator]).await;
}

/// How soon a key that was refused is probed again.
const PROBED_AGAIN: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn an_account_whose_way_of_sending_the_key_is_refused_pauses_no_other_with_the_same_key() {
    let every_second =
        json!({ "rateLimit": { "requestsPerMinute": 6000, "burst": 100 }, "polling": { "interval": "1s", "minimum": "1s" } });
    let world = World::with_account("sent-otherwise", every_second.clone()).await;
    world.simulator.set_bearer_refused(MAIN_ACCOUNT, true).unwrap();
    let operator = world.operator(&[]).await;
    let names = groups(&world, "pending-", 5);
    create(&world, &names).await;
    until_all(&world, names.len(), "AwaitingApproval", LONG).await;

    world.secret(&world.namespace, "bearer", &world.key).await;
    let mut bearer = every_second;
    bearer["auth"] = json!("Bearer");
    world.other_account("bearer", bearer).await;
    world.until_other_account("bearer", "CredentialsRejected").await;
    let mut took = Duration::ZERO;
    // Twice, so that what was under way when the key was refused does not count.
    for _ in 0..2 {
        world.simulator.reset_record();
        took += until_each_is_polled(&world, &names).await;
    }
    println!("{}: looked at twice within {took:.1?}", world.namespace);
    assert!(took < PROBED_AGAIN / 2, "the account was paused, too: {took:?}");
    names.iter().for_each(|name| world.simulator.approve(name).unwrap());
    until_all(&world, names.len(), "Approved", LONG).await;
    world.until_account("CredentialsAccepted").await;
    world.end([operator]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_account_and_a_namespaced_one_with_the_same_key_share_one_limiter() {
    const BURST: usize = 5;
    const PER_SECOND: usize = 5;
    let limited = json!({
        "rateLimit": { "requestsPerMinute": 60 * PER_SECOND, "burst": BURST },
        "polling": { "interval": "1s", "minimum": "1s" },
    });
    let world = World::with_account("one-key", limited.clone()).await;
    let mut cluster = limited;
    cluster["baseURL"] = json!(world.base_url);
    world.cluster_account(cluster).await;
    let operator = world.operator(&[]).await;
    let (left, right) = (groups(&world, "left-", 20), groups(&world, "right-", 20));
    for (left, right) in left.iter().zip(&right) {
        world.consent(left, json!({ "groupID": left })).await;
        let account = json!({ "kind": "ClusterHeyGenAccount", "name": world.namespace });
        world.consent(right, json!({ "groupID": right, "accountRef": account })).await;
    }
    eventually_within(LONG, "all are asked", || async {
        let executed = world.simulator.summary().executed;
        if executed == 40 { Ok(()) } else { Err(executed) }
    })
    .await;
    let late = operator.slowest_request().await;
    for time in [1, 2, 5, 10].map(Duration::from_secs) {
        let most = world.simulator.most_requests_within(time, MAIN_ACCOUNT);
        let allowed = most_within(time, BURST, PER_SECOND, late);
        println!("{}: at most {most} requests within {time:?}, {allowed} allowed", world.namespace);
        assert!(most <= allowed, "{most} requests within {time:?}");
    }
    world.end([operator]).await;
}
