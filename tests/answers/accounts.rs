//! The rows of the error table that concern the whole key: the account's condition tells of them, and its consents keep still.

use std::time::Duration;

use futures::future::join_all;
use heygen_simulator::{FaultAction, FaultRule, PathKind};

use crate::stage::Stage;
use crate::support::bystander::{bystander, watch_bystander};
use crate::support::scene::{AWAITING, INITIATING, message, most_at, reading};
use crate::table::{Row, TABLE, Verdict};

const NOT_READY: &str = "Ready=False:AccountNotReady Initiated=False Approved=False Reconciling";

/// What HeyGen asks for where it names a time; less than half a minute would not be told.
const RETRY_AFTER: Duration = Duration::from_secs(45);

/// How long the key is out of use; long enough to see whether requests go on all the time.
const OUTAGE: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_about_the_key_is_told_by_the_account_and_stops_its_requests() {
    let owned = Stage::start("keys").await;
    let stage = &owned;
    bystander(stage).await;
    let rows = || TABLE.iter().filter(|row| matches!(row.poll, Verdict::Account(_)));
    assert_eq!(rows().count(), 11);
    let at_a_poll = rows().map(|row| key_refused(stage, row, "poll", &[]));
    // The poll before the request is answered, the request itself and the probe are not.
    let at_a_request = rows().map(|row| key_refused(stage, row, "request", &[PathKind::Consent, PathKind::Me]));
    tokio::join!(join_all(at_a_poll), join_all(at_a_request));
    owned.end().await;
}

async fn key_refused(stage: &Stage, row: &Row, at: &str, kinds: &[PathKind]) {
    let Verdict::Account(reason) = row.poll else { return };
    let account = format!("{at}-{}", row.name());
    let (new, asked) = (format!("new-{account}"), format!("asked-{account}"));
    stage.account_of_its_own(&account).await;
    stage.ask_on(&account, &asked).await;
    stage.until_reading(&asked, AWAITING).await;
    let before = stage.version(&asked).await;

    let action = FaultAction::error(row.status, row.code, "prose that nobody should repeat");
    let action = if row.status == 429 { action.with_header("retry-after", RETRY_AFTER.as_secs().to_string()) } else { action };
    let rule = FaultRule::new(action).account(&account);
    let rules = if kinds.is_empty() { vec![rule] } else { kinds.iter().map(|kind| rule.clone().on(*kind)).collect() };
    let rules: Vec<u64> = rules.into_iter().map(|rule| stage.simulator.add_fault(rule).unwrap()).collect();
    stage.ask_on(&account, &new).await;
    let (status, shown) = stage.until_other_account(&account, reason).await;
    assert_eq!(status, "False", "{account}");
    assert_eq!(shown, account_message(row), "{account}");
    let closed = (stage.elapsed(), stage.next_request());
    // A limit is waited out, and the consent's `Ready` stays; a key that must be mended is named in it, for the person who waits.
    let expected = if reason == "Throttled" { INITIATING } else { NOT_READY };
    let consent = stage.until_reading(&new, expected).await;
    if reason != "Throttled" {
        assert!(message(&consent).contains(account_message(row)), "{account}: {}", message(&consent));
    }
    watch_bystander(stage, OUTAGE).await;
    let all = stage.requests_of(&account, closed.1).len() as u64;
    // What was under way when the circuit breaker opened, one call for each of the two consents, and a probe each half minute.
    let most = 2 + most_at(Duration::from_secs(30), stage.elapsed() - closed.0);
    assert!(all <= most, "{account}: {all} requests while the key was out of use, {most} are allowed");
    assert_eq!(stage.executed(&new), 0, "{account}");
    assert_eq!(stage.version(&asked).await, before, "{account}: {} was told of it: {}", asked, reading(&stage.get(&asked).await));

    rules.into_iter().for_each(|rule| stage.simulator.remove_fault(rule).unwrap());
    if row.code == "quota_exceeded" {
        // A used-up quota is waited for half an hour at the least.
        stage.only_readings(&new, &[INITIATING]).await;
        return;
    }
    // What names no time is asked about after a minute.
    stage.until_other_account(&account, "CredentialsAccepted").await;
    stage.until_reading(&new, AWAITING).await;
    for name in [&new, &asked] {
        stage.until_polled(name, 2).await;
        stage.has_its_only_link(name).await;
    }
    assert_eq!(stage.version(&asked).await, before, "{account}");
    stage.only_readings(&new, &[INITIATING, NOT_READY, AWAITING]).await;
}

fn account_message(row: &Row) -> &'static str {
    match (row.status, row.code) {
        (401, _) => "HeyGen refuses the API key. Put a valid one into the Secret that spec.apiKeySecretRef of the account names.",
        (402, _) => "HeyGen wants a payment or another plan. See the billing of the account at HeyGen.",
        (_, "quota_exceeded") => "The account's quota at HeyGen is used up. The operator asks again from time to time.",
        _ => "HeyGen asks for fewer calls. The operator waits as long as HeyGen says.",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_without_a_time_is_waited_out_with_growing_pauses() {
    let stage = Stage::start("limited").await;
    stage.ask("asked", serde_json::json!({})).await;
    stage.until_reading("asked", AWAITING).await;
    let (began, first) = (stage.elapsed(), stage.next_request());
    stage.simulator.add_fault(FaultRule::new(FaultAction::rate_limited(None))).unwrap();
    stage.ask("new", serde_json::json!({})).await;
    stage.until_reading("new", INITIATING).await;
    crate::support::eventually("two rounds", || async {
        let limited = stage.simulator.summary().by_status.get(&429).copied().unwrap_or_default();
        if limited >= 3 { Ok(()) } else { Err(limited) }
    })
    .await;
    stage.simulator.clear_faults();
    // Five seconds at first, then ten: each time at most the two consents and a probe.
    let all = stage.requests_of(heygen_simulator::MAIN_ACCOUNT, first).len() as u64;
    let most = 3 * most_at(Duration::from_secs(5), stage.elapsed() - began);
    assert!(all <= most, "{all} requests, {most} are allowed");
    for name in ["new", "asked"] {
        stage.until_reading(name, AWAITING).await;
        stage.until_polled(name, 2).await;
        stage.has_its_only_link(name).await;
    }
    stage.end().await;
}
