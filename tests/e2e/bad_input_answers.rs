//! Answers of HeyGen that cannot be believed: nothing is concluded from them, and they are not asked for in a hurry.

use std::time::Duration;

use heygen_simulator::{FaultAction, FaultRule, PathKind, Reshape};
use serde_json::json;

use crate::support::Scene;
use crate::support::scene::{APPROVED, AWAITING, INITIATING};

/// Each with the name of the group that gets it.
fn unbelievable() -> Vec<(&'static str, FaultAction)> {
    let of_another =
        json!({ "data": { "avatar_group": { "id": "another", "consent_status": "approved" }, "url": "https://example.com/another" } });
    vec![
        ("not-json", FaultAction::not_json(200)),
        ("empty", FaultAction::empty(200)),
        ("html", FaultAction::html(200)),
        ("gateway", FaultAction::html(502)),
        ("null", FaultAction::raw(200, "application/json", "null")),
        ("error-in-success", FaultAction::ok_with_error("internal_error", "approved")),
        ("legacy", FaultAction::legacy_error(500, 400_123, "approved")),
        ("redirect", FaultAction::redirect(302, "https://example.com/approved")),
        ("huge", FaultAction::HugeBody { mebibytes: 2 }),
        ("list", FaultAction::Reshape(Reshape::DataIsList)),
        ("data-null", FaultAction::Reshape(Reshape::DataIsNull)),
        ("data-missing", FaultAction::Reshape(Reshape::DataIsMissing)),
        ("number", FaultAction::Reshape(Reshape::ConsentStatusIsNumber)),
        ("of-another", FaultAction::raw(200, "application/json", of_another.to_string())),
        ("cut", FaultAction::DropBefore),
        ("cut-after", FaultAction::DropAfter),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unbelievable_poll_leads_to_no_request_and_later_ones_change_nothing() {
    let scene = Scene::start("polls").await;
    unbelievable().into_iter().for_each(|(name, fault)| scene.fails_to_read(name, fault));
    for (name, _) in unbelievable() {
        scene.ask(name, json!({})).await;
    }
    for (name, _) in unbelievable() {
        scene.until_reading(name, INITIATING).await;
        scene.until_read(name, 4).await;
        assert_eq!(scene.posts(name).len(), 0, "{name}");
        pauses_grow(&scene, name, PathKind::Group);
    }
    scene.simulator.clear_faults();
    for (name, _) in unbelievable() {
        scene.until_reading(name, AWAITING).await;
        assert_eq!(scene.executed(name), 1, "{name}");
    }
    let names: Vec<&str> = unbelievable().iter().map(|(name, _)| *name).collect();
    scene.left_alone(&names).await;

    for name in &names {
        scene.simulator.approve(name).unwrap();
        scene.until_reading(name, APPROVED).await;
    }
    unbelievable().into_iter().for_each(|(name, fault)| scene.fails_to_read(name, fault));
    scene.left_alone(&names).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unbelievable_answer_to_a_request_is_asked_for_again_with_the_same_key() {
    let scene = Scene::start("answers").await;
    unbelievable().into_iter().for_each(|(name, fault)| scene.fails_to_ask(name, fault));
    scene.fails_to_ask("without-link", FaultAction::Reshape(Reshape::UrlIsMissing));
    scene.ask("without-link", json!({})).await;
    for (name, _) in unbelievable() {
        scene.ask(name, json!({})).await;
    }
    // A lone number for a word costs the group and not the link, which is what an answer to a request is for.
    let all = unbelievable();
    let lost: Vec<&str> = all.iter().map(|(name, _)| *name).filter(|name| *name != "number").chain(["without-link"]).collect();
    scene.until_reading("number", AWAITING).await;
    for name in &lost {
        scene.until_reading(name, INITIATING).await;
        crate::support::eventually("three tries", || async {
            let tries = scene.posts(name).len();
            if tries >= 4 { Ok(()) } else { Err(format!("{name}: {tries}")) }
        })
        .await;
        pauses_grow(&scene, name, PathKind::Consent);
    }
    scene.simulator.clear_faults();
    for name in &lost {
        let awaiting = scene.until_reading(name, AWAITING).await;
        let summary = scene.simulator.group_summary(name);
        assert_eq!((summary.executed, summary.keys.len()), (1, 1), "{name}");
        assert_eq!(awaiting.status.unwrap().url, Some(scene.simulator.group(name).unwrap().links[0].url.clone()), "{name}");
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_from_a_list_that_never_ends_makes_no_photo_group() {
    let scene = Scene::start("endless").await;
    let photos = Some(vec![heygen_simulator::Look::photo_avatar("photo")]);
    for (name, reshape) in [("endless", Reshape::EndlessPages), ("tokenless", Reshape::HasMoreWithoutToken)] {
        let group = heygen_simulator::GroupDefinition {
            looks: photos.clone(),
            consent_status: None,
            ..heygen_simulator::GroupDefinition::twin(name)
        };
        scene.simulator.create_group(group).unwrap();
        scene.simulator.add_fault(FaultRule::new(FaultAction::Reshape(reshape)).on(PathKind::Looks).group(name)).unwrap();
        scene.ask_again(name, json!({})).await;
    }
    for name in ["endless", "tokenless"] {
        scene.until_reading(name, INITIATING).await;
        assert_eq!(scene.posts(name).len(), 0);
    }
    scene.simulator.clear_faults();
    for name in ["endless", "tokenless"] {
        scene.until_reading(name, "Ready=True:ConsentNotRequired Initiated=False Approved=False").await;
    }
    scene.end().await;
}

/// Three quarters of 1 s, 2 s, 4 s … lie between the tries for a group, at the least.
fn pauses_grow(scene: &Scene, group: &str, kind: PathKind) {
    let requests = scene.simulator.requests_since(0);
    let times: Vec<u64> = requests
        .iter()
        .filter(|request| request.kind == kind && request.group.as_deref() == Some(group))
        .map(|request| request.real_ms)
        .collect();
    for (number, pair) in times.windows(2).enumerate() {
        let least = Duration::from_millis(740) * (1 << number.min(8));
        let pause = Duration::from_millis(pair[1] - pair[0]);
        assert!(pause >= least, "{group}: try {} came after {pause:?}, not {least:?}: {times:?}", number + 2);
    }
}
