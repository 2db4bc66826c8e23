//! Answers that come after the operator has given up, and what HeyGen would tell by itself.

use std::time::Duration;

use futures::future::join;
use heygen_simulator::{FaultAction, FaultRule, PathKind, WebhookEvent};
use serde_json::{Value, json};
use twinconsent::heygen::{INITIATE_DEADLINE, READ_DEADLINE};

use crate::stage::{INTERVAL, Stage};
use crate::support::scene::{APPROVED, AWAITING, INITIATING, most_at, reading};
use crate::support::{LONG, eventually_within};

/// How much later than the operator's patience an answer comes.
const LATER: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_too_late_is_fetched_once_more_and_nobody_is_asked_twice() {
    let owned = Stage::start("late").await;
    let stage = &owned;
    let late = |kind: PathKind, group: &str, patience: Duration| {
        let rule = FaultRule::new(FaultAction::delay_after(patience + LATER)).on(kind).group(group).times(1);
        stage.simulator.add_fault(rule).unwrap();
    };
    late(PathKind::Consent, "request", INITIATE_DEADLINE);
    late(PathKind::Group, "look", READ_DEADLINE);
    stage.leave_out_of_lists("look");
    let began = stage.elapsed();
    let ask = async |name: &'static str, patience: Duration| {
        stage.ask(name, json!({})).await;
        eventually_within(LONG, AWAITING, || async {
            let told = reading(&stage.get(name).await);
            if told == AWAITING { Ok(()) } else { Err(format!("{name}: {told}")) }
        })
        .await;
        let elapsed = stage.elapsed() - began;
        assert!(elapsed >= patience, "{name}: already after {elapsed:?}");
        stage.until_looked(name, 2).await;
        stage.has_its_only_link(name).await;
        stage.only_told(name, &[INITIATING, AWAITING]);
    };
    join(ask("request", INITIATE_DEADLINE), ask("look", READ_DEADLINE)).await;
    let replayed = stage.simulator.group_summary("request").replayed;
    assert_eq!((stage.posts("request").len(), replayed, stage.posts("look").len()), (2, 1, 1));
    owned.end().await;
}

/// No event tells of a consent, so the operator asks for none: what HeyGen's looks say decides, whatever is delivered to whom.
#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_tells_of_a_success_finds_nobody_who_listens_and_changes_nothing() {
    let stage = Stage::start("told").await;
    let began = stage.elapsed();
    stage.ask("ada", json!({})).await;
    let awaiting = stage.until_told("ada", AWAITING).await.metadata.resource_version;
    for path in ["", "/livez", "/readyz", "/metrics", "/webhooks"] {
        let refused = register(&stage, &stage.operator().url(path)).await;
        assert_eq!(refused["error"]["param"], "url", "the operator answers the probe of {path:?}");
    }
    for (copies, late_seconds) in [(1, 0), (3, 0), (1, 3600)] {
        let event = WebhookEvent { copies, late_seconds, ..WebhookEvent::success("ada") };
        assert_eq!(stage.simulator.deliver(&event).await, Ok(Vec::new()), "somebody listens");
    }
    stage.until_looked("ada", 3).await;
    assert_eq!(stage.version("ada").await, awaiting, "written although nothing had changed");
    let (reads, most) = (stage.reads("ada"), 2 + most_at(INTERVAL, stage.elapsed() - began));
    assert!(reads <= most, "{reads} looks, {most} are allowed");
    stage.has_its_only_link("ada").await;
    stage.simulator.approve("ada").unwrap();
    stage.until_told("ada", APPROVED).await;
    assert_eq!(stage.posts("ada").len(), 1);
    stage.end().await;
}

/// Asks HeyGen to tell this address of everything.
async fn register(stage: &Stage, url: &str) -> Value {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let endpoints = format!("{}/v3/webhooks/endpoints", stage.base_url);
    let request = client.post(endpoints).header("X-Api-Key", &stage.key).body(json!({ "url": url }).to_string());
    serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap()
}
