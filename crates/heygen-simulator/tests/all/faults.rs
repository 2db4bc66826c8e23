//! Every fault, switched on for a while, and what the server did meanwhile.

use std::time::{Duration, Instant, UNIX_EPOCH};

use heygen_simulator::{DEMO_API_KEY, FaultAction, FaultRule, PathKind, Reshape};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Reply, SOON, Stage, send, stage, until};

/// The answer to a read while this action applies to it once.
async fn read_under(stage: &Stage, action: FaultAction) -> Reply {
    stage.control.add_fault(FaultRule::new(action).on(PathKind::Group).times(1)).expect("a valid rule");
    stage.get("/v3/avatars/twin").await
}

async fn reshaped(stage: &Stage, path: &str, reshape: Reshape) -> Value {
    stage.control.add_fault(FaultRule::new(FaultAction::Reshape(reshape)).times(1)).expect("a valid rule");
    stage.get(path).await.json()
}

/// Sends one request over a bare socket and returns every byte that came back before the server closed it.
async fn bytes_answered(stage: &Stage, method: &str, path: &str, key: &str) -> Vec<u8> {
    let mut socket = TcpStream::connect(stage.simulator.addr()).await.expect("a connection");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: h\r\nx-api-key: {DEMO_API_KEY}\r\nidempotency-key: {key}\r\ncontent-length: 2\r\n\r\n{{}}"
    );
    socket.write_all(request.as_bytes()).await.expect("sent");
    let mut answered = Vec::new();
    let closed = tokio::time::timeout(SOON, socket.read_to_end(&mut answered)).await.expect("the server closes");
    closed.expect("a clean end");
    answered
}

#[tokio::test]
async fn a_connection_dropped_after_acting_answers_not_one_byte_and_the_key_replays_what_was_done() {
    let stage = stage().await;
    stage.control.add_fault(FaultRule::new(FaultAction::DropAfter).on(PathKind::Consent).times(1)).unwrap();
    assert_eq!(bytes_answered(&stage, "POST", "/v3/avatars/twin/consent", "k").await, b"");
    let lost = stage.control.group("twin").unwrap().links[0].url.clone();
    assert_eq!(stage.control.group_summary("twin").executed, 1);
    let again = stage.post("twin", "k", "{}").await;
    assert_eq!(again.json()["data"]["url"], lost);
    let summary = stage.control.group_summary("twin");
    assert_eq!((summary.executed, summary.replayed, summary.links), (1, 1, 1));
    let recorded = &stage.control.requests_since(0)[0];
    assert_eq!((recorded.status, recorded.faults.len()), (None, 1));
    assert_eq!(stage.control.summary().dropped, 1);
}

#[tokio::test]
async fn a_connection_dropped_before_acting_did_nothing() {
    let stage = stage().await;
    stage.control.add_fault(FaultRule::new(FaultAction::DropBefore).times(1)).unwrap();
    assert_eq!(bytes_answered(&stage, "POST", "/v3/avatars/twin/consent", "k").await, b"");
    assert_eq!(stage.control.group_summary("twin").executed, 0);
    assert_eq!(stage.post("twin", "k", "{}").await.status, 200);
    assert_eq!(stage.control.group_summary("twin").replayed, 0);
}

#[tokio::test]
async fn a_client_library_sees_a_drop_as_an_error_and_not_as_an_answer() {
    let stage = stage().await;
    stage.control.add_fault(FaultRule::new(FaultAction::DropAfter)).unwrap();
    assert!(stage.consent("twin", "k", "{}").send().await.is_err());
    assert_eq!(stage.control.summary().executed, 1);
}

#[tokio::test]
async fn a_rate_limit_comes_with_seconds_with_a_date_or_with_nothing() {
    let stage = stage().await;
    let seconds = read_under(&stage, FaultAction::rate_limited(Some(Duration::from_secs(7)))).await;
    assert_eq!((seconds.status, seconds.code()), (429, "rate_limit_exceeded".to_owned()));
    assert_eq!(seconds.header("retry-after"), "7");
    let date = UNIX_EPOCH + Duration::from_secs(784_111_777);
    let dated = read_under(&stage, FaultAction::rate_limited_until(date)).await;
    assert_eq!(dated.header("retry-after"), "Sun, 06 Nov 1994 08:49:37 GMT");
    let bare = read_under(&stage, FaultAction::rate_limited(None)).await;
    assert_eq!((bare.status, bare.headers.get("retry-after")), (429, None));
    let quota = read_under(&stage, FaultAction::quota_exceeded()).await;
    assert_eq!((quota.status, quota.code()), (429, "quota_exceeded".to_owned()));
}

