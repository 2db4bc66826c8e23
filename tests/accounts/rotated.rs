//! The key is rotated under fifty consents, at HeyGen and in the Secret, in either order.

use std::collections::HashMap;
use std::time::Duration;

use heygen_simulator::MAIN_ACCOUNT;
use serde_json::json;

use crate::fleet::{create, groups, until_all, until_each_is_polled, versions};
use crate::support::{LONG, Operator, World, timed};

const APPROVED: usize = 25;
const PENDING: usize = 25;

/// How many requests may be refused: those under way when the first is (no more reads at once than this), and a probe or two.
const REFUSALS: usize = 16 + 3;

/// How long a busy machine may take for what has to be done at once; the Secret is read again each minute without any reason.
const AT_ONCE: Duration = Duration::from_secs(25);

/// How long until a Secret is read again that nothing hints at.
const REREAD: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_rotated_in_the_secret_first_is_taken_up_by_itself() {
    let (world, operator, names) = fifty("secret-first").await;
    let new_key = format!("{}_new", world.key);
    let before = versions(&world).await;
    let since = world.next_request();
    world.secret(&world.namespace, &world.namespace, &new_key).await;
    world.simulator.set_key(MAIN_ACCOUNT, &new_key).unwrap();
    // The first refusal lets the Secret be read again, and what is in it is accepted.
    goes_on(&world, &names, since, &before, AT_ONCE).await;
    world.end([operator]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_rotated_at_heygen_first_is_told_by_the_account_until_the_secret_has_the_new_one() {
    let (world, operator, names) = fifty("heygen-first").await;
    let new_key = format!("{}_new", world.key);
    let before = versions(&world).await;
    let since = world.next_request();
    world.simulator.set_key(MAIN_ACCOUNT, &new_key).unwrap();
    let shown = world.until_account("CredentialsRejected").await;
    assert!(shown < AT_ONCE, "the refusal was told after {shown:?}");
    assert!(versions(&world).await == before, "a refused key is the account's affair");
    world.secret(&world.namespace, &world.namespace, &new_key).await;
    goes_on(&world, &names, since, &before, REREAD + AT_ONCE).await;
    world.end([operator]).await;
}

async fn fifty(name: &str) -> (World, Operator, Vec<String>) {
    let polling = json!({ "interval": "1s", "minimum": "1s", "approved": "1s" });
    let world = World::with_account(name, json!({ "rateLimit": { "requestsPerMinute": 6000, "burst": 100 }, "polling": polling })).await;
    let operator = world.operator(&[]).await;
    let mut names = groups(&world, "approved-", APPROVED);
    names.iter().for_each(|name| world.simulator.approve(name).unwrap());
    names.extend(groups(&world, "pending-", PENDING));
    create(&world, &names).await;
    until_all(&world, APPROVED, "Approved", LONG).await;
    until_all(&world, PENDING, "AwaitingApproval", LONG).await;
    world.until_account("CredentialsAccepted").await;
    (world, operator, names)
}

/// Asserts that everything goes on with the new key within this time, that nothing was written to the consents, and that the old key is not used again.
async fn goes_on(world: &World, names: &[String], since: u64, before: &HashMap<String, String>, within: Duration) {
    let group = groups(world, "new-", 1);
    create(world, &group).await;
    let ((), mut took) = timed(LONG, "the new consent has its link", || async {
        let consent = world.consents().get(&group[0]).await.unwrap();
        if consent.status.is_some_and(|status| status.url.is_some()) { Ok(()) } else { Err("no link") }
    })
    .await;
    took += world.until_account("CredentialsAccepted").await;
    assert!(took < within, "the new key was taken up after {took:?}, not within {within:?}");
    let refused = |since| world.simulator.requests_since(since).into_iter().filter(|request| request.status == Some(401)).count();
    let accepted_at = world.next_request();
    println!("{}: {} refusals, taken up after {took:.1?}", world.namespace, refused(since));
    assert!((1..=REFUSALS).contains(&refused(since)), "{} refusals", refused(since));
    world.simulator.reset_record();
    until_each_is_polled(world, names).await;
    assert_eq!(refused(accepted_at), 0, "the old key was sent again");
    let after = versions(world).await;
    let written: Vec<_> = before.iter().filter(|(name, version)| after.get(*name) != Some(version)).map(|(name, _)| name).collect();
    assert_eq!(written, Vec::<&String>::new());
}
