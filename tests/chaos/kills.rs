//! The operator is killed while a thousand consents are created.

use std::time::{Duration, Instant};

use heygen_simulator::{BehaviourPatch, PathKind, Summary};
use tokio::time::MissedTickBehavior;

use crate::fleet::{LinkWatch, alone, assert_one_link_each, create_at, generous_account, groups, latency};
use crate::support::{Operator, World, eventually};

const CONSENTS: usize = 1000;
const PER_SECOND: u32 = 40;
const KILLS: u32 = 20;

/// How long the consents may take after the last of them was created.
const AFTERWARDS: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_consents_get_one_link_each_however_often_the_operator_is_killed() {
    let _alone = alone().await;
    let world = World::with_account("kills", generous_account()).await;
    let names = groups(&world, "kills-", CONSENTS);
    let (operator, watch, done) = storm(&world, &names).await;
    assert_one_link_each(&world, &names).await;
    assert_eq!(watch.replaced(), Vec::<String>::new());
    assert_eq!((done.executed, done.refused), (1000, 0));
    assert!(done.replayed >= 5, "the kills hit nothing: {} replays", done.replayed);
    world.end([operator]).await;
}

/// The proof that the test above can fail: without replays at HeyGen the same kills lead to surplus requests.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_kills_double_requests_when_heygen_ignores_idempotency_keys() {
    let _alone = alone().await;
    let world = World::with_account("surplus", generous_account()).await;
    let ignore = BehaviourPatch { ignore_idempotency_keys: Some(true), ..BehaviourPatch::default() };
    world.simulator.change_behaviour(ignore).unwrap();
    let names = groups(&world, "surplus-", CONSENTS);
    let (operator, _watch, done) = storm(&world, &names).await;
    assert!(done.executed > 1000, "only {} requests were executed: the kills hit nothing", done.executed);
    world.end([operator]).await;
}

/// Creates the consents and kills the operator meanwhile, at equal intervals; each time the next one is started at once. On a machine so
/// slow that it has asked for nothing by then, it is killed once it has.
async fn storm(world: &World, names: &[String]) -> (Operator, LinkWatch, Summary) {
    latency(world, Duration::from_millis(200));
    let watch = LinkWatch::start(world);
    let began = Instant::now();
    let pause = Duration::from_secs(names.len() as u64) / PER_SECOND / (KILLS + 1);
    let killing = async {
        let mut kills = tokio::time::interval(pause);
        kills.set_missed_tick_behavior(MissedTickBehavior::Delay);
        kills.tick().await;
        let mut operator = Operator::start(world, &[]);
        for _ in 0..KILLS {
            let asked = || world.simulator.summary().by_kind.get(&PathKind::Consent).copied().unwrap_or_default();
            let before = asked();
            kills.tick().await;
            eventually("the operator asks for consent", || async {
                let is_at_work = asked() > before || watch.linked() == names.len();
                if is_at_work { Ok(()) } else { Err(world.simulator.summary().requests) }
            })
            .await;
            operator.kill();
            operator = Operator::start(world, &[]);
        }
        operator
    };
    let ((), operator) = tokio::join!(create_at(world, names, PER_SECOND), killing);
    let created = began.elapsed();
    watch.until_linked(names.len(), AFTERWARDS).await;
    let done = world.simulator.summary();
    println!(
        "{KILLS} kills in {created:.1?}; {} links after {:.1?}; executed {}, replayed {}, met at work {}, reads {}",
        names.len(),
        began.elapsed(),
        done.executed,
        done.replayed,
        done.in_progress,
        done.by_kind.get(&PathKind::Group).unwrap_or(&0),
    );
    (operator, watch, done)
}
