//! What might never come to a sink: a link that none had taken when the operator ended, and what was written without a word of it.

use std::time::Duration;

use heygen_simulator::{FaultAction, FaultRule, PathKind};
use serde_json::{Value, json};

use crate::notifications::{ask, sink, until_words, with_sinks};
use crate::receiver::{Received, Receiver, Reply};
use crate::support::{Operator, eventually};
use crate::wire::{Open, Wire};

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_was_not_delivered_is_sent_by_the_next_process_unless_it_is_in_a_secret() {
    let receiver = Receiver::start().await;
    receiver.answer(Reply::of(503));
    let world = with_sinks("sink-link-again", async |world| {
        let mut links = sink(world, "links", &receiver);
        links["includeLink"] = json!(true);
        json!([links])
    })
    .await;
    let operator = world.operator(&[]).await;
    ask(&world, "ada", json!({})).await;
    ask(&world, "bob", json!({ "linkSecretRef": { "name": "bobs-link" } })).await;
    let link = world.until("ada", "AwaitingApproval").await.status.unwrap().url.unwrap();
    world.until("bob", "AwaitingApproval").await;
    operator.kill();
    receiver.answer(Reply::of(200));
    let operator = world.operator(&[]).await;
    for (name, url) in [("ada", json!(link)), ("bob", Value::Null)] {
        let is_resent = |received: &Received| {
            let event = received.event();
            event["data"]["resent"] == json!(true) && event["data"]["object"]["name"] == json!(name)
        };
        let resent = eventually("it is sent again", || async { receiver.received().into_iter().find(is_resent).ok_or(name) }).await;
        assert_eq!(resent.word(), "requested");
        assert!(resent.event()["data"]["url"] == url, "{name} has another link, or none");
    }
    world.end([operator]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_is_sent_although_the_answer_to_that_was_lost() {
    let receiver = Receiver::start().await;
    let world = with_sinks("sink-lost-answer", async |world| json!([sink(world, "a", &receiver)])).await;
    let wire = Wire::lay(&world).await;
    let operator = Operator::start_in(&world, &wire.kubeconfig.path().display().to_string(), &[], &[]);
    operator.until_ready().await;
    let held = FaultRule::new(FaultAction::delay_after(Duration::from_secs(3))).on(PathKind::Consent);
    world.simulator.add_fault(held).unwrap();
    ask(&world, "ada", json!({})).await;
    eventually("HeyGen is asked", || async {
        let executed = world.simulator.group_summary("ada").executed;
        if executed == 1 { Ok(()) } else { Err(executed) }
    })
    .await;
    wire.set(Open::ForRequests);
    world.until("ada", "AwaitingApproval").await;
    eventually("the operator has given it up", || async {
        let log = operator.log();
        if log.contains("could not write the status: no answer") { Ok(()) } else { Err(log) }
    })
    .await;
    assert_eq!(receiver.words_of("ada"), [""; 0]);
    wire.set(Open::BothWays);
    until_words(&receiver, "ada", &["requested"]).await;
    world.simulator.approve("ada").unwrap();
    until_words(&receiver, "ada", &["requested", "approved"]).await;
    world.end([operator]).await;
}
