//! Half a minute of 429 over two hundred pending consents.

use std::time::{Duration, SystemTime};

use heygen_simulator::{FaultAction, FaultRule, MAIN_ACCOUNT};
use serde_json::json;

use crate::fleet::{create, groups, until_all, until_each_is_polled, versions};
use crate::support::bystander::{bystander, watch_bystander};
use crate::support::{LONG, World, eventually, eventually_within};

const CONSENTS: usize = 200;
const FORCED: usize = 20;
const APPROVED: usize = 150;
const THROTTLED: Duration = Duration::from_secs(30);

/// The one that is refused, and one after each pause of five seconds; one more may be under way when the first is refused.
const GET_THROUGH: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn half_a_minute_of_429_lets_eight_requests_through_changes_nothing_and_passes() {
    let polling = json!({ "interval": "10s", "minimum": "1s" });
    let rate = json!({ "requestsPerMinute": 60000, "burst": 1000 });
    let world = World::with_account("throttled", json!({ "rateLimit": rate, "polling": polling })).await;
    let operator = world.operator(&[]).await;
    bystander(&world).await;
    let names = groups(&world, "pending-", CONSENTS);
    create(&world, &names).await;
    until_all(&world, CONSENTS + 1, "AwaitingApproval", LONG).await;

    let throttle = FaultRule::new(FaultAction::rate_limited(Some(Duration::from_secs(5)))).account(MAIN_ACCOUNT);
    let since = world.next_request();
    world.simulator.add_fault(throttle).unwrap();
    eventually("the throttle is met", || async {
        world.requests_of(MAIN_ACCOUNT, since).iter().find(|met| met.status == Some(429)).map(drop).ok_or(())
    })
    .await;
    // Polls that a user forces are read one by one: all of these want to go at once when a pause is over.
    for name in &names[..FORCED] {
        world.force(name, "now").await;
    }
    let before = versions(&world).await;
    watch_bystander(&world, THROTTLED).await;
    let met: Vec<_> = world.requests_of(MAIN_ACCOUNT, since).into_iter().filter(|request| request.status == Some(429)).collect();
    let end = met[0].real_ms + u64::try_from(THROTTLED.as_millis()).unwrap();
    let sent: Vec<_> = met.iter().filter(|request| request.real_ms < end).collect();
    world.simulator.clear_faults();
    println!("{} requests got through in 30 s of 429", sent.len());
    assert!(sent.len() >= 3, "the throttle was not met: {} requests", sent.len());
    assert!(sent.len() <= GET_THROUGH, "{} requests got through", sent.len());
    assert!(versions(&world).await == before, "a throttle wrote to consents");

    world.simulator.reset_record();
    until_each_is_polled(&world, &names).await;
    world.simulator.approve(&names[APPROVED]).unwrap();
    world.until(&names[APPROVED], "Approved").await;
    // What a user forced is answered in the status, and the approval is written; nothing else is.
    let after = versions(&world).await;
    let unforced = names[FORCED..].iter().filter(|name| **name != names[APPROVED]);
    let written: Vec<_> = unforced.filter(|name| after[*name] != before[*name]).collect();
    assert_eq!(written, Vec::<&String>::new());
    assert_eq!(world.simulator.summary().executed, 0);
    world.end([operator]).await;
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "HeyGen's dates are compared with the real time")]
async fn a_pause_until_a_date_is_kept_to_the_second() {
    let polling = json!({ "interval": "1s", "minimum": "1s" });
    let world = World::with_account("dated", json!({ "rateLimit": { "requestsPerMinute": 6000, "burst": 100 }, "polling": polling })).await;
    let operator = world.operator(&[]).await;
    let names = groups(&world, "pending-", 1);
    create(&world, &names).await;
    until_all(&world, 1, "AwaitingApproval", LONG).await;

    let until = SystemTime::now() + Duration::from_secs(15);
    let since = world.next_request();
    world.simulator.add_fault(FaultRule::new(FaultAction::rate_limited_until(until)).account(MAIN_ACCOUNT)).unwrap();
    let refused = eventually("the throttle is met", || async {
        world.requests_of(MAIN_ACCOUNT, since).into_iter().find(|met| met.status == Some(429)).ok_or(())
    })
    .await;
    // An HTTP date has no fractions of a second.
    let pause = until.duration_since(SystemTime::now()).unwrap() - Duration::from_secs(1);
    world.simulator.clear_faults();
    let next = eventually_within(LONG, "the pause is over", || async {
        world.requests_of(MAIN_ACCOUNT, refused.sequence + 1).into_iter().next().ok_or(())
    })
    .await;
    let waited = Duration::from_millis(next.real_ms - refused.real_ms);
    assert!(waited >= pause && waited < pause + Duration::from_secs(15), "{waited:?} instead of {pause:?}");
    world.end([operator]).await;
}
