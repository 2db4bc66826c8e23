//! What HeyGen says about the person: approved, waived, not required, refused, failed, and words that are not known.

use std::time::Duration;

use heygen_simulator::{GroupDefinition, GroupPatch, Look};
use serde_json::json;

use crate::recorded::record;
use crate::support::scene::{APPROVED, AWAITING, INITIATING, every_second, link, message, most_at};
use crate::support::{Scene, World};

#[tokio::test(flavor = "multi_thread")]
pub async fn both_words_for_an_approval_are_one() {
    let scene = Scene::start("approved").await;
    for name in ["ada", "bob"] {
        scene.ask(name, json!({})).await;
        scene.until_reading(name, AWAITING).await;
    }
    scene.simulator.set_consent_status("ada", Some("approved")).unwrap();
    scene.simulator.set_consent_status("bob", Some("Accepted")).unwrap();
    for (name, word) in [("ada", "approved"), ("bob", "Accepted")] {
        let reported = scene.until_reading(name, APPROVED).await;
        if name == "ada" {
            record(&scene, "DigitalTwinConsent", "approved", &reported);
        }
        let status = reported.status.unwrap();
        assert_eq!(status.consent_status.as_deref(), Some(word));
        assert_eq!(status.approval.unwrap().consent_status.as_deref(), Some(word));
        assert_eq!(status.history.len(), 2, "{:?}", status.history);
    }
    scene.left_alone(&["ada", "bob"]).await;
    assert_eq!((scene.executed("ada"), scene.executed("bob")), (1, 1));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_found_at_heygen_is_adopted_without_a_request_also_after_a_higher_epoch() {
    let scene = Scene::start("adopted").await;
    let approved = GroupDefinition { consent_status: Some("approved".into()), ..GroupDefinition::twin("ada") };
    scene.simulator.create_group(approved).unwrap();
    scene.ask_again("ada", json!({})).await;
    let reported = "Ready=True:Approved Initiated=False Approved=True";
    let adopted = scene.until_reading("ada", reported).await.status.unwrap();
    assert!(adopted.initiation.is_none() && adopted.initiation_time.is_none() && adopted.url.is_none());
    scene.change("ada", json!({ "requestEpoch": 3 })).await;
    scene.until_reading("ada", reported).await;
    scene.left_alone(&["ada"]).await;
    assert!(scene.posts("ada").is_empty());
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_waiver_by_word_and_one_by_silence_need_no_request() {
    let world = World::without_account("waived").await;
    let mut account = every_second();
    account["consentPolicy"] = json!({ "waived": ["skipped"], "absentMeansWaived": true });
    account["allowedNamespaces"] = json!({ "names": [world.namespace] });
    world.cluster_account(account).await;
    let account = json!({ "kind": "ClusterHeyGenAccount", "name": world.namespace });
    let scene = Scene::of(world, &[]).await;
    for (name, word) in [("ada", Some("Skipped".to_owned())), ("bob", None)] {
        scene.simulator.create_group(GroupDefinition { consent_status: word, ..GroupDefinition::twin(name) }).unwrap();
        scene.ask_again(name, json!({ "accountRef": account })).await;
    }
    let began = std::time::Instant::now();
    for name in ["ada", "bob"] {
        let reported = scene.until_reading(name, "Ready=True:ConsentWaived Initiated=False Approved=True").await;
        if name == "ada" {
            record(&scene, "DigitalTwinConsent", "consent-waived", &reported);
        }
    }
    scene.left_alone(&["ada", "bob"]).await;
    for name in ["ada", "bob"] {
        // One poll before anything is said; of a word that the list lacks, a single read as well.
        let (reads, most) = (scene.reads(name), 2 + 2 * most_at(Duration::from_secs(1), began.elapsed()));
        assert!(reads <= most, "{name}: {reads} looks, {most} are allowed");
        assert_eq!((scene.posts(name).len(), scene.executed(name)), (0, 0), "{name}");
        assert_eq!(scene.versions(name).await.len(), 2, "{name}: created, told");
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn only_a_group_of_nothing_but_photos_needs_no_consent() {
    let scene = Scene::start("photos").await;
    let photos = |count: usize| (0..count).map(|number| Look::photo_avatar(format!("photo-{number}"))).collect::<Vec<_>>();
    let with_twin = [photos(70), vec![Look::digital_twin("twin")]].concat();
    for (name, looks) in [("photos", photos(70)), ("mixed", with_twin), ("empty", Vec::new())] {
        let group = GroupDefinition { looks: Some(looks), consent_status: None, ..GroupDefinition::twin(name) };
        scene.simulator.create_group(group).unwrap();
        scene.ask_again(name, json!({})).await;
    }
    let reported = scene.until_reading("photos", "Ready=True:ConsentNotRequired Initiated=False Approved=False").await;
    record(&scene, "DigitalTwinConsent", "consent-not-required", &reported);
    scene.until_reading("mixed", AWAITING).await;
    scene.until_reading("empty", INITIATING).await;
    scene.left_alone(&["photos", "mixed", "empty"]).await;
    assert_eq!(["photos", "mixed", "empty"].map(|name| scene.executed(name)), [0, 1, 0]);

    let trained = GroupPatch { looks: Some(vec![Look::digital_twin("twin")]), ..GroupPatch::default() };
    scene.simulator.patch_group("empty", trained).unwrap();
    scene.until_reading("empty", AWAITING).await;
    scene.end().await;
}

/// A prompt avatar depicts no person. By HeyGen's schema its looks are photo avatars; the names under which it is created mean the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_avatar_needs_no_consent_by_whatever_name_its_looks_go_and_unknown_ones_wait() {
    let scene = Scene::start("prompts").await;
    let depict_no_person = ["photo-avatar", "prompt", "prompt-avatar"];
    let unknown = ["studio-avatar", "hologram"];
    for name in depict_no_person.iter().chain(&unknown) {
        let looks = Some(vec![Look::photo_avatar("photo"), Look::of_type("look", &name.replace('-', "_"))]);
        scene.simulator.create_group(GroupDefinition { looks, ..GroupDefinition::prompt(*name) }).unwrap();
        scene.ask_again(name, json!({})).await;
    }
    for name in depict_no_person {
        let reported = scene.until_reading(name, "Ready=True:ConsentNotRequired Initiated=False Approved=False").await;
        assert!(message(&reported).contains("prompt avatar"), "{}", message(&reported));
    }
    for name in unknown {
        scene.until_reading(name, INITIATING).await;
    }
    scene.left_alone(&[depict_no_person.as_slice(), &unknown].concat()).await;
    for name in depict_no_person.iter().chain(&unknown) {
        assert_eq!(scene.posts(name).len(), 0, "{name}: asked");
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_person_who_refused_is_asked_again_only_under_a_higher_epoch() {
    let scene = Scene::start("refused").await;
    scene.ask("ada", json!({})).await;
    let first = link(&scene.until_reading("ada", AWAITING).await);
    scene.simulator.reject("ada").unwrap();
    let refused = GroupDefinition { consent_status: Some("declined".into()), ..GroupDefinition::twin("bob") };
    scene.simulator.create_group(refused).unwrap();
    scene.ask_again("bob", json!({})).await;
    let reported = scene.until_reading("ada", "Ready=False:ConsentRefused Initiated=True Approved=False Stalled").await;
    record(&scene, "DigitalTwinConsent", "consent-refused", &reported);
    scene.until_reading("bob", "Ready=False:ConsentRefused Initiated=False Approved=False Stalled").await;
    scene.left_alone(&["ada", "bob"]).await;
    assert_eq!((scene.executed("ada"), scene.executed("bob")), (1, 0));

    scene.change("ada", json!({ "requestEpoch": 1 })).await;
    let second = link(&scene.until_reading("ada", AWAITING).await);
    assert!(second.is_some() && second != first, "the link of the refused request stands");
    assert_eq!(scene.executed("ada"), 2);
    scene.change("bob", json!({ "requestEpoch": 1 })).await;
    scene.until_reading("bob", AWAITING).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_heygen_takes_back_heals_without_a_touch() {
    let scene = Scene::start("unrefused").await;
    scene.ask("ada", json!({})).await;
    scene.until_reading("ada", AWAITING).await;
    scene.simulator.reject("ada").unwrap();
    scene.until("ada", "ConsentRefused").await;
    scene.simulator.approve("ada").unwrap();
    scene.until_reading("ada", APPROVED).await;
    assert_eq!(scene.executed("ada"), 1);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_failed_training_is_told_and_leaves_an_approval_as_it_was() {
    let scene = Scene::start("failed").await;
    let failed = || GroupPatch { status: Some(Some("failed".into())), ..GroupPatch::default() };
    scene.simulator.create_group(GroupDefinition { status: Some("failed".into()), ..GroupDefinition::twin("new") }).unwrap();
    scene.ask_again("new", json!({})).await;
    for name in ["asked", "given"] {
        scene.ask(name, json!({})).await;
        scene.until_reading(name, AWAITING).await;
    }
    scene.simulator.approve("given").unwrap();
    scene.until_reading("given", APPROVED).await;
    scene.simulator.patch_group("asked", failed()).unwrap();
    scene.simulator.patch_group("given", failed()).unwrap();
    scene.until_reading("new", "Ready=False:AvatarFailed Initiated=False Approved=False Stalled").await;
    let reported = scene.until_reading("asked", "Ready=False:AvatarFailed Initiated=True Approved=False Stalled").await;
    record(&scene, "DigitalTwinConsent", "avatar-failed", &reported);
    scene.until_reading("given", "Ready=False:AvatarFailed Initiated=True Approved=True Stalled").await;
    scene.left_alone(&["new", "asked", "given"]).await;
    assert_eq!(["new", "asked", "given"].map(|name| scene.executed(name)), [0, 1, 1]);

    for name in ["new", "asked", "given"] {
        scene.simulator.patch_group(name, GroupPatch { status: Some(Some("completed".into())), ..GroupPatch::default() }).unwrap();
    }
    scene.until_reading("new", AWAITING).await;
    scene.until_reading("asked", AWAITING).await;
    scene.until_reading("given", APPROVED).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn an_unknown_word_is_shown_and_is_no_approval() {
    let scene = Scene::start("unknown-word").await;
    let odd = GroupDefinition { consent_status: Some("Granted?".into()), ..GroupDefinition::twin("new") };
    scene.simulator.create_group(odd).unwrap();
    scene.ask_again("new", json!({})).await;
    scene.ask("asked", json!({})).await;
    scene.until_reading("asked", AWAITING).await;
    scene.simulator.set_consent_status("asked", Some("completed")).unwrap();
    let new = scene.until_reading("new", "Ready=Unknown:UnrecognizedConsentStatus Initiated=False Approved=False").await;
    record(&scene, "DigitalTwinConsent", "unrecognized-consent-status", &new);
    assert_eq!(new.status.unwrap().consent_status.as_deref(), Some("Granted?"), "shown as HeyGen says it");
    let asked = scene.until_reading("asked", "Ready=Unknown:UnrecognizedConsentStatus Initiated=True Approved=False").await;
    record(&scene, "DigitalTwinConsent", "unrecognized-consent-status-after-asking", &asked);
    scene.left_alone(&["new", "asked"]).await;
    assert_eq!(["new", "asked"].map(|name| scene.executed(name)), [0, 1]);

    scene.simulator.set_consent_status("new", Some("pending")).unwrap();
    scene.simulator.set_consent_status("asked", Some("pending")).unwrap();
    scene.until_reading("new", AWAITING).await;
    scene.until_reading("asked", AWAITING).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_that_is_unknown_counts_once_the_policy_has_it_as_the_message_says() {
    let world = World::without_account("validated").await;
    let mut account = every_second();
    world.cluster_account(account.clone()).await;
    let reference = json!({ "kind": "ClusterHeyGenAccount", "name": world.namespace });
    let scene = Scene::of(world, &[]).await;
    for name in ["asked", "given"] {
        scene.ask(name, json!({ "accountRef": reference })).await;
        scene.until_reading(name, AWAITING).await;
    }
    scene.simulator.set_consent_status("asked", Some("validated")).unwrap();
    scene.simulator.set_consent_status("given", Some("accepted")).unwrap();
    let reported = scene.until_reading("asked", "Ready=Unknown:UnrecognizedConsentStatus Initiated=True Approved=False").await;
    scene.until_reading("given", APPROVED).await;

    // As a user who has nothing but the message would.
    let message = message(&reported);
    let example = message.split('`').nth(1).unwrap();
    assert!(message.contains("spec.consentPolicy.granted of the ClusterHeyGenAccount"), "{message}");
    account["consentPolicy"] = serde_saphyr::from_str(example).unwrap();
    scene.cluster_account(account).await;
    scene.until_reading("asked", APPROVED).await;
    scene.left_alone(&["asked", "given"]).await;
    assert_eq!((scene.posts("asked").len(), scene.posts("given").len()), (1, 1), "the words of before count on, and nobody is asked");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_word_after_an_approval_changes_nothing_but_a_metric() {
    let scene = Scene::start("silent").await;
    scene.ask("ada", json!({})).await;
    scene.until_reading("ada", AWAITING).await;
    scene.simulator.approve("ada").unwrap();
    scene.until_reading("ada", APPROVED).await;
    scene.simulator.set_consent_status("ada", None).unwrap();
    scene.left_alone(&["ada"]).await;
    assert!(scene.operator().counter("twinconsent_null_after_grant_total", "").await >= 1.0);
    scene.end().await;
}
