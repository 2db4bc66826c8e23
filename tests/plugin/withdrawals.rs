//! `withdraw`.

use serde_json::{Value, json};

use crate::support::Scene;
use crate::support::scene::{AWAITING, create};
use crate::users::{administrator, consents, user};

const WITHDRAWN: &str = "ConsentWithdrawn";

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_reaches_every_object_of_the_group_that_the_caller_sees() {
    let scene = Scene::start("withdraw").await;
    let plugin = administrator(&scene);
    // The tests share a cluster, and a withdrawal knows no namespace.
    let group = "withdrawn-everywhere";
    scene.simulator.create_group(heygen_simulator::GroupDefinition::twin(group)).unwrap();
    scene.consent("ada", json!({ "groupID": group })).await;
    scene.until_reading("ada", AWAITING).await;
    scene.consent("also-ada", json!({ "groupID": group })).await;
    scene.ask("grace", json!({})).await;
    let (elsewhere, others) = scene.namespace_beside("studio").await;
    create(&others, "theirs", &json!({ "groupID": group })).await;

    let reference = ["withdraw", "also-ada", "--reference", "ticket-4711"];
    for strategy in ["--dry-run=client", "--dry-run=server"] {
        let tried = plugin.run(&[&reference[..], &[strategy]].concat()).done();
        assert_eq!(tried.matches("dry run").count(), 3, "{tried}");
    }
    assert!(scene.consents().get("ada").await.unwrap().spec.withdrawal.is_none(), "a dry run has withdrawn it");

    let done = plugin.run(&[&reference[..], &["--time", "2026-01-01T10:00:00Z", "-o", "json"]].concat());
    assert!(done.stderr.contains("git") && done.stderr.contains("docs/evidence.md"), "{}", done.stderr);
    let done = done.json();
    let mut names: Vec<String> =
        done["withdrawn"].as_array().unwrap().iter().map(|it| format!("{}/{}", it["namespace"], it["name"]).replace('"', "")).collect();
    assert_eq!(names[0], format!("{}/also-ada", scene.namespace), "the one that was named comes first");
    names.sort();
    let mut expected = [format!("{}/also-ada", scene.namespace), format!("{}/ada", scene.namespace), format!("{elsewhere}/theirs")];
    expected.sort();
    assert_eq!(names, expected);
    assert_eq!((&done["failed"], &done["onlyNamespace"]), (&json!([]), &Value::Null));
    for name in ["ada", "also-ada"] {
        let it = scene.until(name, WITHDRAWN).await;
        let withdrawal = it.spec.withdrawal.unwrap();
        assert_eq!((withdrawal.time.as_str(), withdrawal.reference.as_deref()), ("2026-01-01T10:00:00Z", Some("ticket-4711")));
    }
    assert!(scene.consents().get("grace").await.unwrap().spec.withdrawal.is_none(), "another person was withdrawn");

    let again = plugin.run(&reference).done();
    assert_eq!(again.matches("was withdrawn before").count(), 3, "{again}");
    let renewed = plugin.run(&["renew", "ada"]).failed(3);
    assert!(renewed.contains("has withdrawn"), "{renewed}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_user_may_not_withdraw_is_said() {
    let scene = Scene::start("partly").await;
    scene.ask("ada", json!({})).await;
    scene.consent("also-ada", json!({ "groupID": "ada" })).await;
    let reference = ["withdraw", "ada", "--reference", "ticket-4711"];

    let mut one_only = consents(&["get", "list"]);
    one_only.as_array_mut().unwrap().push(json!({
        "apiGroups": ["twinconsent.io"], "resources": ["digitaltwinconsents"], "resourceNames": ["ada"], "verbs": ["patch"],
    }));
    let editor = user(&scene, "editor-of-ada", one_only).await;
    let partly = editor.run(&[&reference[..], &["-o", "json"]].concat());
    assert_eq!(partly.code, 1, "{}", partly.stderr);
    assert!(partly.stderr.contains("1 of 2 consents could not be withdrawn"), "{}", partly.stderr);
    assert!(partly.stderr.contains(&format!("Only the namespace {}", scene.namespace)), "{}", partly.stderr);
    let said: Value = serde_json::from_str(&partly.stdout).unwrap();
    assert_eq!((&said["withdrawn"][0]["name"], &said["failed"][0]["name"]), (&json!("ada"), &json!("also-ada")));
    assert!(said["failed"][0]["message"].as_str().unwrap().contains("forbidden"), "{said}");
    scene.until("ada", WITHDRAWN).await;

    // A user who may read no list withdraws the one that was named.
    let narrow = json!([{ "apiGroups": ["twinconsent.io"], "resources": ["digitaltwinconsents"], "verbs": ["get", "patch"] }]);
    let narrow = user(&scene, "narrow", narrow).await;
    narrow.run(&["withdraw", "also-ada", "--reference", "ticket-4711"]).done();
    scene.until("also-ada", WITHDRAWN).await;

    let stranger = user(&scene, "stranger", json!([])).await;
    let said = stranger.run(&reference).failed(1);
    assert!(said.contains("docs/rbac.md"), "{said}");
    let plugin = administrator(&scene);
    assert_eq!(plugin.run(&["withdraw", "ada"]).code, 2, "a reference is needed");
    assert_eq!(plugin.run(&["withdraw", "ada", "--reference", "a b"]).code, 2);
    assert!(plugin.run(&["withdraw", "nobody", "--reference", "t"]).failed(1).contains("there is no DigitalTwinConsent nobody"));
    scene.end().await;
}
