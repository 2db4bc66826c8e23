//! Answers that are not what the documentation promises: those that can be read are, and nothing is concluded from the others.

use std::time::Duration;

use futures::future::join_all;
use heygen_simulator::{FaultAction, Reshape};
use serde_json::json;

use crate::stage::{Stage, most_tries};
use crate::support::scene::{APPROVED, AWAITING, INITIATING, reading};

/// Shapes with which the operator goes on as if nothing were odd.
fn readable() -> Vec<(&'static str, FaultAction)> {
    vec![
        ("nested", FaultAction::Reshape(Reshape::NestedGroup)),
        ("extra-fields", FaultAction::Reshape(Reshape::ExtraFields)),
        ("looks-count", FaultAction::Reshape(Reshape::LooksCountIsString)),
        ("created-at", FaultAction::Reshape(Reshape::CreatedAtIsString)),
        ("slow", FaultAction::delay_after(Duration::from_millis(700))),
        ("drips", FaultAction::SlowBody { chunk_bytes: 100, pause_ms: 20 }),
    ]
}

/// Shapes of which nothing is believed.
fn unreadable() -> Vec<(&'static str, FaultAction)> {
    let both = json!({
        "data": { "consent_status": "approved", "status": "completed", "url": "https://example.com/no-link" },
        "error": { "code": "internal_error", "message": "approved" },
    });
    vec![
        ("error-beside-data", FaultAction::raw(200, "application/json", both.to_string())),
        ("empty", FaultAction::empty(200)),
        ("empty-gateway", FaultAction::empty(502)),
        ("not-json", FaultAction::not_json(200)),
        ("html", FaultAction::html(200)),
        ("html-gateway", FaultAction::html(504)),
        ("upper-case", FaultAction::error(500, "INTERNAL_ERROR", "prose")),
        ("error-in-success", FaultAction::ok_with_error("internal_error", "approved")),
        ("missing-in-success", FaultAction::ok_with_error("avatar_group_not_found", "approved")),
        ("legacy", FaultAction::legacy_error(500, 400_123, "approved")),
        ("redirect", FaultAction::redirect(302, "https://example.com/approved")),
        ("huge", FaultAction::HugeBody { mebibytes: 2 }),
        ("list", FaultAction::Reshape(Reshape::DataIsList)),
        ("null", FaultAction::Reshape(Reshape::DataIsNull)),
        ("without-data", FaultAction::Reshape(Reshape::DataIsMissing)),
        ("cut-before", FaultAction::DropBefore),
        ("cut-after", FaultAction::DropAfter),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn shapes_that_can_be_read_are_read_at_a_poll_and_at_a_request() {
    let owned = Stage::start("readable").await;
    let stage = &owned;
    join_all(readable().into_iter().map(|(name, action)| async move {
        stage.account_of_its_own(name).await;
        stage.fails_to_read(name, action.clone());
        // The group in the answer to a request is always nested.
        if name != "nested" {
            stage.fails_to_ask(name, action);
        }
        stage.ask_on(name, name).await;
        stage.until_reading(name, AWAITING).await;
        stage.until_polled(name, 2).await;
        stage.has_its_only_link(name).await;
        assert_eq!(stage.posts(name).len(), 1, "{name}");
        stage.simulator.approve(name).unwrap();
        stage.until_reading(name, APPROVED).await;
    }))
    .await;
    owned.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_concluded_from_a_poll_that_cannot_be_read() {
    let owned = Stage::start("unreadable").await;
    let stage = &owned;
    join_all(unreadable().into_iter().map(|(shape, action)| async move {
        let (new, asked) = (format!("new-{shape}"), format!("asked-{shape}"));
        stage.account_of_its_own(shape).await;
        stage.ask_on(shape, &asked).await;
        stage.until_reading(&asked, AWAITING).await;
        let since = stage.count();
        for name in [&new, &asked] {
            stage.fails_to_read(name, action.clone());
        }
        let (before, reads) = (stage.version(&asked).await, stage.reads(&asked));
        stage.ask_on(shape, &new).await;
        stage.until_reading(&new, INITIATING).await;
        stage.until_read(&new, 3).await;
        stage.until_read(&asked, reads + 2).await;
        assert_eq!(stage.version(&asked).await, before, "{shape}: told {}", reading(&stage.get(&asked).await));
        stage.is_patient(shape, &since, stage.reads(&new), most_tries);
        assert_eq!(stage.posts(&new).len(), 0, "{shape}");

        stage.simulator.approve(&asked).unwrap();
        stage.mend(&[&new, &asked]);
        stage.until_reading(&new, AWAITING).await;
        stage.until_reading(&asked, APPROVED).await;
        stage.has_its_only_link(&new).await;
        stage.has_its_only_link(&asked).await;
    }))
    .await;
    owned.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_answer_cannot_be_read_is_repeated_and_executed_once() {
    let owned = Stage::start("unread").await;
    let stage = &owned;
    let without_link = ("without-link", FaultAction::Reshape(Reshape::UrlIsMissing));
    let odd_link = ("odd-link", FaultAction::Reshape(Reshape::UrlIsNumber));
    let gave_up = ("gave-up", FaultAction::server_error(504).acting_first());
    join_all(unreadable().into_iter().chain([without_link, odd_link, gave_up]).map(|(shape, action)| async move {
        stage.account_of_its_own(shape).await;
        let since = stage.count();
        stage.fails_to_ask(shape, action);
        stage.ask_on(shape, shape).await;
        stage.until_reading(shape, INITIATING).await;
        stage.until_posted(shape, 3).await;
        stage.is_patient(shape, &since, stage.posts(shape).len() as u64, most_tries);
        assert!(stage.executed(shape) <= 1, "{shape}");
        stage.mend(&[shape]);
        stage.until_reading(shape, AWAITING).await;
        stage.has_its_only_link(shape).await;
        stage.only_readings(shape, &[INITIATING, AWAITING]).await;
    }))
    .await;
    owned.end().await;
}
