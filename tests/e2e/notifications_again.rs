//! What waits for sinks when another process takes over.

use kube::ResourceExt as _;
use serde_json::json;

use crate::notifications::{ask, is_signed, name_sinks, signing_secret, sink, with_sinks};
use crate::receiver::{Received, Receiver, Reply};
use crate::support::{Operator, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_takes_over_sends_the_last_event_of_each_object_again() {
    let receiver = Receiver::start().await;
    let world = with_sinks("sink-again", async |world| json!([sink(world, "a", &receiver)])).await;
    receiver.answer(Reply::of(503));
    let lease = format!("--lease-name={}", world.namespace);
    let arguments = ["--leader-elect=true", lease.as_str()];
    let leader = world.operator(&arguments).await;
    ask(&world, "ada", json!({})).await;
    world.until("ada", "AwaitingApproval").await;
    world.simulator.approve("ada").unwrap();
    let approved = world.until("ada", "Approved").await;
    let standby = Operator::start(&world, &arguments);
    standby.until_ready().await;
    leader.kill();
    let before = receiver.received().len();
    receiver.answer(Reply::of(200));
    let again = eventually("it is sent again", || async {
        let received = receiver.received();
        let resent = received[before..].iter().find(|received| received.event()["data"]["resent"] == json!(true));
        resent.cloned().ok_or(received.len())
    })
    .await;
    is_signed(&again, &signing_secret(&world, "A"));
    let (mark, event) = (approved.status.clone().unwrap().audit.unwrap(), again.event());
    assert_eq!(event["id"], json!(format!("{}/{}", approved.uid().unwrap(), mark.sequence)));
    assert_eq!((&event["type"], &event["time"]), (&json!(mark.type_), &json!(mark.time.unwrap())));
    assert_eq!((event.get("digest"), event["data"].get("previousDigest")), (None, None));
    assert_eq!(event["data"]["approval"], json!(approved.status.unwrap().approval));
    // A sink that is named later starts with what comes then.
    let later = Receiver::start().await;
    name_sinks(&world, json!([sink(&world, "a", &receiver), sink(&world, "later", &later)])).await;
    let mut number = 0;
    eventually("the new sink is known", || {
        number += 1;
        let (world, later, name) = (&world, &later, format!("bob-{number}"));
        async move {
            ask(world, &name, json!({})).await;
            world.until(&name, "AwaitingApproval").await;
            if later.received().is_empty() { Err(name) } else { Ok(()) }
        }
    })
    .await;
    assert!(later.received().iter().all(|received| received.event()["data"].get("resent").is_none()));
    world.end([standby]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_slept_while_events_waited_sends_none_of_them_when_it_wakes_up() {
    let receiver = Receiver::start().await;
    let world = with_sinks("sink-sleeper", async |world| json!([sink(world, "a", &receiver)])).await;
    receiver.answer(Reply::of(503));
    let lease = format!("--lease-name={}", world.namespace);
    let arguments = ["--leader-elect=true", lease.as_str()];
    let mut leader = world.operator(&arguments).await;
    for name in ["ada", "bob", "eve"] {
        ask(&world, name, json!({})).await;
        world.until(name, "AwaitingApproval").await;
    }
    eventually("they are sent", || async { if receiver.received().len() < 3 { Err("not yet") } else { Ok(()) } }).await;
    leader.signal("STOP");
    receiver.answer(Reply::of(204));
    let standby = Operator::start(&world, &arguments);
    let is_resent = |received: &Received| received.event()["data"]["resent"] == json!(true);
    eventually("the next one sends them again", || async {
        let resent = receiver.received().iter().filter(|received| is_resent(received)).count();
        if resent < 3 { Err(resent) } else { Ok(()) }
    })
    .await;
    // By now the tries of the first one have been due for long.
    let before = receiver.received().len();
    leader.signal("CONT");
    assert_eq!(leader.until_ended().await.code(), Some(1));
    let late: Vec<Received> = receiver.received().split_off(before).into_iter().filter(|received| !is_resent(received)).collect();
    assert!(late.is_empty(), "{late:?}");
    world.end([standby]).await;
}
