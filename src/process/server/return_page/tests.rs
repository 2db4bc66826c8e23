use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

const TOKEN: &str = "NTIxBNfLRnnpENkebKOHIg";

/// Serves below `base` what `reply` says. Returns what each of the requests, written as they are, was answered with, and the visits.
async fn exchange(base: &str, reply: Reply, requests: &[&str]) -> (Vec<String>, Vec<Visit>) {
    let (listener, stop) = (super::super::bind("--return-page-listen", "127.0.0.1:0".parse().unwrap()).unwrap(), CancellationToken::new());
    let (address, visits) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<Visit>>>::default());
    let (noted, until, base) = (visits.clone(), stop.clone(), Url::parse(base).unwrap());
    let served = tokio::spawn(async move {
        let visited = move |visit| {
            noted.lock().unwrap().push(visit);
            reply.clone()
        };
        serve(listener, &base, visited, |_| {}, until).await;
    });
    let mut answers = Vec::new();
    for request in requests {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("{request}\r\nHost: a\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answers.push(answer);
    }
    stop.cancel();
    served.await.unwrap();
    let visits = visits.lock().unwrap().clone();
    (answers, visits)
}

#[tokio::test]
async fn the_token_stands_at_the_top_or_behind_the_path_of_the_public_address() {
    for (base, path, is_one) in [
        ("https://a.example", format!("/{TOKEN}"), true),
        ("https://a.example/", format!("/{TOKEN}?code=1"), true),
        ("https://a.example/back/", format!("/back/{TOKEN}"), true),
        ("https://a.example/back", format!("/{TOKEN}"), true),
        ("https://a.example/back", format!("/other/{TOKEN}"), false),
        ("https://a.example/back", format!("/back{TOKEN}"), false),
        ("https://a.example", format!("/{TOKEN}/"), false),
        ("https://a.example", format!("/{TOKEN}A"), false),
        ("https://a.example", "/".to_owned(), false),
    ] {
        let (_, visits) = exchange(base, Reply::Unknown, &[&format!("GET {path} HTTP/1.1")]).await;
        assert_eq!(visits[0].token, Token::parse(TOKEN).filter(|_| is_one), "{base}, {path}");
    }
}

#[tokio::test]
async fn what_no_person_does_is_no_landing() {
    let get = format!("GET /{TOKEN} HTTP/1.1");
    let requests = [
        get.clone(),
        format!("HEAD /{TOKEN} HTTP/1.1"),
        format!("{get}\r\nSec-Purpose: prefetch;prerender"),
        format!("{get}\r\nPurpose: prefetch"),
        format!("POST /{TOKEN} HTTP/1.1"),
        format!("GET /{TOKEN}?renewal=7 HTTP/1.1"),
    ];
    let requests: Vec<&str> = requests.iter().map(String::as_str).collect();
    let (answers, visits) = exchange("https://a.example", Reply::State(State::Given), &requests).await;
    let noted: Vec<_> = visits.iter().map(|visit| (visit.counts, visit.renewals)).collect();
    assert_eq!(noted, [(true, 0), (false, 0), (false, 0), (false, 0), (true, 7)], "a POST is not asked about at all");
    assert!(answers[1].starts_with("HTTP/1.1 200 ") && answers[1].ends_with("\r\n\r\n"), "{}", answers[1]);
    assert!(answers[4].starts_with("HTTP/1.1 405 ") && answers[4].to_lowercase().contains("\r\nallow: get, head\r\n"), "{}", answers[4]);
}

#[tokio::test]
async fn every_answer_has_the_same_strict_headers() {
    for reply in [
        Reply::State(State::Waiting),
        Reply::State(State::Given),
        Reply::Redirect("https://b.example/".to_owned()),
        Reply::Unknown,
        Reply::NotReady,
    ] {
        let (answers, _) = exchange("https://a.example", reply.clone(), &[&format!("GET /{TOKEN} HTTP/1.1")]).await;
        let head = answers[0].split("\r\n\r\n").next().unwrap().to_lowercase();
        for header in [
            "content-type: text/html; charset=utf-8",
            "cache-control: no-store",
            "referrer-policy: no-referrer",
            "x-content-type-options: nosniff",
            "x-robots-tag: noindex, nofollow",
            "content-security-policy: default-src 'none'; style-src 'sha256-",
        ] {
            assert!(head.contains(header), "{reply:?}: {header} is not in {head}");
        }
        assert!(!answers[0].contains(TOKEN), "{reply:?}: the token is repeated");
    }
}

#[tokio::test]
async fn the_page_of_a_person_who_waits_renews_itself_and_ends_that_by_itself() {
    let visit = |renewals: u32| format!("GET /{TOKEN}?renewal={renewals} HTTP/1.1");
    let requests = [format!("GET /{TOKEN} HTTP/1.1"), visit(10), visit(67), visit(u32::MAX)];
    let requests: Vec<&str> = requests.iter().map(String::as_str).collect();
    let (answers, _) = exchange("https://a.example", Reply::State(State::Waiting), &requests).await;
    let refresh = |answer: &String| answer.lines().find_map(|line| line.strip_prefix("refresh: ").map(str::to_owned));
    let refreshes: Vec<_> = answers.iter().map(refresh).collect();
    assert_eq!(refreshes, [Some("3; url=?renewal=1".to_owned()), Some("10; url=?renewal=11".to_owned()), None, None]);
    let (answers, _) = exchange("https://a.example", Reply::State(State::Given), &requests[..1]).await;
    assert_eq!((refresh(&answers[0]), answers[0].contains("<h1>Thank you</h1>")), (None, true));
}

#[tokio::test]
async fn the_person_goes_on_to_the_address_of_the_user() {
    let (answers, _) =
        exchange("https://a.example", Reply::Redirect("https://b.example/x?y=1".to_owned()), &[&format!("GET /{TOKEN} HTTP/1.1")]).await;
    assert!(answers[0].starts_with("HTTP/1.1 303 ") && answers[0].contains("\r\nlocation: https://b.example/x?y=1\r\n"), "{}", answers[0]);
}

#[tokio::test]
async fn a_header_that_is_too_long_is_refused() {
    let request = format!("GET /{TOKEN} HTTP/1.1\r\nCookie: {}", "a".repeat(16 * 1024));
    let (answers, visits) = exchange("https://a.example", Reply::Unknown, &[&request]).await;
    assert!(answers[0].starts_with("HTTP/1.1 431 "), "{}", answers[0]);
    assert!(visits.is_empty());
}
