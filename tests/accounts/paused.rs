//! An unpaid bill and a used-up quota: one condition, one event, few requests.

use std::time::Duration;

use heygen_simulator::{FaultAction, FaultRule, MAIN_ACCOUNT, PathKind};
use k8s_openapi::api::core::v1::Event;
use kube::Api;
use kube::api::ListParams;
use serde_json::json;

use crate::fleet::{create, groups, until_all, until_each_is_polled, versions};
use crate::support::bystander::{bystander, watch_bystander};
use crate::support::{DEADLINE, LONG, Operator, World, eventually_within};

const CONSENTS: usize = 50;

/// Long enough for every consent to have been due several times.
const MEANWHILE: Duration = Duration::from_secs(15);

/// How long after the first probe was refused the next one comes; the pauses grow, which the core's own tests show.
const FIRST_PROBE: Duration = Duration::from_secs(60);

/// Those under way when the first is refused (a page, sixteen reads at most) and two probes.
const REFUSALS: usize = 17 + 2;

#[tokio::test(flavor = "multi_thread")]
async fn an_unpaid_bill_pauses_the_account_and_a_probe_finds_it_paid() {
    let (world, operator, names) = world("billing").await;
    let since = world.next_request();
    pauses(&world, FaultAction::error(402, "insufficient_credit", "pay"), "BillingRequired").await;
    world.simulator.clear_faults();
    let probes = until_probed(&world, since, 2, FIRST_PROBE).await;
    let gap = Duration::from_millis(probes[1] - probes[0]);
    assert!(gap >= FIRST_PROBE, "the second probe came after {gap:?}");
    world.until_account("CredentialsAccepted").await;
    world.simulator.reset_record();
    until_each_is_polled(&world, &names).await;
    assert_eq!(times_reported(&world, "BillingRequired").await, 1);
    world.end([operator]).await;
}

/// Waits until so many probes have come since then, the last of them within this time and that of a busy machine; returns when.
async fn until_probed(world: &World, since: u64, count: usize, within: Duration) -> Vec<u64> {
    eventually_within(within + DEADLINE, "the account is probed", || async {
        let probes = world.requests_of(MAIN_ACCOUNT, since).into_iter().filter(|request| request.kind == PathKind::Me);
        let times: Vec<u64> = probes.map(|probe| probe.real_ms).collect();
        if times.len() >= count { Ok(times) } else { Err(times) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_up_quota_pauses_the_account() {
    let (world, operator, _) = world("quota").await;
    pauses(&world, FaultAction::quota_exceeded(), "Throttled").await;
    world.end([operator]).await;
}

async fn world(name: &str) -> (World, Operator, Vec<String>) {
    let rate = json!({ "requestsPerMinute": 6000, "burst": 100 });
    let world = World::with_account(name, json!({ "rateLimit": rate, "polling": { "interval": "1s", "minimum": "1s" } })).await;
    let operator = world.operator(&[]).await;
    bystander(&world).await;
    let names = groups(&world, "pending-", CONSENTS);
    create(&world, &names).await;
    until_all(&world, CONSENTS + 1, "AwaitingApproval", LONG).await;
    world.until_account("CredentialsAccepted").await;
    (world, operator, names)
}

/// Asserts that this answer to everything is said once, by the account, and ends the requests.
async fn pauses(world: &World, answer: FaultAction, reason: &str) {
    let before = versions(world).await;
    let since = world.next_request();
    world.simulator.add_fault(FaultRule::new(answer).account(MAIN_ACCOUNT)).unwrap();
    world.until_account(reason).await;
    watch_bystander(world, MEANWHILE).await;
    let refused = world.requests_of(MAIN_ACCOUNT, since).into_iter().filter(|request| !request.faults.is_empty()).count();
    println!("{}: {refused} requests in {MEANWHILE:?} of {reason}", world.namespace);
    assert!((1..=REFUSALS).contains(&refused), "{refused} requests");
    assert!(versions(world).await == before, "the account's trouble was written to consents");
    assert_eq!(times_reported(world, reason).await, 1);
}

/// How often a reason was reported for the world's account, once it was reported at all.
async fn times_reported(world: &World, reason: &str) -> i32 {
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
