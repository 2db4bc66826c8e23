//! "Security code already binded": HeyGen refuses another link. Neither its status nor its code is known, so all are read alike.

use std::time::Duration;

use futures::future::join_all;
use heygen_simulator::{AlreadyBound, BehaviourPatch, FaultAction};
use serde_json::json;

use crate::stage::Stage;
use crate::support::scene::{AWAITING, INITIATING, link, message};

const ANSWERS: [(u16, &str); 6] =
    [(200, "ok"), (400, "invalid_parameter"), (403, "forbidden"), (409, "conflict"), (429, "rate_limited"), (500, "internal_error")];

const TOLD: &str =
    "HeyGen says that consent was begun before and gives no link. If the person no longer has the link, raise spec.requestEpoch.";

#[tokio::test(flavor = "multi_thread")]
async fn a_security_code_already_binded_is_waited_out_and_the_approval_is_seen_meanwhile() {
    let owned = Stage::start("bound").await;
    let stage = &owned;
    join_all(ANSWERS.map(|(status, code)| async move {
        let name = &format!("bound-{status}");
        stage.fails_to_ask(name, FaultAction::already_bound(status, code));
        stage.ask(name, json!({})).await;
        let told = stage.until_told(name, INITIATING).await;
        assert_eq!(message(&told), TOLD, "{name}");
        stage.is_asked_for_slowly(name, 0).await;
        stage.until_looked(name, 1).await;
        assert_eq!(stage.executed(name), 0, "{name}");
        // The person may have the link of before.
        stage.simulator.approve(name).unwrap();
        let approved = stage.until_told(name, "Ready=True:Approved Initiated=False Approved=True").await;
        assert_eq!(link(&approved), None, "{name}");
        stage.until_looked(name, 2).await;
        assert_eq!(stage.executed(name), 0, "{name}: asked after the approval");
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
        let first = link(&stage.until_told(name, AWAITING).await);
        stage.fails_to_ask(name, FaultAction::already_bound(status, code));
        stage.change(name, json!({ "requestEpoch": 1 })).await;
        let told = stage.until_told(name, INITIATING).await;
        assert_eq!(message(&told), TOLD, "{name}");
        stage.is_asked_for_slowly(name, 1).await;
        stage.until_looked(name, 1).await;
        assert_eq!(stage.executed(name), 1, "{name}");
        assert!(first.is_some() && link(&stage.get(name).await) == first, "{name}: the link that the person has is shown no more");
        stage.mend(&[name]);
        let second = link(&stage.until_told(name, AWAITING).await);
        let summary = stage.simulator.group_summary(name);
        assert_eq!((summary.executed, summary.links, summary.keys.len()), (2, 2, 2), "{name}: executed, links, keys");
        assert!(second == Some(stage.simulator.group(name).unwrap().links[1].url.clone()), "{name}: not the new link");
        stage.only_told(name, &[INITIATING, AWAITING]);
    }))
    .await;
    owned.end().await;
}

/// Here the simulator refuses by itself, for as long as the first link lives.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_link_is_given_once_the_one_of_before_has_died() {
    let stage = Stage::start("unbound").await;
    let bound = AlreadyBound { status: 409, code: "conflict".to_owned() };
    stage.simulator.change_behaviour(BehaviourPatch { already_bound: Some(Some(bound)), ..BehaviourPatch::default() }).unwrap();
    stage.ask("ada", json!({})).await;
    let first = link(&stage.until_told("ada", AWAITING).await);
    stage.change("ada", json!({ "requestEpoch": 1 })).await;
    assert_eq!(message(&stage.until_told("ada", INITIATING).await), TOLD);
    stage.is_asked_for_slowly("ada", 1).await;
    assert_eq!(stage.executed("ada"), 1);
    stage.simulator.advance(Duration::from_hours(24));
    let second = link(&stage.until_told("ada", AWAITING).await);
    assert!(second.is_some() && second != first);
    assert_eq!(stage.executed("ada"), 2);
    stage.end().await;
}
