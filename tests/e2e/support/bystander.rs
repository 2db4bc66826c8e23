//! The consent of another account, which goes on while the account under test does not.
//!
//! "Nothing happens for so long" is measured beside it: it is polled every second in the same operator, so that the time that has
//! passed is time in which the operator worked.

use std::time::Duration;

use heygen_simulator::{BulkGroups, RecordedRequest};
use serde_json::json;
use twinconsent_core::api::consent::DigitalTwinConsent;

use super::{World, eventually_within};

/// The other account, at HeyGen and in Kubernetes.
pub const OTHER: &str = "other";

/// Creates groups of the other account, and returns their ids.
pub fn other_groups(world: &World, prefix: &str, count: usize) -> Vec<String> {
    let bulk = BulkGroups { account: Some(OTHER.to_owned()), prefix: prefix.to_owned(), count };
    assert_eq!(world.simulator.create_groups(&bulk), Ok(count));
    (0..count).map(|number| format!("{prefix}{number:06}")).collect()
}

/// Creates a consent that uses the other account.
pub async fn other_consent(world: &World, group: &str) -> DigitalTwinConsent {
    world.consent(group, json!({ "groupID": group, "accountRef": { "kind": "HeyGenAccount", "name": OTHER } })).await
}

/// Sets up the bystander and waits until it has its link.
pub async fn bystander(world: &World) {
    let every_second = json!({ "interval": "1s", "minimum": "1s" });
    world.separate_account(OTHER, json!({ "rateLimit": { "requestsPerMinute": 600, "burst": 20 }, "polling": every_second })).await;
    let group = other_groups(world, "bystander-", 1).remove(0);
    other_consent(world, &group).await;
    world.until(&group, "AwaitingApproval").await;
}

/// Waits until the bystander has been polled for so long, from now on; returns the first and the last of its requests.
pub async fn watch_bystander(world: &World, time: Duration) -> (RecordedRequest, RecordedRequest) {
    let now = world.next_request();
    let millis = u64::try_from(time.as_millis()).unwrap();
    eventually_within(time + Duration::from_secs(60), "the bystander is polled", || async {
        let polls = world.requests_of(OTHER, now);
        let (Some(first), Some(last)) = (polls.first(), polls.last()) else { return Err("not once".to_owned()) };
        if last.real_ms - first.real_ms >= millis { Ok((first.clone(), last.clone())) } else { Err(format!("{} times", polls.len())) }
    })
    .await
}
