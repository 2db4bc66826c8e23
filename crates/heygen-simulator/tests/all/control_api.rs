//! `/_sim/`: every switch over HTTP.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Stage, send, stage};

async fn ok(stage: &Stage, method: Method, path: &str, body: Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let reply = stage.sim(method, path, &body).await;
    assert!((200..300).contains(&reply.status), "{path}: {} {}", reply.status, reply.text);
    if reply.text.is_empty() { Value::Null } else { reply.json() }
}

#[tokio::test]
async fn groups_are_created_in_bulk_or_one_by_one() {
    let stage = stage().await;
    let bulk = json!({"prefix": "many-", "count": 3});
    assert_eq!(ok(&stage, Method::POST, "groups", bulk).await["created"], 3);
    assert_eq!(stage.get("/v3/avatars/many-000002").await.status, 200);
    let explicit = json!({"groups": [{
        "id": "photo", "name": "Ada", "consent_status": null, "status": null, "optional_fields": "null",
        "looks": [{"id": "p1", "avatar_type": "photo_avatar"}],
    }]});
    ok(&stage, Method::POST, "groups", explicit).await;
    let data = stage.get("/v3/avatars/photo").await.json()["data"].clone();
    assert_eq!((&data["name"], data.get("consent_status")), (&json!("Ada"), Some(&Value::Null)));
}

#[tokio::test]
async fn a_group_is_changed_approved_rejected_shown_and_deleted() {
    let stage = stage().await;
    ok(&stage, Method::PATCH, "groups/twin", json!({"consent_status": "odd", "status": null})).await;
    assert_eq!(stage.consent_status().await, "odd");
    ok(&stage, Method::POST, "groups/twin/approve", Value::Null).await;
    assert_eq!(stage.consent_status().await, "approved");
    ok(&stage, Method::POST, "groups/twin/reject", Value::Null).await;
    assert_eq!(stage.consent_status().await, "rejected");
    let link = stage.link("{}").await;
    let shown = ok(&stage, Method::GET, "groups/twin", Value::Null).await;
    assert_eq!((&shown["links"][0]["url"], &shown["links"][0]["progress"]), (&json!(link), &json!("open")));
    assert_eq!((&shown["status"], &shown["account"]), (&Value::Null, &json!("main")));
    ok(&stage, Method::DELETE, "groups/twin", Value::Null).await;
    assert_eq!(stage.sim(Method::GET, "groups/twin", "").await.status, 404);
}

#[tokio::test]
async fn faults_are_added_listed_and_removed() {
    let stage = stage().await;
    let rules = [
        json!({"action": {"respond": {"status": 429, "headers": {"retry-after": "3"}, "body": "{}"}}, "remaining": 1}),
        json!({"match": {"kind": "list"}, "action": "drop_after"}),
        json!({"match": {"kind": "group", "method": "GET", "group": "twin", "account": "main"}, "action": {"reshape": "nested_group"}}),
        json!({"action": {"delay_before": {"milliseconds": 1}}, "skip": 2}),
        json!({"action": {"slow_body": {"chunk_bytes": 1, "pause_ms": 0}}}),
        json!({"match": {"kind": "me"}, "action": {"huge_body": {"mebibytes": 1}}}),
    ];
    for (number, rule) in (1..).zip(rules) {
        assert_eq!(ok(&stage, Method::POST, "faults", rule).await["id"], number);
    }
    assert_eq!(stage.get("/v3/avatars/twin").await.header("retry-after"), "3");
    assert_eq!(stage.get("/v3/avatars/twin").await.json()["data"]["avatar_group"]["id"], "twin");
    let listed = ok(&stage, Method::GET, "faults", Value::Null).await;
    assert_eq!(listed["faults"].as_array().unwrap().len(), 6);
    assert_eq!((&listed["faults"][0]["applied"], &listed["faults"][0]["remaining"]), (&json!(1), &json!(0)));
    ok(&stage, Method::DELETE, "faults/3", Value::Null).await;
    assert_eq!(stage.get("/v3/avatars/twin").await.json()["data"]["id"], "twin");
    ok(&stage, Method::DELETE, "faults", Value::Null).await;
    assert!(stage.control.faults().is_empty());
}

#[tokio::test]
async fn the_clock_moves_and_tells() {
    let stage = stage().await;
    let before = ok(&stage, Method::GET, "clock", Value::Null).await["simulated_ms"].as_u64().unwrap();
    let after = ok(&stage, Method::POST, "clock", json!({"advance_seconds": 90.5})).await;
    assert!(after["simulated_ms"].as_u64().unwrap() >= before + 90_500);
    assert_eq!(after["offset_ms"], 90_500);
}

