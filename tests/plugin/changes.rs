//! `request`, `renew`, `poll`, `suspend` and `resume`.

use serde_json::{Value, json};

use crate::plugin::{Answer, Plugin};
use crate::support::scene::{APPROVED, AWAITING};
use crate::support::{Scene, World};
use crate::users::{administrator, consents, user};

/// A world in which the plugin asks with the account of the world.
fn ask(plugin: &Plugin, world: &World, arguments: &[&str]) -> Answer {
    plugin.run(&[&["request", "--account", &world.namespace], arguments].concat())
}

/// Nothing that a command says has a link in it.
fn has_no_link(answer: &Answer, links: &[Option<String>]) {
    for link in links.iter().flatten() {
        assert!(!answer.stdout.contains(link.as_str()) && !answer.stderr.contains(link.as_str()), "a command printed a link");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_asked_and_asked_again() {
    let scene = Scene::start("request").await;
    let plugin = administrator(&scene);
    scene.simulator.create_group(heygen_simulator::GroupDefinition::twin("ADA_1")).unwrap();
    let spec = ["ADA_1", "--name", "ada", "--purpose", "training videos", "--reference", "hr-4711"];
    let asked = ask(&plugin, &scene, &spec);
    assert!(asked.stderr.contains(&format!("`kubectl twinconsent -n {} link ada`", scene.namespace)), "{}", asked.stderr);
    assert_eq!(asked.done(), "digitaltwinconsent.twinconsent.io/ada created\n");
    let ada = scene.until_reading("ada", AWAITING).await;
    assert_eq!(ada.spec.subject.unwrap().reference.as_deref(), Some("hr-4711"));
    let managers: Vec<String> = ada.metadata.managed_fields.unwrap().into_iter().filter_map(|entry| entry.manager).collect();
    assert!(managers.contains(&"twinconsent-cli".to_owned()), "{managers:?}");
    assert!(ask(&plugin, &scene, &spec).failed(1).contains("there is a DigitalTwinConsent ada in the namespace"));

    let first = scene.links(&["ada"]).await;
    let renewed = plugin.run(&["renew", "ada", "-o", "json"]);
    has_no_link(&renewed, &first);
    assert!(renewed.stderr.contains("requestEpoch is 1"), "{}", renewed.stderr);
    assert_eq!(renewed.json()["spec"]["requestEpoch"], 1);
    scene.until_it("ada", "another link", |ada| ada.status.as_ref().and_then(|status| status.url.clone()) != first[0]).await;
    assert_eq!(scene.executed("ADA_1"), 2);

    scene.simulator.approve("ADA_1").unwrap();
    scene.until_reading("ada", APPROVED).await;
    let again = plugin.run(&["renew", "ada"]);
    assert!(again.stderr.contains("nobody is asked again"), "{}", again.stderr);
    assert_eq!(again.done(), "digitaltwinconsent.twinconsent.io/ada renewed\n");
    plugin.run(&["poll", "ada", "--wait"]).done();
    assert_eq!(scene.executed("ADA_1"), 2);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_prints_what_would_be_created_and_creates_nothing() {
    let world = World::start("dry-run").await;
    let plugin = administrator(&world);
    // What YAML of an older version takes for a number, a truth value or a time has to stay a text.
    let groups =
        ["12e4", "123", "0x1f", "0o7", "017", "1_000", "yes", "on", "n", "null", "2001-01-01", "12345678901234567890", "0b11", "-", "_"];
    let file = world.logs.path().join("manifest.yaml");
    for group in groups {
        let yaml = ask(&plugin, &world, &["--dry-run=client", "-o", "yaml", "--", group]).done();
        std::fs::write(&file, &yaml).unwrap();
        let applied = ["apply", "--dry-run=server", "--validate=strict", "-o", "jsonpath={.spec.groupID}", "-f", file.to_str().unwrap()];
        assert_eq!(world.plane.kubectl_ok(&applied).unwrap(), group, "{yaml}");
    }
    let manifest = ask(&plugin, &world, &["ada", "--dry-run=client", "-o", "json", "--valid-until", "2100-01-01T00:00:00Z"]).json();
    let expected = json!({
        "apiVersion": "twinconsent.io/v1alpha1", "kind": "DigitalTwinConsent",
        "metadata": { "name": "ada", "namespace": world.namespace },
        "spec": {
            "groupID": "ada", "validUntil": "2100-01-01T00:00:00Z",
            "accountRef": { "kind": "HeyGenAccount", "name": world.namespace },
        },
    });
    assert_eq!(manifest, expected);
    let judged = ask(&plugin, &world, &["ada", "--dry-run=server"]).done();
    assert_eq!(judged, "digitaltwinconsent.twinconsent.io/ada created (server dry run)\n");
    let judged = ask(&plugin, &world, &["ada", "--dry-run=server", "-o", "yaml"]).done();
    assert!(judged.contains("uid: ") && judged.contains("groupID: ada"), "{judged}");
    let refused = ask(&plugin, &world, &["ada", "--dry-run=server", "--valid-until", "tomorrow"]).failed(1);
    assert!(refused.contains("validUntil"), "{refused}");
    assert_eq!(ask(&plugin, &world, &["https://heygen.example"]).code, 2);
    assert_eq!(ask(&plugin, &world, &["ada", "--reference", "Ada Lovelace"]).code, 2);
    assert!(world.consents().get_opt("ada").await.unwrap().is_none(), "a dry run has created it");
    world.end([]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_consent_says_why_and_goes_on_when_it_is_resumed() {
    let scene = Scene::start("suspend").await;
    let plugin = administrator(&scene);
    scene.ask("ada", json!({})).await;
    scene.ask("grace", json!({})).await;
    for name in ["ada", "grace"] {
        scene.until_reading(name, AWAITING).await;
    }
    let links = scene.links(&["ada", "grace"]).await;
    let suspended = plugin.run(&["suspend", "ada", "grace", "--reason", "The contract is renewed.", "-o", "json"]);
    has_no_link(&suspended, &links);
    let list = suspended.json();
    assert_eq!((&list["kind"], list["items"].as_array().map(Vec::len)), (&json!("List"), Some(2)));
    let reason = |object: &Value| object["metadata"]["annotations"]["twinconsent.io/suspension-reason"].clone();
    assert_eq!(reason(&list["items"][0]), "The contract is renewed.");
    for name in ["ada", "grace"] {
        scene.until_it(name, "it is suspended", |it| crate::support::condition(it, "Suspended").is_some_and(|(is, _)| is == "True")).await;
    }
    let polled = plugin.run(&["poll", "ada"]);
    assert!(polled.stderr.contains("is suspended"), "{}", polled.stderr);
    polled.done();
    let waited = plugin.run(&["poll", "ada", "--wait"]).failed(3);
    assert!(waited.contains("HeyGen was not polled") && waited.contains(" resume ada`"), "{waited}");

    let resumed = plugin.run(&["resume", "ada", "-o", "json"]);
    has_no_link(&resumed, &links);
    let resumed = resumed.json();
    assert_eq!((&resumed["spec"]["suspend"], &reason(&resumed)), (&Value::Null, &Value::Null));
    scene.until_reading("ada", AWAITING).await;
    assert_eq!(plugin.run(&["resume", "grace", "-o", "name"]).done(), "digitaltwinconsent.twinconsent.io/grace\n");
    scene.until_reading("grace", AWAITING).await;
    assert_eq!(plugin.run(&["suspend", "ada", "--reason", "a\nb"]).code, 2);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_changed_stops_no_other_and_a_user_without_rights_hears_what_to_do() {
    let scene = Scene::start("unchanged").await;
    scene.ask("ada", json!({})).await;
    scene.until_reading("ada", AWAITING).await;
    let reads = scene.reads("ada");
    let plugin = administrator(&scene);
    let partly = plugin.run(&["poll", "nobody", "ada", "-o", "name", "--wait"]);
    assert_eq!((partly.code, partly.stdout.as_str()), (1, "digitaltwinconsent.twinconsent.io/ada\n"));
    assert!(partly.stderr.contains("there is no DigitalTwinConsent nobody"), "{}", partly.stderr);
    assert!(scene.reads("ada") > reads, "it was polled");

    let reader = user(&scene, "reader", consents(&["get", "list"])).await;
    let commands = [&["suspend", "ada"][..], &["resume", "ada"], &["poll", "ada"], &["renew", "ada"]];
    for command in commands.into_iter().chain([&["request", "grace"][..]]) {
        let said = reader.run(command).failed(1);
        assert!(said.contains("forbidden") && said.contains("docs/rbac.md"), "{said}");
    }
    let both = reader.run(&["suspend", "ada", "nobody"]).failed(1);
    assert!(both.contains("2 of 2 consents were not changed"), "{both}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_nothing_answers_ends_at_its_time() {
    let world = World::start("unpolled").await;
    let plugin = administrator(&world);
    ask(&plugin, &world, &["ada"]).done();
    let said = plugin.run(&["poll", "ada", "--wait", "--timeout", "1s"]).failed(4);
    assert!(said.contains("was not polled within 1s"), "{said}");
    plugin.run(&["poll", "ada"]).done();
    world.end([]).await;
}
