//! "Security code already binded": HeyGen gives no link, or no other one. Neither its status nor its code is known, so all are read alike.

use std::time::Duration;

use futures::future::join_all;
use heygen_simulator::{AlreadyBound, BehaviourPatch, FaultAction};
use serde_json::json;

use crate::stage::Stage;
use crate::support::scene::{AWAITING, BEGUN, INITIATING, link, message};

const ANSWERS: [(u16, &str); 6] =
    [(200, "ok"), (400, "invalid_parameter"), (403, "forbidden"), (409, "conflict"), (429, "rate_limited"), (500, "internal_error")];

const MESSAGE: &str = "HeyGen says that consent to this avatar group was begun before, and gives no link. HeyGen has no way to give the earlier link again, and a higher spec.requestEpoch may be refused as well. Let the person finish in HeyGen's own interface, or delete the group there and make a new one.";

const MESSAGE_WITH_LINK: &str = "HeyGen says that consent to this avatar group was begun before, and gives no new link. The earlier link stays in status.url. If it no longer works, let the person finish in HeyGen's own interface, or delete the group there and make a new one.";

#[tokio::test(flavor = "multi_thread")]
async fn a_security_code_already_binded_is_asked_for_once_and_the_approval_is_seen() {
    let owned = Stage::start("bound").await;
    let stage = &owned;
    join_all(ANSWERS.map(|(status, code)| async move {
        let name = &format!("bound-{status}");
        stage.fails_to_ask(name, FaultAction::already_bound(status, code));
        stage.ask(name, json!({})).await;
        let reported = stage.until_reading(name, BEGUN).await;
        assert_eq!(message(&reported), MESSAGE, "{name}");
        stage.until_polled(name, 3).await;
        // Whether HeyGen would answer otherwise by now is not found out by asking again and again.
        stage.mend(&[name]);
        stage.until_polled(name, 3).await;
        assert_eq!((stage.posts(name).len(), stage.executed(name)), (1, 0), "{name}");
        assert_eq!(stage.version(name).await, reported.metadata.resource_version, "{name}: written again");
        // The person may finish in HeyGen's own interface.
        stage.simulator.approve(name).unwrap();
        let approved = stage.until_reading(name, "Ready=True:Approved Initiated=False Approved=True").await;
        assert_eq!(link(&approved), None, "{name}");
        stage.until_polled(name, 2).await;
        assert_eq!(stage.posts(name).len(), 1, "{name}: asked after the approval");
        stage.only_readings(name, &[INITIATING, BEGUN, "Ready=True:Approved Initiated=False Approved=True"]).await;
    }))
    .await;
    owned.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_link_that_is_refused_as_already_binded_leaves_the_one_of_before() {
    let owned = Stage::start("rebound").await;
    let stage = &owned;
    join_all(ANSWERS.map(|(status, code)| async move {
        let name = &format!("rebound-{status}");
        stage.ask(name, json!({})).await;
        let first = link(&stage.until_reading(name, AWAITING).await);
        stage.fails_to_ask(name, FaultAction::already_bound(status, code));
        stage.change(name, json!({ "requestEpoch": 1 })).await;
        let reported = stage.until_reading(name, BEGUN).await;
        assert_eq!(message(&reported), MESSAGE_WITH_LINK, "{name}");
        stage.until_polled(name, 3).await;
        assert_eq!((stage.posts(name).len(), stage.executed(name)), (2, 1), "{name}");
        assert!(first.is_some() && link(&stage.get(name).await) == first, "{name}: the link that the person has is shown no more");
        stage.mend(&[name]);
        // Only the user says that HeyGen is to be asked once more.
        stage.change(name, json!({ "requestEpoch": 2 })).await;
        let second = link(&stage.until_reading(name, AWAITING).await);
        let summary = stage.simulator.group_summary(name);
        assert_eq!((summary.executed, summary.links, summary.keys.len()), (2, 2, 3), "{name}: executed, links, keys");
        assert!(second == Some(stage.simulator.group(name).unwrap().links[1].url.clone()), "{name}: not the new link");
        stage.only_readings(name, &[INITIATING, AWAITING, BEGUN]).await;
    }))
    .await;
    owned.end().await;
}

/// Here the simulator refuses by itself, for as long as the first link lives.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_link_is_given_by_a_higher_epoch_once_the_one_of_before_has_died() {
    let stage = Stage::start("unbound").await;
    let bound = AlreadyBound { status: 409, code: "conflict".to_owned() };
    stage.simulator.change_behaviour(BehaviourPatch { already_bound: Some(Some(bound)), ..BehaviourPatch::default() }).unwrap();
    stage.ask("ada", json!({})).await;
    let first = link(&stage.until_reading("ada", AWAITING).await);
    stage.change("ada", json!({ "requestEpoch": 1 })).await;
    assert_eq!(message(&stage.until_reading("ada", BEGUN).await), MESSAGE_WITH_LINK);
    stage.simulator.advance(Duration::from_hours(24));
    stage.until_polled("ada", 3).await;
    assert_eq!((stage.posts("ada").len(), stage.executed("ada")), (2, 1));
    stage.change("ada", json!({ "requestEpoch": 2 })).await;
    let second = link(&stage.until_reading("ada", AWAITING).await);
    assert!(second.is_some() && second != first);
    assert_eq!(stage.executed("ada"), 2);
    stage.end().await;
}
