//! Waits: what they wait for, what ends them, and with which exit code.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::process::{Child, Command};

use crate::plugin::{Answer, Plugin};
use crate::support::scene::{APPROVED, AWAITING};
use crate::support::{DEADLINE, Scene, World, eventually, timed};
use crate::users::administrator;

/// A wait that goes on.
struct Wait {
    child: Child,
    said: NamedTempFile,
}

impl Wait {
    fn begin(plugin: &Plugin, arguments: &[&str]) -> Self {
        let said = NamedTempFile::new().unwrap();
        let mut command = Command::from(plugin.command(&[&["wait"], arguments].concat()));
        let child = command.stdout(Stdio::piped()).stderr(said.reopen().unwrap()).kill_on_drop(true).spawn().unwrap();
        Self { child, said }
    }

    /// Waits until it has said something on stderr.
    async fn until_said(&self, what: &str) {
        eventually(what, || async {
            let said = self.said();
            if said.contains(what) { Ok(()) } else { Err(said) }
        })
        .await;
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.said.path()).unwrap()
    }

    fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    async fn end(self) -> Answer {
        let output = tokio::time::timeout(DEADLINE, self.child.wait_with_output()).await;
        let output = output.expect("the wait does not end").unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        Answer { code: output.status.code().unwrap_or(-1), stdout, stderr: std::fs::read_to_string(self.said.path()).unwrap() }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_when_the_person_consents_and_not_before() {
    let scene = Scene::start("plugin-wait").await;
    let plugin = administrator(&scene);
    let missing = plugin.run(&["wait", "ada"]);
    assert_eq!((missing.code, missing.stdout.as_str()), (1, ""), "{missing:?}");
    assert!(missing.stderr.contains("there is no DigitalTwinConsent ada"), "{missing:?}");

    let mut wait = Wait::begin(&plugin, &["ada", "--for-creation", "--group=ada"]);
    wait.until_said("ada: does not exist yet").await;
    scene.ask("ada", json!({ "readyWhen": "Initiated" })).await;
    wait.until_said("ada: AwaitingApproval. Waiting for the person.").await;
    scene.until_read("ada", scene.reads("ada") + 3).await;
    assert!(!wait.is_over(), "it took an invitation for consent: {}", wait.said());
    scene.simulator.approve("ada").unwrap();
    let ended = wait.end().await;
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "digitaltwinconsent.twinconsent.io/ada permitted\n"), "{ended:?}");

    // It is permitted: a wait ends at once.
    let answer = plugin.run(&["wait", "ada", "--timeout=0s", "-o", "json"]).json();
    assert_eq!((&answer["permitted"], &answer["consents"][0]["reason"]), (&json!(true), &json!("Approved")), "{answer}");
    let other = plugin.run(&["wait", "ada", "--group=another", "-o", "json"]);
    assert_eq!(other.code, 3, "{other:?}");
    assert!(other.stderr.contains("another avatar group"), "{other:?}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_for_several_ends_when_all_permit_or_one_refuses() {
    let scene = Scene::start("plugin-several").await;
    let plugin = administrator(&scene);
    for name in ["ada", "grace"] {
        scene.ask(name, json!({})).await;
        scene.until_reading(name, AWAITING).await;
    }
    let timed_out = plugin.run(&["wait", "ada", "grace", "--timeout=1s", "-o", "json"]);
    assert_eq!(timed_out.code, 4, "{timed_out:?}");
    let answer: Value = serde_json::from_str(&timed_out.stdout).unwrap();
    assert_eq!((&answer["permitted"], &answer["consents"][1]["permitted"]), (&json!(false), &json!(false)), "{answer}");
    assert!(timed_out.stderr.contains("error: timed out: ada: AwaitingApproval"), "{timed_out:?}");

    let mut wait = Wait::begin(&plugin, &["ada", "grace"]);
    scene.simulator.approve("ada").unwrap();
    wait.until_said("ada: permitted").await;
    assert!(!wait.is_over());
    scene.simulator.set_consent_status("grace", Some("rejected")).unwrap();
    let ended = wait.end().await;
    assert_eq!((ended.code, ended.stdout.as_str()), (3, ""), "{ended:?}");
    assert!(ended.stderr.contains("error: grace: ConsentRefused. "), "{ended:?}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_is_met_ends_within_two_seconds() {
    let scene = Scene::start("plugin-prompt").await;
    let plugin = administrator(&scene);
    scene.ask("ada", json!({})).await;
    scene.until_reading("ada", AWAITING).await;
    let mut wait = Wait::begin(&plugin, &["ada"]);
    wait.until_said("ada: AwaitingApproval").await;
    scene.simulator.approve("ada").unwrap();
    scene.until_reading("ada", APPROVED).await;
    let child = std::cell::RefCell::new(&mut wait);
    let ((), took) =
        timed(DEADLINE, "the wait ends", || async { if child.borrow_mut().is_over() { Ok(()) } else { Err("it waits") } }).await;
    println!("the wait ended {took:?} after the approval was seen");
    assert!(took < Duration::from_secs(10), "{took:?}");
    scene.end().await;
}

/// A permitted consent as an operator would have left it, with something changed; no operator runs.
async fn left(world: &World, name: &str, spec: Value, change: impl Fn(&mut Value)) {
    let mut spec = spec;
    spec["groupID"] = json!(name);
    let created = world.consent(name, spec).await;
    let condition = |type_: &str| json!({ "type": type_, "status": "True", "reason": "Approved", "message": "m", "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1 });
    let mut status =
        json!({ "observedGeneration": 1, "objectUID": created.metadata.uid, "conditions": [condition("Ready"), condition("Permitted")] });
    change(&mut status);
    world.rewrite_status(name, status).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn permitted_alone_is_not_enough() {
    let world = World::start("plugin-strict").await;
    let plugin = administrator(&world);
    left(&world, "right", json!({ "validUntil": "2199-01-01T00:00:00Z" }), |_| {}).await;
    left(&world, "restored", json!({}), |status| status["objectUID"] = json!("00000000-0000-0000-0000-000000000000")).await;
    left(&world, "changed", json!({}), |_| {}).await;
    world.change("changed", json!({ "pollInterval": "1h" })).await;
    left(&world, "withdrawn", json!({}), |status| status["observedGeneration"] = json!(2)).await;
    world.change("withdrawn", json!({ "withdrawal": { "time": "2026-01-01T00:00:00Z" } })).await;
    left(&world, "lapsed", json!({ "validUntil": "2001-01-01T00:00:00Z" }), |_| {}).await;
    left(&world, "unknown", json!({}), |status| status["conditions"][1]["status"] = json!("Unknown")).await;
    // One that is being deleted, and kept by the finalizer of another program.
    left(&world, "deleted", json!({}), |_| {}).await;
    let kubectl = |arguments: &[&str]| world.plane.kubectl_ok(&[&["-n", &world.namespace], arguments].concat()).unwrap();
    let finalizers = |finalizers: &str| format!("{{\"metadata\":{{\"finalizers\":{finalizers}}}}}");
    kubectl(&["patch", "digitaltwinconsent", "deleted", "--type=merge", "-p", &finalizers("[\"example.com/keep\"]")]);
    kubectl(&["delete", "digitaltwinconsent", "deleted", "--wait=false"]);

    // All but one say `Permitted=True`, of any generation and object.
    for name in ["right", "restored", "changed", "withdrawn", "lapsed", "deleted"] {
        let permitted =
            kubectl(&["get", "digitaltwinconsent", name, "-o", "jsonpath={.status.conditions[?(@.type==\"Permitted\")].status}"]);
        assert_eq!(permitted, "True", "{name}");
    }
    assert_eq!(plugin.run(&["wait", "right", "--timeout=0s"]).code, 0);
    let cases = [
        ("restored", 4, "its status is of another object"),
        ("changed", 4, "has not seen this version"),
        ("withdrawn", 3, "the person has withdrawn"),
        ("lapsed", 3, "spec.validUntil has passed"),
        ("unknown", 4, "Approved. m"),
        ("deleted", 3, "it is being deleted"),
    ];
    for (name, code, why) in cases {
        let ran = plugin.run(&["wait", name, "--timeout=0s"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{name}: {ran:?}");
        assert!(ran.stderr.contains(why), "{name}: {ran:?}");
    }
    // One that is not there, and one of another namespace.
    assert_eq!(plugin.run(&["wait", "nobody", "--timeout=0s"]).code, 1);
    assert_eq!(Plugin::new(world.plane.kubeconfig(), "default").run(&["wait", "right", "--timeout=0s"]).code, 1);
    kubectl(&["patch", "digitaltwinconsent", "deleted", "--type=merge", "-p", &finalizers("null")]);
    world.end([]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_is_deleted_or_replaced_meanwhile_ends_the_wait() {
    let scene = Scene::start("plugin-deleted").await;
    let plugin = administrator(&scene);
    scene.ask("ada", json!({})).await;
    scene.until_reading("ada", AWAITING).await;
    let wait = Wait::begin(&plugin, &["ada", "--for-creation"]);
    wait.until_said("ada: AwaitingApproval").await;
    scene.delete("ada").await;
    let ended = wait.end().await;
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.stderr.contains("error: ada: it was deleted"), "{ended:?}");
    scene.end().await;
}
