//! An approval among three hundred pending consents whose polls use the whole bucket.

use std::time::Duration;

use heygen_simulator::{MAIN_ACCOUNT, PathKind, RecordedRequest};
use serde_json::{Value, json};
use twinconsent_core::api::consent::DigitalTwinConsent;

use crate::fleet::{create, groups, until_all, until_requests};
use crate::support::scene::most_within;
use crate::support::{LONG, World, condition, eventually};

const CONSENTS: usize = 300;
const PER_SECOND: usize = 10;
const BURST: usize = 20;

/// How many polls are forced beside the one that finds an approval.
const FORCED: usize = 5;

/// How many requests may go before a forced poll: those of the ten seconds that a busy machine may take to learn of it, where it takes two
/// at most. Without its priority it would never be made by itself.
const AHEAD: usize = 10 * PER_SECOND;

/// Groups that no consent names, in the midst of the others, make the list so long that a scan of it takes twice as long as the
/// interval: when it ends, those that were seen first are due again.
const STRANGERS: usize = 700;
const PAGES: usize = (CONSENTS + STRANGERS) / 50;

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_is_seen_within_its_time_although_other_polls_use_the_whole_bucket() {
    let world = World::with_account("forced", account(60_000, 1000)).await;
    let operator = world.operator(&[]).await;
    let mut names = groups(&world, "first-", CONSENTS / 2);
    groups(&world, "stranger-", STRANGERS);
    names.extend(groups(&world, "last-", CONSENTS / 2));
    create(&world, &names).await;
    until_all(&world, CONSENTS, "AwaitingApproval", LONG).await;
    world.account(account(60 * PER_SECOND, BURST)).await;
    // The fast bucket is used for the last time when the new one is: the record starts where that is long past.
    world.simulator.reset_record();
    until_requests(&world, 150, LONG).await;
    let since = world.next_request();
    world.simulator.reset_record();
    until_requests(&world, 60, LONG).await;

    for name in &names[..FORCED] {
        let before = world.next_request();
        world.force(name, "now").await;
        let ahead = eventually("the forced look is made", || async {
            let requests = world.simulator.requests_since(before);
            let is_it = |request: &RecordedRequest| request.kind == PathKind::Group && request.group.as_ref() == Some(name);
            requests.iter().position(is_it).ok_or("not yet")
        })
        .await;
        assert!(ahead <= AHEAD, "{ahead} requests went before the look that was forced for {name}");
    }

    let approved = async |name: &str| {
        let shown = |consent: &DigitalTwinConsent| condition(consent, "Ready").is_some_and(|(_, reason)| reason == "Approved");
        world.time_until_it(name, "Approved", shown).await.1
    };
    world.simulator.approve(&names[150]).unwrap();
    world.force(&names[150], "now").await;
    let forced = approved(&names[150]).await;

    world.simulator.approve(&names[250]).unwrap();
    let unforced = approved(&names[250]).await;

    let record = world.simulator.requests_since(since);
    let busy = Duration::from_millis(record.last().unwrap().real_ms - record[0].real_ms).as_secs_f64();
    let rate = record.len() as f64 / busy;
    println!("forced {forced:?}, unforced {unforced:?}, at {rate:.1} requests a second");
    assert!(rate > 0.8 * PER_SECOND as f64, "the sweep was not busy: {rate} requests a second");
    let most = world.simulator.most_requests_within(Duration::from_secs(5), MAIN_ACCOUNT);
    let allowed = most_within(Duration::from_secs(5), BURST, PER_SECOND, operator.slowest_request().await);
    assert!(most <= allowed, "{most} requests within 5 s, {allowed} are allowed");
    assert!(forced < Duration::from_secs(3), "forced: {forced:?}");
    let allowed = Duration::from_secs_f64(1.0 + PAGES as f64 / PER_SECOND as f64 + 5.0);
    assert!(unforced < allowed, "unforced: {unforced:?}, {allowed:?} are allowed");
    world.end([operator]).await;
}

fn account(per_minute: usize, burst: usize) -> Value {
    json!({
        "rateLimit": { "requestsPerMinute": per_minute, "burst": burst },
        "polling": { "interval": "1s", "minimum": "1s" },
    })
}
