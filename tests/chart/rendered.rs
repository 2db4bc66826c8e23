//! What holds for everything that the chart renders, whatever the values.

use std::collections::BTreeSet;

use clap::Parser as _;
use serde_json::Value;
use twinconsent::process::config::{Cli, Command, Config};

use crate::helm::{ACCOUNT_KIND, argument, object, objects, parsed, template_where, value_files};

/// The objects for each set of values.
fn everything() -> Vec<(String, Vec<Value>)> {
    value_files().iter().map(|file| (file.display().to_string(), objects(&["-f", argument(file)]))).collect()
}

/// The items of an array, or none.
fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn has(list: &Value, word: &str) -> bool {
    items(list).any(|item| item == word)
}

#[test]
fn no_role_may_list_or_watch_secrets_or_use_a_wildcard() {
    for (values, objects) in everything() {
        for role in objects.iter().filter(|object| object["kind"].as_str().is_some_and(|kind| kind.ends_with("Role"))) {
            for rule in items(&role["rules"]) {
                let at = format!("{values}, {} {}: {rule}", role["kind"], role["metadata"]["name"]);
                for part in ["apiGroups", "resources", "verbs"] {
                    assert!(!has(&rule[part], "*"), "{at}");
                }
                if has(&rule["resources"], "secrets") {
                    assert!(items(&rule["verbs"]).all(|verb| ["get", "create", "patch"].iter().any(|allowed| verb == allowed)), "{at}");
                }
            }
        }
    }
}

#[test]
fn no_role_for_people_reaches_a_status_or_an_account_of_the_cluster() {
    let objects = objects(&[]);
    for name in ["twinconsent:twinconsent-system:edit", "twinconsent:twinconsent-system:view"] {
        for rule in items(&object(&objects, "ClusterRole", name)["rules"]) {
            let resources: Vec<&Value> = items(&rule["resources"]).collect();
            assert_eq!(resources, ["digitaltwinconsents", "heygenaccounts"], "{name}");
        }
    }
}

#[test]
fn the_chart_makes_no_consent_but_in_its_test_and_no_other_hook_but_the_first_account() {
    for file in value_files() {
        let served_or_not: [&[&str]; 2] = [&[], &[ACCOUNT_KIND]];
        for served in served_or_not {
            for object in parsed(&template_where(served, &["-f", argument(&file)]).ok()) {
                let hook = &object["metadata"]["annotations"]["helm.sh/hook"];
                if hook == "test" {
                    continue;
                }
                assert_ne!(object["kind"], "DigitalTwinConsent", "{}", file.display());
                let is_hook = hook.is_string();
                assert_eq!(is_hook, served.is_empty() && object["kind"] == "ClusterHeyGenAccount", "{}: {object}", file.display());
            }
        }
    }
}

#[test]
fn every_selector_selects_the_pods_that_it_is_meant_for() {
    for (values, objects) in everything() {
        let deployments: Vec<&Value> = objects.iter().filter(|object| object["kind"] == "Deployment").collect();
        for object in &objects {
            let selector = match object["kind"].as_str().unwrap() {
                "Deployment" | "PodDisruptionBudget" => &object["spec"]["selector"]["matchLabels"],
                "Service" => &object["spec"]["selector"],
                "NetworkPolicy" => &object["spec"]["podSelector"]["matchLabels"],
                _ => continue,
            };
            let wanted: Vec<(&String, &Value)> = selector.as_object().unwrap().iter().collect();
            let selected: Vec<&Value> = deployments
                .iter()
                .filter(|deployment| {
                    wanted.iter().all(|(key, value)| &deployment["spec"]["template"]["metadata"]["labels"][*key] == *value)
                })
                .map(|deployment| &deployment["metadata"]["name"])
                .collect();
            // The return page's Service has a name of its own, and the operator's pods.
            let name = object["metadata"]["name"].as_str().unwrap();
            let meant = if object["kind"] == "Service" { name.trim_end_matches("-return-page") } else { name };
            assert_eq!(selected, [meant], "{values}: {} {}", object["kind"], object["metadata"]["name"]);
        }
    }
}

#[test]
fn the_operator_takes_the_arguments_that_the_chart_gives() {
    for (values, objects) in everything() {
        // The simulator's has another name, and comes after it in the alphabet.
        let pod = &objects.iter().find(|object| object["kind"] == "Deployment").unwrap()["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        let arguments = items(&container["args"]).map(|argument| argument.as_str().unwrap());
        let cli =
            Cli::try_parse_from(["twinconsent-operator"].into_iter().chain(arguments)).unwrap_or_else(|error| panic!("{values}: {error}"));
        let Command::Run(run) = cli.command else { panic!("{values}: the chart runs {:?}", cli.command) };
        let certificate = rcgen::generate_simple_self_signed(["proxy".to_owned()]).unwrap().cert.pem();
        let config = Config::from_args(*run, None, |_| Ok(certificate.into_bytes())).unwrap_or_else(|error| panic!("{values}: {error}"));
        let patience = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
        assert!(config.shutdown_grace.as_secs() < patience, "{values}: the pod is killed before it has stopped");
        let ports: Vec<u64> = items(&container["ports"]).map(|port| port["containerPort"].as_u64().unwrap()).collect();
        let listened: Vec<u64> =
            std::iter::once(config.listen).chain(config.return_page.map(|page| page.listen)).map(|at| u64::from(at.port())).collect();
        assert_eq!(ports, listened, "{values}");
    }
}

#[test]
fn the_values_of_the_account_are_its_fields() {
    let schema =
        twinconsent_core::api::crd_files().unwrap().into_iter().find(|(name, _)| name.contains("clusterheygenaccounts")).unwrap().1;
    let definition = &parsed(&schema)[0];
    let spec = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let values: Value =
        serde_json::from_str(&std::fs::read_to_string(crate::helm::root().join("charts/twinconsent/values.schema.json")).unwrap()).unwrap();
    let account = &values["properties"]["account"];
    let names = |object: &Value| -> BTreeSet<String> { object["properties"].as_object().unwrap().keys().cloned().collect() };
    let without = |mut names: BTreeSet<String>, other: &[&str]| {
        for name in other {
            assert!(names.remove(*name), "{name} is not among {names:?}");
        }
        names
    };
    // The key comes from other values, and where it is sent is the operator's own setting.
    let fields = without(names(spec), &["apiKeySecretRef", "baseURL"]);
    assert_eq!(without(names(account), &["create", "name", "apiKey", "existingSecret"]), fields);
    for part in ["rateLimit", "polling", "consentPolicy", "allowedNamespaces"] {
        assert_eq!(names(&account["properties"][part]), names(&spec["properties"][part]), "{part}");
    }
    let [sink, field] = [account, spec].map(|object| names(&object["properties"]["notifications"]["items"]));
    assert_eq!(sink, field);
}

#[test]
fn every_value_has_a_place_in_the_schema_and_the_other_way_round() {
    let values = &parsed(&std::fs::read_to_string(crate::helm::root().join("charts/twinconsent/values.yaml")).unwrap())[0];
    let schema: Value =
        serde_json::from_str(&std::fs::read_to_string(crate::helm::root().join("charts/twinconsent/values.schema.json")).unwrap()).unwrap();
    let keys = |object: &Value| -> BTreeSet<String> { object.as_object().unwrap().keys().cloned().collect() };
    let mut known = keys(&schema["properties"]);
    assert!(known.remove("enabled"), "it is a parent chart's to give");
    assert_eq!(keys(values), known);
}
