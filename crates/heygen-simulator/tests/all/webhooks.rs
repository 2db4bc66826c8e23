//! Webhooks: registered after a probe, signed, and sent as often and as late as they are asked to be.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode};
use heygen_simulator::{ControlError, WebhookEvent};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Reply, Stage, send, stage};

type Received = Arc<Mutex<Vec<(Method, HeaderMap, Bytes)>>>;

/// Somebody who wants to be told, and what was told; probes are answered with `probe`.
async fn receiver(probe: StatusCode) -> (String, Received) {
    let received = Received::default();
    let kept = received.clone();
    let take = move |method: Method, headers: HeaderMap, body: Bytes| {
        let answer = if method == Method::OPTIONS { probe } else { StatusCode::ACCEPTED };
        kept.lock().expect("no panic").push((method, headers, body));
        async move { answer }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hook?of=test", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(take)).await });
    (url, received)
}

async fn register(stage: &Stage, body: Value) -> Reply {
    send(stage.request(Method::POST, "/v3/webhooks/endpoints").body(body.to_string())).await
}

/// HMAC-SHA256 with a key shorter than a block, in the words of RFC 2104.
fn hmac(key: &str, body: &[u8]) -> String {
    let pad = |with: u8| -> Vec<u8> { (0..64).map(|at| key.as_bytes().get(at).copied().unwrap_or(0) ^ with).collect() };
    let inner = Sha256::digest([pad(0x36), body.to_vec()].concat());
    Sha256::digest([pad(0x5c), inner.to_vec()].concat()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn an_endpoint_is_registered_only_when_it_answers_the_probe() {
    let stage = stage().await;
    let (url, received) = receiver(StatusCode::OK).await;
    let registered = register(&stage, json!({ "url": url })).await;
    let data = registered.json()["data"].clone();
    assert_eq!((registered.status, &data["url"], &data["events"], &data["status"]), (200, &json!(url), &Value::Null, &json!("enabled")));
    assert!(data["secret"].as_str().unwrap().starts_with("whsec_"));
    assert!(data["created_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(received.lock().unwrap()[0].0, Method::OPTIONS);

    let (unwilling, _) = receiver(StatusCode::METHOD_NOT_ALLOWED).await;
    for url in [json!(unwilling), json!("http://127.0.0.1:1/"), json!("ftp://x"), Value::Null] {
        let refused = register(&stage, json!({ "url": url })).await;
        assert_eq!((refused.status, refused.json()["error"]["param"].clone()), (400, json!("url")), "{url}");
    }
    assert_eq!(stage.control.webhooks().len(), 1);
}

#[tokio::test]
async fn a_delivery_is_signed_over_the_raw_body_and_sent_as_often_and_as_late_as_it_says() {
    let stage = stage().await;
    let (url, received) = receiver(StatusCode::OK).await;
    let secret = register(&stage, json!({ "url": url })).await.json()["data"]["secret"].as_str().unwrap().to_owned();
    let event = WebhookEvent { copies: 3, late_seconds: 600, ..WebhookEvent::success("twin") };
    assert_eq!(stage.control.deliver(&event).await, Ok(vec![202, 202, 202]));
    let now = stage.control.clock().simulated_ms / 1000;
    let told = received.lock().unwrap().split_off(1);
    assert_eq!(told.len(), 3);
    let mut ids = BTreeSet::new();
    for (_, headers, body) in &told {
        let header = |name: &str| headers[name].to_str().unwrap().to_owned();
        assert_eq!(header("heygen-signature"), hmac(&secret, body));
        let age = now - header("heygen-timestamp").parse::<u64>().unwrap();
        assert!((600..660).contains(&age), "{age}");
        let body: Value = serde_json::from_slice(body).unwrap();
        assert_eq!((&body["event_type"], &body["event_data"]["avatar_group_id"]), (&json!("instant_avatar.success"), &json!("twin")));
        assert_eq!(body["event_id"], header("heygen-event-id"));
        ids.insert(header("heygen-event-id"));
    }
    assert_eq!(ids.len(), 1, "copies of one event");
    assert_eq!(stage.control.deliver(&WebhookEvent::success("nobody")).await, Err(ControlError::UnknownGroup("nobody".to_owned())));
}

#[tokio::test]
async fn endpoints_are_listed_rotated_and_deleted_and_told_only_what_they_want() {
    let stage = stage().await;
    let (url, received) = receiver(StatusCode::OK).await;
    for events in [Value::Null, json!(["instant_avatar.fail"]), json!(["instant_avatar.success"])] {
        register(&stage, json!({ "url": url, "events": events })).await;
    }
    let first = stage.get("/v3/webhooks/endpoints?limit=2").await.json();
    assert_eq!((first["data"].as_array().unwrap().len(), &first["has_more"]), (2, &json!(true)));
    assert!(first["data"][0].get("secret").is_none());
    let second = stage.get(&format!("/v3/webhooks/endpoints?token={}", first["next_token"].as_str().unwrap())).await.json();
    assert_eq!((second["data"].as_array().unwrap().len(), &second["has_more"]), (1, &json!(false)));

    let path = format!("/v3/webhooks/endpoints/{}", second["data"][0]["endpoint_id"].as_str().unwrap());
    let rotated = send(stage.request(Method::POST, &format!("{path}/rotate-secret"))).await.json()["data"]["secret"].clone();
    received.lock().unwrap().clear();
    let over_http = stage.sim(Method::POST, "webhooks/deliver", r#"{"event_type": "instant_avatar.success", "group": "twin"}"#).await;
    assert_eq!(over_http.json(), json!({ "answered": [202, 202] }));
    let (_, headers, body) = received.lock().unwrap()[1].clone();
    assert_eq!(headers["heygen-signature"], hmac(rotated.as_str().unwrap(), &body), "the old secret is dead at once");

    assert_eq!(send(stage.request(Method::DELETE, &path)).await.status, 200);
    assert_eq!(send(stage.request(Method::DELETE, &path)).await.code(), "webhook_not_found");
    assert_eq!(stage.control.deliver(&WebhookEvent::success("twin")).await, Ok(vec![202]));
}
