//! The bills of materials beside the images.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::images::{both, built, repository};

fn bill(program: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(built(&format!("{program}.cdx.json"))).unwrap()).unwrap()
}

fn list<'a>(value: &'a Value, field: &str) -> &'a Vec<Value> {
    value[field].as_array().unwrap_or_else(|| panic!("there is no list {field}"))
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().filter(|text| !text.is_empty()).unwrap_or_else(|| panic!("there is no {field} in {value}"))
}

/// The packages of the programs, which are compiled together: what one asks of a crate that both have, the other has as well.
const PACKAGES: [&str; 2] = ["twinconsent", "heygen-simulator"];

/// What these are compiled of, as cargo tells it: `NAME vVERSION`. With the edges `normal,no-proc-macro` without the macros that run while
/// they compile.
fn crates(packages: &[&str], target: &str, edges: &str) -> BTreeSet<(String, String)> {
    let arguments = ["tree", "--locked", "--offline", "--edges", edges, "--prefix", "none", "--format", "{p}", "--target", target];
    let packages = packages.iter().flat_map(|package| ["--package", package]);
    let output = Command::new(env!("CARGO")).args(arguments).args(packages).current_dir(repository()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let packages = lines.lines().filter_map(|line| {
        let mut words = line.split(' ');
        Some((words.next()?.to_owned(), words.next()?.strip_prefix('v')?.to_owned()))
    });
    packages.collect()
}

#[test]
fn a_bill_lists_every_crate_that_is_linked_with_its_version_and_none_that_no_program_is_compiled_of() {
    for ((program, image), package) in both().into_iter().zip(PACKAGES) {
        let machine = match image.config["architecture"].as_str() {
            Some("amd64") => "x86_64",
            Some("arm64") => "aarch64",
            other => panic!("an image for {other:?}"),
        };
        let bill = bill(program);
        let own = (package.to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        let listed =
            list(&bill, "components").iter().map(|component| (text(component, "name").to_owned(), text(component, "version").to_owned()));
        let listed: BTreeSet<_> = listed.chain([own]).collect();
        let target = format!("{machine}-unknown-linux-gnu");
        let linked = crates(&[package], &target, "normal,no-proc-macro");
        assert!(linked.len() > 50, "cargo names only {} crates", linked.len());
        let missing: Vec<_> = linked.difference(&listed).collect();
        assert!(missing.is_empty(), "{program}'s bill lacks {missing:?}");
        // Of any target: cargo-cyclonedx lists also what is named for none, by which a crate ties the version of its macros to its own.
        let compiled = crates(&PACKAGES, "all", "normal");
        let is_added = |name: &str| ["glibc", "webpki-root-certs"].contains(&name);
        let surplus: Vec<_> = listed.difference(&compiled).filter(|(name, _)| !is_added(name)).collect();
        assert!(surplus.is_empty(), "{program}'s bill lists {surplus:?}, of which no program has anything");
        println!("{program}: {} components, of which {} crates are linked", listed.len(), linked.len());
    }
}

#[test]
fn a_bill_is_whole_by_the_rules_of_cyclonedx() {
    for (program, _) in both() {
        let bill = bill(program);
        assert_eq!((text(&bill, "bomFormat"), text(&bill, "specVersion")), ("CycloneDX", "1.5"));
        assert_eq!(bill["version"], 1);
        let subject = &bill["metadata"]["component"];
        assert_eq!((text(subject, "name"), text(subject, "type")), (program, "application"));
        let mut references = BTreeSet::from([text(subject, "bom-ref")]);
        for component in list(&bill, "components") {
            assert!(["library", "data", "application"].contains(&text(component, "type")), "{component}");
            assert!(references.insert(text(component, "bom-ref")), "the reference of {component} is not its own");
            assert!(text(component, "purl").starts_with("pkg:") && !list(component, "licenses").is_empty(), "{component}");
            // What does not come from a registry is ours, or the C library.
            let from_registry = text(component, "bom-ref").starts_with("registry+");
            assert!(!from_registry || list(component, "hashes").iter().any(|hash| text(hash, "alg") == "SHA-256"), "{component}");
        }
        for entry in list(&bill, "dependencies") {
            let on = entry["dependsOn"].as_array().map(Vec::as_slice).unwrap_or_default();
            for reference in on.iter().chain([&entry["ref"]]) {
                assert!(references.contains(reference.as_str().unwrap()), "{reference} is depended on and not listed");
            }
        }
    }
}

#[test]
fn a_bill_tells_what_else_is_in_the_image() {
    let named = |program: &str, name: &str| list(&bill(program), "components").iter().any(|component| component["name"] == name);
    assert!(named("twinconsent-operator", "glibc") && named("twinconsent-operator", "webpki-root-certs"));
    assert!(named("heygen-simulator", "glibc") && !named("heygen-simulator", "webpki-root-certs"));
}

#[test]
fn a_bill_tells_nothing_of_the_machine_and_no_time_but_that_of_the_commit() {
    for (program, image) in both() {
        let bill = bill(program);
        assert!(bill.get("serialNumber").is_none(), "a number that is made by chance");
        let (created, timestamp) = (image.config["created"].as_str().unwrap(), text(&bill["metadata"], "timestamp"));
        assert_eq!(created.get(..19).unwrap(), timestamp.get(..19).unwrap(), "the time of the image and of its bill");
        let text = bill.to_string();
        for folder in [repository().to_str().unwrap(), std::env::var("HOME").unwrap().as_str(), "/tmp/"] {
            assert!(!text.contains(folder), "{program}'s bill names {folder}");
        }
    }
}
