//! What takes two polls far apart to be believed: the rows of the error table that say "missing", which a request alone never
//! says, and an approval that HeyGen takes back.

use std::time::Duration;

use futures::future::join_all;
use heygen_simulator::{FaultAction, GroupDefinition};
use serde_json::json;

use crate::stage::{SLOW, Stage};
use crate::support::eventually_within;
use crate::support::scene::{APPROVED, AWAITING, INITIATING, link, message, most_at, reading};
use crate::table::{Row, TABLE, Verdict};

const NEW_MISSING: &str = "Ready=False:AvatarGroupNotFound Initiated=False Approved=False Stalled";
const ASKED_MISSING: &str = "Ready=False:AvatarGroupNotFound Initiated=True Approved=False Stalled";

/// How far apart the two polls are.
const CONFIRM: Duration = Duration::from_secs(120);

/// How far apart they are when an approval is taken back.
const CONFIRM_REGRESS: Duration = Duration::from_secs(60);

/// All of it takes the two minutes, so all of it shares them.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_or_taken_back_is_reported_after_two_polls_and_heals_with_its_link() {
    let owned = Stage::start("missing").await;
    let stage = &owned;
    let rows = || TABLE.iter().filter(|row| row.poll == Verdict::Missing);
    assert_eq!(rows().count(), 5);
    tokio::join!(
        join_all(rows().map(|row| at_a_poll(stage, row))),
        join_all(rows().map(|row| at_a_request(stage, row))),
        deleted(stage),
        regressed(stage, "pending"),
        regressed(stage, "rejected")
    );
    owned.end().await;
}

async fn at_a_poll(stage: &Stage, row: &Row) {
    let (new, asked) = (format!("new-{}", row.name()), format!("asked-{}", row.name()));
    stage.ask(&asked, json!({})).await;
    stage.until_reading(&asked, AWAITING).await;
    for name in [&new, &asked] {
        stage.fails_to_read(name, FaultAction::error(row.status, row.code, "prose that nobody should repeat"));
    }
    let began = stage.elapsed();
    stage.ask(&new, json!({})).await;
    stage.until_reading(&new, INITIATING).await;
    let before = stage.reads(&asked);
    for (name, expected) in [(&new, NEW_MISSING), (&asked, ASKED_MISSING)] {
        let shown = until_slowly(stage, name, expected).await;
        assert!(stage.elapsed() - began >= CONFIRM.mul_f64(0.95), "{name}: already after {:?}", stage.elapsed() - began);
        assert!(shown.contains("HeyGen does not know this avatar group. Check spec.groupID"), "{name}: {shown}");
    }
    let elapsed = stage.elapsed() - began;
    for (name, before) in [(&new, 0), (&asked, before)] {
        // The two polls, those that were under way with the first, and from then on those at the slow pace.
        let (reads, most) = (stage.reads(name) - before, 3 + most_at(SLOW.mul_f64(0.9), elapsed.saturating_sub(CONFIRM)));
        assert!(reads <= most, "{name}: {reads} looks within {elapsed:?}, {most} are allowed");
    }
    assert_eq!((stage.posts(&new).len(), stage.posts(&asked).len()), (0, 1));
    stage.mend(&[&new, &asked]);
    for name in [&new, &asked] {
        stage.until_reading(name, AWAITING).await;
        stage.has_its_only_link(name).await;
    }
    stage.only_readings(&new, &[INITIATING, NEW_MISSING, AWAITING]).await;
    stage.only_readings(&asked, &[INITIATING, ASKED_MISSING, AWAITING]).await;
}

/// Polls say that the group is there: the request is repeated, seldom.
async fn at_a_request(stage: &Stage, row: &Row) {
    let name = format!("request-{}", row.name());
    let began = stage.elapsed();
    stage.fails_to_ask(&name, FaultAction::error(row.status, row.code, "prose that nobody should repeat"));
    stage.ask(&name, json!({})).await;
    stage.until_reading(&name, INITIATING).await;
    eventually_within(CONFIRM * 2, "the request is repeated", || async {
        if stage.posts(&name).len() >= 2 { Ok(()) } else { Err(name.clone()) }
    })
    .await;
    let (posts, most) = (stage.posts(&name).len() as u64, most_at(CONFIRM.mul_f64(0.95), stage.elapsed() - began));
    assert!(posts <= most, "{name}: {posts} requests for consent, {most} are allowed");
    assert_eq!(stage.executed(&name), 0, "{name}");
    stage.only_readings(&name, &[INITIATING]).await;
}

/// A deletion under way: HeyGen forgets the group, its links and its keys.
async fn deleted(stage: &Stage) {
    stage.ask("deleted", json!({})).await;
    let shown = stage.until_reading("deleted", AWAITING).await;
    let before = link(&shown);
    stage.simulator.delete_group("deleted").unwrap();
    until_slowly(stage, "deleted", ASKED_MISSING).await;
    assert_eq!((stage.posts("deleted").len(), link(&stage.get("deleted").await) == before), (1, true));
    stage.simulator.create_group(GroupDefinition::twin("deleted")).unwrap();
    stage.until_reading("deleted", AWAITING).await;
    assert_eq!(stage.posts("deleted").len(), 1, "nobody asked for another link");
}

/// An approval that gives way to this word is told once, a minute later, and nobody is asked again.
async fn regressed(stage: &Stage, word: &str) {
    const REVOKED: &str = "Ready=False:ConsentRevoked Initiated=True Approved=False Stalled";
    let name = &format!("then-{word}");
    stage.ask(name, json!({})).await;
    stage.until_reading(name, AWAITING).await;
    stage.simulator.approve(name).unwrap();
    stage.until_reading(name, APPROVED).await;
    stage.simulator.set_consent_status(name, Some(word)).unwrap();
    let single_reads = || stage.simulator.group_summary(name).reads;
    let (began, reads) = (stage.elapsed(), single_reads());
    let shown = until_slowly(stage, name, REVOKED).await;
    let elapsed = stage.elapsed() - began;
    assert!(elapsed >= CONFIRM_REGRESS.mul_f64(0.95), "{name}: already after {elapsed:?}");
    assert!(shown.ends_with("Stop using the twin. To ask the person again, raise spec.requestEpoch."), "{shown}");
    // One that was under way, the two polls, and from then on those at the slow pace; the list is read for all the others as well.
    let reads = single_reads() - reads;
    let most = 3 + most_at(SLOW.mul_f64(0.9), elapsed.saturating_sub(CONFIRM_REGRESS));
    assert!(reads <= most, "{name}: {reads} looks within {elapsed:?}, {most} are allowed");
    let before = stage.version(name).await;
    stage.until_polled(name, 2).await;
    assert_eq!(stage.version(name).await, before, "{name}: written again");
    assert_eq!(stage.posts(name).len(), 1, "{name}");
    stage.simulator.approve(name).unwrap();
    stage.until_reading(name, APPROVED).await;
    stage.has_its_only_link(name).await;
    stage.only_readings(name, &[INITIATING, AWAITING, APPROVED, REVOKED]).await;
}

async fn until_slowly(stage: &Stage, name: &str, expected: &str) -> String {
    eventually_within(CONFIRM + Duration::from_secs(60), expected, || async {
        let consent = stage.get(name).await;
        if reading(&consent) == expected { Ok(message(&consent)) } else { Err(format!("{name}: {}", reading(&consent))) }
    })
    .await
}
