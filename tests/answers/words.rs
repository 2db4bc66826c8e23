//! What a person, a training, or somebody at HeyGen can do to a group: one row each, on a group whose person has been asked.

use std::time::Duration;

use futures::future::join_all;
use heygen_simulator::{FaultAction, GroupDefinition, GroupError, GroupPatch};
use serde_json::json;

use crate::stage::{APPROVED, AWAITING, INITIATING, INTERVAL, SLOW, Stage, most_at};
use crate::support::scene::{link, message};

/// The name, what happens to the group, what is told, and what the person who must act reads.
type Scenario = (&'static str, GroupPatch, &'static str, &'static str);

const UNKNOWN: &str = "Ready=Unknown:UnrecognizedConsentStatus Initiated=True Approved=False";

fn scenarios() -> Vec<Scenario> {
    let word = |word: Option<&str>| GroupPatch { consent_status: Some(word.map(str::to_owned)), ..GroupPatch::default() };
    let failed = GroupPatch {
        status: Some(Some("failed".to_owned())),
        error: Some(Some(GroupError { code: "training_failed".to_owned(), message: "prose that nobody should repeat".to_owned() })),
        ..GroupPatch::default()
    };
    let refused = "Ready=False:ConsentRefused Initiated=True Approved=False Stalled";
    let raise = "The person refused, or HeyGen rejected the recording. Raise spec.requestEpoch to ask again.";
    let given = "The person has consented.";
    let wait = "Waiting for the person, who needs the link in status.url.";
    let unknown = "HeyGen reports a consent status that the account's consentPolicy does not know; see status.consentStatus. It is not taken for consent.";
    vec![
        ("approved", word(Some("approved")), APPROVED, given),
        ("accepted", word(Some("accepted")), APPROVED, given),
        ("rejected", word(Some("rejected")), refused, raise),
        ("declined", word(Some("DECLINED")), refused, raise),
        ("pending", word(Some("pending")), AWAITING, wait),
        ("completed", word(Some("completed")), UNKNOWN, unknown),
        ("granted", word(Some("granted")), UNKNOWN, unknown),
        ("unheard-of", word(Some("Quite all right")), UNKNOWN, unknown),
        (
            "failed",
            failed,
            "Ready=False:AvatarFailed Initiated=True Approved=False Stalled",
            "HeyGen reports that the training of the avatar group failed. See the group at HeyGen.",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_to_a_group_is_told_with_what_to_do_and_asks_nobody_again() {
    let owned = Stage::start("words").await;
    let stage = &owned;
    join_all(scenarios().into_iter().map(|(name, patch, told, expected)| async move {
        let began = stage.elapsed();
        stage.ask(name, json!({})).await;
        stage.until_told(name, AWAITING).await;
        stage.simulator.patch_group(name, patch).unwrap();
        let consent = stage.until_told(name, told).await;
        assert_eq!(message(&consent), expected, "{name}");
        stage.until_looked(name, 3).await;
        let after = stage.get(name).await;
        assert_eq!(after.metadata.resource_version, consent.metadata.resource_version, "{name}: written again");
        let (reads, most) = (stage.reads(name), 2 + most_at(INTERVAL, stage.elapsed() - began));
        assert!(reads <= most, "{name}: {reads} looks, {most} are allowed");
        assert_eq!(stage.posts(name).len(), 1, "{name}");
        stage.has_its_only_link(name).await;

        let healed = GroupPatch {
            consent_status: Some(Some("approved".to_owned())),
            status: Some(Some("completed".to_owned())),
            error: Some(None),
            ..GroupPatch::default()
        };
        stage.simulator.patch_group(name, healed).unwrap();
        stage.until_told(name, APPROVED).await;
        stage.has_its_only_link(name).await;
        stage.only_told(name, &[INITIATING, AWAITING, told, APPROVED]);
    }))
    .await;
    owned.end().await;
}

/// The status and the code of "security code already binded" are unknown: every one of them is read alike.
#[tokio::test(flavor = "multi_thread")]
async fn a_security_code_already_binded_is_waited_out_and_the_approval_is_seen_meanwhile() {
    let owned = Stage::start("bound").await;
    let stage = &owned;
    let answers =
        [(200, "ok"), (400, "invalid_parameter"), (403, "forbidden"), (409, "conflict"), (429, "rate_limited"), (500, "internal_error")];
    join_all(answers.map(|(status, code)| async move {
        let name = &format!("bound-{status}");
        let began = stage.elapsed();
        stage.fails_to_ask(name, FaultAction::already_bound(status, code));
        stage.ask(name, json!({})).await;
        let told = stage.until_told(name, INITIATING).await;
        assert!(!message(&told).is_empty(), "{name}");
        stage.until_posted(name, 2).await;
        let (posts, most) = (stage.posts(name).len() as u64, most_at(SLOW.mul_f64(0.9), stage.elapsed() - began));
        assert!(posts <= most, "{name}: {posts} requests for consent, {most} are allowed");
        assert_eq!(stage.executed(name), 0, "{name}");
        // The person may have the link of before.
        stage.simulator.approve(name).unwrap();
        let approved = stage.until_told(name, "Ready=True:Approved Initiated=False Approved=True").await;
        assert_eq!(link(&approved), None, "{name}");
        stage.until_looked(name, 2).await;
        assert_eq!(stage.executed(name), 0, "{name}: asked after the approval");
    }))
    .await;
    owned.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_video_without_the_plan_for_it_is_not_entitled_until_the_plan_is_there() {
    let stage = Stage::start("clip").await;
    let began = stage.elapsed();
    stage.ask("clip", json!({ "consentVideo": { "url": "https://example.com/clip.mp4" } })).await;
    let told = stage.until_told("clip", "Ready=False:NotEntitled Initiated=False Approved=False Stalled").await;
    assert!(message(&told).contains("its plan includes what the spec asks for"), "{}", message(&told));
    stage.until_posted("clip", 3).await;
    let (posts, most) = (stage.posts("clip").len() as u64, 1 + most_at(SLOW.mul_f64(0.9), stage.elapsed() - began));
    assert!(posts <= most, "{posts} requests for consent, {most} are allowed");
    assert_eq!(stage.executed("clip"), 0);
    let entitled = heygen_simulator::AccountPatch { enterprise: Some(true), ..Default::default() };
    stage.simulator.patch_account(heygen_simulator::MAIN_ACCOUNT, entitled).unwrap();
    stage.until_told("clip", APPROVED).await;
    assert_eq!(stage.executed("clip"), 1);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_twin_without_a_word_is_not_taken_for_consent() {
    let stage = Stage::start("wordless").await;
    let wordless = GroupDefinition { consent_status: None, keeps_consent_status: true, ..GroupDefinition::twin("wordless") };
    stage.simulator.create_group(wordless).unwrap();
    stage.ask_again("wordless", json!({})).await;
    stage.until_told("wordless", AWAITING).await;
    stage.until_looked("wordless", 3).await;
    stage.has_its_only_link("wordless").await;
    stage.only_told("wordless", &[INITIATING, AWAITING]);
    stage.simulator.approve("wordless").unwrap();
    stage.until_told("wordless", APPROVED).await;
    stage.end().await;
}

/// A link that dies at HeyGen does so silently: the operator goes by its own clock.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_dies_is_told_and_not_asked_for_again() {
    let mut account = crate::stage::spec();
    account["linkLifetime"] = json!("2s");
    let stage = Stage::with_account("lifetime", account).await;
    let lifetime = heygen_simulator::BehaviourPatch { link_lifetime: Some(Duration::from_secs(1)), ..Default::default() };
    stage.simulator.change_behaviour(lifetime).unwrap();
    stage.ask("dead", json!({})).await;
    let told = stage.until_told("dead", "Ready=False:LinkExpired Initiated=True Approved=False LinkExpired").await;
    assert!(message(&told).contains("Raise spec.requestEpoch for a new one."), "{}", message(&told));
    assert!(stage.simulator.group("dead").unwrap().links[0].expired);
    stage.until_looked("dead", 3).await;
    assert_eq!(stage.posts("dead").len(), 1);
    stage.has_its_only_link("dead").await;
    stage.change("dead", json!({ "requestEpoch": 1 })).await;
    // It is dead again two seconds later, so its conditions are not waited for.
    let first = link(&told);
    stage.until_it("dead", "another link", |consent| link(consent).is_some() && link(consent) != first).await;
    assert_eq!(stage.executed("dead"), 2);
    stage.end().await;
}
