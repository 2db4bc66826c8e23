//! A consent video: refused without the plan for it; with the plan it goes straight to review and yields no link.

use std::time::Duration;

use futures::future::join_all;
use heygen_simulator::{AccountPatch, BehaviourPatch, MAIN_ACCOUNT};
use serde_json::{Value, json};

use crate::stage::{INTERVAL, Stage};
use crate::support::scene::{APPROVED, AWAITING, NOT_ENTITLED, link, message, most_at, reading};
use crate::table::not_entitled;

const REVIEW: Duration = Duration::from_hours(1);

/// Both ways to hand in a clip.
fn clips() -> [(&'static str, Value); 2] {
    [("by-url", json!({ "url": "https://example.com/clip.mp4" })), ("by-asset", json!({ "assetID": "clip-1" }))]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_video_waits_for_the_plan_then_for_the_review_and_yields_no_link() {
    let owned = Stage::start("clips").await;
    let stage = &owned;
    stage.simulator.change_behaviour(BehaviourPatch { review_time: Some(REVIEW), ..BehaviourPatch::default() }).unwrap();
    join_all(clips().map(|(name, clip)| async move {
        stage.ask(name, json!({ "consentVideo": clip })).await;
        let shown = stage.until_reading(name, NOT_ENTITLED).await;
        assert_eq!(message(&shown), not_entitled(Some("forbidden")), "{name}");
        // The first `forbidden` is asked about at the account, and repeated.
        stage.is_asked_for_slowly(name, 1).await;
        assert_eq!(stage.executed(name), 0, "{name}");
    }))
    .await;
    stage.until_account("CredentialsAccepted").await;

    stage.simulator.patch_account(MAIN_ACCOUNT, AccountPatch { enterprise: Some(true), ..AccountPatch::default() }).unwrap();
    join_all(clips().map(|(name, _)| async move {
        let awaiting = stage.until_reading(name, AWAITING).await;
        let (began, reads, posts) = (stage.elapsed(), stage.reads(name), stage.posts(name).len());
        assert_eq!(message(&awaiting), "The consent video was handed in. HeyGen reviews it.", "{name}");
        let status = awaiting.status.clone().unwrap();
        assert!(link(&awaiting).is_none() && status.link_expiration_time.is_none(), "{name}: a link of a clip");
        stage.until_polled(name, 3).await;
        assert_eq!(stage.version(name).await, awaiting.metadata.resource_version, "{name}: {}", reading(&stage.get(name).await));
        let (reads, most) = (stage.reads(name) - reads, 2 + most_at(INTERVAL, stage.elapsed() - began));
        assert!(reads <= most, "{name}: {reads} looks, {most} are allowed");
        let summary = stage.simulator.group_summary(name);
        assert_eq!((summary.executed, summary.links, summary.keys.len()), (1, 0, 1), "{name}: executed, links, keys");
        assert_eq!(stage.posts(name).len(), posts, "{name}: asked again");
    }))
    .await;
    stage.simulator.advance(REVIEW);
    for (name, _) in clips() {
        let approved = stage.until_reading(name, APPROVED).await;
        assert!(stage.executed(name) == 1 && link(&approved).is_none(), "{name}");
    }
    owned.end().await;
}
