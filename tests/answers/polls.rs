//! The rows of the error table as answers to a poll, but for those that concern the whole key and those that say "missing".

use futures::future::join_all;
use heygen_simulator::FaultAction;

use crate::stage::{SLOW, Stage, most_tries};
use crate::support::scene::{AWAITING, INITIATING, NOT_ENTITLED, message, most_at, reading};
use crate::table::{Row, TABLE, Verdict};

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_fails_leads_to_no_request_changes_no_link_and_heals() {
    let owned = Stage::start("polls").await;
    let stage = &owned;
    join_all(rows().map(|row| async move {
        // Five failures in a row concern the whole account, so rows that look like an outage have an account to themselves.
        stage.account_of_its_own(&row.name()).await;
        stage.ask_on(&row.name(), &asked(&row)).await;
        stage.until_reading(&asked(&row), AWAITING).await;
    }))
    .await;
    let since = stage.count();
    join_all(rows().map(|row| async move {
        // The second poll from here on is one that fails.
        let reads = stage.reads(&asked(&row));
        for name in [new(&row), asked(&row)] {
            stage.fails_to_read(&name, FaultAction::error(row.status, row.code, "prose that nobody should repeat"));
        }
        let before = stage.version(&asked(&row)).await;
        stage.ask_on(&row.name(), &new(&row)).await;
        let shown = stage.until_reading(&new(&row), if row.poll == Verdict::NotEntitled { NOT_ENTITLED } else { INITIATING }).await;
        if row.poll == Verdict::NotEntitled {
            assert_eq!(message(&shown), row.not_entitled(), "{}", row.name());
        }
        stage.until_read(&new(&row), 3).await;
        stage.until_read(&asked(&row), reads + 2).await;
        assert_eq!(
            stage.version(&asked(&row)).await,
            before,
            "{} was told of an answer to a look: {}",
            asked(&row),
            reading(&stage.get(&asked(&row)).await)
        );
    }))
    .await;

    for row in rows() {
        let name = row.name();
        assert_eq!(stage.posts(&new(&row)).len(), 0, "{name}: requests after looks that failed");
        stage.is_patient(&name, &since, stage.reads(&new(&row)), |elapsed| match row.poll {
            Verdict::Nothing => most_tries(elapsed),
            _ => most_tries(elapsed).max(2 + most_at(SLOW.mul_f64(0.9), elapsed)),
        });
    }

    stage.simulator.clear_faults();
    join_all(rows().map(|row| async move {
        stage.until_reading(&new(&row), AWAITING).await;
        for name in [new(&row), asked(&row)] {
            stage.until_polled(&name, 2).await;
            stage.has_its_only_link(&name).await;
        }
        stage.only_readings(&new(&row), &[INITIATING, NOT_ENTITLED, AWAITING]).await;
        stage.only_readings(&asked(&row), &[INITIATING, AWAITING]).await;
    }))
    .await;
    owned.end().await;
}

fn rows() -> impl Iterator<Item = Row> {
    let rows = TABLE.iter().copied().filter(|row| matches!(row.poll, Verdict::Nothing | Verdict::NotEntitled));
    assert!(rows.clone().count() > 30);
    rows
}

/// The consent that is created while polls fail.
fn new(row: &Row) -> String {
    format!("new-{}", row.name())
}

/// The consent whose person has been asked before polls fail.
fn asked(row: &Row) -> String {
    format!("asked-{}", row.name())
}
