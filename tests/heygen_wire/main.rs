//! The HeyGen client against a server that says, byte for byte, what a test wants it to say.
//!
//! Only what lies below the API's meaning is tested here: headers, escaping, deadlines, odd and broken answers.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod answers;
mod causes;
mod certificates;
mod list;
mod lost;
#[path = "../support/nowhere.rs"]
mod nowhere;
mod server;
mod tls;

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use secrecy::SecretString;
use twinconsent::heygen::{Credentials, Deadlines, ExtraRoots, HeyGen};
use twinconsent::process::metrics::Metrics;
use twinconsent::process::proxies::Proxies;
use twinconsent_core::api::account::Auth;
use twinconsent_core::consent::outcome::{Class, FaultKind, Group, LookType, Outcome, Trouble};
use twinconsent_core::consent::request::{Content, Video};

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

fn logged() -> String {
    String::from_utf8(LOG.0.lock().unwrap().clone()).unwrap()
}

fn client() -> HeyGen {
    LazyLock::force(&LOG);
    HeyGen::with(Arc::new(Metrics::new()), Deadlines::default(), &ExtraRoots::default(), Proxies::default()).unwrap()
}

/// A client that gives up quickly.
fn hasty_client() -> HeyGen {
    LazyLock::force(&LOG);
    let soon = Duration::from_millis(300);
    HeyGen::with(
        Arc::new(Metrics::new()),
        Deadlines { connect: soon, read: soon, initiate: soon },
        &ExtraRoots::default(),
        Proxies::default(),
    )
    .unwrap()
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

/// No answer, and nothing known but why.
fn unreachable(outcome: Outcome) -> FaultKind {
    let trouble = trouble(outcome);
    let kind = trouble.fault.as_ref().unwrap().kind;
    assert_eq!(trouble, Trouble { status: trouble.status, fault: trouble.fault.clone(), ..Trouble::of(Class::Unreachable) });
    kind
}

#[tokio::test]
async fn a_group_is_read_with_the_key_and_the_program_named() {
    let mut server = Server::saying(200, "", r#"{"data":{"id":"g1","name":"Ada","consent_status":"pending"}}"#).await;
    let outcome = client().group(&server.credentials, "g1").await;
    let Outcome::Polled(group) = outcome else { panic!("{outcome:?}") };
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
    server.credentials.auth = Auth::Bearer;
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
async fn requests_are_counted_by_operation_and_outcome() {
    let metrics = Arc::new(Metrics::new());
    let client = HeyGen::with(Arc::clone(&metrics), Deadlines::default(), &ExtraRoots::default(), Proxies::default()).unwrap();
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

    let text = logged();
    assert!(text.contains("req-1") && text.contains("fault="), "nothing was logged: {text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn a_consent_request_is_told_at_info_with_its_request_id_and_a_read_at_debug() {
    for (status, id) in [(200, "req-good"), (400, "req-bad"), (502, "req-gateway")] {
        let good = r#"{"data":{"id":"g1","url":"https://heygen.example/consent/1"}}"#;
        let server = Server::saying(status, &format!("X-Request-Id: {id}\r\n"), good).await;
        client().initiate(&server.credentials, "g1", &nothing(), "k").await;
        client().group(&server.credentials, "g1").await;
        let text = logged();
        let lines: Vec<&str> = text.lines().filter(|line| line.contains("twinconsent") && line.contains(id)).collect();
        let levels: Vec<&str> = lines.iter().filter_map(|line| line.split_whitespace().nth(1)).collect();
        assert_eq!(levels, ["INFO", "DEBUG"], "{lines:#?}");
        assert!(lines[0].contains("operation=\"initiate\"") && lines[1].contains("operation=\"group\""), "{lines:#?}");
    }
}

#[test]
fn credentials_do_not_print_their_key() {
    let base_url = "https://api.heygen.com".parse().unwrap();
    let credentials = Credentials { base_url, auth: Auth::Bearer, key: SecretString::from("sk-hunter2") };
    assert!(!format!("{credentials:?}").contains("hunter2"));
}
