//! The audit log, by the operator's binary: where its lines go, and what becomes of consents when it cannot be written.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use heygen_simulator::GroupDefinition;
use serde_json::{Value, json};
use twinconsent_core::consent::audit::verify;

use crate::support::scene::{AWAITING, link, reading};
use crate::support::{DEADLINE, Operator, Scene, World, eventually, timed};

/// How long a link may take that waits for the log, on a machine that does other things too: a second and a little, five times.
const MOST_DELAY: Duration = Duration::from_secs(10);

/// The events of an object in a text, which has nothing else in it than whole lines of JSON.
fn events_of(text: &str, name: &str) -> Vec<Value> {
    let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}")));
    events.filter(|event| event["source"].as_str().unwrap().ends_with(&format!("/{name}"))).collect()
}

fn last_word(event: &Value) -> &str {
    event["type"].as_str().unwrap().trim_end_matches(".v1").rsplit('.').next().unwrap()
}

fn words_of(text: &str, name: &str) -> Vec<String> {
    events_of(text, name).iter().map(|event| last_word(event).to_owned()).collect()
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// A scene whose operator writes its audit log there.
async fn writing_to(name: &str, path: &str) -> Scene {
    Scene::of(World::start(name).await, &[&format!("--audit-log={path}")]).await
}

/// A path for the log in the folder that is searched for links and keys when the world ends.
fn file_in(world: &World) -> PathBuf {
    world.logs.path().join("audit.log")
}

/// Waits until the account says so: the condition's status, and a part of its message. Returns how long that took.
async fn until_account_says(world: &World, status: &str, part: &str) -> Duration {
    let said = timed(DEADLINE, "the account says whether the audit log can be written", || async {
        let account = world.accounts().get(&world.namespace).await.unwrap();
        let conditions = account.status.map(|status| status.conditions).unwrap_or_default();
        let said = conditions.into_iter().find(|condition| condition.type_ == "AuditLogWritable");
        match said {
            Some(said) if said.status == status && said.message.contains(part) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    said.1
}

async fn until_ready_says(operator: &Operator, part: &str) {
    eventually("/readyz tells of the audit log, and stays 200", || async {
        match operator.get("/readyz").await {
            Some((200, said)) if said.contains(part) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stdout_has_the_audit_log_and_nothing_else_and_sighup_ends_nothing() {
    let scene = writing_to("audit-stdout", "-").await;
    scene.operator().signal("HUP");
    scene.ask("ada", json!({})).await;
    scene.until_reading("ada", AWAITING).await;
    scene.simulator.approve("ada").unwrap();
    let approved = scene.until("ada", "Approved").await;
    // Each is there before the status that tells of it.
    let printed = scene.operator().printed();
    assert_eq!(words_of(&printed, "ada"), ["requested", "approved"], "{printed}");
    let marks = [(approved.metadata.uid.unwrap(), approved.status.unwrap().audit.unwrap())].into();
    let verified = verify(printed.lines(), &marks);
    assert!(verified.problems.is_empty() && verified.unconfirmed.is_empty(), "{verified:?}");
    assert_eq!(verified.events, 2);
    assert!(!scene.operator().log().contains("specversion"), "the log is another one");
    until_account_says(&scene, "True", "").await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_delays_no_link_is_told_and_what_waited_is_written_when_there_is_room() {
    let world = World::start("audit-full").await;
    let (path, roomy) = (world.logs.path().join("audit.link"), file_in(&world));
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let scene = Scene::of(world, &[&format!("--audit-log={}", path.display())]).await;
    scene.ask("ada", json!({})).await;
    let (_, took) = scene.time_until_it("ada", "a link", |consent| link(consent).is_some()).await;
    assert!(took < MOST_DELAY, "{took:?}");
    let took = until_account_says(&scene, "False", "No space left on device").await;
    assert!(took < MOST_DELAY, "the account does not wait until it comes round: {took:?}");
    until_ready_says(scene.operator(), "ok\nthe audit log cannot be written: No space left on device").await;
    assert_eq!(scene.operator().counter("twinconsent_audit_log_writable", "").await, 0.0);
    assert_eq!(reading(&scene.until("ada", "AwaitingApproval").await), AWAITING, "the consent knows nothing of it");

    std::os::unix::fs::symlink(&roomy, scene.logs.path().join("other")).unwrap();
    std::fs::rename(scene.logs.path().join("other"), &path).unwrap();
    until_account_says(&scene, "True", "").await;
    scene.simulator.approve("ada").unwrap();
    scene.until("ada", "Approved").await;
    assert_eq!(words_of(&text(&roomy), "ada"), ["requested", "approved"]);
    assert_eq!(scene.operator().get("/readyz").await, Some((200, "ok".to_owned())));
    scene.end().await;
}

/// The name of a process takes what is written, and Linux cannot send it to a disk.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_refuses_what_was_written_delays_no_link_and_is_in_the_condition_and_in_the_metric() {
    let scene = writing_to("audit-unsynced", "/proc/self/comm").await;
    scene.ask("ada", json!({})).await;
    let (_, took) = scene.time_until_it("ada", "a link", |consent| link(consent).is_some()).await;
    assert!(took < MOST_DELAY, "{took:?}");
    until_account_says(&scene, "False", "sync: Invalid argument").await;
    until_ready_says(scene.operator(), "the audit log cannot be written: sync: Invalid argument").await;
    let counted = scene.operator().counter("twinconsent_audit_events_total", "result=\"unsynced\"").await;
    assert_eq!(counted, 1.0);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_accounts_say_of_the_log_what_is_true_of_the_leaders() {
    let world = World::start("audit-leaders").await;
    let namespace = format!("--operator-namespace={}", world.namespace);
    let sound = format!("--audit-log={}", file_in(&world).display());
    let replica = |log: &str| Operator::start(&world, &["--leader-elect=true", &namespace, log]);
    let first = replica("--audit-log=/dev/full");
    world.simulator.create_group(GroupDefinition::twin("ada")).unwrap();
    world.consent("ada", json!({ "groupID": "ada" })).await;
    until_account_says(&world, "False", "No space left on device").await;
    let second = replica(&sound);
    second.until_ready().await;
    first.terminate().await;
    until_account_says(&world, "True", "").await;
    world.end([second]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_without_a_reader_delays_no_link_by_more_than_a_second() {
    let world = World::start("audit-slow").await;
    let path = world.logs.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let scene = Scene::of(world, &[&format!("--audit-log={}", path.display())]).await;
    for name in ["ada", "bob", "eve"] {
        scene.ask(name, json!({})).await;
        let (_, took) = scene.time_until_it(name, "a link", |consent| link(consent).is_some()).await;
        assert!(took < MOST_DELAY, "{name}: {took:?}");
    }
    until_account_says(&scene, "False", "a write takes longer than 1 s").await;

    let mut reader = Command::new("cat").arg(&path).stdout(File::create(file_in(&scene)).unwrap()).spawn().unwrap();
    until_account_says(&scene, "True", "").await;
    let written = text(&file_in(&scene));
    for name in ["ada", "bob", "eve"] {
        assert_eq!(words_of(&written, name), ["requested"], "{written}");
    }
    // The search for links would wait for a writer.
    std::fs::remove_file(&path).unwrap();
    scene.end().await;
    assert!(reader.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_without_a_reader_does_not_hold_up_the_end() {
    let world = World::start("audit-end").await;
    let path = world.logs.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let operator = world.operator(&[&format!("--audit-log={}", path.display())]).await;
    world.simulator.create_group(GroupDefinition::twin("ada")).unwrap();
    world.consent("ada", json!({ "groupID": "ada" })).await;
    world.until("ada", "AwaitingApproval").await;
    let log = operator.terminate().await;
    assert!(log.contains("the last lines of the audit log are not written"), "{log}");
    std::fs::remove_file(&path).unwrap();
    world.end([]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_rotated_by_renaming_it_and_sighup_and_the_chain_goes_on() {
    let world = World::start("audit-rotated").await;
    let (path, rotated) = (file_in(&world), world.logs.path().join("audit.log.1"));
    let scene = Scene::of(world, &[&format!("--audit-log={}", path.display())]).await;
    scene.ask("ada", json!({})).await;
    scene.until_reading("ada", AWAITING).await;
    std::fs::rename(&path, &rotated).unwrap();
    scene.operator().signal("HUP");
    eventually("a new file", || async { if path.exists() { Ok(()) } else { Err("not yet") } }).await;
    scene.simulator.approve("ada").unwrap();
    scene.until("ada", "Approved").await;
    assert_eq!(
        (words_of(&text(&rotated), "ada"), words_of(&text(&path), "ada")),
        (vec!["requested".to_owned()], vec!["approved".to_owned()])
    );
    let chained = events_of(&text(&path), "ada").remove(0)["data"]["previousDigest"].clone();
    assert_eq!(chained, events_of(&text(&rotated), "ada")[0]["digest"]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_stands_by_writes_nothing_until_it_leads() {
    let world = World::start("audit-replicas").await;
    let lease = format!("--lease-name={}", world.namespace);
    let paths = ["first.log", "second.log"].map(|name| world.logs.path().join(name));
    let start = |path: &Path| Operator::start(&world, &["--leader-elect=true", &lease, &format!("--audit-log={}", path.display())]);
    let first = start(&paths[0]);
    eventually("the first leads", || async { if first.counter("twinconsent_leader", "").await == 1.0 { Ok(()) } else { Err("not yet") } })
        .await;
    let second = start(&paths[1]);
    second.until_ready().await;
    world.simulator.create_group(GroupDefinition::twin("ada")).unwrap();
    world.consent("ada", json!({ "groupID": "ada" })).await;
    world.until("ada", "AwaitingApproval").await;
    assert_eq!((words_of(&text(&paths[0]), "ada"), text(&paths[1])), (vec!["requested".to_owned()], String::new()));
    first.terminate().await;
    world.simulator.approve("ada").unwrap();
    world.until("ada", "Approved").await;
    assert_eq!(words_of(&text(&paths[1]), "ada"), ["approved"]);
    world.delete("ada").await;
    eventually("the end of the object is written", || async {
        let written = words_of(&text(&paths[1]), "ada");
        if written == ["approved", "deleted"] { Ok(()) } else { Err(written) }
    })
    .await;
    world.end([second]).await;
}
