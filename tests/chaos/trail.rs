//! The audit trail of many lives, under kills and changes of leader: every object's chain is whole, all that any status ever showed is in it,
//! and what never came to be is called unconfirmed. A sink gets the events in order, of each object that lives also the last one.

mod deliveries;
mod lives;
mod proof;
mod witness;

use std::path::Path;
use std::time::{Duration, Instant};

use futures::future::join_all;
use futures::{StreamExt as _, stream};
use heygen_simulator::GroupDefinition;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::sync::watch;
use twinconsent::process::clock;

use crate::fleet::{alone, latency};
use crate::support::{Operator, World, eventually};
use deliveries::Sink;
use lives::{Kind, Life};
use proof::Proof;
use witness::Witness;

/// How many consents, unless `TWINCONSENT_TRAIL_CONSENTS` says another number.
const CONSENTS: usize = 200;

/// How often the one operator that there is at first is killed; the leader is as well, later.
const KILLS: usize = 19;

/// How long at least an operator lives before it is killed, so that it is killed at work.
const LEAST_LIFE: Duration = Duration::from_millis(400);

/// What the names of the groups begin with, which usually are those of people.
const NAMED: &str = "Person called";

#[tokio::test(flavor = "multi_thread")]
async fn each_chain_is_whole_after_kills_and_changes_of_leader_and_has_all_that_was_ever_shown() {
    let _alone = alone().await;
    let count = std::env::var("TWINCONSENT_TRAIL_CONSENTS").ok().and_then(|count| count.parse().ok()).unwrap_or(CONSENTS).max(KILLS);
    let world = World::without_account("trail").await;
    let sink = Sink::start(&world).await;
    latency(&world, Duration::from_millis(20));
    let names: Vec<String> = (0..count).map(|number| format!("trail-{number:06}")).collect();
    for name in &names {
        let group = GroupDefinition { name: Some(format!("{NAMED} {name}")), ..GroupDefinition::twin(name) };
        world.simulator.create_group(group).unwrap();
    }
    let witness = Witness::start(&world, &names);
    let log = world.logs.path().join("audit.log");
    let (begin, begun) = watch::channel(Begun::default());
    let began = Instant::now();
    let lives = names.iter().enumerate().map(|(number, name)| {
        let (life, batch) = (Life { world: &world, witness: &witness, name, begun: begun.clone() }, number * KILLS / count);
        life.live(Kind::of(number), batch)
    });
    let (_, operator) = tokio::join!(join_all(lives), disturb(&world, &witness, &log, &names, &begin));
    let lived = began.elapsed();
    sink.until_it_has(|| witness.marks()).await;
    operator.terminate().await;
    let shown = witness.end(&world).await;
    let text = std::fs::read_to_string(&log).unwrap();
    let proof = Proof::of(&text, &shown);
    println!("{count} lives in {lived:.1?}, {} kills, 2 changes of leader: {proof}; {sink}", KILLS + 1);
    proof.assert_whole(KILLS + 1);
    sink.assert_in_order(&proof);
    assert!(!text.contains(NAMED), "the name of a group is in the log");
    for (number, name) in names.iter().enumerate() {
        proof.assert_tells(name, Kind::of(number).words());
    }
    // The key and the links are searched for in all files of the world, and the log is one of them.
    world.end([]).await;
}

/// What has begun.
#[derive(Debug, Clone, Copy, Default)]
pub struct Begun {
    /// How many batches of lives: one for each operator that is going to be killed.
    pub batches: usize,
    /// Whether links were aged and objects were restored, which is done while no operator runs.
    pub is_set_back: bool,
}

/// Kills one operator after the other, each at work, sets objects back while none runs, and lets the lead pass twice. Returns the last leader.
async fn disturb(world: &World, witness: &Witness, log: &Path, names: &[String], begin: &watch::Sender<Begun>) -> Operator {
    let argument = format!("--audit-log={}", log.display());
    for batch in 1..=KILLS {
        let shown = witness.statuses();
        let operator = Operator::start(world, &[&argument]);
        begin.send_modify(|begun| begun.batches = batch);
        tokio::time::sleep(LEAST_LIFE).await;
        witness.until("the operator is at work", |witness| (witness.statuses() > shown).then_some(())).await;
        if batch == KILLS {
            let has_come = |(number, name): (usize, &String)| Kind::of(number).is_ready_to_be_set_back(witness.latest(name).as_deref());
            let all = |_: &Witness| names.iter().enumerate().all(has_come).then_some(());
            witness.until("what is to be set back has come so far", all).await;
        }
        operator.kill();
    }
    set_back(world, witness, names).await;
    begin.send_modify(|begun| begun.is_set_back = true);

    let lease = format!("--lease-name={}", world.namespace);
    let kubeconfig = world.plane.kubeconfig().display().to_string();
    let replica = |name| Operator::start_in(world, &kubeconfig, &["--leader-elect=true", &lease, &argument], &[("POD_NAME", name)]);
    let first = replica("first");
    until_it_leads(&first).await;
    let second = replica("second");
    second.until_ready().await;
    first.terminate().await;
    until_it_leads(&second).await;
    let third = replica("third");
    third.until_ready().await;
    second.kill();
    until_it_leads(&third).await;
    third
}

/// Lets links look as if they were asked for 25 hours ago, and restores objects from a backup that was just made.
async fn set_back(world: &World, witness: &Witness, names: &[String]) {
    let hours_ago = |hours| {
        let then: Timestamp = clock::now().checked_sub(SignedDuration::from_hours(hours)).unwrap();
        then.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    };
    stream::iter(names.iter().enumerate())
        .for_each_concurrent(8, |(number, name)| async move {
            let kind = Kind::of(number);
            match kind {
                Kind::Renewed => {
                    world.rewrite_status(name, json!({ "initiationTime": hours_ago(25), "linkExpirationTime": hours_ago(1) })).await
                }
                Kind::Restored => {
                    let old = witness.latest(name).unwrap();
                    world.delete(name).await;
                    world.consent(name, kind.spec(world, name)).await;
                    world.rewrite_status(name, json!(old.status)).await;
                }
                _ => {}
            }
        })
        .await;
    world.simulator.advance(Duration::from_hours(25));
}

async fn until_it_leads(operator: &Operator) {
    eventually("it leads", || async {
        if operator.counter("twinconsent_leader", "").await == 1.0 { Ok(()) } else { Err(operator.log().len()) }
    })
    .await;
}
