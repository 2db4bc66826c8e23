//! A link that no sink had taken when the operator ended: receivers that mail links have to get it from the next process.

use serde_json::{Value, json};

use crate::notifications::{ask, sink, with_sinks};
use crate::receiver::{Received, Receiver, Reply};
use crate::support::eventually;

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
