//! What a person, a training, or HeyGen's staff can do to a group: one row each, on a group whose person has been asked.

use std::time::Duration;

use futures::future::join_all;
use heygen_simulator::person::{self, Decision};
use heygen_simulator::{BehaviourPatch, GroupDefinition, GroupError, GroupPatch, OptionalFields};
use serde_json::json;

use crate::stage::{INTERVAL, Stage};
use crate::support::scene::{APPROVED, AWAITING, INITIATING, link, message, most_at};

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
    let raise = "The person refused, or HeyGen rejected the recording. To ask the person again, raise spec.requestEpoch.";
    let given = "The person has consented.";
    let wait = "Waiting for the person. Send them the link in status.url.";
    let unknown = "HeyGen reports a consent status that the account's consentPolicy does not know; see status.consentStatus. It is not taken for consent. If you know that it means consent, add it to spec.consentPolicy.granted of the ClusterHeyGenAccount, beside the default words, as in `granted: [approved, accepted, validated]`.";
    vec![
        ("approved", word(Some("approved")), APPROVED, given),
        ("accepted", word(Some("accepted")), APPROVED, given),
        ("rejected", word(Some("rejected")), refused, raise),
        ("declined", word(Some("DECLINED")), refused, raise),
        ("pending", word(Some("pending")), AWAITING, wait),
        ("validated", word(Some("validated")), UNKNOWN, unknown),
        ("completed", word(Some("completed")), UNKNOWN, unknown),
        ("granted", word(Some("granted")), UNKNOWN, unknown),
        ("unheard-of", word(Some("Quite all right")), UNKNOWN, unknown),
        (
            "failed",
            failed,
            "Ready=False:AvatarFailed Initiated=True Approved=False Stalled",
            "HeyGen reports that the training of the avatar group failed. See the avatar group at HeyGen, and train it again there. If it says no cause, ask HeyGen's support.",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_to_a_group_is_reported_with_what_to_do_and_asks_nobody_again() {
    let owned = Stage::start("words").await;
    let stage = &owned;
    join_all(scenarios().into_iter().map(|(name, patch, shown, expected)| async move {
        let began = stage.elapsed();
        stage.ask(name, json!({})).await;
        stage.until_reading(name, AWAITING).await;
        stage.simulator.patch_group(name, patch).unwrap();
        let consent = stage.until_reading(name, shown).await;
        assert_eq!(message(&consent), expected, "{name}");
        stage.until_polled(name, 3).await;
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
        stage.until_reading(name, APPROVED).await;
        stage.has_its_only_link(name).await;
        stage.only_readings(name, &[INITIATING, AWAITING, shown, APPROVED]).await;
    }))
    .await;
    owned.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_twin_without_a_word_is_not_taken_for_consent() {
    let owned = Stage::start("wordless").await;
    let stage = &owned;
    join_all([("absent", OptionalFields::Absent), ("null", OptionalFields::Null)].map(|(name, optional_fields)| async move {
        let wordless = GroupDefinition { consent_status: None, keeps_consent_status: true, optional_fields, ..GroupDefinition::twin(name) };
        stage.simulator.create_group(wordless).unwrap();
        let began = stage.elapsed();
        stage.ask_again(name, json!({})).await;
        stage.until_reading(name, AWAITING).await;
        stage.until_polled(name, 3).await;
        // A word that the list lacks is looked for by a single read.
        let (reads, most) = (stage.reads(name), 2 + 2 * most_at(INTERVAL, stage.elapsed() - began));
        assert!(reads <= most, "{name}: {reads} looks, {most} are allowed");
        assert_eq!(stage.posts(name).len(), 1, "{name}");
        stage.has_its_only_link(name).await;
        stage.only_readings(name, &[INITIATING, AWAITING]).await;
        stage.simulator.approve(name).unwrap();
        stage.until_reading(name, APPROVED).await;
    }))
    .await;
    owned.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_stands_when_heygen_says_no_word_any_more() {
    let stage = Stage::start("silent").await;
    let began = stage.elapsed();
    stage.ask("silent", json!({})).await;
    stage.until_reading("silent", AWAITING).await;
    stage.simulator.approve("silent").unwrap();
    let approved = stage.until_reading("silent", APPROVED).await.metadata.resource_version;
    stage.simulator.set_consent_status("silent", None).unwrap();
    stage.until_polled("silent", 4).await;
    assert_eq!(stage.version("silent").await, approved, "written although nothing had changed");
    let (reads, most) = (stage.reads("silent"), 2 + 2 * most_at(INTERVAL, stage.elapsed() - began));
    assert!(reads <= most, "{reads} looks, {most} are allowed");
    assert_eq!(stage.posts("silent").len(), 1);
    stage.has_its_only_link("silent").await;
    stage.only_readings("silent", &[INITIATING, AWAITING, APPROVED]).await;
    stage.end().await;
}

/// The person is sent on when the recording is done; what HeyGen makes of it comes later, or never.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_has_recorded_is_awaited_until_the_review_is_over() {
    const REVIEW: Duration = Duration::from_hours(24 * 30);
    let stage = Stage::start("review").await;
    let review = BehaviourPatch { review_time: Some(REVIEW), ..BehaviourPatch::default() };
    stage.simulator.change_behaviour(review).unwrap();
    let began = stage.elapsed();
    stage.ask("reviewed", json!({ "rerouteURL": "https://example.com/thanks" })).await;
    let awaiting = stage.until_reading("reviewed", AWAITING).await;
    let landed = person::play(&link(&awaiting).unwrap(), Decision::Consents, Duration::ZERO).await.unwrap();
    assert_eq!(landed, "https://example.com/thanks");
    stage.until_polled("reviewed", 4).await;
    assert_eq!(stage.version("reviewed").await, awaiting.metadata.resource_version, "written although nothing had changed");
    let (reads, most) = (stage.reads("reviewed"), 2 + most_at(INTERVAL, stage.elapsed() - began));
    assert!(reads <= most, "{reads} looks, {most} are allowed");
    assert_eq!(stage.posts("reviewed").len(), 1);
    stage.simulator.advance(REVIEW);
    stage.until_reading("reviewed", APPROVED).await;
    stage.has_its_only_link("reviewed").await;
    stage.only_readings("reviewed", &[INITIATING, AWAITING, APPROVED]).await;
    stage.end().await;
}

/// A link that dies at HeyGen does so silently: the operator goes by its own clock.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_dies_is_told_and_not_asked_for_again() {
    let mut account = crate::stage::spec();
    account["linkLifetime"] = json!("2s");
    let stage = Stage::with_account("lifetime", account).await;
    let lifetime = BehaviourPatch { link_lifetime: Some(Duration::from_secs(1)), ..Default::default() };
    stage.simulator.change_behaviour(lifetime).unwrap();
    stage.ask("dead", json!({})).await;
    let shown = stage.until_reading("dead", "Ready=False:LinkExpired Initiated=True Approved=False LinkExpired").await;
    assert!(message(&shown).contains("For a new link, raise spec.requestEpoch."), "{}", message(&shown));
    assert!(stage.simulator.group("dead").unwrap().links[0].expired);
    stage.until_polled("dead", 3).await;
    assert_eq!(stage.posts("dead").len(), 1);
    stage.has_its_only_link("dead").await;
    stage.change("dead", json!({ "requestEpoch": 1 })).await;
    // It is dead again two seconds later, so its conditions are not waited for.
    let first = link(&shown);
    stage.until_it("dead", "another link", |consent| link(consent).is_some() && link(consent) != first).await;
    assert_eq!(stage.executed("dead"), 2);
    stage.end().await;
}
