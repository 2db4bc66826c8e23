//! `POST …/consent`: the answer, validation, level 2.

use heygen_simulator::{AccountPatch, AlreadyBound, BehaviourPatch, GroupPatch, MAIN_ACCOUNT};
use serde_json::{Value, json};

use crate::support::stage;

#[tokio::test]
async fn level_1_answers_the_group_and_a_link() {
    let stage = stage().await;
    let reply = stage.post("twin", "", "{}").await;
    assert_eq!(reply.status, 200);
    let data = reply.json()["data"].clone();
    assert_eq!(data.as_object().unwrap().len(), 2);
    assert_eq!(data["avatar_group"]["id"], "twin");
    assert_eq!(data["avatar_group"]["consent_status"], "pending");
    let prefix = format!("{}/consent/", stage.simulator.base_url());
    let token = data["url"].as_str().unwrap().strip_prefix(&prefix).unwrap();
    assert!(token.len() >= 32 && token.bytes().all(|byte| byte.is_ascii_hexdigit()), "at least 128 random bits");
}

#[tokio::test]
async fn every_executed_post_makes_another_link_and_the_old_ones_stay_listed() {
    let stage = stage().await;
    let first = stage.link("{}").await;
    let second = stage.link("{}").await;
    assert_ne!(first, second);
    let links: Vec<String> = stage.control.group("twin").unwrap().links.into_iter().map(|link| link.url).collect();
    assert_eq!(links, [first, second]);
}

#[tokio::test]
async fn nulls_count_as_absent_and_unknown_fields_are_ignored() {
    let stage = stage().await;
    let body = json!({"reroute_url": null, "consent_text": null, "consent_video": null, "surprise": 1});
    assert_eq!(stage.post("twin", "", &body.to_string()).await.status, 200);
}

#[tokio::test]
async fn an_executed_post_makes_a_missing_or_expired_consent_pending() {
    let stage = stage().await;
    for word in [None, Some("expired"), Some("rejected"), Some("whatever")] {
        stage.control.set_consent_status("twin", word).unwrap();
        stage.link("{}").await;
        assert_eq!(stage.consent_status().await, "pending", "{word:?}");
    }
    stage.control.approve("twin").unwrap();
    stage.link("{}").await;
    assert_eq!(stage.consent_status().await, "approved");
}

#[tokio::test]
async fn a_group_may_be_told_to_keep_its_consent_status() {
    let stage = stage().await;
    let keeps = GroupPatch { keeps_consent_status: Some(true), consent_status: Some(None), ..GroupPatch::default() };
    stage.control.patch_group("twin", keeps).unwrap();
    stage.link("{}").await;
    assert_eq!(stage.consent_status().await, Value::Null);
}

#[tokio::test]
async fn a_body_that_breaks_a_rule_is_400_and_the_field_is_named() {
    let stage = stage().await;
    let clip = json!({"type": "url", "url": "https://example.com/clip.mp4"});
    let cases = [
        (json!({"consent_text": "x".repeat(1001)}), "consent_text"),
        (json!({"consent_text": "a < b"}), "consent_text"),
        (json!({"consent_text": "a > b"}), "consent_text"),
        (json!({"consent_text": 1}), "consent_text"),
        (json!({"reroute_url": ["https://example.com"]}), "reroute_url"),
        (json!({"consent_video": "https://example.com/clip.mp4"}), "consent_video"),
        (json!({"consent_video": {"type": "base64", "media_type": "video/mp4", "data": "AAAA"}}), "consent_video"),
        (json!({"consent_video": {"type": "url"}}), "consent_video.url"),
        (json!({"consent_video": {"type": "url", "url": "http://example.com/clip.mp4"}}), "consent_video.url"),
        (json!({"consent_video": {"type": "asset_id", "asset_id": 7}}), "consent_video.asset_id"),
        (json!({"consent_video": clip, "reroute_url": "https://example.com"}), "reroute_url"),
        (json!({"consent_video": clip, "consent_text": "yes"}), "consent_text"),
    ];
    for (body, param) in cases {
        let refused = stage.post("twin", "", &body.to_string()).await;
        assert_eq!((refused.status, refused.code()), (400, "invalid_parameter".to_owned()), "{body}");
        assert_eq!(refused.json()["error"]["param"], param, "{body}");
    }
    assert_eq!(stage.control.summary().executed, 0);
    assert_eq!(stage.control.summary().refused, 12);
}

