//! Answers that come after the operator has given up, and what HeyGen would deliver of its own accord.

use std::time::Duration;

use futures::future::join;
use heygen_simulator::{FaultAction, FaultRule, PathKind};
use serde_json::json;
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
    late(PathKind::Group, "poll", READ_DEADLINE);
    stage.leave_out_of_lists("poll");
    let began = stage.elapsed();
    let ask = async |name: &'static str, patience: Duration| {
        stage.ask(name, json!({})).await;
        eventually_within(LONG, AWAITING, || async {
            let shown = reading(&stage.get(name).await);
            if shown == AWAITING { Ok(()) } else { Err(format!("{name}: {shown}")) }
        })
        .await;
        let elapsed = stage.elapsed() - began;
        assert!(elapsed >= patience, "{name}: already after {elapsed:?}");
        stage.until_polled(name, 2).await;
        stage.has_its_only_link(name).await;
        stage.only_readings(name, &[INITIATING, AWAITING]).await;
    };
    join(ask("request", INITIATE_DEADLINE), ask("poll", READ_DEADLINE)).await;
    let replayed = stage.simulator.group_summary("request").replayed;
    assert_eq!((stage.posts("request").len(), replayed, stage.posts("poll").len()), (2, 1, 1));
    owned.end().await;
}

/// No event of HeyGen's tells of a consent, so the operator asks for none, and takes none: the polls decide.
#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_tells_of_a_success_is_not_taken_and_changes_nothing() {
    let stage = Stage::start("delivered").await;
    let began = stage.elapsed();
    stage.ask("ada", json!({})).await;
    let awaiting = stage.until_reading("ada", AWAITING).await.metadata.resource_version;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for path in ["", "/livez", "/readyz", "/metrics", "/webhooks"] {
        let event = json!({ "event_type": "instant_avatar.success", "event_data": { "avatar_group_id": "ada" } });
        let delivery = client.post(stage.operator().url(path)).header("Heygen-Event-Id", "1").body(event.to_string());
        let answered = delivery.send().await.unwrap().status();
        assert!(answered.is_client_error(), "the operator takes a delivery at {path:?}: {answered}");
    }
    stage.until_polled("ada", 3).await;
    assert_eq!(stage.version("ada").await, awaiting, "written although nothing had changed");
    let (reads, most) = (stage.reads("ada"), 2 + most_at(INTERVAL, stage.elapsed() - began));
    assert!(reads <= most, "{reads} polls, {most} are allowed");
    stage.has_its_only_link("ada").await;
    stage.simulator.approve("ada").unwrap();
    stage.until_reading("ada", APPROVED).await;
    assert_eq!(stage.posts("ada").len(), 1);
    stage.end().await;
}