#[tokio::test]
async fn settings_are_changed_one_by_one() {
    let stage = stage().await;
    let patch = json!({"latency_ms": 1, "review_seconds": 60, "link_lifetime_seconds": 120, "approved_word": "accepted",
        "replay_errors": true, "ignore_idempotency_keys": true, "already_bound": {"status": 400, "code": "x"}});
    let shown = ok(&stage, Method::PATCH, "settings", patch).await;
    assert_eq!((&shown["latency_ms"], &shown["review_seconds"]), (&json!(1.0), &json!(60.0)));
    assert_eq!(shown["idempotency_window_seconds"], 86_400.0, "what is not named stays");
    let shown = ok(&stage, Method::PATCH, "settings", json!({"already_bound": null})).await;
    assert_eq!((&shown["already_bound"], &shown["approved_word"]), (&Value::Null, &json!("accepted")));
}

#[tokio::test]
async fn accounts_are_added_changed_and_listed_without_their_keys() {
    let stage = stage().await;
    ok(&stage, Method::POST, "accounts", json!({"name": "second", "api_key": "k2-secret"})).await;
    ok(&stage, Method::PATCH, "accounts/second", json!({"enterprise": true, "key_refused": true})).await;
    let listed = stage.sim(Method::GET, "accounts", "").await;
    assert_eq!(
        listed.json()["accounts"][1],
        json!({"name": "second", "enterprise": true, "key_refused": true, "bearer_refused": false, "groups": 0})
    );
    assert!(!listed.text.contains("k2-secret"));
    ok(&stage, Method::PATCH, "accounts/second", json!({"key_refused": false, "api_key": "k3"})).await;
    assert_eq!(send(stage.bare(Method::GET, "/v3/users/me").header("X-Api-Key", "k3")).await.status, 200);
}

#[tokio::test]
async fn the_record_is_read_and_reset() {
    let stage = stage().await;
    stage.get("/v3/users/me").await;
    stage.post("twin", "k", "{}").await;
    let requests = ok(&stage, Method::GET, "requests?since=1", Value::Null).await;
    assert_eq!(requests["requests"].as_array().unwrap().len(), 1);
    assert_eq!((&requests["requests"][0]["effect"], &requests["requests"][0]["kind"]), (&json!("executed"), &json!("consent")));
    assert_eq!(ok(&stage, Method::GET, "requests?from_ms=0&to_ms=0", Value::Null).await["requests"], json!([]));
    let summary = ok(&stage, Method::GET, "summary?groups=true", Value::Null).await;
    assert_eq!((&summary["totals"]["executed"], &summary["groups"][0]["links"]), (&json!(1), &json!(1)));
    assert_eq!(ok(&stage, Method::GET, "summary/twin", Value::Null).await["keys"], json!(["k"]));
    ok(&stage, Method::POST, "reset-record", Value::Null).await;
    assert_eq!(ok(&stage, Method::GET, "summary", Value::Null).await["totals"]["requests"], 0, "control calls are not recorded");
}

#[tokio::test]
async fn a_mistake_is_answered_in_json_and_names_the_field() {
    let stage = stage().await;
    let cases = [
        (Method::POST, "groups", r#"{"prefix":"a","cuont":1}"#, 400, "cuont"),
        (Method::POST, "groups", r#"{"prefix":"a"}"#, 400, "count"),
        (Method::POST, "groups", r#"{"prefix":"a","count":"1"}"#, 400, "count"),
        (Method::POST, "groups", "{}", 400, "groups"),
        (Method::POST, "groups", r#"{"groups":[{"id":"twin"}]}"#, 409, "id"),
        (Method::POST, "groups", r#"{"groups":[{"id":"x","account":"y"}]}"#, 404, "account"),
        (Method::POST, "groups", r#"{"groups":[{"id":"x","looks":[{"id":"l"}]}]}"#, 400, "avatar_type"),
        (Method::PATCH, "groups/twin", r#"{"status":1}"#, 400, "status"),
        (Method::PATCH, "groups/nobody", "{}", 404, "group"),
        (Method::POST, "clock", r#"{"advance_seconds":-1}"#, 400, "advance_seconds"),
        (Method::PATCH, "settings", r#"{"latency":1}"#, 400, "latency"),
        (Method::POST, "faults", r#"{"action":{"respond":{"status":1}}}"#, 400, "status"),
        (Method::POST, "faults", r#"{"action":"explode"}"#, 400, "explode"),
        (Method::DELETE, "faults/7", "", 404, "fault"),
        (Method::DELETE, "faults/x", "", 400, "id"),
        (Method::PATCH, "accounts/nobody", "{}", 404, "account"),
        (Method::POST, "accounts", r#"{"name":"main","api_key":"x"}"#, 409, "name"),
        (Method::GET, "requests?sinc=1", "", 400, "sinc"),
        (Method::GET, "nothing", "", 404, "path"),
        (Method::POST, "clock", "no json", 400, "expected"),
    ];
    for (method, path, body, status, named) in cases {
        let reply = stage.sim(method, path, body).await;
        assert_eq!(reply.status, status, "{path} {body}: {}", reply.text);
        let error = reply.json()["error"].as_str().unwrap().to_owned();
        assert!(error.contains(named), "{path} {body}: {error}");
    }
}
