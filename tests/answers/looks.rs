//! The rows of the error table as answers to a look, but for those that concern the whole key and those that say "missing".

use futures::future::join_all;
use heygen_simulator::FaultAction;

use crate::stage::{AWAITING, INITIATING, INTERVAL, SLOW, Stage, most_at, most_tries};
use crate::support::scene::{message, reading};
use crate::table::{Row, TABLE, Told};

const NOT_ENTITLED: &str = "Ready=False:NotEntitled Initiated=False Approved=False Stalled";

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_fails_leads_to_no_request_changes_no_link_and_heals() {
    let owned = Stage::start("looks").await;
    let stage = &owned;
    join_all(rows().map(|row| async move {
        // Five failures in a row concern everybody, so rows that look like an outage have an account to themselves.
        stage.account_of_its_own(&row.name()).await;
        stage.ask_on(&row.name(), &asked(&row)).await;
        stage.until_told(&asked(&row), AWAITING).await;
    }))
    .await;
    let (began, first) = (stage.elapsed(), stage.next_request());
    join_all(rows().map(|row| async move {
        // The second look from here on is one that fails.
        let reads = stage.reads(&asked(&row));
        for name in [new(&row), asked(&row)] {
            stage.fails_to_read(&name, FaultAction::error(row.status, row.code, "prose that nobody should repeat"));
        }
        let before = stage.version(&asked(&row)).await;
        stage.ask_on(&row.name(), &new(&row)).await;
        let told = stage.until_told(&new(&row), if row.look == Told::NotEntitled { NOT_ENTITLED } else { INITIATING }).await;
        if row.look == Told::NotEntitled {
            let named = row.named().map(|code| format!("HeyGen answers `{code}`. ")).unwrap_or_default();
            let expected = "HeyGen does not let this account ask for consent to this avatar group. Check that the group belongs to the account and that its plan includes what the spec asks for.";
            assert_eq!(message(&told), format!("{named}{expected}"), "{}", row.name());
        }
        stage.until_read(&new(&row), 3).await;
        stage.until_read(&asked(&row), reads + 2).await;
        assert_eq!(stage.version(&asked(&row)).await, before, "{} was told of an answer to a look: {}", asked(&row), reading(&stage.get(&asked(&row)).await));
    }))
    .await;

    let elapsed = stage.elapsed() - began;
    for row in rows() {
        let name = row.name();
        assert_eq!(stage.posts(&new(&row)).len(), 0, "{name}: requests after looks that failed");
        let most =
            if row.look == Told::Nothing { most_tries(elapsed) } else { most_tries(elapsed).max(2 + most_at(SLOW.mul_f64(0.9), elapsed)) };
        let reads = stage.reads(&new(&row));
        assert!(reads <= most, "{name}: {reads} looks within {elapsed:?}, {most} are allowed");
        // Both groups, a pass over the list a second, and the account's probes.
        let all = stage.requests_of(&name, first).len() as u64;
        let most = 2 * most + 2 * most_at(INTERVAL, elapsed);
        assert!(all <= most, "{name}: {all} requests within {elapsed:?}, {most} are allowed");
    }

    stage.simulator.clear_faults();
    join_all(rows().map(|row| async move {
        stage.until_told(&new(&row), AWAITING).await;
        for name in [new(&row), asked(&row)] {
            stage.until_looked(&name, 2).await;
            stage.has_its_only_link(&name).await;
        }
        stage.only_told(&new(&row), &[INITIATING, NOT_ENTITLED, AWAITING]);
        stage.only_told(&asked(&row), &[INITIATING, AWAITING]);
    }))
    .await;
    owned.end().await;
}

fn rows() -> impl Iterator<Item = Row> {
    let rows = TABLE.iter().copied().filter(|row| matches!(row.look, Told::Nothing | Told::NotEntitled));
    assert!(rows.clone().count() > 30);
    rows
}

/// The consent that is created while looks fail.
fn new(row: &Row) -> String {
    format!("new-{}", row.name())
}

/// The consent whose person has been asked before looks fail.
fn asked(row: &Row) -> String {
    format!("asked-{}", row.name())
}