#[tokio::test]
async fn server_errors_have_their_codes() {
    let stage = stage().await;
    for (status, code) in [(500, "internal_error"), (502, "internal_error"), (503, "service_unavailable"), (504, "gateway_timeout")] {
        let down = read_under(&stage, FaultAction::server_error(status)).await;
        assert_eq!((down.status, down.code()), (status, code.to_owned()));
    }
}

#[tokio::test]
async fn bodies_can_be_html_empty_broken_or_legacy() {
    let stage = stage().await;
    let html = read_under(&stage, FaultAction::html(502)).await;
    assert_eq!((html.status, html.header("content-type")), (502, "text/html; charset=utf-8"));
    assert!(html.text.starts_with("<html>"));
    let empty = read_under(&stage, FaultAction::empty(200)).await;
    assert_eq!((empty.status, empty.text.as_str()), (200, ""));
    let broken = read_under(&stage, FaultAction::not_json(200)).await;
    assert!(serde_json::from_str::<Value>(&broken.text).is_err());
    let legacy = read_under(&stage, FaultAction::legacy_error(400, 400_123, "old")).await;
    assert_eq!(legacy.json(), json!({"code": 400_123, "message": "old"}));
    let ok = read_under(&stage, FaultAction::ok_with_error("INTERNAL", "no")).await;
    assert_eq!((ok.status, ok.code()), (200, "INTERNAL".to_owned()));
}

#[tokio::test]
async fn an_already_bound_code_and_a_redirect_are_answers_too() {
    let stage = stage().await;
    let bound = read_under(&stage, FaultAction::already_bound(409, "conflict")).await;
    assert_eq!(bound.status, 409);
    assert!(bound.text.contains("security code already binded"));
    let moved = read_under(&stage, FaultAction::redirect(307, "https://elsewhere.example/v3")).await;
    assert_eq!((moved.status, moved.header("location")), (307, "https://elsewhere.example/v3"));
}

#[tokio::test]
async fn a_gateway_may_give_up_on_a_server_that_acts() {
    let stage = stage().await;
    let gave_up = FaultAction::server_error(504).acting_first();
    stage.control.add_fault(FaultRule::new(gave_up).times(1)).unwrap();
    assert_eq!(stage.post("twin", "k", "{}").await.status, 504);
    assert_eq!(stage.control.group_summary("twin").executed, 1);
    assert_eq!(stage.post("twin", "k", "{}").await.status, 200);
    assert_eq!(stage.control.group_summary("twin").replayed, 1);
}

#[tokio::test]
async fn a_delay_after_acting_leaves_the_key_ready_to_replay() {
    let stage = stage().await;
    stage.control.add_fault(FaultRule::new(FaultAction::delay_after(Duration::from_secs(30))).times(1)).unwrap();
    let late = tokio::spawn(stage.consent("twin", "k", "{}").send());
    until("the server acted", || stage.control.summary().executed == 1).await;
    assert_eq!(stage.post("twin", "k", "{}").await.status, 200);
    assert!(!late.is_finished(), "the first caller still waits");
    assert_eq!(stage.control.group_summary("twin").executed, 1);
    late.abort();
}

