//! Answers that came whole: the shapes, codes and headers that HeyGen and what stands before it may give.

use std::time::Duration;

use serde_json::json;
use twinconsent_core::consent::outcome::{Class, Group, Outcome, Trouble};
use twinconsent_core::consent::request::{Content, Video};

use crate::server::Server;
use crate::{client, nothing, trouble};

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let mut server = Server::saying(status, "Location: /v3/avatars/elsewhere\r\n", "").await;
        let seen = trouble(client().initiate(&server.credentials, "g1", &nothing(), "k").await);
        assert_eq!((seen.class, seen.status), (Class::Unreadable, Some(status)));
        server.request();
    }
}

#[tokio::test]
async fn html_goes_by_its_status() {
    let html = "<!DOCTYPE html><html><body>security check</body></html>";
    for (status, expected) in
        [(200, Class::Unreadable), (403, Class::AccessDenied), (404, Class::NotFound), (429, Class::Throttled), (502, Class::Unavailable)]
    {
        let server = Server::saying(status, "Content-Type: text/html\r\n", html).await;
        let client = client();
        for outcome in [client.group(&server.credentials, "g1").await, client.probe(&server.credentials).await] {
            assert_eq!(trouble(outcome), Trouble { status: Some(status), ..Trouble::of(expected) });
        }
    }
}

