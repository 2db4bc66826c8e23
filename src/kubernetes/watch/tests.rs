use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::http::{Request, Response};
use kube::client::Body;
use twinconsent_core::api::consent::DigitalTwinConsent;

use super::*;

const EMPTY: (u16, &str) = (200, r#"{"metadata":{"resourceVersion":"7"},"items":[]}"#);

const GONE: (u16, &str) =
    (410, r#"{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","message":"too old","code":410}"#);
const BROKEN: (u16, &str) = (500, "{}");

/// A watcher whose requests are answered with these, the last one for ever; and how many it has sent.
fn watcher(answers: &'static [(u16, &'static str)]) -> (Watcher<DigitalTwinConsent>, Arc<AtomicU32>) {
    let asked = Arc::<AtomicU32>::default();
    let counted = asked.clone();
    let answer = move |_: Request<Body>| {
        let number = counted.fetch_add(1, Ordering::Relaxed) as usize;
        let (status, text) = answers[number.min(answers.len() - 1)];
        async move { Ok::<_, Infallible>(Response::builder().status(status).body(Body::from(text.as_bytes().to_vec())).unwrap()) }
    };
    let api = Api::all(Client::new(tower::service_fn(answer), "default"));
    (Watcher::new(api, None, History::default()), asked)
}

#[tokio::test]
async fn a_beginning_is_told_while_it_is_fresh_and_asked_for_anew_when_it_is_not() {
    for (age, lists) in [(Duration::ZERO, 1), (BEGINNING_STAYS_FRESH + Duration::from_millis(1), 2)] {
        let (watcher, asked) = watcher(&[EMPTY]);
        let mut watcher = watcher.begun().await;
        watcher.begun_at = watcher.begun_at.and_then(|begun| begun.checked_sub(age));
        assert!(matches!(watcher.next().await, Ok(Change::Event(Event::Init))));
        assert_eq!(asked.load(Ordering::Relaxed), lists, "after {age:?}");
    }
}

#[tokio::test]
async fn that_the_history_is_another_is_told_once_before_the_next_list_however_often_that_fails() {
    let (mut watcher, _) = watcher(&[EMPTY, GONE, BROKEN, EMPTY, BROKEN]);
    let mut changes = Vec::new();
    for _ in 0..10 {
        changes.push(match watcher.next().await {
            Ok(Change::Forget) => "forget",
            Ok(Change::Reached(_)) => "reached",
            Ok(Change::Event(Event::Init)) => "init",
            Ok(Change::Event(Event::InitDone)) => "done",
            Ok(Change::Event(_)) => "object",
            Err(_) => "error",
        });
    }
    assert_eq!(changes, ["init", "reached", "done", "error", "error", "forget", "init", "reached", "done", "error"]);
}
