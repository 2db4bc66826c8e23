//! `export` and `verify`: the evidence, and whether it is as it was written.

use std::path::{Path, PathBuf};
use std::time::Duration;

use heygen_simulator::BulkGroups;
use serde_json::{Value, json};
use twinconsent_core::api::consent::DigitalTwinConsent;

use crate::support::scene::{APPROVED, AWAITING};
use crate::support::{LONG, Scene, World, eventually_within};
use crate::users::{administrator, consents, user};

/// How long export and verify may take of a thousand consents and their log: the five seconds that are promised.
const MOST: Duration = Duration::from_secs(5);

/// How many consents that are.
const MANY: usize = 1_000;

fn log_of(world: &World) -> PathBuf {
    world.logs.path().join("audit.log")
}

async fn recorded(name: &str) -> Scene {
    let world = World::start(name).await;
    let log = format!("--audit-log={}", log_of(&world).display());
    Scene::of(world, &[&log]).await
}

/// A consent that was given, with at least three lines.
async fn approved(scene: &Scene, name: &str) {
    scene.ask(name, json!({})).await;
    scene.until_reading(name, AWAITING).await;
    scene.simulator.approve(name).unwrap();
    scene.until_reading(name, APPROVED).await;
    let end = "2100-01-01T00:00:00Z";
    scene.change(name, json!({ "validUntil": end })).await;
    let moved = |consent: &DigitalTwinConsent| consent.status.as_ref().is_some_and(|status| status.valid_until.as_deref() == Some(end));
    scene.until_it(name, "the end is recorded", moved).await;
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_evidence_has_the_consents_and_their_lines_and_no_link_and_is_as_it_was_written() {
    let scene = recorded("export").await;
    let plugin = administrator(&scene);
    approved(&scene, "ada").await;
    scene.ask("grace", json!({})).await;
    scene.until_reading("grace", AWAITING).await;
    let links: Vec<String> = scene.links(&["ada", "grace"]).await.into_iter().flatten().collect();
    assert!(!links.is_empty());
    let log = log_of(&scene);
    let written = std::fs::read_to_string(&log).unwrap();

    let all = plugin.run(&["export", "--audit-log", text(&log)]).done();
    for secret in links.iter().chain([&scene.key]) {
        assert!(!all.contains(secret.as_str()), "a link or a key was exported");
    }
    let lines: Vec<&str> = all.lines().collect();
    let kinds = lines.iter().filter(|line| line.contains(r#""kind":"DigitalTwinConsent""#) && !line.contains("specversion")).count();
    assert_eq!(kinds, 2, "{all}");
    for line in written.lines() {
        assert!(lines.contains(&line), "a line is not as it was written: {line}");
    }

    let one = plugin.run(&["export", "ada", "--audit-log", text(&log)]).done();
    let name = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap();
        let of = if value["specversion"].is_null() { &value["metadata"]["name"] } else { &value["data"]["object"]["name"] };
        of.as_str().unwrap().to_owned()
    };
    assert!(one.lines().count() >= 3 && one.lines().all(|line| name(line) == "ada"), "{one}");

    let evidence = scene.logs.path().join("evidence.jsonl");
    std::fs::write(&evidence, &all).unwrap();
    let verified = plugin.run(&["verify", text(&evidence), "-o", "json"]).json();
    assert_eq!((&verified["objects"], &verified["problems"], &verified["unconfirmed"]), (&json!(2), &json!([]), &json!([])));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_altered_a_repeated_a_removed_and_a_swapped_line_are_named() {
    let scene = recorded("verify").await;
    let plugin = administrator(&scene);
    approved(&scene, "ada").await;
    let log = log_of(&scene);
    let lines: Vec<String> = std::fs::read_to_string(&log).unwrap().lines().map(str::to_owned).collect();
    assert!(lines.len() >= 3, "{lines:?}");
    let whole = plugin.run(&["verify", text(&log), "--against-cluster"]).done();
    assert!(whole.contains("of 1 objects: nothing is wrong") && !whole.contains("unconfirmed"), "{whole}");

    let wrong = scene.logs.path().join("wrong.log");
    let verify = |lines: &[String], arguments: &[&str]| {
        std::fs::write(&wrong, lines.join("\n") + "\n").unwrap();
        let answer = plugin.run(&[&["verify", text(&wrong), "-o", "json"], arguments].concat());
        assert_eq!(answer.code, 5, "{} {}", answer.stdout, answer.stderr);
        assert!(answer.stderr.contains("docs/evidence.md"), "{}", answer.stderr);
        let answer: Value = serde_json::from_str(&answer.stdout).unwrap();
        let problems = answer["problems"].as_array().unwrap().iter();
        problems.map(|problem| format!("{} {}", problem["problem"].as_str().unwrap(), problem["line"])).collect::<Vec<_>>()
    };
    let mut altered = lines.clone();
    altered[1] = altered[1].replace("\"requestEpoch\":0", "\"requestEpoch\":1");
    assert_ne!(altered, lines);
    assert_eq!(verify(&altered, &[]), ["Altered 2"]);
    let mut repeated = lines.clone();
    repeated.insert(1, lines[0].clone());
    assert_eq!(verify(&repeated, &[]), ["Repeated 2"]);
    let mut removed = lines.clone();
    removed.remove(1);
    assert_eq!(verify(&removed, &[]), ["Missing 2"]);
    let mut swapped = lines.clone();
    swapped.swap(0, 1);
    assert!(verify(&swapped, &[]).iter().any(|problem| problem.starts_with("OutOfOrder")));
    // What is missing at the end shows by the status alone, or by an anchor.
    let cut = &lines[..lines.len() - 1];
    std::fs::write(&wrong, cut.join("\n") + "\n").unwrap();
    plugin.run(&["verify", text(&wrong)]).done();
    assert_eq!(verify(cut, &["--against-cluster"]), ["NotInLog null"]);
    let columns = "custom-columns=UID:.metadata.uid,NUMBER:.status.audit.sequence,DIGEST:.status.audit.digest";
    let printed = scene.plane.kubectl_ok(&["get", "dtc", "--namespace", &scene.namespace, "-o", columns]).unwrap();
    let anchor = scene.logs.path().join("anchor.txt");
    std::fs::write(&anchor, printed).unwrap();
    assert_eq!(verify(cut, &["--anchor", text(&anchor)]), ["NotInLog null"]);
    plugin.run(&["verify", text(&log), "--anchor", text(&anchor)]).done();

    let two = plugin.run(&["verify", text(&log), text(&wrong)]);
    assert!(two.failed(5).contains("problems"));
    let none = scene.logs.path().join("none.log");
    assert!(plugin.run(&["verify", text(&none)]).failed(1).contains("cannot read"));
    assert_eq!(plugin.run(&["verify"]).code, 2);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_is_exported_from_the_log_and_a_user_sees_what_they_may() {
    let scene = recorded("gone").await;
    approved(&scene, "ada").await;
    let log = log_of(&scene);
    let reader = user(&scene, "reader", consents(&["get", "list"])).await;
    let stranger = user(&scene, "stranger", json!([])).await;
    assert!(reader.run(&["export", "ada"]).done().contains("\"ada\""));
    for arguments in [&["export"][..], &["export", "ada"], &["verify", text(&log), "--against-cluster"]] {
        let said = stranger.run(arguments).failed(1);
        assert!(said.contains("cannot ") && said.contains("docs/rbac.md"), "{said}");
    }
    stranger.run(&["verify", text(&log)]).done();
    assert!(reader.run(&["export", "-A"]).failed(1).contains("docs/rbac.md"));
    assert_eq!(reader.run(&["export", "ada", "-A"]).code, 2);

    scene.delete("ada").await;
    eventually_within(LONG, "the deletion is in the log", || async {
        if std::fs::read_to_string(&log).unwrap().contains("consent.deleted.v1") { Ok(()) } else { Err("not yet") }
    })
    .await;
    let gone = reader.run(&["export", "ada", "--audit-log", text(&log)]).done();
    assert!(gone.contains("consent.deleted.v1") && !gone.contains("\"kind\":\"DigitalTwinConsent\",\"metadata\""), "{gone}");
    let unknown = reader.run(&["export", "nobody", "--audit-log", text(&log)]).failed(1);
    assert!(unknown.contains("there is no DigitalTwinConsent nobody"), "{unknown}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_consents_and_their_log_take_less_than_five_seconds() {
    let scene = recorded("many").await;
    let plugin = administrator(&scene);
    scene.simulator.create_groups(&BulkGroups { account: None, prefix: "g".to_owned(), count: MANY }).unwrap();
    for group in scene.simulator.group_summaries() {
        let name = group.id.to_lowercase();
        scene.consent(&name, json!({ "groupID": group.id })).await;
    }
    let log = log_of(&scene);
    eventually_within(LONG, "each has asked", || async {
        let asked = std::fs::read_to_string(&log).unwrap_or_default().matches("consent.requested.v1").count();
        if asked == MANY { Ok(()) } else { Err(asked) }
    })
    .await;
    let evidence = scene.logs.path().join("evidence.jsonl");
    let (exported, exporting) = plugin.run_measured(&["export", "--audit-log", text(&log)]);
    std::fs::write(&evidence, exported.done()).unwrap();
    let (verified, verifying) = plugin.run_measured(&["verify", text(&evidence), "-o", "json"]);
    let (verified, took) = (verified.json(), exporting + verifying);
    assert_eq!((&verified["objects"], &verified["problems"]), (&json!(MANY), &json!([])));
    println!("{MANY} consents, {} events: exported in {exporting:?}, exported and verified in {took:?}", verified["events"]);
    assert!(took < MOST * 5, "{took:?}");
    scene.end().await;
}
