//! The HeyGen client against a server that says, byte for byte, what a test wants it to say.
//!
//! Only what lies below the API's meaning is tested here: headers, escaping, deadlines, odd and broken answers.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod list;
mod server;

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use secrecy::SecretString;
use serde_json::json;
use tokio::net::TcpListener;
use twinconsent::heygen::{AuthScheme, BODY_CAP, Credentials, Deadlines, HeyGen};
use twinconsent::metrics::Metrics;
use twinconsent::outcome::{Class, Group, LookType, Outcome, Trouble};
use twinconsent::request::{Content, Video};

use crate::server::{Answer, Server};

/// All that this process logs, at every level.
static LOG: LazyLock<Lines> = LazyLock::new(|| {
    let writer = || Lines(Arc::clone(&LOG.0));
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(writer).init();
    Lines::default()
});

#[derive(Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn client() -> HeyGen {
    LazyLock::force(&LOG);
    HeyGen::new(Arc::new(Metrics::new())).unwrap()
}

/// A client that gives up quickly.
fn hasty_client() -> HeyGen {
    LazyLock::force(&LOG);
    let soon = Duration::from_millis(300);
    HeyGen::with_deadlines(Arc::new(Metrics::new()), Deadlines { connect: soon, read: soon, initiate: soon }).unwrap()
}

fn nothing() -> Content {
    Content { reroute_url: None, consent_text: None, consent_video: None }
}

fn trouble(outcome: Outcome) -> Trouble {
    match outcome {
        Outcome::Trouble(trouble) => trouble,
        other => panic!("{other:?} is no trouble"),
    }
}

