//! What a landing sets going.

use std::time::{Duration, Instant};

use heygen_simulator::{AccountPatch, GroupDefinition, MAIN_ACCOUNT};
use kube::ResourceExt as _;
use serde_json::json;

use crate::page::{Scene, median};
use crate::support::{DEADLINE, condition, eventually, timed};

/// How long it may take from the landing to the permission when HeyGen had approved before: five times as long as is wanted.
const SOON: Duration = Duration::from_secs(5);

/// How many persons come back.
const PERSONS: usize = 9;

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_comes_back_after_the_approval_is_thanked_and_permitted_at_once() {
    let scene = Scene::start("landing").await;
    let replica = scene.operator().await;
    let mut times = Vec::new();
    for number in 0..PERSONS {
        let name = format!("person-{number}");
        let path = scene.ask(&replica, &name, json!({})).await;
        scene.simulator.approve(&name).unwrap();
        let (polls, landed) = (scene.reads(&name), Instant::now());
        let answer = replica.get(&path).await;
        assert_eq!((answer.status, answer.heading()), (200, "One moment, please"), "{}", answer.head);
        assert_eq!(answer.header("refresh"), Some("3; url=?renewal=1"));
        let (consent, _) = scene
            .time_until_it(&name, "it is permitted", |consent| condition(consent, "Permitted").is_some_and(|(status, _)| status == "True"))
            .await;
        times.push(landed.elapsed());
        assert!(consent.status.unwrap().landing_time.is_some());
        assert_eq!(scene.reads(&name), polls + 1, "one poll for it");
        let ((), _) = timed(DEADLINE, "the page says thank you", || async {
            let answer = replica.get(&format!("{path}?renewal=1")).await;
            if answer.heading() == "Thank you" && answer.header("refresh").is_none() { Ok(()) } else { Err(answer) }
        })
        .await;
    }
    println!("from the landing to Permitted=True: {:?} in the median of {times:?}", median(times.clone()));
    assert!(median(times.clone()) < SOON, "{times:?}");
    assert_eq!(replica.landings("written").await as usize, PERSONS, "one note for each of them");
    scene.end([replica]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_landing_before_the_approval_is_polled_for_until_the_word_changes() {
    let scene = Scene::start("early").await;
    let replica = scene.operator().await;
    let path = scene.ask(&replica, "ada", json!({})).await;
    let before = scene.reads("ada");
    assert_eq!(replica.get(&path).await.heading(), "One moment, please");
    scene.until_polled("ada", before + 1).await;
    // HeyGen decides between two polls, of which the second comes 10 s after the first.
    scene.simulator.approve("ada").unwrap();
    scene.until("ada", "Approved").await;
    assert_eq!(scene.reads("ada"), before + 2);
    assert_eq!(replica.get(&path).await.heading(), "Thank you");
    assert_eq!(replica.landings("written").await as usize, 1, "nothing is noted of a person whose consent is known");
    scene.end([replica]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_landing_on_a_standby_is_as_good() {
    let scene = Scene::start("standby").await;
    let leader = scene.replica("first", &["--leader-elect=true"]);
    leader.operator.until_ready().await;
    eventually("the first replica leads", || async {
        let leads = leader.operator.counter("twinconsent_leader", "").await;
        if leads > 0.0 { Ok(()) } else { Err(leads) }
    })
    .await;
    let standby = scene.replica("second", &["--leader-elect=true"]);
    standby.operator.until_ready().await;
    let mut times = Vec::new();
    for number in 0..PERSONS {
        let name = format!("person-{number}");
        let path = scene.ask(&standby, &name, json!({})).await;
        scene.simulator.approve(&name).unwrap();
        let landed = Instant::now();
        assert_eq!(standby.get(&path).await.heading(), "One moment, please");
        scene.until(&name, "Approved").await;
        times.push(landed.elapsed());
    }
    println!("from the landing on a standby to Approved: {:?} in the median of {times:?}", median(times.clone()));
    assert!(median(times.clone()) < SOON, "{times:?}");
    assert_eq!((leader.landings("written").await as usize, standby.landings("written").await as usize), (0, PERSONS));
    assert_eq!(standby.operator.counter("twinconsent_leader", "").await, 0.0);
    scene.end([leader, standby]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_with_an_address_to_go_on_to_is_sent_there_at_once() {
    let scene = Scene::start("reroute").await;
    let replica = scene.operator().await;
    let path = scene.ask(&replica, "ada", json!({ "rerouteURL": "https://studio.example/thanks?for=consent" })).await;
    scene.simulator.approve("ada").unwrap();
    let answer = replica.get(&path).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("https://studio.example/thanks?for=consent")));
    scene.until("ada", "Approved").await;
    scene.end([replica]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_person_does_writes_nothing() {
    let scene = Scene::start("preview").await;
    let replica = scene.operator().await;
    let path = scene.ask(&replica, "ada", json!({})).await;
    let (before, reads) = (scene.consents().get("ada").await.unwrap().resource_version(), scene.reads("ada"));
    for request in
        [format!("HEAD {path} HTTP/1.1"), format!("GET {path} HTTP/1.1\r\nSec-Purpose: prefetch"), format!("POST {path} HTTP/1.1")]
    {
        let answer = replica.request(&format!("{request}\r\nHost: studio.example")).await;
        assert!([200, 405].contains(&answer.status), "{request}: {answer:?}");
    }
    // A landing that is written after these tells that they would have been by now.
    let other = scene.ask(&replica, "bob", json!({})).await;
    replica.get(&other).await;
    scene.until_landed("bob").await;
    assert_eq!((scene.consents().get("ada").await.unwrap().resource_version(), scene.reads("ada")), (before, reads));
    scene.end([replica]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clip_is_sent_without_an_address() {
    let scene = Scene::start("clip").await;
    let replica = scene.operator().await;
    scene.simulator.patch_account(MAIN_ACCOUNT, AccountPatch { enterprise: Some(true), ..AccountPatch::default() }).unwrap();
    scene.simulator.create_group(GroupDefinition::twin("ada")).unwrap();
    scene.consent("ada", json!({ "groupID": "ada", "consentVideo": { "url": "https://studio.example/clip.mp4" } })).await;
    scene.until_it("ada", "it is asked", |consent| condition(consent, "Initiated").is_some_and(|(status, _)| status == "True")).await;
    scene.end([replica]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_outlives_the_process_that_has_made_it() {
    let scene = Scene::start("restarted").await;
    let replica = scene.operator().await;
    let path = scene.ask(&replica, "ada", json!({})).await;
    replica.operator.kill();
    let replica = scene.operator().await;
    scene.simulator.approve("ada").unwrap();
    eventually("the page is ready", || async {
        let answer = replica.get(&path).await;
        if answer.status == 200 { Ok(()) } else { Err(answer.status) }
    })
    .await;
    scene.until("ada", "Approved").await;
    assert_eq!(replica.get(&path).await.heading(), "Thank you");
    scene.end([replica]).await;
}
