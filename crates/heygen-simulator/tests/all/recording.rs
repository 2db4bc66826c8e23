//! The record: what a test may assert about a client.

use std::time::Duration;

use heygen_simulator::{BulkGroups, Effect, FaultAction, FaultRule, MAIN_ACCOUNT, PathKind, Settings};
use reqwest::Method;
use serde_json::json;

use crate::support::{send, stage, stage_with};

#[tokio::test]
async fn a_request_is_recorded_with_everything_but_the_key_and_the_link() {
    let stage = stage().await;
    let post = stage.consent("twin", "v1:k", "{}").header("User-Agent", "unit/1");
    let link = send(post).await.json()["data"]["url"].as_str().unwrap().to_owned();
    send(stage.client.get(&link)).await;
    let record = stage.control.requests_since(0);
    let post = &record[0];
    assert_eq!((post.sequence, post.method.as_str(), post.kind), (0, "POST", PathKind::Consent));
    assert_eq!(post.path, "/v3/avatars/twin/consent");
    assert_eq!(post.group.as_deref(), Some("twin"));
    assert_eq!(post.account.as_deref(), Some(MAIN_ACCOUNT));
    assert_eq!(post.idempotency_key.as_deref(), Some("v1:k"));
    assert_eq!(post.user_agent.as_deref(), Some("unit/1"));
    assert_eq!((post.status, post.effect), (Some(200), Effect::Executed));
    assert!(post.faults.is_empty() && post.simulated_ms > 1_600_000_000_000);
    assert_eq!((record[1].kind, record[1].path.as_str()), (PathKind::Page, "/consent/[redacted]"));
    assert_eq!(record[1].account, None);
}

#[tokio::test]
async fn totals_count_by_kind_status_and_account() {
    let stage = stage().await;
    stage.get("/v3/avatars/twin").await;
    stage.get("/v3/avatars/nobody").await;
    stage.get("/v3/avatars").await;
    stage.post("twin", "k", "{}").await;
    stage.post("twin", "k", "{}").await;
    send(stage.bare(Method::GET, "/v3/users/me")).await;
    stage.control.add_fault(FaultRule::new(FaultAction::server_error(500))).unwrap();
    stage.get("/v3/avatars/looks?group_id=twin").await;
    let summary = stage.control.summary();
    assert_eq!((summary.requests, summary.faulted, summary.executed, summary.replayed), (7, 1, 1, 1));
    assert_eq!(summary.by_kind[&PathKind::Group], 2);
    assert_eq!(summary.by_kind[&PathKind::Consent], 2);
    assert_eq!((summary.by_status[&200], summary.by_status[&404], summary.by_status[&401]), (4, 1, 1));
    assert_eq!(summary.by_account[MAIN_ACCOUNT], 6);
    assert_eq!(stage.control.group_summary("twin").reads, 1);
    let all: Vec<String> = stage.control.group_summaries().into_iter().map(|group| group.id).collect();
    assert_eq!(all, ["nobody", "twin"]);
}

#[tokio::test]
async fn a_full_record_forgets_requests_but_no_counts() {
    let mut settings = Settings { record_capacity: 3, ..Settings::default() };
    settings.groups.push(heygen_simulator::GroupDefinition::twin("twin"));
    let stage = stage_with(settings).await;
    for _ in 0..5 {
        stage.get("/v3/avatars/twin").await;
    }
    let kept: Vec<u64> = stage.control.requests_since(0).iter().map(|request| request.sequence).collect();
    assert_eq!(kept, [2, 3, 4]);
    assert!(stage.control.requests_since(0).iter().all(|request| request.status == Some(200)));
    let summary = stage.control.summary();
    assert_eq!((summary.requests, summary.forgotten), (5, 2));
    assert_eq!(stage.control.group_summary("twin").reads, 5);
}

#[tokio::test]
async fn a_reset_forgets_the_past_and_keeps_the_state() {
    let stage = stage().await;
    stage.link("{}").await;
    stage.control.reset_record();
    assert_eq!(stage.control.summary().requests, 0);
    assert!(stage.control.requests_since(0).is_empty());
    let group = stage.control.group_summary("twin");
    assert_eq!((group.executed, group.links), (0, 1));
    stage.get("/v3/users/me").await;
    assert_eq!(stage.control.requests_since(0)[0].sequence, 1, "numbers go on");
}

#[tokio::test]
async fn the_most_requests_of_an_account_within_a_stretch_of_real_time_are_counted() {
    let stage = stage().await;
    stage.get("/v3/users/me").await;
    let first = stage.control.requests_since(0)[0].real_ms;
    crate::support::until("a millisecond passed", || stage.control.clock().real_ms > first + 1).await;
    stage.get("/v3/users/me").await;
    let second = stage.control.requests_since(1)[0].real_ms;
    let at = Duration::from_millis;
    assert_eq!(stage.control.most_requests_within(at(0), MAIN_ACCOUNT), 1);
    assert_eq!(stage.control.most_requests_within(at(second - first), MAIN_ACCOUNT), 2);
    assert_eq!(stage.control.most_requests_within(at(10_000), "nobody"), 0);
}

#[tokio::test]
async fn a_hundred_thousand_groups_are_made_and_read_to_the_end() {
    let stage = stage_with(Settings::default()).await;
    let bulk = BulkGroups { account: None, prefix: "g".to_owned(), count: 100_000 };
    assert_eq!(stage.control.create_groups(&bulk), Ok(100_000));
    assert_eq!(stage.get("/v3/avatars/g099999").await.status, 200);
}

#[tokio::test]
async fn a_stopped_simulator_takes_no_connections_and_its_record_stays_readable() {
    let stage = stage().await;
    stage.get("/v3/users/me").await;
    let addr = stage.simulator.addr();
    stage.simulator.stop().await;
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
    assert_eq!(stage.control.summary().requests, 1);
}

#[tokio::test]
async fn a_dropped_simulator_stops_too_also_in_the_middle_of_a_request() {
    let stage = stage().await;
    stage.control.add_fault(FaultRule::new(FaultAction::delay_before(Duration::from_mins(10)))).unwrap();
    let waiting = tokio::spawn(stage.request(Method::GET, "/v3/users/me").send());
    crate::support::until("the request arrived", || stage.control.summary().requests == 1).await;
    let addr = stage.simulator.addr();
    drop(stage.simulator);
    let cut = tokio::time::timeout(crate::support::SOON, waiting).await.unwrap().unwrap();
    assert!(cut.is_err());
    let gone = async { while tokio::net::TcpStream::connect(addr).await.is_ok() {} };
    tokio::time::timeout(crate::support::SOON, gone).await.unwrap();
}

#[tokio::test]
async fn the_time_and_what_happened_to_a_group_are_told_over_http_and_nothing_else() {
    let stage = stage().await;
    let before = stage.sim("clock").await.json()["simulated_ms"].as_u64().unwrap();
    stage.control.advance(Duration::from_secs(90));
    assert!(stage.sim("clock").await.json()["simulated_ms"].as_u64().unwrap() >= before + 90_000);
    stage.post("twin", "k", "{}").await;
    let summary = stage.sim("summary/twin").await.json();
    assert_eq!((&summary["executed"], &summary["keys"]), (&json!(1), &json!(["k"])));
    assert_eq!(stage.control.summary().requests, 1, "these calls are not recorded");
    let unknown = stage.sim("nothing").await;
    assert_eq!((unknown.status, unknown.json()["error"].as_str()), (404, Some("path: the control API has no such call")));
}
