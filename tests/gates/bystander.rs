//! The consent of another account, which goes on while the account under test does not; and what is counted meanwhile.

use std::time::Duration;

use heygen_simulator::{AccountDefinition, BulkGroups, RecordedRequest};
use k8s_openapi::api::core::v1::Event;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use twinconsent::api::account::HeyGenAccount;
use twinconsent::api::consent::DigitalTwinConsent;

use crate::support::{World, eventually_within};

/// The other account, at the simulator and in Kubernetes.
pub const OTHER: &str = "other";

/// How long a mass may take.
pub const LONG: Duration = Duration::from_secs(120);

/// Sets up another account with a key of its own and these fields.
pub async fn other_account(world: &World, spec: Value) {
    let key = format!("{}_{OTHER}", world.key);
    world.simulator.create_account(AccountDefinition::new(OTHER, &key)).unwrap();
    world.secret(&world.namespace, OTHER, &key).await;
    apply_account(world, OTHER, spec).await;
}

/// Creates or replaces a namespaced account whose Secret has its name.
pub async fn apply_account(world: &World, name: &str, mut spec: Value) {
    spec["apiKeySecretRef"] = json!({ "name": name, "key": "key" });
    let account = json!({ "apiVersion": "twinconsent.io/v1alpha1", "kind": "HeyGenAccount", "metadata": { "name": name }, "spec": spec });
    let api: Api<HeyGenAccount> = Api::namespaced(world.client.clone(), &world.namespace);
    api.patch(name, &PatchParams::apply("test").force(), &Patch::Apply(&account)).await.unwrap();
}

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
    other_account(world, json!({ "rateLimit": { "requestsPerMinute": 600, "burst": 20 }, "polling": every_second })).await;
    let group = other_groups(world, "bystander-", 1).remove(0);
    other_consent(world, &group).await;
    world.until(&group, "AwaitingApproval").await;
}

/// Waits until the bystander has been looked at for so long, from now on; returns the first and the last of its requests.
pub async fn watch_bystander(world: &World, time: Duration) -> (RecordedRequest, RecordedRequest) {
    let now = next_sequence(world);
    let millis = u64::try_from(time.as_millis()).unwrap();
    eventually_within(time + Duration::from_secs(60), "the bystander is looked at", || async {
        let looks = of(world, OTHER, now);
        let (Some(first), Some(last)) = (looks.first(), looks.last()) else { return Err("not once".to_owned()) };
        if last.real_ms - first.real_ms >= millis { Ok((first.clone(), last.clone())) } else { Err(format!("{} times", looks.len())) }
    })
    .await
}

/// The number that the next request will have, or an earlier one.
pub fn next_sequence(world: &World) -> u64 {
    world.simulator.requests_since(0).last().map_or(0, |last| last.sequence + 1)
}

/// The requests with an account's key since this one.
pub fn of(world: &World, account: &str, since: u64) -> Vec<RecordedRequest> {
    let all = world.simulator.requests_since(since);
    all.into_iter().filter(|request| request.account.as_deref() == Some(account)).collect()
}

/// Waits until the world's account has this reason; a probe may be a minute away.
pub async fn until_account(world: &World, reason: &str) {
    let accounts: Api<HeyGenAccount> = Api::namespaced(world.client.clone(), &world.namespace);
    eventually_within(LONG, reason, || async {
        let status = accounts.get(&world.namespace).await.unwrap().status.unwrap_or_default();
        if status.conditions.len() == 1 && status.conditions[0].reason == reason { Ok(()) } else { Err(status) }
    })
    .await;
}

/// How often a reason was reported for the world's account, once it was reported at all.
pub async fn times_reported(world: &World, reason: &str) -> i32 {
    let events: Api<Event> = Api::namespaced(world.client.clone(), &world.namespace);
    eventually_within(LONG, "the event is written", || async {
        let all = events.list(&ListParams::default()).await.unwrap().items;
        let about = |event: &&Event| {
            let object = &event.involved_object;
            object.kind.as_deref() == Some("HeyGenAccount")
                && object.name.as_deref() == Some(world.namespace.as_str())
                && event.reason.as_deref() == Some(reason)
        };
        let series = |event: &Event| event.series.as_ref().and_then(|series| series.count).or(event.count).unwrap_or(1);
        let times: i32 = all.iter().filter(about).map(series).sum();
        if times > 0 { Ok(times) } else { Err("not reported") }
    })
    .await
}

/// Waits until every group of these has been shown by a page of the list or read since the record was reset.
pub async fn until_each_is_looked_at(world: &World, names: &[String]) {
    eventually_within(LONG, "each group is looked at", || async {
        let looked_at = |name: &&String| {
            let group = world.simulator.group_summary(name);
            group.reads + group.listed > 0
        };
        let missing = names.len() - names.iter().filter(looked_at).count();
        if missing == 0 { Ok(()) } else { Err(format!("{missing} were not")) }
    })
    .await;
}
