//! What happens while a request is in flight: another replica acts, labels are edited, the user asks anew, re-creates or deletes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use heygen_simulator::{FaultAction, FaultRule, PathKind};
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tokio::time::MissedTickBehavior;
use twinconsent_core::api::consent::DigitalTwinConsent;

use crate::fleet::{LinkWatch, alone, assert_one_link_each, create, generous_account, groups, latency};
use crate::support::{DEADLINE, World, eventually};

/// How long a request is held at HeyGen while something happens to its object, if that takes so long.
const HELD: Duration = Duration::from_secs(50);

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_without_election_make_one_request_each() {
    let _alone = alone().await;
    let world = World::with_account("replicas", generous_account()).await;
    let operators = [world.operator(&[]).await, world.operator(&[]).await];
    latency(&world, Duration::from_millis(200));
    let names = groups(&world, "replicas-", 1000);
    let watch = LinkWatch::start(&world);
    create(&world, &names).await;
    watch.until_linked(names.len(), DEADLINE).await;
    let done = world.simulator.summary();
    println!("two replicas: executed {}, replayed {}, met at work {}", done.executed, done.replayed, done.in_progress);
    assert!(done.replayed + done.in_progress > 0, "the replicas never met: this proves nothing");
    assert_one_link_each(&world, &names).await;
    assert_eq!(watch.replaced(), Vec::<String>::new());
    world.end(operators).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_edited_meanwhile_cost_no_link_and_no_second_request() {
    let _alone = alone().await;
    let world = World::with_account("labels", generous_account()).await;
    let operator = world.operator(&[]).await;
    latency(&world, Duration::from_millis(250));
    let names = groups(&world, "labels-", 50);
    let watch = LinkWatch::start(&world);
    let edits = AtomicU64::new(0);
    create(&world, &names).await;
    let began = Instant::now();
    let editing = join_all(names.iter().map(|name| edit_every_50_ms(&world, name, &edits)));
    tokio::select! {
        () = watch.until_linked(names.len(), DEADLINE) => {}
        _ = editing => {}
    }
    let took = began.elapsed();
    let conflicts = operator.counter("twinconsent_status_writes", "conflict").await;
    println!("{} labels edited in {took:.1?}; conflicts: {conflicts}", edits.load(Ordering::Relaxed));
    // The API server itself tries a patch five times when the object changes under it, and rarely gives up.
    assert!(conflicts <= 10.0, "{conflicts} writes failed because of labels");
    assert!(edits.load(Ordering::Relaxed) >= 100, "hardly anything was edited: this proves nothing");
    assert_one_link_each(&world, &names).await;
    assert_eq!(watch.replaced(), Vec::<String>::new());
    world.end([operator]).await;
}

async fn edit_every_50_ms(world: &World, name: &str, edits: &AtomicU64) {
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    // An edit that took long is made up for: where the API server cannot keep the pace, it is edited as fast as it can be.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        ticks.tick().await;
        let patch = json!({ "metadata": { "labels": { "edit": edits.fetch_add(1, Ordering::Relaxed).to_string() } } });
        world.consents().patch_metadata(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_epoch_raised_in_flight_is_a_request_of_its_own_and_the_older_link_is_never_shown() {
    let world = World::with_account("epoch", generous_account()).await;
    let operator = world.operator(&[]).await;
    raise_in_flight(&world, 20, false).await;
    world.end([operator]).await;
}

/// With a second replica the newer request overtakes the older one, whose answer then comes last.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_overtaken_by_one_for_a_higher_epoch_is_dropped() {
    let world = World::with_account("overtaken", generous_account()).await;
    let operators = [world.operator(&[]).await, world.operator(&[]).await];
    raise_in_flight(&world, 20, true).await;
    world.end(operators).await;
}

/// Raises the epoch of so many consents while their first request is held, until the second was answered or not so long, and asserts what
/// must come of it.
async fn raise_in_flight(world: &World, count: usize, is_overtaken: bool) {
    let names = groups(world, &format!("{}-", world.namespace), count);
    let watch = LinkWatch::start(world);
    join_all(names.iter().map(async |name| {
        let held = hold_one_request(world, name);
        world.consent(name, json!({ "groupID": name, "rerouteURL": "https://example.com/epoch-0" })).await;
        until_in_flight(world, name).await;
        world.change(name, json!({ "requestEpoch": 1, "rerouteURL": "https://example.com/epoch-1" })).await;
        if !is_overtaken {
            world.simulator.remove_fault(held).unwrap();
        }
        let newer = |consent: &DigitalTwinConsent| {
            let status = consent.status.as_ref();
            status.and_then(|status| status.initiation.as_ref()).is_some_and(|initiation| initiation.epoch == 1)
        };
        world.until_it(name, "the link of epoch 1", newer).await;
        if is_overtaken {
            world.simulator.remove_fault(held).unwrap();
        }
        until_executed(world, name, 2).await;
    }))
    .await;
    // Every answer is in. Each object is polled once more; whatever had still to be written was written before that.
    join_all(names.iter().map(async |name| {
        let polled_at = force_and_wait(world, name).await;
        let group = world.simulator.group(name).unwrap();
        let of_epoch_1 = group.links.iter().find(|link| link.reroute_url.as_deref() == Some("https://example.com/epoch-1")).unwrap();
        let shown = watch.links_of(&polled_at).await;
        assert!(shown == [of_epoch_1.url.clone()], "{name} has shown {} links, not only the one of epoch 1", shown.len());
        let asked = world.simulator.group_summary(name);
        assert_eq!((asked.executed, asked.links, asked.keys.len()), (2, 2, 2), "{name}: {:?}", asked.keys);
    }))
    .await;
}

/// Asks for a poll and returns the object as it is after it.
async fn force_and_wait(world: &World, name: &str) -> DigitalTwinConsent {
    world.force(name, "again").await;
    let echoed = |consent: &DigitalTwinConsent| {
        consent.status.as_ref().is_some_and(|status| status.last_handled_reconcile_at.as_deref() == Some("again"))
    };
    world.until_it(name, "a forced look", echoed).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_recreated_for_another_group_never_gets_the_link_of_the_first() {
    let world = World::with_account("recreated", generous_account()).await;
    let operator = world.operator(&[]).await;
    let (first, second) = (groups(&world, "first-", 20), groups(&world, "second-", 20));
    let watch = LinkWatch::start(&world);
    join_all(first.iter().zip(&second).map(async |(first, second)| {
        let held = hold_one_request(&world, first);
        let name = format!("of-{first}");
        world.consent(&name, json!({ "groupID": first })).await;
        until_in_flight(&world, first).await;
        world.delete(&name).await;
        world.consent(&name, json!({ "groupID": second })).await;
        world.simulator.remove_fault(held).unwrap();
        until_executed(&world, first, 1).await;
        world.until(&name, "AwaitingApproval").await;
        let shown = watch.links_of(&force_and_wait(&world, &name).await).await;
        let links: Vec<String> = world.simulator.group(second).unwrap().links.into_iter().map(|link| link.url).collect();
        assert!(shown == links && links.len() == 1, "{name} has shown {} links; the second group has {}", shown.len(), links.len());
    }))
    .await;
    for group in first.iter().chain(&second) {
        assert_eq!(world.simulator.group_summary(group).executed, 1, "{group}");
    }
    world.end([operator]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_recreated_for_the_same_group_gets_the_same_link_without_a_second_request() {
    let world = World::with_account("same", generous_account()).await;
    let operator = world.operator(&[]).await;
    let names = groups(&world, "same-", 20);
    let watch = LinkWatch::start(&world);
    join_all(names.iter().map(async |name| {
        let held = hold_one_request(&world, name);
        // Once while the request is in flight, once when its link was shown.
        world.consent(name, json!({ "groupID": name })).await;
        until_in_flight(&world, name).await;
        world.delete(name).await;
        world.consent(name, json!({ "groupID": name })).await;
        world.simulator.remove_fault(held).unwrap();
        let second = world.until(name, "AwaitingApproval").await;
        world.delete(name).await;
        world.consent(name, json!({ "groupID": name })).await;
        let third = world.until(name, "AwaitingApproval").await;
        let link = [world.simulator.group(name).unwrap().links[0].url.clone()];
        assert!(
            watch.links_of(&second).await == link && watch.links_of(&third).await == link,
            "{name} shows another link after it was re-created"
        );
    }))
    .await;
    assert_one_link_each(&world, &names).await;
    world.end([operator]).await;
}

/// Holds the next request for this group at HeyGen, until the rule that is returned is removed; its idempotency key counts as at work
/// meanwhile.
fn hold_one_request(world: &World, group: &str) -> u64 {
    let held = FaultRule::new(FaultAction::delay_before(HELD)).on(PathKind::Consent).group(group).times(1);
    world.simulator.add_fault(held).unwrap()
}

async fn until_in_flight(world: &World, group: &str) {
    eventually("a request is in flight", || async {
        let asked = world.simulator.group_summary(group);
        if asked.keys.is_empty() { Err(asked) } else { Ok(()) }
    })
    .await;
}

async fn until_executed(world: &World, group: &str, executed: u64) {
    eventually("the requests are executed", || async {
        let asked = world.simulator.group_summary(group);
        if asked.executed < executed { Err(asked) } else { Ok(()) }
    })
    .await;
}
