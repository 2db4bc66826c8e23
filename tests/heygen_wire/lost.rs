//! Answers that did not come, or not whole: deadlines, broken connections, and bodies without an end.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use twinconsent::heygen::{Deadlines, ExtraRoots, HeyGen};
use twinconsent::process::metrics::Metrics;
use twinconsent::process::proxies::Proxies;
use twinconsent_core::consent::outcome::{Class, FaultKind, Outcome, Trouble};
use twinconsent_core::heygen::BODY_CAP;

use crate::server::{Answer, Server};
use crate::{client, hasty_client, logged, nothing, trouble, unreachable};

#[tokio::test]
async fn a_body_over_the_cap_is_not_read_to_its_end() {
    let group = |padding: usize| format!(r#"{{"data":{{"id":"g1","padding":"{}"}}}}"#, "x".repeat(padding));
    let overhead = group(0).len();
    let server = Server::saying(200, "", &group(BODY_CAP - overhead)).await;
    assert!(matches!(client().group(&server.credentials, "g1").await, Outcome::Polled(_)));

    let server = Server::saying(200, "", &group(BODY_CAP - overhead + 1)).await;
    assert_eq!(trouble(client().group(&server.credentials, "g1").await).class, Class::Unreadable);

    // It never ends, so a client that reads to the end waits for ever.
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
        let fault = seen.fault.as_ref().map(|fault| fault.kind);
        assert_eq!(fault, (expected == Class::Unreachable).then_some(FaultKind::BrokenOff), "{status}");
        let expected =
            Trouble { fault: seen.fault.clone(), status: Some(status), retry_after: Some(Duration::from_secs(9)), ..Trouble::of(expected) };
        assert_eq!(seen, expected);
    }
}

#[tokio::test]
async fn no_answer_is_unreachable_and_is_asked_for_once() {
    for (silence, kind) in [
        ("", FaultKind::BrokenOff),
        ("HTTP/1.1 200 OK\r\nContent-Le", FaultKind::BrokenOff),
        ("this is not HTTP\r\n\r\n", FaultKind::NotHttp),
    ] {
        let mut server = Server::with(Answer::Bytes(silence.as_bytes().to_vec())).await;
        let outcome = client().initiate(&server.credentials, "g1", &nothing(), "k").await;
        assert_eq!(unreachable(outcome), kind, "{silence:?}");
        server.request();
    }
}

#[tokio::test]
async fn a_port_where_nothing_listens_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut credentials = Server::saying(200, "", "").await.credentials;
    credentials.base_url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    assert_eq!(unreachable(client().group(&credentials, "g1").await), FaultKind::Refused);
}

#[tokio::test]
async fn https_to_a_server_without_tls_is_unreachable() {
    let mut server = Server::blurting("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    server.credentials.base_url.set_scheme("https").unwrap();
    assert_eq!(unreachable(client().probe(&server.credentials).await), FaultKind::NotTls);
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
            assert_eq!(trouble(outcome.clone()).status, status);
            assert_eq!(unreachable(outcome), FaultKind::AnswerDeadline);
        }
    }
}

#[tokio::test]
async fn a_body_that_drips_beyond_the_deadline_is_lost_at_the_deadline() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{\"data\":{}".to_vec();
    let server = Server::with(Answer::Drip(head, Duration::from_millis(20))).await;
    let client = hasty_client();
    let all = async { [client.group(&server.credentials, "g1").await, client.initiate(&server.credentials, "g1", &nothing(), "k").await] };
    // Each blank comes in time; all of them would take half an hour.
    for outcome in tokio::time::timeout(Duration::from_secs(20), all).await.unwrap() {
        assert_eq!(trouble(outcome.clone()).status, Some(200));
        assert_eq!(unreachable(outcome), FaultKind::AnswerDeadline);
    }
    assert!(logged().contains("answer deadline passed"), "{}", logged());
}

#[tokio::test]
async fn a_server_that_never_finishes_to_connect_is_given_up_at_the_connect_deadline() {
    // It takes the connection and keeps silent, so that TLS never begins.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut credentials = Server::saying(200, "", "").await.credentials;
    credentials.base_url = format!("https://{}", listener.local_addr().unwrap()).parse().unwrap();
    let deadlines = Deadlines { connect: Duration::from_millis(300), read: Duration::from_secs(600), initiate: Duration::from_secs(600) };
    let client = HeyGen::with(Arc::new(Metrics::new()), deadlines, &ExtraRoots::default(), Proxies::default()).unwrap();
    let all = async { [client.probe(&credentials).await, client.initiate(&credentials, "g1", &nothing(), "k").await] };
    for outcome in tokio::time::timeout(Duration::from_secs(20), all).await.unwrap() {
        assert_eq!(unreachable(outcome), FaultKind::ConnectDeadline);
    }
}