#[tokio::test]
async fn delays_and_the_general_latency_add_up() {
    let stage = stage().await;
    let latency = heygen_simulator::BehaviourPatch { latency: Some(Duration::from_millis(20)), ..Default::default() };
    stage.control.change_behaviour(latency).unwrap();
    stage.control.add_fault(FaultRule::new(FaultAction::delay_before(Duration::from_millis(20)))).unwrap();
    stage.control.add_fault(FaultRule::new(FaultAction::delay_after(Duration::from_millis(20)))).unwrap();
    let started = Instant::now();
    assert_eq!(stage.get("/v3/avatars/twin").await.status, 200);
    assert!(started.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn a_request_that_is_held_goes_on_when_its_rule_is_removed_and_not_with_another() {
    let stage = stage().await;
    let held = |action| stage.control.add_fault(FaultRule::new(action).on(PathKind::Consent).times(1)).unwrap();
    let hour = Duration::from_hours(1);
    let other = stage.control.add_fault(FaultRule::new(FaultAction::DropBefore).on(PathKind::Looks)).unwrap();
    let (before, after) = (held(FaultAction::delay_before(hour)), held(FaultAction::delay_after(hour)));
    let late = tokio::spawn(stage.consent("twin", "k", "{}").send());
    until("the call arrived", || stage.control.summary().requests == 1).await;
    stage.control.remove_fault(other).unwrap();
    assert_eq!(stage.post("twin", "k", "{}").await.status, 409, "it is held before it acts");
    stage.control.remove_fault(before).unwrap();
    until("the server acted", || stage.control.summary().executed == 1).await;
    assert!(!late.is_finished(), "it is held after it has acted");
    stage.control.remove_fault(after).unwrap();
    assert_eq!(tokio::time::timeout(SOON, late).await.unwrap().unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn a_huge_body_is_streamed_and_valid() {
    let stage = stage().await;
    let huge = read_under(&stage, FaultAction::HugeBody { mebibytes: 3 }).await;
    assert_eq!(huge.json()["data"].as_str().unwrap().len(), 3 * 1024 * 1024);
}

#[tokio::test]
async fn a_slow_body_arrives_in_drips_and_whole() {
    let stage = stage().await;
    let started = Instant::now();
    let slow = read_under(&stage, FaultAction::SlowBody { chunk_bytes: 20, pause_ms: 5 }).await;
    assert_eq!(slow.json()["data"]["id"], "twin");
    let pauses = u64::try_from(slow.text.len().div_ceil(20) - 1).unwrap();
    assert!(started.elapsed() >= Duration::from_millis(5 * pauses));
}

#[tokio::test]
async fn the_nested_shape_and_extra_fields_are_valid_variants() {
    let stage = stage().await;
    let path = "/v3/avatars/twin";
    assert_eq!(reshaped(&stage, path, Reshape::NestedGroup).await["data"]["avatar_group"]["id"], "twin");
    let extra = reshaped(&stage, path, Reshape::ExtraFields).await;
    assert!(extra.get("surprise").is_some() && extra["data"].get("surprise").is_some());
}

#[tokio::test]
async fn answers_can_lie_about_their_types() {
    let stage = stage().await;
    let path = "/v3/avatars/twin";
    assert!(reshaped(&stage, path, Reshape::DataIsList).await["data"].is_array());
    assert!(reshaped(&stage, "/v3/avatars", Reshape::DataIsObject).await["data"].is_object());
    assert!(reshaped(&stage, path, Reshape::DataIsNull).await["data"].is_null());
    assert!(reshaped(&stage, path, Reshape::DataIsMissing).await.get("data").is_none());
    assert!(reshaped(&stage, path, Reshape::LooksCountIsString).await["data"]["looks_count"].is_string());
    assert!(reshaped(&stage, path, Reshape::CreatedAtIsString).await["data"]["created_at"].is_string());
    assert!(reshaped(&stage, "/v3/avatars", Reshape::ConsentStatusIsNumber).await["data"][0]["consent_status"].is_number());
    assert!(reshaped(&stage, path, Reshape::ConsentStatusIsMissing).await["data"].get("consent_status").is_none());
    assert!(reshaped(&stage, "/v3/avatars", Reshape::HasMoreIsString).await["has_more"].is_string());
    let stuck = reshaped(&stage, "/v3/avatars", Reshape::HasMoreWithoutToken).await;
    assert_eq!((&stuck["has_more"], &stuck["next_token"]), (&json!(true), &Value::Null));
}

#[tokio::test]
async fn answers_to_a_post_can_lack_their_link_and_still_replay_it() {
    let stage = stage().await;
    stage.control.add_fault(FaultRule::new(FaultAction::Reshape(Reshape::UrlIsMissing)).times(1)).unwrap();
    assert!(stage.post("twin", "k", "{}").await.json()["data"].get("url").is_none());
    stage.control.add_fault(FaultRule::new(FaultAction::Reshape(Reshape::UrlIsNumber)).times(1)).unwrap();
    assert!(stage.post("twin", "k", "{}").await.json()["data"]["url"].is_number());
    assert!(stage.post("twin", "k", "{}").await.json()["data"]["url"].is_string());
}

#[tokio::test]
async fn pages_can_lead_in_a_circle() {
    let stage = stage().await;
    stage.control.add_fault(FaultRule::new(FaultAction::Reshape(Reshape::EndlessPages))).unwrap();
    let first = stage.get("/v3/avatars").await.json();
    let token = first["next_token"].as_str().unwrap();
    let second = stage.get(&format!("/v3/avatars?token={token}")).await.json();
    assert_eq!(first, second);
}

#[tokio::test]
async fn a_rule_applies_only_to_what_it_matches() {
    let stage = stage().await;
    let error = || FaultAction::server_error(500);
    let rules = [
        FaultRule::new(error()).on(PathKind::List),
        FaultRule::new(error()).method("POST"),
        FaultRule::new(error()).group("other"),
        FaultRule::new(error()).account("other"),
    ];
    for rule in rules {
        stage.control.add_fault(rule).unwrap();
    }
    assert_eq!(stage.get("/v3/avatars/twin").await.status, 200);
    assert_eq!(stage.get("/v3/avatars").await.status, 500);
    assert_eq!(stage.post("twin", "", "{}").await.status, 500);
    assert_eq!(stage.get("/v3/avatars/looks?group_id=other").await.status, 500);
}

#[tokio::test]
async fn a_rule_applies_as_often_as_it_says_and_after_as_many_as_it_says() {
    let stage = stage().await;
    stage.control.add_fault(FaultRule::new(FaultAction::server_error(500)).after(1).times(2)).unwrap();
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(stage.get("/v3/avatars/twin").await.status);
    }
    assert_eq!(statuses, [200, 500, 500, 200]);
    let rule = &stage.control.faults()[0];
    assert_eq!((rule.applied, rule.rule.remaining), (2, Some(0)));
    let marked: Vec<usize> = stage.control.requests_since(0).iter().map(|request| request.faults.len()).collect();
    assert_eq!((marked, stage.control.summary().faulted), (vec![0, 1, 1, 0], 2));
}

#[tokio::test]
async fn the_oldest_of_two_answers_wins_and_the_other_is_not_used_up() {
    let stage = stage().await;
    stage.control.add_fault(FaultRule::new(FaultAction::server_error(500)).times(1)).unwrap();
    stage.control.add_fault(FaultRule::new(FaultAction::server_error(503)).times(1)).unwrap();
    assert_eq!(stage.get("/v3/avatars/twin").await.status, 500);
    assert_eq!(stage.get("/v3/avatars/twin").await.status, 503);
    assert_eq!(stage.get("/v3/avatars/twin").await.status, 200);
}

#[tokio::test]
async fn removed_rules_apply_no_more() {
    let stage = stage().await;
    let id = stage.control.add_fault(FaultRule::new(FaultAction::server_error(500))).unwrap();
    stage.control.add_fault(FaultRule::new(FaultAction::server_error(503))).unwrap();
    stage.control.remove_fault(id).unwrap();
    assert_eq!(stage.get("/v3/avatars/twin").await.status, 503);
    stage.control.clear_faults();
    assert_eq!(stage.get("/v3/avatars/twin").await.status, 200);
    assert!(stage.control.remove_fault(id).is_err());
}

#[tokio::test]
async fn the_hosted_page_is_hit_only_by_rules_that_name_it() {
    let stage = stage().await;
    let link = stage.link("{}").await;
    stage.control.add_fault(FaultRule::new(FaultAction::server_error(500))).unwrap();
    assert_eq!(send(stage.client.request(Method::GET, &link)).await.status, 200);
    stage.control.add_fault(FaultRule::new(FaultAction::html(503)).on(PathKind::Page)).unwrap();
    assert_eq!(send(stage.client.request(Method::GET, &link)).await.status, 503);
}

#[tokio::test]
async fn a_rule_that_http_does_not_allow_is_refused() {
    let stage = stage().await;
    let refused = [
        FaultAction::server_error(99),
        FaultAction::server_error(600),
        FaultAction::empty(200).with_header("a b", "c"),
        FaultAction::empty(200).with_header("a", "b\nc"),
        FaultAction::SlowBody { chunk_bytes: 0, pause_ms: 1 },
    ];
    for action in refused {
        assert!(stage.control.add_fault(FaultRule::new(action)).is_err());
    }
}
