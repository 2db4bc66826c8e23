//! The rows of the error table as answers to a consent request, but for those that concern the whole key and those that say
//! "missing".

use futures::future::join_all;
use heygen_simulator::FaultAction;

use crate::stage::{SLOW, Stage, most_tries};
use crate::support::scene::{AWAITING, INITIATING, NOT_ENTITLED, message, most_at};
use crate::table::{Row, TABLE, Verdict};

const INVALID: &str = "Ready=False:InvalidRequest Initiated=False Approved=False Stalled";

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_fails_is_executed_once_in_the_end_whatever_was_answered_before() {
    let owned = Stage::start("requests").await;
    let stage = &owned;
    join_all(rows().map(|row| async move { stage.account_of_its_own(&row.name()).await })).await;
    let since = stage.count();
    join_all(rows().map(|row| async move {
        let name = row.name();
        stage.fails_to_ask(&name, FaultAction::error(row.status, row.code, "prose that nobody should repeat"));
        stage.ask_on(&name, &name).await;
        let shown = stage.until_reading(&name, reading_of(row.request)).await;
        if let Some(expected) = message_of(&row) {
            assert_eq!(message(&shown), expected, "{name}");
        }
        stage.until_posted(&name, 2).await;
    }))
    .await;

    for row in rows() {
        let name = row.name();
        let posts = stage.posts(&name).len() as u64;
        stage.is_patient(&name, &since, posts, |elapsed| match row.request {
            Verdict::Nothing => most_tries(elapsed),
            Verdict::InvalidAfter(tries) => {
                assert!(posts >= tries, "{name}: called invalid after {posts} tries");
                tries + most_at(SLOW.mul_f64(0.9), elapsed)
            }
            // The first `forbidden` is asked about at the account, and repeated.
            _ => 1 + most_at(SLOW.mul_f64(0.9), elapsed),
        });
        assert_eq!(stage.executed(&name), 0, "{name}");
    }

    stage.simulator.clear_faults();
    join_all(rows().map(|row| async move {
        let name = row.name();
        stage.until_reading(&name, AWAITING).await;
        stage.until_polled(&name, 2).await;
        stage.has_its_only_link(&name).await;
        stage.only_readings(&name, &[INITIATING, reading_of(row.request), AWAITING]).await;
    }))
    .await;
    owned.end().await;
}

fn rows() -> impl Iterator<Item = Row> {
    let rows = TABLE
        .iter()
        .copied()
        .filter(|row| matches!(row.request, Verdict::Nothing | Verdict::NotEntitled | Verdict::InvalidRequest | Verdict::InvalidAfter(_)));
    assert!(rows.clone().count() > 30);
    rows
}

fn reading_of(shown: Verdict) -> &'static str {
    match shown {
        Verdict::NotEntitled => NOT_ENTITLED,
        Verdict::InvalidRequest | Verdict::InvalidAfter(_) => INVALID,
        _ => INITIATING,
    }
}

/// What the person who must act reads.
fn message_of(row: &Row) -> Option<String> {
    let correct = "Correct the spec and raise spec.requestEpoch in the same change.";
    match (row.request, row.named()) {
        (Verdict::NotEntitled, _) => Some(row.not_entitled()),
        (Verdict::InvalidRequest | Verdict::InvalidAfter(_), Some(code)) => {
            Some(format!("HeyGen refuses the request with the code `{code}`. {correct}"))
        }
        (Verdict::InvalidRequest, None) => Some(format!("HeyGen refuses the request as it stands. {correct}")),
        _ => None,
    }
}
