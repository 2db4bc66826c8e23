//! A page of the list is being read while its account cannot be used for a moment: the following goes on all the same.

use std::time::{Duration, Instant};

use heygen_simulator::{FaultAction, FaultRule, MAIN_ACCOUNT, PathKind};
use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::fleet::{create, groups, until_all};
use crate::support::{LONG, Operator, World, eventually};

const PENDING: usize = 10;

/// How long HeyGen takes for a page at the most, less than the operator has patience for: until what was to happen to the account was
/// noticed.
const SLOW: Duration = Duration::from_secs(25);

/// How soon every approval has to be seen once the account can be used again, on a busy machine: each is polled every second.
const SEEN_WITHIN: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_under_way_while_the_account_is_suspended_for_a_moment_stops_nothing() {
    let (world, operator, names) = ten("suspended-page").await;
    let page = page_under_way(&world).await;
    world.account(spec(true, 100)).await;
    world.until_account("Suspended").await;
    assert!(is_under_way(&world, page), "the page was answered before the account was suspended");
    until_answered(&world, page).await;
    world.account(spec(false, 100)).await;
    all_are_approved(&world, operator, &names).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_under_way_while_the_secret_is_replaced_stops_nothing() {
    let (world, operator, names) = ten("replaced-page").await;
    let page = page_under_way(&world).await;
    world.secrets(&world.namespace).delete(&world.namespace, &DeleteParams::default()).await.unwrap();
    // Any change of the account lets its Secret be read at once.
    world.account(spec(false, 101)).await;
    world.until_account("SecretNotFound").await;
    assert!(is_under_way(&world, page), "the page was answered before the Secret was missed");
    until_answered(&world, page).await;
    world.secret(&world.namespace, &world.namespace, &world.key).await;
    all_are_approved(&world, operator, &names).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_under_way_while_the_key_is_rotated_stops_nothing() {
    let (world, operator, names) = ten("rotated-page").await;
    let page = page_under_way(&world).await;
    let new_key = format!("{}_new", world.key);
    world.simulator.set_key(MAIN_ACCOUNT, &new_key).unwrap();
    // A poll of one group is refused first, so that the account cannot be used when the page is answered.
    world.force(&names[0], "now").await;
    world.until_account("CredentialsRejected").await;
    assert!(is_under_way(&world, page), "the page was answered before the key was refused");
    until_answered(&world, page).await;
    world.secret(&world.namespace, &world.namespace, &new_key).await;
    world.account(spec(false, 101)).await;
    all_are_approved(&world, operator, &names).await;
}

/// Ten that pend and are polled by a page of the list every second.
async fn ten(name: &str) -> (World, Operator, Vec<String>) {
    let world = World::with_account(name, spec(false, 100)).await;
    let operator = world.operator(&[]).await;
    let names = groups(&world, "pending-", PENDING);
    create(&world, &names).await;
    until_all(&world, PENDING, "AwaitingApproval", LONG).await;
    world.until_account("CredentialsAccepted").await;
    (world, operator, names)
}

fn spec(suspend: bool, burst: u32) -> Value {
    json!({
        "suspend": suspend,
        "rateLimit": { "requestsPerMinute": 6000, "burst": burst },
        "polling": { "interval": "1s", "minimum": "1s" },
    })
}

/// Lets the next page of the list be answered slowly, and waits until it was asked for. Returns the number of that request.
async fn page_under_way(world: &World) -> u64 {
    let since = world.next_request();
    world.simulator.add_fault(FaultRule::new(FaultAction::delay_before(SLOW)).on(PathKind::List).times(1)).unwrap();
    eventually("a page is under way", || async {
        let requests = world.simulator.requests_since(since);
        let page = requests.into_iter().find(|request| request.kind == PathKind::List && !request.faults.is_empty());
        page.map(|page| page.sequence).ok_or("no page")
    })
    .await
}

fn is_under_way(world: &World, page: u64) -> bool {
    world.simulator.requests_since(page).first().is_some_and(|request| request.status.is_none())
}

async fn until_answered(world: &World, page: u64) {
    world.simulator.clear_faults();
    eventually("the page is answered", || async { if is_under_way(world, page) { Err("not yet") } else { Ok(()) } }).await;
}

async fn all_are_approved(world: &World, operator: Operator, names: &[String]) {
    world.until_account("CredentialsAccepted").await;
    names.iter().for_each(|name| world.simulator.approve(name).unwrap());
    let began = Instant::now();
    until_all(world, PENDING, "Approved", SEEN_WITHIN).await;
    println!("{}: {PENDING} approvals were seen after {:.1?}", world.namespace, began.elapsed());
    let metrics = operator.metrics().await.unwrap();
    assert!(metrics.lines().any(|line| line == "twinconsent_poll_overdue_seconds 0.0"), "{metrics}");
}