#[tokio::test]
async fn a_thousand_characters_are_allowed_whatever_their_size_in_bytes() {
    let stage = stage().await;
    let body = json!({"consent_text": "ü".repeat(1000)});
    assert_eq!(stage.post("twin", "", &body.to_string()).await.status, 200);
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_400() {
    let stage = stage().await;
    for body in ["", "{", "[]", "\"x\"", "null", "reroute_url=x"] {
        let refused = stage.post("twin", "", body).await;
        assert_eq!((refused.status, refused.code()), (400, "invalid_parameter".to_owned()), "{body:?}");
    }
}

#[tokio::test]
async fn a_body_beyond_a_mebibyte_is_413() {
    let stage = stage().await;
    let refused = stage.post("twin", "", &"x".repeat(1024 * 1024 + 1)).await;
    assert_eq!((refused.status, refused.code()), (413, "payload_too_large".to_owned()));
}

#[tokio::test]
async fn a_malformed_idempotency_key_is_400() {
    let stage = stage().await;
    for key in ["a b", "a/b", "a,b", &"k".repeat(256)] {
        let refused = stage.post("twin", key, "{}").await;
        assert_eq!((refused.status, refused.code()), (400, "invalid_parameter".to_owned()), "{key:?}");
        assert_eq!(refused.json()["error"]["param"], "Idempotency-Key");
    }
    assert_eq!(stage.post("twin", &"k".repeat(255), "{}").await.status, 200);
    assert_eq!(stage.control.summary().executed, 1);
}

#[tokio::test]
async fn level_2_without_the_entitlement_is_403() {
    let stage = stage().await;
    for clip in clips() {
        let refused = stage.post("twin", "", &json!({ "consent_video": clip }).to_string()).await;
        assert_eq!((refused.status, refused.code()), (403, "forbidden".to_owned()), "{clip}");
        assert!(refused.json()["error"]["message"].as_str().unwrap().contains("enterprise API customers"));
    }
    assert_eq!(stage.control.summary().executed, 0);
}

/// Both ways to hand in a clip.
fn clips() -> [Value; 2] {
    [json!({"type": "url", "url": "https://example.com/clip.mp4"}), json!({"type": "asset_id", "asset_id": "a1"})]
}

#[tokio::test]
async fn level_2_goes_to_review_at_once_and_answers_no_link() {
    let stage = stage().await;
    let enterprise = AccountPatch { enterprise: Some(true), ..AccountPatch::default() };
    stage.control.patch_account(MAIN_ACCOUNT, enterprise).unwrap();
    let review = BehaviourPatch { review_time: Some(std::time::Duration::from_hours(1)), ..BehaviourPatch::default() };
    stage.control.change_behaviour(review).unwrap();
    for clip in clips() {
        stage.control.set_consent_status("twin", Some("pending")).unwrap();
        let reply = stage.post("twin", "", &json!({ "consent_video": clip }).to_string()).await;
        assert_eq!(reply.status, 200, "{clip}");
        assert_eq!(reply.json()["data"].get("url"), None, "{clip}");
        assert_eq!(stage.consent_status().await, "pending", "{clip}");
        stage.control.advance(std::time::Duration::from_hours(1));
        assert_eq!(stage.consent_status().await, "approved", "{clip}");
    }
    assert!(stage.control.group("twin").unwrap().links.is_empty());
}

#[tokio::test]
async fn a_second_link_can_be_refused_as_already_bound_with_any_status() {
    let stage = stage().await;
    let bind = |bound| stage.control.change_behaviour(BehaviourPatch { already_bound: Some(bound), ..BehaviourPatch::default() });
    stage.link("{}").await;
    for (status, code) in [(200, "ok"), (400, "invalid_parameter"), (403, "forbidden"), (409, "conflict"), (500, "internal_error")] {
        bind(Some(AlreadyBound { status, code: code.to_owned() })).unwrap();
        let refused = stage.post("twin", "", "{}").await;
        assert_eq!((refused.status, refused.code()), (status, code.to_owned()));
        assert!(refused.text.contains("security code already binded"));
    }
    assert_eq!(stage.control.group_summary("twin").executed, 1);
    stage.control.advance(std::time::Duration::from_hours(24));
    assert_eq!(stage.post("twin", "", "{}").await.status, 200, "a dead link binds nothing");
}

#[tokio::test]
async fn an_approval_can_go_back_to_pending_to_a_refusal_or_to_no_word_and_return() {
    let stage = stage().await;
    stage.link("{}").await;
    for word in [Some("pending"), Some("rejected"), None] {
        stage.control.approve("twin").unwrap();
        assert_eq!(stage.consent_status().await, "approved");
        stage.control.set_consent_status("twin", word).unwrap();
        assert_eq!(stage.consent_status().await, json!(word));
    }
    stage.control.approve("twin").unwrap();
    assert_eq!(stage.consent_status().await, "approved");
    assert_eq!(stage.control.group_summary("twin").links, 1, "the link stays");
}

/// As after a request in HeyGen's own interface: there, consent can still be given.
#[tokio::test]
async fn a_consent_that_was_begun_elsewhere_gives_no_link_from_the_first_request_on() {
    let stage = stage().await;
    let begun = |begun| stage.control.patch_group("twin", GroupPatch { begun_elsewhere: Some(begun), ..GroupPatch::default() }).unwrap();
    begun(true);
    for (key, body) in [("", "{}"), ("k1", r#"{"reroute_url":"https://example.com"}"#)] {
        let refused = stage.post("twin", key, body).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "invalid_parameter"));
        assert!(refused.text.contains("security code already binded"), "{}", refused.text);
    }
    let bound = AlreadyBound { status: 409, code: "conflict".to_owned() };
    stage.control.change_behaviour(BehaviourPatch { already_bound: Some(Some(bound)), ..BehaviourPatch::default() }).unwrap();
    assert_eq!(stage.post("twin", "", "{}").await.status, 409, "the status and the code can be chosen");
    let group = stage.control.group("twin").unwrap();
    assert_eq!((group.links.len(), stage.control.group_summary("twin").executed), (0, 0));
    assert_eq!(stage.consent_status().await, "pending");
    stage.control.approve("twin").unwrap();
    assert_eq!(stage.consent_status().await, "approved");
    begun(false);
    assert_eq!(stage.post("twin", "", "{}").await.status, 200);
}
