use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::http::{Request, Response};
use kube::client::Body;
use twinconsent_core::api::consent::DigitalTwinConsent;

use super::*;

const EMPTY: (u16, &str) = (200, r#"{"metadata":{"resourceVersion":"7"},"items":[]}"#);

const FIRST: (u16, &str) =
    (200, r#"{"metadata":{"resourceVersion":"7","continue":"two"},"items":[{"metadata":{"name":"ada"},"spec":{}}]}"#);
const SECOND: (u16, &str) = (200, r#"{"metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"bob"},"spec":{}}]}"#);

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

/// What it tells, in short.
async fn shown(watcher: &mut Watcher<DigitalTwinConsent>, changes: usize) -> Vec<String> {
    let mut shown = Vec::new();
    for _ in 0..changes {
        shown.push(match watcher.next().await {
            Ok(Change::Forget) => "forget".to_owned(),
            Ok(Change::Reached(_)) => "reached".to_owned(),
            Ok(Change::Event(Event::Init)) => "init".to_owned(),
            Ok(Change::Event(Event::InitDone)) => "done".to_owned(),
            Ok(Change::Event(Event::InitApply(object) | Event::Apply(object) | Event::Delete(object))) => {
                object.metadata().name.clone().unwrap_or_default()
            }
            Err(_) => "error".to_owned(),
        });
    }
    shown
}

#[tokio::test]
async fn that_the_history_is_another_is_told_once_before_the_next_list_however_often_that_fails() {
    let (mut watcher, _) = watcher(&[EMPTY, GONE, BROKEN, EMPTY, BROKEN]);
    let changes = shown(&mut watcher, 10).await;
    assert_eq!(changes, ["init", "reached", "done", "error", "error", "forget", "init", "reached", "done", "error"]);
}

#[tokio::test]
async fn a_list_by_pages_is_told_as_one_and_from_its_beginning_after_a_page_that_cannot_be_had() {
    for failure in [GONE, BROKEN, (200, r#"{"items":3}"#)] {
        let (mut watcher, _) = watcher(Box::leak(Box::new([FIRST, failure, FIRST, SECOND, EMPTY])));
        let changes = shown(&mut watcher, 8).await;
        assert_eq!(changes, ["init", "ada", "error", "init", "ada", "bob", "reached", "done"], "{failure:?}");
    }
}

#[tokio::test]
async fn what_is_no_object_ends_a_list_with_what_followed_it() {
    let flawed = (200, r#"{"metadata":{"resourceVersion":"7","continue":"two"},"items":[3,{"metadata":{"name":"eve"},"spec":{}}]}"#);
    let (mut watcher, _) = watcher(Box::leak(Box::new([flawed, SECOND, SECOND, EMPTY])));
    let mut changes = shown(&mut watcher, 3).await;
    assert_eq!(changes.drain(..2).collect::<Vec<_>>(), ["init", "error"]);
    assert_eq!(changes, ["init"], "the list begins anew");
}

#[tokio::test]
async fn a_page_that_is_too_large_is_asked_for_again_and_nothing_of_it_is_told_twice() {
    let large = Box::leak(format!("{}{}", " ".repeat(9 << 20), SECOND.1).into_boxed_str());
    let (mut watcher, asked) = watcher(Box::leak(Box::new([FIRST, (200, &*large), SECOND, EMPTY])));
    assert_eq!(shown(&mut watcher, 5).await, ["init", "ada", "bob", "reached", "done"]);
    assert_eq!((asked.load(Ordering::Relaxed), watcher.size.limit()), (3, 250));
}
