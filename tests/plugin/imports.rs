//! `import`: manifests for the groups of an account, and no request but reads.

use std::collections::BTreeSet;
use std::time::Duration;

use heygen_simulator::{FaultAction, FaultRule, GroupDefinition, ListTrouble, Look, PathKind, Reshape};
use serde_json::{Value, json};

use crate::nowhere;
use crate::plugin::{Answer, Plugin};
use crate::support::scene::{APPROVED, AWAITING};
use crate::support::{OPERATOR_NAMESPACE, Scene, World, condition};
use crate::users::{administrator, consents, user};

/// Runs `import` with the world's account, against its HeyGen.
fn import(plugin: &Plugin, world: &World, arguments: &[&str]) -> Answer {
    import_with(plugin, world, arguments, &[])
}

fn import_with(plugin: &Plugin, world: &World, arguments: &[&str], environment: &[(&str, &str)]) -> Answer {
    let url = format!("--heygen-base-url={}", world.base_url);
    let command = ["import", "--account", &world.namespace, "--allow-insecure-base-url", &url];
    let answer = plugin.run_with(&[&command[..], arguments].concat(), environment);
    assert!(!answer.stdout.contains(&world.key) && !answer.stderr.contains(&world.key), "it prints the key");
    answer
}

/// The manifests of an answer.
fn manifests(yaml: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(yaml).unwrap()
}

fn groups(manifests: &[Value]) -> BTreeSet<String> {
    manifests.iter().map(|manifest| manifest["spec"]["groupID"].as_str().unwrap().to_owned()).collect()
}

/// How many requests HeyGen got of a kind; all of them were reads.
fn reads(world: &World, kind: PathKind) -> usize {
    let requests = world.simulator.requests_since(0);
    assert!(requests.iter().all(|request| request.method == "GET"), "HeyGen was asked for something");
    requests.iter().filter(|request| request.kind == kind).count()
}