#[tokio::test]
async fn a_success_that_cannot_be_believed_is_unreadable() {
    for body in
        ["", "null", "[]", "\u{feff}{}", r#"{"data":{"id":"g2","consent_status":"approved"}}"#, r#"{"data":{"consent_status":true}}"#]
    {
        let server = Server::saying(200, "", body).await;
        assert_eq!(trouble(client().group(&server.credentials, "g1").await).class, Class::Unreadable, "{body}");
    }
}

#[tokio::test]
async fn a_success_with_an_error_is_no_success() {
    let body = r#"{"data":{"id":"g1","consent_status":"approved"},"error":{"code":"INTERNAL_ERROR","message":"x"}}"#;
    let server = Server::saying(200, "", body).await;
    let seen = trouble(client().group(&server.credentials, "g1").await);
    assert_eq!((seen.class, seen.code, seen.status), (Class::Unavailable, Some("internal_error"), Some(200)));
}

#[tokio::test]
async fn already_bound_is_heard_in_a_success_too() {
    for body in
        [r#"{"error":{"code":"x","message":"Security code already binded"}}"#, r#"{"data":null,"message":"security code already binded"}"#]
    {
        let server = Server::saying(200, "", body).await;
        let client = client();
        assert_eq!(trouble(client.initiate(&server.credentials, "g1", &nothing(), "k").await).class, Class::AlreadyBound);
        assert_eq!(trouble(client.group(&server.credentials, "g1").await).class, Class::Unreadable);
    }
}

#[tokio::test]
async fn an_error_keeps_its_code_param_headers_and_nothing_else() {
    let body = json!({"error": {"code": "invalid_parameter", "message": "https://secret.example", "param": "consent_text"}}).to_string();
    let server = Server::saying(400, "Retry-After: 7\r\nX-Request-Id: req-9\r\n", &body).await;
    let expected = Trouble {
        class: Class::Invalid,
        status: Some(400),
        code: Some("invalid_parameter"),
        param: Some("consent_text"),
        retry_after: Some(Duration::from_secs(7)),
        request_id: Some("req-9".to_owned()),
        fault: None,
    };
    assert_eq!(trouble(client().initiate(&server.credentials, "g1", &nothing(), "k").await), expected);
}

#[tokio::test]
async fn retry_after_is_read_in_both_forms_and_capped() {
    for (header, expected) in [
        ("30", Some(30)),
        ("0", None),
        ("-1", None),
        ("86400", Some(3600)),
        ("Fri, 01 Jan 2100 00:00:00 GMT", Some(3600)),
        ("Sat, 01 Jan 2000 00:00:00 GMT", None),
    ] {
        let server = Server::saying(429, &format!("Retry-After: {header}\r\n"), "").await;
        let seen = trouble(client().group(&server.credentials, "g1").await);
        assert_eq!((seen.class, seen.retry_after), (Class::Throttled, expected.map(Duration::from_secs)), "{header}");
    }
}

#[tokio::test]
async fn a_date_in_retry_after_is_meant_by_the_clock_of_the_server_whatever_ours_says() {
    let headers = "Date: Sat, 01 Jan 2000 00:00:00 GMT\r\nRetry-After: Sat, 01 Jan 2000 00:00:30 GMT\r\n";
    let server = Server::saying(429, headers, "").await;
    assert_eq!(trouble(client().group(&server.credentials, "g1").await).retry_after, Some(Duration::from_secs(30)));
}

#[tokio::test]
async fn a_request_id_is_cut_to_128_printable_characters() {
    for (header, expected) in
        [("a".repeat(500), Some("a".repeat(128))), ("a b\tc\u{e9}d".to_owned(), Some("abcd".to_owned())), (" ".to_owned(), None)]
    {
        let server = Server::saying(404, &format!("X-Request-Id: {header}\r\n"), "").await;
        assert_eq!(trouble(client().group(&server.credentials, "g1").await).request_id, expected);
    }
}

#[tokio::test]
async fn codes_are_known_in_upper_case_and_the_legacy_envelope_goes_by_its_status() {
    for (status, body, class, code) in [
        (403, r#"{"error":{"code":"FORBIDDEN","message":"x"}}"#, Class::Forbidden, Some("forbidden")),
        (429, r#"{"error":{"code":"Quota_Exceeded","message":null,"param":null}}"#, Class::QuotaExceeded, Some("quota_exceeded")),
        (401, r#"{"error":{"code":"UNAUTHORIZED"}}"#, Class::CredentialsRejected, Some("unauthorized")),
        (400, r#"{"code":400112,"message":"Unauthorized"}"#, Class::Invalid, None),
        (401, r#"{"code":400112,"message":"Unauthorized"}"#, Class::CredentialsRejected, None),
        (404, r#"{"code":40404,"message":"avatar_group_not_found"}"#, Class::NotFound, None),
        (500, r#"{"code":400000,"message":"x"}"#, Class::Unavailable, None),
    ] {
        let server = Server::saying(status, "", body).await;
        let expected = Trouble { status: Some(status), code, ..Trouble::of(class) };
        assert_eq!(trouble(client().group(&server.credentials, "g1").await), expected, "{body}");
        assert_eq!(trouble(client().initiate(&server.credentials, "g1", &nothing(), "k").await), expected, "{body}");
    }
}

/// HeyGen API notes, section 3, failures: text about enterprise API customers, and no word about a code.
#[tokio::test]
async fn a_clip_without_the_plan_for_it_is_out_of_reach_whatever_the_code() {
    let clip = Content { consent_video: Some(Video::AssetId { asset_id: "clip".to_owned() }), ..nothing() };
    for body in [
        r#"{"error":{"message":"consent_video is available to enterprise API customers only"}}"#,
        r#"{"error":{"code":"enterprise_only","message":"consent_video is available to enterprise API customers only"}}"#,
        r#"{"error":{"code":null,"message":"enterprise API customers"}}"#,
        r#"{"message":"enterprise API customers"}"#,
        "only for enterprise API customers",
    ] {
        let server = Server::saying(403, "", body).await;
        let seen = trouble(client().initiate(&server.credentials, "g1", &clip, "k").await);
        assert_eq!(seen, Trouble { status: Some(403), ..Trouble::of(Class::AccessDenied) }, "{body}");
    }
}

#[tokio::test]
async fn a_group_is_read_flat_and_nested_with_fields_null_or_absent() {
    for body in [
        r#"{"data":{"id":"g1","consent_status":"pending"}}"#,
        r#"{"data":{"avatar_group":{"id":"g1","consent_status":"pending"}}}"#,
        r#"{"data":{"id":"g1","consent_status":"pending","name":null,"status":null,"error":null,"created_at":null,"looks_count":null}}"#,
        r#"{"data":{"id":"g1","consent_status":"pending","avatar_group":null},"error":null}"#,
    ] {
        let server = Server::saying(200, "", body).await;
        let outcome = client().group(&server.credentials, "g1").await;
        let Outcome::Polled(group) = outcome else { panic!("{body}: {outcome:?}") };
        assert_eq!(group, Group { consent_status: Some("pending".to_owned()), ..Group::default() }, "{body}");
    }
    for body in [r#"{"data":{"id":"g1","consent_status":null}}"#, r#"{"data":{"id":"g1"}}"#, r#"{"data":{"avatar_group":{"id":"g1"}}}"#] {
        let server = Server::saying(200, "", body).await;
        assert!(matches!(client().group(&server.credentials, "g1").await, Outcome::Polled(group) if group == Group::default()), "{body}");
    }
}

#[tokio::test]
async fn an_answer_without_a_link_is_complete_for_a_clip_only() {
    let server = Server::saying(200, "", r#"{"data":{"avatar_group":{"id":"g1"},"url":null}}"#).await;
    let client = client();
    let page = client.initiate(&server.credentials, "g1", &nothing(), "k").await;
    assert!(matches!(page, Outcome::Trouble(Trouble { class: Class::Unreadable, .. })), "{page:?}");
    let video = Video::AssetId { asset_id: "clip".to_owned() };
    let clip = client.initiate(&server.credentials, "g1", &Content { consent_video: Some(video), ..nothing() }, "k").await;
    assert!(matches!(clip, Outcome::Initiated(_)), "{clip:?}");
}
