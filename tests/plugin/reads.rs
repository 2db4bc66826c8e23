//! What is shown: lists, one consent, versions.

use heygen_simulator::GroupDefinition;
use serde_json::json;

use crate::plugin::Plugin;
use crate::support::scene::{APPROVED, AWAITING};
use crate::support::{Scene, World};
use crate::users::administrator;

#[tokio::test(flavor = "multi_thread")]
async fn a_list_has_pending_consents_first_in_each_form() {
    let scene = Scene::start("plugin-list").await;
    let plugin = administrator(&scene);
    let none = plugin.run(&["list"]);
    assert_eq!((none.code, none.stdout.as_str()), (0, ""), "{none:?}");
    assert!(none.stderr.contains("There is no DigitalTwinConsent in the namespace"), "{none:?}");

    scene.ask("approved", json!({})).await;
    scene.until_reading("approved", AWAITING).await;
    scene.simulator.approve("approved").unwrap();
    scene.until_reading("approved", APPROVED).await;
    scene.ask("waiting", json!({ "approvalDeadline": "72h", "subject": { "reference": "hr-4711" } })).await;
    scene.until_reading("waiting", AWAITING).await;

    let table = plugin.run(&["list"]).done();
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["NAME", "STATE", "SINCE", "DEADLINE", "LINK", "EXPIRES", "PERMITTED"], "{table}");
    assert_eq!(lines[1][..2], ["waiting", "AwaitingApproval"], "{table}");
    assert!(table.lines().nth(1).unwrap().contains("in 2d 23h") && table.lines().nth(1).unwrap().contains("in 23h 59m"), "{table}");
    assert_eq!(lines[2][..2], ["approved", "Approved"], "{table}");
    assert!(table.lines().all(|line| line == line.trim_end()), "{table:?}");

    let coloured =
        |no_color: &str| plugin.run_with(&["list"], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", no_color)]).done().contains('\u{1b}');
    assert_eq!(
        [coloured(""), coloured("1"), table.contains('\u{1b}')],
        [true, false, false],
        "colours: where forced, not with NO_COLOR, not here"
    );

    let wide = plugin.run(&["list", "-o", "wide"]).done();
    for part in ["GROUP", "HeyGenAccount/plugin-list", "pending", "hr-4711"] {
        assert!(wide.contains(part), "{part}: {wide}");
    }
    let everywhere = Plugin::new(scene.plane.kubeconfig(), "default").run(&["list", "--all-namespaces"]).done();
    assert!(everywhere.starts_with("NAMESPACE") && everywhere.contains(&scene.namespace), "{everywhere}");
    let names = plugin.run(&["list", "-o", "name"]).done();
    assert_eq!(names, "digitaltwinconsent.twinconsent.io/waiting\ndigitaltwinconsent.twinconsent.io/approved\n");
    // kubectl takes them.
    scene.plane.kubectl_ok(&["-n", &scene.namespace, "get", names.lines().next().unwrap()]).unwrap();
    let objects = plugin.run(&["list", "-o", "json"]).json();
    assert_eq!(objects["items"][0]["metadata"]["name"], "waiting");
    assert_eq!(objects["items"][0]["status"]["url"], "[redacted]");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_of_a_consent_says_what_to_do_next() {
    let scene = Scene::start("plugin-status").await;
    let plugin = administrator(&scene);
    scene.ask("ada", json!({ "purpose": "Training videos" })).await;
    scene.until_reading("ada", AWAITING).await;
    scene.until_events("ada", &["ConsentRequested"]).await;
    let tree = plugin.run(&["status", "ada"]).done();
    let command = format!("`kubectl twinconsent -n {} link ada` prints.", scene.namespace);
    let parts = [
        &format!("DigitalTwinConsent {}/ada: not permitted", scene.namespace),
        "purpose: Training videos",
        "HeyGen says: pending",
        "Ready=False AwaitingApproval",
        "Ready=True CredentialsAccepted",
        "ConsentRequested: ",
        &command,
    ];
    for part in parts {
        assert!(tree.contains(part), "{part}:\n{tree}");
    }
    let answer = plugin.run(&["status", "ada", "-o", "json"]).json();
    assert_eq!((&answer["permitted"], &answer["events"][0]["reason"]), (&json!(false), &json!("ConsentRequested")));

    scene.simulator.approve("ada").unwrap();
    scene.until_reading("ada", APPROVED).await;
    assert!(plugin.run(&["status", "ada"]).done().contains("Nothing: the twin may be used."));
    let missing = plugin.run(&["status", "grace"]);
    assert_eq!((missing.code, missing.stdout.as_str()), (1, ""), "{missing:?}");
    assert!(missing.stderr.contains("there is no DigitalTwinConsent grace") && missing.stderr.contains("list -A"), "{missing:?}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_cannot_be_read_hides_no_other() {
    let world = World::start("plugin-unreadable").await;
    world.simulator.create_group(GroupDefinition::twin("ada")).unwrap();
    world.consent("ada", json!({ "groupID": "ada" })).await;
    world.consent("grace", json!({ "groupID": "grace" })).await;
    // A time that the API server takes, and that no program here can hold.
    let status = json!({ "status": { "consentStatus": "pending", "initiationTime": "9999-12-31T23:59:59-23:59" } }).to_string();
    let patch = ["patch", "digitaltwinconsent", "grace", "--subresource=status", "--type=merge", "-p", &status];
    world.plane.kubectl_ok(&[&["-n", &world.namespace], &patch[..]].concat()).unwrap();
    let table = administrator(&world).run(&["list", "-o", "wide"]).done();
    assert!(table.contains("ada") && table.lines().any(|line| line.starts_with("grace") && line.contains("pending")), "{table}");
    let time = json!({ "status": { "initiationTime": null } }).to_string();
    let patch = ["patch", "digitaltwinconsent", "grace", "--subresource=status", "--type=merge", "-p", &time];
    world.plane.kubectl_ok(&[&["-n", &world.namespace], &patch[..]].concat()).unwrap();
    world.end([]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_says_what_is_installed() {
    let world = World::start("plugin-version").await;
    let answer = administrator(&world).run(&["version", "-o", "json"]).json();
    assert_eq!(answer["plugin"], env!("CARGO_PKG_VERSION"));
    assert_eq!(answer["definitions"]["compared"], "same", "{answer}");
    let client = Plugin::new(std::path::Path::new("/nowhere"), "default").run(&["version", "--client"]).done();
    assert_eq!(client.trim(), format!("plugin       {}", env!("CARGO_PKG_VERSION")));
    world.end([]).await;
}