fn create(world: &World, definition: GroupDefinition) {
    world.simulator.create_group(definition).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_of_a_thousand_groups_becomes_manifests_that_the_api_server_takes() {
    let world = World::start("import").await;
    let mut expected = BTreeSet::new();
    for number in 0..1000 {
        let id = format!("{number:04}");
        let definition = match number % 10 {
            0 | 1 => GroupDefinition::photo(format!("photo_{id}")),
            2 => GroupDefinition::prompt(format!("prompt-{id}")),
            3 => {
                let looks = vec![Look::photo_avatar(format!("photo-of-{id}")), Look::digital_twin(format!("twin-of-{id}"))];
                GroupDefinition { looks: Some(looks), ..GroupDefinition::twin(format!("Mixed_{id}")) }
            }
            4 => GroupDefinition { consent_status: None, ..GroupDefinition::twin(format!("unasked-{id}")) },
            5 => GroupDefinition { consent_status: Some("accepted".to_owned()), ..GroupDefinition::twin(format!("{id}e4")) },
            _ => GroupDefinition::twin(format!("TWIN-{id}")),
        };
        let depicts_a_person = number % 10 > 2;
        if number % 10 == 9 {
            // These have an object.
            world.consent(&format!("own-{id}"), json!({ "groupID": definition.id })).await;
        } else if depicts_a_person {
            expected.insert(definition.id.clone());
        }
        create(&world, definition);
    }
    // Two that differ in their writing alone, and one whose name another object has.
    for id in ["ada", "ADA", "taken", "an odd id"] {
        create(&world, GroupDefinition::twin(id));
    }
    world.consent("taken", json!({ "groupID": "another" })).await;
    expected.extend(["ada", "ADA", "taken"].map(str::to_owned));

    let plugin = administrator(&world);
    let begun = std::time::Instant::now();
    let answer = import(&plugin, &world, &[]);
    println!("1,004 groups, 42 pages and the looks of 400: {:?}", begun.elapsed());
    for part in [
        "1004 avatar groups, 603 manifests.",
        "Left out: 100 have an object already in this namespace; -A considers the others as well.",
        "Left out: 300 depict no person",
        "Left out: 1 have an id that no object can hold",
    ] {
        assert!(answer.stderr.contains(part), "{part}: {}", answer.stderr);
    }
    let yaml = answer.done();
    let manifests = manifests(&yaml);
    assert_eq!(groups(&manifests), expected);
    let names: BTreeSet<&str> = manifests.iter().map(|manifest| manifest["metadata"]["name"].as_str().unwrap()).collect();
    assert!(names.len() == manifests.len() && !names.contains("taken"));
    for manifest in &manifests {
        let account = json!({ "kind": "HeyGenAccount", "name": world.namespace });
        assert_eq!((&manifest["spec"]["initiate"], &manifest["spec"]["accountRef"]), (&json!("Never"), &account));
        assert_eq!(manifest["spec"].as_object().unwrap().len(), 3, "{manifest}");
    }

    let file = world.logs.path().join("manifests.yaml");
    std::fs::write(&file, &yaml).unwrap();
    let taken = world.plane.kubectl_ok(&["apply", "--dry-run=server", "--validate=strict", "-f", file.to_str().unwrap()]).unwrap();
    assert_eq!(taken.matches(" created (server dry run)").count(), expected.len(), "{taken}");

    // The list is read twice, because groups move; the looks of those without a word once.
    assert_eq!((reads(&world, PathKind::List), reads(&world, PathKind::Looks)), (42, 400));
    let items = import(&plugin, &world, &["-o", "json"]).json();
    assert_eq!((&items["kind"], &items["items"]), (&json!("List"), &json!(manifests)));
    let listed = import(&plugin, &world, &["-o", "name"]).done();
    assert_eq!(listed.lines().count(), expected.len());
    assert!(listed.lines().all(|line| line.starts_with("digitaltwinconsent.twinconsent.io/")), "{listed}");
    reads(&world, PathKind::List);
    world.end([]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_a_cluster_account_goes_where_the_account_says() {
    let world = World::without_account("import-cluster").await;
    let rate = json!({ "requestsPerMinute": 60000, "burst": 1000 });
    world.cluster_account(json!({ "baseURL": world.base_url, "auth": "Bearer", "rateLimit": rate })).await;
    create(&world, GroupDefinition::twin("ada"));
    create(&world, GroupDefinition::twin("grace"));
    let plugin = administrator(&world);
    let account = ["import", "--cluster-account", &world.namespace];
    let run = |arguments: &[&str]| plugin.run(&[&account[..], arguments].concat());
    let refused = run(&[]).failed(1);
    assert!(refused.contains("http would send keys unencrypted") && !refused.contains(&world.base_url), "{refused}");
    assert_eq!(world.simulator.summary().requests, 0);

    let simulated = ["--allow-insecure-base-url", "--operator-namespace", OPERATOR_NAMESPACE];
    let found = manifests(&run(&simulated).done());
    assert_eq!(groups(&found), BTreeSet::from(["ada".to_owned(), "grace".to_owned()]));
    let expected = json!({
        "apiVersion": "twinconsent.io/v1alpha1", "kind": "DigitalTwinConsent",
        "metadata": { "name": "ada", "namespace": world.namespace },
        "spec": {
            "groupID": "ada", "initiate": "Never",
            "accountRef": { "kind": "ClusterHeyGenAccount", "name": world.namespace },
        },
    });
    assert_eq!(found[0], expected);

    // An object in another namespace counts with -A only, and one of another account is told apart.
    let elsewhere = format!("{}-beside", world.namespace);
    world.plane.kubectl_ok(&["create", "namespace", &elsewhere]).unwrap();
    let mut theirs = expected.clone();
    theirs["metadata"]["namespace"] = json!(elsewhere);
    world.plane.apply(&theirs.to_string()).unwrap();
    world.consent("grace", json!({ "groupID": "grace" })).await;
    let here = run(&simulated);
    assert!(here.stderr.contains("Left out: 1 have an object that names another account"), "{}", here.stderr);
    assert_eq!(groups(&manifests(&here.done())), BTreeSet::from(["ada".to_owned()]));
    let everywhere = run(&[&simulated[..], &["-A"]].concat());
    assert!(everywhere.stderr.contains("2 avatar groups, 0 manifests."), "{}", everywhere.stderr);
    assert_eq!(everywhere.done(), "");

    world.cluster_account(json!({ "baseURL": world.base_url, "suspend": true })).await;
    assert!(run(&simulated).failed(1).contains("is suspended"));
    world.end([]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_that_heygen_accepts_it_says_where_the_key_should_be() {
    let world = World::start("import-key").await;
    create(&world, GroupDefinition::twin("ada"));
    let plugin = administrator(&world);
    let account = format!("HeyGenAccount \"{0}/{0}\"", world.namespace);

    let reader = user(&world, "reader", consents(&["list"])).await;
    let said = import(&reader, &world, &[]).failed(1);
    assert!(said.contains(&format!("cannot read the {account}")) && said.contains("HEYGEN_API_KEY"), "{said}");
    let accounts = json!({ "apiGroups": ["twinconsent.io"], "resources": ["heygenaccounts"], "verbs": ["get"] });
    let more = user(&world, "more", json!([consents(&["list"])[0], accounts])).await;
    let said = import(&more, &world, &[]).failed(1);
    assert!(said.contains(&format!("cannot read the Secret {0}/{0}", world.namespace)) && said.contains("HEYGEN_API_KEY"), "{said}");
    assert!(import(&reader, &world, &["-A"]).failed(1).contains("Without -A"));
    assert_eq!(world.simulator.summary().requests, 0);
    let own = import_with(&reader, &world, &[], &[("HEYGEN_API_KEY", &world.key)]);
    assert!(own.stderr.contains("The key is that of HEYGEN_API_KEY"), "{}", own.stderr);
    assert_eq!(groups(&manifests(&own.done())), BTreeSet::from(["ada".to_owned()]));

    let wrong = import_with(&plugin, &world, &[], &[("HEYGEN_API_KEY", "hg_of_another")]).failed(1);
    assert!(wrong.contains("HeyGen does not accept the API key") && wrong.contains("the variable HEYGEN_API_KEY"), "{wrong}");
    assert!(!wrong.contains("hg_of_another"), "{wrong}");
    world.simulator.set_key_refused(heygen_simulator::MAIN_ACCOUNT, true).unwrap();
    let refused = import(&plugin, &world, &[]).failed(1);
    assert!(refused.contains(&format!("the Secret {0}/{0}, under key", world.namespace)), "{refused}");

    world.secret(&world.namespace, &world.namespace, " \n").await;
    assert!(import(&plugin, &world, &[]).failed(1).contains("holds no API key"));
    world.plane.kubectl_ok(&["-n", &world.namespace, "delete", "secret", &world.namespace]).unwrap();
    assert!(import(&plugin, &world, &[]).failed(1).contains("there is no Secret"));
    let unknown = plugin.run(&["import", "--cluster-account", "import-nobody"]).failed(1);
    assert!(unknown.contains("there is no ClusterHeyGenAccount \"import-nobody\""), "{unknown}");
    world.secret(&world.namespace, &world.namespace, &world.key).await;
    world.end([]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heygen_in_trouble_is_waited_for_or_named() {
    let world = World::start("import-trouble").await;
    create(&world, GroupDefinition::twin("ada"));
    let plugin = administrator(&world);
    let (_taken, address) = nowhere::at_an_address();
    let url = format!("--heygen-base-url=http://{address}");
    let unreachable = plugin.run(&["import", "--account", &world.namespace, "--allow-insecure-base-url", &url]);
    assert_eq!(unreachable.stderr.matches(&format!("cannot reach HeyGen at {address}: ")).count(), 3, "{}", unreachable.stderr);
    assert!(unreachable.failed(1).contains("HTTPS_PROXY"));
    // A name that no name server knows is left to the proxy, which is not there.
    let url = format!("--heygen-base-url=https://{}", nowhere::by_name("heygen"));
    let proxy = [("HTTPS_PROXY", &*format!("http://{address}")), ("NO_PROXY", "127.0.0.1,localhost")];
    let by_proxy = plugin.run_with(&["import", "--account", &world.namespace, &url], &proxy).failed(1);
    assert!(by_proxy.contains("Connection refused"), "{by_proxy}");

    let fault = |action: FaultAction| world.simulator.add_fault(FaultRule::new(action).on(PathKind::List).times(1)).unwrap();
    fault(FaultAction::rate_limited(Some(Duration::from_secs(2))));
    let begun = world.simulator.requests_since(0).len() as u64;
    let throttled = import(&plugin, &world, &[]);
    assert!(throttled.stderr.contains("HeyGen asks for a pause of 2 s; the next try is in 2 s"), "{}", throttled.stderr);
    assert_eq!(groups(&manifests(&throttled.done())).len(), 1);
    let requests = world.simulator.requests_since(begun);
    assert!(requests.len() == 2 && requests[1].real_ms - requests[0].real_ms >= 2000, "{requests:?}");

    for (action, said) in [
        (FaultAction::rate_limited(Some(Duration::from_secs(3600))), "HeyGen asks for a pause of 3600 s"),
        (FaultAction::quota_exceeded(), "the quota of the account at HeyGen is used up"),
        (FaultAction::error(402, "insufficient_credit", "Pay"), "wants the account to be paid for"),
        (FaultAction::error(403, "forbidden", "No"), "does not let this key see"),
        (FaultAction::redirect(302, "https://elsewhere.example/"), "cannot be read"),
    ] {
        let (before, is_read) = (world.simulator.summary().requests, matches!(action, FaultAction::Respond(ref it) if it.status == 302));
        world.simulator.add_fault(FaultRule::new(action).on(PathKind::List)).unwrap();
        let answer = import(&plugin, &world, &[]);
        assert_eq!(answer.stdout, "", "half an answer");
        assert!(answer.stderr.contains(said), "{said}: {}", answer.stderr);
        assert_eq!(answer.code, 1);
        // What a wait does not cure is asked for once.
        assert_eq!(world.simulator.summary().requests - before, if is_read { 3 } else { 1 }, "{said}");
        world.simulator.clear_faults();
    }
    fault(FaultAction::html(502));
    fault(FaultAction::DropBefore);
    import(&plugin, &world, &[]).done();
    fault(FaultAction::HugeBody { mebibytes: 2 });
    import(&plugin, &world, &[]).done();
    reads(&world, PathKind::List);
    world.end([]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_changes_meanwhile_loses_no_group() {
    let world = World::start("import-list").await;
    for number in 0..120 {
        create(&world, GroupDefinition::twin(format!("twin-{number:03}")));
    }
    let plugin = administrator(&world);
    let trouble = |action: FaultAction| {
        world.simulator.clear_faults();
        world.simulator.add_fault(FaultRule::new(action).on(PathKind::List)).unwrap();
        import(&plugin, &world, &[])
    };
    let moves = ListTrouble::ItemMoves { group: "twin-007".to_owned() };
    for action in [FaultAction::List(moves), FaultAction::List(ListTrouble::ItemTwice), FaultAction::List(ListTrouble::NewestFirst)] {
        let answer = trouble(action.clone());
        assert_eq!(groups(&manifests(&answer.stdout)).len(), 120, "{action:?}: {}", answer.stderr);
        assert_eq!(manifests(&answer.done()).len(), 120, "{action:?}");
    }
    // What has no end that can be reached is told, and what was read is in the answer.
    for action in [
        FaultAction::List(ListTrouble::RepeatedToken),
        FaultAction::Reshape(Reshape::HasMoreWithoutToken),
        FaultAction::Reshape(Reshape::EndlessPages),
    ] {
        let answer = trouble(action.clone());
        assert!(groups(&manifests(&answer.stdout)).len() >= 50, "{action:?}: {answer:?}");
        assert!(answer.failed(1).contains("breaks off before its end"), "{action:?}");
    }
    // A group that is gone when its looks are read is left out; one whose looks are not shown is not.
    world.simulator.clear_faults();
    for id in ["gone", "hidden"] {
        create(&world, GroupDefinition { consent_status: None, ..GroupDefinition::twin(id) });
    }
    let answer = |action: FaultAction, group: &str| {
        world.simulator.add_fault(FaultRule::new(action).on(PathKind::Looks).group(group)).unwrap();
    };
    answer(FaultAction::error(404, "avatar_group_not_found", "No"), "gone");
    answer(FaultAction::error(403, "resource_access_denied", "No"), "hidden");
    let answer = import(&plugin, &world, &[]);
    assert!(answer.stderr.contains("Left out: 1 were deleted meanwhile."), "{}", answer.stderr);
    assert!(answer.stderr.contains("Not left out: 1 of which"), "{}", answer.stderr);
    let found = groups(&manifests(&answer.done()));
    assert!(found.contains("hidden") && !found.contains("gone"));
    reads(&world, PathKind::List);
    world.end([]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_imported_is_followed_and_nobody_is_asked_until_the_object_says_so() {
    let scene = Scene::start("import-follow").await;
    for (id, word) in [("ada", "pending"), ("grace", "accepted"), ("alan", "rejected")] {
        create(&scene, GroupDefinition { consent_status: Some(word.to_owned()), ..GroupDefinition::twin(id) });
    }
    let plugin = administrator(&scene);
    let file = scene.logs.path().join("manifests.yaml");
    std::fs::write(&file, import(&plugin, &scene, &[]).done()).unwrap();
    scene.plane.kubectl_ok(&["apply", "-f", file.to_str().unwrap()]).unwrap();
    scene.until("ada", "InitiationDisabled").await;
    scene.until("alan", "ConsentRefused").await;
    let grace = scene.until("grace", "Approved").await;
    assert_eq!(condition(&grace, "Permitted").unwrap().0, "True");
    scene.left_alone(&["ada"]).await;
    assert_eq!(import(&plugin, &scene, &[]).done(), "", "all have an object");
    assert!(scene.simulator.requests_since(0).iter().all(|request| request.method == "GET"), "a person was asked");

    scene.change("ada", json!({ "initiate": "Automatic" })).await;
    scene.change("grace", json!({ "initiate": "Automatic" })).await;
    scene.until_reading("ada", AWAITING).await;
    scene.simulator.approve("ada").unwrap();
    scene.until_reading("ada", APPROVED).await;
    assert_eq!(["ada", "grace", "alan"].map(|group| scene.executed(group)), [1, 0, 0]);
    scene.end().await;
}
