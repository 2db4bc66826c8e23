//! What the operator tells of one object at `/debug/consents`, and of each decision in its log at `debug`. When a world ends, both are
//! searched for links and keys, in every test.

use std::net::TcpListener;
use std::time::Duration;

use heygen_simulator::{FaultAction, FaultRule, PathKind};
use serde_json::{Value, json};

use crate::support::scene::{AWAITING, INITIATING};
use crate::support::{Scene, World, eventually};
use crate::writes::Refusal;

const NOT_WRITABLE: &str = "Ready=False:LinkSecretNotWritable Initiated=False Approved=False Stalled";

/// What is explained of an object, once it is at rest and waits for what begins like this: it may be about to try again just now.
async fn explained(scene: &Scene, name: &str, waits_for: &str) -> Value {
    eventually(waits_for, || async {
        let (status, text) = scene.operator().explain(&scene.namespace, name).await.ok_or_else(|| "no answer".to_owned())?;
        assert_eq!(status, 200, "{text}");
        let explained: Value = serde_json::from_str(&text).unwrap();
        let waits = explained["waitsFor"][0].as_str().is_some_and(|first| first.starts_with(waits_for));
        if explained["workQueue"].is_null() && waits { Ok(explained) } else { Err(format!("{explained:#}")) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_waits_for_the_person_says_so_and_when_it_is_polled_next() {
    let account = json!({ "polling": { "interval": "10m", "minimum": "10m" }, "rateLimit": { "requestsPerMinute": 6000, "burst": 100 } });
    let scene = Scene::of(World::with_account("explained", account).await, &[]).await;
    scene.ask("ada", json!({})).await;
    let consent = scene.until_reading("ada", AWAITING).await;
    let shown = explained(&scene, "ada", "the author of this object").await;
    assert_eq!((&shown["object"], &shown["uid"]), (&json!(format!("{}/ada", scene.namespace)), &json!(consent.metadata.uid)));
    assert_eq!((&shown["step"], &shown["waitsFor"]), (&json!("Rest"), &json!(["the author of this object", "the person"])), "{shown:#}");
    assert_eq!((&shown["next"]["for"], &shown["next"]["priority"]), (&json!("poll"), &json!("routine")), "{shown:#}");
    let time = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let ahead = time(&shown["next"]["at"]).duration_since(time(&shown["inMemory"]["polledAt"]));
    assert!((540..=600).contains(&ahead.as_secs()), "{shown:#}");
    assert_eq!(shown["account"]["name"], json!(format!("HeyGenAccount/{}", scene.namespace)), "{shown:#}");
    let line = "decided";
    assert!(scene.operator().log().lines().any(|logged| logged.contains(line) && logged.contains("Initiate") && logged.contains("ada")));

    let (status, text) = scene.operator().explain(&scene.namespace, "nobody").await.unwrap();
    assert_eq!(status, 404);
    assert!(text.starts_with("this process knows no DigitalTwinConsent \"nobody\""), "{text}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_in_hand_is_told_as_there_and_not_as_it_is() {
    let scene = Scene::start("explained-link").await;
    let refusal = Refusal::begin(&scene, "secrets", "CREATE").await;
    scene.ask("ada", json!({ "linkSecretRef": { "name": "ada-link" } })).await;
    scene.until_reading("ada", NOT_WRITABLE).await;
    let shown = explained(&scene, "ada", "Kubernetes, which has not taken the Secret for the link, until ").await;
    assert_eq!(shown["inMemory"]["hasAnswerInHand"], json!(true), "{shown:#}");
    let link = scene.simulator.group("ada").unwrap().links[0].url.clone();
    assert!(!shown.to_string().contains(link.rsplit('/').next().unwrap()), "the link is in it");
    refusal.end().await;
    scene.until_reading("ada", AWAITING).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_waits_for_a_pause_of_its_account_says_until_when() {
    let scene = Scene::start("explained-pause").await;
    // The consent's own poll meets the 429, and not the account's probe, which is over before.
    let fault = FaultRule::new(FaultAction::rate_limited(Some(Duration::from_secs(600)))).on(PathKind::Group);
    scene.simulator.add_fault(fault).unwrap();
    scene.ask("ada", json!({})).await;
    scene.until_reading("ada", INITIATING).await;
    // One that comes while the pause lasts, and has met no 429 itself.
    scene.ask("bob", json!({})).await;
    scene.until_reading("bob", INITIATING).await;
    let breaker = format!("the circuit breaker of HeyGenAccount/{}, which lets no call through until ", scene.namespace);
    let shown = explained(&scene, "bob", &breaker).await;
    assert!(shown["waitsFor"][0].as_str().unwrap_or_default().ends_with(" (throttled)"), "{shown:#}");
    assert_eq!((&shown["step"], &shown["account"]["stoppedBecause"]), (&json!("Poll"), &json!("throttled")), "{shown:#}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_whose_port_is_taken_warns_and_works() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let world = World::start("explained-nowhere").await;
    let operator = world.operator(&[&format!("--debug-listen={address}")]).await;
    let log = operator.log();
    let warned = log.lines().any(|line| line.contains("WARN") && line.contains(&format!("--debug-listen: cannot listen on {address}")));
    assert!(warned, "{log}");
    let off = world.operator(&["--debug-listen=off"]).await;
    assert!(!off.log().contains("decisions are explained at"), "{}", off.log());
    world.end([operator, off]).await;
}
