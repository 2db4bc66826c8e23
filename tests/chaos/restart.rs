//! The operator is killed and restarted over a thousand consents at rest.

use std::time::Duration;

use heygen_simulator::MAIN_ACCOUNT;
use serde_json::{Value, json};

use crate::fleet::{LinkWatch, alone, create, groups, until_all, until_requests, versions};
use crate::support::scene::most_within;
use crate::support::{Operator, World};

const CONSENTS: usize = 1000;
const BURST: usize = 20;
const PER_MINUTE: usize = 600;

/// How long a mass may take.
const DEADLINE: Duration = Duration::from_secs(120);

/// So many requests are watched before and again after the kill: at 10 a second, longer than any burst lasts.
const WATCHED: u64 = 60;

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_over_a_thousand_pending_consents_writes_nothing_and_keeps_to_the_limit() {
    let _alone = alone().await;
    let world = World::with_account("pending", account(60000, 1000, "20s")).await;
    let operator = world.operator(&[]).await;
    let names = groups(&world, "pending-", CONSENTS);
    let watch = LinkWatch::start(&world);
    create(&world, &names).await;
    watch.until_linked(CONSENTS, DEADLINE).await;
    let operator = restart_quietly(&world, operator).await;
    assert_eq!(watch.replaced(), Vec::<String>::new());
    world.end([operator]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_over_a_thousand_approved_consents_writes_nothing_and_keeps_to_the_limit() {
    let _alone = alone().await;
    let world = World::with_account("approved", account(60000, 1000, "20s")).await;
    let operator = world.operator(&[]).await;
    let names = groups(&world, "approved-", CONSENTS);
    for name in &names {
        world.simulator.approve(name).unwrap();
    }
    create(&world, &names).await;
    until_all(&world, CONSENTS, "Approved", DEADLINE).await;
    let operator = restart_quietly(&world, operator).await;
    world.end([operator]).await;
}

fn account(per_minute: usize, burst: usize, interval: &str) -> Value {
    json!({
        "rateLimit": { "requestsPerMinute": per_minute, "burst": burst },
        "polling": { "interval": interval, "minimum": "1s", "approved": interval },
    })
}

/// Kills the operator, slows the account down, and asserts that two more operators, the first of them killed as well, do nothing but
/// poll, and not too fast, although ever more polls are due than the account allows.
async fn restart_quietly(world: &World, operator: Operator) -> Operator {
    operator.kill();
    world.account(account(PER_MINUTE, BURST, "20s")).await;
    let before = versions(world).await;
    world.simulator.reset_record();
    let first = world.operator(&[]).await;
    until_requests(world, WATCHED, DEADLINE).await;
    let late = first.slowest_request().await;
    first.kill();
    let second = world.operator(&[]).await;
    until_requests(world, 2 * WATCHED, DEADLINE).await;
    let late = late.max(second.slowest_request().await);
    for time in [1, 2, 5, 10].map(Duration::from_secs) {
        let most = world.simulator.most_requests_within(time, MAIN_ACCOUNT);
        let allowed = most_within(time, BURST, PER_MINUTE / 60, late);
        println!("{}: at most {most} requests within {time:?}, {allowed} allowed", world.namespace);
        assert!(most <= allowed, "{most} requests within {time:?}");
    }
    let done = world.simulator.summary();
    assert_eq!((done.executed, done.replayed, done.refused), (0, 0, 0));
    assert_eq!(second.counter("twinconsent_status_writes", "kind=\"DigitalTwinConsent\"").await, 0.0);
    assert!(versions(world).await == before, "a restart wrote to consents");
    second
}
