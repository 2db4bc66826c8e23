//! `Idempotency-Key`: replays, the window, the scope, calls in flight.

use std::time::Duration;

use heygen_simulator::{AccountDefinition, BehaviourPatch, FaultAction, FaultRule, GroupDefinition, PathKind, Settings};
use reqwest::Method;

use crate::support::{SOON, send, stage, stage_with, until};

const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn the_same_key_replays_the_first_answer_even_when_the_body_differs() {
    let stage = stage().await;
    let first = stage.post("twin", "k", "{}").await;
    for body in ["{}", r#"{"reroute_url":"https://example.com"}"#, "not json", r#"{"consent_text":"<"}"#] {
        let again = stage.post("twin", "k", body).await;
        assert_eq!((again.status, &again.text), (200, &first.text), "{body}");
    }
    let summary = stage.control.group_summary("twin");
    assert_eq!((summary.executed, summary.replayed, summary.links), (1, 4, 1));
    assert_eq!(summary.keys.into_iter().collect::<Vec<_>>(), ["k"]);
}

#[tokio::test]
async fn a_key_replays_for_24_hours_and_not_a_moment_longer() {
    let stage = stage().await;
    let first = stage.post("twin", "k", "{}").await;
    stage.control.advance(DAY - Duration::from_mins(1));
    assert_eq!(stage.post("twin", "k", "{}").await.text, first.text);
    stage.control.advance(Duration::from_mins(1));
    assert_ne!(stage.post("twin", "k", "{}").await.text, first.text);
    assert_eq!(stage.control.group_summary("twin").executed, 2);
}

#[tokio::test]
async fn another_key_group_or_account_is_independent() {
    let mut settings = Settings::default();
    settings.accounts.push(AccountDefinition::new("other", "other-key"));
    settings.groups = vec![GroupDefinition::twin("a"), GroupDefinition::twin("b")];
    let stage = stage_with(settings).await;
    for (group, key) in [("a", "k"), ("b", "k"), ("a", "l"), ("a", "")] {
        assert_eq!(stage.post(group, key, "{}").await.status, 200);
    }
    assert_eq!(stage.control.summary().executed, 4);
    let foreign = stage.bare(Method::POST, "/v3/avatars/a/consent").header("X-Api-Key", "other-key").header("Idempotency-Key", "k");
    assert_eq!(send(foreign.body("{}")).await.status, 403, "a key opens no other account's answer");
}

#[tokio::test]
async fn a_key_whose_first_call_still_runs_is_409_and_replays_afterwards() {
    let stage = stage().await;
    let slow = FaultRule::new(FaultAction::delay_before(Duration::from_secs(2))).on(PathKind::Consent).times(1);
    stage.control.add_fault(slow).unwrap();
    let first = tokio::spawn(stage.consent("twin", "k", "{}").send());
    until("the first call arrived", || stage.control.summary().requests == 1).await;
    let second = stage.post("twin", "k", "{}").await;
    assert_eq!((second.status, second.code()), (409, "request_in_progress".to_owned()));
    let first = first.await.unwrap().unwrap().text().await.unwrap();
    assert_eq!(stage.post("twin", "k", "{}").await.text, first);
    let summary = stage.control.group_summary("twin");
    assert_eq!((summary.executed, summary.in_progress, summary.replayed), (1, 1, 1));
}

#[tokio::test]
async fn the_general_latency_counts_as_running_too() {
    let stage = stage().await;
    let patch = BehaviourPatch { latency: Some(Duration::from_secs(2)), ..BehaviourPatch::default() };
    stage.control.change_behaviour(patch).unwrap();
    let (one, two) = tokio::join!(stage.post("twin", "k", "{}"), stage.post("twin", "k", "{}"));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_stop_the_server() {
    let stage = stage().await;
    let slow = FaultRule::new(FaultAction::delay_before(Duration::from_secs(1))).times(1);
    stage.control.add_fault(slow).unwrap();
    let call = tokio::spawn(stage.consent("twin", "k", "{}").send());
    until("the call arrived", || stage.control.summary().requests == 1).await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    until("the server finished", || stage.control.summary().executed == 1).await;
    assert_eq!(stage.post("twin", "k", "{}").await.status, 200);
    assert_eq!(stage.control.group_summary("twin").replayed, 1);
}

#[tokio::test]
async fn fifty_calls_at_once_with_one_key_execute_once() {
    let stage = stage().await;
    let calls = (0..50).map(|_| stage.post("twin", "k", "{}"));
    let all = tokio::time::timeout(SOON, futures::future::join_all(calls)).await.unwrap();
    assert!(all.iter().all(|reply| [200, 409].contains(&reply.status)));
    assert_eq!(stage.control.group_summary("twin").executed, 1);
    assert_eq!(stage.control.group_summary("twin").links, 1);
}

#[tokio::test]
async fn errors_are_not_replayed_by_default() {
    let stage = stage().await;
    assert_eq!(stage.post("twin", "k", "no").await.status, 400);
    assert_eq!(stage.post("twin", "k", "{}").await.status, 200);
    assert_eq!(stage.post("late", "k", "{}").await.status, 404);
    stage.control.create_group(GroupDefinition::twin("late")).unwrap();
    assert_eq!(stage.post("late", "k", "{}").await.status, 200);
}

#[tokio::test]
async fn errors_are_replayed_when_switched_on_also_those_of_fault_rules() {
    let stage = stage().await;
    let patch = BehaviourPatch { replay_errors: Some(true), ..BehaviourPatch::default() };
    stage.control.change_behaviour(patch).unwrap();
    assert_eq!(stage.post("twin", "bad", "no").await.status, 400);
    assert_eq!(stage.post("twin", "bad", "{}").await.status, 400);

    stage.control.add_fault(FaultRule::new(FaultAction::server_error(500)).times(1)).unwrap();
    assert_eq!(stage.post("twin", "down", "{}").await.status, 500);
    assert_eq!(stage.post("twin", "down", "{}").await.status, 500);
    stage.control.advance(DAY);
    assert_eq!(stage.post("twin", "down", "{}").await.status, 200);
}

#[tokio::test]
async fn a_fault_answered_in_the_servers_place_uses_no_key_up() {
    let stage = stage().await;
    stage.control.add_fault(FaultRule::new(FaultAction::server_error(503)).times(1)).unwrap();
    assert_eq!(stage.post("twin", "k", "{}").await.status, 503);
    assert_eq!(stage.post("twin", "k", "{}").await.status, 200);
    let summary = stage.control.group_summary("twin");
    assert_eq!((summary.executed, summary.replayed), (1, 0));
}

#[tokio::test]
async fn keys_can_be_ignored_so_that_every_post_executes() {
    let stage = stage().await;
    let patch = BehaviourPatch { ignore_idempotency_keys: Some(true), ..BehaviourPatch::default() };
    stage.control.change_behaviour(patch).unwrap();
    stage.post("twin", "k", "{}").await;
    stage.post("twin", "k", "{}").await;
    assert_eq!(stage.control.group_summary("twin").executed, 2);
    assert_eq!(stage.post("twin", "a b", "{}").await.status, 400, "the form is still checked");
}

#[tokio::test]
async fn a_deleted_group_takes_its_keys_along() {
    let stage = stage().await;
    stage.post("twin", "k", "{}").await;
    stage.control.delete_group("twin").unwrap();
    assert_eq!(stage.post("twin", "k", "{}").await.status, 404);
}