#[tokio::test]
async fn a_group_is_read_with_the_key_and_the_program_named() {
    let mut server = Server::saying(200, "", r#"{"data":{"id":"g1","name":"Ada","consent_status":"pending"}}"#).await;
    let outcome = client().group(&server.credentials, "g1").await;
    let Outcome::Looked(group) = outcome else { panic!("{outcome:?}") };
    assert_eq!(group, Group { name: Some("Ada".to_owned()), consent_status: Some("pending".to_owned()), ..Group::default() });
    let request = server.request();
    assert!(request.starts_with("GET /v3/avatars/g1 HTTP/1.1\r\n"), "{request}");
    for header in
        ["x-api-key: sk-hunter2", "accept: application/json", concat!("user-agent: twinconsent-operator/", env!("CARGO_PKG_VERSION"))]
    {
        assert!(request.lines().any(|line| line == header), "{header} is not in {request}");
    }
    assert!(!request.contains("authorization") && !request.contains("idempotency-key"), "{request}");
}

#[tokio::test]
async fn a_bearer_token_goes_into_the_authorization_header() {
    let mut server = Server::saying(200, "", r#"{"data":{}}"#).await;
    server.credentials.auth = AuthScheme::Bearer;
    assert!(matches!(client().probe(&server.credentials).await, Outcome::Probed));
    let request = server.request();
    assert!(request.starts_with("GET /v3/users/me HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("authorization: Bearer sk-hunter2\r\n") && !request.contains("x-api-key"), "{request}");
}

#[tokio::test]
async fn white_space_around_a_key_is_not_sent() {
    let mut server = Server::saying(200, "", "{}").await;
    server.credentials.key = SecretString::from(" sk-hunter2\n");
    assert!(matches!(client().probe(&server.credentials).await, Outcome::Probed));
    assert!(server.request().contains("x-api-key: sk-hunter2\r\n"));
}

#[tokio::test]
async fn a_key_that_no_header_can_carry_is_rejected_without_a_request() {
    let mut server = Server::saying(200, "", "{}").await;
    for key in ["", " \n", "two\nlines"] {
        server.credentials.key = SecretString::from(key);
        assert_eq!(trouble(client().probe(&server.credentials).await), Trouble::of(Class::CredentialsRejected), "{key:?}");
    }
    assert!(server.requests.try_recv().is_err());
}

#[tokio::test]
async fn a_consent_is_started_with_its_content_and_key() {
    let body = r#"{"data":{"avatar_group":{"id":"g1","consent_status":"pending"},"url":"https://heygen.example/consent/1"}}"#;
    let mut server = Server::saying(200, "X-Request-Id: req-1\r\n", body).await;
    let content = Content { reroute_url: Some("https://example.com/".to_owned()), ..nothing() };
    let outcome = client().initiate(&server.credentials, "g1", &content, "v1:0123:0").await;
    let Outcome::Initiated(started) = outcome else { panic!("{outcome:?}") };
    assert_eq!(started.link.unwrap().expose(), "https://heygen.example/consent/1");
    assert_eq!(started.request_id.as_deref(), Some("req-1"));
    let request = server.request();
    assert!(request.starts_with("POST /v3/avatars/g1/consent HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("idempotency-key: v1:0123:0\r\n") && request.contains("content-type: application/json\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\n{\"reroute_url\":\"https://example.com/\"}"), "{request}");
}

#[tokio::test]
async fn an_empty_content_is_an_empty_object_and_a_video_is_a_union() {
    let mut server = Server::saying(200, "", r#"{"data":{}}"#).await;
    client().initiate(&server.credentials, "g1", &nothing(), "k").await;
    assert!(server.request().ends_with("\r\n\r\n{}"));
    let content = Content { consent_video: Some(Video::AssetId { asset_id: "a".to_owned() }), ..nothing() };
    client().initiate(&server.credentials, "g1", &content, "k").await;
    assert!(server.request().ends_with("\r\n\r\n{\"consent_video\":{\"type\":\"asset_id\",\"asset_id\":\"a\"}}"));
}

#[tokio::test]
async fn looks_are_asked_for_page_by_page() {
    let body = r#"{"data":[{"avatar_type":"photo_avatar","group_id":"g&1"}],"has_more":true,"next_token":"n/=+"}"#;
    let mut server = Server::saying(200, "", body).await;
    let outcome = client().looks(&server.credentials, "g&1", None).await;
    let Outcome::LooksRead(page) = outcome else { panic!("{outcome:?}") };
    assert_eq!((page.types.as_slice(), page.next.as_deref()), (&[LookType::PhotoAvatar][..], Some("n/=+")));
    let first = server.request();
    assert!(first.starts_with("GET /v3/avatars/looks?group_id=g%261&limit=50 HTTP/1.1\r\n"), "{first}");
    client().looks(&server.credentials, "g&1", page.next.as_deref()).await;
    let second = server.request();
    assert!(second.starts_with("GET /v3/avatars/looks?group_id=g%261&limit=50&token=n%2F%3D%2B HTTP/1.1\r\n"), "{second}");
}

#[tokio::test]
async fn a_group_id_cannot_reach_another_path() {
    let mut server = Server::saying(404, "", "").await;
    for (id, path) in [
        ("../users/me", "..%2Fusers%2Fme"),
        ("a?b#c", "a%3Fb%23c"),
        ("a b", "a%20b"),
        ("%2e%2e", "%252e%252e"),
        ("a\\b", "a%5Cb"),
        ("é", "%C3%A9"),
    ] {
        assert_eq!(trouble(client().group(&server.credentials, id).await).class, Class::NotFound, "{id:?}");
        let request = server.request();
        assert!(request.starts_with(&format!("GET /v3/avatars/{path} HTTP/1.1\r\n")), "{request}");
    }
    for id in ["", ".", "..", ".\t.", "\n"] {
        let refused = Trouble { param: Some("group_id"), ..Trouble::of(Class::Invalid) };
        assert_eq!(trouble(client().group(&server.credentials, id).await), refused, "{id:?}");
        assert_eq!(trouble(client().initiate(&server.credentials, id, &nothing(), "k").await), refused, "{id:?}");
    }
    assert!(server.requests.try_recv().is_err());
}

#[tokio::test]
async fn a_base_url_may_have_a_path_with_or_without_a_slash_at_its_end() {
    let mut server = Server::saying(404, "", "").await;
    let root = server.credentials.base_url.clone();
    for path in ["/proxy/heygen", "/proxy/heygen/"] {
        server.credentials.base_url = root.join(path).unwrap();
        client().group(&server.credentials, "g1").await;
        let request = server.request();
        assert!(request.starts_with("GET /proxy/heygen/v3/avatars/g1 HTTP/1.1\r\n"), "{request}");
    }
}

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
async fn a_request_id_is_cut_to_128_printable_characters() {
    for (header, expected) in
        [("a".repeat(500), Some("a".repeat(128))), ("a b\tc\u{e9}d".to_owned(), Some("abcd".to_owned())), (" ".to_owned(), None)]
    {
        let server = Server::saying(404, &format!("X-Request-Id: {header}\r\n"), "").await;
        assert_eq!(trouble(client().group(&server.credentials, "g1").await).request_id, expected);
    }
}

#[tokio::test]
async fn a_body_over_the_cap_is_not_read_to_its_end() {
    let group = |padding: usize| format!(r#"{{"data":{{"id":"g1","padding":"{}"}}}}"#, "x".repeat(padding));
    let overhead = group(0).len();
    let server = Server::saying(200, "", &group(BODY_CAP - overhead)).await;
    assert!(matches!(client().group(&server.credentials, "g1").await, Outcome::Looked(_)));

    let server = Server::saying(200, "", &group(BODY_CAP - overhead + 1)).await;
    assert_eq!(trouble(client().group(&server.credentials, "g1").await).class, Class::Unreadable);

    // It never ends, so whoever reads to the end waits for ever.
    let mut endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    endless.extend(format!("{:x}\r\n{}\r\n", 2 * BODY_CAP, "x".repeat(2 * BODY_CAP)).into_bytes());
    let server = Server::with(Answer::Stall(endless)).await;
    assert_eq!(trouble(client().group(&server.credentials, "g1").await).class, Class::Unreadable);
}

#[tokio::test]
async fn a_status_that_concerns_the_account_counts_without_its_body() {
    for (status, expected) in [
        (200, Class::Unreachable),
        (400, Class::Unreachable),
        (401, Class::CredentialsRejected),
        (402, Class::BillingRequired),
        (404, Class::Unreachable),
        (429, Class::Throttled),
        (503, Class::Unavailable),
    ] {
        let cut = format!("HTTP/1.1 {status} X\r\nRetry-After: 9\r\nContent-Length: 100\r\n\r\n{{\"data\":{{\"id\":\"g1\"}}}}");
        let server = Server::with(Answer::Bytes(cut.into_bytes())).await;
        let seen = trouble(client().group(&server.credentials, "g1").await);
        let expected = Trouble { status: Some(status), retry_after: Some(Duration::from_secs(9)), ..Trouble::of(expected) };
        assert_eq!(seen, expected);
    }
}

#[tokio::test]
async fn no_answer_is_unreachable_and_is_asked_for_once() {
    for silence in ["", "HTTP/1.1 200 OK\r\nContent-Le", "this is not HTTP\r\n\r\n"] {
        let mut server = Server::with(Answer::Bytes(silence.as_bytes().to_vec())).await;
        let outcome = client().initiate(&server.credentials, "g1", &nothing(), "k").await;
        assert_eq!(trouble(outcome), Trouble::of(Class::Unreachable), "{silence:?}");
        server.request();
    }
}

#[tokio::test]
async fn nobody_listening_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut credentials = Server::saying(200, "", "").await.credentials;
    credentials.base_url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    assert_eq!(trouble(client().group(&credentials, "g1").await), Trouble::of(Class::Unreachable));
}

#[tokio::test]
async fn https_to_a_server_without_tls_is_unreachable() {
    let mut server = Server::saying(200, "", "{}").await;
    server.credentials.base_url.set_scheme("https").unwrap();
    assert_eq!(trouble(hasty_client().probe(&server.credentials).await), Trouble::of(Class::Unreachable));
}

#[tokio::test]
async fn the_deadline_covers_head_and_body() {
    for (sent, status) in [("", None), ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"data\":", Some(200))] {
        let server = Server::with(Answer::Stall(sent.as_bytes().to_vec())).await;
        let client = hasty_client();
        let all = async {
            [
                client.group(&server.credentials, "g1").await,
                client.looks(&server.credentials, "g1", None).await,
                client.initiate(&server.credentials, "g1", &nothing(), "k").await,
                client.probe(&server.credentials).await,
            ]
        };
        for outcome in tokio::time::timeout(Duration::from_secs(20), all).await.unwrap() {
            assert_eq!(trouble(outcome), Trouble { status, ..Trouble::of(Class::Unreachable) });
        }
    }
}

#[tokio::test]
async fn an_answer_without_a_link_is_complete_for_a_clip_only() {
    let server = Server::saying(200, "", r#"{"data":{"avatar_group":{"id":"g1"},"url":null}}"#).await;
    let client = HeyGen::new(Arc::new(Metrics::new())).unwrap();
    let page = client.initiate(&server.credentials, "g1", &nothing(), "k").await;
    assert!(matches!(page, Outcome::Trouble(Trouble { class: Class::Unreadable, .. })), "{page:?}");
    let video = twinconsent::request::Video::AssetId { asset_id: "clip".to_owned() };
    let clip = client.initiate(&server.credentials, "g1", &Content { consent_video: Some(video), ..nothing() }, "k").await;
    assert!(matches!(clip, Outcome::Initiated(_)), "{clip:?}");
}

#[tokio::test]
async fn requests_are_counted_by_operation_and_outcome() {
    let metrics = Arc::new(Metrics::new());
    let client = HeyGen::new(Arc::clone(&metrics)).unwrap();
    let server = Server::saying(429, "", r#"{"error":{"code":"quota_exceeded"}}"#).await;
    client.group(&server.credentials, "g1").await;
    let server = Server::saying(200, "", r#"{"data":{"url":"https://heygen.example/consent/1"}}"#).await;
    client.initiate(&server.credentials, "g1", &nothing(), "k").await;
    let page = metrics.encode();
    for line in [
        "twinconsent_heygen_requests_total{operation=\"group\",outcome=\"quota_exceeded\"} 1",
        "twinconsent_heygen_requests_total{operation=\"initiate\",outcome=\"ok\"} 1",
        "twinconsent_heygen_request_duration_seconds_count{operation=\"initiate\"} 1",
    ] {
        assert!(page.lines().any(|seen| seen == line), "{line} is not in {page}");
    }
}

#[tokio::test]
async fn no_log_line_holds_a_key_a_link_or_prose() {
    let client = hasty_client();
    let good = r#"{"data":{"avatar_group":{"id":"g1","name":"hunter2"},"url":"https://heygen.example/consent/hunter2"}}"#;
    let bad = r#"{"error":{"code":"hunter2","message":"hunter2","param":"hunter2"}}"#;
    for answer in
        [server::answer(200, "X-Request-Id: req-1\r\n", good), server::answer(400, "Location: hunter2\r\n", bad), b"hunter2".to_vec()]
    {
        let server = Server::with(Answer::Bytes(answer)).await;
        client.initiate(&server.credentials, "g1", &nothing(), "k").await;
        client.probe(&server.credentials).await;
    }
    let mut nowhere = Server::saying(200, "", "").await.credentials;
    nowhere.base_url = "http://127.0.0.1:1/".parse().unwrap();
    client.probe(&nowhere).await;

    let text = String::from_utf8(LOG.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("req-1") && text.contains("fault="), "nothing was logged: {text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn credentials_do_not_print_their_key() {
    let base_url = "https://api.heygen.com".parse().unwrap();
    let credentials = Credentials { base_url, auth: AuthScheme::Bearer, key: SecretString::from("sk-hunter2") };
    assert!(!format!("{credentials:?}").contains("hunter2"));
}
