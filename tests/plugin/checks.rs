//! What is checked: all that a consent needs.

use serde_json::{Value, json};

use crate::plugin::Plugin;
use crate::support::Scene;
use crate::support::scene::AWAITING;
use crate::users::{administrator, consents, user};

/// The mark and the message of a finding, by what it is about.
fn found(answer: &Value, what: &str) -> (String, String) {
    let findings = answer["findings"].as_array().unwrap();
    let finding =
        findings.iter().find(|finding| finding["what"].as_str().unwrap().starts_with(what)).unwrap_or_else(|| panic!("{what}: {answer}"));
    (finding["mark"].as_str().unwrap().to_owned(), finding["message"].as_str().unwrap().to_owned())
}

fn answer(plugin: &Plugin) -> (i32, Value) {
    let ran = plugin.run(&["check", "-o", "json"]);
    (ran.code, serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named_with_the_team_that_mends_it() {
    let scene = Scene::start("plugin-check").await;
    scene.ask("ada", json!({})).await;
    scene.until_reading("ada", AWAITING).await;
    scene.until_account("CredentialsAccepted").await;
    let account = format!("HeyGenAccount {}", scene.namespace);
    let (_, fine) = answer(&administrator(&scene));
    for (what, mark) in [("definitions", "ok"), (&account, "ok"), ("rights in the namespace", "ok"), ("operator", "note")] {
        assert_eq!(found(&fine, what).0, mark, "{what}: {fine}");
    }

    scene.simulator.set_key_refused(heygen_simulator::MAIN_ACCOUNT, true).unwrap();
    scene.until_account("CredentialsRejected").await;
    let plugin = administrator(&scene);
    let (code, wrong) = answer(&plugin);
    assert_eq!((code, found(&wrong, &account).0), (1, "wrong".to_owned()), "{wrong}");
    assert!(found(&wrong, &account).1.starts_with("Ready=False CredentialsRejected."), "{wrong}");
    let text = plugin.run(&["check"]);
    assert!(text.stdout.contains("To be mended by the platform team.") && text.stderr.contains("wrong"), "{text:?}");

    // A user who may read consents only.
    let reader = user(&scene, "reader", consents(&["get", "list", "watch"])).await;
    let (_, seen) = answer(&reader);
    assert_eq!(found(&seen, "ClusterHeyGenAccount"), ("note".to_owned(), "not visible to you.".to_owned()), "{seen}");
    let (mark, rights) = found(&seen, "rights in the namespace");
    assert_eq!(mark, "note");
    assert!(rights.contains("patch digitaltwinconsents") && !rights.contains("list digitaltwinconsents"), "{rights}");
    assert_eq!(
        seen["findings"][0],
        json!({ "mark": "ok", "what": "definitions", "message": "as this plugin knows them.", "mendedBy": null })
    );
    scene.end().await;
}
